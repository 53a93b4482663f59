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
    /// trusted itself is the client; what stands before that, the client may have made up.
    pub fn client<'a>(
        &self,
        peer: IpAddr,
        hops: impl DoubleEndedIterator<Item = &'a str>,
    ) -> IpAddr {
        let mut client = peer.to_canonical();
        for hop in hops.rev() {
            if !self.include(client) {
                break;
            }
            match parse_hop(hop) {
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

/// An address as proxies write it: with a port or not, in brackets and quotes or not.
fn parse_hop(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim().trim_matches('"');
    let bare = hop
        .strip_prefix('[')
        .and_then(|rest| rest.split(']').next());
    let address = bare
        .unwrap_or(hop)
        .parse()
        .ok()
        .or_else(|| hop.rsplit_once(':')?.0.parse().ok())?;
    Some(IpAddr::to_canonical(&address))
}

/// The addresses of a `Forwarded` header (RFC 7239), in their order.
pub fn forwarded_for(header: &str) -> impl DoubleEndedIterator<Item = &str> {
    header.split(',').map(|element| {
        element
            .split(';')
            .filter_map(|pair| pair.split_once('='))
            .find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))
            .map_or("", |(_, value)| value)
    })
}

/// The name under which a client's tries are counted. A customer of the IPv6 internet has a whole
/// network, so that its addresses are one client.
pub fn counted_as(client: IpAddr) -> String {
    match client {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let network = Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX));
            format!("{network}/64")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(trusted: &str, peer: &str, forwarded: &str) -> String {
        let trusted: TrustedProxies = trusted.parse().unwrap();
        let hops = forwarded.split(',').filter(|hop| !hop.is_empty());
        trusted.client(peer.parse().unwrap(), hops).to_string()
    }

    #[test]
    fn nobody_is_believed_who_is_not_trusted() {
        assert_eq!(client("", "203.0.113.9", "198.51.100.1"), "203.0.113.9");
        let trusted = "10.0.0.0/8";
        assert_eq!(
            client(trusted, "203.0.113.9", "198.51.100.1"),
            "203.0.113.9"
        );
        assert_eq!(client(trusted, "11.0.0.1", "198.51.100.1"), "11.0.0.1");
    }

    #[test]
    fn the_last_address_that_is_not_a_proxy_is_the_client() {
        let trusted = "10.0.0.0/8, 2001:db8::/32,127.0.0.1";
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
            ("\"[2001:470::1]:4711\"", "2001:470::1"),
            ("::ffff:198.51.100.1", "198.51.100.1"),
            ("198.51.100.1, unknown", "10.1.2.3"),
            ("198.51.100.1, unknown, 10.9.9.9", "10.9.9.9"),
        ] {
            assert_eq!(
                client(trusted, "10.1.2.3", forwarded),
                expected,
                "{forwarded}"
            );
        }
        assert_eq!(
            client(trusted, "::ffff:10.1.2.3", "198.51.100.1"),
            "198.51.100.1"
        );
    }

    #[test]
    fn forwarded_names_its_clients_among_other_things() {
        let header =
            "for=192.0.2.60;proto=http;by=203.0.113.43, proto=https;For=\"[2001:470::1]:7\", by=x";
        let hops: Vec<&str> = forwarded_for(header).collect();
        assert_eq!(hops, ["192.0.2.60", "\"[2001:470::1]:7\"", ""]);
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
    fn a_customers_network_is_one_client() {
        let counted = |address: &str| counted_as(address.parse().unwrap());
        assert_eq!(counted("198.51.100.1"), "198.51.100.1");
        assert_eq!(counted("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
        assert_eq!(counted("2001:db8:1:2::9"), "2001:db8:1:2::/64");
    }
}
