//! Disks and files, and a log that cannot be written.

use std::fs::File;
use std::io::Read as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use rustix::fs::{OFlags, fcntl_setfl};
use serde_json::json;

use crate::support::App;
use crate::support::app::block_on;
use crate::support::import_file::ImportFile;
use crate::support::process::{Installation, Process};

/// SQLite would go on in the file that nobody sees any more, or begin an empty one.
#[test]
fn a_database_file_that_is_deleted_is_an_error_and_no_new_one_is_made() {
    let installation = Installation::on_sqlite();
    let process = installation.start();
    let file = installation.path("data/rollcall.sqlite");
    block_on(async {
        let token = process.register("jane@x.org").await;
        process.get("/health/ready", "").await.expect_status(200);
        let aside = installation.path("data/aside");
        std::fs::rename(&file, &aside).expect("no file");
        process
            .get("/v1/me", &token)
            .await
            .expect_problem(503, "unavailable");
        process
            .get("/health/ready", "")
            .await
            .expect_problem(503, "unavailable");
        assert!(!file.exists());
        std::fs::copy(&aside, &file).expect("no copy");
        process
            .get("/health/ready", "")
            .await
            .expect_problem(503, "unavailable");
        std::fs::rename(&aside, &file).expect("no way back");
        process.get("/v1/me", &token).await.expect_status(200);
        process.get("/health/ready", "").await.expect_status(200);
    });
    assert!(
        process.log().contains("rollcall.sqlite"),
        "{}",
        process.log()
    );
}

/// As a standby is, or a server whose administrator stopped all changes.
#[test]
fn a_database_that_only_reads_is_not_ready() {
    let Some(app) = App::on_postgres() else {
        return;
    };
    let set = |value: &str| {
        let mut connection = app.state.services.pool.get().expect("no connection");
        let set = format!(
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = {value}', \
             current_database()); END $$;
             SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid();
             SET default_transaction_read_only = {value}"
        );
        connection.batch_execute(&set).expect("no setting");
    };
    block_on(async {
        let register = |email: &'static str| {
            let body =
                json!({ "email": email, "password": "two silver foxes 22", "username": "Jane" });
            let anonymous = app.anonymous();
            async move { anonymous.post("/v1/auth/register", body).await }
        };
        set("on");
        let ready = app.anonymous().get("/health/ready").await;
        ready.expect_problem(503, "unavailable");
        let refused = register("jane@x.org").await;
        refused.expect_problem(503, "unavailable");
        assert_ne!(refused.header("retry-after"), "");
        {
            let mut connection = app.state.services.pool.get().expect("no connection");
            connection
                .batch_execute("SET default_transaction_read_only = off")
                .expect("no setting");
        }
        set("off");
        // The connections that were ended are noticed when they are used.
        let mut ready = app.anonymous().get("/health/ready").await;
        for _ in 0..50 {
            if ready.status == 200 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
            ready = app.anonymous().get("/health/ready").await;
        }
        ready.expect_status(200);
        register("jane@x.org").await.expect_status(201);
    });
}

async fn assert_it_works(process: &Process) {
    let since = Instant::now();
    let school = process.school("Hill Road School").await;
    let import = school
        .import(process, ImportFile::of("hill", 120).csv())
        .await;
    let ended = school.finished(process, &import).await;
    assert_eq!(ended["counts"]["created"], 120, "{ended:#}");
    process.get("/health/ready", "").await.expect_status(200);
    println!("done after {:.1?}", since.elapsed());
}

#[test]
fn a_log_on_a_full_disk_costs_nothing_but_the_log() {
    let installation = Installation::on_sqlite();
    let full = File::options().write(true).open("/dev/full");
    let Ok(full) = full else {
        println!("no /dev/full on this system");
        return;
    };
    let process = installation.start_logging_to(full.into());
    block_on(assert_it_works(&process));
    process.terminate();
    assert!(process.wait().success());
}

/// The pipe holds 64 KiB, and 4,096 lines wait behind it.
#[test]
fn a_log_whose_reader_does_not_read_costs_nothing_but_the_log() {
    let installation = Installation::on_sqlite();
    let (reader, writer) = std::io::pipe().expect("no pipe");
    let process = installation.start_logging_to(Stdio::from(writer));
    block_on(async {
        for _ in 0..6_000 {
            process.get("/health/live", "").await.expect_status(200);
        }
        assert_it_works(&process).await;
    });
    process.terminate();
    assert!(process.wait().success());
    drop(reader);
}

#[test]
fn a_log_that_does_not_block_is_written_when_its_reader_reads_on() {
    let installation = Installation::on_sqlite();
    let (mut reader, writer) = std::io::pipe().expect("no pipe");
    fcntl_setfl(&writer, OFlags::NONBLOCK).expect("the pipe stays as it is");
    let process = installation.start_logging_to(Stdio::from(writer));
    block_on(async {
        for _ in 0..1_500 {
            process.get("/health/live", "").await.expect_status(200);
        }
    });
    let log = std::thread::spawn(move || {
        let mut log = String::new();
        reader.read_to_string(&mut log).expect("no log");
        log
    });
    process.terminate();
    assert!(process.wait().success());
    let log = log.join().expect("no log");
    let requests = log.lines().filter(|line| line.contains("\"status\":200"));
    assert_eq!(requests.count(), 1_500);
}

#[test]
fn a_log_whose_reader_is_gone_costs_nothing_but_the_log() {
    let installation = Installation::on_sqlite();
    let (reader, writer) = std::io::pipe().expect("no pipe");
    drop(reader);
    let process = installation.start_logging_to(Stdio::from(writer));
    block_on(assert_it_works(&process));
    process.terminate();
    assert!(process.wait().success());
}
