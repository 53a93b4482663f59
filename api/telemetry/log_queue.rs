//! Log lines are written by a thread of their own: whoever reads them may be slow, or read no more, and nobody else
//! waits for that.

use std::io::{self, Write};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use crate::error::{Error, Result};

/// Lines that wait to be written. Those beyond are lost.
const MAX_WAITING: usize = 4_096;

/// How long the end of the process waits for the lines before it.
const LONGEST_END: Duration = Duration::from_secs(1);

static RUNNING: Mutex<Option<LogQueue>> = Mutex::new(None);

enum Entry {
    Line(Vec<u8>),
    /// All before it is written.
    End(SyncSender<()>),
}

/// Where log lines are put, one at each write.
#[derive(Clone)]
pub struct LogQueue(SyncSender<Entry>);

impl LogQueue {
    /// Starts the thread that writes to standard error.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn start() -> Result<Self> {
        let (sender, receiver) = sync_channel(MAX_WAITING);
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || write_all(&receiver))
            .map_err(Error::internal)?;
        let queue = Self(sender);
        if let Ok(mut running) = RUNNING.lock() {
            *running = Some(queue.clone());
        }
        Ok(queue)
    }
}

/// Waits until what was logged is written, for a second at most.
pub fn end() {
    let running = RUNNING.lock().ok().and_then(|mut running| running.take());
    let Some(LogQueue(sender)) = running else {
        return;
    };
    let (written, is_written) = sync_channel(1);
    if sender.try_send(Entry::End(written)).is_ok() {
        // An error says that the lines are lost.
        let _ = is_written.recv_timeout(LONGEST_END);
    }
}

fn write_all(entries: &Receiver<Entry>) {
    for entry in entries {
        // A line that cannot be written costs nothing but itself.
        let _ = match entry {
            Entry::Line(line) => io::stderr().write_all(&line),
            Entry::End(written) => written.try_send(()).map_err(io::Error::other),
        };
    }
}

impl Write for LogQueue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // A full queue loses the line.
        let _ = self.0.try_send(Entry::Line(line.to_vec()));
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
