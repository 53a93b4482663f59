//! Connections, as admins set them up and test them.

use super::*;

both_databases!(a_connection_is_made_tested_activated_and_paused, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = draft(&school, &provider).await;
    let path = path_of(&school, &connection);
    let mut shown = json!({
        "id": "<uuid>", "name": "School accounts", "kind": "oidc", "preset": "generic", "status": "draft",
        "tested_at": null, "subject_source": "sub", "arrivals": "everyone", "session_hours": 168, "rules": [], "apply": "first", "has_client_secret": true,
        "client_secret_expires_at": null,
        "service_provider": {
            "redirect_uri": "<text>", "jwks_uri": "<text>", "post_logout_redirect_uri": "<text>",
            "backchannel_logout_uri": "<text>", "initiate_uri": "<text>", "entity_id": null, "acs_url": null,
            "metadata_url": null,
        },
        "identity_provider": {
            "issuer": provider.issuer(), "tenant": null, "app": null, "client_id": CLIENT_ID,
            "client_authentication": "client_secret_basic", "metadata_url": null, "entity_id": null,
            "sign_in_location": null, "certificates": null, "metadata_valid_until": null,
        },
        "missing": [],
        "warnings": [],
        "created_at": "2026-09-01T07:30:00Z",
    });
    let got = school.admin.get(&path).await;
    got.expect(200, shown.clone());
    assert!(!got.text.contains(CLIENT_SECRET));
    let activate = format!("{path}/activate");
    let refused = school.admin.post(&activate, Value::Null).await;
    refused.expect_problem(409, "connection_not_tested");
    let refused = school
        .admin
        .post(&format!("{path}/pause"), Value::Null)
        .await;
    refused.expect_problem(409, "connection_not_active");
    let claims = json!({ "sub": "mira-1", "email": "mira@hill.example", "name": "Mira" });
    let tested = test(&school, &connection, &provider, claims).await;
    assert_eq!(tested["status"], "passed", "{tested:#}");
    assert_eq!(tested["claims"]["email"], "mira@hill.example");
    assert_eq!(
        tested["would"],
        json!({
            "account": "account_created", "account_type": "student", "groups": [], "seat": true,
        })
    );
    // It changed nothing.
    let members = school
        .admin
        .get(&school.path("/members"))
        .await
        .expect_status(200);
    assert_eq!(members["items"].as_array().unwrap().len(), 1);
    school
        .admin
        .post(&activate, Value::Null)
        .await
        .expect_status(200);
    shown["status"] = json!("active");
    shown["tested_at"] = json!("2026-09-01T07:30:00Z");
    school.admin.get(&path).await.expect(200, shown.clone());
    let paused = school
        .admin
        .post(&format!("{path}/pause"), Value::Null)
        .await;
    assert_eq!(paused.expect_status(200)["status"], "paused");
    start(&app.anonymous(), &connection, json!({}))
        .await
        .expect_problem(409, "connection_not_active");
    // Another secret has to be tested.
    let secret = json!({ "client_secret": "another" });
    let changed = school.admin.patch(&path, secret).await.expect_status(200);
    assert_eq!(changed["tested_at"], Value::Null);
    school
        .admin
        .post(&activate, Value::Null)
        .await
        .expect_problem(409, "connection_not_tested");
    for action in ["created", "tested", "activated", "paused", "changed"] {
        let events = school.events(&format!("connection.{action}")).await;
        assert_eq!(events.as_array().unwrap().len(), 1, "{action}");
    }
});

both_databases!(a_test_tells_what_is_wrong, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = draft(&school, &provider).await;
    let path = path_of(&school, &connection);
    let wrong = json!({ "client_secret": "wrong" });
    school.admin.patch(&path, wrong).await.expect_status(200);
    let failed = test(&school, &connection, &provider, json!({ "sub": "1" })).await;
    assert_eq!(failed["status"], "failed");
    let step = last_step(&failed);
    assert_eq!(step["name"], "token_request");
    assert!(
        text(&step["advice"]).contains("client id and secret"),
        "{step:#}"
    );
    let nobody = json!({ "issuer": "http://127.0.0.1:9", "client_secret": "s" });
    school.admin.patch(&path, nobody).await.expect_status(200);
    let failed = test(&school, &connection, &provider, json!({ "sub": "1" })).await;
    assert_eq!(failed["status"], "failed");
    assert_eq!(last_step(&failed)["name"], "discovery");
    let other = format!("{}/", provider.issuer());
    school
        .admin
        .patch(
            &path,
            json!({ "issuer": other, "client_secret": CLIENT_SECRET }),
        )
        .await
        .expect_status(200);
    let failed = test(&school, &connection, &provider, json!({ "sub": "1" })).await;
    assert_eq!(last_step(&failed)["name"], "discovery");
    assert_eq!(last_step(&failed)["received"], provider.issuer());
    school
        .admin
        .post(&format!("{path}/activate"), Value::Null)
        .await
        .expect_problem(409, "connection_not_tested");
});

both_databases!(what_a_connection_cannot_be_is_refused, |app| {
    let school = app.school().await;
    let create = async |changes: Value| {
        let mut body = json!({
            "name": "n", "kind": "oidc", "preset": "generic", "issuer": "https://idp.example",
            "client_id": "c", "client_secret": "s",
        });
        let all = body.as_object_mut().unwrap();
        all.extend(changes.as_object().unwrap().clone());
        school.admin.post(&school.path("/connections"), body).await
    };
    for (changes, field, code) in [
        (json!({ "name": " " }), "/name", "missing"),
        (json!({ "issuer": null }), "/issuer", "missing"),
        (json!({ "issuer": "idp.example" }), "/issuer", "invalid"),
        (json!({ "preset": "google" }), "/issuer", "not_of_preset"),
        (
            json!({ "preset": "entra", "issuer": null, "tenant": "common" }),
            "/tenant",
            "not_one_tenant",
        ),
        (
            json!({ "preset": "entra", "issuer": null }),
            "/tenant",
            "missing",
        ),
        (
            json!({ "preset": "entra", "issuer": null, "tenant": " " }),
            "/tenant",
            "missing",
        ),
        (
            json!({ "preset": "entra", "issuer": null, "tenant": "contoso" }),
            "/tenant",
            "invalid",
        ),
        (
            json!({ "preset": "google", "issuer": null, "tenant": "hill.example" }),
            "/tenant",
            "not_of_preset",
        ),
        (json!({ "tenant": "one" }), "/tenant", "not_of_preset"),
        (
            json!({ "preset": "okta", "tenant": "one" }),
            "/tenant",
            "not_of_preset",
        ),
        (
            json!({ "issuer": "https://idp.exa\nmple" }),
            "/issuer",
            "invalid",
        ),
        (json!({ "client_secret": " " }), "/client_secret", "invalid"),
        (json!({ "client_id": " " }), "/client_id", "missing"),
        (json!({ "issuer": " " }), "/issuer", "missing"),
        (
            json!({ "client_secret": "a\u{0}b" }),
            "/client_secret",
            "invisible_character",
        ),
        (
            json!({ "client_id": "c\u{200b}" }),
            "/client_id",
            "invisible_character",
        ),
        (
            json!({ "session_hours": 0 }),
            "/session_hours",
            "out_of_range",
        ),
        (
            json!({ "session_hours": 721 }),
            "/session_hours",
            "out_of_range",
        ),
        (
            json!({ "metadata_url": "https://idp.example" }),
            "/metadata_url",
            "not_of_kind",
        ),
        (
            json!({ "subject_source": "name_id" }),
            "/subject_source",
            "not_of_kind",
        ),
        (json!({ "preset": null }), "/preset", "missing"),
    ] {
        create(changes.clone())
            .await
            .expect_fields(&[(field, code)]);
    }
    let entra = json!({
        "preset": "entra", "issuer": null, "tenant": "72F988BF-86F1-41AF-91AB-2D7CD011DB47",
    });
    let created = create(entra).await.expect_status(201);
    assert_eq!(
        created["identity_provider"]["issuer"],
        "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0"
    );
});

both_databases!(only_admins_of_the_organization_see_them, |app| {
    let school = app.school().await;
    let other = app.organization("Other School", "school").await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let path = path_of(&school, &connection);
    let foreign = other.path(&format!("/connections/{}", text(&connection["id"])));
    other
        .admin
        .get(&foreign)
        .await
        .expect_problem(404, "not_found");
    other
        .admin
        .delete(&foreign)
        .await
        .expect_problem(404, "not_found");
    other
        .admin
        .get(&path)
        .await
        .expect_problem(404, "not_found");
    let came = come(&school, &connection, &provider, json!({ "sub": "1" }))
        .await
        .expect_status(200);
    let pupil = holder(app, &came);
    pupil.get(&path).await.expect_problem(403, "forbidden");
    pupil
        .get(&school.path("/diagnoses"))
        .await
        .expect_problem(403, "forbidden");
    let diagnoses = school
        .admin
        .get(&school.path("/diagnoses"))
        .await
        .expect_status(200);
    assert_eq!(diagnoses["items"][0]["status"], "passed");
    let slug = school.admin.get(&school.path("")).await.expect_status(200)["slug"].clone();
    let ways = format!("/v1/sign-in/organizations/{}", text(&slug));
    let ways = app.anonymous().get(&ways).await.expect_status(200);
    assert_eq!(ways["connections"][0]["id"], connection["id"]);
    assert_eq!(ways["password"], true);
});
