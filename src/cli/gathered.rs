//! `--set` wherever it stands: of an option that is given before and behind the verb, clap keeps only what is behind it.

use std::ffi::OsString;

const SET: &str = "--set";

/// The arguments with every `--set KEY=VALUE` at their end, in the order given, so that none is lost. Behind `--` everything stays
/// as it is.
pub(super) fn gathered(args: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut args = args.into_iter();
    let (mut others, mut set, mut rest) = (Vec::new(), Vec::new(), Vec::new());
    while let Some(arg) = args.next() {
        let text = arg.to_string_lossy();
        if text == "--" {
            rest.push(arg);
            rest.extend(args.by_ref());
        } else if text == SET {
            set.push(arg);
            set.extend(args.next());
        } else if text.strip_prefix(SET).is_some_and(|value| value.starts_with('=')) {
            set.push(arg);
        } else {
            others.push(arg);
        }
    }
    others.into_iter().chain(set).chain(rest).collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use proptest::prelude::*;

    use super::*;
    use crate::cli::Cli;

    fn parsed(args: &[&str]) -> Vec<String> {
        let args = gathered(args.iter().map(OsString::from));
        let cli = Cli::try_parse_from(args).expect("parsed");
        cli.global.overrides
    }

    #[test]
    fn none_is_lost_wherever_it_stands() {
        let all = [
            "shiguan",
            "--set",
            "a=1",
            "search",
            "--set=b=2",
            "退款",
            "--set",
            "c=3",
        ];
        assert_eq!(parsed(&all), ["a=1", "b=2", "c=3"]);
        assert_eq!(parsed(&["shiguan", "--set", "a=1", "pull"]), ["a=1"]);
        let quoted = ["shiguan", "--set", "a=1", "search", "--", "--set", "b=2"];
        assert_eq!(parsed(&quoted), ["a=1"]);
    }

    proptest! {
        #[test]
        fn nothing_is_added_or_taken(args in prop::collection::vec("(--set|--set=x|--|a|-v|x=1|--settle)", 0..9)) {
            let args: Vec<OsString> = args.into_iter().map(OsString::from).collect();
            let (mut before, mut after) = (args.clone(), gathered(args));
            before.sort();
            after.sort();
            prop_assert_eq!(before, after);
        }
    }
}
