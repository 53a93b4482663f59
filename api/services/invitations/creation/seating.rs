//! Seats for those who are to be invited: the first in the order given get one.

use super::outcome::{Outcome, Outcomes};
use super::request::NewInvitations;
use super::resolve::Invitee;
use crate::domain::email_address::EmailAddress;
use crate::domain::ids::{AccountId, OrganizationId};
use crate::domain::invitations::{InvitationKind, InvitationOutcome};
use crate::domain::organization::AccountType;
use crate::error::{Error, Result};
use crate::services::authorization::{Invite, Permit};
use crate::services::unit_of_work::UnitOfWork;
use crate::store::{account_deletion, invitations, seats};

/// Who has a reserved seat, and the outcomes of those who have none.
#[derive(Default)]
pub(super) struct Seating {
    pub seated: Vec<Invitee>,
    pub unseated: Outcomes,
}

/// Reserves seats for as many as there are seats.
pub(super) fn reserve(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<Invite>,
    new: &NewInvitations,
    mut invitees: Vec<Invitee>,
) -> Result<Seating> {
    if invitees.is_empty() {
        return Ok(Seating::default());
    }
    let (organization, account_type) = (permit.organization.id, new.account_type);
    let wanted = i64::try_from(invitees.len()).map_err(Error::internal)?;
    let granted = seats::reserve_up_to(tx.connection, organization, account_type, wanted)?;
    let granted = usize::try_from(granted).map_err(Error::internal)?;
    let without_seat = invitees.split_off(granted.min(invitees.len()));
    delete_new_accounts(tx, &without_seat)?;
    let mut seating = leave_out_invited(tx, organization, account_type, invitees)?;
    let no_seat = Outcome::with_detail(
        InvitationOutcome::NoSeat,
        "No seat is free for this account type, so nothing was mailed. Free a seat, or ask for a larger \
         licence; then invite them again.",
    );
    seating.unseated.extend(outcomes(without_seat, &no_seat));
    Ok(seating)
}

/// Deletes the accounts that were created for those who get no seat.
fn delete_new_accounts(tx: &mut UnitOfWork<'_>, invitees: &[Invitee]) -> Result<()> {
    let new: Vec<AccountId> = invitees
        .iter()
        .filter(|invitee| invitee.kind == InvitationKind::NewAccount)
        .map(|invitee| invitee.account.id)
        .collect();
    account_deletion::delete_new(tx.connection, &new)
}

/// Leaves out those whom another transaction has invited since they were resolved, and releases their
/// seats. From here on nobody else can invite them: the seats of the organization are locked.
fn leave_out_invited(
    tx: &mut UnitOfWork<'_>,
    organization: OrganizationId,
    account_type: AccountType,
    invitees: Vec<Invitee>,
) -> Result<Seating> {
    let joining: Vec<EmailAddress> = invitees
        .iter()
        .filter(|invitee| invitee.kind == InvitationKind::Join)
        .map(|invitee| invitee.account.email.clone())
        .collect();
    if joining.is_empty() {
        return Ok(Seating {
            seated: invitees,
            ..Seating::default()
        });
    }
    let invited = invitations::pending_among(tx.connection, organization, &joining)?;
    let (late, seated): (Vec<_>, Vec<_>) = invitees
        .into_iter()
        .partition(|invitee| invited.contains(&invitee.account.email));
    let released = i64::try_from(late.len()).map_err(Error::internal)?;
    seats::release_reserved(tx.connection, organization, account_type, released)?;
    let already_invited = Outcome::with_detail(
        InvitationOutcome::AlreadyInvited,
        "They were invited at the same moment.",
    );
    Ok(Seating {
        seated,
        unseated: outcomes(late, &already_invited).collect(),
    })
}

fn outcomes(
    invitees: Vec<Invitee>,
    outcome: &Outcome,
) -> impl Iterator<Item = (EmailAddress, Outcome)> {
    invitees
        .into_iter()
        .map(|invitee| (invitee.account.email, outcome.clone()))
}
