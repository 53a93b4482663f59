//! The one door that every way into an organization ends in: seat, membership and groups, in the
//! caller's transaction.

use crate::domain::ids::{AccountId, GroupId, OrganizationId};
use crate::domain::organization::{AccountType, GroupRole, Role};
use crate::error::{Code, Error, Result};
use crate::store::accounts::Account;
use crate::store::groups::{self, GroupMembership};
use crate::store::memberships::{self, Admission, Membership};
use crate::store::organizations::Organization;
use crate::store::{Connection, organizations, removed_members, seats};

/// Where an admission's seats come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeatSource {
    /// The free ones.
    Free,
    /// Those that were reserved before.
    Reserved,
}

/// Admits accounts, which are not members yet, to an organization. Whoever was removed from it is
/// welcome again.
///
/// # Errors
/// `no_seat` where fewer are free, `already_member` where one has become a member at the same moment;
/// the caller's transaction then undoes everything.
pub fn admit(
    connection: &mut Connection,
    accounts: &[Account],
    admission: &Admission,
    groups: &[GroupId],
    source: SeatSource,
) -> Result<()> {
    if accounts.is_empty() {
        return Ok(());
    }
    take_seats(connection, accounts.len(), admission, source)?;
    let members: Vec<_> = accounts
        .iter()
        .map(|account| Membership::new(account, admission))
        .collect();
    if memberships::insert_all(connection, &members)? != members.len() {
        return Err(Error::already_member());
    }
    let ids: Vec<_> = accounts.iter().map(|account| account.id).collect();
    removed_members::delete(connection, admission.organization, &ids)?;
    if admission.role == Role::Admin {
        organizations::add_admin(connection, admission.organization)?;
    }
    join_groups(connection, &ids, admission.organization, groups)?;
    Ok(())
}

fn take_seats(
    connection: &mut Connection,
    count: usize,
    admission: &Admission,
    source: SeatSource,
) -> Result<()> {
    let (organization, account_type) = (admission.organization, admission.account_type);
    let count = i64::try_from(count).map_err(Error::internal)?;
    match source {
        SeatSource::Reserved => seats::take_reserved(connection, organization, account_type, count),
        SeatSource::Free if seats::claim(connection, organization, account_type, count)? => Ok(()),
        SeatSource::Free => Err(Error::no_seat()),
    }
}

/// Adds members of the organization to groups of it; who is in one already stays as they are. Tells
/// how many times somebody was new in a group.
pub fn join_groups(
    connection: &mut Connection,
    accounts: &[AccountId],
    organization: OrganizationId,
    groups: &[GroupId],
) -> Result<usize> {
    let mut joined = 0;
    for group in groups {
        let members: Vec<_> = accounts
            .iter()
            .map(|account| GroupMembership {
                group_id: *group,
                organization_id: organization,
                account_id: *account,
                role: GroupRole::Member,
            })
            .collect();
        joined += groups::insert_memberships(connection, &members)?;
    }
    if !groups.is_empty() {
        removed_members::delete_of_groups(connection, groups, accounts)?;
    }
    Ok(joined)
}

/// Refuses an account type of the other kind of organization (`docs/organizations.md`).
///
/// # Errors
/// `account_type_not_in_kind`.
pub fn require_account_type(organization: &Organization, account_type: AccountType) -> Result<()> {
    if organization.kind.has(account_type) {
        return Ok(());
    }
    let [first, second] = organization.kind.account_types();
    Err(Error::refused(
        Code::AccountTypeNotInKind,
        format!(
            "This organization is a {}, whose members are {first} or {second}; {account_type} is \
             not among them.",
            organization.kind
        ),
    ))
}
