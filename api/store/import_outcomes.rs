//! How many rows of an import ended with each outcome, updated in the transaction that sets the
//! outcomes.

use diesel::prelude::*;

use super::Connection;
use super::backend::each_backend;
use super::schema::import_outcomes;
use crate::domain::ids::ImportId;
use crate::domain::imports::RowOutcome;
use crate::error::Result;

/// Adds to the counts of ended rows.
pub fn add(connection: &mut Connection, id: ImportId, counts: &[(RowOutcome, i64)]) -> Result<()> {
    let rows: Vec<_> = counts
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(outcome, count)| {
            (
                import_outcomes::import_id.eq(id),
                import_outcomes::outcome.eq(*outcome),
                import_outcomes::row_count.eq(*count),
            )
        })
        .collect();
    let counted_before = import_outcomes::row_count;
    each_backend!(connection, c => diesel::insert_into(import_outcomes::table)
        .values(&rows)
        .on_conflict((import_outcomes::import_id, import_outcomes::outcome))
        .do_update()
        .set(import_outcomes::row_count.eq(
            counted_before + diesel::upsert::excluded(import_outcomes::row_count)))
        .execute(c))?;
    Ok(())
}

/// Loads how many rows of these imports have ended with each outcome so far.
pub fn of_imports(
    connection: &mut Connection,
    ids: &[ImportId],
) -> Result<Vec<(ImportId, RowOutcome, i64)>> {
    Ok(import_outcomes::table
        .filter(import_outcomes::import_id.eq_any(ids))
        .order((
            import_outcomes::import_id.asc(),
            import_outcomes::outcome.asc(),
        ))
        .select((
            import_outcomes::import_id,
            import_outcomes::outcome,
            import_outcomes::row_count,
        ))
        .load(connection)?)
}
