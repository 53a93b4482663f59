//! The one way into an organization and its groups: seat, membership and places in groups, in the
//! caller's transaction.

mod groups;
mod offers;

pub use groups::add_to_group;

use super::events;
use super::unit_of_work::UnitOfWork;
use crate::domain::events::{DomainEvent, JoinedBy, MemberEvent};
use crate::domain::ids::{AccountId, GroupId, OrganizationId};
use crate::domain::join_requests::JoinRequestStatus;
use crate::domain::organization::{AccountType, GroupRole, JoinedVia, OrganizationKind, Role};
use crate::error::{Code, Error, Result};
use crate::store::accounts::Account;
use crate::store::group_members::Place;
use crate::store::join_requests::{self, Decision};
use crate::store::memberships::{self, Membership, Terms};
use crate::store::organizations::Organization;
use crate::store::{group_members, managed_accounts, organizations, removed_members, seats};

/// Where an admission's seats come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeatSource {
    /// The free ones.
    Free,
    /// Those that were reserved before.
    Reserved,
}

/// How people become members.
#[derive(Clone, Debug)]
pub struct Admission {
    pub organization: OrganizationId,
    pub account_type: AccountType,
    pub role: Role,
    pub via: JoinedVia,
    pub groups: Vec<GroupId>,
    pub seats: SeatSource,
}

/// Who becomes a member, and by what.
pub type Newcomer<'a> = (&'a Account, JoinedBy);

/// Admits accounts, which are not members yet, to an organization, and publishes it. Whoever was removed
/// from it is welcome again, and whoever asked to join it has been let in. Who joins another organization
/// than the one that manages the account is managed by none from then on. Who takes a free seat has accepted what the
/// organization had offered to them: its seat counts as free.
///
/// # Errors
/// `account_deactivated` where the account is closed at the same moment, `no_seat` where fewer are free, `already_member` where one has become a member at the same moment;
/// the caller's transaction then undoes everything.
pub fn admit(
    tx: &mut UnitOfWork<'_>,
    newcomers: &[Newcomer<'_>],
    admission: &Admission,
) -> Result<()> {
    if newcomers.is_empty() {
        return Ok(());
    }
    release_from_others(tx, newcomers, admission.organization)?;
    let accepted = match admission.seats {
        SeatSource::Free => offers::accept(tx, (admission.organization, admission.via), newcomers)?,
        SeatSource::Reserved => Vec::new(),
    };
    take_seats(tx, newcomers.len(), admission)?;
    let members: Vec<_> = newcomers
        .iter()
        .map(|(account, _)| {
            Membership::new(account, &terms(admission, tx)).with_marks_of(&admission.groups)
        })
        .collect();
    if memberships::insert_all(tx.connection, &members)? != members.len() {
        return Err(Error::already_member());
    }
    let ids: Vec<_> = newcomers.iter().map(|(account, _)| account.id).collect();
    removed_members::delete(tx.connection, admission.organization, &ids)?;
    let decision = Decision {
        status: JoinRequestStatus::Approved,
        at: tx.now(),
        by: tx.account_id(),
    };
    join_requests::end_of_members(tx.connection, admission.organization, &ids, decision)?;
    if admission.role == Role::Admin {
        organizations::add_admin(tx.connection, admission.organization)?;
    }
    join_groups(tx, &ids, admission)?;
    let events: Vec<_> = newcomers
        .iter()
        .map(|(account, by)| joined(account.id, *by, admission))
        .collect();
    events::publish_all(tx, &events)?;
    offers::add_groups(tx, &accepted)
}

/// The accounts before the seats: the order that every transaction keeps.
fn release_from_others(
    tx: &mut UnitOfWork<'_>,
    newcomers: &[Newcomer<'_>],
    organization: OrganizationId,
) -> Result<()> {
    let managed_elsewhere: Vec<_> = newcomers
        .iter()
        .filter(|(account, _)| {
            let manager = account.managed_by_organization_id;
            manager.is_some_and(|manager| manager != organization)
        })
        .map(|(account, _)| account.id)
        .collect();
    if managed_elsewhere.is_empty()
        || managed_accounts::release_from_others(tx.connection, organization, &managed_elsewhere)?
    {
        return Ok(());
    }
    Err(Error::account_deactivated())
}

fn terms(admission: &Admission, tx: &UnitOfWork<'_>) -> Terms {
    Terms {
        organization: admission.organization,
        account_type: admission.account_type,
        role: admission.role,
        joined_via: admission.via,
        joined_at: tx.now(),
    }
}

fn joined(account: AccountId, by: JoinedBy, admission: &Admission) -> DomainEvent {
    DomainEvent::Member {
        organization: admission.organization,
        account,
        event: MemberEvent::Joined {
            via: admission.via,
            by,
            account_type: admission.account_type,
            groups: admission.groups.clone(),
        },
    }
}

fn take_seats(tx: &mut UnitOfWork<'_>, count: usize, admission: &Admission) -> Result<()> {
    let (organization, account_type) = (admission.organization, admission.account_type);
    let count = i64::try_from(count).map_err(Error::internal)?;
    match admission.seats {
        SeatSource::Reserved => {
            seats::take_reserved(tx.connection, organization, account_type, count)
        }
        SeatSource::Free => {
            let claimed = seats::claim(tx.connection, organization, account_type, count)?;
            if claimed {
                Ok(())
            } else {
                Err(Error::no_seat())
            }
        }
    }
}

/// Puts new members into the groups that they come with.
fn join_groups(
    tx: &mut UnitOfWork<'_>,
    accounts: &[AccountId],
    admission: &Admission,
) -> Result<()> {
    for group in &admission.groups {
        let group = (admission.organization, *group);
        let place = Place::by_hand(GroupRole::Member);
        group_members::insert(tx.connection, group, accounts, place)?;
    }
    if admission.groups.is_empty() {
        return Ok(());
    }
    removed_members::delete_of_groups(tx.connection, &admission.groups, accounts)
}

/// Refuses an account type of the other kind of organization (`docs/organizations.md`).
///
/// # Errors
/// `account_type_not_in_kind`.
pub fn require_account_type(organization: &Organization, account_type: AccountType) -> Result<()> {
    if organization.kind.has(account_type) {
        return Ok(());
    }
    Err(account_type_not_in(organization.kind, account_type))
}

/// The refusal of an account type that this kind of organization does not have.
pub fn account_type_not_in(kind: OrganizationKind, account_type: AccountType) -> Error {
    Error::refused(
        Code::AccountTypeNotInKind,
        told_of_account_types(kind, account_type),
    )
}

/// Which account types there are in an organization of this kind, to whoever named another.
pub fn told_of_account_types(kind: OrganizationKind, other: AccountType) -> String {
    let [first, second] = kind.account_types();
    format!("The account types of this organization are {first} and {second}; {other} is not one.")
}
