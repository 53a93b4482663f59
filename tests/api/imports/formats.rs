//! Files as people have them: encodings, delimiters, line ends, quotes.

use encoding_rs::WINDOWS_1252;
use serde_json::{Value, json};

use super::{STUDENTS, assert_counts};
use crate::support::both_databases;

/// A text as bytes, and what it is detected as.
type Encode = (fn(&str) -> Vec<u8>, &'static str);

const ENCODINGS: [Encode; 7] = [
    (|text| text.as_bytes().to_vec(), "utf-8"),
    (|text| format!("\u{feff}{text}").into_bytes(), "utf-8-bom"),
    (|text| utf16(text, u16::to_le_bytes), "utf-16le"),
    (
        |text| utf16(&format!("\u{feff}{text}"), u16::to_le_bytes),
        "utf-16le",
    ),
    (|text| utf16(text, u16::to_be_bytes), "utf-16be"),
    (
        |text| utf16(&format!("\u{feff}{text}"), u16::to_be_bytes),
        "utf-16be",
    ),
    (
        |text| WINDOWS_1252.encode(text).0.into_owned(),
        "windows-1252",
    ),
];

fn utf16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(unit).collect()
}

const DELIMITERS: [(&str, &str); 4] = [
    (",", "comma"),
    (";", "semicolon"),
    ("\t", "tab"),
    ("|", "pipe"),
];

const LINE_ENDS: [&str; 3] = ["\r\n", "\n", "\r"];

/// A table with what encodings, delimiters and line ends can get wrong.
fn table(number: usize, delimiter: &str, line_end: &str, east: &str) -> String {
    let quoted = |cells: [String; 4]| cells.map(|cell| format!("\"{cell}\"")).join(delimiter);
    [
        ["Sähköposti", "Salasana", "Nimi", "Größe"].join(delimiter),
        format!("zoë{number}@müller.example{delimiter}pässwörd 1€{delimiter}Zoë Ångström"),
        String::new(),
        quoted([
            format!("b{number}@x.example"),
            format!("a{delimiter}b \"\"cd\"\" 12"),
            "Bo–Bö, \"\"B\"\"".to_owned(),
            format!("1,70{line_end}Meter; œ\tœ"),
        ]),
        format!("c{number}@x.example{delimiter}purple fox 3{delimiter}{east}{delimiter}"),
    ]
    .map(|line| line + line_end)
    .concat()
}

both_databases!(every_encoding_with_every_delimiter_and_line_end, |app| {
    let school = app.school().await;
    let mut imports = Vec::new();
    for (encode, encoding) in ENCODINGS {
        for (separator, delimiter) in DELIMITERS {
            for line_end in LINE_ENDS {
                let number = imports.len();
                let east = if encoding == "windows-1252" {
                    "Œuvre ÿ"
                } else {
                    "李明 😀"
                };
                let file = encode(&table(number, separator, line_end, east));
                let import = school.accepted(file, STUDENTS).await;
                let detected = json!({
                    "encoding": encoding,
                    "delimiter": delimiter,
                    "skipped": [],
                    "columns": {
                        "email": "Sähköposti",
                        "password": "Salasana",
                        "username": ["Nimi"],
                        "ignored": ["Größe"],
                    },
                });
                let case = format!("{encoding} {delimiter} {line_end:?}");
                assert_eq!(import["detected"], detected, "{case}");
                imports.push((import["id"].clone(), separator, east, case));
            }
        }
    }
    app.drain().await;
    for (number, (id, separator, east, case)) in imports.iter().enumerate() {
        let import = school.import_with(id).await;
        let rows = school.rows(&import, "").await;
        let names: Vec<_> = rows
            .iter()
            .map(|row| row["username"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["Zoë Ångström", "Bo–Bö, \"B\"", east], "{case}");
        assert_counts(&import, json!({ "created": 3 }));
        app.sign_in(&format!("zoë{number}@müller.example"), "pässwörd 1€")
            .await;
        let second = format!("a{separator}b \"cd\" 12");
        app.sign_in(&format!("b{number}@x.example"), &second).await;
    }
});

/// What is detected in a file that is accepted.
async fn detected(school: &crate::support::people::Organization<'_>, file: &str) -> Value {
    school.accepted(file, STUDENTS).await["detected"].clone()
}

both_databases!(a_separator_line_is_obeyed, |app| {
    let school = app.school().await;
    for (number, line) in ["sep=;\r\n", "\u{feff}SEP=;\n", "\"sep=;\"\r"]
        .into_iter()
        .enumerate()
    {
        let file = format!(
            "{line}email;password;username\na{number}@x.example;purple, fox, 1;Doe, Jane\n"
        );
        assert_eq!(
            detected(&school, &file).await["delimiter"],
            "semicolon",
            "{line:?}"
        );
    }
    app.drain().await;
    app.sign_in("a2@x.example", "purple, fox, 1").await;
    let refused = school
        .import("sep=^\nemail^password^username\n", STUDENTS)
        .await;
    refused.expect_problem(422, "file_unreadable");
});

both_databases!(line_breaks_in_quotes_do_not_end_a_row, |app| {
    let school = app.school().await;
    let file = "email,\"Notes\r\nof the year\",password,username\r\n\
                a@x.example,\"one\r\ntwo\n\nthree\",purple fox 1,A\r\n\
                b@x.example,,\"purple\nfox 2\",B\r\n\
                \r\n,,,\r\n\
                c@x.example,\"a \"\"quoted\"\" word\",purple fox 3,\"C\"\"C\"\r\n";
    let import = school.imported(file, STUDENTS).await;
    assert_counts(&import, json!({ "created": 3 }));
    let ignored = &import["detected"]["columns"]["ignored"];
    assert_eq!(*ignored, json!(["Notes\r\nof the year"]));
    let rows = school.rows(&import, "").await;
    let numbers: Vec<_> = rows
        .iter()
        .map(|row| row["row"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, [1, 2, 3]);
    app.sign_in("b@x.example", "purple\nfox 2").await;
});

both_databases!(a_last_line_needs_no_end, |app| {
    let school = app.school().await;
    let import = school
        .imported(
            "email,password,username\na@x.example,purple fox 1,A",
            STUDENTS,
        )
        .await;
    assert_counts(&import, json!({ "created": 1 }));
});
