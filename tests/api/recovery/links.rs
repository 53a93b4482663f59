//! What holds of every link, whatever it is for, and of the mails that carry them.

use super::*;

both_databases!(a_link_that_is_opened_changes_nothing, |app| {
    let jane = app.register("jane@x.org").await;
    forgot(app, "jane@x.org").await.expect_status(202);
    for page in ["verify", "reset"] {
        let path = match page {
            "verify" => "/v1/auth/email/verify",
            _ => "/v1/auth/password/reset",
        };
        let opened = app.anonymous().get(path).await;
        opened.expect_problem(405, "method_not_allowed");
    }
    assert_eq!(me(&jane).await["email_verified"], false);
});

both_databases!(tokens_of_one_kind_never_pass_for_another, |app| {
    let jane = app.register("jane@x.org").await;
    forgot(app, "jane@x.org").await.expect_status(202);
    let to_verify = tokens(app, "jane@x.org", "verify-email").await.remove(0);
    let to_reset = tokens(app, "jane@x.org", "set-password").await.remove(0);
    let as_reset = to_verify.replace("rcv_", "rcp_");
    let as_verify = to_reset.replace("rcp_", "rcv_");
    for token in [
        &to_verify,
        &as_reset,
        &jane.refresh_token,
        "",
        "rcp_",
        &"x".repeat(200),
    ] {
        reset(app, token, NEW)
            .await
            .expect_problem(410, "token_invalid");
    }
    for token in [&to_reset, &as_verify, "rcv_nonsense"] {
        verify(app, token)
            .await
            .expect_problem(410, "token_invalid");
    }
    for malformed in [
        json!({}),
        json!({ "token": 7, "password": NEW }),
        json!({ "token": "x".repeat(201), "password": NEW }),
        json!({ "code": "x" }),
    ] {
        let refused = app
            .anonymous()
            .post("/v1/auth/password/reset", malformed.clone())
            .await;
        refused.expect_problem(400, "malformed_request");
        let refused = app
            .anonymous()
            .post("/v1/auth/email/verify", malformed)
            .await;
        assert_eq!(refused.status, 400);
    }
    verify(app, &to_verify).await.expect_status(200);
    reset(app, &to_reset, NEW).await.expect_status(204);
});

both_databases!(a_generated_address_is_never_mailed_to, |app| {
    use diesel::prelude::*;
    use rollcall::store::schema::accounts;
    let jane = app.register("jane@school.example").await;
    let before = app.mails().await.len();
    let mut connection = app.state.services.pool.get().unwrap();
    diesel::update(accounts::table.filter(accounts::email.eq(&jane.email)))
        .set(accounts::generated_address.eq(true))
        .execute(&mut **connection)
        .unwrap();
    drop(connection);
    forgot(app, &jane.email).await.expect_status(202);
    jane.post("/v1/auth/email/resend", json!({}))
        .await
        .expect_status(202);
    let change = json!({ "current_password": PASSWORD, "new_password": NEW });
    jane.post("/v1/auth/password/change", change)
        .await
        .expect_status(204);
    assert_eq!(app.mails().await.len(), before);
});

both_databases!(
    a_deactivated_account_gets_no_password_and_no_session,
    |app| {
        let jane = app.register("jane@x.org").await;
        forgot(app, "jane@x.org").await.expect_status(202);
        let to_verify = tokens(app, "jane@x.org", "verify-email").await.remove(0);
        let to_reset = tokens(app, "jane@x.org", "set-password").await.remove(0);
        set_deactivated(app, &jane);
        reset(app, &to_reset, NEW)
            .await
            .expect_problem(403, "account_deactivated");
        verify(app, &to_verify)
            .await
            .expect_problem(403, "account_deactivated");
        login(app, "jane@x.org", NEW)
            .await
            .expect_problem(401, "wrong_credentials");
        login(app, "jane@x.org", PASSWORD)
            .await
            .expect_problem(403, "account_deactivated");
    }
);

both_databases!(links_are_forgotten_thirty_days_after_their_end, |app| {
    use diesel::prelude::*;
    use rollcall::store::schema::mailed_tokens;
    let jane = app.register("jane@x.org").await;
    let to_verify = TokenKind::VerifyEmail;
    let jane: rollcall::domain::ids::AccountId = jane.id.parse().unwrap();
    let kept = || -> i64 {
        let mut connection = app.state.services.pool.get().unwrap();
        mailed_tokens::table
            .filter(mailed_tokens::account_id.eq(jane))
            .filter(mailed_tokens::kind.eq(to_verify))
            .count()
            .get_result(&mut **connection)
            .unwrap()
    };
    app.advance((7 + 30) * 24 * HOUR - Duration::from_secs(1));
    app.drain().await;
    assert_eq!(kept(), 1);
    app.advance(Duration::from_secs(1));
    app.drain().await;
    assert_eq!(kept(), 0);
});

both_databases!(people_are_written_to_in_their_language, |app| {
    let register = async |email: &str, language: Value, accepted: &str| {
        let mut body = json!({ "email": email, "password": PASSWORD, "username": "Jane" });
        if !language.is_null() {
            body["language"] = language;
        }
        let anonymous = app.anonymous();
        let request = anonymous.request(reqwest::Method::POST, "/v1/auth/register");
        let request = request.header("accept-language", accepted).json(&body);
        crate::support::people::send(request).await
    };
    for (email, language, accepted, expected) in [
        ("chosen@x.org", json!("sv"), "fi", "sv"),
        (
            "browser@x.org",
            json!(null),
            "nl, fi-FI;q=0.9, en;q=0.8",
            "fi",
        ),
        ("neither@x.org", json!(null), "nl", "en"),
    ] {
        let made = register(email, language, accepted).await.expect_status(201);
        assert_eq!(made["account"]["language"], expected);
    }
    let written_in = |email: &str| -> String {
        use diesel::prelude::*;
        use rollcall::store::schema::mails;
        let mut connection = app.state.services.pool.get().unwrap();
        mails::table
            .filter(mails::recipient.eq(email))
            .select(mails::language)
            .first(&mut **connection)
            .unwrap()
    };
    assert_eq!(written_in("chosen@x.org"), "sv");
    assert_eq!(written_in("browser@x.org"), "fi");
    let jane = app.sign_in("neither@x.org", PASSWORD).await;
    let changed = jane.patch("/v1/me", json!({ "language": "de" })).await;
    let changed = changed.expect_status(200);
    assert_eq!(
        (&changed["language"], &changed["username"]),
        (&json!("de"), &json!("Jane"))
    );
    let unknown = jane.patch("/v1/me", json!({ "language": "nl" })).await;
    unknown.expect_problem(400, "malformed_request");
    let refused = register("nobody@x.org", json!("tlh"), "en").await;
    refused.expect_problem(400, "malformed_request");
});

both_databases!(nothing_secret_is_in_the_log_of_a_recovery, |app| {
    use diesel::prelude::*;
    use rollcall::store::schema::audit_events;
    app.register("jane@x.org").await;
    forgot(app, "jane@x.org").await.expect_status(202);
    let to_verify = tokens(app, "jane@x.org", "verify-email").await.remove(0);
    let to_reset = tokens(app, "jane@x.org", "set-password").await.remove(0);
    verify(app, &to_verify).await.expect_status(200);
    reset(app, &to_reset, NEW).await.expect_status(204);
    let mut connection = app.state.services.pool.get().unwrap();
    let events: Vec<(String, rollcall::store::sql_types::JsonColumn)> = audit_events::table
        .order(audit_events::id.asc())
        .select((audit_events::action, audit_events::details))
        .load(&mut **connection)
        .unwrap();
    let actions: Vec<&str> = events.iter().map(|(action, _)| action.as_str()).collect();
    for action in [
        "account.registered",
        "account.email_verified",
        "account.password_reset",
    ] {
        assert!(actions.contains(&action), "{actions:?}");
    }
    let words = format!("{events:?}");
    assert!(!words.contains(&to_verify[4..]) && !words.contains(&to_reset[4..]));
});

/// Sends an anonymous request with an `Idempotency-Key`.
async fn once(app: &App, path: &str, body: &Value) -> TestResponse {
    let request = app.anonymous().request(reqwest::Method::POST, path);
    let request = request.header("idempotency-key", "one").json(body);
    crate::support::people::send(request).await
}

both_databases!(a_repeated_request_sends_one_mail_and_uses_one_link, |app| {
    app.register("jane@x.org").await;
    let body = json!({ "email": "jane@x.org" });
    for _ in 0..10 {
        once(app, "/v1/auth/password/forgot", &body)
            .await
            .expect_status(202);
    }
    let links = tokens(app, "jane@x.org", "set-password").await;
    assert_eq!(links.len(), 1);
    let body = json!({ "token": links[0], "password": NEW });
    for _ in 0..3 {
        once(app, "/v1/auth/password/reset", &body)
            .await
            .expect_status(204);
    }
    let token = tokens(app, "jane@x.org", "verify-email").await.remove(0);
    let body = json!({ "token": token, "password": NEW });
    for _ in 0..2 {
        let verified = once(app, "/v1/auth/email/verify", &body).await;
        assert_eq!(verified.expect_status(200)["email"], "jane@x.org");
    }
});
