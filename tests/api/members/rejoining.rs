//! What leaving, a removal and a new password mean for invite codes and invitations
//! (`docs/members.md#coming-back`).

use serde_json::{Value, json};

use super::{check_invariants, students};
use crate::support::people::{Organization, Person, text};
use crate::support::{TestResponse, both_databases};

/// Redeems the code at this path, as it is now.
async fn redeem(who: &Person<'_>, school: &Organization<'_>, path: &str) -> TestResponse {
    let code = school.admin.get(path).await.expect_status(200)["code"].clone();
    who.post("/v1/invite-codes/redeem", json!({ "code": code }))
        .await
}

/// Invites a student and gives the path of the invitation.
async fn invite(school: &Organization<'_>, email: &str) -> String {
    let body = json!({ "emails": [email], "account_type": "student" });
    let invited = school.admin.post(&school.path("/invitations"), body).await;
    let id = text(&invited.expect_status(200)["results"][0]["invitation_id"]);
    school.path(&format!("/invitations/{id}"))
}

/// The member with this address, and the path of it.
async fn member_with(school: &Organization<'_>, email: &str) -> (Value, String) {
    let path = school.path(&format!("/members?search={email}"));
    let page = school.admin.get(&path).await.expect_status(200);
    let member = page["items"][0].clone();
    let path = school.path_of(&text(&member["account_id"]));
    (member, path)
}

both_databases!(
    who_was_removed_needs_another_code_who_left_does_not,
    |app| {
        let school = app.school().await;
        let [ann, bob, _] = students(app, &school).await;
        let code = school.path("/invite-code");
        app.advance(std::time::Duration::from_secs(60));
        school
            .admin
            .delete(&school.path_of(&ann.id))
            .await
            .expect_status(204);
        redeem(&ann, &school, &code)
            .await
            .expect_problem(403, "code_blocked_for_you");
        let leave = format!("/v1/me/memberships/{}", school.id);
        bob.delete(&leave).await.expect_status(204);
        redeem(&bob, &school, &code).await.expect_status(200);
        app.advance(std::time::Duration::from_secs(60));
        school
            .admin
            .post(&format!("{code}/reset"), json!({}))
            .await
            .expect_status(200);
        redeem(&ann, &school, &code).await.expect_status(200);
        assert!(!app.was_removed(&school, &ann.id));
        check_invariants(app, &school);
    }
);

both_databases!(
    who_was_taken_out_of_a_group_needs_another_code_of_it,
    |app| {
        let school = app.school().await;
        let [ann, bob, _] = students(app, &school).await;
        let group = school.new_group("7A").await;
        let code = format!("{group}/invite-code");
        school
            .add_to_group(&group, &[&ann.id, &bob.id], "member")
            .await;
        app.advance(std::time::Duration::from_secs(60));
        let taken_out = json!({ "account_ids": [ann.id] });
        school
            .admin
            .post(&format!("{group}/members/remove"), taken_out)
            .await
            .expect_status(200);
        let bulk = json!({ "account_ids": [bob.id], "remove_group_ids": [school.id_of(&group)] });
        school
            .admin
            .post(&school.path("/members/bulk-update"), bulk)
            .await
            .expect_status(200);
        for person in [&ann, &bob] {
            redeem(person, &school, &code)
                .await
                .expect_problem(403, "code_blocked_for_you");
        }
        app.advance(std::time::Duration::from_secs(60));
        school
            .admin
            .post(&format!("{code}/reset"), json!({}))
            .await
            .expect_status(200);
        redeem(&ann, &school, &code).await.expect_status(200);
        assert_eq!(school.role_in_group(&group, &ann.id).await, "member");
    }
);

both_databases!(a_removed_member_is_offered_nothing_any_more, |app| {
    let school = app.school().await;
    let invitation = invite(&school, "new@x.example").await;
    let token = app.last_mail_to("new@x.example").await.token();
    let (_, path) = member_with(&school, "new@x.example").await;
    school.admin.delete(&path).await.expect_status(204);
    let ended = school.admin.get(&invitation).await.expect_status(200);
    assert_eq!(ended["status"], "revoked");
    let choose = json!({ "token": token, "password": "eight brown geese 8" });
    let dead = app
        .anonymous()
        .post("/v1/auth/password/reset", choose)
        .await;
    dead.expect_problem(410, "token_invalid");
    check_invariants(app, &school);
});

both_databases!(
    an_owner_who_deletes_the_account_gives_the_seats_of_its_invitations_back,
    |app| {
        let school = app.school().await;
        let other = app.organization("Other School", "school").await;
        let [ann, bob, _] = students(app, &school).await;
        let (of_ann, of_bob) = (
            invite(&other, &ann.email).await,
            invite(&other, &bob.email).await,
        );
        let reserved = async || {
            let ledger = other
                .admin
                .get(&other.path("/seats"))
                .await
                .expect_status(200);
            ledger["total"]["reserved"].as_i64().unwrap()
        };
        assert_eq!(reserved().await, 2);
        app.verify_email_by_reset(&ann.id);
        ann.delete("/v1/me").await.expect_status(204);
        assert_eq!(reserved().await, 1);
        let path = school.path_of(&bob.id);
        school.deactivate(&path).await;
        school
            .admin
            .delete(&format!("{path}?delete_account=true"))
            .await
            .expect_status(204);
        // What another organization deletes is not his to answer for.
        assert_eq!(reserved().await, 1);
        for (invitation, status) in [(of_ann, "revoked"), (of_bob, "pending")] {
            let shown = other.admin.get(&invitation).await.expect_status(200);
            assert_eq!(shown["status"], status);
        }
        let log = other.admin.get(&other.path("/audit-events")).await;
        assert!(!log.text.contains(&school.admin.email));
        check_invariants(app, &school);
        check_invariants(app, &other);
    }
);

both_databases!(a_password_from_the_admin_accepts_the_invitation, |app| {
    let school = app.school().await;
    let invitation = invite(&school, "new@x.example").await;
    let token = app.last_mail_to("new@x.example").await.token();
    let (member, path) = member_with(&school, "new@x.example").await;
    assert_eq!(member["managed"], true);
    let reset = school
        .admin
        .post(&format!("{path}/password-reset"), json!({}))
        .await;
    let password = text(&reset.expect_status(200)["password"]);
    let accepted = school.admin.get(&invitation).await.expect_status(200);
    assert_eq!(accepted["status"], "accepted");
    let choose = json!({ "token": token, "password": "eight brown geese 8" });
    let dead = app
        .anonymous()
        .post("/v1/auth/password/reset", choose)
        .await;
    dead.expect_problem(410, "token_invalid");
    app.sign_in("new@x.example", &password).await;
});

both_databases!(
    a_revoked_invitation_and_a_removal_at_once_free_one_seat,
    |app| {
        let school = app.school().await;
        for round in 0..6 {
            let email = format!("new{round}@x.example");
            let invitation = invite(&school, &email).await;
            let (_, path) = member_with(&school, &email).await;
            let revoke = format!("{invitation}/revoke");
            let (revoked, removed) = tokio::join!(
                school.admin.post(&revoke, json!({})),
                school.admin.delete(&path)
            );
            assert!(
                [200, 409].contains(&revoked.status.as_u16()),
                "{}",
                revoked.text
            );
            assert!(
                [204, 404].contains(&removed.status.as_u16()),
                "{}",
                removed.text
            );
            check_invariants(app, &school);
        }
    }
);
