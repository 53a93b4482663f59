//! API keys (`docs/api-keys.md`).

use std::time::Duration;

use diesel::prelude::*;
use reqwest::Method;
use rollcall::store::schema::api_keys;
use serde_json::{Value, json};

use crate::support::people::{Organization, Person, seats_in_total, send, text};
use crate::support::{App, both_databases};

mod admins;
mod creator;
mod every_operation;

/// Creates a key with these scopes as this person, and gives the answer.
async fn create(who: &Person<'_>, school: &Organization<'_>, scopes: &[&str]) -> Value {
    let body = json!({ "name": "Timetable", "scopes": scopes });
    let created = who.post(&school.path("/api-keys"), body).await;
    created.expect_status(201)
}

/// Whoever has this key.
fn bearer<'a>(app: &'a App, created: &Value) -> Person<'a> {
    Person {
        access_token: Some(text(&created["key"])),
        ..Person::anonymous(app)
    }
}

/// A key that reads the organization, of the school's admin.
async fn reader<'a>(app: &'a App, school: &Organization<'_>) -> Person<'a> {
    bearer(
        app,
        &create(&school.admin, school, &["organization:read"]).await,
    )
}

/// The school's keys as its admin sees them.
async fn listed(school: &Organization<'_>) -> Vec<Value> {
    let page = school.admin.get(&school.path("/api-keys?limit=200")).await;
    let page = page.expect_status(200);
    page["items"].as_array().unwrap().clone()
}

both_databases!(a_key_is_shown_once, |app| {
    let school = app.school().await;
    let body = json!({
        "name": " Timetable ",
        "scopes": ["organization:read", "members:read", "members:read"],
        "expires_at": "2026-10-01T00:00:00Z",
    });
    let created = school.admin.post(&school.path("/api-keys"), body).await;
    let mut key = json!({
        "id": "<uuid>",
        "name": "Timetable",
        "hint": "<text>",
        "scopes": ["members:read", "organization:read"],
        "expires_at": "2026-10-01T00:00:00Z",
        "created_at": "2026-09-01T07:30:00Z",
        "created_by": {
            "account_id": school.admin.id,
            "username": "admin",
        },
        "last_used_at": null,
        "key": "<text>",
    });
    let created = created.expect(201, key.clone());
    let secret = text(&created["key"]);
    assert!(secret.starts_with("rck_") && secret.len() == 47, "{secret}");
    assert!(secret.ends_with(&text(&created["hint"])));
    assert_eq!(text(&created["hint"]).len(), 4);
    key.as_object_mut().unwrap().remove("key");
    let page = json!({ "items": [key], "next_cursor": null });
    let list = school.admin.get(&school.path("/api-keys")).await;
    list.expect(200, page);
    assert!(!list.text.contains(&secret));
    let mut connection = app.state.services.pool.get().unwrap();
    let hashes: Vec<Vec<u8>> = api_keys::table
        .select(api_keys::key_hash)
        .load(&mut **connection)
        .unwrap();
    assert_eq!(hashes.len(), 1);
    assert_eq!(hashes[0].len(), 32);
});

both_databases!(keys_come_in_pages, |app| {
    let school = app.school().await;
    let mut created = Vec::new();
    for _ in 0..3 {
        created.push(text(
            &create(&school.admin, &school, &["audit:read"]).await["id"],
        ));
    }
    let mut seen = Vec::new();
    let mut query = "?limit=2".to_owned();
    loop {
        let path = school.path(&format!("/api-keys{query}"));
        let page = school.admin.get(&path).await.expect_status(200);
        let items = page["items"].as_array().unwrap();
        seen.extend(items.iter().map(|key| text(&key["id"])));
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        query = format!("?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, created);
});

both_databases!(what_a_key_cannot_be_is_refused, |app| {
    let school = app.school().await;
    let path = school.path("/api-keys");
    let refuse = async |body: Value| school.admin.post(&path, body).await;
    let blank = refuse(json!({ "name": " ", "scopes": [] })).await;
    blank.expect_fields(&[("/name", "missing"), ("/scopes", "missing")]);
    let long = json!({ "name": "n".repeat(101), "scopes": ["audit:read"] });
    refuse(long).await.expect_fields(&[("/name", "too_long")]);
    let past = json!({
        "name": "n",
        "scopes": ["audit:read"],
        "expires_at": "2026-09-01T07:30:00Z",
    });
    let past = refuse(past).await;
    past.expect_fields(&[("/expires_at", "in_the_past")]);
    let unknown = refuse(json!({ "name": "n", "scopes": ["everything"] })).await;
    unknown.expect_problem(400, "malformed_request");
    assert!(listed(&school).await.is_empty());
});

both_databases!(a_key_does_what_its_scopes_name, |app| {
    let school = app.school().await;
    let key = reader(app, &school).await;
    key.get(&school.path("/seats")).await.expect_status(200);
    let no_key_does = key.put(&school.path("/seats"), seats_in_total(None)).await;
    no_key_does.expect_problem(403, "forbidden");
    let other = create(&school.admin, &school, &["members:read", "audit:read"]).await;
    let other = bearer(app, &other);
    let refused = other.get(&school.path("/seats")).await;
    let problem = refused.expect_problem(403, "forbidden");
    assert!(text(&problem["detail"]).contains("`organization:read`"));
});

both_databases!(an_unknown_key_is_nobodys, |app| {
    let school = app.school().await;
    let key = reader(app, &school).await.access_token.unwrap();
    let longer = format!("{key}A");
    let of_token = "The access token has expired";
    let of_key = "This API key was revoked, has expired or is mistyped";
    for (unknown, words) in [
        ("rck_", of_key),
        (&longer, of_key),
        (&key.to_uppercase(), of_token),
        (&key[4..], of_token),
    ] {
        let nobody = Person {
            access_token: Some(unknown.to_owned()),
            ..Person::anonymous(app)
        };
        let refused = nobody.get(&school.path("/seats")).await;
        let problem = refused.expect_problem(401, "not_signed_in");
        let detail = text(&problem["detail"]);
        assert!(detail.starts_with(words), "{unknown}: {detail}");
    }
    let refused = app.anonymous().get(&school.path("/seats")).await;
    let problem = refused.expect_problem(401, "not_signed_in");
    assert!(text(&problem["detail"]).starts_with("Sign in first"));
});

both_databases!(a_key_ends_at_its_time, |app| {
    let school = app.school().await;
    let body = json!({
        "name": "Timetable",
        "scopes": ["organization:read"],
        "expires_at": "2026-09-01T08:30:00Z",
    });
    let created = school.admin.post(&school.path("/api-keys"), body).await;
    let key = bearer(app, &created.expect_status(201));
    let seats = school.path("/seats");
    app.advance(Duration::from_secs(3599));
    key.get(&seats).await.expect_status(200);
    app.advance(Duration::from_secs(1));
    key.get(&seats).await.expect_problem(401, "not_signed_in");
    let admin = app
        .sign_in(&school.admin.email, crate::support::people::PASSWORD)
        .await;
    let page = admin.get(&school.path("/api-keys")).await;
    let page = page.expect_status(200);
    assert_eq!(page["items"].as_array().unwrap().len(), 1);
});

both_databases!(a_revoked_key_stops_at_once, |app| {
    let school = app.school().await;
    let created = create(&school.admin, &school, &["organization:read"]).await;
    let (key, id) = (bearer(app, &created), text(&created["id"]));
    let (seats, path) = (
        school.path("/seats"),
        school.path(&format!("/api-keys/{id}")),
    );
    key.get(&seats).await.expect_status(200);
    school.admin.delete(&path).await.expect_status(204);
    let refused = key.get(&seats).await;
    let problem = refused.expect_problem(401, "not_signed_in");
    assert!(text(&problem["detail"]).starts_with("This API key was revoked"));
    assert!(listed(&school).await.is_empty());
    school
        .admin
        .delete(&path)
        .await
        .expect_problem(404, "not_found");
    let log = school.events_on(&id).await;
    let events = log.as_array().unwrap();
    let actions: Vec<&Value> = events.iter().map(|event| &event["action"]).collect();
    assert_eq!(actions, ["api_key.revoked", "api_key.created"]);
    assert_eq!(events[0]["details"], json!({ "name": "Timetable" }));
    assert_eq!(
        events[1]["details"],
        json!({ "name": "Timetable", "scopes": ["organization:read"] })
    );
    assert!(!log.to_string().contains("rck_"));
});

both_databases!(the_last_use_is_known_to_five_minutes, |app| {
    let school = app.school().await;
    let key = reader(app, &school).await;
    let used = async || {
        key.get(&school.path("/seats")).await.expect_status(200);
        listed(&school).await[0]["last_used_at"].clone()
    };
    assert_eq!(listed(&school).await[0]["last_used_at"], Value::Null);
    assert_eq!(used().await, "2026-09-01T07:30:00Z");
    app.advance(Duration::from_secs(300));
    assert_eq!(used().await, "2026-09-01T07:30:00Z");
    app.advance(Duration::from_secs(1));
    assert_eq!(used().await, "2026-09-01T07:35:01Z");
});

both_databases!(a_key_belongs_to_one_organization, |app| {
    let school = app.school().await;
    let key = reader(app, &school).await;
    let body = json!({ "name": "Second School", "kind": "school" });
    let second = school.admin.post("/v1/organizations", body).await;
    let second = text(&second.expect_status(201)["id"]);
    let path = format!("/v1/organizations/{second}/seats");
    school.admin.get(&path).await.expect_status(200);
    key.get(&path).await.expect_problem(404, "not_found");
    let id = text(&listed(&school).await[0]["id"]);
    let foreign = format!("/v1/organizations/{second}/api-keys/{id}");
    let refused = school.admin.delete(&foreign).await;
    refused.expect_problem(404, "not_found");
});

both_databases!(only_admins_and_operators_manage_keys, |app| {
    let school = app.school().await;
    let (teacher, outsider) = (
        app.register("tim@x.example").await,
        app.register("sid@x.example").await,
    );
    app.join(&school, &teacher, "teacher").await;
    let key = bearer(
        app,
        &create(
            &school.admin,
            &school,
            &["organization:read", "members:write"],
        )
        .await,
    );
    let path = school.path("/api-keys");
    let of_key = school.path(&format!(
        "/api-keys/{}",
        text(&listed(&school).await[0]["id"])
    ));
    let body = json!({ "name": "n", "scopes": ["audit:read"] });
    for (who, status, code) in [
        (&teacher, 403, "forbidden"),
        (&key, 403, "forbidden"),
        (&outsider, 404, "not_found"),
        (&app.anonymous(), 401, "not_signed_in"),
    ] {
        who.get(&path).await.expect_problem(status, code);
        who.delete(&of_key).await.expect_problem(status, code);
        let created = who.post(&path, body.clone()).await;
        created.expect_problem(status, code);
    }
    let operator = app.operator().await;
    let key = create(&operator, &school, &["organization:read"]).await;
    let key = bearer(app, &key);
    key.get(&school.path("/seats")).await.expect_status(200);
    operator.delete(&of_key).await.expect_status(204);
});

both_databases!(an_organization_has_a_hundred_keys_at_most, |app| {
    let school = app.school().await;
    let mut last = Value::Null;
    for _ in 0..100 {
        last = create(&school.admin, &school, &["audit:read"]).await;
    }
    let body = json!({ "name": "n", "scopes": ["audit:read"] });
    let path = school.path("/api-keys");
    let refused = school.admin.post(&path, body.clone()).await;
    refused.expect_fields(&[("", "too_many")]);
    let of_last = format!("{path}/{}", text(&last["id"]));
    school.admin.delete(&of_last).await.expect_status(204);
    school.admin.post(&path, body).await.expect_status(201);
});

both_databases!(a_repeated_request_makes_one_key, |app| {
    let school = app.school().await;
    let body = json!({ "name": "n", "scopes": ["audit:read"] });
    let request = || {
        let request = school
            .admin
            .request(Method::POST, &school.path("/api-keys"));
        send(request.header("idempotency-key", "one").json(&body))
    };
    let (first, again) = (request().await, request().await);
    first.expect_status(201);
    assert_eq!(first.text, again.text);
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(listed(&school).await.len(), 1);
});

both_databases!(what_a_key_does_is_logged_with_the_key, |app| {
    let school = app.school().await;
    let created = create(&school.admin, &school, &["invitations:write"]).await;
    let invite = json!({ "emails": ["eve@x.example"], "account_type": "student" });
    let path = school.path("/invitations");
    let invited = bearer(app, &created).post(&path, invite).await;
    invited.expect_status(200);
    let actor = json!({
        "kind": "api_key",
        "account_id": school.admin.id,
        "api_key_id": created["id"],
        "name": "Timetable",
    });
    let of_key = school.path(&format!("/api-keys/{}", text(&created["id"])));
    let path = school.path("/audit-events?action=invitation.created");
    let log = school.admin.get(&path).await.expect_status(200);
    assert_eq!(log["items"][0]["actor"], actor);
    school.admin.delete(&of_key).await.expect_status(204);
    let log = school.admin.get(&path).await.expect_status(200);
    assert_eq!(log["items"][0]["actor"], actor);
});

both_databases!(no_key_makes_an_admin, |app| {
    let school = app.school().await;
    let (tim, ann) = (
        app.register("tim@x.example").await,
        app.register("ann@x.example").await,
    );
    app.join(&school, &tim, "teacher").await;
    app.join(&school, &ann, "teacher").await;
    app.verify_email(&ann.id);
    let to = |role: &str| json!({ "role": role });
    let promoted = school
        .admin
        .patch(&school.path_of(&ann.id), to("admin"))
        .await;
    promoted.expect_status(200);
    let key = create(&school.admin, &school, &["members:write"]).await;
    let key = bearer(app, &key);
    for (who, body) in [
        (&tim, to("admin")),
        (&tim, to("member")),
        (&tim, json!({ "account_type": "student", "role": "admin" })),
        (&ann, to("member")),
    ] {
        let refused = key.patch(&school.path_of(&who.id), body).await;
        let problem = refused.expect_problem(403, "forbidden");
        assert_eq!(
            problem["detail"],
            "No API key does this, whatever its scopes. Sign in as an admin."
        );
    }
    let role = async |who: &Person<'_>| {
        let member = school.admin.get(&school.path_of(&who.id)).await;
        member.expect_status(200)["role"].clone()
    };
    assert_eq!(
        (role(&tim).await, role(&ann).await),
        (json!("member"), json!("admin"))
    );
    let other = json!({ "account_type": "student" });
    let changed = key.patch(&school.path_of(&tim.id), other).await;
    changed.expect_status(200);
});

both_databases!(no_key_sets_the_password_of_an_admin, |app| {
    let school = app.school().await;
    let file = "email,password,username\nann@x.example,quiet rivers 11,Ann\n";
    let fields = [("account_type", "teacher")];
    school.import(file, &fields).await.expect_status(202);
    app.drain().await;
    let ann = app.sign_in("ann@x.example", "quiet rivers 11").await;
    let key = create(&school.admin, &school, &["members:write"]).await;
    let key = bearer(app, &key);
    let reset = format!("{}/password-reset", school.path_of(&ann.id));
    key.post(&reset, json!({})).await.expect_status(200);
    app.verify_email_by_reset(&ann.id);
    let admin = json!({ "role": "admin" });
    let promoted = school.admin.patch(&school.path_of(&ann.id), admin).await;
    promoted.expect_status(200);
    let refused = key.post(&reset, json!({})).await;
    refused.expect_problem(403, "forbidden");
    let again = key
        .request(Method::POST, &reset)
        .header("idempotency-key", "one");
    send(again.json(&json!({})))
        .await
        .expect_problem(403, "forbidden");
    school
        .admin
        .post(&reset, json!({}))
        .await
        .expect_status(200);
});
