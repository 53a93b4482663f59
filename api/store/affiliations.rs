//! What an account is to an organization: alone, or together with the credential that it acts by, in one statement.
//!
//! Most requests ask for one of these: compiled for each database, a statement's text is not made anew at each use.

use diesel::prelude::*;

use super::Connection;
use super::accounts::Account;
use super::api_keys::ApiKey;
use super::backend::each_backend;
use super::memberships::Membership;
use super::organizations::Organization;
use super::schema::{accounts, api_keys, memberships, organizations, sessions};
use super::sessions::Session;
use crate::crypto::token::TokenHash;
use crate::domain::ids::{AccountId, OrganizationId, SessionId};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

/// An organization with the membership of an account there, where it has one.
pub struct Affiliation {
    pub organization: Organization,
    pub membership: Option<Membership>,
}

impl Affiliation {
    fn of(organization: Option<Organization>, membership: Option<Membership>) -> Option<Self> {
        organization.map(|organization| Self {
            organization,
            membership,
        })
    }
}

/// What an account is to an organization; `None` where there is no such organization.
pub fn find(
    connection: &mut Connection,
    organization: OrganizationId,
    account: AccountId,
) -> Result<Option<Affiliation>> {
    let theirs = memberships::table.on(memberships::organization_id
        .eq(organizations::id)
        .and(memberships::account_id.eq(account)));
    let found: Option<(Organization, Option<Membership>)> = organizations::table
        .left_join(theirs)
        .filter(organizations::id.eq(organization))
        .select((Organization::as_select(), Option::<Membership>::as_select()))
        .first(connection)
        .optional()?;
    Ok(
        found
            .and_then(|(organization, membership)| Affiliation::of(Some(organization), membership)),
    )
}

/// As [`super::sessions::find_active`], with what the session's account is to the organization.
pub fn find_with_session(
    connection: &mut Connection,
    organization: OrganizationId,
    (id, now): (SessionId, Timestamp),
) -> Result<Option<(Session, Account, Option<Affiliation>)>> {
    let here = organizations::table.on(organizations::id.eq(organization));
    let theirs = memberships::table.on(memberships::organization_id
        .eq(organization)
        .and(memberships::account_id.eq(accounts::id)));
    let found: Option<(Session, Account, Option<Organization>, Option<Membership>)> =
        each_backend!(connection, c => sessions::table
            .inner_join(accounts::table)
            .left_join(here)
            .left_join(theirs)
            .filter(sessions::id.eq(id))
            .filter(sessions::expires_at.gt(now))
            .filter(accounts::deactivated_at.is_null())
            .select((
                Session::as_select(),
                Account::as_select(),
                Option::<Organization>::as_select(),
                Option::<Membership>::as_select(),
            ))
            .first(c))
        .optional()?;
    Ok(found.map(|(session, account, organization, membership)| {
        let affiliation = Affiliation::of(organization, membership);
        (session, account, affiliation)
    }))
}

/// As [`super::api_keys::find_usable`], with what the key's creator is to the organization.
pub fn find_with_api_key(
    connection: &mut Connection,
    organization: OrganizationId,
    (hash, now): (&TokenHash, Timestamp),
) -> Result<Option<(ApiKey, Account, Option<Affiliation>)>> {
    let here = organizations::table.on(organizations::id.eq(organization));
    let theirs = memberships::table.on(memberships::organization_id
        .eq(organization)
        .and(memberships::account_id.eq(accounts::id)));
    let unexpired = api_keys::expires_at
        .is_null()
        .or(api_keys::expires_at.gt(now));
    let found: Option<(ApiKey, Account, Option<Organization>, Option<Membership>)> =
        each_backend!(connection, c => api_keys::table
            .inner_join(accounts::table)
            .left_join(here)
            .left_join(theirs)
            .filter(api_keys::key_hash.eq(hash.as_bytes()))
            .filter(unexpired)
            .filter(accounts::deactivated_at.is_null())
            .select((
                ApiKey::as_select(),
                Account::as_select(),
                Option::<Organization>::as_select(),
                Option::<Membership>::as_select(),
            ))
            .first(c))
        .optional()?;
    Ok(found.map(|(key, creator, organization, membership)| {
        let affiliation = Affiliation::of(organization, membership);
        (key, creator, affiliation)
    }))
}
