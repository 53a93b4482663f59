//! The operation that makes an import, of a form with a file or of a list of names.

use actix_multipart::Multipart;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::mime::{self, Mime};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, post, web};

use super::requests::{ImportUpload, UsernameParameters, UsernamesRequest};
use super::responses::ImportBody;
use super::upload;
use super::usernames::{self, ListFormat};
use crate::error::{Code, Error, Result};
use crate::routes::extract::idempotency::UnreadBody;
use crate::routes::extract::{IdempotencyHeader, InOrganization, OrganizationPath};
use crate::routes::problem::{ConflictErrors, OrganizationErrors, Problem, UploadErrors};
use crate::services::authorization::{ManageImports, Permission as _};

/// Import accounts from a file or a list of names
///
/// **A CSV file**, as `multipart/form-data`, is taken as people have it: UTF-8, UTF-16 or
/// Windows-1252; commas, semicolons or tabs; any order of columns, whose names are recognised in
/// several languages.
///
/// **A list of names**, as JSON or as `text/plain` with one name a line and the options as query
/// parameters, is for people without an address (manual creation): Rollcall makes up a login address
/// (`jane-doe@hill-road.login.invalid`, numbered where it is or ever was taken) and a password for
/// each. Up to 10,000 names and 8 MiB; blank lines are skipped, and two people may share a name.
///
/// Every row becomes an account or gets an error of its own. The response comes when the rows are read;
/// the accounts are created in the background: watch the import at its `Location`. Whoever made it is
/// told by mail when it has ended. Staff import students and learners into groups that they manage.
#[utoipa::path(
    tag = "Imports",
    params(
        OrganizationPath, UsernameParameters, IdempotencyHeader
    ),
    request_body(content(
        (ImportUpload = "multipart/form-data"),
        (UsernamesRequest = "application/json"),
        (String = "text/plain", example = "Jane Doe\nLi Ming\nJane Doe\n")
    )),
    responses(
        (
            status = 202,
            description = "Accepted: the import waits for its turn, or has ended already.",
            body = ImportBody
        ),
        UploadErrors, OrganizationErrors, ConflictErrors
    ),
    extensions(("x-permission" = json!(ManageImports::NAME)))
)]
#[post("/v1/organizations/{organization_id}/imports")]
pub async fn create_import(
    request: InOrganization<ManageImports>,
    unread: UnreadBody,
    http: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    match Medium::of(&http)? {
        Medium::Form => {
            refuse_parameters(&http)?;
            let form = Multipart::new(http.headers(), payload);
            Ok(upload::create(request, unread, form).await?)
        }
        Medium::Json => {
            refuse_parameters(&http)?;
            Ok(usernames::create(request, unread, payload, ListFormat::Json).await?)
        }
        Medium::Text => {
            let query = http.query_string().to_owned();
            let format = ListFormat::Text { query };
            Ok(usernames::create(request, unread, payload, format).await?)
        }
    }
}

/// The form in which people are sent.
enum Medium {
    Form,
    Json,
    Text,
}

impl Medium {
    fn of(http: &HttpRequest) -> Result<Self> {
        let medium = match http.mime_type() {
            Ok(Some(kind)) => Self::of_kind(&kind),
            // An empty form has no boundary to tell it by: that is told when it is read.
            Ok(None) | Err(_) => None,
        };
        medium.ok_or_else(|| {
            let kind = http.headers().contains_key(CONTENT_TYPE);
            let but = if kind { "another one" } else { "none" };
            Error::refused(
                Code::UnsupportedMediaType,
                format!(
                    "Send a file in a form (`multipart/form-data`), or names as `application/json` \
                     or `text/plain; charset=utf-8`; the Content-Type is {but}."
                ),
            )
        })
    }

    fn of_kind(kind: &Mime) -> Option<Self> {
        match kind.essence_str() {
            "multipart/form-data" => Some(Self::Form),
            "application/json" => Some(Self::Json),
            "text/plain" if is_utf8(kind) => Some(Self::Text),
            _ => None,
        }
    }
}

fn is_utf8(kind: &Mime) -> bool {
    kind.get_param(mime::CHARSET).is_none_or(|charset| {
        ["utf-8", "utf8", "us-ascii"]
            .iter()
            .any(|known| charset.as_str().eq_ignore_ascii_case(known))
    })
}

fn refuse_parameters(http: &HttpRequest) -> Result<()> {
    if http.query_string().is_empty() {
        return Ok(());
    }
    Err(Error::refused(
        Code::MalformedRequest,
        "Query parameters go with names as `text/plain` only: a form and JSON hold the options \
         themselves.",
    ))
}
