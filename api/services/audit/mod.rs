//! The audit log: each change leaves its event in its own transaction.

mod connections;
mod details;
mod organization;
mod people;

use serde_json::Value;

use self::connections::{
    describe_app, describe_connection, describe_setup_link, describe_sign_in_policy,
};
use self::organization::{
    describe_api_key, describe_email_domain, describe_grant, describe_group, describe_import,
    describe_invitation, describe_invite_code, describe_organization,
};
use self::people::{
    describe_account, describe_identity, describe_join_request, describe_member, describe_session,
};
use super::unit_of_work::UnitOfWork;
use crate::clock::new_id;
use crate::domain::audit::{AuditAction, SubjectType};
use crate::domain::events::{DomainEvent, OrganizationEvent, SignInPolicyEvent};
use crate::domain::ids::{
    AccountId, ApiKeyId, AppId, AuditEventId, ConnectionId, DomainId, GroupId, ImportId,
    InvitationId, InviteCodeId, JoinRequestId, OrganizationId, SessionId, SetupLinkId,
};
use crate::error::Result;
use crate::store::audit_events::{self, AuditEvent};
use crate::store::sql_types::JsonColumn;

/// On what something was done.
#[derive(Clone, Copy, Debug)]
enum Subject {
    Account(AccountId),
    Session(SessionId),
    Organization(OrganizationId),
    Group(GroupId),
    Import(ImportId),
    InviteCode(InviteCodeId),
    Invitation(InvitationId),
    ApiKey(ApiKeyId),
    Domain(DomainId),
    JoinRequest(JoinRequestId),
    App(AppId),
    Connection(ConnectionId),
    SetupLink(SetupLinkId),
}

impl Subject {
    fn parts(self) -> (SubjectType, String) {
        match self {
            Self::Account(id) => (SubjectType::Account, id.to_string()),
            Self::Session(id) => (SubjectType::Session, id.to_string()),
            Self::Organization(id) => (SubjectType::Organization, id.to_string()),
            Self::Group(id) => (SubjectType::Group, id.to_string()),
            Self::Import(id) => (SubjectType::Import, id.to_string()),
            Self::InviteCode(id) => (SubjectType::InviteCode, id.to_string()),
            Self::Invitation(id) => (SubjectType::Invitation, id.to_string()),
            Self::ApiKey(id) => (SubjectType::ApiKey, id.to_string()),
            Self::Domain(id) => (SubjectType::Domain, id.to_string()),
            Self::JoinRequest(id) => (SubjectType::JoinRequest, id.to_string()),
            Self::App(id) => (SubjectType::App, id.to_string()),
            Self::Connection(id) => (SubjectType::Connection, id.to_string()),
            Self::SetupLink(id) => (SubjectType::SetupLink, id.to_string()),
        }
    }
}

/// Writes published events into the audit log.
///
/// # Errors
/// `unavailable` where they cannot be written.
pub fn append(tx: &mut UnitOfWork<'_>, events: &[DomainEvent]) -> Result<()> {
    let entries: Vec<AuditEvent> = events.iter().map(|event| entry(tx, event)).collect();
    audit_events::insert(tx.connection, &entries)
}

fn entry(tx: &UnitOfWork<'_>, event: &DomainEvent) -> AuditEvent {
    let (organization, subject) = about(event);
    let (subject_type, subject) = subject.parts();
    let (action, details) = describe(event);
    let (actor_kind, actor_account_id, actor_name) = tx.context.principal.actor();
    AuditEvent {
        id: new_id::<AuditEventId>(),
        organization_id: organization,
        action,
        actor_kind,
        actor_account_id,
        actor_api_key: tx.context.principal.api_key_id(),
        actor_name,
        subject_type,
        subject,
        details: JsonColumn(details),
        request: tx.context.request_id.as_deref().map(str::to_owned),
        created_at: tx.now(),
    }
}

/// Whose log an event belongs to, and what it is about.
fn about(event: &DomainEvent) -> (Option<OrganizationId>, Subject) {
    match event {
        DomainEvent::Account { account, .. } => (None, Subject::Account(*account)),
        DomainEvent::Session { session, .. } => (None, Subject::Session(*session)),
        DomainEvent::Organization {
            organization,
            event: OrganizationEvent::Deleted { .. },
        } => (None, Subject::Organization(*organization)),
        DomainEvent::Organization { organization, .. } => {
            (Some(*organization), Subject::Organization(*organization))
        }
        DomainEvent::Member {
            organization,
            account,
            ..
        } => (Some(*organization), Subject::Account(*account)),
        DomainEvent::Group {
            organization,
            group,
            ..
        } => (Some(*organization), Subject::Group(*group)),
        DomainEvent::Grant {
            organization,
            group,
            ..
        } => (Some(*organization), Subject::Group(*group)),
        DomainEvent::InviteCode {
            organization,
            invite_code,
            ..
        } => (Some(*organization), Subject::InviteCode(*invite_code)),
        DomainEvent::Invitation {
            organization,
            invitation,
            ..
        } => (Some(*organization), Subject::Invitation(*invitation)),
        DomainEvent::Import {
            organization,
            import,
            ..
        } => (Some(*organization), Subject::Import(*import)),
        DomainEvent::ApiKey {
            organization,
            api_key,
            ..
        } => (Some(*organization), Subject::ApiKey(*api_key)),
        DomainEvent::EmailDomain {
            organization, id, ..
        } => (Some(*organization), Subject::Domain(*id)),
        DomainEvent::JoinRequest {
            organization,
            join_request,
            ..
        } => (Some(*organization), Subject::JoinRequest(*join_request)),
        DomainEvent::App { app, .. } => (None, Subject::App(*app)),
        DomainEvent::Connection {
            organization,
            connection,
            ..
        } => (Some(*organization), Subject::Connection(*connection)),
        DomainEvent::SetupLink {
            organization,
            setup_link,
            ..
        } => (Some(*organization), Subject::SetupLink(*setup_link)),
        DomainEvent::SignInPolicy {
            organization,
            event: SignInPolicyEvent::Changed(_),
        } => (Some(*organization), Subject::Organization(*organization)),
        DomainEvent::SignInPolicy {
            organization,
            event: SignInPolicyEvent::EmergencyUsed { account },
        } => (Some(*organization), Subject::Account(*account)),
        DomainEvent::Identity {
            organization,
            account,
            ..
        } => (Some(*organization), Subject::Account(*account)),
    }
}

/// The action and the details of an event.
fn describe(event: &DomainEvent) -> (AuditAction, Value) {
    match event {
        DomainEvent::Account { event, .. } => describe_account(event),
        DomainEvent::Session { event, .. } => describe_session(event),
        DomainEvent::Organization { event, .. } => describe_organization(event),
        DomainEvent::Member { event, .. } => describe_member(event),
        DomainEvent::Group { event, .. } => describe_group(event),
        DomainEvent::Grant {
            resource, event, ..
        } => describe_grant(*event, resource),
        DomainEvent::InviteCode { group, event, .. } => describe_invite_code(event, *group),
        DomainEvent::Invitation { event, .. } => describe_invitation(event),
        DomainEvent::Import { event, .. } => describe_import(event),
        DomainEvent::ApiKey { event, .. } => describe_api_key(event),
        DomainEvent::EmailDomain { domain, event, .. } => describe_email_domain(*event, domain),
        DomainEvent::JoinRequest { account, event, .. } => describe_join_request(event, *account),
        DomainEvent::App { event, .. } => describe_app(event),
        DomainEvent::Connection { event, .. } => describe_connection(event),
        DomainEvent::SetupLink { event, .. } => describe_setup_link(event),
        DomainEvent::SignInPolicy { event, .. } => describe_sign_in_policy(event),
        DomainEvent::Identity { event, .. } => describe_identity(*event),
    }
}
