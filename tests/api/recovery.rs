//! Verifying an address, and getting back into an account (PRODUCT 3.3).

use std::time::{Duration, Instant};

use rollcall::domain::token::{Token, TokenKind};
use rollcall::store::mailed_tokens::{self, MailedToken};
use serde_json::{Value, json};

use crate::support::people::{PASSWORD, Person, text};
use crate::support::{Answer, App, road};

const NEW: &str = "eight brown geese 8";

const HOUR: Duration = Duration::from_secs(60 * 60);

async fn forgot(app: &App, email: &str) -> Answer {
    let body = json!({ "email": email });
    app.stranger().post("/v1/auth/password/forgot", body).await
}

async fn reset(app: &App, token: &str, password: &str) -> Answer {
    let body = json!({ "token": token, "password": password });
    app.stranger().post("/v1/auth/password/reset", body).await
}

async fn verify(app: &App, token: &str) -> Answer {
    let body = json!({ "token": token });
    app.stranger().post("/v1/auth/email/verify", body).await
}

async fn login(app: &App, email: &str, password: &str) -> Answer {
    let body = json!({ "email": email, "password": password });
    app.stranger().post("/v1/auth/login", body).await
}

async fn me(person: &Person<'_>) -> Value {
    person.get("/v1/me").await.expect_status(200)
}

/// The tokens in the mails to somebody, with a link to this page.
async fn tokens(app: &App, email: &str, page: &str) -> Vec<String> {
    let mails = app.mails().await;
    let theirs = mails.iter().filter(|mail| mail.to == email);
    let with_link = theirs.filter(|mail| mail.text.contains(page));
    with_link.map(|mail| mail.token()).collect()
}

road!(registering_mails_a_link_that_verifies_once, |app| {
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

road!(a_link_that_is_opened_changes_nothing, |app| {
    let jane = app.register("jane@x.org").await;
    forgot(app, "jane@x.org").await.expect_status(202);
    for page in ["verify", "reset"] {
        let path = match page {
            "verify" => "/v1/auth/email/verify",
            _ => "/v1/auth/password/reset",
        };
        let opened = app.stranger().get(path).await;
        opened.expect_problem(405, "method_not_allowed");
    }
    assert_eq!(me(&jane).await["email_verified"], false);
});

road!(a_link_to_verify_lives_for_seven_days, |app| {
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

road!(a_new_link_kills_the_old_ones, |app| {
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
    let stranger = app
        .stranger()
        .post("/v1/auth/email/resend", json!({}))
        .await;
    stranger.expect_problem(401, "not_signed_in");
});

road!(nobody_fills_a_mailbox, |app| {
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
    // One mailbox, one allowance: another door gives no more.
    forgot(app, "jane@x.org")
        .await
        .expect_problem(429, "rate_limited");
});

road!(a_forgotten_password_is_set_by_a_mailed_link, |app| {
    let jane = app.register("jane@x.org").await;
    let other = app.sign_in("jane@x.org", PASSWORD).await;
    forgot(app, " Jane@X.org ").await.expect_status(202);
    let mail = app.last_mail_to("jane@x.org").await;
    let links = tokens(app, "jane@x.org", "set-password").await;
    assert_eq!(links.len(), 1, "{}", mail.text);
    let token = &links[0];
    assert!(token.starts_with("rcp_"));
    app.advance(HOUR - Duration::from_secs(1));
    reset(app, token, NEW).await.expect_status(204);
    login(app, "jane@x.org", PASSWORD)
        .await
        .expect_problem(401, "wrong_credentials");
    let jane_again = app.sign_in("jane@x.org", NEW).await;
    assert_eq!(me(&jane_again).await["email_verified"], true);
    for session in [jane, other] {
        let body = json!({ "refresh_token": session.refresh_token });
        let ended = app.stranger().post("/v1/auth/refresh", body).await;
        ended.expect_problem(401, "not_signed_in");
    }
    reset(app, token, NEW)
        .await
        .expect_problem(410, "token_invalid");
    let subjects = app.mails().await;
    let theirs = subjects
        .iter()
        .filter(|mail| mail.to == "jane@x.org")
        .count();
    assert_eq!(theirs, 3, "to verify, to reset, and that it was changed");
});

road!(
    a_link_to_reset_lives_for_an_hour_and_dies_with_its_siblings,
    |app| {
        app.register("jane@x.org").await;
        forgot(app, "jane@x.org").await.expect_status(202);
        app.advance(HOUR);
        let old = tokens(app, "jane@x.org", "set-password").await;
        let expired = reset(app, &old[0], NEW)
            .await
            .expect_problem(410, "token_invalid");
        assert!(text(&expired["detail"]).contains("/v1/auth/password/forgot"));
        forgot(app, "jane@x.org").await.expect_status(202);
        forgot(app, "jane@x.org").await.expect_status(202);
        let links = tokens(app, "jane@x.org", "set-password").await;
        let fresh: Vec<_> = links.iter().filter(|link| **link != old[0]).collect();
        assert_eq!(fresh.len(), 2);
        reset(app, fresh[0], NEW).await.expect_status(204);
        reset(app, fresh[1], "nine green frogs 9")
            .await
            .expect_problem(410, "token_invalid");
        app.sign_in("jane@x.org", NEW).await;
    }
);

road!(two_links_at_once_set_one_password, |app| {
    app.register("jane@x.org").await;
    for _ in 0..2 {
        forgot(app, "jane@x.org").await.expect_status(202);
    }
    let links = tokens(app, "jane@x.org", "set-password").await;
    let tries = (0..8).map(|n| {
        let link = &links[n % 2];
        async move { (n, reset(app, link, &format!("{NEW} {n}")).await) }
    });
    let answers = futures_util::future::join_all(tries).await;
    let (set, refused): (Vec<_>, Vec<_>) = answers
        .into_iter()
        .partition(|(_, answer)| answer.status == 204);
    assert_eq!(set.len(), 1);
    for (_, answer) in refused {
        answer.expect_problem(410, "token_invalid");
    }
    app.sign_in("jane@x.org", &format!("{NEW} {}", set[0].0))
        .await;
});

road!(
    the_password_rule_holds_and_a_slip_does_not_use_the_link_up,
    |app| {
        app.register("jane@x.org").await;
        forgot(app, "jane@x.org").await.expect_status(202);
        let token = tokens(app, "jane@x.org", "set-password").await.remove(0);
        for (password, code) in [
            ("short1", "password_too_short"),
            ("onlyletters", "password_needs_digit"),
            ("1234567890", "password_needs_letter"),
            ("password123", "password_too_common"),
        ] {
            let refused = reset(app, &token, password).await;
            refused.expect_fields(&[("/password", code)]);
        }
        reset(app, &token, NEW).await.expect_status(204);
    }
);

road!(tokens_of_one_kind_never_pass_for_another, |app| {
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
        &"x".repeat(5000),
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
        json!({ "code": "x" }),
    ] {
        let refused = app
            .stranger()
            .post("/v1/auth/password/reset", malformed.clone())
            .await;
        refused.expect_problem(400, "malformed_request");
        let refused = app
            .stranger()
            .post("/v1/auth/email/verify", malformed)
            .await;
        assert_eq!(refused.status, 400);
    }
    verify(app, &to_verify).await.expect_status(200);
    reset(app, &to_reset, NEW).await.expect_status(204);
});

road!(
    nobody_learns_by_asking_whether_an_address_has_an_account,
    |app| {
        app.register("jane@x.org").await;
        let deactivated = app.register("gone@x.org").await;
        set_deactivated(app, &deactivated);
        let before = app.mails().await.len();
        let mut answers = Vec::new();
        for email in ["jane@x.org", "nobody@x.org", "gone@x.org"] {
            let begun = Instant::now();
            let mut answer = forgot(app, email).await;
            let took = begun.elapsed();
            answer.expect_status(202);
            assert!(
                took >= Duration::from_millis(95),
                "{email} is told apart: {took:?}"
            );
            for changing in ["date", "x-request-id", "ratelimit"] {
                answer.headers.remove(changing);
            }
            answers.push((answer.status, answer.headers, answer.text));
        }
        assert_eq!(answers[0], answers[1]);
        assert_eq!(answers[0], answers[2]);
        let after = app.mails().await;
        assert_eq!(after.len(), before + 1);
        assert_eq!(tokens(app, "jane@x.org", "set-password").await.len(), 1);
        // The limit tells nothing either: it comes after as many for each.
        let mut limited = Vec::new();
        for email in ["jane@x.org", "nobody@x.org"] {
            let mut asked = 1;
            while forgot(app, email).await.status == 202 {
                asked += 1;
                assert!(asked < 50);
            }
            let problem = forgot(app, email).await.expect_problem(429, "rate_limited");
            limited.push((asked, problem["detail"].clone()));
        }
        assert_eq!(limited[0], limited[1]);
        forgot(app, "no address")
            .await
            .expect_fields(&[("/email", "email_invalid")]);
    }
);

fn set_deactivated(app: &App, person: &Person<'_>) {
    use diesel::prelude::*;
    use rollcall::store::schema::accounts;
    let now = app.now();
    let mut connection = app.state.pool.get().unwrap();
    diesel::update(accounts::table.filter(accounts::email.eq(&person.email)))
        .set(accounts::deactivated_at.eq(now))
        .execute(&mut **connection)
        .unwrap();
}

road!(a_generated_address_is_never_mailed_to, |app| {
    use diesel::prelude::*;
    use rollcall::store::schema::accounts;
    let jane = app.register("jane@school.login.invalid").await;
    let before = app.mails().await.len();
    let mut connection = app.state.pool.get().unwrap();
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

road!(
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

/// A link to choose a first password, as an invitation mails it.
fn instructions(app: &App, person: &Person<'_>, invited: bool) -> String {
    use diesel::prelude::*;
    use rollcall::store::schema::{accounts, invitations};
    let token = Token::generate(TokenKind::SetPassword, &ring::rand::SystemRandom::new()).unwrap();
    let (now, account) = (app.now(), person.id.parse().unwrap());
    let expires_at = now.plus(HOUR);
    let mut connection = app.state.pool.get().unwrap();
    diesel::update(accounts::table.find::<rollcall::domain::ids::AccountId>(account))
        .set((
            accounts::password_hash.eq(None::<String>),
            accounts::must_change_password.eq(true),
        ))
        .execute(&mut **connection)
        .unwrap();
    let invitation = invited.then(rollcall::domain::ids::InvitationId::new);
    if let Some(invitation) = invitation {
        let organization: rollcall::domain::ids::OrganizationId =
            rollcall::store::schema::organizations::table
                .select(rollcall::store::schema::organizations::id)
                .first(&mut **connection)
                .unwrap();
        diesel::insert_into(invitations::table)
            .values((
                invitations::id.eq(invitation),
                invitations::organization_id.eq(organization),
                invitations::account_id.eq(account),
                invitations::email.eq(&person.email),
                invitations::kind.eq("new_account"),
                invitations::account_type.eq("student"),
                invitations::language.eq("en"),
                invitations::status.eq("pending"),
                invitations::valid_days.eq(7),
                invitations::expires_at.eq(expires_at),
                invitations::created_at.eq(now),
            ))
            .execute(&mut **connection)
            .unwrap();
    }
    let kept = MailedToken {
        kind: TokenKind::SetPassword,
        account_id: account,
        invitation_id: invitation,
        created_at: now,
        expires_at,
    };
    mailed_tokens::insert(&mut connection, &token.hash(), &kept).unwrap();
    token.reveal().to_owned()
}

road!(a_first_password_is_no_news_to_its_owner, |app| {
    let jane = app.register("jane@x.org").await;
    let before = app.mails().await.len();
    let token = instructions(app, &jane, false);
    login(app, "jane@x.org", PASSWORD)
        .await
        .expect_problem(401, "wrong_credentials");
    reset(app, &token, NEW).await.expect_status(204);
    let jane = app.sign_in("jane@x.org", NEW).await;
    let account = me(&jane).await;
    assert_eq!(account["email_verified"], true);
    assert_eq!(account["must_change_password"], false);
    assert_eq!(app.mails().await.len(), before);
});

road!(
    an_expired_invitation_tells_where_to_ask_for_another_link,
    |app| {
        app.school().await;
        let jane = app.register("jane@x.org").await;
        let token = instructions(app, &jane, true);
        app.advance(HOUR);
        let expired = reset(app, &token, NEW)
            .await
            .expect_problem(410, "token_invalid");
        assert!(text(&expired["detail"]).contains("/v1/invitations/renew"));
    }
);

road!(a_changed_password_kills_links_and_is_told_by_mail, |app| {
    let jane = app.register("jane@x.org").await;
    forgot(app, "jane@x.org").await.expect_status(202);
    let token = tokens(app, "jane@x.org", "set-password").await.remove(0);
    let before = app.mails().await.len();
    let change = json!({ "current_password": PASSWORD, "new_password": NEW });
    jane.post("/v1/auth/password/change", change)
        .await
        .expect_status(204);
    assert_eq!(app.mails().await.len(), before + 1);
    reset(app, &token, PASSWORD)
        .await
        .expect_problem(410, "token_invalid");
});

road!(links_are_forgotten_thirty_days_after_their_end, |app| {
    use diesel::prelude::*;
    use rollcall::store::schema::mailed_tokens;
    let jane = app.register("jane@x.org").await;
    let jane: rollcall::domain::ids::AccountId = jane.id.parse().unwrap();
    let kept = || -> i64 {
        let mut connection = app.state.pool.get().unwrap();
        mailed_tokens::table
            .filter(mailed_tokens::account_id.eq(jane))
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

road!(people_are_written_to_in_their_language, |app| {
    let register = async |email: &str, language: Value, accepted: &str| {
        let mut body = json!({ "email": email, "password": PASSWORD, "username": "Jane" });
        if !language.is_null() {
            body["language"] = language;
        }
        let stranger = app.stranger();
        let request = stranger.request(reqwest::Method::POST, "/v1/auth/register");
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
        let mut connection = app.state.pool.get().unwrap();
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

road!(nothing_secret_is_in_the_log_of_a_recovery, |app| {
    use diesel::prelude::*;
    use rollcall::store::schema::audit_events;
    app.register("jane@x.org").await;
    forgot(app, "jane@x.org").await.expect_status(202);
    let to_verify = tokens(app, "jane@x.org", "verify-email").await.remove(0);
    let to_reset = tokens(app, "jane@x.org", "set-password").await.remove(0);
    verify(app, &to_verify).await.expect_status(200);
    reset(app, &to_reset, NEW).await.expect_status(204);
    let mut connection = app.state.pool.get().unwrap();
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
