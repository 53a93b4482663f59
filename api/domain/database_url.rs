//! Which database, and where, and how it is spoken to.

use super::string_enum::string_enum;

string_enum! {
    /// How statements are prepared on PostgreSQL.
    PreparedStatements {
        /// Once for each connection, under a name: a pooler in between has to keep the names apart.
        Named = "named",
        /// Anew each time, without a name.
        Unnamed = "unnamed",
    }
}

/// Where the data is kept.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// A file's path.
    Sqlite(String),
    /// A `postgres://` URL, as libpq reads it.
    Postgres(String),
}

/// Hides the URL, which may hold a password.
impl std::fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(path) => f.debug_tuple("Sqlite").field(path).finish(),
            Self::Postgres(_) => f.write_str("Postgres(…)"),
        }
    }
}

impl std::str::FromStr for DatabaseUrl {
    type Err = &'static str;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return match path {
                "" | ":memory:" => Err("names no file: SQLite in memory is not shared"),
                path => Ok(Self::Sqlite(path.to_owned())),
            };
        }
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err("begins with neither sqlite: nor postgres://");
        }
        require_tls_is_built_in(url, cfg!(feature = "postgres-tls"))?;
        require_readable(url)?;
        Ok(Self::Postgres(url.to_owned()))
    }
}

/// Refuses a URL that asks for TLS where the build has none, in words that tell how to get it.
fn require_tls_is_built_in(url: &str, is_built_in: bool) -> Result<(), &'static str> {
    if requires_tls(url) && !is_built_in {
        return Err(
            "asks for TLS, which this build has not: build it with `--features postgres-tls`, \
             or take the container image",
        );
    }
    Ok(())
}

/// Refuses a URL that libpq cannot take apart: its errors would quote a password in it.
fn require_readable(url: &str) -> Result<(), &'static str> {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    if !rest.split('%').skip(1).all(begins_with_two_hex_digits) {
        return Err("has a % that escapes nothing: write a % of a password as %25");
    }
    let before_path = rest.split('/').next().unwrap_or_default();
    let hosts = before_path
        .split_once('@')
        .map_or(before_path, |(_, hosts)| hosts);
    let hosts = hosts.split('?').next().unwrap_or_default();
    if !hosts.split(',').all(is_host_with_port) {
        return Err(
            "has a port that is no number: write a / @ or : of a password as %2F %40 or %3A",
        );
    }
    Ok(())
}

fn begins_with_two_hex_digits(text: &str) -> bool {
    let digits = text.bytes().take(2).filter(u8::is_ascii_hexdigit);
    digits.count() == 2
}

/// Whether it is a host, an IPv6 address in brackets too, with or without a port.
fn is_host_with_port(text: &str) -> bool {
    let behind_brackets = text.rsplit_once(']').map_or(text, |(_, port)| port);
    let port = behind_brackets.split_once(':').map_or("", |(_, port)| port);
    !text.contains('@') && port.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether libpq would refuse to go on without TLS. Left to itself, it says so only at the first
/// connection, and not what to do about it.
fn requires_tls(url: &str) -> bool {
    const DEMANDS: [&str; 5] = [
        "sslmode=require",
        "sslmode=verify-ca",
        "sslmode=verify-full",
        "sslrootcert=system",
        "ssl=true",
    ];
    let parameters = url.split_once('?').map_or("", |(_, parameters)| parameters);
    parameters
        .split('&')
        .any(|parameter| DEMANDS.contains(&parameter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_would_be_quoted_with_its_password_is_refused() {
        for url in [
            "postgres://u:hunter/2@db.example/r",
            "postgres://u:hunt@er2@db.example/r",
            "postgres://u:hunt%zzer2@db.example/r",
            "postgres://u:hunter2%@db.example/r",
            "postgres://db.example/r?user=u&password=hunt%er2",
        ] {
            let refused = url.parse::<DatabaseUrl>().unwrap_err();
            assert!(!refused.contains("hunt"), "{refused}");
        }
        for url in [
            "postgres:///rollcall?host=/run/postgresql&user=a@b",
            "postgres://u:what?@db.example:5432/r",
            "postgres://u:h%2Funt%40@a:5432,[::1]:5433,b/r",
            "postgres://[2001:db8::1]/r",
            "postgres://db.example?sslmode=prefer",
        ] {
            assert!(url.parse::<DatabaseUrl>().is_ok(), "{url}");
        }
    }

    #[test]
    fn the_scheme_picks_the_database() {
        for (url, expected) in [
            (
                "sqlite:data/rollcall.sqlite",
                Ok(DatabaseUrl::Sqlite("data/rollcall.sqlite".into())),
            ),
            (
                "sqlite:///var/rollcall.sqlite",
                Ok(DatabaseUrl::Sqlite("/var/rollcall.sqlite".into())),
            ),
            (
                "postgres://db/r",
                Ok(DatabaseUrl::Postgres("postgres://db/r".into())),
            ),
            (
                "postgresql://db/r",
                Ok(DatabaseUrl::Postgres("postgresql://db/r".into())),
            ),
            (
                "sqlite::memory:",
                Err("names no file: SQLite in memory is not shared"),
            ),
            (
                "mysql://db/r",
                Err("begins with neither sqlite: nor postgres://"),
            ),
        ] {
            assert_eq!(url.parse(), expected, "{url}");
        }
    }

    #[test]
    fn tls_is_refused_by_a_build_without_it_and_only_then() {
        for mode in ["disable", "allow", "prefer"] {
            let url = format!("postgres://db/r?sslmode={mode}");
            assert_eq!(require_tls_is_built_in(&url, false), Ok(()), "{url}");
            assert!(url.parse::<DatabaseUrl>().is_ok(), "{url}");
        }
        for parameter in [
            "sslmode=require",
            "sslmode=verify-full",
            "sslrootcert=system",
            "ssl=true",
        ] {
            let url = format!("postgres://db/r?connect_timeout=5&{parameter}");
            let refused = require_tls_is_built_in(&url, false).unwrap_err();
            assert!(refused.contains("postgres-tls"), "{refused}");
            assert_eq!(require_tls_is_built_in(&url, true), Ok(()), "{url}");
            let is_built_in = cfg!(feature = "postgres-tls");
            assert_eq!(url.parse::<DatabaseUrl>().is_ok(), is_built_in, "{url}");
        }
    }
}
