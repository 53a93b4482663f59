//! How values of foreign documents stand in the words of a diagnosis.

/// The most characters of a foreign value that a step shows.
const SHOWN: usize = 200;

/// A foreign value: without control characters, and shortened.
pub fn shown(value: &str) -> String {
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    let mut characters = value.chars().map(clean);
    let mut text: String = characters.by_ref().take(SHOWN).collect();
    if characters.next().is_some() {
        text.push('…');
    }
    text
}

/// A foreign value that may be missing.
pub fn shown_or_nothing(value: Option<&str>) -> String {
    value.map_or_else(|| "nothing".to_owned(), shown)
}
