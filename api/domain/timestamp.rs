//! A moment, to the microsecond: what both databases keep without loss.

use std::fmt;
use std::time::Duration;

/// A moment in UTC with microsecond precision, written as RFC 3339.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(into = "jiff::Timestamp")]
pub struct Timestamp(jiff::Timestamp);

impl Timestamp {
    /// 1970-01-01T00:00:00Z. In `last_active_at` columns it means "never".
    pub const EPOCH: Self = Self(jiff::Timestamp::UNIX_EPOCH);

    /// From microseconds since 1970; what lies outside the years 1 to 9999 becomes their end.
    pub fn from_microseconds(micros: i64) -> Self {
        // PostgreSQL's times begin in 4713 BC, ours end before the year 10000.
        const YEAR_1: i64 = -62_135_596_800_000_000;
        let micros = micros.max(YEAR_1);
        Self(jiff::Timestamp::from_microsecond(micros).unwrap_or(jiff::Timestamp::MAX))
    }

    /// From RFC 3339, or from a day such as `2026-09-01`, whose start in UTC is meant.
    pub fn parse_time_or_day(text: &str) -> Option<Self> {
        if has_form(text, "0000-00-00") {
            return Self::parse(&format!("{text}T00:00:00Z"));
        }
        Self::parse(text)
    }

    /// From RFC 3339. The library takes more forms of ISO 8601: offsets of 25 hours, times without seconds, names of
    /// time zones.
    fn parse(text: &str) -> Option<Self> {
        let offset = text.len().checked_sub("+00:00".len());
        let (local, offset) = match text.strip_suffix(['Z', 'z']) {
            Some(local) => (local, "+00:00"),
            None => text.split_at_checked(offset?)?,
        };
        let (seconds, fraction) = local.split_once('.').unwrap_or((local, "0"));
        let is_local = has_form(&seconds.to_ascii_uppercase(), "0000-00-00T00:00:00");
        let is_fraction = !fraction.is_empty() && fraction.bytes().all(|it| it.is_ascii_digit());
        let is_offset = has_form(offset, "+00:00") || has_form(offset, "-00:00");
        let is_below_a_day = offset.get(1..).is_some_and(|offset| offset < "24:00");
        if !(is_local && is_fraction && is_offset && is_below_a_day) {
            return None;
        }
        text.parse::<jiff::Timestamp>().ok().map(Self::from)
    }

    /// Microseconds since 1970.
    pub fn as_microseconds(self) -> i64 {
        self.0.as_microsecond()
    }

    /// Whole seconds since 1970, as JSON Web Tokens count (RFC 7519).
    pub fn as_seconds(self) -> i64 {
        self.0.as_second()
    }

    /// This moment and so much more.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        let micros = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        Self::from_microseconds(self.as_microseconds().saturating_add(micros))
    }

    /// This moment and so much less.
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        let micros = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        Self::from_microseconds(self.as_microseconds().saturating_sub(micros))
    }

    /// How long after `earlier` this is; zero if it is not after.
    pub fn since(self, earlier: Self) -> Duration {
        let micros = self
            .as_microseconds()
            .saturating_sub(earlier.as_microseconds());
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    }

    /// Nothing where this is the epoch, which stands for "never".
    pub fn unless_never(self) -> Option<Self> {
        (self != Self::EPOCH).then_some(self)
    }
}

impl<'de> serde::Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let words = "Expected a time such as 2026-09-01T07:30:00Z, or a day such as 2026-09-01.";
        Self::parse_time_or_day(&text).ok_or_else(|| serde::de::Error::custom(words))
    }
}

/// Whether a text has digits where the form has zeros, and is the same elsewhere.
fn has_form(text: &str, form: &str) -> bool {
    let fits = |(byte, form): (u8, u8)| match form {
        b'0' => byte.is_ascii_digit(),
        _ => byte == form,
    };
    text.len() == form.len() && text.bytes().zip(form.bytes()).all(fits)
}

impl From<jiff::Timestamp> for Timestamp {
    fn from(timestamp: jiff::Timestamp) -> Self {
        Self::from_microseconds(timestamp.as_microsecond())
    }
}

impl From<Timestamp> for jiff::Timestamp {
    fn from(timestamp: Timestamp) -> Self {
        timestamp.0
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl utoipa::PartialSchema for Timestamp {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .format(Some(utoipa::openapi::SchemaFormat::KnownFormat(
                utoipa::openapi::KnownFormat::DateTime,
            )))
            .description(Some("A moment in UTC (RFC 3339)."))
            .examples(["2026-09-01T07:30:00.000000Z"])
            .into()
    }
}

impl utoipa::ToSchema for Timestamp {}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<String> {
        let read = Timestamp::parse_time_or_day(text);
        let as_json: Option<Timestamp> = serde_json::from_value(text.into()).ok();
        assert_eq!(read, as_json, "{text}");
        read.map(|moment| moment.to_string())
    }

    #[test]
    fn a_time_of_rfc_3339_is_read() {
        for (text, moment) in [
            ("2026-09-01T07:30:00Z", "2026-09-01T07:30:00Z"),
            ("2026-09-01t07:30:00z", "2026-09-01T07:30:00Z"),
            ("2026-09-01T07:30:00.25Z", "2026-09-01T07:30:00.25Z"),
            (
                "2026-09-01T07:30:00.1234567Z",
                "2026-09-01T07:30:00.123456Z",
            ),
            ("2026-09-01T07:30:00+01:00", "2026-09-01T06:30:00Z"),
            ("2026-09-01T07:30:00-23:59", "2026-09-02T07:29:00Z"),
            ("2026-09-01T07:30:00+23:59", "2026-08-31T07:31:00Z"),
            ("2026-09-01T07:30:00-00:00", "2026-09-01T07:30:00Z"),
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z"),
        ] {
            assert_eq!(read(text).as_deref(), Some(moment), "{text}");
        }
    }

    #[test]
    fn anything_else_is_no_time() {
        for text in [
            "",
            "Z",
            "+25:00",
            "2026-09-01T07:30:00+24:00",
            "2026-09-01T07:30:00+25:00",
            "2026-09-01T07:30:00-25:59",
            "2026-09-01T07:30:00+23:60",
            "2026-09-01T07:30:00+01",
            "2026-09-01T07:30:00+0100",
            "2026-09-01T07:30:00+01:00:30",
            "2026-09-01T07:30:00",
            "2026-09-01T07:30Z",
            "2026-09-01T07:30:00,5Z",
            "2026-09-01T07:30:00.Z",
            "2026-09-01T07:30:00Z[UTC]",
            "2026-09-01T07:30:00+01:00[Europe/Lisbon]",
            "2026-09-01 07:30:00Z",
            " 2026-09-01T07:30:00Z",
            "20260901T073000Z",
            "+002026-09-01T07:30:00Z",
            "2026-09-31T07:30:00Z",
            "2026-09-01T24:00:00Z",
            "2026-09-01T07:30:00\u{2212}01:00",
            "1788247800",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_day_begins_at_midnight_and_a_time_without_an_offset_is_none() {
        assert_eq!(read("2026-09-01").as_deref(), Some("2026-09-01T00:00:00Z"));
        for text in [
            "20260901",
            "2026-9-1",
            "2026-W36-2",
            "2026-09-31",
            "2026-09-01T07:30:00",
            "2026-09-01T07:30:00+25:00",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
