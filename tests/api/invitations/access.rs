//! Who may invite, and whose invitations can be seen.

use reqwest::Method;
use serde_json::{Value, json};

use super::{outcomes, sent};
use crate::support::people::{Organization, Person, send, text};
use crate::support::{App, TestResponse, both_databases};

/// Sends every request on an invitation as `person`.
async fn ask_all(person: &Person<'_>, school: &Organization<'_>, path: &str) -> Vec<TestResponse> {
    let body = json!({ "emails": ["attack@x.example"], "account_type": "student" });
    let all = school.path("/invitations");
    vec![
        person.post(&all, body).await,
        person.get(&all).await,
        person.get(path).await,
        person.post(&format!("{path}/resend"), json!({})).await,
        person.post(&format!("{path}/revoke"), json!({})).await,
    ]
}

/// A school with a teacher, who manages a group, and a student.
async fn school_with_staff(app: &App) -> (Organization<'_>, Person<'_>, Person<'_>, String) {
    let school = app.school().await;
    let teacher = "email,password,username\nteacher@x.example,quiet rivers 11,Teacher\n";
    let fields = [("account_type", "teacher")];
    school.import(teacher, &fields).await.expect_status(202);
    app.drain().await;
    let student = "email,password,username\nstudent@x.example,quiet rivers 11,Student\n";
    school.import_students(student).await;
    let teacher = app.sign_in("teacher@x.example", "quiet rivers 11").await;
    let student = app.sign_in("student@x.example", "quiet rivers 11").await;
    let group = json!({ "name": "7A" });
    let group = teacher.post(&school.path("/groups"), group).await;
    let group = text(&group.expect_status(201)["id"]);
    (school, teacher, student, group)
}

both_databases!(who_is_beyond_reach_is_not_taken_back, |app| {
    let (school, teacher, _, group) = school_with_staff(app).await;
    let others = school.class("7B").await;
    let mut paths = Vec::new();
    for email in ["moved@x.example", "left@x.example"] {
        let body = json!({ "emails": [email], "account_type": "student", "group_ids": [group] });
        let invited = teacher.post(&school.path("/invitations"), body).await;
        let id = text(&invited.expect_status(200)["results"][0]["invitation_id"]);
        paths.push(school.path(&format!("/invitations/{id}")));
    }
    // One pupil goes into another class.
    let moved = school.member_by_address("moved@x.example").await;
    let moved = text(&moved.expect("no member")["account_id"]);
    let add = json!({ "account_ids": [moved] });
    let added = school
        .admin
        .post(&school.path(&format!("/groups/{others}/members")), add)
        .await;
    assert!(added.status.is_success(), "{}", added.text);
    let place = school.path(&format!("/groups/{group}/members"));
    let body = json!({ "account_ids": [moved] });
    let gone = school.admin.post(&format!("{place}/remove"), body).await;
    gone.expect_status(200);
    let revoke = async |person: &Person<'_>, path: &str| {
        person.post(&format!("{path}/revoke"), json!({})).await
    };
    revoke(&teacher, &paths[0])
        .await
        .expect_problem(403, "forbidden");

    // Then the teacher manages the class no more.
    let plain = json!({ "role": "member" });
    let demoted = school
        .admin
        .patch(&format!("{place}/{}", teacher.id), plain)
        .await;
    demoted.expect_status(200);
    revoke(&teacher, &paths[1])
        .await
        .expect_problem(403, "forbidden");
    for (path, email) in paths.iter().zip(["moved@x.example", "left@x.example"]) {
        assert!(school.member_by_address(email).await.is_some(), "{email}");
        revoke(&school.admin, path).await.expect_status(200);
        assert!(school.member_by_address(email).await.is_none(), "{email}");
    }
});

both_databases!(anonymous_learners_and_outsiders_are_refused, |app| {
    let (school, _, student, _) = school_with_staff(app).await;
    let valley = app.organization("Valley School", "school").await;
    let path = school.invite_one("new@x.example").await;
    let before = school.admin.get(&path).await.expect_status(200);
    for (person, status, code) in [
        (&app.anonymous(), 401, "not_signed_in"),
        (&student, 403, "forbidden"),
        (&valley.admin, 404, "not_found"),
    ] {
        for answer in ask_all(person, &school, &path).await {
            answer.expect_problem(status, code);
        }
    }
    // Admins of another organization do not reach it through their own either.
    let id = path.rsplit('/').next().unwrap();
    for id in [id, &uuid::Uuid::now_v7().to_string(), "7"] {
        let path = valley.path(&format!("/invitations/{id}"));
        for (method, below) in [
            (Method::GET, ""),
            (Method::POST, "/resend"),
            (Method::POST, "/revoke"),
        ] {
            let request = valley.admin.request(method, &format!("{path}{below}"));
            send(request).await.expect_problem(404, "not_found");
        }
    }
    let group = school.class("8B").await;
    let body = json!({
        "emails": ["a@x.example"], "account_type": "student", "group_ids": [group],
    });
    let foreign = valley.invite_with(body).await;
    foreign.expect_fields(&[("/group_ids", "group_unknown")]);
    assert_eq!(school.admin.get(&path).await.expect_status(200), before);
    assert_eq!(sent(app).await.len(), 1);
    let operator = app.operator().await;
    let statuses: Vec<u16> = ask_all(&operator, &school, &path)
        .await
        .iter()
        .map(|answer| answer.status.as_u16())
        .collect();
    assert_eq!(statuses, [200; 5]);
    school.students().await;
});

both_databases!(staff_invite_learners_into_their_own_groups, |app| {
    let (school, teacher, _, group) = school_with_staff(app).await;
    let not_theirs = school.class("8B").await;
    let all = school.path("/invitations");
    let invite = |account_type: &str, groups: Value| {
        json!({
            "emails": ["new@x.example", "admins@x.example"], "account_type": account_type,
            "group_ids": groups,
        })
    };
    let refused = teacher.post(&all, invite("teacher", json!([group]))).await;
    refused.expect_problem(403, "forbidden");
    let refused = teacher.post(&all, invite("student", json!([]))).await;
    refused.expect_problem(403, "forbidden");
    let refused = teacher
        .post(&all, invite("student", json!([group, not_theirs])))
        .await;
    refused.expect_fields(&[("/group_ids", "group_unknown")]);
    let of_admin = school.invite_one("admins@x.example").await;
    let answer = teacher.post(&all, invite("student", json!([group]))).await;
    let answer = answer.expect_status(200);
    assert_eq!(outcomes(&answer), ["account_created", "already_invited"]);
    // They may not see that invitation, so its id is not given.
    assert_eq!(answer["results"][1]["invitation_id"], Value::Null);
    let theirs = text(&answer["results"][0]["invitation_id"]);
    let page = teacher.get(&all).await.expect_status(200);
    assert_eq!(page["items"].as_array().unwrap().len(), 1);
    assert_eq!(page["items"][0]["id"], theirs);
    assert_eq!(page["items"][0]["invited_by"]["username"], "Teacher");
    for answer in ask_all(&teacher, &school, &of_admin).await.split_off(2) {
        answer.expect_problem(404, "not_found");
    }
    let theirs = school.path(&format!("/invitations/{theirs}"));
    let resend = format!("{theirs}/resend");
    teacher.post(&resend, json!({})).await.expect_status(200);
    // They may not invite to a group that they no longer manage, nor take its members away.
    stop_managing(app, &group);
    let revoke = format!("{theirs}/revoke");
    for again in [&resend, &revoke] {
        let refused = teacher.post(again, json!({})).await;
        refused.expect_problem(403, "forbidden");
    }
    school
        .admin
        .post(&revoke, json!({}))
        .await
        .expect_status(200);
    let page = school.admin.get(&all).await.expect_status(200);
    assert_eq!(page["items"].as_array().unwrap().len(), 2);
    assert_eq!(school.students().await, (2, 0));
});

fn stop_managing(app: &App, group: &str) {
    use diesel::prelude::*;
    use rollcall::domain::ids::GroupId;
    use rollcall::domain::organization::GroupRole;
    use rollcall::store::schema::group_memberships;
    let mut connection = app.state.services.pool.get().unwrap();
    let group: GroupId = group.parse().unwrap();
    diesel::update(group_memberships::table.filter(group_memberships::group_id.eq(group)))
        .set(group_memberships::role.eq(GroupRole::Member))
        .execute(&mut **connection)
        .unwrap();
}

both_databases!(invitations_are_listed_searched_and_filtered, |app| {
    let school = app.school().await;
    app.register("b_2%@x.example").await;
    let emails = ["a1@x.example", "b_2%@x.example", "c3@y.example"];
    school.invite(&emails).await;
    let newest_first = ["c3@y.example", "b_2%@x.example", "a1@x.example"];
    let shown = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().unwrap();
        items.iter().map(|item| text(&item["email"])).collect()
    };
    let list = |query: &str| {
        let path = school.path(&format!("/invitations?{query}"));
        let admin = school.admin.clone();
        async move { admin.get(&path).await }
    };
    assert_eq!(shown(&list("").await.expect_status(200)), newest_first);
    let page = list("limit=2").await.expect_status(200);
    assert_eq!(shown(&page), newest_first[..2]);
    let cursor = text(&page["next_cursor"]);
    let rest = list(&format!("limit=2&cursor={cursor}"))
        .await
        .expect_status(200);
    assert_eq!(shown(&rest), newest_first[2..]);
    assert_eq!(rest["next_cursor"], Value::Null);
    for (query, expected) in [
        ("search=X.EXAMPLE", &newest_first[1..]),
        ("search=_2%25", &newest_first[1..2]),
        ("search=nobody", &[]),
        ("status=pending", &newest_first[..]),
        ("status=accepted", &[]),
        ("status=expired", &[]),
    ] {
        let page = list(query).await.expect_status(200);
        assert_eq!(shown(&page), expected, "{query}");
    }
    for query in ["status=lost", "color=red"] {
        list(query).await.expect_problem(400, "malformed_request");
    }
    list("limit=0")
        .await
        .expect_fields(&[("?limit", "out_of_range")]);
    list("cursor=x")
        .await
        .expect_fields(&[("?cursor", "cursor_invalid")]);
    list("search=a%00")
        .await
        .expect_fields(&[("?search", "invalid")]);
});

both_databases!(
    staff_take_nobody_into_their_group_whom_they_do_not_see,
    |app| {
        let (school, teacher, student, group) = school_with_staff(app).await;
        let body = json!({
            "emails": ["student@x.example", school.admin.email],
            "account_type": "student",
            "group_ids": [group],
        });
        let all = school.path("/invitations");
        let answer = teacher.post(&all, body.clone()).await.expect_status(200);
        assert_eq!(outcomes(&answer), ["already_member", "already_member"]);
        for result in answer["results"].as_array().unwrap() {
            assert_eq!(result["groups_added"], 0, "{result}");
            assert!(text(&result["detail"]).contains("in no group that you manage"));
        }
        let reset = school.path(&format!("/members/{}/password-reset", student.id));
        let reset = teacher.post(&reset, json!({})).await;
        reset.expect_problem(404, "not_found");
        app.verify_email(&student.id);
        let answer = school.admin.post(&all, body).await.expect_status(200);
        assert_eq!(answer["results"][0]["groups_added"], 1);
    }
);

/// Makes a member an admin without asking anybody.
fn make_admin(app: &App, school: &Organization<'_>, account: &str) {
    use rollcall::domain::organization::Role;
    use rollcall::store::{memberships, organizations};
    let (organization, account) = (school.id.parse().unwrap(), account.parse().unwrap());
    app.as_cli(|tx| {
        let known = memberships::find(tx.connection, organization, account)?.unwrap();
        let mut admin = known.clone();
        admin.role = Role::Admin;
        organizations::add_admin(tx.connection, organization)?;
        memberships::replace(tx.connection, &known, &admin).map(|_| ())
    })
    .unwrap();
}

both_databases!(staff_take_back_nobody_who_is_an_admin_by_now, |app| {
    let (school, teacher, _, group) = school_with_staff(app).await;
    let body = json!({
        "emails": ["new@x.example"], "account_type": "student", "group_ids": [group],
    });
    let invited = teacher.post(&school.path("/invitations"), body).await;
    let invited = text(&invited.expect_status(200)["results"][0]["invitation_id"]);
    let member = school.member_by_address("new@x.example").await.unwrap();
    // Nobody makes an admin of an account that nobody has used; the rule does not depend on that.
    make_admin(app, &school, &text(&member["account_id"]));
    let revoke = school.path(&format!("/invitations/{invited}/revoke"));
    let refused = teacher.post(&revoke, json!({})).await;
    refused.expect_problem(403, "forbidden");
    assert!(school.member_by_address("new@x.example").await.is_some());
    school
        .admin
        .post(&revoke, json!({}))
        .await
        .expect_status(200);
    assert!(school.member_by_address("new@x.example").await.is_none());
    school.students().await;
});

both_databases!(staff_do_not_see_the_invitation_of_a_teacher, |app| {
    let (school, teacher, _, group) = school_with_staff(app).await;
    app.verify_email_by_reset(&teacher.id);
    let role = |role: &str| json!({ "role": role });
    let of_teacher = school.path_of(&teacher.id);
    school
        .admin
        .patch(&of_teacher, role("admin"))
        .await
        .expect_status(200);
    let admin = app.sign_in("teacher@x.example", "quiet rivers 11").await;
    let all = school.path("/invitations");
    let mut sent = Vec::new();
    for (email, account_type) in [("new@x.example", "teacher"), ("pupil@x.example", "student")] {
        let body = json!({
            "emails": [email], "account_type": account_type, "group_ids": [group],
        });
        let invited = admin.post(&all, body).await.expect_status(200);
        sent.push(text(&invited["results"][0]["invitation_id"]));
    }
    school
        .admin
        .patch(&of_teacher, role("member"))
        .await
        .expect_status(200);
    let staff = app.sign_in("teacher@x.example", "quiet rivers 11").await;
    let of_staff = school.path(&format!("/invitations/{}", sent[0]));
    for answer in ask_all(&staff, &school, &of_staff).await.split_off(2) {
        answer.expect_problem(404, "not_found");
    }
    let page = staff.get(&all).await.expect_status(200);
    let ids: Vec<_> = page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| &item["id"])
        .collect();
    assert_eq!(ids, [&sent[1]]);
});
