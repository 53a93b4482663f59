//! A back-up of the embedded database that is made while people join and an import runs, and what a server
//! that starts with it knows.

use serde_json::Value;

use crate::support::app::block_on;
use crate::support::import_file::ImportFile;
use crate::support::invariants;
use crate::support::people::PASSWORD;
use crate::support::process::{Installation, printed, refused};

#[test]
fn a_back_up_under_load_is_whole_and_everybody_in_it_signs_in() {
    let installation = Installation::on_sqlite();
    let process = installation.start();
    block_on(async {
        let school = process.school("Hill Road School").await;
        let first = ImportFile::of("first", 60);
        let import = school.import(&process, first.csv()).await;
        school.finished(&process, &import).await;
        let second = ImportFile::of("second", 220);
        let running = school.import(&process, second.csv()).await;
        let has_begun = |import: &Value| import["counts"]["processed"].as_u64() > Some(0);
        school.watch(&process, &running, has_begun).await;

        let output = installation.path("back-up");
        let arguments = ["backup", "--output", output.to_str().expect("a path")];
        printed(&installation.run(&arguments));
        let again = refused(&installation.run(&arguments));
        assert!(again.contains("back-up is there already"), "{again}");
        process.kill();
        let mut kept: Vec<_> = std::fs::read_dir(&output)
            .expect("no folder")
            .map(|entry| mode_of(&entry.expect("an entry").path()))
            .collect();
        kept.sort();
        let private =
            ["rollcall.sqlite", "sealing.key", "signing.pem"].map(|name| (name.to_owned(), 0o600));
        assert_eq!(kept, private);
        assert_eq!(mode_of(&output).1, 0o700);

        let restored = installation.start_in("back-up");
        school.finished(&restored, &running).await;
        let pool = rollcall::store::Pool::open(
            &format!("sqlite:{}", output.join("rollcall.sqlite").display())
                .parse()
                .expect("a URL"),
            2,
            rollcall::store::pool::PreparedStatements::Named,
        )
        .expect("no pool");
        let mut everybody = Vec::new();
        for (id, file) in [(&import, &first), (&running, &second)] {
            let subject = school.subject(&restored, &pool);
            everybody.extend(invariants::check_import(subject, (id, file), &["completed"]).await);
        }
        invariants::check_school(school.subject(&restored, &pool), everybody.len(), 0).await;
        invariants::check_passwords(&everybody);
        assert!(
            restored
                .signs_in("admin@hill-road-school.example", PASSWORD)
                .await
        );
        let found = school
            .get(&restored, "/members?search=17%20of%20first")
            .await;
        assert_eq!(
            found.expect_status(200)["items"][0]["email"],
            "first.17@pupils.example"
        );
    });
}

/// The name of a file, and what its owner and others may do with it.
fn mode_of(path: &std::path::Path) -> (String, u32) {
    use std::os::unix::fs::PermissionsExt as _;
    let name = path.file_name().expect("a name").to_string_lossy();
    let mode = path.metadata().expect("no file").permissions().mode();
    (name.into_owned(), mode & 0o777)
}

#[test]
fn postgresql_is_backed_up_by_its_own_program() {
    let Some(installation) = Installation::on_postgres() else {
        return;
    };
    let told = refused(&installation.run(&["backup", "--output", "back-up"]));
    assert!(told.contains("pg_dump"), "{told}");
    assert!(!installation.path("back-up").exists());
}
