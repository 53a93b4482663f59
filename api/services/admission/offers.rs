//! Invitations of people who become members in another way than by their link: they have accepted them by coming, and the
//! seat that was reserved is the one that they take.

use super::groups::add_to_group;
use crate::domain::events::{AddedBy, InvitationEvent, JoinedBy};
use crate::domain::ids::OrganizationId;
use crate::domain::invitations::InvitationStatus;
use crate::domain::organization::JoinedVia;
use crate::error::Result;
use crate::services::invitation_ends::{end, lock_unended, publish};
use crate::services::unit_of_work::UnitOfWork;
use crate::store::accounts::Account;
use crate::store::invitations::{self, Invitation};
use crate::store::pending_groups;

/// An invitation that a newcomer has accepted by coming.
type AcceptedOffer<'a> = (&'a Account, Invitation);

/// Accepts what the organization has offered to newcomers, and releases the seats that were reserved for it. Call it before
/// seats are claimed, in a transaction that a refusal rolls back.
///
/// # Errors
/// `unavailable` where an invitation is answered at the same moment.
pub(super) fn accept<'a>(
    tx: &mut UnitOfWork<'_>,
    (organization, via): (OrganizationId, JoinedVia),
    newcomers: &[(&'a Account, JoinedBy)],
) -> Result<Vec<AcceptedOffer<'a>>> {
    let mut accepted = Vec::new();
    for (account, _) in newcomers {
        if !may_accept(account, (organization, via)) {
            continue;
        }
        let now = tx.now();
        let unended =
            invitations::unended_of_account(tx.connection, account.id, Some(organization))?;
        for id in unended {
            let locked = lock_unended(tx.connection, id)?;
            let offer = locked
                .filter(|it| it.holds_seat() && it.status_at(now) == InvitationStatus::Pending);
            if let Some(offer) = offer {
                end(tx, &offer, InvitationStatus::Accepted, now)?;
                publish(tx, &offer, InvitationEvent::Accepted)?;
                accepted.push((*account, offer));
            }
        }
    }
    Ok(accepted)
}

/// Whether whoever comes may answer for the mailbox that the invitation was sent to: where somebody else has set the password, or
/// nobody has verified the address, the link of the mail is needed. An identity provider vouches for its people; groups of
/// an address that it does not prove wait.
fn may_accept(account: &Account, (organization, via): (OrganizationId, JoinedVia)) -> bool {
    let is_owners = account.password_origin.is_owner() || account.is_managed_by(organization);
    is_owners && (account.email_verified_at.is_some() || via == JoinedVia::Sso)
}

/// Adds those who have become members to the groups of what they accepted, at once or when the address is verified.
pub(super) fn add_groups(tx: &mut UnitOfWork<'_>, accepted: &[AcceptedOffer<'_>]) -> Result<()> {
    for (account, offer) in accepted {
        let organization = offer.organization_id;
        let mut groups = invitations::groups_of(tx.connection, &[offer.id])?;
        let groups: Vec<_> = groups.remove(&offer.id).unwrap_or_default();
        let groups: Vec<_> = groups.into_iter().map(|(group, _)| group).collect();
        if account.email_verified_at.is_none() {
            pending_groups::insert(tx.connection, organization, account.id, &groups)?;
            continue;
        }
        for group in groups {
            let group = (organization, group);
            add_to_group(tx, group, &[account.id], AddedBy::Invitation)?;
        }
    }
    Ok(())
}
