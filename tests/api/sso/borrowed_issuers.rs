//! An admin who has their own provider speak for another one, such as Google.

use super::*;

const GOOGLE: &str = "https://accounts.google.com";
const DISCOVERY: &str = "/.well-known/openid-configuration";

/// A document as the provider publishes it, with other values.
fn document(provider: &IdentityProvider, more: &Value) -> String {
    let issuer = provider.issuer();
    let mut document = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/jwks"),
        "response_types_supported": ["code"],
    });
    let all = document.as_object_mut().unwrap();
    all.extend(more.as_object().unwrap().clone());
    document.to_string()
}

both_databases!(no_provider_speaks_for_another, |app| {
    let school = app.school().await;
    let (provider, elsewhere) = (IdentityProvider::start(), IdentityProvider::start());
    let somebody = |more: Value| {
        let mut claims = json!({ "sub": "1", "email": "mira@hill.example" });
        claims
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        claims
    };
    let connection = draft(&school, &provider).await;
    // The document of another issuer.
    provider.answer_instead(
        DISCOVERY,
        200,
        &document(&provider, &json!({ "issuer": GOOGLE })),
    );
    let tested = test(&school, &connection, &provider, somebody(json!({}))).await;
    assert_eq!(last_step(&tested)["name"], "discovery", "{tested:#}");
    let received = text(&last_step(&tested)["received"]);
    assert!(received.contains(GOOGLE), "{received}");
    // A token that names it, signed by keys of one's own, wherever these are.
    for keys in [&provider, &elsewhere] {
        let jwks = json!({
            "jwks_uri": format!("{}/jwks", keys.issuer()),
            "token_endpoint": format!("{}/token", keys.issuer()),
        });
        provider.answer_instead(DISCOVERY, 200, &document(&provider, &jwks));
        for issuer in [GOOGLE, "accounts.google.com"] {
            let claims = somebody(json!({ "iss": issuer, "hd": "hill.example" }));
            let now = app.now();
            let back = |asked: &Url| keys.sign_in(asked.as_str(), (now, claims));
            let tested = test_back(&school, &connection, back).await;
            assert_eq!(last_step(&tested)["name"], "issuer", "{tested:#}");
            assert_eq!(tested["status"], "failed");
        }
    }
    // Keys elsewhere sign for the issuer whose document names them.
    let own = somebody(json!({ "iss": provider.issuer() }));
    let now = app.now();
    let back = |asked: &Url| elsewhere.sign_in(asked.as_str(), (now, own));
    let tested = test_back(&school, &connection, back).await;
    assert_eq!(tested["status"], "passed", "{tested:#}");
    // Google's issuer comes by its preset only.
    let path = path_of(&school, &connection);
    let renamed = json!({ "issuer": GOOGLE, "client_secret": CLIENT_SECRET });
    let renamed = school.admin.patch(&path, renamed).await;
    renamed.expect_fields(&[("/issuer", "not_of_preset")]);
});

both_databases!(the_preset_of_google_takes_no_other_issuer, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let new = json!({
        "name": "Google", "kind": "oidc", "preset": "google", "issuer": provider.issuer(),
        "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET,
    });
    let refused = school.admin.post(&school.path("/connections"), new).await;
    assert_eq!(refused.status, 422, "{}", refused.text);
    assert!(refused.text.contains("/issuer"), "{}", refused.text);
});
