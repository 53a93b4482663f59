//! Drafts that do not know their identity provider yet, and get to know it bit by bit.

use diesel::prelude::*;
use rollcall::store::schema::fetched_documents;

use super::saml_flows::{ask, metadata, saml_active, test_saml};
use super::*;
use crate::saml::provider::{ISSUER, assertion_of};
use crate::support::invariants;

/// Makes a draft of which this is known.
async fn make(school: &Organization<'_>, known: Value) -> TestResponse {
    let mut new = json!({ "name": "School accounts" });
    let all = new.as_object_mut().unwrap();
    all.extend(known.as_object().unwrap().clone());
    school.admin.post(&school.path("/connections"), new).await
}

/// What a draft lacks that is changed so.
async fn lacks_with(school: &Organization<'_>, draft: &Value, change: Value) -> Value {
    let changed = school.admin.patch(&path_of(school, draft), change).await;
    changed.expect_status(200)["missing"].clone()
}

both_databases!(a_draft_gets_to_know_its_provider_bit_by_bit, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let known = json!({ "kind": "oidc", "preset": "generic" });
    let connection = make(&school, known).await.expect_status(201);
    let path = path_of(&school, &connection);
    let missing = json!(["issuer", "client_id", "client_secret"]);
    assert_eq!(connection["missing"], missing);
    assert_eq!(connection["has_client_secret"], false);
    assert_eq!(connection["identity_provider"]["issuer"], Value::Null);
    // What has to be registered there is known from the beginning.
    assert_ne!(connection["service_provider"]["redirect_uri"], Value::Null);
    school
        .admin
        .get(&path)
        .await
        .expect(200, connection.clone());

    for action in ["tests", "refresh"] {
        let path = format!("{path}/{action}");
        let early = school.admin.post(&path, json!({}));
        let refused = early.await.expect_problem(409, "connection_incomplete");
        let detail = text(&refused["detail"]);
        for field in ["`issuer`", "`client_id`", "`client_secret`"] {
            assert!(detail.contains(field), "{detail}");
        }
    }
    let activate = format!("{path}/activate");
    let early = school.admin.post(&activate, Value::Null).await;
    early.expect_problem(409, "connection_not_tested");
    let early = start(&app.anonymous(), &connection, json!({})).await;
    early.expect_problem(409, "connection_not_active");

    // A secret goes to the issuer that made it, and to no other.
    let secret = json!({ "client_secret": CLIENT_SECRET });
    let refused = school.admin.patch(&path, secret.clone()).await;
    refused.expect_fields(&[("/issuer", "missing")]);
    let issuer = json!({ "issuer": provider.issuer() });
    let lacks = lacks_with(&school, &connection, issuer).await;
    assert_eq!(lacks, json!(["client_id", "client_secret"]));
    let lacks = lacks_with(&school, &connection, secret).await;
    assert_eq!(lacks, json!(["client_id"]));
    let moved = json!({ "issuer": "https://other.example" });
    let refused = school.admin.patch(&path, moved).await;
    refused.expect_fields(&[("/client_secret", "missing")]);
    let client = json!({ "client_id": CLIENT_ID });
    let lacks = lacks_with(&school, &connection, client).await;
    assert_eq!(lacks, json!([]));

    let claims = json!({ "sub": "mira-1", "email": "mira@hill.example" });
    let tested = test(&school, &connection, &provider, claims).await;
    assert_eq!(tested["status"], "passed", "{tested:#}");
    let activated = school.admin.post(&activate, Value::Null).await;
    assert_eq!(activated.expect_status(200)["status"], "active");
    let came = come(&school, &connection, &provider, json!({ "sub": "mira-1" })).await;
    came.expect_status(200);
});

both_databases!(each_preset_says_what_it_lacks, |app| {
    let school = app.school().await;
    for (known, missing) in [
        (
            json!({ "preset": "okta" }),
            json!(["issuer", "client_id", "client_secret"]),
        ),
        (
            json!({ "preset": "okta", "issuer": "https://hill.okta.com", "client_id": "c" }),
            json!(["client_secret"]),
        ),
        (
            json!({ "preset": "entra" }),
            json!(["tenant", "client_id", "client_secret"]),
        ),
        (
            json!({ "preset": "google" }),
            json!(["client_id", "client_secret"]),
        ),
        (
            json!({ "preset": "google", "client_secret": "s" }),
            json!(["client_id"]),
        ),
        (
            json!({ "preset": "clever", "client_id": "c", "client_authentication": "client_secret_post" }),
            json!(["tenant", "client_secret"]),
        ),
        (
            json!({ "preset": "classlink", "tenant": "2282" }),
            json!(["client_id", "client_secret"]),
        ),
        (
            json!({ "preset": "generic", "client_authentication": "private_key_jwt" }),
            json!(["issuer", "client_id"]),
        ),
        (
            json!({ "kind": "saml", "preset": "entra" }),
            json!(["metadata"]),
        ),
    ] {
        let mut all = json!({ "kind": "oidc" });
        let fields = all.as_object_mut().unwrap();
        fields.extend(known.as_object().unwrap().clone());
        let made = make(&school, all).await.expect_status(201);
        assert_eq!(made["missing"], missing, "{known}");
        // Whoever registers a key has to be told where it is before there is a client.
        let by_oidc = made["kind"] == "oidc";
        let told = made["service_provider"]["jwks_uri"].is_string();
        assert_eq!(told, by_oidc, "{known}");
    }
    let wrong = json!({ "kind": "oidc", "preset": "entra", "tenant": "common" });
    let wrong = make(&school, wrong).await;
    wrong.expect_fields(&[("/tenant", "not_one_tenant")]);
});

both_databases!(what_is_known_is_not_taken_away, |app| {
    let (school, operator) = (app.school().await, app.operator().await);
    let new = json!({ "name": "Ours", "preset": "entra", "client_id": "c", "client_secret": "s" });
    let shared = operator.post("/v1/apps", new).await.expect_status(201);
    let known = json!({ "kind": "oidc", "preset": "entra", "app_id": shared["id"] });
    let connection = make(&school, known).await.expect_status(201);
    assert_eq!(connection["missing"], json!(["tenant"]));
    assert_eq!(connection["identity_provider"]["client_id"], "c");
    // While the tenant is open, the client is open, too.
    let leave = json!({ "app_id": null });
    let lacks = lacks_with(&school, &connection, leave.clone()).await;
    assert_eq!(lacks, json!(["tenant", "client_id", "client_secret"]));
    let tenant = "72f988bf-86f1-41af-91ab-2d7cd011db47";
    let whole = json!({ "app_id": shared["id"], "tenant": tenant });
    assert_eq!(lacks_with(&school, &connection, whole).await, json!([]));
    let path = path_of(&school, &connection);
    let alone = school.admin.patch(&path, leave).await;
    alone.expect_fields(&[("/client_id", "missing"), ("/client_secret", "missing")]);
});

both_databases!(
    a_secret_of_an_admin_does_not_follow_the_issuer_of_a_link,
    |app| {
        let school = app.school().await;
        let provider = IdentityProvider::start();
        let known = json!({
            "kind": "oidc", "preset": "generic", "issuer": "https://login.hill.example", "client_secret": "s",
        });
        let connection = make(&school, known).await.expect_status(201);
        let link = json!({ "connection_id": connection["id"] });
        let link = school.admin.post(&school.path("/setup-links"), link).await;
        let it = by_setup_link(app, &text(&link.expect_status(201)["url"]));
        let early = it.post("/v1/setup/tests", Value::Null).await;
        early.expect_problem(409, "connection_incomplete");
        let theirs = json!({ "issuer": provider.issuer(), "client_id": CLIENT_ID });
        let refused = it.patch("/v1/setup", theirs).await;
        refused.expect_fields(&[("/client_secret", "missing")]);
        let theirs = json!({
            "issuer": provider.issuer(), "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET,
        });
        let changed = it.patch("/v1/setup", theirs).await.expect_status(200);
        assert_eq!(changed["missing"], json!([]));
        // A secret that comes alone is for the issuer that the admin saw last.
        let path = path_of(&school, &connection);
        let alone = json!({ "client_secret": "of-the-school" });
        let refused = school.admin.patch(&path, alone).await;
        refused.expect_fields(&[("/issuer", "missing")]);
        let kept = json!({ "client_secret": CLIENT_SECRET });
        it.patch("/v1/setup", kept).await.expect_status(200);
        let meant = json!({ "issuer": provider.issuer(), "client_secret": "of-the-school" });
        school.admin.patch(&path, meant).await.expect_status(200);
        let alone = json!({ "client_secret": "newer-of-the-school" });
        let kept = school.admin.patch(&path, alone.clone()).await;
        kept.expect_status(200);
        // An admin's test, with what came of somebody, is not the link's to read.
        let tests = format!("{path}/tests");
        let test = school
            .admin
            .post(&tests, Value::Null)
            .await
            .expect_status(201);
        let test = format!("/v1/setup/tests/{}", text(&test["id"]));
        it.get(&test).await.expect_problem(404, "not_found");
        // What a link has named stays named by it when the link is gone.
        let theirs = json!({ "issuer": "https://evil.example", "client_secret": "theirs" });
        it.patch("/v1/setup", theirs).await.expect_status(200);
        let links = school.path("/setup-links");
        let all = school.admin.get(&links).await.expect_status(200);
        let revoke = format!("{links}/{}", text(&all["items"][0]["id"]));
        school.admin.delete(&revoke).await.expect_status(204);
        let refused = school.admin.patch(&path, alone).await;
        refused.expect_fields(&[("/issuer", "missing")]);
    }
);

both_databases!(a_draft_by_saml_waits_for_its_metadata, |app| {
    let school = app.school().await;
    let connection = make(&school, json!({ "kind": "saml" })).await;
    let connection = connection.expect_status(201);
    let path = path_of(&school, &connection);
    assert_eq!(connection["missing"], json!(["metadata"]));
    assert_eq!(connection["subject_source"], "name_id");
    assert_eq!(connection["identity_provider"]["certificates"], Value::Null);
    let ours = &connection["service_provider"];
    let shown: Url = text(&ours["metadata_url"]).parse().unwrap();
    let shown = app.anonymous().get(shown.path()).await;
    assert_eq!(shown.status, 200, "{}", shown.text);
    assert!(shown.text.contains(&text(&ours["acs_url"])));
    for action in ["tests", "refresh"] {
        let path = format!("{path}/{action}");
        let early = school.admin.post(&path, json!({}));
        let refused = early.await.expect_problem(409, "connection_incomplete");
        assert!(text(&refused["detail"]).contains("`metadata`"));
    }
    let alone = json!({ "subject_source": "attribute:uid" });
    let refused = school.admin.patch(&path, alone).await;
    refused.expect_fields(&[("/subject_source", "missing")]);
    // What else it is changes meanwhile.
    let named = json!({ "name": "University", "arrivals": "expected" });
    let named = school.admin.patch(&path, named).await.expect_status(200);
    assert_eq!(named["name"], "University");
    let found = json!({ "metadata": metadata() });
    let changed = school.admin.patch(&path, found).await.expect_status(200);
    assert_eq!(changed["missing"], json!([]));
    assert_eq!(changed["identity_provider"]["entity_id"], ISSUER);
    let (ada, now) = (assertion_of("_a55e", "ada@example.org"), app.now());
    let tested = test_saml(&school, &connection, |asked| asked.answer(&ada, now)).await;
    assert_eq!(tested["status"], "passed", "{tested:#}");
});

both_databases!(nobody_comes_by_a_draft_and_no_day_troubles_it, |app| {
    let school = app.school().await;
    let by_oidc = json!({ "kind": "oidc", "preset": "generic" });
    let by_oidc = make(&school, by_oidc).await.expect_status(201);
    let by_saml = make(&school, json!({ "kind": "saml" })).await;
    let by_saml = by_saml.expect_status(201);
    let id = text(&by_oidc["id"]);
    let logout = format!("/v1/sso/backchannel-logout/{id}");
    let request = app.anonymous().request(reqwest::Method::POST, &logout);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let said = crate::support::people::send(request.body("logout_token=x")).await;
    assert_eq!(said.status, 400, "{}", said.text);
    let callback = format!("http://rollcall.test/v1/sso/callback/{id}?code=c&state=s");
    let end = follow(app, &callback.parse().unwrap()).await;
    assert_eq!(end.path(), "/sign-in");
    // A response that was made for another connection finds nobody who waits for it.
    let other = saml_active(&school).await;
    let mut asked = ask(&app.anonymous(), &other, json!({})).await;
    asked.acs_url = text(&by_saml["service_provider"]["acs_url"]);
    let ada = assertion_of("_a55e", "ada@example.org");
    let end = asked.answer(&ada, app.now()).post(app).await;
    assert_eq!((end.path(), end.fragment()), ("/sign-in", None));
    app.advance(Duration::from_secs(24 * 60 * 60 + 60));
    app.drain().await;
    let admin = app.sign_in(&school.admin.email, PASSWORD).await;
    for draft in [&by_oidc, &by_saml] {
        let kept = admin.get(&path_of(&school, draft)).await;
        assert_eq!(kept.expect_status(200)["warnings"], json!([]));
    }
});

both_databases!(what_a_test_has_read_is_not_kept, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let kept = || {
        let database = &mut **invariants::connect(&app.state.services.pool);
        let count = fetched_documents::table.count().get_result::<i64>(database);
        count.unwrap()
    };
    assert_eq!(kept(), 0);
    come(&school, &connection, &provider, json!({ "sub": "mira" }))
        .await
        .expect_status(200);
    assert_eq!(kept(), 2);
});
