//! A request with an `Idempotency-Key` is done once, however often it is sent and whatever dies
//! (`docs/api-design.md`).

use std::time::Duration;

use diesel::prelude::*;
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use rollcall::domain::imports::ImportStatus;
use rollcall::store::schema::{accounts, idempotency_keys};
use serde_json::{Value, json};

use crate::support::invariants;
use crate::support::people::{Organization, PASSWORD, Person, send, text};
use crate::support::{App, TestResponse, both_databases};

mod at_once;
mod crash;
mod documented;

const KEY: &str = "8e03978e-40d5-43dd-bc93-6894a57f9324";

/// A request with a key.
async fn post(person: &Person<'_>, key: &str, path: &str, body: Value) -> TestResponse {
    let request = person.request(Method::POST, path);
    send(request.header("idempotency-key", key).json(&body)).await
}

/// An upload with a key; the boundary differs each time.
async fn upload(
    school: &Organization<'_>,
    key: &str,
    fields: &[(&str, &str)],
    csv: &str,
) -> TestResponse {
    let form = Form::new().part("file", Part::text(csv.to_owned()).file_name("people.csv"));
    let form = fields.iter().fold(form, |form, (name, value)| {
        form.text((*name).to_owned(), (*value).to_owned())
    });
    let request = school.admin.request(Method::POST, &school.path("/imports"));
    send(request.header("idempotency-key", key).multipart(form)).await
}

/// Asserts that this is the first answer, given again.
#[track_caller]
fn expect_again(again: &TestResponse, first: &TestResponse) {
    assert_eq!(again.status, first.status, "{}", again.text);
    assert_eq!(again.text, first.text);
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(again.header("content-type"), first.header("content-type"));
    assert_eq!(again.header("cache-control"), "no-store");
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(first.header("idempotent-replayed"), "");
}

fn ann() -> Value {
    json!({ "email": "ann@x.example", "password": PASSWORD, "username": "Ann" })
}

fn accounts_with(app: &App, email: &str) -> i64 {
    let mut connection = invariants::connect(&app.state.services.pool);
    let found = accounts::table.filter(accounts::email.eq(email)).count();
    found.get_result(&mut **connection).expect("no count")
}

async fn listed(person: &Person<'_>, path: &str) -> usize {
    let page = person
        .get(&format!("{path}?limit=200"))
        .await
        .expect_status(200);
    page["items"].as_array().unwrap().len()
}

both_databases!(
    a_registration_that_is_repeated_gives_the_same_tokens,
    |app| {
        let anonymous = app.anonymous();
        let first = post(&anonymous, KEY, "/v1/auth/register", ann()).await;
        let registered = first.expect_status(201);
        let again = post(&anonymous, KEY, "/v1/auth/register", ann()).await;
        expect_again(&again, &first);
        let quoted = format!("\"{KEY}\"");
        expect_again(
            &post(&anonymous, &quoted, "/v1/auth/register", ann()).await,
            &first,
        );
        assert_eq!(accounts_with(app, "ann@x.example"), 1);
        let refresh = json!({ "refresh_token": registered["refresh_token"] });
        anonymous
            .post("/v1/auth/refresh", refresh)
            .await
            .expect_status(200);
        // Without the key it is another request, and with a longer name too.
        let other = anonymous.post("/v1/auth/register", ann()).await;
        other.expect_problem(409, "email_taken");
        let mut renamed = ann();
        renamed["username"] = json!("Anne");
        let conflict = post(&anonymous, KEY, "/v1/auth/register", renamed).await;
        conflict.expect_problem(409, "idempotency_conflict");
        assert!(!conflict.text.contains("rcr_"), "{}", conflict.text);
    }
);

/// How many uses of the limit on registrations an answer tells of.
fn left(answer: &TestResponse) -> u32 {
    let standing = answer.header("ratelimit");
    let left = standing
        .strip_prefix("\"registration\";r=")
        .expect("no standing");
    left.split(';').next().unwrap().parse().unwrap()
}

both_databases!(a_repeated_registration_is_no_use_of_the_limit, |app| {
    let first = post(&app.anonymous(), KEY, "/v1/auth/register", ann()).await;
    for _ in 0..5 {
        let again = post(&app.anonymous(), KEY, "/v1/auth/register", ann()).await;
        expect_again(&again, &first);
        assert_eq!(again.header("ratelimit"), "");
    }
    let ben = json!({ "email": "ben@x.example", "password": PASSWORD, "username": "Ben" });
    let next = app.anonymous().post("/v1/auth/register", ben).await;
    assert_eq!(left(&next), left(&first) - 1);
});

both_databases!(an_organization_and_a_group_are_created_once, |app| {
    let school = app.school().await;
    let body = json!({ "name": "Lake Side School", "kind": "school" });
    let first = post(&school.admin, KEY, "/v1/organizations", body.clone()).await;
    first.expect_status(201);
    let again = post(&school.admin, KEY, "/v1/organizations", body.clone()).await;
    expect_again(&again, &first);
    assert_eq!(listed(&school.admin, "/v1/organizations").await, 2);
    // The key is that request's, wherever it is sent next.
    let groups = school.path("/groups");
    let elsewhere = post(&school.admin, KEY, &groups, json!({ "name": "7A" })).await;
    elsewhere.expect_problem(409, "idempotency_conflict");
    let group = post(&school.admin, "another", &groups, json!({ "name": "7A" })).await;
    group.expect_status(201);
    let again = post(&school.admin, "another", &groups, json!({ "name": "7A" })).await;
    expect_again(&again, &group);
    assert_eq!(listed(&school.admin, &groups).await, 1);
    // Each sending without a key, or with another, is a thing of its own.
    for key in ["one", "other"] {
        post(&school.admin, key, "/v1/organizations", body.clone())
            .await
            .expect_status(201);
    }
    school
        .admin
        .post("/v1/organizations", body)
        .await
        .expect_status(201);
    assert_eq!(listed(&school.admin, "/v1/organizations").await, 5);
});

both_databases!(a_password_is_changed_once, |app| {
    let ann = app.register("ann@x.example").await;
    let body = json!({ "current_password": PASSWORD, "new_password": "eight brown geese 8" });
    let first = post(&ann, KEY, "/v1/auth/password/change", body.clone()).await;
    first.expect_status(204);
    let again = post(&ann, KEY, "/v1/auth/password/change", body.clone()).await;
    expect_again(&again, &first);
    let other = ann.post("/v1/auth/password/change", body).await;
    other.expect_problem(401, "wrong_credentials");
    app.sign_in("ann@x.example", "eight brown geese 8").await;
});

both_databases!(a_file_is_imported_once, |app| {
    let school = app.school().await;
    let csv = "email,password,username\nann@x.example,seven green ducks 7,Ann\n";
    let fields = [("account_type", "student"), ("on_row_error", "skip")];
    let first = upload(&school, KEY, &fields, csv).await;
    let import = first.expect_status(202);
    expect_again(&upload(&school, KEY, &fields, csv).await, &first);
    app.drain().await;
    // What has become of it meanwhile is told where it is watched.
    let reversed = [fields[1], fields[0]];
    expect_again(&upload(&school, KEY, &reversed, csv).await, &first);
    assert_eq!(
        school.import_with(&import["id"]).await["counts"]["created"],
        1
    );
    for (fields, csv) in [
        (&fields[..1], csv),
        (&[("account_type", "teacher"), fields[1]], csv),
        (
            &fields,
            "email,password,username\nben@x.example,seven green ducks 7,Ben\n",
        ),
    ] {
        let other = upload(&school, KEY, fields, csv).await;
        other.expect_problem(409, "idempotency_conflict");
    }
    assert_eq!(listed(&school.admin, &school.path("/imports")).await, 1);
    let staging = invariants::imports_that_are(&app.state.services.pool, &[ImportStatus::Staging]);
    assert_eq!(staging, 0);
});

both_databases!(keys_are_their_owners_own, |app| {
    let (ann, ben) = (
        app.register("ann@x.example").await,
        app.register("ben@x.example").await,
    );
    let body = json!({ "name": "Same Name School", "kind": "school" });
    let of_ann = post(&ann, KEY, "/v1/organizations", body.clone())
        .await
        .expect_status(201);
    let of_ben = post(&ben, KEY, "/v1/organizations", body)
        .await
        .expect_status(201);
    assert_ne!(of_ann["id"], of_ben["id"]);
    let registered = json!({ "email": "cid@x.example", "password": PASSWORD, "username": "Cid" });
    let of_nobody = post(&app.anonymous(), KEY, "/v1/auth/register", registered).await;
    of_nobody.expect_status(201);
});

both_databases!(what_was_refused_may_be_tried_again, |app| {
    let school = app.school().await;
    let groups = school.path("/groups");
    post(&school.admin, "first", &groups, json!({ "name": "7A" }))
        .await
        .expect_status(201);
    let refused = post(&school.admin, KEY, &groups, json!({ "name": "7a" })).await;
    refused.expect_problem(409, "name_taken");
    let next = post(&school.admin, KEY, &groups, json!({ "name": "7B" })).await;
    next.expect_status(201);
    assert_eq!(next.header("idempotent-replayed"), "");
});

both_databases!(an_answer_is_nobodys_who_has_lost_the_right, |app| {
    let school = app.school().await;
    let groups = school.path("/groups");
    school
        .import_students("email,password,username\nben@x.example,seven green ducks 7,Ben\n")
        .await;
    let ben = app.sign_in("ben@x.example", PASSWORD).await;
    let member = school.path(&format!("/members/{}", ben.id));
    app.verify_email_by_reset(&ben.id);
    let role = |role: &str| json!({ "role": role });
    school
        .admin
        .patch(&member, role("admin"))
        .await
        .expect_status(200);
    let ben = app.sign_in("ben@x.example", PASSWORD).await;
    let body = json!({ "name": "7A" });
    let first = post(&ben, KEY, &groups, body.clone()).await;
    first.expect_status(201);
    school
        .admin
        .patch(&member, role("member"))
        .await
        .expect_status(200);
    let again = post(&ben, KEY, &groups, body.clone()).await;
    again.expect_problem(403, "forbidden");
    school
        .admin
        .patch(&member, role("admin"))
        .await
        .expect_status(200);
    let ben = app.sign_in("ben@x.example", PASSWORD).await;
    expect_again(&post(&ben, KEY, &groups, body).await, &first);
});

both_databases!(a_key_is_free_again_after_a_day, |app| {
    let ann = app.register("ann@x.example").await;
    let body = json!({ "name": "Hill Road School", "kind": "school" });
    let first = post(&ann, KEY, "/v1/organizations", body.clone()).await;
    first.expect_status(201);
    app.advance(Duration::from_secs(24 * 60 * 60 - 1));
    let ann = app.sign_in("ann@x.example", PASSWORD).await;
    expect_again(
        &post(&ann, KEY, "/v1/organizations", body.clone()).await,
        &first,
    );
    app.advance(Duration::from_secs(1));
    let other = json!({ "name": "Lake Side School", "kind": "school" });
    let second = post(&ann, KEY, "/v1/organizations", other.clone()).await;
    assert_ne!(second.expect_status(201)["id"], first.json()["id"]);
    expect_again(&post(&ann, KEY, "/v1/organizations", other).await, &second);
    app.advance(Duration::from_secs(24 * 60 * 60));
    app.drain().await;
    assert_eq!(kept(app).len(), 0);
});

both_databases!(a_key_has_to_be_one, |app| {
    let ann = app.register("ann@x.example").await;
    let body = json!({ "name": "Hill Road School", "kind": "school" });
    let long = "k".repeat(256);
    for bad in ["", "two words", "\"open", long.as_str()] {
        let refused = post(&ann, bad, "/v1/organizations", body.clone()).await;
        refused.expect_fields(&[("Idempotency-Key", "invalid")]);
    }
    let twice = ann
        .request(Method::POST, "/v1/organizations")
        .header("idempotency-key", "one")
        .header("idempotency-key", "two")
        .json(&body);
    send(twice)
        .await
        .expect_fields(&[("Idempotency-Key", "invalid")]);
    let longest = post(&ann, &long[1..], "/v1/organizations", body).await;
    longest.expect_status(201);
});

both_databases!(a_body_has_the_same_limit_with_a_key, |app| {
    let ann = app.register("ann@x.example").await;
    let body = json!({ "name": "x".repeat(2 * 1024 * 1024), "kind": "school" });
    let refused = post(&ann, KEY, "/v1/organizations", body).await;
    refused.expect_problem(413, "payload_too_large");
});

fn kept(app: &App) -> Vec<(Vec<u8>, Vec<u8>, Vec<u8>)> {
    let mut connection = invariants::connect(&app.state.services.pool);
    let columns = (
        idempotency_keys::key_hash,
        idempotency_keys::fingerprint,
        idempotency_keys::sealed,
    );
    let rows = idempotency_keys::table.select(columns);
    rows.load(&mut **connection).expect("no rows")
}

both_databases!(nothing_of_an_answer_or_its_request_is_readable, |app| {
    let first = post(&app.anonymous(), KEY, "/v1/auth/register", ann()).await;
    let registered = first.expect_status(201);
    let (access, refresh) = (
        text(&registered["access_token"]),
        text(&registered["refresh_token"]),
    );
    let body = ann().to_string();
    let plain_hash = ring::digest::digest(&ring::digest::SHA256, body.as_bytes());
    let rows = kept(app);
    assert_eq!(rows.len(), 1);
    let (key, fingerprint, sealed) = &rows[0];
    for stored in [key, fingerprint, sealed] {
        for secret in [
            &access[20..50],
            &refresh[..20],
            PASSWORD,
            KEY,
            "ann@x.example",
            "account",
        ] {
            let secret = secret.as_bytes();
            assert!(!stored.windows(secret.len()).any(|window| window == secret));
        }
        assert_ne!(stored.as_slice(), plain_hash.as_ref());
    }
});
