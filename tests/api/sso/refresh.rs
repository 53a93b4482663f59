//! Metadata that is read anew, and what connections warn of.

use super::saml::metadata_with;
use super::*;
use crate::saml::provider::{ISSUER, certificate};

/// A draft by SAML whose metadata has an address.
async fn by_address(school: &Organization<'_>, provider: &IdentityProvider) -> Value {
    provider.answer_instead("/metadata", 200, &metadata_with("idp", ""));
    let url = format!("{}/metadata", provider.issuer());
    let new = json!({ "name": "University", "kind": "saml", "metadata_url": url });
    let created = school.admin.post(&school.path("/connections"), new).await;
    created.expect_status(201)
}

fn print_of(connection: &Value) -> String {
    text(&connection["identity_provider"]["certificates"][0]["fingerprint"])
}

both_databases!(metadata_is_read_daily, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = by_address(&school, &provider).await;
    assert_eq!(print_of(&connection), certificate("idp").fingerprint());
    provider.answer_instead("/metadata", 200, &metadata_with("other", ""));
    let path = path_of(&school, &connection);
    let day = Duration::from_secs(24 * 60 * 60 + 60);
    let read = async || {
        app.advance(day);
        app.drain().await;
        let admin = app.sign_in(&school.admin.email, PASSWORD).await;
        admin.get(&path).await.expect_status(200)
    };
    let read_anew = read().await;
    assert_eq!(print_of(&read_anew), certificate("other").fingerprint());
    assert_eq!(read_anew["warnings"], json!([]));
    // Nobody answers: what was read stays, and a warning says since when.
    provider.answer_instead("/metadata", 503, "");
    let missing = read().await;
    assert_eq!(print_of(&missing), certificate("other").fingerprint());
    assert_eq!(missing["warnings"][0]["code"], "metadata_unreachable");
    let since = missing["warnings"][0]["since"].clone();
    let later = read().await;
    assert_eq!(later["warnings"][0]["since"], since);
    provider.answer_instead("/metadata", 200, &metadata_with("idp", ""));
    let back = read().await;
    assert_eq!(print_of(&back), certificate("idp").fingerprint());
    assert_eq!(back["warnings"], json!([]));
    let admin = app.sign_in(&school.admin.email, PASSWORD).await;
    let changed = school.path("/audit-events?action=connection.changed");
    let changed = admin.get(&changed).await.expect_status(200);
    assert_eq!(changed["items"].as_array().unwrap().len(), 2, "{changed:#}");
    // That of a connection that is gone is read no more.
    admin.delete(&path).await.expect_status(204);
    let asked = provider.asked_for("/metadata");
    app.advance(day);
    app.drain().await;
    assert_eq!(provider.asked_for("/metadata"), asked);
});

both_databases!(metadata_is_read_when_somebody_asks, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = by_address(&school, &provider).await;
    let path = path_of(&school, &connection);
    let refresh = async || {
        let refresh = format!("{path}/refresh");
        let asked = school.admin.post(&refresh, Value::Null).await;
        asked.expect_status(200)
    };
    provider.answer_instead("/metadata", 200, &metadata_with("other", ""));
    let fresh = refresh().await;
    assert_eq!(print_of(&fresh), certificate("other").fingerprint());
    // Another identity provider at the same address is for somebody to decide.
    let elsewhere = metadata_with("idp", "").replace(ISSUER, "https://elsewhere.example");
    provider.answer_instead("/metadata", 200, &elsewhere);
    let stays = refresh().await;
    assert_eq!(print_of(&stays), certificate("other").fingerprint());
    assert_eq!(stays["identity_provider"]["entity_id"], ISSUER);
    assert_eq!(stays["warnings"][0]["code"], "metadata_unreachable");
    let by_hand = json!({ "metadata": metadata_with("idp", "") });
    school.admin.patch(&path, by_hand).await.expect_status(200);
    let refused = school
        .admin
        .post(&format!("{path}/refresh"), Value::Null)
        .await;
    refused.expect_problem(422, "validation_failed");
    let by_oidc = draft(&school, &provider).await;
    let path = path_of(&school, &by_oidc);
    let refused = school
        .admin
        .post(&format!("{path}/refresh"), Value::Null)
        .await;
    refused.expect_problem(422, "validation_failed");
});

both_databases!(what_ends_soon_is_warned_of, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = draft(&school, &provider).await;
    let path = path_of(&school, &connection);
    let with_end = async |end: &str| {
        let body = json!({ "client_secret_expires_at": end });
        let changed = school.admin.patch(&path, body).await;
        changed.expect_status(200)["warnings"].clone()
    };
    // It is 2026-09-01.
    assert_eq!(with_end("2026-10-02T07:30:00Z").await, json!([]));
    let soon = with_end("2026-09-30T07:30:00Z").await;
    assert_eq!(soon[0]["code"], "secret_expires");
    assert_eq!(soon[0]["since"], "2026-08-31T07:30:00Z");
    assert_eq!(soon[0]["at"], "2026-09-30T07:30:00Z");
    let new = json!({ "name": "U", "kind": "saml", "metadata": metadata_with("expired", "") });
    let created = school.admin.post(&school.path("/connections"), new).await;
    let warnings = created.expect_status(201)["warnings"].clone();
    assert_eq!(warnings[0]["code"], "certificate_expires");
});
