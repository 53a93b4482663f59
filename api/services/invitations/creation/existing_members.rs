//! Those who get no mail, because they are in, or because an invitation waits for them already.

use std::collections::{HashMap, HashSet};

use serde_json::json;

use super::resolve::Found;
use super::{InvitationBatch, Outcome, Outcomes};
use crate::domain::audit::AuditAction;
use crate::domain::email_address::EmailAddress;
use crate::domain::generated_address::RESERVED;
use crate::domain::ids::{AccountId, InvitationId};
use crate::domain::invitations::{InvitationOutcome, InvitationStatus};
use crate::error::Result;
use crate::services::admission;
use crate::services::audit::{self, Event, Subject};
use crate::store::invitations::{self, Invitation};
use crate::store::{Connection, groups, member_list};

impl InvitationBatch<'_> {
    /// Settles those who get no invitation, and adds those who are in to the groups.
    pub(super) fn welcome_those_inside(
        &self,
        connection: &mut Connection,
        found: &HashMap<EmailAddress, Found>,
        outcomes: &mut Outcomes,
    ) -> Result<()> {
        let mut members = Vec::new();
        let mut waiting = Vec::new();
        for kind in found.values() {
            match kind {
                Found::Member(account) => members.push(account.id),
                Found::Invited(_, Some(member)) => members.push(*member),
                Found::Invited(invitation, None) if self.may_see(invitation) => {
                    waiting.push(invitation.id);
                }
                _ => {}
            }
        }
        let members = self.seen(connection, members)?;
        let added = self.add_members(connection, members.iter().copied().collect())?;
        let noted = self.add_to_waiting(connection, waiting)?;
        for (email, kind) in found {
            let ended = match kind {
                Found::Member(account) if !members.contains(&account.id) => Outcome::because(
                    InvitationOutcome::AlreadyMember,
                    "They are in the organization already, and in no group that you manage. Give them \
                     your group's invite code, or ask an admin to add them.",
                ),
                Found::Member(account) => Outcome {
                    groups_added: added.get(&account.id).copied().unwrap_or(0),
                    ..Outcome::plainly(InvitationOutcome::AlreadyMember)
                },
                Found::Invited(invitation, member) => Outcome {
                    groups_added: match member {
                        Some(member) => added.get(member).copied().unwrap_or(0),
                        None => noted.get(&invitation.id).copied().unwrap_or(0),
                    },
                    ..self.invited_before(invitation)
                },
                Found::Deactivated => Outcome::because(
                    InvitationOutcome::AlreadyMember,
                    "The member is deactivated: reactivate them to let them in again.",
                ),
                Found::MadeUp => Outcome::because(InvitationOutcome::EmailInvalid, RESERVED),
                Found::Outsider(_) | Found::New(_) => continue,
            };
            outcomes.insert(email.clone(), ended);
        }
        Ok(())
    }

    /// Staff are not led to an invitation that they may not see.
    fn invited_before(&self, invitation: &Invitation) -> Outcome {
        let detail = match invitation.status_at(self.now) {
            InvitationStatus::Expired => "Their invitation has expired: send it again.",
            _ => "Their invitation is pending: send it again if they need another link.",
        };
        Outcome {
            invitation: self.may_see(invitation).then_some(invitation.id),
            ..Outcome::because(InvitationOutcome::AlreadyInvited, detail)
        }
    }

    fn may_see(&self, invitation: &Invitation) -> bool {
        let restricted_to_manager = self.permit.restricted_to_manager();
        restricted_to_manager.is_none_or(|sender| invitation.invited_by_account_id == Some(sender))
    }

    /// Those of the members whom the sender sees. Staff would else take anybody into a group of theirs,
    /// and could set the password of a managed account then.
    fn seen(
        &self,
        connection: &mut Connection,
        members: Vec<AccountId>,
    ) -> Result<HashSet<AccountId>> {
        match self.permit.restricted_to_manager() {
            None => Ok(members.into_iter().collect()),
            Some(manager) => {
                member_list::within_reach(connection, self.organization, manager, &members)
            }
        }
    }

    /// To how many groups each was added.
    fn add_members(
        &self,
        connection: &mut Connection,
        mut members: Vec<AccountId>,
    ) -> Result<HashMap<AccountId, usize>> {
        let mut added = HashMap::new();
        if self.asked.groups.is_empty() || members.is_empty() {
            return Ok(added);
        }
        members.sort();
        let known = groups::of_accounts(connection, self.organization, &members)?;
        for group in &self.asked.groups {
            let is_in = |account: &AccountId| {
                known
                    .get(account)
                    .is_some_and(|groups| groups.iter().any(|(id, _)| id == group))
            };
            let new: Vec<AccountId> = members.iter().copied().filter(|id| !is_in(id)).collect();
            if new.is_empty() {
                continue;
            }
            admission::join_groups(connection, &new, self.organization, &[*group])?;
            for account in &new {
                *added.entry(*account).or_insert(0) += 1;
            }
            let details = json!({ "account_ids": new });
            let subject = Subject::Group(*group);
            let event = Event::within(
                self.organization,
                AuditAction::GroupMembersAdded,
                subject,
                details,
            );
            audit::record(connection, &self.permit.act, event)?;
        }
        Ok(added)
    }

    /// Groups that are asked for now come with a pending invitation too.
    fn add_to_waiting(
        &self,
        connection: &mut Connection,
        waiting: Vec<InvitationId>,
    ) -> Result<HashMap<InvitationId, usize>> {
        let mut added = HashMap::new();
        if self.asked.groups.is_empty() || waiting.is_empty() {
            return Ok(added);
        }
        let known = invitations::groups_of(connection, &waiting)?;
        let mut new = Vec::new();
        for invitation in waiting {
            let known = known.get(&invitation);
            for group in &self.asked.groups {
                if !known.is_some_and(|groups| groups.iter().any(|(id, _)| id == group)) {
                    new.push((invitation, *group));
                    *added.entry(invitation).or_insert(0) += 1;
                }
            }
        }
        if !new.is_empty() {
            invitations::insert_groups(connection, &new)?;
        }
        Ok(added)
    }
}
