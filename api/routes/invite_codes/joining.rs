//! Using a code: what it leads to, and going there (PRODUCT 3.4).

use actix_web::{HttpResponse, post, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::guessing;
use crate::domain::ids::OrganizationId;
use crate::domain::invite_code::{CodeOutcome, CodeStatus};
use crate::domain::timestamp::Timestamp;
use crate::routes::extract::{Caller, Once, RateLimiter, Reply};
use crate::routes::groups::GroupName;
use crate::routes::problem::{
    BodyErrors, CodeLookupErrors, InviteCodeErrors, Problem, SessionErrors,
};
use crate::services::invite_codes::redemption::{self, Destination, Redeemed};
use crate::state::State;
use crate::store::invite_codes::CodeTarget;

/// An invite code, as somebody types it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "code": "ABCDE-FGHJK" })))]
pub struct InviteCodeRequest {
    /// In any case, with or without dashes and spaces.
    #[schema(max_length = 100)]
    code: String,
}

/// An organization's id and name.
#[derive(Serialize, ToSchema)]
pub struct OrganizationName {
    id: OrganizationId,
    #[schema(min_length = 1, max_length = 200)]
    name: String,
}

impl From<(OrganizationId, String)> for OrganizationName {
    fn from((id, name): (OrganizationId, String)) -> Self {
        Self { id, name }
    }
}

/// Where an invite code leads.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "organization": { "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c12", "name": "Hill Road School" },
    "group": { "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c13", "name": "7A" },
    "status": "open",
    "limited_to_email_domains": false
})))]
pub struct InviteCodePreview {
    organization: OrganizationName,
    /// The group, where it is a group's code.
    group: Option<GroupName>,
    /// Whether it lets anybody in.
    status: CodeStatus,
    /// Whether it is only for addresses of certain domains, which have to be verified.
    limited_to_email_domains: bool,
}

impl InviteCodePreview {
    fn of(target: CodeTarget, now: Timestamp) -> crate::error::Result<Self> {
        let status = target.code.status(now);
        let limited_to_email_domains = !target.code.allowed_email_domains()?.is_empty();
        let destination = Destination::from(target);
        Ok(Self {
            organization: destination.organization.into(),
            group: destination.group.map(GroupName::from),
            status,
            limited_to_email_domains,
        })
    }
}

/// What came of using an invite code.
#[derive(Serialize, ToSchema)]
#[schema(as = Joined, examples(json!({
    "organization": { "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c12", "name": "Hill Road School" },
    "group": { "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c13", "name": "7A" },
    "outcome": "joined"
})))]
pub struct JoinedBody {
    organization: OrganizationName,
    /// The group, where it is a group's code.
    group: Option<GroupName>,
    outcome: CodeOutcome,
}

impl From<Redeemed> for JoinedBody {
    fn from(redeemed: Redeemed) -> Self {
        Self {
            organization: redeemed.destination.organization.into(),
            group: redeemed.destination.group.map(GroupName::from),
            outcome: redeemed.outcome,
        }
    }
}

/// See where an invite code leads
///
/// For a screen that says "you are joining …": changes nothing and needs no session. Unknown codes
/// get `code_unknown`, and too many of them `rate_limited`.
#[utoipa::path(
    tag = "Joining by a code",
    security(()),
    responses(
        (status = 200, description = "Where it leads.", body = InviteCodePreview),
        BodyErrors, CodeLookupErrors
    )
)]
#[post("/v1/invite-codes/preview")]
pub(super) async fn preview_invite_code(
    state: web::Data<State>,
    rate_limiter: RateLimiter,
    caller: Option<Caller>,
    body: web::Json<InviteCodeRequest>,
) -> Result<web::Json<InviteCodePreview>, Problem> {
    let account = caller.map(|caller| caller.claimed_account());
    let code = guessing::typed_code(&body.code)?;
    let found = state.run_blocking(move |connection| redemption::preview(connection, &code));
    let target = guessing::counted(&rate_limiter, account, found).await?;
    Ok(web::Json(InviteCodePreview::of(
        target,
        state.services.clock.now(),
    )?))
}

/// Use an invite code
///
/// Joins the caller to the code's organization, with the account type that joiners get there, and to
/// its group if it is a group's code.
///
/// `already_member` and nothing changed where they are in; members who use a group's code are
/// `added_to_group`. A code for certain email domains refuses other addresses
/// (`code_domain_not_allowed`) and has the others wait until their address is verified
/// (`waits_for_verification`). Whom an admin deactivated, or removed since the code was made, it does
/// not let back in: `code_blocked_for_you`. Without a free seat: `no_seat`.
///
/// *Requires:* a session.
#[utoipa::path(
    tag = "Joining by a code",
    responses(
        (status = 200, description = "What came of it.", body = JoinedBody),
        BodyErrors, SessionErrors, InviteCodeErrors
    )
)]
#[post("/v1/invite-codes/redeem")]
pub(super) async fn redeem_invite_code(
    rate_limiter: RateLimiter,
    caller: Caller,
    once: Once,
    body: web::Json<InviteCodeRequest>,
) -> Result<HttpResponse, Problem> {
    let account = Some(caller.claimed_account());
    let code = guessing::typed_code(&body.code)?;
    let redeemed = caller.signed_in_once(once, move |connection, caller| {
        let redeemed = redemption::redeem(connection, &code, &caller.account, &caller.act)?;
        Reply::ok(&JoinedBody::from(redeemed))
    });
    Ok(guessing::counted(&rate_limiter, account, redeemed).await?)
}
