//! Seats in previews of rules, and what becomes of those for whom none is left.

use super::*;

/// The sum over all account types.
fn sum(seats: &Value, count: &str) -> i64 {
    let types = seats.as_object().unwrap().values();
    types.map(|line| line[count].as_i64().unwrap()).sum()
}

both_databases!(a_preview_shows_more_than_there_are_seats, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    for sub in ["ann", "bea", "cat"] {
        let claims = json!({ "sub": sub, "role": "teacher" });
        come(&school, &connection, &provider, claims)
            .await
            .expect_status(200);
    }
    // The admin is a teacher, too.
    let limits = json!({ "total": 4, "by_account_type": { "student": null, "teacher": 2 } });
    let operator = app.operator().await;
    operator
        .put(&school.path("/seats"), limits)
        .await
        .expect_status(200);
    let rules = json!([rule(
        "role",
        "teacher",
        json!({ "account_type": "teacher" })
    )]);
    let shown = preview(&school, &connection, json!({ "rules": rules })).await;
    let shown = shown.expect_status(200);
    let seats = json!({
        "student": { "limit": null, "used": 3, "then_used": 0 },
        "teacher": { "limit": 2, "used": 1, "then_used": 4 },
    });
    assert_eq!(shown["seats"], seats);
    assert_eq!(shown["people_changed"], 3);
    // Whom rules change takes no other seat in total.
    let ledger = school.admin.get(&school.path("/seats")).await;
    let total = ledger.expect_status(200)["total"].clone();
    assert_eq!((&total["limit"], &total["used"]), (&json!(4), &json!(4)));
    assert_eq!(sum(&shown["seats"], "used"), 4);
    assert_eq!(sum(&shown["seats"], "then_used"), 4);
    // Somebody new takes one, which the total may not have.
    let claims = json!({ "rules": rules, "claims": { "role": "teacher" } });
    let new = preview(&school, &connection, claims).await;
    let new = new.expect_status(200);
    assert_eq!(sum(&new["seats"], "then_used"), 5);
    assert_eq!(new["seats"]["teacher"]["then_used"], 2);

    // One of the three gets the seat; the others keep what they are, and come in.
    let saved = json!({ "rules": rules, "apply": "always" });
    set_rules(&school, &connection, saved).await;
    let mut types = Vec::new();
    for sub in ["ann", "bea", "cat"] {
        let claims = json!({ "sub": sub, "role": "teacher" });
        let member = comes(&school, &connection, (&provider, claims)).await;
        types.push(text(&member["account_type"]));
    }
    assert_eq!(types, ["teacher", "student", "student"]);
    let shown = preview(&school, &connection, json!({})).await;
    let shown = shown.expect_status(200);
    assert_eq!(shown["people_changed"], 2);
    assert_eq!(shown["seats"]["teacher"]["used"], 2);
    assert_eq!(shown["seats"]["teacher"]["then_used"], 4);
});
