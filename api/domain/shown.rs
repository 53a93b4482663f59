//! Values from outside, as they may stand in a step of a diagnosis, whichever protocol brought them.

use serde_json::Value;

/// How many characters are shown of a value.
const LENGTH: usize = 200;

/// From so many letters and digits on, a word of a foreign sentence may be a token, a code or a secret.
const SECRET: usize = 24;

/// A value in one line and a length that can be read, without what is hidden.
pub fn value(text: &str) -> String {
    let is_break = |it: char| is_hidden(it) && it.is_whitespace();
    let in_one_line = text.chars().map(|it| if is_break(it) { ' ' } else { it });
    let printable = in_one_line.filter(|it| !is_hidden(*it));
    let mut shown: String = printable.take(LENGTH + 1).collect();
    if shown.chars().count() > LENGTH {
        shown.pop();
        shown.push('…');
    }
    shown
}

/// The same of a value that may be missing.
pub fn value_or_nothing(text: Option<&str>) -> String {
    text.map_or_else(|| "nothing".to_owned(), value)
}

/// What changes how the text around it looks, or cannot be seen.
pub fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{AD}'
                | '\u{34F}'
                | '\u{61C}'
                | '\u{180E}'
                | '\u{200B}'..='\u{200F}'
                | '\u{2028}'..='\u{202E}'
                | '\u{2060}'..='\u{206F}'
                | '\u{FEFF}'
                | '\u{FFF9}'..='\u{FFFB}'
                | '\u{E0000}'..='\u{E007F}'
        )
}

/// Whether an answer is a page for browsers.
pub fn is_web_page(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"<")
}

/// A sentence of a provider, without what may be a token, a code or a secret.
pub fn sentence(text: &str) -> String {
    let mut shown = String::new();
    let mut word = String::new();
    for character in text.chars().take(LENGTH * 10).chain([' ']) {
        if character.is_ascii_alphanumeric() || "-_.~+/=%".contains(character) {
            word.push(character);
            continue;
        }
        shown.push_str(if may_be_secret(&word) { "…" } else { &word });
        word.clear();
        shown.push(character);
    }
    value(shown.trim_end())
}

/// A sentence of somebody who was sent secrets, without these.
pub fn sentence_without(secrets: &[&str], text: &str) -> String {
    let known = secrets.iter().filter(|secret| !secret.is_empty());
    let cut = known.fold(text.to_owned(), |text, secret| text.replace(secret, "…"));
    sentence(&cut)
}

fn may_be_secret(word: &str) -> bool {
    let is_id = uuid::Uuid::try_parse(word).is_ok();
    word.len() >= SECRET && !is_id && word.chars().any(|it| it.is_ascii_digit())
}

/// A claim as it is compared.
pub fn claim(claim: Option<&Value>) -> String {
    match claim {
        None | Some(Value::Null) => value_or_nothing(None),
        Some(Value::String(text)) => value(text),
        Some(other) => value(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_can_be_read_and_is_no_secret() {
        assert_eq!(value("a\n\u{202E}b\u{0}"), "a b");
        assert_eq!(value(&"x".repeat(500)).chars().count(), LENGTH + 1);
        let told = sentence(
            "AADSTS7000215: Invalid client secret 'Zx8Q~0123456789abcdefghijklmnop' for app \
             '6731de76-14a6-49ae-97bc-6eba6914391e'.",
        );
        assert!(
            told.contains("6731de76-14a6-49ae-97bc-6eba6914391e") && told.contains("AADSTS7000215")
        );
        assert!(!told.contains("0123456789"), "{told}");
    }

    #[test]
    fn what_was_sent_is_not_shown_however_short_it_is() {
        let code = "7bfcc12d-6a43-46a9-8183-e3f7fc212aed";
        let said = format!("Secret rollcall:hunter wrong; code {code}, verifier ''");
        let told = sentence_without(&["hunter", code, ""], &said);
        assert_eq!(told, "Secret rollcall:… wrong; code …, verifier ''");
    }
}
