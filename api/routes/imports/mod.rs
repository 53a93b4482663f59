//! Imports (`docs/imports.md`).

mod create;
mod download;
mod options;
mod reader_thread;
mod refusals;
mod requests;
mod responses;
mod upload;
mod usernames;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use utoipa::IntoParams;

use self::refusals::{ImportFinished, ResultErrors};
use self::requests::ImportPath;
use self::responses::{ImportBody, ImportPage, ImportRowBody, ImportRowPage};
use super::extract::{Guard as _, InOrganization, NoBody, OrganizationPath, Query};
use super::page::{PageQuery, PageSize, Paged, parse_cursor};
use super::problem::Problem;
use super::refusals::{NoBodyErrors, NoSuchImport, OrganizationErrors, PageErrors};
use crate::domain::imports::RowOutcome;
use crate::domain::spreadsheet::TEMPLATE_HEADER;
use crate::routes::mounting::{Mounting, operations};
use crate::services::authorization::{ManageImports, Permission as _, ReadImports};
use crate::services::imports::{self, retention};
use crate::store::import_rows::{RowQuery, Which};

/// Mounts these operations.
pub fn mount(mounting: &mut Mounting<'_>) {
    operations!(
        mounting,
        get_import_template,
        create::create_import,
        create::import_usernames,
        list_imports,
        get_import,
        list_import_rows,
        cancel_import,
        discard_import_credentials,
        download::download_userlist,
        download::download_errors
    );
}

/// Download the template of a file to import
///
/// A CSV file with the header only.
#[utoipa::path(
    get,
    path = "/v1/imports/template.csv",
    tag = "Imports",
    security(()),
    responses((
        status = 200,
        description = "The template.",
        body = String,
        content_type = "text/csv",
        example = "email,password,username\r\n"
    ))
)]
async fn get_import_template() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header((
            "Content-Disposition",
            "attachment; filename=\"template.csv\"",
        ))
        .body(format!("{TEMPLATE_HEADER}\r\n"))
}

/// List imports
///
/// The newest first. Staff see those that they made themselves into groups all of which they manage.
#[utoipa::path(
    get,
    path = "/v1/organizations/{organization_id}/imports",
    tag = "Imports",
    params(OrganizationPath, PageQuery),
    responses(
        (status = 200, description = "A page.", body = ImportPage),
        PageErrors, OrganizationErrors
    ),
    extensions(("x-permission" = json!(ReadImports::NAME)))
)]
async fn list_imports(
    request: InOrganization<ReadImports>,
    http: HttpRequest,
    query: Query<PageQuery>,
) -> Result<HttpResponse, Problem> {
    let (limit, before) = (query.limit()?, query.after()?);
    let (found, now) = request
        .run(move |tx, permit| {
            let found = imports::list(tx, &permit, before, limit.with_lookahead())?;
            Ok((found, tx.now()))
        })
        .await?;
    let page = Paged::new(
        found,
        limit,
        |found| found.import.id,
        |found| ImportBody::new(found, now),
    )?;
    Ok(page.respond(&http, ImportPage::new))
}

/// Get an import
///
/// Its status, how far it is and how fast it goes. Staff watch their own imports into groups that they
/// manage.
#[utoipa::path(
    get,
    path = "/v1/organizations/{organization_id}/imports/{import_id}",
    tag = "Imports",
    params(ImportPath),
    responses(
        (status = 200, description = "The import.", body = ImportBody),
        OrganizationErrors, NoSuchImport
    ),
    extensions(("x-permission" = json!(ReadImports::NAME)))
)]
async fn get_import(
    request: InOrganization<ReadImports>,
    path: web::Path<ImportPath>,
) -> Result<web::Json<ImportBody>, Problem> {
    let import = request
        .run(move |tx, permit| {
            let found = imports::find(tx, &permit, path.import_id)?;
            Ok(ImportBody::new(found, tx.now()))
        })
        .await?;
    Ok(web::Json(import))
}

/// Which rows.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RowParameters {
    /// Rows that ended so.
    outcome: Option<RowOutcome>,
    /// How many entries: 1 to 200.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<i64>,
    /// The `next_cursor` of the page before.
    #[param(max_length = 1000)]
    cursor: Option<String>,
}

/// List the rows of an import
///
/// In the order of the file or list, without passwords. Staff see the rows of their own imports into
/// groups that they manage.
#[utoipa::path(
    get,
    path = "/v1/organizations/{organization_id}/imports/{import_id}/rows",
    tag = "Imports",
    params(ImportPath, RowParameters),
    responses(
        (status = 200, description = "A page.", body = ImportRowPage),
        PageErrors, OrganizationErrors, NoSuchImport
    ),
    extensions(("x-permission" = json!(ReadImports::NAME)))
)]
async fn list_import_rows(
    request: InOrganization<ReadImports>,
    http: HttpRequest,
    path: web::Path<ImportPath>,
    query: Query<RowParameters>,
) -> Result<HttpResponse, Problem> {
    let limit = PageSize::parse(query.limit)?;
    let query = RowQuery {
        import: path.import_id,
        which: query.outcome.map_or(Which::All, Which::Ended),
        after: parse_cursor(query.cursor.as_deref())?.unwrap_or(0),
        limit: limit.with_lookahead(),
    };
    let found = request
        .run(move |tx, permit| imports::rows(tx, &permit, &query))
        .await?;
    let page = Paged::new(
        found,
        limit,
        |view| view.row.row_number,
        ImportRowBody::from,
    )?;
    Ok(page.respond(&http, ImportRowPage::new))
}

/// Cancel an import
///
/// Stops it at once: what was created stays, all other rows end as `cancelled`. One that has ended gets
/// `import_finished`. Staff cancel their own imports into groups that they manage.
#[utoipa::path(
    post,
    path = "/v1/organizations/{organization_id}/imports/{import_id}/cancel",
    tag = "Imports",
    params(ImportPath),
    responses(
        (status = 200, description = "What was done of it.", body = ImportBody),
        NoBodyErrors, OrganizationErrors, NoSuchImport, ImportFinished
    ),
    extensions(("x-permission" = json!(ManageImports::NAME)))
)]
async fn cancel_import(
    request: InOrganization<ManageImports>,
    path: web::Path<ImportPath>,
    _: NoBody,
) -> Result<web::Json<ImportBody>, Problem> {
    let id = path.import_id;
    let import = request
        .change(move |tx, permit| {
            let found = imports::cancel(tx, &permit, id)?;
            Ok(ImportBody::new(found, tx.now()))
        })
        .await?;
    Ok(web::Json(import))
}

/// Discard the passwords of an import
///
/// Takes the results away before their time: `userlist.csv` and `errors.csv` are gone for good, and
/// only a reset gives anybody a new password. Staff discard those of their own imports into groups that
/// they manage.
#[utoipa::path(
    delete,
    path = "/v1/organizations/{organization_id}/imports/{import_id}/credentials",
    tag = "Imports",
    params(ImportPath),
    responses(
        (status = 204, description = "Gone."),
        OrganizationErrors, NoSuchImport, ResultErrors
    ),
    extensions(("x-permission" = json!(ManageImports::NAME)))
)]
async fn discard_import_credentials(
    request: InOrganization<ManageImports>,
    path: web::Path<ImportPath>,
) -> Result<HttpResponse, Problem> {
    let import = path.import_id;
    request
        .change(move |tx, permit| retention::discard(tx, &permit, import))
        .await?;
    Ok(HttpResponse::NoContent().finish())
}
