//! What browsers are told and what they send: the cookie of a session, headers of every response
//! (`docs/security.md#browsers`).

use std::time::Duration;

use reqwest::Method;
use rollcall::config::Config;
use serde_json::json;

use crate::support::app::block_on;
use crate::support::operations::{in_order, one_of_everything};
use crate::support::people::{PASSWORD, Person, send};
use crate::support::{App, TestResponse, both_databases};

/// Signs in with a cookie, and gives it as it was set.
async fn cookie_of(app: &App, email: &str) -> String {
    let body = json!({ "email": email, "password": PASSWORD, "session": "cookie" });
    let answer = app.anonymous().post("/v1/auth/login", body).await;
    assert!(answer.expect_status(200)["refresh_token"].is_null());
    answer.header("set-cookie").to_owned()
}

/// What a browser sends back of a cookie.
fn pair(cookie: &str) -> String {
    cookie.split(';').next().unwrap().to_owned()
}

async fn post_with(app: &App, path: &str, cookie: &str, origin: Option<&str>) -> TestResponse {
    let request = app.anonymous().request(Method::POST, path);
    let request = request.header("cookie", pair(cookie));
    send(match origin {
        Some(origin) => request.header("origin", origin),
        None => request,
    })
    .await
}

fn https(config: &mut Config) {
    config.public_url = Some("https://api.school.example/rollcall".parse().unwrap());
}

both_databases!(a_browser_keeps_its_refresh_token_in_a_cookie, |app| {
    app.register("jane@x.org").await;
    let cookie = cookie_of(app, "jane@x.org").await;
    assert!(cookie.starts_with("rollcall_refresh=rcr_"), "{cookie}");
    for attribute in [
        "HttpOnly",
        "Secure",
        "SameSite=Strict",
        "Path=/v1/auth",
        "Max-Age=2592000",
    ] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    let refreshed = post_with(app, "/v1/auth/refresh", &cookie, None).await;
    assert!(refreshed.expect_status(200)["access_token"].is_string());
    let cookie = refreshed.header("set-cookie").to_owned();
    let out = post_with(app, "/v1/auth/logout", &cookie, None).await;
    out.expect_status(200);
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    post_with(app, "/v1/auth/refresh", &cookie, None)
        .await
        .expect_problem(401, "not_signed_in");
});

both_databases!(a_cookie_lives_no_longer_than_its_session, |app| {
    let day = Duration::from_secs(24 * 3600);
    app.register("jane@x.org").await;
    let mut cookie = cookie_of(app, "jane@x.org").await;
    for _ in 0..3 {
        app.advance(25 * day);
        let refreshed = post_with(app, "/v1/auth/refresh", &cookie, None).await;
        refreshed.expect_status(200);
        cookie = refreshed.header("set-cookie").to_owned();
    }
    let seconds = 15 * 24 * 3600;
    assert!(cookie.contains(&format!("Max-Age={seconds}")), "{cookie}");
});

#[test]
fn by_https_the_cookie_is_bound_to_the_host() {
    let app = App::on_sqlite_with(https);
    block_on(async {
        app.register("jane@x.org").await;
        let cookie = cookie_of(&app, "jane@x.org").await;
        assert!(
            cookie.starts_with("__Host-rollcall_refresh=rcr_"),
            "{cookie}"
        );
        for attribute in ["HttpOnly", "Secure", "SameSite=Strict", "Path=/;"] {
            assert!(cookie.contains(attribute), "{cookie}");
        }
        assert!(!cookie.contains("Domain"), "{cookie}");
        // One that a neighbouring host can set counts for nothing.
        let other = cookie.replacen("__Host-", "", 1);
        post_with(&app, "/v1/auth/refresh", &other, None)
            .await
            .expect_problem(401, "not_signed_in");
        for origin in ["http://localhost:3000", "https://api.school.example"] {
            let refreshed = post_with(&app, "/v1/auth/refresh", &cookie, Some(origin)).await;
            refreshed.expect_status(200);
        }
        let here = app.url("");
        for origin in ["https://school.example", "http://api.school.example", &here] {
            post_with(&app, "/v1/auth/refresh", &cookie, Some(origin))
                .await
                .expect_problem(403, "forbidden");
        }
    });
}

both_databases!(pages_of_other_origins_cannot_use_the_cookie, |app| {
    app.register("jane@x.org").await;
    let cookie = cookie_of(app, "jane@x.org").await;
    let (other_port, here) = ("http://localhost:3001", app.url(""));
    for path in ["/v1/auth/refresh", "/v1/auth/logout"] {
        for origin in ["https://evil.example", "null", "", other_port] {
            let refused = post_with(app, path, &cookie, Some(origin)).await;
            refused.expect_problem(403, "forbidden");
            assert_eq!(refused.header("set-cookie"), "", "{path} {origin}");
        }
    }
    for origin in ["http://localhost:3000", &here] {
        let refreshed = post_with(app, "/v1/auth/refresh", &cookie, Some(origin)).await;
        refreshed.expect_status(200);
    }
    // Nor does such a page get one that it could not use.
    let body = json!({ "email": "jane@x.org", "password": PASSWORD, "session": "cookie" });
    let new = json!({
        "email": "ann@x.org", "password": PASSWORD, "username": "Ann", "session": "cookie",
    });
    for (path, body) in [("/v1/auth/login", body), ("/v1/auth/register", new)] {
        let ask = async |origin: &str| {
            let request = app.anonymous().request(Method::POST, path);
            send(request.header("origin", origin).json(&body)).await
        };
        let refused = ask(other_port).await;
        let problem = refused.expect_problem(403, "forbidden");
        assert!(
            problem["detail"]
                .as_str()
                .unwrap()
                .contains("ROLLCALL_CORS_ORIGINS")
        );
        assert_eq!(refused.header("set-cookie"), "", "{path}");
        let given = ask(&here).await;
        assert!(
            given.header("set-cookie").starts_with("rollcall_refresh="),
            "{path}"
        );
    }
    // Without the cookie, the origin says nothing: the token is in the body.
    let tokens = json!({ "email": "jane@x.org", "password": PASSWORD });
    let tokens = app.anonymous().post("/v1/auth/login", tokens).await;
    let body = json!({ "refresh_token": tokens.expect_status(200)["refresh_token"] });
    let request = app.anonymous().request(Method::POST, "/v1/auth/refresh");
    let request = request.header("origin", "https://evil.example").json(&body);
    send(request).await.expect_status(200);
});

/// Asserts what every response says to browsers.
fn check(what: &str, response: &TestResponse) {
    assert_eq!(
        response.header("x-content-type-options"),
        "nosniff",
        "{what}"
    );
    assert_eq!(response.header("referrer-policy"), "no-referrer", "{what}");
    let policy = response.header("content-security-policy");
    assert!(
        policy.contains("frame-ancestors 'none'"),
        "{what}: {policy}"
    );
    assert!(policy.contains("default-src"), "{what}: {policy}");
}

async fn check_operations(app: &App, hsts: &str) {
    let school = app.school().await;
    let ids = one_of_everything(&school).await;
    for operation in in_order() {
        for who in [&app.anonymous(), &school.admin] {
            let request = operation.request(who, &ids);
            let is_api = request
                .try_clone()
                .is_none_or(|request| request.build().unwrap().url().path().starts_with("/v1/"));
            let response = send(request).await;
            let what = format!("{} {}", operation.id, response.status);
            check(&what, &response);
            assert_eq!(response.header("strict-transport-security"), hsts, "{what}");
            if is_api {
                let expected = match operation.id.as_str() {
                    "check_access" if response.status == 200 => "private, no-cache",
                    // Public keys are nobody's own.
                    "list_federation_keys" if response.status == 200 => "public, max-age=3600",
                    _ => "no-store",
                };
                assert_eq!(response.header("cache-control"), expected, "{what}");
            }
        }
    }
}

both_databases!(every_operation_tells_browsers_how_little_to_do, |app| {
    check_operations(app, "").await;
});

#[test]
fn by_https_browsers_are_told_to_stay_with_it() {
    let app = App::on_sqlite_with(https);
    block_on(check_operations(&app, "max-age=31536000"));
}

both_databases!(refusals_preflights_and_pages_have_the_headers_too, |app| {
    let anonymous = app.anonymous();
    for path in [
        "/nowhere",
        "/v1/nowhere",
        "/openapi.json",
        "/docs",
        "/metrics",
    ] {
        check(path, &anonymous.get(path).await);
    }
    let wrong_method = anonymous.put("/v1/me", json!({})).await;
    wrong_method.expect_problem(405, "method_not_allowed");
    check("405", &wrong_method);
    assert_eq!(wrong_method.header("cache-control"), "no-store");
    let compressed = anonymous.request(Method::POST, "/v1/auth/login");
    let compressed = send(compressed.header("content-encoding", "gzip").body("x")).await;
    compressed.expect_problem(415, "unsupported_media_type");
    check("415", &compressed);
    for (origin, status) in [
        ("http://localhost:3000", 200),
        ("https://evil.example", 403),
    ] {
        let preflight = send(preflight(&anonymous, origin)).await;
        assert_eq!(preflight.status, status, "{origin}");
        check(origin, &preflight);
    }
    let page = anonymous.get("/docs/").await;
    check("/docs/", &page);
    assert_eq!(page.status, 200);
    let policy = page.header("content-security-policy");
    assert!(policy.contains("default-src 'self'"), "{policy}");
    assert!(!page.text.contains("<script>"), "the policy forbids it");
});

fn preflight(who: &Person<'_>, origin: &str) -> reqwest::RequestBuilder {
    who.request(Method::OPTIONS, "/v1/me")
        .header("origin", origin)
        .header("access-control-request-method", "PATCH")
}

both_databases!(whoever_registers_in_a_browser_gets_the_cookie, |app| {
    let body = json!({
        "email": "ann@x.org", "password": PASSWORD, "username": "Ann", "session": "cookie",
    });
    let register = || {
        let request = app.anonymous().request(Method::POST, "/v1/auth/register");
        send(request.header("idempotency-key", "once").json(&body))
    };
    let registered = register().await;
    assert_eq!(registered.expect_status(201)["refresh_token"], json!(null));
    let cookie = registered.header("set-cookie").to_owned();
    for attribute in ["HttpOnly", "Secure", "SameSite=Strict", "Path=/v1/auth"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert_eq!(register().await.header("set-cookie"), cookie);
    let (cookie, _) = cookie.split_once(';').unwrap();
    for body in [None, Some(""), Some("{}"), Some("{\"refresh_token\":null}")] {
        let refresh = app.anonymous().request(Method::POST, "/v1/auth/refresh");
        let refresh = refresh.header("cookie", cookie);
        let refresh = match body {
            None => refresh,
            Some(body) => refresh
                .header("content-type", "application/json")
                .body(body),
        };
        send(refresh).await.expect_status(200);
    }
});

both_databases!(whoever_signs_out_sends_a_body_or_none, |app| {
    for body in ["", "{}", "{\"refresh_token\":\"unknown\"}"] {
        let request = app.anonymous().request(Method::POST, "/v1/auth/logout");
        let request = request.header("content-type", "application/json");
        send(request.body(body)).await.expect_status(200);
    }
    for (body, code) in [
        ("[]", "wrong_type"),
        ("{\"refresh_token\":7}", "wrong_type"),
    ] {
        let request = app.anonymous().request(Method::POST, "/v1/auth/logout");
        let request = request.header("content-type", "application/json");
        let refused = send(request.body(body)).await;
        let problem = refused.expect_problem(400, "malformed_request");
        assert_eq!(problem["errors"][0]["code"], code);
    }
});
