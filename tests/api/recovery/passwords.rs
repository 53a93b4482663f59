//! A password that is forgotten, set for the first time, or changed.

use super::*;

both_databases!(a_forgotten_password_is_set_by_a_mailed_link, |app| {
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
        let ended = app.anonymous().post("/v1/auth/refresh", body).await;
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

both_databases!(
    a_link_to_reset_lives_for_an_hour_and_dies_with_its_siblings,
    |app| {
        app.register("jane@x.org").await;
        forgot(app, "jane@x.org").await.expect_status(202);
        let old = tokens(app, "jane@x.org", "set-password").await;
        app.advance(HOUR);
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

both_databases!(two_links_at_once_set_one_password, |app| {
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

both_databases!(
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

both_databases!(
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

/// A link to choose a first password, as an invitation mails it.
fn instructions(app: &App, person: &Person<'_>, invited: bool) -> String {
    use diesel::prelude::*;
    use rollcall::store::schema::{accounts, invitations};
    let token = Token::generate(TokenKind::SetPassword).unwrap();
    let (now, account) = (app.now(), person.id.parse().unwrap());
    let expires_at = now.plus(HOUR);
    let mut connection = app.state.services.pool.get().unwrap();
    diesel::update(accounts::table.find::<rollcall::domain::ids::AccountId>(account))
        .set((
            accounts::password_hash.eq(None::<String>),
            accounts::must_change_password.eq(true),
        ))
        .execute(&mut **connection)
        .unwrap();
    let invitation = invited.then(rollcall::clock::new_id::<rollcall::domain::ids::InvitationId>);
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
                invitations::search_key.eq(&person.email),
                invitations::kind.eq("new_account"),
                invitations::account_type.eq("student"),
                invitations::language.eq("en"),
                invitations::status.eq("pending"),
                invitations::valid_days.eq(7),
                invitations::links.eq(1),
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
        used_at: None,
    };
    mailed_tokens::insert(&mut connection, &token.hash(), &kept).unwrap();
    token.reveal().to_owned()
}

both_databases!(a_first_password_is_no_news_to_its_owner, |app| {
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

both_databases!(
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

both_databases!(a_changed_password_kills_links_and_is_told_by_mail, |app| {
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
