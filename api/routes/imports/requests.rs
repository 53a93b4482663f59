//! The options of an import, as the fields of a form or as query parameters.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::responses::ImportMode;
use super::usernames::UsernamesRequest;
use crate::domain::ids::GroupId;
use crate::domain::imports::{OnRowError, OnSeatShortage};
use crate::domain::organization::AccountType;
use crate::error::{Code, Error, FieldError, Result};
use crate::services::imports::submission::Options;

/// The most fields that a form has: room for a hundred groups, each in a field of its own.
const MAX_FIELDS: usize = 200;

/// The most groups that people join by one import.
const MAX_GROUPS: usize = 100;

/// The longest name that a refusal repeats, in characters.
const MAX_NAME: usize = 100;

/// The fields as they arrive: what is wrong with each is kept until all are there, to be told at
/// once.
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
    /// There is no word to be said about passwords.
    without_passwords: bool,
    in_query: bool,
    faults: Vec<FieldError>,
}

impl Fields {
    /// Those of a list of names, all of whose passwords are made up.
    fn without_passwords() -> Self {
        Self {
            without_passwords: true,
            ..Self::default()
        }
    }

    /// Those that came with names as JSON.
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

    /// Those that come as query parameters beside a list of names.
    pub(super) fn of_query() -> Self {
        Self {
            in_query: true,
            ..Self::without_passwords()
        }
    }

    /// Takes a field. A browser sends what was left blank as an empty text: that is not given.
    ///
    /// # Errors
    /// `payload_too_large` where there are far more than any form has.
    pub(super) fn take(&mut self, name: &str, text: &str) -> Result<()> {
        self.count += 1;
        if self.count > MAX_FIELDS {
            let detail = "The request has more fields than an import takes.";
            return Err(Error::refused(Code::PayloadTooLarge, detail));
        }
        if let Err(fault) = self.read(name, text.trim()) {
            self.faults.push(fault);
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
                once_flag(&mut self.generate_missing_passwords, name, text)
            }
            "must_change_password" => once_flag(&mut self.must_change_password, name, text),
            _ => Err(fault(name, "unknown_field", "There is no such field here.")),
        }
    }

    /// The field may be repeated, and may hold several ids.
    fn read_groups(&mut self, name: &str, text: &str) -> Result<(), FieldError> {
        for id in text.split(',').map(str::trim).filter(|id| !id.is_empty()) {
            self.groups.insert(parse(name, id)?);
        }
        Ok(())
    }

    /// What the caller asks for.
    ///
    /// # Errors
    /// `validation_failed` with every field that is at fault or missing.
    pub(super) fn into_options(
        mut self,
        has_file: bool,
        results_lifetime: Duration,
    ) -> Result<Options> {
        self.note_what_is_missing(has_file);
        let Some(account_type) = self.account_type.filter(|_| self.faults.is_empty()) else {
            return Err(self.refusal());
        };
        Ok(Options {
            account_type,
            groups: self.groups.into_iter().collect(),
            on_row_error: self.on_row_error.unwrap_or(OnRowError::Skip),
            on_seat_shortage: self.on_seat_shortage.unwrap_or(OnSeatShortage::Fill),
            generate_missing_passwords: self.generate_missing_passwords.unwrap_or(false),
            must_change_password: self.must_change_password.unwrap_or(false),
            results_lifetime,
        })
    }

    fn refusal(self) -> Error {
        let mut faults = self.faults;
        for fault in faults.iter_mut().filter(|_| self.in_query) {
            fault.pointer = fault.pointer.replacen('/', "?", 1).into();
        }
        Error::invalid_fields(faults)
    }

    fn note_what_is_missing(&mut self, has_file: bool) {
        if self.groups.len() > MAX_GROUPS {
            let detail = format!("People join at most {MAX_GROUPS} groups by one import.");
            self.faults.push(fault("group_ids", "too_many", detail));
        }
        if !has_file {
            let detail = "Send the file as a form field named file.";
            self.faults.push(fault("file", "missing", detail));
        }
        let is_at_fault = self
            .faults
            .iter()
            .any(|fault| fault.pointer == "/account_type");
        if self.account_type.is_none() && !is_at_fault {
            let detail = "Say what the people become: student, teacher, learner or creator.";
            self.faults.push(fault("account_type", "missing", detail));
        }
    }
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

fn once_flag(slot: &mut Option<bool>, name: &str, text: &str) -> Result<(), FieldError> {
    let word = match text {
        "" => return Ok(()),
        "true" => true,
        "false" => false,
        _ => return Err(not_as_it_should_be(name, "expected true or false")),
    };
    if slot.replace(word).is_some() {
        return Err(fault(name, "too_many", "Give this field once."));
    }
    Ok(())
}

/// Through JSON, so that words and ids are read as they are everywhere else.
fn parse<T: DeserializeOwned>(name: &str, text: &str) -> Result<T, FieldError> {
    serde_json::from_value(text.into())
        .map_err(|error| not_as_it_should_be(name, &error.to_string()))
}

fn not_as_it_should_be(name: &str, problem: &str) -> FieldError {
    let problem: String = problem.chars().take(300).collect();
    let detail = format!("This field is not as it has to be: {problem}.");
    fault(name, "invalid", detail)
}

fn fault(
    name: &str,
    code: &'static str,
    detail: impl Into<std::borrow::Cow<'static, str>>,
) -> FieldError {
    let name: String = name.chars().take(MAX_NAME).collect();
    let pointer = name.replace('~', "~0").replace('/', "~1");
    FieldError::new(format!("/{pointer}"), code, detail)
}
