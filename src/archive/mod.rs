//! The conveyor: pulls a page, lands it with the cursor, opens it, reads it, settles it.
//!
//! ```text
//! pull ──pages──► land ──pending──► keys ──envelopes──► decrypt ──plaintext──► read ──► settle
//!  (child)          │ (store)  ▲     (cores)             (children)             (cores)   (store)
//!                   │          └── backlog: what an earlier run landed and did not open
//!                   └── rows, cursor and the call on record: one transaction
//! ```
//!
//! Enters: a store, a company's lease, a source and a key ring. Leaves: rows, and the books of the run.
//! Each arrow is a bounded channel and each batch carries a permit for its weight, so a slow stage holds back the
//! ones before it and memory stays flat, whatever the records weigh.
//! Landing never depends on opening (promise 1): when opening fails as a whole, pages still land and wait
//! as `sealed` for the next run.
//!
//! Beside the conveyor, [`Hearing`] keeps what WeCom tells by itself and marks what is to be read again.
//!
//! [`watch`] looks for trouble in the books and keeps incidents for people to be told.
//! Beside it runs [`fetch`], the pass over files that hang on messages: own children, never in the conveyor's way.
//!
//! [`reindex()`] derives again what an older program wrote by older rules.
//!
//! Must not know: terminals, configuration files, query syntax.

mod absent;
mod asking;
mod books;
mod clock;
mod completeness;
mod consent;
mod conveyor;
mod course;
mod desk;
mod ending;
mod error;
mod hearing;
mod hole;
mod lease;
mod load;
mod marks;
mod media;
mod opening;
mod page_limit;
mod people;
mod progress;
mod pulling;
mod reindex;
mod run;
mod strays;
pub mod verify;
pub mod watch;
mod window;

pub use absent::Groups;
pub use asking::keep_asking;
pub use books::{Held, Report, waiting_total};
pub use clock::{keep_server_clock, verdict as clock_verdict};
pub use completeness::{Completeness, CompletenessJob, completeness};
pub use consent::{ConsentOptions, ConsentPass, consent_gather, consent_pass, tell_consent_pass};
pub use desk::Desk;
pub use error::Error;
pub use hearing::Hearing;
pub use marks::follow_marks;
pub use media::{Fetches, Fetching, discover, fetch, fetch_again};
pub use people::{Directory, Pass, refresh};
pub use progress::{Counts, Progress};
pub use pulling::Pulling;
pub use reindex::{Reindexed, reindex};
pub use run::{Job, Setup, execute};
pub use window::{RETENTION_HOURS, Window};
