//! "This was not me": the second link of the mail that follows a registration.

use rollcall::mail::mailbox_limit::SendTime;
use rollcall::services::verification;

use super::*;
use crate::support::members::students;
use crate::support::people::Organization;

async fn not_me(app: &App, email: &str) -> String {
    app.last_mail_to(email).await.token_of("not-me")
}

fn exists(app: &App, email: &str) -> bool {
    let email = email.parse().unwrap();
    let found = app.as_cli(|tx| accounts::find_by_email(tx.connection, &email));
    found.unwrap().is_some()
}

async fn join_by_code(school: &Organization<'_>, who: &Person<'_>) {
    let code = school.admin.get(&school.path("/invite-code")).await;
    let body = json!({ "code": code.expect_status(200)["code"] });
    let joined = who.post("/v1/invite-codes/redeem", body).await;
    joined.expect_status(200);
}

both_databases!(an_account_that_was_never_verified_is_deleted, |app| {
    let school = app.school().await;
    let squatter = app.register("jane@x.org").await;
    join_by_code(&school, &squatter).await;
    let mail = app.last_mail_to("jane@x.org").await;
    let links = mail.links();
    assert_eq!(links.len(), 2, "{}", mail.text);
    assert!(links[0].starts_with("http://localhost:3000/verify-email?token=rcv_"));
    assert!(links[1].starts_with("http://localhost:3000/not-me?token=rcd_"));
    assert!(mail.html.contains(&format!("href=\"{}\"", links[1])));
    let token = mail.token_of("not-me");
    // Mail scanners follow links.
    let opened = app.anonymous().get("/v1/auth/email/disown").await;
    opened.expect_problem(405, "method_not_allowed");
    assert!(exists(app, "jane@x.org"));
    app.disown(&token).await.expect_status(204);
    assert!(!exists(app, "jane@x.org"));
    squatter
        .get("/v1/me")
        .await
        .expect_problem(401, "not_signed_in");
    login(app, "jane@x.org", PASSWORD)
        .await
        .expect_problem(401, "wrong_credentials");
    app.disown(&token)
        .await
        .expect_problem(410, "token_invalid");
    verify(app, &mail.token())
        .await
        .expect_problem(410, "token_invalid");
    let seats = school.admin.get(&school.path("/seats")).await;
    let seats = seats.expect_status(200);
    assert_eq!(seats["by_account_type"]["student"]["used"], 0);
    let log = school.admin.get(&school.path("/audit-events")).await;
    assert!(log.text.contains("member.left"), "{}", log.text);
    // Whose address it is registers as if nothing had been.
    let jane = app.register("jane@x.org").await;
    assert_ne!(jane.id, squatter.id);
});

both_databases!(a_link_of_an_older_mail_works_too_for_thirty_days, |app| {
    for (email, wait, status) in [
        (
            "in.time@x.org",
            30 * 24 * HOUR - Duration::from_secs(1),
            204,
        ),
        ("late@x.org", 30 * 24 * HOUR, 410),
    ] {
        let squatter = app.register(email).await;
        let token = not_me(app, email).await;
        let resent = squatter.post("/v1/auth/email/resend", json!({})).await;
        resent.expect_status(202);
        app.advance(wait);
        app.disown(&token).await.expect_status(status);
        assert_eq!(exists(app, email), status == 410);
    }
});

both_databases!(
    a_verified_account_is_shut_until_its_owner_resets_it,
    |app| {
        let squatter = app.register("jane@x.org").await;
        let mail = app.last_mail_to("jane@x.org").await;
        verify(app, &mail.token()).await.expect_status(200);
        let school = app
            .organization_of(squatter.clone(), "Squat School", "school")
            .await;
        let key = json!({ "name": "Back door", "scopes": ["members:read"] });
        let key = squatter.post(&school.path("/api-keys"), key).await;
        let key = Person {
            access_token: Some(text(&key.expect_status(201)["key"])),
            ..app.anonymous()
        };
        app.disown(&mail.token_of("not-me"))
            .await
            .expect_status(204);
        for who in [&squatter, &key] {
            who.get(&school.path("/members"))
                .await
                .expect_problem(401, "not_signed_in");
        }
        login(app, "jane@x.org", PASSWORD)
            .await
            .expect_problem(401, "wrong_credentials");
        forgot(app, "jane@x.org").await.expect_status(202);
        let token = tokens(app, "jane@x.org", "set-password").await.remove(0);
        reset(app, &token, NEW).await.expect_status(204);
        let jane = app.sign_in("jane@x.org", NEW).await;
        assert_eq!(jane.id, squatter.id);
        jane.get(&school.path("")).await.expect_status(200);
    }
);

both_databases!(an_organization_of_one_goes_with_its_founder, |app| {
    let squatter = app.register("jane@x.org").await;
    let school = app
        .organization_of(squatter.clone(), "Squat School", "school")
        .await;
    let token = not_me(app, "jane@x.org").await;
    app.disown(&token).await.expect_status(204);
    assert!(!exists(app, "jane@x.org"));
    let operator = app.operator().await;
    operator
        .get(&school.path(""))
        .await
        .expect_problem(404, "not_found");
});

both_databases!(
    an_organization_with_others_keeps_its_admin_who_is_shut_out,
    |app| {
        let squatter = app.register("jane@x.org").await;
        let token = not_me(app, "jane@x.org").await;
        let school = app
            .organization_of(squatter.clone(), "Squat School", "school")
            .await;
        let [ann, ..] = students(app, &school).await;
        app.disown(&token).await.expect_status(204);
        assert!(exists(app, "jane@x.org"));
        squatter
            .get("/v1/me")
            .await
            .expect_problem(401, "not_signed_in");
        login(app, "jane@x.org", PASSWORD)
            .await
            .expect_problem(401, "wrong_credentials");
        ann.get(&school.path("")).await.expect_status(200);
        let operator = app.operator().await;
        let member = operator.get(&school.path_of(&squatter.id)).await;
        assert_eq!(member.expect_status(200)["role"], "admin");
    }
);

both_databases!(
    an_account_that_an_organization_created_is_not_deleted,
    |app| {
        let school = app.school().await;
        let [ann, ..] = students(app, &school).await;
        let account = app.account(&ann.id);
        app.as_cli(|tx| tx.transaction(|tx| verification::send(tx, &account, SendTime::Now)))
            .unwrap();
        let token = not_me(app, "ann@hill.example").await;
        app.disown(&token).await.expect_status(204);
        ann.get("/v1/me").await.expect_problem(401, "not_signed_in");
        school
            .admin
            .get(&school.path_of(&ann.id))
            .await
            .expect_status(200);
    }
);

both_databases!(a_reset_ends_the_links_of_older_mails, |app| {
    app.register("jane@x.org").await;
    let token = not_me(app, "jane@x.org").await;
    forgot(app, "jane@x.org").await.expect_status(202);
    let link = tokens(app, "jane@x.org", "set-password").await.remove(0);
    reset(app, &link, NEW).await.expect_status(204);
    app.disown(&token)
        .await
        .expect_problem(410, "token_invalid");
    app.sign_in("jane@x.org", NEW).await;
});

both_databases!(of_many_at_once_one_disowns, |app| {
    app.register("jane@x.org").await;
    let token = not_me(app, "jane@x.org").await;
    let answers = futures_util::future::join_all((0..5).map(|_| app.disown(&token))).await;
    let done = answers.iter().filter(|answer| answer.status == 204).count();
    assert_eq!(done, 1);
    for answer in answers.iter().filter(|answer| answer.status != 204) {
        answer.expect_problem(410, "token_invalid");
    }
});

both_databases!(verifying_and_disowning_at_once_leave_nothing_half, |app| {
    for number in 0..6 {
        let email = format!("jane{number}@x.org");
        let squatter = app.register(&email).await;
        let mail = app.last_mail_to(&email).await;
        let (to_verify, to_disown) = (mail.token(), mail.token_of("not-me"));
        let verified = squatter.post("/v1/auth/email/verify", json!({ "token": to_verify }));
        let (verified, disowned) = tokio::join!(verified, app.disown(&to_disown));
        disowned.expect_status(204);
        assert!(
            [200, 401, 410].contains(&verified.status.as_u16()),
            "{}",
            verified.text
        );
        // Whoever was first: the session has ended.
        squatter
            .get("/v1/me")
            .await
            .expect_problem(401, "not_signed_in");
        assert_eq!(exists(app, &email), verified.status == 200);
    }
});

both_databases!(a_repeated_request_gets_the_same_answer, |app| {
    app.register("jane@x.org").await;
    let body = json!({ "token": not_me(app, "jane@x.org").await });
    for _ in 0..2 {
        let path = "/v1/auth/email/disown";
        let request = app.anonymous().request(reqwest::Method::POST, path);
        let request = request.header("idempotency-key", "one").json(&body);
        let answer = crate::support::people::send(request).await;
        answer.expect_status(204);
    }
});

/// Invites an address as a student; gives the path of the invitation and the token of its mail.
async fn invite(app: &App, school: &Organization<'_>, email: &str) -> (String, Value) {
    let body = json!({ "emails": [email], "account_type": "student" });
    let invited = school.admin.post(&school.path("/invitations"), body).await;
    let result = invited.expect_status(200)["results"][0].clone();
    assert_eq!(result["outcome"], "join_link_sent");
    let path = school.path(&format!("/invitations/{}", text(&result["invitation_id"])));
    let token = app.last_mail_to(email).await.token_of("invitation");
    (path, json!({ "token": token }))
}

async fn status_of(school: &Organization<'_>, invitation: &str) -> Value {
    let shown = school.admin.get(invitation).await;
    shown.expect_status(200)["status"].clone()
}

async fn reserved(school: &Organization<'_>) -> Value {
    let seats = school.admin.get(&school.path("/seats")).await;
    seats.expect_status(200)["total"]["reserved"].clone()
}

both_databases!(
    an_invitation_outlives_the_account_that_somebody_else_registered,
    |app| {
        let school = app.school().await;
        let other = app.organization("Other School", "school").await;
        for (email, way) in [
            ("jane@x.org", "disowns"),
            ("june@x.org", "deletes"),
            ("joan@x.org", "leaves"),
        ] {
            let squatter = app.register_unverified(email).await;
            let mail = app.last_mail_to(email).await;
            let (invitation, token) = invite(app, &school, email).await;
            let (elsewhere, _) = invite(app, &other, email).await;
            join_by_code(&school, &squatter).await;
            match way {
                "disowns" => {
                    let disowned = app.disown(&mail.token_of("not-me")).await;
                    disowned.expect_status(204);
                }
                "deletes" => {
                    squatter.delete("/v1/me").await.expect_status(204);
                }
                _ => {
                    let leave = format!("/v1/me/memberships/{}", school.id);
                    squatter.delete(&leave).await.expect_status(204);
                    squatter.delete("/v1/me").await.expect_status(204);
                }
            }
            squatter
                .get("/v1/me")
                .await
                .expect_problem(401, "not_signed_in");
            login(app, email, PASSWORD)
                .await
                .expect_problem(401, "wrong_credentials");
            assert_eq!(status_of(&school, &invitation).await, "pending", "{way}");
            assert_eq!(status_of(&other, &elsewhere).await, "pending", "{way}");
            assert_eq!(
                (reserved(&school).await, reserved(&other).await),
                (json!(1), json!(1))
            );
            let seen = app
                .anonymous()
                .post("/v1/invitations/preview", token.clone())
                .await;
            seen.expect_status(200);
            // The owner registers at once, with the same address, and follows the link.
            let owner = app.register_unverified(email).await;
            assert_ne!(owner.id, squatter.id);
            let mails = app.mails().await;
            let told = |mail: &&crate::support::ReceivedMail| mail.subject.contains("replaced");
            assert_eq!(mails.iter().filter(told).count(), 0);
            let accepted = owner.post("/v1/invitations/accept", token).await;
            assert_eq!(accepted.expect_status(200)["outcome"], "joined");
            assert_eq!(status_of(&school, &invitation).await, "accepted");
            let own = owner.get("/v1/me/invitations").await.expect_status(200);
            assert_eq!(own["items"][0]["organization"]["id"], other.id.as_str());
            let decline = json!({ "invitation_id": own["items"][0]["id"] });
            let declined = owner.post("/v1/invitations/decline", decline).await;
            declined.expect_status(204);
        }
    }
);

both_databases!(
    who_is_invited_and_disowns_may_set_a_password_instead,
    |app| {
        let school = app.school().await;
        app.register_unverified("jane@x.org").await;
        let mail = app.last_mail_to("jane@x.org").await;
        let (invitation, token) = invite(app, &school, "jane@x.org").await;
        let disowned = app.disown(&mail.token_of("not-me")).await;
        disowned.expect_status(204);
        let jane = crate::support::members::choose_password(app, "jane@x.org").await;
        let accepted = jane.post("/v1/invitations/accept", token).await;
        assert_eq!(accepted.expect_status(200)["outcome"], "joined");
        assert_eq!(status_of(&school, &invitation).await, "accepted");
    }
);

both_databases!(an_import_takes_over_what_was_disowned, |app| {
    let school = app.school().await;
    let other = app.organization("Other School", "school").await;
    app.register_unverified("jane@x.org").await;
    let mail = app.last_mail_to("jane@x.org").await;
    let (invitation, _) = invite(app, &school, "jane@x.org").await;
    let disowned = app.disown(&mail.token_of("not-me")).await;
    disowned.expect_status(204);
    let csv = "email,password,username\njane@x.org,quiet rivers 11,Jane\n";
    let import = other.import_students(csv).await;
    assert_eq!(import["counts"]["by_outcome"], json!({ "created": 1 }));
    assert_eq!(status_of(&school, &invitation).await, "pending");
});
