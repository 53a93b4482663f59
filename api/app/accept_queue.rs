//! The connections that a port has taken when it is about to be closed: closing it turns away those that nobody has
//! accepted yet, with the requests that are on them.

use std::net::TcpListener;
use std::time::Duration;

/// How long the server has to accept what is in the queue.
const DRAIN_TIME: Duration = Duration::from_millis(200);

/// Stops the port from taking new connections, and gives the server 200 ms to accept those that it has taken. Whoever
/// comes now tries again after a second by itself (RFC 6298, 2.1), and meets who listens there then, if anybody does.
pub async fn drain_accept_queue(listener: &TcpListener) {
    if let Err(error) = refuse_new_connections(listener) {
        tracing::debug!(%error, "the port takes connections until it is closed");
        return;
    }
    tokio::time::sleep(DRAIN_TIME).await;
}

/// Drops what begins a connection, by a filter of the kernel: its documentation, "Linux Socket Filtering".
#[cfg(target_os = "linux")]
fn refuse_new_connections(listener: &TcpListener) -> std::io::Result<()> {
    use socket2::{SockFilter, SockRef};
    /// The place of the flags in the header of TCP, and the one of them that begins a connection (RFC 9293, 3.1).
    const FLAGS: u32 = 13;
    const SYN: u32 = 0x02;
    const LOAD_BYTE: u16 = 0x30;
    const IF_ANY_BIT: u16 = 0x45;
    const RETURN: u16 = 0x06;
    SockRef::from(listener).attach_filter(&[
        SockFilter::new(LOAD_BYTE, 0, 0, FLAGS),
        SockFilter::new(IF_ANY_BIT, 0, 1, SYN),
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
    ])
}

#[cfg(not(target_os = "linux"))]
fn refuse_new_connections(_: &TcpListener) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}
