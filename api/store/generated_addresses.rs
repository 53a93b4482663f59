//! Login addresses that were ever made up: none is given out twice, not even when its account, or
//! the whole organization, is gone (`docs/imports.md#names-without-addresses`).

use std::collections::{HashMap, HashSet};

use diesel::dsl::max;
use diesel::prelude::*;

use super::backend::each_backend;
use super::schema::{accounts, generated_addresses};
use super::{Connection, ROWS_AT_ONCE};
use crate::domain::email_address::EmailAddress;
use crate::domain::slug::Slug;
use crate::error::Result;

/// An address as it is remembered.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = generated_addresses)]
pub struct GeneratedAddress {
    pub email: EmailAddress,
    /// What stands before the number.
    pub base: Slug,
    /// What stands behind the `@`.
    pub domain: String,
    /// 1 where it has none.
    pub number: i64,
}

/// The highest number that each of these bases ever had in the domain.
pub fn highest_numbers(
    connection: &mut Connection,
    domain: &str,
    bases: &[&Slug],
) -> Result<HashMap<Slug, i64>> {
    let found: Vec<(Slug, Option<i64>)> = generated_addresses::table
        .filter(generated_addresses::domain.eq(domain))
        .filter(generated_addresses::base.eq_any(bases.iter().copied()))
        .group_by(generated_addresses::base)
        .select((generated_addresses::base, max(generated_addresses::number)))
        .load(connection)?;
    let numbered = |(base, number): (Slug, Option<i64>)| Some((base, number?));
    Ok(found.into_iter().filter_map(numbered).collect())
}

/// Which of these addresses were given out before, or belong to an account however it got there.
pub fn taken(
    connection: &mut Connection,
    emails: &[&EmailAddress],
) -> Result<HashSet<EmailAddress>> {
    let mut taken = HashSet::new();
    for chunk in emails.chunks(ROWS_AT_ONCE) {
        let made_up: Vec<EmailAddress> = generated_addresses::table
            .filter(generated_addresses::email.eq_any(chunk.iter().copied()))
            .select(generated_addresses::email)
            .load(connection)?;
        let of_accounts: Vec<EmailAddress> = accounts::table
            .filter(accounts::email.eq_any(chunk.iter().copied()))
            .select(accounts::email)
            .load(connection)?;
        taken.extend(made_up);
        taken.extend(of_accounts);
    }
    Ok(taken)
}

/// Remembers those of these addresses that nobody has taken meanwhile, and tells which these were.
pub fn insert_new(
    connection: &mut Connection,
    new: &[GeneratedAddress],
) -> Result<HashSet<EmailAddress>> {
    if new.is_empty() {
        return Ok(HashSet::new());
    }
    let inserted: Vec<EmailAddress> = each_backend!(connection, c => {
        diesel::insert_into(generated_addresses::table)
            .values(new)
            .on_conflict_do_nothing()
            .returning(generated_addresses::email)
            .get_results(c)
    })?;
    Ok(inserted.into_iter().collect())
}
