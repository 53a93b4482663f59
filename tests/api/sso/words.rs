//! What steps say of mistakes at the provider that no admin makes here.

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
