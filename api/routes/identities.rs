//! Identities, as their owners and admins see them.

use serde::Serialize;
use utoipa::ToSchema;

use super::names::{ConnectionReference, OrganizationReference};
use super::page::page_body;
use super::problem::{EXAMPLE_REFERENCE, problems};
use crate::domain::ids::IdentityId;
use crate::domain::invitations::InvitationStatus;
use crate::domain::timestamp::Timestamp;
use crate::error::{Code, Error};
use crate::services::invitations::errors::{
    ended as invitation_ended, expired as invitation_expired, for_another_address,
    unknown as invitation_unknown,
};
use crate::services::sso::flows::{not_active, unknown as connection_unknown};
use crate::services::sso::identities::last_way_in;
use crate::services::sso::identity_taken;
use crate::store::identities::IdentityView;

problems! {
    /// Of who it is that comes.
    ArrivalErrors: connection_unknown not_active not_expected removed_earlier tenant_lapsed identity_taken;
    /// Of an invitation whose token a flow carries.
    CarriedInvitationErrors: invitation_unknown invitation_expired revoked for_another_address;
    /// Where there is no such identity.
    NoSuchIdentity: no_such_identity;
    /// Of the last way to sign in.
    LastWayIn: last_way_in;
}

fn not_expected() -> Error {
    let detail =
        "This organization does not know you yet. Ask the people who run it to invite you.";
    Error::refused(Code::NotExpectedHere, detail).with_reference(EXAMPLE_REFERENCE)
}

fn removed_earlier() -> Error {
    let detail =
        "An admin has removed you from this organization. Ask the people who run it to invite you.";
    Error::refused(Code::RemovedByAdmin, detail).with_reference(EXAMPLE_REFERENCE)
}

fn tenant_lapsed() -> Error {
    let detail = "Your organization has to prove its domain anew before anybody new comes in. Tell the people who run it.";
    Error::refused(Code::TenantWrong, detail).with_reference(EXAMPLE_REFERENCE)
}

fn revoked() -> Error {
    invitation_ended(InvitationStatus::Revoked)
}

fn no_such_identity() -> Error {
    Error::not_found("identity")
}

/// Who somebody is at an identity provider.
#[derive(Serialize, ToSchema)]
#[schema(as = Identity, examples(json!({
    "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11",
    "connection": {
        "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c12",
        "name": "School accounts",
        "kind": "oidc"
    },
    "organization": { "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c13", "name": "Hill Road School" },
    "subject_hint": "7d3a…4c11",
    "last_used_at": "2026-09-01T07:30:00Z",
    "created_at": "2026-09-01T07:30:00Z"
})))]
pub struct IdentityBody {
    id: IdentityId,
    connection: ConnectionReference,
    organization: OrganizationReference,
    /// The beginning and the end of what the identity provider calls them: at most four characters each, and at most a
    /// third of it.
    #[schema(max_length = 10)]
    subject_hint: String,
    last_used_at: Timestamp,
    created_at: Timestamp,
}

impl IdentityBody {
    /// An identity with its connection, and the name of its organization.
    pub fn new((identity, connection, organization): IdentityView) -> Self {
        Self {
            subject_hint: hint_of(&identity.subject),
            id: identity.id,
            connection: (connection.id, connection.name, connection.kind).into(),
            organization: (identity.organization_id, organization).into(),
            last_used_at: identity.last_used_at,
            created_at: identity.created_at,
        }
    }
}

page_body! {
    /// A page of identities.
    IdentityPage of IdentityBody
}

/// By which people tell one subject from another. It may be a name or an address, so that most of it is left out; what
/// those of one provider end in (`@school.example`) is the same for all.
fn hint_of(subject: &str) -> String {
    let length = subject.chars().count();
    let shown = (length / 3).min(8);
    let first: String = subject.chars().take(shown / 2).collect();
    let last: String = subject.chars().skip(length - shown.div_ceil(2)).collect();
    format!("{first}…{last}")
}

#[cfg(test)]
mod tests {
    use super::hint_of;

    #[test]
    fn a_hint_shows_at_most_a_third_and_four_characters_at_each_end() {
        for (subject, hint) in [
            ("", "…"),
            ("ab", "…"),
            ("tina", "…a"),
            ("jürgen", "j…n"),
            ("ann@hill.example", "an…ple"),
            ("annabelle.lee@hill.example", "anna…mple"),
            ("0f6f2a8d-4c11-4d3a-9b52-01990f3b6c1e", "0f6f…6c1e"),
        ] {
            assert_eq!(hint_of(subject), hint, "{subject}");
        }
    }
}
