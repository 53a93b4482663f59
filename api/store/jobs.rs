//! The queue of all background work: leases, turns among tenants, deferral and hand-over.
//!
//! A job is queued in the transaction of what it is about. A worker takes it under a lease, and
//! deletes it in the transaction that does it: that transaction holds only while the lease does, so
//! a worker that was thought dead changes nothing any more. A lease that runs out leaves the job to
//! any other worker.
//!
//! A job that fails by itself is put off, longer each time, and counted: see
//! [`defer_failed`]. Whoever runs it gives it up when that was often enough.
//!
//! Within a lane, tenants take turns: the next job is the first one of the tenant whose last turn is
//! the longest ago. Taking a job is a single statement that skips what others are taking, so workers
//! do not wait for each other.
//!
//! Lock order: what the job is about (an import's row), then the job, then the mail, then the turn of
//! its tenant.

use std::time::Duration;

use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use uuid::Uuid;

use super::Connection;
use super::backend::{each_backend, insert_rows};
use super::job_turns::{self, CLOCKS_APART, LeaseClaim, Turn};
use super::schema::jobs;
use super::sql_types::{Id, UtcTimestamp};
use super::transaction::transaction;
use crate::clock::new_id;
use crate::domain::ids::{JobId, JobSubject, OrganizationId, WorkerId};
use crate::domain::jobs::{JobKind, Priority};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

/// A job to queue.
#[derive(Clone, Copy, Debug)]
pub struct NewJob {
    pub kind: JobKind,
    pub priority: Priority,
    /// Whose turn it takes; none for work that is for no organization.
    pub tenant: Option<OrganizationId>,
    pub subject: JobSubject,
    /// Which part of the subject; 0 where the job is about all of it.
    pub part: i64,
}

/// A job that a worker has taken.
#[derive(Clone, Debug, QueryableByName)]
#[diesel(table_name = jobs)]
pub struct Job {
    pub id: JobId,
    pub kind: JobKind,
    pub subject: JobSubject,
    pub part: i64,
    /// How often it was taken, this time included.
    pub attempts: i64,
    /// How often it failed by itself.
    pub failures: i64,
}

/// A worker's hold on a job.
#[derive(Clone, Debug)]
pub struct Lease {
    pub job: Job,
    pub worker: WorkerId,
    /// For how long each renewal is.
    pub length: Duration,
}

impl Lease {
    /// How often it is renewed: it outlives two renewals that are late, and a job whose subject was
    /// cancelled is noticed soon.
    pub fn heartbeat(&self) -> Duration {
        (self.length / 3).min(Duration::from_millis(500))
    }
}

/// The tenant of work that is for no organization.
fn nobody() -> OrganizationId {
    Uuid::nil().into()
}

/// From when on a job is due, and when that was decided.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    pub decided_at: Timestamp,
    pub due_at: Timestamp,
}

impl Schedule {
    /// Due at once.
    pub const fn at_once(now: Timestamp) -> Self {
        Self {
            decided_at: now,
            due_at: now,
        }
    }

    /// Due after a while.
    pub fn after(now: Timestamp, pause: Duration) -> Self {
        Self {
            decided_at: now,
            due_at: now.plus(pause),
        }
    }
}

/// Queues jobs in this order, due at once. One that is queued already stays as it is.
pub fn enqueue(connection: &mut Connection, new: &[NewJob], now: Timestamp) -> Result<()> {
    let at_once = Schedule::at_once(now);
    let new: Vec<_> = new.iter().map(|job| (*job, at_once)).collect();
    enqueue_each(connection, &new)
}

/// As [`enqueue`], each due from a time of its own on.
pub fn enqueue_each(connection: &mut Connection, new: &[(NewJob, Schedule)]) -> Result<()> {
    let rows = new.iter().map(|(job, schedule)| row(job, *schedule));
    insert_rows!(connection, jobs::table, rows, (insert, c) => {
        insert.on_conflict_do_nothing().execute(c)
    });
    Ok(())
}

#[derive(Insertable)]
#[diesel(table_name = jobs, treat_none_as_default_value = false)]
struct QueuedJob {
    id: JobId,
    kind: JobKind,
    priority: Priority,
    tenant: OrganizationId,
    subject: JobSubject,
    part: i64,
    due_at: Timestamp,
    scheduled_at: Timestamp,
    attempts: i64,
    failures: i64,
    leased_until: Timestamp,
}

fn row(job: &NewJob, schedule: Schedule) -> QueuedJob {
    QueuedJob {
        id: new_id::<JobId>(),
        kind: job.kind,
        priority: job.priority,
        tenant: job.tenant.unwrap_or_else(nobody),
        subject: job.subject,
        part: job.part,
        due_at: schedule.due_at,
        scheduled_at: schedule.decided_at,
        attempts: 0,
        failures: 0,
        leased_until: Timestamp::EPOCH,
    }
}

const TAKE_FIRST: &str = "
    UPDATE jobs SET leased_by = $1, leased_until = $2, attempts = attempts + 1
    WHERE id = (
        SELECT id FROM jobs
        WHERE kind = $3 AND priority = $4 AND tenant = $5 AND due_at <= $6
            AND (leased_until < $6 OR leased_until > $7)
        ORDER BY due_at, id LIMIT 1";

const RETURNING: &str = ") RETURNING id, kind, subject, part, attempts, failures";

/// Takes the first job of a tenant and counts its turn; `None` where others have taken what there was.
/// In one transaction: a job whose turn cannot be counted is not taken.
pub fn take(connection: &mut Connection, turn: &Turn, claim: &LeaseClaim) -> Result<Option<Lease>> {
    transaction(connection, |connection| {
        let Some(job) = take_first(connection, turn, claim)? else {
            return Ok(None);
        };
        job_turns::count(connection, turn)?;
        Ok(Some(Lease {
            job,
            worker: claim.worker,
            length: claim.length,
        }))
    })
}

fn take_first(connection: &mut Connection, turn: &Turn, claim: &LeaseClaim) -> Result<Option<Job>> {
    let skip_locked = match connection {
        Connection::Sqlite(_) => "",
        Connection::Postgres(_) => " FOR UPDATE SKIP LOCKED",
    };
    let sql = format!("{TAKE_FIRST}{skip_locked}{RETURNING}");
    Ok(each_backend!(connection, c => diesel::sql_query(sql)
        .bind::<Id, _>(claim.worker)
        .bind::<UtcTimestamp, _>(claim.lease_end())
        .bind::<Text, _>(turn.lane.kind)
        .bind::<Text, _>(turn.lane.priority)
        .bind::<Id, _>(turn.tenant)
        .bind::<UtcTimestamp, _>(claim.now)
        .bind::<UtcTimestamp, _>(claim.latest_lease_end())
        .get_result(c)
        .optional())?)
}

/// Extends a lease; `false` where it is lost: the job was taken over, or its subject ended.
pub fn renew(connection: &mut Connection, lease: &Lease, now: Timestamp) -> Result<bool> {
    Ok(diesel::update(held(lease.job.id, lease.worker))
        .set(jobs::leased_until.eq(now.plus(lease.length)))
        .execute(connection)?
        == 1)
}

/// As [`renew`], but not for a lease that has run out, even where nobody has taken the job since.
pub fn renew_in_time(connection: &mut Connection, lease: &Lease, now: Timestamp) -> Result<bool> {
    let in_time = held(lease.job.id, lease.worker).filter(jobs::leased_until.ge(now));
    Ok(diesel::update(in_time)
        .set(jobs::leased_until.eq(now.plus(lease.length)))
        .execute(connection)?
        == 1)
}

/// Deletes a job, in the transaction that has done it; `false` where the lease is lost: then nothing
/// of the work may hold.
pub fn finish(connection: &mut Connection, lease: &Lease) -> Result<bool> {
    Ok(diesel::delete(held(lease.job.id, lease.worker)).execute(connection)? == 1)
}

/// Puts a job off until then; `false` where the lease is lost.
pub fn defer(connection: &mut Connection, lease: &Lease, schedule: Schedule) -> Result<bool> {
    Ok(diesel::update(held(lease.job.id, lease.worker))
        .set((
            jobs::due_at.eq(schedule.due_at),
            jobs::scheduled_at.eq(schedule.decided_at),
            jobs::leased_by.eq(None::<WorkerId>),
            jobs::leased_until.eq(Timestamp::EPOCH),
        ))
        .execute(connection)?
        == 1)
}

/// Puts a job that failed by itself off until then, and counts that; `false` where the lease is lost.
pub fn defer_failed(
    connection: &mut Connection,
    lease: &Lease,
    schedule: Schedule,
) -> Result<bool> {
    Ok(diesel::update(held(lease.job.id, lease.worker))
        .set((
            jobs::failures.eq(jobs::failures + 1),
            jobs::due_at.eq(schedule.due_at),
            jobs::scheduled_at.eq(schedule.decided_at),
            jobs::leased_by.eq(None::<WorkerId>),
            jobs::leased_until.eq(Timestamp::EPOCH),
        ))
        .execute(connection)?
        == 1)
}

/// Hands a job over: any worker may take it at once.
pub fn hand_over(connection: &mut Connection, lease: &Lease) -> Result<()> {
    diesel::update(held(lease.job.id, lease.worker))
        .set((
            jobs::leased_by.eq(None::<WorkerId>),
            jobs::leased_until.eq(Timestamp::EPOCH),
        ))
        .execute(connection)?;
    Ok(())
}

#[diesel::dsl::auto_type]
fn held(job: JobId, worker: WorkerId) -> _ {
    jobs::table
        .filter(jobs::id.eq(job))
        .filter(jobs::leased_by.eq(worker))
}

/// Frees every leased job of this kind, whoever holds it: for a process that is the only one to work here.
pub fn release_all(connection: &mut Connection, kind: JobKind) -> Result<usize> {
    let leased = jobs::table
        .filter(jobs::kind.eq(kind))
        .filter(jobs::leased_by.is_not_null());
    Ok(diesel::update(leased)
        .set((
            jobs::leased_by.eq(None::<WorkerId>),
            jobs::leased_until.eq(Timestamp::EPOCH),
        ))
        .execute(connection)?)
}

/// Puts off every job of this kind for this subject that nobody holds.
pub fn defer_subject(
    connection: &mut Connection,
    (kind, subject): (JobKind, JobSubject),
    schedule: Schedule,
) -> Result<()> {
    let waiting = jobs::table
        .filter(jobs::subject.eq(subject))
        .filter(jobs::kind.eq(kind))
        .filter(jobs::leased_by.is_null())
        .filter(jobs::due_at.lt(schedule.due_at));
    diesel::update(waiting)
        .set((
            jobs::due_at.eq(schedule.due_at),
            jobs::scheduled_at.eq(schedule.decided_at),
        ))
        .execute(connection)?;
    Ok(())
}

/// Makes the jobs due at once whose time was decided in the future: by a clock that was ahead, so that they would wait
/// for as long as it was wrong.
pub fn mend_schedules(connection: &mut Connection, now: Timestamp) -> Result<usize> {
    let ahead = jobs::table.filter(jobs::scheduled_at.gt(now.plus(CLOCKS_APART)));
    Ok(diesel::update(ahead)
        .set((jobs::due_at.eq(now), jobs::scheduled_at.eq(now)))
        .execute(connection)?)
}

/// The jobs of one kind and priority that are due.
#[derive(Clone, Copy, Debug, QueryableByName)]
pub struct DueJobs {
    #[diesel(sql_type = Text)]
    pub kind: JobKind,
    #[diesel(sql_type = Text)]
    pub priority: Priority,
    #[diesel(sql_type = BigInt)]
    pub count: i64,
    /// Since when the oldest has been due.
    #[diesel(sql_type = UtcTimestamp)]
    pub since: Timestamp,
}

const DUE: &str = "
    SELECT kind, priority, count(*) AS count, min(due_at) AS since
    FROM jobs WHERE due_at <= $1 GROUP BY kind, priority";

/// What is due and what workers are at, by kind and priority.
pub fn due(connection: &mut Connection, now: Timestamp) -> Result<Vec<DueJobs>> {
    Ok(each_backend!(connection, c => diesel::sql_query(DUE).bind::<UtcTimestamp, _>(now).load(c))?)
}

/// Whether anything of this kind is queued, or in hand, for any of these subjects.
pub fn is_queued(
    connection: &mut Connection,
    kind: JobKind,
    subjects: &[JobSubject],
) -> Result<bool> {
    let queued = jobs::table
        .filter(jobs::subject.eq_any(subjects))
        .filter(jobs::kind.eq(kind));
    Ok(diesel::select(exists(queued)).get_result(connection)?)
}

/// Deletes all jobs of this kind for this subject, and so takes them from their workers.
pub fn delete(connection: &mut Connection, kind: JobKind, subject: JobSubject) -> Result<()> {
    let queued = jobs::table
        .filter(jobs::subject.eq(subject))
        .filter(jobs::kind.eq(kind));
    diesel::delete(queued).execute(connection)?;
    Ok(())
}
