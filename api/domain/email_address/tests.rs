//! Addresses in every spelling, and those that are none.

use super::*;

fn canonical(text: &str) -> String {
    match EmailAddress::parse(text) {
        Ok(address) => address.0,
        Err(error) => panic!("{text:?}: {error}"),
    }
}

fn reason(text: &str) -> String {
    match EmailAddress::parse(text) {
        Err(error) if error != EmailAddressError::Missing => error.to_string(),
        other => panic!("{text:?}: {other:?}"),
    }
}

#[test]
fn subaddresses_share_a_mailbox() {
    for (address, mailbox) in [
        ("ann@x.org", "ann@x.org"),
        ("ann+news@x.org", "ann@x.org"),
        ("ann+a+b@x.org", "ann@x.org"),
        ("ann.lee@x.org", "ann.lee@x.org"),
        ("+ann@x.org", "+ann@x.org"),
    ] {
        let parsed = EmailAddress::parse(address).unwrap();
        assert_eq!(parsed.mailbox(), mailbox, "{address}");
    }
}

#[test]
fn spellings_of_one_address_are_one() {
    for (spelling, expected) in [
        ("Jane.Doe@X.org", "jane.doe@x.org"),
        ("  jane.doe@x.org\r\n", "jane.doe@x.org"),
        ("\u{feff}jane.doe@x.org\u{a0}", "jane.doe@x.org"),
        ("\u{202a}jane.doe@x.org\u{202c}\u{200b}", "jane.doe@x.org"),
        ("M\u{e4}rta@x.fi", "m\u{e4}rta@x.fi"),
        ("MA\u{308}rta@x.fi", "m\u{e4}rta@x.fi"),
        ("jane@MÜNCHEN.de", "jane@xn--mnchen-3ya.de"),
        ("jane@mu\u{308}nchen.de", "jane@xn--mnchen-3ya.de"),
        ("jane@XN--MNCHEN-3YA.DE", "jane@xn--mnchen-3ya.de"),
        ("jane@straße.de", "jane@xn--strae-oqa.de"),
        ("ÅSA@K\u{212a}.se", "åsa@kk.se"),
        ("İpek@okul.tr", "i\u{307}pek@okul.tr"),
        ("I\u{307}pek@okul.tr", "i\u{307}pek@okul.tr"),
        ("ΟΔΟΣ@σχολείο.gr", "οδος@xn--kxalrpdt2a.gr"),
        ("老师@学校。中国", "老师@xn--48s290a.xn--fiqs8s"),
        ("معلم@مدرسة.قطر", "معلم@xn--ogblgi1g.xn--wgbl6a"),
        ("Ｊａｎｅ．Ｄｏｅ＠Ｘ．ｏｒｇ", "jane.doe@x.org"),
        ("NGUYỄN@trường.vn", "nguyễn@xn--trng-rib8295b.vn"),
    ] {
        assert_eq!(canonical(spelling), expected);
    }
}

#[test]
fn addresses_of_real_life_are_taken() {
    for text in [
        "a@b.co",
        "o'brien+class-7a@mail.school.example",
        "first_last%x=y/z@sub-domain.example.museum",
        "123456@qq.com",
        "=sum@example.org",
        "j@r3---sn-abc.example.com",
    ] {
        assert_eq!(canonical(text), text);
    }
}

#[test]
fn parts_are_told_apart() {
    let address: EmailAddress = "Jane@Example.ORG".parse().unwrap();
    assert_eq!(address.as_str(), "jane@example.org");
    assert_eq!(address.local_part(), "jane");
    assert_eq!(address.domain(), "example.org");
    assert_eq!(format!("<{address:>18}>"), "<  jane@example.org>");
}

#[test]
fn nothing_is_missing_rather_than_wrong() {
    for text in ["", "   ", "\t\n", "\u{feff}", "\u{a0}\u{200b}"] {
        assert_eq!(EmailAddress::parse(text), Err(EmailAddressError::Missing));
    }
}

#[test]
fn other_notations_get_a_hint() {
    for (text, hint) in [
        ("mailto:jane@x.org", "mailto"),
        ("MailTo:jane@x.org", "mailto"),
        ("Jane Doe <jane@x.org>", "angle brackets"),
        ("jane@x.org, joe@x.org", "one address"),
        ("jane@x.org;joe@x.org", "one address"),
        ("jane@x.org joe@x.org", "spaces"),
        ("jane.x.org", "has an @"),
        ("jane@doe@x.org", "only one @"),
    ] {
        assert!(reason(text).contains(hint), "{text}");
    }
}

#[test]
fn local_parts_are_dot_atoms() {
    assert!(reason("@x.org").contains("before the @"));
    for local_part in ".jane jane. jane..doe .".split(' ') {
        assert!(reason(&format!("{local_part}@x.org")).contains("starts or ends with a dot"));
    }
    for local_part in r#""jane" jane(home) a:b a[b] a\b"#.split(' ') {
        assert!(reason(&format!("{local_part}@x.org")).contains("has no “"));
    }
    for hidden in ['\u{200b}', '\u{202e}', '\0', '\u{81}'] {
        assert!(reason(&format!("ja{hidden}ne@x.org")).contains("invisible"));
    }
    assert!(reason("M\u{fffd}rta@x.fi").contains("lost"));
    // NFC makes a semicolon of the Greek question mark.
    assert!(reason("a\u{37e}b@x.gr").contains("“;”"));
}

#[test]
fn look_alikes_are_named_with_what_was_meant() {
    for (text, wrong, meant) in [
        ("pat.o’last@x.org", "U+2019 (’)", "“'” was probably meant"),
        ("pat.o´last@x.org", "U+00B4 (´)", "“'” was probably meant"),
        ("anna–maria@x.org", "U+2013 (–)", "“-” was probably meant"),
        (
            "anna\u{2011}maria@x.org",
            "(\u{2011})",
            "“-” was probably meant",
        ),
        ("jane。doe@x.org", "U+3002 (。)", "“.” was probably meant"),
        ("•mira@x.org", "(•)", "leave it out"),
        ("…ana@x.org", "(…)", "leave it out"),
        ("“jane”@x.org", "(“)", "leave it out"),
        ("😀@x.org", "(😀)", "leave it out"),
        ("½@x.org", "(½)", "leave it out"),
        (
            "jane@anna–maria.org",
            "U+2013 (–)",
            "“-” was probably meant",
        ),
        ("jane@☃.org", "(☃)", "leave it out"),
        ("jane@x.org•", "(•)", "leave it out"),
    ] {
        let reason = reason(text);
        assert!(
            reason.contains(wrong) && reason.contains(meant),
            "{text}: {reason}"
        );
    }
}

#[test]
fn domains_are_names_with_a_top_level() {
    assert!(reason("jane@").contains("after the @"));
    assert!(reason("jane@localhost").contains("not complete"));
    for domain in "127.0.0.1 [127.0.0.1] [IPv6:::1] x.123".split(' ') {
        assert!(reason(&format!("jane@{domain}")).contains("IP address"));
    }
    for (domain, words) in [
        (".org", "after the @ starts or ends with a dot"),
        ("x..org", "after the @ starts or ends with a dot"),
        ("x.org.", "after the @ starts or ends with a dot"),
        ("-x.org", "after the @ has a hyphen at"),
        ("x-.org", "after the @ has a hyphen at"),
        ("x_y.org", "after the @ has no “_”"),
        ("x!.org", "after the @ has no “!”"),
        ("x.org'", "after the @ has no “'”"),
        ("x.org)", "after the @ has no “)”"),
        ("x.org/", "after the @ has no “/”"),
        ("x:y.org", "after the @ has no “:”"),
        ("anna’s.org", "after the @ has no U+2019 (’)"),
        ("x\0.org", "invisible"),
        ("x\u{fffd}.org", "lost"),
        ("xn--a.org", "not a domain name"),
    ] {
        let reason = reason(&format!("jane@{domain}"));
        assert!(reason.contains(words), "{domain}: {reason}");
    }
}

#[test]
fn limits_count_bytes() {
    let label = "d".repeat(63);
    let local_part = "l".repeat(64);
    let longest = format!("{local_part}@{label}.{label}.{}", "d".repeat(61));
    assert_eq!(canonical(&longest).len(), MAX_ADDRESS_BYTES);
    assert_eq!(reason(&format!("{longest}d")), TOO_LONG);
    assert_eq!(reason(&"é".repeat(MAX_INPUT_BYTES)), TOO_LONG);
    assert!(reason(&format!("l{local_part}@x.org")).contains("64 bytes"));
    assert!(reason(&format!("{}@x.org", "é".repeat(33))).contains("64 bytes"));
    assert!(reason(&format!("jane@d{label}.org")).contains("not a domain name"));
}

#[test]
fn canonical_addresses_stay_as_they_are() {
    for c in '\0'..='\u{1ffff}' {
        let text = format!("a{c}@x.org");
        let marked = format!("{c}\u{307}\u{323}a@a{c}.org");
        for address in [text, marked]
            .iter()
            .flat_map(|text| EmailAddress::parse(text))
        {
            assert_eq!(EmailAddress::parse(address.as_str()), Ok(address));
        }
    }
}

#[test]
fn serde_goes_through_parse() {
    use serde::de::IntoDeserializer;
    use serde::de::value::{Error, StrDeserializer};

    let read = |text: &'static str| -> Result<EmailAddress, Error> {
        let text: StrDeserializer<'_, Error> = text.into_deserializer();
        EmailAddress::deserialize(text)
    };
    assert_eq!(read("Jane@X.org").unwrap().as_str(), "jane@x.org");
    assert!(read("jane").unwrap_err().to_string().contains("has an @"));
}
