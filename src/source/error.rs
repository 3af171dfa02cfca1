//! What can stop a run at the source, sorted by who must act. A record that cannot be opened is not here: it is a
//! value (`record::Waiting`).

use std::fmt;
use std::io;
use std::path::PathBuf;

use sdk_ffi::codes::{Code, Errcode};

use super::death::Death;

/// Which call of the SDK.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Call {
    /// Starting the child and loading the library.
    Load,
    /// `Init`.
    Init,
    /// `GetChatData`.
    ChatData,
    /// `DecryptData`.
    Decrypt,
    /// `GetMediaData`.
    Media,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Load => "loading the SDK",
            Self::Init => "Init",
            Self::ChatData => "GetChatData",
            Self::Decrypt => "DecryptData",
            Self::Media => "GetMediaData",
        })
    }
}

/// Why a call to the source gave nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    // The operator must act.
    /// An option makes no sense.
    #[error("{0}")]
    Options(&'static str),
    /// The child program cannot be started.
    #[error("cannot start {} as the SDK's process: {cause}", program.display())]
    Program {
        /// What was to be started.
        program: PathBuf,
        /// Why not.
        cause: io::Error,
    },
    /// The library cannot be loaded; the text names the file.
    #[error("{0}")]
    Library(String),
    /// The file loads and is not the SDK.
    #[error("{} lacks {} of the SDK's 17 functions: {}", path.display(), missing.len(), missing.join(", "))]
    MissingSymbols {
        /// The library.
        path: PathBuf,
        /// Every symbol that is missing.
        missing: Vec<String>,
    },
    /// The file is not the one that the configuration pins.
    #[error(
        "{} is not the library that sdk.sha256 pins, and was not loaded (SHA-256 {pinned} pinned, {found} found)",
        path.display()
    )]
    LibraryNotPinned {
        /// The library.
        path: PathBuf,
        /// Digest that the configuration names.
        pinned: String,
        /// Digest of the file.
        found: String,
    },
    /// Another library file lies at the path since this run began; the books name one build per run.
    #[error("{} was replaced during the run (SHA-256 {was} before, {now} now)", path.display())]
    LibraryChanged {
        /// The library.
        path: PathBuf,
        /// Digest at the start.
        was: String,
        /// Digest now.
        now: String,
    },

    // The operator or WeCom, as the code says.
    /// The function returned non-zero.
    #[error("{call} returned {code}{}", told(*errcode, message))]
    Sdk {
        /// Which function.
        call: Call,
        /// What it returned.
        code: Code,
        /// `errcode` of the error JSON that came with it; 0 when there was none.
        errcode: i64,
        /// Its `errmsg`, shortened, without anything secret.
        message: String,
    },
    /// The function returned 0 and WeCom's answer says no.
    #[error("WeCom answered errcode {errcode}{}", said(message))]
    Envelope {
        /// WeCom's code.
        errcode: Errcode,
        /// Its `errmsg`, shortened, without anything secret.
        message: String,
    },

    // The vendor library.
    /// The child died; the next call starts another one.
    #[error("the SDK's process {death} during {during}")]
    Child {
        /// What it was doing.
        during: Call,
        /// Of what.
        death: Death,
    },

    // One file.
    /// A file cannot be asked for: its handle is none that the SDK's interface can carry. No call was made.
    #[error("{0}")]
    Handle(&'static str),
    /// A file cannot be gone on with: the cursor is none that the SDK's interface can carry. No call was made.
    #[error("{0}")]
    Cursor(&'static str),

    // This machine.
    /// The marker file could not be made.
    #[error("cannot create the child's marker file: {0}")]
    Marker(#[source] io::Error),
}

impl Error {
    /// The function's return code; 0 when none was returned.
    pub fn code(&self) -> i32 {
        match self {
            Self::Sdk { code, .. } => code.raw(),
            _ => 0,
        }
    }

    /// WeCom's `errcode`; 0 when there was none.
    pub fn errcode(&self) -> i64 {
        match self {
            Self::Sdk { errcode, .. } => *errcode,
            Self::Envelope { errcode, .. } => errcode.0,
            _ => 0,
        }
    }

    /// Whether the same call can succeed later with nothing changed: return codes 10001 to 10003, errcodes -1 and
    /// 45009, and deaths of the child. An errcode overrules the return code it came with.
    pub fn retryable(&self) -> bool {
        match self {
            Self::Sdk { errcode, .. } if *errcode != 0 => Errcode(*errcode).retryable(),
            Self::Sdk { code, .. } => code.retryable(),
            Self::Envelope { errcode, .. } => errcode.retryable(),
            Self::Child { .. } => true,
            _ => false,
        }
    }

    /// True when asking for fewer records is the way on (301058).
    pub fn reduce_limit(&self) -> bool {
        self.errcode() == Errcode::TOO_LARGE.0 || self.code() == Code::OVERSIZE
    }

    /// What to do next, for a person.
    pub fn hint(&self) -> &str {
        match self {
            Self::Options(_) => "correct the value in the configuration",
            Self::Program { .. } => "reinstall shiguan, or check its permissions and the limit on processes",
            Self::Library(_) | Self::MissingSymbols { .. } => {
                "get libWeWorkFinanceSdk_C.so (version 3, this machine's architecture, glibc) from WeCom and see \
                 `shiguan doctor --sdk LIBRARY`"
            }
            Self::LibraryNotPinned { .. } => {
                "find out who replaced the file; if it is the build that you mean to use, write its SHA-256 into sdk.sha256"
            }
            Self::LibraryChanged { .. } => {
                "start again; records waiting for another SDK build are then retried"
            }
            Self::Sdk { errcode, .. } if *errcode != 0 => Errcode(*errcode).hint(),
            Self::Sdk { code, .. } => code.hint(),
            Self::Envelope { errcode, .. } => errcode.hint(),
            Self::Child {
                death: Death::Outside(_),
                ..
            } => "see the system's log: somebody or the out-of-memory killer ended the process",
            Self::Child { .. } => "it is started again by itself; if this stays, try another SDK build",
            Self::Handle(_) => "the message itself carries it so; no call can fetch this file",
            Self::Cursor(_) => "nothing: the file is begun anew",
            Self::Marker(_) => "make room in /dev/shm or the temporary folder",
        }
    }
}

fn told(errcode: i64, message: &str) -> String {
    if errcode == 0 {
        String::new()
    } else {
        format!(", with errcode {}{}", Errcode(errcode), said(message))
    }
}

fn said(message: &str) -> String {
    if message.is_empty() {
        String::new()
    } else {
        format!(": {message}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sdk(code: i32, errcode: i64) -> Error {
        let code = Code::from_raw(code).unwrap();
        Error::Sdk {
            call: Call::ChatData,
            code,
            errcode,
            message: String::new(),
        }
    }

    #[test]
    fn an_errcode_overrules_the_return_code_it_came_with() {
        assert!(sdk(10001, 0).retryable());
        assert!(!sdk(10001, 48002).retryable());
        assert!(sdk(10002, 45009).retryable());
        assert!(!sdk(10000, 0).retryable());
        assert!(sdk(10002, 301_058).reduce_limit());
        assert!(sdk(10001, 48002).hint().contains("own secret"));
    }

    #[test]
    fn messages_say_what_happened_and_are_lower_case_or_named() {
        let refused = Error::Envelope {
            errcode: Errcode(301_042),
            message: "not allow".into(),
        };
        assert_eq!(
            refused.to_string(),
            "WeCom answered errcode 301042 (the caller's public IP address is not in the trusted list): not allow"
        );
        assert_eq!(
            sdk(10002, 45009).to_string(),
            "GetChatData returned 10002 (the reply of the server or proxy could not be parsed), with errcode 45009 \
             (called too often)"
        );
    }
}
