//! Flows to a provider of OpenID Connect on loopback.

use std::collections::HashMap;

use reqwest::redirect::Policy;
use rollcall::oidc::authorization::challenge_of;
use serde_json::{Value, json};
use url::Url;

use super::identity_provider::{CLIENT_ID, CLIENT_SECRET, IdentityProvider};
use super::people::{Organization, Person, text};
use super::{App, TestResponse};

pub const VERIFIER: &str = "a-verifier-that-the-browser-keeps-and-nobody-else";

/// A connection of the school to this provider, as a draft.
pub async fn draft(school: &Organization<'_>, provider: &IdentityProvider) -> Value {
    let new = json!({
        "name": "School accounts",
        "kind": "oidc",
        "preset": "generic",
        "issuer": provider.issuer(),
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
    });
    let created = school.admin.post(&school.path("/connections"), new).await;
    created.expect_status(201)
}

pub fn path_of(school: &Organization<'_>, connection: &Value) -> String {
    school.path(&format!("/connections/{}", text(&connection["id"])))
}

/// The same, tested and active.
pub async fn active(school: &Organization<'_>, provider: &IdentityProvider) -> Value {
    let connection = draft(school, provider).await;
    let test = test(school, &connection, provider, json!({ "sub": "tester" })).await;
    assert_eq!(test["status"], "passed", "{test:#}");
    activate(school, &connection).await.expect_status(200)
}

pub async fn activate(school: &Organization<'_>, connection: &Value) -> TestResponse {
    let path = format!("{}/activate", path_of(school, connection));
    school.admin.post(&path, Value::Null).await
}

/// A test that has begun.
pub struct BegunTest {
    pub path: String,
    /// Where the browser is sent that opens its `start_url`.
    pub to_provider: Url,
}

impl BegunTest {
    /// How it went, of which the browser ended here.
    pub async fn ended_at(&self, end: &Url, who: &Person<'_>) -> Value {
        assert_eq!(end.path(), "/sign-in/tested");
        who.get(&self.path).await.expect_status(200)
    }
}

/// Begins a test at this path, by its admin or by a setup link.
pub async fn begin_test(who: &Person<'_>, tests: &str) -> BegunTest {
    let begun = who.post(tests, Value::Null).await.expect_status(201);
    let start = Url::parse(&text(&begun["start_url"])).unwrap();
    BegunTest {
        path: format!("{tests}/{}", text(&begun["id"])),
        to_provider: follow(who.app, &start).await,
    }
}

/// Makes a test whose browser comes back from the provider as this says.
pub async fn test_back(
    school: &Organization<'_>,
    connection: &Value,
    back: impl FnOnce(&Url) -> Url,
) -> Value {
    let tests = format!("{}/tests", path_of(school, connection));
    let begun = begin_test(&school.admin, &tests).await;
    let end = match begun.to_provider.path() {
        "/authorize" => follow(school.admin.app, &back(&begun.to_provider)).await,
        // The provider cannot be asked.
        _ => begun.to_provider.clone(),
    };
    begun.ended_at(&end, &school.admin).await
}

/// The last step of a test or a diagnosis.
#[track_caller]
pub fn last_step(diagnosis: &Value) -> &Value {
    let steps = diagnosis["steps"].as_array().expect("no steps");
    steps.last().expect("no step")
}

/// The diagnosis of somebody who was refused, and whose browser ended here.
pub async fn diagnosis_of(school: &Organization<'_>, end: &Url) -> Value {
    assert_eq!(end.path(), "/sign-in", "{end}");
    let told: HashMap<_, _> = end.query_pairs().into_owned().collect();
    let path = school.path(&format!("/diagnoses/{}", told["reference"]));
    let diagnosis = school.admin.get(&path).await.expect_status(200);
    assert_eq!(diagnosis["code"], told["problem"]);
    diagnosis
}

/// Whoever has the address of a setup link.
pub fn by_setup_link<'a>(app: &'a App, url: &str) -> Person<'a> {
    let url: Url = url.parse().unwrap();
    assert_eq!((url.path(), url.query()), ("/setup", None));
    let token = url.fragment().unwrap().strip_prefix("token=").unwrap();
    Person {
        access_token: Some(token.to_owned()),
        ..Person::anonymous(app)
    }
}

/// Makes a test of a connection as somebody of whom the provider says this, and gives how it went.
pub async fn test(
    school: &Organization<'_>,
    connection: &Value,
    provider: &IdentityProvider,
    claims: Value,
) -> Value {
    let now = school.admin.app.now();
    let back = |asked: &Url| provider.sign_in(asked.as_str(), (now, claims));
    test_back(school, connection, back).await
}

/// Where a browser is sent that goes to an address of this server.
pub async fn follow(app: &App, to: &Url) -> Url {
    // The public address may have more before.
    let begins = to
        .path()
        .find("/v1/")
        .expect("an address of another server");
    let path = match to.query() {
        Some(query) => format!("{}?{query}", &to.path()[begins..]),
        None => to.path()[begins..].to_owned(),
    };
    let client = reqwest::Client::builder()
        .redirect(Policy::none())
        .build()
        .unwrap();
    let answer = client.get(app.url(&path)).send().await.unwrap();
    assert_eq!(answer.status(), 303, "{}", answer.text().await.unwrap());
    assert_eq!(answer.headers()["cache-control"], "no-store");
    assert_eq!(answer.headers()["referrer-policy"], "no-referrer");
    Url::parse(answer.headers()["location"].to_str().unwrap()).unwrap()
}

/// Starts a flow, as somebody or nobody.
pub async fn start(who: &Person<'_>, connection: &Value, more: Value) -> TestResponse {
    let mut body = json!({
        "connection_id": connection["id"],
        "challenge": challenge_of(VERIFIER),
    });
    let all = body.as_object_mut().unwrap();
    all.extend(more.as_object().unwrap().clone());
    who.post("/v1/sign-in/start", body).await
}

/// Goes round once as somebody of whom the provider says this, up to where the browser ends.
pub async fn go_round(
    who: &Person<'_>,
    connection: &Value,
    (provider, claims): (&IdentityProvider, Value),
    more: Value,
) -> Url {
    let started = start(who, connection, more).await.expect_status(200);
    let url = text(&started["authorization_url"]);
    let back = provider.sign_in(&url, (who.app.now(), claims));
    follow(who.app, &back).await
}

pub fn ticket_of(end: &Url) -> String {
    assert_eq!(end.path(), "/sign-in/ticket", "{end}");
    assert_eq!(end.query(), None);
    let fragment = end.fragment().expect("no fragment");
    fragment
        .strip_prefix("ticket=")
        .expect("no ticket")
        .to_owned()
}

pub async fn exchange(app: &App, ticket: &str) -> TestResponse {
    let body = json!({ "ticket": ticket, "verifier": VERIFIER });
    app.anonymous().post("/v1/sign-in/exchange", body).await
}

/// Signs in by a connection, and gives the answer of the exchange.
pub async fn come(
    school: &Organization<'_>,
    connection: &Value,
    provider: &IdentityProvider,
    claims: Value,
) -> TestResponse {
    let app = school.admin.app;
    let anonymous = app.anonymous();
    let end = go_round(&anonymous, connection, (provider, claims), json!({})).await;
    exchange(app, &ticket_of(&end)).await
}

/// Whoever holds the session of an exchange.
pub fn holder<'a>(app: &'a App, exchanged: &Value) -> Person<'a> {
    Person {
        access_token: Some(text(&exchanged["access_token"])),
        refresh_token: text(&exchanged["refresh_token"]),
        ..Person::anonymous(app)
    }
}
