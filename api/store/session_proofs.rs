//! Proofs of sessions: that their owner has signed in by a connection.

use diesel::prelude::*;
use diesel::upsert::excluded;

use super::Connection;
use super::backend::each_backend;
use super::identities::is_named_by;
use super::schema::{identities, session_proofs, sessions};
use super::sso_connections::SsoConnection;
use crate::domain::ids::{AccountId, ConnectionId, OrganizationId, SessionId};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

/// A proof as it is kept.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = session_proofs, treat_none_as_default_value = false)]
pub struct SessionProof {
    pub session_id: SessionId,
    pub connection_id: ConnectionId,
    pub organization_id: OrganizationId,
    pub proved_at: Timestamp,
    pub valid_until: Timestamp,
    pub provider_session: Option<String>,
}

/// Adds a proof, in place of an earlier one of the same connection.
pub fn put(connection: &mut Connection, proof: &SessionProof) -> Result<()> {
    each_backend!(connection, c => diesel::insert_into(session_proofs::table)
        .values(proof)
        .on_conflict((session_proofs::session_id, session_proofs::connection_id))
        .do_update()
        .set((
            session_proofs::proved_at.eq(excluded(session_proofs::proved_at)),
            session_proofs::valid_until.eq(excluded(session_proofs::valid_until)),
            session_proofs::provider_session.eq(excluded(session_proofs::provider_session)),
        ))
        .execute(c))?;
    Ok(())
}

/// Until when a session has proof of an organization: the latest of its proofs.
pub fn valid_until(
    connection: &mut Connection,
    (session, organization): (SessionId, OrganizationId),
) -> Result<Option<Timestamp>> {
    Ok(session_proofs::table
        .filter(session_proofs::session_id.eq(session))
        .filter(session_proofs::organization_id.eq(organization))
        .order(session_proofs::valid_until.desc())
        .select(session_proofs::valid_until)
        .first(connection)
        .optional()?)
}

/// The connection by which the owner of a session signed in last.
pub fn latest_connection(
    connection: &mut Connection,
    session: SessionId,
) -> Result<Option<ConnectionId>> {
    Ok(session_proofs::table
        .filter(session_proofs::session_id.eq(session))
        .order(session_proofs::proved_at.desc())
        .select(session_proofs::connection_id)
        .first(connection)
        .optional()?)
}

/// Ends the sessions of an account that a connection of the organization made, and takes its proof from the others.
pub fn revoke(
    connection: &mut Connection,
    account: AccountId,
    (organization, provider): (OrganizationId, ConnectionId),
) -> Result<()> {
    let theirs = sessions::table
        .filter(sessions::account_id.eq(account))
        .select(sessions::id);
    let proven = session_proofs::table
        .filter(session_proofs::connection_id.eq(provider))
        .select(session_proofs::session_id);
    let made = sessions::table
        .filter(sessions::account_id.eq(account))
        .filter(sessions::by_connection.eq(true))
        .filter(sessions::confined_to_organization_id.eq(organization))
        .filter(sessions::id.eq_any(proven));
    diesel::delete(made).execute(connection)?;
    let proofs = session_proofs::table
        .filter(session_proofs::connection_id.eq(provider))
        .filter(session_proofs::session_id.eq_any(theirs));
    diesel::delete(proofs).execute(connection)?;
    Ok(())
}

/// Ends all sessions that a connection of the organization made, and takes its proof from the others.
pub fn revoke_all(connection: &mut Connection, provider: &SsoConnection) -> Result<()> {
    let proven = session_proofs::table
        .filter(session_proofs::connection_id.eq(provider.id))
        .select(session_proofs::session_id);
    let made = sessions::table
        .filter(sessions::by_connection.eq(true))
        .filter(sessions::confined_to_organization_id.eq(provider.organization_id))
        .filter(sessions::id.eq_any(proven));
    diesel::delete(made).execute(connection)?;
    let proofs = session_proofs::table.filter(session_proofs::connection_id.eq(provider.id));
    diesel::delete(proofs).execute(connection)?;
    Ok(())
}

/// The sessions with proof of a connection by this session at its provider.
pub fn of_provider_session(
    connection: &mut Connection,
    provider: ConnectionId,
    name: &str,
) -> Result<Vec<SessionId>> {
    Ok(session_proofs::table
        .filter(session_proofs::connection_id.eq(provider))
        .filter(session_proofs::provider_session.eq(name))
        .order(session_proofs::session_id.asc())
        .select(session_proofs::session_id)
        .load(connection)?)
}

/// The sessions with proof of a connection, of the account that its subject opens.
pub fn of_subject(
    connection: &mut Connection,
    provider: &SsoConnection,
    subject: &str,
) -> Result<Vec<SessionId>> {
    let accounts = identities::table
        .filter(identities::connection_id.eq(provider.id))
        .filter(identities::organization_id.eq(provider.organization_id))
        .filter(is_named_by(provider))
        .filter(identities::subject.eq(subject))
        .select(identities::account_id);
    let theirs = sessions::table
        .filter(sessions::account_id.eq_any(accounts))
        .select(sessions::id);
    Ok(session_proofs::table
        .filter(session_proofs::connection_id.eq(provider.id))
        .filter(session_proofs::session_id.eq_any(theirs))
        .order(session_proofs::session_id.asc())
        .select(session_proofs::session_id)
        .load(connection)?)
}

/// Takes the proof of a connection from a session.
pub fn delete(
    connection: &mut Connection,
    session: SessionId,
    provider: ConnectionId,
) -> Result<()> {
    let proof = session_proofs::table.find((session, provider));
    diesel::delete(proof).execute(connection)?;
    Ok(())
}

/// Whether a session has a proof of an organization's that is good now.
pub fn is_proven(
    connection: &mut Connection,
    organization: OrganizationId,
    session: SessionId,
    now: Timestamp,
) -> Result<bool> {
    let good = session_proofs::table
        .filter(session_proofs::organization_id.eq(organization))
        .filter(session_proofs::session_id.eq(session))
        .filter(session_proofs::valid_until.gt(now));
    Ok(diesel::select(diesel::dsl::exists(good)).get_result(connection)?)
}

/// The organizations of which a session has a proof that is good now.
pub fn proven_organizations(
    connection: &mut Connection,
    session: SessionId,
    now: Timestamp,
) -> Result<Vec<OrganizationId>> {
    Ok(session_proofs::table
        .filter(session_proofs::session_id.eq(session))
        .filter(session_proofs::valid_until.gt(now))
        .select(session_proofs::organization_id)
        .load(connection)?)
}
