//! How names and addresses are folded so that people find them as they type them.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;

/// The longest search key, in bytes. It holds the longest username of nearly any script and fits
/// into an index entry of PostgreSQL (about 2,700 bytes).
const MAX_SEARCH_KEY_BYTES: usize = 1_000;

/// Folds a text for searching and sorting: compatibility forms, case, accents and runs of white
/// space make no difference, so that `muller` finds `Müller`.
///
/// What is stored and what is searched for must both be folded. Folding a key gives the same key.
pub fn search_key(text: &str) -> String {
    // Lower case first, then decomposed: `İ` becomes an `i` with a dot, and the dot an accent.
    let folded: String = text
        .nfkd()
        .flat_map(char::to_lowercase)
        .nfkd()
        .filter(|&c| !is_accent(c) && !is_invisible(c))
        .collect();
    let mut key = String::with_capacity(folded.len());
    for word in folded.split_whitespace() {
        if !key.is_empty() {
            key.push(' ');
        }
        word.chars().for_each(|c| push_base_letter(c, &mut key));
    }
    bound(&mut key);
    key
}

/// A name as it is compared with others that must differ from it: case does not matter, accents do.
pub fn name_key(name: &str) -> String {
    name.nfc()
        .collect::<String>()
        .to_lowercase()
        .nfc()
        .collect()
}

/// A pattern for SQL's `LIKE … ESCAPE '\'` that matches whatever contains `fragment`, taken
/// literally.
pub fn like_pattern(fragment: &str) -> String {
    let mut pattern = String::with_capacity(fragment.len() + 2);
    pattern.push('%');
    for c in fragment.chars() {
        if matches!(c, '\\' | '%' | '_') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

/// Marks that change how a letter sounds or is stressed, in Latin, Greek, Cyrillic, Hebrew, Arabic
/// and more. Vowel signs, nuktas, the voicing of kana and viramas (classes 0, 7, 8, 9 of the
/// Unicode Character Database) are not accents: without them another word is left.
fn is_accent(c: char) -> bool {
    !matches!(canonical_combining_class(c), 0 | 7 | 8 | 9)
}

/// Characters that come along when text is copied, joiners and variation selectors: nobody types
/// them into a search box.
const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
    )
}

/// Letters that people write with an accent or a ligature and that Unicode takes for letters of
/// their own.
fn push_base_letter(c: char, key: &mut String) {
    let base = match c {
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        'þ' => "th",
        'ø' => "o",
        'đ' | 'ð' => "d",
        'ħ' => "h",
        'ı' => "i",
        'ł' => "l",
        'ŧ' => "t",
        'ς' => "σ",
        _ => return key.push(c),
    };
    key.push_str(base);
}

fn bound(key: &mut String) {
    let mut end = key.len().min(MAX_SEARCH_KEY_BYTES);
    while !key.is_char_boundary(end) {
        end -= 1;
    }
    key.truncate(end);
    key.truncate(key.trim_end().len());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_meet_in_one_key() {
        for (text, key) in [
            ("Müller", "muller"),
            ("MU\u{308}LLER", "muller"),
            ("  Jane \t\u{a0}\u{3000} DOE\n", "jane doe"),
            ("Nguyễn Thị Đào", "nguyen thi dao"),
            ("İpek Işık", "ipek isik"),
            ("Groß GROẞ gross", "gross gross gross"),
            ("ΟΔΟΣ οδός", "οδοσ οδοσ"),
            ("Łukasz Żółć", "lukasz zolc"),
            ("Søren Æbelø", "soren aebelo"),
            ("Yrjö-Åke Ääkkönen", "yrjo-ake aakkonen"),
            ("Þórður", "thordur"),
            ("ﬁn Ｊａｎｅ №4 ½", "fin jane no4 1⁄2"),
            ("李明", "李明"),
            ("مُحَمَّد", "محمد"),
            ("שָׁלוֹם", "שלום"),
            ("Ёлка Й", "елка и"),
            ("علی\u{200c}رضا", "علیرضا"),
            ("O'Brien 100%_", "o'brien 100%_"),
            ("👩\u{200d}🏫", "👩🏫"),
            ("¨ ´", ""),
            ("", ""),
        ] {
            assert_eq!(search_key(text), key, "{text}");
        }
    }

    #[test]
    fn marks_that_make_another_word_stay() {
        for (one, other) in [("की", "का"), ("がき", "かき"), ("กิน", "กัน")]
        {
            assert_ne!(search_key(one), search_key(other));
        }
        assert!(search_key("ガキ").starts_with(&search_key("ガ")));
        assert!(search_key("한국").contains(&search_key("국")));
    }

    #[test]
    fn keys_are_bounded_without_a_torn_character() {
        assert_eq!(search_key(&"x".repeat(5_000)).len(), MAX_SEARCH_KEY_BYTES);
        assert_eq!(search_key(&"明".repeat(500)).len(), 999);
        assert_eq!(search_key(&format!("{} y", "x".repeat(999))).len(), 999);
        let longest_korean_name = "각".repeat(100);
        assert!(search_key(&longest_korean_name).len() < MAX_SEARCH_KEY_BYTES);
    }

    #[test]
    fn keys_fold_to_themselves() {
        for c in '\0'..='\u{1ffff}' {
            let text = format!("{c}b a{c}\u{323}\u{307} {c}");
            let key = search_key(&text);
            assert_eq!(search_key(&key), key, "{text:?}");
        }
        for c in ["a ", "é", "明", "각", "😀", "\u{fdfa}"] {
            let key = search_key(&c.repeat(700));
            assert_eq!(search_key(&key), key, "{c:?}");
        }
    }

    #[test]
    fn patterns_take_the_fragment_literally() {
        for (fragment, pattern) in [
            ("jane", "%jane%"),
            ("", "%%"),
            ("100%", "%100\\%%"),
            ("a_b", "%a\\_b%"),
            ("c:\\x", "%c:\\\\x%"),
            ("李_明", "%李\\_明%"),
        ] {
            assert_eq!(like_pattern(fragment), pattern);
        }
    }
}
