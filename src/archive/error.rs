//! What stops a run. A bad record never does (promise 2): only a broken source, store or machine.

use crate::{
    ids::{Millis, Seq},
    source,
    store::StoreError,
};

/// Why a run could not begin or had to end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store said no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The source failed in a way that retries could not mend.
    #[error(transparent)]
    Source(#[from] source::Error),
    /// Another process pulls this company.
    #[error("company {company}: {holder} is already pulling it")]
    Busy {
        /// The company's name.
        company: String,
        /// Who holds the lease.
        holder: String,
        /// When the lease ends unless renewed.
        until: Millis,
    },
    /// The lease was lost in the middle of a run.
    #[error("company {company}: the lease was lost to another process; nothing was written after that")]
    LeaseLost {
        /// The company's name.
        company: String,
    },
    /// Answers keep coming and bring nothing behind the cursor.
    #[error("{}", no_progress(*after, *torn))]
    NoProgress {
        /// The cursor.
        after: Seq,
        /// The answers were cut off before their first whole record.
        torn: bool,
    },
    /// An answer says that the stream ends here, and others contradict it.
    #[error("WeCom answers that nothing comes behind seq {after}, but {but}")]
    FalseEnd {
        /// The cursor.
        after: Seq,
        /// What contradicts it.
        but: String,
    },
    /// The vault said no.
    #[error(transparent)]
    Vault(#[from] crate::media::VaultError),
    /// Files cannot be fetched at the moment.
    #[error("{0}")]
    Media(String),
    /// What was found could not be told.
    #[error("what was found could not be told: {0}")]
    Told(#[source] std::io::Error),
    /// Something of this program broke.
    #[error("{0}")]
    Worker(String),
}

impl Error {
    /// What to do next, in one line.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Store(_) | Self::Told(_) => None,
            Self::Vault(crate::media::VaultError::Busy { .. }) => {
                Some("wait for it to end; `shiguan run` fetches files by itself".to_owned())
            }
            Self::Vault(_) | Self::Media(_) => Some(
                "nothing is lost: what came stays, and the next `shiguan media get` goes on from there"
                    .to_owned(),
            ),
            Self::Source(error) => Some(error.hint().to_owned()),
            Self::Busy { .. } => {
                Some("wait for it to end, or stop it; one puller per company is all WeCom needs".to_owned())
            }
            Self::LeaseLost { .. } => {
                Some("see which other process pulls this company, and stop one".to_owned())
            }
            Self::NoProgress { .. } => Some(
                "see what stands between this machine and WeCom (a proxy?); the next pull tries again"
                    .to_owned(),
            ),
            Self::FalseEnd { .. } => Some(
                "nothing that was pulled is lost; the next pull asks again, `shiguan pull --from-seq 0` reads everything \
                 again that WeCom still has, and `shiguan runs --calls` lists the calls for WeCom's support"
                    .to_owned(),
            ),
            Self::Worker(_) => Some("run the command again; if it repeats, run `shiguan doctor`".to_owned()),
        }
    }
}

fn no_progress(after: Seq, torn: bool) -> String {
    if torn {
        format!("the answers behind seq {after} are torn before their first whole record, again and again")
    } else {
        format!("the answers behind seq {after} bring no record behind it, again and again")
    }
}
