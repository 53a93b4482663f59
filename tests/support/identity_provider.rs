//! A provider of OpenID Connect on loopback: what it says of whom is the test's.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, LazyLock, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rollcall::crypto::digest::sha256;
use rollcall::crypto::federation_keys::FederationKeys;
use rollcall::domain::timestamp::Timestamp;
use serde_json::{Map, Value, json};
use tokio::sync::watch;
use url::Url;

pub const CLIENT_ID: &str = "rollcall";
pub const CLIENT_SECRET: &str = "of-the-identity-provider";

/// The provider; it serves until its test ends.
pub struct IdentityProvider {
    pub address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    hanging: Arc<watch::Sender<usize>>,
}

struct Shared {
    keys: Arc<FederationKeys>,
    /// What it answers for a code: the claims and the challenge of PKCE.
    codes: HashMap<String, (Value, String)>,
    /// How many codes there were.
    issued: usize,
    /// What it answers instead, by path: status and body.
    instead: HashMap<String, (u16, String)>,
    /// Where it takes questions and says nothing.
    hangs_at: HashSet<String>,
    /// What was asked for, in order.
    asked: Vec<String>,
}

impl IdentityProvider {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("no port");
        let address = listener.local_addr().expect("no address");
        let shared = Arc::new(Mutex::new(Shared {
            keys: new_keys(),
            codes: HashMap::new(),
            issued: 0,
            instead: HashMap::new(),
            hangs_at: HashSet::new(),
            asked: Vec::new(),
        }));
        let hanging = Arc::new(watch::Sender::new(0));
        let serving = (shared.clone(), hanging.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (shared, hanging) = serving.clone();
                std::thread::spawn(move || serve(stream, address, (&shared, &hanging)));
            }
        });
        Self {
            address,
            shared,
            hanging,
        }
    }

    pub fn issuer(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers this at a path from now on.
    pub fn answer_instead(&self, path: &str, status: u16, body: &str) {
        let answer = (status, body.to_owned());
        let mut shared = self.shared.lock().unwrap();
        shared.instead.insert(path.to_owned(), answer);
    }

    /// Answers at a path as at first.
    pub fn answer_as_before(&self, path: &str) {
        self.shared.lock().unwrap().instead.remove(path);
    }

    /// Takes questions at a path from now on, and says nothing until whoever asks goes.
    pub fn hang_at(&self, path: &str) {
        self.shared.lock().unwrap().hangs_at.insert(path.to_owned());
    }

    /// How many questions it says nothing to at the moment.
    pub fn hanging(&self) -> usize {
        *self.hanging.borrow()
    }

    /// Waits until it says nothing to so many questions.
    pub async fn wait_until_hanging(&self, count: usize) {
        let mut hanging = self.hanging.subscribe();
        let enough = hanging.wait_for(|hanging| *hanging >= count).await;
        drop(enough.expect("the provider is gone"));
    }

    /// Signs by another key from now on, and publishes that one.
    pub fn change_key(&self) {
        self.shared.lock().unwrap().keys = new_keys();
    }

    /// Signs these claims.
    pub fn sign(&self, claims: &Value) -> String {
        self.shared.lock().unwrap().keys.sign_token(claims).unwrap()
    }

    /// How often a path was asked for.
    pub fn asked_for(&self, path: &str) -> usize {
        let shared = self.shared.lock().unwrap();
        shared.asked.iter().filter(|asked| *asked == path).count()
    }

    /// Signs somebody in, of whom it says this, and gives the address that their browser is sent back to. Claims go
    /// before those that a good token has; `null` takes one away.
    pub fn sign_in(&self, authorization_url: &str, (now, claims): (Timestamp, Value)) -> Url {
        let asked = Url::parse(authorization_url).expect("no URL");
        assert_eq!(asked.path(), "/authorize");
        let asked: HashMap<String, String> = asked.query_pairs().into_owned().collect();
        assert_eq!(asked["response_type"], "code");
        assert_eq!(asked["client_id"], CLIENT_ID);
        assert_eq!(asked["code_challenge_method"], "S256");
        let seconds = now.as_seconds();
        let mut token = json!({
            "iss": self.issuer(), "aud": CLIENT_ID, "nonce": asked["nonce"],
            "iat": seconds, "exp": seconds + 300,
        });
        let all: &mut Map<String, Value> = token.as_object_mut().unwrap();
        all.extend(claims.as_object().unwrap().clone());
        all.retain(|_, value| !value.is_null());
        let mut shared = self.shared.lock().unwrap();
        let code = format!("code-{}", shared.issued);
        shared.issued += 1;
        let challenge = asked["code_challenge"].clone();
        shared.codes.insert(code.clone(), (token, challenge));
        let mut back = Url::parse(&asked["redirect_uri"]).expect("no URL");
        back.query_pairs_mut()
            .append_pair("code", &code)
            .append_pair("state", &asked["state"]);
        back
    }
}

/// Keys that no other provider of the test has. A key takes a second to make, so that the first ones of each test, which is
/// a thread of its own, are those of the other tests.
fn new_keys() -> Arc<FederationKeys> {
    static SHARED: [LazyLock<Arc<FederationKeys>>; 4] = [const { LazyLock::new(made_keys) }; 4];

    thread_local! {
        static TAKEN: Cell<usize> = const { Cell::new(0) };
    }

    let taken = TAKEN.get();
    TAKEN.set(taken + 1);
    SHARED
        .get(taken)
        .map_or_else(made_keys, |keys| Arc::clone(keys))
}

fn made_keys() -> Arc<FederationKeys> {
    let folder = tempfile::tempdir().expect("no folder");
    Arc::new(FederationKeys::load(&folder.path().join("idp.pem"), true).expect("no keys"))
}

fn serve(
    mut stream: TcpStream,
    address: SocketAddr,
    (shared, hanging): (&Mutex<Shared>, &watch::Sender<usize>),
) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let (mut length, mut authorization) = (0, String::new());
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).unwrap();
        let header = header.trim();
        if header.is_empty() {
            break;
        }
        let (name, value) = header.split_once(':').unwrap();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap(),
            "authorization" => authorization = value.trim().to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    if shared.lock().unwrap().hangs_at.contains(&path) {
        hanging.send_modify(|count| *count += 1);
        // Ends when the other side does.
        let _ = reader.read(&mut [0]);
        hanging.send_modify(|count| *count -= 1);
        return;
    }
    let form: HashMap<String, String> = url::form_urlencoded::parse(&body).into_owned().collect();
    let (status, answer) = {
        let mut shared = shared.lock().unwrap();
        shared.asked.push(path.clone());
        match shared.instead.get(&path).cloned() {
            Some(instead) => instead,
            None => answer(&mut shared, address, (&path, &authorization, &form)),
        }
    };
    let _ = write!(
        stream,
        "HTTP/1.1 {status} It\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{answer}",
        answer.len()
    );
}

fn answer(
    shared: &mut Shared,
    address: SocketAddr,
    (path, authorization, form): (&str, &str, &HashMap<String, String>),
) -> (u16, String) {
    let issuer = format!("http://{address}");
    match path {
        "/.well-known/openid-configuration" => {
            let document = json!({
                "issuer": issuer,
                "authorization_endpoint": format!("{issuer}/authorize"),
                "token_endpoint": format!("{issuer}/token"),
                "jwks_uri": format!("{issuer}/jwks"),
                "end_session_endpoint": format!("{issuer}/logout?tenant=1"),
                "response_types_supported": ["code"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "code_challenge_methods_supported": ["S256"],
            });
            (200, document.to_string())
        }
        "/jwks" => (200, serde_json::to_string(&shared.keys.public()).unwrap()),
        "/token" => {
            let expected = STANDARD.encode(format!("{CLIENT_ID}:{CLIENT_SECRET}"));
            if authorization != format!("Basic {expected}") {
                return (401, json!({ "error": "invalid_client" }).to_string());
            }
            // A code is good once.
            let Some((claims, challenge)) = shared.codes.remove(&form["code"]) else {
                return (400, json!({ "error": "invalid_grant" }).to_string());
            };
            assert_eq!(
                URL_SAFE_NO_PAD.encode(sha256(form["code_verifier"].as_bytes())),
                challenge
            );
            let token = shared.keys.sign_token(&claims).unwrap();
            (
                200,
                json!({ "id_token": token, "access_token": "at", "token_type": "Bearer" })
                    .to_string(),
            )
        }
        _ => (404, "{}".to_owned()),
    }
}
