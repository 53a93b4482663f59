//! Text that people wrote, as a mail repeats it: mail programs find no address in it to turn into a
//! link, so that nobody sends a link of theirs in our name.

/// A text in which no mail program finds an address to link: an invisible joiner stands behind each
/// dot, colon and slash that something follows.
pub fn said_by_people(text: &str) -> String {
    const WORD_JOINER: char = '\u{2060}';
    let mut said = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        if is_unseen(c) {
            said.push(' ');
            continue;
        }
        said.push(c);
        let is_followed = characters.peek().is_some_and(|next| !next.is_whitespace());
        if matches!(c, '.' | ':' | '/' | '@') && is_followed {
            said.push(WORD_JOINER);
        }
    }
    said
}

/// The lines of a note.
pub fn lines_of_note(note: &str) -> Vec<String> {
    note.trim().lines().map(said_by_people).collect()
}

/// A name that nobody takes for anything else: it has no address in it.
pub fn is_plain_name(name: &str) -> bool {
    !name.trim().is_empty() && said_by_people(name) == name
}

/// Whether it is a line break, or turns the direction of the text beside it.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_wrote_has_no_address_that_a_mail_program_finds() {
        for text in [
            "https://evil.example/x",
            "www.evil.example",
            "evil.example",
            "mailto:eve@evil.example",
        ] {
            let said = said_by_people(text);
            assert!(!said.contains(".example"), "{said}");
            assert!(!said.contains("://"), "{said}");
            assert!(!is_plain_name(text), "{text}");
        }
    }

    #[test]
    fn ordinary_words_stay_as_they_are() {
        for text in [
            "Ada Head",
            "Dr. Ada M. Head",
            "See you at 8. Bring: pens",
            "Hill Road School",
            "日本 太郎",
        ] {
            assert_eq!(said_by_people(text), text);
            assert!(is_plain_name(text), "{text}");
        }
        assert!(!is_plain_name("  "));
    }

    #[test]
    fn a_note_keeps_its_lines_and_nothing_unseen() {
        let note = "\n Hello,\r\n\r\nwelcome\u{202e}!\u{0}  \n";
        assert_eq!(lines_of_note(note), ["Hello,", "", "welcome ! "]);
    }
}
