//! What holds for every request (`docs/api-design.md`).

use diesel::connection::SimpleConnection as _;
use reqwest::Method;
use serde_json::json;

use std::collections::HashMap;

use crate::support::app::block_on;
use crate::support::operations::{one_of_everything, operations};
use crate::support::people::{PASSWORD, send, text};
use crate::support::{App, both_databases};

both_databases!(whatever_is_refused_is_a_problem, |app| {
    let anonymous = app.anonymous();
    anonymous
        .get("/nowhere")
        .await
        .expect_problem(404, "not_found");
    anonymous
        .get("/v1/organizations/no-uuid")
        .await
        .expect_problem(401, "not_signed_in");
    let ann = app.register("ann@x.org").await;
    ann.get("/v1/organizations/no-uuid")
        .await
        .expect_problem(404, "not_found");
    let wrong_method = ann.put("/v1/me", json!({})).await;
    wrong_method.expect_problem(405, "method_not_allowed");
    assert_eq!(wrong_method.header("allow"), "GET, HEAD, DELETE, PATCH");
    let post = |body: &'static str| {
        anonymous
            .request(Method::POST, "/v1/auth/login")
            .header("content-type", "application/json")
            .body(body)
    };
    send(post("{"))
        .await
        .expect_problem(400, "malformed_request");
    send(post(""))
        .await
        .expect_problem(400, "malformed_request");
    send(post("[1]"))
        .await
        .expect_problem(400, "malformed_request");
    let unknown = json!({ "email": "a@x.org", "password": PASSWORD, "remember": true });
    let refused = anonymous.post("/v1/auth/login", unknown).await;
    let problem = refused.expect_problem(400, "malformed_request");
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("there is no field `remember`")
    );
    let text = anonymous
        .request(Method::POST, "/v1/auth/login")
        .body("email=a");
    send(text)
        .await
        .expect_problem(415, "unsupported_media_type");
    let large = json!({ "email": "a@x.org", "password": "x".repeat(1024 * 1024) });
    anonymous
        .post("/v1/auth/login", large)
        .await
        .expect_problem(413, "payload_too_large");
    let form = ann.request(
        Method::POST,
        "/v1/organizations/01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11/imports",
    );
    let form = form.header("content-type", "multipart/form-data; boundary=x");
    send(form.body("x")).await.expect_problem(404, "not_found");
});

both_databases!(a_request_id_is_taken_over_or_made, |app| {
    let with_id = |id: &'static str| {
        app.anonymous()
            .request(Method::GET, "/health/live")
            .header("x-request-id", id)
    };
    assert_eq!(
        send(with_id("my-id_7.8")).await.header("x-request-id"),
        "my-id_7.8"
    );
    for harmful in [
        "",
        "with space",
        "<script>",
        "0123456789012345678901234567890123456789012345678901234567890123456789",
    ] {
        let made = send(with_id(harmful)).await;
        assert!(uuid::Uuid::parse_str(made.header("x-request-id")).is_ok());
    }
    let refused = app
        .anonymous()
        .request(Method::GET, "/v1/me")
        .header("x-request-id", "mine");
    let problem = send(refused).await.expect_problem(401, "not_signed_in");
    assert_eq!(problem["request_id"], "mine");
});

both_databases!(browsers_may_call_from_the_apps_origin_only, |app| {
    let from = |origin: &'static str| {
        app.anonymous()
            .request(Method::GET, "/v1/me")
            .header("origin", origin)
    };
    let app_origin = send(from("http://localhost:3000")).await;
    app_origin.expect_problem(401, "not_signed_in");
    assert_eq!(
        app_origin.header("access-control-allow-origin"),
        "http://localhost:3000"
    );
    assert_eq!(
        app_origin.header("access-control-allow-credentials"),
        "true"
    );
    let other = send(from("https://evil.example")).await;
    assert_eq!(other.header("access-control-allow-origin"), "");
    let preflight = app
        .anonymous()
        .request(Method::OPTIONS, "/v1/me")
        .header("origin", "http://localhost:3000")
        .header("access-control-request-method", "PATCH")
        .header(
            "access-control-request-headers",
            "authorization,content-type",
        );
    let preflight = send(preflight).await;
    assert_eq!(preflight.status, 200);
    assert!(
        preflight
            .header("access-control-allow-methods")
            .contains("PATCH")
    );
});

/// A preflight of a page of this origin.
fn preflight(app: &App, origin: &str, headers: &str) -> reqwest::RequestBuilder {
    app.anonymous()
        .request(Method::OPTIONS, "/v1/me")
        .header("origin", origin)
        .header("access-control-request-method", "PATCH")
        .header("access-control-request-headers", headers)
}

both_databases!(any_header_passes_a_preflight, |app| {
    let headers = "authorization,baggage,traceparent,x-anything";
    let passed = send(preflight(app, "http://localhost:3000", headers)).await;
    assert_eq!(passed.status, 200);
    assert_eq!(passed.header("access-control-allow-headers"), headers);
});

both_databases!(a_refused_preflight_says_what_to_set, |app| {
    for origin in ["https://evil.example", "https://localhost:3000", "null"] {
        let refused = send(preflight(app, origin, "authorization")).await;
        let problem = refused.expect_problem(403, "forbidden");
        let detail = text(&problem["detail"]);
        assert!(detail.contains(origin), "{detail}");
        assert!(detail.contains("ROLLCALL_CORS_ORIGINS"), "{detail}");
        assert_eq!(refused.header("access-control-allow-origin"), "");
    }
});

/// Whether a page of this machine on another port than the app's may call.
async fn passes_locally(app: &App) -> bool {
    let mut passed = Vec::new();
    for origin in [
        "http://localhost:5173",
        "http://127.0.0.1:4200",
        "http://[::1]:80",
    ] {
        // Browsers leave the port out that a scheme has anyway.
        let origin = origin.trim_end_matches(":80");
        passed.push(send(preflight(app, origin, "authorization")).await.status == 200);
    }
    assert!(passed.iter().all(|one| *one == passed[0]), "{passed:?}");
    passed[0]
}

both_databases!(
    only_the_embedded_default_lets_every_local_port_call,
    |app| {
        let is_embedded = app.state.services.config.is_embedded();
        assert_eq!(passes_locally(app).await, is_embedded);
    }
);

#[test]
fn whoever_names_the_app_lets_no_other_local_port_call() {
    let app = App::on_sqlite_with(|config| {
        let settings = HashMap::from([("spa_url".to_owned(), "https://app.example".to_owned())]);
        let named = rollcall::config::Config::from_environment(settings).unwrap();
        config.cors_origins = named.cors_origins;
        config.local_origins = named.local_origins;
    });
    block_on(async { assert!(!passes_locally(&app).await) });
}

both_databases!(head_is_served_wherever_get_is, |app| {
    let school = app.school().await;
    let ids = one_of_everything(&school).await;
    let mut seen = 0;
    for operation in operations().iter().filter(|it| it.method == Method::GET) {
        let path = operation.path(&ids);
        let got = school.admin.get(&path).await;
        let head = send(school.admin.request(Method::HEAD, &path)).await;
        assert_eq!(head.status, got.status, "{path}");
        assert_eq!(head.header("content-type"), got.header("content-type"));
        assert_eq!(head.text, "");
        seen += 1;
    }
    assert!(seen > 20, "{seen}");
    for path in ["/openapi.json", "/docs/", "/metrics"] {
        let head = send(app.anonymous().request(Method::HEAD, path)).await;
        assert_eq!(
            (head.status.as_u16(), head.text.as_str()),
            (200, ""),
            "{path}"
        );
    }
    let missing = send(app.anonymous().request(Method::HEAD, "/nowhere")).await;
    assert_eq!((missing.status.as_u16(), missing.text.as_str()), (404, ""));
});

// Letters may be written by their numbers (RFC 3986, 6.2.2.2), in words of a path and in what stands for a parameter.
both_databases!(a_path_is_found_however_its_letters_are_written, |app| {
    let school = app.school().await;
    let plain = school.admin.get(&school.path("")).await.json();
    let id = school.id.replace('a', "%61");
    let path = format!("/v1/%6Frganizations/{id}");
    let written = school.admin.get(&path).await;
    written.expect_status(200);
    let written = written.json();
    assert_eq!(written["name"], plain["name"]);
    let elsewhere = school.admin.get(&format!("{path}%2Fmembers")).await;
    elsewhere.expect_problem(404, "not_found");
});

both_databases!(a_word_is_not_taken_for_an_id, |app| {
    let school = app.school().await;
    for (method, path, allowed) in [
        (Method::GET, "/imports/usernames", "POST"),
        (Method::DELETE, "/members/bulk-update", "POST"),
        (Method::HEAD, "/members/bulk-update", "POST"),
        (Method::PUT, "/groups", "GET, HEAD, POST"),
    ] {
        let refused = send(school.admin.request(method.clone(), &school.path(path))).await;
        assert_eq!(refused.status, 405, "{method} {path}: {}", refused.text);
        assert_eq!(refused.header("allow"), allowed);
        if method != Method::HEAD {
            refused.expect_problem(405, "method_not_allowed");
        }
    }
});

both_databases!(answers_are_compressed_where_the_client_takes_it, |app| {
    let document = app
        .anonymous()
        .request(Method::GET, "/openapi.json")
        .header("accept-encoding", "gzip");
    let response = document.send().await.unwrap();
    assert_eq!(response.headers()["content-encoding"], "gzip");
});

both_databases!(health_and_metrics_are_there, |app| {
    app.anonymous()
        .get("/health/live")
        .await
        .expect(200, json!({ "status": "ok" }));
    app.anonymous()
        .get("/health/ready")
        .await
        .expect(200, json!({ "status": "ok" }));
    app.register_unverified("ann@x.org").await;
    app.advance(std::time::Duration::from_secs(90));
    let metrics = app.anonymous().get("/metrics").await;
    assert_eq!(metrics.status, 200);
    for expected in [
        "rollcall_http_requests_total{operation=\"register_account\",status=\"201\"} 1",
        "rollcall_database_connections_max 5",
        "rollcall_imports_unfinished 0",
        "rollcall_jobs_due{kind=\"mail\",priority=\"urgent\"} 1",
        "rollcall_jobs_oldest_due_seconds{kind=\"mail\",priority=\"urgent\"} 90",
        "rollcall_password_hash_seconds_count{lane=\"interactive\"}",
        "rollcall_password_hashes_waiting{lane=\"import\"} 0",
        "rollcall_database_lock_timeouts_total 0",
        "rollcall_database_deadlocks_total 0",
    ] {
        assert!(
            metrics.text.contains(expected),
            "{expected} is not in {}",
            metrics.text
        );
    }
    assert!(!metrics.text.contains("ann@"));
    app.drain().await;
    let metrics = app.anonymous().get("/metrics").await.text;
    assert!(
        !metrics.contains("rollcall_jobs_due{kind=\"mail\""),
        "{metrics}"
    );
    let sent = "rollcall_mails_total{kind=\"verify_email\",outcome=\"sent\"} 1";
    assert!(metrics.contains(sent), "{metrics}");
});

both_databases!(a_hundred_requests_at_once_are_answered, |app| {
    let ann = app.register("ann@x.org").await;
    let requests = (0..100).map(|_| ann.get("/v1/me"));
    for answer in futures_util::future::join_all(requests).await {
        answer.expect_status(200);
    }
});

both_databases!(a_compressed_body_is_not_unfolded, |app| {
    let request = app
        .anonymous()
        .request(Method::POST, "/v1/auth/login")
        .header("content-encoding", "gzip")
        .header("content-type", "application/json")
        .body(vec![0x1f, 0x8b, 8, 0]);
    send(request)
        .await
        .expect_problem(415, "unsupported_media_type");
});

both_databases!(
    methods_and_paths_that_clients_make_up_are_counted_as_one,
    |app| {
        for (method, path, status) in [
            ("MADEUP", "/v1/me", 405),
            ("MADEUPTOO", "/v1/me", 405),
            ("DELETE", "/v1/auth/login", 405),
            ("GET", "/v1/made/up", 404),
            ("GET", "/made-up-too", 404),
        ] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let answer = send(app.anonymous().request(method, path)).await;
            answer.expect_status(status);
        }
        app.anonymous().get("/v1/me").await.expect_status(401);
        let metrics = app.anonymous().get("/metrics").await.text;
        let mut counted: Vec<_> = metrics
            .lines()
            .filter(|line| line.starts_with("rollcall_http_requests_total{"))
            .collect();
        counted.sort_unstable();
        assert_eq!(
            counted,
            [
                "rollcall_http_requests_total{operation=\"get_me\",status=\"401\"} 1",
                "rollcall_http_requests_total{operation=\"undocumented\",status=\"404\"} 2",
                "rollcall_http_requests_total{operation=\"undocumented\",status=\"405\"} 3",
            ]
        );
    }
);

both_databases!(a_problem_does_not_repeat_what_may_be_a_secret, |app| {
    for password in [json!(918_273_645), json!(["a secret in a list"])] {
        let body = json!({ "email": "a@x.org", "password": password });
        let refused = app.anonymous().post("/v1/auth/login", body).await;
        refused.expect_problem(400, "malformed_request");
        assert!(!refused.text.contains("918273645") && !refused.text.contains("secret in"));
    }
});

both_databases!(a_problem_repeats_little_of_what_was_sent, |app| {
    let ann = app.register("ann@x.org").await;
    let long = "x".repeat(5000);
    let query = ann.get(&format!("/v1/organizations?{long}=1")).await;
    let body = ann.patch("/v1/me", json!({ long: 1 })).await;
    for refused in [query, body] {
        let problem = refused.expect_problem(400, "malformed_request");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("`xxx") && detail.len() < 600, "{detail}");
    }
});

both_databases!(what_is_created_is_at_its_location, |app| {
    let school = app.school().await;
    let admin = &school.admin;
    for (path, body, is_found) in [
        ("/groups", json!({ "name": "7A" }), true),
        (
            "/api-keys",
            json!({ "name": "Timetable", "scopes": ["groups:read"] }),
            false,
        ),
    ] {
        let created = admin.post(&school.path(path), body).await;
        let id = text(&created.expect_status(201)["id"]);
        let location = school.path(&format!("{path}/{id}"));
        assert_eq!(created.header("location"), location);
        if is_found {
            admin.get(&location).await.expect(200, created.json());
        }
        admin.delete(&location).await.expect_status(204);
    }
    let body = json!({ "email": "ann@x.org", "password": PASSWORD, "username": "Ann" });
    let registered = app.anonymous().post("/v1/auth/register", body).await;
    registered.expect_status(201);
    assert_eq!(registered.header("location"), "/v1/me");
});

both_databases!(a_body_that_nobody_needs_is_read_to_its_limit, |app| {
    let school = app.school().await;
    let path = school.path("/invite-code/reset");
    let reset = |body: Vec<u8>| school.admin.request(Method::POST, &path).body(body);
    let large = send(reset(vec![b'x'; 2 * 1024 * 1024])).await;
    large.expect_problem(413, "payload_too_large");
    send(reset(vec![b' '; 1024])).await.expect_status(200);
    let read = send(reset(vec![b'x'; 1024])).await;
    read.expect_problem(400, "malformed_request");
});

both_databases!(hostile_query_parameters_are_refused, |app| {
    let school = app.school().await;
    for (path, fields) in [
        ("/members?search=%00", [("?search", "invalid")]),
        ("/members?email_domain=a%00", [("?email_domain", "invalid")]),
        ("/members?email_domain=%25", [("?email_domain", "invalid")]),
        ("/audit-events?subject_id=%00", [("?subject_id", "invalid")]),
    ] {
        school
            .admin
            .get(&school.path(path))
            .await
            .expect_fields(&fields);
    }
    for path in [
        "/members?search=%25%5C",
        "/members?registered_from=0001-01-01T00:00:00Z",
        "/audit-events?to=0001-01-01T00:00:00Z",
    ] {
        school
            .admin
            .get(&school.path(path))
            .await
            .expect_status(200);
    }
});

both_databases!(a_schema_of_another_version_is_not_ready, |app| {
    let execute = |sql: &str| {
        let mut connection = app.state.services.pool.get().unwrap();
        connection.batch_execute(sql).unwrap();
    };
    let ready = || async { app.anonymous().get("/health/ready").await };
    execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('99990101000001')");
    ready().await.expect_problem(503, "unavailable");
    execute("DELETE FROM __diesel_schema_migrations WHERE version = '99990101000001'");
    ready().await.expect_status(200);
    execute(
        "DELETE FROM __diesel_schema_migrations WHERE version = \
         (SELECT MAX(version) FROM __diesel_schema_migrations)",
    );
    ready().await.expect_problem(503, "unavailable");
});
