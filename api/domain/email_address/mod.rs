//! The email address in its one canonical spelling: what an account signs in with
//! (`docs/accounts.md`).

mod characters;
mod domain_name;
mod error;
mod local_part;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use characters::is_invisible;
use domain_name::in_own_script;
use error::invalid;
use local_part::canonical_local_part;

pub(super) use domain_name::canonical_domain;
pub use error::EmailAddressError;
pub use local_part::MAX_LOCAL_PART_BYTES;

/// The longest address, in bytes: a mail path of RFC 5321 without its angle brackets (RFC 3696,
/// erratum 1690).
pub const MAX_ADDRESS_BYTES: usize = 254;

/// What is longer, decomposed or in wide scripts, is not worth the work of normalizing it.
const MAX_INPUT_BYTES: usize = 2_048;

/// An email address in canonical form: trimmed, lower case as a whole, Unicode NFC before the `@`
/// and an ASCII domain name (IDNA) behind it.
///
/// Two spellings of one address are equal, whatever their case or Unicode form. Parsing a canonical
/// address gives the same address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct EmailAddress(String);

impl EmailAddress {
    /// Takes back what this application has stored: it was parsed before it was written.
    pub const fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The address that `text` spells, with the white space and the invisible characters around it
    /// taken off: spreadsheets and mail programs leave both behind.
    ///
    /// Before the `@` stands a dot-atom of RFC 5321, with the letters, marks and digits of other scripts
    /// (RFC 6531); behind it, a domain of IDNA 2008. Quoted local parts and IP addresses as domains are
    /// refused: no person's address needs them. Full-width forms are taken for what they are forms of.
    ///
    /// # Errors
    /// Where nothing is left after trimming, or mail cannot be sent there.
    pub fn parse(text: &str) -> Result<Self, EmailAddressError> {
        let text = text.trim_matches(|c: char| c.is_whitespace() || is_invisible(c));
        if text.is_empty() {
            return Err(EmailAddressError::Missing);
        }
        if text.len() > MAX_INPUT_BYTES {
            return Err(invalid(TOO_LONG));
        }
        let text = &fold_width(text);
        refuse_other_notations(text)?;
        let (local_part, domain) = split_at_sign(text)?;
        let address = format!(
            "{}@{}",
            canonical_local_part(local_part)?,
            canonical_domain(domain)?
        );
        if address.len() > MAX_ADDRESS_BYTES {
            return Err(invalid(TOO_LONG));
        }
        Ok(Self(address))
    }

    /// The whole canonical address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The mailbox's name: what stands before the `@`.
    pub fn local_part(&self) -> &str {
        self.parts().0
    }

    /// The address as people read it, with the domain in its own script. It is parsed to the same address.
    pub fn for_people(&self) -> String {
        format!("{}@{}", self.local_part(), in_own_script(self.domain()))
    }

    /// The mailbox that the address most probably leads to: without a subaddress (`+tag`, RFC 5233).
    pub fn mailbox(&self) -> String {
        let (local_part, domain) = self.parts();
        match local_part.split_once('+') {
            Some((name, _)) if !name.is_empty() => format!("{name}@{domain}"),
            Some(_) | None => self.0.clone(),
        }
    }

    /// Whether it has a subaddress: whoever has the mailbox has as many of these as they like.
    pub fn has_subaddress(&self) -> bool {
        self.mailbox() != self.0
    }

    /// The domain name in ASCII, where mail for the address goes: what stands behind the `@`.
    pub fn domain(&self) -> &str {
        self.parts().1
    }

    fn parts(&self) -> (&str, &str) {
        // A canonical address has its `@`; without one it would be all local part.
        self.0.split_once('@').unwrap_or((&self.0, ""))
    }
}

const TOO_LONG: &str = "An email address has at most 254 bytes.";

/// Refuses what people paste in place of an address with the hint that gets them on.
fn refuse_other_notations(text: &str) -> Result<(), EmailAddressError> {
    let reason = if starts_with_mailto(text) {
        "Write the address alone, without “mailto:” before it."
    } else if text.contains(['<', '>']) {
        "Write the address alone, without a name or angle brackets around it."
    } else if text.contains([',', ';']) {
        "Write one address alone: an email address has no comma or semicolon."
    } else if text.contains(char::is_whitespace) {
        "An email address has no spaces or line breaks inside."
    } else {
        return Ok(());
    };
    Err(invalid(reason))
}

fn starts_with_mailto(text: &str) -> bool {
    const SCHEME: &str = "mailto:";
    text.get(..SCHEME.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(SCHEME))
}

fn split_at_sign(text: &str) -> Result<(&str, &str), EmailAddressError> {
    let (local_part, domain) = text.split_once('@').ok_or(invalid(
        "An email address has an @, as in jane@example.org.",
    ))?;
    if domain.contains('@') {
        return Err(invalid("An email address has only one @."));
    }
    Ok((local_part, domain))
}

/// Half-width letters in place of the full-width ones of East Asian keyboards.
fn fold_width(text: &str) -> String {
    let folded = |c: char| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        other => other,
    };
    text.chars().map(folded).collect()
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for EmailAddress {
    type Err = EmailAddressError;

    fn from_str(text: &str) -> Result<Self, EmailAddressError> {
        Self::parse(text)
    }
}

impl TryFrom<String> for EmailAddress {
    type Error = EmailAddressError;

    fn try_from(text: String) -> Result<Self, EmailAddressError> {
        Self::parse(&text)
    }
}

#[cfg(test)]
mod tests;
