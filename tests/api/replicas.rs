//! Several servers on one PostgreSQL share the work, and none of them is needed
//! (`docs/deployment.md`).

use std::time::{Duration, Instant};

use diesel::prelude::*;
use futures_util::stream;
use reqwest::multipart::Part;
use rollcall::domain::ids::WorkerId;
use rollcall::domain::jobs::JobKind;
use rollcall::store::schema::jobs;
use serde_json::{Value, json};

use crate::support::TestResponse;
use crate::support::app::block_on;
use crate::support::database;
use crate::support::import_file::ImportFile;
use crate::support::invariants;
use crate::support::people::{PASSWORD, text};
use crate::support::process::{Installation, Process, School};

/// Whoever works on imports now.
fn workers(installation: &Installation) -> Vec<WorkerId> {
    jobs::table
        .filter(jobs::kind.eq(JobKind::ImportBatch))
        .filter(jobs::leased_by.is_not_null())
        .select(jobs::leased_by.assume_not_null())
        .load(&mut **invariants::connect(&installation.pool()))
        .expect("no leases")
}

/// Whether this worker belongs to this process, which has told so in its log.
fn is_of(worker: WorkerId, process: &Process) -> bool {
    process.log().contains(&worker.to_string())
}

async fn wait_until(is_so: impl Fn() -> bool) {
    let since = Instant::now();
    while !is_so() {
        assert!(since.elapsed() < Duration::from_secs(20), "it never is");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn is_running(import: &Value) -> bool {
    import["status"] == "running"
}

/// Asserts that these imports of these schools, which are all that they have, ended well.
async fn check(
    installation: &Installation,
    process: &Process,
    all: &[(&School, &str, &ImportFile)],
) {
    let pool = installation.pool();
    let mut everybody = Vec::new();
    for (school, id, file) in all {
        school.finished(process, id).await;
        let created =
            invariants::check_import(school.subject(process, &pool), (id, file), &["completed"])
                .await;
        invariants::check_school(school.subject(process, &pool), created.len(), 0).await;
        everybody.extend(created);
    }
    invariants::check_passwords(&everybody);
}

#[test]
fn two_servers_share_the_imports_and_either_may_die() {
    let Some(mut installation) = Installation::on_postgres() else {
        return;
    };
    installation.set("IMPORT_WORKERS", 1);
    let (one, other) = (installation.start_in("one"), installation.start_in("other"));
    block_on(async {
        let hill = one.school("Hill Road School").await;
        let lake = other.school("Lake Side School").await;
        let (file, other_file) = (
            ImportFile::of("hill", 110),
            ImportFile::of("lake", 60).with_bad_rows(7),
        );
        let import = hill.import(&one, file.csv()).await;
        let other_import = lake.import(&other, other_file.csv()).await;
        // What one server has accepted, the other knows.
        hill.watch(&other, &import, is_running).await;
        lake.watch(&one, &other_import, is_running).await;
        let each_works_on_one = || {
            let workers = workers(&installation);
            let of = |process| {
                workers
                    .iter()
                    .filter(|worker| is_of(**worker, process))
                    .count()
            };
            (of(&one), of(&other)) == (1, 1)
        };
        wait_until(each_works_on_one).await;
        one.kill();
        let since = Instant::now();
        check(
            &installation,
            &other,
            &[(&hill, &import, &file), (&lake, &other_import, &other_file)],
        )
        .await;
        println!("all was done {:.1?} after one was killed", since.elapsed());
    });
}

#[test]
fn eight_servers_that_start_at_once_on_an_empty_database_migrate_it_once() {
    let Some(installation) = Installation::on_postgres() else {
        return;
    };
    let names: Vec<String> = (1..=8).map(|number| format!("replica{number}")).collect();
    let starting: Vec<_> = names
        .iter()
        .map(|name| installation.spawn_in(name))
        .collect();
    let processes: Vec<Process> = starting.into_iter().map(|one| one.listening()).collect();
    block_on(async {
        for process in &processes {
            process.get("/health/ready", "").await.expect_status(200);
        }
        let token = processes[0].register("jane@x.org").await;
        for process in &processes {
            process.get("/v1/me", &token).await.expect_status(200);
        }
    });
    let logs: String = processes.iter().map(|process| process.log()).collect();
    assert_eq!(
        logs.matches("migration applied").count(),
        database::migrations("postgres"),
        "{logs}"
    );
    assert!(!logs.contains("\"ERROR\""), "{logs}");
}

/// A file that takes six seconds to arrive.
fn slowly(file: String) -> Part {
    let pieces: Vec<Vec<u8>> = file.into_bytes().chunks(64).map(<[u8]>::to_vec).collect();
    let pause = Duration::from_secs(6) / u32::try_from(pieces.len()).expect("a count");
    let pieces = stream::unfold(pieces.into_iter(), move |mut pieces| async move {
        tokio::time::sleep(pause).await;
        let piece = pieces.next()?;
        Some((Ok::<_, std::io::Error>(piece), pieces))
    });
    Part::stream(reqwest::Body::wrap_stream(pieces))
}

/// The lease is long, so that waiting for it would be seen.
#[test]
fn a_server_that_is_stopped_ends_its_requests_and_hands_its_import_over_at_once() {
    let Some(mut installation) = Installation::on_postgres() else {
        return;
    };
    installation.set("IMPORT_LEASE_SECONDS", 60);
    let (one, other) = (installation.start_in("one"), installation.start_in("other"));
    block_on(async {
        let hill = one.school("Hill Road School").await;
        let lake = one.school("Lake Side School").await;
        let (file, late_file) = (ImportFile::of("hill", 150), ImportFile::of("late", 20));
        let import = hill.import(&one, file.csv()).await;
        hill.watch(&one, &import, is_running).await;
        let late = lake.upload(&one, slowly(late_file.csv()), &[]);
        let late = tokio::spawn(late.send());
        let body = json!({ "email": "admin@lake-side-school.example", "password": PASSWORD });
        let sign_in = one
            .request(reqwest::Method::POST, "/v1/auth/login", "")
            .json(&body);
        let sign_in = tokio::spawn(sign_in.send());
        tokio::time::sleep(Duration::from_millis(300)).await;

        one.terminate();
        let since = Instant::now();
        wait_until(|| {
            workers(&installation)
                .iter()
                .any(|worker| is_of(*worker, &other))
        })
        .await;
        println!("handed over after {:.1?}", since.elapsed());
        assert!(
            !late.is_finished(),
            "the import is handed over before the last request ends"
        );
        let left = hill.import_now(&other, &import).await;
        assert!(is_running(&left), "it was over before: {left:#}");

        let sign_in = sign_in
            .await
            .expect("no task")
            .expect("the sign-in broke off");
        TestResponse::read(sign_in).await.expect_status(200);
        let late = late.await.expect("no task").expect("the upload broke off");
        let late = text(&TestResponse::read(late).await.expect_status(202)["id"]);
        assert!(one.wait().success());
        println!("ended after {:.1?}", since.elapsed());
        check(
            &installation,
            &other,
            &[(&hill, &import, &file), (&lake, &late, &late_file)],
        )
        .await;
    });
}

/// A machine that stood still for a while comes back and goes on with what is no longer its own.
#[test]
fn a_server_that_was_thought_dead_changes_nothing_when_it_comes_back() {
    let Some(installation) = Installation::on_postgres() else {
        return;
    };
    let (one, other) = (installation.start_in("one"), installation.start_in("other"));
    block_on(async {
        let school = one.school("Hill Road School").await;
        let file = ImportFile::of("hill", 110);
        let import = school.import(&one, file.csv()).await;
        school.watch(&one, &import, is_running).await;
        tokio::time::sleep(Duration::from_millis(fastrand::u64(0..1_500))).await;
        one.pause();
        wait_until(|| {
            workers(&installation)
                .iter()
                .all(|worker| is_of(*worker, &other))
        })
        .await;
        one.resume();
        check(&installation, &other, &[(&school, &import, &file)]).await;
        one.terminate();
        let log = one.log();
        assert!(one.wait().success());
        assert!(!log.contains("\"ERROR\""), "{log}");
    });
}
