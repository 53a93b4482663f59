//! Yes and no as clients write them in forms and query parameters.

/// The flag of a word: `True` comes from Python, `on` from a browser's checkbox.
pub fn parse(word: &str) -> Option<bool> {
    let is_one_of = |words: [&str; 4]| words.iter().any(|it| word.eq_ignore_ascii_case(it));
    if is_one_of(["true", "1", "on", "yes"]) {
        return Some(true);
    }
    is_one_of(["false", "0", "off", "no"]).then_some(false)
}
