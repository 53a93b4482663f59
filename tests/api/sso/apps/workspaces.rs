//! Domains of Google Workspace: by which its people come in, and which of them an organization can do without.

use super::*;

/// An active connection by Google, and who speaks for it.
async fn by_google(
    app: &App,
    school: &Organization<'_>,
    domain: &str,
) -> (Value, IdentityProvider) {
    let provider = IdentityProvider::start();
    let shared = app_of(&app.operator().await, "google").await;
    let connection = by_app(school, &shared, (&provider, Value::Null)).await;
    let claims = json!({ "sub": "tester", "hd": domain });
    let tested = test(school, &connection, &provider, claims).await;
    assert_eq!(tested["status"], "passed", "{tested:#}");
    activate(school, &connection).await.expect_status(200);
    (connection, provider)
}

both_databases!(a_workspace_by_which_people_come_is_not_removed, |app| {
    let school = app.school().await;
    for domain in ["one.example", "two.example"] {
        vouched(app, &school, domain).await;
    }
    let (connection, provider) = by_google(app, &school, "one.example").await;
    // The address is of the one domain, and the account of the other.
    let claims = json!({ "sub": "ann", "hd": "ONE.example", "email": "ann@two.example" });
    let came = come(&school, &connection, &provider, claims.clone()).await;
    assert_eq!(came.expect_status(200)["outcome"], "account_created");
    let domains = school.admin.get(&school.path("/domains")).await;
    let domains = domains.expect_status(200);
    let path_of = |name: &str| {
        let mut all = domains["items"].as_array().unwrap().iter();
        let found = all.find(|it| it["domain"] == name).unwrap();
        school.path(&format!("/domains/{}", text(&found["id"])))
    };
    let kept = school.admin.delete(&path_of("one.example")).await;
    kept.expect_problem(409, "last_sign_in_method");
    let gone = school.admin.delete(&path_of("two.example")).await;
    gone.expect_status(204);
    let again = come(&school, &connection, &provider, claims).await;
    assert_eq!(again.expect_status(200)["outcome"], "signed_in");
});
