//! Calls to systems that mean no good.

use std::io::{BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;
use url::Url;
use uuid::Uuid;

use super::addresses::AddressPolicy;
use super::client::HttpClient;
use super::*;

const TIMED_OUT: OutboundError = OutboundError::TimedOut {
    within: Duration::from_secs(1),
};

/// A server that answers by the path, and notes what it is asked and by which address.
struct Hostile {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Hostile {
    fn start() -> Self {
        let listener = TcpListener::bind("0.0.0.0:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let notes = asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, notes) = (stream.unwrap(), notes.clone());
                std::thread::spawn(move || {
                    let on = stream.local_addr().unwrap().ip();
                    let mut reader = BufReader::new(stream);
                    while let Some(head) = read_head(&mut reader) {
                        notes.lock().unwrap().push(format!("{on} {head}"));
                        answer(reader.get_mut(), head.split(' ').nth(1).unwrap());
                    }
                });
            }
        });
        Self { address, asked }
    }

    fn url(&self, host: &str, path: &str) -> Url {
        let port = self.address.port();
        format!("http://{host}:{port}{path}").parse().unwrap()
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn read_head(reader: &mut impl std::io::BufRead) -> Option<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    Some(head)
}

/// How often something is sent before the server gives up by itself: longer than any call may last.
const DRIPS: usize = 60;

fn drip(stream: &mut impl Write, text: &str) {
    for _ in 0..DRIPS {
        if stream.write_all(text.as_bytes()).is_err() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn answer(stream: &mut impl Write, path: &str) {
    let head = match path {
        "/redirect" => {
            "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/x?code=secret\r\nContent-Length: 0\r\n\r\n"
        }
        "/big" => "HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n",
        "/endless" => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "/drip" | "/short" => "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
        "/never" | "/slow" | "/slow-head" | "/headers" => "",
        "/garbage" => "SSH-2.0-OpenSSH_9.6\r\n\r\n",
        "/packed" => "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nok",
        "/cookie" => {
            "HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nETag: \"7\"\r\nContent-Length: 2\r\n\r\nok"
        }
        "/gone" => "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno",
        "/same" => "HTTP/1.1 304 Not Modified\r\n\r\n",
        _ => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    };
    let _ = stream.write_all(head.as_bytes());
    match path {
        "/big" => drop(stream.write_all(&vec![b'y'; 10_000_000])),
        "/endless" => {
            while stream.write_all(b"1000\r\n").is_ok()
                && stream.write_all(&[b'y'; 0x1000]).is_ok()
                && stream.write_all(b"\r\n").is_ok()
            {}
        }
        "/drip" => drip(stream, "x"),
        "/slow-head" => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nX-Slow: ");
            drip(stream, "x");
        }
        "/headers" => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
            while stream.write_all(b"X-More: and more\r\n").is_ok() {}
        }
        "/slow" => {
            std::thread::sleep(Duration::from_millis(300));
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
        "/never" => std::thread::sleep(Duration::from_secs(3)),
        _ => {}
    }
}

fn policy(allowed: &str) -> AddressPolicy {
    AddressPolicy::allowing(&networks(allowed))
}

fn networks(text: &str) -> Vec<ipnet::IpNet> {
    text.split(',')
        .filter(|it| !it.is_empty())
        .map(|it| it.parse().unwrap())
        .collect()
}

fn client(allowed: &str) -> HttpClient {
    HttpClient::of_test(DefaultResolver::default(), policy(allowed))
}

fn outbound() -> Outbound {
    Outbound::of(client("127.0.0.0/8"), Duration::from_secs(30))
}

fn error_of(client: &HttpClient, url: Url) -> OutboundError {
    match client.call(&OutboundRequest::get(url.clone())) {
        Ok(answer) => panic!("{url}: {}", answer.status),
        Err(error) => error,
    }
}

/// A resolver that says something else each time.
#[derive(Debug, Default)]
struct Says {
    answers: Vec<Vec<&'static str>>,
    asked: AtomicUsize,
}

impl Says {
    fn each(answers: &[&[&'static str]]) -> Self {
        let answers = answers.iter().map(|it| it.to_vec()).collect();
        Self {
            answers,
            ..Self::default()
        }
    }
}

impl Resolver for Says {
    fn resolve(
        &self,
        uri: &Uri,
        _: &ureq::config::Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let place = self.asked.fetch_add(1, Ordering::SeqCst);
        let mut found = self.empty();
        for address in &self.answers[place % self.answers.len()] {
            let address: IpAddr = address.parse().unwrap();
            found.push(SocketAddr::new(address, uri.port_u16().unwrap_or(443)));
        }
        Ok(found)
    }
}

#[test]
fn this_machine_is_not_called_however_it_is_spelled() {
    let (server, client) = (Hostile::start(), client(""));
    for host in [
        "127.0.0.1",
        "127.1",
        "127.0.0.1.",
        "2130706433",
        "0x7f.1",
        "0x7f000001",
        "0177.0.0.1",
        "①②⑦.0.0.1",
        "0",
        "localhost",
        "LOCALHOST",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[0:0:0:0:0:ffff:7f00:1]",
    ] {
        for scheme in ["http", "https"] {
            let mut url = server.url(host, "/ok");
            url.set_scheme(scheme).unwrap();
            let error = error_of(&client, url);
            assert!(
                matches!(error, OutboundError::AddressNotAllowed { .. }),
                "{host}: {error}"
            );
        }
    }
    assert_eq!(server.asked(), Vec::<String>::new());
    assert!("https://[fe80::1%25eth0]/".parse::<Url>().is_err());
}

#[test]
fn only_https_is_spoken_outside_and_only_urls_without_users() {
    let public = HttpClient::of_test(Says::each(&[&["8.8.8.8"]]), policy(""));
    let error = error_of(&public, "http://school.example/".parse().unwrap());
    let host = "school.example".to_owned();
    assert_eq!(error, OutboundError::HttpsRequired { host });
    for url in [
        "ftp://school.example/",
        "file:///etc/passwd",
        "data:,x",
        "https://user@school.example/",
        "https://:password@school.example/",
    ] {
        assert_eq!(
            error_of(&public, url.parse().unwrap()),
            OutboundError::NoUrl
        );
    }
}

#[test]
fn what_is_checked_is_what_is_connected_to() {
    let server = Hostile::start();
    let mixed = Says::each(&[&["127.0.0.2", "10.0.0.1", "127.0.0.1"], &["127.0.0.2"]]);
    let client = HttpClient::of_test(mixed, policy("127.0.0.1/32"));
    let url = server.url("school.example", "/ok");
    let answer = client.call(&OutboundRequest::get(url.clone())).unwrap();
    assert_eq!((answer.status, answer.body), (200, b"ok".to_vec()));
    let host = "school.example".to_owned();
    assert_eq!(
        error_of(&client, url),
        OutboundError::AddressNotAllowed { host }
    );
    let asked = server.asked();
    assert_eq!(asked.len(), 1);
    assert!(asked[0].starts_with("127.0.0.1 GET /ok"), "{asked:?}");
}

#[test]
fn an_answer_that_means_no_good_ends_in_time_and_in_words() {
    let (server, client) = (Hostile::start(), client("127.0.0.0/8"));
    for (path, words) in [
        (
            "/redirect",
            "a redirect (302) to http://127.0.0.1:1/x, which",
        ),
        ("/big", "more than 1048576 bytes"),
        ("/endless", "more than 1048576 bytes"),
        ("/drip", "within 1 s"),
        ("/never", "within 1 s"),
        ("/slow-head", "within 1 s"),
        ("/headers", "no HTTP that can be read"),
        ("/garbage", "no HTTP that can be read"),
        ("/packed", "compressed"),
    ] {
        let began = Instant::now();
        let told = error_of(&client, server.url("127.0.0.1", path)).to_string();
        assert!(told.contains(words), "{path}: {told}");
        assert!(began.elapsed() < Duration::from_secs(2), "{path}");
    }
}

#[test]
fn the_size_of_an_answer_is_what_the_request_says() {
    let (server, client) = (Hostile::start(), client("127.0.0.0/8"));
    let get = || OutboundRequest::get(server.url("127.0.0.1", "/ok"));
    assert_eq!(client.call(&get().up_to(2)).unwrap().body, b"ok");
    let too_large = client.call(&get().up_to(1)).err();
    assert_eq!(too_large, Some(OutboundError::TooLarge { limit: 1 }));
}

#[test]
fn a_request_says_who_asks_and_carries_nothing_over() {
    let (server, client) = (Hostile::start(), client("127.0.0.0/8"));
    let url = server.url("127.0.0.1", "/cookie");
    let answer = client.call(&OutboundRequest::get(url.clone())).unwrap();
    assert_eq!(answer.header("etag"), Some("\"7\""));
    let form = OutboundRequest::post_form(url, &[("code", "a b&c")])
        .with_header("authorization", "Basic eA==");
    client.call(&form).unwrap();
    let asked = server.asked();
    let second = asked[1].to_lowercase();
    assert!(second.contains(" post /cookie"), "{second}");
    for sent in [
        "user-agent: rollcall/",
        "accept-encoding: identity",
        "authorization: basic ea==",
        "content-type: application/x-www-form-urlencoded",
        "content-length: 12",
    ] {
        assert!(second.contains(sent), "{sent}: {second}");
    }
    assert!(!asked.concat().to_lowercase().contains("\ncookie:"));
}

#[test]
fn statuses_are_answers() {
    let (server, client) = (Hostile::start(), client("127.0.0.0/8"));
    for (path, status) in [("/gone", 404), ("/same", 304)] {
        let request = OutboundRequest::get(server.url("127.0.0.1", path));
        assert_eq!(client.call(&request).unwrap().status, status);
    }
}

#[test]
fn who_is_not_there_is_told() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = nobody.local_addr().unwrap().port();
    drop(nobody);
    let url = format!("http://127.0.0.1:{port}/").parse().unwrap();
    let told = error_of(&client("127.0.0.0/8"), url).to_string();
    assert!(told.contains("nothing listens at this port"), "{told}");
    let url = "https://nobody.invalid/".parse().unwrap();
    let told = error_of(&client(""), url).to_string();
    assert!(told.contains("not known"), "{told}");
}

#[tokio::test]
async fn a_system_that_hangs_holds_up_nobody_else() {
    let server = Hostile::start();
    let outbound = outbound();
    let somebody = || Asker {
        organization: Uuid::now_v7(),
        connection: Uuid::now_v7(),
    };
    let (hanging, other) = (somebody(), somebody());
    let get = |path| OutboundRequest::get(server.url("127.0.0.1", path));
    let began = Instant::now();
    let (first, second, third, answered) = tokio::join!(
        outbound.send(hanging, get("/never")),
        outbound.send(hanging, get("/never")),
        outbound.send(hanging, get("/ok")),
        async {
            let answer = outbound.send(other, get("/ok")).await;
            (answer, began.elapsed())
        },
    );
    assert_eq!(first.err(), Some(TIMED_OUT));
    assert_eq!(second.err(), Some(TIMED_OUT));
    // It waited for its turn, and had all of its own time then.
    assert_eq!(third.unwrap().status, 200);
    assert_eq!(answered.0.unwrap().status, 200);
    assert!(answered.1 < Duration::from_millis(500), "{:?}", answered.1);
}

#[tokio::test]
async fn a_class_that_comes_at_once_is_answered_in_turn() {
    const CLASS: usize = 40;
    let server = Hostile::start();
    let outbound = outbound();
    let asker = Asker {
        organization: Uuid::now_v7(),
        connection: Uuid::now_v7(),
    };
    let get = || OutboundRequest::get(server.url("127.0.0.1", "/slow"));
    let began = Instant::now();
    let came = (0..CLASS).map(|_| outbound.send(asker, get()));
    for answered in futures_util::future::join_all(came).await {
        assert_eq!(answered.unwrap().status, 200);
    }
    // Longer than one call may take: waiting is none of it.
    assert!(
        began.elapsed() > Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn the_calls_of_one_piece_of_work_wait_together() {
    let server = Hostile::start();
    let outbound = outbound();
    let asker = Asker {
        organization: Uuid::now_v7(),
        connection: Uuid::now_v7(),
    };
    let get = |path| OutboundRequest::get(server.url("127.0.0.1", path));
    let no_patience = WAITS_UNTIL.scope(Instant::now(), async {
        tokio::task::yield_now().await;
        outbound.send(asker, get("/ok")).await
    });
    let (first, second, third) = tokio::join!(
        outbound.send(asker, get("/slow")),
        outbound.send(asker, get("/slow")),
        no_patience,
    );
    assert!(first.is_ok() && second.is_ok());
    assert_eq!(third.err(), Some(OutboundError::Busy));
    // It waits for nothing where there is a place.
    let free = WAITS_UNTIL.scope(Instant::now(), outbound.send(asker, get("/ok")));
    assert_eq!(free.await.unwrap().status, 200);
}

/// A server behind TLS with a certificate for `localhost` and `127.0.0.1`, which openssl makes.
struct Encrypted {
    port: u16,
    folder: tempfile::TempDir,
}

impl Encrypted {
    fn start(serve: fn(Arc<ServerConfig>, TcpStream)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let arguments = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
                         -addext subjectAltName=IP:127.0.0.1,DNS:localhost \
                         -addext basicConstraints=critical,CA:FALSE -keyout key.pem -out certificate.pem";
        let made = std::process::Command::new("openssl")
            .args(arguments.split_whitespace())
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let certificate = CertificateDer::from_pem_file(folder.path().join("certificate.pem"));
        let key = PrivateKeyDer::from_pem_file(folder.path().join("key.pem")).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.unwrap()], key)
            .unwrap();
        let config = Arc::new(config);
        let listener = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (config, stream) = (config.clone(), stream.unwrap());
                std::thread::spawn(move || serve(config, stream));
            }
        });
        Self { port, folder }
    }

    fn url(&self, host: &str) -> Url {
        format!("https://{host}:{}/ok", self.port).parse().unwrap()
    }

    fn config(&self) -> Config {
        let certificate = self.folder.path().join("certificate.pem");
        configured(&[
            ("outbound_allow", "127.0.0.0/8,::1/128"),
            ("outbound_ca_file", &certificate.to_string_lossy()),
        ])
    }
}

fn configured(settings: &[(&str, &str)]) -> Config {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let mut config = Config::from_environment(settings.iter().map(owned).collect()).unwrap();
    config.outbound_timeout = Duration::from_secs(1);
    config
}

fn of(config: &Config) -> HttpClient {
    HttpClient::configured(config).unwrap()
}

fn serve(config: Arc<ServerConfig>, stream: TcpStream) {
    let connection = ServerConnection::new(config).unwrap();
    let mut reader = BufReader::new(StreamOwned::new(connection, stream));
    while let Some(head) = read_head(&mut reader) {
        answer(reader.get_mut(), head.split(' ').nth(1).unwrap());
    }
}

/// Shakes hands a byte at a time.
fn drip_handshake(config: Arc<ServerConfig>, mut stream: TcpStream) {
    let mut connection = ServerConnection::new(config).unwrap();
    connection.read_tls(&mut stream).unwrap();
    connection.process_new_packets().unwrap();
    let mut hello = Vec::new();
    connection.write_tls(&mut hello).unwrap();
    for byte in hello {
        if stream.write_all(&[byte]).is_err() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_certificate_has_to_be_of_a_trusted_authority_and_of_the_name() {
    let server = Encrypted::start(serve);
    let trusting = of(&server.config());
    let request = OutboundRequest::get(server.url("localhost"));
    assert_eq!(trusting.call(&request).unwrap().body, b"ok");
    let unknowing = client("127.0.0.0/8,::1/128");
    let told = error_of(&unknowing, server.url("localhost")).to_string();
    assert!(told.contains("is refused"), "{told}");
    let told = error_of(&trusting, server.url("127.0.0.2")).to_string();
    assert!(told.contains("another name"), "{told}");
}

#[test]
fn a_handshake_that_drips_ends_in_time() {
    let server = Encrypted::start(drip_handshake);
    let began = Instant::now();
    let error = error_of(&of(&server.config()), server.url("127.0.0.1"));
    assert_eq!(error, TIMED_OUT);
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[test]
fn a_file_of_authorities_has_to_hold_some() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    let told = |content: Option<&str>| {
        if let Some(content) = content {
            std::fs::write(&file, content).unwrap();
        }
        let config = configured(&[("outbound_ca_file", &file.to_string_lossy())]);
        let refused = Outbound::configured(&config).err();
        refused.unwrap().to_string()
    };
    assert!(told(None).contains("ca.pem, which cannot be read"));
    assert!(told(Some("nothing")).contains("holds no certificate"));
    let broken = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
    assert!(told(Some(broken)).contains("is no PEM"));
}

#[test]
fn a_proxy_is_asked_by_name_and_never_for_this_machine() {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = proxy.local_addr().unwrap();
    let asked = std::thread::spawn(move || {
        let (mut stream, _) = proxy.accept().unwrap();
        let head = read_head(&mut BufReader::new(stream.try_clone().unwrap())).unwrap();
        stream
            .write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            .unwrap();
        let _ = stream.read(&mut [0]);
        head
    });
    let proxy = format!("http://me:secret@{address}");
    let client = of(&configured(&[("outbound_proxy", &proxy)]));
    for url in ["https://127.1/", "https://[::1]/", "https://a.localhost./"] {
        let error = error_of(&client, url.parse().unwrap());
        assert!(matches!(error, OutboundError::AddressNotAllowed { .. }));
    }
    let error = error_of(&client, "http://school.example/".parse().unwrap());
    assert!(matches!(error, OutboundError::HttpsRequired { .. }));
    let told = error_of(&client, "https://school.example/".parse().unwrap()).to_string();
    assert!(told.contains("through the proxy") && !told.contains("secret"));
    assert!(
        asked
            .join()
            .unwrap()
            .starts_with("CONNECT school.example:443")
    );
}
