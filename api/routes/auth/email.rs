//! Verifying one's address by a mailed link (`docs/accounts.md`).

use actix_web::{HttpResponse, post};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::invite_code::CodeOutcome;
use crate::error::Code;
use crate::routes::extract::idempotency::{self, NoBody};
use crate::routes::extract::{Anonymous, Authenticated, Guard as _, IdempotencyHeader, token};
use crate::routes::names::{GroupName, OrganizationName};
use crate::routes::problem::{BodyErrors, LinkErrors, MailErrors, Problem, SessionErrors};
use crate::services::idempotency::StoredResponse;
use crate::services::invite_codes::redemption::SettledJoin;
use crate::services::verification::{self, Verified};

/// The token of a mailed link.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "token": "rcv_1kq3Rr0s8mJ5QbT7XoV2yWz4Lh6Nc9Pe0UfGiKjMlYw" })))]
pub struct VerifyEmailRequest {
    /// What stands behind `token=` in the link.
    #[serde(deserialize_with = "token")]
    #[schema(max_length = 200, format = Password)]
    token: String,
}

/// A verified address, and what came of the invite codes that waited for it.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "email": "jane.doe@school.example",
    "joins": [{
        "organization": { "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c12", "name": "Hill Road School" },
        "group": null,
        "outcome": "joined",
        "refusal": null
    }]
})))]
pub struct VerifiedEmail {
    #[schema(max_length = 254)]
    email: String,
    #[schema(max_items = 1000)]
    joins: Vec<PendingJoinBody>,
}

/// How a join that waited for the address to be verified has ended.
#[derive(Serialize, ToSchema)]
#[schema(as = PendingJoin)]
pub struct PendingJoinBody {
    organization: OrganizationName,
    /// The group, where it was a group's code.
    group: Option<GroupName>,
    /// What it became; `null` where it was refused.
    outcome: Option<CodeOutcome>,
    /// Why it was refused; `null` where it was not.
    refusal: Option<JoinRefusal>,
}

/// Why somebody was not let in.
#[derive(Serialize, ToSchema)]
pub struct JoinRefusal {
    code: Code,
    /// What is wrong, and what to do next.
    #[schema(max_length = 2000)]
    detail: String,
}

impl From<SettledJoin> for PendingJoinBody {
    fn from(settled: SettledJoin) -> Self {
        let (outcome, refusal) = match settled.result {
            Ok(outcome) => (Some(outcome), None),
            Err(refusal) => (
                None,
                Some(JoinRefusal {
                    code: refusal.code,
                    detail: refusal.detail.into_owned(),
                }),
            ),
        };
        Self {
            organization: settled.destination.organization.into(),
            group: settled.destination.group.map(GroupName::from),
            outcome,
            refusal,
        }
    }
}

impl From<Verified> for VerifiedEmail {
    fn from(verified: Verified) -> Self {
        Self {
            email: verified.account.email.to_string(),
            joins: verified.joins.into_iter().map(Into::into).collect(),
        }
    }
}

/// Verify an address by a mailed link
///
/// Takes the token of the link that was mailed at registration, which is good once, for seven days.
/// Opening the link changes nothing: only this does. Invite codes that are limited to email domains
/// and waited for it take effect now, by the rules as they are now; `joins` tells how each ended.
#[utoipa::path(
    tag = "Signing in",
    security(()),
    params(IdempotencyHeader),
    responses(
        (status = 200, description = "Verified.", body = VerifiedEmail),
        BodyErrors, LinkErrors
    )
)]
#[post("/v1/auth/email/verify")]
pub(super) async fn verify_email(
    request: Anonymous,
    idempotency::Json { idempotency, body }: idempotency::Json<VerifyEmailRequest>,
) -> Result<HttpResponse, Problem> {
    request
        .run_once(idempotency, move |tx, ()| {
            let verified = verification::verify(tx, &body.token)?;
            StoredResponse::ok(&VerifiedEmail::from(verified))
        })
        .await
}

/// Resend the link to verify one's address
///
/// The links that were mailed before stop working. Nothing is mailed where the address is verified
/// already. Mails to one address are limited (`mail_to_address`).
#[utoipa::path(
    tag = "Signing in",
    params(IdempotencyHeader),
    responses(
        (status = 202, description = "If the address is not verified, the mail is on its way."),
        SessionErrors, MailErrors
    )
)]
#[post("/v1/auth/email/resend")]
pub(super) async fn resend_verification(
    request: Authenticated,
    NoBody(idempotency): NoBody,
) -> Result<HttpResponse, Problem> {
    request
        .run_once(idempotency, |tx, ()| {
            verification::resend(tx)?;
            Ok(StoredResponse::accepted_without_body())
        })
        .await
}
