//! How the texts of settings are read.

use std::fmt::Display;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use url::{Host, Url};

use crate::domain::string_enum::{UnknownWord, string_enum};

string_enum! {
    /// Who may create organizations.
    OrganizationCreation {
        Anyone = "anyone",
        Operators = "operators",
    }
}

string_enum! {
    /// The format of log lines.
    LogFormat {
        /// Text on a terminal, JSON elsewhere.
        Auto = "auto",
        Text = "text",
        Json = "json",
    }
}

/// Reads a word of a closed vocabulary.
///
/// # Errors
/// Any other word.
pub fn word<T: FromStr<Err = UnknownWord>>(text: &str) -> Result<T, String> {
    text.parse()
        .map_err(|unknown: UnknownWord| format!("is none of {}", unknown.known.join(", ")))
}

/// Reads what is logged: a level, and levels of single modules.
///
/// # Errors
/// A text that is no such filter. A single word that is no level is refused too: the filter would
/// take a mistyped level for the name of a module, and log nothing else.
pub fn log_filter(text: &str) -> Result<String, String> {
    let names_more = |part: &&str| part.contains(['=', '[', '{', '}', ']']);
    for part in text.split(',').filter(|part| !names_more(part)) {
        if part.parse::<LevelFilter>().is_err() {
            return Err(format!(
                "has {part:?}, which is no level: off, error, warn, info, debug, trace"
            ));
        }
    }
    match EnvFilter::try_new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("is no filter of log lines ({error})")),
    }
}

/// Reads what the type itself can read.
///
/// # Errors
/// Those of the type.
pub fn parsed<T: FromStr<Err: Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|problem: T::Err| problem.to_string())
}

/// Reads a value that may be absent; an empty text is none.
///
/// # Errors
/// Those of `parse`.
pub fn optional<T>(text: &str, parse: fn(&str) -> Result<T, String>) -> Result<Option<T>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    parse(text).map(Some)
}

/// Reads an address with a port; the name of a host has to resolve.
///
/// # Errors
/// A text that is not such an address.
pub fn listen_address(text: &str) -> Result<String, String> {
    match text.to_socket_addrs() {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("is no address with a port ({error})")),
    }
}

/// Reads a number of at least one.
///
/// # Errors
/// Anything else, and more than 10,000.
pub fn count<T: TryFrom<u32>>(text: &str) -> Result<T, String> {
    let number = text
        .parse()
        .ok()
        .filter(|number| (1..=10_000).contains(number));
    number
        .and_then(|number| T::try_from(number).ok())
        .ok_or_else(|| "is no whole number from 1 to 10000".to_owned())
}

/// Reads a number of connections: one is for what asks how the database is.
///
/// # Errors
/// Any other text, and a number below 2 or above 10,000.
pub fn connections(text: &str) -> Result<u32, String> {
    let number = count(text).ok().filter(|number| *number >= 2);
    number.ok_or_else(|| "is no whole number from 2 to 10000".to_owned())
}

/// Reads a number of seconds.
///
/// # Errors
/// Those of [`count`].
pub fn seconds(text: &str) -> Result<Duration, String> {
    Ok(Duration::from_secs(count(text)?))
}

/// Reads a number of seconds, or 0.
///
/// # Errors
/// Those of [`count`].
pub fn seconds_or_none(text: &str) -> Result<Duration, String> {
    match text {
        "0" => Ok(Duration::ZERO),
        number => seconds(number),
    }
}

/// Reads a number of hours.
///
/// # Errors
/// Those of [`count`].
pub fn hours(text: &str) -> Result<Duration, String> {
    Ok(Duration::from_secs(count::<u64>(text)? * 60 * 60))
}

/// Reads a number of days.
///
/// # Errors
/// Those of [`count`].
pub fn days(text: &str) -> Result<Duration, String> {
    Ok(Duration::from_secs(count::<u64>(text)? * 24 * 60 * 60))
}

/// Reads addresses that are separated by commas, with a port or that of the domain name system.
///
/// # Errors
/// What is no address.
pub fn name_servers(text: &str) -> Result<Vec<SocketAddr>, String> {
    const PORT: u16 = 53;
    let server = |text: &str| {
        let with_port = text.parse::<SocketAddr>().ok();
        let without = || Some(SocketAddr::new(text.parse().ok()?, PORT));
        with_port
            .or_else(without)
            .ok_or_else(|| format!("names {text:?}, which is no address"))
    };
    text.split(',')
        .map(str::trim)
        .filter(|server| !server.is_empty())
        .map(server)
        .collect()
}

/// Reads addresses and networks that are separated by commas.
///
/// # Errors
/// What is neither.
pub fn networks(text: &str) -> Result<Vec<IpNet>, String> {
    let network = |text: &str| {
        let address = || Some(IpNet::from(text.parse::<IpAddr>().ok()?));
        text.parse().ok().or_else(address).ok_or_else(|| {
            format!(
                "names {text:?}, which is neither an address nor a network such as 10.20.0.0/24"
            )
        })
    };
    text.split(',')
        .map(str::trim)
        .filter(|network| !network.is_empty())
        .map(network)
        .collect()
}

/// Reads a URL of the web.
///
/// # Errors
/// Another scheme, or no host.
pub fn web_url(text: &str) -> Result<Url, String> {
    let url: Url = text
        .parse()
        .map_err(|error| format!("is no URL ({error})"))?;
    match url.scheme() {
        "http" | "https" if url.has_host() => Ok(url),
        _ => Err("is no http:// or https:// URL".to_owned()),
    }
}

/// Reads the URL of a collector.
///
/// # Errors
/// Those of [`web_url`], and `https`.
pub fn collector_url(text: &str) -> Result<Url, String> {
    let url = web_url(text)?;
    if url.scheme() == "https" {
        let problem = "is an https:// URL: traces leave without TLS. Name a collector that is near, which forwards them";
        return Err(problem.to_owned());
    }
    Ok(url)
}

/// Reads the origins of URLs that are separated by commas.
///
/// # Errors
/// Those of [`web_url`].
pub fn origins(text: &str) -> Result<Vec<String>, String> {
    text.split(',')
        .map(str::trim)
        .filter(|origin| !origin.is_empty())
        .map(|origin| web_url(origin).map(|url| origin_of(&url)))
        .collect()
}

/// The origin of a URL, as browsers send it.
pub fn origin_of(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// Whether an origin is of this machine, on whatever port.
pub fn is_local(origin: &str) -> bool {
    let Ok(url) = Url::parse(origin) else {
        return false;
    };
    let is_of_this_machine = match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    is_of_this_machine && url.scheme() == "http" && origin_of(&url) == origin
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_filter_is_levels_for_all_and_for_modules() {
        for good in [
            "info",
            "info,actix_server=warn",
            "warn,rollcall=debug",
            "rollcall::mail=trace",
            "off",
            "info,[request{id=7}]=debug",
        ] {
            assert_eq!(log_filter(good), Ok(good.to_owned()));
        }
        for bad in ["inof", "rollcall=loud", "info,rollcall"] {
            assert!(log_filter(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_name_server_is_an_address_with_or_without_a_port() {
        let read = name_servers("192.0.2.1, [2001:db8::1]:5353,2001:db8::2").unwrap();
        let written: Vec<String> = read.iter().map(ToString::to_string).collect();
        assert_eq!(
            written,
            ["192.0.2.1:53", "[2001:db8::1]:5353", "[2001:db8::2]:53"]
        );
        assert_eq!(name_servers(""), Ok(Vec::new()));
        assert!(
            name_servers("dns.example")
                .unwrap_err()
                .contains("dns.example")
        );
    }

    #[test]
    fn a_network_is_one_or_an_address() {
        let read = networks("10.20.0.0/24, 192.168.7.4,fd00::/8").unwrap();
        let written: Vec<String> = read.iter().map(ToString::to_string).collect();
        assert_eq!(written, ["10.20.0.0/24", "192.168.7.4/32", "fd00::/8"]);
        assert_eq!(networks(""), Ok(Vec::new()));
        for bad in ["10.20.0.0/33", "school.example", "10.20"] {
            assert!(networks(bad).unwrap_err().contains(bad));
        }
    }

    #[test]
    fn an_unknown_word_is_refused_with_the_known_ones() {
        assert_eq!(word("json"), Ok(LogFormat::Json));
        let refused = word::<LogFormat>("yaml");
        assert_eq!(refused, Err("is none of auto, text, json".to_owned()));
    }
}
