//! `rollcall health`, as a container's health check runs it.

use std::process::Output;

use crate::support::process::{Installation, printed, refused};

fn health(installation: &Installation, listen: &str) -> Output {
    installation
        .command(&["health"])
        .env("ROLLCALL_LISTEN", listen)
        .output()
        .expect("the binary cannot be run")
}

#[test]
fn a_server_that_serves_is_ready_and_one_that_is_gone_is_not() {
    let installation = Installation::on_sqlite();
    let server = installation.start();
    let port = server.address().port();
    for listen in ["127.0.0.1:0".to_owned(), format!("0.0.0.0:{port}")] {
        assert_eq!(printed(&health(&installation, &listen)), "ready\n");
    }
    server.kill();
    let told = refused(&health(&installation, "127.0.0.1:0"));
    assert!(told.contains("no answer from 127.0.0.1:"), "{told}");
}
