//! Why a file did not come whole, sorted by what can help.

use sdk_ffi::codes::{Code, Errcode};

use crate::source;

/// Why an attempt ended without the whole file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The network, or WeCom for the moment: another try may help.
    #[error("{0}")]
    Passing(source::Error),
    /// What came cannot be a file: it has no end, or does not move on. Another try from the beginning may help.
    #[error("{0}")]
    Nonsense(&'static str),
    /// The file took the SDK's process down.
    #[error("{0}")]
    Deadly(source::Error),
    /// The place to go on from is not known any more; only the beginning is.
    #[error("the place to go on from was refused; it begins anew")]
    Cursor,
    /// WeCom has it no longer.
    #[error("{0}")]
    Expired(source::Error),
    /// This file is never given out.
    #[error("{0}")]
    Refused(source::Error),
    /// Larger than is allowed here.
    #[error("it is larger than `media.max_file_mib` allows ({0} bytes)")]
    TooLarge(u64),
    /// Nothing about this file: the operator must act, and no other file will come either.
    #[error(transparent)]
    Stop(source::Error),
    /// This machine: the disk is full, or the folder is not ours.
    #[error("cannot write {what}: {cause}")]
    Disk {
        /// What was to be written.
        what: String,
        /// What the system said.
        cause: std::io::Error,
    },
}

impl Fault {
    /// Sorts an error of the chunk port. `begun`: the call named a place to go on from.
    pub fn sort(error: source::Error, begun: bool) -> Self {
        if error.errcode() == Errcode(301_048).0 {
            return Self::Expired(error);
        }
        match &error {
            _ if error.retryable() && !matches!(error, source::Error::Child { .. }) => Self::Passing(error),
            source::Error::Child { .. } => Self::Deadly(error),
            source::Error::Sdk { errcode: 0, code, .. } => match code {
                Code::Expired => Self::Expired(error),
                // Seen now and then and gone at the next try (finance-sdk §4).
                Code::Decrypt | Code::NoObject => Self::Passing(error),
                Code::BadParameter if begun => Self::Cursor,
                Code::BadIp | Code::Certificate => Self::Stop(error),
                _ => Self::Refused(error),
            },
            // An errcode about the company: wrong secret, no permission, service over.
            _ => Self::Stop(error),
        }
    }

    /// True when the same chunk may be asked for again at once.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Passing(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{Call, Death, Error};

    fn sdk(code: i32, errcode: i64) -> Error {
        Error::Sdk {
            call: Call::Media,
            code: Code::from_raw(code).expect("not 0"),
            errcode,
            message: String::new(),
        }
    }

    #[test]
    fn retries_only_where_they_can_help() {
        for code in [10001, 10002, 10003, 10006] {
            assert!(Fault::sort(sdk(code, 0), true).is_passing(), "{code}");
        }
        assert!(matches!(Fault::sort(sdk(10010, 0), true), Fault::Expired(_)));
        assert!(matches!(
            Fault::sort(sdk(10002, 301_048), false),
            Fault::Expired(_)
        ));
        assert!(matches!(Fault::sort(sdk(10005, 0), false), Fault::Refused(_)));
        assert!(matches!(Fault::sort(sdk(10000, 0), false), Fault::Refused(_)));
        assert!(matches!(Fault::sort(sdk(10000, 0), true), Fault::Cursor));
        for stop in [sdk(10009, 0), sdk(10011, 0), sdk(10001, 48002)] {
            assert!(matches!(Fault::sort(stop, false), Fault::Stop(_)));
        }
        let death = Error::Child {
            during: Call::Media,
            death: Death::Outside(9),
        };
        assert!(matches!(Fault::sort(death, false), Fault::Deadly(_)));
    }
}
