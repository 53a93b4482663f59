//! The outbox: mail that waits, that was sent, that was given up.

use std::collections::HashMap;

use diesel::prelude::*;

use super::Connection;
use super::backend::each_backend;
use super::schema::mails;
use crate::domain::email_address::EmailAddress;
use crate::domain::ids::{AccountId, MailId, OrganizationId, WorkerId};
use crate::domain::instant::Instant;
use crate::domain::language::Language;
use crate::domain::mail::{MailKind, MailStatus};
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
    pub due_at: Instant,
    pub leased_by: Option<WorkerId>,
    pub leased_until: Instant,
    pub handed_over_at: Option<Instant>,
    pub created_at: Instant,
    pub sent_at: Option<Instant>,
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
        .filter(mails::status.eq_any([MailStatus::Queued, MailStatus::Deferred]))
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
