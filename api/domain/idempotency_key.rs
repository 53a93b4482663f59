//! The name that a client gives to a request, so that it is done once however often it is sent.

/// A key: 1 to 255 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(String);

/// The longest key, in characters.
const MAX_LENGTH: usize = 255;

impl IdempotencyKey {
    /// Reads a key as the draft of the header has it, in quotes (a string of RFC 9651), or as most
    /// clients send it, bare: both forms name the same key.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let key = match text.strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => text.to_owned(),
        };
        let is_key = (1..=MAX_LENGTH).contains(&key.len())
            && key.bytes().all(|byte| byte.is_ascii_graphic());
        is_key.then_some(Self(key))
    }

    /// The key without quotes.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What stands before the closing quote, which has to be the end. Quotes and backslashes are
/// escaped, nothing else is.
fn unquote(quoted: &str) -> Option<String> {
    let mut key = String::with_capacity(quoted.len());
    let mut characters = quoted.chars();
    loop {
        match characters.next()? {
            '"' => return characters.next().is_none().then_some(key),
            '\\' => key.push(characters.next().filter(|c| matches!(c, '"' | '\\'))?),
            other => key.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Option<String> {
        IdempotencyKey::parse(text).map(|key| key.0)
    }

    #[test]
    fn quoted_and_bare_are_one_key() {
        let bare = "8e03978e-40d5-43dd-bc93-6894a57f9324";
        assert_eq!(key(bare).as_deref(), Some(bare));
        assert_eq!(key(&format!("\"{bare}\"")).as_deref(), Some(bare));
        assert_eq!(key(r#""a\"b\\c""#).as_deref(), Some(r#"a"b\c"#));
    }

    #[test]
    fn anything_else_is_none() {
        let long = "k".repeat(256);
        for bad in [
            "",
            " ",
            "\"\"",
            "a b",
            "\"a b\"",
            "kéy",
            "\"open",
            "\"a\"b",
            "\"a\";x=1",
            r#""a\b""#,
            "a\u{7f}",
            &long,
        ] {
            assert_eq!(key(bad), None, "{bad:?}");
        }
        assert!(key(&long[1..]).is_some());
    }
}
