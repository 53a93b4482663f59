//! Work that fails is put off, and given up when it fails for ever; one list keeps nobody waiting.

use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use rollcall::domain::ids::{ImportId, WorkerId};
use rollcall::domain::jobs::JobKind;
use rollcall::error::Result;
use rollcall::services::imports::retention::erase_expired;
use rollcall::store::Connection;
use rollcall::store::schema::{import_rows, imports, jobs, sessions};
use rollcall::worker::{self, IMPORTS, MAX_FAILURES, Worker};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{STUDENTS, assert_counts, column, file, id_of, students};
use crate::support::people::{Organization, PASSWORD};
use crate::support::{App, ReceivedMail, both_databases};

/// Longer than any pause between two attempts.
const PAUSE: Duration = Duration::from_secs(31 * 60);

/// Works until there is nothing to do, or something fails.
async fn work(app: &App) -> Result<()> {
    let state = app.state.clone();
    tokio::task::spawn_blocking(move || worker::drain(&state))
        .await
        .unwrap()
}

/// Makes what is sealed in a row unreadable, as where its key is gone.
fn break_row(app: &App, import: &Value, row: i64) {
    let mut connection = app.state.services.pool.get().unwrap();
    diesel::update(import_rows::table.find((id_of(import), row)))
        .set(import_rows::sealed.eq(Some(vec![0_u8; 40])))
        .execute(&mut **connection)
        .unwrap();
}

/// Works for as long as a list is tried that always fails.
async fn fail_for_ever<'a>(app: &'a App, school: &mut Organization<'a>) {
    for _ in 0..MAX_FAILURES {
        assert!(work(app).await.is_err());
        // It waits, and is not tried before its time.
        work(app).await.unwrap();
        app.advance(PAUSE);
    }
    app.drain().await;
    school.admin = app.sign_in(&school.admin.email, PASSWORD).await;
}

both_databases!(a_list_that_always_fails_makes_way_for_the_next, |app| {
    let mut school = app.school().await;
    let broken = school.accepted(file(250), STUDENTS).await;
    let next = file(2).replace("pupil", "next");
    let next = school.accepted(next, STUDENTS).await;
    break_row(app, &broken, 120);
    assert!(work(app).await.is_err());
    work(app).await.unwrap();
    let waiting = school.import_with(&broken["id"]).await;
    assert_eq!(waiting["status"], "running");
    assert_eq!(waiting["counts"]["created"], 150);
    assert_eq!(school.import_with(&next["id"]).await["status"], "queued");
    // Nobody holds it while it waits.
    let holders: Vec<Option<WorkerId>> = jobs::table
        .select(jobs::leased_by)
        .filter(jobs::failures.eq(1))
        .load(&mut **app.state.services.pool.get().unwrap())
        .unwrap();
    assert_eq!(holders, [None]);
    app.advance(PAUSE);

    for _ in 1..MAX_FAILURES {
        assert!(work(app).await.is_err());
        app.advance(PAUSE);
    }
    app.drain().await;
    school.admin = app.sign_in(&school.admin.email, PASSWORD).await;
    let failed = school.import_with(&broken["id"]).await;
    assert_eq!(failed["status"], "failed");
    assert_eq!(failed["failure"], "processing_failed");
    assert_counts(&failed, json!({ "created": 150, "unprocessed": 100 }));
    let next = school.import_with(&next["id"]).await;
    assert_counts(&next, json!({ "created": 2 }));
    assert_eq!(school.students_seats().await, (152, 0));
    // What can be read of the others is there, to upload again.
    let errors = school.table(&failed, "errors.csv").await;
    assert_eq!(errors.len(), 101);
    assert_eq!(
        column(&errors, "email")[18..21],
        ["pupil119@x.example", "", "pupil121@x.example"]
    );
    assert!(
        column(&errors, "error_code")
            .iter()
            .all(|code| *code == "unprocessed")
    );
    let userlist = school.table(&failed, "userlist.csv").await;
    assert_eq!(column(&userlist, "password")[99], "purple fox 100");
    let notices = app.mails().await;
    let is_notice = |mail: &&ReceivedMail| mail.subject.contains("import");
    assert_eq!(notices.iter().filter(is_notice).count(), 2);
});

both_databases!(all_or_nothing_that_always_fails_is_nothing, |app| {
    let mut school = app.school().await;
    let fields = students(&[("on_row_error", "refuse_all")]);
    let broken = school.accepted(file(150), &fields).await;
    break_row(app, &broken, 1);
    fail_for_ever(app, &mut school).await;
    let failed = school.import_with(&broken["id"]).await;
    assert_eq!(failed["failure"], "processing_failed");
    assert_counts(&failed, json!({ "unprocessed": 150 }));
    assert_eq!(school.students_seats().await, (0, 0));
});

both_databases!(a_list_whose_key_arrives_in_time_goes_on, |app| {
    let mut school = app.school().await;
    let import = school.accepted(file(20), STUDENTS).await;
    let row = import_rows::table.find((id_of(&import), 7_i64));
    let sealed: Option<Vec<u8>> = row
        .select(import_rows::sealed)
        .first(&mut **app.state.services.pool.get().unwrap())
        .unwrap();
    break_row(app, &import, 7);
    for _ in 1..MAX_FAILURES {
        assert!(work(app).await.is_err());
        app.advance(PAUSE);
    }
    diesel::update(row)
        .set(import_rows::sealed.eq(sealed))
        .execute(&mut **app.state.services.pool.get().unwrap())
        .unwrap();
    app.drain().await;
    school.admin = app.sign_in(&school.admin.email, PASSWORD).await;
    assert_counts(
        &school.import_with(&import["id"]).await,
        json!({ "created": 20 }),
    );
});

/// Has the database refuse something from now on.
fn refuse(app: &App, what: &str, rows: &str) {
    let mut connection = app.state.services.pool.get().unwrap();
    let refusal = match &**connection {
        Connection::Sqlite(_) => format!(
            "CREATE TRIGGER stuck BEFORE {what} WHEN {rows}
             BEGIN SELECT RAISE(ABORT, 'stuck'); END"
        ),
        Connection::Postgres(_) => format!(
            "CREATE FUNCTION refuse() RETURNS trigger AS
                 $$ BEGIN RAISE 'stuck'; END $$ LANGUAGE plpgsql;
             CREATE TRIGGER stuck BEFORE {what} FOR EACH ROW
                 WHEN ({rows}) EXECUTE FUNCTION refuse()"
        ),
    };
    connection.batch_execute(&refusal).unwrap();
}

// It is no outage, which is waited for: nothing but the end of the list helps.
both_databases!(a_reference_that_never_holds_ends_the_list, |app| {
    let mut school = app.school().await;
    let broken = school.accepted(file(2), STUDENTS).await;
    let mut connection = app.state.services.pool.get().unwrap();
    let dangling = "INSERT INTO invitation_groups (invitation_id, group_id)";
    let sql = match &**connection {
        Connection::Sqlite(_) => format!(
            "CREATE TRIGGER dangling AFTER INSERT ON memberships
             BEGIN {dangling} VALUES (randomblob(16), randomblob(16)); END"
        ),
        Connection::Postgres(_) => format!(
            "CREATE FUNCTION refer() RETURNS trigger AS $$ BEGIN
                 {dangling} VALUES (gen_random_uuid(), gen_random_uuid());
                 RETURN NEW; END $$ LANGUAGE plpgsql;
             CREATE TRIGGER dangling AFTER INSERT ON memberships
                 FOR EACH ROW EXECUTE FUNCTION refer()"
        ),
    };
    connection.batch_execute(&sql).unwrap();
    drop(connection);
    let code = school.admin.get(&school.path("/invite-code")).await;
    let code = code.expect_status(200)["code"].clone();
    let ann = app.register("ann@x.example").await;
    let redeemed = ann.post("/v1/invite-codes/redeem", json!({ "code": code }));
    let problem = redeemed.await;
    problem.expect_problem(503, "unavailable");
    assert!(problem.text.contains("Send the request again."));
    fail_for_ever(app, &mut school).await;
    let failed = school.import_with(&broken["id"]).await;
    assert_eq!(failed["failure"], "processing_failed");
    assert_counts(&failed, json!({ "unprocessed": 2 }));
});

/// An id as this database writes it.
fn literal(app: &App, id: ImportId) -> String {
    match &**app.state.services.pool.get().unwrap() {
        Connection::Sqlite(_) => format!("x'{}'", Uuid::from(id).simple()),
        Connection::Postgres(_) => format!("'{id}'"),
    }
}

both_databases!(a_job_whose_turn_cannot_be_counted_is_not_taken, |app| {
    let school = app.school().await;
    school.accepted(file(1), STUDENTS).await;
    refuse(app, "INSERT ON job_turns", "NEW.turn > 0");
    let worker = Worker::new(&app.state, &IMPORTS);
    assert!(worker.take().is_err());
    let holders: Vec<Option<WorkerId>> = jobs::table
        .select(jobs::leased_by)
        .filter(jobs::kind.eq(JobKind::ImportBatch))
        .load(&mut **app.state.services.pool.get().unwrap())
        .unwrap();
    assert_eq!(holders, [None]);
});

both_databases!(a_clean_up_ends_where_the_process_stops, |app| {
    let school = app.school().await;
    school.imported(file(1), STUDENTS).await;
    app.advance(Duration::from_secs(400 * 24 * 60 * 60));
    let kept = || -> i64 {
        imports::table
            .filter(imports::results_discarded_at.is_null())
            .count()
            .get_result(&mut **app.state.services.pool.get().unwrap())
            .unwrap()
    };
    let services = &app.state.services;
    let erase = |stop: bool| services.run_as_system(|tx| erase_expired(tx, &|| stop));
    let before = kept();
    erase(true).unwrap();
    assert_eq!(kept(), before);
    erase(false).unwrap();
    assert_eq!(kept(), 0);
});

both_databases!(what_cannot_be_cleaned_up_keeps_nothing_else, |app| {
    let school = app.school().await;
    let mut lists = Vec::new();
    for prefix in ["a", "b", "c"] {
        let list = file(1).replace("pupil", prefix);
        lists.push(id_of(&school.imported(list, STUDENTS).await));
    }
    let mut connection = app.state.services.pool.get().unwrap();
    let first = format!("OLD.id = {}", literal(app, lists[0]));
    refuse(app, "UPDATE ON imports", &first);
    // Sessions and results have expired.
    app.advance(Duration::from_secs(400 * 24 * 60 * 60));
    assert!(work(app).await.is_err());
    let left: Vec<ImportId> = imports::table
        .filter(imports::results_discarded_at.is_null())
        .select(imports::id)
        .load(&mut **connection)
        .unwrap();
    assert_eq!(left, lists[..1]);
    let sessions: i64 = sessions::table
        .count()
        .get_result(&mut **connection)
        .unwrap();
    assert_eq!(sessions, 0);
});
