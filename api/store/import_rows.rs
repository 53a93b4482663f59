//! The rows of an import. Callers come by an import's id through [`super::imports`], which asks for
//! the organization first, or through a job of the queue.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Binary, Bool, Nullable};

use super::Connection;
use super::backend::each_backend;
use super::connection::MultiBackend;
use super::schema::import_rows;
use crate::domain::email_address::EmailAddress;
use crate::domain::ids::{AccountId, ImportId};
use crate::domain::imports::RowOutcome;
use crate::domain::row_error::RowError;
use crate::domain::username::Username;
use crate::error::Result;

/// A row as it is stored.
#[derive(Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = import_rows, treat_none_as_default_value = false)]
pub struct ImportRow {
    pub import_id: ImportId,
    pub row_number: i64,
    /// None where what was given is no address, or until one is generated.
    pub email: Option<EmailAddress>,
    /// None where what was given is no name.
    pub username: Option<Username>,
    pub outcome: Option<RowOutcome>,
    pub error: Option<String>,
    pub account_id: Option<AccountId>,
    pub password_hash: Option<String>,
    pub sealed: Option<Vec<u8>>,
}

impl ImportRow {
    /// Ends the row in an error.
    pub fn fail(&mut self, error: RowError) {
        self.outcome = Some(error.outcome);
        self.error = Some(error.text);
    }

    /// Ends the row in an account.
    pub fn succeed(&mut self, account: AccountId) {
        self.outcome = Some(RowOutcome::Created);
        self.account_id = Some(account);
        self.password_hash = None;
    }
}

/// Adds rows.
pub fn insert_all(connection: &mut Connection, rows: &[ImportRow]) -> Result<()> {
    each_backend!(connection, c => diesel::insert_into(import_rows::table)
        .values(rows)
        .execute(c))?;
    Ok(())
}

/// Updates existing rows, many in one statement.
pub fn update_all(connection: &mut Connection, rows: &[ImportRow]) -> Result<()> {
    use diesel::upsert::excluded;
    each_backend!(connection, c => diesel::insert_into(import_rows::table)
        .values(rows)
        .on_conflict((import_rows::import_id, import_rows::row_number))
        .do_update()
        .set((
            import_rows::email.eq(excluded(import_rows::email)),
            import_rows::outcome.eq(excluded(import_rows::outcome)),
            import_rows::error.eq(excluded(import_rows::error)),
            import_rows::account_id.eq(excluded(import_rows::account_id)),
            import_rows::password_hash.eq(excluded(import_rows::password_hash)),
            import_rows::sealed.eq(excluded(import_rows::sealed)),
        ))
        .execute(c))?;
    Ok(())
}

/// Rows of an import that have not ended.
#[derive(Clone, Copy, Debug)]
pub struct PendingRows {
    pub import: ImportId,
    /// Only those without a hash.
    pub unhashed: bool,
}

/// The first pending rows behind the number `after`.
pub fn pending(
    connection: &mut Connection,
    rows: PendingRows,
    after: i64,
    limit: i64,
) -> Result<Vec<ImportRow>> {
    Ok(open(rows)
        .filter(import_rows::row_number.gt(after))
        .order(import_rows::row_number.asc())
        .limit(limit)
        .select(ImportRow::as_select())
        .load(connection)?)
}

/// The numbers of all pending rows, in order.
pub fn pending_numbers(connection: &mut Connection, rows: PendingRows) -> Result<Vec<i64>> {
    Ok(open(rows)
        .order(import_rows::row_number.asc())
        .select(import_rows::row_number)
        .load(connection)?)
}

/// The numbers of all pending rows of an import, in the order of their addresses; those that have none
/// yet first, in order.
pub fn pending_by_address(connection: &mut Connection, import: ImportId) -> Result<Vec<i64>> {
    let rows = PendingRows {
        import,
        unhashed: false,
    };
    let mut found: Vec<(Option<EmailAddress>, i64)> = open(rows)
        .select((import_rows::email, import_rows::row_number))
        .load(connection)?;
    // Not by the database, which sorts texts as people do.
    found.sort_unstable();
    Ok(found.into_iter().map(|(_, number)| number).collect())
}

/// The pending rows with these numbers, in order.
pub fn pending_of(
    connection: &mut Connection,
    rows: PendingRows,
    numbers: &[i64],
) -> Result<Vec<ImportRow>> {
    Ok(open(rows)
        .filter(import_rows::row_number.eq_any(numbers.iter().copied()))
        .order(import_rows::row_number.asc())
        .select(ImportRow::as_select())
        .load(connection)?)
}

fn open<'a>(rows: PendingRows) -> import_rows::BoxedQuery<'a, MultiBackend> {
    let open = import_rows::table
        .filter(import_rows::import_id.eq(rows.import))
        .filter(import_rows::outcome.is_null())
        .into_boxed();
    if rows.unhashed {
        return open.filter(import_rows::password_hash.is_null());
    }
    open
}

/// Ends every pending row with this error; returns how many.
pub fn fail_pending(
    connection: &mut Connection,
    import: ImportId,
    error: &RowError,
) -> Result<usize> {
    let pending = import_rows::table
        .filter(import_rows::import_id.eq(import))
        .filter(import_rows::outcome.is_null());
    Ok(diesel::update(pending)
        .set((
            import_rows::outcome.eq(error.outcome),
            import_rows::error.eq(&error.text),
            import_rows::password_hash.eq(None::<String>),
        ))
        .execute(connection)?)
}

/// Reopens the rows that ended with this outcome; returns how many.
pub fn reopen(connection: &mut Connection, import: ImportId, outcome: RowOutcome) -> Result<usize> {
    let ended = import_rows::table
        .filter(import_rows::import_id.eq(import))
        .filter(import_rows::outcome.eq(outcome));
    Ok(diesel::update(ended)
        .set((
            import_rows::outcome.eq(None::<RowOutcome>),
            import_rows::error.eq(None::<String>),
        ))
        .execute(connection)?)
}

/// Ends the pending rows after the first `kept` ones with this error; returns how many.
pub fn fail_pending_beyond(
    connection: &mut Connection,
    import: ImportId,
    kept: i64,
    error: &RowError,
) -> Result<usize> {
    let last_kept: Option<i64> = match kept {
        0 => Some(0),
        kept => import_rows::table
            .filter(import_rows::import_id.eq(import))
            .filter(import_rows::outcome.is_null())
            .order(import_rows::row_number.asc())
            .offset(kept - 1)
            .limit(1)
            .select(import_rows::row_number)
            .first(connection)
            .optional()?,
    };
    let Some(last_kept) = last_kept else {
        return Ok(0);
    };
    let beyond = import_rows::table
        .filter(import_rows::import_id.eq(import))
        .filter(import_rows::outcome.is_null())
        .filter(import_rows::row_number.gt(last_kept));
    Ok(diesel::update(beyond)
        .set((
            import_rows::outcome.eq(error.outcome),
            import_rows::error.eq(&error.text),
        ))
        .execute(connection)?)
}

/// Which rows a list shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    All,
    /// Those that ended in an error: neither created nor cancelled.
    Failed,
    Ended(RowOutcome),
}

type Condition =
    Box<dyn BoxableExpression<import_rows::table, MultiBackend, SqlType = Nullable<Bool>>>;

impl Which {
    fn condition(self) -> Condition {
        match self {
            Self::All => Box::new(import_rows::import_id.is_not_null().nullable()),
            Self::Failed => {
                Box::new(import_rows::outcome.ne_all([RowOutcome::Created, RowOutcome::Cancelled]))
            }
            Self::Ended(outcome) => Box::new(import_rows::outcome.eq(outcome)),
        }
    }
}

/// A page of an import's rows.
#[derive(Clone, Copy, Debug)]
pub struct RowQuery {
    pub import: ImportId,
    pub which: Which,
    /// The number of the last row of the previous page; 0 for the first page.
    pub after: i64,
    pub limit: i64,
}

/// Loads a page of rows in the file's order.
pub fn list(connection: &mut Connection, page: &RowQuery) -> Result<Vec<ImportRow>> {
    Ok(import_rows::table
        .filter(import_rows::import_id.eq(page.import))
        .filter(import_rows::row_number.gt(page.after))
        .filter(page.which.condition())
        .order(import_rows::row_number.asc())
        .limit(page.limit)
        .select(ImportRow::as_select())
        .load(connection)?)
}

/// What the secrets of these rows begin with, each once: the ids of the keys that sealed them. Those of rows that could
/// not be processed are left out, since they may be lost.
pub fn beginnings_of_sealed(
    connection: &mut Connection,
    import: ImportId,
    which: Which,
) -> Result<Vec<Vec<u8>>> {
    Ok(import_rows::table
        .filter(import_rows::import_id.eq(import))
        .filter(import_rows::sealed.is_not_null())
        .filter(import_rows::outcome.ne(RowOutcome::Unprocessed))
        .filter(which.condition())
        .select(sql::<Binary>("substr(sealed, 1, 4)"))
        .distinct()
        .load(connection)?)
}

/// Deletes the passwords and the original cells of an import.
pub fn erase_sealed(connection: &mut Connection, import: ImportId) -> Result<()> {
    let rows = import_rows::table.filter(import_rows::import_id.eq(import));
    diesel::update(rows)
        .set(import_rows::sealed.eq(None::<Vec<u8>>))
        .execute(connection)?;
    Ok(())
}
