//! What is written of connections to identity providers.

use serde_json::{Value, json};

use crate::domain::audit::AuditAction;
use crate::domain::events::{ConnectionEvent, SetupLinkEvent, SignInPolicyEvent};

pub(super) fn describe_connection(event: &ConnectionEvent) -> (AuditAction, Value) {
    match event {
        ConnectionEvent::Created { name, kind, preset } => (
            AuditAction::ConnectionCreated,
            json!({ "name": name, "kind": kind, "preset": preset }),
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
