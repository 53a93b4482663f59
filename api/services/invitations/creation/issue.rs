//! Those who are invited: a seat for each, as far as there are any, and a mail.

use serde_json::json;

use super::{InvitationBatch, Outcome, Outcomes};
use crate::clock::new_id;
use crate::domain::audit::AuditAction;
use crate::domain::email_address::EmailAddress;
use crate::domain::ids::{AccountId, GroupId, InvitationId};
use crate::domain::invitations::{InvitationKind, InvitationOutcome, InvitationStatus};
use crate::domain::organization::{JoinedVia, Role};
use crate::error::{Error, Result};
use crate::services::admission::{self, SeatSource};
use crate::services::audit::{self, Event, Subject};
use crate::services::invitations::links::{self, From};
use crate::services::limits::{Limit, LimitRequest};
use crate::store::accounts::{self, Account};
use crate::store::invitations::{self, Invitation};
use crate::store::memberships::Admission;
use crate::store::{Connection, mailed_tokens, removed_members, seats};

/// Somebody who is to be invited.
pub(super) struct Offer {
    pub account: Account,
    pub kind: InvitationKind,
}

/// Rows that one statement adds: SQLite takes at most 32,766 values.
const MAX_PAIRS: usize = 5_000;

impl InvitationBatch<'_> {
    /// Those who get a seat: the first, in the order given.
    pub(super) fn seat(
        &self,
        connection: &mut Connection,
        mut offers: Vec<Offer>,
        outcomes: &mut Outcomes,
    ) -> Result<Vec<Offer>> {
        if offers.is_empty() {
            return Ok(offers);
        }
        let wanted = i64::try_from(offers.len()).map_err(Error::internal)?;
        let account_type = self.asked.account_type;
        let granted = seats::reserve_up_to(connection, self.organization, account_type, wanted)?;
        let granted = usize::try_from(granted).map_err(Error::internal)?;
        let without = offers.split_off(granted.min(offers.len()));
        let in_vain: Vec<AccountId> = without
            .iter()
            .filter(|offer| offer.kind == InvitationKind::NewAccount)
            .map(|offer| offer.account.id)
            .collect();
        accounts::delete_new(connection, &in_vain)?;
        for offer in without {
            let ended = Outcome::plainly(InvitationOutcome::NoSeat);
            outcomes.insert(offer.account.email, ended);
        }
        self.without_those_invited_meanwhile(connection, offers, outcomes)
    }

    /// Whoever invites somebody of this organization holds its seats: what is seen now stays so.
    fn without_those_invited_meanwhile(
        &self,
        connection: &mut Connection,
        offers: Vec<Offer>,
        outcomes: &mut Outcomes,
    ) -> Result<Vec<Offer>> {
        let joining: Vec<EmailAddress> = offers
            .iter()
            .filter(|offer| offer.kind == InvitationKind::Join)
            .map(|offer| offer.account.email.clone())
            .collect();
        if joining.is_empty() {
            return Ok(offers);
        }
        let invited = invitations::pending_among(connection, self.organization, &joining)?;
        let (late, offers): (Vec<_>, Vec<_>) = offers
            .into_iter()
            .partition(|offer| invited.contains(&offer.account.email));
        let given_back = i64::try_from(late.len()).map_err(Error::internal)?;
        let account_type = self.asked.account_type;
        seats::release_reserved(connection, self.organization, account_type, given_back)?;
        for offer in late {
            let ended = Outcome::because(
                InvitationOutcome::AlreadyInvited,
                "They were invited at the same moment.",
            );
            outcomes.insert(offer.account.email, ended);
        }
        Ok(offers)
    }

    pub(super) fn invite(
        &self,
        connection: &mut Connection,
        sender: Option<&Account>,
        offers: &[Offer],
        outcomes: &mut Outcomes,
    ) -> Result<()> {
        if offers.is_empty() {
            return Ok(());
        }
        self.admit_new_accounts(connection, offers)?;
        self.forget_removals(connection, offers)?;
        let name = sender.map(|sender| sender.username.to_string());
        let from = From {
            organization: &self.permit.organization,
            person: name.as_deref(),
        };
        let (mut new, mut tokens, mut events) = (Vec::new(), Vec::new(), Vec::new());
        for offer in offers {
            let mut invitation = self.invitation(offer);
            let to = &offer.account;
            let sent = links::send(connection, self.outbox, &from, &invitation, to, self.now)?;
            invitation.mail_id = sent.mail;
            tokens.push(sent.token);
            events.push(self.event(&invitation));
            outcomes.insert(invitation.email.clone(), sent_out(&invitation));
            new.push(invitation);
        }
        let groups = &self.asked.groups;
        let with_groups: Vec<(InvitationId, GroupId)> = new
            .iter()
            .flat_map(|invitation| groups.iter().map(|group| (invitation.id, *group)))
            .collect();
        invitations::insert_all(connection, &new)?;
        if !with_groups.is_empty() {
            for some in with_groups.chunks(MAX_PAIRS) {
                invitations::insert_groups(connection, some)?;
            }
        }
        mailed_tokens::insert_all(connection, &tokens)?;
        audit::record_all(connection, &self.permit.act, events)?;
        let sent = LimitRequest {
            uses: u32::try_from(new.len()).map_err(Error::internal)?,
            ..LimitRequest::one(Limit::Invitations, self.organization.to_string())
        };
        (self.take)(connection, &[sent])
    }

    fn admit_new_accounts(&self, connection: &mut Connection, offers: &[Offer]) -> Result<()> {
        let accounts: Vec<Account> = offers
            .iter()
            .filter(|offer| offer.kind == InvitationKind::NewAccount)
            .map(|offer| offer.account.clone())
            .collect();
        let admission = Admission {
            organization: self.organization,
            account_type: self.asked.account_type,
            role: Role::Member,
            joined_via: JoinedVia::Invitation,
            joined_at: self.now,
        };
        let groups = &self.asked.groups;
        admission::admit(
            connection,
            &accounts,
            &admission,
            groups,
            SeatSource::Reserved,
        )
    }

    /// Whoever is invited is welcome again, by codes too.
    fn forget_removals(&self, connection: &mut Connection, offers: &[Offer]) -> Result<()> {
        let ids: Vec<AccountId> = offers
            .iter()
            .filter(|offer| offer.kind == InvitationKind::Join)
            .map(|offer| offer.account.id)
            .collect();
        if ids.is_empty() {
            return Ok(());
        }
        removed_members::delete(connection, self.organization, &ids)?;
        removed_members::delete_of_groups(connection, &self.asked.groups, &ids)
    }

    fn invitation(&self, offer: &Offer) -> Invitation {
        Invitation {
            id: new_id::<InvitationId>(),
            organization_id: self.organization,
            account_id: Some(offer.account.id),
            invited_by_account_id: self.permit.account_id,
            email: offer.account.email.clone(),
            kind: offer.kind,
            account_type: self.asked.account_type,
            language: self.asked.language.unwrap_or(offer.account.language),
            note: self.asked.note.clone(),
            status: InvitationStatus::Pending,
            valid_days: self.asked.valid_days.get(),
            expires_at: self.asked.valid_days.after(self.now),
            links: 1,
            mail_id: None,
            created_at: self.now,
            ended_at: None,
        }
    }

    fn event(&self, invitation: &Invitation) -> Event {
        let details = json!({
            "email": invitation.email,
            "kind": invitation.kind,
            "account_id": invitation.account_id,
            "account_type": invitation.account_type,
            "group_ids": self.asked.groups,
        });
        let subject = Subject::Invitation(invitation.id);
        Event::within(
            self.organization,
            AuditAction::InvitationCreated,
            subject,
            details,
        )
    }
}

fn sent_out(invitation: &Invitation) -> Outcome {
    Outcome {
        invitation: Some(invitation.id),
        ..Outcome::plainly(match invitation.kind {
            InvitationKind::NewAccount => InvitationOutcome::AccountCreated,
            InvitationKind::Join => InvitationOutcome::JoinLinkSent,
        })
    }
}
