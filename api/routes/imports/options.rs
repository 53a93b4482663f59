//! The options of an import as they arrive: the fields of a form, JSON, or query parameters.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::de::DeserializeOwned;

use super::requests::UsernamesRequest;
use super::responses::ImportMode;
use crate::domain::ids::GroupId;
use crate::domain::imports::{OnRowError, OnSeatShortage};
use crate::domain::organization::AccountType;
use crate::domain::spreadsheet::{Delimiter, Encoding, ReadOptions};
use crate::error::{Code, Error, FieldError, Result};
use crate::routes::extract::reading::{UNKNOWN_WORD, read_text};
use crate::services::imports::submission::Options;

/// The most fields that a form has: room for a hundred groups, each in a field of its own.
const MAX_FIELDS: usize = 200;

/// The most groups that people join by one import.
const MAX_GROUPS: usize = 100;

/// The longest name that a refusal repeats, in characters.
const MAX_NAME: usize = 100;

/// Options of every import.
const OPTIONS: [&str; 7] = [
    "account_type",
    "group_ids",
    "mode",
    "on_row_error",
    "on_seat_shortage",
    "must_change_password",
    "encoding",
];

/// Options of a file with cells.
const OPTIONS_OF_CELLS: [&str; 3] = [
    "generate_missing_passwords",
    "usernames_from_addresses",
    "delimiter",
];

/// The fields as they arrive. Those that are malformed are collected, to be refused together.
#[derive(Default)]
pub(super) struct Fields {
    count: usize,
    account_type: Option<AccountType>,
    groups: BTreeSet<GroupId>,
    mode: Option<ImportMode>,
    on_row_error: Option<OnRowError>,
    on_seat_shortage: Option<OnSeatShortage>,
    generate_missing_passwords: Option<bool>,
    must_change_password: Option<bool>,
    encoding: Option<Encoding>,
    delimiter: Option<Delimiter>,
    usernames_from_addresses: Option<bool>,
    /// The request has no option about passwords, and none about cells.
    without_passwords: bool,
    in_query: bool,
    /// What is unknown, missing, given twice or of another type.
    malformed: Vec<FieldError>,
}

impl Fields {
    /// Fields of a list of names, whose passwords are all generated.
    fn without_passwords() -> Self {
        Self {
            without_passwords: true,
            ..Self::default()
        }
    }

    /// Fields that come with names as JSON.
    pub(super) fn of_names(request: &UsernamesRequest) -> Self {
        Self {
            account_type: Some(request.account_type),
            groups: request.group_ids.iter().flatten().copied().collect(),
            mode: request.mode,
            on_row_error: request.on_row_error,
            on_seat_shortage: request.on_seat_shortage,
            must_change_password: request.must_change_password,
            ..Self::without_passwords()
        }
    }

    /// Fields that come as query parameters of a list of names.
    pub(super) fn of_query() -> Self {
        Self {
            in_query: true,
            ..Self::without_passwords()
        }
    }

    /// Takes a field. An empty text counts as absent: a browser sends it for a blank field.
    ///
    /// # Errors
    /// `payload_too_large` where there are far more than any form has.
    pub(super) fn take(&mut self, name: &str, text: &str) -> Result<()> {
        self.count()?;
        // A tab is a blank, and a delimiter.
        let is_tab = name == "delimiter" && text == "\t";
        let text = if is_tab { text } else { text.trim() };
        if let Err(fault) = self.read(name, text) {
            self.malformed.push(fault);
        }
        Ok(())
    }

    /// Whether there is an option of this name.
    pub(super) fn know(&self, name: &str) -> bool {
        self.names().any(|known| known == name)
    }

    fn names(&self) -> impl Iterator<Item = &'static str> {
        let of_cells: &[&str] = if self.without_passwords {
            &[]
        } else {
            &OPTIONS_OF_CELLS
        };
        OPTIONS.iter().chain(of_cells).copied()
    }

    /// Notes a field that there is not.
    ///
    /// # Errors
    /// As [`Fields::take`].
    pub(super) fn note_unknown(&mut self, name: &str) -> Result<()> {
        self.count()?;
        let unknown = self.unknown(name);
        self.malformed.push(unknown);
        Ok(())
    }

    fn unknown(&self, name: &str) -> FieldError {
        let named: String = name.chars().take(MAX_NAME).collect();
        let known: Vec<&str> = self.names().collect();
        let file = if self.without_passwords {
            ""
        } else {
            "The file goes into `file`. "
        };
        let detail = format!(
            "There is no field `{named}` here. {file}The options are {}.",
            known.join(", ")
        );
        fault(name, "unknown_field", detail)
    }

    fn count(&mut self) -> Result<()> {
        self.count += 1;
        if self.count > MAX_FIELDS {
            let detail = "The request has more fields than an import takes.";
            return Err(Error::refused(Code::PayloadTooLarge, detail));
        }
        Ok(())
    }

    fn read(&mut self, name: &str, text: &str) -> Result<(), FieldError> {
        match name {
            "account_type" => once(&mut self.account_type, name, text),
            "group_ids" => self.read_groups(name, text),
            "mode" => once(&mut self.mode, name, text),
            "on_row_error" => once(&mut self.on_row_error, name, text),
            "on_seat_shortage" => once(&mut self.on_seat_shortage, name, text),
            "generate_missing_passwords" if !self.without_passwords => {
                once(&mut self.generate_missing_passwords, name, text)
            }
            "must_change_password" => once(&mut self.must_change_password, name, text),
            "usernames_from_addresses" if !self.without_passwords => {
                once(&mut self.usernames_from_addresses, name, text)
            }
            "encoding" => once_encoding(&mut self.encoding, name, text),
            "delimiter" if !self.without_passwords => once(&mut self.delimiter, name, text),
            _ => Err(self.unknown(name)),
        }
    }

    /// The field may be repeated, and may hold several ids.
    fn read_groups(&mut self, name: &str, text: &str) -> Result<(), FieldError> {
        for id in text.split(',').map(str::trim).filter(|id| !id.is_empty()) {
            self.groups.insert(parse(name, id)?);
        }
        Ok(())
    }

    /// What the fields so far say of the file.
    pub(super) fn read_options(&self) -> ReadOptions {
        ReadOptions {
            encoding: self.encoding,
            delimiter: self.delimiter,
            usernames_from_addresses: self.usernames_from_addresses.unwrap_or(false),
        }
    }

    /// The options that the fields ask for.
    ///
    /// # Errors
    /// `malformed_request` with every field that is malformed or missing, `validation_failed` for too many groups.
    pub(super) fn into_options(mut self, has_file: bool) -> Result<Options> {
        self.note_what_is_missing(has_file);
        let Some(account_type) = self.account_type.filter(|_| self.malformed.is_empty()) else {
            return Err(Error::malformed_fields(self.placed(self.malformed.clone())));
        };
        if self.groups.len() > MAX_GROUPS {
            return Err(Error::invalid_fields(self.placed(vec![too_many_groups()])));
        }
        Ok(Options {
            account_type,
            groups: self.groups.into_iter().collect(),
            on_row_error: self.on_row_error.unwrap_or(OnRowError::Skip),
            on_seat_shortage: self.on_seat_shortage.unwrap_or(OnSeatShortage::Fill),
            generate_missing_passwords: self.generate_missing_passwords.unwrap_or(false),
            must_change_password: self.must_change_password.unwrap_or(false),
        })
    }

    /// The faults with pointers into the request: fields may be query parameters.
    fn placed(&self, mut faults: Vec<FieldError>) -> Vec<FieldError> {
        for fault in faults.iter_mut().filter(|_| self.in_query) {
            fault.pointer = fault.pointer.replacen('/', "?", 1).into();
        }
        faults
    }

    fn note_what_is_missing(&mut self, has_file: bool) {
        if !has_file {
            let detail = "Send the file as a form field named file.";
            self.malformed.push(fault("file", "missing", detail));
        }
        let is_at_fault = self
            .malformed
            .iter()
            .any(|fault| fault.pointer == "/account_type");
        if self.account_type.is_none() && !is_at_fault {
            let detail = "Say what the people become: student, teacher, learner or creator.";
            self.malformed
                .push(fault("account_type", "missing", detail));
        }
    }
}

fn too_many_groups() -> FieldError {
    let detail = format!("People join at most {MAX_GROUPS} groups by one import.");
    fault("group_ids", "too_many", detail)
}

/// Reads a field that may be given once.
fn once<T: DeserializeOwned>(
    slot: &mut Option<T>,
    name: &str,
    text: &str,
) -> Result<(), FieldError> {
    if text.is_empty() {
        return Ok(());
    }
    if slot.is_some() {
        return Err(fault(name, "too_many", "Give this field once."));
    }
    *slot = Some(parse(name, text)?);
    Ok(())
}

/// Reads the name of an encoding, of which there are many for each.
fn once_encoding(slot: &mut Option<Encoding>, name: &str, text: &str) -> Result<(), FieldError> {
    if text.is_empty() {
        return Ok(());
    }
    let encoding = Encoding::from_label(text).ok_or_else(|| {
        let single_byte = Encoding::SINGLE_BYTE_NAMES;
        let known = format!("Expected utf-8, utf-16le, utf-16be, {single_byte}.");
        fault(name, UNKNOWN_WORD, known)
    })?;
    if slot.replace(encoding).is_some() {
        return Err(fault(name, "too_many", "Give this field once."));
    }
    Ok(())
}

/// Words, ids and flags are read as they are everywhere else.
fn parse<T: DeserializeOwned>(name: &str, text: &str) -> Result<T, FieldError> {
    read_text(&pointer_to(name), text)
}

fn fault(name: &str, code: &'static str, detail: impl Into<Cow<'static, str>>) -> FieldError {
    FieldError::new(pointer_to(name), code, detail)
}

fn pointer_to(name: &str) -> String {
    let name: String = name.chars().take(MAX_NAME).collect();
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}
