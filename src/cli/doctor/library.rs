//! The library file: what it is, what it needs, whether it loads in a child.

use std::{fs::File, io::Read, path::Path, process::Command};

use super::{Failure, Finding, PATIENCE, source};

/// What the first bytes of a file say (ELF header, offsets 0, 4 and 18).
fn machine(path: &Path) -> std::io::Result<&'static str> {
    let mut head = [0; 20];
    File::open(path)?.read_exact(&mut head)?;
    if head[..4] != *b"\x7fELF" {
        return Ok("no ELF file");
    }
    Ok(match (head[4], u16::from_le_bytes([head[18], head[19]])) {
        (2, 62) => "x86_64",
        (2, 183) => "aarch64",
        (1, 3) => "x86, 32 bit",
        _ => "another architecture",
    })
}

/// Architecture, libc, symbols, hash; then loads it where a crash costs nothing.
pub(super) fn look(runtime: &tokio::runtime::Runtime, path: &Path) -> Result<Vec<Finding>, Failure> {
    let shown = path.display().to_string();
    let machine = match machine(path) {
        Ok(machine) => machine,
        Err(error) => {
            return Ok(vec![Finding::bad(
                "library file",
                shown,
                error.to_string(),
                "check sdk.library; the official file is called libWeWorkFinanceSdk_C.so",
            )]);
        }
    };
    let mut findings = vec![Finding::good("library file", shown)];
    let here = std::env::consts::ARCH;
    if machine != here {
        findings.push(Finding::bad(
            "library architecture",
            machine,
            format!("this machine is {here}"),
            "take the SDK package for this architecture (finance SDK v3 has x86 and arm)",
        ));
        return Ok(findings);
    }
    findings.push(Finding::good("library architecture", machine));
    findings.push(libc());
    let program = std::env::current_exe()?;
    let inspected =
        runtime.block_on(async { tokio::time::timeout(PATIENCE, source::inspect(&program, path)).await });
    match inspected {
        Ok(Ok(seen)) => {
            findings.push(Finding::good("library hash", format!("sha256 {}", seen.sha256)));
            findings.push(match (seen.missing.is_empty(), &seen.refusal) {
                (true, None) => Finding::good("library symbols", format!("all {} found", seen.found)),
                (false, _) => Finding::bad(
                    "library symbols",
                    format!("missing: {}", seen.missing.join(", ")),
                    "this is not the Finance SDK's C library, or a version that is too old",
                    "download the SDK again (v3, file libWeWorkFinanceSdk_C.so)",
                ),
                (true, Some(error)) => Finding::bad(
                    "library loads",
                    "no",
                    error.clone(),
                    "install what it needs (glibc 2.17 or newer; not musl), or take another build",
                ),
            });
            if seen.missing.is_empty() && seen.refusal.is_none() {
                findings.push(Finding::good("library loads", "yes, in a child process"));
            }
        }
        Ok(Err(error)) => findings.push(Finding::bad(
            "library loads",
            "no",
            error.to_string(),
            error.hint().to_owned(),
        )),
        Err(_) => findings.push(Finding::bad(
            "library loads",
            format!("no answer within {} s", PATIENCE.as_secs()),
            "the library hangs while it is loaded",
            "take another build of the SDK",
        )),
    }
    Ok(findings)
}

fn libc() -> Finding {
    match Command::new("getconf").arg("GNU_LIBC_VERSION").output() {
        Ok(output) if output.status.success() => {
            Finding::good("libc", String::from_utf8_lossy(&output.stdout).trim().to_owned())
        }
        _ => Finding::warning(
            "libc",
            "not glibc, as far as can be seen",
            "the official library needs glibc 2.17 or newer; Alpine (musl) cannot load it",
            "use a glibc distribution such as Debian",
        ),
    }
}
