//! Passwords compared with the stored hash, between two units of work: hashing holds no connection.

use serde::Deserialize;
use utoipa::ToSchema;

use super::extract::{Authenticated, Guard as _};
use crate::crypto::hasher::Hasher;
use crate::crypto::password_hash::Verdict;
use crate::domain::password::PasswordAttempt;
use crate::error::Result;
use crate::services::sign_in::{self, Comparison, Reauthenticated, Reauthentication};

/// Compares a password with a stored hash. One that is too long for any account is hashed all the
/// same, so that the time does not tell.
pub async fn compare(
    hasher: &Hasher,
    stored: Option<String>,
    password: String,
) -> Result<Comparison> {
    let Ok(attempt) = PasswordAttempt::parse(password) else {
        let verdict = hasher.verify(None, String::new()).await?;
        return Ok(Comparison {
            verdict,
            rehash: None,
        });
    };
    let input = attempt.to_hash_input().into_owned();
    let verdict = hasher.verify(stored, input.clone()).await?;
    let rehash = match verdict {
        Verdict::RightButOutdated => Some(hasher.hash(input).await?),
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
        .run(move |tx, ()| sign_in::begin_reauthentication(tx, with_password))
        .await?;
    let check = match begun {
        Reauthentication::Done(proof) => return Ok(proof),
        Reauthentication::Check(check) => check,
    };
    let hasher = request.sender().state.services.hasher.clone();
    let comparison = compare(&hasher, check.stored_hash(), password.unwrap_or_default()).await;
    request
        .clone()
        .run(move |tx, ()| sign_in::complete_reauthentication(tx, check, comparison))
        .await
}
