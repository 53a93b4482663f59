//! `rollcall health`, as a container's health check runs it.

use std::process::Output;

use crate::support::server;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn health(folder: &std::path::Path, listen: &str) -> Output {
    server::command(folder, &["health"])
        .env("ROLLCALL_LISTEN", listen)
        .output()
        .expect("the binary does not start")
}

#[test]
fn a_server_that_serves_is_ready_and_one_that_is_gone_is_not() {
    let folder = tempfile::tempdir().expect("no temporary folder");
    let server = server::Server::start(folder.path());
    let port = server
        .address
        .rsplit(':')
        .next()
        .expect("a port")
        .to_owned();
    for listen in ["127.0.0.1:0".to_owned(), format!("0.0.0.0:{port}")] {
        let ready = health(folder.path(), &listen);
        assert!(ready.status.success(), "{}", text(&ready.stderr));
        assert_eq!(text(&ready.stdout), "ready\n");
    }
    drop(server);
    let gone = health(folder.path(), "127.0.0.1:0");
    assert!(!gone.status.success());
    assert!(
        text(&gone.stderr).contains("no answer from 127.0.0.1:"),
        "{}",
        text(&gone.stderr)
    );
}
