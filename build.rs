//! Tells the program which compiler made it; `shiguan bench` prints it beside every figure.

use std::{env, process::Command};

fn main() {
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let version = Command::new(rustc)
        .arg("--version")
        .output()
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .unwrap_or_default();
    let version = version.trim();
    let version = if version.is_empty() {
        "unknown rustc"
    } else {
        version
    };
    println!("cargo::rustc-env=SHIGUAN_RUSTC={version}");
    println!("cargo::rerun-if-changed=build.rs");
}
