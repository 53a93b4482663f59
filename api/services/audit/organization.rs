//! What the log says of an organization and of what belongs to it.

use serde_json::{Value, json};

use super::details::{merged, present};
use crate::domain::audit::AuditAction;
use crate::domain::email_domain::EmailDomain;
use crate::domain::events::{
    AddedBy, ApiKeyEvent, EmailDomainEvent, GrantEvent, GroupEvent, ImportEvent, ImportSummary,
    InvitationEvent, InvitationSummary, InviteCodeEvent, OrganizationEvent,
};
use crate::domain::ids::GroupId;
use crate::domain::organization::JoinedVia;
use crate::domain::resource::Resource;

pub(super) fn describe_organization(event: &OrganizationEvent) -> (AuditAction, Value) {
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

pub(super) fn describe_group(event: &GroupEvent) -> (AuditAction, Value) {
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
                AddedBy::Rule(connection) => {
                    json!({ "via": JoinedVia::Sso, "connection_id": connection })
                }
            };
            let details = merged(json!({ "account_ids": accounts }), by);
            (AuditAction::GroupMembersAdded, details)
        }
        GroupEvent::MembersRemoved { accounts, rules_of } => (
            AuditAction::GroupMembersRemoved,
            present(json!({ "account_ids": accounts, "connection_id": rules_of })),
        ),
        GroupEvent::MemberUpdated { account, role } => (
            AuditAction::GroupMemberUpdated,
            json!({ "account_id": account, "role": role }),
        ),
    }
}

pub(super) fn describe_grant(event: GrantEvent, resource: &Resource) -> (AuditAction, Value) {
    let (action, details) = match event {
        GrantEvent::Created { expires_at } => (
            AuditAction::GrantCreated,
            json!({ "expires_at": expires_at }),
        ),
        GrantEvent::Updated { expires_at } => (
            AuditAction::GrantUpdated,
            json!({ "expires_at": expires_at }),
        ),
        GrantEvent::Revoked => (AuditAction::GrantRevoked, json!({})),
    };
    let resource = json!({ "resource_type": resource.resource_type, "resource_id": resource.id });
    (action, merged(resource, details))
}

pub(super) fn describe_invite_code(
    event: &InviteCodeEvent,
    group: Option<GroupId>,
) -> (AuditAction, Value) {
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

pub(super) fn describe_invitation(event: &InvitationEvent) -> (AuditAction, Value) {
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

pub(super) fn describe_import(event: &ImportEvent) -> (AuditAction, Value) {
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

pub(super) fn describe_api_key(event: &ApiKeyEvent) -> (AuditAction, Value) {
    match event {
        ApiKeyEvent::Created { name, scopes } => (
            AuditAction::ApiKeyCreated,
            json!({ "name": name, "scopes": scopes }),
        ),
        ApiKeyEvent::Revoked { name } => (AuditAction::ApiKeyRevoked, json!({ "name": name })),
    }
}

pub(super) fn describe_email_domain(
    event: EmailDomainEvent,
    domain: &EmailDomain,
) -> (AuditAction, Value) {
    let (action, details) = match event {
        EmailDomainEvent::Added { joining } => {
            (AuditAction::DomainAdded, json!({ "joining": joining }))
        }
        EmailDomainEvent::Updated { joining, vouched } => (
            AuditAction::DomainUpdated,
            present(json!({ "joining": joining, "vouched": vouched })),
        ),
        EmailDomainEvent::Proven { vouched } => {
            (AuditAction::DomainProven, json!({ "vouched": vouched }))
        }
        EmailDomainEvent::Lapsed => (AuditAction::DomainLapsed, json!({})),
        EmailDomainEvent::Removed => (AuditAction::DomainRemoved, json!({})),
    };
    (action, merged(json!({ "domain": domain }), details))
}
