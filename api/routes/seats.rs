//! The seat ledger.

use std::collections::BTreeMap;

use actix_web::web;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::{Guard as _, InOrganization, Json, OrganizationPath, nullable};
use super::mounting::{Mounting, operations};
use super::problem::{Problem, problems};
use super::refusals::{BodyErrors, OrganizationErrors, wrong_account_type};
use crate::domain::organization::AccountType;
use crate::domain::seats::{SeatCount, SeatPool};
use crate::error::{Error, FieldError};
use crate::services::authorization::{Permission as _, ReadSeats, SetSeatLimits};
use crate::services::seats::{self, Ledger, RequestedLimits, missing_limits};

/// Mounts these operations.
pub fn mount(mounting: &mut Mounting<'_>) {
    operations!(mounting, get_seats, set_seat_limits);
}

/// The most that a limit can be.
const MAX_SEATS: i64 = 10_000_000;

/// An organization's seats: in total and by account type.
#[derive(Serialize, ToSchema)]
#[schema(as = Seats, examples(json!({
    "total": { "limit": 500, "used": 312, "reserved": 20, "free": 168 },
    "by_account_type": {
        "student": { "limit": 450, "used": 290, "reserved": 20, "free": 140 },
        "teacher": { "limit": null, "used": 22, "reserved": 0, "free": null }
    }
})))]
pub struct SeatsBody {
    total: SeatCount,
    by_account_type: BTreeMap<AccountType, SeatCount>,
}

impl From<Ledger> for SeatsBody {
    fn from(ledger: Ledger) -> Self {
        Self {
            total: ledger.total,
            by_account_type: ledger.by_account_type,
        }
    }
}

/// The limits of the licence: numbers of seats, or `null` for unlimited. None may be absent, so that no limit is
/// lifted by leaving it out.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "total": 500, "by_account_type": { "student": 450, "teacher": null } })))]
pub struct SetSeatLimitsRequest {
    #[serde(deserialize_with = "nullable")]
    #[schema(value_type = Option<i64>, required = true, minimum = 0, maximum = 10000000)]
    total: Option<Option<i64>>,
    /// Each account type of the organization's kind.
    by_account_type: BTreeMap<AccountType, Option<i64>>,
}

/// Get the seat ledger
///
/// In total and for each account type: the limit, how many seats are used, how many are reserved for
/// invitations and imports, and how many are free.
#[utoipa::path(
    get,
    path = "/v1/organizations/{organization_id}/seats",
    tag = "Seats",
    params(OrganizationPath),
    responses(
        (status = 200, description = "The ledger.", body = SeatsBody),
        OrganizationErrors
    ),
    extensions(("x-permission" = json!(ReadSeats::NAME)))
)]
async fn get_seats(request: InOrganization<ReadSeats>) -> Result<web::Json<SeatsBody>, Problem> {
    let ledger = request.run(|tx, permit| seats::ledger(tx, &permit)).await?;
    Ok(web::Json(ledger.into()))
}

/// Set the seat limits
///
/// Sets all limits at once: `total`, and each account type of the organization's kind. One that is lower than
/// what is taken already lets nobody new in; it takes no seat from anybody.
#[utoipa::path(
    put,
    path = "/v1/organizations/{organization_id}/seats",
    tag = "Seats",
    params(OrganizationPath),
    responses(
        (status = 200, description = "The ledger as it is now.", body = SeatsBody),
        BodyErrors, OrganizationErrors, LimitErrors
    ),
    extensions(("x-permission" = json!(SetSeatLimits::NAME)))
)]
async fn set_seat_limits(
    request: InOrganization<SetSeatLimits>,
    body: Json<SetSeatLimitsRequest>,
) -> Result<web::Json<SeatsBody>, Problem> {
    let body = body.into_inner();
    refuse_out_of_range(&body)?;
    let limits = RequestedLimits {
        total: body.total,
        by_account_type: body.by_account_type,
    };
    let ledger = request
        .change(move |tx, permit| seats::set_limits(tx, &permit, &limits))
        .await?;
    Ok(web::Json(ledger.into()))
}

fn refuse_out_of_range(body: &SetSeatLimitsRequest) -> Result<(), Error> {
    let total = (SeatPool::Total, body.total.flatten());
    let by_type = body.by_account_type.iter();
    let limits = by_type.map(|(account_type, limit)| (SeatPool::from(*account_type), *limit));
    let out_of_range: Vec<_> = std::iter::once(total)
        .chain(limits)
        .filter(|(_, limit)| limit.is_some_and(|limit| !(0..=MAX_SEATS).contains(&limit)))
        .map(|(pool, _)| out_of_range(pool))
        .collect();
    if out_of_range.is_empty() {
        return Ok(());
    }
    Err(Error::invalid_fields(out_of_range))
}

fn out_of_range(pool: SeatPool) -> FieldError {
    let detail = format!("A limit is a number from 0 to {MAX_SEATS}, or null.");
    FieldError::new(seats::pointer_of(pool), "out_of_range", detail)
}

fn no_such_limit() -> Error {
    Error::invalid_fields(vec![out_of_range(SeatPool::Total)])
}

fn no_limit_of_students() -> Error {
    missing_limits(&[SeatPool::Student])
}

problems! {
    /// Of whatever sets limits.
    LimitErrors: no_limit_of_students no_such_limit wrong_account_type;
}
