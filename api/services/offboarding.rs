//! The one way out of an organization and its groups: membership, seat, admin counter and places in
//! groups, in the caller's transaction. Who is deactivated is kept out.

use super::unit_of_work::UnitOfWork;
use super::{events, memberships};
use crate::domain::email_address::EmailAddress;
use crate::domain::events::{DomainEvent, GroupEvent, MemberEvent};
use crate::domain::ids::{AccountId, ConnectionId, GroupId, OrganizationId, SourceId};
use crate::domain::organization::MembershipStatus;
use crate::error::Result;
use crate::store::memberships::Membership;
use crate::store::{group_members, removed_members};

/// How a membership ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Departure<'a> {
    /// The member left, or deleted the account.
    Left,
    /// The organization removed them, or took back the invitation that made their account.
    Removed,
    /// The organization deletes the account that it manages, and has published that.
    AccountDeleted,
    /// Nobody had verified the address of the account, which another one replaces.
    AddressTakenOver(&'a EmailAddress),
}

/// Ends a locked membership and publishes it.
///
/// # Errors
/// `last_admin`.
pub(super) fn end(
    tx: &mut UnitOfWork<'_>,
    known: &Membership,
    departure: Departure<'_>,
) -> Result<()> {
    keep_out_if_deactivated(tx, known)?;
    memberships::delete(tx, known)?;
    let (account_type, role) = (known.account_type, known.role);
    let event = match departure {
        Departure::Left => MemberEvent::Left { account_type, role },
        Departure::Removed => MemberEvent::Removed { account_type, role },
        Departure::AccountDeleted => return Ok(()),
        Departure::AddressTakenOver(email) => MemberEvent::AddressTakenOver {
            email: email.clone(),
            account_type,
            role,
        },
    };
    let event = DomainEvent::Member {
        organization: known.organization_id,
        account: known.account_id,
        event,
    };
    events::publish(tx, event)
}

/// No end of a membership is a way around a deactivation, nor is registering the address again: existing codes
/// do not let them back in.
fn keep_out_if_deactivated(tx: &mut UnitOfWork<'_>, known: &Membership) -> Result<()> {
    match known.status {
        MembershipStatus::Active => Ok(()),
        MembershipStatus::Deactivated => {
            let (organization, account, now) = (known.organization_id, known.account_id, tx.now());
            removed_members::insert(tx.connection, organization, account, now)
        }
    }
}

/// Takes people out of a group, and publishes it; who is not in it stays as they are. Tells who was in it.
pub(super) fn remove_from_group(
    tx: &mut UnitOfWork<'_>,
    (organization, group): (OrganizationId, GroupId),
    accounts: &[AccountId],
) -> Result<Vec<AccountId>> {
    let removed = group_members::delete(tx.connection, organization, group, accounts)?;
    let mut removed: Vec<_> = removed.into_iter().collect();
    removed.sort_unstable();
    if !removed.is_empty() {
        let event = DomainEvent::Group {
            organization,
            group,
            event: GroupEvent::MembersRemoved {
                accounts: removed.clone(),
                rules_of: None,
            },
        };
        events::publish(tx, event)?;
    }
    Ok(removed)
}

/// Takes a member out of groups that the rules of a connection gave them, and publishes it; what people gave them
/// since stays.
pub(super) fn take_back(
    tx: &mut UnitOfWork<'_>,
    (organization, connection): (OrganizationId, ConnectionId),
    account: AccountId,
    groups: &[GroupId],
) -> Result<()> {
    for group in groups {
        let (place, source) = ((*group, account), SourceId::from(connection));
        if !group_members::take_back(tx.connection, organization, place, source)? {
            continue;
        }
        let event = DomainEvent::Group {
            organization,
            group: *group,
            event: GroupEvent::MembersRemoved {
                accounts: vec![account],
                rules_of: Some(connection),
            },
        };
        events::publish(tx, event)?;
    }
    Ok(())
}
