//! The languages that Rollcall writes mail in (PRODUCT 3.10).

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
    /// Of ours, the one that an `Accept-Language` header (RFC 9110, 12.5.4) prefers; `None` where it
    /// names none.
    pub fn accepted(header: &str) -> Option<Self> {
        let ranges = header.split(',').filter_map(|range| {
            let (tag, weight) = range.split_once(';').unwrap_or((range, ""));
            let primary = tag.trim().split('-').next()?.to_ascii_lowercase();
            Some((primary.parse().ok()?, permille(weight)?))
        });
        // The first of equals: the order is the reader's.
        let best =
            ranges.reduce(|best: (Self, u32), next| if next.1 > best.1 { next } else { best });
        best.filter(|(_, weight)| *weight > 0)
            .map(|(language, _)| language)
    }
}

/// `q=0.8` in thousandths; 1000 where there is none.
fn permille(weight: &str) -> Option<u32> {
    let weight = weight.trim();
    if weight.is_empty() {
        return Some(1000);
    }
    let value = weight.strip_prefix("q=").or(weight.strip_prefix("Q="))?;
    let (whole, fraction) = value.trim().split_once('.').unwrap_or((value.trim(), ""));
    let fraction = fraction.get(..fraction.len().min(3))?;
    let thousandths: u32 = format!("{fraction:0<3}").parse().ok()?;
    Some((whole.parse::<u32>().ok()?.min(1) * 1000 + thousandths).min(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preferred_language_is_taken_if_it_is_ours() {
        for (header, language) in [
            ("fi", Some(Language::Finnish)),
            ("de-CH, fr;q=0.9", Some(Language::German)),
            ("nl, sv-FI;q=0.8, en;q=0.7", Some(Language::Swedish)),
            ("en;q=0.5, ES ; q=0.6", Some(Language::Spanish)),
            ("fr;q=0, *", None),
            ("nl", None),
            ("", None),
            ("fr;q=high,,;;, \u{1f986}", None),
        ] {
            assert_eq!(Language::accepted(header), language, "{header}");
        }
    }
}
