//! Email invitations. Callers get an invitation's id through its organization, or through the mailed
//! secret or the account that it was sent to.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::Connection;
use super::backend::{each_backend, insert_rows};
use super::connection::MultiBackend;
use super::schema::{groups, invitation_groups, invitations, mailed_tokens, mails, organizations};
use super::sql_expression::AsIndexed;
use crate::domain::email_address::EmailAddress;
use crate::domain::ids::{AccountId, GroupId, InvitationId, MailId, OrganizationId};
use crate::domain::invitations::{InvitationKind, InvitationStatus, Note};
use crate::domain::language::Language;
use crate::domain::organization::AccountType;
use crate::domain::search_key::SearchWords;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::store::organizations::Organization;

/// A stored invitation.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = invitations, treat_none_as_default_value = false)]
pub struct Invitation {
    pub id: InvitationId,
    pub organization_id: OrganizationId,
    /// The account with the address; none once that account is deleted.
    pub account_id: Option<AccountId>,
    pub invited_by_account_id: Option<AccountId>,
    pub email: EmailAddress,
    /// The address folded for search.
    pub search_key: String,
    pub kind: InvitationKind,
    pub account_type: AccountType,
    pub language: Language,
    pub note: Option<Note>,
    /// The stored status: [`Invitation::status_at`] gives the one that holds at a moment.
    pub status: InvitationStatus,
    pub valid_days: i64,
    pub expires_at: Timestamp,
    /// How many links were made for it so far.
    pub links: i64,
    pub mail_id: Option<MailId>,
    pub created_at: Timestamp,
    pub ended_at: Option<Timestamp>,
}

impl Invitation {
    /// The status that holds at this moment.
    pub fn status_at(&self, now: Timestamp) -> InvitationStatus {
        self.status.at(now, self.expires_at)
    }

    /// Whether a seat is reserved for it: true for each pending one that has to be accepted, also for
    /// one that has expired and was not cleaned up yet.
    pub fn holds_seat(&self) -> bool {
        self.kind == InvitationKind::Join && self.status == InvitationStatus::Pending
    }
}

/// Which invitations a list shows, and which page of them; absent fields do not narrow it.
#[derive(Clone, Debug)]
pub struct InvitationQuery {
    pub status: Option<InvitationStatus>,
    /// Each any part of the address.
    pub search: Option<SearchWords>,
    /// Only those of students and learners that this account sent.
    pub sender: Option<AccountId>,
    /// Only those that are older than this one.
    pub before: Option<InvitationId>,
    pub limit: i64,
}

/// Adds invitations.
pub fn insert_all(connection: &mut Connection, new: &[Invitation]) -> Result<()> {
    let new = new.iter().cloned();
    insert_rows!(connection, invitations::table, new, (insert, c) => insert.execute(c));
    Ok(())
}

/// The number of pairs in one statement: SQLite takes at most 32,766 values.
const MAX_PAIRS: usize = 5_000;

/// Adds groups to invitations; pairs that are stored already stay as they are.
pub fn insert_groups(connection: &mut Connection, new: &[(InvitationId, GroupId)]) -> Result<()> {
    for some in new.chunks(MAX_PAIRS) {
        let rows: Vec<_> = some
            .iter()
            .map(|(invitation, group)| {
                (
                    invitation_groups::invitation_id.eq(*invitation),
                    invitation_groups::group_id.eq(*group),
                )
            })
            .collect();
        each_backend!(connection, c => diesel::insert_into(invitation_groups::table)
            .values(&rows)
            .on_conflict_do_nothing()
            .execute(c))?;
    }
    Ok(())
}

/// The groups that come with each of these invitations: id and name, in the order of the names.
pub fn groups_of(
    connection: &mut Connection,
    ids: &[InvitationId],
) -> Result<HashMap<InvitationId, Vec<(GroupId, String)>>> {
    let rows: Vec<(InvitationId, GroupId, String)> = invitation_groups::table
        .inner_join(groups::table)
        .filter(invitation_groups::invitation_id.eq_any(ids))
        .order((groups::name_key.asc(), groups::id.asc()))
        .select((invitation_groups::invitation_id, groups::id, groups::name))
        .load(connection)?;
    let mut by_invitation: HashMap<InvitationId, Vec<(GroupId, String)>> = HashMap::new();
    for (invitation, id, name) in rows {
        by_invitation
            .entry(invitation)
            .or_default()
            .push((id, name));
    }
    Ok(by_invitation)
}

/// An invitation of the organization; with `sender`, only one of a student or learner that this account sent.
pub fn find_in_organization(
    connection: &mut Connection,
    organization: OrganizationId,
    id: InvitationId,
    sender: Option<AccountId>,
) -> Result<Option<Invitation>> {
    let mut query = invitations::table
        .filter(invitations::organization_id.eq(organization))
        .filter(invitations::id.eq(id))
        .select(Invitation::as_select())
        .into_boxed();
    if let Some(sender) = sender {
        query = query.filter(sent_to_learners_by(sender));
    }
    Ok(query.first(connection).optional()?)
}

/// A page of an organization's invitations, the newest first.
pub fn list(
    connection: &mut Connection,
    organization: OrganizationId,
    query: &InvitationQuery,
    now: Timestamp,
) -> Result<Vec<Invitation>> {
    let mut found = invitations::table
        .filter(invitations::organization_id.eq(organization))
        .order(invitations::id.desc())
        .limit(query.limit)
        .select(Invitation::as_select())
        .into_boxed();
    if let Some(before) = query.before {
        found = found.filter(invitations::id.lt(before));
    }
    if let Some(sender) = query.sender {
        found = found.filter(sent_to_learners_by(sender));
    }
    for pattern in query.search.iter().flat_map(SearchWords::patterns) {
        found = found.filter(invitations::search_key.like(pattern).escape('\\'));
    }
    if let Some(status) = query.status {
        found = found.filter(has_status(status, now));
    }
    Ok(found.load(connection)?)
}

/// What staff see: to whom they may not send an invitation, they may not look after one either.
#[diesel::dsl::auto_type]
fn sent_to_learners_by(sender: AccountId) -> _ {
    let learners: [AccountType; 2] = AccountType::LEARNERS;
    invitations::invited_by_account_id
        .eq(sender)
        .and(invitations::account_type.eq_any(learners))
}

/// Pending, expired or not, as the indexes of these have it.
const PENDING_AS_INDEXED: AsIndexed = AsIndexed("invitations.status = 'pending'");

/// Pending or expired.
const UNENDED: AsIndexed = AsIndexed("invitations.status IN ('pending', 'expired')");

/// The condition that an invitation has this status now, as `InvitationStatus::at` defines it.
fn has_status(
    status: InvitationStatus,
    now: Timestamp,
) -> Box<dyn BoxableExpression<invitations::table, MultiBackend, SqlType = Bool>> {
    let stored = invitations::status.eq(status);
    match status {
        InvitationStatus::Pending => Box::new(stored.and(invitations::expires_at.gt(now))),
        InvitationStatus::Expired => {
            let overdue = invitations::status
                .eq(InvitationStatus::Pending)
                .and(invitations::expires_at.le(now));
            Box::new(stored.or(overdue))
        }
        InvitationStatus::Accepted | InvitationStatus::Declined | InvitationStatus::Revoked => {
            Box::new(stored)
        }
    }
}

/// The pending invitations of an account that have to be accepted and have not expired, each with
/// its organization, the newest first.
pub fn open_of_account(
    connection: &mut Connection,
    account: AccountId,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<(Invitation, Organization)>> {
    Ok(invitations::table
        .inner_join(organizations::table)
        .filter(invitations::account_id.eq(account))
        .filter(invitations::kind.eq(InvitationKind::Join))
        .filter(invitations::status.eq(InvitationStatus::Pending))
        .filter(invitations::expires_at.gt(now))
        .order(invitations::id.desc())
        .limit(limit)
        .select((Invitation::as_select(), Organization::as_select()))
        .load(connection)?)
}

/// An invitation by its id alone.
pub fn find(connection: &mut Connection, id: InvitationId) -> Result<Option<Invitation>> {
    Ok(invitations::table
        .find(id)
        .select(Invitation::as_select())
        .first(connection)
        .optional()?)
}

/// Locks an invitation until the transaction ends and gives it as it is then. An update that changes
/// nothing locks on both databases.
pub fn lock(connection: &mut Connection, id: InvitationId) -> Result<Option<Invitation>> {
    diesel::update(invitations::table.find(id))
        .set(invitations::status.eq(invitations::status))
        .execute(connection)?;
    find(connection, id)
}

/// Locks the invitations to these addresses that are pending or have expired, and gives them, the
/// oldest first. The fixed order prevents deadlocks.
pub fn lock_unended(
    connection: &mut Connection,
    organization: OrganizationId,
    emails: &[EmailAddress],
) -> Result<Vec<Invitation>> {
    let unended = invitations::table
        .filter(invitations::organization_id.eq(organization))
        .filter(invitations::email.eq_any(emails))
        .filter(invitations::status.eq_any([InvitationStatus::Pending, InvitationStatus::Expired]))
        .order(invitations::id.asc());
    Ok(match connection {
        Connection::Postgres(c) => unended
            .select(Invitation::as_select())
            .for_update()
            .load(c)?,
        Connection::Sqlite(c) => unended.select(Invitation::as_select()).load(c)?,
    })
}

/// Which of these addresses have a pending invitation, expired or not.
pub fn pending_among(
    connection: &mut Connection,
    organization: OrganizationId,
    emails: &[EmailAddress],
) -> Result<Vec<EmailAddress>> {
    Ok(invitations::table
        .filter(invitations::organization_id.eq(organization))
        .filter(invitations::email.eq_any(emails))
        .filter(PENDING_AS_INDEXED)
        .select(invitations::email)
        .load(connection)?)
}

/// Gives an invitation its last status; `false` where its status is no longer the known one.
pub fn end(
    connection: &mut Connection,
    known: &Invitation,
    to: InvitationStatus,
    at: Timestamp,
) -> Result<bool> {
    let known = invitations::table
        .find(known.id)
        .filter(invitations::status.eq(known.status));
    Ok(diesel::update(known)
        .set((invitations::status.eq(to), invitations::ended_at.eq(at)))
        .execute(connection)?
        == 1)
}

/// The columns that a new link changes.
#[derive(Clone, Copy, Debug, AsChangeset)]
#[diesel(table_name = invitations, treat_none_as_null = true)]
pub struct Reopened {
    pub status: InvitationStatus,
    pub expires_at: Timestamp,
    pub links: i64,
    pub mail_id: Option<MailId>,
    pub ended_at: Option<Timestamp>,
}

/// Makes a locked invitation pending again, with a new link and a new time.
pub fn reopen(connection: &mut Connection, id: InvitationId, reopened: &Reopened) -> Result<()> {
    diesel::update(invitations::table.find(id))
        .set(reopened)
        .execute(connection)?;
    Ok(())
}

/// Where an invitation stands in the order of their ends.
pub type ExpiryPosition = (Timestamp, InvitationId);

/// Invitations that have expired and whose stored status still is pending, in the order of their ends: at
/// most `limit` behind `after`.
pub fn overdue(
    connection: &mut Connection,
    now: Timestamp,
    after: Option<ExpiryPosition>,
    limit: i64,
) -> Result<Vec<ExpiryPosition>> {
    let mut query = invitations::table
        .filter(PENDING_AS_INDEXED)
        .filter(invitations::expires_at.le(now))
        .order((invitations::expires_at.asc(), invitations::id.asc()))
        .limit(limit)
        .select((invitations::expires_at, invitations::id))
        .into_boxed();
    if let Some((expires_at, id)) = after {
        let same_time = invitations::expires_at.eq(expires_at);
        let behind = same_time.and(invitations::id.gt(id));
        query = query.filter(invitations::expires_at.gt(expires_at).or(behind));
    }
    Ok(query.load(connection)?)
}

/// The invitations of an account that are pending or have expired; with `organization`, only those of
/// this organization.
pub fn unended_of_account(
    connection: &mut Connection,
    account: AccountId,
    organization: Option<OrganizationId>,
) -> Result<Vec<InvitationId>> {
    let mut query = invitations::table
        .filter(invitations::account_id.eq(account))
        .filter(UNENDED)
        .order(invitations::id.asc())
        .select(invitations::id)
        .into_boxed();
    if let Some(organization) = organization {
        query = query.filter(invitations::organization_id.eq(organization));
    }
    Ok(query.load(connection)?)
}

/// The invitations that would make staff of an organization, that this account sent, and that are pending or have
/// expired.
pub fn unended_of_staff_by(
    connection: &mut Connection,
    organization: OrganizationId,
    sender: AccountId,
) -> Result<Vec<Invitation>> {
    Ok(invitations::table
        .filter(invitations::organization_id.eq(organization))
        .filter(unended_to_staff_by(sender))
        .order(invitations::id.asc())
        .select(Invitation::as_select())
        .load(connection)?)
}

/// The organizations that have such invitations, in their order.
pub fn organizations_with_staff_by(
    connection: &mut Connection,
    sender: AccountId,
) -> Result<Vec<OrganizationId>> {
    Ok(invitations::table
        .filter(unended_to_staff_by(sender))
        .order(invitations::organization_id.asc())
        .select(invitations::organization_id)
        .distinct()
        .load(connection)?)
}

#[diesel::dsl::auto_type]
fn unended_to_staff_by(sender: AccountId) -> _ {
    let staff: [AccountType; 2] = AccountType::STAFF;
    let unended: [InvitationStatus; 2] = [InvitationStatus::Pending, InvitationStatus::Expired];
    invitations::invited_by_account_id
        .eq(sender)
        .and(invitations::account_type.eq_any(staff))
        .and(invitations::status.eq_any(unended))
}

/// Gives the invitations of an account, with their links and mails, to the account that takes its address over.
pub fn move_to(connection: &mut Connection, from: AccountId, to: AccountId) -> Result<()> {
    let theirs = || invitations::table.filter(invitations::account_id.eq(from));
    let ids: Vec<InvitationId> = theirs().select(invitations::id).load(connection)?;
    let mails: Vec<Option<MailId>> = theirs().select(invitations::mail_id).load(connection)?;
    let mails: Vec<MailId> = mails.into_iter().flatten().collect();
    diesel::update(mailed_tokens::table.filter(mailed_tokens::invitation_id.eq_any(&ids)))
        .set(mailed_tokens::account_id.eq(to))
        .execute(connection)?;
    diesel::update(mails::table.filter(mails::id.eq_any(&mails)))
        .set(mails::account_id.eq(to))
        .execute(connection)?;
    diesel::update(theirs())
        .set(invitations::account_id.eq(to))
        .execute(connection)?;
    Ok(())
}

/// Deletes all invitations of an organization. It waits for a transaction that is answering one.
pub fn delete_all(connection: &mut Connection, organization: OrganizationId) -> Result<()> {
    let all = invitations::table.filter(invitations::organization_id.eq(organization));
    diesel::delete(all).execute(connection)?;
    Ok(())
}
