//! The audit log: each change leaves its event in its own transaction.

use serde_json::{Value, json};

use super::unit_of_work::UnitOfWork;
use crate::clock::new_id;
use crate::domain::audit::{AuditAction, SubjectType};
use crate::domain::events::{
    AccountEvent, AddedBy, ApiKeyEvent, DomainEvent, GroupEvent, ImportEvent, ImportSummary,
    InvitationEvent, InvitationSummary, InviteCodeEvent, JoinedBy, MemberEvent, OrganizationEvent,
    SessionEvent,
};
use crate::domain::ids::{
    AccountId, ApiKeyId, AuditEventId, GroupId, ImportId, InvitationId, InviteCodeId,
    OrganizationId, SessionId,
};
use crate::domain::organization::JoinedVia;
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
        request: tx.context.request_id.to_string(),
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
        DomainEvent::InviteCode { group, event, .. } => describe_invite_code(event, *group),
        DomainEvent::Invitation { event, .. } => describe_invitation(event),
        DomainEvent::Import { event, .. } => describe_import(event),
        DomainEvent::ApiKey { event, .. } => describe_api_key(event),
    }
}

fn describe_account(event: &AccountEvent) -> (AuditAction, Value) {
    match event {
        AccountEvent::Registered => (AuditAction::AccountRegistered, json!({})),
        AccountEvent::Updated { username, language } => (
            AuditAction::AccountUpdated,
            present(json!({ "username": username, "language": language })),
        ),
        AccountEvent::PasswordChanged { ended_sessions } => (
            AuditAction::AccountPasswordChanged,
            json!({ "ended_sessions": ended_sessions }),
        ),
        AccountEvent::PasswordReset { ended_sessions } => (
            AuditAction::AccountPasswordReset,
            json!({ "ended_sessions": ended_sessions }),
        ),
        AccountEvent::EmailVerified => (AuditAction::AccountEmailVerified, json!({})),
        AccountEvent::Deleted { email } => (AuditAction::AccountDeleted, json!({ "email": email })),
        AccountEvent::Disowned { email, deleted } => (
            AuditAction::AccountDisowned,
            json!({ "email": email, "deleted": deleted }),
        ),
        AccountEvent::TookOver { email, from } => (
            AuditAction::AccountTookOver,
            json!({ "email": email, "from_account_id": from }),
        ),
        AccountEvent::SessionsEnded { sessions } => {
            (AuditAction::SessionEnded, json!({ "sessions": sessions }))
        }
        AccountEvent::MadeOperator { email, new_account } => (
            AuditAction::OperatorCreated,
            json!({ "email": email, "new_account": new_account }),
        ),
        AccountEvent::OperatorRevoked {
            email,
            ended_sessions,
        } => (
            AuditAction::OperatorRevoked,
            json!({ "email": email, "ended_sessions": ended_sessions }),
        ),
    }
}

fn describe_session(event: &SessionEvent) -> (AuditAction, Value) {
    match event {
        SessionEvent::Started => (AuditAction::SessionStarted, json!({})),
        SessionEvent::Ended => (AuditAction::SessionEnded, json!({})),
        SessionEvent::Revoked => (
            AuditAction::SessionRevoked,
            json!({ "reason": "an old refresh token was used again" }),
        ),
    }
}

fn describe_organization(event: &OrganizationEvent) -> (AuditAction, Value) {
    match event {
        OrganizationEvent::Created { name, kind, slug } => (
            AuditAction::OrganizationCreated,
            json!({ "name": name, "kind": kind, "slug": slug }),
        ),
        OrganizationEvent::Updated {
            name,
            slug,
            default_account_type,
        } => (
            AuditAction::OrganizationUpdated,
            json!({
                "name": name,
                "slug": slug,
                "default_account_type": default_account_type,
            }),
        ),
        OrganizationEvent::Deleted { name, slug } => (
            AuditAction::OrganizationDeleted,
            json!({ "name": name, "slug": slug }),
        ),
        OrganizationEvent::SeatLimitsSet {
            total,
            by_account_type,
        } => (
            AuditAction::SeatLimitsSet,
            json!({ "total": total, "by_account_type": by_account_type }),
        ),
        OrganizationEvent::MembersExported { filter } => {
            (AuditAction::MembersExported, json!({ "filter": filter }))
        }
    }
}

fn describe_member(event: &MemberEvent) -> (AuditAction, Value) {
    let terms = |account_type, role| json!({ "account_type": account_type, "role": role });
    match event {
        MemberEvent::Joined {
            via,
            by,
            account_type,
            groups,
        } => (
            AuditAction::MemberJoined,
            merged(
                json!({ "via": via, "account_type": account_type, "group_ids": groups }),
                joined_by(*by),
            ),
        ),
        MemberEvent::Updated {
            role,
            account_type,
            username,
        } => (
            AuditAction::MemberUpdated,
            json!({ "role": role, "account_type": account_type, "username": username }),
        ),
        MemberEvent::BulkUpdated {
            account_type,
            add_groups,
            remove_groups,
            named,
        } => (
            AuditAction::MemberUpdated,
            json!({
                "account_type": account_type,
                "add_group_ids": add_groups,
                "remove_group_ids": remove_groups,
                "named": named,
            }),
        ),
        MemberEvent::Left { account_type, role } => {
            (AuditAction::MemberLeft, terms(account_type, role))
        }
        MemberEvent::Deactivated { account_type, role } => {
            (AuditAction::MemberDeactivated, terms(account_type, role))
        }
        MemberEvent::Reactivated { account_type, role } => {
            (AuditAction::MemberReactivated, terms(account_type, role))
        }
        MemberEvent::Removed { account_type, role } => {
            (AuditAction::MemberRemoved, terms(account_type, role))
        }
        MemberEvent::Deleted {
            email,
            account_type,
        } => (
            AuditAction::MemberDeleted,
            json!({ "email": email, "account_type": account_type }),
        ),
        MemberEvent::PasswordReset {
            generated,
            must_change_password,
            ended_sessions,
        } => (
            AuditAction::MemberPasswordReset,
            json!({
                "generated": generated,
                "must_change_password": must_change_password,
                "ended_sessions": ended_sessions,
            }),
        ),
    }
}

/// By what somebody came in.
fn joined_by(by: JoinedBy) -> Value {
    match by {
        JoinedBy::Founding => json!({}),
        JoinedBy::InviteCode { invite_code, group } => {
            json!({ "invite_code_id": invite_code, "group_id": group })
        }
        JoinedBy::Invitation(invitation) => json!({ "invitation_id": invitation }),
        JoinedBy::Import(import) => json!({ "import_id": import }),
    }
}

fn describe_group(event: &GroupEvent) -> (AuditAction, Value) {
    match event {
        GroupEvent::Created { name, manager: _ } => {
            (AuditAction::GroupCreated, json!({ "name": name }))
        }
        GroupEvent::Updated { name, description } => {
            let mut details = present(json!({ "name": name }));
            if let (Some(description), Some(fields)) = (description, details.as_object_mut()) {
                fields.insert("description".to_owned(), json!(description));
            }
            (AuditAction::GroupUpdated, details)
        }
        GroupEvent::Deleted { name } => (AuditAction::GroupDeleted, json!({ "name": name })),
        GroupEvent::MembersAdded { accounts, by } => {
            let by = match by {
                AddedBy::Manager { role } => json!({ "role": role }),
                AddedBy::InviteCode(code) => {
                    json!({ "via": JoinedVia::GroupCode, "invite_code_id": code })
                }
                AddedBy::Invitation => json!({ "via": JoinedVia::Invitation }),
            };
            let details = merged(json!({ "account_ids": accounts }), by);
            (AuditAction::GroupMembersAdded, details)
        }
        GroupEvent::MembersRemoved { accounts } => (
            AuditAction::GroupMembersRemoved,
            json!({ "account_ids": accounts }),
        ),
        GroupEvent::MemberUpdated { account, role } => (
            AuditAction::GroupMemberUpdated,
            json!({ "account_id": account, "role": role }),
        ),
    }
}

fn describe_invite_code(event: &InviteCodeEvent, group: Option<GroupId>) -> (AuditAction, Value) {
    let (action, details) = match event {
        InviteCodeEvent::Updated { changes } => (
            AuditAction::InviteCodeUpdated,
            Value::Object(changes.clone()),
        ),
        InviteCodeEvent::Reset => (AuditAction::InviteCodeReset, json!({})),
    };
    (
        action,
        merged(details, present(json!({ "group_id": group }))),
    )
}

fn describe_invitation(event: &InvitationEvent) -> (AuditAction, Value) {
    let summary = |summary: &InvitationSummary| json!({ "email": summary.email, "account_type": summary.account_type });
    match event {
        InvitationEvent::Created {
            email,
            kind,
            account,
            account_type,
            groups,
        } => (
            AuditAction::InvitationCreated,
            json!({
                "email": email,
                "kind": kind,
                "account_id": account,
                "account_type": account_type,
                "group_ids": groups,
            }),
        ),
        InvitationEvent::GroupsAdded { email, groups } => (
            AuditAction::InvitationGroupsAdded,
            json!({ "email": email, "group_ids": groups }),
        ),
        InvitationEvent::Resent(about) => (AuditAction::InvitationResent, summary(about)),
        InvitationEvent::Revoked(about) => (AuditAction::InvitationRevoked, summary(about)),
        InvitationEvent::Accepted(about) => (AuditAction::InvitationAccepted, summary(about)),
        InvitationEvent::Declined(about) => (AuditAction::InvitationDeclined, summary(about)),
        InvitationEvent::Expired(about) => (AuditAction::InvitationExpired, summary(about)),
    }
}

fn describe_import(event: &ImportEvent) -> (AuditAction, Value) {
    let summary = |summary: &ImportSummary| {
        json!({
            "status": summary.status,
            "rows": summary.rows,
            "by_outcome": summary.by_outcome,
        })
    };
    match event {
        ImportEvent::Accepted {
            source,
            rows,
            account_type,
        } => (
            AuditAction::ImportAccepted,
            json!({ "source": source, "rows": rows, "account_type": account_type }),
        ),
        ImportEvent::Cancelled(ended) => (AuditAction::ImportCancelled, summary(ended)),
        ImportEvent::Finished(ended) => (AuditAction::ImportFinished, summary(ended)),
        ImportEvent::ResultsDownloaded { file } => (
            AuditAction::ImportResultsDownloaded,
            json!({ "file": file }),
        ),
        ImportEvent::ResultsDiscarded => (AuditAction::ImportResultsDiscarded, json!({})),
    }
}

fn describe_api_key(event: &ApiKeyEvent) -> (AuditAction, Value) {
    match event {
        ApiKeyEvent::Created { name, scopes } => (
            AuditAction::ApiKeyCreated,
            json!({ "name": name, "scopes": scopes }),
        ),
        ApiKeyEvent::Revoked { name } => (AuditAction::ApiKeyRevoked, json!({ "name": name })),
    }
}

/// Without the fields that are null.
fn present(mut details: Value) -> Value {
    if let Value::Object(fields) = &mut details {
        fields.retain(|_, value| !value.is_null());
    }
    details
}

fn merged(mut one: Value, other: Value) -> Value {
    if let (Value::Object(fields), Value::Object(more)) = (&mut one, other) {
        fields.extend(more);
    }
    one
}
