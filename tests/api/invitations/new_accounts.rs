//! People without an account: theirs is created at once, without a password.

use serde_json::json;

use super::{DAY, again, choose_password, outcomes, sent, token};
use crate::support::both_databases;
use crate::support::people::text;

both_databases!(sign_in_instructions_are_followed_to_their_end, |app| {
    let school = app.school().await;
    let group = school.class("7A").await;
    let body = json!({
        "emails": ["Jane.Doe@X.example"], "account_type": "student", "group_ids": [group],
        "language": "fi",
    });
    let answer = school.invite_with(body).await.expect_status(200);
    assert_eq!(outcomes(&answer), ["account_created"]);
    let id = text(&answer["results"][0]["invitation_id"]);
    let path = school.path(&format!("/invitations/{id}"));
    let mail = app.last_mail_to("jane.doe@x.example").await;
    assert!(mail.text.contains("jane.doe@x.example"), "{}", mail.text);
    assert!(
        mail.link()
            .starts_with("http://localhost:3000/set-password?token=rcp_")
    );
    let secret = mail.token();
    let preview = app
        .anonymous()
        .post("/v1/invitations/preview", token(&secret))
        .await;
    let preview = preview.expect_status(200);
    assert_eq!(preview["kind"], "new_account");
    assert_eq!(preview["email"], "jane.doe@x.example");
    assert_eq!(preview["status"], "pending");
    // The link to choose a password does not accept an invitation.
    let declined = app
        .anonymous()
        .post("/v1/invitations/decline", token(&secret))
        .await;
    declined.expect_problem(404, "invitation_unknown");
    choose_password(app, &secret, "quiet rivers 11")
        .await
        .expect_status(204);
    choose_password(app, &secret, "quiet rivers 12")
        .await
        .expect_problem(410, "token_invalid");
    let jane = app.sign_in("jane.doe@x.example", "quiet rivers 11").await;
    let me = jane.get("/v1/me").await.expect_status(200);
    assert_eq!(me["username"], "Jane Doe");
    assert_eq!(me["email_verified"], true);
    let memberships = jane.get("/v1/me/memberships").await.expect_status(200);
    assert_eq!(memberships["items"][0]["organization"]["id"], school.id);
    let invitation = school.admin.get(&path).await.expect_status(200);
    assert_eq!(invitation["status"], "accepted");
    assert_eq!(invitation["language"], "fi");
    for word in ["revoke", "resend"] {
        let ended = school
            .admin
            .post(&format!("{path}/{word}"), json!({}))
            .await;
        ended.expect_problem(409, "invitation_ended");
    }
    assert_eq!(school.students().await, (1, 0));
});

both_databases!(an_expired_link_to_choose_a_password_can_be_renewed, |app| {
    let mut school = app.school().await;
    let path = school.invite_one("new@x.example").await;
    let old = app.last_mail_to("new@x.example").await.token();
    app.advance(DAY * 10);
    school.admin = again(&school.admin).await;
    app.drain().await;
    choose_password(app, &old, "quiet rivers 11")
        .await
        .expect_problem(410, "token_invalid");
    let preview = app
        .anonymous()
        .post("/v1/invitations/preview", token(&old))
        .await;
    assert_eq!(preview.expect_status(200)["status"], "expired");
    let renewed = app
        .anonymous()
        .post("/v1/invitations/renew", token(&old))
        .await;
    renewed.expect_status(202);
    let new = app.last_mail_to("new@x.example").await.token();
    choose_password(app, &new, "quiet rivers 11")
        .await
        .expect_status(204);
    app.sign_in("new@x.example", "quiet rivers 11").await;
    let invitation = school.admin.get(&path).await.expect_status(200);
    assert_eq!(invitation["status"], "accepted");
    assert_eq!(school.students().await, (1, 0));
});

both_databases!(an_expired_account_can_be_taken_back, |app| {
    let mut school = app.school().await;
    let path = school.invite_one("new@x.example").await;
    let old = app.last_mail_to("new@x.example").await.token();
    app.advance(DAY * 10);
    app.drain().await;
    school.admin = again(&school.admin).await;
    assert_eq!(school.students().await, (1, 0));
    let revoked = school
        .admin
        .post(&format!("{path}/revoke"), json!({}))
        .await;
    assert_eq!(revoked.expect_status(200)["status"], "revoked");
    assert_eq!(school.students().await, (0, 0));
    let (joined, removed) = (
        school.events("member.joined").await,
        school.events("member.removed").await,
    );
    assert_eq!(removed[0]["subject"], joined[0]["subject"], "{removed:#}");
    app.anonymous()
        .post("/v1/invitations/renew", token(&old))
        .await
        .expect_problem(404, "invitation_unknown");
    assert_eq!(sent(app).await.len(), 1);
});

both_databases!(a_forgotten_password_opens_it_too, |app| {
    let school = app.school().await;
    let path = school.invite_one("new@x.example").await;
    let body = json!({ "email": "new@x.example" });
    let forgot = app.anonymous().post("/v1/auth/password/forgot", body).await;
    forgot.expect_status(202);
    let reset = app.last_mail_to("new@x.example").await.token();
    choose_password(app, &reset, "quiet rivers 11")
        .await
        .expect_status(204);
    let invitation = school.admin.get(&path).await.expect_status(200);
    assert_eq!(invitation["status"], "accepted");
});

both_databases!(mails_speak_the_language_and_show_the_note_as_text, |app| {
    let school = app.school().await;
    app.register("joe@x.example").await;
    let note =
        "<script>alert(1)</script>\nSubject: hi\nBcc: eve@x.example\n\n--boundary\n\n.\nÅsa & co";
    let body = json!({
        "emails": ["joe@x.example", "new@x.example"], "account_type": "student", "language": "de",
        "note": note,
    });
    school.invite_with(body).await.expect_status(200);
    let mails = sent(app).await;
    assert_eq!(mails.len(), 2);
    for mail in mails {
        assert_ne!(mail.to, "eve@x.example");
        // Text that a mail program would turn into a link is broken up invisibly.
        let text = mail.text.replace('\u{2060}', "");
        for line in note.lines().filter(|line| !line.is_empty()) {
            assert!(text.contains(line), "{line} in {text}");
        }
        assert!(!mail.html.contains("<script>"), "{}", mail.html);
        assert!(mail.html.contains("&lt;script"), "{}", mail.html);
        assert!(!mail.subject.contains("hi"), "{}", mail.subject);
        assert!(mail.link().starts_with("http://localhost:3000/"));
    }
});

both_databases!(an_account_is_taken_back_or_used_never_both, |app| {
    for round in 0..5 {
        let school = app.organization(&format!("School {round}"), "school").await;
        let email = format!("new{round}@x.example");
        let path = school.invite_one(&email).await;
        let secret = app.last_mail_to(&email).await.token();
        let revoke = format!("{path}/revoke");
        let (chosen, revoked) = tokio::join!(
            choose_password(app, &secret, "quiet rivers 11"),
            school.admin.post(&revoke, json!({})),
        );
        let statuses = (chosen.status.as_u16(), revoked.status.as_u16());
        let invitation = school.admin.get(&path).await.expect_status(200);
        match statuses {
            (204, 409) => {
                assert_eq!(invitation["status"], "accepted");
                app.sign_in(&email, "quiet rivers 11").await;
                assert_eq!(school.students().await, (1, 0));
            }
            (410, 200) => {
                assert_eq!(invitation["status"], "revoked");
                assert!(school.member_by_address(&email).await.is_none());
                assert_eq!(school.students().await, (0, 0));
            }
            other => panic!("{other:?} {} {}", chosen.text, revoked.text),
        }
    }
});
