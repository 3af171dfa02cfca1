//! Backups of an archive: taken beside its writers, incremental, checked, restored elsewhere.
//!
//! ```text
//! DIR/
//!   backup.lock               one writer at a time (encrypted.lock, where backups are encrypted)
//!   encryption.json           that they are, and for whom; no folder holds both kinds
//!   objects/ab/<sha256>.zst   pages of the database, maps of them, lists of files; named by what they hold
//!   files/ab/<sha256>         files of messages, as in the vault
//!   generations/00000001.json what one backup consists of, and its digest; written last
//!   unfinished/               what a process that was killed left; removed by the next backup
//!   damaged/                  what `verify` found altered, out of the way of the next backup
//! ```
//!
//! A generation names its maps, a map names the objects of up to 1,024 pages, an object holds up to 64 pages that were
//! new when it was written. Everything is written under a temporary name, synced and renamed, and the generation comes
//! last: a process killed at any instant leaves the former generations as they were. Each name is a digest, so writing
//! twice is writing once, and every reader checks what it reads.
//!
//! Encrypted, pages and files are `age` files (`ab/<name>.age`) named by a key that only the archive and the recipients
//! have; maps and lists lie open, and say with such names how many parts there are and how large. See `seal`.
//!
//! Enters: the path of an archive, the folder of the backups, time as a value. Leaves: generations, a restored archive.
//!
//! Must not know: configuration, terminals, SQL, where the vault keeps files (it is handed a function that copies one).

mod claim;
mod error;
mod folder;
mod manifest;
mod map;
mod memory;
mod mount;
mod prune;
mod restore;
mod seal;
mod take;
mod verify;

pub use claim::{Claim, claim};
pub use error::{Damage, Error};
pub use folder::{Encrypting, Folder};
pub use manifest::{Generation, Manifest};
pub use memory::{Memory, Place};
pub use mount::{remote, unmounted};
pub use prune::{Pruned, prune};
pub use restore::{Restored, restore};
pub use seal::{Identities, Opened, Recipients};
pub use take::{CopyFile, Options, Taken, take};
pub use verify::{Checked, Depth, check, verify};

/// What every function of the module returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;
