//! A worker's look for a job reads a few rows, however many jobs wait.

use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use rollcall::clock::new_id;
use rollcall::domain::ids::{JobSubject, OrganizationId, WorkerId};
use rollcall::domain::jobs::{JobKind, Priority};
use rollcall::store::job_turns::{self, Lane, LeaseClaim, Turn};
use rollcall::store::jobs::{self, NewJob};
use rollcall::store::{Connection, transaction};
use uuid::Uuid;

use crate::support::App;
use crate::support::app::block_on;
use crate::support::invariants;

const BULK_MAIL: Lane = Lane {
    kind: JobKind::Mail,
    priority: Priority::Bulk,
};

const WAITING: usize = 3_000;

/// PostgreSQL chooses the way to the rows by statistics, which for a queue are of the time before it grew.
#[test]
fn a_look_for_a_job_reads_few_of_a_queue_that_has_just_grown() {
    let Some(app) = App::on_postgres() else {
        return;
    };
    block_on(async {
        let school = app.school().await;
        app.drain().await;
        let tenant: OrganizationId = school.id.parse().unwrap();
        let connection = &mut **invariants::connect(&app.state.services.pool);
        analyze(connection);
        jobs::enqueue(connection, &bulk_mails(tenant), app.now()).unwrap();
        let claim = LeaseClaim {
            worker: new_id::<WorkerId>(),
            now: app.now(),
            length: Duration::from_secs(30),
        };
        let (turns, read) = transaction(connection, |connection| {
            let turns = job_turns::next(connection, BULK_MAIL, &claim)?;
            Ok((turns, rows_read(connection)))
        })
        .unwrap();
        let lane = BULK_MAIL;
        assert_eq!(turns, [Turn { lane, tenant }]);
        // Among them rows of jobs that are done.
        assert!(read <= 50, "{read} rows of {WAITING}");
    });
}

fn bulk_mails(tenant: OrganizationId) -> Vec<NewJob> {
    let mail = || NewJob {
        kind: BULK_MAIL.kind,
        priority: BULK_MAIL.priority,
        tenant: Some(tenant),
        subject: JobSubject::from(Uuid::now_v7()),
        part: 0,
    };
    std::iter::repeat_with(mail).take(WAITING).collect()
}

fn analyze(connection: &mut Connection) {
    let Connection::Postgres(connection) = connection else {
        unreachable!("the database is PostgreSQL's");
    };
    connection.batch_execute("ANALYZE jobs").unwrap();
}

/// How many jobs this transaction has read by indexes or as a whole table.
fn rows_read(connection: &mut Connection) -> i64 {
    let read = sql::<BigInt>(
        "(SELECT idx_tup_fetch + seq_tup_read FROM pg_stat_xact_user_tables WHERE relname = 'jobs')",
    );
    diesel::select(read).get_result(connection).unwrap()
}
