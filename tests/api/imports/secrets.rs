//! Passwords are never stored readable (`docs/imports.md`).

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::Text;
use rollcall::store::Connection;
use serde_json::json;

use super::{HaltingWorker, STUDENTS, assert_counts, file_of, students};
use crate::support::{App, both_databases};

/// Everything that a database keeps, as bytes: SQLite's files as they are, PostgreSQL's tables as
/// text and once more with their binary columns as bytes.
fn everything(app: &App) -> Vec<u8> {
    let mut connection = app.state.services.pool.get().unwrap();
    match &mut **connection {
        Connection::Sqlite(_) => sqlite_files(app),
        Connection::Postgres(postgres) => postgres_tables(postgres),
    }
}

fn sqlite_files(app: &App) -> Vec<u8> {
    ["rollcall.sqlite", "rollcall.sqlite-wal"]
        .iter()
        .flat_map(|name| std::fs::read(app.state.services.config.data_dir.join(name)).unwrap())
        .collect()
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

fn postgres_tables(connection: &mut PgConnection) -> Vec<u8> {
    // Binary columns then read `\xff`-like escapes only where a byte is no letter.
    connection
        .batch_execute("SET bytea_output = 'escape'")
        .unwrap();
    let tables = lines(
        connection,
        "SELECT table_name::text AS line FROM information_schema.tables \
         WHERE table_schema = 'public'",
    );
    assert!(tables.iter().any(|table| table == "import_rows"));
    let everything: Vec<String> = tables
        .iter()
        .flat_map(|table| {
            lines(
                connection,
                &format!("SELECT t::text AS line FROM {table} AS t"),
            )
        })
        .collect();
    connection.batch_execute("RESET bytea_output").unwrap();
    everything.join("\n").into_bytes()
}

fn lines(connection: &mut PgConnection, query: &str) -> Vec<String> {
    let lines: Vec<Line> = diesel::sql_query(query).load(connection).unwrap();
    lines.into_iter().map(|line| line.line).collect()
}

fn holds(everything: &[u8], secret: &str) -> bool {
    everything
        .windows(secret.len())
        .any(|window| window == secret.as_bytes())
}

/// Asserts that these are nowhere to be read, where this address is.
fn assert_unreadable(app: &App, address: &str, secrets: &[&str]) {
    let everything = everything(app);
    assert!(
        holds(&everything, address),
        "{address} is not where it was looked for"
    );
    for secret in secrets {
        assert!(!holds(&everything, secret), "{secret} can be read");
    }
}

const GIVEN: &str = "violet-narwhal-4711";
const BAD: &str = "violetnarwhalnodigit";
const SPLIT: &str = "crimson-ostrich-17";

both_databases!(no_password_can_be_read_in_the_database, |app| {
    let school = app.school().await;
    let mut rows: Vec<String> = (1..=150)
        .map(|n| format!("pupil{n}@x.example,{GIVEN}{n},Pupil {n}"))
        .collect();
    rows.push(format!("bad@x.example,{BAD},Bad"));
    rows.push("generated@x.example,,Generated".to_owned());
    // A comma that should have been in quotes: its password stands where the name should.
    rows.push(format!("split@x.example,first half,{SPLIT},Split"));
    rows.push(format!("{SPLIT},moved,split@x.example,Split"));
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let fields = students(&[("generate_missing_passwords", "true")]);
    let import = school.accepted(file_of(&rows), &fields).await;
    let secrets = [GIVEN, BAD, SPLIT];
    assert_unreadable(app, "pupil150@x.example", &secrets);
    let mut worker = HaltingWorker::start(app).await;
    worker.write_one().await;
    assert_unreadable(app, "pupil150@x.example", &secrets);
    worker.finish().await;
    let userlist = school.table(&import, "userlist.csv").await;
    let generated = userlist[152][2].as_str();
    assert_eq!(userlist[152][1], "generated@x.example");
    let secrets = [GIVEN, BAD, SPLIT, generated];
    assert_unreadable(app, "generated@x.example", &secrets);
    school.download(&import, "errors.csv").await;
    school.discard(&import).await.expect_status(204);
    assert_unreadable(app, "generated@x.example", &secrets);
    let import = school.import_with(&import["id"]).await;
    let counts = json!({ "created": 151, "password_needs_digit": 1, "too_many_cells": 2 });
    assert_counts(&import, counts);
});

both_databases!(cells_that_may_stand_in_wrong_columns_are_not_shown, |app| {
    let school = app.school().await;
    let rows = [
        format!("split@x.example,first half,{SPLIT},Split"),
        format!("{SPLIT},moved,split@x.example,Split"),
    ];
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let import = school.imported(file_of(&rows), STUDENTS).await;
    let found = school.rows(&import, "").await;
    let emails: Vec<_> = found.iter().map(|row| row["email"].as_str()).collect();
    assert_eq!(emails, [Some("split@x.example"), None]);
    assert!(found.iter().all(|row| row["username"].is_null()));
    // Whoever corrects them sees them whole, as long as passwords can be seen.
    let errors = school.download(&import, "errors.csv").await;
    assert_eq!(errors.matches(SPLIT).count(), 2);
    let userlist = school.download(&import, "userlist.csv").await;
    assert!(!userlist.contains(SPLIT));
});

both_databases!(no_answer_and_no_event_tells_a_password, |app| {
    let school = app.school().await;
    let rows = [
        format!("pupil@x.example,{GIVEN},Pupil"),
        format!("bad@x.example,{BAD},Bad"),
    ];
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let upload = school.import(file_of(&rows), STUDENTS).await;
    let import = upload.expect_status(202);
    app.drain().await;
    school.download(&import, "userlist.csv").await;
    let mut told = vec![upload.text];
    for below in ["", "/rows"] {
        told.push(school.of_import(&import, below).await.text);
    }
    for list in ["/imports", "/audit-events", "/members"] {
        told.push(school.admin.get(&school.path(list)).await.text);
    }
    for text in told {
        assert!(!text.contains(GIVEN) && !text.contains(BAD), "{text}");
    }
});
