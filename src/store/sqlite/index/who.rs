//! One sweep over the index that gives each doc its people: for questions that depend on sender, audience, conversation
//! and time together, where an expression over terms would have as many parts as there are conversations.

use super::{
    Asker, Entry, Kind, Trait,
    segment::postings,
    term::{term, trait_term, value},
};
use crate::store::Result;

/// Rows of those who take part in a doc; 0 for none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(in crate::store::sqlite) struct Who {
    pub company: i64,
    pub chat: i64,
    pub sender: i64,
    pub audience: i64,
    /// As in the column.
    pub scope: i64,
}

/// Terms from and to, and what their value says.
type Field = ((u64, u64), fn(&mut Who, i64));

impl Asker<'_> {
    /// Every doc with its people. Costs a look at each posting of four kinds, whatever is asked.
    pub(in crate::store::sqlite) fn everybody(
        &self,
        mut each: impl FnMut(i64, u32, &Entry, &Who) -> Result<()>,
    ) -> Result<()> {
        let (conn, segments) = self.parts();
        let whole = |kind| (term(kind, 0), term(kind, (1 << 52) - 1));
        let class = |class| (trait_term(class, 0), trait_term(class, (1 << 44) - 1));
        let fields: [Field; 5] = [
            (whole(Kind::Chat), |who, row| who.chat = row),
            (whole(Kind::Sender), |who, row| who.sender = row),
            (whole(Kind::Audience), |who, row| who.audience = row),
            (class(Trait::Company), |who, row| who.company = row),
            (class(Trait::Scope), |who, row| who.scope = row),
        ];
        for segment in segments {
            let mut all = vec![Who::default(); segment.docs as usize];
            for (range, set) in fields {
                segment.lists(conn, range, |term, list| {
                    postings(term, list, |doc, _| {
                        if let Some(who) = all.get_mut(doc as usize) {
                            set(who, value(term));
                        }
                    })
                })?;
            }
            let entries = segment.all_entries(conn)?;
            for ((doc, entry), who) in (0..).zip(&entries).zip(&all).skip(segment.moved as usize) {
                each(segment.id, doc, entry, who)?;
            }
        }
        Ok(())
    }
}
