//! `members.csv`, streamed.

use actix_web::web::Bytes;
use actix_web::{HttpResponse, get, web};
use futures_util::stream;
use tracing::{Instrument as _, Span};

use super::query::ExportQuery;
use crate::error::Result;
use crate::routes::extract::{Guard as _, InOrganization, OrganizationPath};
use crate::routes::problem::{OrganizationErrors, Problem, QueryErrors};
use crate::services::authorization::{ListMembers, Permission as _};
use crate::services::context::RequestContext;
use crate::services::members::export::{self, Export};
use crate::state::State;

/// Download the members as a CSV file
///
/// Those that the list shows with the same filters, in the same order. Groups are separated by `; `.
/// UTF-8 with a byte-order mark, which spreadsheet programs need; a cell that they would run as a
/// formula begins with an apostrophe. Each download is in the audit log.
#[utoipa::path(
    tag = "Members",
    params(OrganizationPath, ExportQuery),
    responses(
        (
            status = 200,
            description = "The file.",
            body = String,
            content_type = "text/csv",
            example = "account_id,username,email,account_type,role,status,managed,\
                generated_address,joined_via,joined_at,registered_at,last_active_at,groups\r\n\
                01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11,Jane Doe,jane.doe@school.example,student,\
                member,active,true,false,csv_import,2026-09-01T07:30:00Z,2026-09-01T07:30:00Z,,\
                7A; Choir\r\n"
        ),
        QueryErrors, OrganizationErrors
    ),
    extensions(("x-permission" = json!(ListMembers::NAME)))
)]
#[get("/v1/organizations/{organization_id}/members.csv")]
pub async fn export_members(
    state: web::Data<State>,
    request: InOrganization<ListMembers>,
    query: web::Query<ExportQuery>,
) -> Result<HttpResponse, Problem> {
    let query = query.into_inner();
    let order = query.order();
    let filter = query.into_filter()?;
    let export = request
        .run(move |tx, permit| export::open(tx, &permit, filter, order))
        .await?;
    Ok(HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header((
            "Content-Disposition",
            "attachment; filename=\"members.csv\"",
        ))
        .insert_header(("Cache-Control", "no-store"))
        .streaming(chunks(state.into_inner(), export)))
}

/// Streams an export, within the span of its request. An error in the middle breaks the transfer off, which clients notice: half a list would pass for
/// a whole one otherwise.
fn chunks(
    state: std::sync::Arc<State>,
    export: Export,
) -> impl stream::Stream<Item = Result<Bytes>> {
    let span = Span::current();
    stream::try_unfold(export, move |export| {
        let state = state.clone();
        let chunk = async move {
            let (chunk, export) = next_chunk(&state, export).await.inspect_err(|error| {
                tracing::error!(%error, "a download broke off");
            })?;
            Ok(chunk.map(|chunk| (Bytes::from(chunk), export)))
        };
        chunk.instrument(span.clone())
    })
}

async fn next_chunk(state: &State, mut export: Export) -> Result<(Option<Vec<u8>>, Export)> {
    let context = RequestContext::system(state.services.clock.now());
    state
        .unit_of_work(context, move |tx| {
            let chunk = export.next_chunk(tx)?;
            Ok((chunk, export))
        })
        .await
}
