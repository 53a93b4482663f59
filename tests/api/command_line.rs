//! The binary on the command line, beside a server and without one
//! (`docs/deployment.md#the-command-line`).

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Output, Stdio};
use std::time::Duration;

use rollcall::domain::imports::ImportStatus;
use serde_json::json;

use crate::support::app::block_on;
use crate::support::database;
use crate::support::import_file::ImportFile;
use crate::support::invariants;
use crate::support::people::{PASSWORD, text};
use crate::support::process::{Installation, Process, School, printed, refused};

/// The arguments of an import of students.
fn import_arguments<'a>(file: &'a str, school: &'a School) -> Vec<&'a str> {
    let [organization, output, errors] = ["--organization", "--output", "--errors"];
    let options = [
        organization,
        &school.slug,
        output,
        "list.csv",
        errors,
        "bad.csv",
    ];
    ["import", file, "--account-type", "student"]
        .into_iter()
        .chain(options)
        .collect()
}

fn write_file(installation: &Installation, name: &str, file: &ImportFile) {
    std::fs::write(installation.path(name), file.csv()).expect("no file");
}

async fn newest_import(process: &Process, school: &School) -> String {
    let newest = school
        .get(process, "/imports?limit=1")
        .await
        .expect_status(200);
    text(&newest["items"][0]["id"])
}

#[test]
fn an_import_works_beside_a_running_server_on_the_same_file() {
    let installation = Installation::on_sqlite();
    let process = installation.start();
    block_on(async {
        let school = process.school("Hill Road School").await;
        let file = ImportFile::of("hill", 70).with_bad_rows(7);
        write_file(&installation, "people.csv", &file);
        // A list from before, which others may read.
        std::fs::write(installation.path("list.csv"), "old").expect("no file");
        let arguments = import_arguments("people.csv", &school);
        let mut command = installation.command(&[&arguments[..], &["--overwrite"]].concat());
        let command = tokio::task::spawn_blocking(move || command.output());
        // Meanwhile the server reads and writes.
        let mut requests = 0;
        while !command.is_finished() {
            process
                .register(&format!("meanwhile{requests}@x.org"))
                .await;
            school.get(&process, "/members").await.expect_status(200);
            requests += 1;
        }
        assert!(requests > 3);
        let output = command.await.expect("no task").expect("no command");
        let told = printed(&output);
        assert!(
            told.contains("completed: 70 of 80 rows became accounts"),
            "{told}"
        );
        assert!(
            told.contains("list.csv") && told.contains("bad.csv"),
            "{told}"
        );
        assert!(
            !String::from_utf8_lossy(&output.stderr).contains("ERROR"),
            "{output:?}"
        );

        for name in ["list.csv", "bad.csv"] {
            let mode = installation
                .path(name)
                .metadata()
                .expect("no file")
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        let id = newest_import(&process, &school).await;
        let import = (id.as_str(), &file);
        let pool = installation.pool();
        let created =
            invariants::check_import(school.subject(&process, &pool), import, &["completed"]).await;
        invariants::check_school(school.subject(&process, &pool), created.len(), 0).await;
        let list = std::fs::read_to_string(installation.path("list.csv")).expect("no list");
        let list = invariants::records_of(&list);
        assert_eq!(list.len(), file.lines.len());
        for record in list
            .iter()
            .filter(|record| record["status"] == "created")
            .take(5)
        {
            assert!(
                process
                    .signs_in(&record["email"], &record["password"])
                    .await
            );
        }
        let bad = std::fs::read_to_string(installation.path("bad.csv")).expect("no errors");
        assert_eq!(invariants::records_of(&bad).len(), 10);
    });
}

/// What a killed command leaves is done by the next one, where there is no server to do it.
#[test]
fn an_import_that_was_killed_does_not_hold_up_the_next_one() {
    let installation = Installation::on_sqlite();
    let process = installation.start();
    let school = block_on(process.school("Hill Road School"));
    process.kill();
    let (killed_file, file) = (ImportFile::of("killed", 150), ImportFile::of("next", 20));
    write_file(&installation, "killed.csv", &killed_file);
    write_file(&installation, "next.csv", &file);
    let mut command = installation.command(&import_arguments("killed.csv", &school));
    let mut killed = command.stderr(Stdio::null()).spawn().expect("no command");
    let pool = installation.pool();
    while invariants::imports_that_are(&pool, &[ImportStatus::Running]) == 0 {
        assert!(
            killed.try_wait().expect("no child").is_none(),
            "it ended too soon"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    killed.kill().expect("no kill");
    killed.wait().expect("no child");

    let mut command = installation.command(&import_arguments("next.csv", &school));
    let mut next = command
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("no command");
    let status = wait_for(&mut next, Duration::from_secs(60));
    assert!(status.is_some_and(|status| status.success()), "{status:?}");
    let process = installation.start();
    block_on(async {
        let imports = school.get(&process, "/imports").await.expect_status(200);
        let ids = [0, 1].map(|place| text(&imports["items"][place]["id"]));
        let mut all = Vec::new();
        for import in [(ids[0].as_str(), &file), (ids[1].as_str(), &killed_file)] {
            let statuses = &["completed"];
            all.extend(
                invariants::check_import(school.subject(&process, &pool), import, statuses).await,
            );
        }
        invariants::check_school(school.subject(&process, &pool), all.len(), 0).await;
    });
}

fn wait_for(
    child: &mut std::process::Child,
    at_most: Duration,
) -> Option<std::process::ExitStatus> {
    let since = std::time::Instant::now();
    while since.elapsed() < at_most {
        if let Some(status) = child.try_wait().expect("no child") {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().expect("no kill");
    child.wait().expect("no child");
    None
}

#[test]
fn an_import_without_its_organization_or_its_file_says_so() {
    let installation = Installation::on_sqlite();
    let arguments = [
        "import",
        "none.csv",
        "--account-type",
        "student",
        "--organization",
        "none",
    ];
    let told = refused(&installation.run(&arguments));
    assert!(told.contains("no installation here yet"), "{told}");
    printed(&installation.run(&["migrate"]));
    let told = refused(&installation.run(&arguments));
    assert!(
        told.contains("there is none with the slug \"none\""),
        "{told}"
    );
    let process = installation.start();
    let school = block_on(process.school("Hill Road School"));
    let told = refused(&installation.run(&import_arguments("none.csv", &school)));
    assert!(told.contains("none.csv: No such file"), "{told}");
    assert!(!installation.path("list.csv.part").exists());
}

#[test]
fn names_are_imported_as_well() {
    let installation = Installation::on_sqlite();
    let process = installation.start();
    let school = block_on(process.school("Hill Road School"));
    std::fs::write(
        installation.path("names.txt"),
        "Name\n- Jane Doe\n\n- Jane Doe\n\u{200d}\n",
    )
    .expect("no file");
    let arguments = [
        &import_arguments("names.txt", &school)[..],
        &["--usernames"],
    ]
    .concat();
    let told = printed(&installation.run(&arguments));
    assert!(
        told.contains("completed: 2 of 3 rows became accounts"),
        "{told}"
    );
    assert!(told.contains("Line 1 is no name and was passed over: Name"));
    assert!(told.contains("were taken off 2 names"), "{told}");
    let list = std::fs::read_to_string(installation.path("list.csv")).expect("no list");
    let list = invariants::records_of(&list);
    let email = &list[1]["email"];
    assert_eq!(email, "jane-doe-2@hill-road-school.login.invalid");
    assert!(block_on(process.signs_in(email, &list[1]["password"])));
    let errors = std::fs::read_to_string(installation.path("bad.csv")).expect("no errors");
    assert!(errors.contains("username_invalid"), "{errors}");
}

#[test]
fn a_list_of_passwords_is_not_written_over() {
    let installation = Installation::on_sqlite();
    let process = installation.start();
    let school = block_on(process.school("Hill Road School"));
    let write = |text: &str| {
        std::fs::write(installation.path("names.txt"), text).expect("no file");
    };
    let read = |file: &str| std::fs::read_to_string(installation.path(file)).expect("no file");
    write("Jane Doe\n\u{200d}\n");
    let arguments = [
        &import_arguments("names.txt", &school)[..],
        &["--usernames"],
    ]
    .concat();
    printed(&installation.run(&arguments));
    let first = read("list.csv");

    write("Ann Lee\n");
    let told = refused(&installation.run(&arguments));
    assert!(
        told.contains("list.csv is there already") && told.contains("--overwrite"),
        "{told}"
    );
    std::fs::remove_file(installation.path("list.csv")).expect("no list");
    let told = refused(&installation.run(&arguments));
    assert!(told.contains("name another file by --errors"), "{told}");
    assert!(!installation.path("list.csv").exists());
    let members = block_on(school.get(&process, "/members?search=Lee"));
    assert_eq!(members.expect_status(200)["items"], serde_json::json!([]));

    printed(&installation.run(&[&arguments[..], &["--overwrite"]].concat()));
    let second = read("list.csv");
    assert!(second.contains("Ann Lee") && second != first, "{second}");
}

fn create_operator(installation: &Installation, email: &str, password: &str) -> Output {
    let mut child = installation
        .command(&["operator", "create", "--email", email])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("no command");
    let mut input = child.stdin.take().expect("no input");
    writeln!(input, "{password}").expect("it does not read");
    drop(input);
    child.wait_with_output().expect("no child")
}

#[test]
fn an_operator_is_made_with_a_password_from_standard_input() {
    let installation = Installation::on_sqlite();
    let told = printed(&create_operator(
        &installation,
        "-op@rollcall.example",
        PASSWORD,
    ));
    assert!(told.starts_with("-op@rollcall.example is"), "{told}");
    let told = printed(&create_operator(
        &installation,
        "Op@Rollcall.Example",
        PASSWORD,
    ));
    assert_eq!(
        told,
        "op@rollcall.example is an operator now, with a new account.\n"
    );
    let told = refused(&create_operator(
        &installation,
        "other@rollcall.example",
        "short",
    ));
    assert!(
        told.contains("rollcall: password: ") && told.contains("10"),
        "{told}"
    );
    let told = refused(&create_operator(&installation, "nobody", PASSWORD));
    assert!(told.contains("rollcall: --email: "), "{told}");
    let made_up = "op@hill-road.login.invalid";
    let told = refused(&create_operator(&installation, made_up, PASSWORD));
    assert!(told.contains("made up by Rollcall"), "{told}");
    let process = installation.start();
    block_on(async {
        let told = printed(&create_operator(
            &installation,
            "op@rollcall.example",
            "eight brown geese 8",
        ));
        assert!(told.contains("it has the new password"), "{told}");
        let body = json!({ "email": "op@rollcall.example", "password": "eight brown geese 8" });
        let tokens = process
            .post("/v1/auth/login", "", body)
            .await
            .expect_status(200);
        let me = process
            .get("/v1/me", &text(&tokens["access_token"]))
            .await
            .expect_status(200);
        assert_eq!(me["operator"], true);
        assert!(!process.signs_in("op@rollcall.example", PASSWORD).await);
    });
}

#[test]
fn an_operator_is_told_to_verify_the_address_where_mail_leaves() {
    let mut installation = Installation::on_sqlite();
    installation.set("SMTP_URL", "smtp://127.0.0.1:9");
    installation.set("MAIL_FROM", "no-reply@rollcall.example");
    let told = printed(&create_operator(
        &installation,
        "op@rollcall.example",
        PASSWORD,
    ));
    assert!(told.contains("POST /v1/auth/email/resend"), "{told}");
}

#[test]
fn an_operator_is_unmade_and_signed_out() {
    let installation = Installation::on_sqlite();
    for email in ["zoe@rollcall.example", "op@rollcall.example"] {
        printed(&create_operator(&installation, email, PASSWORD));
    }
    let listed = printed(&installation.run(&["operator", "list"]));
    assert_eq!(
        listed,
        "op@rollcall.example\top@rollcall.example\nzoe@rollcall.example\tzoe@rollcall.example\n"
    );
    let process = installation.start();
    block_on(async {
        let body = json!({ "email": "op@rollcall.example", "password": PASSWORD });
        let tokens = process.post("/v1/auth/login", "", body.clone()).await;
        let token = text(&tokens.expect_status(200)["access_token"]);
        let revoke = ["operator", "revoke", "--email", " OP@rollcall.example "];
        let told = printed(&installation.run(&revoke));
        assert!(
            told.starts_with("op@rollcall.example is no operator any more"),
            "{told}"
        );
        process
            .get("/v1/me", &token)
            .await
            .expect_problem(401, "not_signed_in");
        let tokens = process.post("/v1/auth/login", "", body).await;
        let token = text(&tokens.expect_status(200)["access_token"]);
        let me = process.get("/v1/me", &token).await.expect_status(200);
        assert_eq!(me["operator"], false);
        let told = refused(&installation.run(&revoke));
        assert!(told.contains("No operator has this address"), "{told}");
    });
    let listed = printed(&installation.run(&["operator", "list"]));
    assert_eq!(listed, "zoe@rollcall.example\tzoe@rollcall.example\n");
}

/// A key that each replica made for itself would open nothing that another has sealed.
#[test]
fn on_postgresql_the_keys_have_to_be_named() {
    let mut installation = Installation::on_sqlite();
    installation.set("DATABASE_URL", "postgres://rollcall@127.0.0.1:1/rollcall");
    let told = refused(&installation.run(&["serve"]));
    assert!(
        told.contains("ROLLCALL_SIGNING_KEY_FILE is not set"),
        "{told}"
    );
    assert!(
        told.contains("openssl genpkey -algorithm ed25519"),
        "{told}"
    );
    installation.set("SIGNING_KEY_FILE", "signing.pem");
    let told = refused(&installation.run(&["serve"]));
    assert!(
        told.contains("ROLLCALL_SEALING_KEY_FILE is not set"),
        "{told}"
    );
    installation.set("SEALING_KEY_FILE", "sealing.key");
    let told = refused(&installation.run(&["serve"]));
    assert!(
        told.contains("signing.pem holds no usable key: it does not exist"),
        "{told}"
    );
}

#[test]
fn a_database_that_is_not_there_is_told_within_seconds() {
    let mut installation = Installation::on_sqlite();
    printed(&installation.run(&["migrate"]));
    installation.set(
        "DATABASE_URL",
        "postgres://rollcall:hunter2@127.0.0.1:1/rollcall",
    );
    for (name, file) in [
        ("SIGNING_KEY_FILE", "signing.pem"),
        ("SEALING_KEY_FILE", "sealing.key"),
    ] {
        installation.set(name, installation.path("data").join(file).display());
    }
    let told = refused(&installation.run(&["migrate"]));
    let is_answer = |line: &&str| line.starts_with("rollcall: the database: ");
    let answer = told.lines().find(is_answer).unwrap_or_default();
    assert!(answer.contains("Connection refused"), "{told}");
    assert!(!told.contains("hunter2"), "{told}");
}

mod the_database_is_brought_up_to_date_once {
    use super::*;

    fn migrate_twice(installation: &Installation, migrations: usize) {
        let told = printed(&installation.run(&["migrate"]));
        assert_eq!(told.matches("applied ").count(), migrations, "{told}");
        assert!(told.ends_with("The database is up to date.\n"), "{told}");
        let told = printed(&installation.run(&["migrate"]));
        assert_eq!(told, "The database is up to date.\n");
    }

    /// The first to come makes the file, the keys and the tables; the others find them.
    fn migrate_many_times_at_once(installation: &Installation, migrations: usize) {
        let spawn = |_| {
            let mut command = installation.command(&["migrate"]);
            command
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("no command")
        };
        let children: Vec<_> = (0..8).map(spawn).collect();
        let mut told = String::new();
        for child in children {
            told += &printed(&child.wait_with_output().expect("no child"));
        }
        assert_eq!(told.matches("applied ").count(), migrations, "{told}");
    }

    #[test]
    fn sqlite() {
        let migrations = database::migrations("sqlite");
        migrate_twice(&Installation::on_sqlite(), migrations);
        migrate_many_times_at_once(&Installation::on_sqlite(), migrations);
    }

    #[test]
    fn postgres() {
        if let Some(installation) = Installation::on_postgres() {
            migrate_twice(&installation, database::migrations("postgres"));
        }
    }
}

#[test]
fn an_import_that_became_nothing_ends_with_an_error() {
    let installation = Installation::on_sqlite();
    let process = installation.start();
    let school = block_on(process.school("Hill Road"));
    let people = "email,password,username\nbad,x,y\na@x.org,four brown bears 4,A\n";
    std::fs::write(installation.path("people.csv"), people).expect("no file");
    let mut arguments = import_arguments("people.csv", &school);
    arguments.extend(["--on-row-error", "refuse_all"]);
    let output = installation.run(&arguments);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("nothing was created"), "{told}");
    let list = std::fs::read_to_string(installation.path("list.csv")).expect("no list");
    assert!(list.contains("refused"), "{list}");
}

/// As `rollcall openapi | head -1` does.
#[test]
fn a_reader_that_has_read_enough_is_no_error() {
    let installation = Installation::on_sqlite();
    for arguments in [&["openapi"][..], &["config", "--markdown"], &["migrate"]] {
        let mut command = installation.command(arguments);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary cannot be run");
        drop(child.stdout.take());
        let ended = child.wait_with_output().expect("the process is not ours");
        let words = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{arguments:?}: {words}");
        assert!(!words.contains("panicked"), "{arguments:?}: {words}");
    }
}
