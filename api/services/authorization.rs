//! Who may do what: the table of `docs/permissions.md`, and the only place that decides.
//!
//! A service on an organization's data takes a [`Permit`] for its action, and the only way to a
//! permit is [`permit`]: nothing can be reached without the question having been asked.

use std::marker::PhantomData;

use super::authentication::{only_for_setup, setup_link_over};
use super::confinement::require_opened;
use super::context::{Principal, SetupLinkPrincipal};
use super::sign_on_requirement::{can_bring_proof, require_proof};
use super::unit_of_work::UnitOfWork;
use crate::domain::api_key::Scope;
use crate::domain::ids::{AccountId, GroupId, OrganizationId};
use crate::domain::organization::{AccountType, GroupRole, MembershipStatus, Role};
use crate::error::{Code, Error, Result};
use crate::store::Connection;
use crate::store::affiliations::{self, Affiliation};
use crate::store::groups::{self, Group};
use crate::store::memberships::Membership;
use crate::store::organizations::{self, Organization};

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

    /// The scope that an API key needs; none where no API key may do this.
    const SCOPE: Option<Scope>;

    /// Whether a setup link may do this, for the one connection that it was made for and for domains.
    const BY_SETUP_LINK: bool;

    /// How far it reaches for each.
    fn access_level(role: EffectiveRole) -> AccessLevel;
}

/// A row of the table: what a permission is called, the scope that an API key needs, and how far it
/// reaches for each role.
#[derive(Clone, Copy, Debug)]
pub struct PermissionRule {
    pub name: &'static str,
    pub scope: Option<Scope>,
    pub operator: AccessLevel,
    pub admin: AccessLevel,
    pub staff: AccessLevel,
    pub learner: AccessLevel,
}

macro_rules! permissions {
    (@by_link) => { false };
    (@by_link setup_link) => { true };
    ($($(#[$doc:meta])* $permission:ident: $scope:expr; $operator:ident, $admin:ident, $staff:ident, $learner:ident$(, $link:ident)?;)+) => {
        /// The table as data, for the document.
        pub const PERMISSIONS: &[PermissionRule] = &[$(PermissionRule {
            name: stringify!($permission),
            scope: $scope,
            operator: AccessLevel::$operator,
            admin: AccessLevel::$admin,
            staff: AccessLevel::$staff,
            learner: AccessLevel::$learner,
        }),+];
        $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $permission;

        impl Permission for $permission {
            const NAME: &'static str = stringify!($permission);
            const SCOPE: Option<Scope> = $scope;
            const BY_SETUP_LINK: bool = permissions!(@by_link $($link)?);

            fn access_level(role: EffectiveRole) -> AccessLevel {
                match role {
                    EffectiveRole::Operator => AccessLevel::$operator,
                    EffectiveRole::Admin => AccessLevel::$admin,
                    EffectiveRole::Staff => AccessLevel::$staff,
                    EffectiveRole::Learner => AccessLevel::$learner,
                }
            }
        }
        )+
    };
}

permissions! {
    //                      scope of an API key             operator  admin    staff          student, learner
    /// See the organization itself.
    SeeOrganization:        Some(Scope::OrganizationRead);  All,      All,     All,           All;
    /// Change or delete it.
    ManageOrganization:     None;                           All,      All,     Nothing,       Nothing;
    /// Set up single sign-on, and read what was checked when people came by it.
    ManageConnections:      None;                           All,      All,     Nothing,       Nothing, setup_link;
    /// Require single sign-on, and name emergency admins.
    ManageSignInPolicy:     None;                           All,      All,     Nothing,       Nothing;
    /// Make, list and revoke setup links.
    ManageSetupLinks:       None;                           All,      All,     Nothing,       Nothing;
    /// Create, list and revoke API keys.
    ManageApiKeys:          None;                           All,      All,     Nothing,       Nothing;
    /// Read the audit log.
    ReadAudit:              Some(Scope::AuditRead);         All,      All,     Nothing,       Nothing;
    /// Watch imports and take their results; staff those of their own into groups that they manage.
    ReadImports:            Some(Scope::ImportsRead);       All,      All,     ManagedGroups, Nothing;
    /// Create and cancel imports, discard their results; staff as above.
    ManageImports:          Some(Scope::ImportsWrite);      All,      All,     ManagedGroups, Nothing;
    /// Read the seat ledger.
    ReadSeats:              Some(Scope::OrganizationRead);  All,      All,     Nothing,       Nothing;
    /// Set the limits of the licence.
    SetSeatLimits:          None;                           All,      Nothing, Nothing,       Nothing;
    /// Reset the password of a managed account; staff of students and learners only.
    ResetPasswords:         Some(Scope::MembersWrite);      All,      All,     ManagedGroups, Nothing;
    /// List email invitations; staff those that they sent.
    ReadInvitations:        Some(Scope::InvitationsRead);   All,      All,     ManagedGroups, Nothing;
    /// Invite people by email; resend and revoke invitations.
    Invite:                 Some(Scope::InvitationsWrite);  All,      All,     ManagedGroups, Nothing;
    /// See the organization's invite code and who used it.
    ReadInviteCode:         Some(Scope::CodesRead);         All,      All,     Nothing,       Nothing;
    /// Change and reset the organization's invite code.
    ManageInviteCode:       Some(Scope::CodesWrite);        All,      All,     Nothing,       Nothing;
    /// See a group's invite code and who used it.
    ReadGroupInviteCode:    Some(Scope::CodesRead);         All,      All,     ManagedGroups, Nothing;
    /// Change and reset a group's invite code.
    ManageGroupInviteCode:  Some(Scope::CodesWrite);        All,      All,     ManagedGroups, Nothing;
    /// List members and look at one.
    ListMembers:            Some(Scope::MembersRead);       All,      All,     ManagedGroups, Nothing;
    /// Change members, one or many; deactivate, remove, delete them.
    ManageMembers:          Some(Scope::MembersWrite);      All,      All,     Nothing,       Nothing;
    /// Make members admins, and act on members who are.
    ManageAdmins:           None;                           All,      All,     Nothing,       Nothing;
    /// See, add, check, change and remove email domains.
    ManageDomains:          None;                           All,      All,     Nothing,       Nothing, setup_link;
    /// Vouch for an email domain.
    VouchForDomains:        None;                           All,      Nothing, Nothing,       Nothing;
    /// See, approve and decline requests to join.
    ManageJoinRequests:     None;                           All,      All,     Nothing,       Nothing;
    /// Create a group, and manage it.
    CreateGroup:            Some(Scope::GroupsWrite);       All,      All,     All,           Nothing;
    /// See groups.
    SeeGroups:              Some(Scope::GroupsRead);        All,      All,     Own,           Own;
    /// Change or delete a group, and its members.
    ManageGroup:            Some(Scope::GroupsWrite);       All,      All,     ManagedGroups, Nothing;
    /// See what groups open.
    ReadGrants:             Some(Scope::GrantsRead);        All,      All,     ManagedGroups, Nothing;
    /// Have groups open resources, and take that back.
    ManageGrants:           Some(Scope::GrantsWrite);       All,      All,     Nothing,       Nothing;
    /// Ask whether an account may open resources; everybody of themselves.
    CheckAccess:            Some(Scope::AccessRead);        All,      All,     ManagedGroups, Own;
}

/// Proof that the caller may do `P` in this organization.
#[derive(Clone, Debug)]
pub struct Permit<P> {
    pub organization: Organization,
    pub access_level: AccessLevel,
    /// Whose it is; nobody's at the command line.
    pub account_id: Option<AccountId>,
    permission: PhantomData<P>,
}

impl<P: Permission> Permit<P> {
    /// The manager to whose groups this permit is confined, if it is.
    pub fn restricted_to_manager(&self) -> Option<AccountId> {
        match self.access_level {
            AccessLevel::All => None,
            AccessLevel::ManagedGroups | AccessLevel::Own | AccessLevel::Nothing => self.account_id,
        }
    }
}

/// Keeps everybody's rights in the organization as they are until the transaction ends: whoever changes
/// a membership, a manager of a group or an API key holds the organization too. What is asked for behind
/// it holds for the rest of the transaction.
///
/// # Errors
/// `unavailable` where the database is.
pub fn lock(tx: &mut UnitOfWork<'_>, organization: OrganizationId) -> Result<()> {
    organizations::lock(tx.connection, organization)?;
    Ok(())
}

/// Asks whether the principal may use the permission `P` in this organization.
///
/// # Errors
/// `not_found` where the principal may not even see the organization, `forbidden` where it sees it
/// but may not do this, `session_confined` and `sso_required` where its session does not open it.
pub fn permit<P: Permission>(
    tx: &mut UnitOfWork<'_>,
    organization: OrganizationId,
) -> Result<Permit<P>> {
    let affiliation = match tx.account_id() {
        Some(account) => affiliations::find(tx.connection, organization, account)?,
        None => affiliation_without_account(tx, organization)?,
    };
    permit_affiliated(tx, organization, affiliation)
}

/// As [`permit`], by what was read together with the principal ([`super::authentication::authenticate_in`]).
///
/// # Errors
/// As [`permit`].
pub fn permit_affiliated<P: Permission>(
    tx: &mut UnitOfWork<'_>,
    organization: OrganizationId,
    affiliation: Option<Affiliation>,
) -> Result<Permit<P>> {
    let principal = &tx.context.principal;
    require_scope::<P>(principal, organization)?;
    let affiliation = affiliation
        .filter(|affiliation| affiliation.organization.id == organization)
        .ok_or_else(no_such_organization)?;
    let role = role_of(principal, &affiliation)?;
    let organization = affiliation.organization;
    require_opened(tx, organization.id)?;
    require_proof(tx, &organization)?;
    match P::access_level(role) {
        AccessLevel::Nothing => Err(role_does_not_allow(P::access_level)),
        access_level @ (AccessLevel::All | AccessLevel::ManagedGroups | AccessLevel::Own) => {
            Ok(Permit {
                organization,
                access_level,
                account_id: tx.account_id(),
                permission: PhantomData,
            })
        }
    }
}

/// Proof that the caller is an operator, in a session of their own: for what belongs to the installation and to no
/// organization.
#[derive(Clone, Copy, Debug)]
pub struct OperatorPermit(());

impl OperatorPermit {
    /// What it is called in documents.
    pub const NAME: &'static str = "Operator";
}

/// Asks whether the caller is an operator. No API key is one, whoever made it.
///
/// # Errors
/// `forbidden`, `not_signed_in`.
pub fn permit_operator(tx: &UnitOfWork<'_>) -> Result<OperatorPermit> {
    let principal = &tx.context.principal;
    principal.session()?;
    if !principal.is_operator() {
        return Err(operators_only());
    }
    Ok(OperatorPermit(()))
}

/// The refusal of somebody who is no operator.
pub fn operators_only() -> Error {
    Error::forbidden("Only the operators of this installation do this. Ask them.")
}

/// Asks whether a setup link gives the permission `P` in its organization. It never opens more than its maker could
/// give by then.
///
/// # Errors
/// `setup_link_expired` where its maker may make no links any more, `forbidden` where no link does this.
pub fn permit_setup_link<P: Permission>(
    tx: &mut UnitOfWork<'_>,
    by: &SetupLinkPrincipal,
) -> Result<Permit<P>> {
    let (organization, maker) = (by.link.organization_id, by.maker.id);
    let found = affiliations::find(tx.connection, organization, maker)?;
    let affiliation = found.ok_or_else(setup_link_over)?;
    let role = role_of(&Principal::Owner(by.maker.clone()), &affiliation);
    let role = role.map_err(|_| setup_link_over())?;
    if ManageSetupLinks::access_level(role) != AccessLevel::All {
        return Err(setup_link_over());
    }
    if role != EffectiveRole::Operator && !can_bring_proof(tx, &affiliation.organization, maker)? {
        return Err(setup_link_over());
    }
    if !P::BY_SETUP_LINK {
        return Err(only_for_setup());
    }
    Ok(Permit {
        organization: affiliation.organization,
        access_level: AccessLevel::All,
        account_id: None,
        permission: PhantomData,
    })
}

/// The refusal of a caller whose role reaches nothing: it names those that do.
pub fn role_does_not_allow(access_level: fn(EffectiveRole) -> AccessLevel) -> Error {
    let roles = [
        (EffectiveRole::Learner, "learners"),
        (EffectiveRole::Staff, "staff"),
        (EffectiveRole::Admin, "admins"),
        (EffectiveRole::Operator, "operators"),
    ];
    let allowed = roles
        .into_iter()
        .filter(|(role, _)| access_level(*role) != AccessLevel::Nothing);
    let names: Vec<_> = allowed.map(|(_, name)| name).collect();
    let who = match names.as_slice() {
        [] => "nobody".to_owned(),
        [only] => (*only).to_owned(),
        [others @ .., last] => format!("{} and {last}", others.join(", ")),
    };
    Error::refused(Code::Forbidden, format!("Only {who} may do this."))
}

/// An API key belongs to one organization, and does what its scopes name and nothing else.
fn require_scope<P: Permission>(principal: &Principal, organization: OrganizationId) -> Result<()> {
    let key = match principal {
        Principal::ApiKey(key) => key,
        Principal::Anonymous
        | Principal::Session(_)
        | Principal::Owner(_)
        | Principal::SetupLink(_)
        | Principal::CommandLine
        | Principal::System => return Ok(()),
    };
    if key.organization != organization {
        return Err(no_such_organization());
    }
    match P::SCOPE {
        Some(scope) if key.scopes.contains(&scope) => Ok(()),
        Some(scope) => Err(Error::refused(
            Code::Forbidden,
            format!("This API key does not have the scope `{scope}`."),
        )),
        None => Err(Error::forbidden(
            "No API key does this, whatever its scopes. Sign in as an admin.",
        )),
    }
}

/// What a principal may do in an organization, by its membership as it is now.
fn role_of(principal: &Principal, affiliation: &Affiliation) -> Result<EffectiveRole> {
    let Some(account) = principal.account() else {
        return match principal {
            // Whoever is at the machine itself is an operator.
            Principal::CommandLine => Ok(EffectiveRole::Operator),
            Principal::Anonymous
            | Principal::Session(_)
            | Principal::Owner(_)
            | Principal::ApiKey(_)
            | Principal::SetupLink(_)
            | Principal::System => Err(Error::not_signed_in()),
        };
    };
    if principal.is_operator() {
        return Ok(EffectiveRole::Operator);
    }
    let membership = affiliation.membership.as_ref();
    let active = membership.filter(|membership| {
        membership.account_id == account.id && membership.status == MembershipStatus::Active
    });
    active.map(role_of_member).ok_or_else(no_such_organization)
}

const fn role_of_member(membership: &Membership) -> EffectiveRole {
    match (membership.role, membership.account_type) {
        (
            Role::Admin,
            AccountType::Student
            | AccountType::Teacher
            | AccountType::Learner
            | AccountType::Creator,
        ) => EffectiveRole::Admin,
        (Role::Member, AccountType::Teacher | AccountType::Creator) => EffectiveRole::Staff,
        (Role::Member, AccountType::Student | AccountType::Learner) => EffectiveRole::Learner,
    }
}

fn affiliation_without_account(
    tx: &mut UnitOfWork<'_>,
    organization: OrganizationId,
) -> Result<Option<Affiliation>> {
    let found = organizations::find(tx.connection, organization)?;
    Ok(found.map(|organization| Affiliation {
        organization,
        membership: None,
    }))
}

fn no_such_organization() -> Error {
    Error::not_found("organization")
}

/// Proof that the principal has the permission `P` in this group.
#[derive(Clone, Debug)]
pub struct GroupPermit<P> {
    pub permit: Permit<P>,
    pub group: Group,
}

/// Asks whether a permit reaches this group of its organization.
///
/// # Errors
/// `not_found` where the principal may not even see the group, `forbidden` where it sees it but may
/// not do this.
pub fn permit_for_group<P: Permission>(
    tx: &mut UnitOfWork<'_>,
    permit: Permit<P>,
    group: GroupId,
) -> Result<GroupPermit<P>> {
    let organization = permit.organization.id;
    let found = groups::find(tx.connection, organization, group)?;
    let group = found.ok_or_else(no_such_group)?;
    if let Some(manager) = permit.restricted_to_manager() {
        let role = groups::role_in(tx.connection, organization, group.id, manager)?;
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
    /// Refuses a repetition of what is beyond the permit by now, as [`Permit::require_within_reach`] does:
    /// a former admin is told no more what an admin was told. Groups that are gone since are no reason
    /// for those who reach all.
    ///
    /// # Errors
    /// As there.
    pub fn require_reach_of_repetition(
        &self,
        connection: &mut Connection,
        groups: &[GroupId],
        account_type: AccountType,
    ) -> Result<()> {
        match self.restricted_to_manager() {
            None => Ok(()),
            Some(_) => self.require_within_reach(connection, groups, account_type),
        }
    }

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
                    "Name at least one group that you manage. Only admins can add people without a group.",
                ));
            }
            Some(account_id) => groups::managed_by(connection, organization, account_id)?,
        };
        match groups.iter().find(|group| !within.contains(group)) {
            None => Ok(()),
            Some(missing) => Err(group_unknown(*missing)),
        }
    }
}

/// The refusal of a group that is not there, or not within reach.
pub fn group_unknown(missing: GroupId) -> Error {
    Error::invalid(
        "/group_ids",
        "group_unknown",
        format!("There is no group {missing} here that you manage."),
    )
}
