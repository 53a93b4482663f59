//! The languages that Rollcall writes mail in (PRODUCT 3.10).

use super::words::words;

words! {
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
