//! Stops that lose no request.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::Method;

use crate::support::app::block_on;
use crate::support::process::{Installation, Process};

fn server() -> (Installation, Process) {
    let mut installation = Installation::on_sqlite();
    installation.set("STOP_DELAY_SECONDS", 3);
    let process = installation.start();
    (installation, process)
}

#[test]
fn a_server_that_stops_goes_on_serving_until_requests_go_elsewhere() {
    let (_installation, process) = server();
    block_on(async {
        let token = process.register("jane@x.org").await;
        let kept = process.get("/v1/me", &token).await;
        assert_ne!(kept.header("connection"), "close");
        process.terminate();
        loop {
            let ready = process.get("/health/ready", "").await;
            if ready.status != 200 {
                ready.expect_problem(503, "unavailable");
                break;
            }
        }
        let served = process.get("/v1/me", &token).await;
        assert_eq!(served.header("connection"), "close");
        served.expect_status(200);
    });
    assert!(process.wait().success());
}

/// As a load balancer does that asks every few milliseconds whether the server is ready.
#[test]
fn a_stop_behind_a_load_balancer_loses_no_request() {
    let (_installation, process) = server();
    let (is_ready, answered) = (AtomicBool::new(true), AtomicUsize::new(0));
    block_on(async {
        let token = process.register("jane@x.org").await;
        let client = || async {
            while is_ready.load(Ordering::SeqCst) {
                let response = process.request(Method::GET, "/v1/me", &token).send().await;
                assert_eq!(response.expect("a request is lost").status(), 200);
                answered.fetch_add(1, Ordering::SeqCst);
            }
        };
        let clients = (0..8).map(|_| client());
        let check = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            process.terminate();
            while process.get("/health/ready", "").await.status == 200 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
            is_ready.store(false, Ordering::SeqCst);
        };
        tokio::join!(futures_util::future::join_all(clients), check);
    });
    assert!(process.wait().success());
    assert!(answered.load(Ordering::SeqCst) > 20);
}

/// Whoever comes too late does not get through: that is told before anything was sent, so that it can be sent elsewhere.
#[test]
fn a_stop_loses_no_request_of_those_who_ask_on() {
    let installation = Installation::on_sqlite();
    block_on(async {
        for _ in 0..5 {
            let process = installation.start();
            let answered = AtomicUsize::new(0);
            let client = || async {
                loop {
                    let sent = process
                        .request(Method::GET, "/health/live", "")
                        .send()
                        .await;
                    match sent {
                        Ok(response) => assert_eq!(response.status(), 200),
                        Err(error) if error.is_connect() => break,
                        Err(error) => panic!("a request is lost: {error:?}"),
                    }
                    answered.fetch_add(1, Ordering::SeqCst);
                }
            };
            let clients = (0..32).map(|_| client());
            let stop = async {
                tokio::time::sleep(Duration::from_millis(300)).await;
                process.terminate();
            };
            tokio::join!(futures_util::future::join_all(clients), stop);
            assert!(process.wait().success());
            assert!(answered.load(Ordering::SeqCst) > 20);
        }
    });
}
