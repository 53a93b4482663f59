//! Verifying an address by a mailed link.

use super::*;
use crate::support::members::students;

both_databases!(registering_mails_a_link_that_verifies_once, |app| {
    let jane = app.register("jane@x.org").await;
    assert_eq!(me(&jane).await["email_verified"], false);
    let mail = app.last_mail_to("jane@x.org").await;
    assert!(
        mail.link()
            .starts_with("http://localhost:3000/verify-email?token=rcv_")
    );
    let token = mail.token();
    verify(app, &token)
        .await
        .expect(200, json!({ "email": "jane@x.org", "joins": [] }));
    assert_eq!(me(&jane).await["email_verified"], true);
    verify(app, &token)
        .await
        .expect_problem(410, "token_invalid");
});

both_databases!(a_link_to_verify_lives_for_seven_days, |app| {
    for (email, wait, status) in [
        ("in.time@x.org", 7 * 24 * HOUR - Duration::from_secs(1), 200),
        ("late@x.org", 7 * 24 * HOUR, 410),
    ] {
        app.register(email).await;
        let token = app.last_mail_to(email).await.token();
        app.advance(wait);
        verify(app, &token).await.expect_status(status);
    }
});

both_databases!(a_new_link_kills_the_old_ones, |app| {
    let jane = app.register("jane@x.org").await;
    let resend = async || jane.post("/v1/auth/email/resend", json!({})).await;
    resend().await.expect_status(202);
    let links = tokens(app, "jane@x.org", "verify-email").await;
    assert_eq!(links.len(), 2);
    let by_age = [&links[0], &links[1]];
    let mut good = 0;
    for link in by_age {
        good += usize::from(verify(app, link).await.status == 200);
    }
    assert_eq!(good, 1);
    resend().await.expect_status(202);
    assert_eq!(tokens(app, "jane@x.org", "verify-email").await.len(), 2);
    let refused = app
        .anonymous()
        .post("/v1/auth/email/resend", json!({}))
        .await;
    refused.expect_problem(401, "not_signed_in");
});

both_databases!(nobody_fills_a_mailbox, |app| {
    let jane = app.register("jane@x.org").await;
    let mut sent = 0;
    for _ in 0..20 {
        let answer = jane.post("/v1/auth/email/resend", json!({})).await;
        if answer.status == 429 {
            break;
        }
        answer.expect_status(202);
        sent += 1;
    }
    assert!(sent < 20);
    // Each purpose has an allowance of its own: what anybody asks for takes nothing from the owner.
    for _ in 0..3 {
        forgot(app, "jane@x.org").await.expect_status(202);
    }
    forgot(app, "jane@x.org")
        .await
        .expect_problem(429, "rate_limited");
});

both_databases!(
    whoever_has_a_password_from_an_organization_sends_no_links,
    |app| {
        let school = app.school().await;
        let [ann, ..] = students(app, &school).await;
        let before = app.mails().await.len();
        let resend = ann.post("/v1/auth/email/resend", json!({})).await;
        let problem = resend.expect_problem(403, "password_change_required");
        let detail = text(&problem["detail"]);
        assert!(detail.contains("/v1/auth/password/forgot"), "{detail}");
        assert_eq!(app.mails().await.len(), before);
        forgot(app, &ann.email).await.expect_status(202);
        let token = app.last_mail_to(&ann.email).await.token();
        reset(app, &token, NEW).await.expect_status(204);
        let ann = app.sign_in(&ann.email, NEW).await;
        assert_eq!(me(&ann).await["email_verified"], true);
    }
);

both_databases!(who_verifies_locks_the_account_before_its_links, |app| {
    let jane = app.register("jane@x.org").await;
    let token = tokens(app, "jane@x.org", "verify-email").await.remove(0);
    let account: AccountId = jane.id.parse().unwrap();
    let verified = app
        .during(
            move |tx| accounts::lock(tx.connection, account).map(|_| ()),
            verify(app, &token),
            move |tx| {
                let kind = TokenKind::VerifyEmail;
                mailed_tokens::delete_of_account(tx.connection, account, kind)
            },
        )
        .await;
    verified.expect_problem(410, "token_invalid");
});

/// Verifies with what somebody has besides the link.
async fn verify_as(who: &Person<'_>, token: &str, password: Option<&str>) -> TestResponse {
    let body = match password {
        Some(password) => json!({ "token": token, "password": password }),
        None => json!({ "token": token }),
    };
    who.post("/v1/auth/email/verify", body).await
}

both_databases!(the_link_alone_verifies_nothing, |app| {
    // Somebody has registered the address of somebody else, who reads the mail.
    let squatter = app.register("jane@x.org").await;
    let token = app.last_mail_to("jane@x.org").await.token();
    let (nobody, other) = (app.anonymous(), app.register("other@x.org").await);
    for who in [&nobody, &other] {
        let refused = verify_as(who, &token, None).await;
        let problem = refused.expect_problem(401, "not_signed_in");
        assert!(text(&problem["detail"]).contains("`password`"));
        verify_as(who, &token, Some("not the password 1"))
            .await
            .expect_problem(401, "wrong_credentials");
    }
    assert_eq!(me(&squatter).await["email_verified"], false);
    assert_eq!(me(&other).await["email_verified"], false);
    // The link is as good as before, for whoever has registered.
    let verified = verify_as(&squatter, &token, None).await;
    verified.expect(200, json!({ "email": "jane@x.org", "joins": [] }));
    assert_eq!(me(&squatter).await["email_verified"], true);
});

both_databases!(the_password_verifies_whoever_is_signed_in, |app| {
    let jane = app.register("jane@x.org").await;
    let token = app.last_mail_to("jane@x.org").await.token();
    let other = app.register("other@x.org").await;
    let verified = verify_as(&other, &token, Some(PASSWORD)).await;
    verified.expect(200, json!({ "email": "jane@x.org", "joins": [] }));
    assert_eq!(me(&jane).await["email_verified"], true);
    assert_eq!(me(&other).await["email_verified"], false);
});

both_databases!(an_api_key_is_no_session, |app| {
    let school = app.school().await;
    let token = app.last_mail_to(&school.admin.email).await.token();
    let key = json!({ "name": "Timetable", "scopes": ["members:read"] });
    let key = school.admin.post(&school.path("/api-keys"), key).await;
    let key = Person {
        access_token: Some(text(&key.expect_status(201)["key"])),
        ..app.anonymous()
    };
    verify_as(&key, &token, None)
        .await
        .expect_problem(401, "not_signed_in");
    assert_eq!(me(&school.admin).await["email_verified"], false);
});

both_databases!(a_browser_verifies_by_its_cookie, |app| {
    let jane = app.register("jane@x.org").await;
    let token = app.last_mail_to("jane@x.org").await.token();
    let cookie = async || {
        let body = json!({ "email": "jane@x.org", "password": PASSWORD, "session": "cookie" });
        let answer = app.anonymous().post("/v1/auth/login", body).await;
        let cookie = answer.header("set-cookie");
        cookie.split(';').next().unwrap().to_owned()
    };
    let send = async |cookie: &str, origin: &str| {
        let path = "/v1/auth/email/verify";
        let request = app.anonymous().request(reqwest::Method::POST, path);
        let request = request.header("cookie", cookie).header("origin", origin);
        crate::support::people::send(request.json(&json!({ "token": token }))).await
    };
    let used = cookie().await;
    let refresh = app
        .anonymous()
        .request(reqwest::Method::POST, "/v1/auth/refresh")
        .header("cookie", &used);
    crate::support::people::send(refresh)
        .await
        .expect_status(200);
    let (app_origin, fresh) = ("http://localhost:3000", cookie().await);
    send(&fresh, "https://evil.example")
        .await
        .expect_problem(403, "forbidden");
    for cookie in [&used, "rollcall_refresh=nonsense"] {
        send(cookie, app_origin)
            .await
            .expect_problem(401, "not_signed_in");
    }
    send(&fresh, app_origin).await.expect_status(200);
    assert_eq!(me(&jane).await["email_verified"], true);
});

both_databases!(the_reader_of_a_mailbox_does_not_guess_the_password, |app| {
    app.register("jane@x.org").await;
    let token = app.last_mail_to("jane@x.org").await.token();
    let nobody = app.anonymous();
    for number in 0..12 {
        let guess = format!("wrong guess {number}");
        let answer = verify_as(&nobody, &token, Some(&guess)).await;
        answer.expect_status(if number < 10 { 401 } else { 429 });
    }
    // They count as failed sign-ins.
    login(app, "jane@x.org", PASSWORD)
        .await
        .expect_problem(429, "rate_limited");
    app.advance(Duration::from_secs(60));
    verify_as(&nobody, &token, Some(PASSWORD))
        .await
        .expect_status(200);
});

both_databases!(
    a_reset_shuts_out_whoever_had_registered_the_address,
    |app| {
        let squatter = app.register("jane@x.org").await;
        let school = json!({ "name": "Evil School", "kind": "school" });
        let school = squatter.post("/v1/organizations", school).await;
        let path = format!(
            "/v1/organizations/{}",
            text(&school.expect_status(201)["id"])
        );
        let key = json!({ "name": "Back door", "scopes": ["members:read"] });
        let key = squatter.post(&format!("{path}/api-keys"), key).await;
        let key = Person {
            access_token: Some(text(&key.expect_status(201)["key"])),
            ..app.anonymous()
        };
        forgot(app, "jane@x.org").await.expect_status(202);
        let token = tokens(app, "jane@x.org", "set-password").await.remove(0);
        reset(app, &token, NEW).await.expect_status(204);
        squatter
            .get("/v1/me")
            .await
            .expect_problem(401, "not_signed_in");
        key.get(&format!("{path}/members"))
            .await
            .expect_problem(401, "not_signed_in");
        let jane = app.sign_in("jane@x.org", NEW).await;
        let keys = jane.get(&format!("{path}/api-keys")).await;
        assert_eq!(keys.expect_status(200)["items"], json!([]));
        let log = jane.get(&format!("{path}/audit-events")).await.text;
        assert!(log.contains("api_key.revoked"), "{log}");
    }
);

both_databases!(whoever_has_verified_may_say_so_again, |app| {
    let jane = app.register("jane@x.org").await;
    let token = app.last_mail_to("jane@x.org").await.token();
    for _ in 0..2 {
        let verified = verify_as(&jane, &token, None).await;
        verified.expect(200, json!({ "email": "jane@x.org", "joins": [] }));
    }
    // To everybody else the link is used up.
    let other = app.register("other@x.org").await;
    for (who, password) in [
        (&other, None),
        (&app.anonymous(), None),
        (&app.anonymous(), Some(PASSWORD)),
    ] {
        let refused = verify_as(who, &token, password).await;
        refused.expect_problem(410, "token_invalid");
    }
    app.advance(7 * 24 * HOUR);
    let jane = app.sign_in("jane@x.org", PASSWORD).await;
    let late = verify_as(&jane, &token, None).await;
    late.expect_problem(410, "token_invalid");
});
