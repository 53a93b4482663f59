//! What people wrote, as a mail repeats it: never something that a mail program turns into a link, so
//! that nobody borrows our name for an address of theirs.

/// The longest line of a note; what is longer is folded.
const LINE: usize = 72;

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
    note.trim()
        .lines()
        .flat_map(|line| folded(&said_by_people(line)))
        .collect()
}

/// A name that nobody takes for anything else: it has no address in it.
pub fn is_plain_name(name: &str) -> bool {
    !name.trim().is_empty() && said_by_people(name) == name
}

/// Line breaks and what turns the direction of the text beside it.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn folded(line: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in line.split_whitespace() {
        let Some(last) = lines.last_mut() else { break };
        if !last.is_empty() && last.chars().count() + 1 + word.chars().count() > LINE {
            lines.push(word.to_owned());
        } else {
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    lines
}
