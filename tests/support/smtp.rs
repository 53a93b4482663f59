//! A mail server that does what a test tells it to: it answers with a refusal, hangs, or ends the
//! connection, at any step of a conversation.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rollcall::config::Config;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::ReceivedMail;

/// A step of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    Greeting,
    Ehlo,
    StartTls,
    Auth,
    Mail,
    Rcpt,
    Data,
    /// The whole text has come.
    Text,
}

/// What the server does at a step.
#[derive(Clone, Copy, Debug)]
pub enum Reaction {
    /// Answers so, and at [`Phase::Text`] does not take the mail.
    Say(&'static str),
    /// Answers nothing until the server is dropped.
    Hang,
    /// Ends the connection.
    HangUp,
    /// Takes the mail and ends the connection before it says so.
    TakeAndHangUp,
    /// Takes the mail and says so when it is told to.
    TakeAndWait,
}

/// A mail that the server took.
#[derive(Clone, Debug)]
pub struct SmtpMail {
    pub from: String,
    pub to: String,
    pub text: String,
    /// Whether it came on an encrypted line.
    pub encrypted: bool,
    /// Who had signed in: user and password.
    pub signed_in: Option<(String, String)>,
}

impl SmtpMail {
    pub fn parsed(&self) -> ReceivedMail {
        ReceivedMail::parse(self.text.as_bytes())
    }
}

/// A server on a free port of this machine.
pub struct SmtpServer {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    book: Mutex<Book>,
    changed: Condvar,
    tls: Option<Arc<ServerConfig>>,
    implicit_tls: bool,
    offers_auth: bool,
    ascii_only: bool,
}

#[derive(Default)]
struct Book {
    /// What the next conversations meet, in turn.
    once: HashMap<Phase, Vec<Reaction>>,
    always: HashMap<Phase, Reaction>,
    connections: usize,
    commands: Vec<String>,
    taken: Vec<SmtpMail>,
    /// Conversations that hang or wait now.
    held: usize,
    released: bool,
    ended: bool,
}

/// Which kind of server.
#[derive(Clone, Copy, Default)]
pub struct Kind<'a> {
    /// Certificate and key, as PEM; with these it offers STARTTLS.
    pub tls: Option<(&'a str, &'a str)>,
    /// TLS from the first byte on.
    pub implicit_tls: bool,
    /// Whether it wants a password.
    pub auth: bool,
    /// Whether it does not offer SMTPUTF8.
    pub ascii_only: bool,
}

impl SmtpServer {
    /// One without TLS that takes everything.
    pub fn plain() -> Self {
        Self::start(Kind::default())
    }

    pub fn start(kind: Kind<'_>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("no port");
        let address = listener.local_addr().expect("no address");
        let shared = Arc::new(Shared {
            book: Mutex::default(),
            changed: Condvar::new(),
            tls: kind.tls.map(|(certificate, key)| tls(certificate, key)),
            implicit_tls: kind.implicit_tls,
            offers_auth: kind.auth,
            ascii_only: kind.ascii_only,
        });
        let served = shared.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if served.book().ended {
                    break;
                }
                let served = served.clone();
                std::thread::spawn(move || served.serve(stream));
            }
        });
        Self { address, shared }
    }

    /// Has an application send its mail here.
    pub fn configure(&self, config: &mut Config) {
        config.smtp_url = Some(self.url().parse().expect("a URL"));
        config.mail_from = "Hill Road School <no-reply@hill.example>"
            .parse()
            .expect("a mailbox");
    }

    /// Its URL without anything else in it.
    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    /// Reacts so the next time that this step is reached; called again, the time after that.
    pub fn once(&self, step: Phase, reaction: Reaction) {
        self.shared
            .book()
            .once
            .entry(step)
            .or_default()
            .push(reaction);
    }

    /// Reacts so whenever this step is reached.
    pub fn always(&self, step: Phase, reaction: Reaction) {
        self.shared.book().always.insert(step, reaction);
    }

    /// Takes everything again, from now on; what waits gets its answer.
    pub fn recover(&self) {
        let mut book = self.shared.book();
        book.always.clear();
        book.once.clear();
        book.released = true;
        self.shared.changed.notify_all();
    }

    /// What it took, in order.
    pub fn taken(&self) -> Vec<SmtpMail> {
        self.shared.book().taken.clone()
    }

    /// The commands that came, in order, those of all connections.
    pub fn commands(&self) -> Vec<String> {
        self.shared.book().commands.clone()
    }

    /// How many connections were ended with QUIT.
    pub fn quits(&self) -> usize {
        let book = self.shared.book();
        book.commands.iter().filter(|line| *line == "QUIT").count()
    }

    pub fn connections(&self) -> usize {
        self.shared.book().connections
    }

    /// Waits until it took so many mails.
    #[track_caller]
    pub fn wait_for_mails(&self, count: usize) {
        self.wait_until(|book| book.taken.len() >= count);
    }

    /// Waits until a conversation hangs or waits for its answer.
    #[track_caller]
    pub fn wait_until_held(&self) {
        self.wait_until(|book| book.held > 0);
    }

    #[track_caller]
    fn wait_until(&self, is_so: impl Fn(&Book) -> bool) {
        let timeout = Duration::from_secs(120);
        let (book, waited) = self
            .shared
            .changed
            .wait_timeout_while(self.shared.book(), timeout, |book| !is_so(book))
            .expect("the server panicked");
        assert!(!waited.timed_out(), "only {} mails came", book.taken.len());
    }
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        {
            let mut book = self.shared.book();
            book.ended = true;
            book.released = true;
        }
        self.shared.changed.notify_all();
        // Wakes the thread that listens.
        drop(TcpStream::connect(self.address));
    }
}

/// A certificate for this machine that signs itself, and its key, as PEM.
pub fn certificate() -> (String, String) {
    let folder = tempfile::tempdir().expect("no temporary folder");
    let made = std::process::Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
        ])
        .args(["-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"])
        // Whom a server shows is no authority, not even its own.
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", "key.pem", "-out", "certificate.pem"])
        .current_dir(folder.path())
        .output()
        .expect("openssl cannot be run");
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let read = |name| std::fs::read_to_string(folder.path().join(name)).expect("no file");
    (read("certificate.pem"), read("key.pem"))
}

fn tls(certificate: &str, key: &str) -> Arc<ServerConfig> {
    let certificate =
        CertificateDer::from_pem_slice(certificate.as_bytes()).expect("no certificate");
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("no key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("no protocol")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("the key is not the certificate's");
    Arc::new(config)
}

/// A line to a client, encrypted or not.
trait Wire: Read + Write {}
impl<T: Read + Write> Wire for T {}

/// Why a conversation ends.
struct End;

type Said<T> = Result<T, End>;

struct Conversation<'a> {
    shared: &'a Shared,
    wire: BufReader<Box<dyn Wire>>,
    encrypted: bool,
    signed_in: Option<(String, String)>,
    from: String,
    to: String,
}

enum Next {
    Go,
    StartTls,
}

impl Shared {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().expect("the server panicked")
    }

    fn serve(&self, stream: TcpStream) {
        self.book().connections += 1;
        stream.set_nodelay(true).expect("no option");
        let raw = stream.try_clone().expect("no copy");
        let wire: Box<dyn Wire> = match (&self.tls, self.implicit_tls) {
            (Some(tls), true) => encrypted(tls, stream),
            _ => Box::new(stream),
        };
        let mut conversation = Conversation {
            shared: self,
            wire: BufReader::new(wire),
            encrypted: self.implicit_tls,
            signed_in: None,
            from: String::new(),
            to: String::new(),
        };
        let _ = conversation.greet_and_listen(&raw);
        drop(raw.shutdown(std::net::Shutdown::Both));
    }

    fn reaction(&self, step: Phase) -> Option<Reaction> {
        let mut book = self.book();
        let once = book
            .once
            .get_mut(&step)
            .filter(|reactions| !reactions.is_empty());
        let once = once.map(|reactions| reactions.remove(0));
        once.or_else(|| book.always.get(&step).copied())
    }

    /// Waits until the server is told to go on.
    fn hold(&self) {
        let mut book = self.book();
        book.held += 1;
        book.released = false;
        self.changed.notify_all();
        let deadline = Instant::now() + Duration::from_secs(300);
        while !book.released && Instant::now() < deadline {
            let waited = self.changed.wait_timeout(book, Duration::from_secs(1));
            book = waited.expect("the server panicked").0;
        }
        book.held -= 1;
    }
}

fn encrypted(tls: &Arc<ServerConfig>, stream: TcpStream) -> Box<dyn Wire> {
    let connection = ServerConnection::new(tls.clone()).expect("no TLS");
    Box::new(StreamOwned::new(connection, stream))
}

impl Conversation<'_> {
    fn greet_and_listen(&mut self, raw: &TcpStream) -> Said<()> {
        self.react(Phase::Greeting, "220 mail.test ready")?;
        while let Some(line) = self.line() {
            self.shared.book().commands.push(line.clone());
            match self.obey(&line)? {
                Next::Go => {}
                Next::StartTls => {
                    let tls = self.shared.tls.as_ref().expect("no TLS");
                    let stream = raw.try_clone().expect("no copy");
                    self.wire = BufReader::new(encrypted(tls, stream));
                    self.encrypted = true;
                }
            }
        }
        Ok(())
    }

    fn obey(&mut self, line: &str) -> Said<Next> {
        let verb = line
            .split(' ')
            .next()
            .unwrap_or_default()
            .to_ascii_uppercase();
        match verb.as_str() {
            "EHLO" => self.offer()?,
            "STARTTLS" => {
                self.react(Phase::StartTls, "220 go ahead")?;
                return Ok(Next::StartTls);
            }
            "AUTH" => self.sign_in(line)?,
            "MAIL" => {
                self.from = between(line);
                self.react(Phase::Mail, "250 2.1.0 ok")?;
            }
            "RCPT" => {
                self.to = between(line);
                self.react(Phase::Rcpt, "250 2.1.5 ok")?;
            }
            "DATA" => {
                if self.react(Phase::Data, "354 go on")? {
                    self.take()?;
                }
            }
            "RSET" | "NOOP" => self.say("250 ok")?,
            "QUIT" => {
                self.say("221 bye")?;
                return Err(End);
            }
            _ => self.say("502 5.5.1 unknown")?,
        }
        Ok(Next::Go)
    }

    fn offer(&mut self) -> Said<()> {
        let mut offers = vec!["mail.test", "8BITMIME"];
        if !self.shared.ascii_only {
            offers.push("SMTPUTF8");
        }
        if self.shared.tls.is_some() && !self.encrypted {
            offers.push("STARTTLS");
        }
        if self.shared.offers_auth {
            offers.push("AUTH PLAIN LOGIN");
        }
        let last = offers.len() - 1;
        let lines: Vec<String> = offers
            .iter()
            .enumerate()
            .map(|(place, offer)| format!("250{}{offer}", if place == last { ' ' } else { '-' }))
            .collect();
        self.react(Phase::Ehlo, &lines.join("\r\n")).map(drop)
    }

    fn sign_in(&mut self, line: &str) -> Said<()> {
        let response = line.split(' ').nth(2).unwrap_or_default();
        let decoded = STANDARD.decode(response).expect("no base64");
        let mut parts = decoded.split(|byte| *byte == 0).skip(1);
        let mut next = || String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
        self.signed_in = Some((next(), next()));
        self.react(Phase::Auth, "235 2.7.0 welcome").map(drop)
    }

    fn take(&mut self) -> Said<()> {
        let text = self.text().ok_or(End)?;
        let reaction = self.shared.reaction(Phase::Text);
        if matches!(
            reaction,
            None | Some(Reaction::TakeAndHangUp | Reaction::TakeAndWait)
        ) {
            let taken = SmtpMail {
                from: self.from.clone(),
                to: self.to.clone(),
                text,
                encrypted: self.encrypted,
                signed_in: self.signed_in.clone(),
            };
            self.shared.book().taken.push(taken);
            self.shared.changed.notify_all();
        }
        self.carry_out(reaction, "250 2.0.0 taken").map(drop)
    }

    fn text(&mut self) -> Option<String> {
        let mut text = String::new();
        loop {
            match self.line()?.as_str() {
                "." => return Some(text),
                line => {
                    text.push_str(line.strip_prefix('.').unwrap_or(line));
                    text.push_str("\r\n");
                }
            }
        }
    }

    /// Whether it went on as usual.
    fn react(&mut self, step: Phase, usual: &str) -> Said<bool> {
        let reaction = self.shared.reaction(step);
        self.carry_out(reaction, usual)
    }

    fn carry_out(&mut self, reaction: Option<Reaction>, usual: &str) -> Said<bool> {
        match reaction {
            None => self.say(usual).map(|()| true),
            Some(Reaction::Say(words)) => self.say(words).map(|()| false),
            Some(Reaction::HangUp | Reaction::TakeAndHangUp) => Err(End),
            Some(Reaction::Hang) => {
                self.shared.hold();
                Err(End)
            }
            Some(Reaction::TakeAndWait) => {
                self.shared.hold();
                self.say(usual).map(|()| true)
            }
        }
    }

    fn say(&mut self, words: &str) -> Said<()> {
        let wire = self.wire.get_mut();
        write!(wire, "{words}\r\n").map_err(|_| End)?;
        wire.flush().map_err(|_| End)
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.wire.read_line(&mut line) {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(line.trim_end_matches(['\r', '\n']).to_owned()),
        }
    }
}

/// What stands between the angle brackets.
fn between(line: &str) -> String {
    let inside = line
        .split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'));
    inside
        .map(|(address, _)| address.to_owned())
        .unwrap_or_default()
}
