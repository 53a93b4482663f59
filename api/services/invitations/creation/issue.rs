//! Invitations for those who have a seat: stored, mailed, published.

use std::collections::HashSet;

use super::outcome::{Outcome, Outcomes};
use super::request::NewInvitations;
use super::resolve::Invitee;
use crate::clock::new_id;
use crate::domain::email_address::EmailAddress;
use crate::domain::events::{DomainEvent, InvitationEvent, JoinedBy};
use crate::domain::ids::{AccountId, GroupId, InvitationId};
use crate::domain::invitations::{InvitationKind, InvitationOutcome, InvitationStatus};
use crate::domain::organization::{JoinedVia, Role};
use crate::domain::search_key::address_key;
use crate::error::{Error, Result};
use crate::services::admission::{self, Admission, Newcomer, SeatSource};
use crate::services::authorization::{Invite, Permit};
use crate::services::events;
use crate::services::invitation_ends::event_of;
use crate::services::invitations::inviter::Inviter;
use crate::services::invitations::links::{self, QueuedLink};
use crate::services::limits::{self, Limit, LimitRequest};
use crate::services::sign_on_requirement::only_ways_in;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::accounts::Account;
use crate::store::invitations::{self, Invitation};
use crate::store::{mailed_tokens, removed_members};

/// Issues an invitation to each; gives their outcomes.
///
/// # Errors
/// `rate_limited`.
pub(super) fn issue(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<Invite>,
    new: &NewInvitations,
    seated: &[Invitee],
) -> Result<Outcomes> {
    if seated.is_empty() {
        return Ok(Outcomes::new());
    }
    let invitations: Vec<(Invitation, &Account)> = seated
        .iter()
        .map(|invitee| (invitation(tx, permit, new, invitee), &invitee.account))
        .collect();
    admit_new_accounts(tx, new, &invitations)?;
    forget_removals(tx, permit, new, seated)?;
    let issued = queue_mails(tx, permit, invitations)?;
    let groups: HashSet<_> = new.groups.iter().collect();
    let outcomes = issued
        .iter()
        .map(|issued| outcome_of(issued, groups.len()))
        .collect();
    store(tx, &new.groups, issued)?;
    let sent = LimitRequest {
        uses: u32::try_from(seated.len()).map_err(Error::internal)?,
        ..LimitRequest::one(Limit::Invitations, permit.organization.id.to_string())
    };
    limits::take(tx, &[sent])?;
    Ok(outcomes)
}

/// Accounts that were created for their invitation are members from the start.
fn admit_new_accounts(
    tx: &mut UnitOfWork<'_>,
    new: &NewInvitations,
    invitations: &[(Invitation, &Account)],
) -> Result<()> {
    let newcomers: Vec<Newcomer<'_>> = invitations
        .iter()
        .filter(|(invitation, _)| invitation.kind == InvitationKind::NewAccount)
        .map(|(invitation, account)| (*account, JoinedBy::Invitation(invitation.id)))
        .collect();
    let Some((first, _)) = invitations.first() else {
        return Ok(());
    };
    let admission = Admission {
        organization: first.organization_id,
        account_type: new.account_type,
        role: Role::Member,
        via: JoinedVia::Invitation,
        groups: new.groups.clone(),
        seats: SeatSource::Reserved,
    };
    admission::admit(tx, &newcomers, &admission)
}

/// Forgets that invited people were removed once: they may join by invite codes again too.
fn forget_removals(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<Invite>,
    new: &NewInvitations,
    seated: &[Invitee],
) -> Result<()> {
    let joining: Vec<AccountId> = of_kind(seated, InvitationKind::Join)
        .map(|account| account.id)
        .collect();
    if joining.is_empty() {
        return Ok(());
    }
    removed_members::delete(tx.connection, permit.organization.id, &joining)?;
    removed_members::delete_of_groups(tx.connection, &new.groups, &joining)
}

fn of_kind(seated: &[Invitee], kind: InvitationKind) -> impl Iterator<Item = &Account> {
    seated
        .iter()
        .filter(move |invitee| invitee.kind == kind)
        .map(|invitee| &invitee.account)
}

/// An invitation with its queued link.
struct Issued {
    invitation: Invitation,
    link: QueuedLink,
}

fn queue_mails(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<Invite>,
    invitations: Vec<(Invitation, &Account)>,
) -> Result<Vec<Issued>> {
    let connections = only_ways_in(tx, &permit.organization)?;
    let sender = tx.context.principal.account();
    let inviter = Inviter {
        organization: permit.organization.clone(),
        username: sender.map(|sender| sender.username.to_string()),
        connections,
    };
    let links = links::queue_all(tx, &inviter, &invitations)?;
    let issued = invitations.into_iter().zip(links);
    Ok(issued
        .map(|((mut invitation, _), link)| {
            invitation.mail_id = link.mail;
            Issued { invitation, link }
        })
        .collect())
}

fn invitation(
    tx: &UnitOfWork<'_>,
    permit: &Permit<Invite>,
    new: &NewInvitations,
    invitee: &Invitee,
) -> Invitation {
    let account = &invitee.account;
    Invitation {
        id: new_id::<InvitationId>(),
        organization_id: permit.organization.id,
        account_id: Some(account.id),
        invited_by_account_id: tx.account_id(),
        email: account.email.clone(),
        search_key: address_key(&account.email),
        kind: invitee.kind,
        account_type: new.account_type,
        language: new.language.unwrap_or(account.language),
        note: new.note.clone(),
        status: InvitationStatus::Pending,
        valid_days: new.valid_days.get(),
        expires_at: new.valid_days.after(tx.now()),
        links: 1,
        mail_id: None,
        created_at: tx.now(),
        ended_at: None,
    }
}

/// The outcome of an invitation to so many groups: a new account is in them already.
fn outcome_of(issued: &Issued, groups: usize) -> (EmailAddress, Outcome) {
    let invitation = &issued.invitation;
    let (kind, groups_added) = match invitation.kind {
        InvitationKind::NewAccount => (InvitationOutcome::AccountCreated, groups),
        InvitationKind::Join => (InvitationOutcome::JoinLinkSent, 0),
    };
    let outcome = Outcome {
        invitation: Some(invitation.id),
        groups_added,
        ..Outcome::plain(kind)
    };
    (invitation.email.clone(), outcome)
}

/// Stores the invitations with their groups and tokens, and publishes them.
fn store(tx: &mut UnitOfWork<'_>, groups: &[GroupId], issued: Vec<Issued>) -> Result<()> {
    let (invitations, tokens): (Vec<_>, Vec<_>) = issued
        .into_iter()
        .map(|issued| (issued.invitation, issued.link.token))
        .unzip();
    let pairs: Vec<(InvitationId, GroupId)> = invitations
        .iter()
        .flat_map(|invitation| groups.iter().map(|group| (invitation.id, *group)))
        .collect();
    invitations::insert_all(tx.connection, &invitations)?;
    invitations::insert_groups(tx.connection, &pairs)?;
    mailed_tokens::insert_all(tx.connection, &tokens)?;
    let events: Vec<DomainEvent> = invitations
        .iter()
        .map(|invitation| created(invitation, groups))
        .collect();
    events::publish_all(tx, &events)
}

fn created(invitation: &Invitation, groups: &[GroupId]) -> DomainEvent {
    let event = InvitationEvent::Created {
        email: invitation.email.clone(),
        kind: invitation.kind,
        account: invitation.account_id,
        account_type: invitation.account_type,
        groups: groups.to_vec(),
    };
    event_of(invitation, event)
}
