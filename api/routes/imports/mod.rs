//! Imports (PRODUCT 3.6 and 3.7).

mod create;
mod download;
mod reader_thread;
mod requests;
mod responses;
mod upload;
mod usernames;

use actix_web::{HttpRequest, HttpResponse, delete, get, post, web};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_actix_web::service_config::ServiceConfig;

use self::responses::{ImportBody, ImportPage, ImportRowBody, ImportRowPage};
use super::extract::Caller;
use super::organizations::PageQuery;
use super::page::{Limit, Paged, parse_cursor};
use super::problem::{ConflictErrors, OrganizationErrors, Problem, QueryErrors, ResultErrors};
use crate::domain::ids::{ImportId, OrganizationId};
use crate::domain::imports::RowOutcome;
use crate::domain::spreadsheet::TEMPLATE_HEADER;
use crate::services::authorization::ManageImports;
use crate::services::imports::{self, RowQuery, results};
use crate::state::State;
use crate::store::import_rows::Which;

/// Mounts these operations.
pub fn mount(config: &mut ServiceConfig<'_>) {
    config
        .service(get_import_template)
        .service(create::create_import)
        .service(list_imports)
        .service(get_import)
        .service(list_import_rows)
        .service(cancel_import)
        .service(discard_import_credentials)
        .service(download::download_userlist)
        .service(download::download_errors);
}

/// Get the template of a file to import
///
/// A CSV file with the header only.
#[utoipa::path(
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
#[get("/v1/imports/template.csv")]
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
/// The newest first. *Requires:* admin, or operator; or staff, who see those that they made themselves
/// into groups all of which they manage.
#[utoipa::path(
    tag = "Imports",
    params(
        ("organization_id" = OrganizationId, Path, description = "The organization."),
        PageQuery
    ),
    responses(
        (status = 200, description = "A page.", body = ImportPage),
        QueryErrors, OrganizationErrors
    )
)]
#[get("/v1/organizations/{organization_id}/imports")]
async fn list_imports(
    state: web::Data<State>,
    http: HttpRequest,
    caller: Caller,
    path: web::Path<(OrganizationId,)>,
    query: web::Query<PageQuery>,
) -> Result<HttpResponse, Problem> {
    let (id,) = path.into_inner();
    let (limit, before) = (query.limit()?, query.after()?);
    let found = caller
        .permitted::<ManageImports, _>(id, move |connection, permit| {
            imports::list(connection, &permit, before, limit.with_lookahead())
        })
        .await?;
    let now = state.services.clock.now();
    let page = Paged::new(
        found,
        limit,
        |found| found.import.id,
        |f| ImportBody::new(f, now),
    )?;
    Ok(page.respond(&http, ImportPage::new))
}

/// Watch an import
///
/// Its status, how far it is and how fast it goes. *Requires:* admin, or operator; or staff, for an
/// import of their own into groups that they manage.
#[utoipa::path(
    tag = "Imports",
    params(
        ("organization_id" = OrganizationId, Path, description = "The organization."),
        ("import_id" = ImportId, Path, description = "The import.")
    ),
    responses((status = 200, description = "The import.", body = ImportBody), OrganizationErrors)
)]
#[get("/v1/organizations/{organization_id}/imports/{import_id}")]
async fn get_import(
    state: web::Data<State>,
    caller: Caller,
    path: web::Path<(OrganizationId, ImportId)>,
) -> Result<web::Json<ImportBody>, Problem> {
    let (id, import) = path.into_inner();
    let found = caller
        .permitted::<ManageImports, _>(id, move |connection, permit| {
            imports::find(connection, &permit, import)
        })
        .await?;
    Ok(web::Json(ImportBody::new(
        found,
        state.services.clock.now(),
    )))
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
/// In the order of the file or list, without passwords. *Requires:* admin, or operator; or staff, for an
/// import of their own into groups that they manage.
#[utoipa::path(
    tag = "Imports",
    params(
        ("organization_id" = OrganizationId, Path, description = "The organization."),
        ("import_id" = ImportId, Path, description = "The import."),
        RowParameters
    ),
    responses(
        (status = 200, description = "A page.", body = ImportRowPage),
        QueryErrors, OrganizationErrors
    )
)]
#[get("/v1/organizations/{organization_id}/imports/{import_id}/rows")]
async fn list_import_rows(
    state: web::Data<State>,
    http: HttpRequest,
    caller: Caller,
    path: web::Path<(OrganizationId, ImportId)>,
    query: web::Query<RowParameters>,
) -> Result<HttpResponse, Problem> {
    let (id, import) = path.into_inner();
    let limit = Limit::parse(query.limit)?;
    let query = RowQuery {
        import,
        which: query.outcome.map_or(Which::All, Which::Ended),
        after: parse_cursor(query.cursor.as_deref())?.unwrap_or(0),
        limit: limit.with_lookahead(),
    };
    let keys = state.services.sealing.clone();
    let found = caller
        .permitted::<ManageImports, _>(id, move |connection, permit| {
            imports::rows(connection, &permit, &keys, &query)
        })
        .await?;
    let page = Paged::new(found, limit, |row| row.row_number, ImportRowBody::from)?;
    Ok(page.respond(&http, ImportRowPage::new))
}

/// Cancel an import
///
/// Stops it at once: what was created stays, all other rows end as `cancelled`. *Requires:* admin, or
/// operator; or staff, for an import of their own into groups that they manage.
#[utoipa::path(
    tag = "Imports",
    params(
        ("organization_id" = OrganizationId, Path, description = "The organization."),
        ("import_id" = ImportId, Path, description = "The import.")
    ),
    responses(
        (status = 200, description = "What was done of it.", body = ImportBody),
        OrganizationErrors, ConflictErrors
    )
)]
#[post("/v1/organizations/{organization_id}/imports/{import_id}/cancel")]
async fn cancel_import(
    state: web::Data<State>,
    caller: Caller,
    path: web::Path<(OrganizationId, ImportId)>,
) -> Result<web::Json<ImportBody>, Problem> {
    let (id, import) = path.into_inner();
    let lifetime = state.services.config.results_lifetime;
    let found = caller
        .permitted::<ManageImports, _>(id, move |connection, permit| {
            imports::cancel(connection, &permit, import, lifetime)
        })
        .await?;
    Ok(web::Json(ImportBody::new(
        found,
        state.services.clock.now(),
    )))
}

/// Discard the passwords of an import
///
/// Takes the results away before their time: `userlist.csv` and `errors.csv` are gone for good, and
/// only a reset gives anybody a new password. *Requires:* admin, or operator; or staff, for an import of
/// their own into groups that they manage.
#[utoipa::path(
    tag = "Imports",
    params(
        ("organization_id" = OrganizationId, Path, description = "The organization."),
        ("import_id" = ImportId, Path, description = "The import.")
    ),
    responses((status = 204, description = "Gone."), OrganizationErrors, ResultErrors)
)]
#[delete("/v1/organizations/{organization_id}/imports/{import_id}/credentials")]
async fn discard_import_credentials(
    caller: Caller,
    path: web::Path<(OrganizationId, ImportId)>,
) -> Result<HttpResponse, Problem> {
    let (id, import) = path.into_inner();
    caller
        .permitted::<ManageImports, _>(id, move |connection, permit| {
            results::discard(connection, &permit, import)
        })
        .await?;
    Ok(HttpResponse::NoContent().finish())
}
