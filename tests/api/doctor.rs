//! `rollcall doctor` on installations that are sound, empty, and broken (`docs/operations.md#the-doctor`).

use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Output;

use diesel::PgConnection;
use diesel::connection::{Connection as _, SimpleConnection as _};
use serde_json::Value;

use crate::support::app::block_on;
use crate::support::dns::{self, Kind};
use crate::support::pgbouncer::{Mode, PgBouncer};
use crate::support::postgres;
use crate::support::process::{Installation, printed};
use crate::support::smtp::{self, Phase, Reaction, SmtpServer, certificate};

/// What the doctor said.
struct Report {
    output: Output,
    json: Value,
}

impl Report {
    fn of(installation: &Installation) -> Self {
        let output = installation.run(&["doctor", "--json"]);
        let json = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
        Self { output, json }
    }

    fn finding(&self, check: &str) -> &Value {
        let findings = self.json["findings"].as_array().expect("no findings");
        let found = findings.iter().find(|finding| finding["check"] == check);
        found.unwrap_or_else(|| panic!("no {check}: {:#}", self.json))
    }

    /// A check that ended so, and what it found or advised has these words in it.
    #[track_caller]
    fn tells(&self, check: &str, outcome: &str, words: &[&str]) -> &Self {
        let finding = self.finding(check);
        assert_eq!(finding["outcome"], outcome, "{finding:#}");
        let told = format!("{} {}", finding["found"], finding["advice"]);
        for word in words {
            assert!(told.contains(word), "no {word:?} in {finding:#}");
        }
        let has_advice = finding["advice"].is_string();
        let is_bad = outcome == "warning" || outcome == "failure";
        assert_eq!(has_advice, is_bad, "{finding:#}");
        self
    }

    #[track_caller]
    fn ends(&self, outcome: &str) -> &Self {
        let code = if outcome == "failure" { 1 } else { 0 };
        assert_eq!(self.output.status.code(), Some(code), "{:#}", self.json);
        assert_eq!(self.json["outcome"], outcome, "{:#}", self.json);
        self
    }

    #[track_caller]
    fn never_tells(&self, secret: &str) {
        let all = format!("{:?}", self.output);
        assert!(!all.contains(secret), "{all}");
    }
}

/// The files of an installation, with their modes and sizes.
fn files(installation: &Installation) -> BTreeSet<(String, u32, u64)> {
    let entries = std::fs::read_dir(installation.path("data")).into_iter();
    let file = |entry: std::io::Result<std::fs::DirEntry>| {
        let entry = entry.expect("no entry");
        let name = entry.file_name().to_string_lossy().into_owned();
        let metadata = entry.metadata().expect("no metadata");
        (name, metadata.permissions().mode(), metadata.len())
    };
    entries.flatten().map(file).collect()
}

fn both(check: impl Fn(Installation)) {
    check(Installation::on_sqlite());
    if let Some(installation) = Installation::on_postgres() {
        check(installation);
    }
}

#[test]
fn a_sound_installation_is_told_so_and_left_as_it_is() {
    both(|installation| {
        let process = installation.start();
        let names = |installation| -> Vec<String> {
            let files = files(installation).into_iter();
            files.map(|(name, ..)| name).collect()
        };
        let running = names(&installation);
        let report = Report::of(&installation);
        for check in [
            "configuration",
            "database",
            "schema",
            "signing_key",
            "sealing_key",
            "clock",
        ] {
            report.tells(check, "ok", &[]);
        }
        assert_eq!(names(&installation), running);
        process.terminate();
        process.wait();
        let stopped = files(&installation);
        Report::of(&installation).tells("schema", "ok", &["this version's"]);
        assert_eq!(files(&installation), stopped);
        let text = printed(&installation.run(&["doctor"]));
        assert!(
            text.contains("ok       schema           it is this version's\n"),
            "{text}"
        );
        assert!(text.contains(" signs; it is the only key in "), "{text}");
        assert!(text.contains("Failures: 0. Warnings: "), "{text}");
    });
}

#[test]
fn an_installation_that_was_never_started_is_left_empty() {
    let installation = Installation::on_sqlite();
    let report = Report::of(&installation);
    report.ends("ok");
    for check in ["database", "signing_key", "sealing_key"] {
        report.tells(check, "skipped", &["the first start makes it"]);
    }
    assert!(!installation.path("data").exists());
}

#[test]
fn a_setting_that_cannot_be_used_is_all_that_is_told() {
    let mut installation = Installation::on_sqlite();
    installation.set("PUBLIC_URL", "rollcall.example");
    let report = Report::of(&installation);
    report.ends("failure").tells(
        "configuration",
        "failure",
        &["ROLLCALL_PUBLIC_URL", "nothing else could be checked"],
    );
    assert_eq!(report.json["findings"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_mistyped_setting_is_a_warning() {
    let mut installation = Installation::on_sqlite();
    installation.set("SPAURL", "https://app.example");
    Report::of(&installation).ends("warning").tells(
        "configuration",
        "warning",
        &["ROLLCALL_SPAURL", "ROLLCALL_SPA_URL"],
    );
}

#[test]
fn a_database_without_its_keys_is_a_failure() {
    let installation = Installation::on_sqlite();
    printed(&installation.run(&["migrate"]));
    std::fs::remove_file(installation.path("data/sealing.key")).expect("no key");
    std::fs::write(installation.path("data/signing.pem"), "none").expect("no key");
    Report::of(&installation)
        .ends("failure")
        .tells("sealing_key", "failure", &["is not there", "always had"])
        .tells(
            "signing_key",
            "failure",
            &["Ed25519", "everybody is signed out"],
        );
    assert!(!installation.path("data/sealing.key").exists());
}

#[test]
fn replicas_without_keys_are_a_failure() {
    let mut installation = Installation::on_sqlite();
    installation.set("DATABASE_URL", "postgres://u:hunter2@127.0.0.1:1/rollcall");
    let report = Report::of(&installation);
    report
        .ends("failure")
        .tells(
            "signing_key",
            "failure",
            &["ROLLCALL_SIGNING_KEY_FILE is not set"],
        )
        .tells(
            "sealing_key",
            "failure",
            &["ROLLCALL_SEALING_KEY_FILE is not set"],
        )
        .tells(
            "database",
            "failure",
            &["Connection refused", "ROLLCALL_DATABASE_URL"],
        )
        .never_tells("hunter2");
}

#[test]
fn keys_that_others_can_read_are_a_warning() {
    both(|installation| {
        printed(&installation.run(&["migrate"]));
        let settings = installation.settings();
        let key = settings.get("sealing_key_file").map_or_else(
            || installation.path("data/sealing.key"),
            std::path::PathBuf::from,
        );
        let wide = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(&key, wide).expect("no rights");
        let report = Report::of(&installation);
        report
            .ends("warning")
            .tells("private_files", "warning", &["sealing.key", "chmod go="]);
        let secret = std::fs::read_to_string(key).expect("no key");
        report.never_tells(secret.trim());
    });
}

#[test]
fn a_schema_of_another_version_is_told_with_its_way_back() {
    both(|installation| {
        printed(&installation.run(&["migrate"]));
        let execute = |sql: &str| {
            let mut connection = installation.pool().get().expect("no connection");
            connection.batch_execute(sql).expect("a statement");
        };
        execute("INSERT INTO copied_tables (name, row_count) VALUES ('accounts', 0)");
        Report::of(&installation).ends("failure").tells(
            "schema",
            "failure",
            &["is not finished", "rollcall database copy"],
        );
        execute("DELETE FROM copied_tables");
        execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('99990101000001')");
        Report::of(&installation).ends("failure").tells(
            "schema",
            "failure",
            &["99990101000001", "restore the back-up"],
        );
        execute(
            "DELETE FROM __diesel_schema_migrations
             WHERE version = (SELECT min(version) FROM __diesel_schema_migrations)
                OR version = '99990101000001'",
        );
        Report::of(&installation).tells("schema", "warning", &["older", "rollcall migrate"]);
    });
}

#[test]
fn what_somebody_took_from_the_schema_is_told() {
    both(|installation| {
        printed(&installation.run(&["migrate"]));
        Report::of(&installation).tells("schema", "ok", &[]);
        let mut connection = installation.pool().get().expect("no connection");
        let taken = "DROP TABLE grants; ALTER TABLE organizations DROP COLUMN kind";
        connection.batch_execute(taken).expect("nothing is taken");
        drop(connection);
        let words = ["table grants,", "column organizations.kind", "back-up"];
        Report::of(&installation)
            .tells("schema", "failure", &words)
            .ends("failure");
    });
}

#[test]
fn a_database_that_takes_no_changes_is_a_failure() {
    if let Some(installation) = Installation::on_postgres() {
        printed(&installation.run(&["migrate"]));
        let mut connection = installation.pool().get().expect("no connection");
        let read_only = "DO $$ BEGIN EXECUTE format(
             'ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$";
        connection.batch_execute(read_only).expect("a statement");
        Report::of(&installation).ends("failure").tells(
            "database",
            "failure",
            &["takes no changes", "standby"],
        );
    }
    let installation = Installation::on_sqlite();
    std::fs::create_dir_all(installation.path("data/rollcall.sqlite")).expect("no folder");
    Report::of(&installation).ends("failure").tells(
        "database",
        "failure",
        &["rollcall.sqlite", "ROLLCALL_DATABASE_URL"],
    );
}

#[test]
fn a_pooler_that_mixes_up_statements_is_a_failure() {
    let Some(mut installation) = Installation::on_postgres() else {
        return;
    };
    printed(&installation.run(&["migrate"]));
    let direct = installation.settings()["database_url"].clone();
    let Some(pooler) = PgBouncer::before(&direct, Mode::Transaction) else {
        return;
    };
    installation.set("DATABASE_URL", pooler.url());
    Report::of(&installation).ends("failure").tells(
        "pooler",
        "failure",
        &[
            "mixes up prepared statements",
            "1.21",
            "PREPARED_STATEMENTS=unnamed",
        ],
    );
    installation.set("DATABASE_PREPARED_STATEMENTS", "unnamed");
    Report::of(&installation).ends("warning").tells(
        "pooler",
        "warning",
        &["outside of transactions", "SET statement_timeout"],
    );
}

#[test]
fn addresses_that_lead_nowhere_are_warnings() {
    let mut installation = Installation::on_sqlite();
    installation.set("PUBLIC_URL", "http://rollcall.example");
    Report::of(&installation)
        .ends("warning")
        .tells("public_url", "warning", &["not encrypted", "https"])
        .tells(
            "spa_url",
            "warning",
            &["localhost:3000", "ROLLCALL_SPA_URL"],
        )
        .tells("trusted_proxies", "skipped", &[]);
    installation.set("PUBLIC_URL", "https://rollcall.example");
    installation.set("SPA_URL", "https://app.example");
    let report = Report::of(&installation);
    report
        .tells("public_url", "ok", &[])
        .tells("spa_url", "ok", &[])
        .tells("trusted_proxies", "warning", &["ROLLCALL_TRUSTED_PROXIES"]);
    installation.set("TRUSTED_PROXIES", "10.0.0.0/8");
    Report::of(&installation).tells("trusted_proxies", "ok", &["x-forwarded-for"]);
    for everybody in ["0.0.0.0/0", "10.0.0.1,::/0", "0.0.0.0/1,128.0.0.0/1"] {
        installation.set("TRUSTED_PROXIES", everybody);
        Report::of(&installation).tells("trusted_proxies", "warning", &["every address"]);
    }
    installation.set("SPA_URL", "http://app.example");
    Report::of(&installation).tells("spa_url", "warning", &["not encrypted", "ROLLCALL_SPA_URL"]);
}

#[test]
fn a_folder_that_cannot_be_made_is_a_failure() {
    let mut installation = Installation::on_sqlite();
    std::fs::write(installation.path("data"), "no folder").expect("no file");
    Report::of(&installation).ends("failure").tells(
        "data_folder",
        "failure",
        &["it is no folder", "ROLLCALL_DATA_DIR"],
    );
    std::fs::remove_file(installation.path("data")).expect("no file");
    installation.set("DATABASE_URL", "sqlite:elsewhere/rollcall.sqlite");
    Report::of(&installation).ends("failure").tells(
        "database",
        "failure",
        &["there is no folder elsewhere", "Make the folder"],
    );
}

#[test]
fn a_database_that_was_taken_away_is_told() {
    let installation = Installation::on_sqlite();
    let process = installation.start();
    let (file, away) = (
        installation.path("data/rollcall.sqlite"),
        installation.path("away.sqlite"),
    );
    std::fs::rename(&file, &away).expect("no database");
    Report::of(&installation).ends("failure").tells(
        "database",
        "failure",
        &["rollcall.sqlite is gone", "Put the file back"],
    );
    std::fs::rename(&away, &file).expect("no database");
    Report::of(&installation).tells("database", "ok", &[]);
    // SQLite leaves the log beside a file whose last connection ended while it was away.
    let ready = process.get("/health/ready", "");
    block_on(ready).expect_status(200);
    process.terminate();
    process.wait();
    std::fs::rename(&file, &away).expect("no database");
    Report::of(&installation).tells("database", "warning", &["keys", "Put the file back"]);
    assert!(!file.exists());
}

#[test]
fn a_file_that_is_no_database_of_ours_is_told() {
    let installation = Installation::on_sqlite();
    printed(&installation.run(&["migrate"]));
    let file = installation.path("data/rollcall.sqlite");
    std::fs::write(&file, "these are no pages of a database\n".repeat(100)).expect("no file");
    Report::of(&installation).ends("failure").tells(
        "database",
        "failure",
        &["not a database", "ROLLCALL_DATABASE_URL"],
    );
    std::fs::remove_file(&file).expect("no file");
    let mut connection = installation.pool().get().expect("no connection");
    connection
        .batch_execute("CREATE TABLE bookmarks (url text)")
        .expect("no table");
    drop(connection);
    Report::of(&installation).tells("schema", "warning", &["none of Rollcall", "that you mean"]);
}

/// Users on a server of their own, since users belong to no single database.
#[test]
fn users_without_the_rights_that_a_server_needs_are_failures() {
    let Some(server) = postgres::start_private() else {
        return;
    };
    let mut installation = Installation::on_database(server.create_database(None));
    let owner = installation.settings()["database_url"].clone();
    let execute = |sql: &str| {
        let mut connection = PgConnection::establish(&owner).expect("no connection");
        connection.batch_execute(sql).expect("a statement");
    };
    execute("CREATE ROLE reader LOGIN; REVOKE CREATE ON SCHEMA public FROM PUBLIC");
    let mut url: url::Url = owner.parse().expect("a URL");
    url.set_username("reader").expect("a name");
    installation.set("DATABASE_URL", url.as_str());
    Report::of(&installation).ends("failure").tells(
        "schema",
        "failure",
        &["may not make tables", "rollcall migrate"],
    );
    installation.set("DATABASE_URL", &owner);
    printed(&installation.run(&["migrate"]));
    execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader");
    installation.set("DATABASE_URL", url.as_str());
    Report::of(&installation).ends("failure").tells(
        "database",
        "failure",
        &[
            "may not read and change",
            "accounts",
            "import_rows",
            "Grant it SELECT, INSERT",
        ],
    );
    execute("GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO reader");
    Report::of(&installation).tells("database", "ok", &[]);
    drop(installation);
    drop(server);
}

/// An installation that sends from `hill.example` to this server, and asks this name server.
fn mailing(url: &str, name_server: &str) -> Installation {
    let mut installation = Installation::on_sqlite();
    installation.set("SMTP_URL", url);
    installation.set("MAIL_FROM", "no-reply@hill.example");
    installation.set("DNS_SERVERS", name_server);
    installation
}

#[test]
fn a_mail_server_is_tried_without_a_mail() {
    let sound = dns::serve(&[
        ("hill.example", Kind::MailServer("mx.hill.example")),
        ("hill.example", Kind::Text("v=spf1 mx -all")),
        ("_dmarc.hill.example", Kind::Text("v=DMARC1; p=none")),
    ])
    .to_string();
    let server = SmtpServer::plain();
    let url = server.url();
    Report::of(&mailing(&url, &sound))
        .ends("ok")
        .tells("mail_server", "ok", &["answers", "no mail was sent"])
        .tells("mail_domain", "ok", &["mx.hill.example"])
        .tells("spf", "ok", &["v=spf1 mx -all"])
        .tells("dmarc", "ok", &["p=none"]);
    let commands = server.commands().join("\n");
    assert!(
        commands.starts_with("EHLO") && !commands.contains("MAIL"),
        "{commands}"
    );

    let required = format!("{url}?starttls=required");
    Report::of(&mailing(&required, &sound))
        .ends("failure")
        .tells(
            "mail_server",
            "failure",
            &["no STARTTLS", "ROLLCALL_SMTP_URL"],
        );

    let (certificate, key) = certificate();
    let strict = SmtpServer::start(smtp::Kind {
        tls: Some((&certificate, &key)),
        auth: true,
        ..smtp::Kind::default()
    });
    strict.always(Phase::Auth, Reaction::Say("535 5.7.8 wrong password"));
    let url = format!("smtp://me:hunter2@{}?starttls=never", strict.address);
    let report = Report::of(&mailing(&url, &sound));
    report
        .ends("failure")
        .tells("mail_server", "failure", &["535 5.7.8", "mail waits"])
        .never_tells("hunter2");

    Report::of(&mailing("smtp://127.0.0.1:1?starttls=never", &sound))
        .ends("failure")
        .tells("mail_server", "failure", &["127.0.0.1:1"]);
}

#[test]
fn a_domain_whose_mail_nobody_takes_is_told_record_by_record() {
    let server = SmtpServer::plain();
    let examined = |records| {
        let name_server = dns::serve(records).to_string();
        Report::of(&mailing(&server.url(), &name_server))
    };
    examined(&[])
        .ends("failure")
        .tells(
            "mail_domain",
            "failure",
            &["neither an MX record nor an address"],
        )
        .tells("spf", "warning", &["v=spf1"])
        .tells("dmarc", "warning", &["_dmarc.hill.example", "v=DMARC1"]);
    examined(&[
        ("hill.example", Kind::Address([192, 0, 2, 1])),
        ("hill.example", Kind::Text("v=spf1 mx -all")),
        ("hill.example", Kind::Text("v=spf1 a -all")),
        ("hill.example", Kind::Text("something else")),
    ])
    .ends("warning")
    .tells("mail_domain", "warning", &["only an address"])
    .tells("spf", "warning", &["2 SPF records"]);
    examined(&[
        ("hill.example", Kind::MailServer("")),
        ("hill.example", Kind::Text("v=spf1 +all")),
    ])
    .ends("failure")
    .tells("mail_domain", "failure", &["null MX"])
    .tells("spf", "warning", &["lets everybody"]);
}

#[test]
fn a_name_server_that_does_not_answer_is_no_fault_of_the_domain() {
    let silent = UdpSocket::bind("127.0.0.1:0").expect("no port");
    let address = silent.local_addr().expect("no address").to_string();
    let server = SmtpServer::plain();
    Report::of(&mailing(&server.url(), &address))
        .ends("ok")
        .tells(
            "mail_domain",
            "skipped",
            &[
                "could not be looked up",
                "ROLLCALL_DNS_SERVERS",
                "SPF and DMARC",
            ],
        );
}

/// An active connection, by Rollcall's own key or by SAML with signed requests.
const OF_THE_KEY: &str = "
    INSERT INTO organizations VALUES ('01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11', 'Hill Road', 'school', 'hill-road',
        'student', 1, false, now());
    INSERT INTO connections (id, organization_id, name, kind, preset, status, settings, arrivals, session_hours, rules,
        apply, issuer_named_by_link, created_at)
    VALUES ('01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c12', '01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11', 'Accounts', 'oidc',
        'generic', 'active', '{\"issuer\": \"https://idp.example\", \"tenant\": null, \"app\": null,
        \"client_id\": \"rollcall\", \"client_authentication\": \"private_key_jwt\"}', 'everyone', 168, '[]', 'always',
        false, now());";

#[test]
fn a_federation_key_that_a_connection_takes_and_nobody_has_is_a_failure() {
    let Some(mut installation) = Installation::on_postgres() else {
        return;
    };
    printed(&installation.run(&["migrate"]));
    let why = &["no active connection takes one"];
    Report::of(&installation).tells("federation_key", "skipped", why);
    let mut connection = installation.pool().get().expect("no connection");
    connection.batch_execute(OF_THE_KEY).expect("a statement");
    let words = &[
        "ROLLCALL_FEDERATION_KEY_FILE is not set",
        "One active connection takes it",
        "docs/deployment.md",
    ];
    let report = Report::of(&installation);
    report
        .ends("failure")
        .tells("federation_key", "failure", words);
    let file = installation.path("federation.pem");
    installation.set("FEDERATION_KEY_FILE", file.display());
    printed(&installation.run(&["keys", "add", "federation"]));
    Report::of(&installation).tells("federation_key", "ok", &["shows who Rollcall is"]);
}
