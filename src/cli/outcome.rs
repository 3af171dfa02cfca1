//! How a command ends: an exit code that scripts can rely on, or a failure told once.

use std::{fmt, process::ExitCode};

use super::out;
use crate::{
    archive, config::ConfigError, sanitize::Line, search::QueryError, source, store::StoreError,
    unseal::KeyError,
};

/// Exit codes (README, "Exit codes").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All well.
    Well,
    /// Finished, and something waits for a person: records, files, a difference that nothing explains.
    Waiting,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Well => Self::SUCCESS,
            Exit::Waiting => Self::from(3),
        }
    }
}

/// Who has to act, which fixes the heading and the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// What was typed or configured.
    Usage,
    /// The run itself.
    Run,
    /// Whoever read our output has gone; nothing to tell.
    BrokenPipe,
    /// Everything was printed already; only the exit code is left.
    Told,
}

/// An error on its way to the person: what happened, why, what to type next.
#[derive(Debug)]
pub struct Failure {
    kind: Kind,
    message: String,
    /// Lines that belong below the message, such as the query with a mark under the place of its error.
    below: Vec<Line>,
    hint: Option<String>,
}

impl Failure {
    /// Typed or configured wrongly: exit code 2.
    pub fn usage(message: impl fmt::Display) -> Self {
        Self {
            kind: Kind::Usage,
            message: message.to_string(),
            below: Vec::new(),
            hint: None,
        }
    }

    /// The command failed: exit code 1.
    pub fn run(message: impl fmt::Display) -> Self {
        Self {
            kind: Kind::Run,
            message: message.to_string(),
            below: Vec::new(),
            hint: None,
        }
    }

    /// The command failed and has said all there is to say: exit code 1.
    pub fn told() -> Self {
        Self {
            kind: Kind::Told,
            message: String::new(),
            below: Vec::new(),
            hint: None,
        }
    }

    /// The command did its work, and what it said did not arrive: exit code 1.
    pub(super) fn unprinted(error: std::io::Error) -> Self {
        Self::run(format!("what was printed did not arrive: {error}"))
            .hint("the archive is as the command left it; make room where stdout goes, or send it elsewhere")
    }

    /// Adds a line below the message.
    pub(super) fn below(mut self, line: Line) -> Self {
        self.below.push(line);
        self
    }

    /// Adds the next thing to type.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same as a failure of the run: exit code 1.
    pub(super) fn of_the_run(self) -> Self {
        match self.kind {
            Kind::Usage => Self {
                kind: Kind::Run,
                ..self
            },
            _ => self,
        }
    }

    /// With the company it is about in front.
    pub(super) fn about(self, company: &str) -> Self {
        let start = format!("{company}: ");
        if self.message.starts_with(&start) {
            return self;
        }
        Self {
            message: start + &self.message,
            ..self
        }
    }

    /// Prints it once and names the exit code.
    pub fn tell(self) -> ExitCode {
        let code = match self.kind {
            Kind::BrokenPipe => return ExitCode::SUCCESS,
            Kind::Told => return ExitCode::FAILURE,
            Kind::Usage => 2,
            Kind::Run => 1,
        };
        errln!("error: {}", self.message);
        self.below.iter().for_each(out::tell);
        if let Some(hint) = self.hint {
            errln!(" hint: {hint}");
        }
        ExitCode::from(code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        let kind = if error.kind() == std::io::ErrorKind::BrokenPipe {
            Kind::BrokenPipe
        } else {
            Kind::Run
        };
        Self {
            kind,
            message: error.to_string(),
            below: Vec::new(),
            hint: None,
        }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        error
            .into_io_error()
            .map_or_else(|| Self::run("cannot write JSON"), Self::from)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::usage(error)
    }
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        Self::usage(error)
    }
}

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Self {
        Self::usage(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            // As with a query that cannot be parsed.
            StoreError::Question(_) => Self::usage(error),
            error => Self::run(error),
        }
    }
}

impl From<source::Error> for Failure {
    fn from(error: source::Error) -> Self {
        let hint = error.hint().to_owned();
        Self::run(error).hint(hint)
    }
}

impl From<archive::Error> for Failure {
    fn from(error: archive::Error) -> Self {
        let hint = error.hint();
        let failure = Self::run(error);
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

trait IntoIo {
    fn into_io_error(self) -> Option<std::io::Error>;
}

impl IntoIo for serde_json::Error {
    fn into_io_error(self) -> Option<std::io::Error> {
        self.io_error_kind().map(std::io::Error::from)
    }
}
