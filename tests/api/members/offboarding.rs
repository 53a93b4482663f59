//! Removed, gone, deleted: what is left of a membership and of an account (`docs/members.md`).

use serde_json::json;

use super::{actions_on, check_invariants, students};
use crate::support::both_databases;
use crate::support::locks::joining;
use crate::support::people::{Organization, PASSWORD, text};

both_databases!(a_removed_member_keeps_an_account_of_their_own, |app| {
    let school = app.school().await;
    let [ann, ..] = students(app, &school).await;
    let of_ann = school.path_of(&ann.id);
    let group = school.new_group("7A").await;
    school.add_to_group(&group, &[&ann.id], "member").await;
    school.admin.delete(&of_ann).await.expect_status(204);
    school
        .admin
        .get(&of_ann)
        .await
        .expect_problem(404, "not_found");
    school
        .admin
        .delete(&of_ann)
        .await
        .expect_problem(404, "not_found");
    let seen = school.admin.get(&group).await.expect_status(200);
    assert_eq!(seen["member_count"], 1);
    // Signed in still, and nobody's to look after any more.
    ann.get("/v1/me").await.expect_status(200);
    ann.get(&school.path(""))
        .await
        .expect_problem(404, "not_found");
    assert_eq!(app.account(&ann.id).managed_by_organization_id, None);
    assert!(app.was_removed(&school, &ann.id));
    check_invariants(app, &school);
    assert_eq!(
        actions_on(&school, &ann.id).await,
        ["member.removed", "member.joined"]
    );
});

both_databases!(
    a_deactivated_account_is_open_again_once_it_is_its_owners,
    |app| {
        let school = app.school().await;
        let [ann, ..] = students(app, &school).await;
        let of_ann = school.path_of(&ann.id);
        school.deactivate(&of_ann).await;
        school.admin.delete(&of_ann).await.expect_status(204);
        app.sign_in("ann@hill.example", "quiet rivers 11").await;
        check_invariants(app, &school);
    }
);

both_databases!(who_leaves_owns_the_account_and_may_come_back, |app| {
    let school = app.school().await;
    let [ann, ..] = students(app, &school).await;
    let leave = format!("/v1/me/memberships/{}", school.id);
    ann.delete(&leave).await.expect_status(204);
    ann.delete(&leave).await.expect_problem(404, "not_found");
    assert_eq!(app.account(&ann.id).managed_by_organization_id, None);
    assert!(!app.was_removed(&school, &ann.id));
    check_invariants(app, &school);
});

both_databases!(
    a_managed_account_is_deleted_after_deactivation_only,
    |app| {
        let school = app.school().await;
        let [ann, bob, _] = students(app, &school).await;
        let of_ann = school.path_of(&ann.id);
        let delete = format!("{of_ann}?delete_account=true");
        school
            .admin
            .delete(&delete)
            .await
            .expect_problem(409, "member_active");
        school.deactivate(&of_ann).await;
        school.admin.delete(&delete).await.expect_status(204);
        school
            .admin
            .delete(&delete)
            .await
            .expect_problem(404, "not_found");
        app.anonymous()
            .post(
                "/v1/auth/login",
                json!({ "email": "ann@hill.example", "password": "quiet rivers 11" }),
            )
            .await
            .expect_problem(401, "wrong_credentials");
        check_invariants(app, &school);
        let log = school.events_on(&ann.id).await;
        assert_eq!(log[0]["action"], "member.deleted");
        assert_eq!(log[0]["details"]["email"], "ann@hill.example");
        // What referred to it is still readable.
        let imports = school
            .admin
            .get(&school.path("/imports"))
            .await
            .expect_status(200);
        let rows = format!(
            "/imports/{}/rows",
            imports["items"][0]["id"].as_str().unwrap()
        );
        let rows = school
            .admin
            .get(&school.path(&rows))
            .await
            .expect_status(200);
        assert_eq!(rows["items"][0]["outcome"], "created");
        assert!(rows["items"][0]["account_id"].is_null());
        // The address is free again.
        app.register("ann@hill.example").await;
        for query in ["?delete_account=perhaps", "?force=true"] {
            school
                .admin
                .delete(&format!("{}{query}", school.path_of(&bob.id)))
                .await
                .expect_problem(400, "malformed_request");
        }
    }
);

both_databases!(a_deleted_account_frees_its_seats_everywhere, |app| {
    let school = app.school().await;
    let other = app.organization("Other School", "school").await;
    let [ann, ..] = students(app, &school).await;
    let invite = json!({ "emails": [ann.email], "account_type": "student" });
    let invited = other.admin.post(&other.path("/invitations"), invite).await;
    let invited = invited.expect_status(200)["results"][0]["invitation_id"].clone();
    let of_ann = school.path_of(&ann.id);
    school.deactivate(&of_ann).await;
    let delete = format!("{of_ann}?delete_account=true");
    school.admin.delete(&delete).await.expect_status(204);
    check_invariants(app, &school);
    check_invariants(app, &other);
    let path = other.path(&format!("/invitations/{}", invited.as_str().unwrap()));
    // What the other school has offered is not this one's to end.
    let invitation = other.admin.get(&path).await.expect_status(200);
    assert_eq!(invitation["status"], "pending");
    let log = format!("/audit-events?subject_id={}", invited.as_str().unwrap());
    let log = other.admin.get(&other.path(&log)).await.expect_status(200);
    assert_eq!(log["items"].as_array().unwrap().len(), 1, "{log}");
});

/// Invites somebody as a student; gives the path of the invitation.
async fn invite(school: &Organization<'_>, email: &str) -> String {
    let body = json!({ "emails": [email], "account_type": "student" });
    let invited = school.admin.post(&school.path("/invitations"), body).await;
    let result = invited.expect_status(200)["results"][0].clone();
    assert_eq!(result["outcome"], "join_link_sent");
    school.path(&format!("/invitations/{}", text(&result["invitation_id"])))
}

both_databases!(
    what_another_organization_has_offered_outlives_the_account,
    |app| {
        let school = app.school().await;
        let other = app.organization("Other School", "school").await;
        let [ann, bob, _] = students(app, &school).await;
        for (pupil, deleted_by) in [(&ann, "their school"), (&bob, "who knows the password")] {
            let invitation = invite(&other, &pupil.email).await;
            let token = app.last_mail_to(&pupil.email).await.token_of("invitation");
            let own = school.path_of(&pupil.id);
            if deleted_by == "their school" {
                school.deactivate(&own).await;
                let delete = format!("{own}?delete_account=true");
                school.admin.delete(&delete).await.expect_status(204);
            } else {
                pupil.delete("/v1/me").await.expect_status(204);
            }
            school
                .admin
                .get(&own)
                .await
                .expect_problem(404, "not_found");
            let shown = other.admin.get(&invitation).await.expect_status(200);
            assert_eq!(shown["status"], "pending", "{deleted_by}");
            check_invariants(app, &other);
            let seats = other.admin.get(&other.path("/seats")).await;
            assert_eq!(seats.expect_status(200)["total"]["reserved"], 1);
            // The address is free, and the link is its owner's.
            let body = json!({ "token": token });
            let anonymous = app.anonymous();
            let seen = anonymous.post("/v1/invitations/preview", body.clone());
            seen.await.expect_status(200);
            let owner = app.register(&pupil.email).await;
            assert_ne!(owner.id, pupil.id);
            let accepted = owner.post("/v1/invitations/accept", body).await;
            assert_eq!(accepted.expect_status(200)["outcome"], "joined");
        }
        check_invariants(app, &school);
        check_invariants(app, &other);
    }
);

both_databases!(
    an_account_that_joins_while_it_is_deleted_is_deleted_all_the_same,
    |app| {
        let school = app.school().await;
        let jane = app.register("jane@x.example").await;
        let joins = joining(app.account(&jane.id), &school.id);
        let deleted = app.during(joins, jane.delete("/v1/me"), |_| Ok(())).await;
        deleted.expect_status(204);
        let gone = school.admin.get(&school.path_of(&jane.id)).await;
        gone.expect_problem(404, "not_found");
        check_invariants(app, &school);
    }
);

both_databases!(
    whoever_reads_the_mailbox_ends_what_was_offered_with_the_account,
    |app| {
        let school = app.school().await;
        let jane = app.register("jane@x.example").await;
        app.verify_email_by_reset(&jane.id);
        let invitation = invite(&school, &jane.email).await;
        jane.delete("/v1/me").await.expect_status(204);
        let shown = school.admin.get(&invitation).await.expect_status(200);
        assert_eq!(shown["status"], "revoked");
        check_invariants(app, &school);
    }
);

both_databases!(
    the_last_admin_of_another_organization_is_not_deleted,
    |app| {
        let school = app.school().await;
        let [ann, ..] = students(app, &school).await;
        let club = json!({ "name": "Secret Club", "kind": "enterprise" });
        ann.post("/v1/organizations", club).await.expect_status(201);
        let of_ann = school.path_of(&ann.id);
        school.deactivate(&of_ann).await;
        let delete = format!("{of_ann}?delete_account=true");
        let refused = school
            .admin
            .delete(&delete)
            .await
            .expect_problem(403, "not_managed_here");
        assert!(!refused.to_string().contains("Secret Club"));
        check_invariants(app, &school);
        // Nor by herself, while the club has no other admin.
        ann.delete("/v1/me").await.expect_problem(409, "last_admin");
        school.admin.delete(&of_ann).await.expect_status(204);
    }
);

both_databases!(one_deletes_ones_own_account, |app| {
    let school = app.school().await;
    let other = app.organization("Other School", "school").await;
    let [ann, bob, _] = students(app, &school).await;
    app.join(&other, &ann, "teacher").await;
    let group = school.new_group("7A").await;
    school.add_to_group(&group, &[&ann.id], "member").await;
    let group = ann
        .post(&other.path("/groups"), json!({ "name": "8B" }))
        .await;
    group.expect_status(201);
    ann.delete("/v1/me").await.expect_status(204);
    ann.get("/v1/me").await.expect_problem(401, "not_signed_in");
    ann.delete("/v1/me")
        .await
        .expect_problem(401, "not_signed_in");
    check_invariants(app, &school);
    check_invariants(app, &other);
    // The event outlives its author, whose name it keeps.
    let log = school.events_on(&ann.id).await;
    assert_eq!(log[0]["action"], "member.left");
    assert_eq!(log[0]["actor"]["name"], "ann@hill.example");
    assert!(log[0]["actor"]["account_id"].is_null());
    let groups = other
        .admin
        .get(&other.path("/groups"))
        .await
        .expect_status(200);
    assert_eq!(groups["items"][0]["member_count"], 0);
    bob.get("/v1/me").await.expect_status(200);
});

both_databases!(
    the_last_admin_is_told_which_organization_needs_another,
    |app| {
        let school = app.school().await;
        let [ann, ..] = students(app, &school).await;
        let refused = school
            .admin
            .delete("/v1/me")
            .await
            .expect_problem(409, "last_admin");
        assert!(
            refused["detail"]
                .as_str()
                .unwrap()
                .contains("Hill Road School")
        );
        school.admin.get("/v1/me").await.expect_status(200);
        app.verify_email_by_reset(&ann.id);
        school
            .admin
            .patch(&school.path_of(&ann.id), json!({ "role": "admin" }))
            .await
            .expect_status(200);
        // Of many organizations it is one that refuses: nothing has ended in the others.
        let other = app.organization("Other School", "school").await;
        app.join(&other, &school.admin, "student").await;
        school
            .admin
            .post(
                "/v1/organizations",
                json!({ "name": "Own", "kind": "school" }),
            )
            .await
            .expect_status(201);
        school
            .admin
            .delete("/v1/me")
            .await
            .expect_problem(409, "last_admin");
        school.admin.get(&school.path("")).await.expect_status(200);
        school.admin.get(&other.path("")).await.expect_status(200);
        check_invariants(app, &school);
        check_invariants(app, &other);
    }
);

both_databases!(an_import_whose_author_is_gone_is_readable, |app| {
    let school = app.school().await;
    let [ann, ..] = students(app, &school).await;
    app.verify_email_by_reset(&ann.id);
    school
        .admin
        .patch(&school.path_of(&ann.id), json!({ "role": "admin" }))
        .await
        .expect_status(200);
    let ann = app.sign_in(&ann.email, "quiet rivers 11").await;
    let accepted = school
        .import(
            "email,password,username\nz@x.org,quiet rivers 14,Z\n",
            &[("account_type", "student")],
        )
        .await
        .expect_status(202);
    app.drain().await;
    school.admin.delete("/v1/me").await.expect_status(204);
    let import = format!("/imports/{}", accepted["id"].as_str().unwrap());
    let import = ann.get(&school.path(&import)).await.expect_status(200);
    assert_eq!(import["status"], "completed");
    let log = ann
        .get(&school.path("/audit-events?action=import.accepted"))
        .await;
    let log = log.expect_status(200);
    assert_eq!(log["items"][0]["actor"]["name"], school.admin.email);
    ann.get(&school.path("/members")).await.expect_status(200);
    check_invariants(app, &school);
});

both_databases!(
    an_organization_that_is_deleted_leaves_no_closed_account_behind,
    |app| {
        let school = app.school().await;
        let other = app.organization("Other School", "school").await;
        let [ann, ..] = students(app, &school).await;
        app.join(&other, &ann, "student").await;
        let path = format!("{}/deactivate", school.path_of(&ann.id));
        school.admin.post(&path, json!({})).await.expect_status(200);
        school
            .admin
            .delete(&school.path(""))
            .await
            .expect_status(204);
        let ann = app.sign_in("ann@hill.example", "quiet rivers 11").await;
        ann.get(&other.path("")).await.expect_status(200);
        app.sign_in(&school.admin.email, PASSWORD).await;
    }
);
