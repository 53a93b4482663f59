//! Back-ups that are made while an import runs and people sign in, and what a server that starts with one knows.

use std::process::{Command, Output, Stdio};

use rollcall::store::Pool;
use rollcall::store::pool::PreparedStatements;
use serde_json::Value;

use crate::support::app::block_on;
use crate::support::import_file::ImportFile;
use crate::support::people::PASSWORD;
use crate::support::process::{Front, Installation, Process, School, printed, refused};
use crate::support::{invariants, postgres};

/// A school with a list that was imported, and one that is being imported.
struct Load {
    school: School,
    imported: (String, ImportFile),
    running: (String, ImportFile),
}

impl Load {
    async fn on(process: &Process) -> Self {
        let school = process.school("Hill Road School").await;
        let first = ImportFile::of("first", 60);
        let import = school.import(process, first.csv()).await;
        school.finished(process, &import).await;
        let second = ImportFile::of("second", 220);
        let running = school.import(process, second.csv()).await;
        let has_begun = |import: &Value| import["counts"]["processed"].as_u64() > Some(0);
        school.watch(process, &running, has_begun).await;
        Self {
            school,
            imported: (import, first),
            running: (running, second),
        }
    }

    /// Runs a command to its end, while those who were imported sign in.
    async fn beside_sign_ins(&self, process: &Process, mut command: Command) -> Output {
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program cannot be run");
        for line in self.imported.1.lines.iter().cycle() {
            assert!(process.signs_in(&line.email, &line.password).await);
            if child.try_wait().expect("not ours").is_some() {
                break;
            }
        }
        child.wait_with_output().expect("no output")
    }

    /// Checks that a server knows everybody, and goes on with the list that was running.
    async fn check(&self, restored: &Front, pool: &Pool) {
        let school = &self.school;
        school.finished(restored, &self.running.0).await;
        let mut everybody = Vec::new();
        for (id, file) in [&self.imported, &self.running] {
            let subject = school.subject(restored, pool);
            everybody.extend(invariants::check_import(subject, (id, file), &["completed"]).await);
        }
        invariants::check_school(school.subject(restored, pool), everybody.len(), 0).await;
        invariants::check_passwords(&everybody);
        let admin = "admin@hill-road-school.example";
        assert!(restored.signs_in(admin, PASSWORD).await);
        for line in self
            .imported
            .1
            .lines
            .iter()
            .chain(&self.running.1.lines)
            .step_by(9)
        {
            assert!(restored.signs_in(&line.email, &line.password).await);
        }
        let found = school
            .get(restored, "/members?search=17%20of%20first")
            .await;
        assert_eq!(
            found.expect_status(200)["items"][0]["email"],
            "first.17@pupils.example"
        );
    }
}

#[test]
fn a_back_up_under_load_is_whole_and_everybody_in_it_signs_in() {
    let installation = Installation::on_sqlite();
    let process = installation.start();
    block_on(async {
        let load = Load::on(&process).await;
        let output = installation.path("back-up");
        let arguments = ["backup", "--output", output.to_str().expect("a path")];
        let backup = installation.command(&arguments);
        printed(&load.beside_sign_ins(&process, backup).await);
        let again = refused(&installation.run(&arguments));
        assert!(again.contains("back-up is there already"), "{again}");
        process.kill();
        let mut kept: Vec<_> = std::fs::read_dir(&output)
            .expect("no folder")
            .map(|entry| mode_of(&entry.expect("an entry").path()))
            .collect();
        kept.sort();
        let private = [
            "federation.pem",
            "rollcall.sqlite",
            "sealing.key",
            "signing.pem",
        ]
        .map(|name| (name.to_owned(), 0o600));
        assert_eq!(kept, private);
        assert_eq!(mode_of(&output).1, 0o700);

        let restored = installation.start_in("back-up");
        let url = format!("sqlite:{}", output.join("rollcall.sqlite").display());
        let pool = Pool::open(&url.parse().expect("a URL"), 2, PreparedStatements::Named)
            .expect("no pool");
        load.check(&restored, &pool).await;
    });
}

/// With the commands of `docs/operations.md`, and the two keys.
#[test]
fn a_dump_of_postgresql_under_load_is_restored_on_another_server() {
    let programs = [
        postgres::client_program("pg_dump"),
        postgres::client_program("pg_restore"),
    ];
    let [Some(pg_dump), Some(pg_restore)] = programs else {
        return;
    };
    let (Some(installation), Some(server)) =
        (Installation::on_postgres(), postgres::start_private())
    else {
        return;
    };
    let process = installation.start();
    block_on(async {
        let load = Load::on(&process).await;
        let dump = installation.path("rollcall.dump");
        let mut dumping = Command::new(pg_dump);
        dumping
            .arg("--format=custom")
            .arg(format!("--file={}", dump.display()))
            .arg(&installation.settings()["database_url"]);
        printed(&load.beside_sign_ins(&process, dumping).await);
        process.kill();

        let database = server.create_database(None);
        let restoring = Command::new(pg_restore)
            .args(["--clean", "--if-exists"])
            .arg(format!("--dbname={}", database.url))
            .arg(&dump)
            .output();
        printed(&restoring.expect("pg_restore cannot be run"));
        let second = Installation::on_database(database);
        for key in ["signing.pem", "sealing.key"] {
            std::fs::copy(installation.path(key), second.path(key)).expect("no key");
        }
        let restored = second.start();
        load.check(&restored, &second.pool()).await;
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
    let Some(mut installation) = Installation::on_postgres() else {
        return;
    };
    installation.set("SIGNING_KEY_FILE", "gone.pem");
    let told = refused(&installation.run(&["backup", "--output", "back-up"]));
    assert!(told.contains("pg_dump"), "{told}");
    assert!(!installation.path("back-up").exists());
}
