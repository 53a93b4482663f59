//! One's own password (PRODUCT 3.3).

use actix_web::{HttpResponse, post, web};
use serde::Deserialize;
use utoipa::ToSchema;

use super::sign_in::verify;
use crate::domain::password::Password;
use crate::routes::extract::{Caller, Form};
use crate::routes::problem::{OfBody, OfHashing, OfSession, Problem};
use crate::services::accounts;
use crate::state::State;

/// The old password and the one that takes its place.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({
    "current_password": "seven green ducks 7",
    "new_password": "eight brown geese 8"
})))]
pub struct ChangePasswordRequest {
    #[schema(max_length = 2048, format = Password)]
    current_password: String,
    /// 10 to 128 characters with at least one letter and one digit, and not a common one.
    #[schema(min_length = 10, max_length = 128, format = Password)]
    new_password: String,
}

/// Change one's own password
///
/// Ends every other session. *Requires:* a session and the current password.
#[utoipa::path(
    tag = "Signing in",
    responses(
        (status = 204, description = "Changed."),
        OfBody, OfSession, OfHashing
    )
)]
#[post("/v1/auth/password/change")]
pub(super) async fn change_password(
    state: web::Data<State>,
    caller: Caller,
    body: web::Json<ChangePasswordRequest>,
) -> Result<HttpResponse, Problem> {
    let body = body.into_inner();
    let mut form = Form::new();
    let Some(new) = form.take("/new_password", Password::parse(body.new_password)) else {
        return Err(form.refusal().into());
    };
    let caller = caller.signed_in(|_, caller| Ok(caller)).await?;
    let stored = caller.account.password_hash.clone();
    let verdict = verify(&state, stored, body.current_password).await?;
    accounts::require_right(Some(caller.account.clone()), verdict)?;
    let hash = state.hasher.hash(new.to_hash_input().into_owned()).await?;
    state
        .unit(move |connection| accounts::change_password(connection, &caller, &hash))
        .await?;
    Ok(HttpResponse::NoContent().finish())
}
