//! Sign-ins by assertions that the provider encrypts for the certificate of Rollcall's metadata.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rollcall::config::Config;
use rollcall::domain::timestamp::Timestamp;

use super::saml_flows::*;
use super::*;
use crate::saml::encrypting::{CBC, Encryption, GCM};
use crate::saml::provider::{FEDERATION, assertion_of, response, sign};
use crate::support::app::block_on;

/// The form of a provider that encrypts, and signs the assertion, the response or both.
fn sealed(asked: &Asked, encryption: Encryption, signed: (bool, bool), now: Timestamp) -> Form {
    let ada = asked.address(&assertion_of("_a55e", "ada@example.org"), now);
    let assertion = if signed.0 { sign(&ada) } else { ada };
    let response = response(&encryption.encrypt(&assertion));
    let response = asked.address(&response, now);
    asked.send(&if signed.1 { sign(&response) } else { response })
}

/// Where the browser of somebody ends whom the provider names so.
async fn come(app: &App, connection: &Value, how: (Encryption, (bool, bool))) -> Url {
    let asked = ask(&app.anonymous(), connection, json!({})).await;
    sealed(&asked, how.0, how.1, app.now()).post(app).await
}

/// What the metadata of a connection has in its elements of this name.
async fn published(app: &App, connection: &Value, name: &str) -> Vec<String> {
    let path = format!("/v1/sso/saml/{}/metadata", text(&connection["id"]));
    let shown = app.anonymous().get(&path).await;
    assert_eq!(shown.status, 200);
    let document = roxmltree::Document::parse(&shown.text).unwrap();
    let nodes = document.descendants();
    nodes
        .filter(|it| it.tag_name().name() == name)
        .map(|it| it.attribute("use").or(it.text()).unwrap().to_owned())
        .collect()
}

both_databases!(people_sign_in_by_encrypted_assertions, |app| {
    let school = app.school().await;
    let connection = saml_draft(&school).await;
    let uses = published(app, &connection, "KeyDescriptor").await;
    assert_eq!(uses, ["encryption"]);
    let certificates = published(app, &connection, "X509Certificate").await;
    assert_eq!(
        certificates,
        [STANDARD.encode(FEDERATION.certificate().unwrap())]
    );

    let now = app.now();
    let tested = test_saml(&school, &connection, |asked| {
        sealed(asked, GCM, (true, false), now)
    })
    .await;
    assert_eq!(tested["status"], "passed", "{tested:#}");
    assert_eq!(tested["claims"][MAIL], json!(["ada@example.org"]));
    activate(&school, &connection).await.expect_status(200);
    let end = come(app, &connection, (GCM, (true, false))).await;
    let came = exchange(app, &ticket_of(&end)).await.expect_status(200);
    assert_eq!(came["outcome"], "account_created");
    for how in [
        (GCM, (false, true)),
        (CBC, (false, true)),
        (CBC, (true, true)),
    ] {
        let end = come(app, &connection, how).await;
        let came = exchange(app, &ticket_of(&end)).await.expect_status(200);
        assert_eq!(came["outcome"], "signed_in");
    }
    let foreign = Encryption { key: "idp", ..GCM };
    for (how, step) in [
        ((GCM, (false, false)), "signature"),
        ((CBC, (true, false)), "encryption"),
        ((foreign, (true, true)), "encryption"),
    ] {
        let end = come(app, &connection, how).await;
        let refused = refused_at(&school, &end).await;
        assert_eq!(refused, (step.to_owned(), "response_invalid".to_owned()));
    }
});

/// A file with a new key before the one that the provider still encrypts for.
fn rolled_over() -> (tempfile::TempDir, PathBuf) {
    let key = |name: &str| {
        let file = format!("tests/fixtures/saml/keys/{name}.key.pem");
        std::fs::read_to_string(file).unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("federation.pem");
    std::fs::write(&file, key("idp") + &key("other")).unwrap();
    (folder, file)
}

#[test]
fn a_new_key_is_published_and_the_one_before_still_opens() {
    let (_folder, file) = rolled_over();
    let named = |config: &mut Config| config.federation_key_file = Some(file.clone());
    for app in [
        Some(App::on_sqlite_with(named)),
        App::on_postgres_with(named),
    ] {
        let Some(app) = app else { continue };
        block_on(async {
            let school = app.school().await;
            let connection = saml_active(&school).await;
            let certificates = published(&app, &connection, "X509Certificate").await;
            let before = STANDARD.encode(FEDERATION.certificate().unwrap());
            assert_eq!(certificates.len(), 1);
            assert_ne!(certificates, [before]);
            for key in ["other", "idp"] {
                let encryption = Encryption { key, ..GCM };
                let end = come(&app, &connection, (encryption, (true, false))).await;
                exchange(&app, &ticket_of(&end)).await.expect_status(200);
            }
        });
    }
}

#[test]
fn without_a_key_nothing_is_published_that_somebody_could_encrypt_for() {
    let without_key = |config: &mut Config| config.federation_key_file = None;
    let Some(app) = App::on_postgres_with(without_key) else {
        return;
    };
    block_on(async {
        let school = app.school().await;
        let connection = saml_active(&school).await;
        assert!(
            published(&app, &connection, "KeyDescriptor")
                .await
                .is_empty()
        );
        let end = come(&app, &connection, (GCM, (true, true))).await;
        let diagnosis = diagnosis_of(&school, &end).await;
        let last = last_step(&diagnosis);
        assert_eq!(last["name"], "encryption");
        let advice = text(&last["advice"]);
        assert!(advice.contains("ROLLCALL_FEDERATION_KEY_FILE"), "{advice}");
    });
}
