//! `userlist.csv` and `errors.csv`, streamed: a file is never whole in memory.

use actix_web::web::Bytes;
use actix_web::{HttpResponse, get, web};
use futures_util::stream;
use tracing::{Instrument as _, Span};

use super::requests::ImportPath;
use crate::domain::ids::ImportId;
use crate::error::Result;
use crate::routes::extract::{Guard as _, InOrganization};
use crate::routes::problem::{OrganizationErrors, Problem, ResultErrors};
use crate::services::authorization::{Permission as _, ReadImports};
use crate::services::context::RequestContext;
use crate::services::imports::results::{self, Download, ResultFile};
use crate::state::State;

/// Download the list of accounts with their passwords
///
/// `row,email,password,username,account_type,status,error_code,error`, in the order of the file.
/// `status` is `created`, `failed` or `cancelled`; the password stands only where an account was
/// created. UTF-8 with a byte-order mark, which spreadsheet programs need. A cell that they would
/// run as a formula begins with an apostrophe; an import takes it off again. It can be downloaded
/// until the results expire; each download is in the audit log. Staff download the results of their own
/// imports into groups that they manage.
#[utoipa::path(
    tag = "Imports",
    params(ImportPath),
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
    ),
    extensions(("x-permission" = json!(ReadImports::NAME)))
)]
#[get("/v1/organizations/{organization_id}/imports/{import_id}/userlist.csv")]
pub async fn download_userlist(
    request: InOrganization<ReadImports>,
    path: web::Path<ImportPath>,
) -> Result<HttpResponse, Problem> {
    send(request, path.import_id, ResultFile::UserList).await
}

/// Download the rows that failed
///
/// The original columns of each, and `error_code` and `error` behind them: correct the rows and
/// upload the file again. Passwords stand in it as they were given. Of a list of names it has the names
/// in a column `username`. Staff download the results of their own imports into groups that they manage.
#[utoipa::path(
    tag = "Imports",
    params(ImportPath),
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
    ),
    extensions(("x-permission" = json!(ReadImports::NAME)))
)]
#[get("/v1/organizations/{organization_id}/imports/{import_id}/errors.csv")]
pub async fn download_errors(
    request: InOrganization<ReadImports>,
    path: web::Path<ImportPath>,
) -> Result<HttpResponse, Problem> {
    send(request, path.import_id, ResultFile::Errors).await
}

async fn send(
    request: InOrganization<ReadImports>,
    import: ImportId,
    file: ResultFile,
) -> Result<HttpResponse, Problem> {
    let state = request.sender().state.clone();
    let (context, download) = request
        .run(move |tx, permit| {
            let download = results::open(tx, &permit, import, file)?;
            Ok((tx.context.clone(), download))
        })
        .await?;
    let disposition = format!("attachment; filename=\"{}\"", file.name());
    Ok(HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header(("Content-Disposition", disposition))
        .insert_header(("Cache-Control", "no-store"))
        .streaming(chunks(Reading {
            state,
            context,
            download,
        })))
}

/// A download and what reads it.
struct Reading {
    state: State,
    context: RequestContext,
    download: Download,
}

/// Streams a download, within the span of its request. An error breaks the transfer off, which clients
/// notice: half a list would pass for a whole one otherwise.
fn chunks(reading: Reading) -> impl stream::Stream<Item = Result<Bytes>> {
    let span = Span::current();
    stream::try_unfold(Some(reading), move |reading| {
        let chunk = async move {
            let Some(reading) = reading else {
                return Ok(None);
            };
            let (chunk, reading) = reading.next_chunk().await.inspect_err(|error| {
                tracing::error!(%error, "a download broke off");
            })?;
            Ok(chunk.map(|chunk| (Bytes::from(chunk), Some(reading))))
        };
        chunk.instrument(span.clone())
    })
}

impl Reading {
    async fn next_chunk(self) -> Result<(Option<Vec<u8>>, Self)> {
        let Self {
            state,
            context,
            mut download,
        } = self;
        let (chunk, download) = state
            .unit_of_work(context.clone(), move |tx| {
                let chunk = download.next_chunk(tx)?;
                Ok((chunk, download))
            })
            .await?;
        let reading = Self {
            state,
            context,
            download,
        };
        Ok((chunk, reading))
    }
}
