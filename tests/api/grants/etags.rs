//! A question that is asked again and again.

use reqwest::Method;

use super::*;
use crate::support::people::send;

/// Asks with this `If-None-Match`.
async fn ask_again(who: &Person<'_>, path: &str, known: &str) -> TestResponse {
    let request = who.request(Method::GET, path);
    send(request.header("if-none-match", known)).await
}

both_databases!(who_asks_again_is_told_that_it_is_still_so, |app| {
    let school = app.school().await;
    let group = school.new_group("7A").await;
    let library = key(app, &school, &["access:read"]).await;
    let query = format!(
        "account_id={}&resource_type=course&resource_id=1",
        school.admin.id
    );
    let path = school.path(&format!("/access?{query}"));
    let first = library.get(&path).await;
    first.expect_status(200);
    let tag = first.header("etag").to_owned();
    assert!(tag.starts_with("W/\"") && tag.len() > 30, "{tag}");
    assert_eq!(first.header("cache-control"), "private, no-cache");
    // Strong or weak, alone or one of several, or any.
    let strong = tag.trim_start_matches("W/").to_owned();
    for known in [&tag, &strong, &format!("\"other\", {tag}"), "*"] {
        let same = ask_again(&library, &path, known).await;
        assert_eq!(same.status, 304, "{known}");
        assert_eq!(same.text, "");
        assert_eq!(same.header("etag"), tag);
        assert_eq!(same.header("cache-control"), "private, no-cache");
        assert_eq!(same.header("x-content-type-options"), "nosniff");
    }
    // A list of any length, of which the document says no other.
    let many = format!("{}{tag}", "\"other\", ".repeat(200));
    assert_eq!(ask_again(&library, &path, &many).await.status, 304);
    let document = app.anonymous().get("/openapi.json").await.json();
    let parameters =
        &document["paths"]["/v1/organizations/{organization_id}/access"]["get"]["parameters"];
    let mut parameters = parameters.as_array().unwrap().iter();
    let header = parameters.find(|one| one["name"] == "If-None-Match");
    assert_eq!(header.unwrap()["schema"].get("maxLength"), None);
    for unknown in ["\"other\"", "W/\"\"", "no tag at all", ""] {
        let whole = ask_again(&library, &path, unknown).await;
        assert_eq!(whole.expect_status(200), first.json(), "{unknown}");
    }
    let head = send(library.request(Method::HEAD, &path)).await;
    assert_eq!(head.header("etag"), tag);
    let head = library.request(Method::HEAD, &path);
    let head = send(head.header("if-none-match", &tag)).await;
    assert_eq!(head.status, 304);
    let gzip = library.request(Method::GET, &path);
    let gzip = gzip.header("accept-encoding", "gzip");
    let gzip = send(gzip.header("if-none-match", &tag)).await;
    assert_eq!(gzip.status, 304);
    assert_eq!(gzip.bytes.len(), 0);
    // Another answer has another tag: opened, until a date, and through a group of another name.
    let mut tags = vec![tag];
    for until in [json!(null), json!(IN_JUNE)] {
        grant(
            &school.admin,
            &group,
            "course/1",
            json!({ "expires_at": until }),
        )
        .await;
        let changed = ask_again(&library, &path, &tags.join(", ")).await;
        changed.expect_status(200);
        tags.push(changed.header("etag").to_owned());
    }
    let renamed = json!({ "name": "8A" });
    school.admin.patch(&group, renamed).await.expect_status(200);
    let changed = ask_again(&library, &path, &tags.join(", ")).await;
    changed.expect_status(200);
    tags.push(changed.header("etag").to_owned());
    // It ends without anybody doing anything: as before it was opened.
    app.advance(A_YEAR);
    let ended = ask_again(&library, &path, &tags[3]).await;
    assert_eq!(ended.expect_status(200), first.json());
    assert_eq!(ended.header("etag"), tags[0]);
});

both_databases!(a_tag_opens_nothing, |app| {
    let school = app.school().await;
    let query = format!(
        "account_id={}&resource_type=course&resource_id=1",
        school.admin.id
    );
    let path = school.path(&format!("/access?{query}"));
    let tag = school.admin.get(&path).await.header("etag").to_owned();
    let without = ask_again(&app.anonymous(), &path, &tag).await;
    without.expect_problem(401, "not_signed_in");
    assert_eq!(without.header("cache-control"), "no-store");
    let other = app.register("eve@x.org").await;
    let other = ask_again(&other, &path, &tag).await;
    other.expect_problem(404, "not_found");
    let audit = key(app, &school, &["audit:read"]).await;
    let audit = ask_again(&audit, &path, "*").await;
    audit.expect_problem(403, "forbidden");
});

both_databases!(many_answers_have_one_tag, |app| {
    let school = app.school().await;
    let group = school.new_group("7A").await;
    let question = json!({
        "account_id": school.admin.id,
        "resources": [{ "type": "course", "id": "1" }, { "type": "course", "id": "2" }],
    });
    let ask = async || {
        let request = school.admin.request(Method::POST, &school.path("/access"));
        // A POST is answered in full whatever the client knows.
        send(request.header("if-none-match", "*").json(&question)).await
    };
    let (first, again) = (ask().await, ask().await);
    first.expect_status(200);
    assert_eq!(first.header("etag"), again.header("etag"));
    assert_eq!(first.header("cache-control"), "no-store");
    grant(&school.admin, &group, "course/2", json!({})).await;
    let changed = ask().await;
    changed.expect_status(200);
    assert_ne!(first.header("etag"), changed.header("etag"));
});
