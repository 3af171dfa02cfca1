//! The door.

fn main() {
    // Before anything else: the child must still have one thread and touch no file of ours.
    if std::env::args_os()
        .nth(1)
        .is_some_and(|argument| argument == sdk_ffi::child::ARGUMENT)
    {
        std::process::exit(sdk_ffi::child::run());
    }
}
