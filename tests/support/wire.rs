//! A wire to PostgreSQL that fails in the two worst ways: it breaks when the server has committed
//! and its answer is on the way, or it takes everything and gives nothing back.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A wire that loses some answers to `COMMIT`, and the connection with each.
pub struct Wire {
    url: String,
    shared: Arc<Shared>,
}

struct Shared {
    server: String,
    /// One answer in so many is lost; 0: none.
    one_in: AtomicUsize,
    dice: Mutex<fastrand::Rng>,
    lost: AtomicUsize,
    /// New connections are taken, and nothing is ever answered on them.
    is_deaf: AtomicBool,
    /// Nothing is carried any more, either way, from the next `COMMIT` on.
    freezes: AtomicBool,
    is_frozen: AtomicBool,
    clients: Mutex<Vec<TcpStream>>,
}

impl Wire {
    /// A whole wire to this database.
    pub fn to(url: &str, seed: u64) -> Self {
        let mut url: url::Url = url.parse().expect("a URL");
        let host = url.host_str().expect("a host").to_owned();
        let shared = Arc::new(Shared {
            server: format!("{host}:{}", url.port().unwrap_or(5432)),
            one_in: AtomicUsize::new(0),
            dice: Mutex::new(fastrand::Rng::with_seed(seed)),
            lost: AtomicUsize::new(0),
            is_deaf: AtomicBool::new(false),
            freezes: AtomicBool::new(false),
            is_frozen: AtomicBool::new(false),
            clients: Mutex::new(Vec::new()),
        });
        let listener = TcpListener::bind("127.0.0.1:0").expect("no port");
        let port = listener.local_addr().expect("no address").port();
        url.set_host(Some("127.0.0.1")).expect("a host");
        url.set_port(Some(port)).expect("a port");
        // What is encrypted cannot be told apart.
        url.query_pairs_mut().append_pair("sslmode", "disable");
        let accepting = shared.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let shared = accepting.clone();
                std::thread::spawn(move || shared.carry(client));
            }
        });
        Self {
            url: url.into(),
            shared,
        }
    }

    /// The database at the other end.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// From now on loses one answer to `COMMIT` in so many; 0: none.
    pub fn lose_one_in(&self, count: usize) {
        self.shared.one_in.store(count, Ordering::SeqCst);
    }

    /// Breaks every connection that there is.
    pub fn break_all(&self) {
        for client in self.shared.clients.lock().expect("no clients").drain(..) {
            // It may be closed already.
            let _ = client.shutdown(Shutdown::Both);
        }
    }

    /// From now on answers nothing on new connections, or again does.
    pub fn be_deaf(&self, is_deaf: bool) {
        self.shared.is_deaf.store(is_deaf, Ordering::SeqCst);
    }

    /// Carries nothing any more from the next `COMMIT` on, as when the machine at this end vanishes: the
    /// transaction stays open, and neither end is told.
    pub fn freeze_at_commit(&self) {
        self.shared.freezes.store(true, Ordering::SeqCst);
    }

    /// Whether a `COMMIT` has come to that.
    pub fn is_frozen(&self) -> bool {
        self.shared.is_frozen.load(Ordering::SeqCst)
    }

    /// How many answers were lost.
    pub fn lost(&self) -> usize {
        self.shared.lost.load(Ordering::SeqCst)
    }
}

impl Shared {
    /// Carries both directions of a connection until either end closes it.
    fn carry(&self, mut client: TcpStream) {
        if self.is_deaf.load(Ordering::SeqCst) {
            // Until the client gives up.
            while let Ok(1..) = client.read(&mut [0; 1024]) {}
            return;
        }
        let Ok(server) = TcpStream::connect(&self.server) else {
            return;
        };
        let clone = client.try_clone().expect("no second handle");
        self.clients.lock().expect("no clients").push(clone);
        let is_answer_lost = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                pump(&client, &server, |bytes| {
                    let is_commit = bytes.windows(7).any(|window| window == b"COMMIT\0");
                    if is_commit && self.freezes.load(Ordering::SeqCst) {
                        self.is_frozen.store(true, Ordering::SeqCst);
                    }
                    self.wait_while_frozen();
                    if is_commit && self.loses() {
                        is_answer_lost.store(true, Ordering::SeqCst);
                    }
                    true
                });
            });
            pump(&server, &client, |_| {
                self.wait_while_frozen();
                !is_answer_lost.load(Ordering::SeqCst)
            });
        });
    }

    /// Holds what it was given, for good.
    fn wait_while_frozen(&self) {
        while self.is_frozen.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn loses(&self) -> bool {
        let one_in = self.one_in.load(Ordering::SeqCst);
        let loses = one_in > 0 && self.dice.lock().expect("no dice").usize(..one_in) == 0;
        self.lost.fetch_add(usize::from(loses), Ordering::SeqCst);
        loses
    }
}

/// Carries bytes until either end closes, or `passes` says that these do not arrive.
fn pump(mut from: &TcpStream, mut to: &TcpStream, passes: impl Fn(&[u8]) -> bool) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let bytes = &buffer[..count];
        if !passes(bytes) || to.write_all(bytes).is_err() {
            break;
        }
    }
    // Either may be closed already.
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
