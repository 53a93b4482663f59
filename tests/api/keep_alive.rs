//! Idle connections: kept for the next request, and given up when the server stops (`docs/deployment.md`).

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rollcall::config::Config;

use crate::support::App;
use crate::support::process::Installation;

/// A connection that a client keeps open.
struct Connection(TcpStream);

impl Connection {
    fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        Self(stream)
    }

    /// Asks whether the server lives, and reads the whole response.
    fn ask(&mut self) {
        let request = b"GET /health/live HTTP/1.1\r\nhost: rollcall\r\n\r\n";
        self.0.write_all(request).unwrap();
        let mut response = Vec::new();
        while !response.ends_with(b"}") {
            let mut bytes = [0; 1024];
            let count = self.0.read(&mut bytes).unwrap();
            assert_ne!(count, 0, "closed after {response:?}");
            response.extend_from_slice(&bytes[..count]);
        }
        assert!(response.starts_with(b"HTTP/1.1 200"), "{response:?}");
    }

    /// Waits until the server closes the connection, and says for how long.
    fn idle_until_closed(mut self) -> Duration {
        let since = Instant::now();
        match self.0.read(&mut [0]) {
            Ok(count) => assert_eq!(count, 0),
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        }
        since.elapsed()
    }
}

fn kept_for_two_seconds(config: &mut Config) {
    config.keep_alive = Duration::from_secs(2);
}

#[test]
fn an_idle_connection_serves_the_next_request_until_its_time_has_passed() {
    let app = App::on_sqlite_with(kept_for_two_seconds);
    let mut connection = Connection::to(app.address);
    for _ in 0..2 {
        connection.ask();
        std::thread::sleep(Duration::from_millis(700));
    }
    connection.ask();
    let idle = connection.idle_until_closed();
    assert!(
        (Duration::from_secs(1)..Duration::from_secs(20)).contains(&idle),
        "{idle:?}"
    );
}

#[test]
fn connections_are_kept_for_longer_than_balancers_keep_them() {
    let app = App::on_sqlite();
    let kept = app.state.services.config.keep_alive;
    assert!(kept >= Duration::from_secs(75), "{kept:?}");
}

#[test]
fn idle_connections_do_not_hold_up_the_end_of_a_process() {
    let process = Installation::on_sqlite().start();
    let mut idle: Vec<Connection> = (0..3).map(|_| Connection::to(process.address())).collect();
    idle.iter_mut().for_each(Connection::ask);
    let since = Instant::now();
    process.terminate();
    let status = process.wait();
    assert!(status.success(), "{status}");
    let stopped = since.elapsed();
    assert!(stopped < Duration::from_secs(15), "{stopped:?}");
    for connection in idle {
        connection.idle_until_closed();
    }
}
