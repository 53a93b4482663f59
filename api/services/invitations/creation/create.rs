//! The pipeline from addresses to outcomes.

use super::outcome::{AddressResult, Outcomes};
use super::request::NewInvitations;
use super::resolve::{self, Resolved};
use super::{addresses, existing_members, issue, new_accounts, seating};
use crate::domain::email_address::EmailAddress;
use crate::domain::invitations::InvitationStatus;
use crate::error::Result;
use crate::services::admission::require_account_type;
use crate::services::authorization::{Invite, Permit};
use crate::services::invitations::lifecycle;
use crate::services::trust;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::accounts;
use crate::store::invitations::Invitation;

/// Invites addresses; gives what came of each, in the order given.
///
/// # Errors
/// Of the whole call: `account_type_not_in_kind`, `forbidden` and `validation_failed` for groups and
/// an account type that the caller may not invite to, `email_not_verified` of the sender, `rate_limited`.
pub fn create(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<Invite>,
    new: &NewInvitations,
) -> Result<Vec<AddressResult>> {
    require_account_type(&permit.organization, new.account_type)?;
    trust::require_verified_sender(tx)?;
    let parsed = addresses::parse(&new.emails);
    let emails = addresses::valid(&parsed);
    let outcomes = tx.transaction(|tx| {
        permit.require_within_reach(tx.connection, &new.groups, new.account_type)?;
        invite(tx, permit, new, &emails)
    })?;
    addresses::results(&new.emails, parsed, &outcomes)
}

/// Invites valid addresses. The steps create accounts, lock those that were there, and lock invitations and seats, in
/// this order, which prevents deadlocks.
fn invite(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<Invite>,
    new: &NewInvitations,
    emails: &[EmailAddress],
) -> Result<Outcomes> {
    let created = new_accounts::create(tx, permit, new, emails)?;
    let resolved = resolve::resolve(tx, permit.organization.id, emails, created)?;
    let replacing = new_accounts::in_place_of(tx, permit, new, &resolved.replaceable)?;
    let Resolved {
        existing,
        mut invitees,
        stale,
        ..
    } = resolved;
    invitees.extend(replacing);
    end_stale(tx, &stale)?;
    let mut outcomes = existing_members::add_to_groups(tx, permit, new, &existing)?;
    // Seats go to the first addresses in the order given.
    let in_order = emails.iter().filter_map(|email| invitees.remove(email));
    let seating = seating::reserve(tx, permit, new, in_order.collect())?;
    let seated = new_accounts::take_over(tx, seating.seated)?;
    outcomes.extend(issue::issue(tx, permit, new, &seated)?);
    outcomes.extend(seating.unseated);
    tell_verified(tx, permit, &mut outcomes)?;
    Ok(outcomes)
}

/// Tells of each address whether it is verified, as far as the sender may see its account.
fn tell_verified(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<Invite>,
    outcomes: &mut Outcomes,
) -> Result<()> {
    let emails: Vec<_> = outcomes.keys().cloned().collect();
    let known = accounts::of_addresses(tx.connection, permit.organization.id, &emails)?;
    let (members, others): (Vec<_>, Vec<_>) = known
        .into_iter()
        .partition(|(_, membership)| membership.is_some());
    let ids = members.iter().map(|(account, _)| account.id).collect();
    let visible = existing_members::visible_members(tx, permit, ids)?;
    let seen = members
        .into_iter()
        .filter(|(account, _)| visible.contains(&account.id));
    for (account, _) in seen.chain(others) {
        if let Some(outcome) = outcomes.get_mut(&account.email) {
            outcome.email_verified = Some(account.email_verified_at.is_some());
        }
    }
    Ok(())
}

/// Ends pending invitations that nobody can answer any more.
fn end_stale(tx: &mut UnitOfWork<'_>, stale: &[Invitation]) -> Result<()> {
    let now = tx.now();
    for invitation in stale {
        match invitation.status_at(now) {
            InvitationStatus::Expired => lifecycle::expire(tx, invitation)?,
            InvitationStatus::Pending
            | InvitationStatus::Accepted
            | InvitationStatus::Declined
            | InvitationStatus::Revoked => {
                lifecycle::revoke(tx, invitation)?;
            }
        }
    }
    Ok(())
}
