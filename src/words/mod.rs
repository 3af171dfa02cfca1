//! Text as the index sees it: folded the same way for writing and asking, cut into the same terms.
//!
//! Enters: any text. Leaves: its folded form ([`Folded`]) with the way back to the source bytes, and its index
//! pairs ([`pairs`]). Both sides of the text index, the row that is written and the question that is asked, go through
//! here, so they cannot drift apart.
//!
//! Each part of a store's index remembers the number of the rules it was written by ([`VERSION`]); [`Asks`] holds the
//! question by each.
//!
//! Beside it, and only where a question asks for it: simplified and traditional characters and pinyin ([`alike`]), which the index knows
//! nothing of.
//!
//! Must not know: who writes, who asks, SQL, messages.

pub mod alike;
mod before;
pub mod cut;
pub mod fold;
pub mod pattern;
pub mod pinyin;
mod radical;
pub mod variants;

pub use alike::{Alike, AlikeAsks, Rows, has_variants};
pub use before::fold_by_version_2;
pub use cut::{Ask, ask, pairs};
pub use fold::{Folded, fold, fold_into};
pub use pattern::{Pattern, patterns};

/// Number of the rules of folding and cutting, and of everything else that the index holds of a message. Each part of an index
/// remembers it; a part written under another number is asked by its own rules ([`Asks`]) and derived again in the background. Raise it
/// whenever [`fold()`], [`pairs`] or what the store derives changes for any message, and keep the folding of the version
/// before for [`Asks`].
pub const VERSION: u32 = 3;

/// The questions for one needle, by each version of the rules that parts of an index may have.
#[derive(Debug, Clone)]
pub struct Asks {
    now: Option<Ask>,
    version_2: Option<Ask>,
}

impl Asks {
    /// Folds the needle by each.
    pub fn of(needle: &str) -> Self {
        Self {
            now: ask(needle),
            version_2: cut::ask_folded(&fold_by_version_2(needle)),
        }
    }

    /// By the rules of a version; of one that this program does not know, by its own. `None` when folding leaves nothing.
    pub fn by(&self, version: u32) -> Option<&Ask> {
        match version {
            2 => self.version_2.as_ref(),
            _ => self.now.as_ref(),
        }
    }

    /// More than one character.
    pub fn is_long(&self) -> bool {
        matches!(self.now, Some(Ask::Row(_)))
    }
}
