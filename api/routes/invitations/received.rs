//! Invitations as the people see them whom they were sent to.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::ids::InvitationId;
use crate::domain::invitations::{InvitationKind, InvitationStatus};
use crate::domain::organization::AccountType;
use crate::domain::sign_in_policy::SignInConnection;
use crate::domain::string_enum::string_enum;
use crate::domain::timestamp::Timestamp;
use crate::routes::names::{GroupReference, OrganizationReference};
use crate::services::invitations::{Acceptance, ReceivedInvitation};
use crate::store::organizations::Organization;

/// What an invitation offers to the person whom it was sent to.
#[derive(Serialize, ToSchema)]
pub struct InvitationOffer {
    organization: OrganizationReference,
    account_type: AccountType,
    #[schema(max_items = 10000)]
    groups: Vec<GroupReference>,
    /// The username of the person who sent it.
    #[schema(max_length = 100)]
    invited_by: Option<String>,
    #[schema(max_length = 500)]
    note: Option<String>,
    expires_at: Timestamp,
}

/// An invitation as the person sees it who got the mail.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "organization": {
        "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11",
        "name": "Hill Road School"
    },
    "email": "jane.doe@school.example",
    "kind": "join",
    "account_type": "student",
    "groups": [{ "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c12", "name": "7A" }],
    "invited_by": "Ms Green",
    "note": "Welcome to 7A!",
    "status": "pending",
    "expires_at": "2026-09-08T07:30:00Z",
    "connections": []
})))]
pub struct InvitationPreview {
    #[serde(flatten)]
    offer: InvitationOffer,
    /// The address that it is for.
    #[schema(max_length = 254)]
    email: String,
    /// `join`: accept it. `new_account`: choose a password.
    kind: InvitationKind,
    /// `pending`, `accepted`, or `expired`: then a new link can be asked for.
    status: InvitationStatus,
    /// By which people of the organization sign in: a sign-in that is started by one carries the token
    /// (`invitation_token`).
    #[schema(max_items = 50)]
    connections: Vec<SignInConnection>,
}

/// One of the caller's own invitations.
#[derive(Serialize, ToSchema)]
pub struct MyInvitation {
    /// Accept or decline it with this as `invitation_id`.
    id: InvitationId,
    #[serde(flatten)]
    offer: InvitationOffer,
    created_at: Timestamp,
}

impl From<ReceivedInvitation> for InvitationOffer {
    fn from(received: ReceivedInvitation) -> Self {
        let invitation = received.invitation;
        Self {
            organization: reference_to(received.organization),
            account_type: invitation.account_type,
            groups: received
                .groups
                .into_iter()
                .map(GroupReference::from)
                .collect(),
            invited_by: received.invited_by,
            note: invitation.note.map(|note| note.to_string()),
            expires_at: invitation.expires_at,
        }
    }
}

impl InvitationPreview {
    pub fn of(received: ReceivedInvitation, connections: Vec<SignInConnection>) -> Self {
        Self {
            email: received.invitation.email.to_string(),
            kind: received.invitation.kind,
            status: received.status,
            offer: received.into(),
            connections,
        }
    }
}

impl From<ReceivedInvitation> for MyInvitation {
    fn from(received: ReceivedInvitation) -> Self {
        Self {
            id: received.invitation.id,
            created_at: received.invitation.created_at,
            offer: received.into(),
        }
    }
}

/// The caller's own invitations.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "items": [{
        "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11",
        "organization": {
            "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c13",
            "name": "Hill Road School"
        },
        "account_type": "student",
        "groups": [{ "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c12", "name": "7A" }],
        "invited_by": "Ms Green",
        "note": null,
        "created_at": "2026-09-01T07:30:00Z",
        "expires_at": "2026-09-08T07:30:00Z"
    }],
    "email_verified": true
})))]
pub struct MyInvitationList {
    /// The newest first.
    #[schema(max_items = 200)]
    pub items: Vec<MyInvitation>,
    /// Whether the caller's address is verified: if it is not, no invitations are listed.
    pub email_verified: bool,
}

string_enum! {
    /// What came of accepting.
    AcceptOutcome {
        Joined = "joined",
        /// A member already, who was added to the groups of the invitation.
        AlreadyMember = "already_member",
    }
}

/// An accepted invitation.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "invitation_id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11",
    "organization": {
        "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c13",
        "name": "Hill Road School"
    },
    "groups": [{ "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c12", "name": "7A" }],
    "outcome": "joined"
})))]
pub struct AcceptedInvitation {
    invitation_id: InvitationId,
    organization: OrganizationReference,
    /// The groups of the invitation.
    #[schema(max_items = 10000)]
    groups: Vec<GroupReference>,
    outcome: AcceptOutcome,
}

impl From<Acceptance> for AcceptedInvitation {
    fn from(acceptance: Acceptance) -> Self {
        Self {
            invitation_id: acceptance.invitation,
            organization: reference_to(acceptance.organization),
            groups: acceptance
                .groups
                .into_iter()
                .map(GroupReference::from)
                .collect(),
            outcome: if acceptance.joined {
                AcceptOutcome::Joined
            } else {
                AcceptOutcome::AlreadyMember
            },
        }
    }
}

fn reference_to(organization: Organization) -> OrganizationReference {
    (organization.id, organization.name).into()
}
