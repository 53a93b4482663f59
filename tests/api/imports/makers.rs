//! An import goes on only while whoever made it may make it.

use diesel::prelude::*;
use rollcall::domain::ids::AccountId;
use rollcall::services::imports::execution::BatchOutcome;
use rollcall::store::schema::accounts;
use serde_json::{Value, json};

use super::{HaltingWorker, STUDENTS, assert_counts, file, form, part, students};
use crate::support::people::{Organization, PASSWORD, Person, text};
use crate::support::{App, both_databases};

/// A second admin.
async fn second_admin<'a>(app: &'a App, school: &Organization<'_>) -> Person<'a> {
    let bob = app.register("bob@x.example").await;
    app.join(school, &bob, "teacher").await;
    app.verify_email(&bob.id);
    let admin = json!({ "role": "admin" });
    let promoted = school.admin.patch(&school.path_of(&bob.id), admin).await;
    promoted.expect_status(200);
    app.sign_in(&bob.email, PASSWORD).await
}

/// Uploads a file as somebody other than the first admin.
async fn upload(
    who: &Person<'_>,
    school: &Organization<'_>,
    (file, fields): (String, &[(&str, &str)]),
) -> Value {
    let form = form(fields).part("file", part(file));
    let accepted = who.upload(&school.path("/imports"), form).await;
    accepted.expect_status(202)
}

both_databases!(a_removed_admins_imports_stop, |app| {
    let school = app.school().await;
    let bob = second_admin(app, &school).await;
    let teachers = [("account_type", "teacher")];
    let first = upload(&bob, &school, (file(250), &teachers)).await;
    let next = file(2).replace("pupil", "next");
    let next = upload(&bob, &school, (next, &teachers)).await;
    let mut worker = HaltingWorker::start(app).await;
    worker.write_one().await;
    let removed = school.admin.delete(&school.path_of(&bob.id)).await;
    removed.expect_status(204);
    assert_eq!(worker.finish().await, BatchOutcome::Finished);
    app.drain().await;
    let first = school.import_with(&first["id"]).await;
    assert_eq!(first["status"], "cancelled");
    assert_counts(&first, json!({ "created": 100, "cancelled": 150 }));
    let next = school.import_with(&next["id"]).await;
    assert_counts(&next, json!({ "cancelled": 2 }));
    assert_eq!(school.joined().await, 100);
    let ledger = school.admin.get(&school.path("/seats")).await;
    assert_eq!(ledger.expect_status(200)["total"]["reserved"], 0);
    let log = school.events("import.cancelled").await;
    let actors: Vec<_> = log
        .as_array()
        .unwrap()
        .iter()
        .map(|event| &event["actor"]["kind"])
        .collect();
    assert_eq!(actors, ["system", "system"]);
});

both_databases!(what_the_maker_may_no_longer_do_stops, |app| {
    let mut school = app.school().await;
    for (number, takes) in ["role", "status", "account", "leaves"]
        .into_iter()
        .enumerate()
    {
        let bob = second_admin(app, &school).await;
        let list = file(2).replace("pupil", &format!("case{number}-"));
        let import = upload(&bob, &school, (list, STUDENTS)).await;
        let of_bob = school.path_of(&bob.id);
        match takes {
            "role" => {
                let member = json!({ "role": "member" });
                school.admin.patch(&of_bob, member).await.expect_status(200);
            }
            "status" => {
                school.deactivate(&of_bob).await;
            }
            "account" => deactivate_account(app, &bob),
            _ => {
                let leave = format!("/v1/me/memberships/{}", school.id);
                bob.delete(&leave).await.expect_status(204);
            }
        }
        app.drain().await;
        let import = school.import_with(&import["id"]).await;
        assert_counts(&import, json!({ "cancelled": 2 }));
        free_address(app, &bob);
        school.admin = app.sign_in(&school.admin.email, PASSWORD).await;
    }
});

fn deactivate_account(app: &App, who: &Person<'_>) {
    let id: AccountId = who.id.parse().unwrap();
    let changed = diesel::update(accounts::table.find(id))
        .set(accounts::deactivated_at.eq(Some(app.now())))
        .execute(&mut **app.state.services.pool.get().unwrap());
    assert_eq!(changed.unwrap(), 1);
}

/// Renames the address of somebody who is done with, so that another can be registered.
fn free_address(app: &App, who: &Person<'_>) {
    let id: AccountId = who.id.parse().unwrap();
    let changed = diesel::update(accounts::table.find(id))
        .set(accounts::email.eq(format!("{}@gone.example", who.id)))
        .execute(&mut **app.state.services.pool.get().unwrap());
    assert_eq!(changed.unwrap(), 1);
}

both_databases!(a_deleted_admins_import_is_not_the_command_lines, |app| {
    let school = app.school().await;
    let bob = second_admin(app, &school).await;
    let import = upload(&bob, &school, (file(2), STUDENTS)).await;
    let body = json!({ "password": PASSWORD });
    let deleted = bob.request(reqwest::Method::DELETE, "/v1/me").json(&body);
    crate::support::people::send(deleted)
        .await
        .expect_status(204);
    app.drain().await;
    let import = school.import_with(&import["id"]).await;
    assert_counts(&import, json!({ "cancelled": 2 }));
});

both_databases!(all_or_nothing_of_a_removed_admin_is_nothing, |app| {
    let school = app.school().await;
    let bob = second_admin(app, &school).await;
    let fields = students(&[("on_row_error", "refuse_all")]);
    let import = upload(&bob, &school, (file(150), &fields)).await;
    let mut worker = HaltingWorker::start(app).await;
    worker.write_one().await;
    school
        .admin
        .delete(&school.path_of(&bob.id))
        .await
        .expect_status(204);
    assert_eq!(worker.finish().await, BatchOutcome::Finished);
    let import = school.import_with(&import["id"]).await;
    assert_counts(&import, json!({ "cancelled": 150 }));
    assert_eq!(school.joined().await, 0);
});

both_databases!(staff_who_lost_the_group_import_no_more_into_it, |app| {
    let school = app.school().await;
    let tim = app.register("tim@x.example").await;
    app.join(&school, &tim, "teacher").await;
    let group = tim
        .post(&school.path("/groups"), json!({ "name": "7A" }))
        .await;
    let group = text(&group.expect_status(201)["id"]);
    let fields = students(&[("group_ids", &group)]);
    let good = upload(&tim, &school, (file(2), &fields)).await;
    app.drain().await;
    let good = school.import_with(&good["id"]).await;
    assert_counts(&good, json!({ "created": 2 }));
    let next = file(2).replace("pupil", "next");
    let import = upload(&tim, &school, (next, &fields)).await;
    let place = school.path(&format!("/groups/{group}/members/{}", tim.id));
    let member = json!({ "role": "member" });
    school.admin.patch(&place, member).await.expect_status(200);
    app.drain().await;
    let import = school.import_with(&import["id"]).await;
    assert_counts(&import, json!({ "cancelled": 2 }));
});

both_databases!(an_import_by_a_key_goes_on_while_the_key_may, |app| {
    let school = app.school().await;
    let body = json!({ "name": "Timetable", "scopes": ["imports:write"] });
    let created = school.admin.post(&school.path("/api-keys"), body).await;
    let created = created.expect_status(201);
    let key = Person {
        access_token: Some(text(&created["key"])),
        ..Person::anonymous(app)
    };
    let good = upload(&key, &school, (file(2), STUDENTS)).await;
    app.drain().await;
    let good = school.import_with(&good["id"]).await;
    assert_counts(&good, json!({ "created": 2 }));
    let next = file(2).replace("pupil", "next");
    let import = upload(&key, &school, (next, STUDENTS)).await;
    let path = school.path(&format!("/api-keys/{}", text(&created["id"])));
    school.admin.delete(&path).await.expect_status(204);
    app.drain().await;
    let import = school.import_with(&import["id"]).await;
    assert_counts(&import, json!({ "cancelled": 2 }));
});
