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

both_databases!(a_domain_of_a_link_counts_at_its_connection_only, |app| {
    let school = app.school().await;
    vouched(app, &school, "hill.example").await;
    let (connection, provider) = by_google(app, &school, "hill.example").await;
    let draft = json!({ "name": "Contractors", "kind": "saml" });
    let draft = school.admin.post(&school.path("/connections"), draft).await;
    let draft = draft.expect_status(201);
    let link = json!({ "connection_id": draft["id"] });
    let link = school.admin.post(&school.path("/setup-links"), link).await;
    let it = by_setup_link(app, &text(&link.expect_status(201)["url"]));
    let prove = async |name: &str| {
        let name = format!("{name}-{}.example", app.address.port());
        let added = it
            .post("/v1/setup/domains", json!({ "domain": name }))
            .await;
        let domain = added.expect_status(201);
        let record = &domain["record"];
        dns::zone().add_text(&text(&record["name"]), &text(&record["value"]));
        let check = format!("/v1/setup/domains/{}/check", text(&domain["id"]));
        let proven = it.post(&check, json!({})).await.expect_status(200);
        assert_eq!(proven["status"], "proven");
        assert_eq!(proven["counts_only_at"], draft["id"]);
        (
            name,
            school.path(&format!("/domains/{}", text(&domain["id"]))),
        )
    };
    let claims = |sub: &str, domain: &str| json!({ "sub": sub, "hd": domain });
    let (first, second) = (prove("link-one").await, prove("link-two").await);
    for (name, _) in [&first, &second] {
        let as_whom = (&provider, claims("mallory", name));
        let end = go_round(&app.anonymous(), &connection, as_whom, json!({})).await;
        let query = end.query().unwrap_or_default();
        assert!(query.contains("problem=tenant_wrong"), "{end}");
    }
    // The daily check is nobody's word.
    app.advance(Duration::from_secs(24 * 60 * 60 + 60));
    app.drain().await;
    let admin = app.sign_in(&school.admin.email, PASSWORD).await;
    let listed = admin.get(&first.1).await.expect_status(200);
    assert_eq!(listed["status"], "proven");
    assert_eq!(listed["counts_only_at"], draft["id"]);
    // A change or a check by an admin is.
    let closed = json!({ "joining": "closed" });
    let taken = admin.patch(&first.1, closed).await.expect_status(200);
    assert_eq!(taken["counts_only_at"], Value::Null);
    let check = format!("{}/check", second.1);
    let taken = admin.post(&check, json!({})).await.expect_status(200);
    assert_eq!(taken["counts_only_at"], Value::Null);
    for (name, _) in [&first, &second] {
        let came = come(&school, &connection, &provider, claims(name, name)).await;
        assert_eq!(came.expect_status(200)["outcome"], "account_created");
    }
});

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
