//! How long a sign-in takes while the server idles and while it imports at full load:
//! `cargo bench --bench sign_in`.

#![allow(
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a benchmark that meets the unexpected has to fail"
)]

mod support;

use std::time::{Duration, Instant};

use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use support::{Bench, median};

const SIGN_INS: usize = 100;
/// Far more than can be imported while this runs.
const ROWS: usize = 20_000;
const PASSWORD: &str = "seven green ducks 7";

fn main() {
    for bench in support::on_each_database() {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(compare(&bench));
    }
}

async fn compare(bench: &Bench) {
    let server = support::serve(bench);
    let base = server.url("");
    let client = reqwest::Client::new();
    let post = |path: &str, body: Value| client.post(format!("{base}{path}")).json(&body).send();
    let ann = json!({ "email": "ann@x.org", "password": PASSWORD, "username": "Ann" });
    let registered: Value = post("/v1/auth/register", ann)
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let token = registered["access_token"].as_str().unwrap().to_owned();
    let school: Value = client
        .post(format!("{base}/v1/organizations"))
        .bearer_auth(&token)
        .json(&json!({ "name": "Load", "kind": "school" }))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();

    let idle = sign_ins(&client, &base).await;
    let imports = format!(
        "{base}/v1/organizations/{}/imports",
        school["id"].as_str().unwrap()
    );
    let form = Form::new()
        .text("account_type", "student")
        .part("file", Part::text(support::people(ROWS)));
    let accepted = client
        .post(&imports)
        .bearer_auth(&token)
        .multipart(form)
        .send()
        .await
        .unwrap();
    let import: Value = accepted.json().await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let loaded = sign_ins(&client, &base).await;
    let cancel = format!("{imports}/{}/cancel", import["id"].as_str().unwrap());
    let cancelled: Value = client
        .post(cancel)
        .bearer_auth(&token)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert!(
        cancelled["counts"]["created"].as_i64().unwrap() > 100,
        "{cancelled}"
    );

    let (idle, loaded) = (median(idle), median(loaded));
    println!(
        "{}: median sign-in {:.1} ms idle, {:.1} ms while an import hashes on every core: ratio \
         {:.2} (wanted: at most 2)",
        bench.name,
        idle * 1e3,
        loaded * 1e3,
        loaded / idle
    );
    server.stop().await;
}

async fn sign_ins(client: &reqwest::Client, base: &str) -> Vec<f64> {
    let mut times = Vec::new();
    for _ in 0..SIGN_INS {
        let started = Instant::now();
        let body = json!({ "email": "ann@x.org", "password": PASSWORD });
        let answer = client
            .post(format!("{base}/v1/auth/login"))
            .json(&body)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
        times.push(started.elapsed().as_secs_f64());
    }
    times
}
