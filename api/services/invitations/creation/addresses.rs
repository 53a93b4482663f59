//! The addresses of a call: parsed at its beginning, answered in the same order at its end.

use std::collections::HashSet;

use super::outcome::{AddressResult, Outcome, Outcomes};
use super::request::GivenAddress;
use crate::domain::email_address::EmailAddress;
use crate::domain::invitations::InvitationOutcome;
use crate::error::{Error, Result};

/// What was typed as one address.
pub(super) enum ParsedAddress {
    /// An address that did not occur before in the call.
    Valid(EmailAddress),
    /// One that is settled already: invalid, or a duplicate.
    Refused(Outcome),
}

/// Parses the addresses, in the order given.
pub(super) fn parse(given: &[GivenAddress]) -> Vec<ParsedAddress> {
    let mut seen = HashSet::new();
    given
        .iter()
        .map(|given| match &given.email {
            Err(error) => ParsedAddress::Refused(Outcome::with_detail(
                InvitationOutcome::EmailInvalid,
                error.to_string(),
            )),
            Ok(email) if seen.insert(email.clone()) => ParsedAddress::Valid(email.clone()),
            Ok(_) => ParsedAddress::Refused(Outcome::plain(InvitationOutcome::DuplicateInRequest)),
        })
        .collect()
}

/// The valid addresses, each once, in the order given.
pub(super) fn valid(parsed: &[ParsedAddress]) -> Vec<EmailAddress> {
    parsed
        .iter()
        .filter_map(|parsed| match parsed {
            ParsedAddress::Valid(email) => Some(email.clone()),
            ParsedAddress::Refused(_) => None,
        })
        .collect()
}

/// How much of a typed text is repeated in the response, in characters: no address is longer.
const MAX_ECHO: usize = 1_000;

/// The results of all addresses, in the order given.
///
/// # Errors
/// `internal` where a valid address has no outcome.
pub(super) fn results(
    given: &[GivenAddress],
    parsed: Vec<ParsedAddress>,
    outcomes: &Outcomes,
) -> Result<Vec<AddressResult>> {
    parsed
        .into_iter()
        .zip(given)
        .map(|(parsed, given)| {
            Ok(AddressResult {
                email: given.text.chars().take(MAX_ECHO).collect(),
                outcome: outcome_of(parsed, outcomes)?,
            })
        })
        .collect()
}

fn outcome_of(parsed: ParsedAddress, outcomes: &Outcomes) -> Result<Outcome> {
    match parsed {
        ParsedAddress::Refused(outcome) => Ok(outcome),
        ParsedAddress::Valid(email) => {
            let outcome = outcomes.get(&email).cloned();
            outcome.ok_or_else(|| Error::internal("an address without an outcome"))
        }
    }
}
