//! Deactivated and let in again (`docs/members.md`).

use serde_json::json;

use super::{actions_on, check_invariants, limit_seats, students};
use crate::support::both_databases;
use crate::support::people::{PASSWORD, seats_in_total};

both_databases!(a_managed_account_is_closed_and_opened_as_a_whole, |app| {
    let school = app.school().await;
    let [ann, ..] = students(app, &school).await;
    let of_ann = school.path_of(&ann.id);
    let closed = school.deactivate(&of_ann).await;
    assert_eq!(closed["status"], "deactivated");
    ann.get("/v1/me").await.expect_problem(401, "not_signed_in");
    let refresh = json!({ "refresh_token": ann.refresh_token });
    ann.post("/v1/auth/refresh", refresh)
        .await
        .expect_problem(401, "not_signed_in");
    let login = |password: &str| json!({ "email": "ann@hill.example", "password": password });
    let anonymous = app.anonymous();
    anonymous
        .post("/v1/auth/login", login("quiet rivers 11"))
        .await
        .expect_problem(403, "account_deactivated");
    anonymous
        .post("/v1/auth/login", login("quiet rivers 99"))
        .await
        .expect_problem(401, "wrong_credentials");
    let ledger = school.admin.get(&school.path("/seats")).await;
    assert_eq!(ledger.expect_status(200)["total"]["used"], 3);
    check_invariants(app, &school);

    let opened = school.reactivate(&of_ann).await;
    assert_eq!(opened["status"], "active");
    let ann = app.sign_in("ann@hill.example", "quiet rivers 11").await;
    ann.get(&school.path("")).await.expect_status(200);
    check_invariants(app, &school);
    assert_eq!(
        actions_on(&school, &ann.id).await,
        ["member.reactivated", "member.deactivated", "member.joined"]
    );
});

both_databases!(doing_it_again_changes_nothing, |app| {
    let school = app.school().await;
    let [ann, ..] = students(app, &school).await;
    let of_ann = school.path_of(&ann.id);
    for (word, status) in [
        ("reactivate", "active"),
        ("deactivate", "deactivated"),
        ("deactivate", "deactivated"),
        ("reactivate", "active"),
        ("reactivate", "active"),
    ] {
        let path = format!("{of_ann}/{word}");
        let member = school.admin.post(&path, json!({})).await.expect_status(200);
        assert_eq!(member["status"], status);
        check_invariants(app, &school);
    }
    assert_eq!(actions_on(&school, &ann.id).await.len(), 3);
    let nobody = school.path_of("01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11");
    for word in ["deactivate", "reactivate"] {
        school
            .admin
            .post(&format!("{nobody}/{word}"), json!({}))
            .await
            .expect_problem(404, "not_found");
    }
});

both_databases!(
    reactivation_needs_a_seat_and_keeps_type_role_and_groups,
    |app| {
        let school = app.school().await;
        let operator = app.operator().await;
        let [ann, bob, _] = students(app, &school).await;
        let of_ann = school.path_of(&ann.id);
        app.verify_email_by_reset(&ann.id);
        let group = school.new_group("7A").await;
        school
            .admin
            .patch(&of_ann, json!({ "role": "admin" }))
            .await
            .expect_status(200);
        school.add_to_group(&group, &[&ann.id], "manager").await;
        school.deactivate(&of_ann).await;
        limit_seats(&operator, &school, seats_in_total(Some(3))).await;
        school
            .admin
            .post(&format!("{of_ann}/reactivate"), json!({}))
            .await
            .expect_problem(409, "no_seat");
        check_invariants(app, &school);
        let still = school.admin.get(&of_ann).await.expect_status(200);
        assert_eq!(still["status"], "deactivated");
        // A deactivated member takes no seat of another type either.
        school
            .admin
            .patch(&of_ann, json!({ "account_type": "teacher" }))
            .await
            .expect_status(200);
        check_invariants(app, &school);
        let of_bob = school.path_of(&bob.id);
        school.deactivate(&of_bob).await;
        let back = school.reactivate(&of_ann).await;
        assert_eq!(back["role"], "admin");
        assert_eq!(back["account_type"], "teacher");
        assert_eq!(back["groups"][0]["name"], "7A");
        check_invariants(app, &school);
    }
);

both_databases!(the_last_admin_cannot_be_deactivated_or_removed, |app| {
    let school = app.school().await;
    let [ann, ..] = students(app, &school).await;
    let of_admin = school.path_of(&school.admin.id);
    let deactivate = format!("{of_admin}/deactivate");
    for _ in 0..2 {
        school
            .admin
            .post(&deactivate, json!({}))
            .await
            .expect_problem(409, "last_admin");
    }
    school
        .admin
        .delete(&of_admin)
        .await
        .expect_problem(409, "last_admin");
    let of_ann = school.path_of(&ann.id);
    app.verify_email_by_reset(&ann.id);
    school
        .admin
        .patch(&of_ann, json!({ "role": "admin" }))
        .await
        .expect_status(200);
    // A deactivated admin is none that counts.
    school.deactivate(&of_ann).await;
    school
        .admin
        .post(&deactivate, json!({}))
        .await
        .expect_problem(409, "last_admin");
    school.reactivate(&of_ann).await;
    school
        .admin
        .post(&deactivate, json!({}))
        .await
        .expect_status(200);
    school
        .admin
        .get(&school.path(""))
        .await
        .expect_problem(404, "not_found");
    check_invariants(app, &school);
});

both_databases!(
    an_account_that_is_not_managed_here_only_finds_nothing_open_here,
    |app| {
        let school = app.school().await;
        let [ann, ..] = students(app, &school).await;
        app.verify_email_by_reset(&ann.id);
        school
            .admin
            .patch(&school.path_of(&ann.id), json!({ "role": "admin" }))
            .await
            .expect_status(200);
        let ann = app.sign_in(&ann.email, "quiet rivers 11").await;
        let of_admin = school.path_of(&school.admin.id);
        ann.post(&format!("{of_admin}/deactivate"), json!({}))
            .await
            .expect_status(200);
        // Registered by themself: the session lives, and so does the account.
        let me = school.admin.get("/v1/me").await.expect_status(200);
        assert_eq!(me["username"], "admin");
        app.sign_in(&school.admin.email, PASSWORD).await;
        for path in ["", "/members", "/groups", "/seats"] {
            school
                .admin
                .get(&school.path(path))
                .await
                .expect_problem(404, "not_found");
        }
        let list = school
            .admin
            .get("/v1/organizations")
            .await
            .expect_status(200);
        assert_eq!(list["items"], json!([]));
    }
);

both_databases!(an_operators_account_is_never_closed, |app| {
    let school = app.school().await;
    let operator = app.operator().await;
    app.join(&school, &operator, "teacher").await;
    let of_operator = school.path_of(&operator.id);
    school.deactivate(&of_operator).await;
    operator.get(&school.path("")).await.expect_status(200);
    app.sign_in(&operator.email, PASSWORD).await;
    school
        .admin
        .post(&format!("{of_operator}/password-reset"), json!({}))
        .await
        .expect_problem(403, "not_managed_here");
    let delete = format!("{of_operator}?delete_account=true");
    school
        .admin
        .delete(&delete)
        .await
        .expect_problem(403, "not_managed_here");
});
