//! Text as the index sees it: folded the same way for writing and asking, cut into the same terms.
//!
//! Enters: any text. Leaves: its folded form ([`Folded`]) with the way back to the source bytes, and its index
//! pairs ([`pairs`]). Both sides of the text index, the row that is written and the question that is asked, go through
//! here, so they cannot drift apart.
//!
//! Must not know: who writes, who asks, SQL, messages.

pub mod cut;
pub mod fold;

pub use cut::{Ask, ask, pairs};
pub use fold::{Folded, fold, fold_char};

/// Number of the folding and cutting rules together. A store remembers it; an index written under another
/// number has to be built again. Raise it whenever [`fold_char`] or [`pairs`] changes for any character.
pub const VERSION: u32 = 2;
