//! Who a credential belongs to: the one place that recognises each kind.

use super::context::{Principal, SessionPrincipal};
use super::unit_of_work::UnitOfWork;
use crate::crypto::access_token::{Claims, SigningKeys};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::store::sessions;

/// A credential whose form, and signature where it has one, is good. What stands behind it is checked
/// by [`authenticate`].
#[derive(Clone)]
pub enum Credential {
    /// A JSON Web Token that `login` gave.
    AccessToken(Claims),
}

impl Credential {
    /// The credential that a text is, if it is one of ours.
    pub fn recognise(text: &str, signing: &SigningKeys, now: Timestamp) -> Option<Self> {
        signing.verify(text, now).map(Self::AccessToken)
    }

    /// Whose it claims to be: a subject of limits.
    pub fn subject(&self) -> String {
        match self {
            Self::AccessToken(claims) => claims.sub.to_string(),
        }
    }
}

/// The principal behind a credential.
///
/// # Errors
/// `not_signed_in` where the session has ended.
pub fn authenticate(tx: &mut UnitOfWork<'_>, credential: &Credential) -> Result<Principal> {
    match credential {
        Credential::AccessToken(claims) => session_of(tx, claims).map(Principal::Session),
    }
}

fn session_of(tx: &mut UnitOfWork<'_>, claims: &Claims) -> Result<SessionPrincipal> {
    let account = sessions::find_account(tx.connection, claims.sid, tx.now())?
        .filter(|account| account.id == claims.sub)
        .ok_or_else(Error::not_signed_in)?;
    Ok(SessionPrincipal {
        account,
        session: claims.sid,
    })
}
