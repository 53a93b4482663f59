//! The seat ledger (`docs/organizations.md#seats`).

use serde_json::{Value, json};

use crate::support::both_databases;
use crate::support::people::seats_in_total;

fn line(limit: Option<i64>, used: i64, reserved: i64) -> Value {
    let free = limit.map(|limit| (limit - used - reserved).max(0));
    json!({ "limit": limit, "used": used, "reserved": reserved, "free": free })
}

/// A limit of teachers alone.
fn teachers(limit: i64) -> Value {
    json!({ "total": null, "by_account_type": { "student": null, "teacher": limit } })
}

both_databases!(a_limit_that_is_left_out_is_not_lifted, |app| {
    let school = app.school().await;
    let company = app.organization("Acme", "enterprise").await;
    let operator = app.operator().await;
    let path = school.path("/seats");
    let limits = json!({ "total": 500, "by_account_type": { "student": 450, "teacher": 60 } });
    let set = operator.put(&path, limits).await.expect_status(200);
    for partial in [
        json!({}),
        json!({ "total": 5 }),
        json!({ "by_account_type": { "student": 5, "teacher": 5 } }),
    ] {
        let refused = operator.put(&path, partial).await;
        let problem = refused.expect_problem(400, "malformed_request");
        assert_eq!(problem["errors"][0]["code"], "missing");
    }
    let partial = json!({ "total": null, "by_account_type": { "student": 5 } });
    let refused = operator.put(&path, partial).await;
    refused.expect_fields(&[("/by_account_type/teacher", "missing")]);
    assert_eq!(school.admin.get(&path).await.expect_status(200), set);
    let of_company = operator
        .put(
            &company.path("/seats"),
            json!({ "total": 5, "by_account_type": {} }),
        )
        .await;
    of_company.expect_fields(&[
        ("/by_account_type/learner", "missing"),
        ("/by_account_type/creator", "missing"),
    ]);
});

both_databases!(the_ledger_counts_and_only_operators_limit_it, |app| {
    let school = app.school().await;
    let operator = app.operator().await;
    let path = school.path("/seats");
    school.admin.get(&path).await.expect(
        200,
        json!({
            "total": line(None, 1, 0),
            "by_account_type": { "student": line(None, 0, 0), "teacher": line(None, 1, 0) },
        }),
    );
    let limits = json!({ "total": 500, "by_account_type": { "student": 450, "teacher": null } });
    school
        .admin
        .put(&path, limits.clone())
        .await
        .expect_problem(403, "forbidden");
    operator.put(&path, limits).await.expect(
        200,
        json!({
            "total": line(Some(500), 1, 0),
            "by_account_type": { "student": line(Some(450), 0, 0), "teacher": line(None, 1, 0) },
        }),
    );
    let other_kind = json!({ "total": null, "by_account_type": { "learner": 1 } });
    operator
        .put(&path, other_kind)
        .await
        .expect_problem(422, "account_type_not_in_kind");
    let bad = json!({ "total": -1, "by_account_type": { "student": 10_000_001 } });
    let refused = operator.put(&path, bad).await;
    refused.expect_fields(&[
        ("/total", "out_of_range"),
        ("/by_account_type/student", "out_of_range"),
    ]);
    // A limit below what is taken stands.
    operator.put(&path, seats_in_total(Some(0))).await.expect(
        200,
        json!({
            "total": line(Some(0), 1, 0),
            "by_account_type": { "student": line(None, 0, 0), "teacher": line(None, 1, 0) },
        }),
    );
});

both_databases!(
    a_change_of_type_moves_the_seat_and_needs_a_free_one,
    |app| {
        let school = app.school().await;
        let operator = app.operator().await;
        school
            .import_students("email,password,username\nann@x.org,quiet rivers 11,Ann\n")
            .await;
        let ann = app.sign_in("ann@x.org", "quiet rivers 11").await;
        app.verify_email_by_reset(&ann.id);
        let path = school.path(&format!("/members/{}", ann.id));
        let seats = school.path("/seats");
        let limits = teachers(1);
        operator.put(&seats, limits).await.expect_status(200);
        let teach = json!({ "account_type": "teacher" });
        school
            .admin
            .patch(&path, teach.clone())
            .await
            .expect_problem(409, "no_seat");
        operator
            .put(&seats, seats_in_total(None))
            .await
            .expect_status(200);
        let member = school.admin.patch(&path, teach).await.expect_status(200);
        assert_eq!(member["account_type"], "teacher");
        let ledger = school.admin.get(&seats).await.expect_status(200);
        assert_eq!(ledger["total"]["used"], 2);
        assert_eq!(ledger["by_account_type"]["student"]["used"], 0);
        assert_eq!(ledger["by_account_type"]["teacher"]["used"], 2);
        let learner = json!({ "account_type": "learner" });
        school
            .admin
            .patch(&path, learner)
            .await
            .expect_problem(422, "account_type_not_in_kind");
    }
);

both_databases!(sixty_four_claims_at_once_never_pass_the_limit, |app| {
    let school = app.school().await;
    let operator = app.operator().await;
    let mut csv = String::from("email,password,username\n");
    for number in 0..64 {
        csv.push_str(&format!(
            "p{number}@x.org,quiet rivers {number:02},P {number}\n"
        ));
    }
    school.import_students(csv).await;
    app.verify_emails_by_reset();
    let limits = teachers(11);
    operator
        .put(&school.path("/seats"), limits)
        .await
        .expect_status(200);
    let page = school
        .admin
        .get(&school.path("/members?limit=200&account_type=student"))
        .await;
    let page = page.expect_status(200);
    let claims = page["items"].as_array().unwrap().iter().map(|member| {
        let path = school.path(&format!(
            "/members/{}",
            member["account_id"].as_str().unwrap()
        ));
        let admin = school.admin.clone();
        async move {
            admin
                .patch(&path, json!({ "account_type": "teacher" }))
                .await
        }
    });
    let answers = futures_util::future::join_all(claims).await;
    let won = answers.iter().filter(|answer| answer.status == 200).count();
    let refused = answers.iter().filter(|answer| answer.status == 409).count();
    // One of the eleven is the admin's own.
    assert_eq!((won, refused), (10, 54));
    let ledger = school
        .admin
        .get(&school.path("/seats"))
        .await
        .expect_status(200);
    assert_eq!(ledger["by_account_type"]["teacher"]["used"], 11);
    assert_eq!(ledger["by_account_type"]["student"]["used"], 54);
    assert_eq!(ledger["total"]["used"], 65);
});

both_databases!(
    a_type_can_be_changed_while_the_total_is_over_its_limit,
    |app| {
        let school = app.school().await;
        let operator = app.operator().await;
        school
            .import_students("email,password,username\nann@x.org,quiet rivers 11,Ann\n")
            .await;
        let ann = app.sign_in("ann@x.org", "quiet rivers 11").await;
        app.verify_email_by_reset(&ann.id);
        operator
            .put(&school.path("/seats"), seats_in_total(Some(0)))
            .await
            .expect_status(200);
        let path = school.path(&format!("/members/{}", ann.id));
        let teach = json!({ "account_type": "teacher" });
        school.admin.patch(&path, teach).await.expect_status(200);
        let ledger = school
            .admin
            .get(&school.path("/seats"))
            .await
            .expect_status(200);
        assert_eq!(ledger["total"]["used"], 2);
        assert_eq!(ledger["by_account_type"]["teacher"]["used"], 2);
    }
);
