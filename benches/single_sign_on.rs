//! Sign-ins by OpenID Connect against the server as it is shipped, with a provider on loopback, beside the signature of
//! an ID token alone; and what a provider that hangs does to the others: `cargo bench --bench single_sign_on`.
//!
//! A sign-in is start, provider, callback with its call for the token, and exchange. The provider and the browsers share
//! the machine with the server; the processor time is the server's and the database's alone.

#![allow(
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a benchmark that meets the unexpected has to fail"
)]

#[path = "../tests/support/identity_provider.rs"]
#[allow(dead_code, reason = "the tests need more of it")]
mod identity_provider;
#[path = "support/load.rs"]
#[allow(
    dead_code,
    reason = "other benchmarks send requests that stay the same"
)]
mod load;
mod support;

use std::hint::black_box;
use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::redirect::Policy;
use rollcall::clock::Clock;
use rollcall::crypto::digest::sha256;
use rollcall::crypto::federation_keys::FederationKeys;
use rollcall::crypto::json_web_key::JsonWebKey;
use rollcall::crypto::public_key::SignatureAlgorithm;
use serde_json::{Value, json};
use url::Url;

use identity_provider::{CLIENT_ID, CLIENT_SECRET, IdentityProvider};
use load::Server;
use support::Bench;

const BROWSERS: usize = 8;
const TIME: Duration = Duration::from_secs(5);
const VERIFIER: &str = "of-a-browser-that-keeps-it-until-it-comes-back-0";

fn main() {
    println!(
        "The signature of an ID token alone: {:.3} ms",
        signature_alone()
    );
    for bench in support::on_each_database() {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap()
            .block_on(measure(&bench));
    }
}

/// Milliseconds to verify RS256.
fn signature_alone() -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let keys = FederationKeys::load(&folder.path().join("key.pem"), true).unwrap();
    let public = serde_json::to_value(keys.public()).unwrap();
    let key = JsonWebKey::read(&public["keys"][0]).unwrap();
    let message = vec![b'x'; 600];
    let signature = keys.sign(&message).unwrap();
    let rounds = 2_000;
    let before = support::processor_time();
    for _ in 0..rounds {
        assert!(key.verifies(SignatureAlgorithm::Rs256, black_box(&message), &signature));
    }
    let took = support::processor_time() - before;
    took.as_secs_f64() * 1e3 / f64::from(rounds)
}

async fn measure(bench: &Bench) {
    let mut settings = bench.settings();
    for limit in ["sign_in_flow", "connection_test", "registration"] {
        settings.insert(format!("limit_{limit}"), "off".to_owned());
    }
    settings.insert("outbound_allow".to_owned(), "127.0.0.0/8".to_owned());
    let variables = settings
        .iter()
        .map(|(name, value)| (format!("ROLLCALL_{}", name.to_uppercase()), value));
    let server = Server::start(
        Command::new(env!("CARGO_BIN_EXE_rollcall"))
            .arg("serve")
            .envs(variables),
        load::postmaster(&mut bench.state.services.pool.get().unwrap()),
    );
    let provider = IdentityProvider::start();
    let school = School::sign_up(&server).await;
    let connection = school.connect(&provider.issuer()).await;
    school.activate(&connection, &provider).await;
    // People who come for the first time, then the same again.
    let newcomers = server.measure(|| rounds(&school, (&connection, &provider), "new"));
    let again = server.measure(|| rounds(&school, (&connection, &provider), "old"));
    println!("\n{}, {BROWSERS} browsers:", bench.name);
    println!("| | a second | processor: server | database |");
    println!("|---|---|---|---|");
    row("people who are new", newcomers);
    row("people who came before", again);
    let alone = school.median(&connection, &provider).await;
    let hanging = Hanging::start();
    let slow = school.connect(&hanging.issuer).await;
    let waiting: Vec<_> = (0..10)
        .map(|_| tokio::spawn(school.clone().start_and_wait(slow.clone())))
        .collect();
    let beside = school.median(&connection, &provider).await;
    waiting.iter().for_each(tokio::task::JoinHandle::abort);
    println!(
        "one browser: a median sign-in takes {alone:.1} ms; beside ten that wait for a provider that hangs, {beside:.1} ms"
    );
}

fn row(name: &str, figures: load::Figures) {
    println!(
        "| {name} | {:.0} | {:.3} ms | {:.3} ms |",
        figures.per_second, figures.server_ms, figures.database_ms
    );
}

/// Signs in for a while by all browsers at once, and tells how often.
fn rounds(school: &School, (connection, provider): (&str, &IdentityProvider), who: &str) -> usize {
    let until = Instant::now() + TIME;
    let runtime = tokio::runtime::Handle::current();
    let browse = |browser: usize| {
        let mut count = 0;
        while Instant::now() < until {
            let number = if who == "new" { count } else { count % 5 };
            let subject = format!("{browser}-{number}");
            runtime.block_on(school.sign_in(connection, provider, &subject));
            count += 1;
        }
        count
    };
    std::thread::scope(|scope| {
        let browsers: Vec<_> = (0..BROWSERS)
            .map(|browser| {
                let browse = &browse;
                scope.spawn(move || browse(browser))
            })
            .collect();
        browsers
            .into_iter()
            .map(|browser| browser.join().unwrap())
            .sum()
    })
}

/// An organization with its admin.
#[derive(Clone)]
struct School {
    base: String,
    client: reqwest::Client,
    token: String,
    path: String,
}

impl School {
    async fn sign_up(server: &Server) -> Self {
        let client = reqwest::Client::builder().redirect(Policy::none()).build();
        let mut school = Self {
            base: format!("http://{}", server.address),
            client: client.unwrap(),
            token: String::new(),
            path: String::new(),
        };
        let ann = json!({
            "email": "ann@load.example", "password": "seven green ducks 7", "username": "Ann"
        });
        let registered = school.post("/v1/auth/register", ann).await;
        school.token = text(&registered["access_token"]);
        let organization = json!({ "name": "Load", "kind": "school" });
        let organization = school.post("/v1/organizations", organization).await;
        school.path = format!("/v1/organizations/{}", text(&organization["id"]));
        school
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let mut request = self.client.post(format!("{}{path}", self.base)).json(&body);
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let body = answer.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {body}");
        serde_json::from_str(&body).unwrap_or_default()
    }

    /// Makes a connection, and gives its id.
    async fn connect(&self, issuer: &str) -> String {
        let new = json!({
            "name": "Load", "kind": "oidc", "preset": "generic", "issuer": issuer,
            "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET,
        });
        let made = self.post(&format!("{}/connections", self.path), new).await;
        text(&made["id"])
    }

    async fn activate(&self, connection: &str, provider: &IdentityProvider) {
        let path = format!("{}/connections/{connection}", self.path);
        let test = self.post(&format!("{path}/tests"), Value::Null).await;
        let to_provider = self.follow(&text(&test["start_url"])).await;
        let claims = json!({ "sub": "test" });
        let back = provider.sign_in(&to_provider, (Clock::system().now(), claims));
        self.follow(back.as_str()).await;
        self.post(&format!("{path}/activate"), Value::Null).await;
    }

    /// Where a browser is sent from an address of the server.
    async fn follow(&self, to: &str) -> String {
        let to = Url::parse(to).unwrap();
        let query = to.query().unwrap_or_default();
        let here = format!("{}{}?{query}", self.base, to.path());
        let answer = self.client.get(here).send().await.unwrap();
        assert_eq!(answer.status(), 303);
        answer.headers()["location"].to_str().unwrap().to_owned()
    }

    async fn start(&self, connection: &str) -> String {
        let challenge = URL_SAFE_NO_PAD.encode(sha256(VERIFIER.as_bytes()));
        let start = json!({ "connection_id": connection, "challenge": challenge });
        let started = self.post("/v1/sign-in/start", start).await;
        text(&started["authorization_url"])
    }

    async fn sign_in(&self, connection: &str, provider: &IdentityProvider, subject: &str) {
        let to_provider = self.start(connection).await;
        let claims = json!({ "sub": subject, "name": "Somebody", "email": format!("{subject}@load.example") });
        let back = provider.sign_in(&to_provider, (Clock::system().now(), claims));
        let end = self.follow(back.as_str()).await;
        let ticket = end.rsplit_once("#ticket=").expect("no ticket").1;
        let exchange = json!({ "ticket": ticket, "verifier": VERIFIER });
        let exchanged = self.post("/v1/sign-in/exchange", exchange).await;
        assert!(exchanged["access_token"].is_string());
    }

    /// How many milliseconds a sign-in takes, in the middle of fifty.
    async fn median(&self, connection: &str, provider: &IdentityProvider) -> f64 {
        let mut took = Vec::new();
        for _ in 0..50 {
            let began = Instant::now();
            self.sign_in(connection, provider, "0-0").await;
            took.push(began.elapsed().as_secs_f64() * 1e3);
        }
        support::median(took)
    }

    /// Tests a connection whose provider does not answer, again and again.
    async fn start_and_wait(self, connection: String) {
        let path = format!("{}/connections/{connection}/tests", self.path);
        loop {
            let test = self.post(&path, Value::Null).await;
            self.follow(&text(&test["start_url"])).await;
        }
    }
}

/// A provider that takes calls and never answers.
struct Hanging {
    issuer: String,
}

impl Hanging {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let mut kept = Vec::new();
            kept.extend(listener.incoming().flatten());
        });
        Self { issuer }
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("no text").to_owned()
}
