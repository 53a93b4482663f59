//! Changes of connections: what they ask for, and what they end.

use super::*;

/// Makes a change that is refused at the client secret.
async fn lacks_a_secret(school: &Organization<'_>, connection: &Value, change: Value) {
    let path = path_of(school, connection);
    let refused = school.admin.patch(&path, change).await;
    refused.expect_fields(&[("/client_secret", "missing")]);
}

both_databases!(a_secret_is_sent_to_no_other_issuer, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let path = path_of(&school, &connection);
    let other = json!({ "issuer": "https://other.example" });
    lacks_a_secret(&school, &connection, other).await;
    let got = school.admin.get(&path).await.expect_status(200);
    assert_eq!(got["status"], "active");
    assert_eq!(got["identity_provider"]["issuer"], provider.issuer());
    // With a key there is no secret to send, and the old one is gone.
    let by_key = json!({
        "issuer": "https://other.example", "client_authentication": "private_key_jwt",
    });
    let changed = school.admin.patch(&path, by_key).await.expect_status(200);
    assert_eq!(changed["has_client_secret"], false);
    let by_secret = json!({ "client_authentication": "client_secret_post" });
    lacks_a_secret(&school, &connection, by_secret.clone()).await;
    let mut with_secret = by_secret;
    with_secret["client_secret"] = json!(" of-the-other ");
    let changed = school.admin.patch(&path, with_secret).await;
    assert_eq!(changed.expect_status(200)["has_client_secret"], true);
});

both_databases!(
    nobody_signs_in_by_a_provider_that_nobody_has_tested,
    |app| {
        let school = app.school().await;
        let (provider, other) = (IdentityProvider::start(), IdentityProvider::start());
        let connection = active(&school, &provider).await;
        let path = path_of(&school, &connection);
        let change = async |changes: Value| {
            let changed = school.admin.patch(&path, changes).await;
            changed.expect_status(200)["status"].clone()
        };
        // The same provider, asked in another way.
        assert_eq!(
            change(json!({ "client_secret": CLIENT_SECRET })).await,
            "active"
        );
        let post = json!({ "client_authentication": "client_secret_post" });
        assert_eq!(change(post).await, "active");
        let moved = json!({ "issuer": other.issuer(), "client_secret": CLIENT_SECRET });
        assert_eq!(change(moved).await, "paused");
        start(&app.anonymous(), &connection, json!({}))
            .await
            .expect_problem(409, "connection_not_active");
        assert_eq!(
            school
                .events("connection.paused")
                .await
                .as_array()
                .unwrap()
                .len(),
            1
        );
        let activate = format!("{path}/activate");
        school
            .admin
            .post(&activate, Value::Null)
            .await
            .expect_problem(409, "connection_not_tested");
        let basic = json!({ "client_authentication": "client_secret_basic" });
        assert_eq!(change(basic).await, "paused");
        let passed = test(&school, &connection, &other, json!({ "sub": "1" })).await;
        assert_eq!(passed["status"], "passed", "{passed:#}");
        school
            .admin
            .post(&activate, Value::Null)
            .await
            .expect_status(200);
        assert_eq!(change(json!({ "name": "Accounts" })).await, "active");
        assert_eq!(change(json!({ "client_id": "another" })).await, "paused");
    }
);

both_databases!(a_change_ends_tests_that_wait, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = draft(&school, &provider).await;
    let path = path_of(&school, &connection);
    let tests = format!("{path}/tests");
    let begun = begin_test(&school.admin, &tests).await;
    let claims = json!({ "sub": "1" });
    let back = provider.sign_in(begun.to_provider.as_str(), (app.now(), claims));
    let secret = json!({ "client_secret": CLIENT_SECRET });
    school.admin.patch(&path, secret).await.expect_status(200);
    let end = follow(app, &back).await;
    let ended = begun.ended_at(&end, &school.admin).await;
    assert_eq!(ended["status"], "failed");
    assert_eq!(ended["steps"][0]["name"], "state", "{ended:#}");
    let connection = school.admin.get(&path).await.expect_status(200);
    assert_eq!(connection["tested_at"], Value::Null);
});

both_databases!(what_was_pasted_with_spaces_works, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let new = json!({
        "name": "n", "kind": "oidc", "preset": "generic", "issuer": format!(" {}\n", provider.issuer()),
        "client_id": format!(" {CLIENT_ID}"), "client_secret": format!("{CLIENT_SECRET}\n"),
    });
    let created = school.admin.post(&school.path("/connections"), new).await;
    let connection = created.expect_status(201);
    let passed = test(&school, &connection, &provider, json!({ "sub": "1" })).await;
    assert_eq!(passed["status"], "passed", "{passed:#}");
    let path = path_of(&school, &connection);
    let changes = json!({
        "name": "\u{202e}School  \n accounts\u{202c}", "client_secret": format!(" {CLIENT_SECRET} "),
    });
    let changed = school.admin.patch(&path, changes).await.expect_status(200);
    assert_eq!(changed["name"], "School accounts");
    let passed = test(&school, &connection, &provider, json!({ "sub": "1" })).await;
    assert_eq!(passed["status"], "passed", "{passed:#}");
});

both_databases!(the_keys_of_private_key_jwt_are_public, |app| {
    let school = app.school().await;
    let new = json!({
        "name": "n", "kind": "oidc", "preset": "generic", "issuer": "https://idp.example",
        "client_id": "c", "client_authentication": "private_key_jwt",
    });
    let created = school.admin.post(&school.path("/connections"), new).await;
    let connection = created.expect_status(201);
    let address = Url::parse(&text(&connection["service_provider"]["jwks_uri"])).unwrap();
    assert!(address.path().ends_with("/v1/lti/jwks"), "{address}");
    let keys = app.anonymous().get("/v1/lti/jwks").await;
    assert_eq!(keys.header("cache-control"), "public, max-age=3600");
    let keys = keys.expect_status(200);
    assert_eq!(keys["keys"][0]["kty"], "RSA");
    assert_eq!(keys["keys"][0].get("d"), None);
});

both_databases!(an_end_belongs_to_a_secret, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = draft(&school, &provider).await;
    let path = path_of(&school, &connection);
    let change = async |changes: Value| {
        let changed = school.admin.patch(&path, changes).await;
        changed.expect_status(200)
    };
    let soon = json!("2026-09-10T07:30:00Z");
    let warned = change(json!({ "client_secret_expires_at": soon })).await;
    assert_eq!(warned["warnings"][0]["code"], "secret_expires");
    // Of another secret nobody has said until when it is taken.
    let renewed = change(json!({ "client_secret": CLIENT_SECRET })).await;
    assert_eq!(renewed["client_secret_expires_at"], Value::Null);
    assert_eq!(renewed["warnings"], json!([]));
    change(json!({ "client_secret_expires_at": soon })).await;
    let by_key = change(json!({ "client_authentication": "private_key_jwt" })).await;
    assert_eq!(by_key["has_client_secret"], false);
    assert_eq!(by_key["client_secret_expires_at"], Value::Null);
    assert_eq!(by_key["warnings"], json!([]));
    assert_eq!(
        school.events("connection.changed").await[0]["details"]["fields"],
        json!([
            "identity_provider",
            "client_secret",
            "client_secret_expires_at"
        ])
    );
    for (changes, field) in [
        (
            json!({ "client_secret_expires_at": soon }),
            "/client_secret_expires_at",
        ),
        (json!({ "client_secret": "s" }), "/client_secret"),
    ] {
        let refused = school.admin.patch(&path, changes).await;
        refused.expect_fields(&[(field, "no_secret")]);
        assert!(refused.text.contains("client_secret_basic"));
    }
    change(json!({ "client_secret_expires_at": null })).await;
    // The way back takes a secret.
    let basic = json!({ "client_authentication": "client_secret_basic" });
    lacks_a_secret(&school, &connection, basic).await;
    let new = json!({
        "name": "n", "kind": "oidc", "preset": "generic", "issuer": "https://idp.example", "client_id": "c",
        "client_authentication": "private_key_jwt", "client_secret": "s", "client_secret_expires_at": soon,
    });
    let refused = school.admin.post(&school.path("/connections"), new).await;
    refused.expect_fields(&[
        ("/client_secret", "no_secret"),
        ("/client_secret_expires_at", "no_secret"),
    ]);
});
