//! Who is in a group: listed, added, removed by many.

use serde_json::json;

use crate::support::both_databases;
use crate::support::members::students;
use crate::support::people::{outcomes, text};

both_databases!(many_are_added_each_with_an_outcome, |app| {
    let school = app.school().await;
    let [ann, bob, cid] = students(app, &school).await;
    let busy = app
        .sign_in("person1@busy.example", "Busy bees 1 buzz")
        .await;
    let path = format!("{}/deactivate", school.path_of(&cid.id));
    school.admin.post(&path, json!({})).await.expect_status(200);
    let group = school.new_group("7A").await;
    school.add_to_group(&group, &[&bob.id], "member").await;
    let body = json!({ "account_ids": [ann.id, bob.id, cid.id, busy.id, ann.id] });
    let added = school.admin.post(&format!("{group}/members"), body).await;
    added.expect(
        200,
        json!({
            "results": [
                { "account_id": ann.id, "outcome": "added" },
                { "account_id": bob.id, "outcome": "already_in_group" },
                { "account_id": cid.id, "outcome": "not_a_member" },
                { "account_id": busy.id, "outcome": "not_a_member" },
                { "account_id": ann.id, "outcome": "duplicate_in_request" },
            ],
            "summary": {
                "added": 1,
                "already_in_group": 1,
                "not_a_member": 2,
                "duplicate_in_request": 1,
            },
        }),
    );
    let seen = school.admin.get(&group).await.expect_status(200);
    assert_eq!(seen["member_count"], 3);
    let log = school
        .admin
        .get(&school.path("/audit-events?action=group.members_added"))
        .await;
    let log = log.expect_status(200);
    assert_eq!(log["items"].as_array().unwrap().len(), 2);
    assert_eq!(log["items"][0]["details"]["account_ids"], json!([ann.id]));
});

both_databases!(
    many_are_removed_and_do_not_come_back_by_the_same_code,
    |app| {
        let school = app.school().await;
        let [ann, bob, _] = students(app, &school).await;
        let group = school.new_group("7A").await;
        let id = school.id_of(&group);
        school.add_to_group(&group, &[&ann.id], "member").await;
        let body = json!({ "account_ids": [bob.id, ann.id, ann.id] });
        let remove = format!("{group}/members/remove");
        let removed = school.admin.post(&remove, body).await.expect_status(200);
        assert_eq!(
            outcomes(&removed),
            ["not_in_group", "removed", "duplicate_in_request"]
        );
        assert!(app.was_removed_from_group(&id, &ann.id));
        assert!(!app.was_removed_from_group(&id, &bob.id));
        // In the organization still, and welcome again once they are added.
        school
            .admin
            .get(&school.path_of(&ann.id))
            .await
            .expect_status(200);
        school.add_to_group(&group, &[&ann.id], "member").await;
        assert!(!app.was_removed_from_group(&id, &ann.id));
        // Whoever takes themself out was not removed by anybody.
        let me = json!({ "account_ids": [school.admin.id] });
        let removed = school.admin.post(&remove, me).await.expect_status(200);
        assert_eq!(outcomes(&removed), ["removed"]);
        assert!(!app.was_removed_from_group(&id, &school.admin.id));
        school.admin.get(&group).await.expect_status(200);
    }
);

both_databases!(lists_of_people_have_bounds, |app| {
    let school = app.school().await;
    let group = school.new_group("7A").await;
    let many = vec![school.admin.id.clone(); 501];
    for below in ["/members", "/members/remove"] {
        let path = format!("{group}{below}");
        school
            .admin
            .post(&path, json!({ "account_ids": [] }))
            .await
            .expect_fields(&[("/account_ids", "missing")]);
        school
            .admin
            .post(&path, json!({ "account_ids": many }))
            .await
            .expect_fields(&[("/account_ids", "too_many")]);
        for body in [
            json!({}),
            json!({ "account_ids": [1] }),
            json!({ "account_ids": [], "x": 1 }),
        ] {
            school
                .admin
                .post(&path, body)
                .await
                .expect_problem(400, "malformed_request");
        }
    }
    let body = json!({ "account_ids": [school.admin.id], "role": "boss" });
    let path = format!("{group}/members");
    school
        .admin
        .post(&path, body)
        .await
        .expect_problem(400, "malformed_request");
});

both_databases!(the_people_of_a_group_are_listed_with_their_roles, |app| {
    let school = app.school().await;
    let [ann, bob, cid] = students(app, &school).await;
    let group = school.new_group("7A").await;
    school
        .add_to_group(&group, &[&bob.id, &ann.id], "member")
        .await;
    let other = school.new_group("8A").await;
    school.add_to_group(&other, &[&cid.id], "member").await;
    let members = format!("{group}/members");
    let page = school.admin.get(&members).await.expect_status(200);
    let shown: Vec<_> = page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|member| (text(&member["username"]), text(&member["group_role"])))
        .collect();
    let is = |name: &str, role: &str| (name.to_owned(), role.to_owned());
    assert_eq!(
        shown,
        [
            is("admin", "manager"),
            is("Ann", "member"),
            is("Bob", "member")
        ]
    );
    // The member as the list of members shows them, and the role.
    let mut as_member = school
        .admin
        .get(&school.path_of(&ann.id))
        .await
        .expect_status(200);
    as_member["group_role"] = json!("member");
    assert_eq!(page["items"][1], as_member);
    for (query, expected) in [
        ("group_role=manager", vec!["admin"]),
        ("search=bo", vec!["Bob"]),
        ("account_type=student&direction=desc", vec!["Bob", "Ann"]),
        ("status=deactivated", vec![]),
    ] {
        let page = school
            .admin
            .get(&format!("{members}?{query}"))
            .await
            .expect_status(200);
        let names: Vec<_> = page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|m| text(&m["username"]))
            .collect();
        assert_eq!(names, expected, "{query}");
    }
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = school
            .admin
            .get(&format!("{members}?limit=1{cursor}"))
            .await
            .expect_status(200);
        seen.push(text(&page["items"][0]["username"]));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, ["admin", "Ann", "Bob"]);
    // Pupils see their group, and nobody in it.
    ann.get(&group).await.expect_status(200);
    ann.get(&members).await.expect_problem(403, "forbidden");
});

both_databases!(the_same_people_added_and_removed_at_once, |app| {
    let school = app.school().await;
    let [ann, bob, cid] = students(app, &school).await;
    let group = school.new_group("7A").await;
    let body = json!({ "account_ids": [ann.id, bob.id, cid.id] });
    let (add, remove) = (
        format!("{group}/members"),
        format!("{group}/members/remove"),
    );
    let nobody = school.path_of("01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11");
    for _ in 0..5 {
        let (one, two, three, gone) = tokio::join!(
            school.admin.post(&add, body.clone()),
            school.admin.post(&add, body.clone()),
            school.admin.post(&remove, body.clone()),
            school.admin.delete(&nobody)
        );
        for answer in [&one, &two, &three] {
            assert_eq!(answer.status, 200, "{}", answer.text);
        }
        gone.expect_problem(404, "not_found");
    }
    let left = school.admin.post(&remove, body).await.expect_status(200);
    let left = left["summary"]["removed"].as_i64().unwrap_or(0);
    assert!(left == 0 || left == 3, "{left}");
    let seen = school.admin.get(&group).await.expect_status(200);
    assert_eq!(seen["member_count"], 1);
});
