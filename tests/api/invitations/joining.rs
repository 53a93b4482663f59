//! People with an account: their link and their answer.

use diesel::prelude::*;
use rollcall::domain::ids::{AccountId, GroupId, OrganizationId};
use rollcall::store::removed_members;
use rollcall::store::schema::groups;
use serde_json::json;

use super::{choose_password, outcomes, sent, token, verify};
use crate::support::people::{Organization, Person, text};
use crate::support::{App, both_databases};

const PREVIEW: &str = "/v1/invitations/preview";
const ACCEPT: &str = "/v1/invitations/accept";
const DECLINE: &str = "/v1/invitations/decline";

both_databases!(a_link_to_join_is_followed_to_its_end, |app| {
    let school = app.school().await;
    let group = school.class("7A").await;
    let joe = app.register("joe@x.example").await;
    let body = json!({
        "emails": ["joe@x.example"], "account_type": "teacher", "group_ids": [group],
        "note": "Welcome!\nSee you.", "valid_days": 3,
    });
    let answer = school.invite_with(body).await.expect_status(200);
    let id = text(&answer["results"][0]["invitation_id"]);
    let path = school.path(&format!("/invitations/{id}"));
    let expected = json!({
        "id": id,
        "email": "joe@x.example",
        "kind": "join",
        "account_type": "teacher",
        "groups": [{ "id": group, "name": "7A" }],
        "language": "en",
        "note": "Welcome!\nSee you.",
        "status": "pending",
        "delivery": { "status": "queued", "attempts": 0, "last_error": null },
        "invited_by": { "account_id": school.admin.id, "username": "admin" },
        "expires_at": "2026-09-04T07:30:00Z",
        "created_at": "2026-09-01T07:30:00Z",
        "ended_at": null,
    });
    school.admin.get(&path).await.expect(200, expected);
    let mail = app.last_mail_to("joe@x.example").await;
    assert!(
        mail.link()
            .starts_with("http://localhost:3000/invitation?token=rci_")
    );
    assert!(mail.text.contains("Hill Road School"), "{}", mail.text);
    assert!(mail.text.contains("See you."), "{}", mail.text);
    let invitation = school.admin.get(&path).await.expect_status(200);
    assert_eq!(invitation["delivery"]["status"], "sent");
    let secret = mail.token();
    let expected = json!({
        "organization": { "id": school.id, "name": "Hill Road School" },
        "email": "joe@x.example",
        "kind": "join",
        "account_type": "teacher",
        "groups": [{ "id": group, "name": "7A" }],
        "invited_by": "admin",
        "note": "Welcome!\nSee you.",
        "status": "pending",
        "expires_at": "2026-09-04T07:30:00Z",
        "connections": [],
    });
    let anonymous = app.anonymous();
    anonymous
        .post(PREVIEW, token(&secret))
        .await
        .expect(200, expected);
    anonymous
        .post(ACCEPT, token(&secret))
        .await
        .expect_problem(401, "not_signed_in");
    let expected = |outcome: &str| {
        json!({
            "invitation_id": id,
            "organization": { "id": school.id, "name": "Hill Road School" },
            "groups": [{ "id": group, "name": "7A" }],
            "outcome": outcome,
        })
    };
    joe.post(ACCEPT, token(&secret))
        .await
        .expect(200, expected("joined"));
    for _ in 0..2 {
        let again = joe.post(ACCEPT, token(&secret)).await;
        again.expect(200, expected("already_member"));
    }
    let by_id = json!({ "invitation_id": id });
    joe.post(ACCEPT, by_id)
        .await
        .expect(200, expected("already_member"));
    let member = school.member_by_address("joe@x.example").await.unwrap();
    assert_eq!(member["account_type"], "teacher");
    assert_eq!(member["role"], "member");
    assert_eq!(member["managed"], false);
    assert_eq!(member["joined_via"], "invitation");
    assert_eq!(member["groups"][0]["name"], "7A");
    let me = joe.get("/v1/me").await.expect_status(200);
    assert_eq!(me["email_verified"], true);
    let preview = anonymous.post(PREVIEW, token(&secret)).await;
    assert_eq!(preview.expect_status(200)["status"], "accepted");
    let invitation = school.admin.get(&path).await.expect_status(200);
    assert_eq!(invitation["status"], "accepted");
    assert_eq!(invitation["ended_at"], "2026-09-01T07:30:00Z");
    assert_eq!(school.students().await, (0, 0));
    let audit = school
        .admin
        .get(&school.path("/audit-events?limit=3"))
        .await;
    assert!(!audit.text.contains("rci_"));
    let audit = audit.expect_status(200);
    let actions: Vec<&str> = audit["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["action"].as_str().unwrap())
        .collect();
    assert_eq!(
        actions,
        ["member.joined", "invitation.accepted", "invitation.created"]
    );
    for answer in ["decline", "accept"] {
        let ended = anonymous
            .post(&format!("/v1/invitations/{answer}"), token("rci_unknown"))
            .await;
        match answer {
            "decline" => ended.expect_problem(404, "invitation_unknown"),
            _ => ended.expect_problem(401, "not_signed_in"),
        };
    }
    let declined = anonymous.post(DECLINE, token(&secret)).await;
    declined.expect_problem(409, "invitation_ended");
});

both_databases!(nobody_else_can_use_it, |app| {
    let school = app.school().await;
    app.register("joe@x.example").await;
    let eve = app.register("eve@x.example").await;
    verify(app, &eve);
    let answer = school.invite(&["joe@x.example"]).await;
    let id = text(&answer["results"][0]["invitation_id"]);
    let secret = app.last_mail_to("joe@x.example").await.token();
    for person in [&eve, &school.admin] {
        let refused = person.post(ACCEPT, token(&secret)).await;
        refused.expect_problem(403, "invitation_for_another_address");
        for path in [ACCEPT, DECLINE] {
            let refused = person.post(path, json!({ "invitation_id": id })).await;
            refused.expect_problem(403, "invitation_for_another_address");
        }
    }
    for nothing in ["rci_guess", "rcp_guess", "", "rci_\u{0}", id.as_str()] {
        let unknown = eve.post(ACCEPT, token(nothing)).await;
        unknown.expect_problem(404, "invitation_unknown");
        let unknown = app.anonymous().post(PREVIEW, token(nothing)).await;
        unknown.expect_problem(404, "invitation_unknown");
    }
    let unknown = json!({ "invitation_id": uuid::Uuid::now_v7() });
    let unknown = eve.post(ACCEPT, unknown).await;
    unknown.expect_problem(404, "invitation_unknown");
    let both = json!({ "invitation_id": id, "token": secret });
    let refused = eve.post(ACCEPT, both).await;
    refused.expect_fields(&[("/invitation_id", "invalid")]);
    let refused = eve.post(ACCEPT, json!({})).await;
    refused.expect_fields(&[("/token", "missing")]);
    let own = eve.get("/v1/me/invitations").await;
    own.expect(200, json!({ "items": [], "email_verified": true }));
    assert_eq!(school.students().await, (0, 1));
    assert!(school.member_by_address("eve@x.example").await.is_none());
});

both_databases!(by_its_id_it_takes_a_proved_address, |app| {
    let school = app.school().await;
    let joe = app.register("joe@x.example").await;
    let answer = school.invite(&["joe@x.example"]).await;
    let id = text(&answer["results"][0]["invitation_id"]);
    let by_id = json!({ "invitation_id": id });
    for path in [ACCEPT, DECLINE] {
        let refused = joe.post(path, by_id.clone()).await;
        refused.expect_problem(403, "email_not_verified");
    }
    let nothing = json!({ "items": [], "email_verified": false });
    joe.get("/v1/me/invitations").await.expect(200, nothing);
    verify(app, &joe);
    let expected = json!({
        "items": [{
            "id": id,
            "organization": { "id": school.id, "name": "Hill Road School" },
            "account_type": "student",
            "groups": [],
            "invited_by": "admin",
            "note": null,
            "created_at": "2026-09-01T07:30:00Z",
            "expires_at": "2026-09-08T07:30:00Z",
        }],
        "email_verified": true,
    });
    joe.get("/v1/me/invitations").await.expect(200, expected);
    app.anonymous()
        .get("/v1/me/invitations")
        .await
        .expect_problem(401, "not_signed_in");
    let accepted = joe.post(ACCEPT, by_id).await.expect_status(200);
    assert_eq!(accepted["outcome"], "joined");
    let own = joe.get("/v1/me/invitations").await.expect_status(200);
    assert_eq!(own["items"], json!([]));
    assert_eq!(school.students().await, (1, 0));
});

both_databases!(it_can_be_declined, |app| {
    let school = app.school().await;
    let joe = app.register("joe@x.example").await;
    let ann = app.register("ann@x.example").await;
    verify(app, &ann);
    let answer = school.invite(&["joe@x.example", "ann@x.example"]).await;
    let secret = app.last_mail_to("joe@x.example").await.token();
    assert_eq!(school.students().await, (0, 2));
    // The bearer of the mail needs no session; declining again changes nothing.
    for _ in 0..2 {
        let declined = app.anonymous().post(DECLINE, token(&secret)).await;
        declined.expect_status(204);
    }
    joe.post(ACCEPT, token(&secret))
        .await
        .expect_problem(409, "invitation_ended");
    let seen = app.anonymous().post(PREVIEW, token(&secret)).await;
    seen.expect_problem(409, "invitation_ended");
    let renewed = app
        .anonymous()
        .post("/v1/invitations/renew", token(&secret))
        .await;
    renewed.expect_status(202);
    assert_eq!(school.students().await, (0, 1));
    let by_id = json!({ "invitation_id": answer["results"][1]["invitation_id"] });
    let answer = app.anonymous().post(DECLINE, by_id.clone()).await;
    answer.expect_problem(401, "not_signed_in");
    ann.post(DECLINE, by_id).await.expect_status(204);
    assert_eq!(school.students().await, (0, 0));
    let page = school
        .admin
        .get(&school.path("/invitations?status=declined"))
        .await;
    let page = page.expect_status(200);
    assert_eq!(page["items"].as_array().unwrap().len(), 2);
    assert_eq!(sent(app).await.len(), 2);
    // They can be invited again.
    let answer = school.invite(&["joe@x.example"]).await;
    assert_eq!(outcomes(&answer), ["join_link_sent"]);
});

both_databases!(whoever_looks_first_changes_nothing, |app| {
    let school = app.school().await;
    let joe = app.register("joe@x.example").await;
    school.invite(&["joe@x.example"]).await;
    let secret = app.last_mail_to("joe@x.example").await.token();
    for word in ["preview", "accept", "decline", "renew"] {
        let path = format!("/v1/invitations/{word}?token={secret}");
        let scanner = app.anonymous().get(&path).await;
        scanner.expect_problem(405, "method_not_allowed");
    }
    for _ in 0..3 {
        let seen = app.anonymous().post(PREVIEW, token(&secret)).await;
        seen.expect_status(200);
    }
    let accepted = joe.post(ACCEPT, token(&secret)).await.expect_status(200);
    assert_eq!(accepted["outcome"], "joined");
});

/// Admits somebody without an invitation.
async fn let_in(app: &App, school: &Organization<'_>, person: &Person<'_>) {
    app.join(school, person, "student").await;
}

both_databases!(who_came_in_by_another_door_is_in, |app| {
    let school = app.school().await;
    let group = school.class("7A").await;
    let joe = app.register("joe@x.example").await;
    let body = json!({
        "emails": ["joe@x.example"], "account_type": "teacher", "group_ids": [group],
    });
    let answer = school.invite_with(body).await.expect_status(200);
    let id = text(&answer["results"][0]["invitation_id"]);
    let secret = app.last_mail_to("joe@x.example").await.token();
    let_in(app, &school, &joe).await;
    let resend = school.path(&format!("/invitations/{id}/resend"));
    let refused = school.admin.post(&resend, json!({})).await;
    refused.expect_problem(409, "already_member");
    let accepted = joe.post(ACCEPT, token(&secret)).await.expect_status(200);
    assert_eq!(accepted["outcome"], "already_member");
    let added = school.events("group.members_added").await;
    assert_eq!(added[0]["subject"]["id"], group, "{added:#}");
    assert_eq!(added[0]["details"]["account_ids"], json!([joe.id]));
    let member = school.member_by_address("joe@x.example").await.unwrap();
    assert_eq!(member["account_type"], "student");
    assert_eq!(member["joined_via"], "organization_code");
    assert_eq!(member["groups"][0]["name"], "7A");
    assert_eq!(school.students().await, (1, 0));
});

both_databases!(a_group_that_is_gone_does_not_stop_anybody, |app| {
    let school = app.school().await;
    let (stays, goes) = (school.class("7A").await, school.class("7B").await);
    let joe = app.register("joe@x.example").await;
    let body = json!({
        "emails": ["joe@x.example"], "account_type": "student", "group_ids": [stays, goes],
    });
    school.invite_with(body).await.expect_status(200);
    let secret = app.last_mail_to("joe@x.example").await.token();
    {
        let mut connection = app.state.services.pool.get().unwrap();
        let goes: GroupId = goes.parse().unwrap();
        diesel::delete(groups::table.find(goes))
            .execute(&mut **connection)
            .unwrap();
    }
    let accepted = joe.post(ACCEPT, token(&secret)).await.expect_status(200);
    assert_eq!(accepted["outcome"], "joined");
    assert_eq!(accepted["groups"], json!([{ "id": stays, "name": "7A" }]));
    assert_eq!(school.students().await, (1, 0));
});

both_databases!(who_has_left_does_not_come_back_by_an_old_link, |app| {
    let school = app.school().await;
    let joe = app.register("joe@x.example").await;
    school.invite(&["joe@x.example"]).await;
    let secret = app.last_mail_to("joe@x.example").await.token();
    joe.post(ACCEPT, token(&secret)).await.expect_status(200);
    let leave = format!("/v1/me/memberships/{}", school.id);
    joe.delete(&leave).await.expect_status(204);
    joe.post(ACCEPT, token(&secret))
        .await
        .expect_problem(409, "invitation_ended");
    assert_eq!(school.students().await, (0, 0));
});

both_databases!(an_invitation_forgets_a_removal, |app| {
    let school = app.school().await;
    let joe = app.register("joe@x.example").await;
    let organization: OrganizationId = school.id.parse().unwrap();
    let account: AccountId = joe.id.parse().unwrap();
    let removed = || {
        let mut connection = app.state.services.pool.get().unwrap();
        removed_members::find(&mut connection, organization, account).unwrap()
    };
    {
        let mut connection = app.state.services.pool.get().unwrap();
        removed_members::insert(&mut connection, organization, account, app.now()).unwrap();
    }
    assert!(removed().is_some());
    school.invite(&["joe@x.example"]).await;
    assert!(removed().is_none());
});

both_databases!(a_departure_takes_offers_back, |app| {
    use rollcall::services::invitations::{revoke_of_account, revoke_of_member};
    let school = app.school().await;
    let valley = app.organization("Valley School", "school").await;
    let joe = app.register("joe@x.example").await;
    school.invite(&["joe@x.example"]).await;
    let secret = app.last_mail_to("joe@x.example").await.token();
    valley.invite(&["joe@x.example"]).await;
    let account: AccountId = joe.id.parse().unwrap();
    let organization: OrganizationId = school.id.parse().unwrap();
    app.as_cli(|tx| tx.transaction(|tx| revoke_of_member(tx, organization, account)))
        .unwrap();
    assert_eq!(school.students().await, (0, 0));
    assert_eq!(valley.students().await, (0, 1));
    joe.post(ACCEPT, token(&secret))
        .await
        .expect_problem(409, "invitation_ended");
    app.as_cli(|tx| tx.transaction(|tx| revoke_of_account(tx, account)))
        .unwrap();
    assert_eq!(valley.students().await, (0, 0));
    // Mail that was still queued is not sent any more.
    assert_eq!(sent(app).await.len(), 1);
});

both_databases!(an_invitation_counts_before_a_code_that_waited, |app| {
    let school = app.school().await;
    let code = json!({ "allowed_email_domains": ["x.example"] });
    let path = school.path("/invite-code");
    let code = school.admin.patch(&path, code).await.expect_status(200);
    let joe = app.register("joe@x.example").await;
    let redeem = json!({ "code": code["code"] });
    let redeemed = joe.post("/v1/invite-codes/redeem", redeem).await;
    assert!(redeemed.status.as_u16() < 500, "{}", redeemed.text);
    assert!(school.member_by_address("joe@x.example").await.is_none());
    let body = json!({ "emails": ["joe@x.example"], "account_type": "teacher" });
    let answer = school.invite_with(body).await.expect_status(200);
    assert_eq!(outcomes(&answer), ["join_link_sent"]);
    let secret = app.last_mail_to("joe@x.example").await.token();
    let accepted = joe.post(ACCEPT, token(&secret)).await.expect_status(200);
    assert_eq!(accepted["outcome"], "joined");
    let member = school.member_by_address("joe@x.example").await.unwrap();
    assert_eq!(member["account_type"], "teacher");
    assert_eq!(school.students().await, (0, 0));
});

both_databases!(
    an_account_that_others_wait_for_outlives_who_made_it,
    |app| {
        let school = app.school().await;
        let valley = app.organization("Valley School", "school").await;
        school.invite_one("new@x.example").await;
        valley.invite_one("new@x.example").await;
        let link = app.last_mail_to("new@x.example").await.token();
        school
            .admin
            .delete(&school.path(""))
            .await
            .expect_status(204);
        app.advance(std::time::Duration::from_secs(1));
        let forgot = json!({ "email": "new@x.example" });
        let forgot = app
            .anonymous()
            .post("/v1/auth/password/forgot", forgot)
            .await;
        forgot.expect_status(202);
        let secret = app.last_mail_to("new@x.example").await.token();
        let chosen = choose_password(app, &secret, "quiet rivers 11").await;
        chosen.expect_status(204);
        let new = app.sign_in("new@x.example", "quiet rivers 11").await;
        let accept = new
            .post("/v1/invitations/accept", json!({ "token": link }))
            .await;
        assert_eq!(accept.expect_status(200)["outcome"], "joined");
        assert_eq!(valley.students().await, (1, 0));
    }
);
