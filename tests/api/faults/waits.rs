//! Rows that somebody holds, and requests that take too long.

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, PgConnection};
use reqwest::multipart::Part;
use rollcall::error::{Error, Result};
use rollcall::services::context::RequestContext;
use rollcall::services::unit_of_work::UnitOfWork;
use rollcall::store::{Attempt, Connection, transaction};
use serde_json::{Value, json};

use crate::support::app::block_on;
use crate::support::import_file::ImportFile;
use crate::support::people::{send, text};
use crate::support::process::{Installation, School};
use crate::support::wire::Wire;
use crate::support::{both_databases, invariants};

fn is_running(import: &Value) -> bool {
    import["status"] == "running"
}

fn hold(import: &str, school: &School) -> String {
    format!(
        "UPDATE organizations SET name = name WHERE id = '{}';
         UPDATE imports SET rows_prepared = rows_prepared WHERE id = '{import}'",
        school.id
    )
}

async fn check(installation: &Installation, school: &School, import: (&str, &ImportFile)) {
    let process = installation.start_in("checks");
    let pool = installation.pool();
    let subject = school.subject(&process, &pool);
    invariants::check_import(subject, import, &["completed"]).await;
}

/// A process that was frozen, or whose machine vanished, in the middle of a batch.
#[test]
fn a_transaction_of_ours_that_stands_still_is_ended_by_the_database() {
    let Some(installation) = Installation::on_postgres() else {
        return;
    };
    let process = installation.start();
    block_on(async {
        let school = process.school("Hill Road School").await;
        let file = ImportFile::of("hill", 210);
        let import = school.import(&process, file.csv()).await;
        school.watch(&process, &import, is_running).await;
        let (pool, statement) = (installation.pool(), hold(&import, &school));
        let (over, is_over) = std::sync::mpsc::channel::<()>();
        let frozen = std::thread::spawn(move || {
            let mut connection = pool.get().expect("no connection");
            transaction(&mut connection, |connection| {
                connection.batch_execute(&statement)?;
                let _ = is_over.recv_timeout(Duration::from_secs(150));
                connection.batch_execute("SELECT 1")?;
                Ok(())
            })
        });
        let since = Instant::now();
        school.finished(&process, &import).await;
        println!("the import had ended after {:.1?}", since.elapsed());
        assert!(!frozen.is_finished(), "nothing was held any more");
        over.send(()).expect("the thread is gone");
        let ended: Result<()> = frozen.join().expect("a panic");
        assert!(matches!(ended, Err(Error::Unavailable(_))), "{ended:?}");
        check(&installation, &school, (&import, &file)).await;
    });
}

/// The cable is out: neither end is told.
#[test]
fn a_replica_whose_network_is_gone_is_replaced_by_the_others() {
    let Some(mut installation) = Installation::on_postgres() else {
        return;
    };
    let direct = installation.settings()["database_url"].clone();
    let wire = Wire::to(&direct, 1);
    installation.set("DATABASE_URL", wire.url());
    let cut_off = installation.start_in("cut-off");
    installation.set("DATABASE_URL", &direct);
    block_on(async {
        let school = cut_off.school("Hill Road School").await;
        let file = ImportFile::of("hill", 210);
        let import = school.import(&cut_off, file.csv()).await;
        school.watch(&cut_off, &import, is_running).await;
        wire.freeze_at_commit();
        while !wire.is_frozen() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let since = Instant::now();
        let other = installation.start_in("other");
        school.finished(&other, &import).await;
        println!("the import had ended after {:.1?}", since.elapsed());
        check(&installation, &school, (&import, &file)).await;
    });
}

/// An administrator's console holds the rows of one organization.
#[test]
fn rows_that_somebody_holds_stop_nobody_else() {
    let Some(mut installation) = Installation::on_postgres() else {
        return;
    };
    installation.set("IMPORT_WORKERS", 2);
    let process = installation.start();
    block_on(async {
        let held = process.school("Hill Road School").await;
        let other = process.school("Lake Side School").await;
        let file = ImportFile::of("hill", 400);
        let import = held.import(&process, file.csv()).await;
        held.watch(&process, &import, is_running).await;
        let url = installation.settings()["database_url"].clone();
        let mut console = PgConnection::establish(&url).expect("no connection");
        let hold = format!("BEGIN; {}", hold(&import, &held));
        console.batch_execute(&hold).expect("no lock");

        let since = Instant::now();
        let cancel = held.path(&format!("/imports/{import}/cancel"));
        let refused = process.post(&cancel, &held.token, json!({})).await;
        refused.expect_problem(503, "unavailable");
        assert_ne!(refused.header("retry-after"), "");
        println!("refused after {:.1?}", since.elapsed());
        let since = Instant::now();
        let lake = ImportFile::of("lake", 310);
        let beside = other.import(&process, lake.csv()).await;
        other.finished(&process, &beside).await;
        println!("the other's had ended after {:.1?}", since.elapsed());
        process.get("/health/ready", "").await.expect_status(200);
        let still = held.import_now(&process, &import).await;
        assert!(is_running(&still), "{still:#}");

        let since = Instant::now();
        process.terminate();
        assert!(process.wait().success());
        println!("stopped after {:.1?}", since.elapsed());
        console.batch_execute("ROLLBACK").expect("no end");
        let process = installation.start();
        held.finished(&process, &import).await;
        check(&installation, &held, (&import, &file)).await;
    });
}

/// A console that holds the row of an organization until it rolls back.
fn hold_organization(installation: &Installation, school: &School) -> PgConnection {
    let url = installation.settings()["database_url"].clone();
    let mut console = PgConnection::establish(&url).expect("no connection");
    let hold = format!(
        "BEGIN; SELECT 1 FROM organizations WHERE id = '{}' FOR UPDATE",
        school.id
    );
    console.batch_execute(&hold).expect("no lock");
    console
}

/// However many requests of it come, they leave places to those of others.
#[test]
fn requests_of_an_organization_whose_row_is_held_wait_for_themselves() {
    let Some(mut installation) = Installation::on_postgres() else {
        return;
    };
    installation.set("DATABASE_CONNECTIONS", 20);
    let process = installation.start();
    block_on(async {
        let held = process.school("Hill Road School").await;
        let other = process.school("Lake Side School").await;
        let mut console = hold_organization(&installation, &held);
        let create = async |school: &School, number| {
            let group = json!({ "name": format!("Group {number}") });
            let path = school.path("/groups");
            process.post(&path, &school.token, group).await
        };
        let is_over = std::cell::Cell::new(false);
        let ask_on = async |number| {
            while !is_over.get() {
                let refused = create(&held, number).await;
                refused.expect_problem(503, "unavailable");
                assert_ne!(refused.header("retry-after"), "");
            }
        };
        let beside = async {
            for number in 0..20 {
                tokio::time::sleep(Duration::from_millis(300)).await;
                create(&other, number).await.expect_status(201);
            }
            is_over.set(true);
        };
        let all_wait = futures_util::future::join_all((0..100).map(ask_on));
        tokio::join!(all_wait, beside);
        console.batch_execute("ROLLBACK").expect("no end");
        create(&held, 100).await.expect_status(201);
    });
}

/// So many that none is left who does not wait: the server is busy, and not away.
#[test]
fn a_server_whose_requests_all_wait_for_one_row_is_ready() {
    let Some(installation) = Installation::on_postgres() else {
        return;
    };
    let process = installation.start();
    block_on(async {
        let school = process.school("Hill Road School").await;
        let mut console = hold_organization(&installation, &school);
        let wait = async |number| {
            let group = json!({ "name": format!("Group {number}") });
            let made = process
                .post(&school.path("/groups"), &school.token, group)
                .await;
            made.status
        };
        let all_wait = futures_util::future::join_all((0..100).map(wait));
        let look = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            for _ in 0..3 {
                process.get("/health/ready", "").await.expect_status(200);
                let metrics = process.get("/metrics", "").await.expect_status(200);
                assert_eq!(metrics, Value::Null);
            }
            console.batch_execute("ROLLBACK").expect("no end");
        };
        let (statuses, ()) = tokio::join!(all_wait, look);
        assert!(statuses.iter().all(|status| *status == 201), "{statuses:?}");
    });
}

/// The database ends a transaction that stands still before those give up who wait for its locks.
#[test]
fn whoever_waits_for_a_transaction_that_stands_still_is_served() {
    let Some(installation) = Installation::on_postgres() else {
        return;
    };
    let process = installation.start();
    block_on(async {
        let school = process.school("Hill Road School").await;
        let pool = installation.pool();
        let row = format!(
            "UPDATE organizations SET name = name WHERE id = '{}'",
            school.id
        );
        let (held, is_held) = std::sync::mpsc::channel();
        let (over, is_over) = std::sync::mpsc::channel::<()>();
        let frozen = std::thread::spawn(move || {
            let mut connection = pool.get().expect("no connection");
            transaction(&mut connection, |connection| {
                connection.batch_execute(&row)?;
                held.send(()).expect("nobody waits");
                let _ = is_over.recv_timeout(Duration::from_secs(60));
                Ok(connection.batch_execute("SELECT 1")?)
            })
        });
        is_held.recv().expect("no lock");
        let wait = async |number| {
            let group = json!({ "name": format!("Group {number}") });
            let made = process
                .post(&school.path("/groups"), &school.token, group)
                .await;
            made.status
        };
        let statuses = futures_util::future::join_all((0..50).map(wait)).await;
        assert!(statuses.iter().all(|status| *status == 201), "{statuses:?}");
        over.send(()).expect("the thread is gone");
        let ended: Result<()> = frozen.join().expect("a panic");
        assert!(matches!(ended, Err(Error::Unavailable(_))), "{ended:?}");
    });
}

both_databases!(a_request_that_took_too_long_has_done_nothing, |app| {
    let services = app.state.services.clone();
    let mut context = RequestContext::system(app.now());
    context.deadline = Some(Instant::now());
    let insert = |tx: &mut UnitOfWork<'_>| -> Result<()> {
        let insert = "INSERT INTO generated_addresses (email, base, domain, number)
             VALUES ('late@x.org', 'late', 'x.org', 1)";
        Ok(tx.connection.batch_execute(insert)?)
    };
    let whole = services.run(&context, |tx| tx.transaction(insert));
    let attempted = services.run(&context, |tx| {
        tx.attempt(|tx| Ok(Attempt::<(), ()>::Keep(insert(tx)?)))
    });
    for told in [whole.unwrap_err(), attempted.unwrap_err()] {
        assert!(matches!(told, Error::Unavailable(_)), "{told}");
    }
    let count = |connection: &mut Connection| -> i64 {
        use diesel::prelude::*;
        use rollcall::store::schema::generated_addresses;
        generated_addresses::table
            .count()
            .get_result(connection)
            .unwrap()
    };
    assert_eq!(count(&mut services.pool.get().unwrap()), 0);
});

both_databases!(no_more_connections_than_the_setting_says, |app| {
    let config = &app.state.services.config;
    // One more is for what asks how the database is.
    let at_work = app.state.services.pool.size();
    assert_eq!(at_work + 1, config.database_connections);
});

/// Requests, uploads and workers share so few.
#[test]
fn four_connections_are_enough_for_everything() {
    let Some(mut installation) = Installation::on_postgres() else {
        return;
    };
    installation.set("DATABASE_CONNECTIONS", 4);
    let process = installation.start();
    block_on(async {
        let school = process.school("Hill Road School").await;
        let file = ImportFile::of("hill", 250);
        let upload = || async { send(school.upload(&process, Part::text(file.csv()), &[])).await };
        let asks = (0..40).map(|_| async {
            let members = school.get(&process, "/members").await;
            members.expect_status(200);
        });
        let (uploaded, _) = tokio::join!(upload(), futures_util::future::join_all(asks));
        let import = text(&uploaded.expect_status(202)["id"]);
        let url = installation.settings()["database_url"].clone();
        let console = PgConnection::establish(&url).expect("no connection");
        let console = std::cell::RefCell::new(console);
        let is_so = |import: &Value| {
            assert!(connections(&mut console.borrow_mut()) <= 4);
            !import["finished_at"].is_null()
        };
        school.watch(&process, &import, is_so).await;
        check(&installation, &school, (&import, &file)).await;
    });
}

#[derive(diesel::QueryableByName)]
struct Connections {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    count: i64,
}

/// Those to this database besides the one that asks.
fn connections(connection: &mut PgConnection) -> i64 {
    use diesel::RunQueryDsl as _;
    let count = "SELECT count(*) AS count FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let found: Connections = diesel::sql_query(count)
        .get_result(connection)
        .expect("no count");
    found.count
}
