//! A name somebody gave a file becomes one that a folder can hold: never a path, never hidden, never another file's.

/// Bytes of a name that every file system takes, with room for what is put around it.
const LONGEST: usize = 120;

/// Names that Windows keeps for devices.
const DEVICES: [&str; 22] = [
    "con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8", "com9",
    "lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9",
];

/// The name, harmless: no separators, no control characters, nothing that turns the direction of writing, no dots or
/// spaces at its ends, not too long. May be empty.
pub fn safe(name: &str) -> String {
    let replaced: String = name
        .chars()
        .filter(|c| !turns(*c))
        .map(|c| match c {
            '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' => '_',
            c if c.is_control() => '_',
            c => c,
        })
        .collect();
    let mut name = replaced
        .trim_matches(|c: char| c == '.' || c.is_whitespace())
        .to_owned();
    if name.len() > LONGEST {
        // The ending is what people open files by.
        let ending = match name.rsplit_once('.') {
            Some((_, ending)) if ending.len() <= 10 => format!(".{ending}"),
            _ => String::new(),
        };
        let cut = name.floor_char_boundary(LONGEST - ending.len());
        name.truncate(cut);
        name.truncate(
            name.trim_end_matches(|c: char| c == '.' || c.is_whitespace())
                .len(),
        );
        name.push_str(&ending);
    }
    let stem = name.split('.').next().unwrap_or_default().to_lowercase();
    if DEVICES.contains(&stem.as_str()) {
        name.insert(0, '_');
    }
    name
}

/// Invisible characters that make `exe.txt` look like `txt.exe`, or two names look the same.
fn turns(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use std::path::{Component, Path};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_of_people_stay_and_tricks_go() {
        for (given, kept) in [
            ("合同（最终）.pdf", "合同（最终）.pdf"),
            ("../../etc/passwd", "_.._etc_passwd"),
            ("..", ""),
            ("C:\\windows\\x.exe", "C__windows_x.exe"),
            (".bashrc", "bashrc"),
            ("报价\u{202e}fdp.exe", "报价fdp.exe"),
            ("报价\u{2028}单\u{e0041}\u{61c}.pdf", "报价单.pdf"),
            ("con.txt", "_con.txt"),
            ("a\0b\nc", "a_b_c"),
            ("x. . ", "x"),
        ] {
            assert_eq!(safe(given), kept, "{given:?}");
        }
        let long = format!("{}.docx", "很".repeat(200));
        assert!(safe(&long).ends_with("很.docx") && safe(&long).len() <= LONGEST);
    }

    proptest! {
        #[test]
        fn never_more_than_one_plain_part(name in any::<String>()) {
            let safe = safe(&name);
            prop_assert!(safe.len() <= LONGEST + 1);
            prop_assert!(!safe.chars().any(|c| c.is_control() || c == '/' || c == '\\' || turns(c)));
            if !safe.is_empty() {
                let parts: Vec<_> = Path::new(&safe).components().collect();
                prop_assert!(matches!(parts[..], [Component::Normal(_)]), "{parts:?}");
                prop_assert!(!safe.starts_with('.'));
            }
        }
    }
}
