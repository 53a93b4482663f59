//! Where a request comes from, when there may be proxies in between.

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;

/// The proxies whose word is taken for whom they speak; nobody else's is, since any client can send
/// a header.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl FromStr for TrustedProxies {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.split(',')
            .map(str::trim)
            .filter(|network| !network.is_empty())
            .map(|network| {
                network_of(network)
                    .ok_or_else(|| format!("names {network:?}, which is no address or network"))
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl TrustedProxies {
    fn include(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Who a request comes from: the peer, or, where that is one of these, whoever they say. Each
    /// proxy adds the address that it was called from at the end, so the last one that is not
    /// trusted itself is the client; what stands before that, the client may have made up. Where a
    /// proxy's word cannot be read, the proxy itself counts: the last one that is known.
    pub fn client(&self, peer: IpAddr, hops: impl Iterator<Item = Option<IpAddr>>) -> IpAddr {
        let mut client = peer.to_canonical();
        // From the last one back.
        for hop in hops {
            if !self.include(client) {
                break;
            }
            match hop {
                Some(address) => client = address,
                None => break,
            }
        }
        client
    }
}

/// A network, or the network of a single address.
fn network_of(text: &str) -> Option<IpNet> {
    let network = text.parse().ok();
    network.or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

/// The header in which the proxies say whom they were called by. One counts, and no other: a client
/// would write the one that the proxies leave alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyHeader(String);

/// `Forwarded` (RFC 7239) has a form of its own; all others list addresses.
const FORWARDED: &str = "forwarded";

impl FromStr for ProxyHeader {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let in_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if text.is_empty() || !text.bytes().all(in_name) {
            return Err("is no name of a header, as X-Forwarded-For, Forwarded or X-Real-IP");
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

impl ProxyHeader {
    /// Its name in lower case.
    pub fn name(&self) -> &str {
        &self.0
    }

    /// The addresses in the header's lines, joined in their order, from the last one back; none for
    /// what cannot be read. It is read as bytes: a line with strange ones is still there.
    pub fn hops<'a>(&self, lines: &'a [u8]) -> Box<dyn Iterator<Item = Option<IpAddr>> + 'a> {
        if self.0 != FORWARDED {
            return Box::new(lines.rsplit(|byte| *byte == b',').map(parse_hop));
        }
        Box::new(rsplit_unquoted(lines, b',').map(forwarded_hop))
    }
}

/// The pieces between separators that are not in quotes, from the last one back: there the proxies'
/// quotes come in pairs, whatever the client has left open before them.
fn rsplit_unquoted(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut quoted = false;
    text.rsplit(move |byte| {
        quoted ^= *byte == b'"';
        *byte == separator && !quoted
    })
}

/// The address in an element of `Forwarded`: that of its only `for`. There is none where something is escaped,
/// which could hide where the quotes begin; what stands behind it is not touched by that.
fn forwarded_hop(element: &[u8]) -> Option<IpAddr> {
    if element.contains(&b'\\') {
        return None;
    }
    let mut addresses = rsplit_unquoted(element, b';').filter_map(|pair| {
        let (name, value) = std::str::from_utf8(pair).ok()?.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then_some(value)
    });
    let value = addresses.next()?.trim();
    if addresses.next().is_some() {
        return None;
    }
    let unquoted = value.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    parse_hop(unquoted.unwrap_or(value).as_bytes())
}

/// An address as proxies write it: with a port or not, an IPv6 address in brackets or not. Anything
/// else, `unknown` and made-up names among it, is none.
fn parse_hop(hop: &[u8]) -> Option<IpAddr> {
    let hop = std::str::from_utf8(hop).ok()?.trim();
    if let Ok(address) = hop.parse::<IpAddr>() {
        return Some(address.to_canonical());
    }
    let (address, port) = match hop.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            (IpAddr::V6(address.parse().ok()?), port)
        }
        None => {
            let port = hop.find(':')?;
            let (address, port) = hop.split_at_checked(port)?;
            (IpAddr::V4(address.parse().ok()?), port)
        }
    };
    is_port(port).then(|| address.to_canonical())
}

/// Whether this is nothing, or a colon and a port, which may be made up (`:_x`).
fn is_port(text: &str) -> bool {
    let in_port = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    text.is_empty()
        || text
            .strip_prefix(':')
            .is_some_and(|port| port.bytes().all(in_port))
}

/// A client as its tries are counted: by its network, and by the site that the network is one of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Client {
    network: String,
    site: Option<String>,
}

impl Client {
    /// The client at an address. A customer of the IPv6 internet has a whole network (/64), so that its
    /// addresses are one client, and often a site of 65,536 networks (/48).
    pub fn at(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self {
                network: address.to_string(),
                site: None,
            },
            IpAddr::V6(address) => Self {
                network: prefix(address, 64),
                site: Some(prefix(address, 48)),
            },
        }
    }

    /// Its IPv4 address, or its IPv6 network.
    pub fn network(&self) -> &str {
        &self.network
    }

    /// The site of its IPv6 network.
    pub fn site(&self) -> Option<&str> {
        self.site.as_deref()
    }
}

fn prefix(address: Ipv6Addr, length: u32) -> String {
    let kept = u128::MAX.checked_shl(128 - length).unwrap_or(0);
    let network = Ipv6Addr::from_bits(address.to_bits() & kept);
    format!("{network}/{length}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRUSTED: &str = "10.0.0.0/8, 2001:db8::/32,127.0.0.1";

    fn client(trusted: &str, peer: &str, forwarded: &[u8]) -> String {
        client_by("X-Forwarded-For", (trusted, peer), forwarded)
    }

    fn client_by(header: &str, (trusted, peer): (&str, &str), lines: &[u8]) -> String {
        let trusted: TrustedProxies = trusted.parse().unwrap();
        let header: ProxyHeader = header.parse().unwrap();
        trusted
            .client(peer.parse().unwrap(), header.hops(lines))
            .to_string()
    }

    #[test]
    fn nobody_is_believed_who_is_not_trusted() {
        let forwarded = b"198.51.100.1";
        assert_eq!(client("", "203.0.113.9", forwarded), "203.0.113.9");
        let trusted = "10.0.0.0/8";
        assert_eq!(client(trusted, "203.0.113.9", forwarded), "203.0.113.9");
        assert_eq!(client(trusted, "11.0.0.1", forwarded), "11.0.0.1");
    }

    #[test]
    fn the_last_address_that_is_not_a_proxy_is_the_client() {
        for (forwarded, expected) in [
            ("", "10.1.2.3"),
            ("198.51.100.1", "198.51.100.1"),
            ("1.1.1.1, 198.51.100.1", "198.51.100.1"),
            (
                "1.1.1.1, 198.51.100.1, 10.9.9.9, 2001:db8::5",
                "198.51.100.1",
            ),
            ("10.4.4.4, 10.9.9.9", "10.4.4.4"),
            ("198.51.100.1:4711", "198.51.100.1"),
            ("2001:470::1", "2001:470::1"),
            ("[2001:470::1]", "2001:470::1"),
            ("[2001:470::1]:4711", "2001:470::1"),
            ("::ffff:198.51.100.1", "198.51.100.1"),
        ] {
            let found = client(TRUSTED, "10.1.2.3", forwarded.as_bytes());
            assert_eq!(found, expected, "{forwarded}");
        }
        let peer = "::ffff:10.1.2.3";
        assert_eq!(client(TRUSTED, peer, b"198.51.100.1"), "198.51.100.1");
    }

    #[test]
    fn where_the_last_word_cannot_be_read_the_proxy_that_said_it_is_the_client() {
        for unreadable in [
            &b"unknown"[..],
            b"_hidden",
            b"",
            b" ",
            b"\xff",
            b"198.51.100.2\xff",
            b"[2001:470::1",
            b"[2001:470::1]x",
            b"[198.51.100.2]",
            b"\"198.51.100.2\"",
            b"2001:470::1%eth0",
            b"198.51.100.2:80 198.51.100.3",
            b"198.51.100.2:1:2x, 198.51.100",
        ] {
            let forwarded = [b"198.51.100.1, ", unreadable].concat();
            let name = String::from_utf8_lossy(&forwarded).into_owned();
            assert_eq!(
                client(TRUSTED, "10.1.2.3", &forwarded),
                "10.1.2.3",
                "{name}"
            );
            let behind = [&forwarded[..], b", 10.9.9.9"].concat();
            assert_eq!(client(TRUSTED, "10.1.2.3", &behind), "10.9.9.9", "{name}");
        }
        // What stands before the proxy's word is nobody's concern.
        let forwarded = b"\xff\"\\, unknown, 198.51.100.1";
        assert_eq!(client(TRUSTED, "10.1.2.3", forwarded), "198.51.100.1");
    }

    fn by_forwarded(lines: &str) -> String {
        client_by("Forwarded", (TRUSTED, "10.1.2.3"), lines.as_bytes())
    }

    #[test]
    fn forwarded_names_its_clients_among_other_things() {
        for (lines, expected) in [
            ("for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"),
            ("by=10.9.9.9; FOR = \"192.0.2.60:80\"", "192.0.2.60"),
            ("for=1.1.1.1, for=\"[2001:470::1]:_x\";by=x", "2001:470::1"),
            (
                "for=192.0.2.60, for=\"[2001:db8::5]\", for=10.9.9.9",
                "192.0.2.60",
            ),
            ("host=\"a;for=9.9.9.9,b\";for=192.0.2.60", "192.0.2.60"),
            ("for=192.0.2.60;host=\"a, for=9.9.9.9\"", "192.0.2.60"),
        ] {
            assert_eq!(by_forwarded(lines), expected, "{lines}");
        }
    }

    #[test]
    fn nothing_that_a_client_writes_into_forwarded_makes_it_another() {
        for forged in [
            "for=9.9.9.9",
            "\"",
            "for=\"",
            "for=9.9.9.9;x=\"",
            "for=9.9.9.9, x=\"a",
            "for=9.9.9.9;for=8.8.8.8",
            "",
            "\\",
            "for=9.9.9.9\\",
            "for=\"9.9.9.9\\",
            "for=\"9.9.9.9\\\"",
            "for=9.9.9.9;host=\"a\\\"b\"",
            "x=\"\\\", for=9.9.9.9",
        ] {
            for own in ["for=192.0.2.60;proto=https", "for=\"192.0.2.60:443\""] {
                let lines = format!("{forged}, {own}");
                assert_eq!(by_forwarded(&lines), "192.0.2.60", "{lines}");
            }
        }
        for unreadable in [
            "for=unknown",
            "for=_hidden",
            "proto=https",
            "for=9.9.9.9;for=192.0.2.60",
            "for=192.0.2.60;host=\"a\\\"b\"",
            "for=192.0.2.60;host=\"a\\\"b\\\"c\"",
            "for=192.0.2.60;host=\"a\\\",for=8.8.8.8;x=b\"",
            "for=192.0.2.60;host=\"a\\\",for=8.8.8.8;x=\\\"b\"",
            "for=\"192.0.2.60",
            "for=198.51.100.2:80, for=\"192.0.2.60",
        ] {
            let lines = format!("for=9.9.9.9, {unreadable}");
            assert_eq!(by_forwarded(&lines), "10.1.2.3", "{lines}");
        }
    }

    #[test]
    fn a_header_is_a_name() {
        assert_eq!(
            "X-Real-IP".parse::<ProxyHeader>().unwrap().name(),
            "x-real-ip"
        );
        for bad in ["", "X Real IP", "X-Real-IP:", "x-réal"] {
            assert!(bad.parse::<ProxyHeader>().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for bad in [
            "10.0.0.0/33",
            "proxy.example",
            "::/129",
            "10.0.0",
            "10.0.0.0/-1",
        ] {
            assert!(bad.parse::<TrustedProxies>().is_err(), "{bad}");
        }
        assert!("".parse::<TrustedProxies>().unwrap().0.is_empty());
        assert!(
            "0.0.0.0/0"
                .parse::<TrustedProxies>()
                .unwrap()
                .include([8, 8, 8, 8].into())
        );
    }

    #[test]
    fn a_customers_network_is_one_client_of_a_site() {
        let client = |address: &str| Client::at(address.parse().unwrap());
        let of_v4 = client("198.51.100.1");
        assert_eq!((of_v4.network(), of_v4.site()), ("198.51.100.1", None));
        for address in ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::9"] {
            let of_v6 = client(address);
            assert_eq!(of_v6.network(), "2001:db8:1:2::/64");
            assert_eq!(of_v6.site(), Some("2001:db8:1::/48"));
        }
    }
}
