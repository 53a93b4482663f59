//! Where commands write what they are asked to print.

use std::io::{self, Write as _};
use std::path::Path;

use super::error::CommandError;

/// Prints a text, or writes it to a file.
///
/// # Errors
/// A file, or standard output, that cannot be written.
pub fn print_or_write(text: &str, output: Option<&Path>) -> Result<(), CommandError> {
    let Some(path) = output else {
        return print(text);
    };
    std::fs::write(path, text).map_err(|error| CommandError::file(path.display(), error))
}

/// Prints a text to standard output. A reader that has read enough, such as `head`, is no error.
///
/// # Errors
/// Where standard output cannot be written for any other reason.
pub fn print(text: &str) -> Result<(), CommandError> {
    let mut output = io::stdout().lock();
    let written = output.write_all(text.as_bytes());
    match written.and_then(|()| output.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(CommandError::io("standard output", error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Tells something beside the output, on standard error. Where nobody reads that, nobody is told.
pub fn tell(text: &str) {
    drop(writeln!(io::stderr(), "rollcall: {text}"));
}
