//! The whole way of a setup link: whoever runs an identity provider knows nothing of Rollcall, gets a mail, and people
//! sign in at the end.

use super::saml_flows::*;
use super::*;
use crate::saml::provider::{ISSUER, assertion_of};
use crate::support::{dns, with_mail_server};

const IT: &str = "it@provider.example";

/// Has a link for a connection mailed, and gives whoever opens it from the mail.
async fn opened_from_the_mail<'a>(
    app: &'a App,
    school: &Organization<'_>,
    connection: &Value,
) -> Person<'a> {
    let new = json!({ "connection_id": connection["id"], "email": IT });
    let made = school.admin.post(&school.path("/setup-links"), new).await;
    let made = made.expect_status(201);
    let mail = app.last_mail_to(IT).await;
    assert_eq!(mail.subject, "Set up single sign-on for Hill Road School");
    let link = mail.link();
    assert_eq!(link, text(&made["url"]));
    assert!(mail.html.contains(&link), "{}", mail.html);
    by_setup_link(app, &link)
}

/// Publishes the record of a new domain of the organization, and has it checked.
async fn proves_a_domain(it: &Person<'_>, school: &Organization<'_>) -> String {
    let name = format!("road-{}-{}.example", school.slug, it.app.address.port());
    let new = json!({ "domain": name });
    let domain = it.post("/v1/setup/domains", new).await.expect_status(201);
    assert_eq!(domain["status"], "pending");
    let check = format!("/v1/setup/domains/{}/check", text(&domain["id"]));
    let early = it.post(&check, json!({})).await;
    let told = early.expect_problem(409, "domain_not_proven");
    let detail = text(&told["detail"]);
    for part in ["name", "value"] {
        let part = text(&domain["record"][part]);
        assert!(detail.contains(&part), "{detail} without {part}");
    }
    let record = &domain["record"];
    dns::zone().add_text(&text(&record["name"]), &text(&record["value"]));
    let proven = it.post(&check, json!({})).await.expect_status(200);
    assert_eq!(proven["status"], "proven");
    name
}

async fn tests_by_oidc(it: &Person<'_>, provider: &IdentityProvider, claims: Value) -> Value {
    let begun = begin_test(it, "/v1/setup/tests").await;
    let back = provider.sign_in(begun.to_provider.as_str(), (it.app.now(), claims));
    let end = follow(it.app, &back).await;
    begun.ended_at(&end, it).await
}

async fn tests_by_saml(it: &Person<'_>, assertion: &str) -> Value {
    let begun = begin_test(it, "/v1/setup/tests").await;
    let form = Asked::read(&begun.to_provider).answer(assertion, it.app.now());
    let end = form.post(it.app).await;
    begun.ended_at(&end, it).await
}

/// The step at which a test failed.
fn failed_at(test: &Value) -> &Value {
    assert_eq!(test["status"], "failed", "{test:#}");
    let last = last_step(test);
    assert_eq!(last["result"], "failed", "{test:#}");
    last
}

/// The connection that somebody with an address is shown, who has never been here.
async fn discovered(app: &App, email: &str) -> Value {
    let asked = json!({ "email": email });
    let found = app.anonymous().post("/v1/sign-in/discover", asked).await;
    let found = found.expect_status(200);
    assert_eq!(found["connections"].as_array().unwrap().len(), 1);
    found["connections"][0].clone()
}

/// Who came in is a member of the organization, with an address that counts.
async fn is_a_member(person: &Person<'_>, school: &Organization<'_>, email: &str) {
    let me = person.get("/v1/me").await.expect_status(200);
    assert_eq!(me["email"], email);
    assert_eq!(me["email_verified"], true, "the domain is proven");
    let memberships = person.get("/v1/me/memberships").await.expect_status(200);
    assert_eq!(memberships["items"][0]["organization"]["id"], school.id);
    assert_eq!(memberships["items"][0]["account_type"], "student");
}

/// What the log says that the link did, in any order.
async fn did(school: &Organization<'_>, actions: &[&str]) {
    for action in actions {
        let events = school.events(action).await;
        let newest = &events[0]["actor"];
        assert_eq!(
            (&newest["kind"], &newest["name"]),
            (&json!("setup_link"), &json!(IT)),
            "{action}"
        );
    }
}

with_mail_server!(by_openid_connect, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let unknown = json!({ "name": "School accounts", "kind": "oidc", "preset": "generic" });
    let connections = school.path("/connections");
    let connection = school.admin.post(&connections, unknown).await;
    let connection = connection.expect_status(201);
    let it = opened_from_the_mail(app, &school, &connection).await;
    let setup = it.get("/v1/setup").await.expect_status(200);
    assert_eq!(setup["organization"]["name"], "Hill Road School");
    assert_eq!(setup["connection"]["status"], "draft");
    let ours = &setup["connection"]["service_provider"];
    let redirect_uri = text(&ours["redirect_uri"]);
    let missing = json!(["issuer", "client_id", "client_secret"]);
    assert_eq!(setup["connection"]["missing"], missing);

    // The secret's id, in the place of the secret.
    let theirs = json!({
        "issuer": provider.issuer(), "client_id": CLIENT_ID, "client_secret": "the-id-of-the-secret",
    });
    it.patch("/v1/setup", theirs).await.expect_status(200);
    let domain = proves_a_domain(&it, &school).await;
    let email = format!("mira@{domain}");
    let claims = json!({ "sub": "mira-1", "email": email, "name": "Mira Lind" });
    let failed = tests_by_oidc(&it, &provider, claims.clone()).await;
    assert_eq!(failed_at(&failed)["name"], "token_request");
    let early = it.post("/v1/setup/activate", Value::Null).await;
    early.expect_problem(409, "connection_not_tested");
    let secret = json!({ "client_secret": CLIENT_SECRET });
    it.patch("/v1/setup", secret).await.expect_status(200);
    let tested = tests_by_oidc(&it, &provider, claims.clone()).await;
    assert_eq!(tested["status"], "passed", "{tested:#}");
    assert_eq!(tested["would"], Value::Null);
    let activated = it.post("/v1/setup/activate", Value::Null).await;
    assert_eq!(activated.expect_status(200)["status"], "active");

    let shown = discovered(app, &email).await;
    assert_eq!(shown["id"], connection["id"]);
    let started = start(&app.anonymous(), &shown, json!({})).await;
    let url = text(&started.expect_status(200)["authorization_url"]);
    assert!(
        Url::parse(&url)
            .unwrap()
            .query_pairs()
            .any(|(name, value)| name == "redirect_uri" && value == redirect_uri),
        "what was shown is what is sent: {url}"
    );
    let back = provider.sign_in(&url, (app.now(), claims));
    let end = follow(app, &back).await;
    let came = exchange(app, &ticket_of(&end)).await.expect_status(200);
    assert_eq!(came["outcome"], "account_created");
    is_a_member(&holder(app, &came), &school, &email).await;
    let actions = [
        "setup_link.used",
        "domain.added",
        "domain.proven",
        "connection.changed",
        "connection.tested",
        "connection.activated",
    ];
    did(&school, &actions).await;
});

with_mail_server!(by_saml, |app| {
    let school = app.school().await;
    let publishes = IdentityProvider::start();
    // Of the identity provider nothing is known yet but that it speaks SAML.
    let new = json!({ "name": "University", "kind": "saml" });
    let created = school.admin.post(&school.path("/connections"), new).await;
    let connection = created.expect_status(201);
    let it = opened_from_the_mail(app, &school, &connection).await;
    let setup = it.get("/v1/setup").await.expect_status(200);
    assert_eq!(setup["connection"]["missing"], json!(["metadata"]));
    let ours = &setup["connection"]["service_provider"];
    let (entity_id, acs_url) = (text(&ours["entity_id"]), text(&ours["acs_url"]));
    // The identity provider reads Rollcall's metadata, without any token.
    let shown: Url = text(&ours["metadata_url"]).parse().unwrap();
    let metadata = app.anonymous().get(shown.path()).await;
    assert_eq!(metadata.status, 200);
    for ours in [&entity_id, &acs_url] {
        assert!(metadata.text.contains(ours.as_str()), "{}", metadata.text);
    }

    publishes.answer_instead("/metadata", 200, &metadata_with("idp", ""));
    let theirs = json!({ "metadata_url": format!("{}/metadata", publishes.issuer()) });
    let changed = it.patch("/v1/setup", theirs).await.expect_status(200);
    assert_eq!(changed["identity_provider"]["entity_id"], ISSUER);
    let domain = proves_a_domain(&it, &school).await;
    let email = format!("mira@{domain}");
    // The identity provider sends another name each time, at first.
    let mira = assertion_of("_a55e", &email);
    let failed = tests_by_saml(&it, &mira.replace(PERSISTENT, TRANSIENT)).await;
    assert_eq!(failed_at(&failed)["name"], "subject");
    let tested = tests_by_saml(&it, &mira).await;
    assert_eq!(tested["status"], "passed", "{tested:#}");
    assert_eq!(tested["claims"][MAIL], json!([email]));
    let activated = it.post("/v1/setup/activate", Value::Null).await;
    assert_eq!(activated.expect_status(200)["status"], "active");

    let shown = discovered(app, &email).await;
    assert_eq!(shown["id"], connection["id"]);
    let asked = ask(&app.anonymous(), &shown, json!({})).await;
    assert_eq!((&asked.entity_id, &asked.acs_url), (&entity_id, &acs_url));
    let end = asked.answer(&mira, app.now()).post(app).await;
    let came = exchange(app, &ticket_of(&end)).await.expect_status(200);
    assert_eq!(came["outcome"], "account_created");
    is_a_member(&holder(app, &came), &school, &email).await;
    let actions = [
        "setup_link.used",
        "domain.proven",
        "connection.changed",
        "connection.tested",
        "connection.activated",
    ];
    did(&school, &actions).await;
});

both_databases!(a_link_names_no_rules_and_no_app, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = draft(&school, &provider).await;
    let new = json!({ "connection_id": connection["id"] });
    let made = school.admin.post(&school.path("/setup-links"), new).await;
    let it = by_setup_link(app, &text(&made.expect_status(201)["url"]));
    let gift = json!({ "account_type": "teacher" });
    let rule = json!({ "when": { "claim": "a", "is": "equals", "value": "b" }, "then": gift });
    for more in [
        json!({ "rules": [] }),
        json!({ "rules": [rule] }),
        json!({ "apply": "always" }),
        json!({ "app_id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11" }),
        json!({ "app_id": null }),
    ] {
        let refused = it.patch("/v1/setup", more).await;
        refused.expect_problem(400, "malformed_request");
    }
    let preview = format!("{}/rules/preview", path_of(&school, &connection));
    let refused = it.post(&preview, json!({})).await;
    refused.expect_problem(401, "not_signed_in");
    let path = path_of(&school, &connection);
    let kept = school.admin.get(&path).await.expect_status(200);
    assert_eq!(
        (&kept["rules"], &kept["apply"], &kept["app_id"]),
        (&json!([]), &json!("first"), &Value::Null)
    );
});
