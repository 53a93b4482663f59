//! Who comes by an identity provider becomes a member: expected, with a seat, and not against an admin's will.

use super::arriving::{Arriving, is_proven_here};
use super::{entry_refusals as refusals, rules};
use crate::domain::connections::{Arrivals, SignInOutcome};
use crate::domain::diagnosis::{Step, StepName, Steps};
use crate::domain::events::JoinedBy;
use crate::domain::invitations::InvitationKind;
use crate::domain::invite_code::InviteCode;
use crate::domain::organization::{JoinedVia, MembershipStatus, Role};
use crate::error::Result;
use crate::services::admission::{self, Admission, SeatSource};
use crate::services::context::Principal;
use crate::services::invitations;
use crate::services::invite_codes::redemption;
use crate::services::unit_of_work::UnitOfWork;
use crate::services::verification::acting;
use crate::store::accounts::Account;
use crate::store::invitations::Invitation;
use crate::store::{invite_codes, memberships, removed_members};

/// Whether what the identity provider calls somebody is that of a person whom an admin removed.
pub(super) fn is_removed_subject(tx: &mut UnitOfWork<'_>, arriving: &Arriving<'_>) -> Result<bool> {
    let (provider, subject) = (arriving.connection.id, &arriving.arrival.subject);
    removed_members::is_subject(tx.connection, provider, subject)
}

/// An invite code within a flow.
pub(super) enum CarriedCode {
    /// None came.
    None,
    /// It leads into this organization.
    Valid(InviteCode),
    /// It was mistyped or replaced, or leads into another organization.
    Foreign,
}

fn carried_code(tx: &mut UnitOfWork<'_>, arriving: &Arriving<'_>) -> Result<CarriedCode> {
    let Some(code) = &arriving.payload.invite_code else {
        return Ok(CarriedCode::None);
    };
    let Ok(code) = InviteCode::parse(code) else {
        return Ok(CarriedCode::Foreign);
    };
    let target = invite_codes::find_target(tx.connection, &code)?;
    let leads_here = target.is_some_and(|it| it.organization.id == arriving.organization.id);
    Ok(if leads_here {
        CarriedCode::Valid(code)
    } else {
        CarriedCode::Foreign
    })
}

/// Refuses whom the connection does not let in for the first time, with an account or without, and who comes with a code
/// that leads elsewhere. Gives the code by which they are to join, where one came.
pub(super) fn require_expected(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    steps: &mut Steps,
) -> Result<Option<InviteCode>> {
    let code = carried_code(tx, arriving)?;
    match arriving.connection.arrivals {
        Arrivals::Everyone => {}
        Arrivals::ProvenDomains => {
            if !comes_from_proven_domain(tx, arriving)? {
                let has_address = arriving.arrival.email.is_some();
                return Err(refusals::outside_proven_domains(has_address, steps));
            }
        }
        Arrivals::Expected => match code {
            CarriedCode::Valid(_) => {}
            CarriedCode::None => return Err(refusals::without_code(steps)),
            CarriedCode::Foreign => return Err(refusals::not_by_foreign_code(steps)),
        },
    }
    match code {
        CarriedCode::None => Ok(None),
        CarriedCode::Valid(code) => Ok(Some(code)),
        CarriedCode::Foreign => Err(refusals::foreign_code(steps)),
    }
}

fn comes_from_proven_domain(tx: &mut UnitOfWork<'_>, arriving: &Arriving<'_>) -> Result<bool> {
    let Some(text) = &arriving.arrival.email else {
        return Ok(false);
    };
    match tx.services.config.login_domain.parse_outside(text) {
        Ok(email) => is_proven_here(tx, arriving, &email),
        Err(_) => Ok(false),
    }
}

/// Makes sure that the account is a member, and tells whether it became one.
pub(super) fn enter(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    account: &Account,
    steps: &mut Steps,
) -> Result<SignInOutcome> {
    let organization = arriving.organization;
    if account.deactivated_at.is_some() {
        return Err(refusals::deactivated(steps));
    }
    let membership = memberships::find(tx.connection, organization.id, account.id)?;
    if membership
        .as_ref()
        .is_some_and(|it| it.status == MembershipStatus::Deactivated)
    {
        return Err(refusals::deactivated(steps));
    }
    if let Some(secret) = invitation_for(tx, arriving, account)? {
        return accept(tx, (&secret, account), membership.is_some(), steps);
    }
    if membership.is_none() {
        if removed_members::find(tx.connection, organization.id, account.id)?.is_some()
            || is_removed_subject(tx, arriving)?
        {
            return Err(refusals::removed(steps));
        }
        let code = require_expected(tx, arriving, steps)?;
        return join(tx, arriving, (code, account), steps);
    }
    match carried_code(tx, arriving)? {
        CarriedCode::None => {}
        CarriedCode::Valid(code) => redeem(tx, (&code, account), steps)?,
        // They come in all the same: the admins are told.
        CarriedCode::Foreign => steps.add(refusals::foreign_code_step().as_warning()),
    }
    removed_members::delete_subject(
        tx.connection,
        arriving.connection.id,
        &arriving.arrival.subject,
    )?;
    steps.add(Step::ok(StepName::Account, "A member."));
    Ok(SignInOutcome::SignedIn)
}

/// Accepts the invitation that the flow carries for this account.
fn accept(
    tx: &mut UnitOfWork<'_>,
    (secret, account): (&str, &Account),
    is_member: bool,
    steps: &mut Steps,
) -> Result<SignInOutcome> {
    let actor = acting(tx, account.clone());
    tx.acting_as(actor, |tx| {
        invitations::accept_carried(tx, secret, account.id)
    })?;
    if is_member {
        steps.add(Step::ok(StepName::Account, "A member, with an invitation."));
        return Ok(SignInOutcome::SignedIn);
    }
    steps.add(Step::ok(
        StepName::Seat,
        "A new member, with the seat of an invitation.",
    ));
    Ok(SignInOutcome::Joined)
}

/// Makes an account a member: by a code, or as the connection lets people in.
pub(super) fn join(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    (code, account): (Option<InviteCode>, &Account),
    steps: &mut Steps,
) -> Result<SignInOutcome> {
    match code {
        Some(code) => redeem(tx, (&code, account), steps)?,
        None => admit(tx, arriving, account, steps)?,
    }
    steps.add(Step::ok(StepName::Seat, "A new member, with a seat."));
    Ok(SignInOutcome::Joined)
}

fn redeem(
    tx: &mut UnitOfWork<'_>,
    (code, account): (&InviteCode, &Account),
    steps: &mut Steps,
) -> Result<()> {
    let owner = Principal::Owner(account.clone());
    tx.acting_as(owner, |tx| redemption::redeem(tx, code, account))
        .map(drop)
        .map_err(|error| refusals::without_seat(error, "a free seat", steps))
}

fn admit(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    account: &Account,
    steps: &mut Steps,
) -> Result<()> {
    let account_type = rules::newcomers_type(tx, arriving, account, steps)?;
    let admission = Admission {
        organization: arriving.organization.id,
        account_type,
        role: Role::Member,
        via: JoinedVia::Sso,
        groups: Vec::new(),
        seats: SeatSource::Free,
    };
    let by = JoinedBy::Connection(arriving.connection.id);
    let owner = Principal::Owner(account.clone());
    tx.acting_as(owner, |tx| {
        admission::admit(tx, &[(account, by)], &admission)
    })
    .map_err(|error| {
        let seat = format!("a free seat for the account type {account_type}");
        refusals::without_seat(error, &seat, steps)
    })
}

/// The invitation that the flow carries, with the account that it is for, where it leads into this organization.
pub(super) fn invitation_of(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
) -> Result<Option<(Invitation, Account)>> {
    match &arriving.payload.invitation_token {
        Some(secret) => invitations::carried(tx, (secret, arriving.organization.id)),
        None => Ok(None),
    }
}

/// The secret that the flow carries of an invitation for this account, to join by.
fn invitation_for(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    account: &Account,
) -> Result<Option<String>> {
    let invitation = invitation_of(tx, arriving)?;
    let is_theirs = invitation.is_some_and(|(invitation, owner)| {
        invitation.kind != InvitationKind::NewAccount && owner.id == account.id
    });
    Ok(arriving
        .payload
        .invitation_token
        .clone()
        .filter(|_| is_theirs))
}
