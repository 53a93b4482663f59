//! Seats and all or nothing: what is reserved is exact at every step (`docs/imports.md`).

use serde_json::json;

use super::{HaltingWorker, STUDENTS, assert_counts, file, file_of, password, students};
use crate::support::both_databases;
use crate::support::people::Organization;

const ALL_OR_NOTHING: (&str, &str) = ("on_row_error", "refuse_all");
const ALL_SEATED: (&str, &str) = ("on_seat_shortage", "refuse_all");

both_databases!(the_first_rows_take_the_seats_there_are, |app| {
    let school = app.school().await;
    school.limit_students(130).await;
    let bad = "pupil,purple fox 1,Bad\n";
    let rows = file(150).replacen("pupil10@", &format!("{bad}pupil10@"), 1);
    let rows = rows.replacen(bad, "not an address,purple fox 1,Bad\n", 1);
    let import = school.accepted(rows, STUDENTS).await;
    assert_eq!(import["status"], "queued");
    assert_eq!(
        import["counts"]["by_outcome"],
        json!({ "email_invalid": 1, "no_seat": 20 })
    );
    assert_eq!(school.students_seats().await, (0, 130));
    app.drain().await;
    let import = school.import_with(&import["id"]).await;
    assert_eq!(import["status"], "completed");
    assert_counts(
        &import,
        json!({ "created": 130, "email_invalid": 1, "no_seat": 20 }),
    );
    assert_eq!(school.students_seats().await, (130, 0));
    let unseated = school.rows(&import, "outcome=no_seat").await;
    let numbers: Vec<_> = unseated
        .iter()
        .map(|row| row["row"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, (132..=151).collect::<Vec<_>>());
    let error = "No seat was free for this account type. Free some seats or extend the licence, \
                 then upload this row again.";
    assert_eq!(unseated[0]["error"], error);
});

both_databases!(the_total_limit_counts_as_well, |app| {
    let school = app.school().await;
    let operator = app.operator().await;
    let body = json!({ "total": 3, "by_account_type": { "student": 10, "teacher": null } });
    operator
        .put(&school.path("/seats"), body)
        .await
        .expect_status(200);
    let import = school.imported(file(5), STUDENTS).await;
    // The admin has one of the three.
    assert_counts(&import, json!({ "created": 2, "no_seat": 3 }));
});

both_databases!(without_any_seat_an_import_ends_at_once, |app| {
    let school = app.school().await;
    school.limit_students(0).await;
    let import = school.accepted(file(3), STUDENTS).await;
    assert_eq!(import["status"], "completed");
    assert_counts(&import, json!({ "no_seat": 3 }));
    assert_eq!(school.students_seats().await, (0, 0));
});

both_databases!(reserved_seats_are_nobody_elses, |app| {
    let school = app.school().await;
    school.limit_students(5).await;
    let first = school.accepted(file(3), STUDENTS).await;
    let second = school
        .accepted(file(4).replace("pupil", "other"), STUDENTS)
        .await;
    assert_eq!(second["counts"]["by_outcome"], json!({ "no_seat": 2 }));
    assert_eq!(school.students_seats().await, (0, 5));
    school.cancel(&first).await.expect_status(200);
    assert_eq!(school.students_seats().await, (0, 2));
    app.drain().await;
    assert_eq!(school.students_seats().await, (2, 0));
});

both_databases!(too_few_seats_refuse_all_where_that_was_asked, |app| {
    let school = app.school().await;
    school.limit_students(63).await;
    let import = school.accepted(file(64), &students(&[ALL_SEATED])).await;
    assert_eq!(import["status"], "failed");
    assert_eq!(import["failure"], "seat_shortage");
    assert_counts(&import, json!({ "no_seat": 1, "refused": 63 }));
    assert_eq!(school.students_seats().await, (0, 0));
    let refused = school.rows(&import, "outcome=refused").await;
    let error = "Nothing was created, because all or nothing was asked for and not every row could \
                 be. Correct the other rows and upload the whole file again.";
    assert_eq!(refused[0]["error"], error);
    app.drain().await;
    assert_nothing_came_of(&school).await;
    school.limit_students(64).await;
    let import = school.imported(file(64), &students(&[ALL_SEATED])).await;
    assert_counts(&import, json!({ "created": 64 }));
    assert_eq!(school.students_seats().await, (64, 0));
});

async fn assert_nothing_came_of(school: &Organization<'_>) {
    assert_eq!(school.students_seats().await, (0, 0));
    assert_eq!(school.joined().await, 0);
}

both_databases!(one_bad_row_refuses_all_where_that_was_asked, |app| {
    let school = app.school().await;
    let rows = file(150) + "no address,purple fox 1,Bad\n";
    let import = school.accepted(rows, &students(&[ALL_OR_NOTHING])).await;
    assert_eq!(import["status"], "failed");
    assert_eq!(import["failure"], "row_errors");
    assert!(import["started_at"].is_null());
    assert_eq!(import["finished_at"], "2026-09-01T07:30:00Z");
    assert_counts(&import, json!({ "email_invalid": 1, "refused": 150 }));
    app.drain().await;
    assert_nothing_came_of(&school).await;
});

both_databases!(all_good_rows_are_created_together, |app| {
    let school = app.school().await;
    let import = school
        .accepted(file(150), &students(&[ALL_OR_NOTHING]))
        .await;
    assert_eq!(import["status"], "queued");
    let mut worker = HaltingWorker::start(app).await;
    worker.write_one().await;
    // A hundred are prepared, and nobody is there yet.
    let running = school.import_with(&import["id"]).await;
    let counts =
        json!({ "rows": 150, "processed": 100, "created": 0, "failed": 0, "by_outcome": {} });
    assert_eq!(running["counts"], counts);
    assert_eq!(school.students_seats().await, (0, 150));
    assert_eq!(school.joined().await, 0);
    worker.finish().await;
    let ended = school.import_with(&import["id"]).await;
    assert_eq!(ended["status"], "completed");
    assert_counts(&ended, json!({ "created": 150 }));
    assert_eq!(school.students_seats().await, (150, 0));
    for number in [1, 100, 101, 150] {
        app.sign_in(&format!("pupil{number}@x.example"), &password(number))
            .await;
    }
});

both_databases!(generated_passwords_survive_all_or_nothing, |app| {
    let school = app.school().await;
    let rows: Vec<String> = (1..=130)
        .map(|n| format!("pupil{n}@x.example,,Pupil {n}"))
        .collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let fields = students(&[ALL_OR_NOTHING, ("generate_missing_passwords", "true")]);
    let import = school.imported(file_of(&rows), &fields).await;
    assert_counts(&import, json!({ "created": 130 }));
    let userlist = school.table(&import, "userlist.csv").await;
    for number in [1, 130] {
        app.sign_in(&userlist[number][1], &userlist[number][2])
            .await;
    }
});

both_databases!(a_conflict_after_the_acceptance_refuses_all, |app| {
    let school = app.school().await;
    let import = school
        .accepted(file(150), &students(&[ALL_OR_NOTHING]))
        .await;
    assert_eq!(school.students_seats().await, (0, 150));
    app.register("pupil120@x.example").await;
    app.drain().await;
    let import = school.import_with(&import["id"]).await;
    assert_eq!(import["status"], "failed");
    assert_eq!(import["failure"], "row_errors");
    assert_counts(&import, json!({ "email_taken": 1, "refused": 149 }));
    let conflicts = school.rows(&import, "outcome=email_taken").await;
    assert_eq!(conflicts.len(), 1);
    assert_eq!(conflicts[0]["row"], 120);
    assert!(conflicts[0]["account_id"].is_null());
    assert_nothing_came_of(&school).await;
    let userlist = school.table(&import, "userlist.csv").await;
    assert!(
        userlist[1..]
            .iter()
            .all(|record| record[2].is_empty() && record[5] == "failed")
    );
    let nobody = json!({ "email": "pupil1@x.example", "password": "purple fox 1" });
    let refused = app.anonymous().post("/v1/auth/login", nobody).await;
    refused.expect_problem(401, "wrong_credentials");
});

both_databases!(a_limit_lowered_meanwhile_takes_no_reserved_seat, |app| {
    let school = app.school().await;
    let import = school.accepted(file(64), STUDENTS).await;
    school.limit_students(10).await;
    app.drain().await;
    let import = school.import_with(&import["id"]).await;
    assert_counts(&import, json!({ "created": 64 }));
    assert_eq!(school.students_seats().await, (64, 0));
});
