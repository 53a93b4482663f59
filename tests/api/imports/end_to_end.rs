//! An import as it goes when all is well: from the template to signing in.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{HaltingWorker, STUDENTS, assert_counts, column, file, line, password, students};
use crate::support::people::text;
use crate::support::{App, both_databases};

both_databases!(the_template_is_the_header_of_a_file, |app| {
    let template = app.anonymous().get("/v1/imports/template.csv").await;
    assert_eq!(template.status, 200);
    assert_eq!(template.text, "email,password,username\r\n");
    assert_eq!(template.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(
        template.header("content-disposition"),
        "attachment; filename=\"template.csv\""
    );
    let school = app.school().await;
    let import = school.imported(template.text + &line(1), STUDENTS).await;
    assert_counts(&import, json!({ "created": 1 }));
});

both_databases!(a_file_becomes_people_who_sign_in, |app| {
    let school = app.school().await;
    let accepted = school.import(file(64), STUDENTS).await;
    let import = accepted.expect(
        202,
        json!({
            "id": "<uuid>",
            "source": "csv",
            "account_type": "student",
            "mode": "commit",
            "detected": {
                "encoding": "utf-8",
                "delimiter": "comma",
                "skipped": [],
                "columns": {
                    "email": "email",
                    "email_if_empty": null,
                    "password": "password",
                    "username": ["username"],
                    "ignored": [],
                    "unused_passwords": [],
                },
            },
            "status": "queued",
            "failure": null,
            "cleaned": null,
            "counts": { "rows": 64, "processed": 0, "created": 0, "failed": 0, "by_outcome": {} },
            "rows_per_second": null,
            "estimated_end_at": null,
            "created_at": "2026-09-01T07:30:00Z",
            "started_at": null,
            "finished_at": null,
            "results_expire_at": null,
        }),
    );
    let location = school.path(&format!("/imports/{}", text(&import["id"])));
    assert_eq!(accepted.header("location"), location);
    assert_eq!(school.admin.get(&location).await.expect_status(200), import);
    assert_eq!(school.students_seats().await, (0, 64));
    assert_eq!(school.joined().await, 0);
    let waiting = school
        .of_import(&import, "/rows?limit=1")
        .await
        .expect_status(200);
    let row = json!({
        "row": 1, "email": "pupil1@x.example", "username": "Pupil 1",
        "outcome": null, "error": null, "account_id": null,
    });
    assert_eq!(waiting["items"], json!([row]));
    app.advance(Duration::from_secs(3));
    app.drain().await;
    let mut ended = import.clone();
    ended["status"] = json!("completed");
    ended["counts"] = json!({
        "rows": 64, "processed": 64, "created": 64, "failed": 0, "by_outcome": { "created": 64 },
    });
    ended["started_at"] = json!("2026-09-01T07:30:03Z");
    ended["finished_at"] = json!("2026-09-01T07:30:03Z");
    ended["results_expire_at"] = json!("2026-09-02T07:30:03Z");
    school.admin.get(&location).await.expect(200, ended);
    assert_eq!(school.students_seats().await, (64, 0));

    let members = school.all("/members?account_type=student").await;
    assert_eq!(members.len(), 64);
    for member in members {
        assert_eq!(member["joined_via"], "csv_import");
        assert_eq!(member["managed"], true);
        assert_eq!(member["role"], "member");
        assert_eq!(member["status"], "active");
        assert_eq!(member["joined_at"], "2026-09-01T07:30:03Z");
        assert_eq!(member["registered_at"], "2026-09-01T07:30:03Z");
        assert!(member["last_active_at"].is_null());
    }
    let rows = school.rows(&import, "").await;
    let userlist = school.table(&import, "userlist.csv").await;
    for ((email, password), row) in column(&userlist, "email")
        .into_iter()
        .zip(column(&userlist, "password"))
        .zip(rows)
    {
        let person = app.sign_in(email, password).await;
        assert_eq!(row["account_id"], person.id.as_str());
        let me = person.get("/v1/me").await.expect_status(200);
        assert_eq!(me["email"], row["email"]);
        assert_eq!(me["username"], row["username"]);
        assert_eq!(me["must_change_password"], false);
    }
});

both_databases!(whoever_must_change_the_password_is_told_at_sign_in, |app| {
    let school = app.school().await;
    school
        .imported(file(1), &students(&[("must_change_password", "true")]))
        .await;
    let body = json!({ "email": "pupil1@x.example", "password": password(1) });
    let tokens = app
        .anonymous()
        .post("/v1/auth/login", body)
        .await
        .expect_status(200);
    assert_eq!(tokens["must_change_password"], true);
    let pupil = app.sign_in("pupil1@x.example", &password(1)).await;
    let change = json!({ "current_password": password(1), "new_password": "eight brown geese 8" });
    pupil
        .post("/v1/auth/password/change", change)
        .await
        .expect_status(204);
    let me = pupil.get("/v1/me").await.expect_status(200);
    assert_eq!(me["must_change_password"], false);
});

both_databases!(progress_tells_the_pace_and_the_end, |app| {
    let school = app.school().await;
    let import = school.accepted(file(250), STUDENTS).await;
    let mut worker = HaltingWorker::start(app).await;
    let begun = school.import_with(&import["id"]).await;
    assert_eq!(begun["status"], "running");
    assert_eq!(begun["rows_per_second"], 0.0);
    assert!(begun["estimated_end_at"].is_null());
    worker.write_one().await;
    app.advance(Duration::from_secs(10));
    let running = school.import_with(&import["id"]).await;
    assert_eq!(running["status"], "running");
    assert_eq!(
        running["counts"],
        json!({
            "rows": 250, "processed": 100, "created": 100, "failed": 0,
            "by_outcome": { "created": 100 },
        })
    );
    assert_eq!(running["rows_per_second"], 10.0);
    assert_eq!(running["estimated_end_at"], "2026-09-01T07:30:25Z");
    assert!(running["finished_at"].is_null());
    assert_eq!(school.students_seats().await, (100, 150));
    worker.finish().await;
    let ended = school.import_with(&import["id"]).await;
    assert_counts(&ended, json!({ "created": 250 }));
    assert!(ended["rows_per_second"].is_null());
    assert!(ended["estimated_end_at"].is_null());
    assert_eq!(school.students_seats().await, (250, 0));
});

/// With workers that do not look by themselves before the test is over.
#[test]
fn workers_begin_as_soon_as_there_is_work() {
    let app = App::on_sqlite_with(|config| {
        config.import_workers = 2;
        config.worker_poll = Duration::from_secs(60 * 60);
    });
    crate::support::app::block_on(async {
        let school = app.school().await;
        for number in 0..10 {
            let people = file(1).replace("pupil", &format!("pupil{number}-"));
            let import = school.accepted(people, STUDENTS).await;
            let patience = Instant::now() + Duration::from_secs(20);
            while school.import_with(&import["id"]).await["status"] != "completed" {
                assert!(
                    Instant::now() < patience,
                    "nobody has begun with file {number}"
                );
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    });
}

both_databases!(imports_are_listed_the_newest_first, |app| {
    let school = app.school().await;
    let mut ids = Vec::new();
    for number in 1..=5 {
        ids.push(school.imported(line_alone(number), STUDENTS).await["id"].clone());
    }
    ids.reverse();
    let listed: Vec<_> = school
        .all("/imports")
        .await
        .iter()
        .map(|i| i["id"].clone())
        .collect();
    assert_eq!(listed, ids);
    let path = school.path("/imports?limit=2");
    let first = school.admin.get(&path).await;
    let page = first.expect_status(200);
    assert_eq!(page["items"].as_array().unwrap().len(), 2);
    assert_eq!(page["items"][1], school.import_with(&ids[1]).await);
    let cursor = text(&page["next_cursor"]);
    assert_eq!(
        first.header("link"),
        format!("<{path}&cursor={cursor}>; rel=\"next\"")
    );
    let second = school
        .admin
        .get(&format!("{path}&cursor={cursor}"))
        .await
        .expect_status(200);
    assert_eq!(second["items"][0]["id"], ids[2]);
    let cursor = text(&second["next_cursor"]);
    let last = school.admin.get(&format!("{path}&cursor={cursor}")).await;
    let last = last.expect_status(200);
    assert_eq!(last["items"][0]["id"], ids[4]);
    assert_eq!(last["items"].as_array().unwrap().len(), 1);
    assert!(last["next_cursor"].is_null());
    for bad in ["limit=0", "limit=201", "cursor=nonsense"] {
        let refused = school
            .admin
            .get(&school.path(&format!("/imports?{bad}")))
            .await;
        refused.expect_problem(422, "validation_failed");
    }
});

fn line_alone(number: usize) -> String {
    format!("email,password,username\n{}", line(number))
}
