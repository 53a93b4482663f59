//! Manual creation: a list of names, as JSON or one a line (PRODUCT 3.7).

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::{self, Bytes};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::create::accepted;
use super::requests::Fields;
use super::responses::ImportMode;
use crate::domain::ids::{GroupId, OrganizationId};
use crate::domain::imports::{OnRowError, OnSeatShortage};
use crate::domain::organization::AccountType;
use crate::domain::username_list::UsernameList;
use crate::error::{Code, Error, Result};
use crate::routes::extract::framework::json_refusal;
use crate::routes::extract::{Caller, Once, Reply};
use crate::services::authorization::{ManageImports, permit};
use crate::services::imports::submission::Options;
use crate::services::imports::{self, from_usernames};
use crate::services::sessions::SignedIn;
use crate::services::unit_of_work::UnitOfWork;
use crate::state::State;
use crate::store::{Connection, transaction};

/// The most bytes of a list.
const MAX_LIST: usize = 8 * 1024 * 1024;

/// People to make accounts of who have no address.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({
    "usernames": ["Jane Doe", "Li Ming", "Jane Doe"],
    "account_type": "student",
    "group_ids": ["01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c15"]
})))]
pub struct UsernamesRequest {
    /// Names of 1 to 100 characters; blank ones are skipped, and those that are none become rows with
    /// an error.
    #[schema(min_items = 1, max_items = 10000, max_length = 16384)]
    usernames: Vec<String>,
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

/// The options of names that come as `text/plain`; a form and JSON have none of these parameters.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "read one by one, as the fields of a form are")]
pub struct UsernameParameters {
    /// What the people become: needed for `text/plain`, not taken for anything else.
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
}

/// The whole body of a request.
///
/// # Errors
/// `payload_too_large`, or `malformed_request` where it broke off.
pub(super) async fn receive(payload: web::Payload) -> Result<Bytes> {
    let received = payload.to_bytes_limited(MAX_LIST).await;
    let received = received.map_err(|_| {
        let detail = "A list of names has at most 8 MiB. Divide it, and send the parts one by one.";
        Error::refused(Code::PayloadTooLarge, detail)
    })?;
    received.map_err(|_| {
        let detail = "The body broke off. Nothing was imported: send it again.";
        Error::refused(Code::MalformedRequest, detail)
    })
}

/// What a JSON body asks for.
///
/// # Errors
/// `malformed_request`, `validation_failed`, `file_empty`, `file_unreadable`, `too_many_rows`.
pub(super) fn from_json(
    body: &[u8],
    results_lifetime: Duration,
) -> Result<(UsernameList, Options)> {
    let request: UsernamesRequest = serde_json::from_slice(body).map_err(json_refusal)?;
    let options = of_names(Fields::of_names(&request), results_lifetime)?;
    Ok((UsernameList::of_texts(request.usernames)?, options))
}

/// What a text and its query parameters ask for.
///
/// # Errors
/// As [`from_json`].
pub(super) fn from_text(
    body: &[u8],
    query: &str,
    results_lifetime: Duration,
) -> Result<(UsernameList, Options)> {
    let parameters = web::Query::<Vec<(String, String)>>::from_query(query)
        .map_err(|error| crate::routes::extract::framework::query_refusal(&error))?;
    let mut fields = Fields::of_query();
    for (name, text) in parameters.into_inner() {
        fields.take(&name, &text)?;
    }
    let options = of_names(fields, results_lifetime)?;
    Ok((UsernameList::of_lines(body)?, options))
}

/// Names come without passwords: each gets one.
fn of_names(fields: Fields, results_lifetime: Duration) -> Result<Options> {
    Ok(Options {
        generate_missing_passwords: true,
        ..fields.into_options(true, results_lifetime)?
    })
}

/// Makes the import.
///
/// # Errors
/// As [`from_usernames::accept`], and as [`Caller::signed_in_once`].
pub(super) async fn create(
    state: &State,
    caller: Caller,
    once: Once,
    organization: OrganizationId,
    list: UsernameList,
    options: Options,
) -> Result<HttpResponse> {
    let shared = state.clone();
    let answer = caller
        .signed_in_once(once, move |connection, caller| {
            accept(&shared, connection, &caller, organization, &list, &options)
        })
        .await?;
    state.signal.notify();
    Ok(answer)
}

/// The permit is asked for in the transaction that accepts: what it reaches may change at any time.
fn accept(
    state: &State,
    connection: &mut Connection,
    caller: &SignedIn,
    organization: OrganizationId,
    list: &UsernameList,
    options: &Options,
) -> Result<Reply> {
    transaction(connection, |connection| {
        let permit = permit::<ManageImports>(
            &mut UnitOfWork::new(connection, &state.services, &caller.context()),
            organization,
        )?;
        imports::require_any_reach(connection, &permit)?;
        let services = &state.services;
        let id = from_usernames::accept(connection, services, &permit, list, options)?;
        accepted(connection, &permit, id, state.services.clock.now())
    })
}
