//! The operations that make an import: of a form with a file, and of a list of names.

use actix_multipart::Multipart;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::mime::{self, Mime};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, web};

use super::refusals::{
    FileErrors, ListErrors, UploadErrors, WrongKind, not_a_form, not_a_list, unknown_charset,
};
use super::requests::{ImportUpload, UsernameParameters, UsernamesRequest};
use super::responses::ImportBody;
use super::upload;
use super::usernames::{self, ListFormat};
use crate::domain::spreadsheet::Encoding;
use crate::error::{Code, Error, Result};
use crate::routes::extract::body::{is_json, not_json};
use crate::routes::extract::idempotency::UnreadBody;
use crate::routes::extract::{IdempotencyHeader, InOrganization, OrganizationPath};
use crate::routes::problem::Problem;
use crate::routes::refusals::{BodyErrors, OrganizationErrors, WrongAccountType};
use crate::services::authorization::{ManageImports, Permission as _};

/// Import accounts from a file
///
/// A CSV file, as `multipart/form-data`, is taken as people have it: UTF-8, UTF-16, or the encodings of
/// Windows, Mac and DOS, told apart by what is plausible; commas, semicolons, tabs or vertical bars; any order
/// of columns, whose names are recognised in fourteen languages.
///
/// Every row becomes an account or gets an error of its own. The response comes when the rows are read;
/// the accounts are created in the background: watch the import at its `Location`. Whoever made it is
/// told by mail when it has ended. Staff import students and learners into groups that they manage.
#[utoipa::path(
    post,
    path = "/v1/organizations/{organization_id}/imports",
    tag = "Imports",
    params(OrganizationPath, IdempotencyHeader),
    request_body(content = ImportUpload, content_type = "multipart/form-data"),
    responses(
        (
            status = 202,
            description = "Accepted: the import waits for its turn, or has ended already.",
            body = ImportBody
        ),
        OrganizationErrors, UploadErrors, FileErrors, WrongAccountType
    ),
    extensions(("x-permission" = json!(ManageImports::NAME)))
)]
pub async fn create_import(
    request: InOrganization<ManageImports>,
    unread: UnreadBody,
    http: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    if essence_of(&http).as_deref() != Some("multipart/form-data") {
        return Err(not_a_form(kind_of(&http)).into());
    }
    refuse_parameters(
        &http,
        "This path takes no query parameters: the options are fields of the form.",
    )?;
    let form = Multipart::new(http.headers(), payload);
    Ok(upload::create(request, unread, form).await?)
}

/// Import accounts from a list of names
///
/// For people without an address (manual creation): Rollcall makes up a login address
/// (`jane-doe@hill-road.login.invalid`, numbered where it is or ever was taken) and a password for each.
/// The list is JSON, or `text/plain` with one name a line and the options as query parameters: up to
/// 10,000 names and 8 MiB. Blank lines are skipped, and two people may share a name. Bullets, numbers of the list, a
/// heading and a total are removed, and `cleaned` tells of them. The `errors.csv` of a list is taken as a list again.
///
/// Every name becomes an account or gets an error of its own, as the rows of a file do.
#[utoipa::path(
    post,
    path = "/v1/organizations/{organization_id}/imports/usernames",
    tag = "Imports",
    params(OrganizationPath, UsernameParameters, IdempotencyHeader),
    request_body(content(
        (UsernamesRequest = "application/json"),
        (String = "text/plain", example = "Jane Doe\nLi Ming\nJane Doe\n")
    )),
    responses(
        (
            status = 202,
            description = "Accepted: the import waits for its turn, or has ended already.",
            body = ImportBody
        ),
        BodyErrors, OrganizationErrors, ListErrors, WrongAccountType
    ),
    extensions(("x-permission" = json!(ManageImports::NAME)))
)]
pub async fn import_usernames(
    request: InOrganization<ManageImports>,
    unread: UnreadBody,
    http: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let format = format_of(&http)?;
    Ok(usernames::create(request, unread, payload, format).await?)
}

fn format_of(http: &HttpRequest) -> Result<ListFormat> {
    match essence_of(http).as_deref() {
        Some("application/json") if !is_json(http) => Err(not_json()),
        Some("application/json") => {
            let detail =
                "Query parameters go with `text/plain` only: JSON holds the options itself.";
            refuse_parameters(http, detail)?;
            Ok(ListFormat::Json)
        }
        Some("text/plain") => Ok(ListFormat::Text {
            query: http.query_string().to_owned(),
            charset: charset_of(http).map_err(|UnknownCharset| unknown_charset())?,
        }),
        _ => Err(not_a_list(kind_of(http))),
    }
}

/// The Content-Type without its parameters.
fn essence_of(http: &HttpRequest) -> Option<String> {
    let kind = http.mime_type().ok().flatten()?;
    Some(kind.essence_str().to_owned())
}

/// A charset that no file may have.
struct UnknownCharset;

/// The encoding that the Content-Type names, if it names one.
fn charset_of(http: &HttpRequest) -> Result<Option<Encoding>, UnknownCharset> {
    let kind: Option<Mime> = http.mime_type().ok().flatten();
    let charset = kind.as_ref().and_then(|kind| kind.get_param(mime::CHARSET));
    match charset {
        // ASCII is what clients say who do not know: the list tells.
        Some(charset) if charset != "us-ascii" => {
            let encoding = Encoding::from_label(charset.as_str());
            encoding.map(Some).ok_or(UnknownCharset)
        }
        Some(_) | None => Ok(None),
    }
}

fn kind_of(http: &HttpRequest) -> WrongKind {
    if http.headers().contains_key(CONTENT_TYPE) {
        WrongKind::Another
    } else {
        WrongKind::None
    }
}

fn refuse_parameters(http: &HttpRequest, detail: &'static str) -> Result<()> {
    if http.query_string().is_empty() {
        return Ok(());
    }
    Err(Error::refused(Code::MalformedRequest, detail))
}
