//! Metadata that a setup link names: who came by it, once an admin names it, and what is read from its address.

use super::saml_flows::*;
use super::*;
use crate::saml::provider::{Algorithms, RSA_SHA256, assertion_of, certificate, response, sign_by};

/// An assertion about somebody of this name with this address, which this key has signed.
fn signed(asked: &Asked, (key, name, mail): (&'static str, &str, &str), app: &App) -> Form {
    let now = app.now();
    let value = |of: &str| format!(">{of}</saml:AttributeValue>");
    let assertion = assertion_of("_a55e", name).replace(&value(name), &value(mail));
    let algorithms = Algorithms { key, ..RSA_SHA256 };
    let assertion = sign_by(&asked.address(&assertion, now), algorithms);
    asked.send(&asked.address(&response(&assertion), now))
}

/// What comes of it.
async fn comes(app: &App, connection: &Value, who: (&'static str, &str, &str)) -> Value {
    let asked = ask(&app.anonymous(), connection, json!({})).await;
    let end = signed(&asked, who, app).post(app).await;
    exchange(app, &ticket_of(&end)).await.expect_status(200)
}

async fn outcome_of(app: &App, connection: &Value, who: (&'static str, &str, &str)) -> Value {
    comes(app, connection, who).await["outcome"].clone()
}

async fn account_of(app: &App, exchanged: &Value) -> Value {
    let me = holder(app, exchanged).get("/v1/me").await;
    me.expect_status(200)["id"].clone()
}

/// Tests a connection by an assertion that this key has signed, and has it sign people in.
async fn activated(school: &Organization<'_>, connection: &Value, key: &'static str) {
    let app = school.admin.app;
    let it = (key, "tester", "tester@x.org");
    let tested = test_saml(school, connection, |asked| signed(asked, it, app)).await;
    assert_eq!(tested["status"], "passed", "{tested:#}");
    activate(school, connection).await.expect_status(200);
}

/// A draft by SAML, and whoever has a setup link for it.
async fn given_away<'a>(app: &'a App, school: &Organization<'a>) -> (Value, Person<'a>) {
    let new = json!({ "name": "University", "kind": "saml" });
    let created = school.admin.post(&school.path("/connections"), new).await;
    let connection = created.expect_status(201);
    let it = linked(app, school, &connection).await;
    (connection, it)
}

async fn linked<'a>(app: &'a App, school: &Organization<'a>, connection: &Value) -> Person<'a> {
    let link = json!({ "connection_id": connection["id"] });
    let link = school.admin.post(&school.path("/setup-links"), link).await;
    by_setup_link(app, &text(&link.expect_status(201)["url"]))
}

async fn send(it: &Person<'_>, metadata: &str) -> Value {
    let theirs = json!({ "metadata": metadata });
    it.patch("/v1/setup", theirs).await.expect_status(200)
}

async fn revoke_links(school: &Organization<'_>) {
    let links = school.admin.get(&school.path("/setup-links")).await;
    for link in links.expect_status(200)["items"].as_array().unwrap() {
        let path = school.path(&format!("/setup-links/{}", text(&link["id"])));
        school.admin.delete(&path).await.expect_status(204);
    }
}

/// An account that the organization manages, with this address in a domain that it has proven.
async fn head_of(app: &App, school: &Organization<'_>) -> Value {
    vouched(app, school, "hill.example").await;
    let provider = IdentityProvider::start();
    let other = active(school, &provider).await;
    let claims = json!({ "sub": "head", "email": "head@hill.example" });
    let came = come(school, &other, &provider, claims).await;
    account_of(app, &came.expect_status(200)).await
}

const BY_LINK: (&str, &str, &str) = ("other", "mallory", "head@hill.example");
const BY_SCHOOL: (&str, &str, &str) = ("idp", "mallory", "mallory@hill.example");

both_databases!(
    who_came_by_a_link_is_no_one_at_the_genuine_provider,
    |app| {
        let school = app.school().await;
        let head = head_of(app, &school).await;
        let (connection, it) = given_away(app, &school).await;
        let path = path_of(&school, &connection);
        send(&it, &metadata_with("other", "")).await;
        activated(&school, &connection, "other").await;
        let mallory = comes(app, &connection, BY_LINK).await;
        assert_eq!(account_of(app, &mallory).await, head);
        revoke_links(&school).await;
        // Whether they are the school's people is the admin's to say: nothing has changed before.
        let genuine = json!({ "metadata": metadata() });
        let refused = school.admin.patch(&path, genuine).await;
        refused.expect_fields(&[("/same_provider", "missing")]);
        assert_eq!(account_of(app, &mallory).await, head);
        let genuine = json!({ "metadata": metadata(), "same_provider": false });
        let changed = school.admin.patch(&path, genuine).await.expect_status(200);
        assert_eq!(changed["status"], "paused");
        let gone = holder(app, &mallory).get("/v1/me").await;
        gone.expect_problem(401, "not_signed_in");
        activated(&school, &connection, "idp").await;
        let mallory = comes(app, &connection, BY_SCHOOL).await;
        assert_eq!(mallory["outcome"], "account_created");
        assert_ne!(account_of(app, &mallory).await, head);
    }
);

both_databases!(genuine_metadata_of_a_link_hides_nobody, |app| {
    let school = app.school().await;
    let head = head_of(app, &school).await;
    let (connection, it) = given_away(app, &school).await;
    let path = path_of(&school, &connection);
    // A certificate beside the genuine one signs as well.
    let both = with_a_second_certificate("idp", "other");
    for (theirs, key) in [(metadata_with("other", ""), "other"), (both, "other")] {
        send(&it, &theirs).await;
        activated(&school, &connection, key).await;
        let mallory = comes(app, &connection, BY_LINK).await;
        assert_eq!(account_of(app, &mallory).await, head);
    }
    send(&it, &metadata()).await;
    activated(&school, &connection, "idp").await;
    let mallory = comes(app, &connection, BY_SCHOOL).await;
    assert_eq!(mallory["outcome"], "account_created");
    let own = account_of(app, &mallory).await;
    assert_ne!(own, head);
    revoke_links(&school).await;
    // The same document is the admin's word: who came by it stays, and nobody else.
    let genuine = json!({ "metadata": metadata() });
    let changed = school.admin.patch(&path, genuine).await.expect_status(200);
    assert_eq!(changed["status"], "active");
    assert_eq!(account_of(app, &mallory).await, own);
    let mallory = comes(app, &connection, BY_SCHOOL).await;
    assert_eq!(mallory["outcome"], "signed_in");
    assert_eq!(account_of(app, &mallory).await, own);
});

both_databases!(people_of_an_honest_link_stay_who_they_are, |app| {
    let school = app.school().await;
    let (connection, it) = given_away(app, &school).await;
    let path = path_of(&school, &connection);
    let ada = ("idp", "ada", "ada@x.org");
    let bea = ("idp", "bea", "bea@x.org");
    send(&it, &metadata()).await;
    activated(&school, &connection, "idp").await;
    let came = comes(app, &connection, ada).await;
    assert_eq!(came["outcome"], "account_created");
    // A certificate more, by the link: others for now.
    let both = with_a_second_certificate("idp", "other");
    assert_eq!(send(&it, &both).await["status"], "draft");
    activated(&school, &connection, "idp").await;
    assert_eq!(outcome_of(app, &connection, ada).await, "link_required");
    let came = comes(app, &connection, bea).await;
    assert_eq!(came["outcome"], "account_created");
    // An admin names all of them, and knows the people of both.
    let ours = json!({ "metadata": both });
    let changed = school.admin.patch(&path, ours).await.expect_status(200);
    assert_eq!(changed["status"], "active");
    account_of(app, &came).await;
    for who in [ada, bea] {
        assert_eq!(outcome_of(app, &connection, who).await, "signed_in");
    }
    // From then on it is the admin's: the old certificate goes, and they stay.
    let new = json!({ "metadata": metadata_with("other", "") });
    let changed = school.admin.patch(&path, new).await.expect_status(200);
    assert_eq!(changed["status"], "active");
    for (_, name, mail) in [ada, bea] {
        let who = ("other", name, mail);
        assert_eq!(outcome_of(app, &connection, who).await, "signed_in");
    }
});

both_databases!(an_admin_says_that_it_is_the_same_provider, |app| {
    let school = app.school().await;
    let (connection, it) = given_away(app, &school).await;
    let path = path_of(&school, &connection);
    send(&it, &metadata()).await;
    // Nobody has come: there is nothing to say.
    let new = json!({ "metadata": metadata_with("other", "") });
    school
        .admin
        .patch(&path, new.clone())
        .await
        .expect_status(200);
    send(&it, &metadata()).await;
    activated(&school, &connection, "idp").await;
    let ada = comes(app, &connection, ("idp", "ada", "ada@x.org")).await;
    assert_eq!(ada["outcome"], "account_created");
    let unsaid = school.admin.patch(&path, new.clone()).await;
    unsaid.expect_fields(&[("/same_provider", "missing")]);
    let alone = school
        .admin
        .patch(&path, json!({ "same_provider": true }))
        .await;
    alone.expect_fields(&[("/same_provider", "missing")]);
    let mut said = new;
    said["same_provider"] = json!(true);
    let changed = school.admin.patch(&path, said.clone()).await;
    assert_eq!(changed.expect_status(200)["status"], "paused");
    account_of(app, &ada).await;
    activated(&school, &connection, "other").await;
    let ada = ("other", "ada", "ada@x.org");
    assert_eq!(outcome_of(app, &connection, ada).await, "signed_in");
    // It is not for a link to say.
    let refused = it.patch("/v1/setup", said).await;
    refused.expect_problem(400, "malformed_request");
});

/// Whether a connection has this certificate of the identity provider alone.
fn has_only(connection: &Value, name: &str) -> bool {
    let certificates = connection["identity_provider"]["certificates"].as_array();
    let prints: Vec<_> = certificates.unwrap().iter().collect();
    prints.len() == 1 && prints[0]["fingerprint"] == certificate(name).fingerprint()
}

both_databases!(an_address_of_a_link_brings_no_other_signer, |app| {
    let mut school = app.school().await;
    let (connection, it) = given_away(app, &school).await;
    let path = path_of(&school, &connection);
    let provider = IdentityProvider::start();
    let publish = |document: &str| provider.answer_instead("/metadata", 200, document);
    let theirs = json!({ "metadata_url": format!("{}/metadata", provider.issuer()) });
    let ada = ("idp", "ada", "ada@x.org");
    publish(&metadata());
    it.patch("/v1/setup", theirs.clone())
        .await
        .expect_status(200);
    activated(&school, &connection, "idp").await;
    assert_eq!(outcome_of(app, &connection, ada).await, "account_created");
    let both = with_a_second_certificate("idp", "other");
    let moved = metadata().replace(SSO, "https://elsewhere.example/sso");
    let refresh = format!("{path}/refresh");
    for document in [&metadata_with("other", ""), &both, &moved] {
        publish(document);
        let read = school.admin.post(&refresh, Value::Null).await;
        let read = read.expect_status(200);
        assert!(has_only(&read, "idp"), "{read:#}");
        assert_eq!(read["status"], "active");
        assert_eq!(read["warnings"][0]["code"], "metadata_unreachable");
        let detail = text(&read["warnings"][0]["detail"]);
        assert!(detail.contains("send `metadata_url` again"), "{detail}");
    }
    app.advance(Duration::from_secs(24 * 60 * 60 + 60));
    app.drain().await;
    school.admin = app.sign_in(&school.admin.email, PASSWORD).await;
    let read = school.admin.get(&path).await.expect_status(200);
    assert!(has_only(&read, "idp"), "{read:#}");
    // By the link it is another issuer, and nobody is signed in by it untested.
    publish(&both);
    let changed = it.patch("/v1/setup", theirs.clone()).await;
    assert_eq!(changed.expect_status(200)["status"], "draft");
    activated(&school, &connection, "idp").await;
    assert_eq!(outcome_of(app, &connection, ada).await, "link_required");
    // An admin who sends the address takes what is there, and what comes later.
    let taken = school.admin.patch(&path, theirs).await.expect_status(200);
    assert_eq!(taken["status"], "active");
    assert_eq!(outcome_of(app, &connection, ada).await, "signed_in");
    publish(&metadata_with("other", ""));
    let read = school.admin.post(&refresh, Value::Null).await;
    let read = read.expect_status(200);
    assert!(has_only(&read, "other"), "{read:#}");
    assert_eq!(read["warnings"], json!([]));
    let ada = ("other", "ada", "ada@x.org");
    assert_eq!(outcome_of(app, &connection, ada).await, "signed_in");
});

both_databases!(
    an_address_where_people_sign_in_is_the_providers_own,
    |app| {
        let school = app.school().await;
        let (connection, it) = given_away(app, &school).await;
        let provider = IdentityProvider::start();
        let sign_in = format!("{}/sso", provider.issuer());
        let publish = |document: String| {
            let document = document.replace(SSO, &sign_in);
            provider.answer_instead("/metadata", 200, &document);
        };
        let theirs = json!({ "metadata_url": format!("{}/metadata", provider.issuer()) });
        publish(metadata());
        it.patch("/v1/setup", theirs).await.expect_status(200);
        activated(&school, &connection, "idp").await;
        let ada = ("idp", "ada", "ada@x.org");
        assert_eq!(outcome_of(app, &connection, ada).await, "account_created");
        publish(metadata_with("other", ""));
        let refresh = format!("{}/refresh", path_of(&school, &connection));
        let read = school.admin.post(&refresh, Value::Null).await;
        let read = read.expect_status(200);
        assert!(has_only(&read, "other"), "{read:#}");
        assert_eq!(read["status"], "active");
        let ada = ("other", "ada", "ada@x.org");
        assert_eq!(outcome_of(app, &connection, ada).await, "signed_in");
    }
);

both_databases!(who_was_removed_is_known_by_whatever_metadata, |app| {
    let school = app.school().await;
    let connection = saml_active(&school).await;
    let path = path_of(&school, &connection);
    let it = linked(app, &school, &connection).await;
    let remove = async |name: &str| {
        let came = comes(app, &connection, ("idp", name, "nobody")).await;
        assert_eq!(came["outcome"], "account_created");
        let id = text(&account_of(app, &came).await);
        let member = school.path(&format!("/members/{id}"));
        school.admin.delete(&member).await.expect_status(204);
    };
    let is_kept_out = async |name: &str| {
        let asked = ask(&app.anonymous(), &connection, json!({})).await;
        let end = signed(&asked, ("idp", name, "nobody"), app).post(app).await;
        let refused = exchange(app, &ticket_of(&end)).await;
        refused.expect_problem(403, "removed_by_admin");
    };
    remove("rex").await;
    send(&it, &with_a_second_certificate("idp", "other")).await;
    activated(&school, &connection, "idp").await;
    is_kept_out("rex").await;
    remove("sam").await;
    let ours = json!({ "metadata": metadata(), "same_provider": false });
    school.admin.patch(&path, ours).await.expect_status(200);
    activated(&school, &connection, "idp").await;
    for name in ["rex", "sam"] {
        is_kept_out(name).await;
    }
});
