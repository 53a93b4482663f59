//! Flows by SAML, with a provider that says and signs what a test wants.

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::DeflateDecoder;
use reqwest::redirect::Policy;
use rollcall::domain::timestamp::Timestamp;

use super::*;
use crate::saml::provider::{ACS, AUDIENCE, ISSUER, REQUEST, assertion_of, pem, response, sign};

pub const SSO: &str = "https://idp.example.org/sso";
pub const MAIL: &str = "urn:oid:0.9.2342.19200300.100.1.3";
pub const TRANSIENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient";
pub const PERSISTENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent";

/// Metadata of the provider, with the certificate of this name.
pub fn metadata_with(certificate: &str, more: &str) -> String {
    let certificate = STANDARD.encode(pem(&format!("{certificate}.cert")));
    format!(
        r#"<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{ISSUER}"{more}><md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor><md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="{SSO}"/></md:IDPSSODescriptor></md:EntityDescriptor>"#
    )
}

pub fn metadata() -> String {
    metadata_with("idp", "")
}

/// Metadata with the certificate of the second name beside that of the first.
pub fn with_a_second_certificate(first: &str, second: &str) -> String {
    let (first, second) = (metadata_with(first, ""), metadata_with(second, ""));
    let key = |document: &str| {
        let begin = document.find("<md:KeyDescriptor").unwrap();
        let end = document.find("</md:KeyDescriptor>").unwrap() + "</md:KeyDescriptor>".len();
        document[begin..end].to_owned()
    };
    first.replace(&key(&first), &(key(&first) + &key(&second)))
}

pub async fn saml_draft(school: &Organization<'_>) -> Value {
    let new = json!({ "name": "University", "kind": "saml", "metadata": metadata() });
    let created = school.admin.post(&school.path("/connections"), new).await;
    created.expect_status(201)
}

/// A request to sign in, as the provider gets it.
pub struct Asked {
    pub query: HashMap<String, String>,
    pub acs_url: String,
    pub entity_id: String,
    pub id: String,
}

impl Asked {
    pub fn read(url: &Url) -> Self {
        assert_eq!(url.path(), "/sso", "{url}");
        let query: HashMap<String, String> = url.query_pairs().into_owned().collect();
        let packed = STANDARD.decode(&query["SAMLRequest"]).unwrap();
        let mut xml = String::new();
        DeflateDecoder::new(packed.as_slice())
            .read_to_string(&mut xml)
            .unwrap();
        let document = roxmltree::Document::parse(&xml).unwrap();
        let root = document.root_element();
        let issuer = root.first_element_child().unwrap();
        Self {
            acs_url: root
                .attribute("AssertionConsumerServiceURL")
                .unwrap()
                .to_owned(),
            entity_id: issuer.text().unwrap().to_owned(),
            id: root.attribute("ID").unwrap().to_owned(),
            query,
        }
    }

    /// A document of the provider's, as an answer to this request at this time.
    pub fn address(&self, document: &str, now: Timestamp) -> String {
        let at = |hours: u64| {
            let moment = now.plus(Duration::from_secs(hours * 60 * 60)).to_string();
            moment
                .split('.')
                .next()
                .unwrap()
                .trim_end_matches('Z')
                .to_owned()
                + "Z"
        };
        document
            .replace(ACS, &self.acs_url)
            .replace(AUDIENCE, &self.entity_id)
            .replace(REQUEST, &self.id)
            .replace("2026-03-01T11:59:58Z", &at(0))
            .replace("2026-03-01T12:05:00Z", &at(1))
            .replace("2026-03-01T09:00:00Z", &at(0))
            .replace("2026-03-01T20:00:00Z", &at(8))
    }

    /// The form that a browser brings back: an assertion about somebody, signed.
    pub fn answer(&self, assertion: &str, now: Timestamp) -> Form {
        let assertion = sign(&self.address(assertion, now));
        self.send(&self.address(&response(&assertion), now))
    }

    pub fn send(&self, document: &str) -> Form {
        Form {
            acs_url: Url::parse(&self.acs_url).unwrap(),
            fields: vec![
                ("SAMLResponse", STANDARD.encode(document)),
                ("RelayState", self.query["RelayState"].clone()),
            ],
        }
    }
}

/// What a browser posts.
#[derive(Clone)]
pub struct Form {
    pub acs_url: Url,
    pub fields: Vec<(&'static str, String)>,
}

impl Form {
    /// Posts it, and gives where the browser is sent.
    pub async fn post(&self, app: &App) -> Url {
        let path = self.acs_url.path();
        let path = &path[path.find("/v1/").unwrap()..];
        let client = reqwest::Client::builder()
            .redirect(Policy::none())
            .build()
            .unwrap();
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(&self.fields);
        let sent = client
            .post(app.url(path))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form.finish())
            .send()
            .await;
        let answer = sent.unwrap();
        assert_eq!(answer.status(), 303, "{}", answer.text().await.unwrap());
        assert_eq!(answer.headers()["cache-control"], "no-store");
        Url::parse(answer.headers()["location"].to_str().unwrap()).unwrap()
    }
}

pub async fn ask(who: &Person<'_>, connection: &Value, more: Value) -> Asked {
    let started = start(who, connection, more).await.expect_status(200);
    Asked::read(&Url::parse(&text(&started["authorization_url"])).unwrap())
}

/// Makes a test as the provider answers it, and gives how it went.
pub async fn test_saml(
    school: &Organization<'_>,
    connection: &Value,
    answer: impl FnOnce(&Asked) -> Form,
) -> Value {
    let tests = format!("{}/tests", path_of(school, connection));
    let begun = begin_test(&school.admin, &tests).await;
    let asked = Asked::read(&begun.to_provider);
    let end = answer(&asked).post(school.admin.app).await;
    begun.ended_at(&end, &school.admin).await
}

pub async fn saml_active(school: &Organization<'_>) -> Value {
    let connection = saml_draft(school).await;
    let now = school.admin.app.now();
    let ada = assertion_of("_a55e", "ada@example.org");
    let test = test_saml(school, &connection, |asked| asked.answer(&ada, now)).await;
    assert_eq!(test["status"], "passed", "{test:#}");
    activate(school, &connection).await.expect_status(200)
}

/// Where the browser of somebody ends of whom the provider says this.
pub async fn come_with(app: &App, connection: &Value, assertion: &str) -> Url {
    let asked = ask(&app.anonymous(), connection, json!({})).await;
    asked.answer(assertion, app.now()).post(app).await
}

/// The step at which the last arrival ended, and the code that the browser was told.
pub async fn refused_at(school: &Organization<'_>, end: &Url) -> (String, String) {
    let diagnosis = diagnosis_of(school, end).await;
    assert_eq!(diagnosis["status"], "failed");
    let last = last_step(&diagnosis);
    assert_eq!(last["result"], "failed", "{diagnosis:#}");
    (text(&last["name"]), text(&diagnosis["code"]))
}
