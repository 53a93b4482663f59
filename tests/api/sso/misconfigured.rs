//! Mistakes that an admin makes when they set a connection up, and what a test of it tells them: the step, what was
//! expected, what came, and what to change in which system.

use super::saml_flows::*;
use super::*;
use crate::limits::on_both;
use crate::saml::encrypting::{CBC, Encryption, GCM};
use crate::saml::provider::{ACS, AUDIENCE, ISSUER, assertion_of, response, sign};

const DISCOVERY: &str = "/.well-known/openid-configuration";

/// What an admin has to read of a test that failed; each of the last three stands in there.
struct Told {
    step: &'static str,
    expected: String,
    received: String,
    advice: String,
}

impl Told {
    fn at(step: &'static str, expected: &str, received: &str, advice: &str) -> Self {
        Self {
            step,
            expected: expected.to_owned(),
            received: received.to_owned(),
            advice: advice.to_owned(),
        }
    }

    /// Requires that the last step of a test says so.
    #[track_caller]
    fn by(&self, mistake: &str, test: &Value) {
        assert_eq!(test["status"], "failed", "{mistake}: {test:#}");
        let last = last_step(test);
        assert_eq!(last["result"], "failed", "{mistake}: {test:#}");
        self.stands_in(mistake, last);
    }

    /// Requires that a step says so.
    #[track_caller]
    fn stands_in(&self, mistake: &str, step: &Value) {
        assert_eq!(step["name"], self.step, "{mistake}: {step:#}");
        for (part, words) in [
            ("expected", &self.expected),
            ("received", &self.received),
            ("advice", &self.advice),
        ] {
            let said = text(&step[part]);
            assert!(said.contains(words.as_str()), "{mistake}, {part}: {said}");
        }
    }
}

/// A draft with other values than those of the provider.
async fn mistaken(school: &Organization<'_>, provider: &IdentityProvider, wrong: Value) -> Value {
    let connection = draft(school, provider).await;
    let path = path_of(school, &connection);
    let changed = school.admin.patch(&path, wrong).await;
    changed.expect_status(200)
}

/// A browser that the provider sends back with an error.
fn with_error(error: &str, words: &str) -> impl FnOnce(&Url) -> Url {
    move |asked: &Url| {
        let query: HashMap<String, String> = asked.query_pairs().into_owned().collect();
        let mut back = Url::parse(&query["redirect_uri"]).unwrap();
        back.query_pairs_mut()
            .append_pair("error", error)
            .append_pair("error_description", words)
            .append_pair("state", &query["state"]);
        back
    }
}

fn somebody() -> Value {
    json!({ "sub": "it-1", "email": "it@hill.example" })
}

both_databases!(a_provider_that_is_not_where_it_was_said_to_be, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let issuer = provider.issuer();
    let as_typed = async |wrong: &str| {
        let issuer = json!({ "issuer": wrong, "client_secret": CLIENT_SECRET });
        let connection = mistaken(&school, &provider, issuer).await;
        test(&school, &connection, &provider, somebody()).await
    };
    let slash = format!("{issuer}/");
    let tested = as_typed(&slash).await;
    let told = Told::at("discovery", &slash, &issuer, "issuer of the connection");
    told.by("a slash too much behind the issuer", &tested);

    let realm = format!("{issuer}/realms/hill");
    let tested = as_typed(&realm).await;
    let document = format!("{realm}{DISCOVERY}");
    let told = Told::at("discovery", &document, "status 404", "Check the issuer");
    told.by("the issuer of a realm that there is not", &tested);

    let tested = as_typed("http://127.0.0.1:1").await;
    let told = Told::at("discovery", "127.0.0.1:1", "nothing listens", "firewall");
    told.by("a port at which nobody listens", &tested);

    let of_another = json!({
        "issuer": format!("{issuer}/tenant-2"), "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"), "jwks_uri": format!("{issuer}/jwks"),
    });
    let path = format!("/tenant-1{DISCOVERY}");
    provider.answer_instead(&path, 200, &of_another.to_string());
    let tested = as_typed(&format!("{issuer}/tenant-1")).await;
    let told = Told::at(
        "discovery",
        "/tenant-1",
        "/tenant-2",
        "issuer of the connection",
    );
    told.by("the issuer of another tenant", &tested);

    provider.answer_instead(&path, 200, "<!DOCTYPE html><title>Sign in</title>");
    let tested = as_typed(&format!("{issuer}/tenant-1")).await;
    let told = Told::at(
        "discovery",
        "OpenID Connect Discovery",
        "HTML",
        "Check the issuer",
    );
    told.by("the address of a web page as the issuer", &tested);
});

both_databases!(a_provider_whose_keys_or_answers_do_not_come, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let tested = async || {
        let connection = draft(&school, &provider).await;
        test(&school, &connection, &provider, somebody()).await
    };
    provider.answer_instead("/jwks", 503, "");
    let keys = format!("{}/jwks", provider.issuer());
    let told = Told::at("keys", &keys, "status 503", "out of order");
    told.by("a provider that has a fault", &tested().await);
    provider.answer_instead("/jwks", 404, "");
    let told = Told::at("keys", &keys, "status 404", "jwks_uri");
    told.by("keys that are elsewhere", &tested().await);
    provider.answer_as_before("/jwks");
    for status in [429, 500, 503] {
        provider.answer_instead(DISCOVERY, status, "");
        let (document, received) = (provider.issuer(), format!("status {status}"));
        let told = Told::at(
            "discovery",
            &document,
            &received,
            "Nothing in the connection is wrong",
        );
        told.by("a provider that has a fault", &tested().await);
    }
    provider.answer_as_before(DISCOVERY);

    provider.answer_instead("/token", 502, "");
    let token = format!("{}/token", provider.issuer());
    let told = Told::at("token_request", "an ID token", "status 502", &token);
    told.by(
        "a token endpoint with a problem of its own",
        &tested().await,
    );
});

#[test]
fn a_provider_that_says_nothing() {
    on_both(impatient, async |app| {
        let school = app.school().await;
        let provider = IdentityProvider::start();
        provider.hang_at("/token");
        let connection = draft(&school, &provider).await;
        let tested = test(&school, &connection, &provider, somebody()).await;
        let token = format!("{}/token", provider.issuer());
        let told = Told::at("token_request", "an ID token", "within 1 s", &token);
        told.by("a token endpoint that says nothing", &tested);
    });
}

both_databases!(a_client_that_the_provider_does_not_know, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let refused = async |error: &str, words: &str| {
        let problem = json!({ "error": error, "error_description": words });
        provider.answer_instead("/token", 401, &problem.to_string());
        let connection = draft(&school, &provider).await;
        let redirect_uri = text(&connection["service_provider"]["redirect_uri"]);
        let tested = test(&school, &connection, &provider, somebody()).await;
        (tested, redirect_uri)
    };
    let (tested, _) = refused("invalid_client", "Client authentication failed.").await;
    let told = Told::at(
        "token_request",
        "ID token",
        "invalid_client",
        "client id and secret",
    );
    told.by("the secret of another application", &tested);

    let words = "AADSTS7000215: Invalid client secret provided. Ensure the secret being sent in the request is the \
                 client secret value, not the client secret ID.";
    let (tested, _) = refused("invalid_client", words).await;
    let told = Told::at("token_request", "ID token", "AADSTS7000215", "not its id");
    told.by("the id of the secret (Entra)", &tested);

    let words = "AADSTS7000222: The provided client secret keys for app are expired.";
    let (tested, _) = refused("invalid_client", words).await;
    let told = Told::at("token_request", "ID token", "AADSTS7000222", "expired");
    told.by("a secret that has expired (Entra)", &tested);

    let (tested, redirect_uri) = refused("invalid_grant", "redirect_uri mismatch").await;
    let told = Told::at("token_request", "ID token", "redirect_uri", &redirect_uri);
    told.by(
        "another redirect URI than registered, told at the token endpoint",
        &tested,
    );
    provider.answer_as_before("/token");

    let back = async |error: &str, words: &str| {
        let connection = draft(&school, &provider).await;
        let redirect_uri = text(&connection["service_provider"]["redirect_uri"]);
        let tested = test_back(&school, &connection, with_error(error, words)).await;
        (tested, redirect_uri)
    };
    for error in ["invalid_request", "redirect_uri_mismatch"] {
        let (tested, redirect_uri) = back(error, "The redirect_uri is not registered.").await;
        let told = Told::at("authorization", "a code", error, &redirect_uri);
        told.by(
            "a redirect URI that is not registered, brought back",
            &tested,
        );
    }
    for error in ["invalid_client", "unauthorized_client"] {
        let (tested, _) = back(error, "Unknown client.").await;
        let told = Told::at("authorization", "a code", error, "client id");
        told.by("a client id that is another's, brought back", &tested);
    }
    let (tested, _) = back(
        "access_denied",
        "User is not assigned to the client application.",
    )
    .await;
    let told = Told::at(
        "authorization",
        "a code",
        "not assigned",
        "assigned to the application",
    );
    told.by("a person who is not assigned to the application", &tested);
    let (tested, _) = back("invalid_scope", "").await;
    let told = Told::at(
        "authorization",
        "a code",
        "invalid_scope",
        "openid, profile and email",
    );
    told.by("scopes that the application does not have", &tested);
});

both_databases!(a_token_that_is_not_as_it_has_to_be, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let now = app.now().as_seconds();
    let said = async |more: Value| {
        let connection = draft(&school, &provider).await;
        let mut claims = somebody();
        claims
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        test(&school, &connection, &provider, claims).await
    };
    let tested = said(json!({ "aud": "another-application" })).await;
    let told = Told::at("audience", CLIENT_ID, "another-application", "client id");
    told.by("the client id of another application", &tested);

    let tested = said(json!({ "iss": "https://login.example/other-tenant" })).await;
    let told = Told::at(
        "issuer",
        &provider.issuer(),
        "other-tenant",
        "issuer of the connection",
    );
    told.by("a provider that signs tokens by another issuer", &tested);

    for (off, lasts, clock) in [
        (190, 300, "190 seconds ahead of"),
        (-190, 0, "190 seconds behind"),
    ] {
        let issued = now + off;
        let tested = said(json!({ "iat": issued, "exp": issued + lasts })).await;
        let told = Told::at(
            "time",
            "a token that",
            "at 2026-09-01T07:30:00Z here",
            clock,
        );
        told.by("a clock that is wrong by more than three minutes", &tested);
    }
    let tested = said(json!({ "sub": null })).await;
    let told = Told::at("subject", "sub", "nothing", "");
    told.by("a token that names nobody", &tested);

    for (sub, received, advice) in [
        (json!(7), "no text: 7", "as one, in quotation marks"),
        (
            json!("x".repeat(256)),
            "a longer text: xxx",
            "a shorter one",
        ),
        (json!("a\nb"), "a control character: a b", "a line break"),
    ] {
        let told = Told::at("subject", "at most 255 characters", received, advice);
        told.by(
            "a subject that came, and is of no use",
            &said(json!({ "sub": sub })).await,
        );
    }

    let opaque = json!({ "id_token": "a.b", "access_token": "at" });
    provider.answer_instead("/token", 200, &opaque.to_string());
    let told = Told::at("signature", "a signed token", "", "signed ID tokens");
    told.by("a token that is not signed", &said(json!({})).await);
    provider.answer_instead("/token", 200, r#"{ "access_token": "at" }"#);
    let told = Told::at(
        "token_request",
        "an ID token",
        "without an ID token",
        "scope openid",
    );
    told.by(
        "an application without the scope openid",
        &said(json!({})).await,
    );
    for (answer, received) in [
        ("<!DOCTYPE html><title>Sign in</title>", "a web page (HTML)"),
        ("try again later", "no JSON"),
    ] {
        provider.answer_instead("/token", 200, answer);
        let told = Told::at(
            "token_request",
            "an ID token",
            received,
            "a proxy answers in place",
        );
        told.by("a proxy before the token endpoint", &said(json!({})).await);
    }
});

both_databases!(a_person_without_an_address, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let without = json!({ "sub": "mira-1", "name": "Mira Lind" });
    // Whoever lets everybody in gets people whose accounts nobody can find by an address, and is warned of it.
    let connection = draft(&school, &provider).await;
    let tested = test(&school, &connection, &provider, without.clone()).await;
    assert_eq!(tested["status"], "passed", "{tested:#}");
    let email = step_of(&tested, "email");
    assert_eq!(email["result"], "warning", "{tested:#}");
    let told = Told::at("email", "email address", "no address", "claim `email`");
    told.stands_in("no claim with an address", &email);
    let unverified =
        json!({ "sub": "mira-1", "email": "mira@hill.example", "email_verified": false });
    let tested = test(&school, &connection, &provider, unverified).await;
    let told = Told::at("email", "verified", "email_verified", "Verify the address");
    told.stands_in(
        "an address that is not verified",
        &step_of(&tested, "email"),
    );
    for (address, received, advice) in [
        (
            "mira",
            "a text that is no address",
            "the mailbox of the person",
        ),
        (
            "mira@login.invalid",
            "mira@login.invalid, of the domain",
            "nobody but Rollcall",
        ),
    ] {
        let claims = json!({ "sub": "mira-1", "email": address });
        let tested = test(&school, &connection, &provider, claims).await;
        let told = Told::at("email", "address", received, advice);
        told.stands_in("a text that names no mailbox", &step_of(&tested, "email"));
    }
    // Who lets people of their domains in only lets in none of them.
    let path = path_of(&school, &connection);
    let only = json!({ "arrivals": "proven_domains" });
    school.admin.patch(&path, only).await.expect_status(200);
    let tested = test(&school, &connection, &provider, without).await;
    assert_eq!(tested["would"]["account"], "not_expected_here");
    let told = Told::at("account", "proven", "nobody here expects", "step `email`");
    told.stands_in(
        "no address, where only those of proven domains come in",
        &step_of(&tested, "account"),
    );
    let guest = json!({ "sub": "mira-1", "email": "mira@hill.example", "acct": 1 });
    let tested = test(&school, &connection, &provider, guest).await;
    let told = Told::at(
        "account",
        "proven",
        "nobody here expects",
        "a guest of the tenant",
    );
    told.stands_in("a guest of the tenant", &step_of(&tested, "account"));
});

/// The last step with this name.
#[track_caller]
fn step_of(test: &Value, name: &str) -> Value {
    let steps = test["steps"].as_array().unwrap();
    let found = steps.iter().rfind(|step| step["name"] == name);
    found
        .unwrap_or_else(|| panic!("no step {name}: {test:#}"))
        .clone()
}

both_databases!(a_provider_of_saml_that_knows_rollcall_wrongly, |app| {
    let school = app.school().await;
    let now = app.now();
    let ada = assertion_of("_a55e", "ada@example.org");
    let connection = saml_draft(&school).await;
    let other = saml_draft(&school).await;
    let (ours, others) = (&connection["service_provider"], &other["service_provider"]);
    let (entity_id, acs_url) = (text(&ours["entity_id"]), text(&ours["acs_url"]));
    let (other_entity_id, other_acs_url) = (text(&others["entity_id"]), text(&others["acs_url"]));
    let tested = async |assertion: String| {
        test_saml(&school, &connection, |asked| asked.answer(&assertion, now)).await
    };

    let test = tested(ada.replace(AUDIENCE, &other_entity_id)).await;
    let told = Told::at("audience", &entity_id, &other_entity_id, &entity_id);
    told.by("the entity id of another connection", &test);

    let test = tested(ada.replace(ACS, &other_acs_url)).await;
    let told = Told::at("recipient", &acs_url, &other_acs_url, &acs_url);
    told.by("the ACS URL of another connection, in the assertion", &test);
    let test = test_saml(&school, &connection, |asked| {
        let assertion = sign(&asked.address(&ada, now));
        let response = response(&assertion).replace(ACS, &other_acs_url);
        asked.send(&asked.address(&response, now))
    })
    .await;
    let told = Told::at("destination", &acs_url, &other_acs_url, &acs_url);
    told.by("the ACS URL of another connection, in the response", &test);

    let test = test_saml(&school, &connection, |asked| {
        asked.send(&asked.address(&response(&ada), now))
    })
    .await;
    let told = Told::at(
        "signature",
        "signed",
        "neither",
        "turn the signing of assertions",
    );
    told.by("responses that are not signed", &test);

    let test = tested(ada.replace(PERSISTENT, TRANSIENT)).await;
    let told = Told::at("subject", "stays the same", TRANSIENT, "persistent");
    told.by("a NameID that is another one each time", &test);

    let seconds = |off: u64, sign: i64| {
        let off = Duration::from_secs(off);
        let moment = if sign < 0 {
            now.minus(off)
        } else {
            now.plus(off)
        };
        moment.to_string()
    };
    let ahead = ada.replace(
        "NotBefore=\"2026-03-01T11:59:58Z\"",
        &format!("NotBefore=\"{}\"", seconds(190, 1)),
    );
    let test = tested(ahead).await;
    let told = Told::at(
        "time",
        "2026-09-01T07:30:00Z",
        "07:33:10",
        "clock of the identity provider",
    );
    told.by("a clock that is 190 seconds ahead", &test);
    let behind = ada.replace("2026-03-01T12:05:00Z", &seconds(190, -1));
    let test = tested(behind).await;
    let told = Told::at(
        "time",
        "2026-09-01T07:30:00Z",
        "07:26:50",
        "clock of the identity provider",
    );
    told.by(
        "a clock that is behind, so that responses end before they come",
        &test,
    );

    let sealed = async |encryption: Encryption| {
        test_saml(&school, &connection, |asked| {
            let assertion = sign(&asked.address(&ada, now));
            asked.send(&asked.address(&response(&encryption.encrypt(&assertion)), now))
        })
        .await
    };
    let test = sealed(Encryption { key: "idp", ..GCM }).await;
    let told = Told::at(
        "encryption",
        "a federation key of Rollcall opens",
        "none of them opens",
        "certificate for encryption out of Rollcall's metadata",
    );
    told.by(
        "assertions that are encrypted for another certificate",
        &test,
    );
    let test = sealed(CBC).await;
    let told = Told::at(
        "encryption",
        "AES-GCM",
        "AES-CBC in a Response that is not signed",
        "have it sign the response as well",
    );
    told.by("assertions that are encrypted by CBC alone", &test);

    let test = test_saml(&school, &connection, |asked| {
        let denied = response("").replace("status:Success", "status:Responder");
        asked.send(&asked.address(&denied, now))
    })
    .await;
    let told = Told::at("status", "Success", "Responder", "its own log");
    told.by("a person who is not assigned to the application", &test);
});

both_databases!(a_provider_of_saml_that_rollcall_knows_wrongly, |app| {
    let school = app.school().await;
    let now = app.now();
    let ada = assertion_of("_a55e", "ada@example.org");
    let tested = async |metadata: String| {
        let new = json!({ "name": "University", "kind": "saml", "metadata": metadata });
        let created = school.admin.post(&school.path("/connections"), new).await;
        let connection = created.expect_status(201);
        test_saml(&school, &connection, |asked| asked.answer(&ada, now)).await
    };
    let test = tested(metadata_with("other", "")).await;
    let told = Told::at("signature", "certificate", "", "refresh");
    told.by("metadata with an old certificate", &test);

    let of_another =
        metadata_with("idp", "").replace(ISSUER, "https://test-idp.example.org/metadata");
    let test = tested(of_another).await;
    let told = Told::at("issuer", "test-idp", ISSUER, "metadata");
    told.by("metadata of another identity provider", &test);

    let connection = saml_draft(&school).await;
    let by_attribute = json!({ "subject_source": "attribute:employeeNumber" });
    let path = path_of(&school, &connection);
    school
        .admin
        .patch(&path, by_attribute)
        .await
        .expect_status(200);
    let test = test_saml(&school, &connection, |asked| asked.answer(&ada, now)).await;
    let told = Told::at(
        "subject",
        "employeeNumber",
        "0 values",
        "release the attribute employeeNumber",
    );
    told.by("an attribute as the subject that is not released", &test);

    let nameless = ada
        .replace(MAIL, "urn:oid:2.5.4.3")
        .replace("FriendlyName=\"mail\"", "FriendlyName=\"cn\"")
        .replace("ada@example.org", "ada-1");
    let connection = saml_draft(&school).await;
    let test = test_saml(&school, &connection, |asked| asked.answer(&nameless, now)).await;
    assert_eq!(test["status"], "passed", "{test:#}");
    let told = Told::at("email", "email address", "no address", "attribute `mail`");
    told.stands_in("no attribute with an address", &step_of(&test, "email"));
});
