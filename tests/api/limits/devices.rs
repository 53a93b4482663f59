//! Whoever shares a network with the owner of an account, and uses up its tries, does not lock the owner out on a
//! device that the owner has signed in on (`docs/limits.md`).

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::proxies::trust_this_machine;
use super::{on_both, sign_in_from};
use crate::support::people::{PASSWORD, send};
use crate::support::{App, TestResponse};

const SCHOOL: &str = "198.51.100.1";

const WRONG: &str = "wrong guess 1";

async fn register(app: &App, email: &str) -> Value {
    let body = json!({ "email": email, "password": PASSWORD, "username": "Pupil" });
    let request = app.anonymous().request(Method::POST, "/v1/auth/register");
    let registered = send(request.header("x-forwarded-for", SCHOOL).json(&body)).await;
    registered.expect_status(201)
}

/// Signs Ann in at school, on a device with this token.
async fn sign_in_on(app: &App, device: &Value, password: &str) -> TestResponse {
    let body = json!({ "email": "ann@x.example", "password": password, "device_token": device });
    let request = app.anonymous().request(Method::POST, "/v1/auth/login");
    send(request.header("x-forwarded-for", SCHOOL).json(&body)).await
}

/// Somebody beside the owner has as many wrong passwords as they get.
async fn classmate_guesses(app: &App, email: &str) {
    for number in 0..12 {
        let guess = sign_in_from(app, SCHOOL, email, WRONG).await;
        guess.expect_status(if number < 10 { 401 } else { 429 });
    }
}

#[test]
fn a_classmate_does_not_lock_the_owner_out_on_a_device_of_theirs() {
    on_both(trust_this_machine, async |app| {
        let ann = register(app, "ann@x.example").await["device_token"].clone();
        let ben = register(app, "ben@x.example").await["device_token"].clone();
        classmate_guesses(app, "ann@x.example").await;
        let signed_in = sign_in_on(app, &ann, PASSWORD).await.expect_status(200);
        // It stays the same device, however often it signs in.
        let again = &signed_in["device_token"];
        sign_in_on(app, again, PASSWORD).await.expect_status(200);
        // Another's device, and one that is made up, are strangers to the account.
        let forged = again.as_str().unwrap().replace("rct_", "rct_A");
        for device in [&ben, &json!(forged), &json!("rct_"), &Value::Null] {
            sign_in_on(app, device, PASSWORD)
                .await
                .expect_problem(429, "rate_limited");
        }
        // The device has tries of its own, and no more than anybody.
        for number in 0..11 {
            let guess = sign_in_on(app, again, WRONG).await;
            guess.expect_status(if number < 10 { 401 } else { 429 });
        }
        sign_in_on(app, &ann, PASSWORD)
            .await
            .expect_problem(429, "rate_limited");
        app.advance(Duration::from_secs(60));
        sign_in_on(app, &ann, PASSWORD).await.expect_status(200);
    });
}

#[test]
fn a_device_is_forgotten_after_ninety_days() {
    on_both(trust_this_machine, async |app| {
        let device = register(app, "ann@x.example").await["device_token"].clone();
        app.advance(Duration::from_secs(90 * 24 * 60 * 60 + 1));
        classmate_guesses(app, "ann@x.example").await;
        sign_in_on(app, &device, PASSWORD)
            .await
            .expect_problem(429, "rate_limited");
    });
}

#[test]
fn a_session_that_is_refreshed_gets_no_token_of_a_device() {
    on_both(trust_this_machine, async |app| {
        let ann = register(app, "ann@x.example").await;
        let body = json!({ "refresh_token": ann["refresh_token"] });
        let refreshed = app.anonymous().post("/v1/auth/refresh", body).await;
        assert_eq!(refreshed.expect_status(200)["device_token"], Value::Null);
    });
}

#[test]
fn a_new_password_begins_the_count_anew() {
    on_both(trust_this_machine, async |app| {
        let school = app.school().await;
        let csv = "email,password,username\nann@x.example,quiet rivers 11,Ann\n";
        school.import_students(csv).await;
        classmate_guesses(app, "ann@x.example").await;
        let members = school.admin.get(&school.path("/members?search=ann")).await;
        let id = members.expect_status(200)["items"][0]["account_id"].clone();
        let path = school.path(&format!("/members/{}/password-reset", id.as_str().unwrap()));
        let reset = school.admin.post(&path, json!({})).await.expect_status(200);
        let password = reset["password"].as_str().unwrap();
        let ann = sign_in_from(app, SCHOOL, "ann@x.example", password).await;
        ann.expect_status(200);
    });
}

#[test]
fn strangers_have_a_hundred_wrong_passwords_a_day_together() {
    on_both(trust_this_machine, async |app| {
        register(app, "ann@x.example").await;
        for expected in [100, 100] {
            let mut wrong = 0;
            for client in 0..12 {
                let client = format!("203.0.113.{client}");
                while sign_in_from(app, &client, "ann@x.example", WRONG)
                    .await
                    .status
                    == 401
                {
                    wrong += 1;
                }
            }
            assert_eq!(wrong, expected);
            app.advance(Duration::from_secs(24 * 60 * 60));
        }
        let owner = sign_in_from(app, SCHOOL, "ann@x.example", PASSWORD).await;
        owner.expect_status(200);
    });
}
