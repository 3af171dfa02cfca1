//! The hot loop: many sealed message keys at once, on all cores, order kept.
//!
//! Enters: versions and base64 texts. Leaves: one message key or one named reason per item. Items are
//! grouped by version before they are cut into pieces, so that an implementation which opens several
//! blocks at once gets full batches of one key.
//!
//! What comes out of RSA is looked at before it is believed: a wrong key may be answered with random
//! bytes (finance-sdk §6), and the SDK takes a C string. So it must be printable ASCII, not empty and
//! without NUL (design §3). Random bytes of 16 characters and more pass by chance less than once in
//! four million; nothing is known about the length of real ones, so it is not asked for.
//!
//! Must not know: where items come from, what the message key opens.

use std::{collections::BTreeMap, fmt};

use base64::{DecodeError, Engine, engine::general_purpose::STANDARD};
use rayon::prelude::*;

use crate::{
    ids::KeyVersion,
    record::{Reason, Waiting},
    secret::Secret,
};

use super::{
    error::KeyError,
    keyring::KeyRing,
    rsa::{Implementation, OpenFault, RsaEngine, RsaOpener},
};

/// Items per piece of work: several milliseconds of RSA, so that handing out costs nothing and a page of
/// 1000 still spreads over a dozen cores.
const PIECE: usize = 64;

/// `encrypt_random_key` of one record, borrowed from it.
#[derive(Clone, Copy)]
pub struct SealedKey<'a> {
    /// `publickey_ver`.
    pub version: KeyVersion,
    /// Base64 of the RSA block.
    pub random_key: &'a str,
}

/// A key ring made ready with one implementation.
pub struct OpenRing {
    engine: &'static str,
    openers: BTreeMap<KeyVersion, Box<dyn RsaOpener>>,
    pool: Option<rayon::ThreadPool>,
}

impl KeyRing {
    /// Makes every key ready with an implementation. `threads` 0 means the ambient rayon pool (all cores);
    /// any other number gets a pool of that size.
    pub fn prepare(&self, with: Implementation, threads: usize) -> Result<OpenRing, KeyError> {
        self.prepare_with(with.engine(), threads)
    }

    /// The same with any implementation.
    pub fn prepare_with(&self, engine: &dyn RsaEngine, threads: usize) -> Result<OpenRing, KeyError> {
        let mut openers = BTreeMap::new();
        for (version, key) in self.iter() {
            let opener = engine
                .prepare(key)
                .map_err(|fault| KeyError::Prepare { version, fault })?;
            openers.insert(version, opener);
        }
        let pool = match threads {
            0 => None,
            _ => Some(
                rayon::ThreadPoolBuilder::new()
                    .num_threads(threads)
                    .thread_name(|number| format!("unseal-{number}"))
                    .build()
                    .map_err(|error| KeyError::Threads {
                        threads,
                        reason: error.to_string(),
                    })?,
            ),
        };
        Ok(OpenRing {
            engine: engine.name(),
            openers,
            pool,
        })
    }
}

impl OpenRing {
    /// The implementation's word.
    pub fn implementation(&self) -> &'static str {
        self.engine
    }

    /// Versions it can open, ascending.
    pub fn versions(&self) -> impl Iterator<Item = KeyVersion> {
        self.openers.keys().copied()
    }

    /// Threads that [`open_keys`] uses when called from outside any pool.
    pub fn threads(&self) -> usize {
        self.pool
            .as_ref()
            .map_or_else(rayon::current_num_threads, rayon::ThreadPool::current_num_threads)
    }
}

/// Opens every item; answer `i` belongs to item `i`.
pub fn open_keys(ring: &OpenRing, items: &[SealedKey<'_>]) -> Vec<Result<Secret, Waiting>> {
    match &ring.pool {
        Some(pool) => pool.install(|| spread(ring, items)),
        None => spread(ring, items),
    }
}

fn spread(ring: &OpenRing, items: &[SealedKey<'_>]) -> Vec<Result<Secret, Waiting>> {
    let mut groups: BTreeMap<KeyVersion, Vec<usize>> = BTreeMap::new();
    for (at, item) in items.iter().enumerate() {
        groups.entry(item.version).or_default().push(at);
    }
    let pieces: Vec<(KeyVersion, &[usize])> = groups
        .iter()
        .flat_map(|(version, places)| places.chunks(PIECE).map(move |piece| (*version, piece)))
        .collect();

    let mut answers: Vec<Option<Result<Secret, Waiting>>> = Vec::new();
    answers.resize_with(items.len(), || None);
    let opened: Vec<_> = pieces
        .par_iter()
        .map(|(version, places)| open_piece(ring, *version, places, items))
        .collect();
    for ((_, places), piece) in pieces.iter().zip(opened) {
        for (at, answer) in places.iter().zip(piece) {
            answers[*at] = Some(answer);
        }
    }
    answers
        .into_iter()
        .map(|answer| answer.unwrap_or_else(|| unreachable!("every item is in exactly one piece")))
        .collect()
}

fn open_piece(
    ring: &OpenRing,
    version: KeyVersion,
    places: &[usize],
    items: &[SealedKey<'_>],
) -> Vec<Result<Secret, Waiting>> {
    let Some(opener) = ring.openers.get(&version) else {
        let waiting = Waiting::new(
            Reason::NoKey,
            format!("version {version}: no private key is configured"),
        );
        return vec![Err(waiting); places.len()];
    };
    let wanted = opener.sealed_len();
    let decoded: Vec<Result<Vec<u8>, Waiting>> = places
        .iter()
        .map(|at| decode(items[*at].random_key, wanted))
        .collect();
    let blocks: Vec<&[u8]> = decoded.iter().filter_map(|block| block.as_deref().ok()).collect();
    let opened = opener.open(&blocks);
    assert_eq!(
        opened.len(),
        blocks.len(),
        "{} must answer every block it is given",
        ring.engine
    );

    let mut opened = opened.into_iter();
    let answer = |block: Result<Vec<u8>, Waiting>| {
        block?;
        match opened.next() {
            Some(Ok(plain)) => text(&plain).ok_or_else(|| mismatch(version)),
            Some(Err(OpenFault::Length { given, wanted })) => Err(length(given, wanted)),
            Some(Err(OpenFault::Rejected)) | None => Err(mismatch(version)),
        }
    };
    decoded.into_iter().map(answer).collect()
}

/// The block, if it is base64 of as many bytes as the key takes.
fn decode(base64: &str, wanted: usize) -> Result<Vec<u8>, Waiting> {
    let block = STANDARD.decode(base64).map_err(|error| {
        let chars = base64.chars().count();
        let why = match error {
            DecodeError::InvalidByte(at, _) => {
                format!("character {} of {chars} does not belong there", at + 1)
            }
            DecodeError::InvalidLength(_) => format!("{chars} characters cannot be whole"),
            DecodeError::InvalidLastSymbol(..) => format!("the last of {chars} characters has stray bits"),
            DecodeError::InvalidPadding => format!("the padding after {chars} characters is wrong"),
        };
        Waiting::new(
            Reason::Malformed,
            format!("encrypt_random_key is not base64: {why}"),
        )
    })?;
    if block.len() == wanted {
        Ok(block)
    } else {
        Err(length(block.len(), wanted))
    }
}

fn length(given: usize, wanted: usize) -> Waiting {
    Waiting::new(
        Reason::Malformed,
        format!("encrypt_random_key is {given} bytes, the key takes {wanted}"),
    )
}

fn mismatch(version: KeyVersion) -> Waiting {
    Waiting::new(
        Reason::KeyMismatch,
        format!("version {version}: this key does not open its records"),
    )
}

/// The message key, if it can be one.
fn text(plain: &[u8]) -> Option<Secret> {
    let printable = !plain.is_empty() && plain.iter().all(|byte| matches!(byte, 0x20..=0x7e));
    if printable {
        std::str::from_utf8(plain).ok().map(Secret::new)
    } else {
        None
    }
}

impl fmt::Debug for SealedKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "SealedKey(version {}, {} characters)",
            self.version,
            self.random_key.len()
        )
    }
}

impl fmt::Debug for OpenRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenRing")
            .field("implementation", &self.engine)
            .field("versions", &self.openers.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
