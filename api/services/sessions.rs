//! Signing in and staying signed in (`docs/accounts.md`).
//!
//! A session is a family of refresh tokens, each good for one use. A second use of an old one means
//! that somebody else has it, and ends the family (RFC 9700, section 4.14.2). Clients that refresh
//! twice at the same moment are spared by a few seconds' grace. A token has one successor, which follows
//! from the token and the sealing key: however often it is used within the grace, there is one chain.

use std::time::Duration;

use super::authentication::require_own_proof;
use super::context::Principal;
use super::unit_of_work::UnitOfWork;
use super::{events, sign_on_requirement};
use crate::clock::new_id;
use crate::crypto::token::{Token, TokenKind};
use crate::domain::events::{AccountEvent, DomainEvent, SessionEvent};
use crate::domain::ids::{AccountId, ConnectionId, OrganizationId, SessionId};
use crate::domain::timestamp::Timestamp;
use crate::error::{Code, Error, Result};
use crate::store::account_passwords;
use crate::store::accounts::{self, Account};
use crate::store::session_proofs;
use crate::store::sessions::{self, Session};

/// How long a session lives without a refresh.
const LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How long a session lives, however often it is refreshed.
const MAX_LIFETIME: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// How long after its use a refresh token is taken for the same client's concurrent refresh.
const GRACE: Duration = Duration::from_secs(10);

/// A session as its owner gets it: an access token can be signed for it, and the refresh token is
/// shown this once.
pub struct IssuedSession {
    pub account: Account,
    pub session: SessionId,
    pub refresh_token: Token,
    /// When the session ends unless it is refreshed before.
    pub expires_at: Timestamp,
    /// The token of the device that has just signed in; none where the session is refreshed.
    pub device_token: Option<String>,
}

/// Starts a session for a person who has proved the account's password.
///
/// # Errors
/// `account_deactivated`: told only here, after the right password; `wrong_credentials` where the
/// password that was proved is not the account's any more.
pub fn start(
    tx: &mut UnitOfWork<'_>,
    account: Account,
    user_agent: Option<String>,
) -> Result<IssuedSession> {
    if account.deactivated_at.is_some() {
        return Err(Error::account_deactivated());
    }
    tx.acting_as(Principal::Owner(account.clone()), |tx| {
        tx.transaction(|tx| {
            // Hashing took a while: a password that was changed meanwhile opens nothing any more.
            let proved = account.password_hash.as_deref();
            let proved = proved.ok_or_else(Error::wrong_credentials)?;
            if !account_passwords::note_use(tx.connection, account.id, proved, tx.context.now)? {
                return Err(Error::wrong_credentials());
            }
            sign_on_requirement::note_password_use(tx, account.id)?;
            let issued = insert(tx, account, user_agent)?;
            accounts::touch(tx.connection, &issued.account, tx.now())?;
            Ok(issued)
        })
    })
}

/// Adds a session of the account within the transaction.
pub(super) fn insert(
    tx: &mut UnitOfWork<'_>,
    account: Account,
    user_agent: Option<String>,
) -> Result<IssuedSession> {
    let session = new_session(tx, &account, user_agent);
    insert_session(tx, account, &session)
}

fn new_session(tx: &UnitOfWork<'_>, account: &Account, user_agent: Option<String>) -> Session {
    let now = tx.now();
    Session {
        id: new_id::<SessionId>(),
        account_id: account.id,
        user_agent,
        created_at: now,
        last_used_at: now,
        expires_at: now.plus(LIFETIME),
        by_connection: false,
        made_by: None,
    }
}

fn insert_session(
    tx: &mut UnitOfWork<'_>,
    account: Account,
    session: &Session,
) -> Result<IssuedSession> {
    sessions::insert(tx.connection, session)?;
    let refresh_token = Token::generate(TokenKind::Refresh)?;
    sessions::insert_token(tx.connection, session.id, &refresh_token.hash())?;
    publish(tx, session.id, SessionEvent::Started)?;
    Ok(IssuedSession {
        account,
        session: session.id,
        refresh_token,
        expires_at: session.expires_at,
        device_token: None,
    })
}

/// Adds a session that the identity provider of an organization vouches for: it opens this one only, unless that manages
/// the account, and lives until `valid_until` without a new proof.
pub(super) fn insert_by_connection(
    tx: &mut UnitOfWork<'_>,
    account: Account,
    user_agent: Option<String>,
    (organization, valid_until): (OrganizationId, Timestamp),
) -> Result<IssuedSession> {
    let session = Session {
        by_connection: true,
        made_by: Some(organization),
        expires_at: tx.now().plus(LIFETIME).min(valid_until),
        ..new_session(tx, &account, user_agent)
    };
    insert_session(tx, account, &session)
}

fn publish(tx: &mut UnitOfWork<'_>, session: SessionId, event: SessionEvent) -> Result<()> {
    events::publish(tx, DomainEvent::Session { session, event })
}

/// Exchanges a refresh token for the next one.
///
/// # Errors
/// `not_signed_in` for a token that is unknown, expired, or was used before; in the last case the
/// session has ended, for its owner and for whoever copied the token.
pub fn refresh(tx: &mut UnitOfWork<'_>, presented: &str) -> Result<IssuedSession> {
    let token = Token::presented(TokenKind::Refresh, presented).ok_or_else(not_refreshable)?;
    let known = sessions::find_token(tx.connection, &token.hash())?.ok_or_else(not_refreshable)?;
    let active = sessions::find_active(tx.connection, known.session.id, tx.now())?;
    let (session, account) = active.ok_or_else(not_refreshable)?;
    let expires_at = extended(tx, &session)?;
    let rotated = tx.acting_as(Principal::Owner(account.clone()), |tx| {
        tx.transaction(|tx| rotate(tx, &account, (session.id, expires_at), &token))
    })?;
    Ok(IssuedSession {
        account,
        session: session.id,
        refresh_token: rotated.ok_or_else(not_refreshable)?,
        expires_at,
        device_token: None,
    })
}

/// Until when a session lives that is refreshed now. One that an identity provider vouches for lives no longer than that
/// does, and not at all where its connection is gone.
fn extended(tx: &mut UnitOfWork<'_>, session: &Session) -> Result<Timestamp> {
    let now = tx.now();
    let latest = session.created_at.plus(MAX_LIFETIME);
    let extended = now.plus(LIFETIME).min(latest);
    let Some(organization) = session.made_by else {
        return Ok(extended);
    };
    // What another organization vouches for does not lengthen it.
    let proven = session_proofs::valid_until(tx.connection, (session.id, organization))?;
    let proven = proven
        .filter(|until| *until > now)
        .ok_or_else(not_refreshable)?;
    Ok(extended.min(proven))
}

/// The next token of the family; none where the session has ended, or where this use has ended it,
/// which is to be committed.
fn rotate(
    tx: &mut UnitOfWork<'_>,
    account: &Account,
    (session, expires_at): (SessionId, Timestamp),
    token: &Token,
) -> Result<Option<Token>> {
    let now = tx.now();
    // The account, the session, its tokens: whoever ends sessions locks them in this order.
    accounts::touch(tx.connection, account, now)?;
    if !sessions::extend(tx.connection, session, now, expires_at)? {
        // Its owner has ended it since the token was found: that is no second use.
        return Ok(None);
    }
    if sessions::consume_token(tx.connection, &token.hash(), now)? {
        let next = successor(tx, token)?;
        sessions::insert_token(tx.connection, session, &next.hash())?;
        return Ok(Some(next));
    }
    if is_concurrent(tx, token)? {
        return same_successor(tx, token).map(Some);
    }
    sessions::delete(tx.connection, account.id, session)?;
    publish(tx, session, SessionEvent::Revoked)?;
    Ok(None)
}

/// The token that follows another one. Whoever has a used token cannot tell it without the key.
fn successor(tx: &UnitOfWork<'_>, token: &Token) -> Result<Token> {
    let mac = tx.services.sealing.mac(&successor_message(token))?;
    Ok(Token::of_secret(TokenKind::Refresh, &mac))
}

fn successor_message(token: &Token) -> Vec<u8> {
    format!("the refresh token after {}", token.reveal()).into_bytes()
}

/// Whether a used token comes back so soon that the same client has sent two requests at once.
fn is_concurrent(tx: &mut UnitOfWork<'_>, token: &Token) -> Result<bool> {
    let used_at = sessions::find_token(tx.connection, &token.hash())?.and_then(|it| it.used_at);
    Ok(used_at.is_some_and(|used_at| tx.now().since(used_at) <= GRACE))
}

/// The successor that the first use of the token got.
///
/// # Errors
/// `unavailable` where another sealing key has become the first one since.
fn same_successor(tx: &mut UnitOfWork<'_>, token: &Token) -> Result<Token> {
    let keys = &tx.services.sealing;
    for mac in keys.macs(&successor_message(token)) {
        let next = Token::of_secret(TokenKind::Refresh, &mac);
        if sessions::find_token(tx.connection, &next.hash())?.is_some() {
            return Ok(next);
        }
    }
    Err(Error::unavailable("the sealing key was just taken out"))
}

/// The refusal of whoever sends no refresh token.
pub fn no_refresh_token() -> Error {
    Error::refused(
        Code::NotSignedIn,
        "Send the refresh token as `refresh_token`, or in the cookie.",
    )
}

/// The refusal of a refresh token that opens nothing any more.
pub fn not_refreshable() -> Error {
    Error::refused(
        Code::NotSignedIn,
        "This refresh token is not valid any more. Sign in again.",
    )
}

/// The account of the session that an unused refresh token keeps; none where there is no such session.
pub fn account_of(tx: &mut UnitOfWork<'_>, presented: &str) -> Result<Option<AccountId>> {
    let Some(token) = Token::presented(TokenKind::Refresh, presented) else {
        return Ok(None);
    };
    let known = sessions::find_token(tx.connection, &token.hash())?;
    let Some(unused) = known.filter(|token| token.used_at.is_none()) else {
        return Ok(None);
    };
    let active = sessions::find_active(tx.connection, unused.session.id, tx.now())?;
    Ok(active.map(|(_, account)| account.id))
}

/// A session that has ended just now.
pub struct EndedSession {
    /// The connection by which its owner signed in last.
    pub signed_in_by: Option<ConnectionId>,
}

/// Ends the session that a refresh token belongs to, where there is one.
pub fn end_by_token(tx: &mut UnitOfWork<'_>, presented: &str) -> Result<Option<EndedSession>> {
    let Some(token) = Token::presented(TokenKind::Refresh, presented) else {
        return Ok(None);
    };
    let Some(known) = sessions::find_token(tx.connection, &token.hash())? else {
        return Ok(None);
    };
    let session = known.session;
    let Some(account) = accounts::find(tx.connection, session.account_id)? else {
        return Ok(None);
    };
    let of = (account.id, session.id);
    tx.acting_as(Principal::Owner(account), |tx| sign_out(tx, of))
}

/// Ends the session of the signed-in person, unless another request does at the same moment.
pub fn end_present(tx: &mut UnitOfWork<'_>) -> Result<Option<EndedSession>> {
    let current = tx.context.principal.session()?;
    let of = (current.account.id, current.session);
    sign_out(tx, of)
}

fn sign_out(
    tx: &mut UnitOfWork<'_>,
    (account, session): (AccountId, SessionId),
) -> Result<Option<EndedSession>> {
    tx.transaction(|tx| {
        let signed_in_by = session_proofs::latest_connection(tx.connection, session)?;
        // Of two who end it at once, one does.
        if !sessions::delete(tx.connection, account, session)? {
            return Ok(None);
        }
        publish(tx, session, SessionEvent::Ended)?;
        Ok(Some(EndedSession { signed_in_by }))
    })
}

/// Deletes sessions that have expired, and used refresh tokens that would have expired by now: whoever shows
/// one is refused anyhow.
pub fn delete_expired(tx: &mut UnitOfWork<'_>) -> Result<()> {
    let now = tx.now();
    sessions::delete_used_tokens(tx.connection, now.minus(LIFETIME))?;
    sessions::delete_expired(tx.connection, now)
}

/// The active sessions of the signed-in person, the latest used first.
pub fn list(tx: &mut UnitOfWork<'_>) -> Result<Vec<Session>> {
    let account = tx.context.principal.session()?.account.id;
    sessions::list(tx.connection, account, tx.now())
}

/// Ends one of the signed-in person's sessions.
///
/// # Errors
/// `not_found` where they have no such session; `session_confined` for another one than the present, if that was made by
/// an identity provider.
pub fn end(tx: &mut UnitOfWork<'_>, session: SessionId) -> Result<()> {
    let current = tx.context.principal.session()?;
    let account = current.account.id;
    if current.session != session {
        require_own_proof(tx)?;
    }
    tx.transaction(|tx| {
        if !sessions::delete(tx.connection, account, session)? {
            return Err(Error::not_found("session"));
        }
        publish(tx, session, SessionEvent::Ended)
    })
}

/// Ends every session of the signed-in person, the present one too: "sign out everywhere".
///
/// # Errors
/// `session_confined` in a session that was made by an identity provider.
pub fn end_all(tx: &mut UnitOfWork<'_>) -> Result<()> {
    require_own_proof(tx)?;
    let account = tx.context.principal.session()?.account.id;
    tx.transaction(|tx| {
        let ended = sessions::delete_all(tx.connection, account, None)?;
        let event = AccountEvent::SessionsEnded { sessions: ended };
        events::publish(tx, DomainEvent::Account { account, event })
    })
}
