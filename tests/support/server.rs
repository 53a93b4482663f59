//! The binary as somebody runs it: `rollcall` in an empty folder, with an empty configuration.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A process that serves; it is killed with this value.
pub struct Server {
    process: Child,
    /// Where it listens: `127.0.0.1:` and a free port.
    pub address: String,
}

/// A command of the binary, in `folder`, where it keeps its data too.
pub fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("ROLLCALL_") {
            command.env_remove(name);
        }
    }
    command
        .args(arguments)
        .current_dir(folder)
        .env("ROLLCALL_LISTEN", "127.0.0.1:0")
        .env("ROLLCALL_DATA_DIR", folder.join("data"))
        .stdin(Stdio::null());
    command
}

impl Server {
    /// Starts it and waits until it listens.
    pub fn start(folder: &Path) -> Self {
        let log = std::fs::File::create(folder.join("log")).expect("no log file");
        let process = command(folder, &["serve"])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the binary does not start");
        let mut server = Self {
            process,
            address: String::new(),
        };
        server.address = server.wait_for_address(folder);
        server
    }

    fn wait_for_address(&mut self, folder: &Path) -> String {
        let deadline = Instant::now() + Duration::from_secs(20);
        while Instant::now() < deadline {
            let listening = std::fs::read_to_string(folder.join("data/listening"));
            if let Some(address) = listening.unwrap_or_default().strip_suffix('\n') {
                return address.to_owned();
            }
            if self.process.try_wait().expect("no process").is_some() {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
        panic!("the server does not listen:\n{log}")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Where it has ended by itself already, there is nothing to kill.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
