//! A DNS server (RFC 1035) that knows what a test tells it, and of nothing else that it exists.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;

/// What it knows: a name, a kind of record, and what the record holds.
pub type Records = &'static [(&'static str, Kind)];

/// A record.
#[derive(Clone, Copy)]
pub enum Kind {
    Address([u8; 4]),
    /// The name of a server; empty: the root.
    MailServer(&'static str),
    Text(&'static str),
}

impl Kind {
    const fn number(self) -> u16 {
        match self {
            Self::Address(_) => 1,
            Self::MailServer(_) => 15,
            Self::Text(_) => 16,
        }
    }

    fn data(self) -> Vec<u8> {
        match self {
            Self::Address(address) => address.to_vec(),
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
    let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").expect("no port"));
    let address = socket.local_addr().expect("no address");
    std::thread::spawn(move || {
        let mut buffer = [0; 1500];
        while let Ok((length, client)) = socket.recv_from(&mut buffer) {
            let answer = answer(&buffer[..length], records);
            // The client may have gone.
            let _ = socket.send_to(&answer, client);
        }
    });
    address
}

fn answer(query: &[u8], records: Records) -> Vec<u8> {
    let (name, end) = question(query);
    let kind = u16::from_be_bytes([query[end], query[end + 1]]);
    let exists = records.iter().any(|(known, _)| *known == name);
    let found = || {
        let is_asked_for =
            |(known, record): &&(&str, Kind)| *known == name && record.number() == kind;
        records.iter().filter(is_asked_for)
    };
    // A response, recursion available; 3: there is no such name.
    let flags = [0x81, if exists { 0x80 } else { 0x83 }];
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
