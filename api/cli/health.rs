//! `rollcall health`: asks the server on this machine whether it is ready, for health checks in
//! places where no other HTTP client is.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use super::error::CommandError;
use super::output::print;
use crate::config::Config;

/// Longer than the server itself waits for its database before it says that it is not ready.
const TIMEOUT: Duration = Duration::from_secs(8);

/// Does it.
///
/// # Errors
/// Where the server does not answer, or is not ready.
pub fn run(config: &Config) -> Result<(), CommandError> {
    let address = address(config)?;
    let answer = ask(address)
        .map_err(|error| CommandError::io(format!("no answer from {address}"), error))?;
    if answer.split(' ').nth(1) == Some("200") {
        return print("ready\n");
    }
    Err(CommandError::NotReady(format!(
        "not ready: {address} answered {answer:?}"
    )))
}

/// Where the server is reached from the machine that it runs on. A free port stands in the file that
/// tells it.
fn address(config: &Config) -> Result<SocketAddr, CommandError> {
    let configured = resolve(&config.listen)?;
    if configured.port() != 0 {
        return Ok(reachable(configured));
    }
    let path = config.data_dir.join("listening");
    let listening = std::fs::read_to_string(&path)
        .map_err(|error| CommandError::file(path.display(), error))?;
    Ok(reachable(resolve(listening.trim())?))
}

fn resolve(address: &str) -> Result<SocketAddr, CommandError> {
    let found = address
        .to_socket_addrs()
        .map_err(|error| CommandError::io(address, error))?
        .next();
    found.ok_or_else(|| CommandError::NotReady(format!("{address} is no address")))
}

/// A server that listens on every address is reached on the machine's own.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// The first line of the answer: the status.
fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    write!(
        stream,
        "GET /health/ready HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_on_every_address_is_reached_on_the_loopback() {
        for (listens, reached) in [
            ("0.0.0.0:8080", "127.0.0.1:8080"),
            ("[::]:8080", "[::1]:8080"),
            ("192.0.2.7:8080", "192.0.2.7:8080"),
        ] {
            let listens: SocketAddr = listens.parse().unwrap();
            assert_eq!(reachable(listens).to_string(), reached);
        }
    }
}
