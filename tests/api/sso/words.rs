//! What steps say of mistakes at the provider that no admin makes here.

use super::saml_flows::metadata_with;
use super::*;

/// The last step of a test that failed, with how its test is called.
fn last(test: &Value) -> Value {
    assert_eq!(test["status"], "failed", "{test:#}");
    let last = test["steps"].as_array().unwrap().last().unwrap();
    assert_eq!(last["result"], "failed", "{test:#}");
    last.clone()
}

both_databases!(a_provider_without_keys_is_told_as_that, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = draft(&school, &provider).await;
    let tested = async |set: Value| {
        provider.answer_instead("/jwks", 200, &set.to_string());
        last(&test(&school, &connection, &provider, json!({ "sub": "it-1" })).await)
    };
    let empty = tested(json!({ "keys": [] })).await;
    let told = json!({
        "name": "keys",
        "result": "failed",
        "expected": "a key for signatures",
        "received": "a set without keys",
        "advice": "Have the provider publish the keys that it signs ID tokens with: a signing key may be missing or \
                   switched off there, or the jwks_uri in its document of discovery leads to another set.",
    });
    assert_eq!(empty, told);
    let elliptic = json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
    let unusable = tested(json!({ "keys": [elliptic] })).await;
    assert_eq!(unusable["name"], "keys");
    let received = text(&unusable["received"]);
    assert!(
        received.starts_with("1 keys, of which none is"),
        "{received}"
    );
    assert_eq!(
        unusable["advice"],
        "Have the provider sign ID tokens with such a key."
    );
});

both_databases!(a_token_for_another_application_is_told_as_that, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = draft(&school, &provider).await;
    let tested = async |claims: Value| {
        let mut all = json!({ "sub": "it-1" });
        all.as_object_mut()
            .unwrap()
            .extend(claims.as_object().unwrap().clone());
        last(&test(&school, &connection, &provider, all).await)
    };
    for (claims, received) in [
        (json!({ "azp": "portal" }), "portal"),
        (json!({ "aud": [CLIENT_ID, "portal"] }), "nothing"),
        (
            json!({ "aud": [CLIENT_ID, "portal"], "azp": "portal" }),
            "portal",
        ),
    ] {
        let step = tested(claims.clone()).await;
        assert_eq!(step["name"], "authorized_party", "{claims}");
        assert_eq!(step["expected"], CLIENT_ID);
        assert_eq!(step["received"], received, "{claims}");
        let advice = text(&step["advice"]);
        assert!(
            advice.starts_with("The token was given to another application"),
            "{advice}"
        );
        assert!(advice.contains("client id"), "{advice}");
    }
});

both_databases!(a_time_that_is_none_is_told_as_that, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = draft(&school, &provider).await;
    let claims = json!({ "sub": "it-1", "exp": 1.0e300 });
    let step = last(&test(&school, &connection, &provider, claims).await);
    assert_eq!(step["name"], "time");
    let advice = text(&step["advice"]);
    assert!(advice.contains("seconds since 1970-01-01"), "{advice}");
    assert!(!advice.contains("0 seconds"), "{advice}");
});

both_databases!(what_is_no_metadata_is_told_as_that, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let refused = async |field: &str, value: &str| {
        let new = json!({ "name": "University", "kind": "saml", field: value });
        let refused = school.admin.post(&school.path("/connections"), new).await;
        let refused = refused.expect_problem(422, "validation_failed");
        assert_eq!(
            refused["errors"].as_array().unwrap().len(),
            1,
            "{refused:#}"
        );
        let error = refused["errors"][0].clone();
        let detail = text(&error["detail"]);
        assert!(
            !detail.contains("..") && !detail.contains("this is"),
            "{detail}"
        );
        (text(&error["code"]), detail)
    };
    // Rollcall's own, as of any application.
    let blank = json!({ "name": "University", "kind": "saml" });
    let blank = school.admin.post(&school.path("/connections"), blank).await;
    let id = text(&blank.expect_status(201)["id"]);
    let own = app
        .anonymous()
        .get(&format!("/v1/sso/saml/{id}/metadata"))
        .await;
    assert_eq!(own.status, 200);
    let (code, detail) = refused("metadata", &own.text).await;
    assert_eq!(code, "shape", "{detail}");
    assert!(detail.contains("goes to the identity provider"), "{detail}");

    for sent in [
        "<!DOCTYPE html><html></html>",
        "https://idp.example/metadata",
        "<md:EntityDescriptor",
    ] {
        let (code, detail) = refused("metadata", sent).await;
        assert_eq!(code, "document", "{detail}");
        assert!(
            detail.contains("the address goes into `metadata_url`"),
            "{detail}"
        );
    }
    let url = format!("{}/nothing", provider.issuer());
    let (code, detail) = refused("metadata_url", &url).await;
    assert_eq!(code, "unreachable", "{detail}");
    let told = "Expected the document of the metadata, and got status 404. Open the address";
    assert!(detail.starts_with(told), "{detail}");
    let (_, detail) = refused("metadata_url", "http://127.0.0.9:9/metadata").await;
    assert!(detail.ends_with("at this port."), "{detail}");
});

both_databases!(metadata_of_a_federation_may_be_uploaded, |app| {
    let school = app.school().await;
    let path = school.path("/connections");
    let large = |kib: usize| {
        let space = " ".repeat(kib * 1024);
        let metadata = metadata_with("idp", "").replace("</md:EntityDescriptor>", "");
        let metadata = format!("{metadata}{space}</md:EntityDescriptor>");
        json!({ "name": "University", "kind": "saml", "metadata": metadata })
    };
    school
        .admin
        .post(&path, large(4 * 1024))
        .await
        .expect_status(201);
    let refused = school.admin.post(&path, large(9 * 1024)).await;
    let refused = refused.expect_problem(413, "payload_too_large");
    let detail = text(&refused["detail"]);
    assert!(
        detail.contains("8 MiB") && detail.contains("metadata_url"),
        "{detail}"
    );
});

both_databases!(what_comes_too_early_is_told_once, |app| {
    let school = app.school().await;
    let path = school.path("/connections");
    let blank = async |preset: &str| {
        let new = json!({ "name": "Accounts", "kind": "oidc", "preset": preset });
        let made = school.admin.post(&path, new).await.expect_status(201);
        path_of(&school, &made)
    };
    for (preset, field) in [("generic", "/issuer"), ("entra", "/tenant")] {
        let secret = json!({ "client_secret": "early" });
        let refused = school.admin.patch(&blank(preset).await, secret).await;
        let refused = refused.expect_problem(422, "validation_failed");
        assert_eq!(refused["errors"][0]["pointer"], field);
        let detail = text(&refused["errors"][0]["detail"]);
        assert!(
            detail.ends_with("issuer or tenant first, or with the secret."),
            "{detail}"
        );
    }
    let google = blank("google").await;
    let client = json!({ "client_id": "c", "client_secret": "s" });
    school.admin.patch(&google, client).await.expect_status(200);
    let tenant = json!({ "tenant": "hill.example" });
    let refused = school.admin.patch(&google, tenant).await;
    refused.expect_fields(&[("/tenant", "not_of_preset")]);
});

both_databases!(names_show_something_and_turn_nothing, |app| {
    let school = app.school().await;
    let turned = "School \u{202e}loohcs";
    let connection = json!({ "name": turned, "kind": "oidc", "preset": "generic" });
    for (path, body) in [
        (school.path("/connections"), connection),
        (school.path("/groups"), json!({ "name": turned })),
        (
            school.path("/groups"),
            json!({ "name": "\u{200b}\u{200d}" }),
        ),
        (
            "/v1/organizations".to_owned(),
            json!({ "name": turned, "kind": "school" }),
        ),
    ] {
        let refused = school.admin.post(&path, body).await;
        refused.expect_fields(&[("/name", "invalid")]);
    }
});
