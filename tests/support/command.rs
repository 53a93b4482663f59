//! The binary as somebody runs it: `rollcall` in a folder, with an empty environment.

use std::path::Path;
use std::process::{Command, Stdio};

/// A command of the binary, in `folder`, where it keeps its data too.
pub fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
    command
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("ROLLCALL_LISTEN", "127.0.0.1:0")
        .env("ROLLCALL_DATA_DIR", folder.join("data"))
        .stdin(Stdio::null());
    command
}
