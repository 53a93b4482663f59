//! `kill -9` between the work and its answer, at any moment.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use reqwest::multipart::Part;
use serde_json::json;

use super::expect_again;
use crate::support::TestResponse;
use crate::support::app::block_on;
use crate::support::people::{PASSWORD, send};
use crate::support::process::{Front, Installation, School};

mod whenever_a_server_is_killed_a_key_is_done_once {
    use super::*;

    #[test]
    fn sqlite() {
        block_on(kills(&Installation::on_sqlite()));
    }

    #[test]
    fn postgres() {
        if let Some(installation) = Installation::on_postgres() {
            block_on(kills(&installation));
        }
    }
}

/// How often the server is killed.
const ROUNDS: usize = 6;

/// How many requests are under way then.
const REQUESTS: usize = 12;

async fn kills(installation: &Installation) {
    let mut dice = fastrand::Rng::new();
    let mut process = installation.start();
    let school = process.school("Hill Road School").await;
    let mut answered_before = 0;
    for round in 0..ROUNDS {
        let orders = || (0..REQUESTS).map(|number| Order::new(round * REQUESTS + number));
        let moment = Duration::from_millis(dice.u64(5..250));
        let sending = orders().map(|order| {
            let request = order.request(&process, &school);
            tokio::time::timeout(moment, async {
                Some(TestResponse::read(request.send().await.ok()?).await)
            })
        });
        let before = join_all(sending).await;
        process.kill();
        process = installation.start();
        for (order, before) in orders().zip(before) {
            let again = send(order.request(&process, &school)).await;
            again.expect_status(order.status);
            if let Ok(Some(before)) = before {
                answered_before += 1;
                expect_again(&again, &before);
            }
            let third = send(order.request(&process, &school)).await;
            assert_eq!(third.text, again.text);
        }
    }
    let all = ROUNDS * REQUESTS;
    println!("{answered_before} of {all} were answered before the kill");
    // Organizations may share a name, and a file may be imported twice: each that was made twice
    // would be one too many. An address cannot be registered twice.
    for (path, expected) in [
        ("/v1/organizations".to_owned(), 1 + all / KINDS),
        (school.path("/imports"), all / KINDS),
    ] {
        let page = process
            .get(&format!("{path}?limit=200"), &school.token)
            .await;
        let page = page.expect_status(200);
        assert_eq!(page["items"].as_array().unwrap().len(), expected, "{path}");
    }
    process.kill();
}

/// Registrations, organizations and uploads.
const KINDS: usize = 3;

/// One of many things to do.
struct Order {
    number: usize,
    status: u16,
}

impl Order {
    fn new(number: usize) -> Self {
        let status = if number.is_multiple_of(KINDS) {
            202
        } else {
            201
        };
        Self { number, status }
    }

    fn request(&self, front: &Front, school: &School) -> reqwest::RequestBuilder {
        let (number, email) = (self.number, format!("person{}@x.example", self.number));
        let request = match number % KINDS {
            0 => {
                let csv = format!("email,password,username\n{email},{PASSWORD},Person\n");
                school.upload(front, Part::text(csv), &[])
            }
            1 => front
                .request(Method::POST, "/v1/organizations", &school.token)
                .json(&json!({ "name": "One of Many", "kind": "school" })),
            _ => front
                .request(Method::POST, "/v1/auth/register", "")
                .json(&json!({ "email": email, "password": PASSWORD, "username": "Person" })),
        };
        request.header("idempotency-key", format!("order-{number}"))
    }
}
