//! The key by which the names of columns are compared.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// What templates write behind the name of a column, in lower case.
const MARKERS: [&str; 9] = [
    "[required]",
    "(required)",
    "[optional]",
    "(optional)",
    "(pflichtfeld)",
    "(pakollinen)",
    "(obligatorisk)",
    "(obligatorio)",
    "(obligatoire)",
];

/// A header cell as names are compared: letters and digits alone, in lower case, without accents,
/// without a marker such as `[Required]` and without the name of a table.
pub(super) fn key(cell: &str) -> String {
    let unaccented = cell
        .nfkd()
        .filter(|character| !is_combining_mark(*character));
    let folded: String = unaccented.flat_map(char::to_lowercase).collect();
    let name = without_marker(&folded);
    let mut key = String::with_capacity(name.len());
    for character in name.chars().filter(|character| character.is_alphanumeric()) {
        match character {
            'ø' => key.push('o'),
            'ł' => key.push('l'),
            'ı' => key.push('i'),
            'đ' => key.push('d'),
            'æ' => key.push_str("ae"),
            'œ' => key.push_str("oe"),
            'ß' => key.push_str("ss"),
            other => key.push(other),
        }
    }
    key
}

fn without_marker(folded: &str) -> &str {
    let name = without_table(folded.trim_start());
    let name = name.trim_end_matches(|end: char| end.is_whitespace() || end == '*');
    let marked = MARKERS.iter().find_map(|marker| name.strip_suffix(marker));
    marked.unwrap_or(name)
}

/// A name without that of its table: `[Students]Email`.
fn without_table(name: &str) -> &str {
    let behind = name.strip_prefix('[').and_then(|name| name.split_once(']'));
    match behind {
        Some((_, name)) if !name.trim().is_empty() => name,
        Some(_) | None => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_by_letters_and_digits() {
        for (cell, expected) in [
            ("email", "email"),
            ("E-Mail", "email"),
            ("e_mail", "email"),
            (" E mail. ", "email"),
            ("\u{feff}email", "email"),
            ("ＥＭＡＩＬ", "email"),
            ("Email Address [Required]", "emailaddress"),
            ("Email * ", "email"),
            ("Email (required)", "email"),
            ("Email (optional) *", "email"),
            ("Sähköposti", "sahkoposti"),
            ("Contrasen\u{303}a", "contrasena"),
            ("Hasło", "haslo"),
            ("Adı", "adi"),
            ("Lærer", "laerer"),
            ("Password required", "passwordrequired"),
            ("[Students]Student_Email", "studentemail"),
            ("[Email]", "email"),
            ("Email (parent)", "emailparent"),
            ("", ""),
            ("***", ""),
        ] {
            assert_eq!(key(cell), expected, "{cell:?}");
        }
    }
}
