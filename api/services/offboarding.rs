//! The one way out of an organization: membership, seat, admin counter and groups, whether somebody
//! leaves, is removed, or their account is deleted.

use serde_json::json;

use super::act::Act;
use super::audit::{self, Event, Subject};
use super::invitations;
use super::members::{changed_meanwhile, hold, settle};
use super::sessions::SignedIn;
use crate::domain::audit::AuditAction;
use crate::domain::ids::{AccountId, OrganizationId};
use crate::domain::organization::MembershipStatus;
use crate::error::{Code, Error, Result};
use crate::store::memberships::Membership;
use crate::store::organizations::Organization;
use crate::store::{
    Connection, accounts, managed_accounts, memberships, organizations, removed_members,
    transaction,
};

/// Ends a membership within the caller's transaction, and tells what it was. What the organization has
/// offered to the account is taken back; an account that it created is its owner's own from now on,
/// since nobody could look after it any more.
///
/// # Errors
/// `last_admin`; `not_found` where it is no member.
pub(super) fn end(
    connection: &mut Connection,
    organization: OrganizationId,
    account: AccountId,
    act: &Act,
) -> Result<Membership> {
    organizations::lock(connection, organization)?;
    invitations::end_for_departure(connection, organization, account, act)?;
    let (_, known) = hold(connection, organization, account)?;
    end_membership(connection, &known)?;
    managed_accounts::release(connection, organization, account)?;
    Ok(known)
}

/// Ends a held membership with its seat and its places in groups.
///
/// # Errors
/// `last_admin`.
pub(super) fn end_membership(connection: &mut Connection, known: &Membership) -> Result<()> {
    settle(connection, known, None)?;
    if memberships::delete(connection, known)? {
        Ok(())
    } else {
        Err(changed_meanwhile())
    }
}

/// The caller leaves an organization.
///
/// # Errors
/// `last_admin`; `not_found` where the caller is not a member.
pub fn leave(
    connection: &mut Connection,
    caller: &SignedIn,
    organization: OrganizationId,
) -> Result<()> {
    let account = caller.account.id;
    transaction(connection, |connection| {
        let known = end(connection, organization, account, &caller.act)?;
        if known.status == MembershipStatus::Deactivated {
            // No way round the deactivation: a code that is there already does not let them back in.
            removed_members::insert(connection, organization, account, caller.act.at)?;
        }
        record_leaving(connection, &known, &caller.act)
    })
}

fn record_leaving(connection: &mut Connection, known: &Membership, act: &Act) -> Result<()> {
    let details = json!({ "account_type": known.account_type, "role": known.role });
    let subject = Subject::Account(known.account_id);
    let event = Event::within(
        known.organization_id,
        AuditAction::MemberLeft,
        subject,
        details,
    );
    audit::record(connection, act, event)
}

/// Who deletes an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Author {
    Owner,
    /// The organization that created it.
    Organization(OrganizationId),
}

impl Author {
    /// In the logs of other organizations: who did it in their own is no other's to know.
    fn act_elsewhere(self, act: &Act) -> Act {
        match self {
            Self::Owner => act.clone(),
            Self::Organization(_) => Act::of_system(act.at),
        }
    }
}

/// Begins to delete an account: its memberships stay as they are, and nothing new can refer to it,
/// until the transaction ends. The organizations are held in their order and before the account, so
/// that two deletions never wait for each other in a ring.
///
/// # Errors
/// `not_found` where it is gone.
pub(super) fn hold_for_deletion(connection: &mut Connection, account: AccountId) -> Result<()> {
    let held = organizations_of(connection, account)?;
    for organization in &held {
        organizations::lock(connection, *organization)?;
    }
    if !accounts::lock_for_deletion(connection, account)? {
        return Err(Error::not_found("account"));
    }
    let is_held = |organization: &OrganizationId| held.contains(organization);
    if organizations_of(connection, account)?.iter().all(is_held) {
        Ok(())
    } else {
        Err(Error::unavailable(
            "the account has just joined another organization",
        ))
    }
}

fn organizations_of(
    connection: &mut Connection,
    account: AccountId,
) -> Result<Vec<OrganizationId>> {
    let memberships = memberships::of_account(connection, account)?;
    Ok(memberships
        .into_iter()
        .map(|(organization, _)| organization.id)
        .collect())
}

/// Deletes a held account within the caller's transaction: each of its memberships ends.
///
/// # Errors
/// `last_admin` where an organization would be left without an admin.
pub(super) fn delete_account(
    connection: &mut Connection,
    account: AccountId,
    author: Author,
    act: &Act,
) -> Result<()> {
    let elsewhere = author.act_elsewhere(act);
    for (organization, _) in memberships::of_account(connection, account)? {
        let is_authors = author == Author::Organization(organization.id);
        let act = if is_authors { act } else { &elsewhere };
        let ended = end(connection, organization.id, account, act);
        let known = ended.map_err(|error| naming(error, &organization, author))?;
        if !is_authors {
            record_leaving(connection, &known, act)?;
        }
    }
    invitations::end_all_of_account(connection, account, &elsewhere)?;
    accounts::delete(connection, account)?;
    Ok(())
}

/// The refusal names the organization that the owner has to look after first; who else deletes the
/// account does not learn where its owner is besides.
fn naming(error: Error, organization: &Organization, author: Author) -> Error {
    if error.code() != Code::LastAdmin {
        return error;
    }
    let detail = match author {
        Author::Owner => format!(
            "You are the last admin of {}. Make somebody else an admin first, or delete the \
             organization.",
            organization.name
        ),
        Author::Organization(_) => {
            "This account is the last admin of another organization, so it cannot be deleted. \
             Remove the member instead."
                .to_owned()
        }
    };
    Error::refused(Code::LastAdmin, detail)
}

/// Deletes the caller's own account.
///
/// # Errors
/// `last_admin`, naming the organization.
pub fn delete_own_account(connection: &mut Connection, caller: &SignedIn) -> Result<()> {
    let account = caller.account.id;
    transaction(connection, |connection| {
        hold_for_deletion(connection, account)?;
        let details = json!({ "email": caller.account.email });
        let event = Event::outside(
            AuditAction::AccountDeleted,
            Subject::Account(account),
            details,
        );
        audit::record(connection, &caller.act, event)?;
        delete_account(connection, account, Author::Owner, &caller.act)
    })
}
