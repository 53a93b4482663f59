//! One's own account (`docs/accounts.md`).

use super::confinement::opened_organizations;
use super::events;
use super::unit_of_work::UnitOfWork;
use crate::domain::events::{AccountEvent, DomainEvent};
use crate::domain::language::Language;
use crate::domain::username::Username;
use crate::error::{Error, Result};
use crate::store::accounts::{self, Account};
use crate::store::memberships::{self, Membership};
use crate::store::organizations::Organization;

/// What may change of one's own account; absent fields stay.
#[derive(Clone, Debug, Default)]
pub struct AccountChanges {
    pub username: Option<Username>,
    pub language: Option<Language>,
}

/// Changes the signed-in person's account, and gives it as it is then.
///
/// # Errors
/// `not_signed_in` where it is gone.
pub fn update(tx: &mut UnitOfWork<'_>, changes: AccountChanges) -> Result<Account> {
    let account = tx.context.principal.session()?.account.clone();
    let id = account.id;
    let AccountChanges { username, language } = changes;
    tx.transaction(|tx| {
        if let Some(username) = &username {
            accounts::rename(tx.connection, &account, username)?;
        }
        if let Some(language) = language {
            accounts::set_language(tx.connection, id, language)?;
        }
        if username.is_some() || language.is_some() {
            let event = AccountEvent::Updated { username, language };
            events::publish(tx, DomainEvent::Account { account: id, event })?;
        }
        accounts::find(tx.connection, id)?.ok_or_else(Error::not_signed_in)
    })
}

/// The signed-in person's memberships with their organizations; in a confined session, of those that it opens.
pub fn memberships(tx: &mut UnitOfWork<'_>) -> Result<Vec<(Organization, Membership)>> {
    let account = tx.context.principal.session()?.account.id;
    let opened = opened_organizations(tx)?;
    let mut memberships = memberships::of_account(tx.connection, account)?;
    if let Some(opened) = opened {
        memberships.retain(|(organization, _)| opened.contains(&organization.id));
    }
    Ok(memberships)
}
