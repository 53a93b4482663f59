//! The accounts of an import: created, admitted, and told of in their rows in one transaction.

use super::staging::taken_error;
use crate::domain::events::JoinedBy;
use crate::domain::imports::{ImportSource, RowOutcome};
use crate::domain::organization::{JoinedVia, Role};
use crate::domain::password::PasswordOrigin;
use crate::domain::timestamp::Timestamp;
use crate::domain::username::Username;
use crate::error::{Error, Result};
use crate::services::admission::{self, Admission, Newcomer, SeatSource};
use crate::services::generated_addresses;
use crate::services::takeover;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::accounts::{self, Account};
use crate::store::import_rows::{self, ImportRow};
use crate::store::imports::{self, Import};
use crate::store::{groups, import_outcomes, organizations};

/// Makes accounts of the rows, admits them, and gives every row its outcome.
pub(super) fn create(
    tx: &mut UnitOfWork<'_>,
    import: &Import,
    rows: &mut [ImportRow],
) -> Result<()> {
    if generates_addresses(import) {
        claim_addresses(tx, import, rows)?;
    }
    let (created, refused) = insert_accounts(tx, import, rows)?;
    if generates_addresses(import) && !refused.is_empty() {
        return Err(Error::conflict("a made-up address was just taken"));
    }
    admit(tx, import, &created)?;
    set_outcomes(tx, import, rows, &Inserted { created, refused })?;
    import_rows::update_all(tx.connection, rows)?;
    import_outcomes::add(tx.connection, import.id, &tally(rows))
}

/// What has become of the accounts of some rows.
struct Inserted {
    created: Vec<Account>,
    /// Those whose address got an account after the upload was judged.
    refused: Vec<Account>,
}

const fn generates_addresses(import: &Import) -> bool {
    match import.source {
        ImportSource::Csv => false,
        ImportSource::Usernames => true,
    }
}

/// Under the organization's slug of this moment.
fn claim_addresses(tx: &mut UnitOfWork<'_>, import: &Import, rows: &mut [ImportRow]) -> Result<()> {
    let organization = organizations::find(tx.connection, import.organization_id)?
        .ok_or_else(|| Error::not_found("organization"))?;
    let login_domain = &tx.services.config.login_domain;
    let domain = login_domain.of_organization(&organization.slug);
    let names: Result<Vec<Username>> = rows.iter().map(name_of).collect();
    let addresses = generated_addresses::claim(tx.connection, &domain, &names?)?;
    for (row, address) in rows.iter_mut().zip(addresses) {
        row.email = Some(address);
    }
    Ok(())
}

/// Gives the accounts that are new, and those whose address has one.
fn insert_accounts(
    tx: &mut UnitOfWork<'_>,
    import: &Import,
    rows: &[ImportRow],
) -> Result<(Vec<Account>, Vec<Account>)> {
    let now = tx.now();
    let candidates: Result<Vec<Account>> = rows
        .iter()
        .map(|row| account_of(import, row, now))
        .collect();
    let candidates = candidates?;
    let mut new = accounts::insert_new(tx.connection, &candidates)?;
    for candidate in &candidates {
        if !new.contains(&candidate.id) && takeover::take_over(tx, candidate)? {
            new.insert(candidate.id);
        }
    }
    Ok(candidates
        .into_iter()
        .partition(|account| new.contains(&account.id)))
}

fn account_of(import: &Import, row: &ImportRow, now: Timestamp) -> Result<Account> {
    let email = row.email.clone();
    let email = email.ok_or_else(|| Error::internal("a pending row has no address"))?;
    let mut account = Account::new(email, name_of(row)?, now);
    account.password_hash = row.password_hash.clone();
    account.password_origin = PasswordOrigin::Assigned;
    account.must_change_password = import.must_change_password;
    account.generated_address = generates_addresses(import);
    account.managed_by_organization_id = Some(import.organization_id);
    Ok(account)
}

fn name_of(row: &ImportRow) -> Result<Username> {
    let name = row.username.clone();
    name.ok_or_else(|| Error::internal("a pending row has no name"))
}

/// Admits accounts on the seats that the import has reserved.
fn admit(tx: &mut UnitOfWork<'_>, import: &Import, created: &[Account]) -> Result<()> {
    // The groups are read anew each time: one may be deleted while the import waits or runs.
    let admission = Admission {
        organization: import.organization_id,
        account_type: import.account_type,
        role: Role::Member,
        via: match import.source {
            ImportSource::Csv => JoinedVia::CsvImport,
            ImportSource::Usernames => JoinedVia::Manual,
        },
        groups: groups::of_import(tx.connection, import.id)?,
        seats: SeatSource::Reserved,
    };
    let by = JoinedBy::Import(import.id);
    let newcomers: Vec<Newcomer<'_>> = created.iter().map(|account| (account, by)).collect();
    admission::admit(tx, &newcomers, &admission)?;
    let count = i64::try_from(created.len()).map_err(Error::internal)?;
    imports::move_reserved(tx.connection, import.id, -count)
}

fn set_outcomes(
    tx: &mut UnitOfWork<'_>,
    import: &Import,
    rows: &mut [ImportRow],
    inserted: &Inserted,
) -> Result<()> {
    let emails: Vec<_> = inserted
        .refused
        .iter()
        .map(|account| account.email.clone())
        .collect();
    let taken = if emails.is_empty() {
        Vec::new()
    } else {
        accounts::taken(tx.connection, import.organization_id, &emails)?
    };
    let mut created = inserted.created.iter().peekable();
    for row in rows {
        let is_this = |account: &&Account| Some(&account.email) == row.email.as_ref();
        if let Some(account) = created.next_if(is_this) {
            row.succeed(account.id);
            continue;
        }
        let is_member = taken
            .iter()
            .any(|(email, is_member)| Some(email) == row.email.as_ref() && *is_member);
        row.password_hash = None;
        row.fail(taken_error(is_member));
    }
    Ok(())
}

/// How many rows ended how.
pub(super) fn tally(rows: &[ImportRow]) -> Vec<(RowOutcome, i64)> {
    let mut counts = std::collections::BTreeMap::new();
    for outcome in rows.iter().filter_map(|row| row.outcome) {
        *counts.entry(outcome).or_insert(0_i64) += 1;
    }
    counts.into_iter().collect()
}
