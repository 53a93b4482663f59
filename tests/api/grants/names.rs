//! Types and ids of resources, as other systems write them and as paths carry them.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use super::*;

/// Ids as they are, with a spelling for the path.
fn ids() -> Vec<(String, String)> {
    let pair = |id: &str, encoded: &str| (id.to_owned(), encoded.to_owned());
    vec![
        pair("algebra-1", "algebra-1"),
        pair("Algebra-1", "Algebra-1"),
        pair("books/7/chapter 2", "books%2F7%2Fchapter%202"),
        pair(
            "https://x.org/a?b=c&d=e#f",
            "https:%2F%2Fx.org%2Fa%3Fb=c&d=e%23f",
        ),
        pair("a+b", "a+b"),
        pair("a+b c", "a%2Bb%20c"),
        pair("100%", "100%25"),
        pair("%2F", "%252F"),
        pair("%41", "%2541"),
        pair("...", "..."),
        pair("../x", "..%2Fx"),
        pair("Ünïcode 龙", "%C3%9Cn%C3%AFcode%20%E9%BE%99"),
        // As a Mac may write the first: two ids, since nobody but the other system knows better.
        pair("U\u{308}", "U%CC%88"),
        pair("Ü", "%C3%9C"),
        pair(
            "'; DROP TABLE grants; --",
            "'%3B%20DROP%20TABLE%20grants%3B%20--",
        ),
        pair("{account_id}", "%7Baccount_id%7D"),
        pair(&"龙".repeat(255), &"%E9%BE%99".repeat(255)),
    ]
}

both_databases!(ids_are_taken_letter_by_letter_everywhere, |app| {
    let school = app.school().await;
    let group = school.new_group("7A").await;
    let admin = &school.admin;
    for (id, encoded) in ids() {
        let resource = format!("course/{encoded}");
        let path = format!("{group}/grants/{resource}");
        let missing = admin.get(&path).await;
        missing.expect_problem(404, "not_found");
        let granted = grant(admin, &group, &resource, json!({})).await;
        assert_eq!(granted["resource_id"], *id);
        admin.get(&path).await.expect(200, granted);
        let query = [
            ("account_id", admin.id.as_str()),
            ("resource_type", "course"),
            ("resource_id", id.as_str()),
        ];
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(query)
            .finish();
        let one = admin.get(&school.path(&format!("/access?{query}"))).await;
        assert_eq!(one.expect_status(200)["allowed"], true, "{id}");
        let question = json!({
            "account_id": admin.id,
            "resources": [{ "type": "course", "id": id }],
        });
        let many = admin.post(&school.path("/access"), question).await;
        let many = many.expect_status(200);
        assert_eq!(many["results"][0]["allowed"], true, "{id}");
        assert_eq!(many["results"][0]["id"], *id);
    }
    let list = admin.get(&format!("{group}/grants?limit=200")).await;
    let list = list.expect_status(200);
    let mut listed: Vec<_> = list["items"].as_array().unwrap().iter().collect();
    assert_eq!(listed.len(), ids().len());
    listed.retain(|item| !ids().iter().any(|(id, _)| item["resource_id"] == **id));
    assert_eq!(listed, Vec::<&Value>::new());
    for (_, encoded) in ids() {
        let path = format!("{group}/grants/course/{encoded}");
        admin.delete(&path).await.expect_status(204);
    }
});

/// Sends a request line as it is: clients take `.` and `..` out of a path.
fn raw_request(who: &Person<'_>, method: &str, path: &str) -> String {
    let mut connection = TcpStream::connect(who.app.address).unwrap();
    let token = who.access_token.as_ref().unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}"
    );
    connection.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    answer
}

both_databases!(what_is_no_resource_is_refused, |app| {
    let school = app.school().await;
    let group = school.new_group("7A").await;
    let too_long = "x".repeat(256);
    let long_type = "x".repeat(65);
    for (path, pointer, code) in [
        ("Course/1", "resource_type", "invalid"),
        ("a%2Fb/1", "resource_type", "invalid"),
        ("k%C3%B6rs/1", "resource_type", "invalid"),
        (&format!("{long_type}/1"), "resource_type", "too_long"),
        (&format!("course/{too_long}"), "resource_id", "too_long"),
        ("course/%20x", "resource_id", "invalid"),
        ("course/x%0A", "resource_id", "invalid"),
        ("course/a%00b", "resource_id", "invalid"),
        ("course/a%07b", "resource_id", "invalid"),
        // No UTF-8.
        ("course/a%FFb", "resource_id", "invalid"),
    ] {
        let path = format!("{group}/grants/{path}");
        for answer in [
            school.admin.put(&path, json!({})).await,
            school.admin.get(&path).await,
            school.admin.delete(&path).await,
        ] {
            answer.expect_fields(&[(pointer, code)]);
        }
    }
    for id in [".", "..", "%2e", "%2E%2e"] {
        let path = format!("{group}/grants/course/{id}");
        for method in ["PUT", "GET", "DELETE"] {
            let answer = raw_request(&school.admin, method, &path);
            assert!(answer.starts_with("HTTP/1.1 422 "), "{id}: {answer}");
            assert!(answer.contains("resource_id"), "{id}: {answer}");
        }
    }
    let nothing = school
        .admin
        .put(&format!("{group}/grants/course/a/b"), json!({}))
        .await;
    nothing.expect_problem(404, "not_found");
    let list = school.admin.get(&format!("{group}/grants")).await;
    list.expect(200, json!({ "items": [], "next_cursor": null }));
});
