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
    /// Whether nobody's word is taken.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether every address of a family is one of theirs: then anybody is believed.
    pub fn are_everybody(&self) -> bool {
        IpNet::aggregate(&self.0)
            .iter()
            .any(|network| network.prefix_len() == 0)
    }

    /// Whether this address is one of theirs.
    pub fn include(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
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
mod tests;
