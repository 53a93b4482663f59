//! Many at once: nothing is lost, doubled or exceeded.

use std::io::Write as _;
use std::time::Duration;

use diesel::RunQueryDsl as _;
use diesel::connection::SimpleConnection as _;
use futures_util::future::join_all;
use rollcall::domain::email_address::EmailAddress;
use rollcall::domain::username::Username;
use rollcall::services::imports::execution::{self, BatchOutcome};
use rollcall::store::Connection;
use rollcall::store::accounts::{self, Account};
use rollcall::worker::{IMPORTS, Worker};
use serde_json::json;
use uuid::Uuid;

use super::hang_up::{Framing, half_an_upload};
use super::{
    HaltingWorker, STUDENTS, assert_counts, file, file_of, id_of, students, work_as_another,
};
use crate::support::app::block_on;
use crate::support::{App, TestResponse, both_databases};

/// Uploads that one process takes of one organization at a time.
const PLACES_OF_ONE: i64 = 8;

both_databases!(uploads_at_once_share_the_seats, |app| {
    let school = app.school().await;
    school.limit_students(100).await;
    let files: Vec<String> = ["a", "b", "c", "d", "e"]
        .map(|prefix| file(64).replace("pupil", prefix))
        .into();
    let answers = join_all(files.into_iter().map(|file| school.import(file, STUDENTS))).await;
    let imports: Vec<_> = answers
        .iter()
        .map(|answer| answer.expect_status(202))
        .collect();
    assert_eq!(school.students_seats().await, (0, 100));
    let workers = (0..3).map(|_| work_as_another(app.state.clone()));
    let done: Vec<_> = join_all(workers).await.concat();
    // Two of them have seats; the others ended as soon as they had arrived.
    assert_eq!(done.len(), 2);
    assert_eq!(school.students_seats().await, (100, 0));
    assert_eq!(school.joined().await, 100);
    let mut created = 0;
    for import in &imports {
        let import = school.import_with(&import["id"]).await;
        assert_eq!(import["status"], "completed");
        assert_eq!(import["counts"]["processed"], 64);
        created += import["counts"]["created"].as_i64().unwrap();
    }
    assert_eq!(created, 100);
});

both_databases!(
    organizations_that_import_the_same_people_at_once_share_them,
    |app| {
        let school = app.school().await;
        let other = app.organization("Valley School", "school").await;
        let rows: Vec<String> = (1..=300)
            .map(|n| format!("pupil{n}@x.example,purple fox {n},Pupil {n}"))
            .collect();
        let mut rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        let one = school.accepted(file_of(&rows), STUDENTS).await;
        // In the other order, so that two transactions can wait for each other.
        rows.reverse();
        let two = other.accepted(file_of(&rows), STUDENTS).await;
        let workers = (0..2).map(|_| work_as_another(app.state.clone()));
        let mut done: Vec<_> = join_all(workers).await.concat();
        done.sort();
        assert_eq!(done, [id_of(&one), id_of(&two)]);
        let one = school.import_with(&one["id"]).await;
        let two = other.import_with(&two["id"]).await;
        let count = |import: &serde_json::Value, outcome: &str| {
            import["counts"]["by_outcome"][outcome]
                .as_i64()
                .unwrap_or(0)
        };
        assert_eq!(count(&one, "created") + count(&two, "created"), 300);
        for (organization, import) in [(&school, &one), (&other, &two)] {
            let created = count(import, "created");
            assert_eq!(created + count(import, "email_taken"), 300, "{import:#}");
            assert_eq!(organization.students_seats().await, (created, 0));
            assert_eq!(
                organization.joined().await,
                usize::try_from(created).unwrap()
            );
        }
    }
);

both_databases!(workers_at_once_do_each_import_once, |app| {
    let mut expected = Vec::new();
    let mut schools = Vec::new();
    for name in ["North School", "East School", "South School"] {
        let school = app.organization(name, "school").await;
        for prefix in ["a", "b"] {
            let people = file(110).replace("pupil", &format!("{prefix}-{}", school.slug));
            expected.push(id_of(&school.accepted(people, STUDENTS).await));
        }
        schools.push(school);
    }
    let mut done = Vec::new();
    // A worker finds nothing to do, and leaves, while others have the rest in hand.
    for _ in 0..4 {
        let workers = (0..3).map(|_| work_as_another(app.state.clone()));
        done.extend(join_all(workers).await.concat());
    }
    done.sort();
    expected.sort();
    assert_eq!(done, expected);
    for school in schools {
        assert_eq!(school.students_seats().await, (220, 0));
    }
});

both_databases!(
    more_uploads_at_once_than_there_are_places_are_asked_to_come_back,
    |app| {
        let school = app.school().await;
        let held: Vec<_> = (0..PLACES_OF_ONE)
            .map(|_| half_an_upload(&school, Framing::Sized))
            .collect();
        school
            .wait_for_traces(|(imports, _)| imports == PLACES_OF_ONE)
            .await;
        let refused = school.import(file(1), STUDENTS).await;
        refused.expect_problem(429, "rate_limited");
        assert!(refused.header("retry-after").parse::<u32>().is_ok());
        // Others are served meanwhile.
        school
            .admin
            .get(&school.path("/members"))
            .await
            .expect_status(200);
        drop(held);
        school.wait_for_traces(|traces| traces == (0, 0)).await;
        let import = school.imported(file(1), STUDENTS).await;
        assert_counts(&import, json!({ "created": 1 }));
    }
);

both_databases!(an_upload_that_arrives_late_waits_for_its_turn, |app| {
    let school = app.school().await;
    let mut late = half_an_upload(&school, Framing::Chunked);
    school.wait_for_traces(|(_, rows)| rows >= 1_000).await;
    let early = file(64).replace("pupil", "other");
    let early = school.accepted(early, STUDENTS).await;
    let end = "\r\n--frontier--\r\n";
    let chunks = format!("{:x}\r\n{end}\r\n0\r\n\r\n", end.len());
    late.write_all(chunks.as_bytes()).unwrap();
    while school.all("/imports").await.len() < 2 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let worker = Worker::new(&app.state, &IMPORTS);
    let only = worker.take().unwrap().unwrap();
    assert!(worker.take().unwrap().is_none(), "two lists at once");
    let (state, lease) = (app.state.clone(), only.clone());
    let work = move || execution::carry_out(&state.services, &lease, &|| false);
    let step = tokio::task::spawn_blocking(work).await.unwrap();
    assert_eq!(step.unwrap(), BatchOutcome::Finished);
    assert_eq!(Uuid::from(only.job.subject), Uuid::from(id_of(&early)));
    assert_eq!(work_as_another(app.state.clone()).await.len(), 1);
    assert_eq!(school.joined().await, 3_064);
});

both_databases!(an_organization_can_be_deleted_while_it_imports, |app| {
    for (name, on_row_error) in [("North School", "skip"), ("South School", "refuse_all")] {
        let school = app.organization(name, "school").await;
        let fields = students(&[("on_row_error", on_row_error)]);
        let import = school.accepted(file(250), &fields).await;
        let mut worker = HaltingWorker::start(app).await;
        worker.write_one().await;
        school
            .admin
            .delete(&school.path(""))
            .await
            .expect_status(204);
        assert_eq!(worker.finish().await, BatchOutcome::Lost);
        app.drain().await;
        assert_eq!(school.traces(), (0, 0), "{import:#}");
        let gone = json!({ "email": "pupil1@x.example", "password": "purple fox 1" });
        let refused = app.anonymous().post("/v1/auth/login", gone).await;
        refused.expect_problem(401, "wrong_credentials");
    }
});

both_databases!(an_organization_can_be_deleted_while_a_file_arrives, |app| {
    let school = app.school().await;
    let arriving = half_an_upload(&school, Framing::Sized);
    school.wait_for_traces(|(_, rows)| rows >= 1_000).await;
    school
        .admin
        .delete(&school.path(""))
        .await
        .expect_status(204);
    assert_eq!(school.traces(), (0, 0));
    drop(arriving);
    app.drain().await;
    assert_eq!(school.traces(), (0, 0));
});

both_databases!(results_are_discarded_once, |app| {
    let school = app.school().await;
    for number in 0..5 {
        let list = file(1).replace("pupil", &format!("list{number}-"));
        let import = school.imported(list, STUDENTS).await;
        let discards = join_all((0..4).map(|_| school.discard(&import))).await;
        let is_done = |answer: &&TestResponse| answer.status == 204;
        assert_eq!(discards.iter().filter(is_done).count(), 1);
        for refused in discards.iter().filter(|answer| !is_done(answer)) {
            refused.expect_problem(410, "results_expired");
        }
    }
});

/// Waits until a transaction waits for another one.
async fn wait_for_a_lock(connection: &mut Connection) {
    let waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database()
         AND wait_event_type = 'Lock'";
    for _ in 0..2_000 {
        if diesel::sql_query(waiting).execute(connection).unwrap() > 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("nobody waits");
}

/// Two lists of other organizations that have an address in common do not wait for each other in a
/// ring: who waits for an address holds none behind it.
#[test]
fn accounts_are_inserted_in_the_order_of_their_addresses() {
    let Some(app) = App::on_postgres() else {
        return;
    };
    block_on(async {
        let school = app.school().await;
        for (prefix, rows, on_row_error) in [("a", 2, "skip"), ("b", 700, "refuse_all")] {
            let address = |number: usize| format!("{prefix}{number:04}@x.example");
            let lines: Vec<String> = (1..=rows)
                .rev()
                .map(|number| format!("{},purple fox {number},Pupil", address(number)))
                .collect();
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let fields = students(&[("on_row_error", on_row_error)]);
            let import = school.accepted(file_of(&lines), &fields).await;

            let add = |connection: &mut Connection, number| {
                let email = EmailAddress::parse(&address(number)).unwrap();
                let name = Username::parse("Somebody").unwrap();
                let mut account = Account::new(email, name, app.now());
                account.email_verified_at = Some(app.now());
                accounts::insert(connection, &account)
            };
            let mut other = app.state.services.pool.get().unwrap();
            let mut watching = app.state.services.pool.get().unwrap();
            other
                .batch_execute("BEGIN; SET LOCAL lock_timeout = '300ms'")
                .unwrap();
            assert!(add(&mut other, 1).unwrap());
            let working = tokio::spawn(work_as_another(app.state.clone()));
            wait_for_a_lock(&mut watching).await;
            let added = add(&mut other, rows);
            other.batch_execute("COMMIT").unwrap();
            assert!(added.expect("the import holds a later address"));
            assert_eq!(working.await.unwrap(), [id_of(&import)]);
            let ended = school.import_with(&import["id"]).await;
            assert_eq!(ended["counts"]["by_outcome"]["email_taken"], 2, "{ended:#}");
        }
    });
}
