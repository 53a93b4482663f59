//! Files that are refused as a whole: with advice, and with nothing left behind.

use std::convert::Infallible;

use futures_util::stream;
use reqwest::multipart::Part;
use serde_json::json;

use super::{STUDENTS, assert_counts, file, form, line};
use crate::support::both_databases;

both_databases!(a_file_that_is_no_table_is_refused, |app| {
    let school = app.school().await;
    let png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0".to_vec();
    let xlsx =
        b"PK\x03\x04\x14\0\x06\0\x08\0[Content_Types].xml PK\x03\x04 xl/workbook.xml".to_vec();
    let with = |text: &str| format!("{}{text}", file(64)).into_bytes();
    for (file, code, words) in [
        (
            vec![],
            "file_empty",
            "The file is empty. Fill in the template",
        ),
        (
            b" \r\n\t\n , ,\n".to_vec(),
            "file_empty",
            "The file is empty.",
        ),
        ("\u{feff}".into(), "file_empty", "The file is empty."),
        (
            b"email,password,username\r\n".to_vec(),
            "file_empty",
            "a header, but no rows",
        ),
        (
            b"email,password,username\n\n , ,\n".to_vec(),
            "file_empty",
            "a header, but no rows",
        ),
        (png, "file_unreadable", "This is an image, not a CSV file."),
        (
            xlsx,
            "file_unreadable",
            "This is an Excel workbook, not a CSV file.",
        ),
        (
            b"%PDF-1.7\n%\xe2\xe3".to_vec(),
            "file_unreadable",
            "This is a PDF document",
        ),
        (
            b"<!DOCTYPE html><html>".to_vec(),
            "file_unreadable",
            "This is a web page",
        ),
        (
            with("a\0b,purple fox 1,A\n"),
            "file_unreadable",
            "Line 66 contains a NUL character",
        ),
        (
            [with(""), b"Zo\x81".to_vec()].concat(),
            "encoding_unclear",
            "cannot be told from its content",
        ),
        (
            with(&"x".repeat(1_050_000)),
            "file_unreadable",
            "longer than 1 MiB",
        ),
    ] {
        let refused = school.import(file, STUDENTS).await;
        let problem = refused.expect_problem(422, code);
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(words), "{words}: {detail}");
    }
    school.assert_untouched().await;
});

both_databases!(a_late_fault_takes_back_what_was_staged, |app| {
    let school = app.school().await;
    let late = file(1_200) + "a\0b";
    school
        .import(late, STUDENTS)
        .await
        .expect_problem(422, "file_unreadable");
    school.assert_untouched().await;
    let import = school.imported(file(64), STUDENTS).await;
    assert_counts(&import, json!({ "created": 64 }));
});

/// A file that is made while it is sent.
fn streamed(pieces: impl Iterator<Item = Vec<u8>> + Send + 'static) -> Part {
    let pieces = stream::iter(pieces.map(Ok::<_, Infallible>));
    Part::stream(reqwest::Body::wrap_stream(pieces)).file_name("people.csv")
}

both_databases!(more_than_32_mib_are_refused, |app| {
    let school = app.school().await;
    // In UTF-16, in which a byte is half as much work as in UTF-8.
    let utf16 = |text: &str| {
        text.encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect::<Vec<u8>>()
    };
    let header = utf16("email,password,username,notes\n");
    let row = utf16(&format!(
        "no address,purple fox 1,Pupil,{}\n",
        "x".repeat(15_000)
    ));
    let rows = 33 * 1024 * 1024 / row.len();
    let pieces = std::iter::once(header).chain(std::iter::repeat_n(row, rows));
    let form = form(STUDENTS).part("file", streamed(pieces));
    let refused = school.admin.upload(&school.path("/imports"), form).await;
    let problem = refused.expect_problem(413, "payload_too_large");
    let detail = "The file is larger than 32 MiB. Split the table into several files, each with \
                  the header line, and upload them one after the other.";
    assert_eq!(problem["detail"], detail);
    school.assert_untouched().await;
});

both_databases!(more_than_100_000_rows_are_refused, |app| {
    let school = app.school().await;
    let rows = "x\n".repeat(1_000).into_bytes();
    let pieces = std::iter::once(b"email,password,username\n".to_vec())
        .chain(std::iter::repeat_n(rows, 100))
        .chain(std::iter::once(line(1).into_bytes()));
    let form = form(STUDENTS).part("file", streamed(pieces));
    let refused = school.admin.upload(&school.path("/imports"), form).await;
    let problem = refused.expect_problem(422, "too_many_rows");
    let detail = "The file has more than 100,000 rows: one too many begins on line 100002. Split \
                  the table into several files, each with the header line, and upload them one \
                  after the other.";
    assert_eq!(problem["detail"], detail);
    school.assert_untouched().await;
});
