//! Nothing is lost on the way, to PostgreSQL and back.

use std::collections::BTreeMap;
use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};

use super::{check, copy, embedded, execute, moved, on_sqlite, reopen};
use crate::support::app::block_on;
use crate::support::mail::received_in;
use crate::support::operations::one_of_everything;
use crate::support::people::{Organization, PASSWORD, Person, send, text};
use crate::support::process::printed;
use crate::support::{App, postgres};

/// What people and programs hold in their hands when the installation moves.
struct Held {
    organization: String,
    email: String,
    access_token: String,
    refresh_token: String,
    api_key: String,
    invite_code: String,
    import: String,
    userlist: String,
    unfinished: String,
    created_once: Value,
}

/// Uses everything that leaves rows behind, and leaves some of it unfinished.
async fn fill(app: &App) -> Held {
    app.populate().await;
    let school = app.school().await;
    let ids = one_of_everything(&school).await;
    let group = school.path(&format!("/groups/{}", ids["group_id"]));
    remove_and_promise(&school, &ids["account_id"], &group).await;
    let waits = app.register_unverified("dan@members.example").await;
    let domains = json!({ "allowed_email_domains": ["members.example"] });
    let code_path = school.path("/invite-code");
    let code = school
        .admin
        .patch(&code_path, domains)
        .await
        .expect_status(200);
    let code = json!({ "code": code["code"] });
    waits
        .post("/v1/invite-codes/redeem", code)
        .await
        .expect_status(200);
    let open = json!({ "allowed_email_domains": [] });
    let code = school
        .admin
        .patch(&code_path, open)
        .await
        .expect_status(200);
    let joined = app.register("joe@x.example").await;
    let redeemed = json!({ "code": code["code"] });
    joined
        .post("/v1/invite-codes/redeem", redeemed)
        .await
        .expect_status(200);
    let names = json!({ "usernames": ["Åsa \"Ö\" O'Neil", "李明"], "account_type": "student" });
    let made = school
        .admin
        .post(&school.path("/imports/usernames"), names)
        .await;
    made.expect_status(202);
    app.drain().await;
    let scopes = json!({ "name": "Reader", "scopes": ["organization:read"] });
    let key = school.admin.post(&school.path("/api-keys"), scopes).await;
    let userlist = school.path(&format!("/imports/{}/userlist.csv", ids["import_id"]));
    let userlist = school.admin.get(&userlist).await;
    userlist.expect_status(200);
    let policy = json!({ "required": true, "emergency_admins": [school.admin.id] });
    let policy = school
        .admin
        .put(&school.path("/sign-in-policy"), policy)
        .await;
    policy.expect_status(200);
    let created_once = create_once(&school.admin, &school.path("/groups")).await;
    // What nobody has worked on yet: an import, and the mail of an invitation.
    let csv = "email,password,username\nlate@x.example,quiet rivers 99,Late\n";
    let late = school.import(csv, &[("account_type", "student")]).await;
    let groups = [&ids["group_id"]];
    let invite =
        json!({ "emails": ["fay@x.example"], "account_type": "student", "group_ids": groups });
    let invited = school
        .admin
        .post(&school.path("/invitations"), invite)
        .await;
    invited.expect_status(200);
    Held {
        organization: school.id.clone(),
        email: school.admin.email.clone(),
        access_token: school.admin.access_token.clone().unwrap(),
        refresh_token: school.admin.refresh_token.clone(),
        api_key: text(&key.expect_status(201)["key"]),
        invite_code: text(&code["code"]),
        import: ids["import_id"].clone(),
        userlist: userlist.text.clone(),
        unfinished: text(&late.expect_status(202)["id"]),
        created_once,
    }
}

/// Rows of whoever was removed, and of whoever was promised a group.
async fn remove_and_promise(school: &Organization<'_>, ann: &str, group: &str) {
    let app = school.admin.app;
    let csv = "email,password,username\ngus@x.example,quiet rivers 12,Gus\n";
    school.import_students(csv).await;
    let gus = app.sign_in("gus@x.example", "quiet rivers 12").await;
    school.add_to_group(group, &[&gus.id], "member").await;
    let whom = json!({ "account_ids": [gus.id] });
    let removed = school
        .admin
        .post(&format!("{group}/members/remove"), whom)
        .await;
    removed.expect_status(200);
    let removed = school.admin.delete(&school.path_of(&gus.id)).await;
    removed.expect_status(204);
    let joined = app.register_unverified("una@x.example").await;
    app.join(school, &joined, "student").await;
    let promise = json!({
        "emails": ["una@x.example"], "account_type": "student", "group_ids": [school.id_of(group)],
    });
    let promised = school
        .admin
        .post(&school.path("/invitations"), promise)
        .await;
    promised.expect_status(200);
    let renamed = json!({ "username": "Ann \\ \"Ångström\"\u{1F986}" });
    let renamed = school.admin.patch(&school.path_of(ann), renamed).await;
    renamed.expect_status(200);
}

/// A request that is done once, however often it is sent.
async fn create_once(who: &Person<'_>, path: &str) -> Value {
    let request = who
        .request(Method::POST, path)
        .header("Idempotency-Key", "once-and-no-more")
        .json(&json!({ "name": "8B" }));
    send(request).await.expect_status(201)
}

/// Values at the ends of what columns hold, in rows that no request makes.
const EXTREMES: &str = r#"
    INSERT INTO rate_limits VALUES (x'00ff', 9223372036854775807), (x'00', -9223372036854775808), (x'', 0);
    INSERT INTO generated_addresses VALUES
        ('Z@x.example', 'z', 'x.example', 2), ('a@x.example', 'a', 'x.example', 1),
        ('ä"''\@x.example', '', '{}', 9), (' ' || char(9, 10, 13, 27, 127, 8232, 128518), '', 'null', 0);
    INSERT INTO job_turns VALUES ('mail', 'bulk', x'ffffffffffffffffffffffffffffffff', 9007199254740993);
    INSERT INTO removed_subjects SELECT organization_id, x'00ff', 'somebody', created_at FROM connections;
    INSERT INTO apps SELECT id, 'Microsoft', 'entra', 'client', 'client_secret_post', x'00ff', -1, created_at
    FROM connections LIMIT 1;
    UPDATE connections SET app_id = (SELECT id FROM apps) WHERE id IN (SELECT id FROM apps);
    UPDATE organizations SET created_at = -1 WHERE slug = 'busy-company';
    UPDATE accounts SET last_active_at = 253402207200999999, deactivated_at = -1
    WHERE email = 'person7@busy.example';
    UPDATE audit_events
    SET details = '{"z": 1, "a": {"ü": "\u0001\\ \"", "n": [null, true, -0.5, 9007199254740993]}, "": ""}'
    WHERE id = (SELECT min(id) FROM audit_events);
"#;

/// What a report tells of each table: its rows and their digest.
fn reported(report: &str) -> BTreeMap<String, (usize, String)> {
    let rows = report.lines().filter_map(|line| {
        let [table, rows, digest] = line.split_whitespace().collect::<Vec<_>>()[..] else {
            return None;
        };
        let rows = rows.parse().ok()?;
        Some((table.to_owned(), (rows, digest.to_owned())))
    });
    rows.collect()
}

#[test]
fn everything_is_served_from_the_other_database() {
    let Some(server) = postgres::server() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (before, after) = (folder.path().join("before"), folder.path().join("after"));
    let app = on_sqlite(&before);
    let held = block_on(fill(&app));
    app.stop();
    execute(&embedded(&before), EXTREMES);
    let database = server.create_database(None);
    let url = database.url.clone();
    let report = printed(&copy(&embedded(&before), &url));
    let tables = reported(&report);
    let empty: Vec<_> = tables.iter().filter(|(_, (rows, _))| *rows == 0).collect();
    assert!(empty.is_empty(), "nothing is shown by these: {empty:?}");
    assert_eq!(reported(&printed(&check(&embedded(&before), &url))), tables);

    let back = folder.path().join("back");
    let report = printed(&copy(&url, &embedded(&back)));
    assert_eq!(reported(&report), tables);

    // It was the source of the way back.
    printed(&reopen(&url));
    block_on(use_it(&moved(&url, &before, &after), &held, &before));
}

/// Goes on with all that people and programs had in their hands.
async fn use_it(app: &App, held: &Held, before: &Path) {
    let school = |below: &str| format!("/v1/organizations/{}{below}", held.organization);
    let bearer = |token: &str| Person {
        access_token: Some(token.to_owned()),
        ..app.anonymous()
    };
    let admin = bearer(&held.access_token);
    admin.get("/v1/me").await.expect_status(200);
    let refresh = json!({ "refresh_token": held.refresh_token });
    let refreshed = app.anonymous().post("/v1/auth/refresh", refresh).await;
    refreshed.expect_status(200);
    bearer(&held.api_key)
        .get(&school(""))
        .await
        .expect_status(200);
    app.sign_in(&held.email, PASSWORD).await;
    app.sign_in("person3@busy.example", "Busy bees 3 buzz")
        .await;
    app.sign_in("ann@x.org", "quiet rivers 11").await;

    let again = create_once(&admin, &school("/groups")).await;
    assert_eq!(again, held.created_once);
    let userlist = admin
        .get(&school(&format!("/imports/{}/userlist.csv", held.import)))
        .await;
    userlist.expect_status(200);
    assert_eq!(userlist.text, held.userlist);
    for (search, email) in [
        ("ngstr", "ann@x.org"),
        ("ann", "ann@x.org"),
        ("李", "li-ming"),
    ] {
        let found = admin
            .get(&school(&format!("/members?search={search}")))
            .await;
        let found = found.expect_status(200);
        let email_found = text(&found["items"][0]["email"]);
        assert!(email_found.contains(email), "{search}: {found:#}");
    }

    // What was left unfinished, and the link of a mail that was sent before.
    app.drain().await;
    let late = admin
        .get(&school(&format!("/imports/{}", held.unfinished)))
        .await;
    assert_eq!(late.expect_status(200)["status"], "completed");
    app.sign_in("late@x.example", "quiet rivers 99").await;
    let mails = received_in(&before.join("mail"));
    let eve = mails.iter().rfind(|mail| mail.to == "eve@x.example");
    for (email, mail) in [
        ("eve@x.example", eve.unwrap().clone()),
        ("fay@x.example", app.last_mail_to("fay@x.example").await),
    ] {
        let body = json!({ "token": mail.token(), "password": "nine grey swans 9" });
        let set = app.anonymous().post("/v1/auth/password/reset", body).await;
        set.expect_status(204);
        app.sign_in(email, "nine grey swans 9").await;
    }

    // Whoever comes now gets a number that nobody has.
    let new = app.register("new@x.example").await;
    let code = json!({ "code": held.invite_code });
    new.post("/v1/invite-codes/redeem", code)
        .await
        .expect_status(200);
}
