//! How sessions end that were made by an identity provider.

use diesel::prelude::*;
use rollcall::store::schema::fetched_documents;

use super::*;
use crate::support::invariants;

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

async fn sign_out(who: &Person<'_>) -> Value {
    let body = json!({ "refresh_token": who.refresh_token });
    who.post("/v1/auth/logout", body).await.expect_status(200)
}

both_databases!(signing_out_tells_where_to_sign_out_there, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let came = async |subject: &str| {
        let came = come(&school, &connection, &provider, json!({ "sub": subject })).await;
        holder(app, &came.expect_status(200))
    };
    let mira = came("mira").await;
    let ours = &connection["service_provider"];
    let back_to = text(&ours["post_logout_redirect_uri"]);
    assert!(back_to.ends_with("/sign-in"), "{back_to}");
    // Nobody waits for a provider that does not answer.
    let noah = came("noah").await;
    let asked = provider.asked_for("/.well-known/openid-configuration");
    app.advance(Duration::from_secs(2 * 60 * 60));
    let out = sign_out(&mira).await;
    let url = Url::parse(&text(&out["end_session_url"])).unwrap();
    assert_eq!(url.path(), "/logout");
    let query: HashMap<String, String> = url.query_pairs().into_owned().collect();
    let expected = [
        ("tenant", "1"),
        ("client_id", CLIENT_ID),
        ("post_logout_redirect_uri", &back_to),
    ];
    assert_eq!(query.len(), expected.len(), "{query:?}");
    for (name, value) in expected {
        assert_eq!(query[name], value, "{query:?}");
    }
    assert_eq!(
        provider.asked_for("/.well-known/openid-configuration"),
        asked
    );
    mira.get("/v1/me")
        .await
        .expect_problem(401, "not_signed_in");
    // Who signs out twice, or by a password, is told of no page.
    assert_eq!(sign_out(&mira).await["end_session_url"], Value::Null);
    assert_eq!(
        sign_out(&school.admin).await["end_session_url"],
        Value::Null
    );
    let admin = app.sign_in(&school.admin.email, PASSWORD).await;
    let path = path_of(&school, &connection);
    let forced = format!("{path}?force=true");
    admin.delete(&forced).await.expect_status(204);
    assert_eq!(sign_out(&noah).await["end_session_url"], Value::Null);
});

both_databases!(
    the_access_token_alone_tells_where_to_sign_out_there,
    |app| {
        let school = app.school().await;
        let provider = IdentityProvider::start();
        let connection = active(&school, &provider).await;
        let came = come(&school, &connection, &provider, json!({ "sub": "mira" })).await;
        let mira = holder(app, &came.expect_status(200));
        let out = mira.post("/v1/auth/logout", Value::Null).await;
        let out = out.expect_status(200);
        let url = Url::parse(&text(&out["end_session_url"])).unwrap();
        assert_eq!(url.path(), "/logout");
        mira.get("/v1/me")
            .await
            .expect_problem(401, "not_signed_in");
    }
);

/// A provider that says that something has ended, with these claims before those that a good token has.
async fn ended(
    app: &App,
    (provider, connection): (&IdentityProvider, &Value),
    claims: Value,
) -> TestResponse {
    let seconds = app.now().as_seconds();
    let mut token = json!({
        "iss": provider.issuer(), "aud": CLIENT_ID, "iat": seconds, "exp": seconds + 120, "jti": "1",
        "events": { EVENT: {} },
    });
    let all = token.as_object_mut().unwrap();
    all.extend(claims.as_object().unwrap().clone());
    all.retain(|_, value| !value.is_null());
    post_token(app, &text(&connection["id"]), &provider.sign(&token)).await
}

async fn post_token(app: &App, connection: &str, token: &str) -> TestResponse {
    let path = format!("/v1/sso/backchannel-logout/{connection}");
    let form = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("logout_token", token)
        .finish();
    let request = app.anonymous().request(reqwest::Method::POST, &path);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    crate::support::people::send(request.body(form)).await
}

both_databases!(a_provider_ends_the_sessions_of_its_own, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let by = (&provider, &connection);
    let came = async |subject: &str, sid: Value| {
        let claims = json!({ "sub": subject, "sid": sid });
        let came = come(&school, &connection, &provider, claims).await;
        holder(app, &came.expect_status(200))
    };
    let laptop = came("mira", json!("s-1")).await;
    let phone = came("mira", json!("s-2")).await;
    let noah = came("noah", Value::Null).await;
    let uri = text(&connection["service_provider"]["backchannel_logout_uri"]);
    assert!(uri.ends_with(&format!(
        "/v1/sso/backchannel-logout/{}",
        text(&connection["id"])
    )));
    let answer = ended(app, by, json!({ "sid": "s-1", "sub": "mira" })).await;
    answer.expect_status(200);
    assert_eq!(answer.header("cache-control"), "no-store");
    laptop
        .get("/v1/me")
        .await
        .expect_problem(401, "not_signed_in");
    phone.get("/v1/me").await.expect_status(200);
    // Again, and of a session that nobody has here, it is the same.
    ended(app, by, json!({ "sid": "s-1" }))
        .await
        .expect_status(200);
    ended(app, by, json!({ "sub": "nobody" }))
        .await
        .expect_status(200);
    ended(app, by, json!({ "sub": "mira" }))
        .await
        .expect_status(200);
    phone
        .get("/v1/me")
        .await
        .expect_problem(401, "not_signed_in");
    noah.get("/v1/me").await.expect_status(200);
    // Of another connection's session with the same name nothing ends.
    let other = app.organization("Other School", "school").await;
    let theirs = active(&other, &provider).await;
    let came = come(
        &other,
        &theirs,
        &provider,
        json!({ "sub": "eve", "sid": "s-9" }),
    )
    .await;
    let eve = holder(app, &came.expect_status(200));
    ended(app, by, json!({ "sid": "s-9" }))
        .await
        .expect_status(200);
    ended(app, by, json!({ "sub": "eve" }))
        .await
        .expect_status(200);
    eve.get("/v1/me").await.expect_status(200);
});

both_databases!(a_session_by_password_loses_the_proof_only, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let claims = json!({ "sub": "admin", "sid": "s-1" });
    for purpose in ["link", "step_up"] {
        let more = json!({ "purpose": purpose });
        let round = (&provider, claims.clone());
        let end = go_round(&school.admin, &connection, round, more).await;
        exchange(app, &ticket_of(&end)).await.expect_status(200);
    }
    let required = json!({ "required": true, "emergency_admins": [school.admin.id] });
    let policy = school.path("/sign-in-policy");
    school.admin.put(&policy, required).await.expect_status(200);
    let proofs = || {
        use diesel::prelude::*;
        use rollcall::store::schema::session_proofs;
        let mut store = app.state.services.pool.get().unwrap();
        let count: i64 = session_proofs::table
            .count()
            .get_result(&mut **store)
            .unwrap();
        count
    };
    assert_eq!(proofs(), 1);
    let by = (&provider, &connection);
    ended(app, by, json!({ "sid": "s-1" }))
        .await
        .expect_status(200);
    assert_eq!(proofs(), 0);
    school.admin.get("/v1/me").await.expect_status(200);
});

both_databases!(what_is_no_logout_token_ends_nothing, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let by = (&provider, &connection);
    let claims = json!({ "sub": "mira", "sid": "s-1" });
    let came = come(&school, &connection, &provider, claims).await;
    let mira = holder(app, &came.expect_status(200));
    let now = app.now().as_seconds();
    for wrong in [
        json!({ "iss": "https://other.example" }),
        json!({ "aud": "another" }),
        json!({ "aud": null }),
        json!({ "exp": now - 1000 }),
        json!({ "exp": null }),
        json!({ "iat": now + 1000 }),
        json!({ "iat": null }),
        json!({ "events": null }),
        json!({ "events": { EVENT: 1 } }),
        json!({ "events": { "https://other.example": {} } }),
        json!({ "nonce": "n" }),
        json!({ "sid": null }),
        json!({ "sid": 7 }),
    ] {
        let mut all = json!({ "sid": "s-1" });
        all.as_object_mut()
            .unwrap()
            .extend(wrong.as_object().unwrap().clone());
        let refused = ended(app, by, all).await;
        assert_eq!(refused.header("cache-control"), "no-store");
        assert_eq!(
            refused.expect_status(400)["error"],
            "invalid_request",
            "{wrong}"
        );
    }
    let id = text(&connection["id"]);
    let unsigned = "eyJhbGciOiJub25lIn0.e30.";
    for token in ["", "x", "a.b.c", unsigned] {
        post_token(app, &id, token).await.expect_status(400);
    }
    let stranger = IdentityProvider::start();
    let seconds = app.now().as_seconds();
    let forged = json!({
        "iss": provider.issuer(), "aud": CLIENT_ID, "iat": seconds, "exp": seconds + 120,
        "events": { EVENT: {} }, "sid": "s-1",
    });
    post_token(app, &id, &stranger.sign(&forged))
        .await
        .expect_status(400);
    // Of a draft, the provider is asked on nobody's word.
    let unasked = IdentityProvider::start();
    let unused = draft(&school, &unasked).await;
    ended(app, (&unasked, &unused), json!({ "sid": "s-1" }))
        .await
        .expect_status(400);
    assert_eq!(unasked.asked_for("/.well-known/openid-configuration"), 0);
    let nobody = "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11";
    post_token(app, nobody, &provider.sign(&forged))
        .await
        .expect_status(400);
    post_token(app, "no-id", &provider.sign(&forged))
        .await
        .expect_status(400);
    mira.get("/v1/me").await.expect_status(200);
    // A key that was changed since is fetched, a minute later.
    provider.change_key();
    app.advance(Duration::from_secs(61));
    ended(app, by, json!({ "sid": "s-1" }))
        .await
        .expect_status(200);
    mira.get("/v1/me")
        .await
        .expect_problem(401, "not_signed_in");
});

both_databases!(garbage_is_limited_and_good_tokens_are_not, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let id = text(&connection["id"]);
    let last = async |count: usize| {
        for _ in 1..count {
            post_token(app, &id, "x").await.expect_status(400);
        }
        post_token(app, &id, "x").await
    };
    last(299).await.expect_status(400);
    let by = (&provider, &connection);
    for _ in 0..3 {
        ended(app, by, json!({ "sid": "s-1" }))
            .await
            .expect_status(200);
    }
    last(2).await.expect_problem(429, "rate_limited");
});

both_databases!(
    who_was_to_ask_for_a_new_key_and_is_gone_keeps_nobody_waiting,
    |app| {
        let school = app.school().await;
        let provider = IdentityProvider::start();
        let connection = active(&school, &provider).await;
        let came = async |subject: &str| {
            come(&school, &connection, &provider, json!({ "sub": subject })).await
        };
        came("mira").await.expect_status(200);
        provider.change_key();
        // A replica that took it upon itself, and was killed.
        let asked_at = app.now();
        let database = &mut **invariants::connect(&app.state.services.pool);
        let claimed = diesel::update(fetched_documents::table)
            .set((
                fetched_documents::asked_for_key_at.eq(Some(asked_at)),
                fetched_documents::is_key_awaited.eq(true),
            ))
            .execute(database)
            .unwrap();
        assert!(claimed > 0);
        app.advance(Duration::from_secs(30));
        came("noah").await.expect_status(200);
    }
);
