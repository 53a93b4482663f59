//! What requests about imports send, as the document shows it. `options` reads the options of an import.

use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::responses::ImportMode;
use crate::domain::ids::{GroupId, ImportId, OrganizationId};
use crate::domain::imports::{OnRowError, OnSeatShortage};
use crate::domain::organization::AccountType;
use crate::domain::spreadsheet::{Delimiter, Encoding};

/// The import that a request is about.
#[derive(Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct ImportPath {
    /// The organization.
    #[allow(dead_code, reason = "the guard reads it")]
    organization_id: OrganizationId,
    /// The import.
    pub import_id: ImportId,
}

/// How the file is written.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DownloadQuery {
    /// What divides the cells: `comma` unless given. Spreadsheet programs expect `semicolon` where the comma
    /// is the decimal separator.
    pub(super) delimiter: Option<Delimiter>,
}

/// The form of an upload.
#[derive(ToSchema)]
#[schema(as = ImportUpload, examples(json!({
    "file": "email,password,username\njane.doe@school.example,seven green ducks 7,Jane Doe\n",
    "account_type": "student",
    "on_row_error": "skip"
})))]
#[allow(dead_code, reason = "read field by field from the stream")]
pub struct ImportUpload {
    /// A CSV file of at most 100,000 rows and 32 MiB.
    #[schema(value_type = String, format = Binary, content_media_type = "application/octet-stream")]
    file: Vec<u8>,
    account_type: AccountType,
    /// Groups that everybody joins; repeat the field, or separate the ids by commas.
    #[schema(max_items = 100)]
    group_ids: Option<Vec<GroupId>>,
    mode: Option<ImportMode>,
    /// `skip` unless given.
    on_row_error: Option<OnRowError>,
    /// `fill` unless given.
    on_seat_shortage: Option<OnSeatShortage>,
    /// Whether rows without a password get one; they are errors otherwise.
    generate_missing_passwords: Option<bool>,
    /// Whether people are asked for a password of their own at their first sign-in.
    must_change_password: Option<bool>,
    /// Whether names are taken from the addresses where the file has none.
    usernames_from_addresses: Option<bool>,
    /// The encoding of the file; found out unless given. Where the file has more than a MiB, the fields that
    /// say how it is read stand before it.
    encoding: Option<Encoding>,
    /// What divides its cells; found out unless given.
    delimiter: Option<Delimiter>,
}

/// People to make accounts of who have no address.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({
    "usernames": ["Jane Doe", "Li Ming", "Jane Doe"],
    "account_type": "student"
})))]
pub struct UsernamesRequest {
    /// Names of 1 to 100 characters; blank ones are skipped, and those that are none become rows with
    /// an error.
    #[schema(min_items = 1, max_items = 10000, max_length = 16384)]
    pub(super) usernames: Vec<String>,
    pub(super) account_type: AccountType,
    /// Groups that everybody joins.
    #[schema(max_items = 100)]
    pub(super) group_ids: Option<Vec<GroupId>>,
    pub(super) mode: Option<ImportMode>,
    /// `skip` unless given.
    pub(super) on_row_error: Option<OnRowError>,
    /// `fill` unless given.
    pub(super) on_seat_shortage: Option<OnSeatShortage>,
    /// Whether people are asked for a password of their own at their first sign-in.
    pub(super) must_change_password: Option<bool>,
}

/// The options of names that come as `text/plain`; JSON has none of these parameters.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "read one by one, as the fields of a form are")]
pub struct UsernameParameters {
    /// What the people become: needed for `text/plain`, not taken for anything else.
    #[param(example = "student")]
    account_type: Option<AccountType>,
    /// For `text/plain`: groups that everybody joins, separated by commas.
    #[param(max_items = 100, style = Form, explode = false)]
    group_ids: Option<Vec<GroupId>>,
    /// For `text/plain`.
    mode: Option<ImportMode>,
    /// For `text/plain`: `skip` unless given.
    on_row_error: Option<OnRowError>,
    /// For `text/plain`: `fill` unless given.
    on_seat_shortage: Option<OnSeatShortage>,
    /// For `text/plain`: whether people are asked for a password of their own at their first sign-in.
    must_change_password: Option<bool>,
    /// For `text/plain`: the encoding; that of the Content-Type, or found out, unless given.
    encoding: Option<Encoding>,
}
