//! `GetChatData`: which records, which faults, which text.

use std::collections::HashSet;

use super::{Ask, Course, Engine, GREATEST_LIMIT, Reply, Turn, code, page};
use crate::{
    Error,
    corpus::Entry,
    faults::{Call, Draw, Fault, Reach},
};

/// The page as the page-level faults shape it.
struct Shape {
    entries: Vec<Entry>,
    twice: bool,
    torn: Option<Option<usize>>,
}

impl Engine {
    /// `GetChatData` on an initialised handle.
    pub fn chat_data(&self, ask: Ask) -> Turn<Reply> {
        if ask.limit == 0 || ask.limit > GREATEST_LIMIT {
            return Turn::just(Reply::failed(code::ARGUMENT));
        }
        let call = self.count(Call::Chatdata);
        let mut course = Course::new(ask.timeout);
        let mut content = Vec::new();
        if let Err(error) = self.walk(ask, call, &mut course, &mut content) {
            course.fail(&error);
        }
        course.turn(|| {
            Turn::just(Reply {
                code: code::OK,
                content,
            })
        })
    }

    fn walk(&self, ask: Ask, call: u64, course: &mut Course, content: &mut Vec<u8>) -> Result<(), Error> {
        let after = ask.seq.max(self.retained_from(call)?.saturating_sub(1));
        let first = self.corpus.position_after(after)?;
        let mut shape = Shape {
            entries: self.served(first, u64::from(ask.limit), call)?,
            twice: false,
            torn: None,
        };
        // Conditions are held against the page an undisturbed server would have sent.
        let asked: Vec<u64> = shape.entries.iter().map(|entry| entry.seq).collect();
        for (place, rule) in self.rules.rules(Call::Chatdata) {
            if !matches!(rule.fault.reach(), Reach::Any | Reach::Network | Reach::Page) || course.is_settled()
            {
                continue;
            }
            let by_record = rule.when.seq.is_some() || rule.when.by == Some(Draw::Seq);
            let holds = if by_record {
                asked
                    .iter()
                    .any(|seq| self.rules.holds(place, call, Some(*seq), Draw::Call))
            } else {
                self.rules.holds(place, call, None, Draw::Call)
            };
            if holds && self.rules.fire(place)? {
                course.take(&rule.fault);
                self.shape(&rule.fault, &mut shape, first, ask.limit, call)?;
            }
        }
        if !course.is_settled() {
            *content = self.render(&shape, call)?;
        }
        Ok(())
    }

    fn shape(
        &self,
        fault: &Fault,
        shape: &mut Shape,
        first: u64,
        limit: u32,
        call: u64,
    ) -> Result<(), Error> {
        match fault {
            Fault::ShortPage { records } => shape.entries.truncate(*records as usize),
            Fault::DuplicatePage => shape.twice = true,
            Fault::Torn { keep } => shape.torn = Some(*keep),
            // Never at the end, which would have no end then, and never without something new.
            Fault::Overlap { records } if !shape.entries.is_empty() => {
                let back = u64::from((*records).min(limit - 1)).min(first);
                let mut early = self.corpus.entries(first - back, back)?;
                early.retain(|entry| !self.is_gap(entry.seq, call).unwrap_or(false));
                shape.entries.truncate(limit as usize - early.len());
                early.append(&mut shape.entries);
                shape.entries = early;
            }
            _ => {}
        }
        Ok(())
    }

    /// Up to `limit` records from a position on, without those that are gaps.
    fn served(&self, mut position: u64, limit: u64, call: u64) -> Result<Vec<Entry>, Error> {
        let mut served = Vec::new();
        while (served.len() as u64) < limit {
            let found = self.corpus.entries(position, limit)?;
            if found.is_empty() {
                break;
            }
            position += found.len() as u64;
            for entry in found {
                if (served.len() as u64) < limit && !self.is_gap(entry.seq, call)? {
                    served.push(entry);
                }
            }
        }
        Ok(served)
    }

    fn is_gap(&self, seq: u64, call: u64) -> Result<bool, Error> {
        for (place, rule) in self.rules.rules(Call::Chatdata) {
            if rule.fault == Fault::Gap
                && self.rules.holds(place, call, Some(seq), Draw::Seq)
                && self.rules.fire(place)?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn retained_from(&self, call: u64) -> Result<u64, Error> {
        let mut floor = self.corpus.manifest().retained_from;
        for (place, rule) in self.rules.rules(Call::Chatdata) {
            if let Fault::RetainedFrom { seq } = rule.fault
                && self.rules.holds(place, call, None, Draw::Call)
                && self.rules.fire(place)?
            {
                floor = floor.max(seq);
            }
        }
        Ok(floor)
    }

    fn render(&self, shape: &Shape, call: u64) -> Result<Vec<u8>, Error> {
        let mut items = self.corpus.items(&shape.entries)?;
        let mut spoilt = HashSet::new();
        let mut torn_at = None;
        for (place, rule) in self.rules.rules(Call::Chatdata) {
            if rule.fault.reach() != Reach::Record {
                continue;
            }
            for (index, (item, entry)) in items.iter_mut().zip(&shape.entries).enumerate() {
                if !spoilt.contains(&entry.seq)
                    && self.rules.holds(place, call, Some(entry.seq), Draw::Seq)
                    && self.rules.fire(place)?
                {
                    *item = page::spoil(item, &rule.fault, || self.neighbour(entry.seq))?;
                    if rule.fault == Fault::TornItem {
                        torn_at = Some(torn_at.map_or(index, |first: usize| first.min(index)));
                    }
                    // One fault per record: two would hide which of them was noticed.
                    spoilt.insert(entry.seq);
                }
            }
        }
        let torn = match torn_at {
            Some(index) => {
                let whole = page::render(&items[..index], false, None).len();
                Some(Some(whole + items[index].len() / 2))
            }
            None => shape.torn,
        };
        Ok(page::render(&items, shape.twice, torn))
    }

    /// The item before a record, or after it when it is the first.
    fn neighbour(&self, seq: u64) -> Result<Option<Vec<u8>>, Error> {
        let next = self.corpus.position_after(seq)?;
        let place = if next >= 2 { next - 2 } else { next };
        Ok(self.corpus.items(&self.corpus.entries(place, 1)?)?.pop())
    }
}
