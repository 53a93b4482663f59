//! Whoever signs in waits for few of those who sign in from elsewhere, however many these are.

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use rollcall::config::Config;
use serde_json::json;

use super::proxies::trust_this_machine;
use super::{on_both, sign_in_from};
use crate::support::people::PASSWORD;

/// Accounts of one client, whose sign-ins are all sent at once.
const MANY: usize = 24;

/// One thread hashes, and each password takes it a while.
fn one_after_the_other(config: &mut Config) {
    trust_this_machine(config);
    config.hash_threads = 1;
    config.password_hash = "m=19456,t=2".parse().unwrap();
}

#[test]
fn clients_take_turns_with_their_right_passwords() {
    on_both(one_after_the_other, async |app| {
        let accounts: Vec<String> = (0..MANY).map(|n| format!("pupil{n}@x.example")).collect();
        for email in accounts.iter().map(String::as_str).chain(["ann@x.example"]) {
            let body = json!({ "email": email, "password": PASSWORD, "username": "Ann" });
            let registered = app.anonymous().post("/v1/auth/register", body).await;
            registered.expect_status(201);
        }
        let flood = accounts
            .iter()
            .map(|email| sign_in_from(app, "203.0.113.66", email, PASSWORD));
        let mut flood: FuturesUnordered<_> = flood.collect();
        // By the first response the others wait for the thread.
        flood.next().await.unwrap().expect_status(200);
        let mut before = 1;
        let ann = sign_in_from(app, "198.51.100.1", "ann@x.example", PASSWORD);
        let mut ann = std::pin::pin!(ann);
        let ann = loop {
            tokio::select! {
                biased;
                ann = &mut ann => break ann,
                Some(other) = flood.next() => {
                    other.expect_status(200);
                    before += 1;
                }
            }
        };
        ann.expect_status(200);
        assert!(before < MANY / 2, "{before} of {MANY} came before");
        while let Some(other) = flood.next().await {
            other.expect_status(200);
        }
    });
}
