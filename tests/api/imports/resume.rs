//! Whoever dies when: every row ends in exactly one outcome (`docs/imports.md`).

use std::time::Duration;

use rollcall::services::imports::execution::BatchOutcome;
use rollcall::worker::{IMPORTS, Worker};
use serde_json::{Value, json};

use super::{
    HaltingWorker, STUDENTS, assert_counts, column, file, id_of, students, work_as_another,
};
use crate::support::both_databases;
use crate::support::people::Organization;

/// Longer than a worker may be silent.
const LEASE: Duration = Duration::from_secs(11);

/// Asserts that all of `file(250)` was created, each row once.
async fn assert_each_once(school: &Organization<'_>, import: &Value) {
    let import = school.import_with(&import["id"]).await;
    assert_eq!(import["status"], "completed");
    assert_counts(&import, json!({ "created": 250 }));
    assert_eq!(school.students_seats().await, (250, 0));
    let rows = school.rows(&import, "").await;
    let mut accounts: Vec<_> = rows
        .iter()
        .map(|row| row["account_id"].as_str().unwrap().to_owned())
        .collect();
    let mut members: Vec<_> = school
        .all("/members?account_type=student")
        .await
        .iter()
        .map(|member| member["account_id"].as_str().unwrap().to_owned())
        .collect();
    accounts.sort();
    members.sort();
    assert_eq!(accounts, members);
    members.dedup();
    assert_eq!(members.len(), 250);
    let userlist = school.table(&import, "userlist.csv").await;
    let emails = column(&userlist, "email");
    let passwords = column(&userlist, "password");
    for place in [0, 99, 100, 199, 200, 249] {
        school.app().sign_in(emails[place], passwords[place]).await;
    }
}

both_databases!(a_worker_that_was_thought_dead_writes_nothing, |app| {
    let school = app.school().await;
    let import = school.accepted(file(250), STUDENTS).await;
    let mut worker = HaltingWorker::start(app).await;
    worker.write_one().await;
    // Within its lease nobody else takes its batch, and so ends the import.
    assert_eq!(work_as_another(app.state.clone()).await, []);
    app.advance(LEASE);
    assert_eq!(work_as_another(app.state.clone()).await, [id_of(&import)]);
    assert_each_once(&school, &import).await;
    assert_eq!(worker.finish().await, BatchOutcome::Lost);
    assert_each_once(&school, &import).await;
});

both_databases!(two_workers_in_turns_write_each_row_once, |app| {
    let school = app.school().await;
    let import = school.accepted(file(250), STUDENTS).await;
    let mut first = HaltingWorker::start(app).await;
    first.write_one().await;
    app.advance(LEASE);
    let mut second = HaltingWorker::start(app).await;
    second.write_one().await;
    assert_eq!(first.finish().await, BatchOutcome::Lost);
    let running = school.import_with(&import["id"]).await;
    assert_eq!(running["counts"]["created"], 200);
    assert_eq!(second.finish().await, BatchOutcome::Finished);
    assert_each_once(&school, &import).await;
});

both_databases!(what_a_dead_worker_left_is_taken_up, |app| {
    let school = app.school().await;
    let import = school.accepted(file(250), STUDENTS).await;
    let mut worker = HaltingWorker::start(app).await;
    worker.write_one().await;
    worker.die().await;
    app.drain().await;
    let waiting = school.import_with(&import["id"]).await;
    assert_eq!(waiting["status"], "running");
    // Only the batch that the dead worker has in hand waits for its lease.
    assert_eq!(waiting["counts"]["created"], 150);
    app.advance(LEASE);
    app.drain().await;
    assert_each_once(&school, &import).await;
});

both_databases!(a_process_that_stops_hands_its_import_over, |app| {
    let school = app.school().await;
    let import = school.accepted(file(250), STUDENTS).await;
    let mut worker = HaltingWorker::start(app).await;
    worker.write_one().await;
    assert_eq!(worker.stop().await, BatchOutcome::HandedOver);
    // At once: no lease has to run out.
    assert_eq!(work_as_another(app.state.clone()).await, [id_of(&import)]);
    assert_each_once(&school, &import).await;
});

both_databases!(all_or_nothing_is_taken_up_as_well, |app| {
    let school = app.school().await;
    let fields = students(&[("on_row_error", "refuse_all")]);
    let import = school.accepted(file(250), &fields).await;
    let mut worker = HaltingWorker::start(app).await;
    worker.write_one().await;
    worker.die().await;
    app.advance(LEASE);
    let mut second = HaltingWorker::start(app).await;
    let running = school.import_with(&import["id"]).await;
    assert_eq!(running["counts"]["processed"], 100);
    second.write_one().await;
    let running = school.import_with(&import["id"]).await;
    assert_eq!(running["counts"]["processed"], 200);
    assert_eq!(second.finish().await, BatchOutcome::Finished);
    assert_each_once(&school, &import).await;
});

both_databases!(
    generated_passwords_are_those_of_the_worker_that_wrote,
    |app| {
        let school = app.school().await;
        let rows: String = (1..=250)
            .map(|n| format!("pupil{n}@x.example,Pupil {n}\n"))
            .collect();
        let fields = students(&[("generate_missing_passwords", "true")]);
        let import = school
            .accepted(format!("email,username\n{rows}"), &fields)
            .await;
        let mut worker = HaltingWorker::start(app).await;
        worker.write_one().await;
        app.advance(LEASE);
        work_as_another(app.state.clone()).await;
        assert_eq!(worker.finish().await, BatchOutcome::Lost);
        assert_each_once(&school, &import).await;
    }
);

both_databases!(an_organization_imports_one_file_at_a_time, |app| {
    let school = app.school().await;
    let other = app.organization("Valley School", "school").await;
    let first = school.accepted(file(150), STUDENTS).await;
    let second = school
        .accepted(file(2).replace("pupil", "second"), STUDENTS)
        .await;
    let elsewhere = other
        .accepted(file(2).replace("pupil", "elsewhere"), STUDENTS)
        .await;
    let halting = HaltingWorker::start(app).await;
    // The other organization does not wait, and the second file does.
    assert_eq!(
        work_as_another(app.state.clone()).await,
        [id_of(&elsewhere)]
    );
    assert_eq!(school.import_with(&first["id"]).await["status"], "running");
    assert_eq!(school.import_with(&second["id"]).await["status"], "queued");
    assert_eq!(
        other.import_with(&elsewhere["id"]).await["status"],
        "completed"
    );
    // Nor can a worker have it that looks for this organization only.
    let worker = Worker::new(&app.state, &IMPORTS).only_for(school.id.parse().unwrap());
    let claimed = worker.take().unwrap();
    assert!(claimed.is_none());
    assert_eq!(halting.finish().await, BatchOutcome::Finished);
    app.drain().await;
    let second = school.import_with(&second["id"]).await;
    assert_counts(&second, json!({ "created": 2 }));
    assert_eq!(school.students_seats().await, (152, 0));
});

both_databases!(
    imports_of_an_organization_run_in_the_order_of_their_upload,
    |app| {
        let school = app.school().await;
        let mut accepted = Vec::new();
        for prefix in ["c", "a", "b"] {
            accepted.push(id_of(
                &school
                    .accepted(file(2).replace("pupil", prefix), STUDENTS)
                    .await,
            ));
        }
        assert_eq!(work_as_another(app.state.clone()).await, accepted);
    }
);
