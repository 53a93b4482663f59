//! Imports whose file is still arriving: nobody sees them yet.

use diesel::prelude::*;

use super::Connection;
use super::schema::imports;
use super::sql_types::JsonColumn;
use crate::domain::ids::ImportId;
use crate::domain::imports::{ImportStatus, OnRowError, OnSeatShortage, StoredFailure};
use crate::domain::organization::AccountType;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

/// Keeps an import that is still arriving from being taken for abandoned; `false` where it is gone.
pub fn keep(connection: &mut Connection, id: ImportId, until: Timestamp) -> Result<bool> {
    Ok(diesel::update(staging(id))
        .set(imports::staged_until.eq(until))
        .execute(connection)?
        == 1)
}

/// What the end of the upload settles.
#[derive(Clone, Debug, AsChangeset)]
#[diesel(table_name = imports)]
pub struct Accepted {
    pub account_type: AccountType,
    pub status: ImportStatus,
    pub on_row_error: OnRowError,
    pub on_seat_shortage: OnSeatShortage,
    pub generate_missing_passwords: bool,
    pub must_change_password: bool,
    pub detected: JsonColumn,
    pub header: JsonColumn,
    pub rows_total: i64,
    pub seats_reserved: i64,
    pub failure: Option<StoredFailure>,
    pub created_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    pub results_expire_at: Option<Timestamp>,
}

/// Ends the arrival of an import; `false` where it is gone.
pub fn accept(connection: &mut Connection, id: ImportId, accepted: &Accepted) -> Result<bool> {
    Ok(diesel::update(staging(id))
        .set(accepted)
        .execute(connection)?
        == 1)
}

/// Forgets an import whose file did not arrive whole.
pub fn delete(connection: &mut Connection, id: ImportId) -> Result<()> {
    diesel::delete(staging(id)).execute(connection)?;
    Ok(())
}

/// Forgets imports whose upload died with its process.
pub fn delete_abandoned(connection: &mut Connection, now: Timestamp) -> Result<usize> {
    let abandoned = imports::table
        .filter(imports::status.eq(ImportStatus::Staging))
        .filter(imports::staged_until.lt(now));
    Ok(diesel::delete(abandoned).execute(connection)?)
}

#[diesel::dsl::auto_type]
fn staging(id: ImportId) -> _ {
    let status: ImportStatus = ImportStatus::Staging;
    imports::table
        .filter(imports::id.eq(id))
        .filter(imports::status.eq(status))
}
