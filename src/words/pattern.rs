//! Numbers that mean something to an auditor, told by their form and checksum: mobile numbers, id-card numbers, bank cards,
//! social credit codes.
//!
//! Asked of folded texts, so that full-width and circled digits count and invisible characters inside a number do not hide it.
//! A number is a row of digits (or letters) with nothing in it: digits parted by blanks or dashes are not joined.

/// Kinds of numbers. The place in [`Pattern::ALL`] is written to the store and stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pattern {
    /// A mainland mobile number: 11 digits from 13 to 19, also behind `86` or `0086`.
    Phone,
    /// A mainland id-card number of 18 characters: province, a date that exists, checksum of GB 11643.
    IdCard,
    /// A bank card: 16 to 19 digits with the beginning of a card scheme in use in China and the Luhn checksum. A valid id-card
    /// number is none.
    BankCard,
    /// 统一社会信用代码: 18 characters, a registration authority, digits of a region, checksum of GB 32100.
    CreditCode,
}

impl Pattern {
    /// All of them, in the order of their bits.
    pub const ALL: [Self; 4] = [Self::Phone, Self::IdCard, Self::BankCard, Self::CreditCode];

    /// The word behind `has:`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::IdCard => "id-card",
            Self::BankCard => "bank-card",
            Self::CreditCode => "credit-code",
        }
    }

    /// Reads the word back.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|pattern| pattern.as_str() == word)
    }

    /// Its bit in [`patterns`].
    pub fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// Digits of the shortest number.
const SHORTEST: usize = 11;

/// Which of them a folded text contains, as a set of [`Pattern::bit`]s.
pub fn patterns(folded: &str) -> u8 {
    let text = folded.as_bytes();
    let (mut found, mut at) = (0, SHORTEST - 1);
    // Every row of 11 or more stands in one of the places looked at.
    while at < text.len() {
        if !text[at].is_ascii_alphanumeric() {
            at += SHORTEST;
            continue;
        }
        let before = text[..at]
            .iter()
            .rev()
            .take_while(|byte| byte.is_ascii_alphanumeric());
        let begin = at - before.count();
        let behind = text[at..].iter().take_while(|byte| byte.is_ascii_alphanumeric());
        let end = at + behind.count();
        if end - begin >= SHORTEST {
            found |= in_a_row(&text[begin..end]);
        }
        at = end + SHORTEST;
    }
    found
}

/// In letters and digits with nothing else between them.
fn in_a_row(row: &[u8]) -> u8 {
    let mut found = 0;
    if row.len() == 18 && is_credit_code(row) && !is_id_card(row) {
        found |= Pattern::CreditCode.bit();
    }
    let mut at = 0;
    while at < row.len() {
        let length = row[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let digits = &row[at..at + length];
        let behind = &row[at + length..];
        if is_phone(digits) {
            found |= Pattern::Phone.bit();
        }
        let marked = behind.first() == Some(&b'x') && !behind.get(1).is_some_and(u8::is_ascii_alphanumeric);
        let card = match length {
            17 if marked => &row[at..at + 18],
            _ => digits,
        };
        if is_id_card(card) {
            found |= Pattern::IdCard.bit();
        } else if is_bank_card(digits) {
            found |= Pattern::BankCard.bit();
        }
        at += length + 1;
    }
    found
}

fn is_phone(digits: &[u8]) -> bool {
    let own = match digits {
        [b'8', b'6', own @ ..] if own.len() == SHORTEST => own,
        [b'0', b'0', b'8', b'6', own @ ..] => own,
        own => own,
    };
    matches!(own, [b'1', b'3'..=b'9', rest @ ..] if rest.len() == SHORTEST - 2)
}

fn number(digits: &[u8]) -> u32 {
    digits
        .iter()
        .fold(0, |number, digit| number * 10 + u32::from(digit - b'0'))
}

fn is_id_card(card: &[u8]) -> bool {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let (Some(digits), Some(last)) = (card.get(..17), card.get(17)) else {
        return false;
    };
    if card.len() != 18 || !digits.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let sum: u32 = digits
        .iter()
        .zip(WEIGHTS)
        .map(|(digit, weight)| u32::from(digit - b'0') * weight)
        .sum();
    let province = matches!(number(&digits[..2]), 11..=15 | 21..=23 | 31..=37 | 41..=46 | 50..=54 | 61..=65 | 71 | 81..=83 | 91);
    province
        && b"10x98765432"[sum as usize % 11] == *last
        && is_date(
            number(&digits[6..10]),
            number(&digits[10..12]),
            number(&digits[12..14]),
        )
}

/// No clock is asked: nobody alive was born before 1880, and after 2099 this is to be looked at again.
fn is_date(year: u32, month: u32, day: u32) -> bool {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    (1880..2100).contains(&year) && (1..=days).contains(&day)
}

fn is_bank_card(digits: &[u8]) -> bool {
    if !(16..=19).contains(&digits.len()) {
        return false;
    }
    // UnionPay, Visa, Mastercard, JCB, and debit cards of Chinese banks from before UnionPay.
    let scheme = match number(&digits[..2]) {
        62 | 60 | 81 | 35 | 51..=55 | 22..=27 => true,
        40..=49 => true,
        _ => matches!(number(&digits[..3]), 955 | 900 | 910 | 940 | 950 | 966 | 984),
    };
    scheme && luhn(digits)
}

fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let value = u32::from(digit - b'0') << (place % 2);
            if value > 9 { value - 9 } else { value }
        })
        .sum();
    sum.is_multiple_of(10)
}

fn is_credit_code(code: &[u8]) -> bool {
    // No I, O, S, V, Z.
    const LETTERS: &[u8; 31] = b"0123456789abcdefghjklmnpqrtuwxy";
    const WEIGHTS: [usize; 17] = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];
    let value = |letter: &u8| LETTERS.iter().position(|known| known == letter);
    // Who registered it, and what it is: the pairs in use.
    let kind = match code.first() {
        Some(b'1') => b"1239".contains(&code[1]),
        Some(b'2' | b'3' | b'4' | b'6' | b'7' | b'8') => matches!(code[1], b'1' | b'2' | b'9'),
        Some(b'5') => matches!(code[1], b'1' | b'2' | b'3' | b'9'),
        Some(b'9') => matches!(code[1], b'1' | b'2' | b'3'),
        Some(b'a') => matches!(code[1], b'1' | b'9'),
        Some(b'n') => matches!(code[1], b'1' | b'2' | b'3' | b'9'),
        Some(b'y') => code[1] == b'1',
        _ => false,
    };
    if !kind || !code[2..8].iter().all(u8::is_ascii_digit) {
        return false;
    }
    let Some(values) = code.iter().map(value).collect::<Option<Vec<usize>>>() else {
        return false;
    };
    let sum: usize = values
        .iter()
        .zip(WEIGHTS)
        .map(|(value, weight)| value * weight)
        .sum();
    (31 - sum % 31) % 31 == values[17]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::words::fold;

    fn has(text: &str) -> Vec<&'static str> {
        let found = patterns(&fold(text));
        let all = Pattern::ALL
            .into_iter()
            .filter(|pattern| found & pattern.bit() != 0);
        all.map(Pattern::as_str).collect()
    }

    #[test]
    fn numbers_are_told_by_form_and_checksum() {
        for (text, expected) in [
            ("我的电话13800138000，晚上打", vec!["phone"]),
            ("１３８００１３８０００", vec!["phone"]),
            ("①38 138\u{200b}00138000", vec!["phone"]),
            ("+8613800138000 008613800138000", vec!["phone"]),
            ("tel13800138000x", vec!["phone"]),
            ("12800138000 1380013800 138001380001 23800138000", vec![]),
            ("138 0013 8000", vec![]),
            ("证件11010519491231002X。", vec!["id-card"]),
            ("11010519491231002x", vec!["id-card"]),
            ("440308199901101512", vec!["id-card"]),
            ("440308199901101513", vec![]),
            ("440308199902301516 110105194912310021", vec![]),
            ("11010519491231002xy 111010519491231002x", vec![]),
            ("卡号6222021234567890127", vec![]),
            ("卡号6222020200112233446 4111111111111111", vec!["bank-card"]),
            ("5555555555554444", vec!["bank-card"]),
            ("4111111111111112 1234567812345670", vec![]),
            ("41111111111111110000000", vec![]),
            ("91350100M000100Y43", vec!["credit-code"]),
            ("税号：91350100m000100y43", vec!["credit-code"]),
            ("91350100M000100Y44 91350100M000100Y430", vec![]),
            ("短", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(has(text), expected, "{text}");
        }
    }

    #[test]
    fn words_and_bits_stay() {
        let bits: Vec<u8> = Pattern::ALL.iter().map(|pattern| pattern.bit()).collect();
        assert_eq!(bits, [1, 2, 4, 8]);
        for pattern in Pattern::ALL {
            assert_eq!(Pattern::from_word(pattern.as_str()), Some(pattern));
        }
    }

    /// Every row of letters and digits, without leaps.
    fn slowly(text: &str) -> u8 {
        text.split(|c: char| !c.is_ascii_alphanumeric())
            .fold(0, |found, row| {
                found
                    | if row.len() >= SHORTEST {
                        in_a_row(row.as_bytes())
                    } else {
                        0
                    }
            })
    }

    proptest! {
        #[test]
        fn leaping_over_a_text_misses_nothing(
            text in "([退 ,a]{0,14}(13800138000|11010519491231002x|440308199901101512|4111111111111111|91350100m000100y43|[0-9]{9,19})?){0,5}"
        ) {
            prop_assert_eq!(patterns(&text), slowly(&text));
        }

        #[test]
        fn no_text_breaks_it(text in "\\PC{0,40}") {
            prop_assert_eq!(patterns(&text), slowly(&text));
        }
    }
}
