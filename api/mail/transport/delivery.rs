//! What a transport delivers, and why it may not.

use std::borrow::Cow;

use crate::domain::email_address::EmailAddress;

/// A mail, ready to leave.
pub struct RenderedMail {
    /// What a folder calls it; the same whenever it is sent.
    pub name: String,
    pub from: EmailAddress,
    pub to: EmailAddress,
    /// Headers and parts (RFC 5322).
    pub text: Vec<u8>,
}

/// Why a mail did not leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeliveryError {
    /// This mail may leave later.
    Transient(Reason),
    /// No mail can leave for now: the way to the server, or the server itself, is at fault.
    Unavailable(Reason),
    /// This mail can never leave.
    Permanent(Reason),
}

impl DeliveryError {
    /// What went wrong.
    pub const fn reason(&self) -> &Reason {
        match self {
            Self::Transient(reason) | Self::Unavailable(reason) | Self::Permanent(reason) => reason,
        }
    }

    /// Its kind in one word, for the log.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Transient(_) => "transient",
            Self::Unavailable(_) => "unavailable",
            Self::Permanent(_) => "permanent",
        }
    }
}

/// What went wrong, in one short line: for those who may see the mail, and for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    text: String,
    loggable: Cow<'static, str>,
}

impl Reason {
    /// A reason in our own words, which name neither the recipient nor what the mail says.
    pub fn own(words: impl Into<Cow<'static, str>>) -> Self {
        let loggable = words.into();
        Self {
            text: one_line(&loggable),
            loggable,
        }
    }

    /// The reply of a mail server with this code. Servers quote the recipient in the text of a reply,
    /// so only its codes are for the log.
    pub fn of_reply(code: u16, text: &str) -> Self {
        let enhanced = text.split_whitespace().next();
        let loggable = match enhanced.filter(|word| is_enhanced_code(word)) {
            Some(enhanced) => format!("{code} {enhanced}"),
            None => code.to_string(),
        };
        Self {
            text: one_line(&format!("{code} {text}")),
            loggable: loggable.into(),
        }
    }

    /// What a mail server said that is no reply of SMTP.
    pub fn unreadable(text: &str) -> Self {
        const WORDS: &str = "the mail server's reply cannot be read";
        Self {
            text: one_line(&format!("{WORDS}: {text}")),
            loggable: WORDS.into(),
        }
    }

    /// The whole reason, which may quote the mail server.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What of it the log may hold: nothing that anybody else wrote.
    pub fn loggable(&self) -> &str {
        &self.loggable
    }
}

/// Whether a word is an enhanced status code (RFC 3463), such as 5.1.1.
fn is_enhanced_code(word: &str) -> bool {
    let parts: Vec<&str> = word.split('.').collect();
    let is_number =
        |part: &&str| (1..=3).contains(&part.len()) && part.bytes().all(|c| c.is_ascii_digit());
    parts.len() == 3 && parts.iter().all(is_number)
}

fn one_line(text: &str) -> String {
    const MAX_CHARS: usize = 500;
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    let visible = line.chars().filter(|c| !c.is_control());
    visible.take(MAX_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_gets_the_codes_of_a_reply_only() {
        for (code, text, loggable) in [
            (
                550,
                "5.1.1 <ada@hill.example>: Recipient address rejected",
                "550 5.1.1",
            ),
            (451, "4.7.650 later", "451 4.7.650"),
            (550, "<ada@hill.example> unknown", "550"),
            (550, "5.1.ada@hill.example unknown", "550"),
            (554, "", "554"),
        ] {
            let reason = Reason::of_reply(code, text);
            assert_eq!(reason.loggable(), loggable);
            assert_eq!(reason.text(), format!("{code} {text}").trim());
        }
        let unreadable = Reason::unreadable("hello\r\nada@hill.example");
        assert!(!unreadable.loggable().contains("ada"));
        assert!(unreadable.text().ends_with("hello ada@hill.example"));
    }
}
