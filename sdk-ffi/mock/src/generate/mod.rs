//! Generated corpora: realistic Chinese business chat of any size, the same for the same plan.
//!
//! ```text
//! cast (people, chats) ──► script (who, when, what sort; sequential) ──► words and seal (parallel) ──► writer
//! ```
//!
//! Enters: a [`Plan`]. Leaves: a corpus folder, or the plaintexts alone. Only the padding of the RSA blocks differs
//! between two runs of one plan. Memory does not grow with the number of messages.
//! Must not know: how anybody reads it.

mod body;
mod files;
mod kinds;
mod nested;
mod oddities;
mod payload;
mod people;
mod script;
mod text;
mod words;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use rayon::prelude::*;

pub use self::people::Role;

use self::{
    files::Files,
    payload::{Stage, render},
    people::Cast,
    script::{Cue, Script},
};
use crate::{
    Error,
    corpus::{Prepared, Writer},
    faults::Faults,
    seal::{keys::Sealer, seal},
};

/// 2025-09-01 09:00:00 in Beijing: when generated messages begin unless the plan says otherwise.
pub const START: i64 = 1_756_688_400_000;

/// Messages sealed at a time; bounds memory and is what progress counts in.
const BATCH: usize = 2048;

/// Characters sealed at a time.
const BATCH_CHARACTERS: usize = 4 << 20;

/// What is to be generated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// How many messages.
    pub messages: u64,
    /// Decides everything that is made up.
    pub seed: u64,
    /// Key versions, 1 to 64; the version changes at even splits.
    pub key_versions: u32,
    /// How long texts are.
    pub length: Length,
    /// False: files announce no digest, which spares computing them.
    pub media: bool,
    /// The first seq, at least 1.
    pub first_seq: u64,
    /// Leaves numbers out now and then, as real streams do.
    pub gaps: bool,
    /// Writes the plaintexts to `truth.jsonl`.
    pub truth: bool,
    /// When the messages begin, UTC milliseconds.
    pub start_time_ms: i64,
    /// A faults file to copy into the corpus.
    pub faults: Option<PathBuf>,
    /// The last messages, word for word; counted in `messages`.
    pub last: Vec<Scripted>,
}

/// A message that is not made up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scripted {
    /// The message's id.
    pub msgid: String,
    /// As in the plaintext.
    pub msgtype: &'static str,
    /// The bytes `DecryptData` gives.
    pub plaintext: Vec<u8>,
}

/// How long texts are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Length {
    /// Business chat: median about 20 characters, most under 30, a long tail to several thousand.
    #[default]
    Short,
    /// 132 characters on average.
    Long,
    /// Every message is a text of exactly so many characters.
    Exactly(u32),
}

/// What was made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Number of records.
    pub records: u64,
    /// Seq of the first one; 0 when there is none.
    pub first_seq: u64,
    /// Seq of the last one; 0 when there is none.
    pub last_seq: u64,
    /// Records by `msgtype` (`switch` for the action without one).
    pub by_type: BTreeMap<String, u64>,
    /// Key versions with a private key in the folder.
    pub key_versions: Vec<u32>,
}

/// One plaintext with what goes on its envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Position in the stream.
    pub seq: u64,
    /// The message's id.
    pub msgid: String,
    /// `msgtype`; `switch` for the action without one.
    pub msgtype: &'static str,
    /// The bytes `DecryptData` gives.
    pub plaintext: Vec<u8>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            messages: 2000,
            seed: 1,
            key_versions: 2,
            length: Length::Short,
            media: true,
            first_seq: 1,
            gaps: true,
            truth: true,
            start_time_ms: START,
            faults: None,
            last: Vec::new(),
        }
    }
}

impl Summary {
    /// Counts one more record.
    pub(crate) fn count(&mut self, seq: u64, msgtype: &str) {
        if self.records == 0 {
            self.first_seq = seq;
        }
        self.last_seq = seq;
        self.records += 1;
        *self.by_type.entry(msgtype.to_owned()).or_default() += 1;
    }
}

/// Makes a corpus in a folder that holds none. `progress` is told, now and then, how many records are written.
pub fn generate(plan: &Plan, out: &Path, progress: &dyn Fn(u64)) -> Result<Summary, Error> {
    if plan.first_seq == 0 {
        return Err(Error::Plan(
            "the first seq is 0, which a client never asks beyond; begin at 1 or later".into(),
        ));
    }
    let faults = plan.faults.as_deref().map(Faults::load).transpose()?;
    let mut writer = Writer::create(out, plan.truth)?;
    let pairs = crate::seal::pairs(plan.seed, plan.key_versions)?;
    let sealers = pairs
        .iter()
        .map(|pair| pair.sealer())
        .collect::<Result<Vec<_>, _>>()?;
    let mut summary = Summary {
        key_versions: (1..=plan.key_versions).collect(),
        ..Summary::default()
    };
    each_batch(plan, |stage, cues| {
        let sealed: Vec<Prepared> = cues
            .par_iter()
            .map(|cue| prepare(stage, &sealers, cue))
            .collect::<Result<_, _>>()?;
        for (record, cue) in sealed.iter().zip(cues) {
            writer.push(record)?;
            summary.count(cue.seq, cue.kind.msgtype());
        }
        progress(summary.records);
        Ok(())
    })?;
    let sealer = sealers.last().filter(|_| !plan.last.is_empty());
    for (seq, scripted) in (summary.last_seq.max(plan.first_seq - 1) + 1..).zip(&plan.last) {
        let Some(sealer) = sealer else { break };
        let item = seal(sealer, plan.seed, seq, &scripted.msgid, &scripted.plaintext)?;
        writer.push(&Prepared::new(&item, plan.truth.then_some(&scripted.plaintext))?)?;
        summary.count(seq, scripted.msgtype);
    }
    progress(summary.records);
    crate::seal::finish(writer, out, "generate", plan.seed, &pairs, faults)?;
    Ok(summary)
}

/// Who somebody in a generated corpus is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Player {
    /// As in messages.
    pub id: String,
    /// What people call them.
    pub name: String,
    /// Which sort of id it is.
    pub role: Role,
}

/// A conversation of a generated corpus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Talk {
    /// The group's id; none for a single chat.
    pub room: Option<String>,
    /// Places in the list of players; the first is a member: the owner of a group, or one side of a single chat.
    pub people: Vec<usize>,
    /// A customer takes part.
    pub external: bool,
}

/// Everybody of a plan and every conversation, as its messages have them: for whoever has to agree with a corpus.
pub fn cast(plan: &Plan) -> (Vec<Player>, Vec<Talk>) {
    let cast = Cast::new(plan.seed, plan.messages);
    let players = cast.people.into_iter().map(|person| Player {
        id: person.id,
        name: person.name,
        role: person.role,
    });
    let talks = cast.chats.into_iter().map(|chat| Talk {
        room: chat.room,
        people: chat.people,
        external: chat.external,
    });
    (players.collect(), talks.collect())
}

/// The made-up plaintexts of a plan in order, unsealed and without a folder: for benches and comparisons.
pub fn plaintexts(plan: &Plan, mut each: impl FnMut(Draft)) -> Result<(), Error> {
    each_batch(plan, |stage, cues| {
        let plaintexts: Vec<_> = cues.par_iter().map(|cue| render(stage, cue)).collect();
        for (cue, plaintext) in cues.iter().zip(plaintexts) {
            each(Draft {
                seq: cue.seq,
                msgid: cue.msgid.clone(),
                msgtype: cue.kind.msgtype(),
                plaintext,
            });
        }
        Ok(())
    })
}

/// Messages sealed at a time; fewer when each is large.
fn batch(length: Length) -> usize {
    match length {
        // In memory as text, as JSON, sealed and as a line: some twelve bytes for each character.
        Length::Exactly(characters) => (BATCH_CHARACTERS / (characters as usize).max(1)).clamp(1, BATCH),
        _ => BATCH,
    }
}

fn each_batch(
    plan: &Plan,
    mut act: impl FnMut(&Stage<'_>, &[Cue]) -> Result<(), Error>,
) -> Result<(), Error> {
    let cast = Cast::new(plan.seed, plan.messages);
    let files = Files::new(plan.seed, plan.media);
    let stage = Stage {
        plan,
        cast: &cast,
        files: &files,
    };
    // The scripted ones take the place of the last.
    let made_up = plan.messages.saturating_sub(plan.last.len() as u64);
    let mut script = Script::new(plan, &cast).take(made_up as usize);
    loop {
        let cues: Vec<Cue> = script.by_ref().take(batch(plan.length)).collect();
        if cues.is_empty() {
            return Ok(());
        }
        act(&stage, &cues)?;
    }
}

fn prepare(stage: &Stage<'_>, sealers: &[Sealer], cue: &Cue) -> Result<Prepared, Error> {
    let plaintext = render(stage, cue);
    let split = u128::from(cue.place) * sealers.len() as u128 / u128::from(stage.plan.messages);
    let item = seal(
        &sealers[split as usize],
        stage.plan.seed,
        cue.seq,
        &cue.msgid,
        &plaintext,
    )?;
    Prepared::new(&item, stage.plan.truth.then_some(&plaintext))
}
