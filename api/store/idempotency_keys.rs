//! Responses to requests that carry a key, each written in the transaction of its work.

use diesel::prelude::*;
use diesel::upsert::excluded;

use super::Connection;
use super::backend::each_backend;
use super::schema::idempotency_keys;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

/// SHA-256 of whose key it is and the key.
pub type KeyHash = [u8; 32];

/// A stored response, sealed.
#[derive(Queryable, Selectable)]
#[diesel(table_name = idempotency_keys)]
pub struct SealedResponse {
    /// Keyed hash of the request.
    pub fingerprint: Vec<u8>,
    pub sealed: Vec<u8>,
}

/// A request that wants its key.
pub struct KeyClaim<'a> {
    pub key: &'a KeyHash,
    /// Keyed hash of the request.
    pub fingerprint: &'a [u8],
    pub expires_at: Timestamp,
}

/// Claims a key for a request until the transaction ends; `false` where another request has it and its
/// response has not expired. On PostgreSQL this waits for another transaction that has claimed the
/// key; SQLite runs one write transaction at a time.
pub fn claim(connection: &mut Connection, new: &KeyClaim<'_>, now: Timestamp) -> Result<bool> {
    // Imported here only: in the whole file it would shadow the `filter` of queries.
    use diesel::query_dsl::methods::FilterDsl as _;
    let claimed = each_backend!(connection, c => diesel::insert_into(idempotency_keys::table)
        .values((
            idempotency_keys::key_hash.eq(&new.key[..]),
            idempotency_keys::fingerprint.eq(new.fingerprint),
            idempotency_keys::sealed.eq(&[][..]),
            idempotency_keys::expires_at.eq(new.expires_at),
        ))
        .on_conflict(idempotency_keys::key_hash)
        .do_update()
        .set((
            idempotency_keys::fingerprint.eq(excluded(idempotency_keys::fingerprint)),
            idempotency_keys::sealed.eq(excluded(idempotency_keys::sealed)),
            idempotency_keys::expires_at.eq(excluded(idempotency_keys::expires_at)),
        ))
        .filter(idempotency_keys::expires_at.le(now))
        .execute(c))?;
    Ok(claimed == 1)
}

/// Stores the response under the key that the transaction has claimed.
pub fn keep(connection: &mut Connection, key: &KeyHash, sealed: &[u8]) -> Result<()> {
    diesel::update(idempotency_keys::table.find(&key[..]))
        .set(idempotency_keys::sealed.eq(sealed))
        .execute(connection)?;
    Ok(())
}

/// The response that a key's request got, unless it has expired.
pub fn find(
    connection: &mut Connection,
    key: &KeyHash,
    now: Timestamp,
) -> Result<Option<SealedResponse>> {
    Ok(idempotency_keys::table
        .find(&key[..])
        .filter(idempotency_keys::expires_at.gt(now))
        .select(SealedResponse::as_select())
        .first(connection)
        .optional()?)
}

/// Deletes responses that have expired.
pub fn delete_expired(connection: &mut Connection, now: Timestamp) -> Result<usize> {
    let expired = idempotency_keys::table.filter(idempotency_keys::expires_at.le(now));
    Ok(diesel::delete(expired).execute(connection)?)
}
