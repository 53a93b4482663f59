//! The outbox: mail that waits, that was sent, that was given up.
//!
//! A mail is `queued`, with a job that sends it. Right before its text goes to the mail server,
//! `handed_over_at` is committed. So a mail whose worker died is either one that nobody has begun to
//! send, which any worker sends, or one of which nobody knows whether it arrived, which is given up
//! and says so. Every change stands under a condition on what it builds on; whoever changes a mail
//! that is in hand holds its job first ([`super::jobs`]).

use std::collections::{HashMap, HashSet};

use diesel::dsl::exists;
use diesel::prelude::*;
use uuid::Uuid;

use super::Connection;
use super::backend::insert_rows;
use super::jobs::{self, NewJob, Schedule};
use super::schema::mails;
use super::sql_expression::AsIndexed;
use crate::domain::email_address::EmailAddress;
use crate::domain::ids::{AccountId, MailId, OrganizationId};
use crate::domain::jobs::{JobKind, Priority};
use crate::domain::language::Language;
use crate::domain::mail::{MailKind, MailStatus};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

/// A mail as it is kept.
#[derive(Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = mails, treat_none_as_default_value = false)]
pub struct Mail {
    pub id: MailId,
    pub organization_id: Option<OrganizationId>,
    pub account_id: AccountId,
    /// What it is about, for the log.
    pub kind: MailKind,
    pub cause: String,
    pub recipient: EmailAddress,
    pub language: Language,
    pub sealed: Option<Vec<u8>>,
    pub status: MailStatus,
    pub attempts: i64,
    pub last_error: Option<String>,
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

/// Statuses of mail that is still to be sent.
const UNSENT: [MailStatus; 2] = [MailStatus::Queued, MailStatus::Deferred];

/// The same as the index of unsent mail has it.
const UNSENT_AS_INDEXED: AsIndexed = AsIndexed("mails.status IN ('queued', 'deferred')");

/// Mail that is done with, as its index has it.
const ENDED_AS_INDEXED: AsIndexed = AsIndexed("mails.status IN ('sent', 'failed')");

/// A mail to be kept.
pub struct NewMail {
    pub mail: Mail,
    pub priority: Priority,
    /// When the job is due that sends it; nobody sends a mail that has none.
    pub due_at: Option<Timestamp>,
}

/// Keeps mails with the jobs that send them; gives the ids of those whose cause had none before.
pub fn insert_all(connection: &mut Connection, new: &[NewMail]) -> Result<HashSet<MailId>> {
    let rows = new.iter().map(|new| new.mail.clone());
    let inserted: Vec<Vec<MailId>> = insert_rows!(connection, mails::table, rows, (insert, c) => {
        insert.on_conflict(mails::cause).do_nothing().returning(mails::id).get_results(c)
    });
    let inserted: HashSet<MailId> = inserted.into_iter().flatten().collect();
    let jobs: Vec<(NewJob, Schedule)> = new
        .iter()
        .filter(|new| inserted.contains(&new.mail.id))
        .filter_map(|new| Some((job(new), schedule(new)?)))
        .collect();
    jobs::enqueue_each(connection, &jobs)?;
    Ok(inserted)
}

fn schedule(new: &NewMail) -> Option<Schedule> {
    let due_at = new.due_at?;
    let decided_at = new.mail.created_at;
    Some(Schedule { decided_at, due_at })
}

fn job(new: &NewMail) -> NewJob {
    NewJob {
        kind: JobKind::Mail,
        priority: new.priority,
        tenant: new.mail.organization_id,
        subject: Uuid::from(new.mail.id).into(),
        part: 0,
    }
}

/// Takes mails back that nobody has begun to send: what they say does not hold any more. Gives their
/// recipients.
pub fn withdraw(connection: &mut Connection, ids: &[MailId]) -> Result<Vec<EmailAddress>> {
    let waiting = mails::table
        .filter(mails::id.eq_any(ids))
        .filter(mails::status.eq_any(UNSENT))
        .filter(mails::handed_over_at.is_null());
    Ok(diesel::delete(waiting)
        .returning(mails::recipient)
        .get_results(connection)?)
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

/// A mail that is still to be sent.
pub fn find_unsent(connection: &mut Connection, id: MailId) -> Result<Option<Mail>> {
    Ok(unsent_mail(id)
        .select(Mail::as_select())
        .first(connection)
        .optional()?)
}

/// Notes that a mail is being tried; `false` where it was withdrawn or has been handed over.
pub fn begin(connection: &mut Connection, id: MailId, attempts: i64) -> Result<bool> {
    let ready = unsent_mail(id).filter(mails::handed_over_at.is_null());
    Ok(diesel::update(ready)
        .set(mails::attempts.eq(attempts))
        .execute(connection)?
        == 1)
}

/// Whether the text of an unsent mail went to a mail server.
pub fn was_handed_over(connection: &mut Connection, id: MailId) -> Result<bool> {
    let handed_over = unsent_mail(id).filter(mails::handed_over_at.is_not_null());
    Ok(diesel::select(exists(handed_over)).get_result(connection)?)
}

/// Notes that the text goes to the mail server now; `false` where the mail was withdrawn.
pub fn hand_over(connection: &mut Connection, id: MailId, now: Timestamp) -> Result<bool> {
    let ready = unsent_mail(id).filter(mails::handed_over_at.is_null());
    Ok(diesel::update(ready)
        .set(mails::handed_over_at.eq(now))
        .execute(connection)?
        == 1)
}

/// The mail server has it. Whoever handed it over knows, even where it was given up meanwhile
/// because that took long. What it said is erased.
pub fn mark_sent(connection: &mut Connection, id: MailId, now: Timestamp) -> Result<bool> {
    let theirs = mails::table
        .filter(mails::id.eq(id))
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

/// It was not taken, and is tried again.
pub fn defer(connection: &mut Connection, id: MailId, reason: &str) -> Result<()> {
    diesel::update(unsent_mail(id))
        .set((
            mails::status.eq(MailStatus::Deferred),
            mails::last_error.eq(reason),
            mails::handed_over_at.eq(None::<Timestamp>),
        ))
        .execute(connection)?;
    Ok(())
}

/// It is given up. What it said is erased.
pub fn fail(connection: &mut Connection, id: MailId, reason: &str) -> Result<()> {
    diesel::update(unsent_mail(id))
        .set((
            mails::status.eq(MailStatus::Failed),
            mails::last_error.eq(reason),
            mails::sealed.eq(None::<Vec<u8>>),
        ))
        .execute(connection)?;
    Ok(())
}

#[diesel::dsl::auto_type]
fn unsent_mail(id: MailId) -> _ {
    let unsent: [MailStatus; 2] = UNSENT;
    mails::table
        .filter(mails::id.eq(id))
        .filter(mails::status.eq_any(unsent))
}

/// Forgets mails that ended and were queued before this moment.
pub fn delete_ended_before(connection: &mut Connection, before: Timestamp) -> Result<()> {
    let old = mails::table
        .filter(ENDED_AS_INDEXED)
        .filter(mails::created_at.lt(before));
    diesel::delete(old).execute(connection)?;
    Ok(())
}

/// How many mails wait, for the metrics.
pub fn unsent(connection: &mut Connection) -> Result<i64> {
    Ok(mails::table
        .filter(UNSENT_AS_INDEXED)
        .count()
        .get_result(connection)?)
}
