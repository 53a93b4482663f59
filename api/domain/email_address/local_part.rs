//! The part before the `@`: a dot-atom of RFC 5321, widened to other scripts by RFC 6531.

use unicode_normalization::UnicodeNormalization;

use super::characters::is_letter_or_digit;
use super::error::{EmailAddressError, invalid, invisible_or_lost};

/// The longest part before the `@`, in bytes (RFC 5321, 4.5.3.1.1).
pub const MAX_LOCAL_PART_BYTES: usize = 64;

/// The spelling of a local part that all its spellings share.
///
/// # Errors
/// Where it is no dot-atom, or too long.
pub(super) fn canonical_local_part(text: &str) -> Result<String, EmailAddressError> {
    // Lower case can part what NFC had joined, so NFC has the last word too.
    let composed: String = text.nfc().collect();
    let local_part: String = composed.to_lowercase().nfc().collect();
    if local_part.len() > MAX_LOCAL_PART_BYTES {
        return Err(invalid("The part before the @ has at most 64 bytes."));
    }
    if let Some(reason) = local_part_fault(&local_part) {
        return Err(invalid(reason));
    }
    match local_part.chars().find(|c| *c != '.' && !is_atom_text(*c)) {
        Some(character) => Err(EmailAddressError::WrongCharacter { character }),
        None => Ok(local_part),
    }
}

fn local_part_fault(local_part: &str) -> Option<&'static str> {
    if local_part.is_empty() {
        Some("Nothing stands before the @.")
    } else if local_part.split('.').any(str::is_empty) {
        Some("The part before the @ starts or ends with a dot, or has two in a row.")
    } else {
        invisible_or_lost(local_part)
    }
}

/// `atext` of RFC 5322, 3.2.3, as RFC 6531, 3.3 widens it to other scripts: to what people write names with.
fn is_atom_text(c: char) -> bool {
    match c.is_ascii() {
        true => c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c),
        false => is_letter_or_digit(c),
    }
}
