//! Lists of names on their way in, as text and as JSON: what is taken and what is not
//! (`docs/imports.md#names-without-addresses`).

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;

use super::assert_counts;
use crate::support::people::{Organization, send, text};
use crate::support::{TestResponse, both_databases};

/// Posts a body of this kind as the admin.
pub async fn post(
    school: &Organization<'_>,
    query: &str,
    kind: &str,
    body: impl Into<Vec<u8>>,
) -> TestResponse {
    let path = school.path(&format!("/imports/usernames{query}"));
    let request = school.admin.request(Method::POST, &path);
    send(request.header("content-type", kind).body(body.into())).await
}

both_databases!(lists_are_taken_as_people_paste_them, |app| {
    let school = app.school().await;
    let accepted = async |answer: TestResponse, names: &[&str]| {
        let import = answer.expect_status(202);
        let rows = school.rows(&import, "").await;
        let found: Vec<String> = rows.iter().map(|row| text(&row["username"])).collect();
        assert_eq!(found, names);
        import
    };
    let pasted = "Namn\r\n• Mira Holt\r\n•\tJoel Pike,\r\n\u{a0}▪ Tom\r\n";
    let people = ["Mira Holt", "Joel Pike", "Tom"];
    let answer = post(&school, "?account_type=student", "text/plain", pasted).await;
    let import = accepted(answer, &people).await;
    let head = json!([{ "line": 1, "text": "Namn" }]);
    assert_eq!(import["cleaned"], json!({ "skipped": head, "marked": 3 }));
    assert!(import["detected"].is_null());
    let body = json!({
        "usernames": ["1. Mira Holt", "2) Joel Pike", "3\tTom"], "account_type": "student",
    });
    let answer = post(&school, "", "application/json", body.to_string()).await;
    let import = accepted(answer, &people).await;
    assert_eq!(import["cleaned"], json!({ "skipped": [], "marked": 3 }));
    app.drain().await;
    let path = school.path(&format!("/imports/{}", text(&import["id"])));
    let done = school.admin.get(&path).await.expect_status(200);
    assert_eq!(done["cleaned"], import["cleaned"]);
    assert_eq!(done["counts"]["created"], 3);
    school
        .admin
        .get(&format!("{path}/errors.csv"))
        .await
        .expect_status(200);
    let plain = json!({ "usernames": people, "account_type": "student" });
    let answer = post(&school, "", "application/json", plain.to_string()).await;
    assert!(accepted(answer, &people).await["cleaned"].is_null());
});

both_databases!(a_line_that_is_no_name_becomes_nobody, |app| {
    let school = app.school().await;
    let list = "Mira\nkim@x.example\nLee <lee@x.example>\n<li>Tom</li>\nHolt\tAnn\tseven green ducks 7\nJ\u{fffd}rg\n";
    let answer = post(&school, "?account_type=student", "text/plain", list).await;
    let import = answer.expect_status(202);
    app.drain().await;
    let rows = school.rows(&import, "").await;
    for (row, (shown, words)) in [
        (json!("kim@x.example"), "email address"),
        (json!(null), "email address"),
        (json!(null), "markup"),
        (json!(null), "row of a table"),
        (json!("J\u{fffd}rg"), "U+FFFD"),
    ]
    .into_iter()
    .enumerate()
    {
        let row = &rows[row + 1];
        assert_eq!(row["username"], shown);
        assert_eq!(row["outcome"], "username_invalid", "{row}");
        assert!(text(&row["error"]).contains(words), "{row}");
    }
    assert_eq!(rows[0]["outcome"], "created");
    for (list, words) in [
        ("<!doctype html>\n<ul><li>Mira</li></ul>", "web page"),
        (
            "email,password,username\nx@x.example,seven green ducks 7,X",
            "CSV file",
        ),
    ] {
        let refused = post(&school, "?account_type=student", "text/plain", list).await;
        let problem = refused.expect_problem(422, "file_unreadable");
        assert!(text(&problem["detail"]).contains(words), "{problem:#}");
    }
});

both_databases!(a_corrected_list_of_errors_is_taken_again, |app| {
    let school = app.school().await;
    let student = "?account_type=student";
    let list = "Mira\n=Jo <jo@x.example>\nTom Reed,four green boats 4\n";
    let answer = post(&school, student, "text/plain", list).await;
    let import = answer.expect_status(202);
    app.drain().await;
    let errors = school.download(&import, "errors.csv").await;
    let corrected = errors
        .replace("'=Jo <jo@x.example>", "\"'=Jo, \"\"J\"\"\"")
        .replace("Tom Reed,four green boats 4", "Tom Reed");
    assert!(corrected.contains("\"'=Jo"), "{corrected}");
    let semicolons = corrected.replace(",username_invalid,", ";username_invalid;");
    let semicolons = semicolons.replace("username,error_code,error", "username;error_code;error");
    for file in [corrected, semicolons] {
        let again = post(&school, student, "text/plain", file).await;
        let again = again.expect_status(202);
        let head = json!([{ "line": 1, "text": "username" }]);
        assert_eq!(again["cleaned"], json!({ "skipped": head, "marked": 0 }));
        app.drain().await;
        let rows = school.rows(&again, "").await;
        let names: Vec<String> = rows.iter().map(|row| text(&row["username"])).collect();
        assert_eq!(names, ["=Jo, \"J\"", "Tom Reed"]);
        assert!(
            rows.iter().all(|row| row["outcome"] == "created"),
            "{rows:?}"
        );
    }
});

both_databases!(what_is_no_list_is_refused, |app| {
    let school = app.school().await;
    let text = "text/plain";
    let json = "application/json";
    let student = "?account_type=student";
    for (query, kind, body, status, code) in [
        ("", "text/csv", "Jane", 415, "unsupported_media_type"),
        (
            student,
            "text/plain; charset=shift_jis",
            "Jane",
            415,
            "unsupported_media_type",
        ),
        (student, "text/html", "Jane", 415, "unsupported_media_type"),
        (student, text, "", 422, "file_empty"),
        (student, text, " \r\n\u{feff}\n", 422, "file_empty"),
        ("", text, "Jane", 400, "malformed_request"),
        (
            "?account_type=learner",
            text,
            "Jane",
            422,
            "account_type_not_in_kind",
        ),
        (
            "?account_type=nobody",
            text,
            "Jane",
            400,
            "malformed_request",
        ),
        (
            "?account_type=student&group_ids=7",
            text,
            "Jane",
            400,
            "malformed_request",
        ),
        (
            "?account_type=student&account_type=student",
            text,
            "Jane",
            400,
            "malformed_request",
        ),
        (
            "?account_type=student&generate_missing_passwords=true",
            text,
            "Jane",
            400,
            "malformed_request",
        ),
        (
            "?account_type=student&usernames=Jane",
            text,
            "Jane",
            400,
            "malformed_request",
        ),
        ("", json, "Jane", 400, "malformed_request"),
        ("", json, "{}", 400, "malformed_request"),
        (
            "",
            json,
            r#"{"account_type":"student"}"#,
            400,
            "malformed_request",
        ),
        (
            "",
            json,
            r#"{"usernames":["Jane"]}"#,
            400,
            "malformed_request",
        ),
        (
            "",
            json,
            r#"{"usernames":[7],"account_type":"student"}"#,
            400,
            "malformed_request",
        ),
        (
            "",
            json,
            r#"{"usernames":"Jane","account_type":"student"}"#,
            400,
            "malformed_request",
        ),
        (
            "",
            json,
            r#"{"usernames":["Jane"],"account_type":"student","x":1}"#,
            400,
            "malformed_request",
        ),
        (
            student,
            json,
            r#"{"usernames":["Jane"],"account_type":"student"}"#,
            400,
            "malformed_request",
        ),
        (
            "",
            json,
            r#"{"usernames":[],"account_type":"student"}"#,
            422,
            "file_empty",
        ),
        (
            "",
            json,
            r#"{"usernames":[" ",""],"account_type":"student"}"#,
            422,
            "file_empty",
        ),
        (
            "",
            json,
            r#"{"usernames":["Jane"],"account_type":"learner"}"#,
            422,
            "account_type_not_in_kind",
        ),
    ] {
        let answer = post(&school, query, kind, body).await;
        assert_eq!(
            answer.status.as_u16(),
            status,
            "{query} {kind} {body}: {}",
            answer.text
        );
        answer.expect_problem(status, code);
    }
    let misspelt = post(&school, "?acount_type=student&mode=now", text, "Jane").await;
    misspelt.expect_malformed(&[
        ("?acount_type", "unknown_field"),
        ("?mode", "unknown_word"),
        ("?account_type", "missing"),
    ]);
    let damaged = post(&school, student, text, b"J\0rgen\n".to_vec()).await;
    damaged.expect_problem(422, "file_unreadable");
    let utf16 = post(&school, student, text, b"\xff\xfeJ\0a".to_vec()).await;
    utf16.expect_problem(422, "file_unreadable");
    let unknown = json!({
        "usernames": ["Jane"], "account_type": "student",
        "group_ids": ["01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c15"],
    });
    let unknown = school
        .admin
        .post(&school.path("/imports/usernames"), unknown)
        .await;
    unknown.expect_fields(&[("/group_ids", "group_unknown")]);
    school.assert_untouched().await;
});

both_databases!(a_list_has_its_limits, |app| {
    let school = app.school().await;
    let student = "?account_type=student";
    let most = "Jane Doe\n\n".repeat(10_000);
    let over = post(&school, student, "text/plain", format!("{most}Jane")).await;
    over.expect_problem(422, "too_many_rows");
    let names = vec!["Jane"; 10_001];
    let body = json!({ "usernames": names, "account_type": "student" });
    let over = school
        .admin
        .post(&school.path("/imports/usernames"), body)
        .await;
    over.expect_problem(422, "too_many_rows");
    let endless = post(&school, student, "text/plain", "x".repeat(20_000)).await;
    endless.expect_problem(422, "file_unreadable");
    let huge = post(
        &school,
        student,
        "text/plain",
        "\n".repeat(8 * 1024 * 1024 + 1),
    )
    .await;
    huge.expect_problem(413, "payload_too_large");
    school.assert_untouched().await;
    let accepted = post(&school, student, "text/plain", most)
        .await
        .expect_status(202);
    assert_eq!(accepted["counts"]["rows"], 10_000);
    let cancelled = school.cancel(&accepted).await.expect_status(200);
    assert_counts(&cancelled, json!({ "cancelled": 10_000 }));
});

both_databases!(a_list_without_permission_is_refused, |app| {
    let school = app.school().await;
    let other = app.organization("Valley School", "school").await;
    let body = json!({ "usernames": ["Jane"], "account_type": "student" });
    let path = school.path("/imports/usernames");
    let refused = app.anonymous().post(&path, body.clone()).await;
    refused.expect_problem(401, "not_signed_in");
    let refused = other.admin.post(&path, body.clone()).await;
    refused.expect_problem(404, "not_found");
    let student = school.imported_names(&["Student"]).await;
    let list = school.table(&student, "userlist.csv").await;
    let student = app.sign_in(&list[1][1], &list[1][2]).await;
    student
        .post(&path, body)
        .await
        .expect_problem(403, "forbidden");
    assert_eq!(school.joined().await, 1);
});

/// Posts a body of this kind under a key as the admin.
async fn post_once(
    school: &Organization<'_>,
    key: &str,
    query: &str,
    (kind, body): (&str, String),
) -> TestResponse {
    let path = school.path(&format!("/imports/usernames{query}"));
    let request = school.admin.request(Method::POST, &path);
    let request = request.header("idempotency-key", key);
    send(request.header("content-type", kind).body(body)).await
}

both_databases!(a_list_with_a_key_is_taken_once, |app| {
    let school = app.school().await;
    let json =
        |names: &[&str]| json!({ "usernames": names, "account_type": "student" }).to_string();
    for (key, query, kind, body, other) in [
        (
            "json",
            "",
            "application/json",
            json(&["Jane", "Li"]),
            json(&["Jane"]),
        ),
        (
            "text",
            "?account_type=student",
            "text/plain",
            "Jane\nLi".to_owned(),
            "Jane".to_owned(),
        ),
    ] {
        let same = || post_once(&school, key, query, (kind, body.clone()));
        let answers = join_all((0..4).map(|_| same())).await;
        let first = answers[0].expect_status(202);
        let replayed = answers
            .iter()
            .filter(|answer| answer.header("idempotent-replayed") == "true");
        assert_eq!(replayed.count(), 3);
        app.drain().await;
        let later = same().await;
        assert_eq!(later.expect_status(202), first);
        assert!(answers.iter().all(|answer| answer.text == later.text));
        let path = school.path(&format!("/imports/{}", first["id"].as_str().unwrap()));
        assert_eq!(later.header("location"), path);
        let conflict = post_once(&school, key, query, (kind, other)).await;
        conflict.expect_problem(409, "idempotency_conflict");
    }
    assert_eq!(school.all("/imports").await.len(), 2);
    assert_eq!(school.joined().await, 4);
});

both_databases!(a_refused_list_leaves_its_key_free, |app| {
    let school = app.school().await;
    let (student, text) = ("?account_type=student", "text/plain");
    let nobody = post_once(
        &school,
        "key",
        "?account_type=learner",
        (text, "Jane".to_owned()),
    )
    .await;
    nobody.expect_problem(422, "account_type_not_in_kind");
    school.assert_untouched().await;
    let taken = post_once(&school, "key", student, (text, "Jane".to_owned())).await;
    taken.expect_status(202);
});

both_databases!(lists_come_in_the_encodings_of_files, |app| {
    let school = app.school().await;
    let utf16 =
        |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
    let text = "text/plain";
    for (query, kind, body, name) in [
        ("", text, utf16("Mira Holt\r\nJoel Pike\r\n"), "Mira Holt"),
        ("", text, utf16("Мира Холт\r\nJoel\r\n"), "Мира Холт"),
        (
            "",
            text,
            b"Jos\x8e N\x9c\x96ez\rJoel\r".to_vec(),
            "José Núñez",
        ),
        (
            "",
            text,
            b"\xc8\xe2\xe0\xed\r\nJoel\r\n\x1a".to_vec(),
            "Иван",
        ),
        (
            "",
            "text/plain; charset=iso-8859-1",
            b"Z\xe6\xe6\nJoel".to_vec(),
            "Zææ",
        ),
        ("&encoding=cp1250", text, b"Z\xe6\xe6\nJoel".to_vec(), "Zćć"),
    ] {
        let query = format!("?account_type=student{query}");
        let import = post(&school, &query, kind, body).await.expect_status(202);
        let rows = school.rows(&import, "").await;
        assert_eq!((rows.len(), &rows[0]["username"]), (2, &json!(name)));
    }
    let unclear = post(
        &school,
        "?account_type=student",
        text,
        &b"Z\x8eb\xe6\xe6"[..],
    )
    .await;
    let problem = unclear.expect_problem(422, "encoding_unclear");
    assert!(problem["detail"].as_str().unwrap().contains("ZŽbćć"));
    for body in [&b"Mira\0Holt\n"[..], b"\x18\x04\x32", b"%PDF-1.7\n"] {
        let refused = post(&school, "?account_type=student", text, body).await;
        assert_eq!(refused.status, 422, "{}", refused.text);
    }
});
