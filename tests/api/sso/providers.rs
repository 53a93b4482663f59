//! Providers that say odd things, or nothing: what is kept of them, and what becomes of who comes.

use futures_util::future::join_all;

use super::*;
use crate::support::app::block_on;
use crate::support::people::PASSWORD;

const DISCOVERY: &str = "/.well-known/openid-configuration";
const MINUTE: Duration = Duration::from_secs(61);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// The diagnosis of somebody who was refused, and its last step.
async fn came(
    school: &Organization<'_>,
    connection: &Value,
    (provider, claims): (&IdentityProvider, Value),
) -> (Value, Value) {
    let anonymous = school.admin.app.anonymous();
    let end = go_round(&anonymous, connection, (provider, claims), json!({})).await;
    diagnosed(school, &end).await
}

async fn diagnosed(school: &Organization<'_>, end: &Url) -> (Value, Value) {
    let diagnosis = diagnosis_of(school, end).await;
    let last = last_step(&diagnosis).clone();
    (diagnosis, last)
}

both_databases!(
    a_document_that_cannot_be_read_takes_no_good_one_away,
    |app| {
        let school = app.school().await;
        let provider = IdentityProvider::start();
        let connection = active(&school, &provider).await;
        let anonymous = app.anonymous();
        let starts = async || start(&anonymous, &connection, json!({})).await;
        starts().await.expect_status(200);
        for bad in [
            "{}",
            "<html>Maintenance</html>",
            r#"{"issuer":"https://other.example"}"#,
        ] {
            app.advance(HOUR * 2);
            provider.answer_instead(DISCOVERY, 200, bad);
            let before = provider.asked_for(DISCOVERY);
            starts().await.expect_status(200);
            starts().await.expect_status(200);
            assert_eq!(provider.asked_for(DISCOVERY), before + 1, "{bad}");
            app.advance(MINUTE);
            starts().await.expect_status(200);
            assert_eq!(provider.asked_for(DISCOVERY), before + 2, "{bad}");
        }
        // As soon as it is good again, it is taken and fresh.
        provider.answer_as_before(DISCOVERY);
        app.advance(MINUTE);
        let before = provider.asked_for(DISCOVERY);
        for _ in 0..2 {
            starts().await.expect_status(200);
            app.advance(MINUTE);
        }
        assert_eq!(provider.asked_for(DISCOVERY), before + 1);
        // A day later nothing is good any more; all that come in a minute are told the same by one call.
        provider.answer_instead(DISCOVERY, 200, "{}");
        app.advance(HOUR * 25);
        let before = provider.asked_for(DISCOVERY);
        for _ in 0..3 {
            starts()
                .await
                .expect_problem(503, "identity_provider_unreachable");
        }
        assert_eq!(provider.asked_for(DISCOVERY), before + 1);
    }
);

both_databases!(a_test_finds_out_how_the_provider_is_now, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    for path in [DISCOVERY, "/jwks"] {
        provider.answer_instead(path, 200, "{}");
        let failed = test(&school, &connection, &provider, json!({ "sub": "1" })).await;
        assert_eq!(failed["status"], "failed", "{path}: {failed:#}");
        provider.answer_as_before(path);
        let passed = test(&school, &connection, &provider, json!({ "sub": "1" })).await;
        assert_eq!(passed["status"], "passed", "{path}: {passed:#}");
    }
    // It is nobody's sign-in.
    let diagnoses = school.path("/diagnoses");
    let diagnoses = school.admin.get(&diagnoses).await.expect_status(200);
    assert_eq!(diagnoses["items"], json!([]));
    assert_eq!(school.events("sign_in.refused").await, json!([]));
});

both_databases!(
    keys_are_asked_for_once_a_minute_however_many_are_unknown,
    |app| {
        let school = app.school().await;
        let provider = IdentityProvider::start();
        let connection = active(&school, &provider).await;
        come(&school, &connection, &provider, json!({ "sub": "m" }))
            .await
            .expect_status(200);
        app.advance(MINUTE);
        provider.change_key();
        provider.answer_instead("/jwks", 500, "{}");
        let before = provider.asked_for("/jwks");
        for _ in 0..3 {
            let claims = json!({ "sub": "m" });
            let (diagnosis, last) = came(&school, &connection, (&provider, claims)).await;
            assert_eq!(diagnosis["code"], "response_invalid", "{diagnosis:#}");
            assert_eq!(last["name"], "signature");
            // Nobody has signed what came.
            assert_eq!(diagnosis["claim_names"], json!([]));
        }
        assert_eq!(provider.asked_for("/jwks"), before + 1);
        provider.answer_as_before("/jwks");
        app.advance(MINUTE);
        come(&school, &connection, &provider, json!({ "sub": "m" }))
            .await
            .expect_status(200);
    }
);

both_databases!(
    keys_that_change_a_moment_after_a_fetch_are_asked_for,
    |app| {
        let school = app.school().await;
        let provider = IdentityProvider::start();
        let connection = active(&school, &provider).await;
        let mira = || json!({ "sub": "m" });
        // The keys have just been fetched.
        let first = come(&school, &connection, &provider, mira()).await;
        first.expect_status(200);
        let before = provider.asked_for("/jwks");
        provider.change_key();
        let changed = come(&school, &connection, &provider, mira()).await;
        changed.expect_status(200);
        assert_eq!(provider.asked_for("/jwks"), before + 1);
        provider.change_key();
        for _ in 0..3 {
            let (diagnosis, last) = came(&school, &connection, (&provider, mira())).await;
            assert_eq!(diagnosis["code"], "response_invalid", "{diagnosis:#}");
            assert_eq!(last["name"], "signature");
        }
        assert_eq!(provider.asked_for("/jwks"), before + 1);
        app.advance(MINUTE);
        let later = come(&school, &connection, &provider, mira()).await;
        later.expect_status(200);
        assert_eq!(provider.asked_for("/jwks"), before + 2);
    }
);

#[test]
fn a_class_that_comes_after_the_keys_have_changed_asks_for_them_once() {
    let apps = [Some(App::on_sqlite()), App::on_postgres()];
    for app in apps.iter().flatten() {
        let replica = app.replica();
        block_on(class_after_a_change([app, &replica]));
    }
}

async fn class_after_a_change(servers: [&App; 2]) {
    let school = servers[0].school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    come(&school, &connection, &provider, json!({ "sub": "teacher" }))
        .await
        .expect_status(200);
    let before = provider.asked_for("/jwks");
    provider.change_key();
    let pupils = (0..12).map(|number| {
        let as_whom = (&provider, json!({ "sub": format!("pupil-{number}") }));
        let (at, connection) = (servers[number % 2], &connection);
        async move { go_round(&at.anonymous(), connection, as_whom, json!({})).await }
    });
    for end in join_all(pupils).await {
        ticket_of(&end);
    }
    assert_eq!(provider.asked_for("/jwks"), before + 1);
}

both_databases!(claims_that_no_database_keeps_are_no_fault_of_ours, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    for sub in ["m\u{0}", "m\n", "\u{7f}m"] {
        let (diagnosis, last) =
            came(&school, &connection, (&provider, json!({ "sub": sub }))).await;
        assert_eq!(diagnosis["code"], "subject_missing");
        assert_eq!(last["name"], "subject");
    }
    for sid in ["s\u{0}".to_owned(), "s".repeat(60_000)] {
        let claims = json!({ "sub": "m", "sid": sid, "name": "M\u{0}ira" });
        come(&school, &connection, &provider, claims)
            .await
            .expect_status(200);
    }
    let odd = json!({ "sub": "m", "a\u{0}b": "c\u{0}", "aud": "\u{0}", "groups": ["\u{0}"] });
    let (diagnosis, _) = came(&school, &connection, (&provider, odd.clone())).await;
    let names = diagnosis["claim_names"].as_array().unwrap();
    assert!(names.contains(&json!("ab")), "{diagnosis:#}");
    let failed = test(&school, &connection, &provider, odd).await;
    assert_eq!(failed["status"], "failed");
    assert_eq!(failed["claims"]["a\u{0}b"], "c\u{0}", "{failed:#}");
    let odd = json!({ "sub": "m", "a\u{0}b": "c\u{0}" });
    let passed = test(&school, &connection, &provider, odd).await;
    assert_eq!(passed["status"], "passed", "{passed:#}");
    let document = r#"{"issuer":"a\u0000b"}"#;
    provider.answer_instead(DISCOVERY, 200, document);
    let failed = test(&school, &connection, &provider, json!({ "sub": "m" })).await;
    assert_eq!(failed["status"], "failed", "{failed:#}");
});

both_databases!(
    who_is_refused_at_the_exchange_leaves_the_names_of_claims,
    |app| {
        let school = app.school().await;
        let provider = IdentityProvider::start();
        let connection = active(&school, &provider).await;
        let expected = json!({ "arrivals": "expected" });
        let path = path_of(&school, &connection);
        school.admin.patch(&path, expected).await.expect_status(200);
        let claims = json!({ "sub": "m", "department": "music" });
        let refused = come(&school, &connection, &provider, claims).await;
        refused.expect_problem(403, "not_expected_here");
        let path = school.path("/diagnoses");
        let diagnoses = school.admin.get(&path).await.expect_status(200);
        let names = diagnoses["items"][0]["claim_names"].as_array().unwrap();
        assert!(names.contains(&json!("department")), "{diagnoses:#}");
    }
);

both_databases!(who_does_not_answer_is_told_from_who_refuses, |app| {
    let mut school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    for (status, body, code) in [
        (500, "{}", "identity_provider_unreachable"),
        (
            503,
            r#"{"error":"temporarily_unavailable"}"#,
            "identity_provider_unreachable",
        ),
        (302, "", "response_invalid"),
        (200, "<html>", "response_invalid"),
        (200, "{}", "response_invalid"),
        (
            400,
            r#"{"error":"invalid_grant"}"#,
            "identity_provider_refused",
        ),
    ] {
        provider.answer_instead("/token", status, body);
        let as_whom = (&provider, json!({ "sub": "m" }));
        let (diagnosis, last) = came(&school, &connection, as_whom).await;
        assert_eq!(diagnosis["code"], code, "{status} {body}");
        assert_eq!(last["name"], "token_request");
    }
    provider.answer_as_before("/token");
    let issuer = provider.issuer();
    let document = json!({
        "issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"), "jwks_uri": format!("{issuer}/jwks"),
        "userinfo_endpoint": format!("{issuer}/userinfo"),
    });
    provider.answer_instead(DISCOVERY, 200, &document.to_string());
    app.advance(HOUR * 2);
    school.admin = app.sign_in(&school.admin.email, PASSWORD).await;
    for (status, body, code) in [
        (500, "{}", "identity_provider_unreachable"),
        (401, "{}", "response_invalid"),
        (200, r#"{"sub":"another"}"#, "response_invalid"),
        (200, "eyJ", "response_invalid"),
    ] {
        provider.answer_instead("/userinfo", status, body);
        let as_whom = (&provider, json!({ "sub": "m" }));
        let (diagnosis, last) = came(&school, &connection, as_whom).await;
        assert_eq!(diagnosis["code"], code, "{status} {body}");
        assert_eq!(last["name"], "subject");
        let names = diagnosis["claim_names"].as_array().unwrap();
        assert!(names.contains(&json!("sub")), "{diagnosis:#}");
    }
});

both_databases!(an_address_that_is_denied_anywhere_is_denied, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let issuer = provider.issuer();
    let document = json!({
        "issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"), "jwks_uri": format!("{issuer}/jwks"),
        "userinfo_endpoint": format!("{issuer}/userinfo"),
    });
    provider.answer_instead(DISCOVERY, 200, &document.to_string());
    let connection = draft(&school, &provider).await;
    for (signed, more, address) in [
        (json!({}), json!({}), Some("ada@hill.example")),
        (
            json!({ "email_verified": true }),
            json!({ "email_verified": false }),
            None,
        ),
        (
            json!({ "xms_edov": true }),
            json!({ "xms_edov": "0" }),
            None,
        ),
        (json!({ "email_verified": false }), json!({}), None),
        (
            json!({ "email_verified": false }),
            json!({ "email_verified": true }),
            None,
        ),
        (
            json!({}),
            json!({ "email_verified": true }),
            Some("ada@hill.example"),
        ),
    ] {
        let mut claims = json!({ "sub": "mallory" });
        let mut beside = json!({ "sub": "mallory", "email": "ada@hill.example" });
        for (all, some) in [(&mut claims, &signed), (&mut beside, &more)] {
            let all = all.as_object_mut().unwrap();
            all.extend(some.as_object().unwrap().clone());
        }
        provider.answer_instead("/userinfo", 200, &beside.to_string());
        let tested = test(&school, &connection, &provider, claims).await;
        assert_eq!(tested["status"], "passed", "{tested:#}");
        let steps = tested["steps"].as_array().unwrap();
        let email = steps.iter().find(|it| it["name"] == "email").unwrap();
        match address {
            Some(address) => assert_eq!(email["received"], address, "{signed} {more}"),
            None => assert_eq!(email["result"], "warning", "{signed} {more}"),
        }
    }
});

both_databases!(what_somebody_came_for_stands_in_their_diagnosis, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    provider.answer_instead(DISCOVERY, 500, "{}");
    app.advance(HOUR * 25);
    let admin = app.sign_in(&school.admin.email, PASSWORD).await;
    for purpose in ["link", "step_up"] {
        start(&admin, &connection, json!({ "purpose": purpose }))
            .await
            .expect_problem(503, "identity_provider_unreachable");
        let path = school.path("/diagnoses");
        let diagnoses = admin.get(&path).await.expect_status(200);
        assert_eq!(diagnoses["items"][0]["purpose"], purpose);
    }
});
