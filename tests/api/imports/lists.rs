//! Lists of names on their way in, as text and as JSON: what is taken and what is not (PRODUCT 3.7).

use reqwest::Method;
use serde_json::json;

use super::assert_counts;
use crate::support::people::{Organization, send};
use crate::support::{Answer, road};

/// Posts a body of this kind as the admin.
pub async fn post(
    school: &Organization<'_>,
    query: &str,
    kind: &str,
    body: impl Into<Vec<u8>>,
) -> Answer {
    let path = school.path(&format!("/imports{query}"));
    let request = school.admin.request(Method::POST, &path);
    send(request.header("content-type", kind).body(body.into())).await
}

road!(what_is_no_list_is_refused, |app| {
    let school = app.school().await;
    let text = "text/plain";
    let json = "application/json";
    let student = "?account_type=student";
    for (query, kind, body, status, code) in [
        ("", "text/csv", "Jane", 415, "unsupported_media_type"),
        (
            student,
            "text/plain; charset=utf-16",
            "Jane",
            415,
            "unsupported_media_type",
        ),
        (
            student,
            "text/plain; charset=iso-8859-1",
            "Jane",
            415,
            "unsupported_media_type",
        ),
        (student, "text/html", "Jane", 415, "unsupported_media_type"),
        (student, text, "", 422, "file_empty"),
        (student, text, " \r\n\u{feff}\n", 422, "file_empty"),
        ("", text, "Jane", 422, "validation_failed"),
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
            422,
            "validation_failed",
        ),
        (
            "?account_type=student&group_ids=7",
            text,
            "Jane",
            422,
            "validation_failed",
        ),
        (
            "?account_type=student&account_type=student",
            text,
            "Jane",
            422,
            "validation_failed",
        ),
        (
            "?account_type=student&generate_missing_passwords=true",
            text,
            "Jane",
            422,
            "validation_failed",
        ),
        (
            "?account_type=student&usernames=Jane",
            text,
            "Jane",
            422,
            "validation_failed",
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
    let latin = post(&school, student, text, b"J\xfcrgen\n".to_vec()).await;
    latin.expect_problem(422, "file_unreadable");
    let utf16 = post(&school, student, text, b"\xff\xfeJ\0a\0".to_vec()).await;
    utf16.expect_problem(422, "file_unreadable");
    let unknown = json!({
        "usernames": ["Jane"], "account_type": "student",
        "group_ids": ["01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c15"],
    });
    let unknown = school.admin.post(&school.path("/imports"), unknown).await;
    unknown.expect_fields(&[("/group_ids", "group_unknown")]);
    school.assert_untouched().await;
});

road!(a_list_has_its_limits, |app| {
    let school = app.school().await;
    let student = "?account_type=student";
    let most = "Jane Doe\n\n".repeat(10_000);
    let over = post(&school, student, "text/plain", format!("{most}Jane")).await;
    over.expect_problem(422, "too_many_rows");
    let names = vec!["Jane"; 10_001];
    let body = json!({ "usernames": names, "account_type": "student" });
    let over = school.admin.post(&school.path("/imports"), body).await;
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

road!(a_strangers_list_is_refused, |app| {
    let school = app.school().await;
    let other = app.organization("Valley School", "school").await;
    let body = json!({ "usernames": ["Jane"], "account_type": "student" });
    let path = school.path("/imports");
    let refused = app.stranger().post(&path, body.clone()).await;
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
