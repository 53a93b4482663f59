//! Starts beside what is not ready, not allowed, or not this version's.

use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, PgConnection};

use crate::support::app::block_on;
use crate::support::postgres;
use crate::support::process::{Installation, printed, refused};

#[test]
fn a_port_that_is_taken_is_told_with_what_to_do() {
    let mut installation = Installation::on_sqlite();
    let process = installation.start();
    installation.set("LISTEN", process.address());
    let told = refused(&installation.run(&["serve"]));
    assert!(told.contains(&process.address().to_string()), "{told}");
    assert!(told.contains("Another process listens there"), "{told}");
    assert!(!told.contains("internal"), "{told}");
}

/// Nothing that comes later makes it one.
#[test]
fn a_file_that_is_no_database_is_told_at_once() {
    let installation = Installation::on_sqlite();
    printed(&installation.run(&["migrate"]));
    let file = installation.path("data/rollcall.sqlite");
    std::fs::write(&file, "email,password,username\n").expect("no file");
    let since = Instant::now();
    for command in ["serve", "migrate"] {
        let told = refused(&installation.run(&[command]));
        let path = file.display().to_string();
        assert!(told.contains(&path), "{told}");
        assert!(told.contains("it is not a database of SQLite"), "{told}");
    }
    assert!(since.elapsed() < Duration::from_secs(20));
    let kept = std::fs::read_to_string(&file).expect("no file");
    assert_eq!(kept, "email,password,username\n");
}

mod a_database_of_a_newer_version_is_refused {
    use super::*;

    #[test]
    fn sqlite() {
        check(&Installation::on_sqlite());
    }

    #[test]
    fn postgres() {
        if let Some(installation) = Installation::on_postgres() {
            check(&installation);
        }
    }

    fn check(installation: &Installation) {
        printed(&installation.run(&["migrate"]));
        let execute = |sql: &str| {
            let mut connection = installation.pool().get().expect("no connection");
            connection.batch_execute(sql).expect("a statement");
        };
        execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('99990101000001')");
        for command in ["serve", "migrate"] {
            let told = refused(&installation.run(&[command]));
            let last = told.lines().last().unwrap_or_default();
            assert!(
                last.contains("the database: its schema is newer")
                    && last.contains("99990101000001"),
                "{told}"
            );
        }
        execute("DELETE FROM __diesel_schema_migrations WHERE version = '99990101000001'");
        printed(&installation.run(&["migrate"]));
    }
}

/// The owner migrates; those who serve may not change tables.
#[test]
fn a_role_that_may_not_change_tables_serves() {
    let Some(server) = postgres::start_private() else {
        return;
    };
    let mut installation = Installation::on_database(server.create_database(None));
    printed(&installation.run(&["migrate"]));
    let owner = installation.settings()["database_url"].clone();
    PgConnection::establish(&owner)
        .expect("no connection")
        .batch_execute(
            "CREATE ROLE clerk LOGIN;
             REVOKE CREATE ON SCHEMA public FROM PUBLIC;
             GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO clerk;
             GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO clerk",
        )
        .expect("no role");
    let mut url: url::Url = owner.parse().expect("a URL");
    url.set_username("clerk").expect("a name");
    installation.set("DATABASE_URL", url);
    let process = installation.start();
    block_on(async {
        process.get("/health/ready", "").await.expect_status(200);
        let token = process.register("jane@x.org").await;
        process.get("/v1/me", &token).await.expect_status(200);
    });
    process.kill();
    drop(installation);
    drop(server);
}

#[test]
fn a_server_waits_for_a_database_that_starts_later() {
    let Some(mut server) = postgres::start_private() else {
        return;
    };
    let mut installation = Installation::on_database(server.create_database(None));
    server.stop();
    installation.set("DATABASE_WAIT_SECONDS", 6);
    let told = refused(&installation.run(&["serve"]));
    assert!(told.contains("waiting for the database"), "{told}");
    assert!(told.contains("cannot start: the database: "), "{told}");
    installation.set("DATABASE_WAIT_SECONDS", 60);
    let starting = installation.spawn_in("data");
    std::thread::sleep(Duration::from_secs(1));
    server.start();
    let process = starting.listening();
    block_on(async {
        process.get("/health/ready", "").await.expect_status(200);
    });
    process.kill();
    drop(installation);
    drop(server);
}

#[test]
fn a_key_that_others_can_read_is_warned_of() {
    let mut installation = Installation::on_sqlite();
    printed(&installation.run(&["migrate"]));
    let key = installation.path("elsewhere.pem");
    std::fs::copy(installation.path("data/signing.pem"), &key).expect("no key");
    installation.set("SIGNING_KEY_FILE", key.display());
    let warning = "others on this machine may read it";
    let told = |mode: u32| {
        let rights = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(&key, rights).expect("no rights");
        let output = installation.run(&["migrate"]);
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(!told(0o600).contains(warning));
    let told = told(0o644);
    assert!(
        told.contains(warning) && told.contains("elsewhere.pem"),
        "{told}"
    );
}

#[test]
fn keys_are_not_made_beside_a_database_that_has_lost_its_own() {
    let installation = Installation::on_sqlite();
    printed(&installation.run(&["migrate"]));
    for name in ["sealing.key", "signing.pem"] {
        let (key, kept) = (format!("data/{name}"), format!("kept-{name}"));
        let (key, kept) = (installation.path(&key), installation.path(&kept));
        std::fs::rename(&key, &kept).expect("no key");
        for command in [
            &["serve"][..],
            &["keys", "list"],
            &["backup", "--output", "x"],
        ] {
            let told = refused(&installation.run(command));
            assert!(
                told.contains(name) && told.contains("Put back the key"),
                "{told}"
            );
            assert!(!key.exists(), "{command:?}");
        }
        std::fs::rename(&kept, &key).expect("no key");
    }
    printed(&installation.run(&["migrate"]));
}
