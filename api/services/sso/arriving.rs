//! Somebody at the door of an organization, and what their identity provider says of name and address.

use serde_json::{Map, Value};

use super::arrival::{Arrival, FlowPayload};
use crate::domain::connections::Preset;
use crate::domain::diagnosis::{Step, StepName, Steps};
use crate::domain::email_address::{EmailAddress, EmailAddressError};
use crate::domain::email_domain::EmailDomain;
use crate::domain::generated_address::RESERVED;
use crate::domain::ids::SessionId;
use crate::domain::shown;
use crate::domain::username::Username;
use crate::error::Result;
use crate::saml::person;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::accounts::Account;
use crate::store::domains;
use crate::store::organizations::Organization;
use crate::store::sso_connections::SsoConnection;

/// Somebody at the door of an organization.
pub(super) struct Arriving<'a> {
    pub organization: &'a Organization,
    pub connection: &'a SsoConnection,
    pub arrival: &'a Arrival,
    pub payload: &'a FlowPayload,
    /// The session that began the flow, which goes on.
    pub session: Option<SessionId>,
    /// Whether all is undone: the steps say what would be.
    pub is_test: bool,
    /// The address that came, where it is one.
    address: Option<EmailAddress>,
    /// Whether that is of a domain that the organization has proven, and of one of its own people: guests of a tenant
    /// stand outside.
    pub is_proven: bool,
}

impl<'a> Arriving<'a> {
    /// Somebody who comes by a connection. Call it in the transaction that decides what comes of it.
    pub fn new(
        tx: &mut UnitOfWork<'_>,
        (organization, connection): (&'a Organization, &'a SsoConnection),
        (arrival, payload): (&'a Arrival, &'a FlowPayload),
    ) -> Result<Self> {
        let login_domain = &tx.services.config.login_domain;
        let text = arrival.email.as_deref();
        let address = text.and_then(|text| login_domain.parse_outside(text).ok());
        let is_proven = match address.as_ref().filter(|_| !arrival.guest) {
            Some(address) => is_domain_proven(tx, connection, address.domain())?,
            None => false,
        };
        Ok(Self {
            organization,
            connection,
            arrival,
            payload,
            session: None,
            is_test: false,
            address,
            is_proven,
        })
    }

    /// What rules may believe of what came for an account: all, with the address that counts and no other. One that is
    /// denied, that is none, that a guest brings along, or that is neither the account's nor in a domain that the
    /// organization has proven says nothing of who somebody is, nor does a second one beside it.
    pub fn believed_claims(&self, account: &Account) -> Map<String, Value> {
        let is_own = !self.arrival.guest && self.address.as_ref() == Some(&account.email);
        let address = self.arrival.email.as_deref();
        let mut claims = self.arrival.claims.clone();
        person::leave_address(&mut claims, address.filter(|_| self.is_proven || is_own));
        claims
    }

    /// The domain of Google Workspace by which they come.
    pub fn workspace(&self) -> Option<String> {
        if self.connection.preset != Preset::Google {
            return None;
        }
        let named = self.arrival.claims.get("hd")?.as_str()?;
        let domain = EmailDomain::parse(named);
        Some(domain.map_or_else(|_| named.to_owned(), |domain| domain.to_string()))
    }

    /// What is said of something that is done, or in a test would be.
    pub fn said(&self, done: &'static str, would: &'static str) -> &'static str {
        if self.is_test { would } else { done }
    }
}

/// What the person is called, where that can be a name here.
pub(super) fn name_of(arrival: &Arrival) -> Option<Username> {
    Username::parse(arrival.name.as_deref()?).ok()
}

/// The address that the provider vouches for, in its canonical form. The step `email` tells of it once.
pub(super) fn asserted_address(
    tx: &UnitOfWork<'_>,
    arrival: &Arrival,
    steps: &mut Steps,
) -> Option<EmailAddress> {
    let (email, step) = judged_address(tx, arrival);
    // An address that came and was denied stands there already.
    let is_told = steps
        .as_slice()
        .iter()
        .any(|step| step.name == StepName::Email);
    if !is_told {
        steps.add(step);
    }
    email
}

fn judged_address(tx: &UnitOfWork<'_>, arrival: &Arrival) -> (Option<EmailAddress>, Step) {
    let Some(text) = &arrival.email else {
        return (None, no_address());
    };
    match tx.services.config.login_domain.parse_outside(text) {
        Ok(email) => {
            let step = Step::ok(StepName::Email, email.to_string());
            (Some(email), step)
        }
        Err(EmailAddressError::Invalid { reason }) if reason == RESERVED => (None, reserved(text)),
        Err(_) => (None, unreadable()),
    }
}

/// An address of Rollcall's own login domain.
fn reserved(text: &str) -> Step {
    Step::warning(
        StepName::Email,
        "the address of a mailbox",
        format!(
            "{}, of the domain whose addresses Rollcall gives out",
            shown::value(text)
        ),
        "No mail reaches addresses of this domain, and nobody but Rollcall gives one to a person. In the identity provider, \
         have the attribute for the address hold the mailbox of the person.",
    )
}

fn unreadable() -> Step {
    Step::warning(
        StepName::Email,
        "an email address",
        "a text that is no address",
        "In the identity provider, have the attribute for the address hold the mailbox of the person.",
    )
}

fn no_address() -> Step {
    Step::warning(
        StepName::Email,
        "an email address",
        "no address",
        "In the identity provider, release the address of people to this application (by OpenID Connect the claim `email`, \
         by SAML the attribute `mail`). Who is let in without one gets a generated one here, which is nobody's mailbox.",
    )
}

/// Whether the organization of a connection has proven a domain that counts there, and it has not lapsed.
pub(super) fn is_domain_proven(
    tx: &mut UnitOfWork<'_>,
    connection: &SsoConnection,
    name: &str,
) -> Result<bool> {
    let Ok(domain) = EmailDomain::parse(name) else {
        return Ok(false);
    };
    let proven = domains::find_proven(tx.connection, &domain)?;
    Ok(proven.is_some_and(|(domain, owner)| {
        owner.id == connection.organization_id && domain.counts_at(connection.id)
    }))
}
