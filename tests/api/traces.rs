//! Traces for a collector (`docs/operations.md#traces`).

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;

use crate::support::app::block_on;
use crate::support::collector::{CollectedSpan, Collector};
use crate::support::import_file::ImportFile;
use crate::support::people::{PASSWORD, send};
use crate::support::process::{Front, Installation, Process, refused};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

/// Signs somebody in, as a proxy sends it that has begun a trace.
async fn sign_in_within_a_trace(server: &Front, email: &str) {
    let body = json!({ "email": email, "password": PASSWORD });
    let request = server
        .request(Method::POST, "/v1/auth/login", "")
        .header("traceparent", format!("00-{TRACE}-{PARENT}-01"))
        .header("x-request-id", "find-me")
        .json(&body);
    send(request).await.expect_status(200);
}

fn stop(server: Process) {
    server.terminate();
    assert!(server.wait().success());
}

/// The one span that is so.
#[track_caller]
fn the_one(spans: &[CollectedSpan], is_so: impl Fn(&CollectedSpan) -> bool) -> &CollectedSpan {
    let found: Vec<_> = spans.iter().filter(|span| is_so(span)).collect();
    assert_eq!(found.len(), 1, "{found:#?} of {spans:#?}");
    found[0]
}

/// The names of all spans of a trace.
fn names<'a>(spans: &'a [CollectedSpan], trace: &str) -> BTreeSet<&'a str> {
    let inside = spans.iter().filter(|span| span.trace == trace);
    inside.map(|span| span.name.as_str()).collect()
}

#[test]
fn requests_and_jobs_are_traced_with_what_they_wait_for() {
    let collector = Collector::start();
    let mut installation = Installation::on_sqlite();
    installation.set("TRACES_ENDPOINT", collector.url());
    installation.set("TRUSTED_PROXIES", "127.0.0.1");
    let server = installation.start();
    let (school, log) = block_on(async {
        let school = server.school("Hill").await;
        let import = school
            .import(&server, ImportFile::of("first", 3).csv())
            .await;
        school.finished(&server, &import).await;
        sign_in_within_a_trace(&server, "admin@hill.example").await;
        server.get("/v1/nothing", "").await.expect_status(404);
        (school, server.log())
    });
    stop(server);
    let spans = collector.spans();

    let login = the_one(&spans, |span| span.name == "login");
    assert_eq!(
        (login.trace.as_str(), login.parent.as_str()),
        (TRACE, PARENT)
    );
    assert_eq!(login.attributes["http.request.method"], "POST");
    assert_eq!(login.attributes["http.route"], "/v1/auth/login");
    assert_eq!(login.attributes["http.response.status_code"], "200");
    assert_eq!(login.attributes["rollcall.request_id"], "find-me");
    assert!(login.is_of_server && !login.is_error, "{login:#?}");
    assert_eq!(
        names(&spans, TRACE),
        BTreeSet::from(["hash", "login", "transaction"])
    );
    let hash = the_one(&spans, |span| span.trace == TRACE && span.name == "hash");
    assert_eq!(hash.parent, login.id);

    let upload = the_one(&spans, |span| span.name == "create_import");
    assert_eq!(upload.attributes["rollcall.organization_id"], school.id);
    assert_eq!(upload.attributes["http.response.status_code"], "202");
    assert!(upload.parent.is_empty(), "{upload:#?}");
    let batch = the_one(&spans, |span| span.name == "import_batch");
    assert_eq!(
        names(&spans, &batch.trace),
        BTreeSet::from(["hash", "import_batch", "transaction"])
    );
    let mail = spans
        .iter()
        .find(|span| span.name == "mail")
        .expect("no mail");
    assert!(names(&spans, &mail.trace).contains("transaction"));
    the_one(&spans, |span| span.name == "undocumented");
    let all = format!("{spans:?}");
    assert!(
        !all.contains(PASSWORD) && !all.contains(&school.token),
        "{all}"
    );
    assert!(!log.contains("\"name\":\"transaction\""), "{log}");
}

/// Anybody could else hang requests into the traces of others.
#[test]
fn a_trace_is_gone_on_with_for_trusted_proxies_only() {
    let collector = Collector::start();
    let mut installation = Installation::on_sqlite();
    installation.set("TRACES_ENDPOINT", collector.url());
    let server = installation.start();
    block_on(async {
        server.register("ann@x.example").await;
        sign_in_within_a_trace(&server, "ann@x.example").await;
    });
    stop(server);
    let spans = collector.spans();
    let login = the_one(&spans, |span| span.name == "login");
    assert_ne!(login.trace, TRACE);
    assert_eq!(login.parent, "");
}

#[test]
fn a_collector_that_is_away_costs_a_warning() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = closed.local_addr().unwrap();
    drop(closed);
    let mut installation = Installation::on_sqlite();
    installation.set("TRACES_ENDPOINT", format!("http://{address}/v1/traces"));
    let server = installation.start();
    block_on(async {
        server.register("ann@x.example").await;
        let deadline = Instant::now() + Duration::from_secs(60);
        while !server.log().contains("takes no traces") {
            assert!(Instant::now() < deadline, "nobody is warned");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(server.signs_in("ann@x.example", PASSWORD).await);
    });
    let since = Instant::now();
    server.terminate();
    let log = installation.path("data.log");
    assert!(server.wait().success());
    assert!(
        since.elapsed() < Duration::from_secs(10),
        "{:?}",
        since.elapsed()
    );
    let log = std::fs::read_to_string(log).unwrap();
    assert_eq!(log.matches("takes no traces").count(), 1, "{log}");
}

#[test]
fn a_collector_behind_tls_is_refused_in_words() {
    let mut installation = Installation::on_sqlite();
    installation.set("TRACES_ENDPOINT", "https://collector.example/v1/traces");
    let told = refused(&installation.run(&["config"]));
    assert!(told.contains("traces leave without TLS"), "{told}");
}
