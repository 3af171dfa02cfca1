//! Texts that count as the same when somebody asks for it: written in simplified or traditional characters, or read as some pinyin.
//!
//! What is asked becomes [`Rows`]: a character for each place, or one of a set. A text holds it when some row stands in it, place by
//! place, after folding. Nothing of this is in the index: it is asked pair by pair with every pair the sets allow.

use std::borrow::Cow;

use super::{
    before::fold_by_version_2,
    fold::{Folded, fold},
    pinyin, variants,
};

/// In which way texts are alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Alike {
    /// The same characters, simplified or traditional ([`variants`]).
    Variants,
    /// Characters that are read so ([`pinyin`]).
    Pinyin,
}

impl Alike {
    /// The key of the query language.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Variants => "variants",
            Self::Pinyin => "pinyin",
        }
    }
}

/// What may stand at one place, ascending.
pub type Set = Cow<'static, [char]>;

/// Rows of sets; a text holds them when it holds one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows(Vec<Vec<Set>>);

impl Rows {
    /// What is asked of texts. No row when folding leaves nothing of it, or when it is no pinyin.
    pub fn of(alike: Alike, asked: &str) -> Self {
        Self::folded_by(fold, alike, asked)
    }

    fn folded_by(fold: impl Fn(&str) -> String, alike: Alike, asked: &str) -> Self {
        let rows = match alike {
            Alike::Variants => vec![fold(asked).chars().map(with_forms).collect()],
            Alike::Pinyin => {
                let ways = pinyin::ways(asked).unwrap_or_default();
                let row = |way: Vec<&str>| {
                    way.into_iter()
                        .map(|one| Cow::Borrowed(pinyin::read_as(one)))
                        .collect()
                };
                ways.into_iter().map(row).collect()
            }
        };
        Self(
            rows.into_iter()
                .filter(|row: &Vec<Set>| !row.is_empty())
                .collect(),
        )
    }

    /// What is asked of names: pinyin may be initials as well.
    pub fn of_name(alike: Alike, asked: &str) -> Self {
        let mut rows = Self::of(alike, asked);
        if alike == Alike::Pinyin
            && let Some(initials) = pinyin::initials(asked)
        {
            let sets = initials.into_iter().map(pinyin::begin_with).map(Cow::Borrowed);
            rows.0.push(sets.collect());
        }
        rows
    }

    /// The rows as they are.
    pub fn rows(&self) -> &[Vec<Set>] {
        &self.0
    }

    /// True when nothing is alike.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// True when all of a folded text is one of them.
    pub fn are(&self, folded: &str) -> bool {
        let chars: Vec<char> = folded.chars().collect();
        self.0
            .iter()
            .any(|row| row.len() == chars.len() && stands(row, &chars))
    }

    /// True when a folded text contains one of them.
    pub fn are_in(&self, folded: &str) -> bool {
        let chars: Vec<char> = folded.chars().collect();
        self.0
            .iter()
            .any(|row| chars.windows(row.len()).any(|window| stands(row, window)))
    }

    /// Every place where one of them stands, as ranges of folded characters, row by row.
    pub fn find(&self, folded: &Folded) -> Vec<std::ops::Range<usize>> {
        let chars = folded.chars();
        let mut found = Vec::new();
        for row in &self.0 {
            let mut at = 0;
            while at + row.len() <= chars.len() {
                if stands(row, &chars[at..at + row.len()]) {
                    found.push(at..at + row.len());
                    at += row.len();
                } else {
                    at += 1;
                }
            }
        }
        found
    }
}

/// Rows by each version of the rules that parts of an index may have.
#[derive(Debug, Clone)]
pub struct AlikeAsks {
    now: Rows,
    version_2: Rows,
}

impl AlikeAsks {
    /// Folds what is asked by each.
    pub fn of(alike: Alike, asked: &str) -> Self {
        Self {
            now: Rows::of(alike, asked),
            version_2: Rows::folded_by(fold_by_version_2, alike, asked),
        }
    }

    /// By the rules of a version; of one that this program does not know, by its own.
    pub fn by(&self, version: u32) -> &Rows {
        match version {
            2 => &self.version_2,
            _ => &self.now,
        }
    }
}

fn with_forms(c: char) -> Set {
    match variants::forms(c) {
        [] => Cow::Owned(vec![c]),
        forms => Cow::Borrowed(forms),
    }
}

fn stands(row: &[Set], chars: &[char]) -> bool {
    row.iter().zip(chars).all(|(set, c)| match &**set {
        [only] => only == c,
        set => set.binary_search(c).is_ok(),
    })
}

/// True when some character of a text has another form.
pub fn has_variants(text: &str) -> bool {
    fold(text).chars().any(|c| !variants::forms(c).is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Each character of a folded text as the first of its class: the relation in its plainest form.
    fn plainest(text: &str) -> String {
        let first = |c| variants::forms(c).first().copied().unwrap_or(c);
        fold(text).chars().map(first).collect()
    }

    #[test]
    fn names_are_whole_or_parts_and_may_be_initials() {
        let rows = Rows::of_name(Alike::Pinyin, "gaojie");
        assert!(rows.are("高杰") && rows.are("高洁") && rows.are("高傑") && !rows.are("高杰的备注"));
        assert!(rows.are_in("高杰的备注") && !rows.are_in("高 杰") && !rows.are_in(""));
        let rows = Rows::of_name(Alike::Pinyin, "zs");
        assert!(rows.are("张三") && rows.are("赵四") && !rows.are("张大三") && !rows.are("zs"));
        assert!(Rows::of(Alike::Pinyin, "zs").is_empty(), "initials are for names");
        let rows = Rows::of_name(Alike::Variants, "高傑");
        assert!(rows.are("高杰") && rows.are("高傑") && !rows.are("高洁"));
    }

    #[test]
    fn only_what_has_another_form_has_variants() {
        assert!(has_variants("发票") && has_variants("⻓") && has_variants("x發"));
        assert!(!has_variants("票") && !has_variants("refund ①") && !has_variants(""));
    }

    proptest! {
        #[test]
        fn variants_stand_where_the_plainest_forms_do(
            text in "[发發髮髪票a Ａ干乾幹⻓长長é]{0,14}", asked in "[发發髮票aＡ干乾長⻓]{1,4}"
        ) {
            let rows = Rows::of(Alike::Variants, &asked);
            let expected = plainest(&text).contains(&plainest(&asked));
            prop_assert_eq!(rows.are_in(&fold(&text)), expected);
            prop_assert_eq!(!rows.find(&Folded::new(&text)).is_empty(), expected);
            prop_assert_eq!(rows.are(&fold(&text)), plainest(&text) == plainest(&asked));
        }

        #[test]
        fn pinyin_stands_where_some_cut_does(text in "[先西安退推款寬a]{0,10}", asked in "(xi|an|xian|tui|kuan){1,3}") {
            let rows = Rows::of(Alike::Pinyin, &asked);
            let chars: Vec<char> = fold(&text).chars().collect();
            let expected = pinyin::ways(&asked).expect("pinyin").iter().any(|way| {
                (0..=chars.len()).any(|at| {
                    way.len() + at <= chars.len()
                        && way.iter().zip(&chars[at..]).all(|(one, c)| pinyin::read_as(one).contains(c))
                })
            });
            prop_assert_eq!(rows.are_in(&fold(&text)), expected);
        }

        #[test]
        fn no_text_breaks_it(asked in "\\PC{0,20}", text in "\\PC{0,20}") {
            for alike in [Alike::Variants, Alike::Pinyin] {
                let rows = Rows::of_name(alike, &asked);
                prop_assert_eq!(rows.are_in(&fold(&text)), !rows.find(&Folded::new(&text)).is_empty());
            }
        }
    }
}
