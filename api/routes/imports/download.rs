//! `userlist.csv` and `errors.csv`.

use actix_web::{HttpResponse, web};

use super::refusals::{DownloadErrors, ResultErrors};
use super::requests::{DownloadQuery, ImportPath};
use crate::domain::ids::ImportId;
use crate::domain::spreadsheet::Delimiter;
use crate::routes::csv_file::csv_file;
use crate::routes::extract::{Guard as _, InOrganization, Query};
use crate::routes::problem::Problem;
use crate::routes::refusals::{NoSuchImport, OrganizationErrors};
use crate::services::authorization::{Permission as _, ReadImports};
use crate::services::imports::results::{self, ResultFile};
use crate::services::unit_of_work::UnitOfWork;

/// Download the list of accounts with their passwords
///
/// `row,email,password,username,account_type,status,error_code,error`, in the order of the file.
/// `status` is `created`, `failed` or `cancelled`; the password stands only where an account was
/// created. UTF-8 with a byte-order mark, which spreadsheet programs need. A cell that they would
/// run as a formula begins with an apostrophe; an import takes it off again. It can be downloaded
/// until the results expire; each download is in the audit log. Staff download the results of their own
/// imports into groups that they manage.
#[utoipa::path(
    get,
    path = "/v1/organizations/{organization_id}/imports/{import_id}/userlist.csv",
    tag = "Imports",
    params(ImportPath, DownloadQuery),
    responses(
        (
            status = 200,
            description = "The file.",
            body = String,
            content_type = "text/csv",
            example = "row,email,password,username,account_type,status,error_code,error\r\n\
                1,jane.doe@school.example,seven green ducks 7,Jane Doe,student,created,,\r\n"
        ),
        DownloadErrors, OrganizationErrors, NoSuchImport, ResultErrors
    ),
    extensions(("x-permission" = json!(ReadImports::NAME)))
)]
pub async fn download_userlist(
    request: InOrganization<ReadImports>,
    path: web::Path<ImportPath>,
    query: Query<DownloadQuery>,
) -> Result<HttpResponse, Problem> {
    send(
        request,
        (path.import_id, ResultFile::UserList),
        query.delimiter,
    )
    .await
}

/// Download the rows that failed
///
/// The original columns of each, and `error_code` and `error` behind them: correct the rows and
/// upload the file again. Passwords stand in it as they were given. Of a list of names it has the names
/// in a column `username`. Staff download the results of their own imports into groups that they manage.
#[utoipa::path(
    get,
    path = "/v1/organizations/{organization_id}/imports/{import_id}/errors.csv",
    tag = "Imports",
    params(ImportPath, DownloadQuery),
    responses(
        (
            status = 200,
            description = "The file.",
            body = String,
            content_type = "text/csv",
            example = "email,password,username,error_code,error\r\n\
                jane,seven green ducks 7,Jane Doe,email_invalid,The address needs an @.\r\n"
        ),
        DownloadErrors, OrganizationErrors, NoSuchImport, ResultErrors
    ),
    extensions(("x-permission" = json!(ReadImports::NAME)))
)]
pub async fn download_errors(
    request: InOrganization<ReadImports>,
    path: web::Path<ImportPath>,
    query: Query<DownloadQuery>,
) -> Result<HttpResponse, Problem> {
    send(
        request,
        (path.import_id, ResultFile::Errors),
        query.delimiter,
    )
    .await
}

async fn send(
    request: InOrganization<ReadImports>,
    (import, file): (ImportId, ResultFile),
    delimiter: Option<Delimiter>,
) -> Result<HttpResponse, Problem> {
    let state = request.scope().state.clone();
    let mut download = request
        .change(move |tx, permit| results::open(tx, &permit, import, file))
        .await?
        .divided_by(delimiter);
    let next_chunk = move |tx: &mut UnitOfWork<'_>| download.next_chunk(tx);
    Ok(csv_file(state, file.name(), next_chunk).await?)
}
