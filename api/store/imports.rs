//! Imports: their life from the upload to the end of their results. Their batches are jobs of the queue
//! ([`super::jobs`]).

use diesel::dsl::{exists, not};
use diesel::prelude::*;

use super::Connection;
use super::backend::first_locked;
use super::connection::MultiBackend;
use super::schema::{group_memberships, import_groups, imports};
use super::sql_expression::AsIndexed;
use super::sql_types::JsonColumn;
use crate::domain::audit::ActorKind;
use crate::domain::ids::{AccountId, ApiKeyId, ImportId, OrganizationId};
use crate::domain::imports::{
    ImportSource, ImportStatus, OnRowError, OnSeatShortage, StoredFailure,
};
use crate::domain::organization::{AccountType, GroupRole};
use crate::domain::spreadsheet::Detected;
use crate::domain::timestamp::Timestamp;
use crate::domain::username_list::CleanedList;
use crate::error::Result;

/// An import as it is kept.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = imports)]
pub struct Import {
    pub id: ImportId,
    pub organization_id: OrganizationId,
    pub created_by_kind: ActorKind,
    pub created_by_account_id: Option<AccountId>,
    pub created_by_api_key: Option<ApiKeyId>,
    pub source: ImportSource,
    pub account_type: AccountType,
    pub status: ImportStatus,
    pub on_row_error: OnRowError,
    pub on_seat_shortage: OnSeatShortage,
    pub generate_missing_passwords: bool,
    pub must_change_password: bool,
    pub detected: JsonColumn,
    pub header: JsonColumn,
    pub rows_total: i64,
    pub rows_prepared: i64,
    pub seats_reserved: i64,
    pub failure: Option<StoredFailure>,
    pub staged_until: Timestamp,
    pub created_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub results_expire_at: Option<Timestamp>,
    pub results_discarded_at: Option<Timestamp>,
}

impl Import {
    /// What the file turned out to be; none for a list of names.
    pub fn detected(&self) -> Option<Detected> {
        match self.source {
            ImportSource::Csv => serde_json::from_value(self.detected.0.clone()).ok(),
            ImportSource::Usernames => None,
        }
    }

    /// What was removed from a list of names; none where nothing was, and for a file.
    pub fn cleaned(&self) -> Option<CleanedList> {
        match self.source {
            ImportSource::Csv => None,
            ImportSource::Usernames => serde_json::from_value(self.detected.0.clone()).ok(),
        }
    }
}

/// What an import ends as.
#[derive(Clone, Copy, Debug)]
pub struct Completion {
    pub status: ImportStatus,
    pub failure: Option<StoredFailure>,
    pub finished_at: Timestamp,
    pub results_expire_at: Timestamp,
}

/// Statuses of an import that waits or runs.
const UNFINISHED: [ImportStatus; 2] = [ImportStatus::Queued, ImportStatus::Running];

/// The same as the index of unfinished imports has it, which holds those that arrive too.
const UNFINISHED_AS_INDEXED: AsIndexed =
    AsIndexed("imports.status IN ('staging', 'queued', 'running') AND imports.status <> 'staging'");

/// Adds an import.
pub fn insert(connection: &mut Connection, import: &Import) -> Result<()> {
    diesel::insert_into(imports::table)
        .values(import)
        .execute(connection)?;
    Ok(())
}

/// Finds an import of the organization; nobody sees one that is still arriving. With `manager`, only
/// one of theirs, as [`ImportsQuery`] describes.
pub fn find(
    connection: &mut Connection,
    organization: OrganizationId,
    id: ImportId,
    manager: Option<AccountId>,
) -> Result<Option<Import>> {
    Ok(visible(organization, manager)
        .filter(imports::id.eq(id))
        .select(Import::as_select())
        .first(connection)
        .optional()?)
}

/// A page of an organization's imports.
#[derive(Clone, Copy, Debug)]
pub struct ImportsQuery {
    pub organization: OrganizationId,
    /// Only imports of students and learners that this account made itself, into groups all of which it
    /// manages.
    pub manager: Option<AccountId>,
    pub before: Option<ImportId>,
    pub limit: i64,
}

/// Loads a page of imports, the newest first.
pub fn list(connection: &mut Connection, page: &ImportsQuery) -> Result<Vec<Import>> {
    let mut query = visible(page.organization, page.manager)
        .order(imports::id.desc())
        .limit(page.limit)
        .select(Import::as_select());
    if let Some(before) = page.before {
        query = query.filter(imports::id.lt(before));
    }
    Ok(query.load(connection)?)
}

fn visible<'a>(
    organization: OrganizationId,
    manager: Option<AccountId>,
) -> imports::BoxedQuery<'a, MultiBackend> {
    let visible = imports::table
        .filter(imports::organization_id.eq(organization))
        .filter(imports::status.ne(ImportStatus::Staging))
        .into_boxed();
    let Some(manager) = manager else {
        return visible;
    };
    let managed = group_memberships::table
        .filter(group_memberships::organization_id.eq(organization))
        .filter(group_memberships::account_id.eq(manager))
        .filter(group_memberships::role.eq(GroupRole::Manager))
        .select(group_memberships::group_id);
    let groups = import_groups::table.filter(import_groups::import_id.eq(imports::id));
    let others = groups.filter(import_groups::group_id.ne_all(managed));
    visible
        .filter(imports::created_by_account_id.eq(manager))
        .filter(imports::account_type.eq_any(AccountType::LEARNERS))
        .filter(exists(groups))
        .filter(not(exists(others)))
}

/// The imports that an organization's workers are at, or that are to come, the oldest first.
pub fn unfinished_of(
    connection: &mut Connection,
    organization: OrganizationId,
) -> Result<Vec<ImportId>> {
    Ok(imports::table
        .filter(imports::organization_id.eq(organization))
        .filter(UNFINISHED_AS_INDEXED)
        .order(imports::id.asc())
        .select(imports::id)
        .load(connection)?)
}

/// The organization that an import is for; `None` where it is gone.
pub fn organization_of(
    connection: &mut Connection,
    id: ImportId,
) -> Result<Option<OrganizationId>> {
    Ok(imports::table
        .find(id)
        .select(imports::organization_id)
        .first(connection)
        .optional()?)
}

/// Begins the work on an import that is queued.
pub fn begin(connection: &mut Connection, id: ImportId, now: Timestamp) -> Result<()> {
    let waiting = imports::table
        .find(id)
        .filter(imports::status.eq(ImportStatus::Queued));
    diesel::update(waiting)
        .set((
            imports::status.eq(ImportStatus::Running),
            imports::started_at.eq(now),
        ))
        .execute(connection)?;
    Ok(())
}

/// Locks a running import until the transaction ends; `None` where it has ended or is gone.
pub fn lock_running(connection: &mut Connection, id: ImportId) -> Result<Option<Import>> {
    Ok(first_locked!(
        connection,
        running(id).select(Import::as_select())
    )?)
}

#[diesel::dsl::auto_type]
fn running(id: ImportId) -> _ {
    let status: ImportStatus = ImportStatus::Running;
    imports::table
        .filter(imports::id.eq(id))
        .filter(imports::status.eq(status))
}

/// The seats that an import has left of its reservation.
pub fn seats_reserved(connection: &mut Connection, id: ImportId) -> Result<i64> {
    Ok(imports::table
        .find(id)
        .select(imports::seats_reserved)
        .first(connection)?)
}

/// Counts `change` seats to, or from, the reservation of an import.
pub fn move_reserved(connection: &mut Connection, id: ImportId, change: i64) -> Result<()> {
    diesel::update(imports::table.find(id))
        .set(imports::seats_reserved.eq(imports::seats_reserved + change))
        .execute(connection)?;
    Ok(())
}

/// Counts rows whose hash is ready and whose account does not exist yet.
pub fn add_prepared(connection: &mut Connection, id: ImportId, rows: i64) -> Result<()> {
    diesel::update(imports::table.find(id))
        .set(imports::rows_prepared.eq(imports::rows_prepared + rows))
        .execute(connection)?;
    Ok(())
}

/// Ends a running import, whose seats have been released.
pub fn finish(connection: &mut Connection, id: ImportId, completion: &Completion) -> Result<()> {
    diesel::update(running(id))
        .set((
            imports::status.eq(completion.status),
            imports::failure.eq(completion.failure),
            imports::finished_at.eq(completion.finished_at),
            imports::results_expire_at.eq(completion.results_expire_at),
        ))
        .execute(connection)?;
    Ok(())
}

/// Cancels an import that has not ended, so that nothing more of it is written, and gives it as it is
/// then; `None` where it has ended.
pub fn cancel(
    connection: &mut Connection,
    import: &Import,
    now: Timestamp,
    results_expire_at: Timestamp,
) -> Result<Option<Import>> {
    let unfinished = imports::table
        .find(import.id)
        .filter(imports::organization_id.eq(import.organization_id))
        .filter(imports::status.eq_any(UNFINISHED));
    let cancelled = diesel::update(unfinished)
        .set((
            imports::status.eq(ImportStatus::Cancelled),
            imports::finished_at.eq(now),
            imports::results_expire_at.eq(results_expire_at),
        ))
        .execute(connection)?;
    if cancelled == 0 {
        return Ok(None);
    }
    Ok(imports::table
        .find(import.id)
        .select(Import::as_select())
        .first(connection)
        .optional()?)
}

/// Forgets all imports of an organization, and so takes them from their workers: waits for a batch
/// that is being written, after which none can be.
pub fn delete_all(connection: &mut Connection, organization: OrganizationId) -> Result<()> {
    let all = imports::table.filter(imports::organization_id.eq(organization));
    diesel::delete(all).execute(connection)?;
    Ok(())
}

/// Marks the results of an import as gone; `false` where they were.
pub fn discard_results(
    connection: &mut Connection,
    organization: OrganizationId,
    id: ImportId,
    now: Timestamp,
) -> Result<bool> {
    let kept = imports::table
        .find(id)
        .filter(imports::organization_id.eq(organization))
        .filter(imports::results_discarded_at.is_null());
    Ok(diesel::update(kept)
        .set((
            imports::results_discarded_at.eq(now),
            imports::results_expire_at.eq(now),
        ))
        .execute(connection)?
        == 1)
}

/// Imports whose results have run out and still are there: by their ids, so many behind `after`.
pub fn with_expired_results(
    connection: &mut Connection,
    now: Timestamp,
    (after, limit): (Option<ImportId>, i64),
) -> Result<Vec<(OrganizationId, ImportId)>> {
    let mut expired = imports::table
        .filter(imports::results_discarded_at.is_null())
        .filter(imports::results_expire_at.is_not_null())
        .filter(imports::results_expire_at.le(now))
        .order(imports::id.asc())
        .limit(limit)
        .select((imports::organization_id, imports::id))
        .into_boxed();
    if let Some(after) = after {
        expired = expired.filter(imports::id.gt(after));
    }
    Ok(expired.load(connection)?)
}

/// How many imports wait for a worker or are held by one, for the metrics.
pub fn unfinished(connection: &mut Connection) -> Result<i64> {
    Ok(imports::table
        .filter(UNFINISHED_AS_INDEXED)
        .count()
        .get_result(connection)?)
}
