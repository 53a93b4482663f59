//! What the log says of accounts, sessions and members.

use serde_json::{Value, json};

use super::details::{merged, present};
use crate::domain::audit::AuditAction;
use crate::domain::events::{
    AccountEvent, IdentityEvent, JoinRequestEvent, JoinedBy, MemberEvent, SessionEvent,
};
use crate::domain::ids::AccountId;

pub(super) fn describe_account(event: &AccountEvent) -> (AuditAction, Value) {
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

pub(super) fn describe_session(event: &SessionEvent) -> (AuditAction, Value) {
    match event {
        SessionEvent::Started => (AuditAction::SessionStarted, json!({})),
        SessionEvent::Ended => (AuditAction::SessionEnded, json!({})),
        SessionEvent::EndedByProvider { connection } => (
            AuditAction::SessionEnded,
            json!({ "connection_id": connection }),
        ),
        SessionEvent::Revoked => (
            AuditAction::SessionRevoked,
            json!({ "reason": "an old refresh token was used again" }),
        ),
    }
}

pub(super) fn describe_member(event: &MemberEvent) -> (AuditAction, Value) {
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
            email,
        } => (
            AuditAction::MemberUpdated,
            present(json!({
                "role": role, "account_type": account_type, "username": username, "email": email,
            })),
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
        MemberEvent::AddressTakenOver {
            email,
            account_type,
            role,
        } => (
            AuditAction::MemberRemoved,
            merged(
                json!({ "reason": "address_taken_over", "email": email }),
                terms(account_type, role),
            ),
        ),
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

pub(super) fn describe_join_request(
    event: &JoinRequestEvent,
    account: AccountId,
) -> (AuditAction, Value) {
    let (action, details) = match event {
        JoinRequestEvent::Made => (AuditAction::JoinRequestMade, json!({})),
        JoinRequestEvent::Approved {
            account_type,
            groups,
        } => (
            AuditAction::JoinRequestApproved,
            json!({ "account_type": account_type, "group_ids": groups }),
        ),
        JoinRequestEvent::Declined => (AuditAction::JoinRequestDeclined, json!({})),
        JoinRequestEvent::Withdrawn => (AuditAction::JoinRequestWithdrawn, json!({})),
    };
    (action, merged(json!({ "account_id": account }), details))
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
        JoinedBy::JoinRequest(request) => json!({ "join_request_id": request }),
        JoinedBy::Connection(connection) => json!({ "connection_id": connection }),
    }
}

pub(super) fn describe_identity(event: IdentityEvent) -> (AuditAction, Value) {
    let (action, identity, connection) = match event {
        IdentityEvent::Linked {
            identity,
            connection,
        } => (AuditAction::IdentityLinked, identity, connection),
        IdentityEvent::Unlinked {
            identity,
            connection,
        } => (AuditAction::IdentityUnlinked, identity, connection),
    };
    let details = json!({ "identity_id": identity, "connection_id": connection });
    (action, details)
}
