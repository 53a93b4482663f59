//! TLS to PostgreSQL: with the feature `postgres-tls` a connection that asks for it is encrypted and
//! the server's certificate is checked. A binary of its own, because the feature compiles the library anew.

#![allow(
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test says what it expects in the shortest way"
)]

#[allow(dead_code, reason = "made for other tests too")]
mod support {
    pub mod command;
    pub mod postgres;
}

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::dsl::sql;
use diesel::sql_types::{Bool, Text};
use diesel::{Connection as _, PgConnection, RunQueryDsl as _};

use support::command::command;
use support::postgres;

/// Runs in the server's data folder, as the server's user: PostgreSQL takes no key that others
/// may read.
const MAKE_CERTIFICATE: &str = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 \
    -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 \
    -keyout server.key -out server.crt 2>&1";

#[test]
fn a_connection_that_asks_for_tls_is_encrypted_and_checks_the_certificate() {
    let Some(server) = postgres::start_private() else {
        return;
    };
    let database = server.create_database(None);
    let required = format!("{}?sslmode=require", database.url);
    assert!(
        PgConnection::establish(&required).is_err(),
        "the server has no TLS yet"
    );

    let mut plain = PgConnection::establish(&database.url).unwrap();
    let folder: String = sql::<Text>("SHOW data_directory")
        .get_result(&mut plain)
        .unwrap();
    plain
        .batch_execute(&format!("COPY (SELECT 1) TO PROGRAM '{MAKE_CERTIFICATE}'"))
        .unwrap();
    plain.batch_execute("ALTER SYSTEM SET ssl = on").unwrap();
    plain.batch_execute("SELECT pg_reload_conf()").unwrap();

    assert!(is_encrypted(&mut connect_soon(&required)));

    let keys = tempfile::tempdir().unwrap();
    make_keys(keys.path());
    let migrate = |url: &str| migrate(keys.path(), url);
    let certificate = Path::new(&folder).join("server.crt");
    let checked = format!("{}?sslmode=verify-full", database.url);
    let named = format!("{checked}&sslrootcert={}", certificate.display());
    assert_success(&mut migrate(&named));
    // The certificates of the system, which a variable names where they lie elsewhere.
    let system = format!("{checked}&sslrootcert=system");
    assert_success(migrate(&system).env("SSL_CERT_FILE", &certificate));
    let unknown = migrate(&system).output().unwrap();
    assert!(
        !unknown.status.success(),
        "nobody has signed this certificate"
    );
}

fn assert_success(command: &mut Command) {
    let ended = command.output().unwrap();
    let words = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{words}");
}

/// The server takes new settings a moment after it is told to.
fn connect_soon(url: &str) -> PgConnection {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        match PgConnection::establish(url) {
            Ok(connection) => return connection,
            Err(error) if Instant::now() > deadline => panic!("{error}"),
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

fn is_encrypted(connection: &mut PgConnection) -> bool {
    sql::<Bool>("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        .get_result(connection)
        .unwrap()
}

/// The binary itself, on this database, with the keys of this folder.
fn migrate(folder: &Path, url: &str) -> Command {
    let mut command = command(folder, &["migrate"]);
    command
        .env("ROLLCALL_DATABASE_URL", url)
        .env("ROLLCALL_SIGNING_KEY_FILE", "signing.pem")
        .env("ROLLCALL_SEALING_KEY_FILE", "sealing.key");
    command
}

/// As an installation makes them.
fn make_keys(folder: &Path) {
    for (file, command) in [
        ("signing.pem", "openssl genpkey -algorithm ed25519"),
        ("sealing.key", "openssl rand -base64 32"),
    ] {
        let mut words = command.split(' ');
        let made = Command::new(words.next().unwrap())
            .args(words)
            .output()
            .unwrap();
        std::fs::write(folder.join(file), made.stdout).unwrap();
    }
}
