//! The configuration of the real binary: where values come from, and what stops a start.

use crate::support::process::{Installation, printed, refused};

#[test]
fn the_configuration_is_shown_without_its_secrets() {
    let mut installation = Installation::on_sqlite();
    installation.set(
        "DATABASE_URL",
        "postgres://rollcall:hunter2@db.example/rollcall",
    );
    let told = printed(&installation.run(&["config"]));
    assert!(!told.contains("hunter2"), "{told}");
    assert!(
        told.contains("postgres://rollcall:…@db.example/rollcall"),
        "{told}"
    );
    assert!(
        told.contains("import_lease_seconds = \"1\"  # environment"),
        "{told}"
    );
    assert!(told.contains("hash_threads = "), "{told}");
}

#[test]
fn a_setting_that_cannot_be_used_stops_the_start_and_says_why() {
    for (setting, value, problem) in [
        (
            "LISTEN",
            "nowhere",
            "ROLLCALL_LISTEN = \"nowhere\" is no address with a port",
        ),
        (
            "OUTBOUND_ALLOW",
            "10.0.0.0/99",
            "names \"10.0.0.0/99\", which is neither an address nor a network",
        ),
        (
            "OUTBOUND_CA_FILE",
            "/nowhere/ca.pem",
            "ROLLCALL_OUTBOUND_CA_FILE names the file /nowhere/ca.pem, which cannot be read",
        ),
        (
            "LOG",
            "rollcall=loud",
            "ROLLCALL_LOG = \"rollcall=loud\" is no filter",
        ),
        (
            "LISTEN",
            "203.0.113.1:80",
            "cannot listen on 203.0.113.1:80",
        ),
    ] {
        let mut installation = Installation::on_sqlite();
        installation.set(setting, value);
        let output = installation.run(&["serve"]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let told = String::from_utf8_lossy(&output.stderr);
        let last = told.lines().last().unwrap_or_default();
        assert!(
            last.starts_with("rollcall: ") && last.contains(problem),
            "{told}"
        );
    }
}

/// Kubernetes sets such variables in every container beside a service named rollcall.
#[test]
fn a_server_starts_beside_a_service_of_its_own_name() {
    let mut installation = Installation::on_sqlite();
    installation.set("PORT", "tcp://10.0.0.1:80");
    installation.set("SERVICE_HOST", "10.0.0.1");
    installation.set("IMPORT_WORKER", "2");
    let process = installation.start();
    let log = std::fs::read_to_string(installation.path("data.log")).expect("no log");
    drop(process);
    let printed = installation.run(&["config"]);
    assert!(printed.status.success(), "{printed:?}");
    let told = String::from_utf8_lossy(&printed.stderr);
    for warning in [
        "ROLLCALL_IMPORT_WORKER is no setting and is ignored, the nearest setting is \
         ROLLCALL_IMPORT_WORKERS",
        "ROLLCALL_PORT is no setting and is ignored, the nearest setting is ROLLCALL_",
        "ROLLCALL_SERVICE_HOST is no setting and is ignored, the nearest setting is ROLLCALL_",
    ] {
        let is_logged = |line: &&str| line.contains(warning) && line.contains("WARN");
        assert!(log.lines().any(|line| is_logged(&line)), "{log}");
        assert!(told.contains(&format!("warning: {warning}")), "{told}");
    }
}

#[test]
fn a_value_can_stand_in_a_file() {
    let mut installation = Installation::on_sqlite();
    let database = installation.path("elsewhere.sqlite");
    let secret = installation.path("database_url");
    std::fs::write(&secret, format!("sqlite:{}\n", database.display())).expect("no file");
    installation.set("DATABASE_URL_FILE", secret.display());
    printed(&installation.run(&["migrate"]));
    assert!(database.is_file());

    let url = "postgres://rollcall:hunter2@db.example/rollcall\n";
    std::fs::write(&secret, url).expect("no file");
    let told = printed(&installation.run(&["config"]));
    let line = "database_url = \"postgres://rollcall:…@db.example/rollcall\"  \
                # file of ROLLCALL_DATABASE_URL_FILE";
    assert!(told.contains(line), "{told}");
    assert!(!told.contains("hunter2"), "{told}");

    std::fs::write(&secret, "mysql://rollcall:hunter2@db.example/rollcall").expect("no file");
    let told = refused(&installation.run(&["serve"]));
    assert!(told.contains("ROLLCALL_DATABASE_URL begins with"), "{told}");
    assert!(!told.contains("hunter2"), "{told}");

    std::fs::remove_file(&secret).expect("no file");
    let told = refused(&installation.run(&["serve"]));
    let expected = format!(
        "ROLLCALL_DATABASE_URL_FILE names the file {}",
        secret.display()
    );
    assert!(told.contains(&expected), "{told}");
}

#[test]
fn a_value_that_is_set_twice_is_refused() {
    let mut installation = Installation::on_sqlite();
    installation.set("DATABASE_URL", "postgres://rollcall:hunter2@db.example/r");
    installation.set("DATABASE_URL_FILE", "database_url");
    let told = refused(&installation.run(&["serve"]));
    assert_eq!(
        told,
        "rollcall: ROLLCALL_DATABASE_URL and ROLLCALL_DATABASE_URL_FILE are both set: keep one of \
         them\n"
    );
}

#[test]
fn an_unknown_key_of_the_file_stops_the_start() {
    let installation = Installation::on_sqlite();
    std::fs::write(installation.path("rollcall.toml"), "import_worker = 2\n").expect("no file");
    let told = refused(&installation.run(&["serve"]));
    assert_eq!(
        told,
        "rollcall: the configuration file rollcall.toml: import_worker is no setting, the nearest \
         is import_workers\n"
    );
    std::fs::write(
        installation.path("rollcall.toml"),
        "hash_threads = 3\nimport_workers = 2\n",
    )
    .expect("no file");
    let told = printed(&installation.run(&["config"]));
    assert!(told.contains("import_workers = \"2\"  # file"), "{told}");
}

#[cfg(not(feature = "postgres-tls"))]
#[test]
fn a_build_without_tls_says_how_to_get_it() {
    let mut installation = Installation::on_sqlite();
    let url = "postgres://rollcall:hunter2@db.example/rollcall?sslmode=require";
    installation.set("DATABASE_URL", url);
    let words = refused(&installation.run(&["migrate"]));
    assert!(words.contains("ROLLCALL_DATABASE_URL"), "{words}");
    assert!(words.contains("--features postgres-tls"), "{words}");
    assert!(!words.contains("hunter2"), "{words}");
}
