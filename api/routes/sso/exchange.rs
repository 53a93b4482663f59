//! The way back: tickets for sessions, and the links of accounts that were there.

use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::connections::SignInOutcome;
use crate::domain::ids::OrganizationId;
use crate::domain::invite_code::CodeOutcome;
use crate::error::{Error, Result};
use crate::routes::auth::{CookieErrors, SessionKind, Tokens, cookie_of, require_cookie_origin};
use crate::routes::extract::idempotency;
use crate::routes::extract::{Anonymous, ClientAddress, Form, Guard as _, IdempotencyHeader, Json};
use crate::routes::identities::{ArrivalErrors, CarriedInvitationErrors};
use crate::routes::problem::{Problem, problems};
use crate::routes::refusals::{
    AccountDeactivated, BodyErrors, InviteCodeErrors, PasswordOfOthers, TooManyTries,
};
use crate::services::authentication::session_confined;
use crate::services::idempotency::StoredResponse;
use crate::services::sign_on_requirement::last_emergency_password;
use crate::services::sso::entry::Exchanged;
use crate::services::sso::exchange;
use crate::services::sso::flows::{ticket_invalid, verifier_wrong};
use crate::services::sso::linking::{self, code_wrong, link_expired};
use crate::state::State;

/// What the browser brings.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({
    "ticket": "rcx_1kq3Rr0s8mJ5QbT7XoV2yWz4Lh6Nc9Pe0UfGiKjMlYw",
    "verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
})))]
pub struct ExchangeRequest {
    /// Of the fragment of the address that the browser came back to.
    #[schema(max_length = 200, format = Password)]
    ticket: String,
    /// That of the challenge, of 43 to 128 characters: another one is `verifier_wrong`, and uses the ticket up.
    #[schema(max_length = 1000, format = Password)]
    verifier: String,
    #[serde(default)]
    #[schema(inline)]
    session: SessionKind,
}

/// What somebody links by.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({
    "link_token": "rcl_1kq3Rr0s8mJ5QbT7XoV2yWz4Lh6Nc9Pe0UfGiKjMlYw",
    "code": "K7QF-2MPD"
})))]
pub struct LinkRequest {
    /// Of the exchange.
    #[schema(max_length = 200, format = Password)]
    link_token: String,
    /// As it was mailed.
    #[schema(max_length = 100)]
    code: String,
    #[serde(default)]
    #[schema(inline)]
    session: SessionKind,
}

/// Which link a code is to be mailed for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "link_token": "rcl_1kq3Rr0s8mJ5QbT7XoV2yWz4Lh6Nc9Pe0UfGiKjMlYw" })))]
pub struct LinkMailRequest {
    /// Of the exchange.
    #[schema(max_length = 200, format = Password)]
    link_token: String,
}

/// What came of a ticket.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "outcome": "signed_in",
    "code_outcome": null,
    "organization": { "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11", "name": "Hill Road School" },
    "return_to": "/groups",
    "access_token": "eyJhbGciOiJFZERTQSIsImtpZCI6ImtQckt…",
    "token_type": "Bearer",
    "expires_in": 900,
    "refresh_token": "rcr_1kq3Rr0s8mJ5QbT7XoV2yWz4Lh6Nc9Pe0UfGiKjMlYw",
    "confined_to": null,
    "link_token": null
})))]
pub struct ExchangedTicket {
    outcome: SignInOutcome,
    /// What came of the invite code that the flow carried, as when it is redeemed. With `waits_for_verification` a link
    /// was mailed to the person's address: posted to `/v1/auth/email/verify` in this session, it lets the code take
    /// effect. `null` where no code came, where an account has to be linked first, and where a member's code let them
    /// into nothing.
    code_outcome: Option<CodeOutcome>,
    organization: ExchangedOrganization,
    /// The path of the single-page app to go to.
    #[schema(max_length = 2000)]
    return_to: Option<String>,
    /// `null`, as the next four, where an account has to be linked first, or the session went on.
    #[schema(max_length = 2000)]
    access_token: Option<String>,
    #[schema(max_length = 10)]
    token_type: Option<&'static str>,
    /// For how many seconds the access token is good.
    #[schema(minimum = 0, maximum = 86400)]
    expires_in: Option<u64>,
    /// Good for one refresh; `null` where it is in the cookie, too.
    #[schema(max_length = 200)]
    refresh_token: Option<String>,
    /// The only organization that the session opens, until `step_up` adds the proof of another one; `null` where it opens
    /// all of the account's.
    confined_to: Option<OrganizationId>,
    /// With `link_required`: there is an account with this address. Its owner signs in to it and posts this to
    /// `/v1/me/identities`, or has a code mailed (`link-mail`) and posts both to `link`.
    #[schema(max_length = 200)]
    link_token: Option<String>,
}

/// The organization whose connection it was.
#[derive(Serialize, ToSchema)]
pub struct ExchangedOrganization {
    id: OrganizationId,
    #[schema(max_length = 200)]
    name: String,
}

/// The most characters of what the browser brings: of a ticket or a link token, of a verifier, of a code.
const MAX_TOKEN: usize = 200;
const MAX_VERIFIER: usize = 1_000;
const MAX_CODE: usize = 100;

/// Refuses texts that are longer than any such can be.
fn require_length(texts: &[(&'static str, &str, usize)]) -> Result<()> {
    let mut form = Form::new();
    for (pointer, text, most) in texts {
        form.limit(pointer, text, *most);
    }
    if form.has_errors() {
        return Err(form.refusal());
    }
    Ok(())
}

fn token_too_long(pointer: &'static str) -> Error {
    let mut form = Form::new();
    form.limit(pointer, &"l".repeat(MAX_TOKEN + 1), MAX_TOKEN);
    form.refusal()
}

fn session_ended() -> Error {
    Error::not_signed_in()
}

fn ticket_too_long() -> Error {
    token_too_long("/ticket")
}

fn link_too_long() -> Error {
    token_too_long("/link_token")
}

problems! {
    /// Of a ticket that is too long.
    TicketTooLong: ticket_too_long;
    /// Of a link token that is too long.
    LinkTooLong: link_too_long;
    /// Of tickets.
    TicketErrors: ticket_invalid verifier_wrong;
    /// Of the session that a ticket is for: it has ended, or only another identity provider vouches for it.
    OfItsSession: session_ended session_confined;
    /// Of links.
    LinkErrors: link_expired code_wrong;
    /// Of a code that would take a password away.
    LastEmergencyPassword: last_emergency_password;
}

/// Exchange a ticket
///
/// For a session. A ticket is good once, for a minute, and only with the verifier of the browser that started. A
/// session is confined to the organization (`confined_to`), unless that manages the account. Refusals name a reference
/// under which an admin reads what was checked.
///
/// An invite code of the flow is used as by `/v1/invite-codes/redeem`, and `code_outcome` tells what came of it. One that
/// waits until the address is verified (`waits_for_verification`) has a link mailed to the address that the identity
/// provider named. Whom the connection lets in without a code is a member meanwhile; whoever is expected by the code alone
/// gets a session, and `waits_for_verification` as the `outcome`: they are no member before.
#[utoipa::path(
    post,
    path = "/v1/sign-in/exchange",
    tag = "Signing in",
    security(()),
    responses(
        (status = 200, description = "What came of it.", body = ExchangedTicket),
        BodyErrors, CookieErrors, TicketTooLong, TicketErrors, OfItsSession, ArrivalErrors, AccountDeactivated, InviteCodeErrors,
        PasswordOfOthers, CarriedInvitationErrors
    )
)]
pub(super) async fn exchange_ticket(
    request: Anonymous,
    http: HttpRequest,
    body: Json<ExchangeRequest>,
) -> Result<HttpResponse, Problem> {
    let ExchangeRequest {
        ticket,
        verifier,
        session,
    } = body.into_inner();
    require_cookie_origin(&http, session, &request.scope().state.services.config)?;
    require_length(&[
        ("/ticket", &ticket, MAX_TOKEN),
        ("/verifier", &verifier, MAX_VERIFIER),
    ])?;
    let state = request.scope().state.clone();
    let user_agent = request.scope().info.user_agent.clone();
    let exchanged = request
        .run(move |tx, ()| exchange::exchange(tx, (&ticket, &verifier), user_agent))
        .await?;
    respond(&state, exchanged, session)
}

/// Link an account by a mailed code
///
/// Links who came by the central system to the account that has their address, and signs them in. Five codes may be
/// tried for one `link_token`. What opened an account whose mailbox nobody had shown to be theirs ends, and so does a
/// password that somebody else has set, unless the organization manages the account. The last password of an
/// organization's emergency admins stays (`emergency_admin_required`).
#[utoipa::path(
    post,
    path = "/v1/sign-in/link",
    tag = "Signing in",
    security(()),
    responses(
        (status = 200, description = "Linked.", body = ExchangedTicket),
        BodyErrors, CookieErrors, LinkTooLong, LinkErrors, ArrivalErrors, AccountDeactivated, InviteCodeErrors,
        PasswordOfOthers, CarriedInvitationErrors, LastEmergencyPassword
    )
)]
pub(super) async fn link_by_code(
    request: Anonymous,
    http: HttpRequest,
    body: Json<LinkRequest>,
) -> Result<HttpResponse, Problem> {
    let LinkRequest {
        link_token,
        code,
        session,
    } = body.into_inner();
    require_cookie_origin(&http, session, &request.scope().state.services.config)?;
    require_length(&[
        ("/link_token", &link_token, MAX_TOKEN),
        ("/code", &code, MAX_CODE),
    ])?;
    let state = request.scope().state.clone();
    let user_agent = request.scope().info.user_agent.clone();
    let exchanged = request
        .run(move |tx, ()| linking::link_by_code(tx, (&link_token, &code), user_agent))
        .await?;
    respond(&state, exchanged, session)
}

/// Mail a code to link an account
///
/// To the address of the account that the link waits for, in place of an earlier code. The code is good for ten minutes, and
/// the link waits as long. The response is the same, whether or not a mail leaves: none does once five codes were tried,
/// where the address was mailed to too often, or where the connection signs nobody in at the moment.
#[utoipa::path(
    post,
    path = "/v1/sign-in/link-mail",
    tag = "Signing in",
    security(()),
    params(IdempotencyHeader),
    responses(
        (status = 202, description = "If there is such a link, the code is on its way."),
        BodyErrors, LinkTooLong, TooManyTries
    )
)]
pub(super) async fn mail_link_code(
    request: Anonymous,
    ClientAddress(client): ClientAddress,
    idempotency::Json { idempotency, body }: idempotency::Json<LinkMailRequest>,
) -> Result<HttpResponse, Problem> {
    let link_token = body.link_token;
    require_length(&[("/link_token", &link_token, MAX_TOKEN)])?;
    request
        .run_once(idempotency, move |tx, ()| {
            linking::mail_code(tx, &link_token, &client)?;
            Ok(StoredResponse::accepted_without_body())
        })
        .await
}

fn respond(
    state: &State,
    exchanged: Exchanged,
    kind: SessionKind,
) -> Result<HttpResponse, Problem> {
    let Exchanged {
        outcome,
        code,
        organization: (id, name),
        return_to,
        session,
        confined_to,
        link_token,
        account: _,
    } = exchanged;
    let mut response = HttpResponse::Ok();
    let cookie = session
        .as_ref()
        .and_then(|issued| cookie_of(state, issued, kind));
    if let Some(cookie) = cookie {
        response.cookie(cookie);
    }
    let tokens = session.map(|issued| Tokens::new(state, &issued, kind));
    let tokens = tokens.transpose()?.map(Tokens::into_parts);
    let (access_token, token_type, expires_in, refresh_token) = tokens.unwrap_or_default();
    Ok(response.json(ExchangedTicket {
        outcome,
        code_outcome: code,
        organization: ExchangedOrganization { id, name },
        return_to,
        access_token,
        token_type,
        expires_in,
        refresh_token,
        confined_to,
        link_token: link_token.map(|token| token.reveal().to_owned()),
    }))
}
