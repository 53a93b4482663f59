//! The email address in its one canonical spelling: what an account signs in with
//! (`docs/accounts.md`).

use std::fmt;
use std::str::FromStr;

use icu_properties::CodePointMapData;
use icu_properties::props::{GeneralCategory, GeneralCategoryGroup};
use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

/// The longest address, in bytes: a mail path of RFC 5321 without its angle brackets (RFC 3696,
/// erratum 1690).
pub const MAX_ADDRESS_BYTES: usize = 254;

/// The longest part before the `@`, in bytes (RFC 5321, 4.5.3.1.1).
pub const MAX_LOCAL_PART_BYTES: usize = 64;

/// What is longer, decomposed or in wide scripts, is not worth the work of normalizing it.
const MAX_INPUT_BYTES: usize = 2_048;

/// An email address in canonical form: trimmed, lower case as a whole, Unicode NFC before the `@`
/// and an ASCII domain name (IDNA) behind it.
///
/// Two spellings of one address are equal, whatever their case or Unicode form. Parsing a canonical
/// address gives the same address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct EmailAddress(String);

/// Why a text is not an email address. The message helps whoever wrote the text and does not repeat
/// it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmailAddressError {
    /// Nothing was given but white space.
    #[error("An email address is needed.")]
    Missing,
    /// Something was given that mail cannot be sent to.
    #[error("{reason}")]
    Invalid {
        /// What is wrong, as a sentence.
        reason: &'static str,
    },
    /// It has a character that addresses do not have.
    #[error("{}", words_of_character(*character))]
    WrongCharacter {
        /// The first of them.
        character: char,
    },
}

/// What is wrong with a character, and what was probably meant by it.
fn words_of_character(character: char) -> String {
    let meant = match character {
        '’' | '‘' | '‛' | 'ʼ' | 'ʹ' | '´' | '′' => "'",
        '‐'..='―' | '−' | '⁃' | '﹣' | '﹘' => "-",
        '。' | '｡' | '․' | '۔' | '‧' | '·' | '・' => ".",
        '﹫' => "@",
        '∗' | '⁎' => "*",
        '⁄' | '∕' => "/",
        _ => {
            return format!(
                "An email address has no {}: leave it out, or type the address anew.",
                named(character)
            );
        }
    };
    format!(
        "An email address has no {}; “{meant}” was probably meant.",
        named(character)
    )
}

/// A character, with its number in Unicode where it may look like another.
fn named(character: char) -> String {
    if character.is_ascii() {
        return format!("“{character}”");
    }
    format!("U+{:04X} ({character})", u32::from(character))
}

impl EmailAddressError {
    /// What is wrong, where a domain was to be given and no address.
    pub fn of_domain(self) -> String {
        const EXPECTED: &str = "Expected a domain such as example.org.";
        match self {
            Self::Missing | Self::Invalid { .. } => EXPECTED.to_owned(),
            Self::WrongCharacter { character } => {
                format!("A domain has no {}. {EXPECTED}", named(character))
            }
        }
    }
}

impl EmailAddress {
    /// Takes back what this application has stored: it was parsed before it was written.
    pub const fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The address that `text` spells, with the white space and the invisible characters around it
    /// taken off: spreadsheets and mail programs leave both behind.
    ///
    /// Before the `@` stands a dot-atom of RFC 5321, with the letters, marks and digits of other scripts
    /// (RFC 6531); behind it, a domain of IDNA 2008. Quoted local parts and IP addresses as domains are
    /// refused: no person's address needs them. Full-width forms are taken for what they are forms of.
    ///
    /// # Errors
    /// Where nothing is left after trimming, or mail cannot be sent there.
    pub fn parse(text: &str) -> Result<Self, EmailAddressError> {
        let text = text.trim_matches(|c: char| c.is_whitespace() || is_invisible(c));
        if text.is_empty() {
            return Err(EmailAddressError::Missing);
        }
        if text.len() > MAX_INPUT_BYTES {
            return Err(invalid(TOO_LONG));
        }
        let text = &fold_width(text);
        refuse_other_notations(text)?;
        let (local_part, domain) = split_at_sign(text)?;
        let address = format!(
            "{}@{}",
            canonical_local_part(local_part)?,
            canonical_domain(domain)?
        );
        if address.len() > MAX_ADDRESS_BYTES {
            return Err(invalid(TOO_LONG));
        }
        Ok(Self(address))
    }

    /// The whole canonical address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The mailbox's name: what stands before the `@`.
    pub fn local_part(&self) -> &str {
        self.parts().0
    }

    /// The address as people read it, with the domain in its own script. It is parsed to the same address.
    pub fn for_people(&self) -> String {
        let (domain, _) = Uts46::new().to_unicode(
            self.domain().as_bytes(),
            AsciiDenyList::STD3,
            Hyphens::Allow,
        );
        format!("{}@{domain}", self.local_part())
    }

    /// The mailbox that the address most probably leads to: without a subaddress (`+tag`, RFC 5233).
    pub fn mailbox(&self) -> String {
        let (local_part, domain) = self.parts();
        match local_part.split_once('+') {
            Some((name, _)) if !name.is_empty() => format!("{name}@{domain}"),
            Some(_) | None => self.0.clone(),
        }
    }

    /// Whether it has a subaddress: whoever has the mailbox has as many of these as they like.
    pub fn has_subaddress(&self) -> bool {
        self.mailbox() != self.0
    }

    /// The domain name in ASCII, where mail for the address goes: what stands behind the `@`.
    pub fn domain(&self) -> &str {
        self.parts().1
    }

    fn parts(&self) -> (&str, &str) {
        // A canonical address has its `@`; without one it would be all local part.
        self.0.split_once('@').unwrap_or((&self.0, ""))
    }
}

const TOO_LONG: &str = "An email address has at most 254 bytes.";

const fn invalid(reason: &'static str) -> EmailAddressError {
    EmailAddressError::Invalid { reason }
}

/// Refuses what people paste in place of an address with the hint that gets them on.
fn refuse_other_notations(text: &str) -> Result<(), EmailAddressError> {
    let reason = if starts_with_mailto(text) {
        "Write the address alone, without “mailto:” before it."
    } else if text.contains(['<', '>']) {
        "Write the address alone, without a name or angle brackets around it."
    } else if text.contains([',', ';']) {
        "Write one address alone: an email address has no comma or semicolon."
    } else if text.contains(char::is_whitespace) {
        "An email address has no spaces or line breaks inside."
    } else {
        return Ok(());
    };
    Err(invalid(reason))
}

fn starts_with_mailto(text: &str) -> bool {
    const SCHEME: &str = "mailto:";
    text.get(..SCHEME.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(SCHEME))
}

fn split_at_sign(text: &str) -> Result<(&str, &str), EmailAddressError> {
    let (local_part, domain) = text.split_once('@').ok_or(invalid(
        "An email address has an @, as in jane@example.org.",
    ))?;
    if domain.contains('@') {
        return Err(invalid("An email address has only one @."));
    }
    Ok((local_part, domain))
}

fn canonical_local_part(text: &str) -> Result<String, EmailAddressError> {
    // Lower case can part what NFC had joined, so NFC has the last word too.
    let composed: String = text.nfc().collect();
    let local_part: String = composed.to_lowercase().nfc().collect();
    if local_part.len() > MAX_LOCAL_PART_BYTES {
        return Err(invalid("The part before the @ has at most 64 bytes."));
    }
    if let Some(reason) = local_part_fault(&local_part) {
        return Err(invalid(reason));
    }
    match local_part.chars().find(|c| *c != '.' && !is_atom_text(*c)) {
        Some(character) => Err(EmailAddressError::WrongCharacter { character }),
        None => Ok(local_part),
    }
}

/// Half-width letters in place of the full-width ones of East Asian keyboards.
fn fold_width(text: &str) -> String {
    let folded = |c: char| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        other => other,
    };
    text.chars().map(folded).collect()
}

fn local_part_fault(local_part: &str) -> Option<&'static str> {
    if local_part.is_empty() {
        Some("Nothing stands before the @.")
    } else if local_part.split('.').any(str::is_empty) {
        Some("The part before the @ has a dot too many, at its start, at its end or in a row.")
    } else if local_part.contains(char::REPLACEMENT_CHARACTER) {
        Some("The address has a character that was lost when its file was saved or read.")
    } else if local_part.contains(|c| is_invisible(c) || c.is_control()) {
        Some("The address has an invisible character inside; type it anew.")
    } else {
        None
    }
}

/// `atext` of RFC 5322, 3.2.3, as RFC 6531, 3.3 widens it to other scripts: to what people write names with.
fn is_atom_text(c: char) -> bool {
    match c.is_ascii() {
        true => c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c),
        false => is_letter_or_digit(c),
    }
}

/// Letters, marks and decimal digits of any script (the `LetterDigits` of RFC 5892, 2.1).
fn is_letter_or_digit(c: char) -> bool {
    let category = CodePointMapData::<GeneralCategory>::new().get(c);
    GeneralCategoryGroup::Letter
        .union(GeneralCategoryGroup::Mark)
        .union(GeneralCategoryGroup::DecimalNumber)
        .contains(category)
}

/// The other characters that a domain may have: hyphens, dots, and the exceptions of RFC 5892, 2.6, in
/// places that UTS 46 has checked.
fn is_domain_sign(c: char) -> bool {
    matches!(
        c,
        '-' | '.'
            | '\u{b7}'
            | '\u{375}'
            | '\u{5f3}'
            | '\u{5f4}'
            | '\u{6fd}'
            | '\u{6fe}'
            | '\u{f0b}'
            | '\u{200c}'
            | '\u{200d}'
            | '\u{3007}'
            | '\u{30fb}'
    )
}

pub(super) fn canonical_domain(text: &str) -> Result<String, EmailAddressError> {
    if text.is_empty() {
        return Err(invalid("Nothing stands behind the @."));
    }
    if text.starts_with('[') {
        return Err(invalid(NO_IP_ADDRESS));
    }
    let domain = Uts46::new()
        .to_ascii(
            text.as_bytes(),
            AsciiDenyList::STD3,
            Hyphens::CheckFirstLast,
            DnsLength::Verify,
        )
        .map_err(|_| no_domain(text))?;
    require_public_shape(&domain)?;
    // UTS 46 takes signs and emoji, which IDNA 2008 has no place for.
    let (shown, _) =
        Uts46::new().to_unicode(domain.as_bytes(), AsciiDenyList::STD3, Hyphens::Allow);
    match wrong_in_domain(&shown) {
        Some(character) => Err(EmailAddressError::WrongCharacter { character }),
        None => Ok(domain.into_owned()),
    }
}

fn wrong_in_domain(domain: &str) -> Option<char> {
    domain
        .chars()
        .find(|c| !is_letter_or_digit(*c) && !is_domain_sign(*c))
}

fn no_domain(text: &str) -> EmailAddressError {
    match wrong_in_domain(text).filter(|c| !c.is_ascii()) {
        Some(character) => EmailAddressError::WrongCharacter { character },
        None => invalid("What stands behind the @ is not a domain name."),
    }
}

const NO_IP_ADDRESS: &str = "Behind the @ stands a domain name, not an IP address.";

/// Mail reaches people at `name.tld`: a bare host name is a slip, and a number at the end makes an
/// IPv4 address (RFC 3696, section 2).
fn require_public_shape(domain: &str) -> Result<(), EmailAddressError> {
    let (_, top_level) = domain.rsplit_once('.').ok_or(invalid(
        "The domain behind the @ is not complete, as in jane@example.org.",
    ))?;
    if top_level.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(invalid(NO_IP_ADDRESS));
    }
    Ok(())
}

/// Characters that show nothing and come along when text is copied: soft hyphens, zero-width
/// characters, byte order marks, direction marks.
const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
    )
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for EmailAddress {
    type Err = EmailAddressError;

    fn from_str(text: &str) -> Result<Self, EmailAddressError> {
        Self::parse(text)
    }
}

impl TryFrom<String> for EmailAddress {
    type Error = EmailAddressError;

    fn try_from(text: String) -> Result<Self, EmailAddressError> {
        Self::parse(&text)
    }
}

#[cfg(test)]
mod tests {
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
            assert!(reason(&format!("{local_part}@x.org")).contains("dot too many"));
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
        assert!(reason("jane@").contains("behind the @"));
        assert!(reason("jane@localhost").contains("not complete"));
        for domain in "127.0.0.1 [127.0.0.1] [IPv6:::1] x.123".split(' ') {
            assert!(reason(&format!("jane@{domain}")).contains("IP address"));
        }
        for domain in ".org x..org x.org. -x.org x-.org x_y.org x!.org xn--a.org x\0.org".split(' ')
        {
            assert!(reason(&format!("jane@{domain}")).contains("not a domain name"));
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
}
