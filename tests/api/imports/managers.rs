//! Staff who manage groups import students into them, and see what they imported themselves
//! (`docs/permissions.md`).

use std::io::{Read as _, Write as _};

use diesel::prelude::*;
use rollcall::domain::ids::{AccountId, GroupId};
use rollcall::domain::organization::{AccountType, GroupRole, Role};
use rollcall::services::imports::execution::BatchOutcome;
use rollcall::store::schema::{group_memberships, groups, memberships};
use serde_json::{Value, json};

use super::hang_up::{Framing, half_an_upload};
use super::{HaltingWorker, ask_about, assert_counts, file, form, part};
use crate::support::people::{Organization, PASSWORD, Person, text};
use crate::support::{App, TestResponse, both_databases};

/// A teacher of the school with a group of their own.
async fn teacher<'a>(school: &Organization<'a>, name: &str) -> (Person<'a>, String) {
    let app = school.admin.app;
    let body = json!({ "usernames": [name], "account_type": "teacher" });
    let path = school.path("/imports/usernames");
    let import = school.admin.post(&path, body).await.expect_status(202);
    app.drain().await;
    let list = school.table(&import, "userlist.csv").await;
    let teacher = app.sign_in(&list[1][1], &list[1][2]).await;
    let group = json!({ "name": format!("Group of {name}") });
    let group = teacher
        .post(&school.path("/groups"), group)
        .await
        .expect_status(201);
    (teacher, text(&group["id"]))
}

/// Posts one name as this person.
async fn post_name(
    person: &Person<'_>,
    school: &Organization<'_>,
    account_type: &str,
    groups: &[&str],
) -> TestResponse {
    let body = json!({ "usernames": ["Jane"], "account_type": account_type, "group_ids": groups });
    person.post(&school.path("/imports/usernames"), body).await
}

async fn assert_unseen(person: &Person<'_>, school: &Organization<'_>, import: &Value) {
    for answer in ask_about(person, school, import).await {
        answer.expect_problem(404, "not_found");
    }
    let list = person
        .get(&school.path("/imports"))
        .await
        .expect_status(200);
    let ids: Vec<_> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| &item["id"])
        .collect();
    assert!(!ids.contains(&&import["id"]), "{list:#}");
}

/// Takes the management of a group from somebody who stays in it.
fn demote(app: &App, person: &Person<'_>, group: &str) {
    let (group, account): (GroupId, AccountId) =
        (group.parse().unwrap(), person.id.parse().unwrap());
    let mut connection = app.state.services.pool.get().unwrap();
    let changed = diesel::update(group_memberships::table.find((group, account)))
        .set(group_memberships::role.eq(GroupRole::Member))
        .execute(&mut **connection)
        .unwrap();
    assert_eq!(changed, 1);
}

/// Deletes a group.
fn delete_group(app: &App, group: &str) {
    let group: GroupId = group.parse().unwrap();
    let mut connection = app.state.services.pool.get().unwrap();
    let deleted = diesel::delete(groups::table.find(group))
        .execute(&mut **connection)
        .unwrap();
    assert_eq!(deleted, 1);
}

both_databases!(managers_of_a_group_import_into_it, |app| {
    let school = app.school().await;
    let (teacher, group) = teacher(&school, "Ada Teacher").await;
    let upload =
        form(&[("account_type", "student"), ("group_ids", &group)]).part("file", part(file(3)));
    let uploaded = teacher
        .upload(&school.path("/imports"), upload)
        .await
        .expect_status(202);
    let named = post_name(&teacher, &school, "student", &[&group])
        .await
        .expect_status(202);
    app.drain().await;
    let members = school
        .all(&format!("/members?group_id={group}&account_type=student"))
        .await;
    assert_eq!(members.len(), 4);
    let list = teacher
        .get(&school.path("/imports"))
        .await
        .expect_status(200);
    let ids: Vec<_> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["id"].clone())
        .collect();
    assert_eq!(ids, [named["id"].clone(), uploaded["id"].clone()]);
    for import in [&uploaded, &named] {
        let answers = ask_about(&teacher, &school, import).await;
        let statuses: Vec<_> = answers
            .iter()
            .map(|answer| answer.status.as_u16())
            .collect();
        assert_eq!(statuses, [200, 200, 200, 200, 409, 204]);
    }
    let waiting = post_name(&teacher, &school, "student", &[&group])
        .await
        .expect_status(202);
    let path = school.path(&format!("/imports/{}/cancel", text(&waiting["id"])));
    teacher.post(&path, json!({})).await.expect_status(200);
});

both_databases!(
    managers_import_learners_into_groups_that_they_manage_only,
    |app| {
        let school = app.school().await;
        let other = app.organization("Valley School", "school").await;
        let (teacher, group) = teacher(&school, "Ada Teacher").await;
        let (foreign, elsewhere) = (school.group("8B").await, other.group("8B").await);
        let unknown = [("/group_ids", "group_unknown")];
        for groups in [
            &[foreign.as_str()][..],
            &[elsewhere.as_str()],
            &[&group, &foreign],
        ] {
            post_name(&teacher, &school, "student", groups)
                .await
                .expect_fields(&unknown);
            let mut fields = vec![("account_type", "student")];
            fields.extend(groups.iter().map(|group| ("group_ids", *group)));
            let upload = form(&fields).part("file", part(file(1)));
            teacher
                .upload(&school.path("/imports"), upload)
                .await
                .expect_fields(&unknown);
        }
        post_name(&teacher, &school, "student", &[])
            .await
            .expect_problem(403, "forbidden");
        post_name(&teacher, &school, "teacher", &[&group])
            .await
            .expect_problem(403, "forbidden");
        let wrong = post_name(&teacher, &school, "learner", &[&group]).await;
        wrong.expect_problem(422, "account_type_not_in_kind");
        let away = post_name(&teacher, &other, "student", &[&elsewhere]).await;
        away.expect_problem(404, "not_found");
        demote(app, &teacher, &group);
        post_name(&teacher, &school, "student", &[&group])
            .await
            .expect_problem(403, "forbidden");
        assert_eq!(school.joined().await, 1);
        assert_eq!(school.all("/imports").await.len(), 1);
    }
);

both_databases!(managers_see_only_what_they_imported_themselves, |app| {
    let school = app.school().await;
    let (ada, group) = teacher(&school, "Ada Teacher").await;
    let (bob, _) = teacher(&school, "Bob Teacher").await;
    let of_admin = post_name(&school.admin, &school, "student", &[&group])
        .await
        .expect_status(202);
    let of_ada = post_name(&ada, &school, "student", &[&group])
        .await
        .expect_status(202);
    app.drain().await;
    assert_unseen(&ada, &school, &of_admin).await;
    assert_unseen(&bob, &school, &of_ada).await;
    assert_unseen(&bob, &school, &of_admin).await;
    let answers = ask_about(&school.admin, &school, &of_ada).await;
    assert_eq!(answers[0].status, 200);
    assert_eq!(answers[2].status, 200);
});

both_databases!(
    who_does_not_manage_all_groups_any_more_does_not_see_the_import,
    |app| {
        let school = app.school().await;
        let (teacher, group) = teacher(&school, "Ada Teacher").await;
        let second = json!({ "name": "Second group" });
        let second = teacher
            .post(&school.path("/groups"), second)
            .await
            .expect_status(201);
        let second = text(&second["id"]);
        let import = post_name(&teacher, &school, "student", &[&group, &second])
            .await
            .expect_status(202);
        app.drain().await;
        demote(app, &teacher, &second);
        assert_unseen(&teacher, &school, &import).await;
        // What is deleted is nobody's to manage.
        delete_group(app, &second);
        let path = school.path(&format!("/imports/{}", text(&import["id"])));
        teacher.get(&path).await.expect_status(200);
        delete_group(app, &group);
        assert_unseen(&teacher, &school, &import).await;
    }
);

/// What an upload is answered whose second half is sent after `meanwhile`.
async fn interrupted(uploader: &Organization<'_>, group: &str, meanwhile: impl FnOnce()) -> String {
    let mut connection = half_an_upload(uploader, Framing::Chunked);
    uploader.wait_for_traces(|(_, rows)| rows >= 1_000).await;
    meanwhile();
    let rest = format!(
        "\r\n--frontier\r\ncontent-disposition: form-data; name=\"group_ids\"\r\n\r\n{group}\r\n\
         --frontier--\r\n"
    );
    write!(connection, "{:x}\r\n{rest}\r\n0\r\n\r\n", rest.len()).unwrap();
    let read = move || {
        let mut answer = [0; 4096];
        let length = connection.read(&mut answer).unwrap();
        String::from_utf8_lossy(&answer[..length]).into_owned()
    };
    tokio::task::spawn_blocking(read).await.unwrap()
}

both_databases!(who_loses_the_group_during_an_upload_is_refused, |app| {
    let school = app.school().await;
    let (teacher, group) = teacher(&school, "Ada Teacher").await;
    let uploader = Organization {
        id: school.id.clone(),
        slug: school.slug.clone(),
        admin: teacher.clone(),
    };
    let imports = school.traces().0;
    let answer = interrupted(&uploader, &group, || demote(app, &teacher, &group)).await;
    assert!(answer.starts_with("HTTP/1.1 422"), "{answer}");
    assert!(answer.contains("group_unknown"), "{answer}");
    school.wait_for_traces(|(found, _)| found == imports).await;
    assert_eq!(school.joined().await, 1);
});

both_databases!(
    an_admin_who_becomes_a_teacher_during_an_upload_has_a_teachers_reach,
    |app| {
        let school = app.school().await;
        let group = school.group("7A").await;
        let demoted = || {
            let account: AccountId = school.admin.id.parse().unwrap();
            let mut connection = app.state.services.pool.get().unwrap();
            diesel::update(memberships::table.filter(memberships::account_id.eq(account)))
                .set((
                    memberships::role.eq(Role::Member),
                    memberships::account_type.eq(AccountType::Teacher),
                ))
                .execute(&mut **connection)
                .unwrap();
            drop(connection);
            demote(app, &school.admin, &group);
        };
        let answer = interrupted(&school, &group, demoted).await;
        assert!(answer.starts_with("HTTP/1.1 422"), "{answer}");
        school.wait_for_traces(|traces| traces == (0, 0)).await;
    }
);

both_databases!(groups_that_are_deleted_meanwhile_are_left_out, |app| {
    let school = app.school().await;
    for on_row_error in ["skip", "refuse_all"] {
        let names: Vec<_> = ["queued", "running", "left"]
            .map(|name| format!("{name} {on_row_error}"))
            .into();
        let mut ids = Vec::new();
        for name in &names {
            ids.push(school.group(name).await);
        }
        let body = json!({
            "usernames": vec!["Jane"; 250], "account_type": "student", "group_ids": ids,
            "on_row_error": on_row_error,
        });
        let import = school
            .admin
            .post(&school.path("/imports/usernames"), body)
            .await
            .expect_status(202);
        delete_group(app, &ids[0]);
        let mut worker = HaltingWorker::start(app).await;
        worker.write_one().await;
        delete_group(app, &ids[1]);
        assert_eq!(worker.finish().await, BatchOutcome::Finished);
        let import = school.import_with(&import["id"]).await;
        assert_eq!(import["status"], "completed");
        assert_counts(&import, json!({ "created": 250 }));
        let members = school
            .all(&format!(
                "/members?group_id={}&account_type=student",
                ids[2]
            ))
            .await;
        assert_eq!(members.len(), 250);
        assert!(
            members
                .iter()
                .all(|member| member["groups"].as_array().unwrap().len() == 1)
        );
    }
});

both_databases!(an_import_goes_on_without_any_group, |app| {
    let school = app.school().await;
    let group = school.group("7A").await;
    let upload =
        form(&[("account_type", "student"), ("group_ids", &group)]).part("file", part(file(150)));
    let import = school
        .admin
        .upload(&school.path("/imports"), upload)
        .await
        .expect_status(202);
    let mut worker = HaltingWorker::start(app).await;
    worker.write_one().await;
    delete_group(app, &group);
    assert_eq!(worker.finish().await, BatchOutcome::Finished);
    let import = school.import_with(&import["id"]).await;
    assert_counts(&import, json!({ "created": 150 }));
    assert_eq!(school.students_seats().await, (150, 0));
});

both_databases!(
    staff_do_not_see_the_teachers_that_they_imported_as_admins,
    |app| {
        let school = app.school().await;
        let tim = app.register("tim@x.example").await;
        app.join(&school, &tim, "teacher").await;
        app.verify_email(&tim.id);
        let (groups, of_tim) = (school.path("/groups"), school.path_of(&tim.id));
        let group = tim.post(&groups, json!({ "name": "7A" })).await;
        let group = text(&group.expect_status(201)["id"]);
        let role = |role: &str| json!({ "role": role });
        let promoted = school.admin.patch(&of_tim, role("admin")).await;
        promoted.expect_status(200);
        let admin = app.sign_in(&tim.email, PASSWORD).await;
        let fields = [("account_type", "teacher"), ("group_ids", group.as_str())];
        let upload = form(&fields).part("file", part(file(1)));
        let import = admin.upload(&school.path("/imports"), upload).await;
        let import = import.expect_status(202);
        app.drain().await;
        let demoted = school.admin.patch(&of_tim, role("member")).await;
        demoted.expect_status(200);
        let staff = app.sign_in(&tim.email, PASSWORD).await;
        assert_unseen(&staff, &school, &import).await;
        let import = school.import_with(&import["id"]).await;
        assert_counts(&import, json!({ "created": 1 }));
    }
);
