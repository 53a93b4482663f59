//! Requests on loopback: how many a second, and what each costs the server's processes.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use diesel::prelude::*;
use rollcall::store::Connection;

/// What a server did under load.
#[derive(Clone, Copy)]
pub struct Figures {
    pub per_second: f64,
    /// Of the server and of the database's processes, in milliseconds a request.
    pub server_ms: f64,
    pub database_ms: f64,
}

impl Figures {
    /// Of turns that took equally long.
    fn mean(turns: &[Self]) -> Self {
        let requests: f64 = turns.iter().map(|turn| turn.per_second).sum();
        let mean = |of: fn(&Self) -> f64| {
            let all: f64 = turns.iter().map(|turn| of(turn) * turn.per_second).sum();
            all / requests
        };
        Self {
            per_second: requests / turns.len() as f64,
            server_ms: mean(|turn| turn.server_ms),
            database_ms: mean(|turn| turn.database_ms),
        }
    }

    /// All the processor time of a request, in milliseconds.
    pub fn processor_ms(&self) -> f64 {
        self.server_ms + self.database_ms
    }
}

/// A server in a process of its own, and the database's processes beside it.
pub struct Server {
    pub address: SocketAddr,
    child: Child,
    postmaster: Option<u32>,
}

impl Server {
    /// Starts a program that writes its address as the last word of a line, and waits for that.
    pub fn start(command: &mut Command, postmaster: Option<u32>) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| address_in(&line))
            .expect("the server did not start");
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            address,
            child,
            postmaster,
        }
    }

    /// What it costs the processes to have this done, which tells how often it was.
    pub fn measure(&self, work: impl FnOnce() -> usize) -> Figures {
        let before = self.processor_time();
        let began = Instant::now();
        let count = work() as f64;
        let elapsed = began.elapsed().as_secs_f64();
        let after = self.processor_time();
        Figures {
            per_second: count / elapsed,
            server_ms: (after.0 - before.0) * 1e3 / count,
            database_ms: (after.1 - before.1) * 1e3 / count,
        }
    }

    /// Sends these requests by as many connections as there are, each the next when it has its answer.
    pub fn load(&self, connections: &mut [TcpStream], mut requests: impl Requests) -> Figures {
        let warm = requests.split(connections.len());
        run(connections, warm, Duration::from_secs(1));
        let measured = requests.split(connections.len());
        self.measure(|| run(connections, measured, Duration::from_secs(4)))
    }

    /// As [`Server::load`] of two servers, which take short turns: what slows the machine for a while slows both.
    pub fn load_in_turns(
        both: [(&Self, &[u8]); 2],
        connections: [&mut [TcpStream]; 2],
    ) -> [Figures; 2] {
        const TURNS: usize = 8;
        let mut loads: Vec<_> = both.into_iter().zip(connections).collect();
        let mut turns = [Vec::new(), Vec::new()];
        for turn in 0..=TURNS {
            for (((server, request), connections), figures) in loads.iter_mut().zip(&mut turns) {
                let mut same = Vec::from(*request);
                let requests = Requests::split(&mut same, connections.len());
                let time = Duration::from_millis(700);
                let measured = server.measure(|| run(connections, requests, time));
                // The first turn warms up.
                if turn > 0 {
                    figures.push(measured);
                }
            }
        }
        turns.map(|figures| Figures::mean(&figures))
    }

    /// Seconds of the server, and of the database's processes.
    fn processor_time(&self) -> (f64, f64) {
        let own = seconds_of(self.child.id()).unwrap();
        let database = self.postmaster.map_or(0.0, |postmaster| {
            let processes = processes();
            let children = processes
                .iter()
                .filter(|(_, parent)| **parent == postmaster);
            children
                .filter_map(|(process, _)| seconds_of(*process))
                .sum()
        });
        (own, database)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Requests as they go over the wire, an endless supply for each connection.
pub trait Requests {
    fn split(&mut self, connections: usize) -> Vec<Box<dyn FnMut() -> Vec<u8> + Send>>;
}

/// The same request again and again.
impl Requests for Vec<u8> {
    fn split(&mut self, connections: usize) -> Vec<Box<dyn FnMut() -> Vec<u8> + Send>> {
        let same = |_| {
            let request = self.clone();
            Box::new(move || request.clone()) as Box<dyn FnMut() -> Vec<u8> + Send>
        };
        (0..connections).map(same).collect()
    }
}

fn run(
    connections: &mut [TcpStream],
    requests: Vec<Box<dyn FnMut() -> Vec<u8> + Send>>,
    time: Duration,
) -> usize {
    let (is_over, count) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for (connection, mut next) in connections.iter_mut().zip(requests) {
            let (is_over, count) = (&is_over, &count);
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    connection.write_all(&next()).unwrap();
                    read_answer(connection);
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        std::thread::sleep(time);
        is_over.store(true, Ordering::Relaxed);
    });
    count.load(Ordering::Relaxed)
}

/// Reads one answer of known length, which has to be a success.
pub fn read_answer(connection: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(32 * 1024);
    let mut part = [0; 16 * 1024];
    let head = loop {
        let read = connection.read(&mut part).unwrap();
        assert!(read > 0, "the server closed a connection");
        bytes.extend_from_slice(&part[..read]);
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let text = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.trim().parse().unwrap());
    let mut rest = vec![0; (head + length).saturating_sub(bytes.len())];
    connection.read_exact(&mut rest).unwrap();
    bytes.extend_from_slice(&rest);
    assert!(
        text.starts_with("http/1.1 2"),
        "{}",
        String::from_utf8_lossy(&bytes)
    );
    bytes.split_off(head)
}

fn address_in(line: &str) -> Option<SocketAddr> {
    line.split(['"', ' ', '/'])
        .filter_map(|word| word.parse().ok())
        .find(|address: &SocketAddr| address.port() != 0)
}

/// Each process and its parent.
fn processes() -> HashMap<u32, u32> {
    let entries = std::fs::read_dir("/proc").unwrap();
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|process| Some((process, stat(process)?.1)))
        .collect()
}

fn seconds_of(process: u32) -> Option<f64> {
    Some(stat(process)?.0)
}

/// The processor time of a process in seconds, by ticks of a hundredth, and its parent.
fn stat(process: u32) -> Option<(f64, u32)> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks = |place: usize| fields[place].parse::<f64>().unwrap();
    Some(((ticks(11) + ticks(12)) / 100.0, fields[1].parse().ok()?))
}

/// The process that all processes of the database descend from.
pub fn postmaster(connection: &mut Connection) -> Option<u32> {
    let Connection::Postgres(connection) = connection else {
        return None;
    };
    let backend: i32 = diesel::select(diesel::dsl::sql::<diesel::sql_types::Integer>(
        "pg_backend_pid()",
    ))
    .get_result(connection)
    .unwrap();
    let status = std::fs::read_to_string(format!("/proc/{backend}/status")).unwrap();
    let parent = status
        .lines()
        .find_map(|line| line.strip_prefix("PPid:"))
        .unwrap();
    Some(parent.trim().parse().unwrap())
}
