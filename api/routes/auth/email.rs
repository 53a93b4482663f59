//! Verifying one's address by a mailed link (`docs/accounts.md`).

use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::refresh_cookie::{self, CookieErrors};
use crate::domain::invite_code::CodeOutcome;
use crate::error::{Code, Error};
use crate::routes::extract::idempotency::{self, NoBody};
use crate::routes::extract::{
    Anonymous, Authenticated, ClientAddress, Guard as _, IdempotencyHeader,
    OptionallyAuthenticated, Prepared, token,
};
use crate::routes::names::{GroupReference, OrganizationReference};
use crate::routes::password_check::compare;
use crate::routes::problem::{Problem, problems};
use crate::routes::refusals::{
    AccountDeactivated, BodyErrors, OptionalSessionErrors, SessionErrors, TooManyTries,
    WrongPassword,
};
use crate::services::disownment;
use crate::services::disownment::not_good as disownment_link_used_up;
use crate::services::idempotency::StoredResponse;
use crate::services::invite_codes::pending_joins::SettledJoin;
use crate::services::sign_in::{Challenge, PasswordCheck};
use crate::services::verification::{self, PresentedLink, Registrant, Verified};
use crate::services::verification::{
    link_alone, not_good as verification_link_used_up, password_assigned,
};

/// The token of a mailed link, and the password of the account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({
    "token": "rcv_1kq3Rr0s8mJ5QbT7XoV2yWz4Lh6Nc9Pe0UfGiKjMlYw",
    "password": "seven green ducks 7"
})))]
pub struct VerifyEmailRequest {
    /// What stands behind `token=` in the link.
    #[serde(deserialize_with = "token")]
    #[schema(max_length = 200, format = Password)]
    token: String,
    /// Not needed with a session of the account.
    #[schema(max_length = 2048, format = Password)]
    password: Option<String>,
}

/// The token of the other link of that mail.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "token": "rcd_1kq3Rr0s8mJ5QbT7XoV2yWz4Lh6Nc9Pe0UfGiKjMlYw" })))]
pub struct DisownAccountRequest {
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
    organization: OrganizationReference,
    /// The group, where it was a group's code.
    group: Option<GroupReference>,
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
            group: settled.destination.group.map(GroupReference::from),
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
/// Takes the token of the link that was mailed at registration, which is good once, for seven days; a session
/// of the account that sends it again gets the same response.
/// Opening the link changes nothing: only this does. The link alone shows that somebody reads the mailbox, not
/// that they have registered: it takes a session of the account (access token, or cookie) or its password
/// besides. Without either it is `not_signed_in`, with a wrong password `wrong_credentials`, and the link stays
/// good; wrong passwords count as failed sign-ins. Invite codes that are limited to email domains
/// or make staff, and waited for it, take effect now, by the rules as they are now; `joins` tells how each ended.
#[utoipa::path(
    post,
    path = "/v1/auth/email/verify",
    tag = "Passwords and addresses",
    security((), ("access_token" = [])),
    params(IdempotencyHeader),
    responses(
        (status = 200, description = "Verified.", body = VerifiedEmail),
        BodyErrors, OptionalSessionErrors, CookieErrors, VerificationErrors, WrongPassword,
        AccountDeactivated, TooManyTries
    )
)]
pub(super) async fn verify_email(
    request: OptionallyAuthenticated,
    ClientAddress(client): ClientAddress,
    http: HttpRequest,
    idempotency::Json { idempotency, body }: idempotency::Json<VerifyEmailRequest>,
) -> Result<HttpResponse, Problem> {
    let VerifyEmailRequest { token, password } = body;
    let link = PresentedLink {
        token: token.clone(),
        refresh_token: refresh_cookie::presented(&http, &request.scope().state.services.config)?,
        with_password: password.is_some(),
        client,
    };
    let prepared = request.clone().prepare(&idempotency, move |tx, ()| {
        verification::identify(tx, &link)
    });
    let registrant = match prepared.await? {
        Prepared::Ready(Challenge::Passed(registrant)) => registrant,
        Prepared::Ready(Challenge::Password(check)) => {
            let password = password.unwrap_or_default();
            identify_by_password(&request, check, password).await?
        }
        Prepared::Replayed(execution) => return Ok(execution.into()),
    };
    request
        .run_once(idempotency, move |tx, ()| {
            let verified = verification::verify(tx, &token, &registrant)?;
            StoredResponse::ok(&VerifiedEmail::from(verified))
        })
        .await
}

async fn identify_by_password(
    request: &OptionallyAuthenticated,
    check: PasswordCheck,
    password: String,
) -> Result<Registrant, Error> {
    let comparison = compare(request.scope(), &check, password).await;
    request
        .clone()
        .run(move |tx, ()| verification::complete_identification(tx, check, comparison))
        .await
}

/// Remove what somebody else registered with one's address
///
/// Takes the token of the link "this was not me" of the mail that follows a registration: it is good once, for
/// thirty days. Opening the link changes nothing: only this does. An account whose address was never verified
/// is deleted with its sessions and memberships, and with the organizations in which it is alone. One
/// that was verified, that an organization created, or that is the last admin of an organization with
/// other members, loses its password, its sessions and its API keys; the reader of the mailbox can set a new
/// password by `forgot`.
#[utoipa::path(
    post,
    path = "/v1/auth/email/disown",
    tag = "Passwords and addresses",
    security(()),
    params(IdempotencyHeader),
    responses(
        (status = 204, description = "The account is deleted, or shut."),
        BodyErrors, DisownmentErrors
    )
)]
pub(super) async fn disown_account(
    request: Anonymous,
    idempotency::Json { idempotency, body }: idempotency::Json<DisownAccountRequest>,
) -> Result<HttpResponse, Problem> {
    request
        .run_once(idempotency, move |tx, ()| {
            disownment::disown(tx, &body.token)?;
            Ok(StoredResponse::no_content())
        })
        .await
}

/// Resend the link to verify one's address
///
/// The links that were mailed before stop working. Nothing is mailed where the address is verified
/// already. Mails to one address are limited (`mail_to_address`). A session whose password an organization has
/// set chooses another first (`password_change_required`): whoever set it may not read the mailbox.
#[utoipa::path(
    post,
    path = "/v1/auth/email/resend",
    tag = "Passwords and addresses",
    params(IdempotencyHeader),
    responses(
        (status = 202, description = "If the address is not verified, the mail is on its way."),
        SessionErrors, ResendErrors, TooManyTries
    )
)]
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

problems! {
    /// Of verifying an address.
    VerificationErrors: link_alone verification_link_used_up;
    /// Of a link that is asked for again.
    ResendErrors: password_assigned;
    /// Of disowning an account.
    DisownmentErrors: disownment_link_used_up;
}
