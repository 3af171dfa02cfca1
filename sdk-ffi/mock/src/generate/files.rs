//! The files that hang on messages. Contents come from a small pool, as the same pictures and price lists go round
//! in real chats; so a digest is computed once, and two ids can stand for the same bytes.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use rand::Rng;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng as _};
use serde_json::{Map, Value};

use crate::media::{CHUNK, Content, FileId, Sort, derived};

/// How many different contents there are of each sort.
const SLOTS: usize = 48;

/// Sizes that break chunk loops: around the chunk, its double, almost nothing.
const EDGES: [u64; 6] = [CHUNK, CHUNK + 1, CHUNK - 1, 2 * CHUNK, 1, 2 * CHUNK + 1];

/// The pool of a corpus.
pub(super) struct Files {
    seed: u64,
    corpus_id: u64,
    digests: bool,
}

/// The files of one message, numbered as they are attached.
pub(super) struct Attach<'a> {
    pub(super) files: &'a Files,
    pub(super) seq: u64,
    pub(super) next: u16,
}

impl Files {
    /// Without `digests` every announced `md5sum` is empty, which spares computing them.
    pub(super) fn new(seed: u64, digests: bool) -> Self {
        Self {
            seed,
            corpus_id: derived(seed, 0xC0),
            digests,
        }
    }

    fn content(&self, sort: Sort, slot: usize) -> Content {
        let seed = derived(self.seed, (sort as u64) << 32 | slot as u64);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let scale = rng.random::<f64>().powi(3);
        let size = match (sort, slot) {
            (Sort::Zip | Sort::Mp4, 0..6) => EDGES[slot],
            // Whole frames of 32 bytes behind the head, as `media` makes them.
            (Sort::Amr, _) => 6 + (1_000 + (scale * 60_000.0) as u64) / 32 * 32,
            (Sort::Gif | Sort::Png, _) => 3_000 + (scale * 200_000.0) as u64,
            (Sort::Jpeg, _) => 8_000 + (scale * 900_000.0) as u64,
            (Sort::Mp4 | Sort::Mp3, _) => 60_000 + (scale * 2_000_000.0) as u64,
            (Sort::Pdf | Sort::Zip, _) => 4_000 + (scale * 1_200_000.0) as u64,
        };
        Content { sort, seed, size }
    }

    fn digest(&self, sort: Sort, slot: usize) -> String {
        if self.digests {
            known_digest(self.content(sort, slot))
        } else {
            String::new()
        }
    }
}

/// A digest, computed once per process: tests make many small corpora of one seed.
fn known_digest(content: Content) -> String {
    static KNOWN: Mutex<Option<HashMap<Content, String>>> = Mutex::new(None);
    let lock = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(digest) = lock().get_or_insert_default().get(&content) {
        return digest.clone();
    }
    let digest = content.md5();
    lock().get_or_insert_default().insert(content, digest.clone());
    digest
}

impl Attach<'_> {
    /// The fields every file has: digest, size under the name its type uses, id.
    pub(super) fn fields(&mut self, rng: &mut ChaCha8Rng, sort: Sort, size_name: &str) -> Map<String, Value> {
        // The lesser of two draws: some contents go round more than others.
        let slot = rng.random_range(0..SLOTS).min(rng.random_range(0..SLOTS));
        // `md5sum` may be empty (finance-sdk §9).
        let digest = if rng.random_bool(0.02) {
            String::new()
        } else {
            self.files.digest(sort, slot)
        };
        let content = self.files.content(sort, slot);
        let mut fields = Map::new();
        fields.insert("md5sum".into(), digest.into());
        fields.insert(size_name.into(), content.size.into());
        fields.insert("sdkfileid".into(), self.id(content).into());
        fields
    }

    /// The id of a file about which nothing else is announced.
    pub(super) fn bare(&mut self, rng: &mut ChaCha8Rng, sort: Sort) -> String {
        let slot = rng.random_range(0..SLOTS);
        self.id(self.files.content(sort, slot))
    }

    fn id(&mut self, content: Content) -> String {
        let ordinal = self.next;
        self.next += 1;
        FileId {
            corpus_id: self.files.corpus_id,
            seq: self.seq,
            ordinal,
            content,
        }
        .text()
    }
}
