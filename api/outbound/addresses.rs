//! Which addresses may be called: those of the public internet, and those that the operator has allowed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// What the operator allows besides the public internet.
#[derive(Clone, Debug, Default)]
pub struct AddressPolicy {
    allowed: Vec<IpNet>,
}

impl AddressPolicy {
    pub fn allowing(allowed: &[IpNet]) -> Self {
        Self {
            allowed: allowed.to_vec(),
        }
    }

    /// Whether an address is one that the operator has allowed: there plain http is allowed too.
    pub fn is_allowed(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.allowed.iter().any(|range| range.contains(&address))
    }

    /// Whether an address may be called by https.
    pub fn may_be_called(&self, address: IpAddr) -> bool {
        self.is_allowed(address) || is_public(address)
    }
}

const fn v4(a: u8, b: u8, c: u8, length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, 0), length)
}

/// Where no public server is (IANA's registry of special-purpose addresses, RFC 6890).
const NOT_PUBLIC: [Ipv4Net; 15] = [
    v4(0, 0, 0, 8),
    v4(10, 0, 0, 8),
    v4(100, 64, 0, 10),
    v4(127, 0, 0, 8),
    v4(169, 254, 0, 16),
    v4(172, 16, 0, 12),
    v4(192, 0, 0, 24),
    v4(192, 0, 2, 24),
    v4(192, 88, 99, 24),
    v4(192, 168, 0, 16),
    v4(198, 18, 0, 15),
    v4(198, 51, 100, 24),
    v4(203, 0, 113, 24),
    // Multicast, and what is reserved.
    v4(224, 0, 0, 4),
    v4(240, 0, 0, 4),
];

const fn v6(a: u16, b: u16, length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0), length)
}

/// Where all public addresses are.
const GLOBAL_UNICAST: Ipv6Net = v6(0x2000, 0, 3);

/// What of that no public server has: protocols such as Teredo and benchmarks, documentation, and 6to4, which leads
/// to an address of version 4.
const NOT_PUBLIC_V6: [Ipv6Net; 4] = [
    v6(0x2001, 0, 23),
    v6(0x2001, 0x0db8, 32),
    v6(0x2002, 0, 16),
    v6(0x3fff, 0, 20),
];

/// Where a translator puts addresses of version 4 (RFC 6052): networks without them resolve every name so.
const TRANSLATED: Ipv6Net = v6(0x0064, 0xff9b, 96);

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => within(address).map_or_else(|| is_public_v6(address), is_public_v4),
    }
}

/// The address of version 4 that one of version 6 leads to, mapped or translated.
fn within(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [.., a, b, c, d] = address.octets();
    let translated = TRANSLATED.contains(&address);
    address
        .to_ipv4_mapped()
        .or_else(|| translated.then(|| Ipv4Addr::new(a, b, c, d)))
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    !NOT_PUBLIC.iter().any(|range| range.contains(&address))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    GLOBAL_UNICAST.contains(&address) && !NOT_PUBLIC_V6.iter().any(|range| range.contains(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may(policy: &AddressPolicy, address: &str) -> bool {
        policy.may_be_called(address.parse().unwrap())
    }

    #[test]
    fn only_public_addresses_may_be_called() {
        let nothing_else = AddressPolicy::default();
        for address in [
            "8.8.8.8",
            "100.128.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2001:4860:4860::8888",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
        ] {
            assert!(may(&nothing_else, address), "{address}");
        }
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "10.1.2.3",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.250",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::8.8.8.8",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:0:10.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b::127.0.0.1",
            "64:ff9b:1::8.8.8.8",
            "100::1",
            "2001::1",
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            "2001:2::1",
            "2001:10::1",
            "2001:20::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "2002:808:808::1",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!may(&nothing_else, address), "{address}");
        }
    }

    #[test]
    fn what_the_operator_allows_may_be_called_in_each_form_of_it() {
        let policy = AddressPolicy::allowing(&["10.1.0.0/16".parse().unwrap()]);
        assert!(may(&policy, "10.1.2.3") && may(&policy, "::ffff:10.1.2.3"));
        assert!(!may(&policy, "10.2.0.1") && !may(&policy, "64:ff9b::10.2.0.1"));
        assert!(!policy.is_allowed("8.8.8.8".parse().unwrap()));
    }
}
