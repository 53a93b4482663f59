//! A copy of a whole database into one of the other kind: from the embedded one to PostgreSQL and back.
//!
//! Rows go in batches, each in one transaction with the mark of how far its table has come ([`super::copied_tables`]):
//! a copy that was killed goes on behind the last batch. Triggers fire while rows are written and find nothing to
//! change. At the end each row is read again on both sides.

mod dialect;
mod ends;
mod layout;
mod rows;
mod search_index;

pub use self::ends::{Ends, reopen};
pub use self::layout::Table;

use std::collections::BTreeMap;

use diesel::connection::SimpleConnection as _;
use serde_json::Value;

use self::ends::of_end;
use self::rows::Row;
use super::Connection;
use super::copied_tables::{self, Progress};
use super::migrations;
use super::transaction::{lift_bounds, transaction};
use crate::crypto::digest::Sha256;
use crate::domain::timestamp::Timestamp;
use crate::error::{Code, Error, Result};

/// What there is to copy.
pub struct Plan {
    /// Each behind those it refers to.
    pub tables: Vec<Table>,
    /// How far each has come, by its name.
    pub marks: BTreeMap<String, Progress>,
}

/// Makes the schema of an empty target and marks in it that a copy begins, both or neither; or finds how far the copy
/// that was broken off has come. From now on nobody else changes the source.
///
/// # Errors
/// A target that holds anything else, a source that was copied into another one already, and one that somebody changes
/// right now.
pub fn begin(ends: &mut Ends) -> Result<Plan> {
    let source = &mut ends.source;
    transaction(&mut ends.target, |target| {
        migrations::apply_missing(target)?;
        let tables = ends::tables(source, target)?;
        if copied_tables::progress(target)?.is_empty() {
            require_empty(target, &tables)?;
            // Two copies that are served would share sessions and keys, and drift apart.
            copied_tables::require_served(source).map_err(|error| of_end("source", &error))?;
            let names: Vec<_> = tables.iter().map(|table| table.name.as_str()).collect();
            copied_tables::begin(target, &names)?;
        }
        let marks = copied_tables::progress(target)?;
        Ok(Plan { tables, marks })
    })
}

fn require_empty(target: &mut Connection, tables: &[Table]) -> Result<()> {
    let mut filled = Vec::new();
    for table in tables {
        if !rows::read(target, table, None)?.is_empty() {
            filled.push(table.name.as_str());
        }
    }
    if filled.is_empty() {
        return Ok(());
    }
    let detail = format!(
        "the target: it is not empty, but has rows in {}. A copy goes into an empty database, or on in its own \
         that was broken off. Whether this one is whole, --check tells",
        filled.join(", ")
    );
    Err(Error::refused(Code::ValidationFailed, detail))
}

/// Copies the next rows of a table; `None` where there are no more.
///
/// # Errors
/// A row that the target does not take, and another copy into the same target.
pub fn copy_some(ends: &mut Ends, table: &Table, from: &Progress) -> Result<Option<Progress>> {
    let rows = rows::read(&mut ends.source, table, from.last_key.as_deref())?;
    let Some(last) = rows.last() else {
        return Ok(None);
    };
    let count = i64::try_from(rows.len()).map_err(Error::internal)?;
    let to = Progress {
        rows: from.rows.saturating_add(count),
        last_key: Some(rows::key_of(table, &last.parsed(table)?)),
    };
    transaction(&mut ends.target, |target| {
        if !copied_tables::advance(target, &table.name, from, &to)? {
            let detail = "another copy goes on into the same target: wait for its end";
            return Err(Error::refused(Code::Unavailable, detail));
        }
        rows::write(target, table, &rows)?;
        if table.is_indexed() {
            search_index::write(target, numbers(from, &to)?)?;
        }
        Ok(())
    })?;
    Ok(Some(to))
}

/// The numbers of the memberships from one mark to the next.
fn numbers(from: &Progress, to: &Progress) -> Result<(i64, i64)> {
    let number = |mark: &Progress| {
        let key = mark.last_key.as_deref().unwrap_or("[0]");
        let [number]: [i64; 1] = serde_json::from_str(key).map_err(Error::internal)?;
        Ok::<_, Error>(number)
    };
    Ok((number(from)?, number(to)?))
}

/// What both sides have of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// The rows that are the same.
    pub rows: i64,
    /// The SHA-256 of these rows in their order, in hexadecimal digits.
    pub digest: String,
    /// Where the sides are not the same, in words.
    pub difference: Option<String>,
}

/// Reads a table on both sides, to its end or its first difference.
///
/// # Errors
/// A database that is away.
pub fn compare(ends: &mut Ends, table: &Table) -> Result<Compared> {
    let mut digest = Sha256::new();
    let mut read = Progress::default();
    let difference = loop {
        let rows = match same_rows(ends, table, &read)? {
            Ok(rows) => rows,
            Err(difference) => break Some(difference),
        };
        if rows.is_empty() {
            break None;
        }
        for row in &rows {
            digest.update(Value::from_iter(row.iter().cloned()).to_string().as_bytes());
        }
        read = progress_to(table, &read, &rows)?;
    };
    let bytes = digest.finish();
    Ok(Compared {
        rows: read.rows,
        digest: bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        difference,
    })
}

/// The next rows where both sides have the same; else where they have not, in words.
fn same_rows(
    ends: &mut Ends,
    table: &Table,
    from: &Progress,
) -> Result<std::result::Result<Vec<Row>, String>> {
    let key = from.last_key.as_deref();
    let ours = parsed(&mut ends.source, table, key)?;
    let theirs = parsed(&mut ends.target, table, key)?;
    if let Some(difference) = difference(table, &ours, &theirs) {
        return Ok(Err(difference));
    }
    if table.is_indexed() {
        let numbers = numbers(from, &progress_to(table, from, &ours)?)?;
        let missing = search_index::missing(&mut ends.target, numbers)?;
        if missing > 0 {
            let words = "of them are not in the target's search index";
            return Ok(Err(format!("{missing} {words}")));
        }
    }
    Ok(Ok(ours))
}

/// How far a table has come with these rows more.
fn progress_to(table: &Table, from: &Progress, rows: &[Row]) -> Result<Progress> {
    let count = i64::try_from(rows.len()).map_err(Error::internal)?;
    let last_key = rows.last().map(|row| rows::key_of(table, row));
    Ok(Progress {
        rows: from.rows.saturating_add(count),
        last_key: last_key.or_else(|| from.last_key.clone()),
    })
}

fn parsed(connection: &mut Connection, table: &Table, key: Option<&str>) -> Result<Vec<Row>> {
    let rows = rows::read(connection, table, key)?;
    rows.iter().map(|row| row.parsed(table)).collect()
}

/// The first row that is not the same on both sides, by its key.
fn difference(table: &Table, ours: &[Row], theirs: &[Row]) -> Option<String> {
    let same = ours
        .iter()
        .zip(theirs)
        .take_while(|(our, their)| our == their);
    let place = same.count();
    let keys = |rows: &[Row]| {
        rows.iter()
            .map(|row| rows::key_of(table, row))
            .collect::<Vec<_>>()
    };
    let (our_keys, their_keys) = (keys(ours), keys(theirs));
    match (our_keys.get(place), their_keys.get(place)) {
        (None, None) => None,
        (Some(key), Some(their)) if key == their => {
            Some(format!("the row {key} is another in the target"))
        }
        (Some(key), _) if !their_keys.contains(key) => {
            Some(format!("the row {key} is in the source only"))
        }
        (_, Some(key)) | (Some(key), None) => Some(format!("the row {key} is in the target only")),
    }
}

/// Lets the target be served, since it is whole, and no longer the source.
///
/// # Errors
/// A database that is away: then the same copy finishes when it is run again.
pub fn finish(ends: &mut Ends, now: Timestamp) -> Result<()> {
    ends.close_source(now)?;
    transaction(&mut ends.target, |target| {
        if let Connection::Postgres(postgres) = target {
            lift_bounds(postgres)?;
            // Without it, the first queries are planned as if the tables were empty.
            postgres.batch_execute("ANALYZE")?;
        }
        search_index::count_on(target)?;
        copied_tables::finish(target)
    })
}
