//! Whose turn it is: within a lane, the tenants with jobs take turns.

use std::time::Duration;

use diesel::dsl::{exists, max, not};
use diesel::prelude::*;
use diesel::sql_types::Text;

use super::Connection;
use super::backend::each_backend;
use super::schema::{job_turns, jobs};
use super::sql_types::{Id, UtcTimestamp};
use crate::domain::ids::{OrganizationId, WorkerId};
use crate::domain::jobs::{JobKind, Priority};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

/// Jobs of one kind and priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lane {
    pub kind: JobKind,
    pub priority: Priority,
}

/// A tenant with a job in a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    pub lane: Lane,
    pub tenant: OrganizationId,
}

/// What a worker takes a job for.
#[derive(Clone, Copy, Debug)]
pub struct LeaseClaim {
    pub worker: WorkerId,
    pub now: Timestamp,
    pub length: Duration,
}

/// How far the clocks of those who share the work may be apart: further off, they take each other's, and
/// `rollcall doctor` calls it a failure.
pub const CLOCKS_APART: Duration = Duration::from_secs(10);

impl LeaseClaim {
    /// Until when the lease holds.
    pub(super) fn lease_end(&self) -> Timestamp {
        self.now.plus(self.length)
    }

    /// A lease that holds for longer comes from a clock that was wrong, and holds nothing. One that another worker has
    /// taken since this one looked at its clock ends a moment later than this one's would.
    pub(super) fn latest_lease_end(&self) -> Timestamp {
        self.lease_end().plus(CLOCKS_APART)
    }
}

/// Leaps from tenant to tenant in the index, however many jobs each of them has. What is looked up of a tenant stands
/// in subqueries that take one row at most: PostgreSQL makes joins of others, and reads the whole queue for them where
/// it has not noticed yet that this has grown. SQLite numbers `$n` by their first appearance, which is why they appear
/// in order.
const TENANTS_IN_TURN: &str = "
    WITH RECURSIVE tenants (tenant) AS (
        SELECT (
            SELECT jobs.tenant FROM jobs WHERE jobs.kind = $1 AND jobs.priority = $2
            ORDER BY jobs.tenant LIMIT 1
        )
        UNION ALL
        SELECT (
            SELECT jobs.tenant FROM jobs
            WHERE jobs.kind = $1 AND jobs.priority = $2 AND jobs.tenant > tenants.tenant
            ORDER BY jobs.tenant LIMIT 1
        )
        FROM tenants WHERE tenants.tenant IS NOT NULL
    )
    SELECT tenants.tenant AS tenant
    FROM tenants
    WHERE tenants.tenant IS NOT NULL AND (
        SELECT jobs.id FROM jobs
        WHERE jobs.kind = $1 AND jobs.priority = $2 AND jobs.tenant = tenants.tenant
            AND jobs.due_at <= $3 AND (jobs.leased_until < $3 OR jobs.leased_until > $4)
        ORDER BY jobs.due_at, jobs.id LIMIT 1
    ) IS NOT NULL
    ORDER BY COALESCE((
        SELECT job_turns.turn FROM job_turns
        WHERE job_turns.kind = $1 AND job_turns.priority = $2 AND job_turns.tenant = tenants.tenant
    ), 0), tenants.tenant
    LIMIT 8";

#[derive(QueryableByName)]
struct Tenant {
    #[diesel(sql_type = Id)]
    tenant: OrganizationId,
}

/// The tenants that have a job to take in this lane, the one whose turn it is first. They are more than one, since
/// others may be taking the first one's last job.
pub fn next(connection: &mut Connection, lane: Lane, claim: &LeaseClaim) -> Result<Vec<Turn>> {
    let tenants: Vec<Tenant> = each_backend!(connection, c => diesel::sql_query(TENANTS_IN_TURN)
        .bind::<Text, _>(lane.kind)
        .bind::<Text, _>(lane.priority)
        .bind::<UtcTimestamp, _>(claim.now)
        .bind::<UtcTimestamp, _>(claim.latest_lease_end())
        .load(c))?;
    let turn_of = |Tenant { tenant }| Turn { lane, tenant };
    Ok(tenants.into_iter().map(turn_of).collect())
}

/// Puts a tenant behind all others of its lane.
pub(super) fn count(connection: &mut Connection, turn: &Turn) -> Result<()> {
    let last: Option<i64> = job_turns::table
        .filter(job_turns::kind.eq(turn.lane.kind))
        .filter(job_turns::priority.eq(turn.lane.priority))
        .select(max(job_turns::turn))
        .first(connection)?;
    let next = last.unwrap_or(0) + 1;
    each_backend!(connection, c => diesel::insert_into(job_turns::table)
        .values((
            job_turns::kind.eq(turn.lane.kind),
            job_turns::priority.eq(turn.lane.priority),
            job_turns::tenant.eq(turn.tenant),
            job_turns::turn.eq(next),
        ))
        .on_conflict((job_turns::kind, job_turns::priority, job_turns::tenant))
        .do_update()
        .set(job_turns::turn.eq(next))
        .execute(c))?;
    Ok(())
}

/// Forgets the turns of tenants without a job, so that there are never more than tenants at work.
pub fn forget_idle(connection: &mut Connection) -> Result<usize> {
    let queued = jobs::table
        .filter(jobs::kind.eq(job_turns::kind))
        .filter(jobs::priority.eq(job_turns::priority))
        .filter(jobs::tenant.eq(job_turns::tenant));
    let idle = job_turns::table.filter(not(exists(queued)));
    Ok(diesel::delete(idle).execute(connection)?)
}
