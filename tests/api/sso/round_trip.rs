//! The flow itself: what is good once, and for whom.

use super::*;
use crate::support::app::block_on;
use rollcall::oidc::authorization::challenge_of;

both_databases!(somebody_new_signs_in, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let claims = json!({ "sub": "mira-1", "email": "Mira@hill.example", "name": "Mira Lind" });
    let anonymous = app.anonymous();
    let more = json!({ "return_to": "/groups?tab=1" });
    let end = go_round(&anonymous, &connection, (&provider, claims.clone()), more).await;
    let exchanged = exchange(app, &ticket_of(&end)).await;
    let exchanged = exchanged.expect(
        200,
        json!({
            "outcome": "account_created",
            "organization": { "id": school.id, "name": "<text>" },
            "return_to": "/groups?tab=1",
            "access_token": "<text>",
            "token_type": "Bearer",
            "expires_in": 900,
            "refresh_token": "<text>",
            "confined_to": null,
            "link_token": null,
            "code_outcome": null,
        }),
    );
    let mira = holder(app, &exchanged);
    let me = mira.get("/v1/me").await.expect_status(200);
    assert_eq!(me["email"], "mira@hill.example");
    assert_eq!(me["username"], "Mira Lind");
    assert_eq!(me["email_verified"], false);
    let memberships = mira.get("/v1/me/memberships").await.expect_status(200);
    assert_eq!(memberships["items"].as_array().unwrap().len(), 1);
    assert_eq!(memberships["items"][0]["joined_via"], "sso");
    let again = come(&school, &connection, &provider, claims)
        .await
        .expect_status(200);
    assert_eq!(again["outcome"], "signed_in");
    let again = holder(app, &again);
    assert_eq!(again.get("/v1/me").await.expect_status(200)["id"], me["id"]);
    let refreshed = json!({ "refresh_token": mira.refresh_token });
    let refreshed = anonymous.post("/v1/auth/refresh", refreshed).await;
    refreshed.expect_status(200);
});

both_databases!(a_ticket_is_good_once_and_for_its_browser, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let claims = json!({ "sub": "mira-1", "email": "mira@hill.example" });
    let anonymous = app.anonymous();
    let go = async || {
        let as_whom = (&provider, claims.clone());
        ticket_of(&go_round(&anonymous, &connection, as_whom, json!({})).await)
    };
    let ticket = go().await;
    exchange(app, &ticket).await.expect_status(200);
    let twice = exchange(app, &ticket).await;
    twice.expect_problem(401, "ticket_invalid");
    // A foreign verifier uses the ticket up, and nothing comes of it.
    let members = school
        .admin
        .get(&school.path("/members"))
        .await
        .expect_status(200);
    let ticket = go().await;
    let foreign =
        json!({ "ticket": ticket, "verifier": "the-verifier-of-another-browser-which-is-long" });
    let foreign = anonymous.post("/v1/sign-in/exchange", foreign).await;
    foreign.expect_problem(401, "verifier_wrong");
    exchange(app, &ticket)
        .await
        .expect_problem(401, "ticket_invalid");
    let after = school
        .admin
        .get(&school.path("/members"))
        .await
        .expect_status(200);
    assert_eq!(
        members["items"].as_array().unwrap().len(),
        after["items"].as_array().unwrap().len()
    );
    let ticket = go().await;
    app.advance(Duration::from_secs(61));
    exchange(app, &ticket)
        .await
        .expect_problem(401, "ticket_invalid");
    for nonsense in [
        "",
        "rcx_",
        "rcx_1kq3Rr0s8mJ5QbT7XoV2yWz4Lh6Nc9Pe0UfGiKjMlYw",
    ] {
        exchange(app, nonsense)
            .await
            .expect_problem(401, "ticket_invalid");
    }
});

both_databases!(who_comes_twice_or_unasked_is_sent_to_start, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let anonymous = app.anonymous();
    let started = start(&anonymous, &connection, json!({}))
        .await
        .expect_status(200);
    let url = text(&started["authorization_url"]);
    let claims = json!({ "sub": "mira-1" });
    let back = provider.sign_in(&url, (app.now(), claims.clone()));
    ticket_of(&follow(app, &back).await);
    let asks_to_start = async |url: &Url| {
        let end = follow(app, url).await;
        assert_eq!(end.path(), "/sign-in", "{end}");
        assert_eq!(
            end.query(),
            Some(&*format!("connection={}", text(&connection["id"])))
        );
    };
    asks_to_start(&back).await;
    let mut without_state = back.clone();
    without_state.set_query(Some("code=code-0"));
    asks_to_start(&without_state).await;
    let mut twice = back.clone();
    twice.set_query(Some(&format!("{0}&{0}", back.query().unwrap())));
    asks_to_start(&twice).await;
    let initiate = text(&connection["service_provider"]["initiate_uri"]);
    asks_to_start(&Url::parse(&initiate).unwrap()).await;
    // Ten minutes are over.
    let started = start(&anonymous, &connection, json!({}))
        .await
        .expect_status(200);
    let back = provider.sign_in(&text(&started["authorization_url"]), (app.now(), claims));
    app.advance(Duration::from_secs(601));
    asks_to_start(&back).await;
});

#[test]
fn each_hop_may_land_on_another_replica() {
    let Some(app) = App::on_postgres() else {
        return;
    };
    let other = app.replica();
    block_on(async {
        let school = app.school().await;
        let provider = IdentityProvider::start();
        let connection = active(&school, &provider).await;
        let asked = || {
            let places = ["/.well-known/openid-configuration", "/jwks"];
            places.map(|path| provider.asked_for(path))
        };
        come(&school, &connection, &provider, json!({ "sub": "noah" }))
            .await
            .expect_status(200);
        let before = asked();
        let started = start(&app.anonymous(), &connection, json!({})).await;
        let url = text(&started.expect_status(200)["authorization_url"]);
        let claims = json!({ "sub": "mira-1", "name": "Mira" });
        let back = provider.sign_in(&url, (app.now(), claims));
        let end = follow(&other, &back).await;
        let exchanged = exchange(&app, &ticket_of(&end)).await.expect_status(200);
        let mira = holder(&other, &exchanged);
        mira.get("/v1/me").await.expect_status(200);
        // Discovery and keys are shared: those of who came before, by the one, are good at the other.
        assert_eq!(asked(), before);
    });
}

both_databases!(what_the_provider_says_wrong_is_refused_at_its_step, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let now = app.now().as_seconds();
    for (claims, code, step) in [
        (
            json!({ "sub": "m", "iss": "https://evil.example" }),
            "response_invalid",
            "issuer",
        ),
        (
            json!({ "sub": "m", "aud": "another" }),
            "response_invalid",
            "audience",
        ),
        (
            json!({ "sub": "m", "nonce": "another" }),
            "response_invalid",
            "nonce",
        ),
        (
            json!({ "sub": "m", "exp": now - 190 }),
            "response_invalid",
            "time",
        ),
        (json!({ "sub": null }), "subject_missing", "subject"),
        (
            json!({ "sub": "m", "aud": [CLIENT_ID, "b"], "azp": "b" }),
            "response_invalid",
            "authorized_party",
        ),
    ] {
        let as_whom = (&provider, claims.clone());
        let end = go_round(&app.anonymous(), &connection, as_whom, json!({})).await;
        let diagnosis = diagnosis_of(&school, &end).await;
        assert_eq!(diagnosis["code"], code, "{claims}");
        let last = last_step(&diagnosis);
        assert_eq!(last["name"], step, "{diagnosis:#}");
        assert_eq!(last["result"], "failed");
        assert!(!text(&last["advice"]).is_empty());
        let names = diagnosis["claim_names"].as_array().unwrap();
        assert!(names.contains(&json!("iss")), "{diagnosis:#}");
    }
    // 170 seconds off is near enough.
    let claims = json!({ "sub": "m", "exp": now - 170, "iat": now - 400 });
    come(&school, &connection, &provider, claims)
        .await
        .expect_status(200);
});

both_databases!(a_provider_that_is_away_is_named, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    start(&app.anonymous(), &connection, json!({}))
        .await
        .expect_status(200);
    // What is kept is good for a day; then the provider is missed.
    provider.answer_instead("/.well-known/openid-configuration", 500, "{}");
    app.advance(Duration::from_secs(2 * 60 * 60));
    start(&app.anonymous(), &connection, json!({}))
        .await
        .expect_status(200);
    app.advance(Duration::from_secs(24 * 60 * 60));
    let refused = start(&app.anonymous(), &connection, json!({})).await;
    let problem = refused.expect_problem(503, "identity_provider_unreachable");
    assert!(
        text(&problem["detail"]).contains("Reference: "),
        "{problem:#}"
    );
});

both_databases!(what_cannot_start_is_refused, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = draft(&school, &provider).await;
    let anonymous = app.anonymous();
    let refused = start(&anonymous, &connection, json!({})).await;
    refused.expect_problem(409, "connection_not_active");
    let unknown = json!({ "id": school.id });
    let refused = start(&anonymous, &unknown, json!({})).await;
    refused.expect_problem(404, "connection_unknown");
    for (more, field) in [
        (json!({ "challenge": "short" }), "/challenge"),
        (json!({ "challenge": "+".repeat(43) }), "/challenge"),
        (json!({ "return_to": "https://evil.example" }), "/return_to"),
        (json!({ "return_to": "//evil.example" }), "/return_to"),
    ] {
        let refused = start(&anonymous, &connection, more).await;
        refused.expect_fields(&[(field, "invalid")]);
    }
    let connection = active(&school, &provider).await;
    let refused = start(&anonymous, &connection, json!({ "purpose": "link" })).await;
    refused.expect_problem(401, "not_signed_in");
});

both_databases!(a_verifier_is_long_enough_not_to_be_found, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    for (length, status) in [(1, 401), (42, 401), (43, 200), (128, 200)] {
        let verifier = "v".repeat(length);
        let more = json!({ "challenge": challenge_of(&verifier) });
        let trip = (&provider, json!({ "sub": "mira-1" }));
        let end = go_round(&app.anonymous(), &connection, trip, more).await;
        let body = json!({ "ticket": ticket_of(&end), "verifier": verifier });
        let came = app
            .anonymous()
            .post("/v1/sign-in/exchange", body.clone())
            .await;
        if status == 200 {
            came.expect_status(200);
            continue;
        }
        came.expect_problem(401, "verifier_wrong");
        let again = app.anonymous().post("/v1/sign-in/exchange", body).await;
        again.expect_problem(401, "ticket_invalid");
    }
});
