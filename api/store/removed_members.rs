//! Whom an admin or a group's manager removed: a code that was made before does not let them back
//! in (`docs/invite-codes.md`). Kept by address, which outlives the account.

use std::collections::{HashMap, HashSet};

use diesel::dsl::{auto_type, exists};
use diesel::prelude::*;
use diesel::upsert::excluded;

use super::Connection;
use super::backend::each_backend;
use super::schema::{
    accounts, groups, identities, memberships, removed_group_members, removed_members,
    removed_subjects,
};
use super::sql_expression::Among;
use crate::domain::email_address::EmailAddress;
use crate::domain::ids::{AccountId, GroupId, OrganizationId};
use crate::domain::organization::MembershipStatus;
use crate::domain::search_key::escape_like;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

/// Notes that somebody was removed from the organization.
pub fn insert(
    connection: &mut Connection,
    organization: OrganizationId,
    account: AccountId,
    at: Timestamp,
) -> Result<()> {
    let rows: Vec<_> = addresses(connection, &[account])?
        .into_iter()
        .map(|email| {
            (
                removed_members::organization_id.eq(organization),
                removed_members::email.eq(email),
                removed_members::removed_at.eq(at),
            )
        })
        .collect();
    each_backend!(connection, c => diesel::insert_into(removed_members::table)
        .values(&rows)
        .on_conflict((removed_members::organization_id, removed_members::email))
        .do_update()
        .set(removed_members::removed_at.eq(excluded(removed_members::removed_at)))
        .execute(c))?;
    insert_subjects(connection, (organization, account), at)
}

/// The same by what identity providers call them: without an address, nothing else would tell who comes back.
fn insert_subjects(
    connection: &mut Connection,
    (organization, account): (OrganizationId, AccountId),
    at: Timestamp,
) -> Result<()> {
    let theirs: Vec<(Vec<u8>, String)> = identities::table
        .filter(identities::organization_id.eq(organization))
        .filter(identities::account_id.eq(account))
        .select((identities::named_issuer, identities::subject))
        .load(connection)?;
    let rows: Vec<_> = theirs
        .into_iter()
        .map(|(issuer, subject)| {
            (
                removed_subjects::organization_id.eq(organization),
                removed_subjects::named_issuer.eq(issuer),
                removed_subjects::subject.eq(subject),
                removed_subjects::removed_at.eq(at),
            )
        })
        .collect();
    each_backend!(connection, c => diesel::insert_into(removed_subjects::table)
        .values(&rows)
        .on_conflict_do_nothing()
        .execute(c))?;
    Ok(())
}

/// Whether somebody was removed from the organization whom this issuer calls so, whether or not they have an account.
pub fn is_subject(
    connection: &mut Connection,
    organization: OrganizationId,
    named: (&[u8], &str),
) -> Result<bool> {
    let theirs = called(organization, named);
    Ok(diesel::select(exists(theirs)).get_result(connection)?)
}

/// Deletes the note that somebody was removed whom this issuer calls so: they are welcome again.
pub fn delete_subject(
    connection: &mut Connection,
    organization: OrganizationId,
    named: (&[u8], &str),
) -> Result<()> {
    diesel::delete(called(organization, named)).execute(connection)?;
    Ok(())
}

fn called<'a>(
    organization: OrganizationId,
    (issuer, subject): (&'a [u8], &'a str),
) -> diesel::dsl::Find<removed_subjects::table, (OrganizationId, &'a [u8], &'a str)> {
    removed_subjects::table.find((organization, issuer, subject))
}

fn addresses(connection: &mut Connection, ids: &[AccountId]) -> Result<Vec<EmailAddress>> {
    Ok(accounts::table
        .filter(accounts::id.eq_any(ids))
        .select(accounts::email)
        .load(connection)?)
}

/// When somebody was removed from the organization, if they were and nobody let them in since.
pub fn find(
    connection: &mut Connection,
    organization: OrganizationId,
    account: AccountId,
) -> Result<Option<Timestamp>> {
    Ok(removed_members::table
        .filter(removed_members::organization_id.eq(organization))
        .filter(removed_members::email.eq_any(address(account)))
        .select(removed_members::removed_at)
        .first(connection)
        .optional()?)
}

/// Whether somebody with this address was removed from the organization, whether or not they have an account.
pub fn is_address(
    connection: &mut Connection,
    organization: OrganizationId,
    email: &EmailAddress,
) -> Result<bool> {
    let theirs = removed_members::table
        .filter(removed_members::organization_id.eq(organization))
        .filter(removed_members::email.eq(email));
    Ok(diesel::select(exists(theirs)).get_result(connection)?)
}

/// When somebody who reads the mailbox of an address was removed last, by whichever of its subaddresses they came.
pub fn mailbox_removed_at(
    connection: &mut Connection,
    organization: OrganizationId,
    email: &EmailAddress,
) -> Result<Option<Timestamp>> {
    let mailbox = email.mailbox();
    let subaddresses = match mailbox.rsplit_once('@') {
        Some((name, domain)) => format!("{}+%@{}", escape_like(name), escape_like(domain)),
        None => return Ok(None),
    };
    Ok(removed_members::table
        .filter(removed_members::organization_id.eq(organization))
        .filter(
            removed_members::email
                .eq(&mailbox)
                .or(removed_members::email.like(subaddresses).escape('\\')),
        )
        .order(removed_members::removed_at.desc())
        .select(removed_members::removed_at)
        .first(connection)
        .optional()?)
}

/// Whether somebody who reads the mailbox of an address was removed from the organization or deactivated there, by
/// whichever of its subaddresses they came.
pub fn is_mailbox(
    connection: &mut Connection,
    organization: OrganizationId,
    email: &EmailAddress,
) -> Result<bool> {
    if mailbox_removed_at(connection, organization, email)?.is_some() {
        return Ok(true);
    }
    let mailbox = email.mailbox();
    let deactivated = memberships::table
        .inner_join(accounts::table)
        .filter(memberships::organization_id.eq(organization))
        .filter(memberships::status.eq(MembershipStatus::Deactivated))
        .filter(
            accounts::email
                .eq(&mailbox)
                .or(accounts::subaddress_of.eq(&mailbox)),
        );
    Ok(diesel::select(exists(deactivated)).get_result(connection)?)
}

#[auto_type]
fn address(account: AccountId) -> _ {
    accounts::table
        .filter(accounts::id.eq(account))
        .select(accounts::email)
}

/// Deletes the notes that people were removed: these people are welcome again.
pub fn delete(
    connection: &mut Connection,
    organization: OrganizationId,
    accounts: &[AccountId],
) -> Result<()> {
    let emails = accounts::table
        .filter(Among::accounts(connection, "accounts.id", accounts))
        .select(accounts::email);
    let theirs = removed_members::table
        .filter(removed_members::organization_id.eq(organization))
        .filter(removed_members::email.eq_any(emails));
    diesel::delete(theirs).execute(connection)?;
    let of_accounts = identities::table
        .filter(identities::organization_id.eq(organization))
        .filter(Among::accounts(
            connection,
            "identities.account_id",
            accounts,
        ))
        .select((identities::named_issuer, identities::subject));
    let subjects: Vec<(Vec<u8>, String)> = of_accounts.load(connection)?;
    for (issuer, subject) in subjects {
        let noted = removed_subjects::table.find((organization, issuer, subject));
        diesel::delete(noted).execute(connection)?;
    }
    Ok(())
}

/// Notes that people were removed from a group.
pub fn insert_of_group(
    connection: &mut Connection,
    group: GroupId,
    accounts: &[AccountId],
    at: Timestamp,
) -> Result<()> {
    let rows: Vec<_> = addresses(connection, accounts)?
        .into_iter()
        .map(|email| {
            (
                removed_group_members::group_id.eq(group),
                removed_group_members::email.eq(email),
                removed_group_members::removed_at.eq(at),
            )
        })
        .collect();
    each_backend!(connection, c => diesel::insert_into(removed_group_members::table)
        .values(&rows)
        .on_conflict((removed_group_members::group_id, removed_group_members::email))
        .do_update()
        .set(removed_group_members::removed_at.eq(excluded(removed_group_members::removed_at)))
        .execute(c))?;
    Ok(())
}

/// When somebody was removed from the group, if they were and nobody added them since.
pub fn find_of_group(
    connection: &mut Connection,
    group: GroupId,
    account: AccountId,
) -> Result<Option<Timestamp>> {
    Ok(removed_group_members::table
        .filter(removed_group_members::group_id.eq(group))
        .filter(removed_group_members::email.eq_any(address(account)))
        .select(removed_group_members::removed_at)
        .first(connection)
        .optional()?)
}

/// Notes of another address what is noted of one, whose owner has it from now on.
pub fn carry_along(
    connection: &mut Connection,
    (old, new): (&EmailAddress, &EmailAddress),
) -> Result<()> {
    let members: Vec<(OrganizationId, Timestamp)> = removed_members::table
        .filter(removed_members::email.eq(old))
        .select((
            removed_members::organization_id,
            removed_members::removed_at,
        ))
        .load(connection)?;
    let members: Vec<_> = members
        .into_iter()
        .map(|(organization, at)| {
            (
                removed_members::organization_id.eq(organization),
                removed_members::email.eq(new),
                removed_members::removed_at.eq(at),
            )
        })
        .collect();
    each_backend!(connection, c => diesel::insert_into(removed_members::table)
        .values(&members)
        .on_conflict_do_nothing()
        .execute(c))?;
    let groups: Vec<(GroupId, Timestamp)> = removed_group_members::table
        .filter(removed_group_members::email.eq(old))
        .select((
            removed_group_members::group_id,
            removed_group_members::removed_at,
        ))
        .load(connection)?;
    let groups: Vec<_> = groups
        .into_iter()
        .map(|(group, at)| {
            (
                removed_group_members::group_id.eq(group),
                removed_group_members::email.eq(new),
                removed_group_members::removed_at.eq(at),
            )
        })
        .collect();
    each_backend!(connection, c => diesel::insert_into(removed_group_members::table)
        .values(&groups)
        .on_conflict_do_nothing()
        .execute(c))?;
    Ok(())
}

/// The groups of an organization that each of these people was removed from, and nobody added them to since.
pub fn groups_of(
    connection: &mut Connection,
    organization: OrganizationId,
    accounts: &[AccountId],
    named: &[GroupId],
) -> Result<HashMap<AccountId, HashSet<GroupId>>> {
    let removed: Vec<(AccountId, GroupId)> = removed_group_members::table
        .inner_join(groups::table.on(groups::id.eq(removed_group_members::group_id)))
        .inner_join(accounts::table.on(accounts::email.eq(removed_group_members::email)))
        .filter(groups::organization_id.eq(organization))
        .filter(accounts::id.eq_any(accounts))
        .filter(removed_group_members::group_id.eq_any(named))
        .select((accounts::id, removed_group_members::group_id))
        .load(connection)?;
    let mut by_account: HashMap<AccountId, HashSet<GroupId>> = HashMap::new();
    for (account, group) in removed {
        by_account.entry(account).or_default().insert(group);
    }
    Ok(by_account)
}

/// Deletes the notes that people were removed from groups: these people are welcome there again.
pub fn delete_of_groups(
    connection: &mut Connection,
    groups: &[GroupId],
    accounts: &[AccountId],
) -> Result<()> {
    let emails = accounts::table
        .filter(accounts::id.eq_any(accounts))
        .select(accounts::email);
    let theirs = removed_group_members::table
        .filter(removed_group_members::group_id.eq_any(groups))
        .filter(removed_group_members::email.eq_any(emails));
    diesel::delete(theirs).execute(connection)?;
    Ok(())
}
