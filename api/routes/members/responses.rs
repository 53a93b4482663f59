//! Members, as responses show them.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::ids::AccountId;
use crate::domain::organization::{AccountType, JoinedVia, MembershipStatus, Role};
use crate::domain::timestamp::Timestamp;
use crate::routes::names::GroupReference;
use crate::routes::page::page_body;
use crate::services::members::Member;

/// A member, as those who look after them see them.
#[derive(Serialize, ToSchema)]
#[schema(as = Member, examples(json!({
    "account_id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11",
    "username": "Jane Doe",
    "email": "jane.doe@school.example",
    "email_verified": true,
    "account_type": "student",
    "role": "member",
    "status": "active",
    "managed": true,
    "generated_address": false,
    "joined_via": "csv_import",
    "joined_at": "2026-09-01T07:30:00Z",
    "registered_at": "2026-09-01T07:30:00Z",
    "last_active_at": null,
    "groups": [{ "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c12", "name": "7A" }]
})))]
pub struct MemberBody {
    account_id: AccountId,
    #[schema(min_length = 1, max_length = 1000)]
    username: String,
    /// The address to sign in with.
    #[schema(max_length = 254)]
    email: String,
    /// Whether its owner has shown that they read the mailbox.
    email_verified: bool,
    account_type: AccountType,
    role: Role,
    status: MembershipStatus,
    /// Whether this organization manages the account: it created it, and the person has joined or founded no
    /// other one since.
    managed: bool,
    /// Whether Rollcall made the address up: nothing is ever mailed to it.
    generated_address: bool,
    joined_via: JoinedVia,
    joined_at: Timestamp,
    registered_at: Timestamp,
    /// To five minutes; `null`: never.
    last_active_at: Option<Timestamp>,
    #[schema(max_items = 10000)]
    groups: Vec<GroupReference>,
}

impl From<Member> for MemberBody {
    fn from(member: Member) -> Self {
        let row = member.row;
        Self {
            account_id: row.account_id,
            username: row.username.to_string(),
            email: row.email.to_string(),
            email_verified: row.email_verified,
            account_type: row.account_type,
            role: row.role,
            status: row.status,
            managed: row.managed,
            generated_address: row.generated_address,
            joined_via: row.joined_via,
            joined_at: row.joined_at,
            registered_at: row.registered_at,
            last_active_at: row.last_active_at.unless_never(),
            groups: member
                .groups
                .into_iter()
                .map(GroupReference::from)
                .collect(),
        }
    }
}

page_body! {
    /// A page of members.
    MemberListPage of MemberBody
}
