//! What identity providers said of people last: previews of rules try them on it.

use diesel::prelude::*;
use diesel::upsert::excluded;

use super::accounts::Account;
use super::backend::each_backend;
use super::schema::{accounts, identities, identity_claims};
use super::{Connection, Page};
use crate::domain::ids::{ConnectionId, IdentityId, OrganizationId};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

/// What was said of somebody, sealed for their identity.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = identity_claims)]
pub struct IdentityClaims {
    pub identity_id: IdentityId,
    pub organization_id: OrganizationId,
    pub connection_id: ConnectionId,
    pub sealed: Vec<u8>,
    pub seen_at: Timestamp,
}

/// Keeps what is said of somebody now in the place of what was.
pub fn put(connection: &mut Connection, said: &IdentityClaims) -> Result<()> {
    // A condition on the conflict, which only the narrow trait has.
    use diesel::query_dsl::methods::FilterDsl as _;

    each_backend!(connection, c => diesel::insert_into(identity_claims::table)
        .values(said)
        .on_conflict(identity_claims::identity_id)
        .do_update()
        .set((
            identity_claims::sealed.eq(excluded(identity_claims::sealed)),
            identity_claims::seen_at.eq(excluded(identity_claims::seen_at)),
        ))
        .filter(identity_claims::organization_id.eq(said.organization_id))
        .execute(c))?;
    Ok(())
}

/// The people of whom something was said at a connection of an organization since a time, in the order of their
/// identities.
pub fn list(
    connection: &mut Connection,
    (organization, provider): (OrganizationId, ConnectionId),
    since: Timestamp,
    page: Page<IdentityId>,
) -> Result<Vec<(IdentityClaims, Account)>> {
    let mut query = identity_claims::table
        .inner_join(identities::table.inner_join(accounts::table))
        .filter(identity_claims::organization_id.eq(organization))
        .filter(identity_claims::connection_id.eq(provider))
        .filter(identity_claims::seen_at.ge(since))
        .order(identity_claims::identity_id.asc())
        .limit(page.limit)
        .select((IdentityClaims::as_select(), Account::as_select()))
        .into_boxed();
    if let Some(after) = page.after {
        query = query.filter(identity_claims::identity_id.gt(after));
    }
    Ok(query.load(connection)?)
}

/// Forgets what was said of somebody.
pub fn delete(
    connection: &mut Connection,
    organization: OrganizationId,
    identity: IdentityId,
) -> Result<()> {
    let said = identity_claims::table
        .find(identity)
        .filter(identity_claims::organization_id.eq(organization));
    diesel::delete(said).execute(connection)?;
    Ok(())
}

/// Deletes what was said before a time.
pub fn delete_seen_before(connection: &mut Connection, time: Timestamp) -> Result<()> {
    let old = identity_claims::table.filter(identity_claims::seen_at.lt(time));
    diesel::delete(old).execute(connection)?;
    Ok(())
}
