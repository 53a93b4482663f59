//! What a server logs: a line for each request with its id, and never a secret, even where everything
//! is logged that there is.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};

use diesel::connection::SimpleConnection as _;
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use tracing::Instrument as _;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::support::app::block_on;
use crate::support::people::{send, text};
use crate::support::process::Installation;
use crate::support::{App, invariants};

const PASSWORD: &str = "seven green ducks 7";
const OF_ROW: &str = "four brown bears 4";

#[test]
fn every_request_is_logged_and_no_secret_ever() {
    let mut installation = Installation::on_sqlite();
    installation.set("LOG", "trace");
    installation.set("LOG_FORMAT", "json");
    let server = installation.start();
    let secrets = block_on(async {
        let ann = json!({ "email": "ann@x.org", "password": PASSWORD, "username": "Ann" });
        let ann = server
            .post("/v1/auth/register", "", ann)
            .await
            .expect_status(201);
        let token = text(&ann["access_token"]);
        let wrong = json!({ "email": "ann@x.org", "password": "wrong secret 1" });
        server
            .post("/v1/auth/login", "", wrong)
            .await
            .expect_status(401);
        let malformed = json!({ "email": "ann@x.org", "password": 918_273_645 });
        server
            .post("/v1/auth/login", "", malformed)
            .await
            .expect_status(400);
        let refresh = json!({ "refresh_token": ann["refresh_token"] });
        let next = server
            .post("/v1/auth/refresh", "", refresh)
            .await
            .expect_status(200);
        let school = json!({ "name": "Hill", "kind": "school" });
        let school = server
            .post("/v1/organizations", &token, school)
            .await
            .expect_status(201);
        let csv = format!("email,password,username\nbob@x.org,{OF_ROW},Bob\n{OF_ROW},x,Eve\n");
        let form = Form::new()
            .text("account_type", "student")
            .part("file", Part::text(csv));
        let imports = format!("/v1/organizations/{}/imports", text(&school["id"]));
        let upload = server
            .request(Method::POST, &imports, &token)
            .multipart(form);
        let import = send(upload).await.expect_status(202);
        let path = format!("{imports}/{}", text(&import["id"]));
        while server.get(&path, &token).await.expect_status(200)["status"] != "completed" {}
        let list = server.get(&format!("{path}/userlist.csv"), &token).await;
        assert!(list.text.contains(OF_ROW));
        let me = server
            .request(Method::GET, "/v1/me", &token)
            .header("x-request-id", "find-me");
        send(me).await.expect_status(200);
        let key = json!({ "name": "Library", "scopes": ["members:read"] });
        let keys = format!("/v1/organizations/{}/api-keys", text(&school["id"]));
        let key = server.post(&keys, &token, key).await.expect_status(201);
        let members = format!("/v1/organizations/{}/members", text(&school["id"]));
        let by_key = server
            .request(Method::GET, &members, &text(&key["key"]))
            .header("x-request-id", text(&key["id"]));
        send(by_key).await.expect_status(200);
        vec![
            text(&key["key"]),
            PASSWORD.to_owned(),
            OF_ROW.to_owned(),
            "wrong secret 1".to_owned(),
            "918273645".to_owned(),
            token,
            text(&ann["refresh_token"]),
            text(&next["access_token"]),
            text(&next["refresh_token"]),
            "$argon2id$".to_owned(),
        ]
    });
    block_on(server.get("/v1/nothing", "")).expect_status(404);
    let log = server.log();
    for secret in secrets {
        assert!(!log.contains(&secret), "{secret} is in the log");
    }
    let lines = lines(&log);
    let answered: Vec<_> = lines
        .iter()
        .filter(|line| line["message"] == "answered")
        .collect();
    let found = answered.iter().find(|line| line["id"] == "find-me");
    let found = found.expect("the request is not logged");
    assert_eq!(found["method"], "GET");
    assert_eq!(found["route"], "/v1/me");
    assert_eq!(found["operation"], "get_me");
    assert_eq!(found["status"], 200);
    assert!(found["milliseconds"].is_u64(), "{found}");
    assert!(
        found["account"].as_str().is_some_and(|id| id.len() == 36),
        "{found}"
    );
    assert_eq!(found["api_key"], Value::Null, "{found}");
    let by_key = answered
        .iter()
        .find(|line| !line["api_key"].is_null())
        .expect("the request of the key is not logged");
    assert_eq!(by_key["id"], by_key["api_key"], "{by_key}");
    assert_eq!(by_key["account"], Value::Null, "{by_key}");
    for (status, operation) in [(202, json!("create_import")), (404, Value::Null)] {
        let found = answered.iter().find(|line| line["status"] == status);
        let found = found.unwrap_or_else(|| panic!("no request came to {status}"));
        assert_eq!(found["operation"], operation, "{found}");
    }
}

/// A page that does not reach the API looks at the browser's console; whoever runs the server, here.
#[test]
fn a_page_that_is_refused_is_logged_with_the_setting_that_lets_it_in() {
    let mut installation = Installation::on_sqlite();
    installation.set("LOG_FORMAT", "json");
    installation.set("CORS_ORIGINS", "https://app.hill.example");
    let server = installation.start();
    block_on(async {
        for (origin, status) in [
            ("https://app.hill.example", 200),
            ("https://other.example", 403),
        ] {
            let preflight = server
                .request(Method::OPTIONS, "/v1/me", "")
                .header("origin", origin)
                .header("access-control-request-method", "GET");
            assert_eq!(send(preflight).await.status, status, "{origin}");
        }
    });
    let log = lines(&server.log());
    let mut refusals = log.iter().filter(|line| line.get("origin").is_some());
    let refusal = refusals.next().expect("the refusal is not logged");
    assert_eq!(refusal["level"], "WARN");
    assert_eq!(refusal["origin"], "https://other.example");
    let words = text(&refusal["message"]);
    assert!(words.contains("ROLLCALL_CORS_ORIGINS"), "{words}");
    assert_eq!(refusals.next(), None, "it is told once");
}

fn lines(log: &str) -> Vec<Value> {
    let parsed = |line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
    log.lines().map(parsed).collect()
}

mod what_happens_behind_a_response_is_logged_with_its_request {
    use super::*;

    #[test]
    fn sqlite() {
        downloads_that_break_off(Installation::on_sqlite());
    }

    #[test]
    fn postgres() {
        if let Some(installation) = Installation::on_postgres() {
            downloads_that_break_off(installation);
        }
    }
}

/// A row in the middle cannot be read: each response is begun, and breaks off.
fn downloads_that_break_off(mut installation: Installation) {
    installation.set("LOG_FORMAT", "json");
    let server = installation.start();
    block_on(async {
        let school = server.school("Hill").await;
        let rows = (0..150).map(|row| format!("no address,{OF_ROW},Bob {row}\n"));
        let csv = format!("email,password,username\n{}", rows.collect::<String>());
        let import = school.import(&server, csv).await;
        school.finished(&server, &import).await;
        for hundreds in 0..6 {
            let emails = (0..100).map(|number| format!("pupil{hundreds}{number:02}@x.example"));
            let emails: Vec<String> = emails.collect();
            let invite = json!({ "emails": emails, "account_type": "student" });
            let path = school.path("/invitations");
            let invited = server.post(&path, &school.token, invite).await;
            invited.expect_status(200);
        }
        invariants::connect(&installation.pool())
            .batch_execute(
                "UPDATE import_rows SET sealed = substr(sealed, 1, 20) WHERE row_number = 140;
                 UPDATE memberships SET joined_via = 'nowhere' WHERE account_id = (
                     SELECT id FROM accounts WHERE email = 'pupil590@x.example'
                 )",
            )
            .unwrap();
        for (id, below) in [
            ("the-import", format!("/imports/{import}/userlist.csv")),
            ("the-members", "/members.csv?sort=name".to_owned()),
        ] {
            let request = server.request(Method::GET, &school.path(&below), &school.token);
            // How much of it arrives depends on what the server has sent by then.
            let whole = match request.header("x-request-id", id).send().await {
                Ok(response) => {
                    assert_eq!(response.status(), 200, "{below}");
                    response.bytes().await
                }
                Err(error) => Err(error),
            };
            assert!(whole.is_err(), "{below} is whole");
        }
    });
    let log = lines(&server.log());
    for id in ["the-import", "the-members"] {
        let is_told =
            |line: &Value| line["message"] == "a download broke off" && line["span"]["id"] == id;
        assert!(log.iter().any(is_told), "{log:#?}");
    }
}

mod downloads_that_cannot_begin {
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

    /// The tables that hold the rows are gone: nothing is begun.
    fn check(installation: &Installation) {
        let server = installation.start();
        block_on(async {
            let school = server.school("Hill").await;
            let csv = format!("email,password,username\nbob@x.org,{OF_ROW},Bob\n");
            let import = school.import(&server, csv).await;
            school.finished(&server, &import).await;
            invariants::connect(&installation.pool())
                .batch_execute(
                    "ALTER TABLE import_rows RENAME TO gone_rows;
                     ALTER TABLE group_memberships RENAME TO gone_memberships;",
                )
                .unwrap();
            for below in [
                format!("/imports/{import}/userlist.csv"),
                "/members.csv".to_owned(),
            ] {
                let refused = school.get(&server, &below).await;
                refused.expect_problem(500, "internal");
            }
        });
    }
}

/// What work logs on a thread of its own belongs to its request too.
#[test]
fn work_on_another_thread_stays_within_the_span_of_its_request() {
    let subscriber = tracing_subscriber::registry().with(LevelFilter::INFO);
    tracing::subscriber::set_global_default(subscriber).expect("another test logs");
    let app = App::on_sqlite();
    block_on(async {
        let span = tracing::info_span!("request", id = "find-me");
        let work = app
            .state
            .unit_of_work_as_system(|_| Ok(tracing::Span::current().id()));
        let inside = work.instrument(span.clone()).await.expect("the work fails");
        assert!(inside.is_some());
        assert_eq!(inside, span.id());
    });
}

#[test]
fn what_strangers_send_is_no_error_of_ours() {
    let mut installation = Installation::on_sqlite();
    installation.set("LOG_FORMAT", "json");
    let server = installation.start();
    let huge = format!("GET / HTTP/1.1\r\nx: {}", "x".repeat(300_000));
    for garbage in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"NONSENSE\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\ncontent-length: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
        b"POST /v1/auth/login HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"POST /v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{",
        b"GET /v1/me HTTP/1.1\r\nho",
        b"\xff\xff\xff\xff",
        huge.as_bytes(),
    ] {
        let mut stranger = TcpStream::connect(server.address()).unwrap();
        // The server may hang up before it has read all of it.
        let _ = stranger.write_all(garbage);
        let _ = stranger.shutdown(Shutdown::Write);
        let _ = stranger.read_to_end(&mut Vec::new());
    }
    block_on(server.get("/v1/me", "")).expect_status(401);
    let log = server.log();
    let errors = lines(&log)
        .into_iter()
        .filter(|line| line["level"] == "ERROR");
    assert_eq!(errors.collect::<Vec<_>>(), Vec::<Value>::new());
}

#[cfg(unix)]
#[test]
fn a_folder_that_others_can_read_is_warned_of_and_what_is_made_in_it_is_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut installation = Installation::on_sqlite();
    installation.set("LOG_FORMAT", "json");
    let folder = installation.path("data");
    let mode = |name: &str, mode| {
        std::fs::set_permissions(folder.join(name), std::fs::Permissions::from_mode(mode))
    };
    std::fs::create_dir(&folder).unwrap();
    mode("", 0o755).unwrap();
    let warned = |server: &crate::support::process::Process| -> Vec<String> {
        let of_others = lines(&server.log())
            .into_iter()
            .filter(|line| line["message"].as_str().unwrap().contains("others on this"));
        of_others.map(|line| text(&line["path"])).collect()
    };
    let server = installation.start();
    for name in [
        "rollcall.sqlite",
        "rollcall.sqlite-wal",
        "rollcall.sqlite-shm",
        "signing.pem",
        "sealing.key",
        "federation.pem",
    ] {
        let found = std::fs::metadata(folder.join(name)).unwrap();
        assert_eq!(found.permissions().mode() & 0o777, 0o600, "{name}");
    }
    assert_eq!(warned(&server)[0], folder.display().to_string());
    let before = warned(&server);
    drop(server);
    mode("", 0o700).unwrap();
    mode("sealing.key", 0o640).unwrap();
    let server = installation.start();
    let since = warned(&server).split_off(before.len());
    let key = folder.join("sealing.key").display().to_string();
    assert!(since.contains(&key), "{since:?}");
    assert!(!since.contains(&before[0]), "{since:?}");
}

#[test]
fn the_first_line_names_the_address() {
    let mut installation = Installation::on_sqlite();
    installation.set("LOG", "info");
    installation.set("LOG_FORMAT", "json");
    // A warning of the start, which would be the first line else.
    installation.set("LISTN", "127.0.0.1:1");
    let server = installation.start();
    let log = server.log();
    let first: Value = serde_json::from_str(log.lines().next().unwrap()).unwrap();
    assert_eq!(first["message"], "listening", "{log}");
    assert_eq!(first["address"], server.address().to_string(), "{log}");
    assert!(
        log.contains("migration applied") && log.contains("LISTN"),
        "{log}"
    );
}
