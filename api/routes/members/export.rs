//! `members.csv`.

use actix_web::HttpResponse;

use super::query::ExportQuery;
use crate::error::Error;
use crate::routes::csv_file::csv_file;
use crate::routes::extract::reading::read_query;
use crate::routes::extract::{Guard as _, InOrganization, OrganizationPath, Query};
use crate::routes::page::{MAX_SEARCH, parse_search};
use crate::routes::problem::{Problem, problems};
use crate::routes::refusals::{OrganizationErrors, refusal_of};
use crate::services::authorization::{ListMembers, Permission as _};
use crate::services::members::export;
use crate::services::unit_of_work::UnitOfWork;

/// Download the members as a CSV file
///
/// Those that the list shows with the same filters, in the same order. Groups are separated by `; `.
/// UTF-8 with a byte-order mark, which spreadsheet programs need; a cell that they would run as a
/// formula begins with an apostrophe. Each download is in the audit log.
#[utoipa::path(
    get,
    path = "/v1/organizations/{organization_id}/members.csv",
    tag = "Members",
    params(OrganizationPath, ExportQuery),
    responses(
        (
            status = 200,
            description = "The file.",
            body = String,
            content_type = "text/csv",
            example = "account_id,username,email,email_verified,account_type,role,status,managed,\
                generated_address,joined_via,joined_at,registered_at,last_active_at,groups\r\n\
                01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11,Jane Doe,jane.doe@school.example,true,student,\
                member,active,true,false,csv_import,2026-09-01T07:30:00Z,2026-09-01T07:30:00Z,,\
                7A; Choir\r\n"
        ),
        ExportErrors, OrganizationErrors
    ),
    extensions(("x-permission" = json!(ListMembers::NAME)))
)]
pub async fn export_members(
    request: InOrganization<ListMembers>,
    query: Query<ExportQuery>,
) -> Result<HttpResponse, Problem> {
    let query = query.into_inner();
    let (order, delimiter) = (query.order(), query.delimiter);
    let filter = query.into_filter()?;
    let state = request.scope().state.clone();
    let mut export = request
        .change(move |tx, permit| export::open(tx, &permit, filter, order))
        .await?
        .divided_by(delimiter);
    let next_chunk = move |tx: &mut UnitOfWork<'_>| export.next_chunk(tx);
    Ok(csv_file(state, "members.csv", next_chunk).await?)
}

fn wrong_filter() -> Error {
    refusal_of(read_query::<ExportQuery>("managed=maybe"))
}

fn search_too_long() -> Error {
    let longer = "a".repeat(MAX_SEARCH + 1);
    refusal_of(parse_search(Some(&longer), MAX_SEARCH))
}

problems! {
    /// Of which members, and how they are written.
    ExportErrors: wrong_filter search_too_long;
}
