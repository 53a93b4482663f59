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
        let start = || {
            text.parse::<jiff::civil::Date>()
                .ok()?
                .to_zoned(jiff::tz::TimeZone::UTC)
                .ok()
        };
        let moment = text.parse::<jiff::Timestamp>().ok();
        moment
            .or_else(|| Some(start()?.timestamp()))
            .map(Self::from)
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
        let moment = text.parse::<jiff::Timestamp>().map_err(|_| {
            serde::de::Error::custom("Expected a time such as 2026-09-01T07:30:00Z.")
        })?;
        Ok(moment.into())
    }
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
