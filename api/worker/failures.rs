//! What becomes of a job whose turn ended in an error: it is put off, longer each time, and given up
//! when it has failed often enough. An outage of the database does not count, nor does a deadlock, which others may
//! cause; a conflict with another transaction does, because one that never ends is a fault.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::cleanup;
use crate::domain::jobs::JobKind;
use crate::error::{Error, Result};
use crate::mail::sending;
use crate::services::imports::execution;
use crate::services::unit_of_work::Services;
use crate::store::jobs::{self, Job, Lease, Schedule};

/// How often a job may fail: with the pauses between, it is tried for an hour and twenty minutes. A
/// sealing key that is on its way to a replica arrives in that time.
pub const MAX_FAILURES: i64 = 8;

/// How long a job waits that failed: the first time, and at most. Each pause is three times the last.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(30 * 60);

/// How long a job waits that failed because something we stand on was away.
const WHILE_UNAVAILABLE: Duration = Duration::from_secs(5);

/// What is to be done with a job that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Remedy {
    /// It waits, and this failure does not count.
    Wait(Duration),
    /// It waits, and this failure counts.
    WaitAndCount(Duration),
    GiveUp,
}

/// Lets go of a job whose turn ended in this error, so that it is tried again, or gives it up.
///
/// # Errors
/// The store's own: then the lease runs out, and the job is tried again.
pub fn let_go(services: &Services, lease: &Lease, error: &Error) -> Result<()> {
    match remedy(&lease.job, error) {
        Remedy::Wait(pause) => wait(services, lease, pause)?,
        Remedy::WaitAndCount(pause) => put_off(services, lease, pause)?,
        Remedy::GiveUp => {
            // What keeps a job from being done may keep it from being given up, for now.
            if let Err(error) = give_up(services, lease) {
                put_off(services, lease, LONGEST_PAUSE)?;
                return Err(error);
            }
        }
    }
    Ok(())
}

/// Puts the job off, and all of its import: what one batch waits for, the others would wait for too, and
/// keep workers from the imports of others.
fn wait(services: &Services, lease: &Lease, pause: Duration) -> Result<()> {
    let schedule = Schedule::after(services.clock.now(), pause);
    let job = &lease.job;
    services.run_as_system(|tx| {
        tx.transaction(|tx| {
            jobs::defer(tx.connection, lease, schedule)?;
            match job.kind {
                JobKind::ImportBatch => {
                    jobs::defer_subject(tx.connection, (job.kind, job.subject), schedule)
                }
                JobKind::Mail
                | JobKind::DomainCheck
                | JobKind::JoinRequestDigest
                | JobKind::ConnectionCheck
                | JobKind::AppCheck
                | JobKind::CleanUp => Ok(()),
            }
        })
    })
}

fn remedy(job: &Job, error: &Error) -> Remedy {
    match (job.kind, error) {
        // It comes again anyhow.
        (JobKind::CleanUp, _) => Remedy::Wait(cleanup::INTERVAL),
        (
            JobKind::DomainCheck
            | JobKind::JoinRequestDigest
            | JobKind::ConnectionCheck
            | JobKind::AppCheck,
            _,
        ) => Remedy::Wait(LONGEST_PAUSE),
        (JobKind::ImportBatch | JobKind::Mail, Error::Unavailable(_) | Error::Deadlock(_)) => {
            Remedy::Wait(WHILE_UNAVAILABLE)
        }
        (
            JobKind::ImportBatch | JobKind::Mail,
            Error::Refused(_) | Error::Conflict(_) | Error::Internal(_),
        ) => {
            if job.failures + 1 >= MAX_FAILURES {
                Remedy::GiveUp
            } else {
                Remedy::WaitAndCount(pause_after(job.failures))
            }
        }
    }
}

/// How long a job waits that had failed so often before.
fn pause_after(failures: i64) -> Duration {
    let mut pause = FIRST_PAUSE;
    for _ in 0..failures {
        pause = pause.saturating_mul(3).min(LONGEST_PAUSE);
    }
    pause
}

fn put_off(services: &Services, lease: &Lease, pause: Duration) -> Result<()> {
    let schedule = Schedule::after(services.clock.now(), pause);
    services.run_as_system(|tx| jobs::defer_failed(tx.connection, lease, schedule))?;
    let job = &lease.job;
    tracing::warn!(kind = %job.kind, subject = %job.subject, failures = job.failures + 1, ?pause, "a job waits after it failed");
    Ok(())
}

fn give_up(services: &Services, lease: &Lease) -> Result<()> {
    let job = &lease.job;
    tracing::error!(kind = %job.kind, subject = %job.subject, "a job has failed too often and is given up");
    match job.kind {
        JobKind::ImportBatch => execution::give_up(services, lease).map(|_| ()),
        JobKind::Mail => sending::give_up(&mut *services.pool.get()?, lease),
        // Never: it is not counted.
        JobKind::DomainCheck
        | JobKind::JoinRequestDigest
        | JobKind::ConnectionCheck
        | JobKind::AppCheck
        | JobKind::CleanUp => Ok(()),
    }
}

/// Runs `work`. A panic costs the job that met it its turn, never the thread: with the last thread, all
/// work would stand still in a process that looks alive.
pub fn without_panic<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|panic| Err(Error::of_panic(panic.as_ref())))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn job(kind: JobKind, failures: i64) -> Job {
        Job {
            id: Uuid::nil().into(),
            kind,
            subject: Uuid::nil().into(),
            part: 0,
            attempts: 100,
            failures,
        }
    }

    #[test]
    fn a_panic_is_an_error_like_any_other() {
        let panicked: Result<()> = without_panic(|| panic!("no row {}", 7));
        assert_eq!(
            panicked.unwrap_err().to_string(),
            "internal error: panic: no row 7"
        );
        assert_eq!(without_panic(|| Ok(7)).unwrap(), 7);
    }

    #[test]
    fn pauses_grow_until_the_job_is_given_up() {
        for error in [Error::internal("broken"), Error::conflict("for ever")] {
            for kind in [JobKind::ImportBatch, JobKind::Mail] {
                let remedies =
                    (0..MAX_FAILURES).map(|failures| remedy(&job(kind, failures), &error));
                let pauses = [10, 30, 90, 270, 810, 1800, 1800].map(Duration::from_secs);
                let waits = pauses.map(Remedy::WaitAndCount).into_iter();
                assert!(remedies.eq(waits.chain([Remedy::GiveUp])));
            }
        }
    }

    #[test]
    fn an_outage_and_a_deadlock_never_count() {
        for error in [
            Error::unavailable("the database restarts"),
            Error::deadlock("two waited"),
        ] {
            for kind in [JobKind::ImportBatch, JobKind::Mail] {
                let expected = Remedy::Wait(WHILE_UNAVAILABLE);
                assert_eq!(remedy(&job(kind, MAX_FAILURES - 1), &error), expected);
            }
        }
    }

    #[test]
    fn what_comes_again_by_itself_does_so_however_often_it_failed() {
        let error = Error::internal("broken");
        let expected = Remedy::Wait(cleanup::INTERVAL);
        assert_eq!(remedy(&job(JobKind::CleanUp, 1_000), &error), expected);
        let expected = Remedy::Wait(LONGEST_PAUSE);
        assert_eq!(remedy(&job(JobKind::DomainCheck, 1_000), &error), expected);
    }
}
