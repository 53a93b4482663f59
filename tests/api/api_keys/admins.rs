//! No API key acts on an admin: every operation of the document that acts on members is tried.

use std::collections::BTreeSet;

use rollcall::domain::api_key::Scope;

use super::*;
use crate::support::TestResponse;
use crate::support::operations::{Ids, Operation, in_order, one_of_everything};

/// Asks for an operation on the member of these ids.
async fn ask(operation: &Operation, who: &Person<'_>, ids: &Ids) -> TestResponse {
    let Some(names) = operation
        .example()
        .filter(|body| body.get("account_ids").is_some())
    else {
        return send(operation.request(who, ids)).await;
    };
    let mut names = names.clone();
    names["account_ids"] = json!([ids["account_id"]]);
    send(operation.bare_request(who, ids).json(&names)).await
}

fn assert_beyond_reach(operation: &Operation, response: &TestResponse) {
    if response.status == 200 {
        let outcome = &response.expect_status(200)["results"][0]["outcome"];
        assert_eq!(outcome, "forbidden", "{}", operation.id);
        return;
    }
    let problem = response.expect_problem(403, "forbidden");
    let detail = text(&problem["detail"]);
    assert!(
        detail.contains("No API key acts on admins"),
        "{}: {detail}",
        operation.id
    );
}

both_databases!(no_operation_on_members_reaches_an_admin, |app| {
    let school = app.school().await;
    // An account that the school manages, so that nothing else stands in the way.
    let mut ids = one_of_everything(&school).await;
    let of_ann = school.path_of(&ids["account_id"]);
    app.verify_email_by_reset(&ids["account_id"]);
    let lead = json!({ "role": "admin" });
    school.admin.patch(&of_ann, lead).await.expect_status(200);
    let all: Vec<&str> = Scope::ALL.iter().map(|scope| scope.as_str()).collect();
    let key = bearer(app, &create(&school.admin, &school, &all).await);
    let mut tried = BTreeSet::new();
    for status in ["active", "deactivated"] {
        if status == "deactivated" {
            school.deactivate(&of_ann).await;
        }
        let before = school.admin.get(&of_ann).await.expect_status(200);
        for operation in in_order().into_iter().filter(Operation::acts_on_members) {
            assert_beyond_reach(&operation, &ask(&operation, &key, &ids).await);
            tried.insert(operation.id);
        }
        let delete = format!("{of_ann}?delete_account=true");
        let refused = key.delete(&delete).await;
        refused.expect_problem(403, "forbidden");
        let after = school.admin.get(&of_ann).await.expect_status(200);
        assert_eq!(before, after);
    }
    let expected = [
        "deactivate_member",
        "reactivate_member",
        "remove_member",
        "reset_member_password",
        "update_member",
        "update_members",
    ];
    assert!(tried.iter().map(String::as_str).eq(expected), "{tried:?}");
    // The same key acts on everybody else.
    let tim = app.register("tim@x.example").await;
    app.join(&school, &tim, "student").await;
    ids.insert("account_id", tim.id.clone());
    for operation in in_order().into_iter().filter(Operation::acts_on_members) {
        let answer = ask(&operation, &key, &ids).await;
        let id = &operation.id;
        assert!(
            !answer.text.contains("\"forbidden\""),
            "{id}: {}",
            answer.text
        );
    }
});

both_databases!(of_many_a_key_changes_those_who_are_no_admins, |app| {
    let school = app.school().await;
    let group = school.new_group("7A").await;
    let tim = app.register("tim@x.example").await;
    app.join(&school, &tim, "student").await;
    let key = create(&school.admin, &school, &["members:write"]).await;
    let many = json!({
        "account_ids": [school.admin.id, tim.id], "add_group_ids": [school.id_of(&group)],
    });
    let path = school.path("/members/bulk-update");
    let changed = bearer(app, &key).post(&path, many.clone()).await;
    let changed = changed.expect_status(200);
    assert_eq!(
        crate::support::people::outcomes(&changed),
        ["forbidden", "updated"]
    );
    assert_eq!(changed["summary"], json!({ "forbidden": 1, "updated": 1 }));
    // A person changes all of them.
    let changed = school.admin.post(&path, many).await.expect_status(200);
    assert_eq!(
        crate::support::people::outcomes(&changed),
        ["unchanged", "unchanged"]
    );
});
