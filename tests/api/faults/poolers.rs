//! A pooler between the server and PostgreSQL that gives each transaction another connection.

use std::time::{Duration, Instant};

use futures_util::future::join_all;

use crate::support::app::block_on;
use crate::support::import_file::ImportFile;
use crate::support::invariants;
use crate::support::pgbouncer::{Mode, PgBouncer};
use crate::support::process::{Installation, Process, printed, refused};

/// An installation whose database is reached through a pooler; none where there is none of both.
fn installation_behind(mode: Mode) -> Option<(Installation, PgBouncer)> {
    let mut installation = Installation::on_postgres()?;
    let direct = installation.settings()["database_url"].clone();
    let pooler = PgBouncer::before(&direct, mode)?;
    installation.set("DATABASE_URL", pooler.url());
    Some((installation, pooler))
}

/// The second time, the pooler's connections have statements from the first.
#[test]
fn a_pooler_that_mixes_up_statements_is_refused_with_what_to_do() {
    let Some((mut installation, _pooler)) = installation_behind(Mode::Transaction) else {
        return;
    };
    for command in ["serve", "migrate", "serve", "serve", "migrate"] {
        let told = refused(&installation.run(&[command]));
        let last = told.lines().last().unwrap_or_default();
        for words in [
            "the database: the pooler in front of it mixes up prepared statements",
            "version 1.21",
            "ROLLCALL_DATABASE_PREPARED_STATEMENTS=unnamed",
        ] {
            assert!(last.contains(words), "{told}");
        }
    }
    installation.set("DATABASE_PREPARED_STATEMENTS", "unnamed");
    printed(&installation.run(&["migrate"]));
}

/// Requests and workers at once, each transaction on whichever connection.
#[test]
fn statements_without_names_go_through_any_pooler() {
    let Some((mut installation, _pooler)) = installation_behind(Mode::Transaction) else {
        return;
    };
    installation.set("DATABASE_PREPARED_STATEMENTS", "unnamed");
    let (process, other) = (
        installation.start_in("first"),
        installation.start_in("second"),
    );
    block_on(async {
        let school = process.school("Hill Road School").await;
        let file = ImportFile::of("hill", 210).with_bad_rows(5);
        let import = school.import(&process, file.csv()).await;
        let asks = (0..200).map(|number| {
            let asked = if number % 2 == 0 { &process } else { &other };
            let school = &school;
            async move {
                let path = if number % 3 == 0 {
                    "/members"
                } else {
                    "/seats"
                };
                school.get(asked, path).await.expect_status(200);
            }
        });
        join_all(asks).await;
        school.finished(&other, &import).await;
        other.get("/health/ready", "").await.expect_status(200);
        let pool = installation.pool();
        let subject = school.subject(&process, &pool);
        invariants::check_import(subject, (&import, &file), &["completed"]).await;
        assert!(!process.log().contains("ERROR"), "{}", process.log());
    });
}

async fn wait_until_ready_is(process: &Process, status: u16, asked_meanwhile: &str) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while process.get("/health/ready", "").await.status != status {
        assert!(Instant::now() < deadline, "{}", process.log());
        process.get("/v1/me", asked_meanwhile).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[test]
fn a_pooler_that_is_set_anew_under_a_running_server_stops_it_from_answering_wrongly() {
    let Some((installation, mut pooler)) = installation_behind(Mode::Session) else {
        return;
    };
    let process = installation.start();
    block_on(async {
        let token = process.register("jane@x.org").await;
        process.get("/v1/me", &token).await.expect_status(200);
        pooler.restart(Mode::Transaction);
        wait_until_ready_is(&process, 503, &token).await;
        for _ in 0..20 {
            let refused = process.get("/v1/me", &token).await;
            refused.expect_problem(503, "unavailable");
        }
        assert!(
            process.log().contains("mixes up prepared statements"),
            "{}",
            process.log()
        );
        pooler.restart(Mode::Session);
        wait_until_ready_is(&process, 200, &token).await;
        process.get("/v1/me", &token).await.expect_status(200);
    });
}
