//! Columns in any order, under the names that people give them.

use serde_json::json;

use super::{STUDENTS, assert_counts, students};
use crate::support::both_databases;

/// A header, a row below it, what is detected, and who signs in as whom.
struct Case {
    header: &'static str,
    row: &'static str,
    email: &'static str,
    password: &'static str,
    username: &'static [&'static str],
    ignored: &'static [&'static str],
    name: &'static str,
}

const CASES: &[Case] = &[
    Case {
        header: "USERNAME,EMAIL,PASSWORD",
        row: "Pupil 0,pupil0@x.example,purple fox 1",
        email: "EMAIL",
        password: "PASSWORD",
        username: &["USERNAME"],
        ignored: &[],
        name: "Pupil 0",
    },
    Case {
        header: "Nachname;Vorname;Klasse;Kennwort;E-Mail-Adresse",
        row: "Groß;Jürgen;7a;purple fox 1;pupil1@x.example",
        email: "E-Mail-Adresse",
        password: "Kennwort",
        username: &["Vorname", "Nachname"],
        ignored: &["Klasse"],
        name: "Jürgen Groß",
    },
    Case {
        header: "E-post,Lösenord,Förnamn,Efternamn",
        row: "pupil2@x.example,purple fox 1,Åsa,Öberg",
        email: "E-post",
        password: "Lösenord",
        username: &["Förnamn", "Efternamn"],
        ignored: &[],
        name: "Åsa Öberg",
    },
    Case {
        header: "Correo electrónico,Contraseña,Nombre,Apellidos",
        row: "pupil3@x.example,purple fox 1,María José,Núñez Peña",
        email: "Correo electrónico",
        password: "Contraseña",
        username: &["Nombre", "Apellidos"],
        ignored: &[],
        name: "María José Núñez Peña",
    },
    Case {
        header: "Adresse e-mail\tMot de passe\tNom\tPrénom",
        row: "pupil4@x.example\tpurple fox 1\tDupré\tZoë",
        email: "Adresse e-mail",
        password: "Mot de passe",
        username: &["Prénom", "Nom"],
        ignored: &[],
        name: "Zoë Dupré",
    },
    Case {
        header: "Sähköpostiosoite;Salasana;Koko nimi",
        row: "pupil5@x.example;purple fox 1;Yrjö Ääkkönen",
        email: "Sähköpostiosoite",
        password: "Salasana",
        username: &["Koko nimi"],
        ignored: &[],
        name: "Yrjö Ääkkönen",
    },
    Case {
        header: "First Name [Required],Last Name [Required],Email Address [Required],\
                 Password [Required],Password Hash Function [UPLOAD ONLY],Org Unit Path [Required]",
        row: "Jane,Doe,pupil6@x.example,purple fox 1,,/",
        email: "Email Address [Required]",
        password: "Password [Required]",
        username: &["First Name [Required]", "Last Name [Required]"],
        ignored: &[
            "Password Hash Function [UPLOAD ONLY]",
            "Org Unit Path [Required]",
        ],
        name: "Jane Doe",
    },
    Case {
        header: "version:v1.0\nName [displayName] Required,User name [userPrincipalName] Required,\
                 Initial password [passwordProfile] Required,\
                 Block sign in (Yes/No) [accountEnabled] Required",
        row: "Jane Doe,pupil7@x.example,purple fox 1,No",
        email: "User name [userPrincipalName] Required",
        password: "Initial password [passwordProfile] Required",
        username: &["Name [displayName] Required"],
        ignored: &["Block sign in (Yes/No) [accountEnabled] Required"],
        name: "Jane Doe",
    },
    Case {
        header: "e mail;parent email;full_name;Pass-Word;",
        row: "pupil8@x.example;mum@x.example;Jane Doe;purple fox 1;",
        email: "e mail",
        password: "Pass-Word",
        username: &["full_name"],
        ignored: &["parent email"],
        name: "Jane Doe",
    },
    Case {
        header: "Class,Student,Email,Password",
        row: "7A,Jane Doe,pupil9@x.example,purple fox 1",
        email: "Email",
        password: "Password",
        username: &["Student"],
        ignored: &["Class"],
        name: "Jane Doe",
    },
];

both_databases!(columns_are_known_by_many_names_in_any_order, |app| {
    let school = app.school().await;
    let mut imports = Vec::new();
    for case in CASES {
        let file = format!("{}\r\n{}\r\n", case.header, case.row);
        let import = school.accepted(file, STUDENTS).await;
        let columns = json!({
            "email": case.email,
            "email_if_empty": null,
            "password": case.password,
            "username": case.username,
            "ignored": case.ignored,
            "unused_passwords": [],
        });
        assert_eq!(import["detected"]["columns"], columns);
        imports.push(import);
    }
    app.drain().await;
    for (number, (case, import)) in CASES.iter().zip(imports).enumerate() {
        let import = school.import_with(&import["id"]).await;
        assert_counts(&import, json!({ "created": 1 }));
        let pupil = app
            .sign_in(&format!("pupil{number}@x.example"), "purple fox 1")
            .await;
        let me = pupil.get("/v1/me").await.expect_status(200);
        assert_eq!(me["username"], case.name, "{}", case.header);
    }
});

both_databases!(an_unused_column_that_looks_like_passwords_is_named, |app| {
    let school = app.school().await;
    let generate = students(&[("generate_missing_passwords", "true")]);
    let file = "email,username,Wifi-Passwort,Class\na@x.example,A,sunny boat 12,7\n";
    let import = school.accepted(file, &generate).await;
    let columns = &import["detected"]["columns"];
    assert_eq!(columns["unused_passwords"], json!(["Wifi-Passwort"]));
    assert_eq!(columns["password"], json!(null));
    let refused = school.import(file.replace("a@x", "b@x"), STUDENTS).await;
    let problem = refused.expect_problem(422, "file_no_header");
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.contains("\"Wifi-Passwort\" looks like one"),
        "{detail}"
    );
    assert!(!refused.text.contains("sunny"), "{}", refused.text);
});

both_databases!(a_header_that_cannot_be_used_is_refused_with_advice, |app| {
    let school = app.school().await;
    for (header, words) in [
        ("a,b,c", "Line 1 names none of the columns."),
        (
            "jane@x.example,purple fox 1,Jane",
            "Line 1 names none of the columns.",
        ),
        ("password,username", "Line 1 has no column for email;"),
        ("email,password", "Line 1 has no column for username;"),
        ("password", "Line 1 has no column for email and username;"),
        (
            "email,E-Mail,password,username",
            "several columns for email: \"email\" and \"E-Mail\"",
        ),
        ("email,username", "The header has no column for passwords."),
    ] {
        let file = format!("{header}\njane@x.example,purple fox 1,Jane,x\n");
        let refused = school.import(file, STUDENTS).await;
        let problem = refused.expect_problem(422, "file_no_header");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(words), "{header}: {detail}");
        assert!(!refused.text.contains("purple fox"), "{}", refused.text);
        let is_fine = header == "email,username";
        let generate = students(&[("generate_missing_passwords", "true")]);
        let again = school.import(format!("{header}\n"), &generate).await;
        again.expect_problem(
            422,
            if is_fine {
                "file_empty"
            } else {
                "file_no_header"
            },
        );
    }
    school.assert_untouched().await;
});
