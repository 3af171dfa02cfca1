//! Why a file did not come whole, sorted by what it is about and by what can help.
//!
//! Nothing that is said about one file is believed about all of them: [`Scope::Everybody`] is what it would be about, and
//! whoever fetches looks at other files before it acts on it.

use sdk_ffi::codes::{Code, Errcode};

use super::VaultError;
use crate::source;

/// `errcode`s that are about the company or the address that calls, and so about every file (finance-sdk §5.2).
const COMPANY: [i64; 11] = [
    40001, 40013, 40014, 40091, 42001, 48001, 48002, 60020, 301_042, 301_052, 301_053,
];
/// The file is missing or expired.
const EXPIRED: i64 = 301_048;

/// Why an attempt ended without the whole file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The network, WeCom for the moment, or a code that nobody can explain: another try may help.
    #[error("{0}")]
    Passing(source::Error),
    /// What came cannot be a part of a file. Another try from the beginning may help.
    #[error("{0}")]
    Nonsense(&'static str),
    /// It came empty, and the message announces something: a success with nothing in it.
    #[error("it came empty, and the message announces a file that is not")]
    Empty,
    /// It has no end. Each try costs twice what the message announces.
    #[error("it goes on far beyond the announced size")]
    Endless,
    /// The file took the SDK's process down.
    #[error("{0}")]
    Deadly(source::Error),
    /// The place to go on from is not known any more; only the beginning is.
    #[error("the place to go on from was refused; it begins anew")]
    Cursor,
    /// WeCom has it no longer.
    #[error("{0}")]
    Expired(source::Error),
    /// This file is not given out.
    #[error("{0}")]
    Refused(source::Error),
    /// It cannot be asked for: this program does not hand such an `sdkfileid` to the library.
    #[error("{0}")]
    Unaskable(source::Error),
    /// The message announces more than is allowed here; it is not asked for.
    #[error("it is larger than `media.max_file_mib` allows ({0} bytes)")]
    TooLarge(u64),
    /// More came than is allowed here.
    #[error("it is larger than `media.max_file_mib` allows ({0} bytes came)")]
    Overlong(u64),
    /// What would be about every file was said of this one, and others came.
    #[error("{0}")]
    Own(String),
    /// The disk is full.
    #[error("the disk is full: {0}")]
    NoRoom(String),
    /// The operator must act, if it is true.
    #[error(transparent)]
    Stop(source::Error),
    /// The vault did not take it in.
    #[error(transparent)]
    Vault(VaultError),
    /// This machine: the folder is not ours, or the disk is broken.
    #[error("cannot write {what}: {cause}")]
    Disk {
        /// What was to be written.
        what: String,
        /// What the system said.
        cause: std::io::Error,
    },
}

/// Whom a fault concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// This file. It waits or ends; the others come.
    File,
    /// Whoever asks at this moment. It says nothing about the file.
    Moment,
    /// Every file, if it is true: the configuration, the service, this machine.
    Everybody,
    /// Every file, until there is room on the disk.
    Room,
}

impl Fault {
    /// Sorts an error of the chunk port. `begun`: the call named a place to go on from.
    pub fn sort(error: source::Error, begun: bool) -> Self {
        use source::{Call, Death, Error};
        match &error {
            Error::Handle(_) => Self::Unaskable(error),
            Error::Cursor(_) => Self::Cursor,
            Error::Child {
                during: Call::Media,
                death: Death::Outside(_) | Death::Hang(_),
            } => Self::Passing(error),
            Error::Child {
                during: Call::Media, ..
            } => Self::Deadly(error),
            Error::Sdk {
                call: Call::Media,
                errcode: 0,
                code,
                ..
            } => match code {
                Code::Expired => Self::Expired(error),
                Code::BadFileId => Self::Refused(error),
                Code::BadParameter if begun => Self::Cursor,
                Code::BadParameter => Self::Refused(error),
                Code::BadIp | Code::Certificate => Self::Stop(error),
                Code::Oversize => Self::Nonsense("a chunk or its cursor is larger than any can be"),
                Code::Implausible => {
                    Self::Nonsense("the library says that a chunk came, and it contradicts itself")
                }
                // 10001 to 10003; 10006, seen now and then and gone at the next try; all that no document names for files.
                _ => Self::Passing(error),
            },
            Error::Sdk {
                call: Call::Media, ..
            }
            | Error::Envelope { .. } => match error.errcode() {
                EXPIRED => Self::Expired(error),
                company if COMPANY.contains(&company) => Self::Stop(error),
                _ => Self::Passing(error),
            },
            // No child could be had at all; no file was asked for.
            _ => Self::Stop(error),
        }
    }

    /// Whom it concerns.
    pub fn scope(&self) -> Scope {
        match self {
            Self::Passing(error) => match error {
                source::Error::Child { .. } => Scope::Moment,
                _ if error.code() == Code::Network.raw() && error.errcode() == 0 => Scope::Moment,
                _ if error.errcode() != 0 && Errcode(error.errcode()).retryable() => Scope::Moment,
                _ => Scope::File,
            },
            Self::NoRoom(_) => Scope::Room,
            Self::Vault(error) if error.is_full() => Scope::Room,
            Self::Vault(VaultError::Damaged { .. }) => Scope::File,
            Self::Stop(_) | Self::Vault(_) | Self::Disk { .. } => Scope::Everybody,
            _ => Scope::File,
        }
    }

    /// True when the same chunk may be asked for again at once.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Passing(_))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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

    fn died(during: Call, death: Death) -> Error {
        Error::Child { during, death }
    }

    #[test]
    fn what_no_document_calls_final_is_tried_again() {
        let known_final = [
            10000,
            10005,
            10009,
            10010,
            10011,
            Code::OVERSIZE,
            Code::IMPLAUSIBLE,
        ];
        for code in (-200..=200)
            .chain(9_900..10_100)
            .chain([424_242, i32::MIN, i32::MAX])
        {
            if code != 0 && !known_final.contains(&code) {
                assert!(Fault::sort(sdk(code, 0), true).is_passing(), "{code}");
            }
        }
        for errcode in [-1, 45009, 999_999, 301_058] {
            assert!(Fault::sort(sdk(10002, errcode), false).is_passing(), "{errcode}");
        }
    }

    #[test]
    fn what_is_final_is_so_for_this_file() {
        assert!(matches!(Fault::sort(sdk(10010, 0), true), Fault::Expired(_)));
        assert!(matches!(
            Fault::sort(sdk(10002, 301_048), false),
            Fault::Expired(_)
        ));
        for refused in [sdk(10005, 0), sdk(10000, 0)] {
            let fault = Fault::sort(refused, false);
            assert!(matches!(fault, Fault::Refused(_)), "{fault}");
            assert_eq!(fault.scope(), Scope::File);
        }
        let unaskable = Fault::sort(Error::Handle("why"), false);
        assert!(matches!(unaskable, Fault::Unaskable(_)), "{unaskable}");
        assert_eq!(unaskable.scope(), Scope::File);
        for anew in [sdk(10000, 0), Error::Cursor("why")] {
            assert!(matches!(Fault::sort(anew, true), Fault::Cursor));
        }
    }

    #[test]
    fn only_the_company_the_address_and_the_machine_are_about_everybody() {
        for stop in [
            sdk(10009, 0),
            sdk(10011, 0),
            sdk(10001, 48002),
            Error::Library("why".into()),
            died(Call::Load, Death::Signal(11)),
            died(Call::Init, Death::Exit(1)),
            Error::Sdk {
                call: Call::Init,
                code: Code::BadParameter,
                errcode: 0,
                message: String::new(),
            },
        ] {
            let fault = Fault::sort(stop, false);
            assert_eq!(fault.scope(), Scope::Everybody, "{fault}");
        }
        for moment in [
            sdk(10001, 0),
            sdk(10002, 45009),
            died(Call::Media, Death::Outside(9)),
            died(Call::Media, Death::Hang(Duration::from_secs(1))),
        ] {
            let fault = Fault::sort(moment, false);
            assert_eq!(fault.scope(), Scope::Moment, "{fault}");
        }
        let deadly = Fault::sort(died(Call::Media, Death::Signal(11)), false);
        assert!(matches!(deadly, Fault::Deadly(_)) && deadly.scope() == Scope::File);
        assert_eq!(Fault::sort(sdk(10002, 0), false).scope(), Scope::File);
    }
}
