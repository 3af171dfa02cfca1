//! What happens before an answer: waiting, printing, leaking, dying.

use std::{io, thread, time::Duration};

/// Something a call does besides answering.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Time passes.
    Wait(Duration),
    /// The call never comes back.
    Hang,
    /// The process ends here.
    Die(Death),
    /// Rubbish on file descriptor 1.
    Print(u32),
    /// Memory is touched and never given back.
    Leak(u64),
    /// A line on stderr for whoever wonders.
    Say(String),
}

/// Ways to end a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// SIGSEGV by a real bad write.
    Segfault,
    /// SIGABRT.
    Abort,
    /// The C++ runtime's last words, then SIGABRT.
    Terminate,
    /// `_exit` with a status.
    Exit(i32),
}

/// Performs effects in order; `die` has to end the process.
pub fn perform(effects: &[Effect], die: impl Fn(Death)) {
    for effect in effects {
        match effect {
            Effect::Wait(time) => thread::sleep(*time),
            Effect::Hang => loop {
                thread::park();
            },
            Effect::Die(death) => {
                if *death == Death::Terminate {
                    // Word for word what the real library prints before it aborts (finance-sdk §7).
                    write_all(
                        &rustix::stdio::stderr(),
                        b"terminate called after throwing an instance of 'std::out_of_range'\n  \
                          what():  basic_string::substr: __pos (which is 13) > this->size() (which is 12)\n",
                    );
                }
                die(*death);
            }
            Effect::Print(bytes) => write_all(&rustix::stdio::stdout(), &rubbish(*bytes)),
            Effect::Leak(bytes) => leak(*bytes),
            Effect::Say(line) => eprintln!("sdk-mock: {line}"),
        }
    }
}

/// Straight to the descriptor, as C code would: no buffer of Rust's in between. A closed or broken one is no matter.
fn write_all(fd: &impl rustix::fd::AsFd, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match rustix::io::write(fd, bytes) {
            Ok(written) if written > 0 => bytes = &bytes[written..],
            Err(error) if io::Error::from(error).kind() == io::ErrorKind::Interrupted => {}
            Ok(_) | Err(_) => return,
        }
    }
}

/// Bytes that look like a protocol now and then: zeros, a length, text, newlines.
fn rubbish(bytes: u32) -> Vec<u8> {
    b"\0\0\0\x10[warn] curl: 0x1f\n\xff\xfe{\"errcode\":0}\n"
        .iter()
        .copied()
        .cycle()
        .take(bytes as usize)
        .collect()
}

fn leak(bytes: u64) {
    // A byte other than zero in every page: zeroed memory would never become resident.
    let held = vec![0xA5u8; usize::try_from(bytes).unwrap_or(usize::MAX / 2)];
    std::mem::forget(std::hint::black_box(held));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rubbish_has_the_length_asked_for() {
        assert_eq!(rubbish(0).len(), 0);
        assert_eq!(rubbish(1000).len(), 1000);
    }

    #[test]
    fn effects_happen_in_order_up_to_a_death() {
        let deaths = std::cell::RefCell::new(Vec::new());
        let effects = [
            Effect::Wait(Duration::from_millis(1)),
            Effect::Leak(10),
            Effect::Die(Death::Exit(3)),
        ];
        perform(&effects, |death| deaths.borrow_mut().push(death));
        assert_eq!(*deaths.borrow(), [Death::Exit(3)]);
    }

    #[test]
    fn leaked_memory_is_resident() {
        let resident = || {
            let status = std::fs::read_to_string("/proc/self/statm").unwrap();
            status.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
        };
        let before = resident();
        leak(64 << 20);
        // Other tests of this process may give memory back meanwhile; half is proof enough.
        assert!(resident() > before + (32 << 20));
    }
}
