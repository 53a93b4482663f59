//! The part behind the `@`: a domain of IDNA 2008 that mail can reach.

use std::borrow::Cow;

use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};

use super::characters::is_letter_or_digit;
use super::error::{EmailAddressError, invalid, invisible_or_lost};

const NO_IP_ADDRESS: &str = "Behind the @ stands a domain name, not an IP address.";

/// The domain in ASCII and lower case.
///
/// # Errors
/// Where mail cannot be sent there.
pub(in crate::domain) fn canonical_domain(text: &str) -> Result<String, EmailAddressError> {
    if text.is_empty() {
        return Err(invalid("Nothing stands after the @."));
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
    match wrong_in_domain(&in_own_script(&domain)) {
        Some(character) => Err(EmailAddressError::WrongInDomain { character }),
        None => Ok(domain.into_owned()),
    }
}

/// A domain in its own script, as people read it.
pub(super) fn in_own_script(domain: &str) -> Cow<'_, str> {
    let (shown, _) =
        Uts46::new().to_unicode(domain.as_bytes(), AsciiDenyList::STD3, Hyphens::Allow);
    shown
}

fn no_domain(text: &str) -> EmailAddressError {
    match (invisible_or_lost(text), wrong_in_domain(text)) {
        (Some(reason), _) => invalid(reason),
        (None, Some(character)) => EmailAddressError::WrongInDomain { character },
        (None, None) => invalid(domain_fault(text)),
    }
}

/// What is wrong with the order of characters that domains have.
fn domain_fault(domain: &str) -> &'static str {
    let mut labels = domain.split('.');
    if labels.clone().any(str::is_empty) {
        "The domain after the @ starts or ends with a dot, or has two in a row."
    } else if labels.any(|label| label.starts_with('-') || label.ends_with('-')) {
        "The domain after the @ has a hyphen at the start or the end of a part."
    } else {
        "What stands after the @ is not a domain name."
    }
}

fn wrong_in_domain(domain: &str) -> Option<char> {
    domain
        .chars()
        .find(|c| !is_letter_or_digit(*c) && !is_domain_sign(*c))
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

/// Mail reaches people at `name.tld`: a bare host name is a slip, and a number at the end makes an
/// IPv4 address (RFC 3696, section 2).
fn require_public_shape(domain: &str) -> Result<(), EmailAddressError> {
    let (_, top_level) = domain.rsplit_once('.').ok_or(invalid(
        "The domain after the @ is not complete, as in jane@example.org.",
    ))?;
    if top_level.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(invalid(NO_IP_ADDRESS));
    }
    Ok(())
}
