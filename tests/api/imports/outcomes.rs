//! Every row ends in exactly one outcome, with words that help
//! (`docs/imports.md#outcomes-of-a-row`).

use serde_json::{Value, json};

use super::{STUDENTS, assert_counts, file_of, password, students};
use crate::support::both_databases;
use crate::support::people::{PASSWORD, text};

/// Rows that an upload can meet, each with its outcome and error. `pupil1@x.example` is the first
/// row's address, `here@` is a member already, `elsewhere@` has an account outside.
const ROWS: &[(&str, &str, &str)] = &[
    ("pupil1@x.example,purple fox 1,Pupil One", "created", ""),
    (
        ",purple fox 2,Pupil",
        "email_missing",
        "An email address is needed.",
    ),
    (
        " \t,purple fox 3,Pupil",
        "email_missing",
        "An email address is needed.",
    ),
    (
        "pupil4.x.example,purple fox 4,Pupil",
        "email_invalid",
        "An email address has an @, as in jane@example.org.",
    ),
    (
        "Jane <jane@x.example> at home,purple fox 5,Pupil",
        "email_invalid",
        "Write the address alone, without a name or angle brackets around it.",
    ),
    (
        "elsewhere@y.example,purple fox 6,Pupil",
        "email_taken",
        "An account with this address exists already, outside this organization. Send its owner an \
         email invitation or give them an invite code.",
    ),
    (
        "here@y.example,purple fox 7,Pupil",
        "already_member",
        "The account with this address is a member of this organization already. Nothing to do.",
    ),
    (
        "PUPIL1@X.example,purple fox 8,Pupil",
        "duplicate_in_file",
        "Row 1 has the same address. Remove this row, or correct its address.",
    ),
    (
        "pupil9@x.example,,Pupil",
        "password_missing",
        "The password cell is empty. Fill it in, or upload again and ask for generated passwords.",
    ),
    (
        "pupil10@x.example,fox 4567,Pupil",
        "password_too_short",
        "A password has at least 10 characters.",
    ),
    (
        "pupil11@x.example,<129>,Pupil",
        "password_too_long",
        "A password has at most 128 characters.",
    ),
    (
        "pupil12@x.example,12345 67890,Pupil",
        "password_needs_letter",
        "A password has at least one letter.",
    ),
    (
        "pupil13@x.example,purple foxes,Pupil",
        "password_needs_digit",
        "A password has at least one digit.",
    ),
    (
        "pupil14@x.example,Password123,Pupil",
        "password_too_common",
        "This password is too common; choose another.",
    ),
    (
        "pupil15@x.example,=purple fox 15,Pupil",
        "password_formula_like",
        "A spreadsheet would run this password as a formula: choose one that does not begin with \
         = + - or @.",
    ),
    (
        "pupil16@x.example,purple fox 16, ",
        "username_missing",
        "A username is needed.",
    ),
    (
        "pupil17@x.example,purple fox 17",
        "username_missing",
        "A username is needed.",
    ),
    (
        "pupil18@x.example,purple fox 18,<101>",
        "username_too_long",
        "A username has at most 100 characters.",
    ),
    (
        "pupil19@x.example,purple fox 19,Pupil\u{1}Nineteen",
        "username_invalid",
        "A username has no control characters.",
    ),
    (
        "pupil20@x.example,purple fox 20,Pupil\u{202e}Twenty",
        "username_invalid",
        "A username has no invisible characters that turn the direction of text.",
    ),
    (
        "pupil21@x.example,purple fox 21,Doe, Jane",
        "too_many_cells",
        "This row has more cells than the header has columns. Put quotes around cells that contain \
         the delimiter.",
    ),
    ("pupil22@x.example,purple fox 22,Pupil,,", "created", ""),
];

fn long(row: &str) -> String {
    row.replace("<129>", &"purple fox 1".repeat(11)[..129])
        .replace("<101>", &"n".repeat(101))
}

both_databases!(each_row_has_its_outcome_and_its_words, |app| {
    let school = app.school().await;
    school
        .imported(file_of(&["here@y.example,purple fox 0,Here"]), STUDENTS)
        .await;
    app.register("elsewhere@y.example").await;
    let rows: Vec<String> = ROWS.iter().map(|(row, ..)| long(row)).collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let import = school.imported(file_of(&rows), STUDENTS).await;
    assert_eq!(import["status"], "completed");
    assert_counts(
        &import,
        json!({
            "created": 2, "email_missing": 2, "email_invalid": 2, "email_taken": 1,
            "already_member": 1, "duplicate_in_file": 1, "password_missing": 1,
            "password_too_short": 1, "password_too_long": 1, "password_needs_letter": 1,
            "password_needs_digit": 1, "password_too_common": 1, "password_formula_like": 1,
            "username_missing": 2, "username_too_long": 1, "username_invalid": 2,
            "too_many_cells": 1,
        }),
    );
    let found = school.rows(&import, "").await;
    assert_eq!(found.len(), ROWS.len());
    for (place, (row, (given, outcome, error))) in found.iter().zip(ROWS).enumerate() {
        assert_eq!(row["row"], place + 1, "{given}");
        assert_eq!(row["outcome"], *outcome, "{given}");
        assert_eq!(row["error"].as_str().unwrap_or_default(), *error, "{given}");
        assert_eq!(
            row["account_id"].is_string(),
            *outcome == "created",
            "{given}"
        );
    }
    // Three are members now: the two of this file, and the one of the first.
    assert_eq!(school.joined().await, 3);
    assert_eq!(school.students_seats().await, (3, 0));
});

both_databases!(a_row_shows_what_it_is_and_no_password, |app| {
    let school = app.school().await;
    let rows = [
        "Zoë@MÜLLER.example,purple fox 1,  Zoë ",
        "no address,purple fox 2,Pupil",
    ];
    let import = school.imported(file_of(&rows), STUDENTS).await;
    let path = format!("/rows?limit=1&outcome={}", "created");
    school.of_import(&import, &path).await.expect(
        200,
        json!({
            "items": [{
                "row": 1,
                "email": "zoë@xn--mller-kva.example",
                "username": "Zoë",
                "outcome": "created",
                "error": null,
                "account_id": "<uuid>",
            }],
            "next_cursor": null,
        }),
    );
    school
        .of_import(&import, "/rows?outcome=email_invalid")
        .await
        .expect(
            200,
            json!({
                "items": [{
                    "row": 2,
                    // Where somebody mixed the columns up, these are passwords.
                    "email": null,
                    "username": null,
                    "outcome": "email_invalid",
                    "error": "An email address has no spaces or line breaks inside.",
                    "account_id": null,
                }],
                "next_cursor": null,
            }),
        );
    let none = school.of_import(&import, "/rows?outcome=no_seat").await;
    none.expect(200, json!({ "items": [], "next_cursor": null }));
});

both_databases!(rows_are_paged_in_the_order_of_the_file, |app| {
    let school = app.school().await;
    let rows: Vec<String> = (1..=130)
        .map(|n| match n % 2 {
            0 => format!("pupil{n}@x.example,{},Pupil {n}", password(n)),
            _ => format!("pupil{n},{},Pupil {n}", password(n)),
        })
        .collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let import = school.imported(file_of(&rows), STUDENTS).await;
    assert_counts(&import, json!({ "created": 65, "email_invalid": 65 }));
    let default = school.of_import(&import, "/rows").await.expect_status(200);
    assert_eq!(numbers(&default["items"]), (1..=50).collect::<Vec<_>>());
    let first = school
        .of_import(&import, "/rows?outcome=created&limit=40")
        .await;
    let link = first.header("link").to_owned();
    let first = first.expect_status(200);
    assert_eq!(
        numbers(&first["items"]),
        (2..=80).step_by(2).collect::<Vec<_>>()
    );
    let path = format!(
        "/imports/{}/rows?outcome=created&limit=40&cursor={}",
        text(&import["id"]),
        text(&first["next_cursor"])
    );
    assert_eq!(link, format!("<{}>; rel=\"next\"", school.path(&path)));
    let second = school.admin.get(&school.path(&path)).await;
    let second = second.expect_status(200);
    assert_eq!(
        numbers(&second["items"]),
        (82..=130).step_by(2).collect::<Vec<_>>()
    );
    assert!(second["next_cursor"].is_null());
    for bad in ["limit=0", "limit=201", "cursor=*"] {
        let refused = school.of_import(&import, &format!("/rows?{bad}")).await;
        refused.expect_problem(422, "validation_failed");
    }
    for bad in ["outcome=splendid", "colour=red"] {
        let refused = school.of_import(&import, &format!("/rows?{bad}")).await;
        refused.expect_problem(400, "malformed_request");
    }
});

fn numbers(items: &Value) -> Vec<u64> {
    items
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["row"].as_u64().unwrap())
        .collect()
}

both_databases!(a_bad_row_does_not_stop_a_good_one_with_its_address, |app| {
    let school = app.school().await;
    let rows = [
        "pupil@x.example,short,Pupil",
        "PUPIL@x.example,purple fox 2,Pupil",
        "pupil@x.example,purple fox 3,Pupil",
    ];
    let import = school.imported(file_of(&rows), STUDENTS).await;
    let outcomes = ["password_too_short", "created", "duplicate_in_file"];
    assert_eq!(school.outcomes(&import).await, outcomes);
    let found = school.rows(&import, "outcome=duplicate_in_file").await;
    let error = "Row 2 has the same address. Remove this row, or correct its address.";
    assert_eq!(found[0]["error"], error);
    app.sign_in("pupil@x.example", "purple fox 2").await;
});

both_databases!(a_known_address_is_told_before_a_missing_password, |app| {
    let school = app.school().await;
    app.register("elsewhere@y.example").await;
    let rows = ["elsewhere@y.example,,Pupil", "pupil@x.example, ,Pupil"];
    for (fields, second) in [
        (students(&[]), "password_missing"),
        (
            students(&[("generate_missing_passwords", "true")]),
            "created",
        ),
    ] {
        let import = school.imported(file_of(&rows), &fields).await;
        assert_eq!(school.outcomes(&import).await, ["email_taken", second]);
    }
});

both_databases!(passwords_are_generated_where_they_are_missing, |app| {
    let school = app.school().await;
    let mut rows: Vec<String> = (1..=64)
        .map(|n| format!("pupil{n}@x.example,,Pupil {n}"))
        .collect();
    rows.push("given@x.example,purple fox 65,Given".to_owned());
    rows.push("short@x.example,short,Short".to_owned());
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let fields = students(&[("generate_missing_passwords", "true")]);
    let import = school.imported(file_of(&rows), &fields).await;
    assert_counts(&import, json!({ "created": 65, "password_too_short": 1 }));
    let userlist = school.table(&import, "userlist.csv").await;
    let mut distinct = std::collections::HashSet::new();
    for record in &userlist[1..=64] {
        assert!(distinct.insert(record[2].clone()), "{} twice", record[2]);
        app.sign_in(&record[1], &record[2]).await;
    }
    assert!(
        distinct.iter().all(|generated| keeps_the_rule(generated)),
        "{distinct:?}"
    );
    assert_eq!(userlist[65][2], "purple fox 65");
    assert_eq!(userlist[66][2], "");
});

fn keeps_the_rule(password: &str) -> bool {
    password.len() >= 10
        && password.contains(char::is_alphabetic)
        && password.contains(|c: char| c.is_ascii_digit())
        && password.starts_with(|c: char| c.is_ascii_lowercase())
        && !password.contains(['0', '1', 'l', 'I', 'O'])
}

both_databases!(
    a_file_without_passwords_is_fine_where_they_are_generated,
    |app| {
        let school = app.school().await;
        let file = "email,username\npupil@x.example,Pupil\n";
        let fields = students(&[("generate_missing_passwords", "true")]);
        let import = school.imported(file, &fields).await;
        assert_counts(&import, json!({ "created": 1 }));
        assert!(import["detected"]["columns"]["password"].is_null());
        let userlist = school.table(&import, "userlist.csv").await;
        let pupil = app.sign_in("pupil@x.example", &userlist[1][2]).await;
        let own = json!({ "current_password": userlist[1][2], "new_password": PASSWORD });
        pupil
            .post("/v1/auth/password/change", own)
            .await
            .expect_status(204);
    }
);

both_databases!(nothing_to_create_ends_at_once, |app| {
    let school = app.school().await;
    let rows = ["pupil1,purple fox 1,Pupil", ",purple fox 2,Pupil"];
    let import = school.accepted(file_of(&rows), STUDENTS).await;
    assert_eq!(import["status"], "completed");
    assert_eq!(import["finished_at"], "2026-09-01T07:30:00Z");
    assert_eq!(import["results_expire_at"], "2026-09-02T07:30:00Z");
    assert_counts(&import, json!({ "email_invalid": 1, "email_missing": 1 }));
    assert_eq!(school.table(&import, "errors.csv").await.len(), 3);
});
