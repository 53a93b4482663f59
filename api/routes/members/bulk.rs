//! Many members changed at once.

use actix_web::HttpResponse;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::domain::ids::{AccountId, GroupId};
use crate::domain::members::BulkOutcome;
use crate::domain::organization::AccountType;
use crate::error::Error;
use crate::routes::bulk::{outcomes_body, refuse_more_than, refuse_wrong_number};
use crate::routes::extract::{
    Guard as _, IdempotencyHeader, InOrganization, OrganizationPath, StoredResponse, idempotency,
};
use crate::routes::problem::Problem;
use crate::routes::refusals::{BodyErrors, NobodyNamed, OrganizationErrors, WrongAccountType};
use crate::services::authorization::{ManageMembers, Permission as _};
use crate::services::members::bulk::{self, BulkChanges};

/// The most groups that one call adds people to, or takes them out of.
const MAX_GROUPS: usize = 50;

/// What to change of many members; absent fields stay.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({
    "account_ids": [
        "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11",
        "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c13"
    ],
    "account_type": "student"
})))]
pub struct UpdateMembersRequest {
    #[schema(min_items = 1, max_items = 500)]
    account_ids: Vec<AccountId>,
    /// Takes a seat of the new type for each, and frees one of the old.
    account_type: Option<AccountType>,
    /// Groups that each joins.
    #[serde(default)]
    #[schema(max_items = 50)]
    add_group_ids: Vec<GroupId>,
    /// Groups that each is taken out of.
    #[serde(default)]
    #[schema(max_items = 50)]
    remove_group_ids: Vec<GroupId>,
}

outcomes_body! {
    /// How each ended.
    #[schema(examples(json!({
        "results": [
            { "account_id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11", "outcome": "updated" },
            { "account_id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c13", "outcome": "no_seat" }
        ],
        "summary": { "updated": 1, "no_seat": 1 }
    })))]
    UpdatedMembers,
    /// How one ended.
    UpdatedMember of BulkOutcome
}

/// Change many members at once
///
/// Gives up to 500 members an account type, adds them to groups and takes them out of others. Each
/// ends on its own: `updated`, `unchanged` where it was so already, `not_found`, `no_seat` where no
/// seat of the new type is free (then nothing of this member changes; seats are given in the order in
/// which members are named), `email_not_verified` where who is to become staff has to set a password by a
/// mailed link first (nothing changes either), `forbidden` of an admin where an API key asks, `duplicate_in_request`.
/// Who becomes staff is signed out.
#[utoipa::path(
    post,
    path = "/v1/organizations/{organization_id}/members/bulk-update",
    tag = "Members",
    params(OrganizationPath, IdempotencyHeader),
    responses(
        (status = 200, description = "How each ended.", body = UpdatedMembers),
        BodyErrors, OrganizationErrors, NobodyNamed, WrongAccountType
    ),
    extensions(("x-permission" = json!(ManageMembers::NAME)))
)]
pub async fn update_members(
    request: InOrganization<ManageMembers>,
    body: idempotency::Json<UpdateMembersRequest>,
) -> Result<HttpResponse, Problem> {
    let idempotency::Json { idempotency, body } = body;
    refuse_wrong_number("/account_ids", &body.account_ids)?;
    refuse_more_than(MAX_GROUPS, "/add_group_ids", &body.add_group_ids)?;
    refuse_more_than(MAX_GROUPS, "/remove_group_ids", &body.remove_group_ids)?;
    refuse_both_ways(&body)?;
    let changes = BulkChanges {
        account_type: body.account_type,
        add_groups: body.add_group_ids,
        remove_groups: body.remove_group_ids,
    };
    request
        .run_once(idempotency, move |tx, permit| {
            let outcomes = bulk::update(tx, &permit, &body.account_ids, &changes)?;
            StoredResponse::ok(&UpdatedMembers::from(outcomes))
        })
        .await
}

fn refuse_both_ways(body: &UpdateMembersRequest) -> Result<(), Error> {
    let both = |group: &&GroupId| body.add_group_ids.contains(group);
    match body.remove_group_ids.iter().find(both) {
        None => Ok(()),
        Some(group) => Err(Error::invalid(
            "/remove_group_ids",
            "group_both_ways",
            format!("People cannot join the group {group} and be taken out of it at once."),
        )),
    }
}
