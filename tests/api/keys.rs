//! Keys that sign and seal are changed a step at a time, while servers that have taken the step run beside others
//! that have not (`docs/operations.md#changing-keys`).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diesel::connection::SimpleConnection as _;
use reqwest::Method;
use rollcall::crypto::key_file::KeyError;
use rollcall::crypto::key_ring::{Change, KeyKind, KeyRing};
use serde_json::{Value, json};

use crate::support::app::block_on;
use crate::support::import_file::ImportFile;
use crate::support::people::{PASSWORD, send, text};
use crate::support::process::{Front, Installation, School, printed, refused};
use crate::support::smtp::SmtpServer;
use crate::support::{App, invariants};

fn both(check: impl Fn(Installation)) {
    check(Installation::on_sqlite());
    if let Some(installation) = Installation::on_postgres() {
        check(installation);
    }
}

/// The keys of a kind, the one that is used first.
fn keys(installation: &Installation, kind: &str) -> Vec<String> {
    let told = printed(&installation.run(&["keys", "list"]));
    let lines = told.lines().filter_map(|line| line.strip_prefix(kind));
    let ids = lines.filter_map(|line| line.split_whitespace().next());
    ids.map(str::to_owned).collect()
}

/// The id of the key that has signed a token.
fn signer(token: &str) -> String {
    let header = token.split('.').next().expect("no header");
    let header = URL_SAFE_NO_PAD.decode(header).expect("no base64");
    let header: Value = serde_json::from_slice(&header).expect("no JSON");
    text(&header["kid"])
}

async fn sign_in(front: &Front) -> String {
    let body = json!({ "email": "jane@x.org", "password": PASSWORD });
    let signed_in = front.post("/v1/auth/login", "", body).await;
    text(&signed_in.expect_status(200)["access_token"])
}

async fn published(front: &Front) -> Vec<String> {
    let keys = front
        .get("/.well-known/jwks.json", "")
        .await
        .expect_status(200);
    let keys = keys["keys"].as_array().expect("no keys").iter();
    keys.map(|key| text(&key["kid"])).collect()
}

#[test]
fn a_federation_key_is_made_with_the_database_and_changed_as_others_are() {
    let installation = Installation::on_sqlite();
    printed(&installation.run(&["migrate"]));
    let listed = || keys(&installation, "federation");
    let old = listed().pop().expect("no key");
    printed(&installation.run(&["keys", "add", "federation"]));
    let new = listed().pop().expect("no key");
    assert_eq!(listed(), [old.clone(), new.clone()]);
    let promote = ["keys", "promote", "federation", &new];
    let told = refused(&installation.run(&promote));
    assert!(told.contains("Foreign systems"), "{told}");
    printed(&installation.run(&[&promote[..], &["--now"]].concat()));
    printed(&installation.run(&["keys", "retire", "federation", &old, "--now"]));
    assert_eq!(listed(), [new]);
    let folder = tempfile::tempdir().expect("no folder");
    let copy = folder.path().join("copy");
    printed(&installation.run(&["backup", "--output", &copy.to_string_lossy()]));
    assert!(copy.join("federation.pem").exists());
    if let Some(installation) = Installation::on_postgres() {
        let told = refused(&installation.run(&["keys", "add", "federation"]));
        assert!(
            told.contains("ROLLCALL_FEDERATION_KEY_FILE is not set"),
            "{told}"
        );
    }
}

#[test]
fn a_signing_key_is_published_before_it_signs_and_verifies_until_its_last_token_has_ended() {
    both(|installation| {
        let before = installation.start();
        let first = block_on(before.register("jane@x.org"));
        let old = signer(&first);
        let told = printed(&installation.run(&["keys", "add", "signing"]));
        let new = keys(&installation, "signing").pop().expect("no key");
        assert!(
            told.contains(&new) && told.contains("keys promote signing"),
            "{told}"
        );

        // Published, and no signer yet.
        let added = installation.start();
        block_on(async {
            assert_eq!(published(&added).await, [old.clone(), new.clone()]);
            assert_eq!(signer(&sign_in(&added).await), old);
        });
        let promote = ["keys", "promote", "signing", &new];
        let told = refused(&installation.run(&promote));
        assert!(
            told.contains("for an hour") && told.contains("--now"),
            "{told}"
        );
        let told = refused(&installation.run(&["keys", "retire", "signing", &old, "--now"]));
        assert!(told.contains("promote another one"), "{told}");
        printed(&installation.run(&[&promote[..], &["--now"]].concat()));

        // One server has taken the step, another one not yet: each takes the tokens of both.
        let promoted = installation.start();
        block_on(async {
            let (of_old, of_new) = (sign_in(&added).await, sign_in(&promoted).await);
            assert_eq!(
                (signer(&of_old), signer(&of_new)),
                (old.clone(), new.clone())
            );
            for front in [&added, &promoted] {
                for token in [&first, &of_old, &of_new] {
                    front.get("/v1/me", token).await.expect_status(200);
                }
            }
            assert_eq!(published(&promoted).await, [new.clone(), old.clone()]);
        });

        let retire = ["keys", "retire", "signing", &old];
        let told = refused(&installation.run(&retire));
        assert!(told.contains("fifteen minutes"), "{told}");
        printed(&installation.run(&[&retire[..], &["--now"]].concat()));
        let retired = installation.start();
        block_on(async {
            assert_eq!(published(&retired).await, [new.as_str()]);
            retired
                .get("/v1/me", &first)
                .await
                .expect_problem(401, "not_signed_in");
            let token = sign_in(&retired).await;
            retired.get("/v1/me", &token).await.expect_status(200);
        });
        let told = refused(&installation.run(&retire));
        assert!(told.contains("no signing key"), "{told}");
    });
}

/// Imports a list and gives its id.
async fn import(front: &Front, school: &School, name: &str) -> String {
    let import = school.import(front, ImportFile::of(name, 30).csv()).await;
    school.finished(front, &import).await;
    import
}

async fn create_group(front: &Front, school: &School) {
    let request = front.request(Method::POST, &school.path("/groups"), &school.token);
    let body = json!({ "name": "Class 7a" });
    let created = send(request.header("Idempotency-Key", "group-7a").json(&body)).await;
    created.expect_status(201);
}

/// Everybody on the list signs in with the password that it tells.
async fn reads(front: &Front, school: &School, import: &str) {
    let path = school.path(&format!("/imports/{import}/userlist.csv"));
    let list = front.get(&path, &school.token).await;
    assert_eq!(list.status, 200, "{}", list.text);
    let records = invariants::records_of(&list.text);
    assert_eq!(records.len(), 30);
    for record in records.iter().take(2) {
        assert!(front.signs_in(&record["email"], &record["password"]).await);
    }
}

#[test]
fn a_sealing_key_goes_when_nothing_is_sealed_with_it_any_more() {
    both(|mut installation| {
        // Mail waits.
        installation.set("SMTP_URL", "smtp://127.0.0.1:1?starttls=never");
        installation.set("MAIL_FROM", "no-reply@hill.example");
        printed(&installation.run(&["migrate"]));
        let old = keys(&installation, "sealing").pop().expect("no key");
        printed(&installation.run(&["keys", "add", "sealing"]));
        let new = keys(&installation, "sealing").pop().expect("no key");
        let added = installation.start();
        let school = block_on(added.school("Hill Road School"));
        let of_old = block_on(async {
            create_group(&added, &school).await;
            import(&added, &school, "old").await
        });
        let told = printed(&installation.run(&["keys", "promote", "sealing", &new, "--now"]));
        assert!(
            told.contains("goes on sealing with the key before"),
            "{told}"
        );

        // One server has taken the step, another one not yet: each reads what the other has sealed.
        let promoted = installation.start();
        let of_new = block_on(async {
            let of_new = import(&promoted, &school, "new").await;
            reads(&added, &school, &of_new).await;
            reads(&promoted, &school, &of_old).await;
            create_group(&promoted, &school).await;
            of_new
        });
        added.terminate();
        added.wait();

        let retire = ["keys", "retire", "sealing", &old, "--now"];
        let told = refused(&installation.run(&retire));
        for words in ["rows of imports", "1 responses", "keys reseal"] {
            assert!(told.contains(words), "{words}: {told}");
        }
        let told = printed(&installation.run(&["keys", "reseal"]));
        assert!(
            told.contains("30 rows of imports") && !told.contains("Sealed 0 mails"),
            "{told}"
        );
        let told = printed(&installation.run(&["keys", "reseal"]));
        assert!(
            told.contains("Sealed 0 mails, 0 rows of imports, 0"),
            "{told}"
        );
        block_on(reads(&promoted, &school, &of_old));

        // Responses are kept for a day.
        let told = refused(&installation.run(&retire));
        assert!(told.contains("it has sealed 1 responses"), "{told}");
        let pool = installation.pool();
        let execute = |sql: &str| {
            let mut connection = pool.get().expect("no connection");
            connection.batch_execute(sql).expect("a statement");
        };
        execute("DELETE FROM idempotency_keys");
        let told = refused(&installation.run(&retire[..4]));
        assert!(
            told.contains("when every server has been started again"),
            "{told}"
        );
        let told = printed(&installation.run(&retire));
        assert!(told.contains("still seals with it"), "{told}");
        promoted.terminate();
        promoted.wait();

        // Nothing was lost: passwords are read, and mail that has waited leaves.
        let server = SmtpServer::plain();
        installation.set("SMTP_URL", server.url());
        execute("UPDATE jobs SET due_at = scheduled_at");
        let retired = installation.start();
        for import in [&of_old, &of_new] {
            block_on(reads(&retired, &school, import));
        }
        server.wait_for_mails(1);
        let told = printed(&installation.run(&["keys", "list"]));
        assert!(!told.contains(&old), "{told}");
    });
}

#[test]
fn what_was_sealed_with_a_key_that_is_gone_is_told() {
    both(|installation| {
        let process = installation.start();
        let school = block_on(process.school("Hill Road School"));
        let of_old = block_on(import(&process, &school, "old"));
        process.terminate();
        process.wait();
        let old = keys(&installation, "sealing").pop().expect("no key");
        let settings = installation.settings();
        let file = settings.get("sealing_key_file").map_or_else(
            || installation.path("data/sealing.key"),
            std::path::PathBuf::from,
        );
        let other = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
        std::fs::write(&file, other).expect("no key");
        let told = printed(&installation.run(&["keys", "list"]));
        assert!(
            told.contains(&format!(
                "{old} has sealed 30 rows of imports, which nothing opens"
            )),
            "{told}"
        );
        let told = printed(&installation.run(&["keys", "reseal"]));
        assert!(
            told.contains("30 could not be opened and stay as they are"),
            "{told}"
        );
        let output = installation.run(&["doctor"]);
        let told = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains("failure  sealed_values"), "{told}");

        // The list is refused as a whole: nobody gets a part of it.
        let process = installation.start();
        let list = school.path(&format!("/imports/{of_old}/userlist.csv"));
        let refused = block_on(process.get(&list, &school.token));
        refused.expect_problem(500, "internal");
        let log = process.log();
        assert!(
            log.contains(&old) && log.contains("not among ours"),
            "{log}"
        );
    });
}

#[test]
fn an_id_that_begins_with_a_hyphen_is_no_option() {
    let installation = Installation::on_sqlite();
    printed(&installation.run(&["migrate"]));
    for kind in ["signing", "sealing", "federation"] {
        for id in ["-bC3", "--now4", "-hV-", "-V5h"] {
            for arguments in [[kind, id, "--now"], [kind, "--now", id]] {
                for step in ["promote", "retire"] {
                    let told =
                        refused(&installation.run(&[&["keys", step], &arguments[..]].concat()));
                    assert!(told.contains(&format!("no {kind} key {id}")), "{told}");
                }
            }
        }
    }
}

#[test]
fn what_only_looks_makes_nothing() {
    let installation = Installation::on_sqlite();
    for command in [
        &["keys", "list"][..],
        &["keys", "reseal"],
        &["keys", "add", "sealing"],
        &["keys", "retire", "sealing", "0", "--now"],
        &["operator", "list"],
        &["operator", "revoke", "--email", "jane@x.org"],
        &["backup", "--output", "x"],
    ] {
        let told = refused(&installation.run(command));
        assert!(!told.contains("cannot start"), "{command:?}: {told}");
        assert!(
            told.contains("data: there is no installation here yet"),
            "{command:?}: {told}"
        );
        assert!(!installation.path("data").exists(), "{command:?}");
    }
}

#[test]
fn keys_are_listed_where_the_database_cannot_be_asked() {
    both(|mut installation| {
        printed(&installation.run(&["migrate"]));
        let [signing, sealing] = ["signing", "sealing"].map(|kind| keys(&installation, kind));
        let settings = installation.settings();
        for (name, variable) in [
            ("signing.pem", "SIGNING_KEY_FILE"),
            ("sealing.key", "SEALING_KEY_FILE"),
        ] {
            let file = installation.path("data").join(name);
            if !settings.contains_key(&variable.to_lowercase()) {
                installation.set(variable, file.display());
            }
        }
        installation.set("DATABASE_URL", "postgres://rollcall@127.0.0.1:1/rollcall");
        let output = installation.run(&["keys", "list"]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let listed = String::from_utf8_lossy(&output.stdout);
        for id in signing.iter().chain(&sealing) {
            assert!(listed.contains(id), "{listed}");
        }
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(
            told.contains("could not be counted") && told.contains("Connection refused"),
            "{told}"
        );
    });
}

pub fn put_a_new_sealing_key_first(app: &App) {
    let (file, _) = app.state.key_files().expect("no keys").swap_remove(1);
    let change = Change {
        now: app.now(),
        waits: false,
    };
    KeyRing::change(KeyKind::Sealing, &file, |ring| {
        let new = ring.add(change.now)?;
        ring.promote(&new, change).expect("no change");
        Ok::<_, KeyError>(())
    })
    .expect("no change");
}

#[test]
fn two_refreshes_at_once_get_one_successor_from_servers_with_other_first_keys() {
    let apps = [Some(App::on_sqlite()), App::on_postgres()];
    for app in apps.iter().flatten() {
        put_a_new_sealing_key_first(app);
        let replica = app.replica();
        block_on(async {
            let jane = app.register("jane@x.org").await;
            let body = json!({ "refresh_token": jane.refresh_token });
            let refresh = async |server: &App| {
                let anonymous = server.anonymous();
                let refreshed = anonymous.post("/v1/auth/refresh", body.clone()).await;
                refreshed.expect_status(200)["refresh_token"].clone()
            };
            assert_eq!(refresh(app).await, refresh(&replica).await);
        });
    }
}

#[test]
fn a_device_is_known_to_servers_with_another_first_key() {
    let apps = [Some(App::on_sqlite()), App::on_postgres()];
    for app in apps.iter().flatten() {
        put_a_new_sealing_key_first(app);
        let replica = app.replica();
        block_on(async {
            let jane = json!({ "email": "jane@x.org", "password": PASSWORD, "username": "Jane" });
            let registered = app.anonymous().post("/v1/auth/register", jane).await;
            let device = registered.expect_status(201)["device_token"].clone();
            let sign_in = async |password: &str, device: &Value| {
                let body = json!({
                    "email": "jane@x.org", "password": password, "device_token": device
                });
                replica.anonymous().post("/v1/auth/login", body).await
            };
            for _ in 0..11 {
                sign_in("wrong guess 1", &Value::Null).await;
            }
            sign_in(PASSWORD, &Value::Null)
                .await
                .expect_problem(429, "rate_limited");
            sign_in(PASSWORD, &device).await.expect_status(200);
        });
    }
}
