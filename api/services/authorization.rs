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
pub enum Standing {
    Operator,
    Admin,
    /// Teacher or creator.
    Staff,
    /// Student or learner.
    Learner,
}

/// How far an action reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
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
pub trait Action {
    /// What it is called in documents and tests.
    const NAME: &'static str;

    /// How far it reaches for each.
    fn reach(standing: Standing) -> Reach;
}

macro_rules! permissions {
    ($($(#[$doc:meta])* $action:ident: $operator:ident, $admin:ident, $staff:ident, $learner:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $action;

        impl Action for $action {
            const NAME: &'static str = stringify!($action);

            fn reach(standing: Standing) -> Reach {
                match standing {
                    Standing::Operator => Reach::$operator,
                    Standing::Admin => Reach::$admin,
                    Standing::Staff => Reach::$staff,
                    Standing::Learner => Reach::$learner,
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
pub struct Permit<A> {
    pub organization: Organization,
    pub act: Act,
    pub reach: Reach,
    /// Who holds it; nobody at the console.
    pub holder: Option<AccountId>,
    action: PhantomData<A>,
}

impl<A: Action> Permit<A> {
    fn new(organization: Organization, act: Act, reach: Reach, holder: Option<AccountId>) -> Self {
        Self {
            organization,
            act,
            reach,
            holder,
            action: PhantomData,
        }
    }

    /// The permit of whoever is at the machine itself: an operator.
    pub fn at_console(organization: Organization, act: Act) -> Self {
        let reach = A::reach(Standing::Operator);
        Self::new(organization, act, reach, None)
    }

    /// The manager to whose groups this permit is confined, if it is.
    pub fn confined_to(&self) -> Option<AccountId> {
        match self.reach {
            Reach::All => None,
            Reach::ManagedGroups | Reach::Own | Reach::Nothing => self.holder,
        }
    }
}

/// Asks whether the caller may do `A` in this organization.
///
/// # Errors
/// `not_found` where the caller may not even see the organization, `forbidden` where it sees it but
/// may not do this.
pub fn permit<A: Action>(
    connection: &mut Connection,
    caller: &SignedIn,
    organization: OrganizationId,
) -> Result<Permit<A>> {
    let found = memberships::find_with_organization(connection, organization, caller.account.id)?;
    let (organization, membership) = found.ok_or_else(no_such_organization)?;
    let active = membership.filter(|m| m.status == MembershipStatus::Active);
    let standing = match active {
        _ if caller.account.operator => Standing::Operator,
        Some(membership) if membership.role == Role::Admin => Standing::Admin,
        Some(membership) if membership.account_type.is_staff() => Standing::Staff,
        Some(_) => Standing::Learner,
        None => return Err(no_such_organization()),
    };
    match A::reach(standing) {
        Reach::Nothing => Err(Error::forbidden(
            "Your role in this organization does not allow this.",
        )),
        reach => Ok(Permit::new(
            organization,
            caller.act.clone(),
            reach,
            Some(caller.account.id),
        )),
    }
}

fn no_such_organization() -> Error {
    Error::not_found("organization")
}

/// Proof that the caller may do `A` with this group.
#[derive(Clone, Debug)]
pub struct GroupPermit<A> {
    pub permit: Permit<A>,
    pub group: Group,
}

/// Asks whether the caller may do `A` with this group of the organization.
///
/// # Errors
/// `not_found` where the caller may not even see the group, `forbidden` where it sees it but may not
/// do this.
pub fn permit_in_group<A: Action>(
    connection: &mut Connection,
    caller: &SignedIn,
    organization: OrganizationId,
    group: GroupId,
) -> Result<GroupPermit<A>> {
    let permit = permit::<A>(connection, caller, organization)?;
    let found = groups::find(connection, organization, group)?;
    let group = found.ok_or_else(no_such_group)?;
    if let Some(holder) = permit.confined_to() {
        let role = groups::role_in(connection, organization, group.id, holder)?;
        let role = role.ok_or_else(no_such_group)?;
        if permit.reach == Reach::ManagedGroups && role != GroupRole::Manager {
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

impl<A: Action> Permit<A> {
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
        let within = match self.confined_to() {
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
            Some(holder) => groups::managed_by(connection, organization, holder)?,
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
