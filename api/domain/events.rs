//! What happened: the events that services publish in the transaction of the change.
//!
//! An event names facts, never a secret. The audit log is a subscriber; others may be added without a
//! change in any service.

use std::collections::BTreeMap;

use serde_json::Value;

use super::connections::{AppPreset, ConnectionKind, Preset};
use super::domains::Joining;
use super::email_address::EmailAddress;
use super::email_domain::EmailDomain;
use super::ids::{
    AccountId, ApiKeyId, AppId, ConnectionId, DomainId, GroupId, IdentityId, ImportId,
    InvitationId, InviteCodeId, JoinRequestId, OrganizationId, SessionId, SetupLinkId,
};
use super::imports::{ImportSource, ImportStatus, RowOutcome};
use super::invitations::InvitationKind;
use super::language::Language;
use super::organization::{AccountType, GroupRole, JoinedVia, OrganizationKind, Role};
use super::resource::Resource;
use super::sign_in_policy::SignInPolicy;
use super::slug::Slug;
use super::timestamp::Timestamp;
use super::username::Username;

/// Something that happened.
#[derive(Clone, Debug)]
pub enum DomainEvent {
    /// What concerns a person or the installation, and no organization.
    Account {
        account: AccountId,
        event: AccountEvent,
    },
    Session {
        session: SessionId,
        event: SessionEvent,
    },
    Organization {
        organization: OrganizationId,
        event: OrganizationEvent,
    },
    Member {
        organization: OrganizationId,
        account: AccountId,
        event: MemberEvent,
    },
    Group {
        organization: OrganizationId,
        group: GroupId,
        event: GroupEvent,
    },
    Grant {
        organization: OrganizationId,
        /// The group that it opens the resource to.
        group: GroupId,
        resource: Resource,
        event: GrantEvent,
    },
    InviteCode {
        organization: OrganizationId,
        /// The group whose code it is; the organization's own otherwise.
        group: Option<GroupId>,
        invite_code: InviteCodeId,
        event: InviteCodeEvent,
    },
    Invitation {
        organization: OrganizationId,
        invitation: InvitationId,
        event: InvitationEvent,
    },
    Import {
        organization: OrganizationId,
        import: ImportId,
        event: ImportEvent,
    },
    ApiKey {
        organization: OrganizationId,
        api_key: ApiKeyId,
        event: ApiKeyEvent,
    },
    EmailDomain {
        organization: OrganizationId,
        id: DomainId,
        domain: EmailDomain,
        event: EmailDomainEvent,
    },
    JoinRequest {
        organization: OrganizationId,
        join_request: JoinRequestId,
        /// Who asks.
        account: AccountId,
        event: JoinRequestEvent,
    },
    /// An operator's app, which is the installation's and no organization's.
    App { app: AppId, event: AppEvent },
    Connection {
        organization: OrganizationId,
        connection: ConnectionId,
        event: ConnectionEvent,
    },
    /// A link for whoever runs an identity provider.
    SetupLink {
        organization: OrganizationId,
        setup_link: SetupLinkId,
        event: SetupLinkEvent,
    },
    /// How people have to sign in to an organization.
    SignInPolicy {
        organization: OrganizationId,
        event: SignInPolicyEvent,
    },
    /// An identity of an account at a connection.
    Identity {
        organization: OrganizationId,
        account: AccountId,
        event: IdentityEvent,
    },
}

/// What happened to an account.
#[derive(Clone, Debug)]
pub enum AccountEvent {
    Registered,
    Updated {
        username: Option<Username>,
        language: Option<Language>,
    },
    PasswordChanged {
        ended_sessions: usize,
    },
    /// A new password by a mailed link.
    PasswordReset {
        ended_sessions: usize,
    },
    EmailVerified,
    Deleted {
        email: EmailAddress,
    },
    /// The reader of the mailbox said that somebody else had registered it.
    Disowned {
        email: EmailAddress,
        /// Whether the account was deleted; otherwise it lost password, sessions and API keys.
        deleted: bool,
    },
    /// An account that had held the address without verifying it made room for this one.
    TookOver {
        email: EmailAddress,
        from: AccountId,
    },
    /// Every session at once: "sign out everywhere".
    SessionsEnded {
        sessions: usize,
    },
    MadeOperator {
        email: EmailAddress,
        new_account: bool,
    },
    /// No operator any more.
    OperatorRevoked {
        email: EmailAddress,
        ended_sessions: usize,
    },
}

/// What happened to a session.
#[derive(Clone, Debug)]
pub enum SessionEvent {
    Started,
    Ended,
    /// The identity provider by which its owner signed in said that it has ended there.
    EndedByProvider {
        connection: ConnectionId,
    },
    /// An old refresh token came back: its whole family was ended.
    Revoked,
}

/// What happened to an organization.
#[derive(Clone, Debug)]
pub enum OrganizationEvent {
    Created {
        name: String,
        kind: OrganizationKind,
        slug: Slug,
    },
    Updated {
        name: Option<String>,
        slug: Option<Slug>,
        default_account_type: Option<AccountType>,
    },
    /// Its log is no organization's any more: there is none.
    Deleted { name: String, slug: Slug },
    SeatLimitsSet {
        total: Option<i64>,
        by_account_type: BTreeMap<AccountType, Option<i64>>,
    },
    MembersExported {
        /// What narrowed the list.
        filter: Value,
    },
}

/// By what somebody came in.
#[derive(Clone, Copy, Debug)]
pub enum JoinedBy {
    /// The organization's first admin.
    Founding,
    InviteCode {
        invite_code: InviteCodeId,
        group: Option<GroupId>,
    },
    Invitation(InvitationId),
    Import(ImportId),
    /// By an address in a domain of the organization.
    JoinRequest(JoinRequestId),
    /// An identity provider signed them in.
    Connection(ConnectionId),
}

/// What happened to a membership.
#[derive(Clone, Debug)]
pub enum MemberEvent {
    Joined {
        via: JoinedVia,
        by: JoinedBy,
        account_type: AccountType,
        /// Those that the member came into with it.
        groups: Vec<GroupId>,
    },
    Updated {
        role: Option<Role>,
        account_type: Option<AccountType>,
        username: Option<Username>,
        /// That which an identity provider gave.
        email: Option<EmailAddress>,
    },
    /// One of many that were changed in one call.
    BulkUpdated {
        account_type: Option<AccountType>,
        add_groups: Vec<GroupId>,
        remove_groups: Vec<GroupId>,
        /// How many people the call named.
        named: usize,
    },
    Left {
        account_type: AccountType,
        role: Role,
    },
    Deactivated {
        account_type: AccountType,
        role: Role,
    },
    Reactivated {
        account_type: AccountType,
        role: Role,
    },
    Removed {
        account_type: AccountType,
        role: Role,
    },
    /// Removed because another account has replaced theirs, whose address nobody had verified.
    AddressTakenOver {
        email: EmailAddress,
        account_type: AccountType,
        role: Role,
    },
    /// A managed account, deleted by its organization.
    Deleted {
        email: EmailAddress,
        account_type: AccountType,
    },
    PasswordReset {
        generated: bool,
        must_change_password: bool,
        ended_sessions: usize,
    },
}

/// By what members came into a group.
#[derive(Clone, Copy, Debug)]
pub enum AddedBy {
    /// Somebody added them with this role.
    Manager {
        role: GroupRole,
    },
    InviteCode(InviteCodeId),
    /// They were invited, and were members already.
    Invitation,
    /// A rule of this connection.
    Rule(ConnectionId),
}

/// What happened to a group.
#[derive(Clone, Debug)]
pub enum GroupEvent {
    Created {
        name: String,
        /// Who made it, where they manage it by that.
        manager: Option<AccountId>,
    },
    Updated {
        name: Option<String>,
        description: Option<Option<String>>,
    },
    Deleted {
        name: String,
    },
    MembersAdded {
        accounts: Vec<AccountId>,
        by: AddedBy,
    },
    MembersRemoved {
        accounts: Vec<AccountId>,
        /// The connection whose rules gave the group, and give it no more.
        rules_of: Option<ConnectionId>,
    },
    MemberUpdated {
        account: AccountId,
        role: GroupRole,
    },
}

/// What happened to a grant of a resource to a group.
#[derive(Clone, Copy, Debug)]
pub enum GrantEvent {
    Created {
        /// It does not end where this is absent.
        expires_at: Option<Timestamp>,
    },
    /// Another end.
    Updated { expires_at: Option<Timestamp> },
    /// Taken back, or gone with its group.
    Revoked,
}

/// What happened to an invite code.
#[derive(Clone, Debug)]
pub enum InviteCodeEvent {
    Updated {
        /// What was set, by its name in the API.
        changes: serde_json::Map<String, Value>,
    },
    Reset,
}

/// What happened to an invitation.
#[derive(Clone, Debug)]
pub enum InvitationEvent {
    Created {
        email: EmailAddress,
        kind: InvitationKind,
        account: Option<AccountId>,
        account_type: AccountType,
        groups: Vec<GroupId>,
    },
    /// Groups that the invitee comes into besides; the invitation stays as it is otherwise.
    GroupsAdded {
        email: EmailAddress,
        groups: Vec<GroupId>,
    },
    /// A new link in the place of the old one.
    Resent(InvitationSummary),
    Revoked(InvitationSummary),
    Accepted(InvitationSummary),
    Declined(InvitationSummary),
    /// Nobody answered it in its time.
    Expired(InvitationSummary),
}

/// What an invitation was about.
#[derive(Clone, Debug)]
pub struct InvitationSummary {
    pub email: EmailAddress,
    pub account_type: AccountType,
}

/// What happened to an import.
#[derive(Clone, Debug)]
pub enum ImportEvent {
    Accepted {
        source: ImportSource,
        rows: i64,
        account_type: AccountType,
    },
    Cancelled(ImportSummary),
    Finished(ImportSummary),
    ResultsDownloaded {
        /// Which of the files.
        file: &'static str,
    },
    ResultsDiscarded,
}

/// How an import ended.
#[derive(Clone, Debug)]
pub struct ImportSummary {
    pub status: ImportStatus,
    pub rows: i64,
    pub by_outcome: BTreeMap<RowOutcome, i64>,
}

/// What happened to an API key.
#[derive(Clone, Debug)]
pub enum ApiKeyEvent {
    Created {
        name: String,
        scopes: Vec<super::api_key::Scope>,
    },
    Revoked {
        name: String,
    },
}

/// What happened to an email domain of an organization.
#[derive(Clone, Copy, Debug)]
pub enum EmailDomainEvent {
    Added {
        joining: Joining,
    },
    Updated {
        joining: Option<Joining>,
        /// Whether an operator vouches for it.
        vouched: Option<bool>,
    },
    Proven {
        /// By an operator's word, and not by its record.
        vouched: bool,
    },
    /// Its record has been gone for a week.
    Lapsed,
    Removed,
}

/// What happened to a request to join.
#[derive(Clone, Debug)]
pub enum JoinRequestEvent {
    Made,
    Approved {
        account_type: AccountType,
        groups: Vec<GroupId>,
    },
    Declined,
    Withdrawn,
}

/// What happened to an operator's app.
#[derive(Clone, Debug)]
pub enum AppEvent {
    Created {
        name: String,
        preset: AppPreset,
        client_id: String,
    },
    /// The names of the fields that changed.
    Changed {
        fields: Vec<&'static str>,
    },
    Deleted {
        name: String,
    },
}

/// What happened to a connection to an identity provider.
#[derive(Clone, Debug)]
pub enum ConnectionEvent {
    Created {
        name: String,
        kind: ConnectionKind,
        preset: Preset,
        /// The operator's app whose client it is.
        app: Option<AppId>,
    },
    /// The names of the settings that changed.
    Changed {
        fields: Vec<&'static str>,
    },
    /// Its test passed.
    Tested,
    Activated,
    Paused,
    Deleted {
        name: String,
    },
    /// Somebody came by it and was refused.
    SignInRefused {
        code: String,
        reference: String,
    },
}

/// What happened to a setup link.
#[derive(Clone, Debug)]
pub enum SetupLinkEvent {
    Made {
        connection: ConnectionId,
        /// To whom it was mailed.
        email: Option<EmailAddress>,
        expires_at: Timestamp,
    },
    /// It was opened for the first time.
    Used {
        connection: ConnectionId,
    },
    Revoked {
        name: String,
    },
}

/// What happened to the rules by which people sign in.
#[derive(Clone, Debug)]
pub enum SignInPolicyEvent {
    Changed(SignInPolicy),
    /// An emergency admin signed in with a password, although single sign-on is required.
    EmergencyUsed {
        account: AccountId,
    },
}

/// What happened to an identity.
#[derive(Clone, Copy, Debug)]
pub enum IdentityEvent {
    Linked {
        identity: IdentityId,
        connection: ConnectionId,
    },
    Unlinked {
        identity: IdentityId,
        connection: ConnectionId,
    },
}
