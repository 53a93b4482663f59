//! `kill -9` between the work and its answer, at any moment.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;

use super::expect_again;
use crate::support::Answer;
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
        let order = |number| Order::new(round * REQUESTS + number);
        let moment = Duration::from_millis(dice.u64(5..250));
        let sending = (0..REQUESTS).map(|number| {
            let request = order(number).request(&process, &school);
            tokio::time::timeout(moment, async {
                Some(Answer::read(request.send().await.ok()?).await)
            })
        });
        let before = join_all(sending).await;
        process.kill();
        process = installation.start();
        for (number, before) in before.into_iter().enumerate() {
            let again = send(order(number).request(&process, &school)).await;
            again.expect_status(201);
            if let Ok(Some(before)) = before {
                answered_before += 1;
                expect_again(&again, &before);
            }
            let third = send(order(number).request(&process, &school)).await;
            assert_eq!(third.text, again.text);
        }
    }
    println!(
        "{answered_before} of {} were answered before the kill",
        ROUNDS * REQUESTS
    );
    // Organizations may share a name: each that was made twice would be one too many.
    let page = process
        .get("/v1/organizations?limit=200", &school.token)
        .await;
    let organizations = page.expect_status(200)["items"].as_array().unwrap().len();
    assert_eq!(organizations, 1 + ROUNDS * REQUESTS / 2);
    process.kill();
}

/// One of many things to do: a registration or an organization.
struct Order {
    number: usize,
}

impl Order {
    fn new(number: usize) -> Self {
        Self { number }
    }

    fn request(&self, front: &Front, school: &School) -> reqwest::RequestBuilder {
        let number = self.number;
        let (path, token, body) = if number.is_multiple_of(2) {
            let body = json!({ "name": "One of Many", "kind": "school" });
            ("/v1/organizations", school.token.as_str(), body)
        } else {
            let email = format!("person{number}@x.example");
            let body = json!({ "email": email, "password": PASSWORD, "username": "Person" });
            ("/v1/auth/register", "", body)
        };
        let request = front.request(Method::POST, path, token);
        request
            .header("idempotency-key", format!("order-{number}"))
            .json(&body)
    }
}
