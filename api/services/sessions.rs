//! Signing in and staying signed in (PRODUCT 3.3).
//!
//! A session is a family of refresh tokens, each good for one use. A second use of an old one means
//! that somebody else has it: the family ends. Clients that refresh twice at the same moment are
//! spared by a few seconds' grace.

use std::time::Duration;

use serde_json::json;

use super::act::Act;
use super::audit::{self, Event, Subject};
use super::context::{Principal, RequestContext, SessionPrincipal};
use crate::clock::new_id;
use crate::crypto::access_token::Claims;
use crate::crypto::token::{Token, TokenHash, TokenKind};
use crate::domain::audit::AuditAction;
use crate::domain::ids::SessionId;
use crate::error::{Code, Error, Result};
use crate::store::accounts::{self, Account};
use crate::store::sessions::{self, Session};
use crate::store::{Connection, transaction};

/// How long a session lives without a refresh (PRODUCT 3.3).
pub const LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How long after its use a refresh token is taken for the same client's concurrent refresh.
const GRACE: Duration = Duration::from_secs(10);

/// Proof that the caller has a live session.
#[derive(Clone)]
pub struct SignedIn {
    pub account: Account,
    pub session: SessionId,
    pub act: Act,
}

impl SignedIn {
    /// The context of a unit of work by this person.
    pub fn context(&self) -> RequestContext {
        let principal = Principal::Session(SessionPrincipal {
            account: self.account.clone(),
            session: self.session,
        });
        RequestContext::anonymous(&self.act.request, self.act.at).with_principal(principal)
    }
}

/// A session as its owner gets it: an access token can be signed for it, and the refresh token is
/// shown this once.
pub struct IssuedSession {
    pub account: Account,
    pub session: SessionId,
    pub refresh_token: Token,
}

/// Who the bearer of an access token is, if the session behind it still lives.
///
/// # Errors
/// `not_signed_in` otherwise.
pub fn authenticate(
    connection: &mut Connection,
    claims: &Claims,
    act: impl FnOnce(&Account) -> Act,
    now: crate::domain::timestamp::Timestamp,
) -> Result<SignedIn> {
    let account = sessions::find_account(connection, claims.sid, now)?
        .filter(|account| account.id == claims.sub)
        .ok_or_else(Error::not_signed_in)?;
    Ok(SignedIn {
        act: act(&account),
        account,
        session: claims.sid,
    })
}

/// Asks again, later, whether the caller's session still lives.
///
/// # Errors
/// `not_signed_in` where it does not.
pub fn require_active_session(
    connection: &mut Connection,
    caller: &SignedIn,
    now: crate::domain::timestamp::Timestamp,
) -> Result<()> {
    match sessions::find_account(connection, caller.session, now)? {
        Some(_) => Ok(()),
        None => Err(Error::not_signed_in()),
    }
}

/// Begins a session for somebody who has proved the account's password.
///
/// # Errors
/// `account_deactivated`: told only here, after the right password; `wrong_credentials` where the
/// password that was proved is not the account's any more.
pub fn start(
    connection: &mut Connection,
    account: Account,
    act: &Act,
    user_agent: Option<String>,
) -> Result<IssuedSession> {
    if account.deactivated_at.is_some() {
        return Err(super::passwords::deactivated());
    }
    transaction(connection, |connection| {
        // The hash took a while: a password that was changed meanwhile opens nothing any more.
        let proved = account.password_hash.as_deref().unwrap_or_default();
        if !accounts::replace_password_hash(connection, account.id, proved, proved)? {
            return Err(super::accounts::wrong_credentials());
        }
        let issued = start_in_transaction(connection, account, act, user_agent)?;
        accounts::touch(connection, &issued.account, act.at)?;
        Ok(issued)
    })
}

/// Begins a session within the caller's transaction.
pub(super) fn start_in_transaction(
    connection: &mut Connection,
    account: Account,
    act: &Act,
    user_agent: Option<String>,
) -> Result<IssuedSession> {
    let session = Session {
        id: new_id::<SessionId>(),
        account_id: account.id,
        user_agent,
        created_at: act.at,
        last_used_at: act.at,
        expires_at: act.at.plus(LIFETIME),
    };
    sessions::insert(connection, &session)?;
    let refresh_token = issue(connection, session.id)?;
    let event = Event::outside(
        AuditAction::SessionStarted,
        Subject::Session(session.id),
        json!({}),
    );
    audit::record(connection, act, event)?;
    Ok(IssuedSession {
        account,
        session: session.id,
        refresh_token,
    })
}

/// Exchanges a refresh token for the next one.
///
/// # Errors
/// `not_signed_in` for a token that is unknown, expired, or was used before; in the last case the
/// session has ended, for its owner and for whoever copied the token.
pub fn refresh(
    connection: &mut Connection,
    presented: &str,
    act: impl FnOnce(&Account) -> Act,
    now: crate::domain::timestamp::Timestamp,
) -> Result<IssuedSession> {
    let token = Token::presented(TokenKind::Refresh, presented).ok_or_else(not_refreshable)?;
    let hash = token.hash();
    let known = sessions::find_token(connection, &hash)?.ok_or_else(not_refreshable)?;
    let session = known.session;
    let account =
        sessions::find_account(connection, session.id, now)?.ok_or_else(not_refreshable)?;
    let act = act(&account);
    let rotated = transaction(connection, |connection| {
        // The account before its sessions, as whoever ends them holds both.
        accounts::touch(connection, &account, act.at)?;
        if !may_rotate(connection, &hash, &act)? {
            revoke_family(connection, &account, session.id, &act)?;
            return Ok(None);
        }
        sessions::extend(connection, session.id, act.at, act.at.plus(LIFETIME))?;
        issue(connection, session.id).map(Some)
    })?;
    let refresh_token = rotated.ok_or_else(not_refreshable)?;
    Ok(IssuedSession {
        account,
        session: session.id,
        refresh_token,
    })
}

/// The first use, or one so soon after it that the same client has sent two requests at once.
fn may_rotate(connection: &mut Connection, hash: &TokenHash, act: &Act) -> Result<bool> {
    if sessions::consume_token(connection, hash, act.at)? {
        return Ok(true);
    }
    let used_at = sessions::find_token(connection, hash)?.and_then(|known| known.used_at);
    Ok(used_at.is_some_and(|used_at| act.at.since(used_at) <= GRACE))
}

fn revoke_family(
    connection: &mut Connection,
    account: &Account,
    session: SessionId,
    act: &Act,
) -> Result<()> {
    sessions::delete(connection, account.id, session)?;
    let details = json!({ "reason": "an old refresh token was used again" });
    let event = Event::outside(
        AuditAction::SessionRevoked,
        Subject::Session(session),
        details,
    );
    audit::record(connection, act, event)
}

fn issue(connection: &mut Connection, session: SessionId) -> Result<Token> {
    let token = Token::generate(TokenKind::Refresh)?;
    sessions::insert_token(connection, session, &token.hash())?;
    Ok(token)
}

fn not_refreshable() -> Error {
    Error::refused(
        Code::NotSignedIn,
        "This refresh token is not valid any more. Sign in again.",
    )
}

/// Ends the session that a refresh token belongs to; a token that is unknown has none to end.
pub fn end_by_token(
    connection: &mut Connection,
    presented: &str,
    act: impl FnOnce(&Account) -> Act,
) -> Result<()> {
    let Some(token) = Token::presented(TokenKind::Refresh, presented) else {
        return Ok(());
    };
    let Some(known) = sessions::find_token(connection, &token.hash())? else {
        return Ok(());
    };
    let session = known.session;
    let Some(account) = accounts::find(connection, session.account_id)? else {
        return Ok(());
    };
    let act = act(&account);
    transaction(connection, |connection| {
        sessions::delete(connection, account.id, session.id)?;
        record_end(connection, &act, session.id)
    })
}

/// The caller's live sessions, the latest used first.
pub fn list(connection: &mut Connection, caller: &SignedIn) -> Result<Vec<Session>> {
    sessions::list(connection, caller.account.id, caller.act.at)
}

/// Ends one of the caller's sessions.
///
/// # Errors
/// `not_found` where the caller has no such session.
pub fn end(connection: &mut Connection, caller: &SignedIn, session: SessionId) -> Result<()> {
    transaction(connection, |connection| {
        if !sessions::delete(connection, caller.account.id, session)? {
            return Err(Error::not_found("session"));
        }
        record_end(connection, &caller.act, session)
    })
}

/// Ends every session of the caller, this one too: "sign out everywhere".
pub fn end_all(connection: &mut Connection, caller: &SignedIn) -> Result<()> {
    transaction(connection, |connection| {
        let ended = sessions::delete_all(connection, caller.account.id, None)?;
        let subject = Subject::Account(caller.account.id);
        let event = Event::outside(
            AuditAction::SessionEnded,
            subject,
            json!({ "sessions": ended }),
        );
        audit::record(connection, &caller.act, event)
    })
}

fn record_end(connection: &mut Connection, act: &Act, session: SessionId) -> Result<()> {
    let event = Event::outside(
        AuditAction::SessionEnded,
        Subject::Session(session),
        json!({}),
    );
    audit::record(connection, act, event)
}
