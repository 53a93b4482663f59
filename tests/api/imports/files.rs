//! Files as people have them, from public reports, with the right outcome of each
//! (`docs/imports.md#a-csv-file`).

use serde_json::Value;

use super::{column, students};
use crate::support::both_databases;
use crate::support::people::{Organization, text};

/// A file, the fields beside it, and what becomes of each row.
struct Case {
    name: &'static str,
    file: &'static [u8],
    fields: &'static [(&'static str, &'static str)],
    rows: &'static [Right],
}

/// What is right for a row.
enum Right {
    /// An account for this address, which is shown under this name; the password as it stands in the
    /// file, or nothing where it is generated.
    Account(&'static str, &'static str, &'static str),
    /// The row has this error.
    Error(&'static str),
}

use Right::{Account, Error};

macro_rules! case {
    ($name:literal, $fields:expr, $rows:expr) => {
        Case {
            name: $name,
            file: include_bytes!(concat!("cases/", $name, ".csv")),
            fields: $fields,
            rows: $rows,
        }
    };
}

const GENERATED: &[(&str, &str)] = &[("generate_missing_passwords", "true")];

const CASES: &[Case] = &[
    case!(
        "export-csv-type-line",
        GENERATED,
        &[
            Account("mira.holt@x.example", "", "Mira Holt"),
            Account("joel.pike@x.example", "", "Joel Pike"),
        ]
    ),
    case!(
        "lines-in-quotes",
        &[],
        &[Account(
            "mira.holt@x.example",
            "blue kettle 4471",
            "Mira Holt"
        )]
    ),
    case!(
        "comma-space",
        &[],
        &[
            Account("mira.holt@x.example", "blue kettle 4471", "Mira Holt"),
            Account("joel.pike@x.example", "grey kettle 5582", "Joel Pike"),
        ]
    ),
    case!(
        "comma-space-quotes",
        &[],
        &[Account(
            "mira.holt@x.example",
            "blue kettle 4471",
            "Mira Holt"
        )]
    ),
    case!(
        "ctrl-z",
        &[],
        &[Account(
            "mira.holt@x.example",
            "blue kettle 4471",
            "Mira Holt"
        )]
    ),
    case!(
        "long-unused-cell",
        &[],
        &[
            Account("mira.holt@x.example", "blue kettle 4471", "Mira Holt"),
            Account("joel.pike@x.example", "grey kettle 5582", "Joel Pike"),
        ]
    ),
    case!(
        "macintosh",
        &[],
        &[
            Account("jose.nunez@x.example", "blue kettle 4471", "José Núñez"),
            Account("zoe@x.example", "grey kettle 5582", "Zoé Brûlé"),
        ]
    ),
    case!(
        "windows-1251",
        &[],
        &[
            Account("ivan@x.example", "blue kettle 4471", "Иван Петров"),
            Account("olga@x.example", "grey kettle 5582", "Ольга Смирнова"),
        ]
    ),
    case!(
        "clever-teachers",
        GENERATED,
        &[
            Account("mira.holt@x.example", "", "Mira Holt"),
            Account("joel.pike@x.example", "", "Joel Pike"),
        ]
    ),
    case!(
        "wordpress-users",
        GENERATED,
        &[
            Account("mira.holt@x.example", "blue kettle 4471", "Mira Holt"),
            Account("joel.pike@x.example", "grey kettle 5582", "Joel Pike"),
        ]
    ),
    case!(
        "italian",
        &[],
        &[Account(
            "lucia.rossi@x.example",
            "sette anatre 77",
            "Lucia Rossi"
        )]
    ),
    case!(
        "oneroster-users",
        GENERATED,
        &[Account("mira.holt@x.example", "", "Mira Holt")]
    ),
    case!(
        "excel-turkish",
        &[],
        &[
            Account("ayse@x.example", "mavi çaydanlık 44", "Ayşe Yıldız"),
            Account("ipek@x.example", "gri çaydanlık 55", "İpek Öztürk")
        ]
    ),
    case!(
        "google-workspace-export",
        GENERATED,
        &[Account("mira.holt@x.example", "", "Mira Holt")]
    ),
    case!(
        "iserv",
        &[],
        &[Account(
            "mira@x.example",
            "blauer Kessel 4471",
            "Mira Größer"
        )]
    ),
    case!(
        "webuntis",
        GENERATED,
        &[Account("mira@x.example", "", "Mira Holt")]
    ),
    case!(
        "asv",
        GENERATED,
        &[Account("mira@x.example", "", "Mira Größer")]
    ),
    case!(
        "pronote",
        &[],
        &[Account("zoe@x.example", "bleu théière 44", "Zoë DUPRÉ")]
    ),
    case!(
        "classeviva",
        &[],
        &[Account("lucia@x.example", "sette anatre 77", "ROSSI LUCIA")]
    ),
    case!(
        "powerschool",
        &[],
        &[Account("mira@x.example", "blue kettle 4471", "Mira Holt")]
    ),
    case!(
        "powerschool-lastfirst",
        GENERATED,
        &[Account("mira@x.example", "", "Holt, Mira")]
    ),
    case!(
        "sims",
        GENERATED,
        &[Account("mira@x.example", "", "Mira Holt")]
    ),
    case!(
        "schild-nrw",
        GENERATED,
        &[Account("mira@x.example", "", "Mira Größer")]
    ),
    case!(
        "edupage",
        &[],
        &[Account(
            "lubica@x.example",
            "modra kanvica 44",
            "Ľubica Šťastná"
        )]
    ),
    case!(
        "bakalari",
        GENERATED,
        &[Account("anezka@x.example", "", "Anežka Dvořáková")]
    ),
    case!(
        "wilma",
        GENERATED,
        &[Account("aino@x.example", "", "Aino Yrjönen")]
    ),
    case!(
        "aeries",
        GENERATED,
        &[Account("mira@x.example", "", "Holt, Mira Ann")]
    ),
    case!(
        "magister",
        GENERATED,
        &[Account("mira@x.example", "", "Mira van Dijk")]
    ),
    case!(
        "vulcan",
        &[],
        &[Account(
            "s@x.example",
            "niebieski czajnik 44",
            "Wąsik Świętosława"
        )]
    ),
    case!(
        "numbers",
        &[],
        &[Account("mira@x.example", "blue kettle 4471", "Mira Holt")]
    ),
    case!(
        "unix-czech",
        &[],
        &[
            Account("sarka@x.example", "modra konvice 44", "Šárka Nováková"),
            Account("tomas@x.example", "modra konvice 55", "Tomáš Žák")
        ]
    ),
    case!(
        "dos-polish",
        &[],
        &[
            Account("s@x.example", "niebieski czajnik 44", "Świętosława Wąsik"),
            Account("l@x.example", "szary czajnik 55", "Łukasz Dąbrowski")
        ]
    ),
    case!(
        "pound-sign",
        &[],
        &[Account(
            "mira.holt@x.example",
            "blue kettle 4471",
            "Mira Holt"
        )]
    ),
    case!("scientific-password", &[], &[Error("password_number_like")]),
];

both_databases!(files_from_reports_have_the_right_outcome, |app| {
    for (number, case) in CASES.iter().enumerate() {
        let school = app
            .organization(&format!("School {number}"), "school")
            .await;
        // One address is one account, and each case has the same people.
        let file = with_domain(case.file, number);
        let import = school.imported(file, &students(case.fields)).await;
        assert_rows(&school, &import, (number, case)).await;
    }
});

both_databases!(
    a_file_in_a_neighbouring_encoding_never_becomes_wrong_names,
    |app| {
        let school = app.school().await;
        let name = "T\u{f5}nis P\u{f5}llu";
        for (bytes, right) in [
            // DOS 850, which reads as other names in Windows-1252.
            (&b"T\xe4nis P\xe4llu"[..], name),
            // ISO 8859-15.
            (b"\xb4anna Nade\xb8da \xa6migun", "Žanna Nadežda Šmigun"),
        ] {
            let head = b"email;username\na@x.example;";
            let file = [head, bytes, b"\n"].concat();
            let taken = school.import(file, &students(GENERATED)).await;
            if taken.status == 202 {
                let rows = school.rows(&taken.json(), "").await;
                assert_eq!(rows[0]["username"], right);
            } else {
                let problem = taken.expect_problem(422, "encoding_unclear");
                assert!(text(&problem["detail"]).contains(right), "{problem}");
            }
        }
    }
);

/// The file with the domain of the case in place of the common one, in an encoding that has ASCII.
fn with_domain(file: &[u8], number: usize) -> Vec<u8> {
    let (domain, own) = (b"@x.example", format!("@x{number}.example"));
    let mut replaced = Vec::new();
    let mut rest = file;
    while let Some(place) = rest.windows(domain.len()).position(|bytes| bytes == domain) {
        replaced.extend_from_slice(&rest[..place]);
        replaced.extend_from_slice(own.as_bytes());
        rest = &rest[place + domain.len()..];
    }
    [&replaced, rest].concat()
}

async fn assert_rows(school: &Organization<'_>, import: &Value, (number, case): (usize, &Case)) {
    let rows = school.rows(import, "").await;
    assert_eq!(rows.len(), case.rows.len(), "{}: {rows:#?}", case.name);
    let userlist = school.table(import, "userlist.csv").await;
    let passwords = column(&userlist, "password");
    for ((row, right), password) in rows.iter().zip(case.rows).zip(passwords) {
        match right {
            Account(email, given, name) => {
                let email = email.replace("@x.", &format!("@x{number}."));
                assert_eq!(row["outcome"], "created", "{}: {row:#}", case.name);
                assert_eq!(
                    (&row["email"], &row["username"]),
                    (&email.as_str().into(), &(*name).into())
                );
                assert!(
                    given.is_empty() || *given == password,
                    "{}: {password}",
                    case.name
                );
                school.app().sign_in(&email, password).await;
            }
            Error(outcome) => {
                assert_eq!(row["outcome"], *outcome, "{}: {row:#}", case.name);
                assert_eq!((&row["username"], password), (&Value::Null, ""));
            }
        }
    }
}

both_databases!(a_header_and_rows_divided_differently_are_refused, |app| {
    let school = app.school().await;
    let file = include_bytes!("cases/semicolon-header-comma-rows.csv");
    let refused = school.import(*file, &students(&[])).await;
    let problem = refused.expect_problem(422, "delimiter_unclear");
    let detail = text(&problem["detail"]);
    assert!(detail.starts_with(
        "Line 1 is divided by semicolons, and the rows below it are divided by commas."
    ));
    assert!(!refused.text.contains("kettle"), "{}", refused.text);
    school.assert_untouched().await;
});

/// What stands in rows that fail where a password may be.
const SECRET: &str = "kettle4471";

both_databases!(marks_and_names_of_programs_become_nobodys, |app| {
    let school = app.school().await;
    let file = "email;password;username\n\
        a@x.example;'blue kettle 5582';'Mira Holt'\n\
        b@x.example;blue kettle 5582;#N/A\n\
        c@x.example;blue kettle 5582;JosÃ© Vega\n\
        d@x.example;blue kettle 5582;Joel Pike\n";
    let import = school.imported(file, &students(&[])).await;
    let outcomes = [
        "quotes_malformed",
        "username_invalid",
        "username_invalid",
        "created",
    ];
    assert_eq!(school.outcomes(&import).await, outcomes);
});

both_databases!(names_beside_unused_passwords_show_in_no_failed_row, |app| {
    let school = app.school().await;
    let file = "email,name,Portal Password\nbad,green kettle4471,Bo Lee\n,silver kettle4471,Cy\n";
    let fields = students(&[("generate_missing_passwords", "true")]);
    let import = school.imported(file.to_owned(), &fields).await;
    assert_eq!(
        school.outcomes(&import).await,
        ["email_invalid", "email_missing"]
    );
    let mut told = vec![school.download(&import, "userlist.csv").await];
    told.push(school.of_import(&import, "/rows").await.text);
    assert!(told.iter().all(|text| !text.contains(SECRET)), "{told:?}");
});

both_databases!(
    no_result_of_a_failed_row_shows_what_may_be_a_password,
    |app| {
        let school = app.school().await;
        let good = "good@x.example;blue kettle 5582;Good\n";
        for (rows, outcomes) in [
            // Another delimiter, beside a row that has the right one.
            ("a@x.example,blue kettle4471,Mira\n", &["email_invalid"][..]),
            ("kettle4471|a@x.example\n", &["email_invalid"]),
            // The columns of somebody else.
            ("blue kettle4471;a@x.example;Mira\n", &["email_invalid"]),
            (
                "a@x.example;Mira Holt;blue kettle4471\n",
                &["password_too_short"],
            ),
            (
                "a@x.example;Mira Maria Holt;blue kettle4471\n",
                &["password_needs_digit"],
            ),
            ("a@x.example;;blue kettle4471\n", &["password_missing"]),
            ("good@x.example;;blue kettle4471\n", &["duplicate_in_file"]),
            (
                "a@x.example;=Mira;blue kettle4471\n",
                &["password_formula_like"],
            ),
            (
                "a@x.example;1E+12;blue kettle4471\n",
                &["password_number_like"],
            ),
            // Quotation marks and delimiters where they should not be.
            (
                "a@x.example;\"blue \"kettle4471;Mira\n",
                &["quotes_malformed"],
            ),
            ("a@x.example;\"blue;kettle4471\n", &["quotes_malformed"]),
            (
                "a@x.example;blue \"kettle4471\";Mira\n",
                &["quotes_malformed"],
            ),
            ("a@x.example;blue;kettle4471;Mira\n", &["too_many_cells"]),
            (
                "\"a@x.example;\"\"b\"\"kettle4471\"\";Mira\"\n",
                &["quotes_malformed"],
            ),
        ] {
            let file = format!("email;password;username\n{good}{rows}");
            let import = school.imported(file, &students(&[])).await;
            assert_eq!(school.outcomes(&import).await[1..], *outcomes, "{rows}");
            let mut told = vec![school.download(&import, "userlist.csv").await];
            for below in ["", "/rows"] {
                told.push(school.of_import(&import, below).await.text);
            }
            told.push(school.admin.get(&school.path("/audit-events")).await.text);
            for text in told {
                assert!(!text.contains(SECRET), "{rows}: {text}");
            }
            // Whoever corrects them sees them, but for a password whose quotation marks make it a guess.
            let errors = school.download(&import, "errors.csv").await;
            let is_a_guess = rows.contains("\"kettle4471");
            assert_eq!(errors.contains(SECRET), !is_a_guess, "{errors}");
            // The good row is an account since the first time.
        }
    }
);

both_databases!(names_are_taken_from_addresses_where_asked_for, |app| {
    let school = app.school().await;
    let fields = students(&[
        ("generate_missing_passwords", "true"),
        ("usernames_from_addresses", "true"),
    ]);
    let file = "E-mail\njane.van-doe+7a@x.example\nbo_ek@x.example\n";
    let refused = school.import(file, &students(GENERATED)).await;
    let problem = refused.expect_problem(422, "file_no_header");
    assert!(text(&problem["detail"]).contains("`usernames_from_addresses=true`"));
    let import = school.imported(file, &fields).await;
    assert_eq!(
        import["detected"]["columns"]["username"],
        serde_json::json!([])
    );
    let rows = school.rows(&import, "").await;
    let names: Vec<_> = rows.iter().map(|row| text(&row["username"])).collect();
    assert_eq!(names, ["Jane Van-Doe", "Bo Ek"]);
    let file = "email,username\njoel.pike@x.example,\nmira@x.example,Mira Holt\n";
    let import = school.imported(file, &fields).await;
    let rows = school.rows(&import, "").await;
    let names: Vec<_> = rows.iter().map(|row| text(&row["username"])).collect();
    assert_eq!(names, ["Joel Pike", "Mira Holt"]);
});

both_databases!(downloads_are_divided_as_asked_for, |app| {
    let school = app.school().await;
    let file = "email,password,username\na@x.example,blue kettle 4471,\"Holt, M; a\"\nb,x,B\n";
    let import = school.imported(file, &students(&[])).await;
    for (query, divider) in [("comma", ","), ("semicolon", ";"), ("tab", "\t")] {
        for (name, header) in [
            ("userlist.csv", "row,email,password,username"),
            ("errors.csv", "email,password,username,error_code"),
        ] {
            let path = format!("/{name}?delimiter={query}");
            let file = school.of_import(&import, &path).await;
            assert_eq!(file.status, 200);
            let header = header.replace(',', divider);
            assert!(
                file.text.starts_with(&format!("\u{feff}{header}")),
                "{}",
                file.text
            );
        }
        let members = school
            .admin
            .get(&school.path(&format!("/members.csv?delimiter={query}")))
            .await;
        let header = ["account_id", "username", "email"].join(divider);
        assert!(
            members.text.starts_with(&format!("\u{feff}{header}")),
            "{}",
            members.text
        );
    }
    let wrong = school
        .of_import(&import, "/userlist.csv?delimiter=dot")
        .await;
    assert!(wrong.status.is_client_error(), "{}", wrong.text);
});
