//! Where commands write what they are asked to print.

use std::path::Path;

use super::error::CommandError;

/// Prints a text, or writes it to a file.
///
/// # Errors
/// A file that cannot be written.
pub fn print_or_write(text: &str, output: Option<&Path>) -> Result<(), CommandError> {
    let Some(path) = output else {
        print!("{text}");
        return Ok(());
    };
    std::fs::write(path, text).map_err(|error| CommandError::file(path.display(), error))
}
