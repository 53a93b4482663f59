//! The accounts of an import: made, admitted, and told of in their rows in one transaction.

use super::execution::ImportRun;
use super::staging::taken_error;
use crate::domain::email_address::EmailAddress;
use crate::domain::events::JoinedBy;
use crate::domain::ids::GroupId;
use crate::domain::imports::{ImportSource, RowOutcome};
use crate::domain::organization::{JoinedVia, Role};
use crate::domain::timestamp::Timestamp;
use crate::domain::username::Username;
use crate::error::{Error, Result};
use crate::services::admission::{self, Admission, Newcomer, SeatSource};
use crate::services::context::RequestContext;
use crate::services::generated_addresses;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::accounts::{self, Account};
use crate::store::import_rows::ImportRow;
use crate::store::{Connection, groups, import_outcomes, imports, organizations};

impl ImportRun<'_> {
    /// Makes accounts of the rows, admits them, and gives every row its outcome.
    pub(super) fn create(
        &self,
        connection: &mut Connection,
        rows: &mut [ImportRow],
        now: Timestamp,
    ) -> Result<()> {
        if self.makes_addresses() {
            self.make_addresses(connection, rows)?;
        }
        let candidates: Result<Vec<Account>> =
            rows.iter().map(|row| self.account_of(row, now)).collect();
        let candidates = candidates?;
        let new = accounts::insert_new(connection, &candidates)?;
        let (created, refused): (Vec<Account>, Vec<Account>) = candidates
            .into_iter()
            .partition(|account| new.contains(&account.id));
        if self.makes_addresses() && !refused.is_empty() {
            return Err(Error::unavailable("a made-up address was just taken"));
        }
        // Asked anew each time: a group may be deleted while the import waits or runs.
        let groups = groups::of_import(connection, self.import.id)?;
        let admission = self.admission(groups);
        let by = JoinedBy::Import(self.import.id);
        let newcomers: Vec<Newcomer<'_>> = created.iter().map(|account| (account, by)).collect();
        let context = RequestContext::system(now);
        let services = &self.worker_context.services;
        admission::admit(
            &mut UnitOfWork::new(connection, services, &context),
            &newcomers,
            &admission,
        )?;
        let count = i64::try_from(created.len()).map_err(Error::internal)?;
        imports::move_reserved(connection, self.import.id, -count)?;
        self.set_outcomes(connection, rows, &created, &refused)?;
        import_outcomes::add(connection, self.import.id, &tally(rows))
    }

    fn makes_addresses(&self) -> bool {
        self.import.source == ImportSource::Usernames
    }

    /// Under the organization's slug of this moment.
    fn make_addresses(&self, connection: &mut Connection, rows: &mut [ImportRow]) -> Result<()> {
        let organization = organizations::find(connection, self.import.organization_id)?
            .ok_or_else(|| Error::not_found("organization"))?;
        let domain = self
            .worker_context
            .services
            .config
            .login_domain
            .of_organization(&organization.slug);
        let names: Result<Vec<Username>, _> = rows
            .iter()
            .map(|row| Username::parse(&row.username))
            .collect();
        let names = names.map_err(Error::internal)?;
        let addresses = generated_addresses::claim(connection, &domain, &names)?;
        for (row, address) in rows.iter_mut().zip(addresses) {
            row.email = address.to_string();
        }
        Ok(())
    }

    fn account_of(&self, row: &ImportRow, now: Timestamp) -> Result<Account> {
        let email = EmailAddress::parse(&row.email).map_err(Error::internal)?;
        let username = Username::parse(&row.username).map_err(Error::internal)?;
        let mut account = Account::new(email, username, now);
        account.password_hash = row.password_hash.clone();
        account.must_change_password = self.import.must_change_password;
        account.generated_address = self.makes_addresses();
        account.managed_by_organization_id = Some(self.import.organization_id);
        Ok(account)
    }

    fn admission(&self, groups: Vec<GroupId>) -> Admission {
        Admission {
            organization: self.import.organization_id,
            account_type: self.import.account_type,
            role: Role::Member,
            via: match self.import.source {
                ImportSource::Csv => JoinedVia::CsvImport,
                ImportSource::Usernames => JoinedVia::Manual,
            },
            groups,
            seats: SeatSource::Reserved,
        }
    }

    /// `refused` are those whose address got an account after the upload was judged.
    fn set_outcomes(
        &self,
        connection: &mut Connection,
        rows: &mut [ImportRow],
        created: &[Account],
        refused: &[Account],
    ) -> Result<()> {
        let emails: Vec<_> = refused
            .iter()
            .map(|account| account.email.clone())
            .collect();
        let taken = if emails.is_empty() {
            Vec::new()
        } else {
            accounts::taken(connection, self.import.organization_id, &emails)?
        };
        let mut created = created.iter().peekable();
        for row in rows {
            let is_this = |account: &&Account| account.email.as_str() == row.email;
            if let Some(account) = created.next_if(is_this) {
                row.succeed(account.id);
                continue;
            }
            let is_member = taken
                .iter()
                .any(|(email, is_member)| email.as_str() == row.email && *is_member);
            row.password_hash = None;
            row.fail(taken_error(is_member));
        }
        Ok(())
    }
}

/// How many rows ended how.
pub(super) fn tally(rows: &[ImportRow]) -> Vec<(RowOutcome, i64)> {
    let mut counts = std::collections::BTreeMap::new();
    for outcome in rows.iter().filter_map(|row| row.outcome) {
        *counts.entry(outcome).or_insert(0_i64) += 1;
    }
    counts.into_iter().collect()
}
