//! The outbox: mail that waits, that was sent, that was given up.
//!
//! A mail is `queued`, and is taken by a worker under a lease. Right before its text goes to the mail
//! server, `handed_over_at` is committed. So a mail whose worker died is either one that nobody has
//! begun to send, which any worker takes, or one of which nobody knows whether it arrived, which is
//! given up and says so. Every change stands under a condition on what it builds on.

use std::collections::HashMap;

use diesel::dsl::sql;
use diesel::expression::SqlLiteral;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::Connection;
use super::backend::each_backend;
use super::schema::mails;
use crate::domain::email_address::EmailAddress;
use crate::domain::ids::{AccountId, MailId, OrganizationId, WorkerId};
use crate::domain::language::Language;
use crate::domain::mail::{MailKind, MailStatus};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

/// A mail as it is kept.
#[derive(Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = mails)]
pub struct Mail {
    pub id: MailId,
    pub organization_id: Option<OrganizationId>,
    pub account_id: AccountId,
    pub kind: MailKind,
    pub cause: String,
    pub recipient: EmailAddress,
    pub language: Language,
    pub sealed: Option<Vec<u8>>,
    pub status: MailStatus,
    pub attempts: i64,
    pub last_error: Option<String>,
    pub due_at: Timestamp,
    pub leased_by: Option<WorkerId>,
    pub leased_until: Timestamp,
    pub handed_over_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub sent_at: Option<Timestamp>,
}

/// How far a mail is, for those who had it sent.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = mails)]
pub struct Delivery {
    pub status: MailStatus,
    /// How often it was tried.
    pub attempts: i64,
    /// What the mail server, or the way to it, said last.
    pub last_error: Option<String>,
}

/// A worker's hold on a mail.
#[derive(Clone, Copy, Debug)]
pub struct Lease {
    pub mail: MailId,
    pub worker: WorkerId,
}

/// Statuses of mail that is still to be sent.
const UNSENT: [MailStatus; 2] = [MailStatus::Queued, MailStatus::Deferred];

/// The same as the index of unsent mail has it: a database takes a partial index only where the query
/// says its very condition.
fn unsent_as_indexed() -> SqlLiteral<Bool> {
    sql("mails.status IN ('queued', 'deferred')")
}

/// Mail that is done with, as its index has it.
fn ended_as_indexed() -> SqlLiteral<Bool> {
    sql("mails.status IN ('sent', 'failed')")
}

/// Queues a mail; `false` where its cause has one already.
pub fn insert(connection: &mut Connection, mail: &Mail) -> Result<bool> {
    let inserted = each_backend!(connection, c => diesel::insert_into(mails::table)
        .values(mail)
        .on_conflict(mails::cause)
        .do_nothing()
        .execute(c))?;
    Ok(inserted == 1)
}

/// Takes mails back that nobody has begun to send: what they say does not hold any more.
pub fn withdraw(connection: &mut Connection, ids: &[MailId]) -> Result<usize> {
    let waiting = mails::table
        .filter(mails::id.eq_any(ids))
        .filter(mails::status.eq_any(UNSENT))
        .filter(mails::handed_over_at.is_null());
    Ok(diesel::delete(waiting).execute(connection)?)
}

/// How far these mails are. One that was withdrawn, or sent long ago, is not among them.
pub fn deliveries(
    connection: &mut Connection,
    ids: &[MailId],
) -> Result<HashMap<MailId, Delivery>> {
    let found: Vec<(MailId, Delivery)> = mails::table
        .filter(mails::id.eq_any(ids))
        .select((mails::id, Delivery::as_select()))
        .load(connection)?;
    Ok(found.into_iter().collect())
}

/// Mails that a worker may take now, those that have waited longest first.
pub fn claimable(connection: &mut Connection, now: Timestamp, limit: i64) -> Result<Vec<MailId>> {
    Ok(mails::table
        .filter(unsent_as_indexed())
        .filter(mails::due_at.le(now))
        .filter(mails::leased_until.lt(now))
        .filter(mails::handed_over_at.is_null())
        .order((mails::due_at.asc(), mails::id.asc()))
        .limit(limit)
        .select(mails::id)
        .load(connection)?)
}

/// Takes a mail for a worker; `None` where another was faster.
pub fn claim(
    connection: &mut Connection,
    lease: Lease,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<Mail>> {
    let free = mails::table
        .filter(mails::id.eq(lease.mail))
        .filter(mails::status.eq_any(UNSENT))
        .filter(mails::due_at.le(now))
        .filter(mails::leased_until.lt(now))
        .filter(mails::handed_over_at.is_null());
    let claimed = diesel::update(free)
        .set((
            mails::leased_by.eq(lease.worker),
            mails::leased_until.eq(until),
            mails::attempts.eq(mails::attempts + 1_i64),
        ))
        .execute(connection)?;
    if claimed == 0 {
        return Ok(None);
    }
    Ok(held(lease)
        .select(Mail::as_select())
        .first(connection)
        .optional()?)
}

/// Notes that the text goes to the mail server now, and extends the lease; `false` where the lease
/// has run out or the mail was withdrawn.
pub fn hand_over(
    connection: &mut Connection,
    lease: Lease,
    now: Timestamp,
    until: Timestamp,
) -> Result<bool> {
    let ready = held(lease)
        .filter(mails::leased_until.ge(now))
        .filter(mails::handed_over_at.is_null());
    Ok(diesel::update(ready)
        .set((mails::handed_over_at.eq(now), mails::leased_until.eq(until)))
        .execute(connection)?
        == 1)
}

/// The mail server has it. Whoever handed it over knows, even where it was given up meanwhile
/// because that took long. What it said is erased.
pub fn mark_sent(connection: &mut Connection, lease: Lease, now: Timestamp) -> Result<bool> {
    let theirs = mails::table
        .filter(mails::id.eq(lease.mail))
        .filter(mails::leased_by.eq(lease.worker))
        .filter(mails::status.ne(MailStatus::Sent));
    Ok(diesel::update(theirs)
        .set((
            mails::status.eq(MailStatus::Sent),
            mails::sent_at.eq(now),
            mails::sealed.eq(None::<Vec<u8>>),
            mails::last_error.eq(None::<String>),
        ))
        .execute(connection)?
        == 1)
}

/// It was not taken, and is tried again from `due_at` on.
pub fn defer(
    connection: &mut Connection,
    lease: Lease,
    due_at: Timestamp,
    reason: &str,
) -> Result<bool> {
    Ok(diesel::update(held(lease))
        .set((
            mails::status.eq(MailStatus::Deferred),
            mails::due_at.eq(due_at),
            mails::last_error.eq(reason),
            mails::leased_until.eq(Timestamp::EPOCH),
            mails::handed_over_at.eq(None::<Timestamp>),
        ))
        .execute(connection)?
        == 1)
}

/// It is given up. What it said is erased.
pub fn fail(connection: &mut Connection, lease: Lease, reason: &str) -> Result<bool> {
    Ok(diesel::update(held(lease))
        .set((
            mails::status.eq(MailStatus::Failed),
            mails::last_error.eq(reason),
            mails::sealed.eq(None::<Vec<u8>>),
        ))
        .execute(connection)?
        == 1)
}

#[diesel::dsl::auto_type]
fn held(lease: Lease) -> _ {
    let mail: MailId = lease.mail;
    let worker: WorkerId = lease.worker;
    let ended: [MailStatus; 2] = [MailStatus::Sent, MailStatus::Failed];
    mails::table
        .filter(mails::id.eq(mail))
        .filter(mails::leased_by.eq(worker))
        .filter(mails::status.ne_all(ended))
}

/// Gives up what was handed over by a worker that has not been heard of since; gives which these are.
pub fn fail_lost(connection: &mut Connection, now: Timestamp, reason: &str) -> Result<Vec<MailId>> {
    let lost: Vec<MailId> = mails::table
        .filter(unsent_as_indexed())
        .filter(mails::handed_over_at.is_not_null())
        .filter(mails::leased_until.lt(now))
        .select(mails::id)
        .load(connection)?;
    let mut given_up = Vec::new();
    for id in lost {
        let still = mails::table
            .find(id)
            .filter(mails::status.eq_any(UNSENT))
            .filter(mails::handed_over_at.is_not_null())
            .filter(mails::leased_until.lt(now));
        let failed = diesel::update(still)
            .set((
                mails::status.eq(MailStatus::Failed),
                mails::last_error.eq(reason),
                mails::sealed.eq(None::<Vec<u8>>),
            ))
            .execute(connection)?;
        given_up.extend((failed == 1).then_some(id));
    }
    Ok(given_up)
}

/// Forgets mails that ended and were queued before this moment.
pub fn delete_ended_before(connection: &mut Connection, before: Timestamp) -> Result<usize> {
    let old = mails::table
        .filter(ended_as_indexed())
        .filter(mails::created_at.lt(before));
    Ok(diesel::delete(old).execute(connection)?)
}

/// How many mails wait, for the metrics.
pub fn unsent(connection: &mut Connection) -> Result<i64> {
    Ok(mails::table
        .filter(unsent_as_indexed())
        .count()
        .get_result(connection)?)
}
