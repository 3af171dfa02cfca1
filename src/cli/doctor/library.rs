//! The library file: what it is, what it needs, whether it loads in a child.

use std::{fs::File, io::Read, path::Path, process::Command};

use super::{Failure, Finding, PATIENCE, source};

/// What a file is, by its first bytes.
#[derive(Debug, PartialEq, Eq)]
enum Form {
    /// A shared object for this kind of machine.
    Machine(String),
    /// Something that no Linux loads.
    Other(&'static str),
}

/// ELF headers have class, byte order, type and machine at the offsets 4, 5, 16 and 18.
fn form(head: &[u8]) -> Form {
    let lower = head.to_ascii_lowercase();
    let markup = lower
        .iter()
        .position(|byte| !byte.is_ascii_whitespace())
        .map_or(&[][..], |start| &lower[start..]);
    Form::Other(match head {
        [] => "an empty file",
        [0x7f, b'E', b'L', b'F', class, order, ..] if head.len() >= 20 => {
            let number = |at: usize| match order {
                2 => u16::from_be_bytes([head[at], head[at + 1]]),
                _ => u16::from_le_bytes([head[at], head[at + 1]]),
            };
            match number(16) {
                1 => return Form::Other("an object file that was not linked"),
                4 => return Form::Other("a core dump"),
                _ => {}
            }
            return Form::Machine(match (class, number(18)) {
                (2, 62) => "x86_64".to_owned(),
                (1, 62) => "x86_64 (x32)".to_owned(),
                (2, 183) => "aarch64".to_owned(),
                (1, 3) => "x86, 32 bit".to_owned(),
                (1, 40) => "arm, 32 bit".to_owned(),
                (2, 258) => "loongarch64".to_owned(),
                (2, 243) => "riscv64".to_owned(),
                (_, 8) => "mips".to_owned(),
                (2, 21) => "powerpc64".to_owned(),
                (_, 22) => "s390".to_owned(),
                (_, other) => format!("another architecture (ELF machine {other})"),
            });
        }
        [0x7f, b'E', b'L', b'F', ..] => "an ELF file that is cut off",
        [b'M', b'Z', ..] => "a Windows program or DLL",
        [0xcf | 0xce, 0xfa, 0xed, 0xfe, ..] | [0xca, 0xfe, 0xba, 0xbe, ..] => "a macOS library or Java class",
        [b'!', b'<', b'a', b'r', b'c', b'h', b'>', ..] => "a static library or package",
        [b'P', b'K', 3 | 5, ..] => "a ZIP or JAR archive; unpack it",
        [0x1f, 0x8b, ..] => "a gzip archive; unpack it",
        [b'v', b'e', b'r', b's', b'i', b'o', b'n', b' ', ..]
            if head.starts_with(b"version https://git-lfs") =>
        {
            "a Git LFS pointer and not the file itself"
        }
        _ if markup.starts_with(b"<!doctype")
            || markup.starts_with(b"<html")
            || markup.starts_with(b"<head") =>
        {
            "an HTML page, as a failed or unauthorised download gives"
        }
        _ if markup.starts_with(b"<?xml") || markup.starts_with(b"{") => {
            "an answer of a server (XML or JSON)"
        }
        // A character may be cut at the end of what was read.
        _ if is_text(head) => "a text file",
        _ => "no ELF file",
    })
}

fn is_text(head: &[u8]) -> bool {
    let good = match std::str::from_utf8(head) {
        Ok(_) => head.len(),
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        Err(_) => return false,
    };
    good > 0
        && !head[..good]
            .iter()
            .any(|byte| *byte < 9 || (14..32).contains(byte))
}

fn head(path: &Path) -> std::io::Result<Vec<u8>> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(std::io::Error::other("it is a folder; name the file in it"));
    }
    let mut head = Vec::new();
    file.take(512).read_to_end(&mut head)?;
    Ok(head)
}

/// Architecture, libc, symbols, hash; then loads it where a crash costs nothing.
pub(super) fn look(
    runtime: &tokio::runtime::Runtime,
    path: &Path,
    pinned: Option<&str>,
) -> Result<Vec<Finding>, Failure> {
    let shown = path.display().to_string();
    let machine = match head(path).map(|head| form(&head)) {
        Ok(Form::Machine(machine)) => machine,
        Ok(Form::Other(what)) => {
            return Ok(vec![Finding::bad(
                "library file",
                shown,
                format!("it is {what}, and no library that Linux loads"),
                "take libWeWorkFinanceSdk_C.so out of WeCom's SDK package for Linux (finance SDK v3), and name it in \
                 sdk.library",
            )]);
        }
        Err(error) => {
            let fix = match error.kind() {
                std::io::ErrorKind::PermissionDenied => {
                    format!(
                        "make it readable for the user that runs shiguan: chmod a+r {shown}, and its folders a+x"
                    )
                }
                _ => "check sdk.library; the official file is called libWeWorkFinanceSdk_C.so".to_owned(),
            };
            return Ok(vec![Finding::bad("library file", shown, error.to_string(), fix)]);
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
    if let Some(pinned) = pinned {
        match runtime.block_on(source::pin::check(path, pinned)) {
            Ok(()) => findings.push(Finding::good(
                "library pin",
                "it is the file that sdk.sha256 names",
            )),
            Err(error) => {
                let hint = error.hint().to_owned();
                findings.push(Finding::bad(
                    "library pin",
                    "another file",
                    error.to_string(),
                    hint,
                ));
                return Ok(findings);
            }
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn elf(class: u8, kind: u16, machine: u16) -> Vec<u8> {
        let mut head = vec![0x7f, b'E', b'L', b'F', class, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        head.extend(kind.to_le_bytes());
        head.extend(machine.to_le_bytes());
        head
    }

    #[test]
    fn what_is_no_library_is_named_as_what_it_is() {
        for (head, expected) in [
            (&b""[..], "empty"),
            (b"MZ\x90\0\x03", "DLL"),
            (b"\n <!DOCTYPE html><html>", "HTML"),
            (b"PK\x03\x04", "ZIP"),
            (b"\x1f\x8b\x08", "gzip"),
            ("请先登录".as_bytes(), "text"),
            (&"请先登录".as_bytes()[..11], "text"),
            (b"{\"errcode\":40001}", "answer of a server"),
            (b"!<arch>\n", "static library"),
            (b"\x7fELF\x02\x01", "cut off"),
            (&elf(2, 1, 62), "not linked"),
            (b"\x00\xff\x01", "no ELF"),
        ] {
            let Form::Other(what) = form(head) else {
                panic!("{head:?} was taken for a library");
            };
            assert!(what.contains(expected), "{what}");
        }
        for (head, expected) in [
            (elf(2, 3, 62), "x86_64"),
            (elf(2, 3, 183), "aarch64"),
            (elf(1, 3, 3), "x86, 32 bit"),
            (elf(2, 3, 999), "another architecture (ELF machine 999)"),
        ] {
            assert_eq!(form(&head), Form::Machine(expected.to_owned()));
        }
    }
}
