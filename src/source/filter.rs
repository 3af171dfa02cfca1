//! A program of the operator's own that turns one file into another: the file is its standard input, and what it says
//! on its standard output is the other. For what must not be decoded in a process that holds an archive.
//!
//! Enters: a command without a shell, two paths, how much and how long. Leaves: the file, or why there is none. The program
//! gets no environment but `PATH`, nobody reads what it complains, and it ends with its deadline.
//! Must not know: what is in the files.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::Command,
    time::timeout,
};

use super::nursery;

/// A program and its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    program: String,
    arguments: Vec<String>,
}

/// Why a file was not turned into another.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FilterError {
    /// It is not there, or must not be started.
    #[error("`{program}` cannot be started: {cause}")]
    Start {
        /// As configured.
        program: String,
        /// What the system said.
        cause: io::Error,
    },
    /// It ended badly.
    #[error("`{program}` ended with {status}")]
    Status {
        /// As configured.
        program: String,
        /// How.
        status: ExitStatus,
    },
    /// It took too long.
    #[error("`{program}` took longer than {} seconds", limit.as_secs())]
    Late {
        /// As configured.
        program: String,
        /// How long it was given.
        limit: Duration,
    },
    /// It did not stop talking.
    #[error("`{program}` made more than {most} bytes of it")]
    TooMuch {
        /// As configured.
        program: String,
        /// How much it was allowed.
        most: u64,
    },
    /// A file of ours.
    #[error("{}: {cause}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
}

impl Filter {
    /// Words between blanks, the first of which is the program; `None` when there is none. No shell reads them, so
    /// nothing in them means anything else.
    pub fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace().map(str::to_owned);
        Some(Self {
            program: words.next()?,
            arguments: words.collect(),
        })
    }

    /// Where the program is; `None` when it would not be found.
    pub fn found(&self) -> Option<PathBuf> {
        let plain = Path::new(&self.program);
        if plain.components().count() > 1 {
            return plain.is_file().then(|| plain.to_owned());
        }
        let path = std::env::var_os("PATH")?;
        let mut places = std::env::split_paths(&path).map(|folder| folder.join(plain));
        places.find(|place| place.is_file())
    }

    /// Turns the file at `from` into one at `to`, which is synced. After an error nothing is at `to`.
    pub async fn run(&self, from: &Path, to: &Path, most: u64, limit: Duration) -> Result<(), FilterError> {
        let made = match timeout(limit, self.make(from, to, most)).await {
            Ok(made) => made,
            Err(_) => Err(FilterError::Late {
                program: self.program.clone(),
                limit,
            }),
        };
        if made.is_err() {
            let _nothing_there = fs::remove_file(to);
        }
        made
    }

    async fn make(&self, from: &Path, to: &Path, most: u64) -> Result<(), FilterError> {
        let file = |path: &Path| {
            let path = path.to_owned();
            move |cause| FilterError::File { path, cause }
        };
        let started = |cause| FilterError::Start {
            program: self.program.clone(),
            cause,
        };
        let input = fs::File::open(from).map_err(file(from))?;
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .stdin(Stdio::from(input))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .process_group(0);
        let mut process = nursery::spawn(command).await.map_err(started)?;
        let made = process.stdout.take();
        let mut made = made.ok_or_else(|| started(io::Error::other("its output is missing")))?;
        let mut out = tokio::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(to)
            .await
            .map_err(file(to))?;
        let (mut piece, mut bytes) = (vec![0; 64 * 1024], 0);
        loop {
            match made.read(&mut piece).await.map_err(started)? {
                0 => break,
                read => {
                    bytes += read as u64;
                    if bytes > most {
                        return Err(FilterError::TooMuch {
                            program: self.program.clone(),
                            most,
                        });
                    }
                    out.write_all(&piece[..read]).await.map_err(file(to))?;
                }
            }
        }
        out.sync_all().await.map_err(file(to))?;
        let status = process.wait().await.map_err(started)?;
        if !status.success() {
            return Err(FilterError::Status {
                program: self.program.clone(),
                status,
            });
        }
        Ok(())
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.program)?;
        self.arguments.iter().try_for_each(|word| write!(f, " {word}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    async fn turn(line: &str, most: u64, limit: Duration) -> (Result<(), FilterError>, Option<Vec<u8>>) {
        let scratch = tempfile::tempdir().expect("a folder");
        let (from, to) = (scratch.path().join("from"), scratch.path().join("to"));
        fs::write(&from, b"hello").expect("written");
        let filter = Filter::parse(line).expect("a program");
        assert_eq!(filter.to_string(), line);
        let turned = filter.run(&from, &to, most, limit).await;
        (turned, fs::read(&to).ok())
    }

    #[tokio::test]
    async fn what_a_program_says_is_the_file_and_nothing_is_there_when_it_fails() {
        let (turned, made) = turn("tr a-z A-Z", 100, LIMIT).await;
        turned.expect("turned");
        assert_eq!(made.as_deref(), Some(&b"HELLO"[..]));

        let (turned, made) = turn("tr a-z A-Z", 4, LIMIT).await;
        assert!(matches!(turned, Err(FilterError::TooMuch { .. })), "{turned:?}");
        assert_eq!(made, None);

        let (turned, made) = turn("yes", 1 << 20, LIMIT).await;
        assert!(matches!(turned, Err(FilterError::TooMuch { .. })), "{turned:?}");
        assert_eq!(made, None);

        let (turned, made) = turn("false", 100, LIMIT).await;
        assert!(matches!(turned, Err(FilterError::Status { .. })), "{turned:?}");
        assert_eq!(made, None);

        let (turned, _) = turn("no-such-program-anywhere -x", 100, LIMIT).await;
        let said = turned.expect_err("not there").to_string();
        assert!(said.contains("no-such-program-anywhere"), "{said}");

        let (turned, made) = turn("sleep 100", 100, Duration::from_millis(100)).await;
        assert!(matches!(turned, Err(FilterError::Late { .. })), "{turned:?}");
        assert_eq!(made, None);
    }

    #[tokio::test]
    async fn a_program_sees_no_environment_of_ours() {
        let (turned, made) = turn("env", 10_000, LIMIT).await;
        turned.expect("turned");
        let made = String::from_utf8(made.expect("a list")).expect("text");
        assert!(
            made.lines()
                .all(|line| line.starts_with("PATH=") || line.starts_with("_=")),
            "{made}"
        );
    }

    #[test]
    fn programs_are_found_where_the_system_finds_them() {
        let found = |line| Filter::parse(line).and_then(|filter| filter.found());
        assert!(found("tr a b").is_some());
        assert!(found("/bin/sh -c x").is_some());
        assert_eq!(found("no-such-program-anywhere"), None);
        assert_eq!(found("/no/such/program"), None);
        assert_eq!(found("  "), None);
    }
}
