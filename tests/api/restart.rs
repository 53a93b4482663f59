//! The database goes away under a running server, and comes back (`docs/deployment.md#restarts`).

use std::time::{Duration, Instant};

use diesel::connection::{AnsiTransactionManager, SimpleConnection as _, TransactionManager as _};
use diesel::prelude::*;
use reqwest::multipart::Part;
use rollcall::domain::imports::ImportStatus;
use rollcall::store::pool::{DatabaseUrl, PreparedStatements};
use rollcall::store::schema::accounts;
use rollcall::store::{Connection, Pool};
use rollcall::worker;
use serde_json::json;

use crate::support::app::block_on;
use crate::support::import_file::ImportFile;
use crate::support::people::{PASSWORD, send, text};
use crate::support::postgres::PrivateServer;
use crate::support::process::{Front, Installation, Process, School};
use crate::support::wire::Wire;
use crate::support::{App, invariants, postgres};

/// An application whose database answers over a wire that can lose answers.
fn app_behind_a_wire() -> Option<(App, Wire)> {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut wire = None;
    let app = App::on_postgres_with(|config| {
        if let DatabaseUrl::Postgres(url) = &config.database_url {
            let to_it = Wire::to(url, seed);
            config.database_url = DatabaseUrl::Postgres(to_it.url());
            wire = Some(to_it);
        }
    })?;
    Some((app, wire?))
}

/// Works until nothing is left to do, as workers do whose database breaks off now and then.
async fn work(app: &App) {
    let state = app.state.clone();
    let work = move || {
        while let Err(error) = worker::drain(&state) {
            println!("{error}");
            state
                .services
                .clock
                .advance(state.services.config.import_lease + Duration::from_secs(1));
        }
    };
    tokio::task::spawn_blocking(work)
        .await
        .expect("the worker panics");
}

async fn import(
    front: &Front,
    school: &School,
    file: &ImportFile,
    fields: &[(&str, &str)],
) -> String {
    let fields: Vec<_> = fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let upload = school.upload(front, Part::text(file.csv()), &fields);
    text(&send(upload).await.expect_status(202)["id"])
}

/// The worker cannot know whether its batch was written. Writing it again would meet the accounts
/// that it has just made.
#[test]
fn commits_whose_answer_is_lost_are_neither_lost_nor_repeated() {
    let Some((app, wire)) = app_behind_a_wire() else {
        return;
    };
    block_on(async {
        let front = Front::at(app.address);
        let school = front.school("Hill Road School").await;
        let plain = ImportFile::of("plain", 350).with_bad_rows(10);
        let made = ImportFile::of("made", 250).without_passwords();
        let whole = ImportFile::of("whole", 250);
        let taken = ImportFile::of("taken", 5).ending_in(&["email_taken"]);
        let in_vain = taken
            .clone()
            .and(ImportFile::of("vain", 150).ending_in(&["refused"]));
        let orders = [
            (&in_vain, vec![("on_row_error", "refuse_all")], "failed"),
            (&plain, vec![], "completed"),
            (
                &made,
                vec![("generate_missing_passwords", "true")],
                "completed",
            ),
            (&whole, vec![("on_row_error", "refuse_all")], "completed"),
        ];
        let mut imports = Vec::new();
        for (file, fields, status) in orders {
            let id = import(&front, &school, file, &fields).await;
            imports.push((id, file, status));
        }
        for line in &taken.lines {
            front.register(&line.email).await;
        }
        wire.lose_one_in(2);
        work(&app).await;
        wire.lose_one_in(0);
        assert!(wire.lost() >= 5, "only {} answers were lost", wire.lost());
        println!("{} answers were lost", wire.lost());
        let mut created = Vec::new();
        for (id, file, status) in &imports {
            let import = (id.as_str(), *file);
            created.extend(
                invariants::check_import(
                    school.subject(&front, &app.state.services.pool),
                    import,
                    &[status],
                )
                .await,
            );
        }
        invariants::check_school(
            school.subject(&front, &app.state.services.pool),
            created.len(),
            0,
        )
        .await;
        invariants::check_passwords(&created);
    });
}

/// Whoever gets no answer looks at the list of imports: what is not there has left nothing behind.
#[test]
fn uploads_whose_answer_is_lost_are_whole_or_nothing() {
    let Some((app, wire)) = app_behind_a_wire() else {
        return;
    };
    block_on(async {
        let front = Front::at(app.address);
        let school = front.school("Hill Road School").await;
        wire.lose_one_in(3);
        let mut files = Vec::new();
        let mut accepted = 0;
        for number in 0..20 {
            let file = ImportFile::of(&format!("upload{number}"), 3);
            let answer = send(school.upload(&front, Part::text(file.csv()), &[])).await;
            if answer.status == 202 {
                accepted += 1;
            } else {
                answer.expect_problem(503, "unavailable");
            }
            files.push(file);
        }
        wire.lose_one_in(0);
        let listed = school
            .get(&front, "/imports?limit=200")
            .await
            .expect_status(200);
        let listed = listed["items"].as_array().expect("no items").clone();
        println!(
            "{} lost, {accepted} answered, {} accepted",
            wire.lost(),
            listed.len()
        );
        assert!(listed.len() >= accepted && wire.lost() > 0);
        let seats = school.get(&front, "/seats").await.expect_status(200);
        assert_eq!(seats["total"]["reserved"], 3 * listed.len(), "{seats:#}");
        work(&app).await;
        let mut created = 0;
        for import in &listed {
            let id = text(&import["id"]);
            let rows = school.get(&front, &format!("/imports/{id}/rows")).await;
            let email = text(&rows.expect_status(200)["items"][0]["email"]);
            let is_this = |file: &&ImportFile| file.lines[0].email == email;
            let file = files.iter().find(is_this).expect("a file");
            let (pool, import) = (&app.state.services.pool, (id.as_str(), file));
            created +=
                invariants::check_import(school.subject(&front, pool), import, &["completed"])
                    .await
                    .len();
        }
        invariants::check_school(school.subject(&front, &app.state.services.pool), created, 0)
            .await;
        let staged =
            invariants::imports_that_are(&app.state.services.pool, &[ImportStatus::Staging]);
        assert_eq!(staged, 0);
    });
}

/// A server that hangs, or whose machine has vanished, answers nothing at all. Whoever went on
/// waiting for it would not notice the one that takes its place.
#[test]
fn a_database_that_answers_nothing_is_given_up_and_found_again() {
    let Some((app, wire)) = app_behind_a_wire() else {
        return;
    };
    block_on(async {
        let front = Front::at(app.address);
        let school = front.school("Hill Road School").await;
        wire.be_deaf(true);
        wire.break_all();
        assert_all_away(&ask_at_once(&front, &school, 8).await);
        wire.be_deaf(false);
        let since = Instant::now();
        while refused(&ask_at_once(&front, &school, 1).await) > 0 {
            assert!(
                since.elapsed() < Duration::from_secs(30),
                "it is never found again"
            );
        }
        println!("found again after {:.1?}", since.elapsed());
    });
}

/// What a request came to: its status, and how long it took.
type Ended = (u16, Duration);

/// Asks for the caller's organization, once.
async fn ask(front: &Front, school: &School) -> Ended {
    let since = Instant::now();
    let answer = school.get(front, "").await;
    if answer.status != 200 {
        answer.expect_problem(503, "unavailable");
        assert_ne!(answer.header("retry-after"), "");
    }
    (answer.status.as_u16(), since.elapsed())
}

/// Asks so many times at once.
async fn ask_at_once(front: &Front, school: &School, count: usize) -> Vec<Ended> {
    futures_util::future::join_all((0..count).map(|_| ask(front, school))).await
}

/// Requests wait a little for the database, and then say that it is away: none waits for as long as
/// all those before it together.
fn assert_all_away(ended: &[Ended]) {
    for (status, took) in ended {
        assert_eq!(*status, 503);
        assert!(*took < Duration::from_secs(7), "{ended:?}");
    }
}

async fn assert_away(process: &Process, school: &School) {
    process.get("/health/live", "").await.expect_status(200);
    let since = Instant::now();
    let ready = process.get("/health/ready", "").await;
    assert!(since.elapsed() < Duration::from_secs(2));
    ready.expect_problem(503, "unavailable");
    assert_ne!(ready.header("retry-after"), "");
    let since = Instant::now();
    let metrics = process.get("/metrics", "").await;
    assert!(since.elapsed() < Duration::from_secs(2));
    assert!(metrics.text.contains("rollcall_database_connections_max"));
    let since = Instant::now();
    let upload = school.upload(process, Part::text(ImportFile::of("away", 3).csv()), &[]);
    let (asked, signed_in, uploaded) = tokio::join!(
        ask_at_once(process, school, 40),
        process.post(
            "/v1/auth/login",
            "",
            json!({ "email": "a@b.example", "password": PASSWORD })
        ),
        send(upload),
    );
    assert_all_away(&asked);
    signed_in.expect_problem(503, "unavailable");
    uploaded.expect_problem(503, "unavailable");
    println!(
        "44 requests to a server without its database: {:.1?}",
        since.elapsed()
    );
    process.get("/health/live", "").await.expect_status(200);
}

/// How many of these requests were refused.
fn refused(ended: &[Ended]) -> usize {
    ended.iter().filter(|(status, _)| *status != 200).count()
}

#[test]
fn a_database_that_restarts_is_only_waited_for() {
    let Some(mut postgres) = postgres::start_private() else {
        return;
    };
    let installation = Installation::on_database(postgres.create_database(None));
    let process = installation.start();
    block_on(async {
        let school = process.school("Hill Road School").await;
        let file = ImportFile::of("restart", 130).with_bad_rows(10);
        let id = school.import(&process, file.csv()).await;
        school
            .watch(&process, &id, |import| import["status"] == "running")
            .await;
        ask_at_once(&process, &school, 8).await;

        postgres.stop();
        assert_away(&process, &school).await;
        postgres.start();
        let since = Instant::now();
        let mut ended = ask_at_once(&process, &school, 10).await;
        println!("10 requests after the restart: {:.1?}", since.elapsed());
        process.get("/health/ready", "").await.expect_status(200);
        for _ in 0..10 {
            ended.push(ask(&process, &school).await);
        }
        assert!(refused(&ended) <= 1, "{ended:?}");

        school.finished(&process, &id).await;
        println!(
            "the import had ended {:.1?} after the restart",
            since.elapsed()
        );
        let pool = installation.pool();
        let import = (id.as_str(), &file);
        let created =
            invariants::check_import(school.subject(&process, &pool), import, &["completed"]).await;
        invariants::check_school(school.subject(&process, &pool), created.len(), 0).await;
        invariants::check_passwords(&created);
        let postgres = restart_quickly(postgres, &process, &school).await;
        assert!(!process.log().contains("panic"), "{}", process.log());
        process.kill();
        drop(installation);
        drop(postgres);
    });
}

/// Those whose connection breaks under them are refused; those who come later wait for the new one.
async fn restart_quickly(
    mut postgres: PrivateServer,
    process: &Process,
    school: &School,
) -> PrivateServer {
    let restart = tokio::task::spawn_blocking(move || {
        postgres.stop();
        postgres.start();
        postgres
    });
    let mut ended = Vec::new();
    while !restart.is_finished() {
        ended.extend(ask_at_once(process, school, 4).await);
    }
    let postgres = restart.await.expect("PostgreSQL does not restart");
    println!(
        "{} of {} refused in a quick restart",
        refused(&ended),
        ended.len()
    );
    assert!(refused(&ended) <= 8, "{ended:?}");
    let after = ask_at_once(process, school, 8).await;
    assert!(refused(&after) <= 1, "{after:?}");
    postgres
}

/// SQLite ends the transaction by itself when it cannot write. The connection, which still takes
/// itself to be in it, must not go back among the good ones.
#[test]
fn a_disk_that_was_full_is_no_trouble_afterwards() {
    let app = App::on_sqlite_with(|config| config.database_connections = 1);
    let limit_pages = |pages: &str| {
        let mut connection = app.state.services.pool.get().expect("no connection");
        connection
            .batch_execute(&format!("PRAGMA max_page_count = {pages}"))
            .expect("a pragma");
    };
    block_on(async {
        let front = Front::at(app.address);
        let school = front.school("Hill Road School").await;
        // It is never less than the file has already.
        limit_pages("1");
        let mut uploads = 0;
        loop {
            let file = ImportFile::of(&format!("full{uploads}"), 20);
            let answer = send(school.upload(&front, Part::text(file.csv()), &[])).await;
            if answer.status != 202 {
                answer.expect_problem(503, "unavailable");
                break;
            }
            uploads += 1;
            assert!(uploads < 1000, "the disk is never full");
        }
        limit_pages("1000000");
        for number in 0..3 {
            front.register(&format!("after{number}@x.org")).await;
        }
    });
}

/// What is written in it would be answered, and never be there.
#[test]
fn a_connection_that_is_left_in_a_transaction_is_not_used_again() {
    let app = App::on_sqlite_with(|config| config.database_connections = 1);
    let mut connection = app.state.services.pool.get().expect("no connection");
    let Connection::Sqlite(sqlite) = &mut **connection else {
        panic!("another database");
    };
    AnsiTransactionManager::begin_transaction(sqlite).expect("no transaction");
    drop(connection);
    block_on(Front::at(app.address).register("jane@x.org"));
    let elsewhere = Pool::open(
        &app.state.services.config.database_url,
        1,
        PreparedStatements::Named,
    )
    .expect("no pool");
    let found: i64 = accounts::table
        .filter(accounts::email.eq("jane@x.org"))
        .count()
        .get_result(&mut **invariants::connect(&elsewhere))
        .expect("no count");
    assert_eq!(found, 1);
}

/// The accounts are there, and their passwords stand nowhere but in the files.
#[test]
fn a_command_whose_connections_break_writes_its_files_all_the_same() {
    let Some(mut installation) = Installation::on_postgres() else {
        return;
    };
    let process = installation.start();
    let school = block_on(process.school("Hill Road School"));
    process.kill();
    let pool = installation.pool();
    let wire = Wire::to(&installation.settings()["database_url"], fastrand::u64(..));
    installation.set("DATABASE_URL", wire.url());
    let file = ImportFile::of("broken", 350).csv();
    std::fs::write(installation.path("people.csv"), file).expect("no file");
    let arguments = ["import", "people.csv", "--organization", &school.slug];
    let mut command = installation.command(&arguments);
    command.args(["--account-type", "student", "--output", "list.csv"]);
    let command = std::thread::spawn(move || command.output().expect("no command"));
    let unfinished = [ImportStatus::Queued, ImportStatus::Running];
    while invariants::imports_that_are(&pool, &unfinished) == 0 {
        assert!(!command.is_finished(), "it ended too soon");
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut breaks = 0;
    while invariants::imports_that_are(&pool, &unfinished) > 0 && !command.is_finished() {
        wire.break_all();
        breaks += 1;
        // On a busy machine a batch takes longer than the first pauses.
        std::thread::sleep(Duration::from_millis(300 + 50 * breaks));
    }
    let output = command.join().expect("no command");
    println!("broke {breaks} times");
    assert!(breaks > 1 && output.status.success(), "{output:?}");
    let list = std::fs::read_to_string(installation.path("list.csv")).expect("no list");
    assert_eq!(list.matches(",created,").count(), 350);
}
