//! A new link in the place of an old one.

use super::errors::{ended, without_account};
use super::inviter::Inviter;
use super::links::{self, QueuedLink};
use crate::domain::events::InvitationEvent;
use crate::domain::ids::MailId;
use crate::domain::invitations::{InvitationKind, InvitationStatus, ValidDays};
use crate::domain::organization::MembershipStatus;
use crate::error::{Code, Error, Result};
use crate::services::invitation_ends::publish;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::accounts::Account;
use crate::store::invitations::{Invitation, Reopened};
use crate::store::{Connection, accounts, invitations, mailed_tokens, memberships, seats};

/// Gives a locked invitation that is pending or has expired a new link and its whole time again. The
/// old link is deleted, and its mail is withdrawn if it was not sent yet.
///
/// # Errors
/// `invitation_ended` where there is nothing left to accept, `already_member` where the person has
/// joined in another way, `no_seat` where the seat was released and none is free.
pub(super) fn renew(tx: &mut UnitOfWork<'_>, invitation: &Invitation) -> Result<()> {
    match invitation.status_at(tx.now()) {
        InvitationStatus::Pending | InvitationStatus::Expired => {}
        status @ (InvitationStatus::Accepted
        | InvitationStatus::Declined
        | InvitationStatus::Revoked) => return Err(ended(status)),
    }
    let to = recipient(tx.connection, invitation)?;
    if invitation.status == InvitationStatus::Expired {
        reserve_again(tx.connection, invitation)?;
    }
    discard_link(tx, invitation)?;
    let valid_for = ValidDays::new(invitation.valid_days).unwrap_or_default();
    let renewed = Invitation {
        links: invitation.links + 1,
        expires_at: valid_for.after(tx.now()),
        ..invitation.clone()
    };
    let inviter = Inviter::of(tx, invitation)?;
    let link = links::queue(tx, &inviter, (&renewed, &to))?;
    store(tx.connection, &renewed, link)?;
    publish(tx, invitation, InvitationEvent::Resent)
}

/// The account whose answer is awaited.
fn recipient(connection: &mut Connection, invitation: &Invitation) -> Result<Account> {
    let account = invitation.account_id.ok_or_else(without_account)?;
    let account = accounts::find(connection, account)?.ok_or_else(without_account)?;
    let membership = memberships::find(connection, invitation.organization_id, account.id)?;
    match (invitation.kind, membership.map(|member| member.status)) {
        (
            InvitationKind::NewAccount,
            Some(MembershipStatus::Active | MembershipStatus::Deactivated) | None,
        ) if account.is_used() => Err(ended(InvitationStatus::Accepted)),
        (InvitationKind::NewAccount, Some(MembershipStatus::Deactivated) | None) => {
            Err(ended(InvitationStatus::Revoked))
        }
        (InvitationKind::Join, Some(MembershipStatus::Active | MembershipStatus::Deactivated)) => {
            Err(Error::already_member())
        }
        (InvitationKind::NewAccount, Some(MembershipStatus::Active))
        | (InvitationKind::Join, None) => Ok(account),
    }
}

/// Reserves a seat again for an expired invitation. A newer invitation to the same address takes
/// precedence.
fn reserve_again(connection: &mut Connection, invitation: &Invitation) -> Result<()> {
    let organization = invitation.organization_id;
    if invitation.kind == InvitationKind::Join
        && seats::reserve_up_to(connection, organization, invitation.account_type, 1)? == 0
    {
        return Err(Error::no_seat());
    }
    let address = std::slice::from_ref(&invitation.email);
    if invitations::pending_among(connection, organization, address)?.is_empty() {
        return Ok(());
    }
    Err(Error::refused(
        Code::InvitationEnded,
        "A newer invitation to this address is pending.",
    ))
}

fn discard_link(tx: &mut UnitOfWork<'_>, invitation: &Invitation) -> Result<()> {
    mailed_tokens::delete_of_invitation(tx.connection, invitation.id)?;
    let mail: Vec<MailId> = invitation.mail_id.into_iter().collect();
    tx.withdraw_mails(&mail)
}

fn store(connection: &mut Connection, renewed: &Invitation, link: QueuedLink) -> Result<()> {
    mailed_tokens::insert_all(connection, &[link.token])?;
    let reopened = Reopened {
        status: InvitationStatus::Pending,
        expires_at: renewed.expires_at,
        links: renewed.links,
        mail_id: link.mail,
        ended_at: None,
    };
    invitations::reopen(connection, renewed.id, &reopened)
}
