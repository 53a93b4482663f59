//! What is not copied, and what a target is good for until its copy is whole.

use super::{check, copy, embedded, execute, on_sqlite, populated, reopen};
use crate::support::app::block_on;
use crate::support::process::{Installation, printed, refused};
use crate::support::{both_databases, postgres};

/// Why a command failed.
#[track_caller]
fn told(output: &std::process::Output) -> String {
    let words = refused(output);
    words.trim_end().to_owned()
}

#[test]
fn databases_that_cannot_be_copied_are_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let source = embedded(folder.path());
    let postgres = "postgres://127.0.0.1:1/rollcall";
    let missing = told(&copy(&source, postgres));
    assert!(
        missing.contains("the source: there is no file"),
        "{missing}"
    );
    assert!(!folder.path().join("rollcall.sqlite").exists());
    let other = folder.path().join("other/rollcall.sqlite");
    let unmade = told(&check(postgres, &format!("sqlite:{}", other.display())));
    assert!(unmade.contains("the target: there is no file"), "{unmade}");
    assert!(!folder.path().join("other").exists());
    let two = told(&copy(&source, "sqlite:other.sqlite"));
    assert!(two.contains("rollcall backup"), "{two}");
    let two = told(&copy(postgres, postgres));
    assert!(two.contains("pg_dump"), "{two}");
    let away = told(&copy(postgres, &format!("sqlite:{}", other.display())));
    assert!(away.contains("the source: "), "{away}");
    assert!(!other.exists());
    std::fs::write(folder.path().join("rollcall.sqlite"), "").unwrap();
    let older = told(&copy(&source, postgres));
    assert!(
        older.contains("the source: its schema is not that of this version"),
        "{older}"
    );
    std::fs::remove_file(folder.path().join("rollcall.sqlite")).unwrap();
    on_sqlite(folder.path()).stop();
    let away = told(&copy(&source, postgres));
    assert!(
        away.contains("the target: ") && away.contains("refused"),
        "{away}"
    );
}

#[test]
fn a_source_that_a_server_works_on_and_a_target_with_rows_are_refused() {
    let Some(server) = postgres::server() else {
        return;
    };
    let installation = Installation::on_sqlite();
    let source = format!(
        "sqlite:{}",
        installation.path("data/rollcall.sqlite").display()
    );
    let database = server.create_database(None);
    let process = installation.start();
    block_on(process.school("Hill Road School"));
    let served = told(&copy(&source, &database.url));
    assert!(
        served.contains("the source: ") && served.contains("stop it"),
        "{served}"
    );
    process.terminate();
    assert!(process.wait().success());
    printed(&copy(&source, &database.url));

    let again = told(&copy(&source, &database.url));
    assert!(
        again.contains("is not empty, but has rows in organizations"),
        "{again}"
    );
    let other = server.create_database(None);
    let copied_away = told(&copy(&source, &other.url));
    assert!(
        copied_away.contains("the source: it was copied into another database")
            && copied_away.contains("rollcall database reopen"),
        "{copied_away}"
    );
    printed(&super::reopen(&source));
    printed(&copy(&source, &other.url));
    let moved = Installation::on_database(database);
    let url = moved.settings()["database_url"].clone();
    let process = moved.start();
    let back = told(&copy(
        &url,
        &format!("sqlite:{}", moved.path("back.sqlite").display()),
    ));
    assert!(
        back.contains("the source: ") && back.contains("stop every replica"),
        "{back}"
    );
    drop(process);
}

#[test]
fn what_is_not_the_same_is_found_and_named() {
    let Some(server) = postgres::server() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let source = populated(folder.path());
    let database = server.create_database(None);
    printed(&copy(&source, &database.url));
    for (change, undo, words) in [
        (
            "UPDATE accounts SET username = 'Other' WHERE email = 'person3@busy.example'",
            "UPDATE accounts SET username = 'Busy Person 3' WHERE email = 'person3@busy.example'",
            "is another in the target",
        ),
        (
            "INSERT INTO rate_limits VALUES ('\\x0102', 1)",
            "DELETE FROM rate_limits WHERE key_hash = '\\x0102'",
            "rate_limits: the row [\"0102\"] is in the target only",
        ),
        (
            "CREATE TABLE kept AS SELECT * FROM seats; DELETE FROM seats",
            "INSERT INTO seats SELECT * FROM kept; DROP TABLE kept",
            "is in the source only",
        ),
        (
            "CREATE TABLE kept AS SELECT * FROM member_grams WHERE number = 7; \
             UPDATE member_grams SET grams = '{1}' WHERE number = 7",
            "UPDATE member_grams SET grams = kept.grams FROM kept WHERE kept.number = member_grams.number; \
             DROP TABLE kept",
            "memberships: 1 of them are not in the target's search index",
        ),
    ] {
        execute(&database.url, change);
        let output = check(&source, &database.url);
        let report = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{change}: {output:?}");
        assert!(report.contains(words), "{change}: {report}");
        execute(&database.url, undo);
        printed(&check(&source, &database.url));
    }
}

#[test]
fn a_source_that_lacks_a_table_or_a_column_is_refused_and_nothing_is_made() {
    let Some(server) = postgres::server() else {
        return;
    };
    let taken = "DROP TABLE audit_events; ALTER TABLE groups DROP COLUMN description";
    let folder = tempfile::tempdir().unwrap();
    let embedded = populated(folder.path());
    execute(&embedded, taken);
    let empty = server.create_database(None);
    let damaged = Installation::on_postgres().unwrap();
    printed(&damaged.run(&["migrate"]));
    let url = &damaged.settings()["database_url"];
    execute(url, taken);
    let file = folder.path().join("other.sqlite");
    for (source, target) in [
        (&embedded, &empty.url),
        (url, &format!("sqlite:{}", file.display())),
    ] {
        let words = told(&copy(source, target));
        for part in [
            "the source: ",
            "column groups.description",
            "table audit_events",
            "back-up",
        ] {
            assert!(words.contains(part), "{words}");
        }
    }
    assert!(!file.exists());
    execute(&empty.url, "CREATE TABLE accounts (nothing int)");
}

#[test]
fn a_source_is_served_again_when_it_is_reopened_only() {
    let Some(server) = postgres::server() else {
        return;
    };
    let installation = Installation::on_sqlite();
    printed(&installation.run(&["migrate"]));
    let source = installation.path("data/rollcall.sqlite");
    let source = format!("sqlite:{}", source.display());
    let database = server.create_database(None);
    let not = printed(&reopen(&source));
    assert!(not.contains("was not copied"), "{not}");
    let whole = printed(&copy(&source, &database.url));
    assert!(whole.contains("archive"), "{whole}");
    for command in ["serve", "migrate"] {
        let refused = told(&installation.run(&[command]));
        assert!(
            refused.contains("was copied into another database") && refused.contains("reopen"),
            "{refused}"
        );
    }
    let doctor = installation.run(&["doctor"]);
    let report = String::from_utf8_lossy(&doctor.stdout);
    assert_eq!(doctor.status.code(), Some(1), "{report}");
    assert!(report.contains("was copied into another"), "{report}");
    // The copy itself is served, and what was copied can be compared, and copied anew once it is reopened.
    printed(&check(&source, &database.url));
    let other = server.create_database(None);
    printed(&reopen(&source));
    printed(&copy(&source, &other.url));
    let moved = Installation::on_database(other);
    printed(&moved.run(&["migrate"]));
    printed(&reopen(&source));
    printed(&installation.run(&["migrate"]));
}

both_databases!(a_database_that_was_copied_is_not_ready, |app| {
    let mut connection = app.state.services.pool.get().unwrap();
    rollcall::store::copied_tables::mark_copied_away(&mut connection, app.now()).unwrap();
    let not = app.anonymous().get("/health/ready").await;
    not.expect_problem(503, "unavailable");
    assert!(rollcall::store::copied_tables::reopen(&mut connection).unwrap());
    let ready = app.anonymous().get("/health/ready").await;
    ready.expect_status(200);
});

both_databases!(a_database_that_is_copied_into_is_not_ready, |app| {
    let ready = app.anonymous().get("/health/ready").await;
    ready.expect_status(200);
    let mut connection = app.state.services.pool.get().unwrap();
    rollcall::store::copied_tables::begin(&mut connection, &["accounts"]).unwrap();
    let not = app.anonymous().get("/health/ready").await;
    not.expect_problem(503, "unavailable");
    rollcall::store::copied_tables::finish(&mut connection).unwrap();
    let ready = app.anonymous().get("/health/ready").await;
    ready.expect_status(200);
});
