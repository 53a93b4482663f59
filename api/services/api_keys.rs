//! API keys: created, listed, revoked (`docs/api-keys.md`).

use std::collections::BTreeSet;

use super::authorization::{ManageApiKeys, Permit};
use super::events;
use super::unit_of_work::UnitOfWork;
use crate::clock::new_id;
use crate::crypto::token::{Token, TokenKind};
use crate::domain::api_key::Scope;
use crate::domain::events::{ApiKeyEvent, DomainEvent};
use crate::domain::ids::ApiKeyId;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::store::accounts::Account;
use crate::store::api_keys::{self, ApiKey};
use crate::store::organizations;
use crate::store::sql_types::JsonColumn;

/// The most keys that an organization has, expired ones included.
const MAX_API_KEYS: i64 = 100;

/// What a new key is to be.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    pub name: String,
    pub scopes: BTreeSet<Scope>,
    /// The key does not expire where this is absent.
    pub expires_at: Option<Timestamp>,
}

/// A key with the username of its creator.
#[derive(Clone, Debug)]
pub struct ApiKeyView {
    pub key: ApiKey,
    pub creator: String,
}

/// A key as its creator gets it: the token is shown this once.
#[derive(Clone, Debug)]
pub struct IssuedApiKey {
    pub view: ApiKeyView,
    pub token: Token,
}

/// Creates a key that acts for the caller.
///
/// # Errors
/// `validation_failed` for an end that is not ahead, or where the organization has as many keys as it
/// may have.
pub fn create(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageApiKeys>,
    new: NewApiKey,
) -> Result<IssuedApiKey> {
    if new.expires_at.is_some_and(|end| end <= tx.now()) {
        let detail = "This has to be in the future.";
        return Err(Error::invalid("/expires_at", "in_the_past", detail));
    }
    let creator = tx.context.principal.session()?.account.clone();
    let token = Token::generate(TokenKind::ApiKey)?;
    let key = ApiKey {
        id: new_id::<ApiKeyId>(),
        organization_id: permit.organization.id,
        created_by_account_id: creator.id,
        name: new.name,
        hint: token.hint().to_owned(),
        scopes: JsonColumn(serde_json::to_value(&new.scopes).map_err(Error::internal)?),
        expires_at: new.expires_at,
        created_at: tx.now(),
        last_used_at: None,
    };
    tx.transaction(|tx| insert(tx, &key, &token))?;
    Ok(issued(key, token, creator))
}

fn insert(tx: &mut UnitOfWork<'_>, key: &ApiKey, token: &Token) -> Result<()> {
    // Two requests at the same time must not both find the last free place.
    organizations::lock(tx.connection, key.organization_id)?;
    if api_keys::count(tx.connection, key.organization_id)? >= MAX_API_KEYS {
        return Err(too_many());
    }
    api_keys::insert(tx.connection, key, &token.hash())?;
    let event = ApiKeyEvent::Created {
        name: key.name.clone(),
        scopes: key.scopes()?,
    };
    publish(tx, key, event)
}

fn too_many() -> Error {
    let detail = format!(
        "An organization has at most {MAX_API_KEYS} API keys. Revoke one that is not used."
    );
    Error::invalid("", "too_many", detail)
}

fn issued(key: ApiKey, token: Token, creator: Account) -> IssuedApiKey {
    IssuedApiKey {
        view: ApiKeyView {
            key,
            creator: creator.username.to_string(),
        },
        token,
    }
}

/// A page of keys, the oldest first.
pub fn list(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageApiKeys>,
    after: Option<ApiKeyId>,
    limit: i64,
) -> Result<Vec<ApiKeyView>> {
    let found = api_keys::list(tx.connection, permit.organization.id, after, limit)?;
    let view = |(key, creator)| ApiKeyView { key, creator };
    Ok(found.into_iter().map(view).collect())
}

/// Deletes a key: it stops at once, and the audit log remembers it.
///
/// # Errors
/// `not_found` where the organization has no such key.
pub fn revoke(tx: &mut UnitOfWork<'_>, permit: &Permit<ManageApiKeys>, id: ApiKeyId) -> Result<()> {
    let organization = permit.organization.id;
    tx.transaction(|tx| {
        let found = api_keys::find(tx.connection, organization, id)?;
        let key = found.ok_or_else(no_such_key)?;
        if !api_keys::delete(tx.connection, organization, id)? {
            return Err(no_such_key());
        }
        let name = key.name.clone();
        publish(tx, &key, ApiKeyEvent::Revoked { name })
    })
}

fn no_such_key() -> Error {
    Error::not_found("API key")
}

fn publish(tx: &mut UnitOfWork<'_>, key: &ApiKey, event: ApiKeyEvent) -> Result<()> {
    events::publish(
        tx,
        DomainEvent::ApiKey {
            organization: key.organization_id,
            api_key: key.id,
            event,
        },
    )
}
