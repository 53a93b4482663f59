//! What operators make of apps, and what connections name of them.

use rollcall::domain::email_address::EmailAddress;
use rollcall::domain::username::Username;
use rollcall::services::operators::{self, NewOperator};

use super::*;

both_databases!(operators_make_apps_and_nobody_else, |app| {
    let (school, operator) = (app.school().await, app.operator().await);
    let new = json!({
        "name": " Microsoft ", "preset": "entra", "client_id": " client ", "client_secret": "of-microsoft",
        "client_secret_expires_at": "2028-09-01T07:30:00Z",
    });
    let created = operator.post("/v1/apps", new.clone()).await;
    assert!(!created.text.contains("of-microsoft"));
    let mut shown = json!({
        "id": "<uuid>", "name": "Microsoft", "preset": "entra", "client_id": "client",
        "client_authentication": "client_secret_basic", "has_client_secret": true,
        "client_secret_expires_at": "2028-09-01T07:30:00Z", "redirect_uri": "<text>", "jwks_uri": null,
        "connections": 0, "warnings": [], "created_at": "2026-09-01T07:30:00Z",
    });
    let made = created.expect(201, shown.clone());
    let path = path_of_app(&made);
    let redirect_uri = text(&made["redirect_uri"]);
    assert!(redirect_uri.ends_with(&format!("/v1/sso/callback/{}", text(&made["id"]))));
    let pupil = app.register("pupil@hill.example").await;
    app.join(&school, &pupil, "student").await;
    let key = json!({ "name": "Timetable", "scopes": ["organization:read"] });
    let key = school.admin.post(&school.path("/api-keys"), key).await;
    let key = Person {
        access_token: Some(text(&key.expect_status(201)["key"])),
        ..Person::anonymous(app)
    };
    for who in [&school.admin, &pupil, &key] {
        who.get("/v1/apps").await.expect_problem(403, "forbidden");
        who.post("/v1/apps", new.clone())
            .await
            .expect_problem(403, "forbidden");
        who.get(&path).await.expect_problem(403, "forbidden");
        who.patch(&path, json!({ "name": "Mine" }))
            .await
            .expect_problem(403, "forbidden");
        who.delete(&path).await.expect_problem(403, "forbidden");
    }
    let anonymous = app.anonymous();
    anonymous
        .get("/v1/apps")
        .await
        .expect_problem(401, "not_signed_in");
    let by_key =
        json!({ "name": "\u{202e}Entra\u{202c}\n", "client_authentication": "private_key_jwt" });
    let changed = operator.patch(&path, by_key).await;
    shown["name"] = json!("Entra");
    shown["client_authentication"] = json!("private_key_jwt");
    shown["has_client_secret"] = json!(false);
    shown["client_secret_expires_at"] = Value::Null;
    shown["jwks_uri"] = json!("<text>");
    changed.expect(200, shown.clone());
    operator.get(&path).await.expect(200, shown.clone());
    let second = app_of(&operator, "google").await;
    let first_page = operator.get("/v1/apps?limit=1").await.expect_status(200);
    assert_eq!(first_page["items"][0]["id"], made["id"]);
    let next = format!("/v1/apps?cursor={}", text(&first_page["next_cursor"]));
    let next = operator.get(&next).await.expect_status(200);
    assert_eq!(next["items"][0]["id"], second["id"]);
    assert_eq!(next["next_cursor"], Value::Null);
    operator.delete(&path).await.expect_status(204);
    for gone in [
        operator.get(&path).await,
        operator.delete(&path).await,
        operator.patch(&path, json!({ "name": "n" })).await,
    ] {
        gone.expect_problem(404, "not_found");
    }
});

both_databases!(what_an_app_cannot_be_is_refused, |app| {
    let operator = app.operator().await;
    let create = async |changes: Value| {
        let mut body = json!({
            "name": "n", "preset": "entra", "client_id": "c", "client_secret": "s",
        });
        let all = body.as_object_mut().unwrap();
        all.extend(changes.as_object().unwrap().clone());
        operator.post("/v1/apps", body).await
    };
    for (changes, field, code) in [
        (json!({ "name": " " }), "/name", "missing"),
        (json!({ "client_id": " " }), "/client_id", "missing"),
        (
            json!({ "client_secret": null }),
            "/client_secret",
            "missing",
        ),
        (json!({ "client_secret": " " }), "/client_secret", "invalid"),
        (
            json!({ "client_secret": "s\u{feff}" }),
            "/client_secret",
            "invisible_character",
        ),
    ] {
        create(changes).await.expect_fields(&[(field, code)]);
    }
    for preset in ["generic", "okta"] {
        create(json!({ "preset": preset }))
            .await
            .expect_malformed(&[("/preset", "unknown_word")]);
    }
    let by_key = json!({ "client_secret": null, "client_authentication": "private_key_jwt" });
    let by_key = create(by_key).await.expect_status(201);
    let path = path_of_app(&by_key);
    for (changes, field, code) in [
        (
            json!({ "client_authentication": "client_secret_post" }),
            "/client_secret",
            "missing",
        ),
        (
            json!({ "client_secret": "s" }),
            "/client_secret",
            "no_secret",
        ),
        (
            json!({ "client_secret_expires_at": "2026-09-10T07:30:00Z" }),
            "/client_secret_expires_at",
            "no_secret",
        ),
        (json!({ "client_id": "" }), "/client_id", "missing"),
        (json!({ "name": "" }), "/name", "missing"),
    ] {
        operator
            .patch(&path, changes)
            .await
            .expect_fields(&[(field, code)]);
    }
});

both_databases!(a_connection_takes_an_app_or_a_client_of_its_own, |app| {
    let (school, operator) = (app.school().await, app.operator().await);
    let (entra, google) = (
        app_of(&operator, "entra").await,
        app_of(&operator, "google").await,
    );
    let create = async |changes: Value| {
        let mut body = json!({
            "name": "n", "kind": "oidc", "preset": "entra", "app_id": entra["id"], "tenant": TENANT,
        });
        let all = body.as_object_mut().unwrap();
        all.extend(changes.as_object().unwrap().clone());
        all.retain(|_, value| !value.is_null());
        school.admin.post(&school.path("/connections"), body).await
    };
    for (changes, field, code) in [
        (json!({ "client_id": "c" }), "/client_id", "of_app"),
        (json!({ "client_secret": "s" }), "/client_secret", "of_app"),
        (
            json!({ "client_secret_expires_at": "2028-09-01T07:30:00Z" }),
            "/client_secret_expires_at",
            "of_app",
        ),
        (
            json!({ "client_authentication": "private_key_jwt" }),
            "/client_authentication",
            "of_app",
        ),
        (json!({ "app_id": school.id }), "/app_id", "app_unknown"),
        (
            json!({ "app_id": google["id"] }),
            "/app_id",
            "not_of_preset",
        ),
        (
            json!({ "preset": "generic", "tenant": null, "issuer": "https://idp.example" }),
            "/app_id",
            "not_of_preset",
        ),
    ] {
        create(changes).await.expect_fields(&[(field, code)]);
    }
    let saml = json!({
        "name": "n", "kind": "saml", "app_id": entra["id"], "metadata_url": "https://idp.example",
    });
    let saml = school.admin.post(&school.path("/connections"), saml).await;
    saml.expect_fields(&[("/app_id", "not_of_kind")]);
    let connection = create(json!({})).await.expect_status(201);
    let path = path_of(&school, &connection);
    for (changes, field, code) in [
        (json!({ "client_id": "c" }), "/client_id", "of_app"),
        (json!({ "client_secret": "s" }), "/client_secret", "of_app"),
        (
            json!({ "app_id": google["id"] }),
            "/app_id",
            "not_of_preset",
        ),
        (
            json!({ "app_id": null, "client_id": "c" }),
            "/client_secret",
            "missing",
        ),
    ] {
        school
            .admin
            .patch(&path, changes)
            .await
            .expect_fields(&[(field, code)]);
    }
    let alone = json!({ "app_id": null });
    let alone = school.admin.patch(&path, alone).await;
    alone.expect_fields(&[("/client_id", "missing"), ("/client_secret", "missing")]);
    for words in ["Without an operator's app", "The app's secret stays"] {
        assert!(alone.text.contains(words), "{}", alone.text);
    }
    let own = json!({
        "app_id": null, "client_id": "c", "client_secret": "s", "client_secret_expires_at": "2028-09-01T07:30:00Z",
    });
    let own = school.admin.patch(&path, own).await.expect_status(200);
    assert_eq!(own["identity_provider"]["app"], Value::Null);
    assert_ne!(
        own["service_provider"]["redirect_uri"],
        entra["redirect_uri"]
    );
    assert_eq!(own["client_secret_expires_at"], "2028-09-01T07:30:00Z");
    let back = json!({ "app_id": entra["id"] });
    let back = school.admin.patch(&path, back).await.expect_status(200);
    assert_eq!(
        back["service_provider"]["redirect_uri"],
        entra["redirect_uri"]
    );
    assert_eq!(back["client_secret_expires_at"], Value::Null);
    // By a setup link neither an app nor a client beside one is chosen.
    let link = json!({ "connection_id": connection["id"] });
    let link = school.admin.post(&school.path("/setup-links"), link).await;
    let url: Url = text(&link.expect_status(201)["url"]).parse().unwrap();
    let token = url.fragment().unwrap().strip_prefix("token=").unwrap();
    let it = Person {
        access_token: Some(token.to_owned()),
        ..Person::anonymous(app)
    };
    it.get("/v1/apps")
        .await
        .expect_problem(401, "not_signed_in");
    it.patch("/v1/setup", json!({ "app_id": entra["id"] }))
        .await
        .expect_malformed(&[("/app_id", "unknown_field")]);
    it.patch("/v1/setup", json!({ "client_id": "c" }))
        .await
        .expect_fields(&[("/client_id", "of_app")]);
    it.patch("/v1/setup", json!({ "tenant": OTHER_TENANT }))
        .await
        .expect_status(200);
});

both_databases!(an_app_that_connections_use_is_not_deleted, |app| {
    let (school, operator) = (app.school().await, app.operator().await);
    let provider = IdentityProvider::start();
    let shared = app_of(&operator, "entra").await;
    let connection = by_app(&school, &shared, (&provider, json!(TENANT))).await;
    let path = path_of_app(&shared);
    let refused = operator.delete(&path).await;
    refused.expect_problem(409, "app_in_use");
    assert!(!refused.text.contains("pointer"), "{}", refused.text);
    assert!(
        refused.text.contains("use this app: 1."),
        "{}",
        refused.text
    );
    let of_connection = path_of(&school, &connection);
    school.admin.delete(&of_connection).await.expect_status(204);
    operator.delete(&path).await.expect_status(204);
    // Made and deleted at the same moment: one of them comes too late.
    for _ in 0..5 {
        let shared = app_of(&operator, "entra").await;
        let new = json!({
            "name": "n", "kind": "oidc", "preset": "entra", "app_id": shared["id"], "tenant": TENANT,
        });
        let (path, connections) = (path_of_app(&shared), school.path("/connections"));
        let both = tokio::join!(operator.delete(&path), school.admin.post(&connections, new));
        match both.0.status.as_u16() {
            204 => both.1.expect_fields(&[("/app_id", "app_unknown")]),
            _ => {
                both.0.expect_problem(409, "app_in_use");
                both.1.expect_status(201);
            }
        }
    }
});

both_databases!(
    a_secret_that_ends_is_told_at_the_app_and_at_its_connections,
    |app| {
        let (school, operator) = (app.school().await, app.operator().await);
        let provider = IdentityProvider::start();
        let shared = app_of(&operator, "entra").await;
        let connection = by_app(&school, &shared, (&provider, json!(TENANT))).await;
        let end = json!({ "client_secret_expires_at": "2026-09-20T07:30:00Z" });
        let path = path_of_app(&shared);
        let changed = operator.patch(&path, end).await.expect_status(200);
        let known = shown(&school, &connection).await;
        assert_eq!(known["client_secret_expires_at"], "2026-09-20T07:30:00Z");
        for (warnings, words) in [
            (&changed["warnings"], "send it here"),
            (&known["warnings"], "the operator's app"),
        ] {
            assert_eq!(warnings[0]["code"], "secret_expires");
            assert_eq!(warnings[0]["at"], "2026-09-20T07:30:00Z");
            assert!(text(&warnings[0]["detail"]).contains(words), "{warnings:#}");
        }
        let by_key = json!({ "client_authentication": "private_key_jwt" });
        let changed = operator.patch(&path, by_key).await.expect_status(200);
        assert_eq!(changed["client_secret_expires_at"], Value::Null);
        for warnings in [
            &changed["warnings"],
            &shown(&school, &connection).await["warnings"],
        ] {
            assert_eq!(warnings, &json!([]));
        }
    }
);

/// An operator beside the first.
fn another_operator(app: &App, email: &str) {
    let new = NewOperator {
        email: EmailAddress::parse(email).unwrap(),
        username: Username::parse("Another").unwrap(),
        password_hash: "none".to_owned(),
    };
    app.as_cli(|tx| operators::create(tx, new)).unwrap();
}

both_databases!(operators_are_mailed_of_a_secret_that_ends, |app| {
    let operator = app.operator().await;
    another_operator(app, "second@rollcall.example");
    another_operator(app, "former@rollcall.example");
    let former = EmailAddress::parse("former@rollcall.example").unwrap();
    app.as_cli(|tx| operators::revoke(tx, former)).unwrap();
    let german = json!({ "language": "de" });
    operator.patch("/v1/me", german).await.expect_status(200);
    let shared = app_of(&operator, "entra").await;
    let by_key = json!({
        "name": "By key", "preset": "google", "client_id": "c", "client_authentication": "private_key_jwt",
    });
    operator.post("/v1/apps", by_key).await.expect_status(201);
    // It is 2026-09-01.
    let end = json!({ "client_secret_expires_at": "2026-10-05T07:30:00Z" });
    let path = path_of_app(&shared);
    operator.patch(&path, end).await.expect_status(200);
    let told = async || {
        let mails = app.mails().await.into_iter();
        let mut theirs: Vec<_> = mails
            .filter(|mail| mail.subject.starts_with("Shared: "))
            .map(|mail| (mail.to, mail.subject))
            .collect();
        theirs.sort();
        theirs
    };
    let mut days = Vec::new();
    for day in 1..40 {
        app.advance(Duration::from_secs(24 * 60 * 60 + 60));
        app.drain().await;
        let count = told().await.len();
        if count > 2 * days.len() {
            days.push(day);
        }
        assert_eq!(count, 2 * days.len());
    }
    assert_eq!(days, [4, 20, 31, 34]);
    let told_last: Vec<_> = told().await.into_iter().step_by(4).collect();
    let expected = [
        (
            &operator.email,
            "Shared: ein Client-Secret gilt bis 5. Oktober 2026",
        ),
        (
            &"second@rollcall.example".to_owned(),
            "Shared: a client secret is valid until 5 October 2026",
        ),
    ];
    for ((to, subject), (email, words)) in told_last.iter().zip(expected) {
        assert_eq!(to, email);
        assert!(subject.starts_with(words), "{subject}");
    }
    let mail = app.last_mail_to("second@rollcall.example").await;
    assert!(mail.text.contains("5 October 2026"), "{}", mail.text);
    // Of an app that is gone nobody is told.
    let operator = app.sign_in(&operator.email, PASSWORD).await;
    let soon = json!({ "client_secret_expires_at": "2026-10-20T07:30:00Z" });
    operator.patch(&path, soon).await.expect_status(200);
    operator.delete(&path).await.expect_status(204);
    app.advance(Duration::from_secs(24 * 60 * 60 + 60));
    app.drain().await;
    assert_eq!(told().await.len(), 8);
});

#[test]
fn operators_with_a_verified_address_are_written_to() {
    for app in [
        Some(App::on_sqlite_with_mail_server()),
        App::on_postgres_with_mail_server(),
    ]
    .iter()
    .flatten()
    {
        block_on(async {
            let operator = app.operator().await;
            app.verify_email(&operator.id);
            another_operator(app, "second@rollcall.example");
            let shared = app_of(&operator, "entra").await;
            let soon = json!({ "client_secret_expires_at": "2026-09-10T07:30:00Z" });
            let path = path_of_app(&shared);
            operator.patch(&path, soon).await.expect_status(200);
            app.advance(Duration::from_secs(24 * 60 * 60 + 60));
            app.drain().await;
            let mails = app.mails().await.into_iter();
            let told = mails.filter(|mail| mail.subject.starts_with("Shared: "));
            let told: Vec<_> = told.map(|mail| mail.to).collect();
            assert_eq!(told, [operator.email.as_str()]);
        });
    }
}
