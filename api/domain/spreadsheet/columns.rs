//! What the columns of a table mean.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::address_cell::AddressCell;
use super::cells::Cells;
use super::delimiter::Delimiter;
use super::error_columns::{ERROR_COLUMNS, columns_before_errors};
use super::formula::restore;
use super::header::{Header, NameColumns};
use super::limits::MAX_KEPT_BYTES;
use super::meaning::Meaning;
use super::refusal::FileRefused;
use super::rewritten::is_hash;
use super::synonyms::looks_like_password;

/// The columns that a reader uses, by their names in the header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DetectedColumns {
    /// The column of the address.
    #[schema(max_length = 65536)]
    pub email: String,
    /// The column whose address counts in rows in which that one is empty, if the file has another.
    #[schema(max_length = 65536)]
    pub email_if_empty: Option<String>,
    /// The column of the password, if the file has one.
    #[schema(max_length = 65536)]
    pub password: Option<String>,
    /// The column of the name, or the columns of the first name, of what stands between and of the last name,
    /// which together make the user name; none where names are taken from the addresses.
    #[schema(max_items = 3, value_type = Vec<ColumnName>)]
    pub username: Vec<String>,
    /// The columns that are not used, in the order of the file. Those without a name are left out.
    #[schema(max_items = 1000, value_type = Vec<ColumnName>)]
    pub ignored: Vec<String>,
    /// Those among them that look like passwords: nobody gets these.
    #[schema(max_items = 1000, value_type = Vec<ColumnName>)]
    pub unused_passwords: Vec<String>,
}

/// A column's name, as it stands in the header.
#[derive(utoipa::ToSchema)]
#[schema(max_length = 65536)]
#[allow(dead_code, reason = "describes the names in the document")]
struct ColumnName(String);

/// Where in a record the cells stand that the reader uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Columns {
    email: usize,
    email_if_empty: Option<usize>,
    password: Option<usize>,
    /// None where names are taken from the addresses.
    username: Option<NameColumns>,
    /// How many cells a row has at most.
    width: usize,
}

/// How many cells a row has at most. Behind the errors of an `errors.csv` stand the cells that had no
/// column, and they must not get one because a spreadsheet program has saved the file anew.
fn width(header: &[String]) -> usize {
    columns_before_errors(header).map_or(header.len(), |columns| columns + ERROR_COLUMNS.len())
}

/// Which columns a header may lack.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Optional {
    pub(super) password: bool,
    pub(super) username: bool,
}

impl Columns {
    /// Finds the columns in the header that stands on `line`.
    ///
    /// # Errors
    ///
    /// Refuses a header in which a column is missing, or several claim the same meaning.
    pub(super) fn find(
        header: &[String],
        line: u64,
        optional: Optional,
    ) -> Result<Self, FileRefused> {
        let width = width(header);
        let header = Header::new(header, line);
        let password = header.claim(Meaning::Password)?;
        let (email, username) = header.person()?;
        let has_password = password.is_some() || optional.password;
        let has_username = username.is_some() || optional.username;
        match email {
            Some(email) if has_password && has_username => Ok(Self {
                email,
                email_if_empty: header.second_email(email),
                password,
                username,
                width,
            }),
            email => Err(header.lacks(&[
                ("email", email.is_none()),
                ("password", !has_password),
                ("username", !has_username),
            ])),
        }
    }

    /// Which cell of a record holds the password.
    pub(super) fn password_column(&self) -> Option<usize> {
        self.password
    }

    /// The address in a record.
    pub(super) fn email(&self, cells: &Cells) -> AddressCell {
        let cell = restored(cells, self.email);
        let second = self.email_if_empty.filter(|_| cell.trim().is_empty());
        let second = second.map(|column| restored(cells, column));
        let second = second.filter(|cell| !names_guest(cell));
        AddressCell::of(&second.unwrap_or(cell))
    }

    /// The password in a record, exactly as it stands there. Programs that do not give passwords away write
    /// `****`, or hashes.
    pub(super) fn password(&self, cells: &Cells) -> Option<String> {
        let cell = cells.get(self.password?)?;
        let is_masked = cell.chars().all(|c| matches!(c, '*' | '•' | '●'));
        (!is_masked && !is_hash(cell)).then(|| cell.to_owned())
    }

    /// The user name in a record.
    pub(super) fn username(&self, cells: &Cells) -> String {
        match self.username {
            None => String::new(),
            Some(NameColumns::Whole(column)) => restored(cells, column).into_owned(),
            Some(halves @ NameColumns::Halves { .. }) => {
                let parts = halves.columns().into_iter();
                let parts = parts.map(|column| restored(cells, column).trim().to_owned());
                let filled: Vec<String> = parts.filter(|part| !part.is_empty()).collect();
                filled.join(" ")
            }
        }
    }

    /// The cells of a record as they are kept. Of a record that is too long for that, notes and pictures
    /// are cut; a cell of a used column that is too long for any value is left out.
    pub(super) fn kept(&self, cells: &Cells) -> Vec<String> {
        let length: usize = cells.iter().map(str::len).sum();
        if length <= MAX_KEPT_BYTES {
            return cells.iter().map(str::to_owned).collect();
        }
        let share = MAX_KEPT_BYTES / cells.len().max(1);
        let kept = |(column, cell): (usize, &str)| match cell.len() <= share {
            true => cell.to_owned(),
            false if self.uses(column) => String::new(),
            false => clipped(cell, share),
        };
        cells.iter().enumerate().map(kept).collect()
    }

    fn name_columns(&self) -> Vec<usize> {
        self.username.map(NameColumns::columns).unwrap_or_default()
    }

    fn uses(&self, column: usize) -> bool {
        column == self.email
            || Some(column) == self.email_if_empty
            || Some(column) == self.password
            || self.name_columns().contains(&column)
    }

    /// Whether a record has filled cells beyond the header.
    pub(super) fn has_surplus(&self, cells: &Cells) -> bool {
        let mut surplus = cells.iter().skip(self.width);
        surplus.any(|cell| !cell.trim().is_empty())
    }

    /// Whether a record is one cell that another table's delimiter stands in, though the header has
    /// several.
    pub(super) fn is_undivided(&self, cells: &Cells) -> bool {
        let mut filled = cells.iter().filter(|cell| !cell.trim().is_empty());
        let only = filled.next().filter(|_| filled.next().is_none());
        self.width > 1 && only.is_some_and(Delimiter::is_in)
    }

    /// The columns by their names in `header`.
    pub(super) fn detected(&self, header: &[String]) -> DetectedColumns {
        let name = |column: usize| header.get(column).cloned().unwrap_or_default();
        let username = self.name_columns();
        let named = header
            .iter()
            .enumerate()
            .filter(|(_, name)| !name.trim().is_empty());
        let ignored = named.filter(|(column, _)| !self.uses(*column));
        let ignored: Vec<String> = ignored.map(|(_, name)| name.clone()).collect();
        let looks = |name: &&String| looks_like_password(name);
        DetectedColumns {
            email: name(self.email),
            email_if_empty: self.email_if_empty.map(name),
            password: self.password.map(name),
            unused_passwords: ignored.iter().filter(looks).cloned().collect(),
            ignored,
            username: username.into_iter().map(name).collect(),
        }
    }
}

/// Whether it is the name that Microsoft gives to the guests of a directory
/// (`mira_x.example#EXT#@school.onmicrosoft.com`): no mail arrives there, and nobody knows it by heart.
fn names_guest(cell: &str) -> bool {
    cell.to_ascii_lowercase().contains("#ext#@")
}

/// The beginning of a cell that is too long to be kept.
fn clipped(cell: &str, length: usize) -> String {
    let within = |(start, character): &(usize, char)| start + character.len_utf8() <= length;
    let beginning = cell.char_indices().take_while(within);
    beginning
        .map(|(_, character)| character)
        .chain(['…'])
        .collect()
}

fn restored(cells: &Cells, column: usize) -> Cow<'_, str> {
    restore(cells.get(column).unwrap_or_default())
}
