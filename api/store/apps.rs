//! Operators' apps: registrations with identity providers that connections of many organizations share.

use std::collections::HashMap;

use diesel::dsl::count_star;
use diesel::prelude::*;

use super::backend::first_locked;
use super::schema::{apps, connections};
use super::{Connection, Page};
use crate::domain::connections::{AppPreset, ClientAuthentication};
use crate::domain::ids::AppId;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

/// An app as it is kept.
#[derive(Clone, Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = apps, treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct App {
    pub id: AppId,
    pub name: String,
    pub preset: AppPreset,
    #[diesel(column_name = client)]
    pub client_id: String,
    pub client_authentication: ClientAuthentication,
    pub sealed: Option<Vec<u8>>,
    pub secret_expires_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

/// Adds an app.
pub fn insert(connection: &mut Connection, new: &App) -> Result<()> {
    diesel::insert_into(apps::table)
        .values(new)
        .execute(connection)?;
    Ok(())
}

/// An app.
pub fn find(connection: &mut Connection, id: AppId) -> Result<Option<App>> {
    Ok(apps::table
        .find(id)
        .select(App::as_select())
        .first(connection)
        .optional()?)
}

/// An app, which nobody else changes before the transaction ends.
pub fn lock(connection: &mut Connection, id: AppId) -> Result<Option<App>> {
    let app = apps::table.find(id);
    Ok(first_locked!(connection, app.select(App::as_select()))?)
}

/// Those of these apps that there are.
pub fn find_all(connection: &mut Connection, ids: &[AppId]) -> Result<HashMap<AppId, App>> {
    let found: Vec<App> = apps::table
        .filter(apps::id.eq_any(ids))
        .select(App::as_select())
        .load(connection)?;
    Ok(found.into_iter().map(|app| (app.id, app)).collect())
}

/// A page of apps, the oldest first.
pub fn list(connection: &mut Connection, page: Page<AppId>) -> Result<Vec<App>> {
    let mut query = apps::table
        .order(apps::id.asc())
        .limit(page.limit)
        .select(App::as_select())
        .into_boxed();
    if let Some(after) = page.after {
        query = query.filter(apps::id.gt(after));
    }
    Ok(query.load(connection)?)
}

/// How many connections use each of these apps; none where an app is not named.
pub fn count_connections(
    connection: &mut Connection,
    ids: &[AppId],
) -> Result<HashMap<AppId, i64>> {
    let used = connections::app_id.assume_not_null();
    let counts: Vec<(AppId, i64)> = connections::table
        .filter(connections::app_id.eq_any(ids))
        .group_by(connections::app_id)
        .select((used, count_star()))
        .load(connection)?;
    Ok(counts.into_iter().collect())
}

/// Replaces an app, which [`lock`] keeps others away from.
pub fn update(connection: &mut Connection, new: &App) -> Result<()> {
    diesel::update(apps::table.find(new.id))
        .set(new)
        .execute(connection)?;
    Ok(())
}

/// Deletes an app; `false` where there is none with this id.
///
/// # Errors
/// `unavailable` where a connection has begun to use it at the same moment.
pub fn delete(connection: &mut Connection, id: AppId) -> Result<bool> {
    Ok(diesel::delete(apps::table.find(id)).execute(connection)? == 1)
}
