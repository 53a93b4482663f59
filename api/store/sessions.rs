//! Sign-in sessions and the families of their refresh tokens.

use diesel::prelude::*;

use super::Connection;
use super::accounts::Account;
use super::backend::each_backend;
use super::schema::{accounts, refresh_tokens, sessions};
use crate::crypto::token::TokenHash;
use crate::domain::ids::{AccountId, OrganizationId, SessionId};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

/// One sign-in on one device.
#[derive(Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = sessions, treat_none_as_default_value = false)]
pub struct Session {
    pub id: SessionId,
    pub account_id: AccountId,
    pub user_agent: Option<String>,
    pub created_at: Timestamp,
    pub last_used_at: Timestamp,
    pub expires_at: Timestamp,
    /// Signed in by a connection to an identity provider.
    pub by_connection: bool,
    /// The organization whose connection made it, which confines it unless that manages the account.
    #[diesel(column_name = confined_to_organization_id)]
    pub made_by: Option<OrganizationId>,
}

impl Session {
    /// The organization that it is confined to now. Whoever managed the account when the session was made may do so no more.
    pub fn confined_to(&self, account: &Account) -> Option<OrganizationId> {
        self.made_by
            .filter(|organization| !account.is_managed_by(*organization))
    }
}

/// A refresh token of ours, used or not.
pub struct KnownToken {
    pub session: Session,
    pub used_at: Option<Timestamp>,
}

/// Adds a session.
pub fn insert(connection: &mut Connection, session: &Session) -> Result<()> {
    diesel::insert_into(sessions::table)
        .values(session)
        .execute(connection)?;
    Ok(())
}

/// Adds a token to a session's family.
pub fn insert_token(
    connection: &mut Connection,
    session: SessionId,
    hash: &TokenHash,
) -> Result<()> {
    diesel::insert_into(refresh_tokens::table)
        .values((
            refresh_tokens::token_hash.eq(hash.as_bytes()),
            refresh_tokens::session_id.eq(session),
        ))
        .execute(connection)?;
    Ok(())
}

/// Uses a token up; `false` where it was used before, or does not exist.
pub fn consume_token(
    connection: &mut Connection,
    hash: &TokenHash,
    now: Timestamp,
) -> Result<bool> {
    let unused = refresh_tokens::table
        .find(hash.as_bytes())
        .filter(refresh_tokens::used_at.is_null());
    let consumed = diesel::update(unused)
        .set(refresh_tokens::used_at.eq(now))
        .execute(connection)?;
    Ok(consumed == 1)
}

/// The token and the session that it belongs to.
pub fn find_token(connection: &mut Connection, hash: &TokenHash) -> Result<Option<KnownToken>> {
    let found: Option<(Session, Option<Timestamp>)> = refresh_tokens::table
        .inner_join(sessions::table)
        .filter(refresh_tokens::token_hash.eq(hash.as_bytes()))
        .select((Session::as_select(), refresh_tokens::used_at))
        .first(connection)
        .optional()?;
    Ok(found.map(|(session, used_at)| KnownToken { session, used_at }))
}

/// Notes the use of a session and extends it until `expires_at`; `false` where it has ended. It is locked
/// until the transaction ends.
pub fn extend(
    connection: &mut Connection,
    id: SessionId,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<bool> {
    let extended = diesel::update(sessions::table.find(id))
        .set((
            sessions::last_used_at.eq(now),
            sessions::expires_at.eq(expires_at),
        ))
        .execute(connection)?;
    Ok(extended == 1)
}

/// The session, where it is active, with its account.
pub fn find_active(
    connection: &mut Connection,
    id: SessionId,
    now: Timestamp,
) -> Result<Option<(Session, Account)>> {
    let active = each_backend!(connection, c => sessions::table
        .inner_join(accounts::table)
        .filter(sessions::id.eq(id))
        .filter(sessions::expires_at.gt(now))
        .filter(accounts::deactivated_at.is_null())
        .select((Session::as_select(), Account::as_select()))
        .first(c));
    Ok(active.optional()?)
}

/// An account's active sessions, the latest used first.
pub fn list(
    connection: &mut Connection,
    account: AccountId,
    now: Timestamp,
) -> Result<Vec<Session>> {
    Ok(sessions::table
        .filter(sessions::account_id.eq(account))
        .filter(sessions::expires_at.gt(now))
        .order((sessions::last_used_at.desc(), sessions::id.desc()))
        .limit(200)
        .select(Session::as_select())
        .load(connection)?)
}

/// Ends one of an account's sessions with its tokens; `false` where the account has no such session.
pub fn delete(connection: &mut Connection, account: AccountId, id: SessionId) -> Result<bool> {
    let session = sessions::table
        .find(id)
        .filter(sessions::account_id.eq(account));
    Ok(diesel::delete(session).execute(connection)? == 1)
}

/// Ends a session that a connection of the organization made; `false` where it made none with this id.
pub fn delete_made_by(
    connection: &mut Connection,
    organization: OrganizationId,
    id: SessionId,
) -> Result<bool> {
    let session = sessions::table
        .find(id)
        .filter(sessions::by_connection.eq(true))
        .filter(sessions::confined_to_organization_id.eq(organization));
    Ok(diesel::delete(session).execute(connection)? == 1)
}

/// Ends all of an account's sessions except, where given, one; tells how many.
pub fn delete_all(
    connection: &mut Connection,
    account: AccountId,
    except: Option<SessionId>,
) -> Result<usize> {
    let all = sessions::table.filter(sessions::account_id.eq(account));
    Ok(match except {
        Some(kept) => diesel::delete(all.filter(sessions::id.ne(kept))).execute(connection)?,
        None => diesel::delete(all).execute(connection)?,
    })
}

/// Ends all sessions of these accounts except, where given, one.
pub fn delete_all_of(
    connection: &mut Connection,
    accounts: &[AccountId],
    except: Option<SessionId>,
) -> Result<()> {
    let all = sessions::table.filter(sessions::account_id.eq_any(accounts));
    match except {
        Some(kept) => diesel::delete(all.filter(sessions::id.ne(kept))).execute(connection)?,
        None => diesel::delete(all).execute(connection)?,
    };
    Ok(())
}

/// Deletes refresh tokens that were used before then.
pub fn delete_used_tokens(connection: &mut Connection, before: Timestamp) -> Result<()> {
    diesel::delete(refresh_tokens::table.filter(refresh_tokens::used_at.lt(before)))
        .execute(connection)?;
    Ok(())
}

/// Deletes sessions that have expired.
pub fn delete_expired(connection: &mut Connection, now: Timestamp) -> Result<()> {
    diesel::delete(sessions::table.filter(sessions::expires_at.le(now))).execute(connection)?;
    Ok(())
}
