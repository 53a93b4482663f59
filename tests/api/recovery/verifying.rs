//! Verifying an address by a mailed link.

use super::*;

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
