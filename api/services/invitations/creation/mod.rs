//! Invitations to many addresses at once: each address gets its own outcome, and all that comes of
//! them is one transaction of a few statements, however many they are.

mod existing_members;
mod issue;
mod resolve;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use self::issue::Offer;
use self::resolve::Found;
use super::Take;
use crate::domain::email_address::{EmailAddress, EmailAddressError};
use crate::domain::ids::{GroupId, InvitationId, OrganizationId};
use crate::domain::invitations::{InvitationKind, InvitationOutcome, Note, ValidDays};
use crate::domain::language::Language;
use crate::domain::organization::AccountType;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::mail::Outbox;
use crate::services::authorization::{Invite, Permit};
use crate::services::organizations::require_account_type;
use crate::store::{Connection, accounts, transaction};

/// What the caller asks for.
pub struct NewInvitations {
    pub emails: Vec<Typed>,
    pub account_type: AccountType,
    pub groups: Vec<GroupId>,
    pub language: Option<Language>,
    pub note: Option<Note>,
    pub valid_days: ValidDays,
}

/// An address as it was typed, and what it spells.
pub struct Typed {
    pub text: String,
    pub email: Result<EmailAddress, EmailAddressError>,
}

/// What came of one address.
pub struct AddressResult {
    /// As it was typed.
    pub email: String,
    pub ended: Outcome,
}

/// How an address ended, with words where these help.
#[derive(Clone)]
pub struct Outcome {
    pub outcome: InvitationOutcome,
    pub invitation: Option<InvitationId>,
    /// Of the groups that were asked for, those that somebody was not in before.
    pub groups_added: usize,
    pub detail: Option<Cow<'static, str>>,
}

impl Outcome {
    fn plainly(outcome: InvitationOutcome) -> Self {
        Self {
            outcome,
            invitation: None,
            groups_added: 0,
            detail: None,
        }
    }

    fn because(outcome: InvitationOutcome, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            detail: Some(detail.into()),
            ..Self::plainly(outcome)
        }
    }
}

/// Invites addresses; tells what came of each, in the order given.
///
/// # Errors
/// Of the whole call: `account_type_not_in_kind`, `forbidden` and `validation_failed` for groups and
/// an account type beyond the caller's reach, `rate_limited`.
pub fn create(
    connection: &mut Connection,
    outbox: &Outbox,
    take: Take<'_>,
    permit: &Permit<Invite>,
    asked: &NewInvitations,
) -> Result<Vec<AddressResult>> {
    require_account_type(&permit.organization, asked.account_type)?;
    let lines = read(&asked.emails);
    let emails: Vec<EmailAddress> = lines.iter().filter_map(Line::address).cloned().collect();
    let work = InvitationBatch {
        outbox,
        take,
        permit,
        asked,
        organization: permit.organization.id,
        now: permit.act.at,
    };
    let ended = transaction(connection, |connection| {
        permit.require_within_reach(connection, &asked.groups, asked.account_type)?;
        work.carry_out(connection, &emails)
    })?;
    let results = lines.into_iter().zip(&asked.emails).map(|(line, typed)| {
        Ok(AddressResult {
            email: typed.text.chars().take(MAX_ECHO).collect(),
            ended: match line {
                Line::Outcome(ended) => ended,
                Line::Address(email) => ended
                    .get(&email)
                    .cloned()
                    .ok_or_else(|| Error::internal("an address without an outcome"))?,
            },
        })
    });
    results.collect()
}

/// How much of what was typed is said back, in characters: more is no address.
const MAX_ECHO: usize = 1_000;

/// What was typed as one address.
enum Line {
    Address(EmailAddress),
    Outcome(Outcome),
}

impl Line {
    fn address(&self) -> Option<&EmailAddress> {
        match self {
            Self::Address(email) => Some(email),
            Self::Outcome(_) => None,
        }
    }
}

fn read(emails: &[Typed]) -> Vec<Line> {
    let mut seen = HashSet::new();
    let line = |typed: &Typed| match &typed.email {
        Err(error) => Line::Outcome(Outcome::because(
            InvitationOutcome::EmailInvalid,
            error.to_string(),
        )),
        Ok(email) if seen.insert(email.clone()) => Line::Address(email.clone()),
        Ok(_) => Line::Outcome(Outcome::plainly(InvitationOutcome::DuplicateInRequest)),
    };
    emails.iter().map(line).collect()
}

/// One call, with what it needs.
struct InvitationBatch<'a> {
    outbox: &'a Outbox,
    take: Take<'a>,
    permit: &'a Permit<Invite>,
    asked: &'a NewInvitations,
    organization: OrganizationId,
    now: Timestamp,
}

type Outcomes = HashMap<EmailAddress, Outcome>;

impl InvitationBatch<'_> {
    /// Accounts come before seats here, as everywhere, so that two who wait never form a ring.
    fn carry_out(&self, connection: &mut Connection, emails: &[EmailAddress]) -> Result<Outcomes> {
        let mut stale = Vec::new();
        let sender = match self.permit.account_id {
            Some(holder) => accounts::find(connection, holder)?,
            None => None,
        };
        let mut found = self.look(connection, emails, &mut stale)?;
        self.make_accounts(connection, emails, sender.as_ref(), &mut found, &mut stale)?;
        for invitation in &stale {
            self.end_stale(connection, invitation)?;
        }
        let mut outcomes = Outcomes::new();
        let mut offers = Vec::new();
        self.welcome_those_inside(connection, &found, &mut outcomes)?;
        for email in emails {
            match found.remove(email) {
                Some(Found::New(account)) => offers.push(Offer {
                    account,
                    kind: InvitationKind::NewAccount,
                }),
                Some(Found::Outsider(account)) => offers.push(Offer {
                    account,
                    kind: InvitationKind::Join,
                }),
                _ => {}
            }
        }
        let seated = self.seat(connection, offers, &mut outcomes)?;
        self.invite(connection, sender.as_ref(), &seated, &mut outcomes)?;
        Ok(outcomes)
    }
}
