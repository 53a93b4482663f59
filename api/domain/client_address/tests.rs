//! Clients behind proxies, whatever the header says.

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
