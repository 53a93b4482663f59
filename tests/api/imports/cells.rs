//! Cells that are hard on spreadsheets, and names that are hard on programs.

use serde_json::json;

use super::{STUDENTS, assert_counts, column, file_of, records};
use crate::support::both_databases;

/// Names that a spreadsheet would run, as they stand in a file and as they are exported.
const FORMULAS: &[(&str, &str)] = &[
    ("=SUM(A1)", "'=SUM(A1)"),
    ("@x", "'@x"),
    ("+1", "'+1"),
    ("-1+2", "'-1+2"),
    ("＝1", "'＝1"),
    ("'=1", "''=1"),
];

both_databases!(names_like_formulas_are_defused_and_restored, |app| {
    let school = app.school().await;
    let rows: Vec<String> = FORMULAS
        .iter()
        .enumerate()
        .flat_map(|(n, (name, _))| {
            // Each name once in a row that becomes an account and once in one that does not.
            [
                // What follows one apostrophe in a file is taken as it was before an export.
                format!(
                    "=pupil{n}@x.example,purple fox {n},{}",
                    name.replace('\'', "''")
                ),
                format!("+bad{n}@x.example,short,{}", name.replace('\'', "''")),
            ]
        })
        .collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let import = school.imported(file_of(&rows), STUDENTS).await;
    assert_counts(&import, json!({ "created": 6, "password_too_short": 6 }));
    for (n, (name, defused)) in FORMULAS.iter().enumerate() {
        let pupil = app
            .sign_in(&format!("=pupil{n}@x.example"), &format!("purple fox {n}"))
            .await;
        assert_eq!(
            pupil.get("/v1/me").await.expect_status(200)["username"],
            *name
        );
        let userlist = school.table(&import, "userlist.csv").await;
        assert_eq!(userlist[1 + 2 * n][3], *defused);
        assert_eq!(userlist[1 + 2 * n][1], format!("'=pupil{n}@x.example"));
        let errors = school.table(&import, "errors.csv").await;
        assert_eq!(errors[1 + n][2], *defused);
        assert_eq!(errors[1 + n][0], format!("'+bad{n}@x.example"));
    }
    let corrected = school
        .download(&import, "errors.csv")
        .await
        .replace("short", "purple fox 9");
    let again = school.imported(corrected, STUDENTS).await;
    assert_counts(&again, json!({ "created": 6 }));
    for (n, (name, _)) in FORMULAS.iter().enumerate() {
        let pupil = app
            .sign_in(&format!("+bad{n}@x.example"), "purple fox 9")
            .await;
        assert_eq!(
            pupil.get("/v1/me").await.expect_status(200)["username"],
            *name
        );
    }
});

both_databases!(a_password_that_became_a_date_is_an_error, |app| {
    let school = app.school().await;
    let file = file_of(&[
        "ann@x.example,12-Sep-2026,Ann",
        "ben@x.example,12-Fox-2026,Ben",
    ]);
    let import = school.imported(file, STUDENTS).await;
    assert_counts(&import, json!({ "created": 1, "password_number_like": 1 }));
    let list = school.download(&import, "userlist.csv").await;
    assert!(!list.contains("12-Sep-2026"), "{list}");
});

both_databases!(wide_blanks_around_a_password_are_no_part_of_it, |app| {
    let school = app.school().await;
    let file = file_of(&[
        "ann@x.example,\u{a0}purple fox 1\u{3000},Ann",
        "ben@x.example, \u{feff}purple\u{a0}fox 2\u{200b},Ben",
        "cem@x.example,\u{a0}\u{2003},Cem",
        "dan@x.example,\"purple fox 4 \",Dan",
    ]);
    let import = school.imported(file, STUDENTS).await;
    assert_counts(&import, json!({ "created": 3, "password_missing": 1 }));
    for (email, password) in [
        ("ann@x.example", "purple fox 1"),
        ("ben@x.example", "purple\u{a0}fox 2"),
        ("dan@x.example", "purple fox 4 "),
    ] {
        app.sign_in(email, password).await;
    }
    let list = school.table(&import, "userlist.csv").await;
    assert_eq!(column(&list, "password")[0], "purple fox 1");
});

both_databases!(passwords_like_formulas_are_errors_and_never_leave, |app| {
    let school = app.school().await;
    let passwords = [
        "=purple fox 1",
        "+purple fox 2",
        "-purple fox 3",
        "@purple fox 4",
    ];
    let mut rows: Vec<String> = passwords
        .iter()
        .enumerate()
        .map(|(n, password)| format!("pupil{n}@x.example,{password},Pupil {n}"))
        .collect();
    // What is wrong first is another thing here; the password would run all the same.
    rows.push("no address,=purple fox 5,Pupil".to_owned());
    rows.push("=purple,=purple fox 6,Pupil,=1".to_owned());
    rows.push("pupil7@x.example,'=purple fox 7,Pupil".to_owned());
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let import = school.imported(file_of(&rows), STUDENTS).await;
    let counts = json!({
        "password_formula_like": 4, "email_invalid": 1, "too_many_cells": 1, "created": 1,
    });
    assert_counts(&import, counts);
    for name in ["errors.csv", "userlist.csv"] {
        let file = school.download(&import, name).await;
        let cells = records(&file).into_iter().flatten();
        let runs = |cell: &String| cell.starts_with(['=', '+', '-', '@']);
        assert_eq!(
            cells.filter(runs).collect::<Vec<_>>(),
            Vec::<String>::new(),
            "{name}"
        );
    }
    let errors = school.table(&import, "errors.csv").await;
    assert_eq!(column(&errors, "password"), [""; 6]);
    // It begins with an apostrophe, which is nobody's to take away.
    app.sign_in("pupil7@x.example", "'=purple fox 7").await;
    let userlist = school.table(&import, "userlist.csv").await;
    assert_eq!(userlist[7][2], "'=purple fox 7");
});

both_databases!(names_of_all_scripts_come_through, |app| {
    let school = app.school().await;
    let names = [
        "محمد بن سلمان",
        "שָׁלוֹם",
        "Nguyễn Thị Ánh",
        "दीक्षा शर्मा",
        "👩\u{200d}🏫 7b",
        "李明",
        "Œ\u{301}",
        &"é".repeat(100),
        &"👍".repeat(100),
    ];
    let mut rows: Vec<String> = names
        .iter()
        .enumerate()
        .map(|(n, name)| format!("pupil{n}@x.example,密码 is secret {n},  {name} "))
        .collect();
    rows.push(format!(
        "composed@x.example,purple fox 1,{}",
        "e\u{301}".repeat(100)
    ));
    rows.push(format!("long@x.example,purple fox 1,{}", "é".repeat(101)));
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let import = school.imported(file_of(&rows), STUDENTS).await;
    assert_counts(&import, json!({ "created": 10, "username_too_long": 1 }));
    for (n, name) in names.iter().enumerate() {
        let pupil = app
            .sign_in(
                &format!("pupil{n}@x.example"),
                &format!("密码 is secret {n}"),
            )
            .await;
        let me = pupil.get("/v1/me").await.expect_status(200);
        assert_eq!(me["username"], *name);
    }
    let userlist = school.table(&import, "userlist.csv").await;
    assert_eq!(column(&userlist, "username")[..names.len()], names);
    // A name is shown as its account has it, however it was composed.
    let composed = school.all("/members?search=composed@x.example").await;
    assert_eq!(composed[0]["username"], "é".repeat(100));
    assert_eq!(userlist[names.len() + 1][3], "é".repeat(100));
    let row = &school.rows(&import, "").await[names.len()];
    assert_eq!(row["username"], composed[0]["username"]);
});

both_databases!(passwords_are_taken_exactly_as_they_stand, |app| {
    let school = app.school().await;
    let passwords = [
        " two spaces 2  ",
        "qu\"ote, 12;3",
        "mu\u{308}de Katze 1",
        "tab\tbed 123",
        "#x 12 y 34z",
    ];
    let rows: Vec<String> = passwords
        .iter()
        .enumerate()
        .map(|(n, password)| {
            format!(
                "pupil{n}@x.example,\"{}\",Pupil {n}",
                password.replace('"', "\"\"")
            )
        })
        .collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let import = school.imported(file_of(&rows), STUDENTS).await;
    let userlist = school.table(&import, "userlist.csv").await;
    assert_eq!(column(&userlist, "password"), passwords);
    for (n, password) in passwords.iter().enumerate() {
        app.sign_in(&format!("pupil{n}@x.example"), password).await;
    }
    app.sign_in("pupil2@x.example", "m\u{fc}de Katze 1").await;
});
