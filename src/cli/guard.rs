//! What this process gives up before it reads keys and secrets: its core file, and being looked into.
//!
//! The SDK's child does the same for itself (`sdk_ffi::cage`); what is set here does not survive the start of another
//! program. Root can still look.

use std::io;

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// No core file, and no other process of this user attaches to or reads the memory of this one.
pub(super) fn close_memory() -> io::Result<()> {
    setrlimit(
        Resource::Core,
        Rlimit {
            current: Some(0),
            maximum: Some(0),
        },
    )?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use rustix::process::{dumpable_behavior, getrlimit};

    use super::*;

    #[test]
    fn neither_a_core_nor_another_process_shows_what_is_in_memory() {
        close_memory().expect("closed");
        assert_eq!(getrlimit(Resource::Core).current, Some(0));
        assert_eq!(dumpable_behavior().expect("asked"), DumpableBehavior::NotDumpable);
    }
}
