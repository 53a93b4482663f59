//! Identities: which subject at a connection opens which account.

use diesel::dsl::auto_type;
use diesel::prelude::*;

use super::backend::each_backend;
use super::schema::{accounts, connections, identities, organizations};
use super::sso_connections::SsoConnection;
use super::{Connection, Page};
use crate::domain::connections::ConnectionStatus;
use crate::domain::email_domain::EmailDomain;
use crate::domain::ids::{AccountId, ConnectionId, IdentityId, OrganizationId};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::store::accounts::Account;

/// An identity as it is kept.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = identities)]
pub struct Identity {
    pub id: IdentityId,
    pub organization_id: OrganizationId,
    pub connection_id: ConnectionId,
    pub account_id: AccountId,
    /// That of the connection when it was made: as long as another one names its people, the identity opens nothing.
    pub subject_issuer: Vec<u8>,
    /// The same, as an admin would have named it.
    pub named_issuer: Vec<u8>,
    pub subject: String,
    /// The domain of Google Workspace (`hd`) by which they came last.
    pub workspace: Option<String>,
    pub last_used_at: Timestamp,
    pub created_at: Timestamp,
}

/// An identity with its connection, and the name of its organization.
pub type IdentityView = (Identity, SsoConnection, String);

/// Adds an identity; `false`, and nothing changed, where the subject opens an account already.
pub fn insert(connection: &mut Connection, identity: &Identity) -> Result<bool> {
    let inserted = each_backend!(connection, c => diesel::insert_into(identities::table)
        .values(identity)
        .on_conflict_do_nothing()
        .execute(c))?;
    Ok(inserted == 1)
}

/// The account that a subject opens, with the identity.
pub fn find_by_subject(
    connection: &mut Connection,
    provider: &SsoConnection,
    subject: &str,
) -> Result<Option<(Identity, Account)>> {
    Ok(identities::table
        .inner_join(accounts::table)
        .filter(identities::connection_id.eq(provider.id))
        .filter(identities::organization_id.eq(provider.organization_id))
        .filter(is_named_by(provider))
        .filter(identities::subject.eq(subject))
        .select((Identity::as_select(), Account::as_select()))
        .first(connection)
        .optional()?)
}

/// Whether an identity was made for who names the people of a connection now.
#[auto_type]
pub(super) fn is_named_by<'a>(provider: &'a SsoConnection) -> _ {
    let issuer: Option<&'a [u8]> = provider.subject_issuer.as_deref();
    identities::subject_issuer.nullable().eq(issuer)
}

/// Notes a use, and by which domain of Google Workspace it was; `false` where the identity is gone.
pub fn touch(
    connection: &mut Connection,
    known: &Identity,
    (now, workspace): (Timestamp, Option<String>),
) -> Result<bool> {
    let used = identities::table
        .find(known.id)
        .filter(identities::organization_id.eq(known.organization_id));
    let noted = diesel::update(used)
        .set((
            identities::last_used_at.eq(now),
            identities::workspace.eq(workspace),
        ))
        .execute(connection)?;
    Ok(noted == 1)
}

/// The active connections of an organization by which an identity opens an account, the oldest identity first: ids and
/// names.
pub fn active_connections_of(
    connection: &mut Connection,
    organization: OrganizationId,
    account: AccountId,
) -> Result<Vec<(ConnectionId, String)>> {
    Ok(identities::table
        .inner_join(connections::table)
        .filter(identities::organization_id.eq(organization))
        .filter(identities::account_id.eq(account))
        .filter(connections::subject_issuer.eq(identities::subject_issuer.nullable()))
        .filter(connections::status.eq(ConnectionStatus::Active))
        .order(identities::id.asc())
        .select((connections::id, connections::name))
        .load(connection)?)
}

/// A page of an account's identities with their connections, the oldest first; with `organizations`, those of these
/// only.
pub fn list(
    connection: &mut Connection,
    (account, organizations): (AccountId, Option<Vec<OrganizationId>>),
    page: Page<IdentityId>,
) -> Result<Vec<IdentityView>> {
    let mut query = identities::table
        .inner_join(connections::table)
        .inner_join(organizations::table)
        .filter(identities::account_id.eq(account))
        .order(identities::id.asc())
        .limit(page.limit)
        .select((
            Identity::as_select(),
            SsoConnection::as_select(),
            organizations::name,
        ))
        .into_boxed();
    if let Some(organizations) = organizations {
        query = query.filter(identities::organization_id.eq_any(organizations));
    }
    if let Some(after) = page.after {
        query = query.filter(identities::id.gt(after));
    }
    Ok(query.load(connection)?)
}

/// Whether an account has another way in by an identity than this one. One at a connection that signs nobody in is none.
pub fn has_other_way_in(
    connection: &mut Connection,
    account: AccountId,
    except: IdentityId,
) -> Result<bool> {
    let others = identities::table
        .inner_join(connections::table)
        .filter(identities::account_id.eq(account))
        .filter(identities::id.ne(except))
        .filter(connections::subject_issuer.eq(identities::subject_issuer.nullable()))
        .filter(connections::status.eq(ConnectionStatus::Active));
    Ok(diesel::select(diesel::dsl::exists(others)).get_result(connection)?)
}

/// One of an account's identities; with `organization`, of that organization only.
pub fn find(
    connection: &mut Connection,
    (account, organization): (AccountId, Option<OrganizationId>),
    id: IdentityId,
) -> Result<Option<Identity>> {
    let mut query = identities::table
        .filter(identities::id.eq(id))
        .filter(identities::account_id.eq(account))
        .select(Identity::as_select())
        .into_boxed();
    if let Some(organization) = organization {
        query = query.filter(identities::organization_id.eq(organization));
    }
    Ok(query.first(connection).optional()?)
}

/// Deletes an identity; `false` where it is gone.
pub fn delete(
    connection: &mut Connection,
    organization: OrganizationId,
    id: IdentityId,
) -> Result<bool> {
    let identity = identities::table
        .find(id)
        .filter(identities::organization_id.eq(organization));
    Ok(diesel::delete(identity).execute(connection)? == 1)
}

/// Deletes all identities of an account but one, where one stays, and gives them.
pub fn delete_of_account(
    connection: &mut Connection,
    account: AccountId,
    but: Option<IdentityId>,
) -> Result<Vec<Identity>> {
    let theirs = identities::table
        .filter(identities::account_id.eq(account))
        .filter(identities::id.ne_all(but));
    let deleted = each_backend!(connection, c => diesel::delete(theirs)
        .returning(Identity::as_select())
        .get_results(c))?;
    Ok(deleted)
}

/// Deletes the identities of an account but those in one organization, and gives them.
pub fn delete_elsewhere(
    connection: &mut Connection,
    account: AccountId,
    organization: OrganizationId,
) -> Result<Vec<Identity>> {
    let theirs = identities::table
        .filter(identities::account_id.eq(account))
        .filter(identities::organization_id.ne(organization));
    let deleted = each_backend!(connection, c => diesel::delete(theirs)
        .returning(Identity::as_select())
        .get_results(c))?;
    Ok(deleted)
}

/// How many accounts that an organization manages have no password, and no identity at another connection that signs
/// people in: they could not sign in without this one. Of those only who came by a domain of Google Workspace, where one is
/// given, or by one that is not known.
pub fn count_dependent(
    connection: &mut Connection,
    organization: OrganizationId,
    provider: ConnectionId,
    domain: Option<&EmailDomain>,
) -> Result<i64> {
    let others = diesel::alias!(identities as others);
    let is_of_active = connections::id
        .eq(others.field(identities::connection_id))
        .and(connections::subject_issuer.eq(others.field(identities::subject_issuer).nullable()))
        .and(connections::status.eq(ConnectionStatus::Active));
    let another_way = others
        .inner_join(connections::table.on(is_of_active))
        .filter(others.field(identities::account_id).eq(accounts::id))
        .filter(others.field(identities::connection_id).ne(provider));
    let mut theirs = identities::table
        .inner_join(accounts::table)
        .filter(identities::organization_id.eq(organization))
        .filter(identities::connection_id.eq(provider))
        .filter(accounts::managed_by_organization_id.eq(organization))
        .filter(accounts::password_hash.is_null())
        .filter(diesel::dsl::not(diesel::dsl::exists(another_way)))
        .into_boxed();
    if let Some(domain) = domain {
        let by_it = identities::workspace.eq(domain.as_str());
        theirs = theirs.filter(by_it.or(identities::workspace.is_null()));
    }
    Ok(theirs.count().get_result(connection)?)
}

/// Whether anybody has come by a connection whom those have named who name its people now.
pub fn any_named(connection: &mut Connection, provider: &SsoConnection) -> Result<bool> {
    let theirs = identities::table
        .filter(identities::connection_id.eq(provider.id))
        .filter(identities::organization_id.eq(provider.organization_id))
        .filter(is_named_by(provider));
    Ok(diesel::select(diesel::dsl::exists(theirs)).get_result(connection)?)
}

/// Has those of a connection whom others have named be named by who names its people now, where nobody is called the same
/// by them.
pub fn adopt(
    connection: &mut Connection,
    provider: &SsoConnection,
    others: &[Vec<u8>],
) -> Result<()> {
    let Some(issuer) = provider.subject_issuer.as_deref() else {
        return Ok(());
    };
    let known = diesel::alias!(identities as known);
    for other in others {
        let same_subject = known
            .filter(known.field(identities::connection_id).eq(provider.id))
            .filter(known.field(identities::subject_issuer).eq(issuer))
            .select(known.field(identities::subject));
        let theirs = identities::table
            .filter(identities::connection_id.eq(provider.id))
            .filter(identities::organization_id.eq(provider.organization_id))
            .filter(identities::subject_issuer.eq(other))
            .filter(identities::subject.ne_all(same_subject));
        diesel::update(theirs)
            .set(identities::subject_issuer.eq(issuer))
            .execute(connection)?;
    }
    Ok(())
}

/// How many people have come by a connection, and when somebody did last.
pub fn uses_of(
    connection: &mut Connection,
    provider: &SsoConnection,
) -> Result<(i64, Option<Timestamp>)> {
    let theirs = || {
        identities::table
            .filter(identities::connection_id.eq(provider.id))
            .filter(identities::organization_id.eq(provider.organization_id))
    };
    let people = theirs().count().get_result(connection)?;
    let last = theirs()
        .order(identities::last_used_at.desc())
        .select(identities::last_used_at)
        .first(connection)
        .optional()?;
    Ok((people, last))
}
