//! Log lines, written at once as long as their reader takes them; else they wait for a thread, and nobody else does.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::error::{Error, Result};

/// Lines that wait for their reader. Those beyond are lost.
const MAX_WAITING: usize = 4_096;

/// The bytes that a pipe takes without a wait where it takes any: pipe(7).
const PIPE_BUF: usize = 4_096;

/// How long the end of the process waits for the lines before it.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

static RUNNING: OnceLock<LogQueue> = OnceLock::new();

/// Where log lines are put, one at each write.
#[derive(Clone)]
pub struct LogQueue(Arc<Queue>);

#[derive(Default)]
struct Queue {
    /// The first stays here until it is written.
    waiting: Mutex<VecDeque<Arc<[u8]>>>,
    /// A line has come, or the last one has gone.
    changed: Condvar,
}

impl LogQueue {
    /// Starts the thread that writes to standard error what cannot be written at once.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn start() -> Result<Self> {
        let queue = Self(Arc::default());
        let of_thread = queue.clone();
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || of_thread.0.write_waiting())
            .map_err(Error::internal)?;
        Ok(RUNNING.get_or_init(|| queue).clone())
    }
}

/// Waits until what was logged is written, for a second at most.
pub fn flush() {
    if let Some(LogQueue(queue)) = RUNNING.get() {
        let is_waiting = |waiting: &mut VecDeque<_>| !waiting.is_empty();
        // What is left then is lost.
        drop(
            queue
                .changed
                .wait_timeout_while(queue.waiting(), FLUSH_TIMEOUT, is_waiting),
        );
    }
}

impl Queue {
    fn waiting(&self) -> MutexGuard<'_, VecDeque<Arc<[u8]>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, line: &[u8]) {
        let mut waiting = self.waiting();
        if waiting.is_empty() && line.len() <= PIPE_BUF && takes_a_line() {
            write_to_log(line);
        } else if waiting.len() < MAX_WAITING {
            waiting.push_back(line.into());
            self.changed.notify_all();
        }
    }

    fn write_waiting(&self) {
        let mut waiting = self.waiting();
        loop {
            if let Some(line) = waiting.front().cloned() {
                drop(waiting);
                write_to_log(&line);
                waiting = self.waiting();
                waiting.pop_front();
                self.changed.notify_all();
            } else {
                waiting = self
                    .changed
                    .wait(waiting)
                    .unwrap_or_else(PoisonError::into_inner);
            }
        }
    }
}

/// Whether [`PIPE_BUF`] bytes are written without a wait.
fn takes_a_line() -> bool {
    wait_for_reader(Some(&Timespec::default()))
}

/// Whether the reader takes something, or is gone, within this time; none is without an end.
fn wait_for_reader(timeout: Option<&Timespec>) -> bool {
    let stderr = io::stderr();
    let mut polled = [PollFd::new(&stderr, PollFlags::OUT)];
    matches!(poll(&mut polled, timeout), Ok(1))
}

/// Writes a line. Where standard error does not block, as some supervisors leave it, its reader is waited for; a line that
/// cannot be written otherwise costs nothing but itself.
fn write_to_log(mut line: &[u8]) {
    while !line.is_empty() {
        match io::stderr().write(line) {
            Ok(written) => line = line.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                wait_for_reader(None);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

impl Write for LogQueue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.put(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
