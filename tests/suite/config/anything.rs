//! Whatever stands in the file, reading it ends in a configuration or in an error that repeats no secret.

use proptest::prelude::*;

use super::load;

const REFERENCE: &str = include_str!("../../../src/config/reference.toml");

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_text_panics(text in ".{0,200}") {
        let _ = load(&text, &[], &[]);
    }

    #[test]
    fn no_change_to_a_good_file_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), "[ -~\n企]{0,3}"), 1..5),
    ) {
        let mut text = REFERENCE.to_owned();
        for (at, new) in changes {
            let at = text.floor_char_boundary(at.index(text.len()));
            let end = text.ceil_char_boundary((at + 2).min(text.len()));
            text.replace_range(at..end, &new);
        }
        if let Err(error) = load(&text, &[], &[]) {
            for line in error.to_string().lines() {
                let place = line.strip_prefix("shiguan.toml:").unwrap_or_else(|| panic!("no place: {line}"));
                prop_assert!(place.starts_with(|digit: char| digit.is_ascii_digit()), "{}", line);
            }
        }
    }

    #[test]
    fn a_secret_under_any_key_of_a_company_is_not_repeated(
        key in "[a-z_]{1,12}|secret|secret_env|proxy|passwd|keyz|corpid",
        quote in prop::sample::select(vec!["\"", "'", "\"\"\"", ""]),
        close in any::<bool>(),
        value in prop::sample::select(vec!["canary", "http://u:canary@p:1", "canary\\q", "canary canary"]),
    ) {
        let end = if close { quote } else { "" };
        let text = format!("[company.acme]\nenabled = true\n{key} = {quote}{value}{end}\n");
        if let Err(error) = load(&text, &[], &[]) {
            prop_assert!(!error.to_string().contains("canary"), "{error}");
            prop_assert!(!format!("{error:?}").contains("canary"), "{error:?}");
        }
    }

    #[test]
    fn no_variable_and_no_flag_panics(
        name in "(SHIGUAN_)?[A-Z_]{0,30}|SHIGUAN_COMPANY__[A-Z_]{0,9}__[A-Z_]{0,9}",
        key in "[a-z._-]{0,30}|company\\.[a-z_-]{0,5}\\.(pull|sdk)?\\.?[a-z_]{0,9}",
        word in ".{0,20}",
    ) {
        let _ = load("", &[(&name, &word)], &[]);
        let _ = load("", &[], &[(&key, &word)]);
    }
}
