//! The line between accounts that an organization created and all others is a security boundary
//! (`docs/members.md#managed-accounts`): beyond it, an organization's admins can only end the
//! membership.

use serde_json::json;

use super::{check_invariants, students};
use crate::support::both_databases;
use crate::support::people::PASSWORD;

both_databases!(
    another_organizations_admin_can_only_end_the_membership,
    |app| {
        let school = app.school().await;
        let other = app.organization("Other School", "school").await;
        let [ann, ..] = students(app, &school).await;
        app.join(&other, &ann, "student").await;
        let of_ann = other.path_of(&ann.id);
        let shown = other.admin.get(&of_ann).await.expect_status(200);
        assert_eq!(shown["managed"], false);
        other
            .admin
            .patch(&of_ann, json!({ "username": "Mine" }))
            .await
            .expect_problem(403, "not_managed_here");
        for body in [json!({}), json!({ "password": "eight brown geese 8" })] {
            other
                .admin
                .post(&format!("{of_ann}/password-reset"), body)
                .await
                .expect_problem(403, "not_managed_here");
        }
        other
            .admin
            .post(&format!("{of_ann}/deactivate"), json!({}))
            .await
            .expect_status(200);
        ann.get("/v1/me").await.expect_status(200);
        ann.get(&school.path("")).await.expect_status(200);
        ann.get(&other.path(""))
            .await
            .expect_problem(404, "not_found");
        other
            .admin
            .delete(&format!("{of_ann}?delete_account=true"))
            .await
            .expect_problem(403, "not_managed_here");
        // Reactivating here does not open what its own organization closed.
        let own = school.path_of(&ann.id);
        school.deactivate(&own).await;
        other
            .admin
            .post(&format!("{of_ann}/reactivate"), json!({}))
            .await
            .expect_status(200);
        let login = json!({ "email": "ann@hill.example", "password": "quiet rivers 11" });
        app.anonymous()
            .post("/v1/auth/login", login)
            .await
            .expect_problem(403, "account_deactivated");
        other.admin.delete(&of_ann).await.expect_status(204);
        let managed_by = app.account(&ann.id).managed_by_organization_id;
        assert_eq!(managed_by.map(|id| id.to_string()), Some(school.id.clone()));
        assert!(app.account(&ann.id).deactivated_at.is_some());
        check_invariants(app, &school);
        check_invariants(app, &other);
    }
);

both_databases!(whoever_registered_themself_is_nobodys_to_manage, |app| {
    let school = app.school().await;
    let eve = app.register("eve@x.org").await;
    app.join(&school, &eve, "student").await;
    let of_eve = school.path_of(&eve.id);
    school
        .admin
        .patch(&of_eve, json!({ "username": "Mine" }))
        .await
        .expect_problem(403, "not_managed_here");
    school
        .admin
        .post(&format!("{of_eve}/password-reset"), json!({}))
        .await
        .expect_problem(403, "not_managed_here");
    school.deactivate(&of_eve).await;
    school
        .admin
        .delete(&format!("{of_eve}?delete_account=true"))
        .await
        .expect_problem(403, "not_managed_here");
    app.sign_in("eve@x.org", PASSWORD).await;
    // A refusal undoes all of a change.
    let changes = json!({ "account_type": "teacher", "username": "Mine" });
    school
        .admin
        .patch(&of_eve, changes)
        .await
        .expect_problem(403, "not_managed_here");
    let still = school.admin.get(&of_eve).await.expect_status(200);
    assert_eq!(still["account_type"], "student");
    assert_eq!(still["username"], "eve");
});

both_databases!(
    a_managed_account_is_renamed_and_found_by_its_new_name,
    |app| {
        let school = app.school().await;
        let [ann, ..] = students(app, &school).await;
        let of_ann = school.path_of(&ann.id);
        let renamed = school
            .admin
            .patch(&of_ann, json!({ "username": "  Änne Zett " }))
            .await
            .expect_status(200);
        assert_eq!(renamed["username"], "Änne Zett");
        let page = school
            .admin
            .get(&school.path("/members?search=anne&sort=name"))
            .await;
        assert_eq!(
            page.expect_status(200)["items"][0]["account_id"],
            ann.id.as_str()
        );
        let me = ann.get("/v1/me").await.expect_status(200);
        assert_eq!(me["username"], "Änne Zett");
        for (name, code) in [("  ", "username_missing"), ("a\u{7}b", "username_invalid")] {
            school
                .admin
                .patch(&of_ann, json!({ "username": name }))
                .await
                .expect_fields(&[("/username", code)]);
        }
        school
            .admin
            .patch(&of_ann, json!({ "color": "red" }))
            .await
            .expect_problem(400, "malformed_request");
    }
);

both_databases!(members_of_other_organizations_are_not_there, |app| {
    let school = app.school().await;
    let busy = app
        .sign_in("person1@busy.example", "Busy bees 1 buzz")
        .await;
    let of_busy = school.path_of(&busy.id);
    school
        .admin
        .get(&of_busy)
        .await
        .expect_problem(404, "not_found");
    school
        .admin
        .patch(&of_busy, json!({ "role": "admin" }))
        .await
        .expect_problem(404, "not_found");
    school
        .admin
        .delete(&of_busy)
        .await
        .expect_problem(404, "not_found");
    school
        .admin
        .delete(&format!("{of_busy}?delete_account=true"))
        .await
        .expect_problem(404, "not_found");
    for below in ["deactivate", "reactivate", "password-reset"] {
        school
            .admin
            .post(&format!("{of_busy}/{below}"), json!({}))
            .await
            .expect_problem(404, "not_found");
    }
    let bulk = json!({ "account_ids": [busy.id], "account_type": "teacher" });
    let bulk = school
        .admin
        .post(&school.path("/members/bulk-update"), bulk)
        .await;
    assert_eq!(
        bulk.expect_status(200)["summary"],
        json!({ "not_found": 1 })
    );
    busy.get("/v1/me").await.expect_status(200);
    // Nor is their admin one here.
    let of_admin = school.path_of(&school.admin.id);
    let attacker = app.sign_in("admin@busy-company.example", PASSWORD).await;
    attacker
        .delete(&of_admin)
        .await
        .expect_problem(404, "not_found");
    attacker
        .post(&format!("{of_admin}/password-reset"), json!({}))
        .await
        .expect_problem(404, "not_found");
});
