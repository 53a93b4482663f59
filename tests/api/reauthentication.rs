//! What cannot be undone takes the password, or a sign-in of the last minutes
//! (`docs/accounts.md#deleting-an-account`).

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::people::{PASSWORD, Person, send, text};
use crate::support::{App, TestResponse, both_databases};

const MINUTES: Duration = Duration::from_secs(60);

async fn delete_with(who: &Person<'_>, path: &str, body: Value) -> TestResponse {
    send(who.request(Method::DELETE, path).json(&body)).await
}

/// The same person, with the access token of a refresh.
async fn refreshed<'a>(app: &'a App, who: &Person<'a>) -> Person<'a> {
    let body = json!({ "refresh_token": who.refresh_token });
    let tokens = app.anonymous().post("/v1/auth/refresh", body).await;
    let tokens = tokens.expect_status(200);
    Person {
        access_token: Some(text(&tokens["access_token"])),
        refresh_token: text(&tokens["refresh_token"]),
        ..who.clone()
    }
}

both_databases!(
    five_minutes_after_the_sign_in_the_password_is_asked_for,
    |app| {
        let school = app.school().await;
        let (admin, path) = (&school.admin, school.path(""));
        app.advance(5 * MINUTES + Duration::from_secs(1));
        // To go on with a session is no sign-in.
        let admin = refreshed(app, admin).await;
        for path in ["/v1/me", &path] {
            let refused = admin.delete(path).await;
            let problem = refused.expect_problem(401, "wrong_credentials");
            assert!(text(&problem["detail"]).contains("`password`"));
            let wrong = json!({ "password": "not the password 1" });
            let refused = delete_with(&admin, path, wrong).await;
            let problem = refused.expect_problem(401, "wrong_credentials");
            assert_eq!(problem["detail"], "The current password is wrong.");
            assert_eq!(problem["errors"][0]["pointer"], "/password");
            delete_with(&admin, path, json!({ "pasword": PASSWORD }))
                .await
                .expect_problem(400, "malformed_request");
            delete_with(&admin, path, json!({}))
                .await
                .expect_problem(401, "wrong_credentials");
        }
        admin.get(&path).await.expect_status(200);
        for path in [&path, "/v1/me"] {
            let right = json!({ "password": PASSWORD });
            delete_with(&admin, path, right).await.expect_status(204);
        }
        admin
            .get("/v1/me")
            .await
            .expect_problem(401, "not_signed_in");
    }
);

both_databases!(a_sign_in_of_the_last_five_minutes_is_enough, |app| {
    let school = app.school().await;
    app.advance(60 * MINUTES);
    let admin = app.sign_in(&school.admin.email, PASSWORD).await;
    app.advance(5 * MINUTES);
    // A password that is sent has to be right all the same.
    let wrong = json!({ "password": "not the password 1" });
    delete_with(&admin, &school.path(""), wrong)
        .await
        .expect_problem(401, "wrong_credentials");
    admin.delete(&school.path("")).await.expect_status(204);
    admin.delete("/v1/me").await.expect_status(204);
});

both_databases!(a_session_does_not_guess_the_password_by_deleting, |app| {
    let school = app.school().await;
    app.advance(6 * MINUTES);
    let admin = refreshed(app, &school.admin).await;
    for number in 0..12 {
        let wrong = json!({ "password": format!("wrong guess {number}") });
        let answer = delete_with(&admin, &school.path(""), wrong).await;
        answer.expect_status(if number < 10 { 401 } else { 429 });
    }
    let right = json!({ "password": PASSWORD });
    delete_with(&admin, "/v1/me", right.clone())
        .await
        .expect_problem(429, "rate_limited");
    app.advance(MINUTES);
    delete_with(&admin, &school.path(""), right)
        .await
        .expect_status(204);
});

both_databases!(whoever_may_not_delete_is_not_asked_for_a_password, |app| {
    let school = app.school().await;
    let other = app.register("other@x.org").await;
    let right = json!({ "password": PASSWORD });
    delete_with(&other, &school.path(""), right.clone())
        .await
        .expect_problem(404, "not_found");
    app.join(&school, &other, "teacher").await;
    delete_with(&other, &school.path(""), right.clone())
        .await
        .expect_problem(403, "forbidden");
    let key = json!({ "name": "Timetable", "scopes": ["organization:read"] });
    let key = school.admin.post(&school.path("/api-keys"), key).await;
    let key = Person {
        access_token: Some(text(&key.expect_status(201)["key"])),
        ..app.anonymous()
    };
    for path in ["/v1/me", &school.path("")] {
        delete_with(&key, path, right.clone())
            .await
            .expect_problem(403, "forbidden");
    }
});
