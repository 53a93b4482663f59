//! Answers to requests that carry a key, each written in the transaction of its work.

use diesel::prelude::*;
use diesel::upsert::excluded;

use super::Connection;
use super::backend::each_backend;
use super::schema::idempotent_answers;
use crate::domain::instant::Instant;
use crate::error::Result;

/// SHA-256 of whose key it is and the key.
pub type KeyHash = [u8; 32];

/// An answer that is kept.
#[derive(Queryable, Selectable)]
#[diesel(table_name = idempotent_answers)]
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
    expires_at: Instant,
    now: Instant,
) -> Result<bool> {
    // The condition of an upsert; in the whole file it would hide the one of queries.
    use diesel::query_dsl::methods::FilterDsl as _;
    let claimed = each_backend!(connection, c => diesel::insert_into(idempotent_answers::table)
        .values((
            idempotent_answers::key_hash.eq(&key[..]),
            idempotent_answers::fingerprint.eq(fingerprint),
            idempotent_answers::sealed.eq(&[][..]),
            idempotent_answers::expires_at.eq(expires_at),
        ))
        .on_conflict(idempotent_answers::key_hash)
        .do_update()
        .set((
            idempotent_answers::fingerprint.eq(excluded(idempotent_answers::fingerprint)),
            idempotent_answers::sealed.eq(excluded(idempotent_answers::sealed)),
            idempotent_answers::expires_at.eq(excluded(idempotent_answers::expires_at)),
        ))
        .filter(idempotent_answers::expires_at.le(now))
        .execute(c))?;
    Ok(claimed == 1)
}

/// Keeps the answer under the key that the transaction has claimed.
pub fn keep(connection: &mut Connection, key: &KeyHash, sealed: &[u8]) -> Result<()> {
    diesel::update(idempotent_answers::table.find(&key[..]))
        .set(idempotent_answers::sealed.eq(sealed))
        .execute(connection)?;
    Ok(())
}

/// The answer that a key's request got, unless it has expired.
pub fn find(
    connection: &mut Connection,
    key: &KeyHash,
    now: Instant,
) -> Result<Option<KeptAnswer>> {
    Ok(idempotent_answers::table
        .find(&key[..])
        .filter(idempotent_answers::expires_at.gt(now))
        .select(KeptAnswer::as_select())
        .first(connection)
        .optional()?)
}

/// Forgets answers that have expired.
pub fn delete_expired(connection: &mut Connection, now: Instant) -> Result<usize> {
    let expired = idempotent_answers::table.filter(idempotent_answers::expires_at.le(now));
    Ok(diesel::delete(expired).execute(connection)?)
}
