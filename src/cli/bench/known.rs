//! An RSA step that costs next to nothing: the mock derives every message key from its seed and the record's seq,
//! so a table of blocks is enough to answer without the private key. What is measured with it is everything else.
//!
//! Only a mock corpus can be opened this way; nothing else knows a message key without RSA.

use std::{collections::HashMap, path::Path, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};
use sdk_mock::{
    corpus::Corpus,
    seal::{Item, message_key},
};
use zeroize::Zeroizing;

use crate::{
    cli::outcome::Failure,
    unseal::{KeyFault, OpenFault, Plain, PrivateKey, RsaEngine, RsaOpener},
};

/// Records read at a time.
const BATCH: u64 = 2048;

/// The table: first eight bytes of a block, to its seq. They are as good as random, so eight are enough.
#[derive(Clone)]
pub(super) struct Known {
    seed: u64,
    seqs: Arc<HashMap<[u8; 8], u64>>,
}

impl Known {
    /// Reads a corpus once.
    pub(super) fn of(corpus: &Path) -> Result<Self, Failure> {
        let corpus = Corpus::open(corpus).map_err(Failure::run)?;
        let mut seqs = HashMap::new();
        let mut position = 0;
        loop {
            let entries = corpus.entries(position, BATCH).map_err(Failure::run)?;
            if entries.is_empty() {
                break;
            }
            position += entries.len() as u64;
            for line in corpus.items(&entries).map_err(Failure::run)? {
                let item: Item = serde_json::from_slice(&line).map_err(Failure::run)?;
                let block = STANDARD.decode(&item.encrypt_random_key).map_err(Failure::run)?;
                if let Some(first) = block.first_chunk() {
                    seqs.insert(*first, item.seq);
                }
            }
        }
        Ok(Self {
            seed: corpus.manifest().seed,
            seqs: Arc::new(seqs),
        })
    }
}

impl RsaEngine for Known {
    fn name(&self) -> &'static str {
        "known"
    }

    fn prepare(&self, key: &PrivateKey) -> Result<Box<dyn RsaOpener>, KeyFault> {
        Ok(Box::new(Opener {
            known: self.clone(),
            sealed_len: key.sealed_len(),
        }))
    }
}

struct Opener {
    known: Known,
    sealed_len: usize,
}

impl RsaOpener for Opener {
    fn sealed_len(&self) -> usize {
        self.sealed_len
    }

    fn open(&self, sealed: &[&[u8]]) -> Vec<Result<Plain, OpenFault>> {
        let one = |block: &&[u8]| {
            let seq = block.first_chunk().and_then(|first| self.known.seqs.get(first));
            match seq {
                Some(&seq) => Ok(Zeroizing::new(
                    message_key(self.known.seed, seq).text().into_bytes(),
                )),
                None => Err(OpenFault::Rejected),
            }
        };
        sealed.iter().map(one).collect()
    }
}
