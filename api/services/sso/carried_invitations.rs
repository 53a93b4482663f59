//! An invitation whose token a flow carries: accepted as when its link is followed.

use super::arriving::{Arriving, asserted_address};
use super::entry_refusals as refusals;
use crate::domain::diagnosis::{Step, StepName, Steps};
use crate::domain::invitations::{InvitationKind, InvitationStatus};
use crate::error::{Error, Result};
use crate::services::invitations;
use crate::services::invitations::errors::for_another_address;
use crate::services::takeover;
use crate::services::unit_of_work::UnitOfWork;
use crate::services::verification::acting;
use crate::store::accounts::{self, Account};
use crate::store::invitations::Invitation;

/// What the flow carries of invitations.
enum CarriedInvitation {
    /// No token.
    None,
    /// An invitation to the organization, which waits or was accepted, and the account that it is for.
    Valid(Box<(Invitation, Account)>),
    /// A token by which nobody is invited here, or not any more.
    Refused(Error),
}

fn carried(tx: &mut UnitOfWork<'_>, arriving: &Arriving<'_>) -> Result<CarriedInvitation> {
    let Some(secret) = &arriving.payload.invitation_token else {
        return Ok(CarriedInvitation::None);
    };
    match invitations::carried(tx, (secret, arriving.organization.id)) {
        Ok(found) => Ok(CarriedInvitation::Valid(Box::new(found))),
        Err(refusal @ Error::Refused(_)) => Ok(CarriedInvitation::Refused(refusal)),
        Err(fault) => Err(fault),
    }
}

/// The account that whoever comes for the first time is invited with, where the invitation waits. Whoever has an account
/// under the address that the identity provider names is asked for that one first.
pub(super) fn invited_account(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
) -> Result<Option<(Invitation, Account)>> {
    let CarriedInvitation::Valid(found) = carried(tx, arriving)? else {
        return Ok(None);
    };
    let waits = found.0.status_at(tx.now()) == InvitationStatus::Pending;
    if !waits || has_another(tx, arriving, &found.1)? {
        return Ok(None);
    }
    Ok(Some(*found))
}

fn has_another(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    invited: &Account,
) -> Result<bool> {
    let Some(email) = asserted_address(tx, arriving.arrival, &mut Steps::default()) else {
        return Ok(false);
    };
    match accounts::find_by_email(tx.connection, &email)? {
        Some(named) if named.id != invited.id => Ok(!takeover::may_be_replaced(tx, &named)?),
        Some(_) | None => Ok(false),
    }
}

/// Whether an invitation made an account that nobody has opened yet: it opens to whoever brings the invitation.
pub(super) fn made_unopened((invitation, account): &(Invitation, Account)) -> bool {
    invitation.kind == InvitationKind::NewAccount && account.password_hash.is_none()
}

/// Accepts the invitation that the flow carries, and tells whether the account became a member by it. One that cannot be
/// accepted keeps no member out: the admins are told.
///
/// # Errors
/// Of who is no member, as [`invitations::accept`].
pub(super) fn accept(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    (account, is_member): (&Account, bool),
    steps: &mut Steps,
) -> Result<bool> {
    match accept_as(tx, arriving, account) {
        Ok(false) => Ok(false),
        Ok(true) => {
            steps.add(Step::ok(StepName::Account, "The invitation is accepted."));
            Ok(!is_member)
        }
        Err(refusal @ Error::Refused(_)) if is_member => {
            steps.add(refusals::invitation_step(&refusal).as_warning());
            Ok(false)
        }
        Err(refusal) => Err(refusals::invitation(refusal, steps)),
    }
}

/// Accepts the invitation as this account; `false` where there is none to accept. One that made the account is accepted
/// when the identity opens it.
fn accept_as(tx: &mut UnitOfWork<'_>, arriving: &Arriving<'_>, account: &Account) -> Result<bool> {
    let (invitation, owner) = match carried(tx, arriving)? {
        CarriedInvitation::None => return Ok(false),
        CarriedInvitation::Valid(found) => *found,
        CarriedInvitation::Refused(refusal) => return Err(refusal),
    };
    if owner.id != account.id {
        return Err(for_another_address());
    }
    if invitation.kind == InvitationKind::NewAccount {
        return Ok(false);
    }
    let secret = arriving
        .payload
        .invitation_token
        .as_deref()
        .unwrap_or_default();
    let actor = acting(tx, account.clone());
    tx.acting_as(actor, |tx| {
        invitations::accept_carried(tx, secret, account.id)
    })?;
    Ok(true)
}

/// Refuses whom an account is to be made for although they bring an invitation: it is for another account, or for nobody.
///
/// # Errors
/// Of the invitation.
pub(super) fn require_none(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    steps: &mut Steps,
) -> Result<()> {
    match carried(tx, arriving)? {
        CarriedInvitation::None => Ok(()),
        CarriedInvitation::Valid(_) => Err(refusals::invitation(for_another_address(), steps)),
        CarriedInvitation::Refused(refusal) => Err(refusals::invitation(refusal, steps)),
    }
}
