//! Accounts and signing in (`docs/accounts.md`).

use std::collections::BTreeSet;
use std::time::Duration;

use rollcall::domain::audit::AuditAction;
use rollcall::domain::ids::AccountId;
use serde_json::{Value, json};

use crate::support::app::block_on;
use crate::support::people::{PASSWORD, Person, text};
use crate::support::{App, TestResponse, both_databases};

both_databases!(a_person_registers_and_signs_in_with_any_case, |app| {
    let body = json!({ "email": " Jane.Doe@X.org ", "password": PASSWORD, "username": "Jane Doe" });
    let registered = app.anonymous().post("/v1/auth/register", body).await;
    registered.expect(
        201,
        json!({
            "account": {
                "id": "<uuid>",
                "email": "jane.doe@x.org",
                "email_verified": false,
                "username": "Jane Doe",
                "generated_address": false,
                "has_password": true, "must_change_password": false,
                "operator": false,
                "language": "en",
                "created_at": "2026-09-01T07:30:00Z",
                "last_active_at": "2026-09-01T07:30:00Z",
            },
            "access_token": "<text>",
            "token_type": "Bearer",
            "expires_in": 900,
            "refresh_token": "<text>",
            "must_change_password": false,
            "device_token": "<text>",
            "joined": null,
        }),
    );
    let jane = app.sign_in("JANE.DOE@x.ORG", PASSWORD).await;
    assert_eq!(
        jane.get("/v1/me").await.expect_status(200)["username"],
        "Jane Doe"
    );
});

both_databases!(one_address_is_one_account_whatever_its_case, |app| {
    app.register("jane@x.org").await;
    let again = json!({ "email": "JANE@X.ORG", "password": PASSWORD, "username": "Other" });
    app.anonymous()
        .post("/v1/auth/register", again)
        .await
        .expect_problem(409, "email_taken");
});

both_databases!(every_field_at_fault_is_told_at_once, |app| {
    let body = json!({ "email": "nobody", "password": "short1", "username": " " });
    app.anonymous()
        .post("/v1/auth/register", body)
        .await
        .expect_fields(&[
            ("/email", "email_invalid"),
            ("/username", "username_missing"),
            ("/password", "password_too_short"),
        ]);
});

both_databases!(
    unknown_address_and_wrong_password_get_the_same_answer,
    |app| {
        app.register("jane@x.org").await;
        let mut details = Vec::new();
        for (email, password) in [
            ("jane@x.org", "not the password 1"),
            ("nobody@x.org", PASSWORD),
            ("no address at all", PASSWORD),
            ("jane@x.org", &"long ".repeat(1000)),
        ] {
            let body = json!({ "email": email, "password": password });
            let refused = app.anonymous().post("/v1/auth/login", body).await;
            let problem = refused.expect_problem(401, "wrong_credentials");
            assert_eq!(refused.header("www-authenticate"), "Bearer");
            details.push(problem["detail"].clone());
        }
        details.dedup();
        assert_eq!(details.len(), 1);
    }
);

both_databases!(
    a_deactivated_account_is_told_so_only_after_the_right_password,
    |app| {
        use diesel::prelude::*;
        use rollcall::store::schema::accounts;
        let jane = app.register("jane@x.org").await;
        let now = app.now();
        let mut connection = app.state.services.pool.get().unwrap();
        diesel::update(accounts::table.filter(accounts::email.eq("jane@x.org")))
            .set(accounts::deactivated_at.eq(now))
            .execute(&mut **connection)
            .unwrap();
        drop(connection);
        let wrong = json!({ "email": "jane@x.org", "password": "not the password 1" });
        app.anonymous()
            .post("/v1/auth/login", wrong)
            .await
            .expect_problem(401, "wrong_credentials");
        let right = json!({ "email": "jane@x.org", "password": PASSWORD });
        app.anonymous()
            .post("/v1/auth/login", right)
            .await
            .expect_problem(403, "account_deactivated");
        jane.get("/v1/me")
            .await
            .expect_problem(401, "not_signed_in");
    }
);

both_databases!(an_access_token_holds_for_fifteen_minutes, |app| {
    let jane = app.register("jane@x.org").await;
    app.advance(Duration::from_secs(15 * 60 - 1));
    jane.get("/v1/me").await.expect_status(200);
    app.advance(Duration::from_secs(1));
    jane.get("/v1/me")
        .await
        .expect_problem(401, "not_signed_in");
});

both_databases!(a_forged_or_missing_token_opens_nothing, |app| {
    let jane = app.register("jane@x.org").await;
    let mut forger = jane.clone();
    let token = jane.access_token.clone().unwrap();
    let mut parts: Vec<&str> = token.split('.').collect();
    let other = app.register("other@x.org").await.access_token.unwrap();
    parts[1] = other.split('.').nth(1).unwrap();
    for forged in [parts.join("."), String::new(), "nonsense".to_owned()] {
        forger.access_token = Some(forged);
        forger
            .get("/v1/me")
            .await
            .expect_problem(401, "not_signed_in");
    }
    app.anonymous()
        .get("/v1/me")
        .await
        .expect_problem(401, "not_signed_in");
});

both_databases!(
    a_refresh_token_is_rotated_and_its_second_use_ends_the_family,
    |app| {
        let jane = app.register("jane@x.org").await;
        let first = json!({ "refresh_token": jane.refresh_token });
        let anonymous = app.anonymous();
        let rotated = anonymous
            .post("/v1/auth/refresh", first.clone())
            .await
            .expect_status(200);
        let second = json!({ "refresh_token": rotated["refresh_token"] });
        assert_ne!(first, second);
        app.advance(Duration::from_secs(60));
        let next = anonymous
            .post("/v1/auth/refresh", second)
            .await
            .expect_status(200);
        // Somebody has copied the first one.
        anonymous
            .post("/v1/auth/refresh", first)
            .await
            .expect_problem(401, "not_signed_in");
        let third = json!({ "refresh_token": next["refresh_token"] });
        anonymous
            .post("/v1/auth/refresh", third)
            .await
            .expect_problem(401, "not_signed_in");
        jane.get("/v1/me")
            .await
            .expect_problem(401, "not_signed_in");
    }
);

both_databases!(
    whoever_sends_no_refresh_token_is_told_where_it_goes,
    |app| {
        let refused = app.anonymous().post("/v1/auth/refresh", json!({})).await;
        let problem = refused.expect_problem(401, "not_signed_in");
        let detail = "Send the refresh token as `refresh_token`, or in the cookie.";
        assert_eq!(problem["detail"], detail);
    }
);

async fn refresh(app: &App, token: &Value) -> TestResponse {
    let body = json!({ "refresh_token": token });
    app.anonymous().post("/v1/auth/refresh", body).await
}

both_databases!(
    a_client_that_refreshes_many_times_at_once_gets_one_chain,
    |app| {
        let jane = app.register("jane@x.org").await;
        let first = json!(jane.refresh_token);
        let refreshed = futures_util::future::join_all((0..6).map(|_| refresh(app, &first))).await;
        let successors: BTreeSet<String> = refreshed
            .iter()
            .map(|answer| text(&answer.expect_status(200)["refresh_token"]))
            .collect();
        assert_eq!(successors.len(), 1, "each use made a chain of its own");
        let second = json!(successors.first());
        app.advance(Duration::from_secs(9));
        let late = refresh(app, &first).await.expect_status(200);
        assert_eq!(late["refresh_token"], second);
        let third = refresh(app, &second).await.expect_status(200)["refresh_token"].clone();
        // A late repetition is not told where the chain has got to.
        let late = refresh(app, &first).await.expect_status(200);
        assert_eq!(late["refresh_token"], second);
        app.advance(Duration::from_secs(11));
        refresh(app, &second)
            .await
            .expect_problem(401, "not_signed_in");
        refresh(app, &third)
            .await
            .expect_problem(401, "not_signed_in");
    }
);

#[test]
fn replicas_agree_on_the_next_refresh_token() {
    let Some(app) = App::on_postgres() else {
        return;
    };
    let replica = app.replica();
    block_on(async {
        let jane = app.register("jane@x.org").await;
        let first = json!(jane.refresh_token);
        let here = refresh(&app, &first).await.expect_status(200);
        let there = refresh(&replica, &first).await.expect_status(200);
        assert_eq!(here["refresh_token"], there["refresh_token"]);
        assert_ne!(here["refresh_token"], first);
        let next = refresh(&replica, &there["refresh_token"]).await;
        next.expect_status(200);
    });
}

both_databases!(a_refresh_that_meets_the_sign_out_is_no_second_use, |app| {
    use rollcall::store::sessions;
    let jane = app.register("jane@x.org").await;
    let id: AccountId = jane.id.parse().unwrap();
    let body = json!({ "refresh_token": jane.refresh_token });
    let refreshed = app
        .during(
            move |tx| sessions::delete_all(tx.connection, id, None).map(|_| ()),
            app.anonymous().post("/v1/auth/refresh", body),
            |_| Ok(()),
        )
        .await;
    refreshed.expect_problem(401, "not_signed_in");
    assert_eq!(count_events(app, AuditAction::SessionRevoked), 0);
});

both_databases!(of_two_sign_outs_at_once_one_ends_the_session, |app| {
    use rollcall::store::sessions;
    let jane = app.register("jane@x.org").await;
    let id: AccountId = jane.id.parse().unwrap();
    let body = json!({ "refresh_token": jane.refresh_token });
    let left = app
        .during(
            move |tx| sessions::delete_all(tx.connection, id, None).map(|_| ()),
            app.anonymous().post("/v1/auth/logout", body),
            |_| Ok(()),
        )
        .await;
    left.expect_status(200);
    assert_eq!(count_events(app, AuditAction::SessionEnded), 0);
});

/// How many events of this kind there are, in every log.
fn count_events(app: &App, action: AuditAction) -> i64 {
    use diesel::prelude::*;
    use rollcall::store::schema::audit_events;
    let mut connection = app.state.services.pool.get().unwrap();
    audit_events::table
        .filter(audit_events::action.eq(action))
        .count()
        .get_result(&mut **connection)
        .unwrap()
}

both_databases!(a_session_ends_thirty_days_after_its_last_refresh, |app| {
    let jane = app.register("jane@x.org").await;
    app.advance(Duration::from_secs(30 * 24 * 3600));
    let body = json!({ "refresh_token": jane.refresh_token });
    app.anonymous()
        .post("/v1/auth/refresh", body)
        .await
        .expect_problem(401, "not_signed_in");
});

both_databases!(a_session_ends_ninety_days_after_it_began, |app| {
    let day = Duration::from_secs(24 * 3600);
    let jane = app.register("jane@x.org").await;
    let mut token = json!(jane.refresh_token);
    for _ in 0..4 {
        app.advance(20 * day);
        token = refresh(app, &token).await.expect_status(200)["refresh_token"].clone();
    }
    app.advance(10 * day - Duration::from_secs(1));
    let last = refresh(app, &token).await.expect_status(200);
    let mut jane = jane.clone();
    jane.access_token = Some(text(&last["access_token"]));
    jane.get("/v1/me").await.expect_status(200);
    app.advance(Duration::from_secs(1));
    jane.get("/v1/me")
        .await
        .expect_problem(401, "not_signed_in");
    refresh(app, &last["refresh_token"])
        .await
        .expect_problem(401, "not_signed_in");
});

both_databases!(signing_out_holds_at_once, |app| {
    let jane = app.register("jane@x.org").await;
    let body = json!({ "refresh_token": jane.refresh_token });
    let out = jane.post("/v1/auth/logout", body.clone()).await;
    out.expect(200, json!({ "end_session_url": null }));
    jane.get("/v1/me")
        .await
        .expect_problem(401, "not_signed_in");
    app.anonymous()
        .post("/v1/auth/refresh", body.clone())
        .await
        .expect_problem(401, "not_signed_in");
    app.anonymous()
        .post("/v1/auth/logout", body)
        .await
        .expect_status(200);
});

both_databases!(
    signing_out_by_the_access_token_alone_ends_its_session,
    |app| {
        let jane = app.register("jane@x.org").await;
        let phone = app.sign_in("jane@x.org", PASSWORD).await;
        let expired = app.sign_in("jane@x.org", PASSWORD).await;
        // Two at once: one ends it, and the other hears of it or of its end.
        let (first, second) = tokio::join!(
            jane.post("/v1/auth/logout", Value::Null),
            jane.post("/v1/auth/logout", json!({ "refresh_token": null })),
        );
        let statuses = [first.status.as_u16(), second.status.as_u16()];
        assert!(statuses.contains(&200), "{statuses:?}");
        assert!(statuses.iter().all(|it| [200, 401].contains(it)));
        for gone in [
            jane.get("/v1/me").await,
            jane.post("/v1/auth/logout", Value::Null).await,
            refresh(app, &json!(jane.refresh_token)).await,
        ] {
            gone.expect_problem(401, "not_signed_in");
        }
        phone.get("/v1/me").await.expect_status(200);
        // The refresh token goes before: it says which session.
        let body = json!({ "refresh_token": phone.refresh_token });
        let out = expired.post("/v1/auth/logout", body).await;
        out.expect_status(200);
        phone
            .get("/v1/me")
            .await
            .expect_problem(401, "not_signed_in");
        expired.get("/v1/me").await.expect_status(200);
        // One that opens nothing leaves it to the access token.
        let other = app.sign_in("jane@x.org", PASSWORD).await;
        for token in [&phone.refresh_token, &"rcr_unknown".to_owned()] {
            let fourth = app.sign_in("jane@x.org", PASSWORD).await;
            let out = fourth.post("/v1/auth/logout", json!({ "refresh_token": token }));
            out.await.expect_status(200);
            fourth
                .get("/v1/me")
                .await
                .expect_problem(401, "not_signed_in");
        }
        other.get("/v1/me").await.expect_status(200);
        // One that is over ends nothing, and says so; the session goes on.
        app.advance(Duration::from_secs(60 * 60));
        let out = expired.post("/v1/auth/logout", Value::Null).await;
        out.expect_problem(401, "not_signed_in");
        refresh(app, &json!(expired.refresh_token))
            .await
            .expect_status(200);
        let nothing = app.anonymous().post("/v1/auth/logout", Value::Null).await;
        nothing.expect(200, json!({ "end_session_url": null }));
    }
);

both_databases!(an_api_key_has_no_session_to_end, |app| {
    let school = app.school().await;
    let new = json!({ "name": "Timetable", "scopes": ["audit:read"] });
    let created = school.admin.post(&school.path("/api-keys"), new).await;
    let key = Person {
        access_token: Some(text(&created.expect_status(201)["key"])),
        ..Person::anonymous(app)
    };
    let refused = key.post("/v1/auth/logout", Value::Null).await;
    refused.expect_problem(403, "forbidden");
});

both_databases!(a_person_sees_and_ends_their_own_sessions_only, |app| {
    let jane = app.register("jane@x.org").await;
    let phone = app.sign_in("jane@x.org", PASSWORD).await;
    let other = app.register("other@x.org").await;
    let sessions = jane.get("/v1/me/sessions").await.expect_status(200);
    let sessions = sessions["items"].as_array().unwrap();
    assert_eq!(sessions.len(), 2);
    let of_phone = sessions
        .iter()
        .find(|session| session["current"] == false)
        .unwrap();
    let path = format!("/v1/me/sessions/{}", of_phone["id"].as_str().unwrap());
    other.delete(&path).await.expect_problem(404, "not_found");
    jane.delete(&path).await.expect_status(204);
    jane.delete(&path).await.expect_problem(404, "not_found");
    phone
        .get("/v1/me")
        .await
        .expect_problem(401, "not_signed_in");
    jane.delete("/v1/me/sessions").await.expect_status(204);
    jane.get("/v1/me")
        .await
        .expect_problem(401, "not_signed_in");
    other.get("/v1/me").await.expect_status(200);
});

both_databases!(changing_the_password_ends_the_other_sessions, |app| {
    let jane = app.register("jane@x.org").await;
    let phone = app.sign_in("jane@x.org", PASSWORD).await;
    let new = "eight brown geese 8";
    let wrong = json!({ "current_password": "not the password 1", "new_password": new });
    let refused = jane.post("/v1/auth/password/change", wrong).await;
    let problem = refused.expect_problem(401, "wrong_credentials");
    assert_eq!(problem["detail"], "The current password is wrong.");
    assert_eq!(problem["errors"][0]["pointer"], "/current_password");
    let weak = json!({ "current_password": PASSWORD, "new_password": "password123" });
    let refused = jane.post("/v1/auth/password/change", weak).await;
    refused.expect_fields(&[("/new_password", "password_too_common")]);
    let right = json!({ "current_password": PASSWORD, "new_password": new });
    jane.post("/v1/auth/password/change", right)
        .await
        .expect_status(204);
    jane.get("/v1/me").await.expect_status(200);
    phone
        .get("/v1/me")
        .await
        .expect_problem(401, "not_signed_in");
    let old = json!({ "email": "jane@x.org", "password": PASSWORD });
    app.anonymous()
        .post("/v1/auth/login", old)
        .await
        .expect_problem(401, "wrong_credentials");
    app.sign_in("jane@x.org", new).await;
});

both_databases!(a_name_can_be_changed_and_lists_follow, |app| {
    let school = app.school().await;
    let renamed = school
        .admin
        .patch("/v1/me", json!({ "username": "  Zoë  " }))
        .await;
    assert_eq!(renamed.expect_status(200)["username"], "Zoë");
    let found = school
        .admin
        .get(&school.path("/members?search=ZOE"))
        .await
        .expect_status(200);
    assert_eq!(found["items"][0]["username"], "Zoë");
    let bad = school
        .admin
        .patch("/v1/me", json!({ "username": "a\u{202e}b" }))
        .await;
    bad.expect_fields(&[("/username", "username_invalid")]);
});

#[test]
fn a_hash_at_an_older_cost_is_renewed_at_sign_in() {
    use diesel::prelude::*;
    use rollcall::store::schema::accounts;
    let app = crate::support::App::on_sqlite_with(|config| {
        config.password_hash = "m=7168,t=5".parse().unwrap();
    });
    let stored = || -> String {
        let mut connection = app.state.services.pool.get().unwrap();
        accounts::table
            .filter(accounts::email.eq("person1@busy.example"))
            .select(accounts::password_hash.assume_not_null())
            .first(&mut **connection)
            .unwrap()
    };
    assert!(stored().starts_with("$argon2id$v=19$m=8,t=1,p=1$"));
    crate::support::app::block_on(async {
        app.sign_in("person1@busy.example", "Busy bees 1 buzz")
            .await;
        assert!(stored().starts_with("$argon2id$v=19$m=7168,t=5,p=1$"));
        app.sign_in("person1@busy.example", "Busy bees 1 buzz")
            .await;
    });
}

both_databases!(access_tokens_verify_with_the_published_key, |app| {
    let jane = app.register("jane@x.org").await;
    let keys = app.anonymous().get("/.well-known/jwks.json").await;
    let keys = keys.expect(
        200,
        json!({ "keys": [{
            "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": "<text>", "x": "<text>",
        }] }),
    );
    let key = jsonwebtoken::DecodingKey::from_ed_components(keys["keys"][0]["x"].as_str().unwrap());
    let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::EdDSA);
    validation.set_audience(&["rollcall:access"]);
    validation.validate_exp = false;
    let token = jane.access_token.as_deref().unwrap();
    let claims: serde_json::Value = jsonwebtoken::decode(token, &key.unwrap(), &validation)
        .unwrap()
        .claims;
    assert_eq!(claims["sub"], jane.id.as_str());
});

both_databases!(
    an_operator_is_never_who_registered_the_address_before,
    |app| {
        let squatter = app.register("operator@rollcall.example").await;
        let operator = app.operator().await;
        squatter
            .get("/v1/me")
            .await
            .expect_problem(401, "not_signed_in");
        assert_eq!(
            operator.get("/v1/me").await.expect_status(200)["operator"],
            true
        );
    }
);
