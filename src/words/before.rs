//! The folding of earlier versions, for the parts of an index that were written by them and are not derived again yet.
//!
//! Version 2, one character to one character: width (full-width ASCII and signs, half-width katakana, U+3000 as a blank)
//! and lower case. Never changed again; a new version of the rules moves the last one here.

/// U+FF61 to U+FF9F in order.
const HALF_WIDTH_KATAKANA: [char; 63] = [
    '。', '「', '」', '、', '・', 'ヲ', 'ァ', 'ィ', 'ゥ', 'ェ', 'ォ', 'ャ', 'ュ', 'ョ', 'ッ', 'ー', 'ア',
    'イ', 'ウ', 'エ', 'オ', 'カ', 'キ', 'ク', 'ケ', 'コ', 'サ', 'シ', 'ス', 'セ', 'ソ', 'タ', 'チ', 'ツ',
    'テ', 'ト', 'ナ', 'ニ', 'ヌ', 'ネ', 'ノ', 'ハ', 'ヒ', 'フ', 'ヘ', 'ホ', 'マ', 'ミ', 'ム', 'メ', 'モ',
    'ヤ', 'ユ', 'ヨ', 'ラ', 'リ', 'ル', 'レ', 'ロ', 'ワ', 'ン', '゛', '゜',
];

/// U+FFE0 to U+FFE6 in order.
const FULL_WIDTH_SIGNS: [char; 7] = ['¢', '£', '¬', '¯', '¦', '¥', '₩'];

/// `text` folded by the rules of version 2.
pub fn fold_by_version_2(text: &str) -> String {
    text.chars().map(|c| lower(narrow(c))).collect()
}

fn narrow(c: char) -> char {
    match c as u32 {
        0x3000 => ' ',
        code @ 0xFF01..=0xFF5E => char::from_u32(code - 0xFEE0).unwrap_or(c),
        code @ 0xFF61..=0xFF9F => HALF_WIDTH_KATAKANA[(code - 0xFF61) as usize],
        code @ 0xFFE0..=0xFFE6 => FULL_WIDTH_SIGNS[(code - 0xFFE0) as usize],
        _ => c,
    }
}

fn lower(c: char) -> char {
    let mut lowered = c.to_lowercase();
    match (lowered.next(), lowered.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_2_stays_what_it_was() {
        assert_eq!(fold_by_version_2("ＡＢＣ　１２！￥ｶﾞÄΣ"), "abc 12!¥カ゛äσ");
        assert_eq!(
            fold_by_version_2("é退\u{200d}\n❤\u{fe0f}①"),
            "é退\u{200d}\n❤\u{fe0f}①"
        );
        assert_eq!(fold_by_version_2("｡｢ｦｧｯｰｱﾝﾞﾟ"), "。「ヲァッーアン゛゜");
    }
}
