//! The list of members, one member, the last admin (`docs/members.md`).

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::both_databases;
use crate::support::people::PASSWORD;

/// Uploaded in two parts, an hour apart.
const FIRST: &str = "email,password,username\n\
    zoe@hill.example,quiet rivers 11,Zoë Müller\n\
    adam@hill.example,quiet rivers 12,Ádám Óvári\n\
    li@other.example,quiet rivers 13,李小龙\n";
const SECOND: &str = "email,password,username\n\
    bob_100%@hill.example,quiet rivers 14,bob\n\
    ann@hill.example,quiet rivers 15,Ann\n";

fn names(page: &Value) -> Vec<&str> {
    page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|member| member["username"].as_str().unwrap())
        .collect()
}

both_databases!(members_are_searched_filtered_and_sorted, |app| {
    let mut school = app.school().await;
    school.import_students(FIRST).await;
    app.advance(Duration::from_secs(3600));
    school.admin = app.sign_in(&school.admin.email, PASSWORD).await;
    school.import_students(SECOND).await;
    app.advance(Duration::from_secs(3600));
    school.admin = app.sign_in(&school.admin.email, PASSWORD).await;
    app.sign_in("li@other.example", "quiet rivers 13").await;
    let members = school.path("/members");
    let expect = |query: &'static str, expected: &'static [&'static str]| {
        let (admin, path) = (school.admin.clone(), format!("{members}?{query}"));
        async move {
            let page = admin.get(&path).await.expect_status(200);
            assert_eq!(names(&page), expected, "{query}");
            assert!(page["next_cursor"].is_null());
        }
    };
    let everybody = ["Ádám Óvári", "admin", "Ann", "bob", "Zoë Müller", "李小龙"];
    let page = school.admin.get(&members).await.expect_status(200);
    assert_eq!(names(&page), everybody);
    expect(
        "sort=name&direction=desc",
        &["李小龙", "Zoë Müller", "bob", "Ann", "admin", "Ádám Óvári"],
    )
    .await;
    expect("search=muller", &["Zoë Müller"]).await;
    expect("search=M%C3%9CLL", &["Zoë Müller"]).await;
    expect("search=OTHER.example", &["李小龙"]).await;
    expect("search=%E5%B0%8F", &["李小龙"]).await;
    expect("search=_100%25", &["bob"]).await;
    expect("search=%25", &["bob"]).await;
    expect("search=nobody", &[]).await;
    expect("email_domain=other.example", &["李小龙"]).await;
    expect("email_domain=ther.example", &[]).await;
    expect("account_type=teacher", &["admin"]).await;
    expect("account_type=student&role=admin", &[]).await;
    expect("role=admin", &["admin"]).await;
    expect("status=deactivated", &[]).await;
    expect("managed=false", &["admin"]).await;
    expect(
        "managed=true&search=a",
        &["Ádám Óvári", "Ann", "bob", "Zoë Müller", "李小龙"],
    )
    .await;
    expect("registered_from=2026-09-01T08:00:00Z", &["Ann", "bob"]).await;
    expect(
        "registered_to=2026-09-01T08:00:00Z&managed=true",
        &["Ádám Óvári", "Zoë Müller", "李小龙"],
    )
    .await;
    expect(
        "last_active_from=2026-09-01T09:00:00Z",
        &["admin", "李小龙"],
    )
    .await;
    let page = school
        .admin
        .get(&format!("{members}?sort=last_active&direction=desc"))
        .await;
    assert_eq!(names(&page.expect_status(200))[..2], ["李小龙", "admin"]);
    let page = school
        .admin
        .get(&format!("{members}?last_active_to=2026-09-01T00:00:00Z"))
        .await;
    assert_eq!(names(&page.expect_status(200)).len(), 4);
});

both_databases!(a_member_is_shown_with_all_that_helps, |app| {
    let school = app.school().await;
    let group = json!({ "name": "7A" });
    let group = school
        .admin
        .post(&school.path("/groups"), group)
        .await
        .expect_status(201);
    let id = group["id"].as_str().unwrap();
    let fields = [("account_type", "student"), ("group_ids", id)];
    school.import(FIRST, &fields).await.expect_status(202);
    app.drain().await;
    let page = school
        .admin
        .get(&school.path("/members?search=zoe"))
        .await
        .expect_status(200);
    let expected = json!({
        "account_id": "<uuid>",
        "username": "Zoë Müller",
        "email": "zoe@hill.example",
        "email_verified": false,
        "account_type": "student",
        "role": "member",
        "status": "active",
        "managed": true,
        "generated_address": false,
        "joined_via": "csv_import",
        "joined_at": "2026-09-01T07:30:00Z",
        "registered_at": "2026-09-01T07:30:00Z",
        "last_active_at": null,
        "groups": [{ "id": id, "name": "7A" }],
    });
    let path = school.path(&format!(
        "/members/{}",
        page["items"][0]["account_id"].as_str().unwrap()
    ));
    let shown = school.admin.get(&path).await.expect(200, expected);
    assert_eq!(shown, page["items"][0]);
    let in_group = school
        .admin
        .get(&school.path(&format!("/members?group_id={id}")))
        .await;
    assert_eq!(
        in_group.expect_status(200)["items"]
            .as_array()
            .unwrap()
            .len(),
        4
    );
});

both_databases!(pages_go_through_everybody_once_in_every_order, |app| {
    let school = app.school().await;
    let mut csv = String::from("email,password,username\n");
    for number in 0..25 {
        // Five people share each name: the id decides among them.
        csv.push_str(&format!(
            "p{number}@x.org,quiet rivers {number:02},Name {}\n",
            number % 5
        ));
    }
    school.import_students(csv).await;
    for order in ["name", "registered", "last_active"] {
        for direction in ["asc", "desc"] {
            let mut seen = Vec::new();
            let mut cursor = String::new();
            loop {
                let query = format!("/members?limit=4&sort={order}&direction={direction}{cursor}");
                let page = school
                    .admin
                    .get(&school.path(&query))
                    .await
                    .expect_status(200);
                let items = page["items"].as_array().unwrap();
                seen.extend(items.iter().map(|member| member["account_id"].to_string()));
                match page["next_cursor"].as_str() {
                    Some(next) => cursor = format!("&cursor={next}"),
                    None => break,
                }
                assert_eq!(items.len(), 4);
            }
            assert_eq!(seen.len(), 26, "{order} {direction}");
            seen.sort();
            seen.dedup();
            assert_eq!(seen.len(), 26, "{order} {direction}");
        }
    }
});

both_databases!(a_cursor_of_another_order_or_of_nobody_is_refused, |app| {
    let school = app.school().await;
    school.import_students(FIRST).await;
    let page = school
        .admin
        .get(&school.path("/members?limit=1"))
        .await
        .expect_status(200);
    let cursor = page["next_cursor"].as_str().unwrap();
    for query in [
        format!("sort=registered&cursor={cursor}"),
        "cursor=nonsense".to_owned(),
        format!("cursor={cursor}x"),
    ] {
        let refused = school
            .admin
            .get(&school.path(&format!("/members?{query}")))
            .await;
        refused.expect_fields(&[("?cursor", "cursor_invalid")]);
    }
    for limit in ["0", "201", "-5"] {
        let refused = school
            .admin
            .get(&school.path(&format!("/members?limit={limit}")))
            .await;
        refused.expect_fields(&[("?limit", "out_of_range")]);
    }
    for query in ["sort=age", "limit=many", "color=red", "managed=perhaps"] {
        let refused = school
            .admin
            .get(&school.path(&format!("/members?{query}")))
            .await;
        refused.expect_problem(400, "malformed_request");
    }
});

both_databases!(staff_see_the_members_of_the_groups_they_manage, |app| {
    let school = app.school().await;
    school.import_students(FIRST).await;
    let tom = app.sign_in("zoe@hill.example", "quiet rivers 11").await;
    let of_tom = school.path(&format!("/members/{}", tom.id));
    let teach = json!({ "account_type": "teacher" });
    app.verify_email_by_reset(&tom.id);
    school.admin.patch(&of_tom, teach).await.expect_status(200);
    let tom = app.sign_in("zoe@hill.example", "quiet rivers 11").await;
    let nobody = tom.get(&school.path("/members")).await;
    nobody.expect(200, json!({ "items": [], "next_cursor": null }));
    let group = tom
        .post(&school.path("/groups"), json!({ "name": "7A" }))
        .await
        .expect_status(201);
    let fields = [
        ("account_type", "student"),
        ("group_ids", group["id"].as_str().unwrap()),
    ];
    school.import(SECOND, &fields).await.expect_status(202);
    app.drain().await;
    let theirs = tom.get(&school.path("/members")).await.expect_status(200);
    assert_eq!(names(&theirs), ["Ann", "bob", "Zoë Müller"]);
    let bob = theirs["items"][1]["account_id"].as_str().unwrap();
    tom.get(&school.path(&format!("/members/{bob}")))
        .await
        .expect_status(200);
    let all = school
        .admin
        .get(&school.path("/members?search=li%40"))
        .await
        .expect_status(200);
    let li = all["items"][0]["account_id"].as_str().unwrap();
    tom.get(&school.path(&format!("/members/{li}")))
        .await
        .expect_problem(404, "not_found");
});

both_databases!(the_last_admin_stays, |app| {
    let school = app.school().await;
    school.import_students(FIRST).await;
    let zoe = app.sign_in("zoe@hill.example", "quiet rivers 11").await;
    let of_admin = school.path(&format!("/members/{}", school.admin.id));
    let of_zoe = school.path(&format!("/members/{}", zoe.id));
    let member = json!({ "role": "member" });
    let admin = json!({ "role": "admin" });
    app.verify_email_by_reset(&zoe.id);
    school
        .admin
        .patch(&of_admin, member.clone())
        .await
        .expect_problem(409, "last_admin");
    let leave = format!("/v1/me/memberships/{}", school.id);
    school
        .admin
        .delete(&leave)
        .await
        .expect_problem(409, "last_admin");
    school
        .admin
        .patch(&of_zoe, admin.clone())
        .await
        .expect_status(200);
    school.admin.patch(&of_zoe, admin).await.expect_status(200);
    let zoe = app.sign_in("zoe@hill.example", "quiet rivers 11").await;
    school.admin.delete(&leave).await.expect_status(204);
    school
        .admin
        .get(&school.path(""))
        .await
        .expect_problem(404, "not_found");
    school
        .admin
        .delete(&leave)
        .await
        .expect_problem(404, "not_found");
    zoe.patch(&of_zoe, member)
        .await
        .expect_problem(409, "last_admin");
    let ledger = zoe.get(&school.path("/seats")).await.expect_status(200);
    assert_eq!(ledger["total"]["used"], 3);
    assert_eq!(ledger["by_account_type"]["teacher"]["used"], 0);
});

both_databases!(of_two_admins_who_leave_at_once_one_stays, |app| {
    for round in 0..5 {
        let school = app.organization(&format!("School {round}"), "school").await;
        let email = format!("second{round}@x.org");
        let csv = format!("email,password,username\n{email},quiet rivers 11,Second\n");
        school.import_students(csv).await;
        let second = app.sign_in(&email, "quiet rivers 11").await;
        app.verify_email_by_reset(&second.id);
        let of_second = school.path(&format!("/members/{}", second.id));
        school
            .admin
            .patch(&of_second, json!({ "role": "admin" }))
            .await
            .expect_status(200);
        let second = app.sign_in(&email, "quiet rivers 11").await;
        let leave = format!("/v1/me/memberships/{}", school.id);
        let (one, two) = tokio::join!(school.admin.delete(&leave), second.delete(&leave));
        let mut statuses = [one.status.as_u16(), two.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [204, 409], "{} {}", one.text, two.text);
    }
});
