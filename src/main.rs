//! The door: a child of our own goes its way at once, everybody else is parsed, run and answered with an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Before anything else: the process that holds the vendor library has no use for the rest of the program.
    if std::env::args_os()
        .nth(1)
        .is_some_and(|verb| verb == sdk_ffi::child::ARGUMENT)
    {
        std::process::exit(sdk_ffi::child::run());
    }
    shiguan::cli::main()
}
