//! Removes old generations, and what only they needed.

use std::collections::BTreeSet;

use super::{Folder, Result, folder::Kind, verify};

/// What was removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Generations that went.
    pub removed: Vec<u64>,
    /// Generations that are left.
    pub kept: Vec<u64>,
    /// Bytes that nobody needed any more.
    pub freed: u64,
}

/// Keeps the newest `keep` generations that are whole, and whatever is newer than those; the others go, and with them
/// every object and file that no generation left needs. While fewer than `keep` are whole, no generation goes.
pub fn prune(folder: &Folder, keep: usize) -> Result<Pruned> {
    let _no_reader = folder.without_readers()?;
    let mut pruned = Pruned::default();
    let generations = folder.generations()?;
    let mut whole = 0;
    let mut oldest_kept = 0;
    for generation in generations.iter().rev() {
        let Ok(manifest) = &generation.manifest else {
            continue;
        };
        if verify::check(folder, manifest)?.is_sound() {
            whole += 1;
        }
        if whole == keep.max(1) {
            oldest_kept = generation.number;
            break;
        }
    }
    let mut needed = BTreeSet::new();
    for generation in &generations {
        if generation.number < oldest_kept {
            folder.forget(generation.number)?;
            pruned.removed.push(generation.number);
            continue;
        }
        pruned.kept.push(generation.number);
        if let Ok(manifest) = &generation.manifest {
            verify::needed(folder, manifest, &mut needed)?;
        }
    }
    // A generation that this program cannot read needs things that it cannot know.
    let all_known = generations
        .iter()
        .all(|generation| generation.number < oldest_kept || generation.manifest.is_ok());
    if !all_known {
        return Ok(pruned);
    }
    for kind in Kind::ALL {
        let mut superfluous = Vec::new();
        folder.each(kind, |sha256, bytes| {
            if !needed.contains(&(kind, sha256)) {
                superfluous.push((sha256, bytes));
            }
            Ok(())
        })?;
        for (sha256, bytes) in superfluous {
            folder.discard(kind, &sha256)?;
            pruned.freed += bytes;
        }
    }
    Ok(pruned)
}
