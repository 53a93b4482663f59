//! Documents of identity providers, shared by replicas: discovery and keys.

use diesel::prelude::*;
use diesel::upsert::excluded;

use super::Connection;
use super::backend::each_backend;
use super::schema::fetched_documents;
use super::sql_types::JsonColumn;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

/// A document as it was fetched.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = fetched_documents, treat_none_as_default_value = false)]
pub struct FetchedDocument {
    /// The SHA-256 of what it is read as, and of its address.
    pub url_hash: Vec<u8>,
    /// The last that could be read.
    pub body: Option<String>,
    pub fetched_at: Timestamp,
    pub good_until: Timestamp,
    pub tried_at: Timestamp,
    /// The step that failed when it was asked for last.
    pub failure: Option<JsonColumn>,
    /// When it was asked for last because of a key that is not in it.
    pub asked_for_key_at: Option<Timestamp>,
    /// Whether the answer to that has not come yet.
    pub is_key_awaited: bool,
}

/// The document of an address, however old it is.
pub fn find(connection: &mut Connection, url_hash: &[u8]) -> Result<Option<FetchedDocument>> {
    Ok(fetched_documents::table
        .find(url_hash)
        .select(FetchedDocument::as_select())
        .first(connection)
        .optional()?)
}

/// Keeps a document in place of the one that is there, and nothing where there is none.
pub fn replace(connection: &mut Connection, document: &FetchedDocument) -> Result<()> {
    diesel::update(fetched_documents::table.find(&document.url_hash))
        .set((
            fetched_documents::body.eq(&document.body),
            fetched_documents::fetched_at.eq(document.fetched_at),
            fetched_documents::good_until.eq(document.good_until),
            fetched_documents::tried_at.eq(document.tried_at),
            fetched_documents::failure.eq(&document.failure),
        ))
        .execute(connection)?;
    Ok(())
}

/// Keeps a document, in place of the one that may be there.
pub fn put(connection: &mut Connection, document: &FetchedDocument) -> Result<()> {
    each_backend!(connection, c => diesel::insert_into(fetched_documents::table)
        .values(document)
        .on_conflict(fetched_documents::url_hash)
        .do_update()
        .set((
            fetched_documents::body.eq(excluded(fetched_documents::body)),
            fetched_documents::fetched_at.eq(excluded(fetched_documents::fetched_at)),
            fetched_documents::good_until.eq(excluded(fetched_documents::good_until)),
            fetched_documents::tried_at.eq(excluded(fetched_documents::tried_at)),
            fetched_documents::failure.eq(excluded(fetched_documents::failure)),
        ))
        .execute(c))?;
    Ok(())
}

/// Notes that a document could not be had; what is kept of it stays.
pub fn note_failure(connection: &mut Connection, tried: &FetchedDocument) -> Result<()> {
    each_backend!(connection, c => diesel::insert_into(fetched_documents::table)
        .values(tried)
        .on_conflict(fetched_documents::url_hash)
        .do_update()
        .set((
            fetched_documents::tried_at.eq(excluded(fetched_documents::tried_at)),
            fetched_documents::failure.eq(excluded(fetched_documents::failure)),
        ))
        .execute(c))?;
    Ok(())
}

/// When somebody wants to ask for a document because of a key that is not in it.
#[derive(Clone, Copy, Debug)]
pub struct KeyClaim {
    pub now: Timestamp,
    /// Nobody may have asked since then.
    pub since: Timestamp,
    /// Who took it upon themselves before then, and has not ended, is gone.
    pub gone: Timestamp,
}

/// Takes it upon oneself to ask for a document because of a key that is not in it; false where somebody has, or is about to.
pub fn claim_for_key(
    connection: &mut Connection,
    url_hash: &[u8],
    times: KeyClaim,
) -> Result<bool> {
    let asked_at = fetched_documents::asked_for_key_at;
    let document = fetched_documents::table.find(url_hash);
    let is_gone = fetched_documents::is_key_awaited.and(asked_at.le(times.gone));
    let free = document.filter(asked_at.is_null().or(asked_at.le(times.since)).or(is_gone));
    let claim = (
        asked_at.eq(Some(times.now)),
        fetched_documents::is_key_awaited.eq(true),
    );
    let claimed = diesel::update(free).set(claim).execute(connection)?;
    Ok(claimed == 1)
}

/// Notes that who was to ask for a document because of a key has ended, and when it was asked for: never, where nobody
/// could ask.
pub fn end_claim_for_key(
    connection: &mut Connection,
    url_hash: &[u8],
    asked_at: Option<Timestamp>,
) -> Result<()> {
    let end = (
        fetched_documents::asked_for_key_at.eq(asked_at),
        fetched_documents::is_key_awaited.eq(false),
    );
    let document = fetched_documents::table.find(url_hash);
    diesel::update(document).set(end).execute(connection)?;
    Ok(())
}

/// Forgets documents that have not been good for a while.
pub fn delete_ended(connection: &mut Connection, before: Timestamp) -> Result<()> {
    let old = fetched_documents::table.filter(fetched_documents::good_until.lt(before));
    diesel::delete(old).execute(connection)?;
    Ok(())
}
