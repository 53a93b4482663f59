//! Resources that groups open, and the question whether an account may open them (`docs/grants.md`).

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::members::students;
use crate::support::people::{Organization, PASSWORD, Person, text};
use crate::support::{App, TestResponse, both_databases};

mod access;
mod etags;
mod names;
mod tenants;

/// The clock of the tests begins at half past seven of 2026-09-01.
const IN_JUNE: &str = "2027-06-30T22:00:00Z";
const IN_JULY: &str = "2027-07-31T22:00:00Z";
const A_YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Has the group at this path open a resource, and gives the grant.
async fn grant(who: &Person<'_>, group: &str, resource: &str, body: Value) -> Value {
    let set = who.put(&format!("{group}/grants/{resource}"), body).await;
    set.expect_status(200)
}

/// Asks whether an account may open a course.
async fn ask(who: &Person<'_>, school: &Organization<'_>, account: &str, id: &str) -> TestResponse {
    let query = format!("account_id={account}&resource_type=course&resource_id={id}");
    who.get(&school.path(&format!("/access?{query}"))).await
}

/// Through which group the account may open a course, and until when; asserts that it may.
async fn reason(school: &Organization<'_>, account: &str, id: &str) -> (String, Value) {
    let answer = ask(&school.admin, school, account, id).await;
    let answer = answer.expect_status(200);
    assert_eq!(answer["allowed"], true, "{answer:#}");
    let reason = &answer["reason"];
    (text(&reason["group"]["name"]), reason["until"].clone())
}

/// Asserts that the account may not open a course.
async fn expect_closed(school: &Organization<'_>, account: &str, id: &str) {
    let answer = ask(&school.admin, school, account, id).await;
    answer.expect(200, json!({ "allowed": false, "reason": null }));
}

/// Whoever has a new API key with these scopes.
async fn key<'a>(app: &'a App, school: &Organization<'_>, scopes: &[&str]) -> Person<'a> {
    let body = json!({ "name": "Library", "scopes": scopes });
    let created = school.admin.post(&school.path("/api-keys"), body).await;
    Person {
        access_token: Some(text(&created.expect_status(201)["key"])),
        ..Person::anonymous(app)
    }
}

both_databases!(a_key_asks_what_a_group_opens_until_a_date, |app| {
    let school = app.school().await;
    let [ann, bob, _] = students(app, &school).await;
    let group = school.new_group("7A").await;
    school.add_to_group(&group, &[&ann.id], "member").await;
    let library = key(app, &school, &["access:read", "grants:write"]).await;
    let set = library
        .put(
            &format!("{group}/grants/course/algebra-1"),
            json!({ "expires_at": IN_JUNE }),
        )
        .await;
    set.expect(
        200,
        json!({
            "resource_type": "course",
            "resource_id": "algebra-1",
            "expires_at": IN_JUNE,
            "created_at": "2026-09-01T07:30:00Z",
        }),
    );
    let allowed = ask(&library, &school, &ann.id, "algebra-1").await;
    allowed.expect(
        200,
        json!({
            "allowed": true,
            "reason": {
                "group": { "id": school.id_of(&group), "name": "7A" },
                "until": IN_JUNE,
            },
        }),
    );
    let closed = json!({ "allowed": false, "reason": null });
    let not_in_it = ask(&library, &school, &bob.id, "algebra-1").await;
    not_in_it.expect(200, closed.clone());
    let not_granted = ask(&library, &school, &ann.id, "algebra-2").await;
    not_granted.expect(200, closed.clone());
    app.advance(A_YEAR);
    let ended = ask(&library, &school, &ann.id, "algebra-1").await;
    ended.expect(200, closed);
});

both_databases!(a_grant_ends_at_the_moment_that_it_names, |app| {
    let school = app.school().await;
    let group = school.new_group("7A").await;
    let until = json!({ "expires_at": "2026-09-01T08:30:00+01:00" });
    let refused = school
        .admin
        .put(&format!("{group}/grants/course/1"), until)
        .await;
    refused.expect_fields(&[("/expires_at", "in_the_past")]);
    let until = json!({ "expires_at": "2026-09-01T07:30:01Z" });
    grant(&school.admin, &group, "course/1", until).await;
    let admin = &school.admin.id;
    assert_eq!(reason(&school, admin, "1").await.0, "7A");
    app.advance(Duration::from_secs(1));
    expect_closed(&school, admin, "1").await;
    // What has ended stays, and is prolonged.
    let path = format!("{group}/grants/course/1");
    school.admin.get(&path).await.expect_status(200);
    let endless = grant(&school.admin, &group, "course/1", json!({})).await;
    assert_eq!(endless["expires_at"], json!(null));
    assert_eq!(endless["created_at"], "2026-09-01T07:30:00Z");
    reason(&school, admin, "1").await;
});

both_databases!(a_grant_is_set_changed_and_revoked_in_the_log, |app| {
    let school = app.school().await;
    let group = school.new_group("7A").await;
    let path = format!("{group}/grants/course/algebra-1");
    school
        .admin
        .get(&path)
        .await
        .expect_problem(404, "not_found");
    grant(&school.admin, &group, "course/algebra-1", json!({})).await;
    // The same again is no event.
    for _ in 0..2 {
        let until = json!({ "expires_at": IN_JUNE });
        grant(&school.admin, &group, "course/algebra-1", until).await;
    }
    let found = school.admin.get(&path).await.expect_status(200);
    assert_eq!(found["expires_at"], IN_JUNE);
    for _ in 0..2 {
        let lifted = json!({ "expires_at": null });
        grant(&school.admin, &group, "course/algebra-1", lifted).await;
    }
    school.admin.delete(&path).await.expect_status(204);
    school
        .admin
        .delete(&path)
        .await
        .expect_problem(404, "not_found");
    let log = school.events_on(&school.id_of(&group)).await;
    let events = log.as_array().unwrap().iter();
    let events: Vec<_> = events
        .map(|event| (text(&event["action"]), event["details"].clone()))
        .collect();
    let resource = json!({ "resource_type": "course", "resource_id": "algebra-1" });
    let with_end = |end: Value| {
        let mut details = resource.clone();
        details["expires_at"] = end;
        details
    };
    let expected = [
        ("grant.revoked".to_owned(), resource.clone()),
        ("grant.updated".to_owned(), with_end(json!(null))),
        (
            "grant.updated".to_owned(),
            with_end(json!("2027-06-30T22:00:00Z")),
        ),
        ("grant.created".to_owned(), with_end(json!(null))),
    ];
    assert_eq!(events[..4], expected);
    assert_eq!(events.len(), 5, "{events:#?}");
});

both_databases!(
    a_deleted_group_opens_nothing_and_says_so_in_the_log,
    |app| {
        let school = app.school().await;
        let group = school.new_group("7A").await;
        let other = school.new_group("7B").await;
        for id in ["course/1", "course/2", "task/1"] {
            grant(&school.admin, &group, id, json!({})).await;
        }
        grant(&school.admin, &other, "task/1", json!({})).await;
        reason(&school, &school.admin.id, "1").await;
        school.admin.delete(&group).await.expect_status(204);
        expect_closed(&school, &school.admin.id, "1").await;
        let log = school.events_on(&school.id_of(&group)).await;
        let events = log.as_array().unwrap();
        assert_eq!(events[0]["action"], "group.deleted");
        let mut revoked: Vec<_> = events[1..4]
            .iter()
            .map(|event| {
                assert_eq!(event["action"], "grant.revoked");
                let details = &event["details"];
                (
                    text(&details["resource_type"]),
                    text(&details["resource_id"]),
                )
            })
            .collect();
        revoked.sort();
        let expected = [("course", "1"), ("course", "2"), ("task", "1")];
        assert_eq!(
            revoked,
            expected.map(|(one, two)| (one.to_owned(), two.to_owned()))
        );
        // A group of the same name begins with none.
        let again = school.new_group("7A").await;
        let grants = school.admin.get(&format!("{again}/grants")).await;
        grants.expect(200, json!({ "items": [], "next_cursor": null }));
        let kept = school.admin.get(&format!("{other}/grants")).await;
        assert_eq!(
            kept.expect_status(200)["items"].as_array().unwrap().len(),
            1
        );
    }
);

both_databases!(grants_come_in_pages_in_their_order, |app| {
    let school = app.school().await;
    let group = school.new_group("7A").await;
    let in_order = ["course/1", "course/2", "course/3", "task/1", "task/2"];
    for resource in in_order.iter().rev() {
        grant(&school.admin, &group, resource, json!({})).await;
    }
    let pages = async |query: &str| {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("{group}/grants?limit=2{query}{cursor}");
            let page = school.admin.get(&path).await;
            let body = page.expect_status(200);
            for item in body["items"].as_array().unwrap() {
                let (kind, id) = (text(&item["resource_type"]), text(&item["resource_id"]));
                seen.push(format!("{kind}/{id}"));
            }
            match body["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break seen,
            }
            assert!(page.header("link").contains("rel=\"next\""));
        }
    };
    assert_eq!(pages("").await, in_order);
    assert_eq!(pages("&resource_type=task").await, ["task/1", "task/2"]);
    assert_eq!(pages("&resource_type=film").await, [""; 0]);
    // A cursor of another list, and one whose parts are no resource.
    for cursor in ["WzFd", "WyJDb3Vyc2UiLCIxIl0"] {
        let refused = school
            .admin
            .get(&format!("{group}/grants?cursor={cursor}"))
            .await;
        refused.expect_fields(&[("?cursor", "cursor_invalid")]);
    }
    let refused = school
        .admin
        .get(&format!("{group}/grants?resource_type=Task"))
        .await;
    refused.expect_fields(&[("?resource_type", "invalid")]);
});

both_databases!(a_group_has_ten_thousand_grants_at_most, |app| {
    use diesel::prelude::*;
    use rollcall::domain::resource::{ResourceId, ResourceType};
    use rollcall::store::Connection;
    use rollcall::store::grants::Grant;
    use rollcall::store::schema::grants;
    let school = app.school().await;
    let group = school.new_group("7A").await;
    let row = |number: i32| Grant {
        organization_id: school.id.parse().unwrap(),
        group_id: school.id_of(&group).parse().unwrap(),
        resource_type: ResourceType::parse("course").unwrap(),
        resource_id: ResourceId::parse(&number.to_string()).unwrap(),
        expires_at: None,
        created_at: app.now(),
    };
    let rows: Vec<Grant> = (1..10_000).map(row).collect();
    let mut connection = app.state.services.pool.get().unwrap();
    for some in rows.chunks(2_000) {
        let insert = diesel::insert_into(grants::table).values(some);
        match &mut **connection {
            Connection::Sqlite(sqlite) => insert.execute(sqlite).unwrap(),
            Connection::Postgres(postgres) => insert.execute(postgres).unwrap(),
        };
    }
    drop(connection);
    let put = async |id: &str| {
        let path = format!("{group}/grants/course/{id}");
        school.admin.put(&path, json!({})).await
    };
    put("last").await.expect_status(200);
    put("one-more").await.expect_fields(&[("", "too_many")]);
    // The refused one left nothing, and those that are there can be set.
    let path = format!("{group}/grants/course/one-more");
    let refused = school.admin.get(&path).await;
    refused.expect_problem(404, "not_found");
    put("7").await.expect_status(200);
    let path = format!("{group}/grants/course/7");
    school.admin.delete(&path).await.expect_status(204);
    put("one-more").await.expect_status(200);
    // The whole group goes, and each grant is in the log.
    school.admin.delete(&group).await.expect_status(204);
    let log = school
        .admin
        .get(&school.path("/audit-events?action=grant.revoked&limit=200"))
        .await;
    assert!(log.expect_status(200)["next_cursor"].is_string());
});

both_databases!(
    staff_see_what_their_groups_open_and_change_none_of_it,
    |app| {
        let school = app.school().await;
        let tom = app.register("tom@x.org").await;
        app.join(&school, &tom, "teacher").await;
        let own = school.new_group("7A").await;
        school.add_to_group(&own, &[&tom.id], "manager").await;
        let visited = school.new_group("7B").await;
        school.add_to_group(&visited, &[&tom.id], "member").await;
        let other = school.new_group("7C").await;
        for group in [&own, &visited, &other] {
            grant(&school.admin, group, "course/1", json!({})).await;
        }
        let path = |group: &String| format!("{group}/grants/course/1");
        tom.get(&path(&own)).await.expect_status(200);
        tom.get(&format!("{own}/grants")).await.expect_status(200);
        tom.get(&path(&visited))
            .await
            .expect_problem(403, "forbidden");
        tom.get(&path(&other))
            .await
            .expect_problem(404, "not_found");
        // Managers decide who is in a group, admins what it opens.
        let set = tom.put(&path(&own), json!({})).await;
        let refused = set.expect_problem(403, "forbidden");
        assert_eq!(refused["detail"], "Only admins and operators may do this.");
        tom.delete(&path(&own))
            .await
            .expect_problem(403, "forbidden");
        let operator = app.operator().await;
        grant(&operator, &own, "course/2", json!({})).await;
        reason(&school, &tom.id, "2").await;
    }
);

both_databases!(what_is_set_at_once_is_one_grant, |app| {
    let school = app.school().await;
    let group = school.new_group("7A").await;
    let path = format!("{group}/grants/course/1");
    let put = |until: &'static str| school.admin.put(&path, json!({ "expires_at": until }));
    let (one, other, third) = tokio::join!(put(IN_JUNE), put(IN_JULY), put(IN_JUNE));
    for answer in [one, other, third] {
        answer.expect_status(200);
    }
    let created = school.events("grant.created").await;
    assert_eq!(created.as_array().unwrap().len(), 1);
    let list = school.admin.get(&format!("{group}/grants")).await;
    assert_eq!(
        list.expect_status(200)["items"].as_array().unwrap().len(),
        1
    );
});

both_databases!(a_group_that_is_deleted_meanwhile_opens_nothing, |app| {
    use rollcall::domain::ids::{GroupId, OrganizationId};
    use rollcall::services::authorization;
    use rollcall::store::groups;
    let school = app.school().await;
    let group = school.new_group("7A").await;
    let organization: OrganizationId = school.id.parse().unwrap();
    let id: GroupId = school.id_of(&group).parse().unwrap();
    let path = format!("{group}/grants/course/1");
    let answer = app
        .during(
            move |tx| authorization::lock(tx, organization),
            school.admin.put(&path, json!({})),
            move |tx| groups::delete(tx.connection, organization, id).map(|_| ()),
        )
        .await;
    answer.expect_problem(404, "not_found");
});

/// Signs in as the admin of the busy company that every database has, and gives the path of its group 7A.
async fn busy_company(app: &App) -> (Person<'_>, Organization<'_>, String) {
    let admin = app.sign_in("admin@busy-company.example", PASSWORD).await;
    let memberships = admin.get("/v1/me/memberships").await.expect_status(200);
    let organization = &memberships["items"][0]["organization"];
    let company = Organization {
        id: text(&organization["id"]),
        slug: text(&organization["slug"]),
        admin: admin.clone(),
    };
    let groups = admin.get(&company.path("/groups")).await.expect_status(200);
    let group = company.path(&format!("/groups/{}", text(&groups["items"][0]["id"])));
    (admin, company, group)
}
