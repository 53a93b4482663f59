//! Connections by SAML, with a provider that says and signs what a test wants.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rollcall::config::Config;
use rollcall::crypto::certificate::Certificate;
use rollcall::crypto::public_key::SignatureAlgorithm;

use super::saml_flows::*;
use super::*;
use crate::saml::provider::{self as words, ACS, AUDIENCE, ISSUER, assertion_of, response};
use crate::support::app::block_on;

both_databases!(people_sign_in_by_saml, |app| {
    let school = app.school().await;
    let connection = saml_draft(&school).await;
    assert_eq!(connection["kind"], "saml");
    assert_eq!(connection["preset"], "generic");
    assert_eq!(connection["subject_source"], "name_id");
    assert_eq!(connection["has_client_secret"], false);
    let theirs = &connection["identity_provider"];
    assert_eq!(theirs["entity_id"], ISSUER);
    assert_eq!(theirs["sign_in_location"], SSO);
    assert_eq!(theirs["issuer"], Value::Null);
    let print = words::certificate("idp").fingerprint();
    assert_eq!(theirs["certificates"][0]["fingerprint"], print);
    let ours = &connection["service_provider"];
    assert_eq!(ours["redirect_uri"], Value::Null);
    assert_eq!(ours["entity_id"], ours["metadata_url"]);

    let ada = assertion_of("_a55e", "ada@example.org");
    let now = app.now();
    let tested = test_saml(&school, &connection, |asked| asked.answer(&ada, now)).await;
    assert_eq!(tested["status"], "passed", "{tested:#}");
    assert_eq!(tested["claims"]["name_id"], "ada@example.org");
    assert_eq!(tested["claims"][MAIL], json!(["ada@example.org"]));
    assert_eq!(tested["would"]["account"], "account_created");
    activate(&school, &connection).await.expect_status(200);

    let end = come_with(app, &connection, &ada).await;
    let came = exchange(app, &ticket_of(&end)).await.expect_status(200);
    assert_eq!(came["outcome"], "account_created");
    let me = holder(app, &came).get("/v1/me").await.expect_status(200);
    assert_eq!(me["email"], "ada@example.org");
    let end = come_with(app, &connection, &ada).await;
    let again = exchange(app, &ticket_of(&end)).await.expect_status(200);
    assert_eq!(again["outcome"], "signed_in");
    let identities = holder(app, &again).get("/v1/me/identities").await;
    let identities = identities.expect_status(200);
    assert_eq!(identities["items"][0]["connection"]["kind"], "saml");
    // The provider ends the session after eight hours, and so does Rollcall.
    app.advance(Duration::from_secs(9 * 60 * 60));
    let body = json!({ "refresh_token": again["refresh_token"] });
    let refresh = app.anonymous().post("/v1/auth/refresh", body).await;
    assert_eq!(refresh.status, 401, "{}", refresh.text);
});

both_databases!(rollcalls_metadata_says_what_requests_say, |app| {
    let school = app.school().await;
    let more = r#" xmlns:x="urn:x""#;
    let wants = metadata_with("idp", more).replace(
        "<md:IDPSSODescriptor",
        r#"<md:IDPSSODescriptor WantAuthnRequestsSigned="true""#,
    );
    let new = json!({ "name": "University", "kind": "saml", "metadata": wants });
    let created = school.admin.post(&school.path("/connections"), new).await;
    let connection = created.expect_status(201);
    let id = text(&connection["id"]);
    let ours = format!("/v1/sso/saml/{id}/metadata");
    let shown = app.anonymous().get(&ours).await;
    assert_eq!(shown.status, 200);
    let document = roxmltree::Document::parse(&shown.text).unwrap();
    let root = document.root_element();
    let entity_id = root.attribute("entityID").unwrap();
    assert_eq!(entity_id, connection["service_provider"]["entity_id"]);
    let named = |name: &str| {
        let mut found = root.descendants().filter(|it| it.tag_name().name() == name);
        found.next().unwrap()
    };
    let acs = named("AssertionConsumerService").attribute("Location");
    assert_eq!(acs.unwrap(), connection["service_provider"]["acs_url"]);
    let packed: String = named("X509Certificate")
        .text()
        .unwrap()
        .split_whitespace()
        .collect();
    let certificate = Certificate::from_text(&packed).unwrap();
    // Requests are signed by the key of that certificate.
    let path = format!("{}/tests", path_of(&school, &connection));
    let begun = school.admin.post(&path, Value::Null).await;
    let start = Url::parse(&text(&begun.expect_status(201)["start_url"])).unwrap();
    let asked = follow(app, &start).await;
    let query = asked.query().unwrap();
    let (signed, signature) = query.split_once("&Signature=").unwrap();
    let signature = percent_encoding::percent_decode_str(signature).decode_utf8();
    let signature = STANDARD.decode(signature.unwrap().as_bytes()).unwrap();
    let algorithm = SignatureAlgorithm::Rs256;
    let key = certificate.key();
    assert!(key.verifies(algorithm, signed.as_bytes(), &signature));
    let again = app.anonymous().get(&ours).await;
    assert_eq!(again.text, shown.text);

    let by_oidc = draft(&school, &IdentityProvider::start()).await;
    for id in [text(&by_oidc["id"]), school.id.clone()] {
        let unknown = app.anonymous();
        let unknown = unknown.get(&format!("/v1/sso/saml/{id}/metadata")).await;
        unknown.expect_problem(404, "not_found");
    }
});

both_databases!(what_came_is_shown_where_the_signature_holds, |app| {
    let school = app.school().await;
    let connection = saml_draft(&school).await;
    let now = app.now();
    let mira = assertion_of("_a55e", "mira@hill.example");
    let elsewhere = mira.replace(AUDIENCE, "https://other.example/");
    let failed = test_saml(&school, &connection, |asked| asked.answer(&elsewhere, now)).await;
    let last = last_step(&failed);
    assert_eq!(last["name"], "audience");
    assert_eq!(failed["claims"][MAIL], json!(["mira@hill.example"]));
    // Of a document that nobody signed nothing is known.
    let unsigned = |asked: &Asked| asked.send(&asked.address(&response(&mira), now));
    let failed = test_saml(&school, &connection, unsigned).await;
    assert_eq!(failed["claims"], Value::Null);
});

both_databases!(guests_of_entra_stand_outside_of_proven_domains, |app| {
    const PROVIDER: &str = "http://schemas.microsoft.com/identity/claims/identityprovider";
    const UPN: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn";
    const NAME: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name";

    let school = app.school().await;
    vouched(app, &school, "hill.example").await;
    let new = json!({
        "name": "Entra", "kind": "saml", "preset": "entra", "metadata": metadata(), "subject_source": "name_id",
    });
    let created = school.admin.post(&school.path("/connections"), new).await;
    let connection = created.expect_status(201);
    let path = path_of(&school, &connection);
    let changed = school
        .admin
        .patch(&path, json!({ "arrivals": "proven_domains" }))
        .await;
    changed.expect_status(200);
    let now = app.now();
    let with = |name: &str, value: &str| {
        let attribute = format!(
            r#"<saml:Attribute Name="{name}"><saml:AttributeValue>{value}</saml:AttributeValue></saml:Attribute></saml:AttributeStatement>"#
        );
        assertion_of("_a55e", "mira@hill.example").replace("</saml:AttributeStatement>", &attribute)
    };
    for (name, value, account) in [
        (PROVIDER, ISSUER, "account_created"),
        (PROVIDER, "live.com", "not_expected_here"),
        (
            UPN,
            "mira_other.example#EXT#@school.onmicrosoft.com",
            "not_expected_here",
        ),
        (NAME, "mira@hill.example", "account_created"),
    ] {
        let said = with(name, value);
        let tested = test_saml(&school, &connection, |asked| asked.answer(&said, now)).await;
        assert_eq!(
            tested["would"]["account"], account,
            "{name} {value}: {tested:#}"
        );
    }
});

both_databases!(guests_of_entra_have_the_name_of_a_person, |app| {
    const NAME: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name";
    const DISPLAY: &str = "http://schemas.microsoft.com/identity/claims/displayname";
    let upn = |who: &str| format!("{who}_other.example#EXT#@hill.onmicrosoft.com");

    let school = app.school().await;
    let connection = saml_active(&school).await;
    for (who, email, display_name, username) in [
        // Entra sends the name to sign in with as the address, too, where a guest has no mailbox in the tenant.
        ("mira.stein", upn("mira.stein"), None, "Mira Stein"),
        ("noah", "noah@other.example".to_owned(), None, "Noah"),
        (
            "lena",
            upn("lena"),
            Some("Lena Blum (Guest)"),
            "Lena Blum (Guest)",
        ),
    ] {
        let mut attributes = vec![(NAME, upn(who))];
        attributes.extend(display_name.map(|name| (DISPLAY, name.to_owned())));
        let mut said = assertion_of("_a55e", who).replacen(
            &format!(">{who}</saml:AttributeValue>"),
            &format!(">{email}</saml:AttributeValue>"),
            1,
        );
        for (name, value) in attributes {
            let attribute = format!(
                r#"<saml:Attribute Name="{name}"><saml:AttributeValue>{value}</saml:AttributeValue></saml:Attribute></saml:AttributeStatement>"#
            );
            said = said.replace("</saml:AttributeStatement>", &attribute);
        }
        let end = come_with(app, &connection, &said).await;
        let came = exchange(app, &ticket_of(&end)).await.expect_status(200);
        let me = holder(app, &came).get("/v1/me").await.expect_status(200);
        assert_eq!(me["username"], username, "{who}");
    }
});

both_databases!(a_name_that_changes_names_nobody, |app| {
    let school = app.school().await;
    let connection = saml_draft(&school).await;
    let path = path_of(&school, &connection);
    let now = app.now();
    let passing = assertion_of("_a55e", "mira@hill.example").replace(PERSISTENT, TRANSIENT);
    let failed = test_saml(&school, &connection, |asked| asked.answer(&passing, now)).await;
    assert_eq!(failed["status"], "failed");
    let last = last_step(&failed);
    assert_eq!(last["name"], "subject");
    assert_eq!(last["received"], TRANSIENT);
    // What came is shown, so that another source can be chosen of it.
    assert_eq!(failed["claims"][MAIL], json!(["mira@hill.example"]));
    for (source, code) in [
        ("uid", "invalid"),
        ("attribute:", "invalid"),
        ("", "invalid"),
    ] {
        let body = json!({ "subject_source": source });
        let refused = school.admin.patch(&path, body).await;
        refused.expect_fields(&[("/subject_source", code)]);
    }
    let by_mail = json!({ "subject_source": format!("attribute:{MAIL}") });
    let changed = school.admin.patch(&path, by_mail.clone()).await;
    let changed = changed.expect_status(200);
    assert_eq!(changed["subject_source"], by_mail["subject_source"]);
    let passed = test_saml(&school, &connection, |asked| asked.answer(&passing, now)).await;
    assert_eq!(passed["status"], "passed", "{passed:#}");
    activate(&school, &connection).await.expect_status(200);
    let end = come_with(app, &connection, &passing).await;
    let came = exchange(app, &ticket_of(&end)).await.expect_status(200);
    assert_eq!(came["outcome"], "account_created");
    // It never falls back to another: without the attribute nobody comes.
    let other = assertion_of("_a55e", "mira@hill.example").replace(MAIL, "urn:oid:2.5.4.3");
    let end = come_with(app, &connection, &other).await;
    let refused = refused_at(&school, &end).await;
    assert_eq!(
        refused,
        ("subject".to_owned(), "subject_missing".to_owned())
    );
    // Another source is another name for everybody: it has to be tested first.
    let back = json!({ "subject_source": "name_id" });
    let changed = school.admin.patch(&path, back).await.expect_status(200);
    assert_eq!(changed["tested_at"], Value::Null);
    assert_eq!(changed["status"], "paused");
    // A provider that begins to send names that change.
    let by_name = saml_active(&school).await;
    let end = come_with(app, &by_name, &passing).await;
    let refused = refused_at(&school, &end).await;
    assert_eq!(refused.1, "saml_subject_transient");
});

both_databases!(responses_that_are_not_good_sign_nobody_in, |app| {
    let school = app.school().await;
    let connection = saml_active(&school).await;
    let ada = assertion_of("_a55e", "ada@example.org");
    let now = app.now();
    let nobody = app.anonymous();

    let asked = ask(&nobody, &connection, json!({})).await;
    let form = asked.answer(&ada, now);
    let end = form.post(app).await;
    let ticket = ticket_of(&end);
    // Once more: nobody waits for it.
    let end = form.post(app).await;
    assert_eq!(end.path(), "/sign-in");
    assert_eq!(
        end.query().unwrap(),
        format!("connection={}", text(&connection["id"]))
    );
    exchange(app, &ticket).await.expect_status(200);

    // Nobody asked for it.
    for fields in [
        vec![],
        vec![form.fields[0].clone()],
        vec![
            form.fields[0].clone(),
            ("RelayState", "elsewhere".to_owned()),
        ],
    ] {
        let unasked = Form {
            fields,
            ..form.clone()
        };
        assert_eq!(unasked.post(app).await.path(), "/sign-in");
    }

    // Brought to another connection of the same provider.
    let second = saml_active(&school).await;
    let asked = ask(&nobody, &connection, json!({})).await;
    let mut elsewhere = asked.answer(&ada, now);
    let of_second = Url::parse(&text(&second["service_provider"]["acs_url"])).unwrap();
    elsewhere.acs_url = of_second.clone();
    let start = elsewhere.post(app).await;
    let own_start = format!("connection={}", text(&second["id"]));
    assert_eq!(start.query(), Some(own_start.as_str()));
    // A test says so.
    let test = test_saml(&school, &connection, |asked| Form {
        acs_url: of_second,
        ..asked.answer(&ada, now)
    });
    let test = test.await;
    assert_eq!(test["status"], "failed", "{test:#}");
    assert_eq!(last_step(&test)["name"], "destination");

    // The answer to another request, with the state of this one.
    let (first, other) = (
        ask(&nobody, &connection, json!({})).await,
        ask(&nobody, &connection, json!({})).await,
    );
    let mut crossed = first.answer(&ada, now);
    crossed.fields[1].1 = other.query["RelayState"].clone();
    let refused = refused_at(&school, &crossed.post(app).await).await;
    assert_eq!(
        refused,
        ("in_response_to".to_owned(), "response_invalid".to_owned())
    );

    let wrong = [
        ("signature", ada.clone(), false),
        (
            "audience",
            ada.replace(AUDIENCE, "https://elsewhere.example"),
            true,
        ),
        (
            "issuer",
            ada.replace(ISSUER, "https://elsewhere.example"),
            true,
        ),
        (
            "recipient",
            ada.replace(ACS, "https://elsewhere.example"),
            true,
        ),
        (
            "time",
            ada.replace("2026-03-01T12:05:00Z", "2025-03-01T12:05:00Z"),
            true,
        ),
    ];
    for (step, assertion, signed) in wrong {
        let asked = ask(&nobody, &connection, json!({})).await;
        let form = match signed {
            true => asked.answer(&assertion, now),
            false => asked.send(&asked.address(&response(&assertion), now)),
        };
        let refused = refused_at(&school, &form.post(app).await).await;
        assert_eq!(refused, (step.to_owned(), "response_invalid".to_owned()));
    }
    // The provider let nobody in.
    let asked = ask(&nobody, &connection, json!({})).await;
    let denied = response("").replace("status:Success", "status:Responder");
    let form = asked.send(&asked.address(&denied, now));
    let refused = refused_at(&school, &form.post(app).await).await;
    assert_eq!(
        refused,
        ("status".to_owned(), "identity_provider_refused".to_owned())
    );
    // Too late.
    let asked = ask(&nobody, &connection, json!({})).await;
    app.advance(Duration::from_secs(601));
    assert_eq!(asked.answer(&ada, now).post(app).await.path(), "/sign-in");
});

both_databases!(metadata_is_read_from_its_address_or_refused, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let url = |path: &str| format!("{}{path}", provider.issuer());
    let create = async |body: Value| {
        let mut all = json!({ "name": "University", "kind": "saml" });
        let fields = all.as_object_mut().unwrap();
        fields.extend(body.as_object().unwrap().clone());
        school.admin.post(&school.path("/connections"), all).await
    };
    let expired = metadata_with("idp", r#" validUntil="2020-01-01T00:00:00Z""#);
    let two = format!(
        r#"<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata">{}{}</md:EntitiesDescriptor>"#,
        metadata(),
        metadata().replace(ISSUER, "https://other.example")
    );
    for (body, field, code) in [
        (json!({ "entity_id": ISSUER }), "/entity_id", "missing"),
        (
            json!({ "subject_source": "name_id" }),
            "/subject_source",
            "missing",
        ),
        (
            json!({ "metadata": "x", "metadata_url": "https://idp.example" }),
            "/metadata",
            "not_both",
        ),
        (
            json!({ "metadata_url": "idp.example" }),
            "/metadata_url",
            "invalid",
        ),
        (
            json!({ "metadata_url": "http://169.254.169.254/latest" }),
            "/metadata_url",
            "address_not_allowed",
        ),
        (
            json!({ "metadata_url": "https://10.0.0.1/metadata" }),
            "/metadata_url",
            "address_not_allowed",
        ),
        (
            json!({ "metadata_url": url("/nothing") }),
            "/metadata_url",
            "unreachable",
        ),
        (json!({ "metadata": "no XML" }), "/metadata", "document"),
        (json!({ "metadata": "<md/>" }), "/metadata", "shape"),
        (json!({ "metadata": expired }), "/metadata", "time"),
        (json!({ "metadata": two }), "/metadata", "issuer"),
        (
            json!({ "metadata": metadata_with("small", "") }),
            "/metadata",
            "keys",
        ),
        (
            json!({ "metadata": metadata(), "entity_id": "https://other.example" }),
            "/metadata",
            "issuer",
        ),
        (
            json!({ "metadata": metadata(), "metadata_signing_certificate": "x" }),
            "/metadata_signing_certificate",
            "invalid",
        ),
        (
            json!({ "metadata": metadata(), "client_id": "x" }),
            "/client_id",
            "not_of_kind",
        ),
        (
            json!({ "metadata": metadata(), "preset": "clever" }),
            "/preset",
            "not_of_kind",
        ),
    ] {
        let refused = create(body.clone()).await;
        assert_eq!(refused.status, 422, "{body}: {}", refused.text);
        refused.expect_fields(&[(field, code)]);
    }
    let other = json!({ "metadata": two, "entity_id": "https://other.example" });
    let created = create(other).await.expect_status(201);
    assert_eq!(
        created["identity_provider"]["entity_id"],
        "https://other.example"
    );

    provider.answer_instead("/metadata", 200, &metadata());
    let by_url = json!({ "metadata_url": url("/metadata") });
    let connection = create(by_url).await.expect_status(201);
    assert_eq!(
        connection["identity_provider"]["metadata_url"],
        url("/metadata")
    );
    // Another certificate is taken from the same address once somebody says so.
    provider.answer_instead("/metadata", 200, &metadata_with("other", ""));
    let path = path_of(&school, &connection);
    let again = json!({ "metadata_url": url("/metadata") });
    let changed = school.admin.patch(&path, again).await.expect_status(200);
    let print = words::certificate("other").fingerprint();
    assert_eq!(
        changed["identity_provider"]["certificates"][0]["fingerprint"],
        print
    );
    let alone = json!({ "entity_id": ISSUER });
    let refused = school.admin.patch(&path, alone).await;
    refused.expect_fields(&[("/entity_id", "missing")]);
    // So many are not fetched within an hour.
    provider.answer_instead("/huge", 200, &"x".repeat(6 * 1024 * 1024));
    let huge = create(json!({ "metadata_url": url("/huge") })).await;
    huge.expect_fields(&[("/metadata_url", "unreachable")]);
    let mut last = None;
    for _ in 0..10 {
        let refused = create(json!({ "metadata_url": url("/nothing") })).await;
        last = Some(refused.status.as_u16());
    }
    assert_eq!(last, Some(429));
});

#[test]
fn what_needs_a_key_is_refused_where_there_is_none() {
    let without_key = |config: &mut Config| config.federation_key_file = None;
    let Some(app) = App::on_postgres_with(without_key) else {
        return;
    };
    block_on(async {
        let school = app.school().await;
        let wants = metadata().replace(
            "<md:IDPSSODescriptor",
            r#"<md:IDPSSODescriptor WantAuthnRequestsSigned="true""#,
        );
        for new in [
            json!({ "name": "n", "kind": "saml", "metadata": wants }),
            json!({
                "name": "n", "kind": "oidc", "preset": "generic", "issuer": "https://idp.example",
                "client_id": "c", "client_authentication": "private_key_jwt",
            }),
        ] {
            let refused = school.admin.post(&school.path("/connections"), new).await;
            missing(&refused);
        }
        let anonymous = app.anonymous();
        missing(&anonymous.get("/v1/lti/jwks").await);
        // A secret does without.
        let provider = IdentityProvider::start();
        let connection = draft(&school, &provider).await;
        let change = json!({ "client_authentication": "private_key_jwt" });
        let path = path_of(&school, &connection);
        missing(&school.admin.patch(&path, change).await);
        let operator = app.operator().await;
        let new = json!({
            "name": "n", "preset": "google", "client_id": "c", "client_authentication": "private_key_jwt",
        });
        missing(&operator.post("/v1/apps", new.clone()).await);
        // Who may not do it is told that, and nothing of keys.
        let stranger = app.register("stranger@x.example").await;
        let refused = stranger.post("/v1/apps", new).await;
        refused.expect_problem(403, "forbidden");
        let by_key = json!({
            "name": "n", "kind": "oidc", "preset": "generic", "issuer": "https://idp.example",
            "client_id": "c", "client_authentication": "private_key_jwt",
        });
        let refused = stranger.post(&school.path("/connections"), by_key).await;
        refused.expect_problem(404, "not_found");
    });
}

/// Whoever runs the installation has to make it: to wait does not help.
fn missing(refused: &TestResponse) {
    let told = refused.expect_problem(409, "federation_key_missing");
    let detail = text(&told["detail"]);
    assert!(detail.contains("Ask whoever runs it"), "{detail}");
    assert!(detail.contains("ROLLCALL_FEDERATION_KEY_FILE"), "{detail}");
    assert_eq!(refused.header("retry-after"), "");
}

both_databases!(of_several_addresses_none_is_somebodys, |app| {
    let school = app.school().await;
    let connection = saml_active(&school).await;
    vouched(app, &school, "example.org").await;
    let said = |who: &str, addresses: &[&str]| {
        let one = assertion_of("_a55e", who);
        let value = |address: &str| format!("<saml:AttributeValue>{address}</saml:AttributeValue>");
        let values: String = addresses.iter().map(|it| value(it)).collect();
        one.replace(&value(who), &values)
    };
    let come = async |assertion: &str| {
        let end = come_with(app, &connection, assertion).await;
        let came = exchange(app, &ticket_of(&end)).await.expect_status(200);
        assert_eq!(came["outcome"], "account_created");
        let me = holder(app, &came).get("/v1/me").await.expect_status(200);
        (text(&me["id"]), text(&me["email"]))
    };
    let office = "office@example.org";
    let (first, address) = come(&said("ada", &[office, "ada@example.org"])).await;
    assert_ne!(address, office);
    let (second, address) = come(&said("bea", &[office, "bea@example.org"])).await;
    assert_ne!(address, office);
    assert_ne!(first, second);
    // The same one twice is one.
    let twice = said("cat", &["cat@example.org", " Cat@example.org "]);
    assert_eq!(come(&twice).await.1, "cat@example.org");
    let now = app.now();
    let several = said("dan", &[office, "dan@example.org"]);
    let tested = test_saml(&school, &connection, |asked| asked.answer(&several, now)).await;
    assert_eq!(tested["status"], "passed", "{tested:#}");
    let steps = tested["steps"].as_array().unwrap();
    let told: Vec<&Value> = steps.iter().filter(|it| it["name"] == "email").collect();
    assert_eq!(told.len(), 1, "{tested:#}");
    assert_eq!(told[0]["result"], "warning");
    assert_eq!(told[0]["received"], "2 addresses");
});
