//! What staff may do who manage a group, and what those may not who do not (`docs/permissions.md`).

use serde_json::json;

use crate::support::people::{Organization, Person};
use crate::support::{App, both_databases};

/// Two teachers and two students.
async fn people<'a>(app: &'a App, school: &Organization<'_>) -> [Person<'a>; 4] {
    let teachers = "email,password,username\n\
        tea@x.org,quiet rivers 21,Tea\ntim@x.org,quiet rivers 22,Tim\n";
    school
        .import(teachers, &[("account_type", "teacher")])
        .await
        .expect_status(202);
    let students = "email,password,username\n\
        ann@x.org,quiet rivers 11,Ann\nbob@x.org,quiet rivers 12,Bob\n";
    school.import_students(students).await;
    [
        app.sign_in("tea@x.org", "quiet rivers 21").await,
        app.sign_in("tim@x.org", "quiet rivers 22").await,
        app.sign_in("ann@x.org", "quiet rivers 11").await,
        app.sign_in("bob@x.org", "quiet rivers 12").await,
    ]
}

/// A group that somebody makes, and so manages.
async fn group_of(who: &Person<'_>, school: &Organization<'_>, name: &str) -> String {
    let made = who
        .post(&school.path("/groups"), json!({ "name": name }))
        .await;
    let id = made.expect_status(201)["id"].as_str().unwrap().to_owned();
    school.path(&format!("/groups/{id}"))
}

both_databases!(a_manager_looks_after_the_group, |app| {
    let school = app.school().await;
    let [tea, tim, ann, bob] = people(app, &school).await;
    let group = group_of(&tea, &school, "7A").await;
    school
        .add_to_group(&group, &[&ann.id, &tim.id], "member")
        .await;
    tea.patch(&group, json!({ "description": "Mine" }))
        .await
        .expect_status(200);
    let members = format!("{group}/members");
    let page = tea.get(&members).await.expect_status(200);
    assert_eq!(page["items"].as_array().unwrap().len(), 3);
    // Beyond the groups that they manage they see nobody, so they add nobody.
    let body = json!({ "account_ids": [bob.id, ann.id] });
    let added = tea.post(&members, body.clone()).await.expect_status(200);
    assert_eq!(
        added["summary"],
        json!({ "not_a_member": 1, "already_in_group": 1 })
    );
    let second = group_of(&tea, &school, "7B").await;
    let added = tea
        .post(&format!("{second}/members"), body)
        .await
        .expect_status(200);
    assert_eq!(added["summary"], json!({ "not_a_member": 1, "added": 1 }));
    let body = json!({ "account_ids": [ann.id] });
    let removed = tea
        .post(&format!("{second}/members/remove"), body)
        .await
        .expect_status(200);
    assert_eq!(removed["summary"], json!({ "removed": 1 }));
    let of_tim = format!("{members}/{}", tim.id);
    let tim_now = tea
        .patch(&of_tim, json!({ "role": "manager" }))
        .await
        .expect_status(200);
    assert_eq!(tim_now["group_role"], "manager");
    assert_eq!(tim_now["username"], "Tim");
    tim.delete(&group).await.expect_status(204);
});

both_databases!(whoever_does_not_manage_it_changes_nothing, |app| {
    let school = app.school().await;
    let [tea, tim, ann, _] = people(app, &school).await;
    let group = group_of(&tea, &school, "7A").await;
    let ask = async |who: &Person<'_>, status: u16, code: &str| {
        let named = json!({ "account_ids": [ann.id] });
        let members = format!("{group}/members");
        let of_ann = format!("{members}/{}", ann.id);
        let role = json!({ "role": "member" });
        who.patch(&group, json!({ "name": "X" }))
            .await
            .expect_problem(status, code);
        who.delete(&group).await.expect_problem(status, code);
        who.get(&members).await.expect_problem(status, code);
        who.post(&members, named.clone())
            .await
            .expect_problem(status, code);
        who.post(&format!("{members}/remove"), named)
            .await
            .expect_problem(status, code);
        who.patch(&of_ann, role).await.expect_problem(status, code);
    };
    // A teacher who is not in it does not see it; one who is in it, may not.
    ask(&tim, 404, "not_found").await;
    school
        .add_to_group(&group, &[&tim.id, &ann.id], "member")
        .await;
    ask(&tim, 403, "forbidden").await;
    ask(&ann, 403, "forbidden").await;
    let outsider = app
        .sign_in("person1@busy.example", "Busy bees 1 buzz")
        .await;
    ask(&outsider, 404, "not_found").await;
    ask(&app.anonymous(), 401, "not_signed_in").await;
    tim.get(&group).await.expect_status(200);
});

both_databases!(groups_are_managed_by_staff_and_admins_only, |app| {
    let school = app.school().await;
    let [_, tim, ann, bob] = people(app, &school).await;
    let group = school.new_group("7A").await;
    let members = format!("{group}/members");
    let body = json!({ "account_ids": [ann.id, tim.id], "role": "manager" });
    let added = school.admin.post(&members, body).await.expect_status(200);
    assert_eq!(
        added["summary"],
        json!({ "manager_needs_staff_type": 1, "added": 1 })
    );
    school.add_to_group(&group, &[&ann.id], "member").await;
    let of_ann = format!("{members}/{}", ann.id);
    let manager = json!({ "role": "manager" });
    school
        .admin
        .patch(&of_ann, manager.clone())
        .await
        .expect_fields(&[("/role", "manager_needs_staff_type")]);
    // An admin may, whatever their type.
    app.verify_email_by_reset(&ann.id);
    school
        .admin
        .patch(&school.path_of(&ann.id), json!({ "role": "admin" }))
        .await
        .expect_status(200);
    school
        .admin
        .patch(&of_ann, manager.clone())
        .await
        .expect_status(200);
    school
        .admin
        .patch(&school.path_of(&ann.id), json!({ "role": "member" }))
        .await
        .expect_status(200);
    assert_eq!(school.role_in_group(&group, &ann.id).await, "member");
    school
        .admin
        .patch(&format!("{members}/{}", bob.id), manager)
        .await
        .expect_problem(404, "not_found");
    let of_tim = format!("{members}/{}", tim.id);
    school
        .admin
        .patch(&of_tim, json!({ "role": "boss" }))
        .await
        .expect_problem(400, "malformed_request");
    school
        .admin
        .patch(&of_tim, json!({}))
        .await
        .expect_problem(400, "malformed_request");
});

both_databases!(
    a_manager_who_becomes_a_student_at_the_same_moment_manages_nothing,
    |app| {
        let school = app.school().await;
        let [_, tim, ..] = people(app, &school).await;
        app.verify_email_by_reset(&tim.id);
        let group = school.new_group("7A").await;
        let (of_tim, in_group) = (
            school.path_of(&tim.id),
            format!("{group}/members/{}", tim.id),
        );
        for _ in 0..5 {
            school
                .admin
                .patch(&of_tim, json!({ "account_type": "teacher" }))
                .await
                .expect_status(200);
            let named = json!({ "account_ids": [tim.id] });
            school
                .admin
                .post(&format!("{group}/members"), named)
                .await
                .expect_status(200);
            let (student, manager) = tokio::join!(
                school
                    .admin
                    .patch(&of_tim, json!({ "account_type": "student" })),
                school.admin.patch(&in_group, json!({ "role": "manager" }))
            );
            student.expect_status(200);
            assert!(
                [200, 422].contains(&manager.status.as_u16()),
                "{}",
                manager.text
            );
            assert_eq!(school.role_in_group(&group, &tim.id).await, "member");
        }
    }
);
