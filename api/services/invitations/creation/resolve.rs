//! What each address belongs to, and accounts for those who have none.

use std::collections::HashMap;

use super::InvitationBatch;
use crate::domain::email_address::EmailAddress;
use crate::domain::ids::AccountId;
use crate::domain::invitations::{InvitationKind, InvitationStatus};
use crate::domain::language::Language;
use crate::domain::organization::MembershipStatus;
use crate::domain::username::Username;
use crate::error::{Error, Result};
use crate::services::invitations::lifecycle;
use crate::store::Connection;
use crate::store::accounts::{self, Account};
use crate::store::invitations::{self, Invitation};

/// What an address belongs to.
pub(super) enum Found {
    /// A pending invitation, and the account where that is a member already.
    Invited(Invitation, Option<AccountId>),
    Member(Account),
    Deactivated,
    /// An account that is not in the organization.
    Outsider(Account),
    /// An account that was made just now, for this invitation.
    New(Account),
    /// A login address that Rollcall made up.
    MadeUp,
}

impl InvitationBatch<'_> {
    /// What each address belongs to; those that are not in the answer belong to nobody. Invitations
    /// that stand in the way and wait for nobody any more go to `stale`.
    pub(super) fn look(
        &self,
        connection: &mut Connection,
        emails: &[EmailAddress],
        stale: &mut Vec<Invitation>,
    ) -> Result<HashMap<EmailAddress, Found>> {
        let unended = invitations::lock_unended(connection, self.organization, emails)?;
        let mut found: HashMap<EmailAddress, Found> =
            accounts::of_addresses(connection, self.organization, emails)?
                .into_iter()
                .map(|(account, status)| (account.email.clone(), belonging(account, status)))
                .collect();
        for invitation in unended {
            match found.get(&invitation.email) {
                Some(Found::Outsider(account)) if self.waits_for(&invitation, account) => {
                    let email = invitation.email.clone();
                    found.insert(email, Found::Invited(invitation, None));
                }
                // Nobody has come to the account yet: a new link is what helps, expired or not.
                Some(Found::Member(account))
                    if invitation.kind == InvitationKind::NewAccount
                        && invitation.account_id == Some(account.id)
                        && !account.is_used() =>
                {
                    let (email, member) = (invitation.email.clone(), account.id);
                    found.insert(email, Found::Invited(invitation, Some(member)));
                }
                Some(Found::Outsider(_)) | None
                    if invitation.status == InvitationStatus::Pending =>
                {
                    stale.push(invitation);
                }
                _ => {}
            }
        }
        Ok(found)
    }

    fn waits_for(&self, invitation: &Invitation, account: &Account) -> bool {
        invitation.kind == InvitationKind::Join
            && invitation.account_id == Some(account.id)
            && invitation.status_at(self.now) == InvitationStatus::Pending
    }

    pub(super) fn end_stale(
        &self,
        connection: &mut Connection,
        invitation: &Invitation,
    ) -> Result<()> {
        match invitation.status_at(self.now) {
            InvitationStatus::Expired => lifecycle::expire(connection, invitation),
            _ => lifecycle::end(connection, invitation, InvitationStatus::Revoked, self.now),
        }
    }

    /// Makes accounts for those who have none. Where somebody else makes one at the same moment, it
    /// is looked at again. In the order of the addresses: two who do it never form a ring.
    pub(super) fn make_accounts(
        &self,
        connection: &mut Connection,
        emails: &[EmailAddress],
        sender: Option<&Account>,
        found: &mut HashMap<EmailAddress, Found>,
        stale: &mut Vec<Invitation>,
    ) -> Result<()> {
        let mut missing: Vec<&EmailAddress> = emails
            .iter()
            .filter(|email| !found.contains_key(*email))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        missing.sort();
        let language = self.asked.language.or(sender.map(|sender| sender.language));
        let new: Vec<Account> = missing
            .iter()
            .map(|email| self.new_account(email, language.unwrap_or(Language::English)))
            .collect();
        let made = accounts::insert_new(connection, &new)?;
        let (new, late): (Vec<_>, Vec<_>) = new
            .into_iter()
            .partition(|account| made.contains(&account.id));
        for account in new {
            found.insert(account.email.clone(), Found::New(account));
        }
        if late.is_empty() {
            return Ok(());
        }
        let late: Vec<EmailAddress> = late.into_iter().map(|account| account.email).collect();
        let known = self.look(connection, &late, stale)?;
        if known.len() < late.len() {
            return Err(Error::unavailable("an account came and went"));
        }
        found.extend(known);
        Ok(())
    }

    fn new_account(&self, email: &EmailAddress, language: Language) -> Account {
        let mut account = Account::new(email.clone(), Username::of_address(email), self.now);
        account.managed_by_organization_id = Some(self.organization);
        account.language = language;
        account
    }
}

fn belonging(account: Account, status: Option<MembershipStatus>) -> Found {
    match status {
        _ if account.generated_address => Found::MadeUp,
        Some(MembershipStatus::Active) => Found::Member(account),
        Some(MembershipStatus::Deactivated) => Found::Deactivated,
        None => Found::Outsider(account),
    }
}
