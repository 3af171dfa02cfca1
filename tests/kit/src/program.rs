//! The program, as a script sees it.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
};

use serde_json::Value;

use crate::Corpus;

/// The built program.
#[derive(Debug, Clone)]
pub struct Program(PathBuf);

/// A command that ended.
#[derive(Debug)]
pub struct Finished {
    /// Exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it told.
    pub stderr: String,
}

impl Finished {
    /// It must have ended with this exit code; what it printed is shown when it did not.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}\n{}", self.stdout, self.stderr);
        self
    }
}

impl Program {
    /// Use `env!("CARGO_BIN_EXE_shiguan")`.
    pub fn new(path: &str) -> Self {
        Self(PathBuf::from(path))
    }

    /// A command with nothing of the tester's own environment that could change its ways.
    pub fn command<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(&self.0);
        command.args(args).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            let name_text = name.to_string_lossy();
            if name_text.starts_with("SHIGUAN_")
                || ["COLUMNS", "NO_COLOR", "CLICOLOR_FORCE"].contains(&&*name_text)
            {
                command.env_remove(&name);
            }
            // For running the whole suite in another mode: SUITE_SHIGUAN_UNSEAL__THREADS=1 cargo test
            if let Some(meant) = name_text.strip_prefix("SUITE_") {
                command.env(meant, std::env::var_os(&name).unwrap_or_default());
            }
        }
        command
    }

    /// Runs a command to its end.
    pub fn run<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Finished {
        self.command(args).output().expect("the program starts").into()
    }

    /// Makes an archive folder that pulls from `corpus`.
    pub fn archive(&self, dir: &Path, corpus: &Corpus) -> Archive {
        let made = self.run([
            OsStr::new("init"),
            OsStr::new("--dir"),
            dir.as_os_str(),
            OsStr::new("--mock"),
            corpus.path.as_os_str(),
        ]);
        assert_eq!(made.code, Some(0), "{}", made.stderr);
        Archive {
            program: self.clone(),
            config: dir.join("shiguan.toml"),
            dir: dir.to_owned(),
        }
    }
}

impl From<Output> for Finished {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("stdout is UTF-8"),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Finished {
    /// The last line of stdout as JSON.
    pub fn json(&self) -> Value {
        let line = self.stdout.trim_end().lines().last().unwrap_or_default();
        serde_json::from_str(line)
            .unwrap_or_else(|_| panic!("no JSON line:\n{}\n{}", self.stdout, self.stderr))
    }

    /// Every line of stdout as JSON.
    pub fn json_lines(&self) -> Vec<Value> {
        self.stdout
            .lines()
            .map(|line| serde_json::from_str(line).expect("a JSON line"))
            .collect()
    }
}

/// An archive folder made by `init --mock`.
#[derive(Debug, Clone)]
pub struct Archive {
    program: Program,
    /// Its configuration file.
    pub config: PathBuf,
    /// Its folder.
    pub dir: PathBuf,
}

impl Archive {
    /// A command on this archive.
    pub fn command<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        let mut command = self
            .program
            .command([OsStr::new("--config"), self.config.as_os_str()]);
        command.args(args);
        command
    }

    /// Runs a command on this archive to its end.
    pub fn run<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Finished {
        self.command(args).output().expect("the program starts").into()
    }

    /// Starts a command on this archive; nobody reads what it prints.
    pub fn start<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Child {
        self.command(args)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts")
    }

    /// `pull --json`, with quick retries; the exit code must be one of `codes`.
    pub fn pull(&self, codes: &[i32]) -> Value {
        let finished = self.run(PULL);
        let code = finished.code.expect("an exit code");
        assert!(
            codes.contains(&code),
            "exit {code}\n{}\n{}",
            finished.stdout,
            finished.stderr
        );
        finished.json()
    }

    /// Every hit of a query.
    pub fn search(&self, query: &str) -> Vec<Value> {
        let finished = self.run(["search", "--json", "--all", query]);
        assert_eq!(finished.code, Some(0), "{query}: {}", finished.stderr);
        finished.json_lines()
    }

    /// `stats --json`.
    pub fn stats(&self) -> Value {
        let finished = self.run(["stats", "--json"]);
        assert_eq!(finished.code, Some(0), "{}", finished.stderr);
        finished.json()
    }

    /// The hash of everything the archive holds.
    pub fn digest(&self) -> String {
        let finished = self.run(["digest"]);
        assert_eq!(finished.code, Some(0), "{}", finished.stderr);
        finished.stdout.trim().to_owned()
    }

    /// `waiting --json`, all of it.
    pub fn waiting(&self) -> Vec<Value> {
        let finished = self.run(["waiting", "--json", "--limit", "1000000"]);
        assert_eq!(finished.code, Some(0), "{}", finished.stderr);
        finished.json_lines()
    }
}

/// The same command on a full disk: no file it writes grows beyond so many bytes (a multiple of 512). The engine needs 32 KiB for
/// the index of its write-ahead log.
pub fn on_full_disk(command: &Command, bytes: u64) -> Command {
    let mut shell = Command::new("sh");
    // Without the trap a write beyond the limit would kill the process instead of failing.
    shell
        .args(["-c", "trap '' XFSZ; ulimit -S -f \"$0\"; exec \"$@\""])
        .arg((bytes / 512).to_string())
        .arg(command.get_program())
        .args(command.get_args())
        .stdin(Stdio::null());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
}

/// Asks a program to end as a service manager does, with SIGTERM.
pub fn ask_to_end(child: &Child) {
    let asked = Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status();
    assert!(asked.expect("kill starts").success(), "it has ended before");
}

/// Asks a program to end and waits until it has.
pub fn terminate(child: &mut Child) -> ExitStatus {
    ask_to_end(child);
    child.wait().expect("an end")
}

/// `pull` with retries that do not make a test wait.
pub const PULL: [&str; 6] = [
    "pull",
    "--json",
    "--set",
    "pull.retry_backoff_ms=20",
    "--set",
    "pull.retry_backoff_max_ms=40",
];
