//! Files as people have them: encodings, delimiters, line ends, quotes.

use encoding_rs::{MACINTOSH, WINDOWS_1252};
use reqwest::Method;
use serde_json::{Value, json};

use super::{STUDENTS, assert_counts, form, long_file, part, students};
use crate::support::both_databases;
use crate::support::people::send;

/// A text as bytes, and what it is detected as.
type Encode = (fn(&str) -> Vec<u8>, &'static str);

const ENCODINGS: [Encode; 8] = [
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
    (|text| MACINTOSH.encode(text).0.into_owned(), "mac-roman"),
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
                let east = if ["windows-1252", "mac-roman"].contains(&encoding) {
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
                        "email_if_empty": null,
                        "password": "Salasana",
                        "username": ["Nimi"],
                        "ignored": ["Größe"],
                        "unused_passwords": [],
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

/// Names in an encoding that has a byte for each character.
fn in_code_page(rows: &[(&str, &[u8])]) -> Vec<u8> {
    let mut file = b"email;password;username\r\n".to_vec();
    for (email, name) in rows {
        file.extend_from_slice(format!("{email};blue kettle 4471;").as_bytes());
        file.extend_from_slice(name);
        file.extend_from_slice(b"\r\n");
    }
    file
}

both_databases!(names_of_every_code_page_come_through, |app| {
    let school = app.school().await;
    for (number, (encoding, bytes, name)) in [
        (
            "windows-1250",
            &b"\xa3ukasz D\xb9browski"[..],
            "Łukasz Dąbrowski",
        ),
        (
            "windows-1251",
            b"\xce\xeb\xfc\xe3\xe0 \xd1\xec\xe8\xf0\xed\xee\xe2\xe0",
            "Ольга Смирнова",
        ),
        ("windows-1252", b"Bj\xf8rn \xc5s", "Bjørn Ås"),
        (
            "windows-1253",
            b"\xc3\xe9\xfe\xf1\xe3\xef\xf2 \xc5\xeb\xdd\xed\xe7",
            "Γιώργος Ελένη",
        ),
        (
            "windows-1254",
            b"Ay\xfee Y\xfdld\xfdz \xddpek",
            "Ayşe Yıldız İpek",
        ),
        ("mac-roman", b"Jos\x8e N\x9c\x96ez", "José Núñez"),
        (
            "cp850",
            b"S\x9bren J\x9brgensen M\x81ller",
            "Søren Jørgensen Müller",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let email = format!("page{number}@x.example");
        let file = in_code_page(&[(&email, bytes)]);
        let import = school.imported(file, STUDENTS).await;
        assert_eq!(import["detected"]["encoding"], encoding);
        assert_eq!(school.rows(&import, "").await[0]["username"], name);
    }
});

both_databases!(few_names_of_another_script_become_nobody_elses, |app| {
    let school = app.school().await;
    // Hebrew, Arabic and Chinese of Windows, each one name, which Cyrillic, Greek and Mac Roman have letters for.
    for bytes in [
        &b"\xe3\xe5\xe3 \xeb\xe4\xef"[..],
        b"\xe1\xed\xe1\xec",
        b"\xda\xe3\xd1",
        b"\xd1\xee \xd3\xc2",
    ] {
        let file = in_code_page(&[("a@x.example", bytes)]);
        let refused = school.import(file, STUDENTS).await;
        let problem = refused.expect_problem(422, "encoding_unclear");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("may be read as"), "{detail}");
        let path = school.path("/imports/usernames?account_type=student");
        let list = school.admin.request(Method::POST, &path);
        let list = list
            .header("content-type", "text/plain")
            .body(bytes.to_vec());
        send(list).await.expect_problem(422, "encoding_unclear");
    }
    school.assert_untouched().await;
});

both_databases!(an_encoding_that_cannot_be_told_is_asked_for, |app| {
    let school = app.school().await;
    let file = in_code_page(&[("a@x.example", b"Z\x8eb\xe6\xe6")]);
    let refused = school.import(file.clone(), STUDENTS).await;
    let problem = refused.expect_problem(422, "encoding_unclear");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("\"ZŽbćć\" (Windows-1250)"), "{detail}");
    assert!(!detail.contains("kettle"), "{detail}");
    // A field that cannot be read is told first: the file may be fine.
    let refused = school
        .import(file.clone(), &students(&[("encoding", "klingon")]))
        .await;
    refused.expect_malformed(&[("/encoding", "unknown_word")]);
    school.assert_untouched().await;
    let path = school.path("/imports");
    for (number, (label, name)) in [("MacRoman", "ZébÊÊ"), ("cp1250", "ZŽbćć")]
        .into_iter()
        .enumerate()
    {
        // Behind the file, as in front of it.
        let email = format!("asked{number}@x.example");
        let file = part(in_code_page(&[(&email, b"Z\x8eb\xe6\xe6")]));
        let form = match number {
            0 => form(STUDENTS).part("file", file).text("encoding", label),
            _ => form(STUDENTS).text("encoding", label).part("file", file),
        };
        let import = school.admin.upload(&path, form).await.expect_status(202);
        assert_eq!(school.rows(&import, "").await[0]["username"], name);
    }
});

both_databases!(a_delimiter_that_is_named_is_taken, |app| {
    let school = app.school().await;
    for (number, word) in ["comma", ",", "tab", "\t"].into_iter().enumerate() {
        let divider = if number < 2 { "," } else { "\t" };
        let cells = [&format!("d{number}@x.example"), "blue; kettle; 4471", "A;B"].join(divider);
        let header = ["email", "password", "username"].join(divider);
        let file = format!("{header}\n{cells}\n");
        let import = school
            .imported(file, &students(&[("delimiter", word)]))
            .await;
        assert_counts(&import, json!({ "created": 1 }));
    }
});

both_databases!(what_stands_behind_a_large_file_is_too_late, |app| {
    let school = app.school().await;
    let path = school.path("/imports");
    for (name, value) in [("encoding", "utf-8"), ("delimiter", "comma")] {
        let form = form(STUDENTS)
            .part("file", part(long_file(3_000)))
            .text(name, value);
        let refused = school.admin.upload(&path, form).await;
        refused.expect_fields(&[(&format!("/{name}"), "too_late")]);
    }
    school.assert_untouched().await;
    let form = form(STUDENTS)
        .text("encoding", "utf-8")
        .part("file", part(long_file(2_500)));
    school.admin.upload(&path, form).await.expect_status(202);
});
