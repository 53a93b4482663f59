//! Accounts: one person's sign-in each.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use diesel::prelude::*;

use super::Connection;
use super::backend::{first_locked, insert_rows};
use super::member_grams;
use super::schema::{accounts, memberships};
use crate::clock::new_id;
use crate::domain::email_address::EmailAddress;
use crate::domain::ids::{AccountId, OrganizationId};
use crate::domain::language::Language;
use crate::domain::organization::MembershipStatus;
use crate::domain::password::PasswordOrigin;
use crate::domain::search_key::member_key;
use crate::domain::timestamp::Timestamp;
use crate::domain::username::Username;
use crate::error::{Error, Result};

/// An account as it is kept.
#[derive(Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = accounts, treat_none_as_default_value = false)]
pub struct Account {
    pub id: AccountId,
    pub email: EmailAddress,
    /// The mailbox of an address with a subaddress.
    subaddress_of: Option<String>,
    pub email_verified_at: Option<Timestamp>,
    pub username: Username,
    search_key: String,
    pub password_hash: Option<String>,
    pub must_change_password: bool,
    /// Says nothing while there is no password.
    pub password_origin: PasswordOrigin,
    /// When its owner last signed in by the password that is set.
    pub password_used_at: Option<Timestamp>,
    pub generated_address: bool,
    pub managed_by_organization_id: Option<OrganizationId>,
    pub operator: bool,
    /// Registered by whoever typed the address.
    pub self_registered: bool,
    pub deactivated_at: Option<Timestamp>,
    pub created_at: Timestamp,
    /// 1970: never.
    pub last_active_at: Timestamp,
    /// In which language its owner is written to.
    pub language: Language,
}

impl Account {
    /// A new account that nobody has used and no organization manages.
    pub fn new(email: EmailAddress, username: Username, created_at: Timestamp) -> Self {
        Self {
            id: new_id::<AccountId>(),
            search_key: member_key(&username, &email),
            subaddress_of: Some(email.mailbox()).filter(|_| email.has_subaddress()),
            email,
            email_verified_at: None,
            username,
            password_hash: None,
            must_change_password: false,
            password_origin: PasswordOrigin::Owner,
            password_used_at: None,
            generated_address: false,
            managed_by_organization_id: None,
            operator: false,
            self_registered: false,
            deactivated_at: None,
            created_at,
            last_active_at: Timestamp::EPOCH,
            language: Language::English,
        }
    }

    /// Whether this organization created it and no other one has had a share in it since.
    pub fn is_managed_by(&self, organization: OrganizationId) -> bool {
        self.managed_by_organization_id == Some(organization)
    }

    /// Whether somebody registered the address and nothing has shown that it is theirs.
    pub fn is_unverified_registration(&self) -> bool {
        self.self_registered && self.email_verified_at.is_none()
    }

    /// Whether its owner has used it in any way.
    pub fn is_used(&self) -> bool {
        self.password_hash.is_some()
            || self.last_active_at != Timestamp::EPOCH
            || self.email_verified_at.is_some()
            || self.operator
    }

    /// Name and address folded for search and order.
    pub fn search_key(&self) -> &str {
        &self.search_key
    }
}

/// The account with this id.
pub fn find(connection: &mut Connection, id: AccountId) -> Result<Option<Account>> {
    Ok(accounts::table
        .find(id)
        .select(Account::as_select())
        .first(connection)
        .optional()?)
}

/// The accounts with these ids.
pub fn find_all(connection: &mut Connection, ids: &[AccountId]) -> Result<Vec<Account>> {
    Ok(accounts::table
        .filter(accounts::id.eq_any(ids))
        .select(Account::as_select())
        .load(connection)?)
}

/// The account with this canonical address.
pub fn find_by_email(connection: &mut Connection, email: &EmailAddress) -> Result<Option<Account>> {
    Ok(accounts::table
        .filter(accounts::email.eq(email))
        .select(Account::as_select())
        .first(connection)
        .optional()?)
}

/// Whether the account is one of the `most` oldest of its mailbox whose subaddress nobody has verified.
pub fn is_early_subaddress(
    connection: &mut Connection,
    account: &Account,
    most: i64,
) -> Result<bool> {
    let Some(mailbox) = &account.subaddress_of else {
        return Ok(false);
    };
    let earlier: Vec<AccountId> = accounts::table
        .filter(accounts::subaddress_of.eq(mailbox))
        .filter(accounts::email_verified_at.is_null())
        .filter(accounts::id.lt(account.id))
        .order(accounts::id.asc())
        .limit(most)
        .select(accounts::id)
        .load(connection)?;
    Ok(i64::try_from(earlier.len()).is_ok_and(|earlier| earlier < most))
}

/// Adds an account; `false` where its address has one already.
pub fn insert(connection: &mut Connection, account: &Account) -> Result<bool> {
    Ok(insert_new(connection, std::slice::from_ref(account))?.contains(&account.id))
}

/// Adds those accounts whose address has none yet, and tells which these were. They are inserted in the
/// order of their addresses, so that two who add the same ones do not deadlock on the unique index.
pub fn insert_new(connection: &mut Connection, new: &[Account]) -> Result<HashSet<AccountId>> {
    let mut in_order = new.to_vec();
    in_order.sort_by(|one, other| one.email.cmp(&other.email));
    let inserted = insert_rows!(connection, accounts::table, in_order, (insert, c) => {
        insert.on_conflict_do_nothing().returning(accounts::id).get_results(c)
    });
    Ok(inserted.into_iter().flatten().collect())
}

/// Those of these addresses that have an account, each with whether it is in the organization.
pub fn taken(
    connection: &mut Connection,
    organization: OrganizationId,
    emails: &[EmailAddress],
) -> Result<Vec<(EmailAddress, bool)>> {
    let membership = memberships::table.on(memberships::account_id
        .eq(accounts::id)
        .and(memberships::organization_id.eq(organization)));
    let rows: Vec<(EmailAddress, Option<AccountId>)> = accounts::table
        .left_join(membership)
        .filter(accounts::email.eq_any(emails))
        .select((accounts::email, memberships::account_id.nullable()))
        .load(connection)?;
    Ok(rows
        .into_iter()
        .map(|(email, member)| (email, member.is_some()))
        .collect())
}

/// The accounts of these addresses, each with the status of its membership of the organization.
pub fn of_addresses(
    connection: &mut Connection,
    organization: OrganizationId,
    emails: &[EmailAddress],
) -> Result<Vec<(Account, Option<MembershipStatus>)>> {
    let membership = memberships::table.on(memberships::account_id
        .eq(accounts::id)
        .and(memberships::organization_id.eq(organization)));
    Ok(accounts::table
        .left_join(membership)
        .filter(accounts::email.eq_any(emails))
        .select((Account::as_select(), memberships::status.nullable()))
        .load(connection)?)
}

/// The usernames of these accounts.
pub fn usernames(
    connection: &mut Connection,
    ids: &[AccountId],
) -> Result<HashMap<AccountId, Username>> {
    let rows: Vec<(AccountId, Username)> = accounts::table
        .filter(accounts::id.eq_any(ids))
        .select((accounts::id, accounts::username))
        .load(connection)?;
    Ok(rows.into_iter().collect())
}

/// Locks an account until the transaction ends and gives it as it is then.
pub fn lock(connection: &mut Connection, id: AccountId) -> Result<Option<Account>> {
    let account = accounts::table.find(id);
    Ok(first_locked!(
        connection,
        account.select(Account::as_select())
    )?)
}

/// Renames the account; the database repeats its search key in the memberships.
pub fn rename(connection: &mut Connection, account: &Account, username: &Username) -> Result<()> {
    let search_key = member_key(username, &account.email);
    diesel::update(accounts::table.find(account.id))
        .set((
            accounts::username.eq(username),
            accounts::search_key.eq(&search_key),
        ))
        .execute(connection)?;
    member_grams::write_anew(connection, account.id, &search_key)
}

/// Gives the account another address, which the caller has verified; `false` where somebody has that. The database repeats its
/// search key in the memberships.
///
/// # Errors
/// `conflict` where somebody gets it at this moment: the next try of the transaction sees them.
pub fn readdress(connection: &mut Connection, id: AccountId, email: &EmailAddress) -> Result<bool> {
    let Some(account) = find(connection, id)? else {
        return Ok(false);
    };
    if find_by_email(connection, email)?.is_some() {
        return Ok(false);
    }
    let search_key = member_key(&account.username, email);
    let moved = diesel::update(accounts::table.find(id))
        .set((
            accounts::email.eq(email),
            accounts::generated_address.eq(false),
            accounts::search_key.eq(&search_key),
        ))
        .execute(connection);
    match moved {
        Err(error) if super::is_duplicate(&error) => return Err(Error::conflict(error)),
        moved => moved?,
    };
    member_grams::write_anew(connection, id, &search_key)?;
    Ok(true)
}

/// Marks the address as verified; `false` where it was.
pub fn verify_email(connection: &mut Connection, id: AccountId, now: Timestamp) -> Result<bool> {
    let unverified = accounts::table
        .find(id)
        .filter(accounts::email_verified_at.is_null());
    let changed = diesel::update(unverified)
        .set(accounts::email_verified_at.eq(now))
        .execute(connection)?;
    Ok(changed == 1)
}

/// Locks the account against concurrent verification; `false` where its address is verified.
pub fn lock_unverified(connection: &mut Connection, id: AccountId) -> Result<bool> {
    let unverified = accounts::table
        .find(id)
        .filter(accounts::email_verified_at.is_null());
    let locked: Option<AccountId> = first_locked!(connection, unverified.select(accounts::id))?;
    Ok(locked.is_some())
}

/// Sets the language in which the owner is written to.
pub fn set_language(connection: &mut Connection, id: AccountId, language: Language) -> Result<()> {
    diesel::update(accounts::table.find(id))
        .set(accounts::language.eq(language))
        .execute(connection)?;
    Ok(())
}

/// The precision of "last active"; a finer one would be a write at every request.
const ACTIVITY_GRAIN: Duration = Duration::from_secs(5 * 60);

/// Notes that the person is active, at most every five minutes; the database repeats it in the memberships.
pub fn touch(connection: &mut Connection, account: &Account, now: Timestamp) -> Result<()> {
    if now.since(account.last_active_at) < ACTIVITY_GRAIN {
        return Ok(());
    }
    diesel::update(accounts::table.find(account.id))
        .set(accounts::last_active_at.eq(now))
        .execute(connection)?;
    Ok(())
}

/// Keeps the accounts of these addresses from being deleted until the transaction ends, which what is added
/// for them would do later. The order of their ids prevents deadlocks. SQLite runs one write transaction
/// at a time.
pub fn lock_against_deletion(connection: &mut Connection, emails: &[EmailAddress]) -> Result<()> {
    let theirs = accounts::table
        .filter(accounts::email.eq_any(emails))
        .order(accounts::id.asc())
        .select(accounts::id);
    match connection {
        Connection::Sqlite(_) => {}
        Connection::Postgres(postgres) => {
            theirs.for_key_share().load::<AccountId>(postgres)?;
        }
    }
    Ok(())
}

/// Locks those accounts of these addresses that are not verified against concurrent verification, in the order
/// of their ids. SQLite runs one write transaction at a time.
pub fn lock_unverified_of(connection: &mut Connection, emails: &[EmailAddress]) -> Result<()> {
    let unverified = accounts::table
        .filter(accounts::email.eq_any(emails))
        .filter(accounts::email_verified_at.is_null())
        .order(accounts::id.asc())
        .select(accounts::id);
    match connection {
        Connection::Sqlite(_) => {}
        Connection::Postgres(postgres) => {
            unverified.for_no_key_update().load::<AccountId>(postgres)?;
        }
    }
    Ok(())
}
