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
//! Beside it runs [`fetch`], the pass over files that hang on messages: own children, never in the conveyor's way.
//!
//! Must not know: terminals, configuration files, query syntax.

mod books;
mod conveyor;
mod desk;
mod error;
mod lease;
mod load;
mod media;
mod opening;
mod progress;
mod pulling;
mod run;
mod window;

pub use books::{Report, waiting_total};
pub use desk::Desk;
pub use error::Error;
pub use media::{Fetches, Fetching, discover, fetch, fetch_again};
pub use progress::{Counts, Progress};
pub use pulling::Pulling;
pub use run::{Job, Setup, execute};
pub use window::{RETENTION_HOURS, Window};
