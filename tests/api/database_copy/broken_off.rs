//! A copy of 20,000 people that is killed in the middle goes on where it stopped.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rollcall::store::copied_tables::{self, Progress};

use super::{copy, copying, embedded, execute, moved, on_sqlite, pool, populated};
use crate::support::app::block_on;
use crate::support::people::PASSWORD;
use crate::support::postgres;
use crate::support::process::{Installation, printed, refused};

const PEOPLE: usize = 20_000;

fn password(number: usize) -> String {
    format!("purple fox {number}")
}

/// An embedded installation with so many people; the id of their organization.
fn installation(folder: &Path) -> String {
    let app = on_sqlite(folder);
    let mut csv = "email,password,username\n".to_owned();
    for number in 1..=PEOPLE {
        let password = password(number);
        writeln!(csv, "pupil{number}@x.example,{password},Pupil {number}").unwrap();
    }
    let organization = block_on(async {
        let school = app.school().await;
        let import = school.import_students(csv).await;
        assert_eq!(import["counts"]["created"], PEOPLE, "{import:#}");
        school.id.clone()
    });
    app.stop();
    organization
}

/// Starts a copy, and kills it when this is so of its marks, none being there before it has made its schema.
fn copy_and_kill(
    from: &str,
    to: &str,
    is_so: impl Fn(Option<&BTreeMap<String, Progress>>) -> bool,
) {
    let mut child = copying(from, to, &[])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("no copy");
    let pool = pool(to);
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        assert!(
            child.try_wait().unwrap().is_none(),
            "it has ended by itself"
        );
        assert!(Instant::now() < deadline, "it takes too long");
        let marks = copied_tables::progress(&mut pool.get().unwrap());
        if is_so(marks.as_ref().ok()) {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn twenty_thousand_people_move_however_often_the_copy_is_killed() {
    let Some(server) = postgres::server() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (before, after) = (folder.path().join("before"), folder.path().join("after"));
    let organization = installation(&before);
    let source = embedded(&before);
    let target = Installation::on_database(server.create_database(None));
    let url = target.settings()["database_url"].clone();
    for table in ["accounts", "memberships", "import_rows"] {
        copy_and_kill(&source, &url, |marks| {
            let mark = marks.and_then(|marks| marks.get(table));
            mark.is_some_and(|mark| mark.rows > 0)
        });
        for command in ["serve", "migrate"] {
            let words = refused(&target.run(&[command]));
            assert!(words.contains("is not finished: run the same"), "{words}");
        }
    }
    let output = copy(&source, &url);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    println!("{told}");
    assert!(
        told.contains("going on with a copy that was broken off"),
        "{told}"
    );
    let report = printed(&output);
    assert!(report.contains("are the same on both sides"), "{report}");

    let app = moved(&url, &before, &after);
    block_on(async {
        for number in (1..=PEOPLE).step_by(997) {
            let email = format!("pupil{number}@x.example");
            app.sign_in(&email, &password(number)).await;
        }
        let admin = app
            .sign_in("admin@hill-road-school.example", PASSWORD)
            .await;
        let found = format!("/v1/organizations/{organization}/members?search=pupil%2019999");
        let found = admin.get(&found).await.expect_status(200);
        assert_eq!(found["items"][0]["email"], "pupil19999@x.example");
    });
}

#[test]
fn a_target_that_has_a_schema_and_no_rows_yet_is_refused_too() {
    let Some(server) = postgres::server() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let source = populated(folder.path());
    let target = Installation::on_database(server.create_database(None));
    let url = target.settings()["database_url"].clone();
    copy_and_kill(&source, &url, |marks| marks.is_some());
    let words = refused(&target.run(&["serve"]));
    assert!(words.contains("is not finished"), "{words}");
    printed(&copy(&source, &url));
}

#[test]
fn a_source_that_changed_since_the_copy_was_killed_is_found_out() {
    let Some(server) = postgres::server() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let source = populated(folder.path());
    let target = Installation::on_database(server.create_database(None));
    let url = target.settings()["database_url"].clone();
    copy_first_table(&source, &url);
    execute(&source, "UPDATE organizations SET name = 'Another Company'");
    let output = copy(&source, &url);
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(words.contains("organizations: the row"), "{words}");
    assert!(
        words.contains("begin anew with an empty database"),
        "{words}"
    );
    let words = refused(&target.run(&["serve"]));
    assert!(words.contains("is not finished"), "{words}");
}

/// A copy that was broken off behind its first table.
fn copy_first_table(source: &str, url: &str) {
    use rollcall::store::copy::{Ends, Plan, begin, copy_some};
    let mut ends = Ends::open(&source.parse().unwrap(), &url.parse().unwrap()).unwrap();
    let Plan { tables, marks } = begin(&mut ends).unwrap();
    let first = tables.first().unwrap();
    assert_eq!(first.name, "organizations");
    let mark = copy_some(&mut ends, first, &marks[&first.name]).unwrap();
    assert!(mark.is_some_and(|mark| mark.rows > 0));
}
