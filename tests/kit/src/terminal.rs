//! A terminal of a given width for the program to run on: what a person would see, byte for byte.

use std::{fs::File, io::Read, process::Command, process::Stdio, thread};

use rustix::{
    fs::{Mode, OFlags, open},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcsetwinsize},
};

/// What a command ended with and what stood on the terminal, the terminal's own `\r` taken out.
#[derive(Debug)]
pub struct Seen {
    /// Exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// stdout and stderr as they came.
    pub screen: String,
}

/// Runs a command with stdout and stderr on a new terminal of so many columns.
pub fn on_terminal(mut command: Command, columns: u16) -> Seen {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&ours).expect("access to it");
    unlockpt(&ours).expect("the other end unlocked");
    let name = ptsname(&ours, Vec::new()).expect("its name");
    let theirs = open(&*name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).expect("the other end");
    let size = Winsize {
        ws_row: 50,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&theirs, size).expect("its size");
    let also = theirs.try_clone().expect("the other end twice");
    let child = command
        .env("TERM", "xterm-256color")
        .stdin(Stdio::null())
        .stdout(Stdio::from(theirs))
        .stderr(Stdio::from(also))
        .spawn();
    // It holds the other end open.
    drop(command);
    let mut child = child.expect("the program starts");
    let reader = thread::spawn(move || {
        let (mut file, mut bytes, mut some) = (File::from(ours), Vec::new(), [0; 65_536]);
        // When the other end is closed, reading ends with an error.
        while let Ok(read @ 1..) = file.read(&mut some) {
            bytes.extend_from_slice(&some[..read]);
        }
        bytes
    });
    let ended = child.wait().expect("the program ends");
    let bytes = reader.join().expect("the terminal is read");
    Seen {
        code: ended.code(),
        screen: String::from_utf8_lossy(&bytes).replace("\r\n", "\n"),
    }
}
