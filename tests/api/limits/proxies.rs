//! Where a request comes from, with proxies in between and with liars.

use futures_util::future::join_all;
use reqwest::Method;
use rollcall::config::Config;
use serde_json::json;

use super::{on_both, sign_in_from, statuses};
use crate::support::both_databases;
use crate::support::people::{PASSWORD, send};

fn trust_this_machine(config: &mut Config) {
    config.trusted_proxies = "127.0.0.1".parse().unwrap();
}

#[test]
fn a_guesser_elsewhere_does_not_lock_the_owner_out() {
    on_both(trust_this_machine, async |app| {
        app.register("ann@x.example").await;
        for number in 0..11 {
            let client = "203.0.113.66";
            let guess = sign_in_from(app, client, "ann@x.example", "wrong guess 1").await;
            guess.expect_status(if number < 10 { 401 } else { 429 });
        }
        let owner = sign_in_from(app, "198.51.100.1", "ann@x.example", PASSWORD).await;
        owner.expect_status(200);
    });
}

#[test]
fn guesses_from_many_places_are_stopped_together() {
    on_both(trust_this_machine, async |app| {
        app.register("ann@x.example").await;
        let guesses = (0..110).map(|number| async move {
            let client = format!("203.0.113.{number}");
            sign_in_from(app, &client, "ann@x.example", "wrong guess 1").await
        });
        let answers = join_all(guesses).await;
        assert_eq!(
            (statuses(&answers, 401), statuses(&answers, 429)),
            (100, 10)
        );
        let limited = answers.iter().find(|answer| answer.status == 429).unwrap();
        assert_eq!(limited.header("ratelimit"), r#""sign_in_address";r=0;t=36"#);
        assert_eq!(limited.header("retry-after"), "36");
    });
}

#[test]
fn a_client_is_whom_a_trusted_proxy_names_and_nobody_else() {
    on_both(trust_this_machine, async |app| {
        // What stands before the proxy's own word, the client has made up.
        for number in 0..10 {
            let client = format!("192.0.2.{number}, 203.0.113.66");
            let guess = sign_in_from(app, &client, "ann@x.example", "wrong guess 1").await;
            guess.expect_status(401);
        }
        for (client, status) in [
            ("203.0.113.66", 429),
            ("203.0.113.66, 127.0.0.1", 429),
            ("203.0.113.66:4711", 429),
            ("203.0.113.67", 401),
        ] {
            let guess = sign_in_from(app, client, "ann@x.example", "wrong guess 1").await;
            guess.expect_status(status);
        }
    });
}

#[test]
fn addresses_of_one_network_are_one_client() {
    on_both(trust_this_machine, async |app| {
        for number in 0..12 {
            let body = json!({ "email": "ann@x.example", "password": "wrong guess 1" });
            let forwarded = format!("for=\"[2001:db8:1:2::{number:x}]:443\";proto=https");
            let request = app.anonymous().request(Method::POST, "/v1/auth/login");
            let guess = send(request.header("forwarded", forwarded).json(&body)).await;
            guess.expect_status(if number < 10 { 401 } else { 429 });
        }
    });
}

both_databases!(headers_of_whoever_is_not_trusted_are_ignored, |app| {
    for number in 0..12 {
        let client = format!("203.0.113.{number}");
        let guess = sign_in_from(app, &client, "ann@x.example", "wrong guess 1").await;
        guess.expect_status(if number < 10 { 401 } else { 429 });
    }
});
