//! The languages that Rollcall writes mail in.

use super::string_enum::string_enum;

string_enum! {
    /// In which language somebody is written to (ISO 639-1).
    Language {
        English = "en",
        Finnish = "fi",
        Spanish = "es",
        German = "de",
        French = "fr",
        Swedish = "sv",
    }
}

impl Language {
    /// The language of a tag's primary subtag (RFC 5646), if it is one of ours: `de` of `de-CH`.
    pub fn of_primary_subtag(primary: &str) -> Option<Self> {
        primary.to_ascii_lowercase().parse().ok()
    }
}
