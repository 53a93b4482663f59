//! Invitations that are resent or revoked.

use serde_json::{Value, json};

use super::{DAY, again, sent, token};
use crate::support::both_databases;

both_databases!(a_new_link_kills_the_old_one, |app| {
    let mut school = app.school().await;
    let joe = app.register("joe@x.example").await;
    let path = school.invite_one("joe@x.example").await;
    let old = app.last_mail_to("joe@x.example").await.token();
    app.advance(DAY * 2);
    school.admin = again(&school.admin).await;
    let joe = again(&joe).await;
    let resend = format!("{path}/resend");
    let resent = school
        .admin
        .post(&resend, json!({}))
        .await
        .expect_status(200);
    assert_eq!(resent["status"], "pending");
    assert_eq!(resent["expires_at"], "2026-09-10T07:30:00Z");
    assert_eq!(resent["delivery"]["status"], "queued");
    // The queued mail is withdrawn: one mail is sent, with the latest link.
    school
        .admin
        .post(&resend, json!({}))
        .await
        .expect_status(200);
    let new = app.last_mail_to("joe@x.example").await.token();
    assert_eq!(sent(app).await.len(), 2);
    for path in ["/v1/invitations/accept", "/v1/invitations/preview"] {
        let dead = joe.post(path, token(&old)).await;
        dead.expect_problem(404, "invitation_unknown");
    }
    assert_eq!(school.students().await, (0, 1));
    let accepted = joe.post("/v1/invitations/accept", token(&new)).await;
    assert_eq!(accepted.expect_status(200)["outcome"], "joined");
    for word in ["resend", "revoke"] {
        let ended = school
            .admin
            .post(&format!("{path}/{word}"), json!({}))
            .await;
        ended.expect_problem(409, "invitation_ended");
    }
    assert_eq!(school.students().await, (1, 0));
    let audit = school.path("/audit-events?action=invitation.resent");
    let audit = school.admin.get(&audit).await.expect_status(200);
    assert_eq!(audit["items"].as_array().unwrap().len(), 2);
});

both_databases!(an_expired_one_needs_a_seat_again, |app| {
    let mut school = app.school().await;
    let operator = app.operator().await;
    let seats = school.path("/seats");
    let limit = json!({
        "total": null, "by_account_type": { "student": 1, "teacher": null },
    });
    operator.put(&seats, limit).await.expect_status(200);
    app.register("joe@x.example").await;
    let joe = school.invite_one("joe@x.example").await;
    app.advance(DAY * 7);
    school.admin = again(&school.admin).await;
    // Not cleaned up yet: its seat is still reserved.
    let resend = format!("{joe}/resend");
    school
        .admin
        .post(&resend, json!({}))
        .await
        .expect_status(200);
    assert_eq!(school.students().await, (0, 1));
    app.advance(DAY * 7);
    app.drain().await;
    school.admin = again(&school.admin).await;
    let other = school.invite_one("new@x.example").await;
    let refused = school.admin.post(&resend, json!({})).await;
    refused.expect_problem(409, "no_seat");
    assert_eq!(school.students().await, (1, 0));
    let revoke = format!("{other}/revoke");
    school
        .admin
        .post(&revoke, json!({}))
        .await
        .expect_status(200);
    school
        .admin
        .post(&resend, json!({}))
        .await
        .expect_status(200);
    assert_eq!(school.students().await, (0, 1));
});

both_databases!(what_is_taken_back_leaves_nothing_behind, |app| {
    let school = app.school().await;
    let joe = app.register("joe@x.example").await;
    let (joins, new) = (
        school.invite_one("joe@x.example").await,
        school.invite_one("new@x.example").await,
    );
    let join = app.last_mail_to("joe@x.example").await.token();
    let choose = app.last_mail_to("new@x.example").await.token();
    assert_eq!(school.students().await, (1, 1));
    for path in [&joins, &new] {
        let revoke = format!("{path}/revoke");
        let revoked = school
            .admin
            .post(&revoke, json!({}))
            .await
            .expect_status(200);
        assert_eq!(revoked["status"], "revoked");
        assert_eq!(revoked["ended_at"], "2026-09-01T07:30:00Z");
        let ended = school.admin.post(&revoke, json!({})).await;
        ended.expect_problem(409, "invitation_ended");
        let ended = school
            .admin
            .post(&format!("{path}/resend"), json!({}))
            .await;
        ended.expect_problem(409, "invitation_ended");
    }
    assert_eq!(school.students().await, (0, 0));
    for path in ["/v1/invitations/accept", "/v1/invitations/preview"] {
        let ended = joe.post(path, token(&join)).await;
        ended.expect_problem(409, "invitation_ended");
    }
    let gone = app
        .anonymous()
        .post("/v1/invitations/preview", token(&choose))
        .await;
    gone.expect_problem(404, "invitation_unknown");
    assert!(school.member_by_address("new@x.example").await.is_none());
    // The address has no account any more.
    app.register("new@x.example").await;
});

both_databases!(mail_that_is_still_here_does_not_leave, |app| {
    let school = app.school().await;
    app.register("joe@x.example").await;
    for email in ["joe@x.example", "new@x.example"] {
        let path = school.invite_one(email).await;
        let revoked = school
            .admin
            .post(&format!("{path}/revoke"), json!({}))
            .await;
        assert_eq!(revoked.expect_status(200)["delivery"], Value::Null);
    }
    assert!(sent(app).await.is_empty());
});

both_databases!(a_deleted_organization_takes_its_invitations_along, |app| {
    let school = app.school().await;
    let joe = app.register("joe@x.example").await;
    school.invite(&["joe@x.example", "new@x.example"]).await;
    let secret = app.last_mail_to("joe@x.example").await.token();
    school
        .admin
        .delete(&school.path(""))
        .await
        .expect_status(204);
    joe.post("/v1/invitations/accept", token(&secret))
        .await
        .expect_problem(404, "invitation_unknown");
    app.register("new@x.example").await;
});
