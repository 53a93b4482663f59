//! What programs leave in a column of names: none of it is a person's.

use super::{Username, UsernameError};

/// The username that a text of a file or list spells.
///
/// # Errors
/// As [`Username::parse`], and where a program has written it that had no name.
pub fn parse_from_file(text: &str) -> Result<Username, UsernameError> {
    let name = Username::parse(text)?;
    match fault_of_program(name.as_str()) {
        Some(reason) => Err(UsernameError::Invalid { reason }),
        None => Ok(name),
    }
}

/// What is wrong with a name from a file, as a sentence; `None` where it may be somebody's.
fn fault_of_program(name: &str) -> Option<&'static str> {
    if is_markup(name) {
        Some("This holds markup of a web page. Write the name as plain text.")
    } else if is_empty_value(name) {
        Some(
            "A program has written this where it had no name, or could not compute it. Write the name.",
        )
    } else if has_lost_letters(name) {
        Some(
            "A program could not write some letters of this name, or has written them twice in other forms. Write \
             the name again, or export the file as UTF-8.",
        )
    } else {
        None
    }
}

/// Whether there is a tag or a character reference of HTML in a text.
pub fn is_markup(text: &str) -> bool {
    text.split('<').skip(1).any(makes_tag) || text.split('&').skip(1).any(makes_reference)
}

/// Whether this makes a tag of the `<` before it.
fn makes_tag(text: &str) -> bool {
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || "/!".contains(c));
    begins && text.contains('>')
}

/// Whether this makes a character reference of the `&` before it.
fn makes_reference(text: &str) -> bool {
    let name = text.split_once(';').map_or("", |(name, _)| name);
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '#';
    !name.is_empty() && name.chars().all(is_part)
}

/// Whether this is what spreadsheet programs show for an error, in the languages in which they say it, or databases
/// for nothing.
fn is_empty_value(name: &str) -> bool {
    const VALUES: [&str; 5] = ["NULL", "null", "\\N", "NaN", "undefined"];
    let error = name.strip_prefix('#').unwrap_or_default();
    let is_upper = |text: &str| !text.is_empty() && !text.contains(char::is_lowercase);
    let is_error = error.ends_with(['!', '?']) && !error.contains(' ') && is_upper(error);
    is_error || ["N/A", "NV"].contains(&error) || VALUES.contains(&name)
}

/// Whether question marks stand in the place of letters, or two letters of Western Europe for each one beyond English,
/// as where UTF-8 was read as something else.
fn has_lost_letters(name: &str) -> bool {
    let characters: Vec<char> = name.chars().collect();
    let is_replaced = |two: &[char]| match two {
        ['?', next] => next.is_alphanumeric() || *next == '?',
        ['Ã' | 'Â', next] => matches!(next, '\u{80}'..='\u{bf}'),
        _ => false,
    };
    characters.windows(2).any(is_replaced)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_programs_write_is_no_name() {
        for text in [
            "<b>Bo</b>",
            "J&ouml;rg M&uuml;ller",
            "Pat O&#39;Neill",
            "#N/A",
            "#NV",
            "#REF!",
            "#BEZUG!",
            "#NAME?",
            "#DIV/0!",
            "NULL",
            "\\N",
            "NaN",
            "???? ??????",
            "Jos? N??ez",
            "Jo?o",
            "JosÃ© NÃºÃ±ez",
            "ZoÃ«",
        ] {
            assert!(fault_of_program(text).is_some(), "{text}");
        }
    }

    #[test]
    fn unusual_names_are_names() {
        for name in [
            "Tom & Ann; Kim",
            "Null",
            "Nan Xi",
            "None Such",
            "Who?",
            "#1 Fan!",
            "JOÃO SÃO",
            "Â Ê",
            "A < B",
            "Yes!",
        ] {
            assert_eq!(fault_of_program(name), None, "{name}");
        }
    }
}
