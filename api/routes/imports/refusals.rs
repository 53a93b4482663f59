//! The refusals of whole files and lists, and of results.

use std::io;

use uuid::Uuid;

use super::options::Fields;
use super::requests::DownloadQuery;
use crate::domain::imports::ImportStatus;
use crate::domain::spreadsheet::{
    MAX_BYTES, MAX_ROWS, ReadError, Requirements, Spreadsheet, too_large, too_many_rows,
};
use crate::domain::username_list::{UsernameList, UsernameListError};
use crate::error::{Code, Error};
use crate::routes::extract::reading::read_query;
use crate::routes::problem::problems;
use crate::routes::refusals::refusal_of;
use crate::services::authorization::group_unknown;
use crate::services::imports::finished_already;
use crate::services::imports::from_csv::refused;
use crate::services::imports::retention::{not_ready as results_not_ready, results_are_gone};
use crate::state::uploads::NoPlace;

problems! {
    /// Of an upload.
    UploadErrors: upload_broke_off option_missing file_too_large no_form group_out_of_reach all_places_taken;
    /// Of a file.
    FileErrors: file_unreadable file_no_header file_empty file_encoding_unclear delimiter_unclear
        too_many_rows_in_file;
    /// Of a list of names.
    ListErrors: option_missing_beside_list list_too_large no_list group_out_of_reach list_unreadable list_empty
        list_encoding_unclear too_many_names;
    /// Of how a file is written.
    DownloadErrors: wrong_delimiter;
    /// Of results that end some time.
    ResultErrors: results_not_ready results_are_gone;
    /// Of cancelling.
    ImportFinished: import_finished;
}

fn wrong_delimiter() -> Error {
    refusal_of(read_query::<DownloadQuery>("delimiter=colon"))
}

fn file_too_large() -> Error {
    refused(too_large(MAX_BYTES).into())
}

fn upload_broke_off() -> Error {
    refused(ReadError::Source(io::ErrorKind::UnexpectedEof.into()))
}

fn no_form() -> Error {
    not_a_form(WrongKind::Another)
}

fn no_list() -> Error {
    not_a_list(WrongKind::Another)
}

fn option_missing() -> Error {
    missing_option(Fields::default())
}

fn option_missing_beside_list() -> Error {
    missing_option(Fields::of_query())
}

fn missing_option(fields: Fields) -> Error {
    refusal_of(fields.into_options(true))
}

fn group_out_of_reach() -> Error {
    let id = 0x0199_0f3b_6c1e_7d3a_9b52_0f6f_2a8d_4c11;
    group_unknown(Uuid::from_u128(id).into())
}

/// The refusal of a file at its beginning.
fn of_file(file: &[u8]) -> Error {
    let opened = Spreadsheet::open(file, Requirements::default());
    let read = opened.and_then(|mut sheet| sheet.next_row());
    refusal_of(read.map_err(refused))
}

fn file_unreadable() -> Error {
    of_file(b"%PDF-1.7\n")
}

fn file_no_header() -> Error {
    of_file(b"name,class\nJane Doe,7A\n")
}

fn file_empty() -> Error {
    of_file(b"email,password,username\n")
}

fn file_encoding_unclear() -> Error {
    of_file(b"email,password,username\njane@school.example,seven green ducks 7,Z\x8eb\xe6\xe6\n")
}

fn delimiter_unclear() -> Error {
    of_file(b"email;password;username\njane@school.example,seven green ducks 7,Jane\n")
}

fn too_many_rows_in_file() -> Error {
    refused(too_many_rows(MAX_ROWS, u64::from(MAX_ROWS) + 2).into())
}

/// The refusal of a list of names.
fn of_list(list: &[u8]) -> Error {
    refusal_of(UsernameList::of_lines(list, None).map_err(Error::from))
}

fn list_unreadable() -> Error {
    of_list(b"%PDF-1.7\n")
}

fn list_empty() -> Error {
    UsernameListError::Empty.into()
}

fn list_encoding_unclear() -> Error {
    of_list(b"Z\x8eb\xe6\xe6")
}

fn too_many_names() -> Error {
    UsernameListError::TooMany.into()
}

fn import_finished() -> Error {
    finished_already(ImportStatus::Completed)
}

/// What a Content-Type is that is not taken.
#[derive(Clone, Copy)]
pub(super) enum WrongKind {
    Another,
    None,
}

/// The refusal of a file that does not come in a form.
pub(super) fn not_a_form(kind: WrongKind) -> Error {
    not_taken("Send the file in a form, as `multipart/form-data`", kind)
}

/// The refusal of names in a format that is none of those for lists.
pub(super) fn not_a_list(kind: WrongKind) -> Error {
    not_taken("Send the names as `application/json` or `text/plain`", kind)
}

/// The refusal of names in an encoding that no file has.
pub(super) fn unknown_charset() -> Error {
    let what_to_do = "Send the names in a charset that files may have, such as UTF-8";
    not_taken(what_to_do, WrongKind::Another)
}

fn not_taken(what_to_do: &str, kind: WrongKind) -> Error {
    let kind = match kind {
        WrongKind::Another => "another one",
        WrongKind::None => "none",
    };
    let detail = format!("{what_to_do}; the Content-Type is {kind}.");
    Error::refused(Code::UnsupportedMediaType, detail)
}

/// The refusal where there is no place for another upload.
pub(super) fn no_place(why: NoPlace) -> Error {
    let detail = match why {
        NoPlace::HasEnough => {
            "Your organization, or your account, has eight uploads running. Wait until one ends."
        }
        NoPlace::Full => {
            "Other files are being uploaded at this moment. Try again in a few seconds."
        }
    };
    Error::refused(Code::RateLimited, detail)
}

fn all_places_taken() -> Error {
    no_place(NoPlace::Full)
}

/// The refusal of a list with more bytes than allowed.
pub(super) fn list_too_large() -> Error {
    let detail = "A list of names has at most 8 MiB. Divide it, and send the parts one by one.";
    Error::refused(Code::PayloadTooLarge, detail)
}
