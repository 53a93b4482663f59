//! One address is one account, however it is spelled and whenever it is taken (`docs/accounts.md`).

use serde_json::json;

use super::{STUDENTS, assert_counts, file_of, students};
use crate::support::both_databases;

both_databases!(a_wrong_character_behind_the_at_sign_is_named, |app| {
    let school = app.school().await;
    let rows = [
        "ann@x_y.example,purple fox 1,One",
        "ben@x.example',purple fox 2,Two",
        "cem@x.example.,purple fox 3,Three",
        "dan@-x.example,purple fox 4,Four",
    ];
    let import = school.imported(file_of(&rows), STUDENTS).await;
    assert_counts(&import, json!({ "email_invalid": 4 }));
    let found = school.rows(&import, "").await;
    for (row, words) in
        found
            .iter()
            .zip(["no “_”", "no “'”", "starts or ends with a dot", "a hyphen"])
    {
        let error = row["error"].as_str().unwrap();
        assert!(
            error.contains("after the @") && error.contains(words),
            "{error}"
        );
    }
});

both_databases!(spellings_of_one_address_are_duplicates, |app| {
    let school = app.school().await;
    let rows = [
        "M\u{e4}rta@m\u{fc}nchen.example,purple fox 1,One",
        "MA\u{308}RTA@m\u{fc}nchen.example,purple fox 2,Two",
        "m\u{e4}rta@mu\u{308}nchen.example,purple fox 3,Three",
        "m\u{e4}rta@XN--MNCHEN-3YA.example,purple fox 4,Four",
        " \u{feff}m\u{e4}rta@M\u{dc}NCHEN.EXAMPLE\u{a0},purple fox 5,Five",
        "marta@m\u{fc}nchen.example,purple fox 6,Six",
    ];
    let import = school.imported(file_of(&rows), STUDENTS).await;
    assert_counts(&import, json!({ "created": 2, "duplicate_in_file": 4 }));
    let found = school.rows(&import, "outcome=duplicate_in_file").await;
    for (row, number) in found.iter().zip(2..) {
        assert_eq!(row["row"], number);
        assert_eq!(row["email"], "m\u{e4}rta@xn--mnchen-3ya.example");
        let error = "Row 1 has the same address. Remove this row, or correct its address.";
        assert_eq!(row["error"], error);
    }
    app.sign_in("MA\u{308}RTA@mu\u{308}nchen.example", "purple fox 1")
        .await;
});

both_databases!(
    duplicates_are_found_across_the_batches_of_a_large_file,
    |app| {
        let school = app.school().await;
        let row = |n: usize| format!("pupil{n}@x.example,purple fox {n},Pupil {n}\n");
        let rows: String = (1..=1_100).map(row).collect();
        let again: String = [1, 500, 501, 1_100].into_iter().map(row).collect();
        let file = format!("email,password,username\n{rows}{again}");
        let import = school
            .imported(file.to_uppercase().replace("FOX", "fox"), STUDENTS)
            .await;
        assert_counts(&import, json!({ "created": 1_100, "duplicate_in_file": 4 }));
        let found = school.rows(&import, "outcome=duplicate_in_file").await;
        for (row, (number, first)) in found.iter().zip([(1_101, 1), (1_102, 500), (1_103, 501)]) {
            assert_eq!(row["row"], number);
            assert!(
                row["error"]
                    .as_str()
                    .unwrap()
                    .starts_with(&format!("Row {first} has"))
            );
        }
    }
);

both_databases!(known_addresses_are_found_in_any_spelling, |app| {
    let school = app.school().await;
    app.register("\u{e5}sa@m\u{fc}nchen.example").await;
    let here = ["Bj\u{f6}rn@m\u{fc}nchen.example,purple fox 1,Here"];
    school.imported(file_of(&here), STUDENTS).await;
    let rows = [
        "A\u{30a}SA@MU\u{308}NCHEN.example,purple fox 2,Two",
        "BJO\u{308}RN@xn--mnchen-3ya.example,purple fox 3,Three",
        "person0@BUSY.example,purple fox 4,Of the busy company",
        "ADMIN@hill-road-school.example,purple fox 5,The admin",
    ];
    let import = school.imported(file_of(&rows), STUDENTS).await;
    let outcomes = [
        "email_taken",
        "already_member",
        "email_taken",
        "already_member",
    ];
    assert_eq!(school.outcomes(&import).await, outcomes);
});

both_databases!(an_address_taken_after_the_acceptance_is_told_so, |app| {
    let school = app.school().await;
    let rows: Vec<String> = (1..=130)
        .map(|n| format!("pupil{n}@x.example,purple fox {n},Pupil {n}"))
        .collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let first = school.accepted(file_of(&rows), STUDENTS).await;
    // The second meets what the first has made; both were accepted when nothing was there.
    let again = school.accepted(file_of(&rows[60..70]), STUDENTS).await;
    for number in [1, 64, 101, 130] {
        app.register(&format!("Pupil{number}@x.example")).await;
    }
    assert_eq!(school.students_seats().await, (0, 140));
    app.drain().await;
    let first = school.import_with(&first["id"]).await;
    assert_counts(&first, json!({ "created": 126, "email_taken": 4 }));
    let taken = school.rows(&first, "outcome=email_taken").await;
    let numbers: Vec<_> = taken
        .iter()
        .map(|row| row["row"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, [1, 64, 101, 130]);
    assert!(taken.iter().all(|row| row["account_id"].is_null()));
    let again = school.import_with(&again["id"]).await;
    assert_counts(&again, json!({ "already_member": 9, "email_taken": 1 }));
    assert_eq!(school.students_seats().await, (126, 0));
    assert_eq!(school.joined().await, 126);
    // Their own passwords still open these accounts, and the file's do not.
    app.sign_in("pupil64@x.example", crate::support::people::PASSWORD)
        .await;
    let intruder = json!({ "email": "pupil64@x.example", "password": "purple fox 64" });
    let refused = app.anonymous().post("/v1/auth/login", intruder).await;
    refused.expect_problem(401, "wrong_credentials");
    // They are in no organization, and nobody manages them.
    assert!(school.all("/members?search=pupil64").await.is_empty());
});

both_databases!(two_organizations_cannot_both_have_made_an_account, |app| {
    let school = app.school().await;
    let other = app.organization("Valley School", "school").await;
    let rows = [
        "pupil1@x.example,purple fox 1,Pupil",
        "pupil2@x.example,purple fox 2,Pupil",
    ];
    let one = school.accepted(file_of(&rows), STUDENTS).await;
    let two = other.accepted(file_of(&rows[1..]), STUDENTS).await;
    app.drain().await;
    assert_eq!(school.outcomes(&one).await, ["created", "created"]);
    assert_eq!(other.outcomes(&two).await, ["email_taken"]);
    assert_eq!(other.students_seats().await, (0, 0));
});

both_databases!(addresses_are_taken_as_mail_programs_write_them, |app| {
    let school = app.school().await;
    let rows = [
        "Mira Muster <mira@x.example>,purple fox 1,Mira M.",
        "\"\"\"Muster, Ben\"\" <ben@x.example>\",purple fox 2,",
        "mailto:cleo@x.example,purple fox 3,Cleo",
        "<dan@x.example>,purple fox 4,Dan",
        "Mira <MIRA@x.example>,purple fox 5,Mira again",
        "\"Eve <eve@x.example>, Gus <gus@x.example>\",purple fox 6,Both",
        "<hal@x.example>,purple fox 7,",
    ];
    let import = school.imported(file_of(&rows), STUDENTS).await;
    let outcomes = json!({
        "created": 4, "duplicate_in_file": 1, "email_invalid": 1, "username_missing": 1,
    });
    assert_counts(&import, outcomes);
    let created = school.rows(&import, "outcome=created").await;
    let people: Vec<_> = created
        .iter()
        .map(|row| {
            (
                row["email"].as_str().unwrap(),
                row["username"].as_str().unwrap(),
            )
        })
        .collect();
    let expected = [
        ("mira@x.example", "Mira M."),
        ("ben@x.example", "Muster, Ben"),
        ("cleo@x.example", "Cleo"),
        ("dan@x.example", "Dan"),
    ];
    assert_eq!(people, expected);
    app.sign_in("ben@x.example", "purple fox 2").await;
    // What stands in the file comes back to be corrected.
    let errors = school.download(&import, "errors.csv").await;
    assert!(errors.contains("Gus <gus@x.example>"), "{errors}");
});

both_databases!(names_beside_addresses_make_a_column_of_names, |app| {
    let school = app.school().await;
    let file = "email,password\n\
                Mira Muster <mira@x.example>,purple fox 1\n\
                ben.muster@x.example,purple fox 2\n";
    let fields = students(&[("usernames_from_addresses", "true")]);
    let import = school.imported(file, &fields).await;
    assert_counts(&import, json!({ "created": 2 }));
    let rows = school.rows(&import, "").await;
    let names: Vec<_> = rows.iter().map(|row| &row["username"]).collect();
    assert_eq!(names, ["Mira Muster", "Ben Muster"]);
});

both_databases!(a_sign_in_name_counts_where_the_mailbox_is_empty, |app| {
    let school = app.school().await;
    let file = "userPrincipalName,displayName,surname,mail,givenName,id,userType\r\n\
                mira@x.example,Mira Muster,Muster,mira.muster@x.example,Mira,1,Member\r\n\
                ben@x.example,Ben Muster,Muster,,Ben,2,Member\r\n\
                cleo_y.example#EXT#@x.example,Cleo Muster,Muster,cleo@y.example,Cleo,3,Guest\r\n\
                dan_y.example#EXT#@x.example,Dan Muster,Muster, ,Dan,4,Guest\r\n";
    let fields = students(&[("generate_missing_passwords", "true")]);
    let import = school.imported(file, &fields).await;
    assert_counts(&import, json!({ "created": 3, "email_missing": 1 }));
    let columns = &import["detected"]["columns"];
    assert_eq!(columns["email"], "mail");
    assert_eq!(columns["email_if_empty"], "userPrincipalName");
    let ignored = ["surname", "givenName", "id", "userType"];
    assert_eq!(columns["ignored"], json!(ignored));
    let rows = school.rows(&import, "outcome=created").await;
    let emails: Vec<_> = rows.iter().map(|row| &row["email"]).collect();
    let expected = ["mira.muster@x.example", "ben@x.example", "cleo@y.example"];
    assert_eq!(emails, expected);
});
