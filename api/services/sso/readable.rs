//! Random characters that people read, read out and type.

use crate::crypto::random;
use crate::error::Result;

/// Nothing that looks or sounds like another character.
const ALPHABET: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

/// Such characters as somebody typed them: in any case, with or without hyphens and spaces.
pub(super) fn typed(text: &str) -> String {
    let letters = text.chars().filter(char::is_ascii_alphanumeric);
    letters.map(|c| c.to_ascii_uppercase()).collect()
}

/// So many random characters, of five bits each.
///
/// # Errors
/// `internal` where the system has no randomness to give.
pub(super) fn characters<const COUNT: usize>() -> Result<String> {
    let mut bytes = [0_u8; COUNT];
    random::fill(&mut bytes)?;
    let characters = bytes.iter().filter_map(|byte| {
        let place = usize::from(byte % 32);
        ALPHABET.get(place).map(|byte| char::from(*byte))
    });
    Ok(characters.collect())
}
