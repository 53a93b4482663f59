//! Manual creation: names become accounts with made-up addresses and passwords
//! (`docs/imports.md#names-without-addresses`).

use serde_json::{Value, json};

use super::lists::post;
use super::{HaltingWorker, assert_counts, column};
use crate::support::both_databases;
use crate::support::people::text;

/// Names of real life with what their addresses begin with.
const NAMES: &[(&str, &str)] = &[
    ("Jane Doe", "jane-doe"),
    ("Nguyễn Thị Ánh", "nguyen-thi-anh"),
    ("李明", "li-ming"),
    ("محمد", "mhmd"),
    ("Ääkkönen Yrjö-Åke", "aakkonen-yrjo-ake"),
    ("=SUM(A1)", "sum-a1"),
    ("O'Brien, \"Pat\"", "obrien-pat"),
    ("?!", "person"),
    ("12345", "12345"),
];

both_databases!(names_become_people_who_can_sign_in, |app| {
    let school = app.school().await;
    let names: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
    let body = json!({ "usernames": names, "account_type": "student" });
    let answer = school
        .admin
        .post(&school.path("/imports/usernames"), body)
        .await;
    let accepted = answer.expect(
        202,
        json!({
            "id": "<uuid>",
            "source": "usernames",
            "account_type": "student",
            "mode": "commit",
            "detected": null,
            "cleaned": null,
            "status": "queued",
            "failure": null,
            "counts": { "rows": 9, "processed": 0, "created": 0, "failed": 0, "by_outcome": {} },
            "rows_per_second": null,
            "estimated_end_at": null,
            "created_at": "2026-09-01T07:30:00Z",
            "started_at": null,
            "finished_at": null,
            "results_expire_at": null
        }),
    );
    let path = school.path(&format!("/imports/{}", text(&accepted["id"])));
    assert_eq!(answer.header("location"), path);
    let waiting = school.rows(&accepted, "").await;
    assert_eq!(
        waiting[8],
        json!({
            "row": 9, "email": null, "username": "12345", "outcome": null, "error": null,
            "account_id": null,
        })
    );
    app.drain().await;
    let import = school.import_with(&accepted["id"]).await;
    assert_eq!(import["status"], "completed");
    assert_counts(&import, json!({ "created": 9 }));
    assert_eq!(school.students_seats().await, (9, 0));
    let list = school.table(&import, "userlist.csv").await;
    assert_eq!(column(&list, "username")[0], "Jane Doe");
    // Defused, as every cell that a spreadsheet would run.
    assert_eq!(column(&list, "username")[5], "'=SUM(A1)");
    for (number, (name, beginning)) in NAMES.iter().enumerate() {
        let email = format!("{beginning}@hill-road-school.login.invalid");
        let record = &list[number + 1];
        assert_eq!(record[1], email);
        assert_eq!(record[4..], ["student", "created", "", ""]);
        let person = app.sign_in(&email, &record[2]).await;
        let me = person.get("/v1/me").await.expect_status(200);
        assert_eq!(me["username"], *name);
        assert_eq!(me["generated_address"], true);
        assert_eq!(me["email_verified"], false);
        assert_eq!(me["must_change_password"], false);
    }
});

both_databases!(people_made_of_names_are_managed_and_get_no_mail, |app| {
    let school = app.school().await;
    let import = school.imported_names(&["Jane Doe"]).await;
    let members = school.all("/members?account_type=student").await;
    assert_eq!(members.len(), 1);
    let member = &members[0];
    assert_eq!(member["email"], "jane-doe@hill-road-school.login.invalid");
    assert_eq!(member["managed"], true);
    assert_eq!(member["generated_address"], true);
    assert_eq!(member["joined_via"], "manual");
    let row = &school.rows(&import, "").await[0];
    assert_eq!(row["account_id"], member["account_id"]);
    assert_eq!(row["email"], member["email"]);
    let mails = app.mails().await;
    let reached: Vec<_> = mails.iter().map(|mail| mail.to.as_str()).collect();
    assert!(
        !reached.iter().any(|to| to.ends_with(".invalid")),
        "{reached:?}"
    );
});

both_databases!(a_text_has_one_name_a_line, |app| {
    let school = app.school().await;
    let (one, other) = (school.group("7A").await, school.group("7B").await);
    let query = format!("?account_type=student&group_ids={one},{other}&must_change_password=true");
    let body = "\u{feff}Jane Doe\r\n\r\n   \r\nLi Ming\rJürgen Groß\n\n";
    let accepted = post(&school, &query, "text/plain; charset=UTF-8", body)
        .await
        .expect_status(202);
    app.drain().await;
    let import = school.import_with(&accepted["id"]).await;
    assert_counts(&import, json!({ "created": 3 }));
    let rows = school.rows(&import, "").await;
    let numbered: Vec<_> = rows
        .iter()
        .map(|row| (row["row"].as_i64().unwrap(), text(&row["username"])))
        .collect();
    let expected = [(1, "Jane Doe"), (2, "Li Ming"), (3, "Jürgen Groß")];
    assert_eq!(
        numbered,
        expected.map(|(number, name)| (number, name.to_owned()))
    );
    for group in [one, other] {
        let members = school
            .all(&format!("/members?group_id={group}&account_type=student"))
            .await;
        assert_eq!(members.len(), 3);
    }
    let list = school.table(&import, "userlist.csv").await;
    let person = app.sign_in(&list[3][1], &list[3][2]).await;
    let me = person.get("/v1/me").await.expect_status(200);
    assert_eq!(me["must_change_password"], true);
});

both_databases!(what_is_no_name_is_a_row_with_an_error, |app| {
    let school = app.school().await;
    let long = "x".repeat(101);
    let names = [
        "Jane Doe",
        "",
        " \t",
        long.as_str(),
        "Jane\u{0}Doe",
        "\u{200d}",
        "'=Jane",
    ];
    let import = school.imported_names(&names).await;
    assert_counts(
        &import,
        json!({ "created": 2, "username_too_long": 1, "username_invalid": 2 }),
    );
    let rows = school.rows(&import, "").await;
    assert_eq!(rows[1]["username"], long);
    assert_eq!(rows[1]["error"], "A username has at most 100 characters.");
    assert_eq!(rows[1]["email"], Value::Null);
    let errors = school.table(&import, "errors.csv").await;
    assert_eq!(errors[0], ["username", "error_code", "error"]);
    assert_eq!(errors.len(), 4);
    assert_eq!(
        errors[1],
        [
            long.as_str(),
            "username_too_long",
            "A username has at most 100 characters."
        ]
    );
    assert_eq!(errors[2][..2], ["Jane\u{0}Doe", "username_invalid"]);
    let list = school.table(&import, "userlist.csv").await;
    assert_eq!(
        column(&list, "status"),
        ["created", "failed", "failed", "failed", "created"]
    );
    // A name is taken as it stands: its apostrophe was no spreadsheet's.
    assert_eq!(column(&list, "username")[4], "''=Jane");
    assert_eq!(rows[4]["username"], "'=Jane");
});

both_databases!(all_or_nothing_holds_for_names_too, |app| {
    let school = app.school().await;
    let body = |names: Value| {
        json!({
            "usernames": names, "account_type": "student", "on_row_error": "refuse_all",
        })
    };
    let path = school.path("/imports/usernames");
    let refused = school
        .admin
        .post(&path, body(json!(["Jane", "x\u{0}", "Li"])))
        .await;
    let refused = refused.expect_status(202);
    assert_eq!(refused["status"], "failed");
    assert_eq!(refused["failure"], "row_errors");
    assert_counts(&refused, json!({ "refused": 2, "username_invalid": 1 }));
    app.drain().await;
    assert_eq!(school.joined().await, 0);
    let names: Vec<String> = (0..620)
        .map(|number| format!("Jane {}", number % 2))
        .collect();
    let accepted = school
        .admin
        .post(&path, body(json!(names)))
        .await
        .expect_status(202);
    app.drain().await;
    let import = school.import_with(&accepted["id"]).await;
    assert_counts(&import, json!({ "created": 620 }));
    let addresses = school.addresses(&import).await;
    assert_eq!(addresses[0], "jane-0@hill-road-school.login.invalid");
    assert_eq!(addresses[619], "jane-1-310@hill-road-school.login.invalid");
    let list = school.table(&import, "userlist.csv").await;
    app.sign_in(&list[620][1], &list[620][2]).await;
});

both_databases!(seats_count_for_names, |app| {
    let school = app.school().await;
    school.limit_students(2).await;
    let import = school.imported_names(&["A", "B", "C"]).await;
    assert_counts(&import, json!({ "created": 2, "no_seat": 1 }));
    assert_eq!(school.students_seats().await, (2, 0));
    let body = json!({
        "usernames": ["D"], "account_type": "student", "on_seat_shortage": "refuse_all",
    });
    let refused = school
        .admin
        .post(&school.path("/imports/usernames"), body)
        .await
        .expect_status(202);
    assert_eq!(refused["failure"], "seat_shortage");
    assert_counts(&refused, json!({ "no_seat": 1 }));
});

both_databases!(a_list_is_cancelled_between_two_batches, |app| {
    let school = app.school().await;
    let names = vec!["Jane Doe"; 250];
    let accepted = school.accepted_names(&names).await;
    let mut worker = HaltingWorker::start(app).await;
    worker.write_one().await;
    let cancelled = school.cancel(&accepted).await.expect_status(200);
    assert_counts(&cancelled, json!({ "created": 100, "cancelled": 150 }));
    worker.finish().await;
    assert_eq!(school.students_seats().await, (100, 0));
    let list = school.table(&cancelled, "userlist.csv").await;
    assert_eq!(list[101][1..4], ["", "", "Jane Doe"]);
    // No number was wasted on those who got no account.
    let again = school.imported_names(&["Jane Doe"]).await;
    let expected = "jane-doe-101@hill-road-school.login.invalid";
    assert_eq!(school.addresses(&again).await, [expected]);
});

both_databases!(a_list_is_told_in_the_audit_log, |app| {
    let school = app.school().await;
    let import = school.imported_names(&["Jane Doe", "x\u{0}"]).await;
    let id = text(&import["id"]);
    let events = school.all(&format!("/audit-events?subject_id={id}")).await;
    let told: Vec<_> = events
        .iter()
        .map(|event| (text(&event["action"]), &event["details"]))
        .collect();
    let accepted = json!({ "source": "usernames", "rows": 2, "account_type": "student" });
    let finished = json!({
        "status": "completed", "rows": 2, "by_outcome": { "created": 1, "username_invalid": 1 },
    });
    assert_eq!(
        told,
        [
            ("import.finished".to_owned(), &finished),
            ("import.accepted".to_owned(), &accepted),
        ]
    );
    let whole = serde_json::to_string(&events).unwrap();
    assert!(!whole.contains("Jane"), "{whole}");
});
