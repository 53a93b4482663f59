//! Groups and their people (`docs/groups.md`).

mod managers;
mod members;

use serde_json::json;

use crate::support::both_databases;
use crate::support::people::text;

both_databases!(a_group_is_looked_at_changed_and_deleted, |app| {
    let school = app.school().await;
    let body = json!({ "name": "7A", "description": "Ms Green's class" });
    let made = school
        .admin
        .post(&school.path("/groups"), body)
        .await
        .expect_status(201);
    let group = school.path(&format!("/groups/{}", text(&made["id"])));
    let expected = json!({
        "id": made["id"],
        "name": "7A",
        "description": "Ms Green's class",
        "member_count": 1,
        "my_role": "manager",
        "created_at": "2026-09-01T07:30:00Z",
    });
    school.admin.get(&group).await.expect(200, expected.clone());
    // What is absent stays, what is null goes.
    school
        .admin
        .patch(&group, json!({}))
        .await
        .expect(200, expected);
    let named = school
        .admin
        .patch(&group, json!({ "name": " 8A " }))
        .await
        .expect_status(200);
    assert_eq!(named["name"], "8A");
    assert_eq!(named["description"], "Ms Green's class");
    let bare = school
        .admin
        .patch(&group, json!({ "description": null }))
        .await
        .expect_status(200);
    assert_eq!(bare["name"], "8A");
    assert!(bare["description"].is_null());
    school.admin.delete(&group).await.expect_status(204);
    school
        .admin
        .get(&group)
        .await
        .expect_problem(404, "not_found");
    school
        .admin
        .delete(&group)
        .await
        .expect_problem(404, "not_found");
    school
        .admin
        .get(&school.path_of(&school.admin.id))
        .await
        .expect_status(200);
    let log = school.events_on(&text(&made["id"])).await;
    let actions: Vec<_> = log
        .as_array()
        .unwrap()
        .iter()
        .map(|e| text(&e["action"]))
        .collect();
    assert_eq!(
        actions,
        [
            "group.deleted",
            "group.updated",
            "group.updated",
            "group.created"
        ]
    );
    assert_eq!(log[0]["details"]["name"], "8A");
    assert_eq!(log[1]["details"], json!({ "description": null }));
});

both_databases!(
    names_are_written_in_one_line_as_names_of_people_are,
    |app| {
        let school = app.school().await;
        let (admin, groups) = (&school.admin, school.path("/groups"));
        for (given, expected) in [
            ("a b", "a b"),
            ("Year\u{a0}\u{2003} 7\n(A)", "Year 7 (A)"),
            ("\u{200f}כיתה  7\u{200e}", "כיתה 7"),
            ("Zoe\u{308}", "Zo\u{eb}"),
        ] {
            let body = json!({ "name": given, "description": given });
            let made = admin.post(&groups, body).await.expect_status(201);
            assert_eq!(made["name"], expected);
            assert_eq!(made["description"], expected);
        }
        for alike in ["a     b", " A\tB ", "ZO\u{cb}"] {
            let refused = admin.post(&groups, json!({ "name": alike })).await;
            refused.expect_problem(409, "name_taken");
        }
        for (pointer, body) in [
            ("/name", json!({ "name": "J\u{fffd}rg" })),
            (
                "/description",
                json!({ "name": "7", "description": "\u{ffff}" }),
            ),
            ("/name", json!({ "name": "a\u{7}b" })),
        ] {
            let refused = admin.post(&groups, body).await;
            refused.expect_fields(&[(pointer, "invalid")]);
        }
        let key = json!({ "name": "Time \t table", "scopes": ["audit:read"] });
        let key = admin.post(&school.path("/api-keys"), key).await;
        assert_eq!(key.expect_status(201)["name"], "Time table");
        let named = json!({ "name": "Hill   Road\r\nSchool " });
        let named = admin.patch(&school.path(""), named).await;
        assert_eq!(named.expect_status(200)["name"], "Hill Road School");
        let made = json!({ "name": "Hill  Road", "kind": "school" });
        let made = admin
            .post("/v1/organizations", made)
            .await
            .expect_status(201);
        assert_eq!(made["name"], "Hill Road");
        assert_eq!(made["slug"], "hill-road");
    }
);

both_databases!(names_differ_whatever_their_case, |app| {
    let school = app.school().await;
    school.new_group("Ünit 1").await;
    let group = school.new_group("Other").await;
    school
        .admin
        .patch(&group, json!({ "name": "ÜNIT 1" }))
        .await
        .expect_problem(409, "name_taken");
    // Its own name in another case is no conflict; another organization's is none either.
    school
        .admin
        .patch(&group, json!({ "name": "OTHER" }))
        .await
        .expect_status(200);
    school
        .admin
        .patch(&group, json!({ "name": "7A" }))
        .await
        .expect_status(200);
    for (body, pointer, code) in [
        (json!({ "name": " " }), "/name", "missing"),
        (json!({ "name": "x".repeat(101) }), "/name", "too_long"),
        (json!({ "description": "" }), "/description", "missing"),
        (
            json!({ "description": "x".repeat(501) }),
            "/description",
            "too_long",
        ),
    ] {
        school
            .admin
            .patch(&group, body)
            .await
            .expect_fields(&[(pointer, code)]);
    }
    school
        .admin
        .patch(&group, json!({ "member_count": 3 }))
        .await
        .expect_problem(400, "malformed_request");
});

both_databases!(groups_are_searched_and_show_ones_own_role, |app| {
    let school = app.school().await;
    let csv = "email,password,username\nann@x.org,quiet rivers 11,Ann\n";
    school.import_students(csv).await;
    let ann = app.sign_in("ann@x.org", "quiet rivers 11").await;
    for name in ["7A", "7B", "Café 100%"] {
        school.new_group(name).await;
    }
    let groups = school.path("/groups");
    let all = school.admin.get(&groups).await.expect_status(200);
    assert_eq!(all["items"].as_array().unwrap().len(), 3);
    for (search, expected) in [
        ("7", 2),
        ("7b", 1),
        ("CAF%C3%89", 1),
        ("100%25", 1),
        ("_", 0),
        ("x", 0),
    ] {
        let found = school.admin.get(&format!("{groups}?search={search}")).await;
        let found = found.expect_status(200);
        assert_eq!(
            found["items"].as_array().unwrap().len(),
            expected,
            "{search}"
        );
    }
    let seven = school.path(&format!("/groups/{}", text(&all["items"][0]["id"])));
    school.add_to_group(&seven, &[&ann.id], "member").await;
    let theirs = ann.get(&groups).await.expect_status(200);
    assert_eq!(theirs["items"].as_array().unwrap().len(), 1);
    assert_eq!(theirs["items"][0]["my_role"], "member");
    assert_eq!(theirs["items"][0]["member_count"], 2);
    ann.get(&seven).await.expect_status(200);
    let other = school.path(&format!("/groups/{}", text(&all["items"][1]["id"])));
    ann.get(&other).await.expect_problem(404, "not_found");
    let operator = app.operator().await;
    let seen = operator.get(&seven).await.expect_status(200);
    assert!(seen["my_role"].is_null());
});

both_databases!(groups_of_other_organizations_are_not_there, |app| {
    let school = app.school().await;
    let other = app.organization("Other School", "school").await;
    let theirs = other.new_group("8B").await;
    // By its own path the organization is not there, by ours the group is not.
    let ours = school.path(&format!("/groups/{}", other.id_of(&theirs)));
    for path in [&theirs, &ours] {
        school
            .admin
            .get(path)
            .await
            .expect_problem(404, "not_found");
        school
            .admin
            .patch(path, json!({ "name": "Mine" }))
            .await
            .expect_problem(404, "not_found");
        school
            .admin
            .delete(path)
            .await
            .expect_problem(404, "not_found");
        let members = format!("{path}/members");
        let me = json!({ "account_ids": [school.admin.id] });
        school
            .admin
            .get(&members)
            .await
            .expect_problem(404, "not_found");
        school
            .admin
            .post(&members, me.clone())
            .await
            .expect_problem(404, "not_found");
        school
            .admin
            .post(&format!("{members}/remove"), me)
            .await
            .expect_problem(404, "not_found");
        let of_admin = format!("{members}/{}", other.admin.id);
        school
            .admin
            .patch(&of_admin, json!({ "role": "member" }))
            .await
            .expect_problem(404, "not_found");
    }
    assert_eq!(
        other.role_in_group(&theirs, &other.admin.id).await,
        "manager"
    );
});
