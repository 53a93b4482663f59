//! API keys of organizations. The key itself is kept as a hash only.

use diesel::dsl::AsSelect;
use diesel::prelude::*;

use super::Connection;
use super::accounts::Account;
use super::backend::each_backend;
use super::connection::MultiBackend;
use super::schema::{accounts, api_keys};
use super::sql_types::JsonColumn;
use crate::crypto::token::TokenHash;
use crate::domain::api_key::Scope;
use crate::domain::ids::{AccountId, ApiKeyId, OrganizationId};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};

/// An API key as it is kept, without its hash.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = api_keys, treat_none_as_default_value = false)]
pub struct ApiKey {
    pub id: ApiKeyId,
    pub organization_id: OrganizationId,
    pub created_by_account_id: AccountId,
    pub name: String,
    /// The key's last four characters.
    pub hint: String,
    pub scopes: JsonColumn,
    pub expires_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
}

impl ApiKey {
    /// What the key may do.
    ///
    /// # Errors
    /// `internal` for what is no list of scopes.
    pub fn scopes(&self) -> Result<Vec<Scope>> {
        serde_json::from_value(self.scopes.0.clone()).map_err(Error::internal)
    }
}

/// Adds a key.
pub fn insert(connection: &mut Connection, key: &ApiKey, hash: &TokenHash) -> Result<()> {
    let row = (key, api_keys::key_hash.eq(hash.as_bytes()));
    each_backend!(connection, c => diesel::insert_into(api_keys::table).values(row).execute(c))?;
    Ok(())
}

/// How many keys an organization has, expired ones too.
pub fn count(connection: &mut Connection, organization: OrganizationId) -> Result<i64> {
    Ok(api_keys::table
        .filter(api_keys::organization_id.eq(organization))
        .count()
        .get_result(connection)?)
}

/// A page of an organization's keys, the oldest first, each with its creator's username.
pub fn list(
    connection: &mut Connection,
    organization: OrganizationId,
    after: Option<ApiKeyId>,
    limit: i64,
) -> Result<Vec<(ApiKey, String)>> {
    let mut query = api_keys::table
        .inner_join(accounts::table)
        .filter(api_keys::organization_id.eq(organization))
        .order(api_keys::id.asc())
        .limit(limit)
        .select((ApiKey::as_select(), accounts::username))
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(api_keys::id.gt(after));
    }
    Ok(query.load(connection)?)
}

/// One of an organization's keys.
pub fn find(
    connection: &mut Connection,
    organization: OrganizationId,
    id: ApiKeyId,
) -> Result<Option<ApiKey>> {
    Ok(api_keys::table
        .find(id)
        .filter(api_keys::organization_id.eq(organization))
        .select(ApiKey::as_select())
        .first(connection)
        .optional()?)
}

/// The keys that an account created, of every organization.
pub fn created_by(connection: &mut Connection, account: AccountId) -> Result<Vec<ApiKey>> {
    Ok(api_keys::table
        .filter(api_keys::created_by_account_id.eq(account))
        .order(api_keys::id.asc())
        .select(ApiKey::as_select())
        .load(connection)?)
}

/// The key with this hash and the account that it acts for; none where the key has expired or the
/// account is deactivated.
pub fn find_usable(
    connection: &mut Connection,
    hash: &TokenHash,
    now: Timestamp,
) -> Result<Option<(ApiKey, Account)>> {
    Ok(usable(now)
        .filter(api_keys::key_hash.eq(hash.as_bytes()))
        .first(connection)
        .optional()?)
}

/// As [`find_usable`], by the key's id.
pub fn find_usable_by_id(
    connection: &mut Connection,
    id: ApiKeyId,
    now: Timestamp,
) -> Result<Option<(ApiKey, Account)>> {
    Ok(usable(now)
        .filter(api_keys::id.eq(id))
        .first(connection)
        .optional()?)
}

#[diesel::dsl::auto_type]
fn usable(now: Timestamp) -> _ {
    let columns: (
        AsSelect<ApiKey, MultiBackend>,
        AsSelect<Account, MultiBackend>,
    ) = (ApiKey::as_select(), Account::as_select());
    api_keys::table
        .inner_join(accounts::table)
        .filter(
            api_keys::expires_at
                .is_null()
                .or(api_keys::expires_at.gt(now)),
        )
        .filter(accounts::deactivated_at.is_null())
        .select(columns)
}

/// Notes that a key is used now, unless a use since `earlier` is noted already.
pub fn note_use(
    connection: &mut Connection,
    id: ApiKeyId,
    now: Timestamp,
    earlier: Timestamp,
) -> Result<()> {
    let stale = api_keys::table.find(id).filter(
        api_keys::last_used_at
            .is_null()
            .or(api_keys::last_used_at.lt(earlier)),
    );
    diesel::update(stale)
        .set(api_keys::last_used_at.eq(now))
        .execute(connection)?;
    Ok(())
}

/// Deletes one of an organization's keys; `false` where it is gone.
pub fn delete(
    connection: &mut Connection,
    organization: OrganizationId,
    id: ApiKeyId,
) -> Result<bool> {
    let key = api_keys::table
        .find(id)
        .filter(api_keys::organization_id.eq(organization));
    Ok(diesel::delete(key).execute(connection)? == 1)
}
