//! The `errors.csv` of a list of names, corrected.

use super::delimiter::Delimiter;
use super::error_columns::{ERROR_COLUMNS, columns_before_errors};
use super::formula::restore;
use super::records::Records;
use super::refusal::ReadError;

/// The names in a text, below the name of their column, where it is the `errors.csv` of a list of names; none where it
/// is something else.
///
/// # Errors
/// The refusal of a file whose records are out of bounds.
pub fn names_before_errors(text: &str) -> Result<Option<Vec<String>>, ReadError> {
    let is_divided = |delimiter: &Delimiter| names_are_before_errors(text, *delimiter);
    let Some(delimiter) = Delimiter::ALL.into_iter().find(is_divided) else {
        return Ok(None);
    };
    let mut records = Records::new(text.as_bytes(), delimiter, 1);
    records.expect_width(1 + ERROR_COLUMNS.len());
    let mut names = Vec::new();
    while let Some(record) = records.next()? {
        let name = record.cells.get(0).unwrap_or_default();
        names.push(restore(name).into_owned());
    }
    Ok(Some(names))
}

fn names_are_before_errors(text: &str, delimiter: Delimiter) -> bool {
    let mut lines = text.split(['\r', '\n']);
    let header = lines.find(|line| !line.is_empty()).unwrap_or_default();
    let mut records = Records::new(header.as_bytes(), delimiter, 1);
    records.next().ok().flatten().is_some_and(|header| {
        let header: Vec<String> = header.cells.iter().map(str::to_owned).collect();
        columns_before_errors(&header) == Some(1)
    })
}
