//! Cancelling: at once, and what was done stays done.

use std::time::{Duration, Instant};

use rollcall::domain::jobs::JobKind;
use serde_json::json;

use super::{HaltingWorker, Order, STUDENTS, assert_counts, column, file, students};
use crate::support::{App, both_databases};
use rollcall::services::imports::execution::BatchOutcome;

both_databases!(an_import_that_waits_is_cancelled_whole, |app| {
    let school = app.school().await;
    let import = school
        .accepted(file(64) + "no address,purple fox 1,Bad\n", STUDENTS)
        .await;
    assert_eq!(school.students_seats().await, (0, 64));
    let cancelled = school.cancel(&import).await.expect_status(200);
    assert_eq!(cancelled["status"], "cancelled");
    assert_counts(&cancelled, json!({ "cancelled": 64, "email_invalid": 1 }));
    assert!(cancelled["started_at"].is_null());
    assert_eq!(cancelled["finished_at"], "2026-09-01T07:30:00Z");
    assert_eq!(cancelled["results_expire_at"], "2026-09-02T07:30:00Z");
    app.drain().await;
    assert_eq!(school.import_with(&import["id"]).await, cancelled);
    assert_eq!(school.students_seats().await, (0, 0));
    assert_eq!(school.joined().await, 0);
    let userlist = school.table(&import, "userlist.csv").await;
    assert!(
        column(&userlist, "password")
            .iter()
            .all(|cell| cell.is_empty())
    );
    assert_eq!(
        userlist[1][5..],
        [
            "cancelled",
            "cancelled",
            "The import was cancelled before this row's turn."
        ]
    );
    assert_eq!(userlist[65][5], "failed");
    assert_eq!(school.table(&import, "errors.csv").await.len(), 2);
});

both_databases!(an_import_that_runs_is_cancelled_where_it_is, |app| {
    let school = app.school().await;
    let import = school.accepted(file(250), STUDENTS).await;
    let mut worker = HaltingWorker::start(app).await;
    worker.write_one().await;
    let cancelled = school.cancel(&import).await.expect_status(200);
    assert_eq!(cancelled["status"], "cancelled");
    assert_counts(&cancelled, json!({ "created": 100, "cancelled": 150 }));
    assert_eq!(school.students_seats().await, (100, 0));
    assert_eq!(worker.finish().await, BatchOutcome::Lost);
    app.drain().await;
    assert_eq!(school.import_with(&import["id"]).await, cancelled);
    assert_eq!(school.students_seats().await, (100, 0));
    assert_eq!(school.joined().await, 100);
    let outcomes = school.outcomes(&import).await;
    assert!(outcomes[..100].iter().all(|outcome| outcome == "created"));
    assert!(outcomes[100..].iter().all(|outcome| outcome == "cancelled"));
    app.sign_in("pupil100@x.example", "purple fox 100").await;
    // The same file once more makes the rest.
    let rest = school.imported(file(250), STUDENTS).await;
    assert_counts(&rest, json!({ "already_member": 100, "created": 150 }));
});

both_databases!(all_or_nothing_is_cancelled_to_nothing, |app| {
    let school = app.school().await;
    let fields = students(&[("on_row_error", "refuse_all")]);
    let import = school.accepted(file(150), &fields).await;
    let mut worker = HaltingWorker::start(app).await;
    worker.write_one().await;
    let cancelled = school.cancel(&import).await.expect_status(200);
    assert_counts(&cancelled, json!({ "cancelled": 150 }));
    assert_eq!(worker.finish().await, BatchOutcome::Lost);
    assert_eq!(school.students_seats().await, (0, 0));
    assert_eq!(school.joined().await, 0);
    assert_eq!(school.import_with(&import["id"]).await, cancelled);
});

both_databases!(what_has_ended_cannot_be_cancelled, |app| {
    let school = app.school().await;
    let cancelled = school.accepted(file(2), STUDENTS).await;
    school.cancel(&cancelled).await.expect_status(200);
    let completed = school.imported(file(2), STUDENTS).await;
    let fields = students(&[("on_row_error", "refuse_all")]);
    let failed = school.accepted(file(2), &fields).await;
    for (import, status) in [
        (cancelled, "cancelled"),
        (completed, "completed"),
        (failed, "failed"),
    ] {
        let before = school.import_with(&import["id"]).await;
        let problem = school
            .cancel(&import)
            .await
            .expect_problem(409, "import_finished");
        let detail = format!("This import has ended already: it is {status}.");
        assert_eq!(problem["detail"], detail);
        assert_eq!(school.import_with(&import["id"]).await, before);
    }
    assert_eq!(school.students_seats().await, (2, 0));
});

both_databases!(cancelling_lets_the_next_import_run, |app| {
    let school = app.school().await;
    let first = school.accepted(file(90), STUDENTS).await;
    let second = school
        .accepted(file(2).replace("pupil", "other"), STUDENTS)
        .await;
    let worker = HaltingWorker::start(app).await;
    app.drain().await;
    assert_eq!(school.import_with(&second["id"]).await["status"], "queued");
    school.cancel(&first).await.expect_status(200);
    app.drain().await;
    let second = school.import_with(&second["id"]).await;
    assert_counts(&second, json!({ "created": 2 }));
    assert_eq!(worker.finish().await, BatchOutcome::Lost);
    assert_eq!(school.students_seats().await, (2, 0));
});

/// With hashes as slow as in real life, so that the worker is cancelled in the middle of a batch.
#[test]
fn a_worker_notices_within_a_second() {
    let app = App::on_sqlite_with(|config| {
        config.password_hash = "m=19456,t=12".parse().unwrap();
    });
    crate::support::app::block_on(async {
        let school = app.school().await;
        let import = school.accepted(file(200), STUDENTS).await;
        let worker = HaltingWorker::start(&app).await;
        worker.orders.send(Order::GoOn).unwrap();
        let asked = Instant::now();
        let cancelled = school.cancel(&import).await.expect_status(200);
        assert_counts(&cancelled, json!({ "cancelled": 200 }));
        assert_eq!(worker.finish().await, BatchOutcome::Lost);
        let took = asked.elapsed();
        // The batch would take ten times as long.
        assert!(took < Duration::from_secs(2), "{took:?}");
        assert_eq!(school.joined().await, 0);
    });
}

both_databases!(the_next_list_begins_at_once_where_one_is_cancelled, |app| {
    let school = app.school().await;
    let first = school.accepted(file(2), STUDENTS).await;
    let next = file(3).replace("pupil", "next");
    let next = school.accepted(next, STUDENTS).await;
    let mut signal = app.state.services.signal.listener([JobKind::ImportBatch]);
    signal.wait(Duration::ZERO);
    school.cancel(&first).await.expect_status(200);
    let since = Instant::now();
    signal.wait(Duration::from_secs(60));
    assert!(since.elapsed() < Duration::from_secs(60), "no worker wakes");
    app.drain().await;
    let next = school.import_with(&next["id"]).await;
    assert_counts(&next, json!({ "created": 3 }));
});
