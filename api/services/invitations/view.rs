//! Invitations as those who sent them see them.

use std::collections::HashMap;

use super::errors::no_such_invitation;
use crate::domain::ids::{AccountId, GroupId, InvitationId, MailId};
use crate::domain::invitations::InvitationStatus;
use crate::domain::timestamp::Timestamp;
use crate::domain::username::Username;
use crate::error::Result;
use crate::store::invitations::Invitation;
use crate::store::mails::Delivery;
use crate::store::{Connection, accounts, invitations, mails};

/// An invitation with everything that is shown of it.
pub struct InvitationView {
    pub invitation: Invitation,
    pub status: InvitationStatus,
    pub ended_at: Option<Timestamp>,
    pub groups: Vec<(GroupId, String)>,
    /// The state of its latest mail; none where that is deleted.
    pub delivery: Option<Delivery>,
    pub invited_by: Option<(AccountId, Username)>,
}

/// What views of several invitations need, read in one statement each.
struct Related {
    groups: HashMap<InvitationId, Vec<(GroupId, String)>>,
    deliveries: HashMap<MailId, Delivery>,
    usernames: HashMap<AccountId, Username>,
}

impl InvitationView {
    /// The view of one invitation.
    pub(super) fn of(
        connection: &mut Connection,
        invitation: Invitation,
        now: Timestamp,
    ) -> Result<Self> {
        let mut views = Self::of_all(connection, vec![invitation], now)?;
        views.pop().ok_or_else(no_such_invitation)
    }

    /// The views of many invitations, in their order.
    pub(super) fn of_all(
        connection: &mut Connection,
        invitations: Vec<Invitation>,
        now: Timestamp,
    ) -> Result<Vec<Self>> {
        if invitations.is_empty() {
            return Ok(Vec::new());
        }
        let mut related = Related::of(connection, &invitations)?;
        Ok(invitations
            .into_iter()
            .map(|invitation| Self::new(invitation, &mut related, now))
            .collect())
    }

    fn new(invitation: Invitation, related: &mut Related, now: Timestamp) -> Self {
        let status = invitation.status_at(now);
        let is_expired = status == InvitationStatus::Expired;
        let expiry = is_expired.then_some(invitation.expires_at);
        let mail = invitation.mail_id;
        let inviter = invitation.invited_by_account_id;
        Self {
            status,
            ended_at: invitation.ended_at.or(expiry),
            groups: related.groups.remove(&invitation.id).unwrap_or_default(),
            delivery: mail.and_then(|mail| related.deliveries.get(&mail).cloned()),
            invited_by: inviter.and_then(|id| Some((id, related.usernames.get(&id)?.clone()))),
            invitation,
        }
    }
}

impl Related {
    fn of(connection: &mut Connection, invitations: &[Invitation]) -> Result<Self> {
        let ids: Vec<InvitationId> = invitations.iter().map(|one| one.id).collect();
        let mails: Vec<MailId> = invitations.iter().filter_map(|one| one.mail_id).collect();
        let inviters: Vec<AccountId> = invitations
            .iter()
            .filter_map(|one| one.invited_by_account_id)
            .collect();
        Ok(Self {
            groups: invitations::groups_of(connection, &ids)?,
            deliveries: mails::deliveries(connection, &mails)?,
            usernames: accounts::usernames(connection, &inviters)?,
        })
    }
}
