//! What can go wrong with a backup or a restore.

use std::{
    io,
    path::{Path, PathBuf},
};

use thiserror::Error;

use crate::{media::download::is_full, store::StoreError};

/// One thing in a backup that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Damage {
    /// Where it is, below the folder of the backups.
    pub path: String,
    /// What is wrong with it.
    pub what: String,
    /// It is there and is not what was written, so that nobody can need it as it is.
    pub altered: bool,
}

impl Damage {
    /// Something that is missing, or that cannot be read or used.
    pub fn new(path: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            what: what.into(),
            altered: false,
        }
    }

    /// Something with other bytes than were written.
    pub(super) fn altered(path: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            altered: true,
            ..Self::new(path, what)
        }
    }
}

/// Sorted by who must act.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The archive that is backed up, or the restored one, cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file or folder cannot be used.
    #[error("cannot {doing} {}: {cause}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// There is no room for what was to be written.
    #[error(
        "no room for {}: {cause}; earlier generations are whole. Make room and run again, it goes on from what is there",
        path.display()
    )]
    Full {
        /// What was to be written.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// Another process writes into this folder of backups, or reads it while this one wants to remove from it.
    #[error("another process is working with the backups in {}; wait until it has ended", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// The folder holds something else.
    #[error("{} holds other files and no backups; name an empty folder, or a new one", path.display())]
    NotBackups {
        /// The folder.
        path: PathBuf,
    },
    /// No generation there, or none that was asked for.
    #[error("{} {what}", path.display())]
    NoGeneration {
        /// The folder.
        path: PathBuf,
        /// What is missing.
        what: String,
    },
    /// The folder belongs to another archive.
    #[error(
        "{} holds backups of archive {found}, and this is archive {ours}; name another folder for this one",
        path.display()
    )]
    OtherArchive {
        /// The folder.
        path: PathBuf,
        /// Whose backups they are.
        found: String,
        /// Which archive was to be backed up.
        ours: String,
    },
    /// The backup was written by a later version of the program.
    #[error("{} was written by a newer version of the program (format {format}); use that one", path.display())]
    Newer {
        /// The generation's file.
        path: PathBuf,
        /// Its format.
        format: u32,
    },
    /// The write-ahead log of the archive grew too far while the moment was pinned.
    #[error(
        "other processes wrote {written} MiB while the backup read the database, above the bound of {bound} MiB, and did so \
         {tries} times; run it at a quieter time, or allow more with --max-log-mib"
    )]
    LogGrew {
        /// Size of the log.
        written: u64,
        /// What was allowed.
        bound: u64,
        /// How often it was tried.
        tries: u32,
    },
    /// Parts of a generation are missing or altered.
    #[error("{}", damaged(_0))]
    Damaged(Vec<Damage>),
    /// The target of a restore is not empty.
    #[error("{} is not empty; a restore goes into a new or an empty folder", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// What was named as a recipient is none. It is not repeated: it may be a private key.
    #[error("recipient {which} {why}")]
    Recipient {
        /// Which of them.
        which: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A file with identities cannot be used.
    #[error("{} {why}", path.display())]
    IdentityFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Backups that are not encrypted were asked of a folder whose backups are.
    #[error(
        "the backups in {} are encrypted, and no recipients are given; set backup.recipients (or --recipient), or name another \
         folder",
        path.display()
    )]
    Encrypted {
        /// The folder.
        path: PathBuf,
    },
    /// Encrypted backups were asked of a folder whose backups are not.
    #[error(
        "the backups in {} are not encrypted, and a folder does not mix both; name a new folder for encrypted ones, and remove \
         this one when they are enough",
        path.display()
    )]
    InTheClear {
        /// The folder.
        path: PathBuf,
    },
    /// Other recipients than those of the folder are given.
    #[error("{}", other_recipients(path, added, removed))]
    OtherRecipients {
        /// The folder.
        path: PathBuf,
        /// Recipients that cannot read what is there.
        added: Vec<String>,
        /// Recipients that can, and were to be left out.
        removed: Vec<String>,
    },
    /// An encrypted backup was to be read without an identity.
    #[error("backup {number} is encrypted for {}; name the file with the identity of one of them: --identity FILE", recipients.join(", "))]
    NoIdentity {
        /// The generation.
        number: u64,
        /// Who can read it.
        recipients: Vec<String>,
    },
    /// An encrypted backup was to be read with the identity of somebody else.
    #[error("backup {number} cannot be decrypted with this identity: it is encrypted for {}", recipients.join(", "))]
    OtherIdentity {
        /// The generation.
        number: u64,
        /// Who can read it.
        recipients: Vec<String>,
    },
    /// The file of a message could not be copied out of the vault.
    #[error("cannot copy a file of a message: {0}")]
    Vault(String),
    /// The same archive is in use at another place of this machine.
    #[error(
        "archive {id} is in use by another process at {}, and {} is a copy of it; both would pull the same stream, and each \
         would lack what the other one got",
        held.display(),
        ours.display()
    )]
    CopyInUse {
        /// The archive's id.
        id: String,
        /// Where it is in use.
        held: PathBuf,
        /// What was to be opened.
        ours: PathBuf,
    },
}

impl Error {
    /// True when what was read is not what was written.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged(_) | Self::Store(StoreError::Damaged(_)))
    }
}

/// Says what went wrong with a file; a full disk by its name.
pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |cause| {
        if is_full(&cause) || cause.kind() == io::ErrorKind::FileTooLarge {
            Error::Full { path, cause }
        } else {
            Error::Io { doing, path, cause }
        }
    }
}

fn other_recipients(path: &Path, added: &[String], removed: &[String]) -> String {
    let mut text = format!(
        "the backups in {} are encrypted for other recipients",
        path.display()
    );
    if !added.is_empty() {
        text += &format!("; {} cannot read what is there", added.join(", "));
    }
    if !removed.is_empty() {
        text += &format!("; {} can, and would go on reading it", removed.join(", "));
    }
    text + "; name a new folder for other recipients, and remove this one when the new backups are enough"
}

fn damaged(all: &[Damage]) -> String {
    const SHOWN: usize = 5;
    let mut text = format!("the backup is damaged, {} found:", all.len());
    for one in all.iter().take(SHOWN) {
        text += &format!("\n  {}: {}", one.path, one.what);
    }
    if all.len() > SHOWN {
        text += &format!("\n  and {} more", all.len() - SHOWN);
    }
    text
}
