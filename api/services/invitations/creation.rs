//! Invitations to many addresses at once: each address gets its own outcome, and all that comes of
//! them is one transaction of a few statements, however many they are.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use serde_json::json;

use super::endings;
use super::links::{self, From};
use crate::domain::audit::Action;
use crate::domain::email_address::EmailAddress;
use crate::domain::ids::{AccountId, GroupId, InvitationId, OrganizationId};
use crate::domain::instant::Instant;
use crate::domain::invitations::{
    InvitationKind, InvitationOutcome, InvitationStatus, Note, ValidDays,
};
use crate::domain::language::Language;
use crate::domain::organization::{AccountType, JoinedVia, MembershipStatus, Role};
use crate::domain::username::Username;
use crate::error::{Error, Result};
use crate::mail::Outbox;
use crate::services::admission::{self, SeatSource};
use crate::services::audit::{self, Event, Subject};
use crate::services::authorization::{Invite, Permit};
use crate::services::limits::{self, Limit};
use crate::services::organizations::require_account_type;
use crate::store::accounts::{self, Account};
use crate::store::invitations::{self, Invitation};
use crate::store::memberships::Admission;
use crate::store::{Connection, groups, mailed_tokens, removals, seats, transaction};

/// What the caller asks for.
pub struct Asked {
    /// As they were typed.
    pub emails: Vec<String>,
    pub account_type: AccountType,
    pub groups: Vec<GroupId>,
    pub language: Option<Language>,
    pub note: Option<Note>,
    pub valid_days: ValidDays,
}

/// What came of one address.
pub struct AddressResult {
    /// As it was typed.
    pub email: String,
    pub ended: Ended,
}

/// How an address ended, with words where these help.
#[derive(Clone)]
pub struct Ended {
    pub outcome: InvitationOutcome,
    pub invitation: Option<InvitationId>,
    /// Of the groups that were asked for, those that somebody was not in before.
    pub groups_added: usize,
    pub detail: Option<Cow<'static, str>>,
}

impl Ended {
    fn as_(outcome: InvitationOutcome) -> Self {
        Self {
            outcome,
            invitation: None,
            groups_added: 0,
            detail: None,
        }
    }

    fn because(outcome: InvitationOutcome, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            detail: Some(detail.into()),
            ..Self::as_(outcome)
        }
    }
}

/// Invites addresses; tells what came of each, in the order given.
///
/// # Errors
/// Of the whole call: `account_type_not_in_kind`, `forbidden` and `validation_failed` for groups and
/// an account type beyond the caller's reach, `rate_limited`.
pub fn create(
    connection: &mut Connection,
    outbox: &Outbox,
    permit: &Permit<Invite>,
    asked: &Asked,
) -> Result<Vec<AddressResult>> {
    require_account_type(&permit.organization, asked.account_type)?;
    let lines = read(&asked.emails);
    let emails: Vec<EmailAddress> = lines.iter().filter_map(Line::address).cloned().collect();
    let work = Work {
        outbox,
        permit,
        asked,
        organization: permit.organization.id,
        now: permit.act.at,
    };
    let ended = transaction(connection, |connection| {
        permit.require_within_reach(connection, &asked.groups, asked.account_type)?;
        work.carry_out(connection, &emails)
    })?;
    let results = lines.into_iter().zip(&asked.emails).map(|(line, typed)| {
        Ok(AddressResult {
            email: typed.clone(),
            ended: match line {
                Line::Ended(ended) => ended,
                Line::Address(email) => ended
                    .get(&email)
                    .cloned()
                    .ok_or_else(|| Error::internal("an address without an outcome"))?,
            },
        })
    });
    results.collect()
}

/// What was typed as one address.
enum Line {
    Address(EmailAddress),
    Ended(Ended),
}

impl Line {
    fn address(&self) -> Option<&EmailAddress> {
        match self {
            Self::Address(email) => Some(email),
            Self::Ended(_) => None,
        }
    }
}

fn read(emails: &[String]) -> Vec<Line> {
    let mut seen = HashSet::new();
    let line = |text: &String| match EmailAddress::parse(text) {
        Err(error) => Line::Ended(Ended::because(
            InvitationOutcome::EmailInvalid,
            error.to_string(),
        )),
        Ok(email) if seen.insert(email.clone()) => Line::Address(email),
        Ok(_) => Line::Ended(Ended::as_(InvitationOutcome::DuplicateInRequest)),
    };
    emails.iter().map(line).collect()
}

/// What an address belongs to.
enum Found {
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

/// Somebody who is to be invited.
struct Offer {
    account: Account,
    kind: InvitationKind,
}

/// One call, with what it needs.
struct Work<'a> {
    outbox: &'a Outbox,
    permit: &'a Permit<Invite>,
    asked: &'a Asked,
    organization: OrganizationId,
    now: Instant,
}

type Outcomes = HashMap<EmailAddress, Ended>;

impl Work<'_> {
    /// Accounts come before seats here, as everywhere, so that two who wait never form a ring.
    fn carry_out(&self, connection: &mut Connection, emails: &[EmailAddress]) -> Result<Outcomes> {
        let mut stale = Vec::new();
        let sender = match self.permit.holder {
            Some(holder) => accounts::find(connection, holder)?,
            None => None,
        };
        let mut found = self.look(connection, emails, &mut stale)?;
        self.make_accounts(connection, emails, sender.as_ref(), &mut found, &mut stale)?;
        for invitation in &stale {
            self.end_stale(connection, invitation)?;
        }
        let mut outcomes = Outcomes::new();
        let mut offers = Vec::new();
        self.welcome_those_inside(connection, &found, &mut outcomes)?;
        for email in emails {
            match found.remove(email) {
                Some(Found::New(account)) => offers.push(Offer {
                    account,
                    kind: InvitationKind::NewAccount,
                }),
                Some(Found::Outsider(account)) => offers.push(Offer {
                    account,
                    kind: InvitationKind::Join,
                }),
                _ => {}
            }
        }
        let seated = self.seat(connection, offers, &mut outcomes)?;
        self.invite(connection, sender.as_ref(), &seated, &mut outcomes)?;
        Ok(outcomes)
    }

    /// What each address belongs to; those that are not in the answer belong to nobody. Invitations
    /// that stand in the way and wait for nobody any more go to `stale`.
    fn look(
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

    fn end_stale(&self, connection: &mut Connection, invitation: &Invitation) -> Result<()> {
        match invitation.status_at(self.now) {
            InvitationStatus::Expired => endings::expire(connection, invitation),
            _ => endings::end(connection, invitation, InvitationStatus::Revoked, self.now),
        }
    }

    /// Makes accounts for those who have none. Where somebody else makes one at the same moment, it
    /// is looked at again. In the order of the addresses: two who do it never form a ring.
    fn make_accounts(
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

    /// Settles those who get no invitation, and adds those who are in to the groups.
    fn welcome_those_inside(
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
                Found::Invited(invitation, None) => waiting.push(invitation.id),
                _ => {}
            }
        }
        let added = self.add_members(connection, members)?;
        let noted = self.add_to_waiting(connection, waiting)?;
        for (email, kind) in found {
            let ended = match kind {
                Found::Member(account) => Ended {
                    groups_added: added.get(&account.id).copied().unwrap_or(0),
                    ..Ended::as_(InvitationOutcome::AlreadyMember)
                },
                Found::Invited(invitation, member) => Ended {
                    groups_added: match member {
                        Some(member) => added.get(member).copied().unwrap_or(0),
                        None => noted.get(&invitation.id).copied().unwrap_or(0),
                    },
                    ..self.invited_before(invitation)
                },
                Found::Deactivated => Ended::because(
                    InvitationOutcome::AlreadyMember,
                    "The member is deactivated: reactivate them to let them in again.",
                ),
                Found::MadeUp => Ended::because(
                    InvitationOutcome::EmailInvalid,
                    "This login address was made up by Rollcall: no mail reaches it.",
                ),
                Found::Outsider(_) | Found::New(_) => continue,
            };
            outcomes.insert(email.clone(), ended);
        }
        Ok(())
    }

    /// Staff are not led to an invitation that they may not see.
    fn invited_before(&self, invitation: &Invitation) -> Ended {
        let is_theirs = self
            .permit
            .confined_to()
            .is_none_or(|sender| invitation.invited_by_account_id == Some(sender));
        let detail = match invitation.status_at(self.now) {
            InvitationStatus::Expired => "Their invitation has expired: send it again.",
            _ => "Their invitation is pending: send it again if they need another link.",
        };
        Ended {
            invitation: is_theirs.then_some(invitation.id),
            ..Ended::because(InvitationOutcome::AlreadyInvited, detail)
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
                Action::GroupMembersAdded,
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

    /// Those who get a seat: the first, in the order given.
    fn seat(
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
            let ended = Ended::as_(InvitationOutcome::NoSeat);
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
            let ended = Ended::because(
                InvitationOutcome::AlreadyInvited,
                "They were invited at the same moment.",
            );
            outcomes.insert(offer.account.email, ended);
        }
        Ok(offers)
    }

    fn invite(
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
            for some in with_groups.chunks(MOST_OF_PAIRS) {
                invitations::insert_groups(connection, some)?;
            }
        }
        mailed_tokens::insert_all(connection, &tokens)?;
        audit::record_all(connection, &self.permit.act, events)?;
        let subject = self.organization.to_string();
        limits::take_many(
            connection,
            Limit::Invitations,
            &subject,
            new.len(),
            self.now,
        )
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
        removals::delete(connection, self.organization, &ids)?;
        removals::delete_of_groups(connection, &self.asked.groups, &ids)
    }

    fn invitation(&self, offer: &Offer) -> Invitation {
        Invitation {
            id: InvitationId::new(),
            organization_id: self.organization,
            account_id: Some(offer.account.id),
            invited_by_account_id: self.permit.holder,
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
            Action::InvitationCreated,
            subject,
            details,
        )
    }
}

/// Rows that one statement adds: SQLite takes at most 32,766 values.
const MOST_OF_PAIRS: usize = 5_000;

fn belonging(account: Account, status: Option<MembershipStatus>) -> Found {
    match status {
        _ if account.generated_address => Found::MadeUp,
        Some(MembershipStatus::Active) => Found::Member(account),
        Some(MembershipStatus::Deactivated) => Found::Deactivated,
        None => Found::Outsider(account),
    }
}

fn sent_out(invitation: &Invitation) -> Ended {
    Ended {
        invitation: Some(invitation.id),
        ..Ended::as_(match invitation.kind {
            InvitationKind::NewAccount => InvitationOutcome::AccountCreated,
            InvitationKind::Join => InvitationOutcome::JoinLinkSent,
        })
    }
}
