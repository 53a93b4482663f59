//! Who may do what: the table of PRODUCT 3.2, and the only place that decides.
//!
//! A service on an organization's data takes a [`Permit`] for its action, and the only way to a
//! permit is [`permit`]: nothing can be reached without the question having been asked.

use std::marker::PhantomData;

use super::act::Act;
use super::sessions::SignedIn;
use crate::domain::ids::{AccountId, GroupId, OrganizationId};
use crate::domain::organization::{AccountType, GroupRole, MembershipStatus, Role};
use crate::error::{Error, Result};
use crate::store::groups::{self, Group};
use crate::store::organizations::Organization;
use crate::store::{Connection, memberships};

/// As what a caller stands before an organization. Whoever is none of these does not see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EffectiveRole {
    Operator,
    Admin,
    /// Teacher or creator.
    Staff,
    /// Student or learner.
    Learner,
}

/// How far an action reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessLevel {
    /// All of the organization.
    All,
    /// The groups that the caller manages.
    ManagedGroups,
    /// What is the caller's own.
    Own,
    /// Nothing: refused.
    Nothing,
}

/// Something that may be permitted.
pub trait Permission {
    /// What it is called in documents and tests.
    const NAME: &'static str;

    /// How far it reaches for each.
    fn access_level(role: EffectiveRole) -> AccessLevel;
}

macro_rules! permissions {
    ($($(#[$doc:meta])* $permission:ident: $operator:ident, $admin:ident, $staff:ident, $learner:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $permission;

        impl Permission for $permission {
            const NAME: &'static str = stringify!($permission);

            fn access_level(role: EffectiveRole) -> AccessLevel {
                match role {
                    EffectiveRole::Operator => AccessLevel::$operator,
                    EffectiveRole::Admin => AccessLevel::$admin,
                    EffectiveRole::Staff => AccessLevel::$staff,
                    EffectiveRole::Learner => AccessLevel::$learner,
                }
            }
        }
    )+};
}

permissions! {
    //                      operator  admin    staff          student, learner
    /// See the organization itself.
    SeeOrganization:        All,      All,     All,           All;
    /// Change or delete it.
    ManageOrganization:     All,      All,     Nothing,       Nothing;
    /// Read the audit log.
    ReadAudit:              All,      All,     Nothing,       Nothing;
    /// Make, watch, cancel imports and take their results; staff those of their own into groups that
    /// they manage.
    ManageImports:          All,      All,     ManagedGroups, Nothing;
    /// Read the seat ledger.
    ReadSeats:              All,      All,     Nothing,       Nothing;
    /// Set the limits of the licence.
    SetSeatLimits:          All,      Nothing, Nothing,       Nothing;
    /// Reset the password of a managed account; staff of students and learners only.
    ResetPasswords:         All,      All,     ManagedGroups, Nothing;
    /// Invite people by email, and look after the invitations.
    Invite:                 All,      All,     ManagedGroups, Nothing;
    /// See, change and reset the organization's invite code.
    ManageInviteCode:       All,      All,     Nothing,       Nothing;
    /// List members and look at one.
    ListMembers:            All,      All,     ManagedGroups, Nothing;
    /// Change members, one or many; deactivate, remove, delete them.
    ManageMembers:          All,      All,     Nothing,       Nothing;
    /// Create a group, and manage it.
    CreateGroup:            All,      All,     All,           Nothing;
    /// See groups.
    SeeGroups:              All,      All,     Own,           Own;
    /// Change or delete a group, its members and its invite code.
    ManageGroup:            All,      All,     ManagedGroups, Nothing;
}

/// Proof that the caller may do `A` in this organization.
#[derive(Clone, Debug)]
pub struct Permit<P> {
    pub organization: Organization,
    pub act: Act,
    pub access_level: AccessLevel,
    /// Who holds it; nobody at the console.
    pub account_id: Option<AccountId>,
    permission: PhantomData<P>,
}

impl<P: Permission> Permit<P> {
    fn new(
        organization: Organization,
        act: Act,
        access_level: AccessLevel,
        account_id: Option<AccountId>,
    ) -> Self {
        Self {
            organization,
            act,
            access_level,
            account_id,
            permission: PhantomData,
        }
    }

    /// The permit of whoever is at the machine itself: an operator.
    pub fn cli(organization: Organization, act: Act) -> Self {
        let access_level = P::access_level(EffectiveRole::Operator);
        Self::new(organization, act, access_level, None)
    }

    /// The manager to whose groups this permit is confined, if it is.
    pub fn restricted_to_manager(&self) -> Option<AccountId> {
        match self.access_level {
            AccessLevel::All => None,
            AccessLevel::ManagedGroups | AccessLevel::Own | AccessLevel::Nothing => self.account_id,
        }
    }
}

/// Asks whether the caller may do `A` in this organization.
///
/// # Errors
/// `not_found` where the caller may not even see the organization, `forbidden` where it sees it but
/// may not do this.
pub fn permit<P: Permission>(
    connection: &mut Connection,
    caller: &SignedIn,
    organization: OrganizationId,
) -> Result<Permit<P>> {
    let found = memberships::find_with_organization(connection, organization, caller.account.id)?;
    let (organization, membership) = found.ok_or_else(no_such_organization)?;
    let active = membership.filter(|m| m.status == MembershipStatus::Active);
    let role = match active {
        _ if caller.account.operator => EffectiveRole::Operator,
        Some(membership) if membership.role == Role::Admin => EffectiveRole::Admin,
        Some(membership) if membership.account_type.is_staff() => EffectiveRole::Staff,
        Some(_) => EffectiveRole::Learner,
        None => return Err(no_such_organization()),
    };
    match P::access_level(role) {
        AccessLevel::Nothing => Err(Error::forbidden(
            "Your role in this organization does not allow this.",
        )),
        access_level => Ok(Permit::new(
            organization,
            caller.act.clone(),
            access_level,
            Some(caller.account.id),
        )),
    }
}

fn no_such_organization() -> Error {
    Error::not_found("organization")
}

/// Proof that the caller may do `A` with this group.
#[derive(Clone, Debug)]
pub struct GroupPermit<P> {
    pub permit: Permit<P>,
    pub group: Group,
}

/// Asks whether the caller may do `A` with this group of the organization.
///
/// # Errors
/// `not_found` where the caller may not even see the group, `forbidden` where it sees it but may not
/// do this.
pub fn permit_in_group<P: Permission>(
    connection: &mut Connection,
    caller: &SignedIn,
    organization: OrganizationId,
    group: GroupId,
) -> Result<GroupPermit<P>> {
    let permit = permit::<P>(connection, caller, organization)?;
    let found = groups::find(connection, organization, group)?;
    let group = found.ok_or_else(no_such_group)?;
    if let Some(account_id) = permit.restricted_to_manager() {
        let role = groups::role_in(connection, organization, group.id, account_id)?;
        let role = role.ok_or_else(no_such_group)?;
        if permit.access_level == AccessLevel::ManagedGroups && role != GroupRole::Manager {
            return Err(Error::forbidden(
                "Only the managers of this group and the organization's admins may do this.",
            ));
        }
    }
    Ok(GroupPermit { permit, group })
}

fn no_such_group() -> Error {
    Error::not_found("group")
}

impl<P: Permission> Permit<P> {
    /// Refuses to let people into these groups with this account type where that is beyond the
    /// permit: staff let in students and learners only, and only into groups that they manage.
    ///
    /// # Errors
    /// `forbidden`, or `validation_failed` naming a group that the organization has not, or that is
    /// not the caller's to manage.
    pub fn require_within_reach(
        &self,
        connection: &mut Connection,
        groups: &[GroupId],
        account_type: AccountType,
    ) -> Result<()> {
        let organization = self.organization.id;
        let within = match self.restricted_to_manager() {
            None => groups::existing(connection, organization, groups)?,
            Some(_) if account_type.is_staff() => {
                return Err(Error::forbidden(
                    "Only admins let in people of this account type.",
                ));
            }
            Some(_) if groups.is_empty() => {
                return Err(Error::forbidden(
                    "Name at least one group that you manage: only admins let people in without.",
                ));
            }
            Some(account_id) => groups::managed_by(connection, organization, account_id)?,
        };
        match groups.iter().find(|group| !within.contains(group)) {
            None => Ok(()),
            Some(missing) => Err(Error::invalid(
                "/group_ids",
                "group_unknown",
                format!("There is no group {missing} here that you manage."),
            )),
        }
    }
}
