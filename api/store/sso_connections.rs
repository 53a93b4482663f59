//! Connections to identity providers.

use diesel::prelude::*;

use super::schema::connections;
use super::sql_types::JsonColumn;
use super::{Connection, Page};
use crate::domain::arrival_rules::RulesApply;
use crate::domain::connections::{Arrivals, ConnectionKind, ConnectionStatus, Preset};
use crate::domain::ids::{AppId, CallbackId, ConnectionId, OrganizationId};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

/// A connection as it is kept.
#[derive(Clone, Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = connections, treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct SsoConnection {
    pub id: ConnectionId,
    pub organization_id: OrganizationId,
    pub name: String,
    pub kind: ConnectionKind,
    pub preset: Preset,
    pub status: ConnectionStatus,
    pub settings: JsonColumn,
    /// The SHA-256 of who names the people of it; `None` while that is not known. Identities of another one open nothing.
    pub subject_issuer: Option<Vec<u8>>,
    /// The app of the settings, where their client is one's.
    pub app_id: Option<AppId>,
    pub sealed: Option<Vec<u8>>,
    pub secret_expires_at: Option<Timestamp>,
    pub arrivals: Arrivals,
    pub session_hours: i64,
    pub rules: JsonColumn,
    pub apply: RulesApply,
    /// Set by [`note_test`] and taken back by [`reset_test`], so that no change of something else undoes either.
    #[diesel(skip_update)]
    pub tested_at: Option<Timestamp>,
    pub metadata_missing_since: Option<Timestamp>,
    pub metadata_problem: Option<String>,
    /// Set by [`note_clock`], so that no change of something else undoes it.
    #[diesel(skip_update)]
    pub clock_off_since: Option<Timestamp>,
    #[diesel(skip_update)]
    pub clock_off_seconds: Option<i64>,
    /// Set by [`note_silence`], as that.
    #[diesel(skip_update)]
    pub silent_since: Option<Timestamp>,
    /// Whether whoever has a setup link named its issuer or tenant last, and no admin since.
    pub issuer_named_by_link: bool,
    pub created_at: Timestamp,
}

impl SsoConnection {
    /// What the address ends in that an identity provider sends its people back to.
    pub fn callback(&self) -> CallbackId {
        self.app_id.map_or_else(|| self.id.into(), CallbackId::from)
    }
}

/// Adds a connection.
pub fn insert(connection: &mut Connection, new: &SsoConnection) -> Result<()> {
    diesel::insert_into(connections::table)
        .values(new)
        .execute(connection)?;
    Ok(())
}

/// How many an organization has.
pub fn count(connection: &mut Connection, organization: OrganizationId) -> Result<i64> {
    Ok(connections::table
        .filter(connections::organization_id.eq(organization))
        .count()
        .get_result(connection)?)
}

/// One of an organization's connections.
pub fn find_in(
    connection: &mut Connection,
    organization: OrganizationId,
    id: ConnectionId,
) -> Result<Option<SsoConnection>> {
    Ok(connections::table
        .find(id)
        .filter(connections::organization_id.eq(organization))
        .select(SsoConnection::as_select())
        .first(connection)
        .optional()?)
}

/// A connection by its id alone: whoever comes back from an identity provider names it.
pub fn find(connection: &mut Connection, id: ConnectionId) -> Result<Option<SsoConnection>> {
    Ok(connections::table
        .find(id)
        .select(SsoConnection::as_select())
        .first(connection)
        .optional()?)
}

/// A page of an organization's connections, the oldest first.
pub fn list(
    connection: &mut Connection,
    organization: OrganizationId,
    page: Page<ConnectionId>,
) -> Result<Vec<SsoConnection>> {
    let mut query = connections::table
        .filter(connections::organization_id.eq(organization))
        .order(connections::id.asc())
        .limit(page.limit)
        .select(SsoConnection::as_select())
        .into_boxed();
    if let Some(after) = page.after {
        query = query.filter(connections::id.gt(after));
    }
    Ok(query.load(connection)?)
}

/// The connections by which the people of an organization sign in.
pub fn active_of(
    connection: &mut Connection,
    organization: OrganizationId,
) -> Result<Vec<SsoConnection>> {
    Ok(connections::table
        .filter(connections::organization_id.eq(organization))
        .filter(connections::status.eq(ConnectionStatus::Active))
        .order(connections::id.asc())
        .select(SsoConnection::as_select())
        .load(connection)?)
}

/// The ids, names and kinds of the connections by which the people of an organization sign in, without what is set of them,
/// which may be large.
pub fn ways_in(
    connection: &mut Connection,
    organization: OrganizationId,
) -> Result<Vec<(ConnectionId, String, ConnectionKind)>> {
    Ok(connections::table
        .filter(connections::organization_id.eq(organization))
        .filter(connections::status.eq(ConnectionStatus::Active))
        .order(connections::id.asc())
        .select((connections::id, connections::name, connections::kind))
        .load(connection)?)
}

/// The connections by which people sign in, whose organizations they be.
pub fn active(connection: &mut Connection) -> Result<Vec<SsoConnection>> {
    Ok(connections::table
        .filter(connections::status.eq(ConnectionStatus::Active))
        .select(SsoConnection::as_select())
        .load(connection)?)
}

/// Replaces a connection, of which the organization's lock keeps others away, except what is noted without it: when it was
/// tested, and how people come.
pub fn update(connection: &mut Connection, new: &SsoConnection) -> Result<()> {
    let row = connections::table
        .find(new.id)
        .filter(connections::organization_id.eq(new.organization_id));
    diesel::update(row).set(new).execute(connection)?;
    Ok(())
}

/// Sets how far a connection is; `false`, and the transaction spoiled, where it is to be active and another active one
/// has the same tenant by the same app.
pub fn set_status(
    connection: &mut Connection,
    (organization, id): (OrganizationId, ConnectionId),
    status: ConnectionStatus,
) -> Result<bool> {
    let row = connections::table
        .find(id)
        .filter(connections::organization_id.eq(organization));
    let set = diesel::update(row)
        .set(connections::status.eq(status))
        .execute(connection);
    match set {
        Err(error) if super::is_duplicate(&error) => Ok(false),
        set => set.map(|_| true).map_err(Into::into),
    }
}

/// Takes back that a connection was tested, in the row and here.
pub fn reset_test(connection: &mut Connection, new: &mut SsoConnection) -> Result<()> {
    let row = connections::table
        .find(new.id)
        .filter(connections::organization_id.eq(new.organization_id));
    diesel::update(row)
        .set(connections::tested_at.eq(None::<Timestamp>))
        .execute(connection)?;
    new.tested_at = None;
    Ok(())
}

/// Takes back that the connections by an app were tested, whose organizations they be.
pub fn reset_tests_by_app(connection: &mut Connection, app: AppId) -> Result<()> {
    let tested = connections::table
        .filter(connections::app_id.eq(app))
        .filter(connections::tested_at.is_not_null());
    diesel::update(tested)
        .set(connections::tested_at.eq(None::<Timestamp>))
        .execute(connection)?;
    Ok(())
}

/// Notes that a connection has passed its test, unless its settings have changed since.
pub fn note_test(
    connection: &mut Connection,
    tested: &SsoConnection,
    now: Timestamp,
) -> Result<bool> {
    let as_tested = connections::table
        .find(tested.id)
        .filter(connections::settings.eq(&tested.settings));
    let noted = diesel::update(as_tested)
        .set(connections::tested_at.eq(now))
        .execute(connection)?;
    Ok(noted == 1)
}

/// Notes by how many seconds the clock of a provider differs, where it does.
pub fn note_clock(
    connection: &mut Connection,
    id: ConnectionId,
    clock_off: Option<(Timestamp, i64)>,
) -> Result<()> {
    diesel::update(connections::table.find(id))
        .set((
            connections::clock_off_since.eq(clock_off.map(|(since, _)| since)),
            connections::clock_off_seconds.eq(clock_off.map(|(_, seconds)| seconds)),
        ))
        .execute(connection)?;
    Ok(())
}

/// Notes since when nobody comes by a connection, or that somebody does.
pub fn note_silence(
    connection: &mut Connection,
    id: ConnectionId,
    since: Option<Timestamp>,
) -> Result<()> {
    diesel::update(connections::table.find(id))
        .set(connections::silent_since.eq(since))
        .execute(connection)?;
    Ok(())
}

/// Forgets how people came by a connection, of which another provider says who comes: in the row and here.
pub fn forget_use(connection: &mut Connection, new: &mut SsoConnection) -> Result<()> {
    note_clock(connection, new.id, None)?;
    note_silence(connection, new.id, None)?;
    new.clock_off_since = None;
    new.clock_off_seconds = None;
    new.silent_since = None;
    Ok(())
}

/// Deletes a connection with its identities; `false` where the organization has none with this id.
pub fn delete(
    connection: &mut Connection,
    organization: OrganizationId,
    id: ConnectionId,
) -> Result<bool> {
    let row = connections::table
        .find(id)
        .filter(connections::organization_id.eq(organization));
    Ok(diesel::delete(row).execute(connection)? == 1)
}
