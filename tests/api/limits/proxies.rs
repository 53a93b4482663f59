//! Where a request comes from, with proxies in between and with liars.

use futures_util::future::join_all;
use reqwest::Method;
use reqwest::header::HeaderValue;
use rollcall::config::Config;
use rollcall::domain::limits::{Limit, QuotaSetting};
use serde_json::json;

use super::{on_both, sign_in_from, statuses};
use crate::support::both_databases;
use crate::support::people::{PASSWORD, send};

pub(super) fn trust_this_machine(config: &mut Config) {
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
        assert_eq!(
            limited.header("ratelimit"),
            r#""sign_in_address";r=0;t=864"#
        );
        assert_eq!(limited.header("retry-after"), "864");
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
    let by_forwarded = |config: &mut Config| {
        trust_this_machine(config);
        config.proxy_header = "Forwarded".parse().unwrap();
    };
    on_both(by_forwarded, async |app| {
        for number in 0..12 {
            let body = json!({ "email": "ann@x.example", "password": "wrong guess 1" });
            let forwarded = format!("for=\"[2001:db8:1:2::{number:x}]:443\";proto=https");
            let request = app.anonymous().request(Method::POST, "/v1/auth/login");
            let guess = send(request.header("forwarded", forwarded).json(&body)).await;
            guess.expect_status(if number < 10 { 401 } else { 429 });
        }
    });
}

#[test]
fn an_escape_that_a_client_writes_hides_nobody() {
    let by_forwarded = |config: &mut Config| {
        trust_this_machine(config);
        config.proxy_header = "Forwarded".parse().unwrap();
    };
    on_both(by_forwarded, async |app| {
        for (number, status) in [(1, 401), (2, 401)] {
            for guess in 0..12 {
                let body = json!({ "email": "ann@x.example", "password": "wrong guess 1" });
                let forwarded = format!("for=\"9.9.9.9\\, for=203.0.113.{number};proto=https");
                let request = app.anonymous().request(Method::POST, "/v1/auth/login");
                let answer = send(request.header("forwarded", forwarded).json(&body)).await;
                answer.expect_status(if guess < 10 { status } else { 429 });
            }
        }
    });
}

#[test]
fn networks_of_one_site_are_limited_together() {
    let few_an_address = |config: &mut Config| {
        trust_this_machine(config);
        config.limits.set(Limit::SignInAddress, QuotaSetting(None));
    };
    on_both(few_an_address, async |app| {
        // Ten times as many as one network has.
        for number in 0..102 {
            let client = format!("2001:db8:1:{number:x}::1");
            let guess = sign_in_from(app, &client, "ann@x.example", "wrong guess 1").await;
            guess.expect_status(if number < 100 { 401 } else { 429 });
        }
        let elsewhere = "2001:db8:2:1::1";
        let guess = sign_in_from(app, elsewhere, "ann@x.example", "wrong guess 1").await;
        guess.expect_status(401);
    });
}

#[test]
fn no_header_that_the_proxy_does_not_write_makes_another_client() {
    on_both(trust_this_machine, async |app| {
        let mut guesses = Vec::new();
        for number in 0..4 {
            let forged = format!("for=203.0.113.{number}");
            let names = [
                HeaderValue::from_bytes(b"\xff").unwrap(),
                HeaderValue::from_static("unknown"),
                HeaderValue::from_static(""),
            ];
            for name in names {
                let request = app.anonymous().request(Method::POST, "/v1/auth/login");
                let request = request
                    .header("x-forwarded-for", name)
                    .header("forwarded", &forged)
                    .header("x-real-ip", format!("203.0.113.{number}"));
                let body = json!({ "email": "ann@x.example", "password": "wrong guess 1" });
                let guess = send(request.json(&body)).await;
                guesses.push(guess);
            }
        }
        assert_eq!((statuses(&guesses, 401), statuses(&guesses, 429)), (10, 2));
    });
}

#[test]
fn lines_of_the_header_count_in_their_order() {
    on_both(trust_this_machine, async |app| {
        for number in 0..12 {
            let request = app.anonymous().request(Method::POST, "/v1/auth/login");
            let request = request
                .header("x-forwarded-for", format!("198.51.100.{number}"))
                .header("x-forwarded-for", HeaderValue::from_bytes(b"\xfe").unwrap())
                .header("x-forwarded-for", "203.0.113.66, 127.0.0.1");
            let body = json!({ "email": "ann@x.example", "password": "wrong guess 1" });
            let guess = send(request.json(&body)).await;
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
