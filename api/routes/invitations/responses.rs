//! Invitations as the organization sees them that sent them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::ids::InvitationId;
use crate::domain::invitations::{InvitationKind, InvitationOutcome, InvitationStatus};
use crate::domain::language::Language;
use crate::domain::mail::MailStatus;
use crate::domain::organization::AccountType;
use crate::domain::timestamp::Timestamp;
use crate::routes::bulk::summary;
use crate::routes::names::{AccountReference, GroupReference};
use crate::routes::page::page_body;
use crate::services::invitations::{AddressResult, InvitationView};
use crate::store::mails::Delivery;

/// What came of one address.
#[derive(Serialize, ToSchema)]
pub struct InvitationResult {
    /// As it was sent.
    #[schema(max_length = 1000)]
    email: String,
    outcome: InvitationOutcome,
    /// The new invitation, or the pending one; `null` where there is none, or none that the caller may
    /// see.
    invitation_id: Option<InvitationId>,
    /// Whether the address is verified; `null` where it has no account, or none that the caller may see.
    email_verified: Option<bool>,
    /// How many of the requested groups a new account, a member, or somebody who was invited before, was added to. A
    /// join link adds to groups when it is accepted.
    #[schema(minimum = 0, maximum = 100)]
    groups_added: usize,
    /// A text for people, where the outcome alone does not say what to do.
    #[schema(max_length = 500)]
    detail: Option<Cow<'static, str>>,
}

/// What came of all addresses.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "results": [{
        "email": "jane.doe@school.example",
        "outcome": "account_created",
        "invitation_id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11",
        "email_verified": false,
        "groups_added": 1,
        "detail": null
    }],
    "summary": { "account_created": 1 }
})))]
pub struct InvitationResults {
    /// In the order given.
    #[schema(max_items = 500)]
    results: Vec<InvitationResult>,
    /// The number of addresses by outcome; outcomes that did not occur are left out.
    summary: BTreeMap<InvitationOutcome, u32>,
}

impl From<Vec<AddressResult>> for InvitationResults {
    fn from(results: Vec<AddressResult>) -> Self {
        let summary = summary(results.iter().map(|result| result.outcome.kind));
        let results = results.into_iter().map(|result| InvitationResult {
            email: result.email,
            outcome: result.outcome.kind,
            invitation_id: result.outcome.invitation,
            email_verified: result.outcome.email_verified,
            groups_added: result.outcome.groups_added,
            detail: result.outcome.detail,
        });
        Self {
            results: results.collect(),
            summary,
        }
    }
}

/// The state of an invitation's mail.
#[derive(Serialize, ToSchema)]
#[schema(as = MailDelivery)]
pub struct DeliveryBody {
    status: MailStatus,
    /// The number of attempts to send it.
    #[schema(minimum = 0)]
    attempts: i64,
    /// The last error of the mail server or of the connection to it, or why the mail waits.
    #[schema(max_length = 2000)]
    last_error: Option<String>,
}

impl From<Delivery> for DeliveryBody {
    fn from(delivery: Delivery) -> Self {
        Self {
            status: delivery.status,
            attempts: delivery.attempts,
            last_error: delivery.last_error,
        }
    }
}

/// An invitation as those who send invitations see it.
#[derive(Serialize, ToSchema)]
#[schema(as = Invitation, examples(json!({
    "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11",
    "email": "jane.doe@school.example",
    "kind": "new_account",
    "account_type": "student",
    "groups": [{ "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c12", "name": "7A" }],
    "language": "fi",
    "note": "Welcome to 7A!",
    "status": "pending",
    "delivery": { "status": "sent", "attempts": 1, "last_error": null },
    "invited_by": {
        "account_id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c13",
        "username": "Ms Green"
    },
    "expires_at": "2026-09-08T07:30:00Z",
    "created_at": "2026-09-01T07:30:00Z",
    "ended_at": null
})))]
pub struct InvitationBody {
    id: InvitationId,
    #[schema(max_length = 254)]
    email: String,
    kind: InvitationKind,
    account_type: AccountType,
    #[schema(max_items = 10000)]
    groups: Vec<GroupReference>,
    /// The language of its mail.
    language: Language,
    #[schema(max_length = 500)]
    note: Option<String>,
    status: InvitationStatus,
    /// The state of its latest mail; `null` where that was withdrawn or is deleted.
    delivery: Option<DeliveryBody>,
    /// Who sent it; `null` for the command line, and where the account is deleted.
    invited_by: Option<AccountReference>,
    expires_at: Timestamp,
    created_at: Timestamp,
    /// When it was answered, was revoked, or expired.
    ended_at: Option<Timestamp>,
}

impl From<InvitationView> for InvitationBody {
    fn from(view: InvitationView) -> Self {
        let invitation = view.invitation;
        Self {
            id: invitation.id,
            email: invitation.email.to_string(),
            kind: invitation.kind,
            account_type: invitation.account_type,
            groups: view.groups.into_iter().map(GroupReference::from).collect(),
            language: invitation.language,
            note: invitation.note.map(|note| note.to_string()),
            status: view.status,
            delivery: view.delivery.map(DeliveryBody::from),
            invited_by: view
                .invited_by
                .map(|(account, username)| (account, username.to_string()).into()),
            expires_at: invitation.expires_at,
            created_at: invitation.created_at,
            ended_at: view.ended_at,
        }
    }
}

page_body! {
    /// A page of invitations.
    InvitationPage of InvitationBody
}
