//! Clocks that were wrong for a while, and processes that died with work in hand.

use std::time::Duration;

use diesel::prelude::*;
use rollcall::clock::new_id;
use rollcall::domain::ids::{OrganizationId, WorkerId};
use rollcall::domain::jobs::{JobKind, Priority};
use rollcall::store::job_turns::{self, Lane, LeaseClaim, Turn};
use rollcall::store::jobs as queue;
use rollcall::store::schema::{audit_events, jobs, refresh_tokens};
use serde_json::json;

use crate::support::App;
use crate::support::app::block_on;
use crate::support::both_databases;
use crate::support::import_file::ImportFile;
use crate::support::people::{seats_in_total, text};
use crate::support::process::Installation;

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

both_databases!(a_lease_of_a_clock_that_was_ahead_holds_nothing, |app| {
    let school = app.school().await;
    let names = json!({ "usernames": ["Jane", "Joe"], "account_type": "student" });
    let names_path = school.path("/imports/usernames");
    let import = school
        .admin
        .post(&names_path, names)
        .await
        .expect_status(202);
    let import = school.path(&format!("/imports/{}", text(&import["id"])));
    let until = app.now().plus(Duration::from_secs(60 * 60));
    let taken = diesel::update(jobs::table.filter(jobs::kind.eq(JobKind::ImportBatch)))
        .set((
            jobs::leased_by.eq(new_id::<WorkerId>()),
            jobs::leased_until.eq(until),
        ))
        .execute(&mut **app.state.services.pool.get().unwrap())
        .unwrap();
    assert_eq!(taken, 1);
    app.drain().await;
    let ended = school.admin.get(&import).await.expect_status(200);
    assert_eq!(ended["status"], "completed", "{ended:#}");
});

both_databases!(a_lease_of_a_clock_a_little_ahead_holds, |app| {
    const IMPORTS: Lane = Lane {
        kind: JobKind::ImportBatch,
        priority: Priority::Bulk,
    };
    let school = app.school().await;
    let names = json!({ "usernames": ["Jane"], "account_type": "student" });
    let path = school.path("/imports/usernames");
    school.admin.post(&path, names).await.expect_status(202);
    let connection = &mut **app.state.services.pool.get().unwrap();
    let mut take = |now| {
        let claim = LeaseClaim {
            worker: new_id::<WorkerId>(),
            now,
            length: Duration::from_secs(30),
        };
        let turns = job_turns::next(connection, IMPORTS, &claim).unwrap();
        let turn = Turn {
            lane: IMPORTS,
            tenant: school.id.parse().unwrap(),
        };
        (
            !turns.is_empty(),
            queue::take(connection, &turn, &claim).unwrap().is_some(),
        )
    };
    // It is due for long.
    let now = app.now().plus(HOUR);
    assert_eq!(take(now), (true, true));
    // Of a worker that looked at its clock a moment before, or whose clock is behind.
    for earlier in [1, 20, 5_000] {
        let before = now.minus(Duration::from_millis(earlier));
        assert_eq!(take(before), (false, false), "{earlier}");
    }
    assert_eq!(take(now.minus(Duration::from_secs(60))), (true, true));
});

/// Has everything in the queue written by a clock that was two hours ahead, due that much later than it said.
fn schedule_ahead(app: &App, later: Duration) -> usize {
    let ahead = app.now().plus(2 * HOUR);
    diesel::update(jobs::table)
        .set((
            jobs::scheduled_at.eq(ahead),
            jobs::due_at.eq(ahead.plus(later)),
        ))
        .execute(&mut **app.state.services.pool.get().unwrap())
        .unwrap()
}

both_databases!(work_that_a_clock_ahead_has_put_off_is_done_at_once, |app| {
    let school = app.school().await;
    app.drain().await;
    for later in [Duration::ZERO, HOUR] {
        let names = json!({ "usernames": ["Jane", "Joe"], "account_type": "student" });
        let names_path = school.path("/imports/usernames");
        let import = school.admin.post(&names_path, names).await;
        let import = text(&import.expect_status(202)["id"]);
        let address = format!("jane{}@x.org", later.as_secs());
        let invite = json!({ "emails": [address], "account_type": "student" });
        let invited = school
            .admin
            .post(&school.path("/invitations"), invite)
            .await;
        invited.expect_status(200);
        // The import, the mail, and the clean-up.
        assert!(schedule_ahead(app, later) >= 3);
        app.drain().await;
        let import = school.path(&format!("/imports/{import}"));
        let ended = school.admin.get(&import).await.expect_status(200);
        assert_eq!(ended["status"], "completed", "{ended:#}");
        app.last_mail_to(&address).await;
        let ahead: i64 = jobs::table
            .filter(jobs::scheduled_at.gt(app.now()))
            .count()
            .get_result(&mut **app.state.services.pool.get().unwrap())
            .unwrap();
        assert_eq!(ahead, 0);
    }
});

both_databases!(work_that_waits_for_good_reason_goes_on_waiting, |app| {
    let school = app.school().await;
    let invite = json!({ "emails": ["jane@x.org"], "account_type": "student" });
    let invited = school
        .admin
        .post(&school.path("/invitations"), invite)
        .await;
    invited.expect_status(200);
    let later = app.now().plus(6 * HOUR);
    let put_off = diesel::update(jobs::table.filter(jobs::kind.eq(JobKind::Mail)))
        .set(jobs::due_at.eq(later))
        .execute(&mut **app.state.services.pool.get().unwrap())
        .unwrap();
    app.drain().await;
    let waiting: i64 = jobs::table
        .filter(jobs::due_at.eq(later))
        .count()
        .get_result(&mut **app.state.services.pool.get().unwrap())
        .unwrap();
    assert_eq!(usize::try_from(waiting), Ok(put_off));
    assert!(put_off > 0);
});

/// With leases of ten minutes, nobody else would go on for as long.
#[test]
fn an_embedded_server_takes_up_at_once_what_it_was_at_when_it_died() {
    let mut installation = Installation::on_sqlite();
    installation.set("IMPORT_LEASE_SECONDS", 600);
    let process = installation.start();
    block_on(async {
        let school = process.school("Hill Road School").await;
        let import = school
            .import(&process, ImportFile::of("hill", 250).csv())
            .await;
        school
            .watch(&process, &import, |import| import["status"] == "running")
            .await;
        process.kill();
        let process = installation.start();
        let ended = school.finished(&process, &import).await;
        assert_eq!(ended["counts"]["created"], 250, "{ended:#}");
    });
}

both_databases!(the_audit_log_is_kept_for_as_long_as_is_set, |app| {
    let school = app.school().await;
    let organization: uuid::Uuid = school.id.parse().unwrap();
    let count = || -> i64 {
        audit_events::table
            .filter(audit_events::organization_id.eq(OrganizationId::from(organization)))
            .count()
            .get_result(&mut **app.state.services.pool.get().unwrap())
            .unwrap()
    };
    let before = count();
    assert!(before > 0);
    app.advance(399 * DAY);
    app.drain().await;
    assert_eq!(count(), before);
    // Ids are made by the clock of the machine.
    app.advance(20_000 * DAY);
    let operator = app.operator().await;
    let limits = seats_in_total(Some(500));
    let set = operator.put(&school.path("/seats"), limits).await;
    set.expect_status(200);
    app.drain().await;
    assert_eq!(count(), 1);
});

both_databases!(
    used_refresh_tokens_are_kept_while_they_could_matter,
    |app| {
        let jane = app.register("jane@x.org").await;
        let mut token = jane.refresh_token.clone();
        for _ in 0..3 {
            let body = json!({ "refresh_token": token });
            let refreshed = app.anonymous().post("/v1/auth/refresh", body).await;
            token = text(&refreshed.expect_status(200)["refresh_token"]);
            app.advance(20 * DAY);
        }
        let count = || -> i64 {
            refresh_tokens::table
                .filter(refresh_tokens::used_at.is_not_null())
                .count()
                .get_result(&mut **app.state.services.pool.get().unwrap())
                .unwrap()
        };
        assert_eq!(count(), 3);
        app.drain().await;
        assert_eq!(
            count(),
            1,
            "the one that was used less than thirty days ago"
        );
        let body = json!({ "refresh_token": token });
        let refreshed = app.anonymous().post("/v1/auth/refresh", body).await;
        refreshed.expect_status(200);
    }
);
