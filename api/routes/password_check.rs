//! Passwords compared with the stored hash, between two units of work: hashing holds no connection.

use serde::Deserialize;
use utoipa::ToSchema;

use super::extract::{Authenticated, Guard as _, RequestScope};
use crate::crypto::password_hash::Verdict;
use crate::domain::password::PasswordAttempt;
use crate::error::Result;
use crate::services::reauthentication::{self, Reauthenticated};
use crate::services::sign_in::{Challenge, Comparison, PasswordCheck};

/// Compares a password with the hash that a check is about. One that is too long for any account is hashed all the
/// same, so that the time does not tell.
pub async fn compare(
    scope: &RequestScope,
    check: &PasswordCheck,
    password: String,
) -> Result<Comparison> {
    let (hasher, by) = (
        &scope.state.services.hasher,
        scope.requester(check.subject()),
    );
    let Ok(attempt) = PasswordAttempt::parse(password) else {
        let verdict = hasher.verify(&by, None, String::new()).await?;
        return Ok(Comparison {
            verdict,
            rehash: None,
        });
    };
    let input = attempt.to_hash_input().into_owned();
    let verdict = hasher
        .verify(&by, check.stored_hash(), input.clone())
        .await?;
    let rehash = match verdict {
        Verdict::RightButOutdated => Some(hasher.hash(&by, input).await?),
        Verdict::Right | Verdict::Wrong => None,
    };
    Ok(Comparison { verdict, rehash })
}

/// The password of whoever asks for what cannot be undone. No body is needed within five minutes of the
/// sign-in.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "password": "seven green ducks 7" })))]
pub struct ReauthenticationRequest {
    #[schema(max_length = 2048, format = Password)]
    password: Option<String>,
}

/// Makes sure that a session is in the hands of its owner.
///
/// # Errors
/// `wrong_credentials`, `rate_limited`, those of the guard.
pub async fn reauthenticate(
    request: &Authenticated,
    body: Option<ReauthenticationRequest>,
) -> Result<Reauthenticated> {
    let password = body.unwrap_or_default().password;
    let with_password = password.is_some();
    let begun = request
        .clone()
        .run(move |tx, ()| reauthentication::begin(tx, with_password))
        .await?;
    let check = match begun {
        Challenge::Passed(proof) => return Ok(proof),
        Challenge::Password(check) => check,
    };
    let comparison = compare(request.scope(), &check, password.unwrap_or_default()).await;
    request
        .clone()
        .run(move |tx, ()| reauthentication::complete(tx, check, comparison))
        .await
}
