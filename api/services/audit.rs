//! The audit log (PRODUCT 3.11): each change leaves its event in its own transaction.

use serde_json::Value;

use super::act::Act;
use crate::domain::audit::{AuditAction, SubjectType};
use crate::domain::ids::{
    AccountId, AuditEventId, GroupId, ImportId, InvitationId, InviteCodeId, OrganizationId,
    SessionId,
};
use crate::error::Result;
use crate::store::Connection;
use crate::store::audit_events::{self, AuditEvent};
use crate::store::sql_types::JsonColumn;

/// On what something was done.
#[derive(Clone, Copy, Debug)]
pub enum Subject {
    Account(AccountId),
    Session(SessionId),
    Organization(OrganizationId),
    Group(GroupId),
    Import(ImportId),
    InviteCode(InviteCodeId),
    Invitation(InvitationId),
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
        }
    }
}

/// Something that was done. `details` must not hold a secret.
#[derive(Clone, Debug)]
pub struct Event {
    /// Whose log it belongs to; none for what concerns a person or the installation.
    pub organization: Option<OrganizationId>,
    pub action: AuditAction,
    pub subject: Subject,
    pub details: Value,
}

impl Event {
    /// Something done within an organization.
    pub fn within(
        organization: OrganizationId,
        action: AuditAction,
        subject: Subject,
        details: Value,
    ) -> Self {
        Self {
            organization: Some(organization),
            action,
            subject,
            details,
        }
    }

    /// Something that concerns a person or the installation, and no organization.
    pub fn outside(action: AuditAction, subject: Subject, details: Value) -> Self {
        Self {
            organization: None,
            action,
            subject,
            details,
        }
    }
}

/// Writes an event down; call it in the transaction of the change itself.
pub fn record(connection: &mut Connection, act: &Act, event: Event) -> Result<()> {
    record_all(connection, act, vec![event])
}

/// Writes down what one act did to many.
pub fn record_all(connection: &mut Connection, act: &Act, events: Vec<Event>) -> Result<()> {
    if events.is_empty() {
        return Ok(());
    }
    let events: Vec<_> = events.into_iter().map(|event| kept(act, event)).collect();
    audit_events::insert(connection, &events)
}

fn kept(act: &Act, event: Event) -> AuditEvent {
    let (subject_type, subject) = event.subject.parts();
    AuditEvent {
        id: AuditEventId::new(),
        organization_id: event.organization,
        action: event.action,
        actor_kind: act.kind,
        actor_account_id: act.account,
        actor_name: act.name.clone(),
        subject_type,
        subject,
        details: JsonColumn(event.details),
        request: act.request.clone(),
        created_at: act.at,
    }
}
