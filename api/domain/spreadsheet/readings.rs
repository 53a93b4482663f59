//! What a file would say in each of the encodings that it may be in.

use super::columns::{Columns, Optional};
use super::encoding::Encoding;
use super::layout::Layout;
use super::records::Records;
use super::refusal::{FileRefused, RefusalKind};
use super::wording::{listed, quoted};

/// How many encodings are shown, and how many names in each.
const SHOWN: usize = 3;

/// How much of the file is looked at for names, in bytes.
const LOOKED_AT: usize = 256 * 1024;

/// What the samples of a file are taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// The column of names. Passwords are never shown.
    Table,
    /// Its lines.
    Lines,
}

/// The refusal of a file whose encoding is unclear, with samples of how it reads in each.
pub(super) fn unclear(bytes: &[u8], encodings: &[Encoding], content: Content) -> FileRefused {
    let start = bytes.get(..LOOKED_AT).unwrap_or(bytes);
    let readings: Vec<String> = encodings
        .iter()
        .filter_map(|encoding| reading(start, *encoding, content))
        .take(SHOWN)
        .collect();
    let samples = match readings.as_slice() {
        [] => String::new(),
        readings => format!(" It may be read as {}.", listed(readings)),
    };
    let detail = format!(
        "The encoding of this file cannot be told from its content.{samples} Save the table anew as CSV \
         UTF-8 (in Excel: File > Save As > CSV UTF-8), or say by the field `encoding` which one it is: \
         {}. Hebrew, Arabic, Japanese and Chinese are read from UTF-8 only.",
        Encoding::SINGLE_BYTE_NAMES
    );
    FileRefused::new(RefusalKind::EncodingUnclear, detail)
}

fn reading(start: &[u8], encoding: Encoding, content: Content) -> Option<String> {
    let text = encoding.decode(start);
    let names = match content {
        Content::Table => names_in_table(&text)?,
        Content::Lines => text.lines().filter_map(in_question).take(SHOWN).collect(),
    };
    let quoted: Vec<String> = names.iter().map(|name| quoted(name)).collect();
    let is_told = !quoted.is_empty();
    is_told.then(|| format!("{} ({})", listed(&quoted), encoding.title()))
}

/// The names of people that have characters beyond ASCII, if the columns can be told.
fn names_in_table(text: &str) -> Option<Vec<String>> {
    let layout = Layout::find(text, None).ok()?;
    let table = text.get(layout.length..)?;
    let mut records = Records::new(table.as_bytes(), layout.delimiter, layout.line);
    let header = records.next().ok()??;
    let cells: Vec<String> = header.cells.iter().map(str::to_owned).collect();
    let optional = Optional {
        password: true,
        username: false,
    };
    let columns = Columns::find(&cells, header.line, optional).ok()?;
    let mut names = Vec::new();
    while let (true, Ok(Some(record))) = (names.len() < SHOWN, records.next()) {
        names.extend(in_question(&columns.username(record.cells)));
    }
    Some(names)
}

fn in_question(name: &str) -> Option<String> {
    let name = name.trim();
    (!name.is_ascii()).then(|| name.to_owned())
}
