//! Does a rule fire now? Conditions, draws, and the markers that make `times` hold across restarts.

use std::{
    fs::{self, OpenOptions},
    io::ErrorKind,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use super::{Call, Draw, Faults, Rule};
use crate::Error;

/// The rules of a corpus, with the folder that remembers which of them have fired.
pub(crate) struct Decider {
    rules: Vec<Rule>,
    tags: Vec<String>,
    fired: PathBuf,
}

impl Decider {
    /// `folder` is the corpus folder.
    pub(crate) fn new(faults: Faults, folder: &Path) -> Self {
        // A rule is known by its place and its words, so that a changed rule starts counting anew.
        let tag = |(place, rule): (usize, &Rule)| {
            let words = serde_json::to_vec(rule).unwrap_or_default();
            let hash = Sha256::digest(&words);
            format!(
                "rule{}-{:02x}{:02x}{:02x}{:02x}",
                place + 1,
                hash[0],
                hash[1],
                hash[2],
                hash[3]
            )
        };
        let tags = faults.rules.iter().enumerate().map(tag).collect();
        Self {
            rules: faults.rules,
            tags,
            fired: folder.join("fired"),
        }
    }

    /// The rules about a call, with their places.
    pub(crate) fn rules(&self, on: Call) -> impl Iterator<Item = (usize, &Rule)> {
        self.rules
            .iter()
            .enumerate()
            .filter(move |(_, rule)| rule.on == on)
    }

    /// True when the conditions hold for this call and record; `draw` is what a probability is drawn for unless
    /// the rule says so itself.
    pub(crate) fn holds(&self, place: usize, call: u64, seq: Option<u64>, draw: Draw) -> bool {
        let when = &self.rules[place].when;
        if when.call.as_ref().is_some_and(|calls| !calls.contains(call)) {
            return false;
        }
        if when
            .seq
            .as_ref()
            .is_some_and(|seqs| !seq.is_some_and(|seq| seqs.contains(seq)))
        {
            return false;
        }
        let Some(share) = when.probability else {
            return true;
        };
        let (kind, number) = match (when.by.unwrap_or(draw), seq) {
            (Draw::Seq, Some(seq)) => (1, seq),
            _ => (2, call),
        };
        let seed = when.seed.unwrap_or(0);
        let mixed = [place as u64 + 1, kind, number]
            .iter()
            .fold(seed, |state, word| mix(state ^ mix(*word)));
        // 53 bits, the precision of the share itself.
        ((mixed >> 11) as f64) < share * (1u64 << 53) as f64
    }

    /// True when a rule whose conditions hold may still fire; uses up one of its times.
    pub(crate) fn fire(&self, place: usize) -> Result<bool, Error> {
        let Some(times) = self.rules[place].times else {
            return Ok(true);
        };
        for nth in 1..=times {
            let marker = self.fired.join(format!("{}.{nth}", self.tags[place]));
            match OpenOptions::new().write(true).create_new(true).open(&marker) {
                Ok(_) => return Ok(true),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    fs::create_dir_all(&self.fired).map_err(Error::io("create", &self.fired))?;
                    return self.fire(place);
                }
                Err(error) => return Err(Error::io("mark", marker)(error)),
            }
        }
        Ok(false)
    }
}

/// SplitMix64's finaliser.
pub(crate) fn mix(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
