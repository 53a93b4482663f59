//! Many members changed at once (`docs/members.md`).

use serde_json::{Value, json};

use super::{check_invariants, crowd, limit_seats, students};
use crate::support::both_databases;
use crate::support::people::{Organization, outcomes, text};

async fn bulk(school: &Organization<'_>, body: Value) -> Value {
    let path = school.path("/members/bulk-update");
    school.admin.post(&path, body).await.expect_status(200)
}

both_databases!(each_ends_on_its_own, |app| {
    let school = app.school().await;
    let [ann, bob, cid] = students(app, &school).await;
    let busy = app
        .sign_in("person1@busy.example", "Busy bees 1 buzz")
        .await;
    app.verify_emails_by_reset();
    school
        .admin
        .patch(
            &school.path_of(&bob.id),
            json!({ "account_type": "teacher" }),
        )
        .await
        .expect_status(200);
    let teach = json!({
        "account_ids": [ann.id, busy.id, bob.id, ann.id, cid.id],
        "account_type": "teacher",
    });
    let answer = bulk(&school, teach).await;
    assert_eq!(
        answer,
        json!({
            "results": [
                { "account_id": ann.id, "outcome": "updated" },
                { "account_id": busy.id, "outcome": "not_found" },
                { "account_id": bob.id, "outcome": "unchanged" },
                { "account_id": ann.id, "outcome": "duplicate_in_request" },
                { "account_id": cid.id, "outcome": "updated" },
            ],
            "summary": { "updated": 2, "not_found": 1, "unchanged": 1, "duplicate_in_request": 1 },
        })
    );
    check_invariants(app, &school);
    let log = format!("/audit-events?action=member.updated&subject_id={}", cid.id);
    let log = school
        .admin
        .get(&school.path(&log))
        .await
        .expect_status(200);
    assert_eq!(log["items"].as_array().unwrap().len(), 1);
    assert_eq!(log["items"][0]["details"]["account_type"], "teacher");
});

both_databases!(seats_go_to_those_who_are_named_first, |app| {
    let school = app.school().await;
    let operator = app.operator().await;
    let [ann, bob, cid] = students(app, &school).await;
    app.verify_emails_by_reset();
    let group = school.new_group("7A").await;
    let group_id = school.id_of(&group);
    limit_seats(
        &operator,
        &school,
        json!({ "total": null, "by_account_type": { "student": null, "teacher": 2 } }),
    )
    .await;
    // A deactivated member needs none.
    school.deactivate(&school.path_of(&cid.id)).await;
    let teach = json!({
        "account_ids": [cid.id, bob.id, ann.id],
        "account_type": "teacher",
        "add_group_ids": [group_id],
    });
    let answer = bulk(&school, teach).await;
    assert_eq!(outcomes(&answer), ["updated", "updated", "no_seat"]);
    check_invariants(app, &school);
    // Nothing changed for whom there was none.
    let shown = school
        .admin
        .get(&school.path_of(&ann.id))
        .await
        .expect_status(200);
    assert_eq!(shown["account_type"], "student");
    assert_eq!(shown["groups"], json!([]));
    let shown = school
        .admin
        .get(&school.path_of(&bob.id))
        .await
        .expect_status(200);
    assert_eq!(shown["groups"][0]["name"], "7A");
});

both_databases!(groups_are_joined_and_left_by_many, |app| {
    let school = app.school().await;
    let [ann, bob, cid] = students(app, &school).await;
    let (old, new) = (school.new_group("7A").await, school.new_group("8A").await);
    school
        .add_to_group(&old, &[&ann.id, &bob.id], "member")
        .await;
    school.add_to_group(&new, &[&cid.id], "member").await;
    let up = json!({
        "account_ids": [ann.id, bob.id, cid.id],
        "add_group_ids": [school.id_of(&new)],
        "remove_group_ids": [school.id_of(&old)],
    });
    let answer = bulk(&school, up.clone()).await;
    assert_eq!(outcomes(&answer), ["updated", "updated", "unchanged"]);
    let answer = bulk(&school, up).await;
    assert_eq!(outcomes(&answer), ["unchanged", "unchanged", "unchanged"]);
    let seen = school.admin.get(&new).await.expect_status(200);
    assert_eq!(seen["member_count"], 4);
    assert!(app.was_removed_from_group(&school.id_of(&old), &ann.id));
    assert!(!app.was_removed_from_group(&school.id_of(&old), &cid.id));
    assert!(!app.was_removed_from_group(&school.id_of(&new), &ann.id));
    // One event for each group that changed, as where its members are named themselves.
    let mut changed = [&ann.id, &bob.id];
    changed.sort_unstable();
    let added = school.events("group.members_added").await;
    assert_eq!(added[0]["subject"]["id"], school.id_of(&new), "{added:#}");
    assert_eq!(
        added[0]["details"],
        json!({ "account_ids": changed, "role": "member" })
    );
    assert_eq!(added.as_array().unwrap().len(), 3);
    let removed = school.events("group.members_removed").await;
    assert_eq!(removed[0]["subject"]["id"], school.id_of(&old));
    assert_eq!(removed[0]["details"], json!({ "account_ids": changed }));
    assert_eq!(removed.as_array().unwrap().len(), 1);
});

both_databases!(whoever_is_no_staff_any_more_manages_no_group, |app| {
    let school = app.school().await;
    let [ann, bob, _] = students(app, &school).await;
    app.verify_emails_by_reset();
    let ids = json!([ann.id, bob.id]);
    bulk(
        &school,
        json!({ "account_ids": ids, "account_type": "teacher" }),
    )
    .await;
    school
        .admin
        .patch(&school.path_of(&bob.id), json!({ "role": "admin" }))
        .await
        .expect_status(200);
    let ann = app.sign_in(&ann.email, "quiet rivers 11").await;
    let group = school.new_group("7A").await;
    school
        .add_to_group(&group, &[&ann.id, &bob.id], "manager")
        .await;
    ann.patch(&group, json!({ "name": "7B" }))
        .await
        .expect_status(200);
    bulk(
        &school,
        json!({ "account_ids": ids, "account_type": "student" }),
    )
    .await;
    ann.patch(&group, json!({ "name": "7C" }))
        .await
        .expect_problem(403, "forbidden");
    // An admin manages groups whatever their type.
    assert_eq!(school.role_in_group(&group, &ann.id).await, "member");
    assert_eq!(school.role_in_group(&group, &bob.id).await, "manager");
    school
        .admin
        .patch(&school.path_of(&bob.id), json!({ "role": "member" }))
        .await
        .expect_status(200);
    assert_eq!(school.role_in_group(&group, &bob.id).await, "member");
    // Bob one by one, Ann with many.
    let path = school.path("/audit-events?action=group.member_updated");
    let log = school.admin.get(&path).await.expect_status(200);
    let demoted = log["items"].as_array().unwrap();
    assert_eq!(demoted.len(), 2, "{log:#}");
    for (event, who) in demoted.iter().zip([&bob, &ann]) {
        let expected = json!({ "account_id": who.id, "role": "member" });
        assert_eq!(event["details"], expected);
        assert_eq!(event["subject"]["id"], school.id_of(&group));
    }
});

both_databases!(five_hundred_are_changed_at_once_and_no_more, |app| {
    let school = app.school().await;
    let ids = crowd(&school, 501).await;
    app.verify_emails_by_reset();
    let group = school.new_group("Everybody").await;
    let group = school.id_of(&group);
    let most = &ids[..500];
    let change =
        json!({ "account_ids": most, "account_type": "teacher", "add_group_ids": [group] });
    let answer = bulk(&school, change).await;
    assert_eq!(answer["summary"], json!({ "updated": 500 }));
    check_invariants(app, &school);
    let path = school.path("/members/bulk-update");
    school
        .admin
        .post(&path, json!({ "account_ids": ids }))
        .await
        .expect_fields(&[("/account_ids", "too_many")]);
});

both_databases!(what_cannot_be_meant_is_refused, |app| {
    let school = app.school().await;
    let [ann, ..] = students(app, &school).await;
    let path = school.path("/members/bulk-update");
    let group = school.id_of(&school.new_group("7A").await);
    let busy_admin = app
        .sign_in(
            "admin@busy-company.example",
            crate::support::people::PASSWORD,
        )
        .await;
    let companies = busy_admin.get("/v1/organizations").await.expect_status(200);
    let company = text(&companies["items"][0]["id"]);
    let theirs = busy_admin
        .get(&format!("/v1/organizations/{company}/groups"))
        .await;
    let theirs = text(&theirs.expect_status(200)["items"][0]["id"]);
    for (field, pointer) in [
        ("add_group_ids", "/add_group_ids"),
        ("remove_group_ids", "/remove_group_ids"),
    ] {
        school
            .admin
            .post(&path, json!({ "account_ids": [ann.id], field: [theirs] }))
            .await
            .expect_fields(&[(pointer, "group_unknown")]);
    }
    let both =
        json!({ "account_ids": [ann.id], "add_group_ids": [group], "remove_group_ids": [group] });
    school
        .admin
        .post(&path, both)
        .await
        .expect_fields(&[("/remove_group_ids", "group_both_ways")]);
    school
        .admin
        .post(&path, json!({ "account_ids": [] }))
        .await
        .expect_fields(&[("/account_ids", "missing")]);
    school
        .admin
        .post(
            &path,
            json!({ "account_ids": [ann.id], "account_type": "creator" }),
        )
        .await
        .expect_problem(422, "account_type_not_in_kind");
    for body in [
        json!({}),
        json!({ "account_ids": ["ann"] }),
        json!({ "account_ids": [ann.id], "role": "admin" }),
    ] {
        school
            .admin
            .post(&path, body)
            .await
            .expect_problem(400, "malformed_request");
    }
});
