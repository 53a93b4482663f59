//! What each address belongs to.

use std::collections::{HashMap, HashSet};

use crate::domain::email_address::EmailAddress;
use crate::domain::ids::{AccountId, OrganizationId};
use crate::domain::invitations::{InvitationKind, InvitationStatus};
use crate::domain::organization::MembershipStatus;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::services::takeover;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::accounts::{self, Account};
use crate::store::invitations::{self, Invitation};

/// An address that gets no invitation.
pub(super) enum Existing {
    /// An invitation waits for an answer already; the account too, where that is a member already.
    Invited(Invitation, Option<AccountId>),
    Member(Account),
    Deactivated,
    /// A login address that Rollcall generated: no mailbox is behind it.
    Generated,
}

/// Somebody who gets an invitation if there is a seat.
pub(super) struct Invitee {
    pub account: Account,
    pub kind: InvitationKind,
    /// Whether the account is created in the place of one that nobody verified, once there is a seat.
    pub replaces: bool,
}

impl Invitee {
    /// Whoever has just got an account for the invitation.
    pub(super) const fn of_new_account(account: Account) -> Self {
        Self {
            account,
            kind: InvitationKind::NewAccount,
            replaces: false,
        }
    }
}

/// Addresses by what they belong to.
#[derive(Default)]
pub(super) struct Resolved {
    pub existing: HashMap<EmailAddress, Existing>,
    pub invitees: HashMap<EmailAddress, Invitee>,
    /// Addresses of which the account may be replaced.
    pub replaceable: Vec<EmailAddress>,
    /// Pending invitations to these addresses that nobody can answer any more.
    pub stale: Vec<Invitation>,
}

/// Resolves addresses, of which some have got their account by this call. Keeps their accounts from being deleted and
/// verified meanwhile, and locks their invitations that are pending or have expired.
pub(super) fn resolve(
    tx: &mut UnitOfWork<'_>,
    organization: OrganizationId,
    emails: &[EmailAddress],
    created: Vec<Account>,
) -> Result<Resolved> {
    if emails.is_empty() {
        return Ok(Resolved::default());
    }
    let is_new: HashSet<EmailAddress> = created.iter().map(|new| new.email.clone()).collect();
    let others = emails.iter().filter(|email| !is_new.contains(*email));
    let others: Vec<EmailAddress> = others.cloned().collect();
    accounts::lock_against_deletion(tx.connection, &others)?;
    accounts::lock_unverified_of(tx.connection, &others)?;
    let mut unended = invitations::lock_unended(tx.connection, organization, emails)?;
    let accounts = accounts::of_addresses(tx.connection, organization, &others)?;
    let late = without_invitation(&accounts, &unended);
    if !late.is_empty() {
        unended.extend(invitations::lock_unended(
            tx.connection,
            organization,
            &late,
        )?);
    }
    let mut resolved = by_account(tx, accounts)?;
    let invitees = created.into_iter().map(Invitee::of_new_account);
    resolved
        .invitees
        .extend(invitees.map(|it| (it.account.email.clone(), it)));
    for invitation in unended {
        apply(&mut resolved, invitation, tx.now());
    }
    let is_known = |email: &EmailAddress| {
        resolved.existing.contains_key(email) || resolved.invitees.contains_key(email)
    };
    resolved.replaceable = others
        .into_iter()
        .filter(|email| !is_known(email))
        .collect();
    Ok(resolved)
}

/// The addresses of unused accounts without an invitation: another transaction may have created both between
/// the two queries.
fn without_invitation(
    accounts: &[(Account, Option<MembershipStatus>)],
    unended: &[Invitation],
) -> Vec<EmailAddress> {
    let invited: HashSet<&EmailAddress> =
        unended.iter().map(|invitation| &invitation.email).collect();
    accounts
        .iter()
        .map(|(account, _)| account)
        .filter(|account| !account.is_used() && !invited.contains(&account.email))
        .map(|account| account.email.clone())
        .collect()
}

/// Sorts accounts by their membership in the organization. One that does not stand in the way of the owner of
/// its address counts as none.
fn by_account(
    tx: &mut UnitOfWork<'_>,
    accounts: Vec<(Account, Option<MembershipStatus>)>,
) -> Result<Resolved> {
    let mut resolved = Resolved::default();
    for (account, status) in accounts {
        let email = account.email.clone();
        let existing = match (account.generated_address, status) {
            (true, Some(MembershipStatus::Active | MembershipStatus::Deactivated) | None) => {
                Existing::Generated
            }
            (false, Some(MembershipStatus::Active)) => Existing::Member(account),
            (false, Some(MembershipStatus::Deactivated)) => Existing::Deactivated,
            (false, None) if takeover::may_be_replaced(tx, &account)? => continue,
            (false, None) => {
                let invitee = Invitee {
                    account,
                    kind: InvitationKind::Join,
                    replaces: false,
                };
                resolved.invitees.insert(email, invitee);
                continue;
            }
        };
        resolved.existing.insert(email, existing);
    }
    Ok(resolved)
}

/// Applies an invitation that is pending or has expired to what its address belongs to.
fn apply(resolved: &mut Resolved, invitation: Invitation, now: Timestamp) {
    let email = invitation.email.clone();
    match resolved.existing.get(&email) {
        // Nobody has used the account yet: a new link helps, whether the old one has expired or not.
        Some(Existing::Member(account)) if made(&invitation, account) && !account.is_used() => {
            let invited = Existing::Invited(invitation, Some(account.id));
            resolved.existing.insert(email, invited);
        }
        Some(
            Existing::Invited(..)
            | Existing::Member(_)
            | Existing::Deactivated
            | Existing::Generated,
        ) => {}
        None if awaits_invitee(resolved, &invitation, now) => {
            resolved.invitees.remove(&email);
            let invited = Existing::Invited(invitation, None);
            resolved.existing.insert(email, invited);
        }
        None => match invitation.status {
            InvitationStatus::Pending => resolved.stale.push(invitation),
            InvitationStatus::Accepted
            | InvitationStatus::Declined
            | InvitationStatus::Revoked
            | InvitationStatus::Expired => {}
        },
    }
}

/// Whether the invitation made this account.
fn made(invitation: &Invitation, account: &Account) -> bool {
    invitation.kind == InvitationKind::NewAccount && invitation.account_id == Some(account.id)
}

/// Whether the account that has the address can still accept the invitation.
fn awaits_invitee(resolved: &Resolved, invitation: &Invitation, now: Timestamp) -> bool {
    resolved
        .invitees
        .get(&invitation.email)
        .is_some_and(|invitee| {
            invitation.kind == InvitationKind::Join
                && invitation.account_id == Some(invitee.account.id)
                && invitation.status_at(now) == InvitationStatus::Pending
        })
}
