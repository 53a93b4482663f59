//! `userlist.csv` and `errors.csv`, streamed: no file is ever whole in memory.

use actix_web::web::Bytes;
use actix_web::{HttpResponse, get, web};
use futures_util::stream;

use crate::domain::ids::{ImportId, OrganizationId};
use crate::error::Result;
use crate::routes::extract::Caller;
use crate::routes::problem::{OrganizationErrors, Problem, ResultErrors};
use crate::services::authorization::ManageImports;
use crate::services::imports::results::{self, Download, ResultFile};
use crate::state::State;

/// Download the list of accounts with their passwords
///
/// `row,email,password,username,account_type,status,error_code,error`, in the order of the file.
/// `status` is `created`, `failed` or `cancelled`; the password stands only where an account was
/// created. UTF-8 with a byte-order mark, which spreadsheet programs need. A cell that they would
/// run as a formula begins with an apostrophe; an import takes it off again. It can be downloaded
/// until the results expire; each download is in the audit log. *Requires:* admin, or operator; or
/// staff, for an import of their own into groups that they manage.
#[utoipa::path(
    tag = "Imports",
    params(
        ("organization_id" = OrganizationId, Path, description = "The organization."),
        ("import_id" = ImportId, Path, description = "The import.")
    ),
    responses(
        (
            status = 200,
            description = "The file.",
            body = String,
            content_type = "text/csv",
            example = "row,email,password,username,account_type,status,error_code,error\r\n\
                1,jane.doe@school.example,seven green ducks 7,Jane Doe,student,created,,\r\n"
        ),
        OrganizationErrors, ResultErrors
    )
)]
#[get("/v1/organizations/{organization_id}/imports/{import_id}/userlist.csv")]
pub async fn download_userlist(
    state: web::Data<State>,
    caller: Caller,
    path: web::Path<(OrganizationId, ImportId)>,
) -> Result<HttpResponse, Problem> {
    send(&state, caller, path.into_inner(), ResultFile::UserList).await
}

/// Download the rows that failed
///
/// The original columns of each, and `error_code` and `error` behind them: correct the rows and
/// upload the file again. Passwords stand in it as they were given. Of a list of names it has the names
/// in a column `username`. *Requires:* admin, or operator; or staff, for an import of their own into
/// groups that they manage.
#[utoipa::path(
    tag = "Imports",
    params(
        ("organization_id" = OrganizationId, Path, description = "The organization."),
        ("import_id" = ImportId, Path, description = "The import.")
    ),
    responses(
        (
            status = 200,
            description = "The file.",
            body = String,
            content_type = "text/csv",
            example = "email,password,username,error_code,error\r\n\
                jane,seven green ducks 7,Jane Doe,email_invalid,The address needs an @.\r\n"
        ),
        OrganizationErrors, ResultErrors
    )
)]
#[get("/v1/organizations/{organization_id}/imports/{import_id}/errors.csv")]
pub async fn download_errors(
    state: web::Data<State>,
    caller: Caller,
    path: web::Path<(OrganizationId, ImportId)>,
) -> Result<HttpResponse, Problem> {
    send(&state, caller, path.into_inner(), ResultFile::Errors).await
}

async fn send(
    state: &State,
    caller: Caller,
    (organization, import): (OrganizationId, ImportId),
    file: ResultFile,
) -> Result<HttpResponse, Problem> {
    let download = caller
        .permitted::<ManageImports, _>(organization, move |connection, permit| {
            results::open(connection, &permit, import, file)
        })
        .await?;
    let disposition = format!("attachment; filename=\"{}\"", file.name());
    Ok(HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header(("Content-Disposition", disposition))
        .insert_header(("Cache-Control", "no-store"))
        .streaming(chunks(state.clone(), download)))
}

/// An error in the middle breaks the transfer off, which clients notice: half a list would pass for
/// a whole one otherwise.
fn chunks(state: State, download: Download) -> impl stream::Stream<Item = Result<Bytes>> {
    stream::try_unfold(Some(download), move |download| {
        let state = state.clone();
        async move {
            let Some(download) = download else {
                return Ok(None);
            };
            let (chunk, download) = next_chunk(&state, download).await.inspect_err(|error| {
                tracing::error!(%error, "a download broke off");
            })?;
            Ok(chunk.map(|chunk| (Bytes::from(chunk), Some(download))))
        }
    })
}

async fn next_chunk(state: &State, mut download: Download) -> Result<(Option<Vec<u8>>, Download)> {
    let keys = state.services.sealing.clone();
    state
        .run_blocking(move |connection| {
            let chunk = download.next_chunk(connection, &keys)?;
            Ok((chunk, download))
        })
        .await
}
