//! `errors.csv`: the rows to correct and upload again.

use serde_json::json;

use super::{STUDENTS, assert_counts, column, records, students};
use crate::support::both_databases;

const FILE: &str = "Class;Kennwort;E-Mail;Name;\n\
                    7A;purple fox 1;pupil1@x.example;Pupil 1;\n\
                    7B;short;pupil2@x.example;Pupil, 2;x\n\
                    7C;purple fox 3;pupil3;Pupil 3;\n\
                    \"7\nD\";purple fox 4;pupil4@x.example;;\n";

both_databases!(
    failed_rows_come_back_as_they_were_with_their_errors,
    |app| {
        let school = app.school().await;
        let import = school.imported(FILE, STUDENTS).await;
        let file = school.download(&import, "errors.csv").await;
        assert_eq!(
            file,
            "\u{feff}Class,Kennwort,E-Mail,Name,,error_code,error\r\n\
         7B,short,pupil2@x.example,\"Pupil, 2\",x,password_too_short,A password has at least 10 \
         characters.\r\n\
         7C,purple fox 3,pupil3,Pupil 3,,email_invalid,\"An email address has an @, as in \
         jane@example.org.\"\r\n\
         \"7\nD\",purple fox 4,pupil4@x.example,,,username_missing,A username is needed.\r\n"
        );
        let corrected = file
            .replace("short", "purple fox 2")
            .replace(",pupil3,", ",pupil3@x.example,")
            .replace("pupil4@x.example,", "pupil4@x.example,Pupil 4");
        let again = school.imported(corrected, STUDENTS).await;
        assert_counts(&again, json!({ "created": 3 }));
        let ignored = &again["detected"]["columns"]["ignored"];
        assert_eq!(*ignored, json!(["Class", "error_code", "error"]));
        for number in 1..=4 {
            app.sign_in(
                &format!("pupil{number}@x.example"),
                &format!("purple fox {number}"),
            )
            .await;
        }
        // Nothing failed: there is a header and nothing to correct.
        let errors = school.table(&again, "errors.csv").await;
        assert_eq!(
            errors,
            [[
                "Class",
                "Kennwort",
                "E-Mail",
                "Name",
                "",
                "error_code",
                "error"
            ]]
        );
    }
);

both_databases!(errors_do_not_pile_up, |app| {
    let school = app.school().await;
    let file = "email,password,username\n\
                pupil1@x.example,short,Pupil 1\n\
                pupil2@x.example,purple fox 2,Doe, Jane,=1\n\
                pupil3@x.example\n\
                =pupil4,purple fox 4,Pupil 4\n";
    let import = school.imported(file, STUDENTS).await;
    let outcomes = [
        "password_too_short",
        "too_many_cells",
        "username_missing",
        "email_invalid",
    ];
    assert_eq!(school.outcomes(&import).await, outcomes);
    let first = school.download(&import, "errors.csv").await;
    let mut last = first.clone();
    for _ in 0..3 {
        let again = school.imported(last, STUDENTS).await;
        assert_eq!(school.outcomes(&again).await, outcomes);
        last = school.download(&again, "errors.csv").await;
        assert_eq!(last, first);
    }
    // A spreadsheet program saves it with its own delimiter and line ends, and fills rows up.
    let saved = first
        .replace("\r\n", "\n")
        .replace(",error_code,error\n", ",error_code,error,,\n");
    let again = school.imported(saved, STUDENTS).await;
    assert_eq!(school.outcomes(&again).await, outcomes);
    assert_eq!(school.download(&again, "errors.csv").await, first);
});

both_databases!(an_error_is_replaced_by_what_is_wrong_now, |app| {
    let school = app.school().await;
    let file = "email,password,username\npupil1@x.example,short,Pupil 1\n";
    let import = school.imported(file, STUDENTS).await;
    let half_corrected = school
        .download(&import, "errors.csv")
        .await
        .replace("short", "purple foxes");
    let again = school.imported(half_corrected, STUDENTS).await;
    let errors = school.table(&again, "errors.csv").await;
    assert_eq!(
        errors[0],
        ["email", "password", "username", "error_code", "error"]
    );
    let row = [
        "pupil1@x.example",
        "purple foxes",
        "Pupil 1",
        "password_needs_digit",
    ];
    assert_eq!(errors[1][..4], row);
    assert_eq!(errors[1].len(), 5);
});

both_databases!(
    rows_without_a_seat_and_refused_rows_can_be_uploaded_again,
    |app| {
        let school = app.school().await;
        school.limit_students(1).await;
        let rows = "pupil1@x.example,purple fox 1,Pupil 1\npupil2@x.example,purple fox 2,Pupil 2\n";
        let file = format!("email,password,username\n{rows}");
        let refused = school
            .imported(
                file.as_str(),
                &students(&[("on_seat_shortage", "refuse_all")]),
            )
            .await;
        assert_counts(&refused, json!({ "no_seat": 1, "refused": 1 }));
        let filled = school.download(&refused, "errors.csv").await;
        assert_eq!(
            column(&records(&filled), "error_code"),
            ["refused", "no_seat"]
        );
        let filled = school.imported(filled, STUDENTS).await;
        assert_counts(&filled, json!({ "created": 1, "no_seat": 1 }));
        let rest = school.download(&filled, "errors.csv").await;
        assert_eq!(column(&records(&rest), "email"), ["pupil2@x.example"]);
        school.limit_students(2).await;
        let rest = school.imported(rest, STUDENTS).await;
        assert_counts(&rest, json!({ "created": 1 }));
    }
);
