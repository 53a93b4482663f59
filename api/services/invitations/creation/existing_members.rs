//! People who get no mail, because they are members or were invited before: they are added to the
//! groups.

use std::collections::{HashMap, HashSet};

use super::outcome::{Outcome, Outcomes};
use super::request::NewInvitations;
use super::resolve::Existing;
use super::{group_additions, unverified_members};
use crate::domain::email_address::EmailAddress;
use crate::domain::generated_address::RESERVED;
use crate::domain::ids::{AccountId, InvitationId};
use crate::domain::invitations::{InvitationOutcome, InvitationStatus};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::services::authorization::{Invite, Permit};
use crate::services::unit_of_work::UnitOfWork;
use crate::store::accounts::Account;
use crate::store::invitations::Invitation;
use crate::store::member_list;

/// To how many groups each person was added.
struct Additions {
    /// The members whom the sender may see.
    visible: HashSet<AccountId>,
    /// Those of them whose address was never verified.
    unverified: HashSet<AccountId>,
    by_member: HashMap<AccountId, usize>,
    by_invitation: HashMap<InvitationId, usize>,
    /// Whether any groups were named.
    with_groups: bool,
}

/// Adds those who are members, or were invited before, to the requested groups as far as the sender may
/// see them. Gives the outcome of each.
pub(super) fn add_to_groups(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<Invite>,
    new: &NewInvitations,
    existing: &HashMap<EmailAddress, Existing>,
) -> Result<Outcomes> {
    let organization = permit.organization.id;
    let (members, pending) = members_and_pending(permit, existing);
    let visible = visible_members(tx, permit, members)?;
    let unproved = unverified_members(existing, &visible);
    let unverified: HashSet<_> = unproved.iter().map(|account| account.id).collect();
    unverified_members::promise_groups(tx, permit, new, unproved)?;
    let verified = visible.difference(&unverified).copied().collect();
    let additions = Additions {
        by_member: group_additions::to_members(tx, organization, &new.groups, &verified)?,
        unverified,
        by_invitation: group_additions::to_invitations(tx, &new.groups, &pending)?,
        visible,
        with_groups: !new.groups.is_empty(),
    };
    let now = tx.now();
    let outcomes = existing.iter().map(|(email, existing)| {
        let outcome = outcome_of(existing, permit, &additions, now);
        (email.clone(), outcome)
    });
    Ok(outcomes.collect())
}

/// The accounts that are members, and the invitations without a member that the sender may see.
fn members_and_pending<'a>(
    permit: &Permit<Invite>,
    existing: &'a HashMap<EmailAddress, Existing>,
) -> (Vec<AccountId>, Vec<&'a Invitation>) {
    let (mut members, mut pending) = (Vec::new(), Vec::new());
    for existing in existing.values() {
        match existing {
            Existing::Member(account) => members.push(account.id),
            Existing::Invited(_, Some(member)) => members.push(*member),
            Existing::Invited(invitation, None) if may_see(permit, invitation) => {
                pending.push(invitation);
            }
            Existing::Invited(_, None) | Existing::Deactivated | Existing::Generated => {}
        }
    }
    (members, pending)
}

/// The visible members whose address was never verified. An account that an invitation has made, and nobody
/// has used, is open to nobody but the reader of its mailbox.
fn unverified_members<'a>(
    existing: &'a HashMap<EmailAddress, Existing>,
    visible: &HashSet<AccountId>,
) -> Vec<&'a Account> {
    let mut unverified = Vec::new();
    for existing in existing.values() {
        match existing {
            Existing::Member(account)
                if account.email_verified_at.is_none() && visible.contains(&account.id) =>
            {
                unverified.push(account);
            }
            Existing::Member(_)
            | Existing::Invited(..)
            | Existing::Deactivated
            | Existing::Generated => {}
        }
    }
    unverified
}

fn may_see(permit: &Permit<Invite>, invitation: &Invitation) -> bool {
    let sender = permit.restricted_to_manager();
    sender.is_none_or(|sender| {
        invitation.invited_by_account_id == Some(sender) && !invitation.account_type.is_staff()
    })
}

/// The members whom the sender may see. Staff could otherwise add anybody to a group of theirs, and then
/// set the password of a managed account.
pub(super) fn visible_members(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<Invite>,
    members: Vec<AccountId>,
) -> Result<HashSet<AccountId>> {
    match permit.restricted_to_manager() {
        None => Ok(members.into_iter().collect()),
        Some(manager) => {
            member_list::within_reach(tx.connection, permit.organization.id, manager, &members)
        }
    }
}

fn outcome_of(
    existing: &Existing,
    permit: &Permit<Invite>,
    additions: &Additions,
    now: Timestamp,
) -> Outcome {
    match existing {
        Existing::Member(account) if !additions.visible.contains(&account.id) => {
            Outcome::with_detail(
                InvitationOutcome::AlreadyMember,
                "They are in the organization already, and in no group that you manage. Give them \
                 your group's invite code, or ask an admin to add them.",
            )
        }
        Existing::Member(account) if additions.unverified.contains(&account.id) => {
            Outcome::with_detail(
                InvitationOutcome::AlreadyMember,
                if additions.with_groups {
                    "They are a member, but have not verified their address. We mailed them a link. They are \
                     added to the groups once they open it."
                } else {
                    "They are a member, but have not verified their address. We mailed them a link."
                },
            )
        }
        Existing::Member(account) => Outcome {
            groups_added: count(&additions.by_member, &account.id),
            ..Outcome::plain(InvitationOutcome::AlreadyMember)
        },
        Existing::Invited(invitation, member) => Outcome {
            // Staff are not led to an invitation that they may not see.
            invitation: may_see(permit, invitation).then_some(invitation.id),
            groups_added: match member {
                Some(member) => count(&additions.by_member, member),
                None => count(&additions.by_invitation, &invitation.id),
            },
            ..already_invited(invitation, now)
        },
        Existing::Deactivated => Outcome::with_detail(
            InvitationOutcome::AlreadyMember,
            "The member is deactivated: reactivate them to let them in again.",
        ),
        Existing::Generated => Outcome::with_detail(InvitationOutcome::EmailInvalid, RESERVED),
    }
}

fn already_invited(invitation: &Invitation, now: Timestamp) -> Outcome {
    let detail = if invitation.status_at(now) == InvitationStatus::Expired {
        "Their invitation has expired: send it again."
    } else {
        "Their invitation is pending: send it again if they need another link."
    };
    Outcome::with_detail(InvitationOutcome::AlreadyInvited, detail)
}

fn count<K: std::hash::Hash + Eq>(counts: &HashMap<K, usize>, key: &K) -> usize {
    counts.get(key).copied().unwrap_or(0)
}
