//! `shiguan run` in the background, its log read as it comes: what the tests of events and alerts share.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use kit::{Archive, callback::Caller};
use serde_json::Value;

pub(crate) const TOKEN: &str = "CANARYtokenZq91";
/// Its last character has spare bits that are not zero, as real ones do.
pub(crate) const KEY: &str = "CANARYkeyZq92xvVtzqrmh3Dm3QFCXe6f8SlHoMtMhP";

/// Longer than anything here takes, on a machine with much else to do.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// Writes an owner-only file.
pub(crate) fn private(path: &Path, text: &str) {
    fs::write(path, text).expect("a file");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("permissions");
}

/// Waits until something is so.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A running `shiguan run`, ended when dropped.
pub(crate) struct Daemon {
    child: Child,
    log: PathBuf,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

impl Daemon {
    /// Starts at the most talkative level. `set` are `--set` values.
    pub(crate) fn start(archive: &Archive, log: PathBuf, set: &[String]) -> Self {
        Self::start_in(archive, log, set, &[])
    }

    /// The same with these environment variables.
    pub(crate) fn start_in(
        archive: &Archive,
        log: PathBuf,
        set: &[String],
        environment: &[(&str, &Path)],
    ) -> Self {
        let mut command = archive.command(["-vv", "run", "--set", "log.format=json"]);
        for value in set {
            command.args(["--set", value]);
        }
        let child = command
            .envs(environment.iter().copied())
            .stdout(Stdio::null())
            .stderr(fs::File::create(&log).expect("a log"))
            .spawn()
            .expect("the program starts");
        Self { child, log }
    }

    /// As [`start`](Self::start), for a program whose disk will be [filled](Self::fill_disk).
    pub(crate) fn start_to_be_filled(archive: &Archive, log: PathBuf, set: &[String]) -> Self {
        let mut plain = archive.command(["-vv", "run", "--set", "log.format=json"]);
        for value in set {
            plain.args(["--set", value]);
        }
        // A write beyond the limit is to fail, as it does on a full disk, and not to end the process by a signal.
        let mut command = Command::new("sh");
        command
            .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
            .arg(plain.get_program())
            .args(plain.get_args());
        for (name, value) in plain.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        // The log is written by this process, which has no limit.
        let mut told = child.stderr.take().expect("a pipe");
        let mut file = fs::File::create(&log).expect("a log");
        std::thread::spawn(move || std::io::copy(&mut told, &mut file));
        Self { child, log }
    }

    /// From now on no file of the program grows beyond a few bytes: what a full disk is to it. `false`: as before.
    pub(crate) fn fill_disk(&self, full: bool) {
        let limit = if full {
            "--fsize=4096:"
        } else {
            "--fsize=unlimited:"
        };
        let set = Command::new("prlimit")
            .args(["--pid", &self.child.id().to_string(), limit])
            .status();
        assert!(
            set.is_ok_and(|status| status.success()),
            "prlimit of util-linux is needed"
        );
    }

    /// What makes it answer callbacks; writes the files that are named.
    pub(crate) fn callbacks(scratch: &Path) -> Vec<String> {
        private(&scratch.join("token"), TOKEN);
        private(&scratch.join("key"), KEY);
        vec![
            "callback.listen=127.0.0.1:0".into(),
            format!("company.mock.callback_token_file={}/token", scratch.display()),
            format!("company.mock.callback_aes_key_file={}/key", scratch.display()),
        ]
    }

    /// Who calls it as WeCom does.
    pub(crate) fn caller(&self, archive: &Archive) -> Caller {
        let listening = self.wait_for("callback.listening", 1);
        Caller {
            token: TOKEN.into(),
            aes_key: KEY.into(),
            receiver: corpid(archive),
            path: "/callback/mock".into(),
            address: listening["address"].as_str().expect("text").parse().expect("one"),
        }
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).expect("a log")
    }

    /// Log lines of that event so far.
    pub(crate) fn lines(&self, event: &str) -> Vec<Value> {
        self.log()
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter(|line| line["event"] == event)
            .collect()
    }

    /// Waits for the `count`-th line of that event.
    pub(crate) fn wait_for(&self, event: &str, count: usize) -> Value {
        let began = Instant::now();
        loop {
            if let Some(line) = self.lines(event).into_iter().nth(count - 1) {
                return line;
            }
            assert!(began.elapsed() < PATIENCE, "no {event}:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Asks it to end, and waits.
    pub(crate) fn terminate(mut self) -> Option<i32> {
        kit::terminate(&mut self.child).code()
    }

    /// Ends it as a power failure would.
    pub(crate) fn kill(self) {}
}

pub(crate) fn corpid(archive: &Archive) -> String {
    let text = fs::read_to_string(&archive.config).expect("the configuration");
    let line = text
        .lines()
        .find(|line| line.starts_with("corpid = "))
        .expect("a corpid");
    line.split('"').nth(1).expect("a text").to_owned()
}
