//! Who comes by an identity provider becomes a member: expected, with a seat, and not against an admin's will.

use super::arriving::{Arriving, is_proven_here};
use super::rules;
use crate::domain::connections::{Arrivals, SignInOutcome};
use crate::domain::diagnosis::{Step, StepName, Steps};
use crate::domain::events::JoinedBy;
use crate::domain::invitations::InvitationKind;
use crate::domain::invite_code::InviteCode;
use crate::domain::organization::{JoinedVia, MembershipStatus, Role};
use crate::error::{Code, Error, Result};
use crate::services::admission::{self, Admission, SeatSource};
use crate::services::context::Principal;
use crate::services::invitations;
use crate::services::invite_codes::redemption;
use crate::services::unit_of_work::UnitOfWork;
use crate::services::verification::acting;
use crate::store::accounts::Account;
use crate::store::invitations::Invitation;
use crate::store::organizations::Organization;
use crate::store::{invite_codes, memberships, removed_members};

/// Whether what the identity provider calls somebody is that of a person whom an admin removed.
pub(super) fn is_removed_subject(tx: &mut UnitOfWork<'_>, arriving: &Arriving<'_>) -> Result<bool> {
    let (provider, subject) = (arriving.connection.id, &arriving.arrival.subject);
    removed_members::is_subject(tx.connection, provider, subject)
}

/// Refuses whom the connection does not let in for the first time, with an account or without.
pub(super) fn require_expected(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    steps: &mut Steps,
) -> Result<()> {
    let (is_expected, expected, advice) = match arriving.connection.arrivals {
        Arrivals::Everyone => return Ok(()),
        Arrivals::ProvenDomains => (
            comes_from_proven_domain(tx, arriving)?,
            "an address in a domain that the organization has proven",
            match arriving.arrival.email {
                Some(_) => {
                    "Prove the domain of the person's address, or set `arrivals` of the connection to `everyone`."
                }
                None => {
                    "No address came that could be in one: see the step `email`. Or set `arrivals` of the connection to \
                     `everyone`."
                }
            },
        ),
        Arrivals::Expected => (
            code_of(tx, arriving)?.is_some(),
            "an invite code of the organization",
            match arriving.carried.invite_code {
                Some(_) => {
                    "The code that came is none of the organization: it was mistyped, replaced, or is another's. Give the \
                     person the code once more."
                }
                None => {
                    "Give the person an invite code, or set `arrivals` of the connection to `everyone` or `proven_domains`."
                }
            },
        ),
    };
    if is_expected {
        return Ok(());
    }
    steps.add(Step::failed(
        StepName::Account,
        expected,
        "somebody whom nobody here expects",
        advice,
    ));
    Err(Error::refused(
        Code::NotExpectedHere,
        "Nobody expects you in this organization. Ask the people who run it to invite you.",
    ))
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

/// The code that the trip carries, where it leads into this organization.
fn code_of(tx: &mut UnitOfWork<'_>, arriving: &Arriving<'_>) -> Result<Option<InviteCode>> {
    let Some(code) = &arriving.carried.invite_code else {
        return Ok(None);
    };
    let Ok(code) = InviteCode::parse(code) else {
        return Ok(None);
    };
    let target = invite_codes::find_target(tx.connection, &code)?;
    let leads_here = |organization: &Organization| organization.id == arriving.organization.id;
    Ok(target
        .filter(|target| leads_here(&target.organization))
        .map(|_| code))
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
        return Err(deactivated(steps));
    }
    let membership = memberships::find(tx.connection, organization.id, account.id)?;
    if membership
        .as_ref()
        .is_some_and(|it| it.status == MembershipStatus::Deactivated)
    {
        return Err(deactivated(steps));
    }
    if let Some(secret) = invitation_for(tx, arriving, account)? {
        return accept(tx, (&secret, account), membership.is_some(), steps);
    }
    if membership.is_none() {
        if removed_members::find(tx.connection, organization.id, account.id)?.is_some()
            || is_removed_subject(tx, arriving)?
        {
            return Err(removed(steps));
        }
        require_expected(tx, arriving, steps)?;
        return join(tx, arriving, account, steps);
    }
    if let Some(code) = take_code(tx, arriving, steps)? {
        redeem(tx, (&code, account), steps)?;
    }
    removed_members::delete_subject(
        tx.connection,
        arriving.connection.id,
        &arriving.arrival.subject,
    )?;
    steps.add(Step::ok(StepName::Account, "A member."));
    Ok(SignInOutcome::SignedIn)
}

/// Accepts the invitation that the trip carries for this account.
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

/// Makes an account a member: by the code that the trip carries, or as the connection lets people in.
pub(super) fn join(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    account: &Account,
    steps: &mut Steps,
) -> Result<SignInOutcome> {
    let code = take_code(tx, arriving, steps)?;
    if code.is_none() && arriving.carried.invite_code.is_some() {
        // As when it is redeemed: whoever joined without it would miss its group.
        return Err(redemption::unknown());
    }
    match code {
        Some(code) => redeem(tx, (&code, account), steps)?,
        None => admit(tx, arriving, account, steps)?,
    }
    steps.add(Step::ok(StepName::Seat, "A new member, with a seat."));
    Ok(SignInOutcome::Joined)
}

/// The code that the trip carries; one that does not lead here is told of.
fn take_code(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    steps: &mut Steps,
) -> Result<Option<InviteCode>> {
    let code = code_of(tx, arriving)?;
    if code.is_none() && arriving.carried.invite_code.is_some() {
        let step = Step::warning(
            StepName::Account,
            "an invite code of the organization",
            "a code that is not one of it",
            "Give the person the code once more: it was mistyped, replaced, or is another organization's.",
        );
        steps.add(step);
    }
    Ok(code)
}

fn redeem(
    tx: &mut UnitOfWork<'_>,
    (code, account): (&InviteCode, &Account),
    steps: &mut Steps,
) -> Result<()> {
    let owner = Principal::Owner(account.clone());
    tx.acting_as(owner, |tx| redemption::redeem(tx, code, account))
        .map(drop)
        .map_err(|error| seat_refused(error, "a free seat", steps))
}

fn admit(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    account: &Account,
    steps: &mut Steps,
) -> Result<()> {
    let account_type = rules::newcomers_type(arriving, account)?;
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
        seat_refused(error, &seat, steps)
    })
}

fn seat_refused(error: Error, seat: &str, steps: &mut Steps) -> Error {
    if error.code() == Code::NoSeat {
        steps.add(Step::failed(
            StepName::Seat,
            seat,
            "none is free",
            "Free a seat of the account type, and of all types where these are limited together, or have the licence raised; \
             the person then signs in again.",
        ));
        return no_seat_for_you();
    }
    error
}

/// The refusal in words for who signs in, and cannot free a seat.
fn no_seat_for_you() -> Error {
    Error::refused(
        Code::NoSeat,
        "No seat is free for you in this organization. Ask the people who run it for one, then sign in again.",
    )
}

fn deactivated(steps: &mut Steps) -> Error {
    steps.add(Step::failed(
        StepName::Account,
        "an active member",
        "an account that was deactivated",
        "Reactivate the member, if they are to come back.",
    ));
    Error::account_deactivated()
}

pub(super) fn removed(steps: &mut Steps) -> Error {
    steps.add(Step::failed(
        StepName::Account,
        "a member, or somebody new",
        "somebody whom an admin removed",
        "Invite the person, if they are to come back.",
    ));
    Error::refused(
        Code::RemovedByAdmin,
        "An admin has removed you from this organization. Ask the people who run it to invite you.",
    )
}

/// The invitation that the trip carries, with the account that it is for, where it leads into this organization.
pub(super) fn invitation_of(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
) -> Result<Option<(Invitation, Account)>> {
    match &arriving.carried.invitation_token {
        Some(secret) => invitations::carried(tx, (secret, arriving.organization.id)),
        None => Ok(None),
    }
}

/// The secret that the trip carries of an invitation for this account, to join by.
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
        .carried
        .invitation_token
        .clone()
        .filter(|_| is_theirs))
}
