//! Tests of a connection: a flow that signs nobody in, changes nothing of people, and tells what it would have done.
//! What it shows of the provider, such as its clock, is noted of the connection.

use std::convert::Infallible;

use serde_json::{Map, Value, json};

use super::arrival::{Arrival, FlowPayload};
use super::arriving::{Arriving, asserted_address};
use super::diagnosis::{self, TEST_LIFETIME, json_of, names_of, seal_claims};
use super::entry::lock_organization;
use super::flows::TakenFlow;
use super::publication::publish;
use super::resolution::{Resolution, resolve};
use super::settings::require_complete;
use super::{connections, warnings};
use crate::domain::connections::{DiagnosisStatus, FlowPurpose, SignInOutcome};
use crate::domain::diagnosis::Steps;
use crate::domain::events::ConnectionEvent;
use crate::domain::ids::{ConnectionId, DiagnosisId};
use crate::error::{Code, Error, Result};
use crate::services::authorization::{ManageConnections, Permit};
use crate::services::context::{Principal, SetupLinkPrincipal};
use crate::services::limits::{self, Limit, LimitRequest};
use crate::services::unit_of_work::UnitOfWork;
use crate::store::diagnoses::{self, Diagnosis};
use crate::store::sso_connections::{self, SsoConnection};
use crate::store::{Attempt, accounts, groups, memberships, setup_links};

/// Makes a test of a connection: whoever opens its address goes round once, and nothing changes by it.
///
/// # Errors
/// `not_found`, `rate_limited`; `connection_incomplete` where not enough is known of its provider.
pub fn create(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageConnections>,
    id: ConnectionId,
) -> Result<Diagnosis> {
    let connection = connections::find(tx, permit, id)?;
    require_complete(&connection)?;
    limits::take(
        tx,
        &[LimitRequest::one(Limit::ConnectionTest, id.to_string())],
    )?;
    let about = (&connection, FlowPurpose::Test);
    let mut test = diagnosis::new(tx, about, DiagnosisStatus::Waiting, Steps::default())?;
    test.expires_at = tx.now().plus(TEST_LIFETIME);
    test.made_by_account_id = tx.account_id();
    test.made_by_setup_link_id = tx.context.principal.setup_link().ok().map(|link| link.id);
    diagnoses::insert(tx.connection, &test)?;
    Ok(test)
}

/// A test of a connection, of the last hour; a setup link finds those that it made.
///
/// # Errors
/// `not_found`.
pub fn find(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageConnections>,
    (connection, id): (ConnectionId, DiagnosisId),
) -> Result<Diagnosis> {
    let now = tx.now();
    let of = (permit.organization.id, connection);
    let found = diagnoses::find_test(tx.connection, of, id, now)?;
    let link = tx.context.principal.setup_link().ok();
    let is_shown =
        |test: &Diagnosis| link.is_none_or(|link| test.made_by_setup_link_id == Some(link.id));
    let shown = found.filter(is_shown);
    shown.ok_or_else(|| Error::not_found("test"))
}

/// The test that somebody begins by its address, with its connection; `None` where it was made already, or is too old.
pub fn begin(
    tx: &mut UnitOfWork<'_>,
    connection: ConnectionId,
    reference: &str,
) -> Result<Option<(SsoConnection, Diagnosis)>> {
    let Some(connection) = sso_connections::find(tx.connection, connection)? else {
        return Ok(None);
    };
    let (organization, now) = (connection.organization_id, tx.now());
    let found = diagnoses::find_by_reference(tx.connection, organization, reference, now)?;
    let test = found.filter(|test| {
        test.connection_id == connection.id
            && test.purpose == FlowPurpose::Test
            && test.status == DiagnosisStatus::Waiting
    });
    Ok(test.map(|test| (connection, test)))
}

/// Keeps what was done of a test before its browser was sent to the identity provider.
pub fn note_sent(tx: &mut UnitOfWork<'_>, test: DiagnosisId, steps: Steps) -> Result<()> {
    let steps = json_of(&steps.into_vec())?;
    diagnoses::note_steps(tx.connection, test, &steps)
}

/// Ends a test whose flow came to its end: the connection works with these settings.
pub fn pass(
    tx: &mut UnitOfWork<'_>,
    flow: &TakenFlow,
    (arrival, mut steps): (Arrival, Steps),
) -> Result<()> {
    warnings::note_clock(tx, &flow.connection, &arrival)?;
    // Before who it is here: whoever has a setup link mends what the provider sends, and sees nobody.
    asserted_address(tx, &arrival, &mut steps);
    let (would, steps) = would(tx, &flow.connection, (&arrival, steps))?;
    let Some(mut test) = test_of(tx, flow)? else {
        return Ok(());
    };
    test.status = DiagnosisStatus::Passed;
    test.steps = json_of(&steps.into_vec())?;
    keep_claims(tx, &mut test, &arrival.claims)?;
    test.would = Some(json_of(&would)?);
    tx.transaction(|tx| {
        let now = tx.now();
        let is_first = diagnoses::end_test(tx.connection, &test)?;
        if is_first && sso_connections::note_test(tx.connection, &flow.connection, now)? {
            let maker = maker_of(tx, &test)?;
            tx.acting_as(maker, |tx| {
                publish(tx, &flow.connection, ConnectionEvent::Tested)
            })?;
        }
        Ok(())
    })
}

/// Who made a test. The browser that it ends in shows nobody.
fn maker_of(tx: &mut UnitOfWork<'_>, test: &Diagnosis) -> Result<Principal> {
    if let Some(link) = test.made_by_setup_link_id {
        let found = setup_links::find_with_maker(tx.connection, test.organization_id, link)?;
        let by = found.map(|(link, maker)| SetupLinkPrincipal { link, maker });
        return Ok(by.map_or(Principal::System, Principal::SetupLink));
    }
    let account = match test.made_by_account_id {
        Some(account) => accounts::find(tx.connection, account)?,
        None => None,
    };
    Ok(account.map_or(Principal::System, Principal::Owner))
}

/// Why somebody did not get in: the last of the steps says it, and what came where that is known to be true.
pub struct Failure {
    pub code: Code,
    pub claims: Option<Map<String, Value>>,
    pub steps: Steps,
}

/// Ends a test that failed.
pub fn fail(tx: &mut UnitOfWork<'_>, flow: &TakenFlow, failure: Failure) -> Result<()> {
    let Some(mut test) = test_of(tx, flow)? else {
        return Ok(());
    };
    test.status = DiagnosisStatus::Failed;
    test.code = Some(failure.code.to_string());
    test.steps = json_of(&failure.steps.into_vec())?;
    if let Some(claims) = &failure.claims {
        keep_claims(tx, &mut test, claims)?;
    }
    diagnoses::end_test(tx.connection, &test).map(drop)
}

fn keep_claims(
    tx: &UnitOfWork<'_>,
    test: &mut Diagnosis,
    claims: &Map<String, Value>,
) -> Result<()> {
    test.claim_names = names_of(claims);
    test.sealed = Some(seal_claims(tx, test.id, claims)?);
    Ok(())
}

fn test_of(tx: &mut UnitOfWork<'_>, flow: &TakenFlow) -> Result<Option<Diagnosis>> {
    let Some(id) = flow.secrets.test else {
        return Ok(None);
    };
    let connection = &flow.connection;
    let of = (connection.organization_id, connection.id);
    diagnoses::find_test(tx.connection, of, id, tx.context.now)
}

/// What a sign-in would do, found out by doing it and undoing it, with its steps behind those before.
fn would(
    tx: &mut UnitOfWork<'_>,
    connection: &SsoConnection,
    (arrival, before): (&Arrival, Steps),
) -> Result<(Value, Steps)> {
    let before = before.into_vec();
    let undone: Attempt<Infallible, _> = tx.repeatable_attempt(|tx| {
        let mut steps = Steps::from(before.clone());
        let organization = lock_organization(tx, connection.organization_id)?;
        let payload = FlowPayload::default();
        let by = (&organization, connection);
        let mut arriving = Arriving::new(tx, by, (arrival, &payload))?;
        arriving.is_test = true;
        let would = describe(tx, &arriving, &mut steps)?;
        Ok(Attempt::Undo((would, steps)))
    })?;
    match undone {
        Attempt::Undo(would) => Ok(would),
    }
}

fn describe(tx: &mut UnitOfWork<'_>, arriving: &Arriving<'_>, steps: &mut Steps) -> Result<Value> {
    let (account, outcome) = match resolve(tx, arriving, steps) {
        Ok(Resolution::Opens(account, entered)) => (account, entered.outcome),
        Ok(Resolution::LinkRequired(account)) => (account, SignInOutcome::LinkRequired),
        Err(refusal @ Error::Refused(_)) => {
            let code = refusal.code().to_string();
            return Ok(
                json!({ "account": code, "account_type": null, "groups": [], "seat": false }),
            );
        }
        Err(fault) => return Err(fault),
    };
    let organization = arriving.organization.id;
    let membership = memberships::find(tx.connection, organization, account.id)?;
    let account_type = membership.map(|membership| membership.account_type);
    let of = groups::of_accounts(tx.connection, organization, &[account.id])?;
    let groups: Vec<_> = of
        .into_values()
        .flatten()
        .map(|(id, name)| json!({ "id": id, "name": name }))
        .collect();
    let takes_seat = matches!(
        outcome,
        SignInOutcome::AccountCreated | SignInOutcome::Joined
    );
    Ok(json!({
        "account": outcome,
        "account_type": account_type,
        "groups": groups,
        "seat": takes_seat,
    }))
}
