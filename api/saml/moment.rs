//! Times as SAML writes them: in UTC, with a Z at the end (SAML Core 1.3.3).

use crate::domain::timestamp::Timestamp;

/// The shortest time: `2026-09-01T07:30:00Z`.
const SHORTEST: usize = 20;

/// Reads a time. The library takes more forms of ISO 8601 than SAML has.
pub fn read(text: &str) -> Option<Timestamp> {
    let is_of_time = |c: char| c.is_ascii_digit() || "-:.TZ".contains(c);
    let is_in_utc = text.ends_with('Z') && text.chars().all(is_of_time);
    let moment = text.parse::<jiff::Timestamp>().ok();
    moment
        .filter(|_| is_in_utc && text.len() >= SHORTEST)
        .map(Timestamp::from)
}
