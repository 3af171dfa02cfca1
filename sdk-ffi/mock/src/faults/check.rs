//! Refuses rules that could never fire or make no sense where they stand.

use super::{Call, Fault, Faults, Rule};

impl Faults {
    /// What is wrong with the rules, if anything.
    pub(super) fn check(&self) -> Result<(), String> {
        for (place, rule) in self.rules.iter().enumerate() {
            rule.check()
                .map_err(|reason| format!("rule {}: {reason}", place + 1))?;
        }
        Ok(())
    }
}

impl Rule {
    fn check(&self) -> Result<(), String> {
        let fits = match self.fault.reach() {
            Reach::Any => true,
            Reach::Network => self.on != Call::Decrypt,
            Reach::Page | Reach::Record | Reach::Stream => self.on == Call::Chatdata,
            Reach::Answer => self.on == Call::Decrypt,
            Reach::Media => self.on == Call::Media,
            Reach::Plaintext => self.on == Call::Decrypt,
        };
        if !fits {
            return Err(format!("{:?} cannot happen on {:?}", self.fault, self.on));
        }
        if let Fault::Msgtime { value } = &self.fault
            && serde_json::from_str::<serde_json::Value>(value).is_err()
        {
            return Err(format!("the msgtime `{value}` is no JSON"));
        }
        if let Some(share) = self.when.probability
            && !(0.0..=1.0).contains(&share)
        {
            return Err(format!("the probability {share} is not between 0 and 1"));
        }
        if self.when.probability.is_none() && (self.when.seed.is_some() || self.when.by.is_some()) {
            return Err("seed and by mean nothing without a probability".into());
        }
        if self.when.call.as_ref().is_some_and(|calls| calls.contains(0)) {
            return Err("calls are counted from 1".into());
        }
        if matches!(self.fault, Fault::OddMembers { data_len: Some(len), .. } if len > 0) {
            return Err("a data_len above 0 would let the caller read what is not the chunk's".into());
        }
        if matches!(self.fault, Fault::RetainedFrom { .. }) && self.when.seq.is_some() {
            return Err("retained_from names its seq itself; leave out when.seq".into());
        }
        Ok(())
    }
}

/// How far a fault reaches, which decides where it fits and what its conditions are held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Any call as a whole.
    Any,
    /// A call that has a timeout.
    Network,
    /// A page as a whole.
    Page,
    /// Which records there are, before a page is made of them.
    Stream,
    /// Single records of a page.
    Record,
    /// What `DecryptData` answers.
    Answer,
    /// A chunk of a file.
    Media,
    /// What a record says once it is decrypted.
    Plaintext,
}

impl Fault {
    pub(crate) fn reach(&self) -> Reach {
        match self {
            Self::Return { .. }
            | Self::Latency { .. }
            | Self::Hang
            | Self::Segfault
            | Self::Abort
            | Self::Terminate
            | Self::Exit { .. }
            | Self::Garbage { .. }
            | Self::Leak { .. } => Reach::Any,
            Self::Silent => Reach::Network,
            Self::Errcode { .. }
            | Self::DuplicatePage
            | Self::Overlap { .. }
            | Self::ShortPage { .. }
            | Self::Torn { .. } => Reach::Page,
            Self::Gap | Self::RetainedFrom { .. } => Reach::Stream,
            Self::TruncateBody { .. }
            | Self::ShortBody
            | Self::TruncateKey { .. }
            | Self::GarbleKey
            | Self::WrongVersion { .. }
            | Self::ForeignKey
            | Self::SwappedKey
            | Self::SetSeq { .. }
            | Self::ShiftSeq { .. }
            | Self::NoSeq
            | Self::TornItem
            | Self::BrokenText => Reach::Record,
            Self::GarbageAnswer { .. } | Self::TornAnswer { .. } | Self::OtherAnswer => Reach::Answer,
            Self::Msgtime { .. } => Reach::Plaintext,
            Self::DigestMismatch
            | Self::NeverFinish
            | Self::EmptyChunk
            | Self::StuckCursor
            | Self::EmptyFile
            | Self::OddMembers { .. }
            | Self::NextCursor { .. }
            | Self::HugeChunk { .. } => Reach::Media,
        }
    }
}
