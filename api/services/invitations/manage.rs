//! Invitations, as those who sent them look after them: listed, sent again, taken back.

use std::collections::HashMap;

use super::lifecycle::{end, record};
use super::{Take, ended, links, no_such_invitation};
use crate::domain::audit::AuditAction;
use crate::domain::ids::{AccountId, GroupId, InvitationId, MailId};
use crate::domain::invitations::{InvitationKind, InvitationStatus};
use crate::domain::organization::Role;
use crate::domain::timestamp::Timestamp;
use crate::domain::username::Username;
use crate::error::{Code, Error, Result};
use crate::mail::Outbox;
use crate::services::authorization::{Invite, Permit};
use crate::services::limits::{Limit, LimitRequest};
use crate::services::offboarding;
use crate::store::invitations::{Invitation, InvitationQuery};
use crate::store::mails::Delivery;
use crate::store::{
    Connection, accounts, invitations, mails, managed_accounts, memberships, organizations,
    transaction,
};

/// An invitation with all that is shown of it.
pub struct InvitationView {
    pub invitation: Invitation,
    pub status: InvitationStatus,
    pub ended_at: Option<Timestamp>,
    pub groups: Vec<(GroupId, String)>,
    /// How far its latest mail is; none where there is none any more.
    pub delivery: Option<Delivery>,
    pub invited_by: Option<(AccountId, Username)>,
}

/// A page of invitations, the newest first; staff see those that they sent.
pub fn list(
    connection: &mut Connection,
    permit: &Permit<Invite>,
    mut query: InvitationQuery,
) -> Result<Vec<InvitationView>> {
    query.sender = permit.restricted_to_manager();
    let (organization, now) = (permit.organization.id, permit.act.at);
    let found = invitations::list(connection, organization, &query, now)?;
    show_all(connection, found, now)
}

/// One invitation.
///
/// # Errors
/// `not_found` where there is none, or none that the caller may see.
pub fn find(
    connection: &mut Connection,
    permit: &Permit<Invite>,
    id: InvitationId,
) -> Result<InvitationView> {
    let found = seen(connection, permit, id)?;
    show(connection, found, permit.act.at)
}

fn seen(
    connection: &mut Connection,
    permit: &Permit<Invite>,
    id: InvitationId,
) -> Result<Invitation> {
    let sender = permit.restricted_to_manager();
    invitations::find_in_organization(connection, permit.organization.id, id, sender)?
        .ok_or_else(no_such_invitation)
}

fn show(connection: &mut Connection, found: Invitation, now: Timestamp) -> Result<InvitationView> {
    let mut shown = show_all(connection, vec![found], now)?;
    shown.pop().ok_or_else(no_such_invitation)
}

fn show_all(
    connection: &mut Connection,
    found: Vec<Invitation>,
    now: Timestamp,
) -> Result<Vec<InvitationView>> {
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<InvitationId> = found.iter().map(|invitation| invitation.id).collect();
    let mails: Vec<MailId> = found.iter().filter_map(|one| one.mail_id).collect();
    let senders: Vec<AccountId> = found
        .iter()
        .filter_map(|one| one.invited_by_account_id)
        .collect();
    let mut groups = invitations::groups_of(connection, &ids)?;
    let deliveries = mails::deliveries(connection, &mails)?;
    let names: HashMap<AccountId, Username> = accounts::usernames(connection, &senders)?;
    let shown = found.into_iter().map(|invitation| {
        let status = invitation.status_at(now);
        let is_expired = status == InvitationStatus::Expired;
        let sender = invitation.invited_by_account_id;
        InvitationView {
            status,
            ended_at: invitation
                .ended_at
                .or(is_expired.then_some(invitation.expires_at)),
            groups: groups.remove(&invitation.id).unwrap_or_default(),
            delivery: invitation
                .mail_id
                .and_then(|mail| deliveries.get(&mail).cloned()),
            invited_by: sender.and_then(|id| Some((id, names.get(&id)?.clone()))),
            invitation,
        }
    });
    Ok(shown.collect())
}

/// Sends a new link, which kills the old one, and gives the invitation its whole time again.
///
/// # Errors
/// `not_found`; `invitation_ended` where it was answered or taken back; `already_member` where the
/// person has come in by another door; `no_seat` where it had expired and no seat is free;
/// `forbidden` where its groups are not the caller's to let people into; `rate_limited`.
pub fn resend(
    connection: &mut Connection,
    outbox: &Outbox,
    take: Take<'_>,
    permit: &Permit<Invite>,
    id: InvitationId,
) -> Result<InvitationView> {
    let (organization, now) = (permit.organization.id, permit.act.at);
    transaction(connection, |connection| {
        seen(connection, permit, id)?;
        let invitation = invitations::lock(connection, id)?.ok_or_else(no_such_invitation)?;
        let mut groups = invitations::groups_of(connection, &[id])?;
        let groups: Vec<GroupId> = groups
            .remove(&id)
            .unwrap_or_default()
            .into_iter()
            .map(|(group, _)| group)
            .collect();
        permit.require_within_reach(connection, &groups, invitation.account_type)?;
        links::renew(connection, outbox, &invitation, now)?;
        record(
            connection,
            &permit.act,
            &invitation,
            AuditAction::InvitationResent,
        )?;
        let uses = [
            LimitRequest::one(
                Limit::MailToAddress,
                format!("invitation {}", invitation.email),
            ),
            LimitRequest::one(Limit::Invitations, organization.to_string()),
        ];
        take(connection, &uses)?;
        let renewed = invitations::find(connection, id)?.ok_or_else(no_such_invitation)?;
        show(connection, renewed, now)
    })
}

/// Ends an invitation. An account that it made and nobody has used goes with it.
///
/// # Errors
/// `not_found`; `invitation_ended` where it has ended, or where its account is in use; `last_admin`
/// where that account has been made the only admin.
pub fn revoke(
    connection: &mut Connection,
    permit: &Permit<Invite>,
    id: InvitationId,
) -> Result<InvitationView> {
    let now = permit.act.at;
    transaction(connection, |connection| {
        let known = seen(connection, permit, id)?;
        organizations::lock(connection, permit.organization.id)?;
        if let Some(account) = known.account_id {
            accounts::lock(connection, account)?;
        }
        let invitation = invitations::lock(connection, id)?.ok_or_else(no_such_invitation)?;
        match invitation.status_at(now) {
            InvitationStatus::Pending | InvitationStatus::Expired => {}
            status => return Err(ended(status)),
        }
        end(connection, &invitation, InvitationStatus::Revoked, now)?;
        if invitation.kind == InvitationKind::NewAccount {
            take_account_back(connection, permit, &invitation)?;
        }
        record(
            connection,
            &permit.act,
            &invitation,
            AuditAction::InvitationRevoked,
        )?;
        let revoked = invitations::find(connection, id)?.ok_or_else(no_such_invitation)?;
        show(connection, revoked, now)
    })
}

/// An account in which another organization has a share by now stays, as nobody's to manage.
fn take_account_back(
    connection: &mut Connection,
    permit: &Permit<Invite>,
    invitation: &Invitation,
) -> Result<()> {
    let organization = invitation.organization_id;
    let Some(id) = invitation.account_id else {
        return Ok(());
    };
    let Some(account) = accounts::find(connection, id)? else {
        return Ok(());
    };
    if account.is_used() {
        return Err(Error::refused(
            Code::InvitationEnded,
            "The account is in use: the invitation counts as accepted. Remove the member instead.",
        ));
    }
    if let Some(membership) = memberships::find(connection, organization, id)? {
        let is_staff = membership.account_type.is_staff() || membership.role == Role::Admin;
        if permit.restricted_to_manager().is_some() && is_staff {
            return Err(Error::forbidden(
                "They have become staff or an admin meanwhile: only admins take that back.",
            ));
        }
        offboarding::end_membership(connection, &membership)?;
    }
    accounts::lock_for_deletion(connection, id)?;
    if !accounts::delete_unused(connection, id, organization)? {
        managed_accounts::release(connection, organization, id)?;
    }
    Ok(())
}
