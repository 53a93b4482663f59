//! Using a code: what it leads to, and going there (`docs/invite-codes.md`).

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::invite_code::{CodeOutcome, CodeStatus};
use crate::domain::sign_in_policy::SignInConnection;
use crate::routes::extract::idempotency;
use crate::routes::extract::{
    Authenticated, ClientAddress, Guard as _, IdempotencyHeader, Json, OptionallyAuthenticated,
};
use crate::routes::names::{GroupReference, OrganizationReference};
use crate::routes::problem::Problem;
use crate::routes::refusals::{
    AccountDeactivated, BodyErrors, InviteCodeErrors, OptionalSessionErrors, PasswordOfOthers,
    SessionErrors, TooManyTries, UnknownCode,
};
use crate::services::idempotency::StoredResponse;
use crate::services::invite_codes::guessing::{self, Guesser};
use crate::services::invite_codes::redemption::{self, Destination, Redeemed};
use crate::services::sign_on_requirement::ways_in;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::invite_codes::CodeTarget;

/// An invite code, as somebody types it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "code": "ABCDE-FGHJK" })))]
pub struct InviteCodeRequest {
    /// In any case, with or without dashes and spaces, or the whole link to join.
    #[schema(max_length = 2000)]
    code: String,
}

/// Where an invite code leads.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "organization": { "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c12", "name": "Hill Road School" },
    "group": { "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c13", "name": "7A" },
    "status": "open",
    "limited_to_email_domains": false,
    "connections": []
})))]
pub struct InviteCodePreview {
    organization: OrganizationReference,
    /// The group, where it is a group's code.
    group: Option<GroupReference>,
    /// Whether it lets anybody in.
    status: CodeStatus,
    /// Whether it is only for addresses of certain domains, which have to be verified.
    limited_to_email_domains: bool,
    /// By which people of the organization sign in: a sign-in that is started by one carries the code (`invite_code`).
    #[schema(max_items = 50)]
    connections: Vec<SignInConnection>,
}

impl InviteCodePreview {
    fn of(tx: &mut UnitOfWork<'_>, target: CodeTarget) -> crate::error::Result<Self> {
        let status = target.code.status(tx.now());
        let connections = ways_in(tx, &target.organization)?;
        let limited_to_email_domains = !target.code.allowed_email_domains()?.is_empty();
        let destination = Destination::from(target);
        Ok(Self {
            organization: destination.organization.into(),
            group: destination.group.map(GroupReference::from),
            status,
            limited_to_email_domains,
            connections,
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
    organization: OrganizationReference,
    /// The group, where it is a group's code.
    group: Option<GroupReference>,
    outcome: CodeOutcome,
}

impl From<Redeemed> for JoinedBody {
    fn from(redeemed: Redeemed) -> Self {
        Self {
            organization: redeemed.destination.organization.into(),
            group: redeemed.destination.group.map(GroupReference::from),
            outcome: redeemed.outcome,
        }
    }
}

/// Preview an invite code
///
/// For a screen that says "you are joining …": changes nothing and needs no session. Unknown codes
/// get `code_unknown`. They are counted, and too many get `rate_limited`: with a session those of the
/// account (`code_account`), without one those of the client (`code_client`).
#[utoipa::path(
    post,
    path = "/v1/invite-codes/preview",
    tag = "Joining by a code",
    security((), ("access_token" = [])),
    responses(
        (status = 200, description = "Where it leads.", body = InviteCodePreview),
        BodyErrors, OptionalSessionErrors, UnknownCode, TooManyTries
    )
)]
pub(super) async fn preview_invite_code(
    request: OptionallyAuthenticated,
    ClientAddress(client): ClientAddress,
    body: Json<InviteCodeRequest>,
) -> Result<web::Json<InviteCodePreview>, Problem> {
    let code = guessing::typed_code(&body.code)?;
    let preview = request
        .run(move |tx, ()| {
            let guesser = Guesser::of(&tx.context.principal, client);
            let target = guessing::counted(tx, &guesser, |tx| redemption::preview(tx, &code))?;
            InviteCodePreview::of(tx, target)
        })
        .await?;
    Ok(web::Json(preview))
}

/// Redeem an invite code
///
/// Joins the caller to the code's organization, with the account type that joiners get there, and to
/// its group if it is a group's code.
///
/// `already_member` and nothing changed where they are in; members who use a group's code are
/// `added_to_group`. A code for certain email domains refuses other addresses
/// (`code_domain_not_allowed`) and has the others wait until their address is verified
/// (`waits_for_verification`); so does a code that makes staff. Where somebody else has set the caller's
/// password, these codes take one that was set by a mailed link first (`email_not_verified`). Whom an admin
/// deactivated, or removed since the code was made, it does not let back in: `code_blocked_for_you`. Without a
/// free seat: `no_seat`.
#[utoipa::path(
    post,
    path = "/v1/invite-codes/redeem",
    tag = "Joining by a code",
    params(IdempotencyHeader),
    responses(
        (status = 200, description = "What came of it.", body = JoinedBody),
        BodyErrors, SessionErrors, InviteCodeErrors, PasswordOfOthers, AccountDeactivated, TooManyTries
    )
)]
pub(super) async fn redeem_invite_code(
    request: Authenticated,
    ClientAddress(client): ClientAddress,
    idempotency::Json { idempotency, body }: idempotency::Json<InviteCodeRequest>,
) -> Result<HttpResponse, Problem> {
    // The attempt is counted outside of the transaction that the response is stored in.
    let execution = request
        .run(move |tx, ()| {
            let account = tx.context.principal.session()?.account.clone();
            let code = guessing::typed_code(&body.code)?;
            let guesser = Guesser::of(&tx.context.principal, client);
            guessing::counted(tx, &guesser, |tx| {
                idempotency.execute(tx, |tx| {
                    let redeemed = redemption::redeem(tx, &code, &account)?;
                    StoredResponse::ok(&JoinedBody::from(redeemed))
                })
            })
        })
        .await?;
    Ok(execution.into())
}
