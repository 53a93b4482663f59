//! Answers to requests that carry a key, each written in the transaction of its work.

use diesel::prelude::*;
use diesel::upsert::excluded;

use super::Connection;
use super::backend::each_backend;
use super::schema::idempotency_keys;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

/// SHA-256 of whose key it is and the key.
pub type KeyHash = [u8; 32];

/// An answer that is kept.
#[derive(Queryable, Selectable)]
#[diesel(table_name = idempotency_keys)]
pub struct KeptAnswer {
    /// Keyed hash of the request.
    pub fingerprint: Vec<u8>,
    pub sealed: Vec<u8>,
}

/// Takes a key for a request, for the rest of the transaction; `false` where it belongs to one that
/// was answered and has not expired. On PostgreSQL it waits here for another transaction that has
/// the key; SQLite's write transactions are alone.
pub fn claim(
    connection: &mut Connection,
    key: &KeyHash,
    fingerprint: &[u8],
    expires_at: Timestamp,
    now: Timestamp,
) -> Result<bool> {
    // The condition of an upsert; in the whole file it would hide the one of queries.
    use diesel::query_dsl::methods::FilterDsl as _;
    let claimed = each_backend!(connection, c => diesel::insert_into(idempotency_keys::table)
        .values((
            idempotency_keys::key_hash.eq(&key[..]),
            idempotency_keys::fingerprint.eq(fingerprint),
            idempotency_keys::sealed.eq(&[][..]),
            idempotency_keys::expires_at.eq(expires_at),
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

/// Keeps the answer under the key that the transaction has claimed.
pub fn keep(connection: &mut Connection, key: &KeyHash, sealed: &[u8]) -> Result<()> {
    diesel::update(idempotency_keys::table.find(&key[..]))
        .set(idempotency_keys::sealed.eq(sealed))
        .execute(connection)?;
    Ok(())
}

/// The answer that a key's request got, unless it has expired.
pub fn find(
    connection: &mut Connection,
    key: &KeyHash,
    now: Timestamp,
) -> Result<Option<KeptAnswer>> {
    Ok(idempotency_keys::table
        .find(&key[..])
        .filter(idempotency_keys::expires_at.gt(now))
        .select(KeptAnswer::as_select())
        .first(connection)
        .optional()?)
}

/// Forgets answers that have expired.
pub fn delete_expired(connection: &mut Connection, now: Timestamp) -> Result<usize> {
    let expired = idempotency_keys::table.filter(idempotency_keys::expires_at.le(now));
    Ok(diesel::delete(expired).execute(connection)?)
}
