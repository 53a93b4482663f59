//! Metadata that is read anew, and what connections warn of.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use super::saml_flows::{ask, metadata_with, saml_active};
use super::*;
use crate::saml::provider::{ISSUER, RSA_SHA256, assertion_of, certificate, signature};
use crate::support::app::block_on;
use crate::support::dns;
use crate::support::people::send;

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

/// The address of a document of these bytes.
fn published(bytes: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/metadata", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let asked = stream.read(&mut [0; 4096]);
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                bytes.len()
            );
            let sent = asked.and_then(|_| stream.write_all(head.as_bytes()));
            let _ = sent.and_then(|()| stream.write_all(&bytes));
        }
    });
    url
}

both_databases!(metadata_that_is_not_utf_8_is_told_as_such, |app| {
    let school = app.school().await;
    let metadata = metadata_with("idp", "").replace("<md:IDP", "<!-- Universität --><md:IDP");
    let utf_16 = metadata.encode_utf16().flat_map(u16::to_le_bytes);
    let utf_16 = [0xFF, 0xFE].into_iter().chain(utf_16).collect();
    let latin_1 = metadata.chars().map(|it| u8::try_from(it).unwrap());
    for bytes in [utf_16, latin_1.collect()] {
        let new = json!({ "name": "University", "kind": "saml", "metadata_url": published(bytes) });
        let refused = school.admin.post(&school.path("/connections"), new).await;
        refused.expect_fields(&[("/metadata_url", "document")]);
        let detail = refused.json()["errors"][0]["detail"].clone();
        assert!(text(&detail).contains("Expected UTF-8"), "{detail}");
    }
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
    let changed = school.events("connection.changed").await;
    assert_eq!(changed[0]["actor"]["kind"], "account", "{changed:#}");
    assert_eq!(changed[0]["actor"]["account_id"], school.admin.id);
    // Another identity provider at the same address is for somebody to decide.
    let elsewhere = metadata_with("idp", "").replace(ISSUER, "https://elsewhere.example");
    provider.answer_instead("/metadata", 200, &elsewhere);
    let stays = refresh().await;
    assert_eq!(print_of(&stays), certificate("other").fingerprint());
    assert_eq!(stays["identity_provider"]["entity_id"], ISSUER);
    assert_eq!(stays["warnings"][0]["code"], "metadata_unreachable");
    let detail = text(&stays["warnings"][0]["detail"]);
    let told = format!(
        "Rollcall could not read the metadata from its address: Expected the identity provider {ISSUER} once, and got \
         metadata of https://elsewhere.example. Name"
    );
    assert!(detail.starts_with(&told), "{detail}");
    let by_hand = json!({ "metadata": metadata_with("idp", "") });
    school.admin.patch(&path, by_hand).await.expect_status(200);
    let refused = school
        .admin
        .post(&format!("{path}/refresh"), Value::Null)
        .await;
    refused.expect_problem(422, "validation_failed");
});

both_databases!(metadata_is_read_once_for_a_key, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    provider.answer_instead("/metadata", 200, &metadata_with("idp", ""));
    let url = format!("{}/metadata", provider.issuer());
    let new = json!({ "name": "University", "kind": "saml", "metadata_url": url });
    let create = async || {
        let path = school.path("/connections");
        let request = school
            .admin
            .request(reqwest::Method::POST, &path)
            .json(&new);
        send(request.header("Idempotency-Key", "university-1")).await
    };
    let first = create().await.expect_status(201);
    // Whoever lost the answer gets it, whatever has become of the address and the limit.
    provider.answer_instead("/metadata", 503, "");
    for _ in 0..12 {
        assert_eq!(create().await.expect_status(201)["id"], first["id"]);
    }
    assert_eq!(provider.asked_for("/metadata"), 1);
});

both_databases!(whoever_has_a_link_has_metadata_read, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = by_address(&school, &provider).await;
    let link = json!({ "connection_id": connection["id"] });
    let link = school.admin.post(&school.path("/setup-links"), link).await;
    let it = by_setup_link(app, &text(&link.expect_status(201)["url"]));
    provider.answer_instead("/metadata", 200, &metadata_with("other", ""));
    let fresh = it.post("/v1/setup/refresh", Value::Null).await;
    let fresh = fresh.expect_status(200);
    assert_eq!(print_of(&fresh), certificate("other").fingerprint());
    let changed = school.events("connection.changed").await;
    assert_eq!(changed[0]["actor"]["kind"], "setup_link", "{changed:#}");
    // It counts with the tests of the connection, whoever asks.
    for _ in 0..8 {
        let again = it.post("/v1/setup/refresh", Value::Null).await;
        again.expect_status(200);
    }
    let path = format!("{}/refresh", path_of(&school, &connection));
    let last = school.admin.post(&path, Value::Null).await;
    assert_eq!(last.status, 429, "{}", last.json());
    let by_hand = json!({ "metadata": metadata_with("idp", "") });
    it.patch("/v1/setup", by_hand).await.expect_status(200);
    app.advance(std::time::Duration::from_secs(60 * 60));
    let nothing = it.post("/v1/setup/refresh", Value::Null).await;
    nothing.expect_problem(422, "validation_failed");
});

const ELSEWHERE: &str = "https://elsewhere.example";

/// Metadata of two identity providers, in its canonical form.
fn federation() -> String {
    let namespace = r#" xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata""#;
    let one = metadata_with("idp", "").replace(namespace, "");
    let one = one.replace("/></md:IDP", "></md:SingleSignOnService></md:IDP");
    let other = one.replace(ISSUER, ELSEWHERE);
    format!(r#"<md:EntitiesDescriptor{namespace} ID="_f00">{one}{other}</md:EntitiesDescriptor>"#)
}

both_databases!(what_is_not_said_of_a_federation_stays, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let signature = signature(&federation(), RSA_SHA256, |info| info);
    let signed = federation().replacen('>', &format!(">{signature}"), 1);
    let key = |name: &str| {
        let path = format!("tests/fixtures/saml/keys/{name}.cert.pem");
        std::fs::read_to_string(path).unwrap()
    };
    let at = |place: &str| format!("{}{place}", provider.issuer());
    provider.answer_instead("/signed", 200, &signed);
    provider.answer_instead("/moved", 200, &signed);
    provider.answer_instead("/unsigned", 200, &federation());
    provider.answer_instead("/alone", 200, &metadata_with("idp", ""));
    let new = json!({
        "name": "University", "kind": "saml", "metadata_url": at("/signed"), "entity_id": ISSUER,
        "metadata_signing_certificate": key("idp"),
    });
    let created = school.admin.post(&school.path("/connections"), new).await;
    let path = path_of(&school, &created.expect_status(201));
    let change = async |place: &str, mut changes: Value| {
        changes["metadata_url"] = json!(at(place));
        school.admin.patch(&path, changes).await
    };
    let entity_of = |changed: TestResponse| {
        let changed = changed.expect_status(200);
        text(&changed["identity_provider"]["entity_id"])
    };
    assert_eq!(entity_of(change("/moved", json!({})).await), ISSUER);
    let refused = change("/unsigned", json!({})).await;
    refused.expect_fields(&[("/metadata_url", "signature")]);
    let elsewhere = json!({ "entity_id": ELSEWHERE });
    assert_eq!(
        entity_of(change("/signed", elsewhere.clone()).await),
        ELSEWHERE
    );
    let refused = change("/unsigned", elsewhere).await;
    refused.expect_fields(&[("/metadata_url", "signature")]);
    let by_hand = json!({ "metadata": signed });
    assert_eq!(
        entity_of(school.admin.patch(&path, by_hand).await),
        ELSEWHERE
    );
    let other_key = json!({ "metadata_signing_certificate": key("other") });
    let refused = change("/signed", other_key).await;
    refused.expect_fields(&[("/metadata_url", "signature")]);
    let plain = json!({ "metadata_signing_certificate": null });
    assert_eq!(entity_of(change("/unsigned", plain).await), ELSEWHERE);
    let of_any = json!({ "entity_id": null });
    let refused = change("/unsigned", of_any.clone()).await;
    refused.expect_fields(&[("/metadata_url", "issuer")]);
    assert_eq!(entity_of(change("/alone", of_any).await), ISSUER);
    assert_eq!(entity_of(change("/alone", json!({})).await), ISSUER);
});

const DISCOVERY: &str = "/.well-known/openid-configuration";

both_databases!(keys_are_read_when_somebody_asks_and_daily, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let path = path_of(&school, &connection);
    let refresh = async || {
        let refresh = format!("{path}/refresh");
        let asked = school.admin.post(&refresh, Value::Null).await;
        asked.expect_status(200)
    };
    let (documents, keys) = (provider.asked_for(DISCOVERY), provider.asked_for("/jwks"));
    assert_eq!(refresh().await["warnings"], json!([]));
    assert_eq!(provider.asked_for(DISCOVERY), documents + 1);
    assert_eq!(provider.asked_for("/jwks"), keys + 1);
    for (broken, word) in [("/jwks", "status 503"), (DISCOVERY, "status 503")] {
        provider.answer_instead(broken, 503, "");
        let warned = refresh().await["warnings"].clone();
        assert_eq!(warned[0]["code"], "keys_unreachable");
        assert_eq!(warned[0]["since"], "2026-09-01T07:30:00Z");
        assert!(text(&warned[0]["detail"]).contains(word), "{warned:#}");
        provider.answer_as_before(broken);
    }
    let kept = school.admin.get(&path).await.expect_status(200);
    assert_eq!(kept["warnings"][0]["code"], "keys_unreachable");
    assert_eq!(refresh().await["warnings"], json!([]));
    // Daily, by itself; who has changed the issuer meanwhile is warned of nothing.
    provider.answer_instead("/jwks", 503, "");
    let read = a_day_later(app, &school, &path).await;
    assert_eq!(read["warnings"][0]["code"], "keys_unreachable");
    let mails = subjects(app, &school).await;
    assert_eq!(mails, ["Hill Road School: keys cannot be read"]);
    a_day_later(app, &school, &path).await;
    assert_eq!(subjects(app, &school).await.len(), 1);
    provider.answer_as_before("/jwks");
    assert_eq!(
        a_day_later(app, &school, &path).await["warnings"],
        json!([])
    );
    // It begins anew, and is told anew.
    provider.answer_instead("/jwks", 503, "");
    a_day_later(app, &school, &path).await;
    assert_eq!(subjects(app, &school).await.len(), 2);
});

/// Lets the daily look happen, and gives the connection as it is then.
async fn a_day_later(app: &App, school: &Organization<'_>, path: &str) -> Value {
    app.advance(Duration::from_secs(24 * 60 * 60 + 60));
    app.drain().await;
    let admin = app.sign_in(&school.admin.email, PASSWORD).await;
    admin.get(path).await.expect_status(200)
}

/// The subjects of the mails about connections.
async fn subjects(app: &App, school: &Organization<'_>) -> Vec<String> {
    let mails = app.mails().await.into_iter();
    let theirs = mails.filter(|mail| mail.to == school.admin.email);
    let subjects = theirs.map(|mail| mail.subject);
    subjects
        .filter(|it| it.starts_with("Hill Road School: "))
        .collect()
}

both_databases!(what_ends_is_told_before_and_when_it_does, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let path = path_of(&school, &connection);
    // It is 2026-09-01.
    let end = json!({ "client_secret_expires_at": "2026-10-05T07:30:00Z" });
    school.admin.patch(&path, end).await.expect_status(200);
    let mut told = Vec::new();
    for day in 1..40 {
        a_day_later(app, &school, &path).await;
        let count = subjects(app, &school).await.len();
        if count > told.len() {
            told.push(day);
        }
        assert_eq!(count, told.len());
    }
    assert_eq!(told, [4, 20, 31, 34]);
    let mail = app.last_mail_to(&school.admin.email).await;
    assert!(mail.text.contains("5 October 2026"), "{}", mail.text);
    assert!(mail.text.contains("School accounts"), "{}", mail.text);
});

both_databases!(drafts_are_told_nothing_of, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = draft(&school, &provider).await;
    let path = path_of(&school, &connection);
    let end = json!({ "client_secret_expires_at": "2026-09-10T07:30:00Z" });
    school.admin.patch(&path, end).await.expect_status(200);
    let shown = a_day_later(app, &school, &path).await;
    assert_eq!(shown["warnings"][0]["code"], "secret_expires");
    assert!(subjects(app, &school).await.is_empty());
});

both_databases!(a_clock_that_is_wrong_is_warned_of, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let path = path_of(&school, &connection);
    let came = async |seconds: i64| {
        let now = app.now().as_seconds() + seconds;
        let claims = json!({ "sub": "mira", "iat": now, "exp": now + 300 });
        come(&school, &connection, &provider, claims)
            .await
            .expect_status(200);
        let shown = school.admin.get(&path).await.expect_status(200);
        shown["warnings"].clone()
    };
    assert_eq!(came(-60).await, json!([]));
    let warned = came(-100).await;
    assert_eq!(warned[0]["code"], "clock_off");
    assert_eq!(warned[0]["since"], "2026-09-01T07:30:00Z");
    assert!(text(&warned[0]["detail"]).contains("100 seconds behind"));
    app.advance(Duration::from_secs(60));
    let warned = came(90).await;
    assert_eq!(warned[0]["since"], "2026-09-01T07:30:00Z");
    assert!(text(&warned[0]["detail"]).contains("90 seconds ahead of"));
    assert_eq!(came(0).await, json!([]));
});

both_databases!(silence_is_warned_of_until_somebody_comes, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let path = path_of(&school, &connection);
    let came = async |subject: &str| {
        let came = come(&school, &connection, &provider, json!({ "sub": subject })).await;
        came.expect_status(200);
    };
    for subject in ["1", "2", "3", "4"] {
        came(subject).await;
    }
    app.advance(Duration::from_secs(35 * 24 * 60 * 60));
    // Four people are too few to miss.
    assert_eq!(
        a_day_later(app, &school, &path).await["warnings"],
        json!([])
    );
    came("5").await;
    app.advance(Duration::from_secs(29 * 24 * 60 * 60));
    let silent = a_day_later(app, &school, &path).await["warnings"].clone();
    assert_eq!(silent[0]["code"], "silent", "{silent:#}");
    let mails = subjects(app, &school).await;
    assert_eq!(mails, ["Hill Road School: nobody signs in any more"]);
    came("5").await;
    assert_eq!(
        a_day_later(app, &school, &path).await["warnings"],
        json!([])
    );
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

both_databases!(a_clock_that_is_ahead_is_warned_of_by_saml, |app| {
    let school = app.school().await;
    let connection = saml_active(&school).await;
    let came = async |issued: &str| {
        let ada = assertion_of("_a55e", "ada@example.org");
        let ada = ada.replacen("2026-03-01T11:59:58Z", issued, 1);
        let asked = ask(&app.anonymous(), &connection, json!({})).await;
        let end = asked.answer(&ada, app.now()).post(app).await;
        exchange(app, &ticket_of(&end)).await.expect_status(200);
        let path = path_of(&school, &connection);
        school.admin.get(&path).await.expect_status(200)["warnings"].clone()
    };
    // It is 07:30; a browser may have held a response back.
    assert_eq!(came("2026-09-01T07:25:00Z").await, json!([]));
    let warned = came("2026-09-01T07:31:40Z").await;
    assert_eq!(warned[0]["code"], "clock_off");
    let detail = text(&warned[0]["detail"]);
    assert!(detail.contains("100 seconds ahead of"), "{detail}");
    assert_eq!(came("2026-09-01T07:30:00Z").await, json!([]));
});

both_databases!(a_domain_that_has_lapsed_is_warned_of, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let path = path_of(&school, &connection);
    let name = format!("lapsed-{}-{}.example", school.slug, app.address.port());
    let new = json!({ "domain": name });
    let domain = school.admin.post(&school.path("/domains"), new).await;
    let domain = domain.expect_status(201);
    let record = (
        text(&domain["record"]["name"]),
        text(&domain["record"]["value"]),
    );
    dns::zone().add_text(&record.0, &record.1);
    let check = school.path(&format!("/domains/{}/check", text(&domain["id"])));
    let proven = school.admin.post(&check, json!({})).await;
    proven.expect_status(200);
    dns::zone().remove_text(&record.0, &record.1);
    let mut shown = Value::Null;
    for day in 1..=8 {
        shown = a_day_later(app, &school, &path).await;
        assert_eq!(shown["warnings"].as_array().unwrap().is_empty(), day < 8);
    }
    assert_eq!(shown["warnings"][0]["code"], "domain_lapsed");
    let detail = text(&shown["warnings"][0]["detail"]);
    assert!(detail.contains(&name), "{detail}");
    // The domain has a mail of its own: the connection sends none.
    let mails = subjects(app, &school).await;
    assert!(
        !mails.iter().any(|it| it.contains("cannot be read")),
        "{mails:?}"
    );
});

#[test]
fn two_replicas_tell_of_a_warning_once() {
    let Some(app) = App::on_postgres() else {
        return;
    };
    let other = app.replica();
    block_on(async {
        let school = app.school().await;
        let provider = IdentityProvider::start();
        let connection = active(&school, &provider).await;
        let path = path_of(&school, &connection);
        provider.answer_instead("/jwks", 503, "");
        for _ in 0..3 {
            app.advance(Duration::from_secs(24 * 60 * 60 + 60));
            tokio::join!(app.drain(), other.drain());
        }
        let admin = app.sign_in(&school.admin.email, PASSWORD).await;
        let shown = admin.get(&path).await.expect_status(200);
        assert_eq!(shown["warnings"][0]["code"], "keys_unreachable");
        let mails = subjects(&app, &school).await;
        assert_eq!(mails, ["Hill Road School: keys cannot be read"]);
    });
}
