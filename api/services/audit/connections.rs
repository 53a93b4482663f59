//! What is written of connections to identity providers.

use serde_json::{Value, json};

use crate::domain::audit::AuditAction;
use crate::domain::events::{AppEvent, ConnectionEvent, SetupLinkEvent, SignInPolicyEvent};

pub(super) fn describe_app(event: &AppEvent) -> (AuditAction, Value) {
    match event {
        AppEvent::Created {
            name,
            preset,
            client_id,
        } => (
            AuditAction::AppCreated,
            json!({ "name": name, "preset": preset, "client_id": client_id }),
        ),
        AppEvent::Changed { fields } => (AuditAction::AppChanged, json!({ "fields": fields })),
        AppEvent::Deleted { name } => (AuditAction::AppDeleted, json!({ "name": name })),
    }
}

pub(super) fn describe_connection(event: &ConnectionEvent) -> (AuditAction, Value) {
    match event {
        ConnectionEvent::Created {
            name,
            kind,
            preset,
            app,
        } => (
            AuditAction::ConnectionCreated,
            json!({ "name": name, "kind": kind, "preset": preset, "app_id": app }),
        ),
        ConnectionEvent::Changed { fields } => {
            (AuditAction::ConnectionChanged, json!({ "fields": fields }))
        }
        ConnectionEvent::Tested => (AuditAction::ConnectionTested, json!({})),
        ConnectionEvent::Activated => (AuditAction::ConnectionActivated, json!({})),
        ConnectionEvent::Paused => (AuditAction::ConnectionPaused, json!({})),
        ConnectionEvent::Deleted { name } => {
            (AuditAction::ConnectionDeleted, json!({ "name": name }))
        }
        ConnectionEvent::SignInRefused { code, reference } => (
            AuditAction::SignInRefused,
            json!({ "code": code, "reference": reference }),
        ),
    }
}

pub(super) fn describe_sign_in_policy(event: &SignInPolicyEvent) -> (AuditAction, Value) {
    match event {
        SignInPolicyEvent::Changed(policy) => (
            AuditAction::PolicyChanged,
            json!({ "required": policy.required, "emergency_admins": policy.emergency_admins }),
        ),
        SignInPolicyEvent::EmergencyUsed { account: _ } => (AuditAction::EmergencyUsed, json!({})),
    }
}

pub(super) fn describe_setup_link(event: &SetupLinkEvent) -> (AuditAction, Value) {
    match event {
        SetupLinkEvent::Made {
            connection,
            email,
            expires_at,
        } => (
            AuditAction::SetupLinkMade,
            json!({ "connection": connection, "email": email, "expires_at": expires_at }),
        ),
        SetupLinkEvent::Used { connection } => (
            AuditAction::SetupLinkUsed,
            json!({ "connection": connection }),
        ),
        SetupLinkEvent::Revoked { name } => {
            (AuditAction::SetupLinkRevoked, json!({ "name": name }))
        }
    }
}
