//! A DNS server (RFC 1035) that knows what a test tells it, and of nothing else that it exists.

use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, OnceLock};

/// What it knows: a name, a kind of record, and what the record holds.
pub type Records = &'static [(&'static str, Kind)];

/// A record.
#[derive(Clone, Copy)]
pub enum Kind {
    Address([u8; 4]),
    /// The name of a server; empty: the root.
    MailServer(&'static str),
    Text(&'static str),
    /// None: the server fails where it is asked for the name.
    Failure,
}

impl Kind {
    const fn number(self) -> u16 {
        match self {
            Self::Address(_) => 1,
            Self::MailServer(_) => 15,
            Self::Text(_) => 16,
            Self::Failure => 0,
        }
    }

    fn data(self) -> Vec<u8> {
        match self {
            Self::Address(address) => address.to_vec(),
            Self::Failure => Vec::new(),
            Self::MailServer(name) => [&[0, 10][..], &encoded(name)].concat(),
            Self::Text(text) => {
                let length = u8::try_from(text.len()).expect("a short text");
                [&[length][..], text.as_bytes()].concat()
            }
        }
    }
}

/// A server on a free port of this machine, for as long as the process lives.
pub fn serve(records: Records) -> SocketAddr {
    serve_shared(Arc::new(Mutex::new(records.to_vec())))
}

/// The server that all applications of this process ask. Tests tell it of names of their own.
pub struct Zone {
    pub address: SocketAddr,
    records: SharedRecords,
}

type SharedRecords = Arc<Mutex<Vec<(&'static str, Kind)>>>;

/// The one zone of this process.
pub fn zone() -> &'static Zone {
    static ZONE: OnceLock<Zone> = OnceLock::new();
    ZONE.get_or_init(|| {
        let records = SharedRecords::default();
        let address = serve_shared(records.clone());
        Zone { address, records }
    })
}

impl Zone {
    /// Adds a text to those of a name.
    pub fn add_text(&self, name: &str, text: &str) {
        let text = Kind::Text(String::leak(text.to_owned()));
        let mut records = self.records.lock().expect("no records");
        records.push((String::leak(name.to_owned()), text));
    }

    /// Has questions for a name fail.
    pub fn break_name(&self, name: &str) {
        let mut records = self.records.lock().expect("no records");
        records.push((String::leak(name.to_owned()), Kind::Failure));
    }

    /// Takes a text from those of a name.
    pub fn remove_text(&self, name: &str, text: &str) {
        let is_it = |record: &Kind| matches!(record, Kind::Text(held) if *held == text);
        let mut records = self.records.lock().expect("no records");
        records.retain(|(known, record)| *known != name || !is_it(record));
    }
}

fn serve_shared(records: SharedRecords) -> SocketAddr {
    let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").expect("no port"));
    let address = socket.local_addr().expect("no address");
    std::thread::spawn(move || {
        let mut buffer = [0; 1500];
        while let Ok((length, client)) = socket.recv_from(&mut buffer) {
            let known = records.lock().expect("no records").clone();
            let answer = answer(&buffer[..length], &known);
            // The client may have gone.
            let _ = socket.send_to(&answer, client);
        }
    });
    address
}

fn answer(query: &[u8], records: &[(&'static str, Kind)]) -> Vec<u8> {
    let (name, end) = question(query);
    let kind = u16::from_be_bytes([query[end], query[end + 1]]);
    let exists = records.iter().any(|(known, _)| *known == name);
    let fails = records
        .iter()
        .any(|(known, record)| *known == name && matches!(record, Kind::Failure));
    let found = || {
        let is_asked_for =
            |(known, record): &&(&str, Kind)| *known == name && record.number() == kind;
        records.iter().filter(is_asked_for)
    };
    // A response, recursion available; 2: the server fails; 3: there is no such name.
    let code = match exists {
        true if fails => 2,
        true => 0,
        false => 3,
    };
    let flags = [0x81, 0x80 | code];
    let count = u8::try_from(found().count()).expect("few records");
    let mut answer = [&query[..2], &flags, &[0, 1, 0, count, 0, 0, 0, 0]].concat();
    answer.extend(&query[12..end + 4]);
    for (_, record) in found() {
        let data = record.data();
        let length = u16::try_from(data.len()).expect("a short record");
        // The name is that of the question; the class is IN; it is good for a minute.
        answer.extend([0xc0, 12]);
        answer.extend(record.number().to_be_bytes());
        answer.extend([0, 1, 0, 0, 0, 60]);
        answer.extend(length.to_be_bytes());
        answer.extend(data);
    }
    answer
}

/// The name that is asked for, and where it ends.
fn question(query: &[u8]) -> (String, usize) {
    let (mut labels, mut at) = (Vec::new(), 12);
    while query[at] != 0 {
        let end = at + 1 + usize::from(query[at]);
        labels.push(String::from_utf8_lossy(&query[at + 1..end]).to_lowercase());
        at = end;
    }
    (labels.join("."), at + 1)
}

fn encoded(name: &str) -> Vec<u8> {
    let labels = name.split('.').filter(|label| !label.is_empty());
    let mut encoded: Vec<u8> = labels
        .flat_map(|label| {
            let length = u8::try_from(label.len()).expect("a short label");
            [&[length][..], label.as_bytes()].concat()
        })
        .collect();
    encoded.push(0);
    encoded
}
