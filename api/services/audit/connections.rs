//! What is written of connections to identity providers.

use serde_json::{Value, json};

use crate::domain::audit::AuditAction;
use crate::domain::events::ConnectionEvent;

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
