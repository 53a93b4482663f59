//! What was checked when somebody came, kept for the admins of the organization.

use std::time::Duration;

use serde_json::{Map, Value};

use super::readable::{characters, typed};
use super::sealed::{open_sealed, seal};
use crate::clock::new_id;
use crate::domain::connections::{DiagnosisStatus, FlowPurpose};
use crate::domain::diagnosis::{Step, StepName, Steps};
use crate::domain::events::{ConnectionEvent, DomainEvent};
use crate::domain::ids::{AccountId, ConnectionId, DiagnosisId};
use crate::domain::shown::is_hidden;
use crate::domain::timestamp::Timestamp;
use crate::error::{Code, Error, Result};
use crate::services::authorization::{ManageConnections, Permit};
use crate::services::events;
use crate::services::limits::{self, Limit, LimitRequest};
use crate::services::unit_of_work::UnitOfWork;
use crate::store::Page;
use crate::store::diagnoses::{self, Diagnosis, DiagnosisView};
use crate::store::sql_types::JsonColumn;
use crate::store::sso_connections::SsoConnection;

/// How long a diagnosis is kept.
const LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How long a test waits for whoever tests, and is kept with the claims that came.
pub(super) const TEST_LIFETIME: Duration = Duration::from_secs(60 * 60);

/// How long references are.
const REFERENCE_CHARS: usize = 10;

/// How many names of claims are kept, and how much of each.
const MAX_CLAIM_NAMES: usize = 100;
const MAX_CLAIM_NAME: usize = 100;

/// A connection, and what somebody came by it for.
pub type About<'a> = (&'a SsoConnection, FlowPurpose);

/// A diagnosis of steps that were just taken.
pub(super) fn new(
    tx: &UnitOfWork<'_>,
    (connection, purpose): About<'_>,
    status: DiagnosisStatus,
    steps: Steps,
) -> Result<Diagnosis> {
    Ok(Diagnosis {
        id: new_id::<DiagnosisId>(),
        organization_id: connection.organization_id,
        connection_id: connection.id,
        reference: characters::<REFERENCE_CHARS>()?,
        purpose,
        status,
        code: None,
        steps: json_of(&steps.into_vec())?,
        claim_names: JsonColumn(Value::Array(Vec::new())),
        sealed: None,
        would: None,
        account_id: None,
        made_by_account_id: None,
        at: tx.now(),
        expires_at: tx.now().plus(LIFETIME),
        made_by_setup_link_id: None,
    })
}

/// The names of claims as they are kept: what a database takes, and people read.
pub(super) fn names_of(claims: &Map<String, Value>) -> JsonColumn {
    let shown = |name: &String| {
        let printable = name.chars().filter(|it| !is_hidden(*it));
        Value::String(printable.take(MAX_CLAIM_NAME).collect())
    };
    let names = claims.keys().take(MAX_CLAIM_NAMES).map(shown);
    JsonColumn(names.collect())
}

/// Something as a column of JSON.
pub(super) fn json_of<T: serde::Serialize>(value: &T) -> Result<JsonColumn> {
    serde_json::to_value(value)
        .map(JsonColumn)
        .map_err(Error::internal)
}

/// Keeps the steps of somebody who got in, without what was said of them.
pub fn note_success(
    tx: &mut UnitOfWork<'_>,
    about: About<'_>,
    steps: Steps,
    account: Option<AccountId>,
) -> Result<()> {
    let mut diagnosis = new(tx, about, DiagnosisStatus::Passed, steps.without_claims())?;
    diagnosis.account_id = account;
    diagnoses::insert(tx.connection, &diagnosis)
}

/// Keeps the steps of somebody who was refused, publishes it, and gives the refusal with the reference that they read
/// out. A fault of ours is no refusal, and leaves none; nor does the refusal of a connection that is deleted, whose diagnoses
/// are gone with it.
pub fn note_refusal(
    tx: &mut UnitOfWork<'_>,
    about: About<'_>,
    (steps, claims): (Steps, &Map<String, Value>),
    error: Error,
) -> Error {
    if !matches!(error, Error::Refused(_)) || error.code() == Code::ConnectionUnknown {
        return error;
    }
    let mut steps = steps;
    if !steps.ends_with_failure() {
        steps.add(refused_as_told(&error));
    }
    let code = error.code().to_string();
    match keep_refusal(tx, about, (steps, claims), &code) {
        Ok(Some(reference)) => error.with_reference(&reference),
        Ok(None) => error,
        Err(fault) => fault,
    }
}

/// The step of a refusal that no check has made a step of.
fn refused_as_told(error: &Error) -> Step {
    let advice = match error.code() {
        Code::IdentityTaken => {
            "The person signs in to the account that this identity opens, and unlinks it there; or signs in at the identity \
             provider as somebody else."
        }
        Code::SessionConfined => {
            "The session was made by another identity provider: the person signs out, and begins here by this connection."
        }
        Code::ConnectionNotActive => {
            "The connection was paused while the person was on the way: activate it, then have them sign in again."
        }
        Code::CodeDomainNotAllowed => {
            "The code is for addresses of certain domains: give the person another one, or change `allowed_email_domains` \
             of this one."
        }
        Code::CodePaused | Code::CodeExpired | Code::CodeUsedUp => {
            "The code lets in nobody now: open it again, or give the person another one."
        }
        Code::CodeBlockedForYou => {
            "An admin or a manager has removed the person: let them in by an invitation, or by a code that is made anew."
        }
        _ => "The person was told this, with what they can do. Then they sign in again.",
    };
    let told = error.to_string();
    Step::failed(StepName::Account, "somebody who may come in", told, advice)
}

/// Keeps the steps of an arrival that was refused, with the names of the claims that came, and gives the reference.
/// Nothing is kept of one too many for whom no signature vouches: anybody can be refused, with words of their own.
pub fn keep_refusal(
    tx: &mut UnitOfWork<'_>,
    about: About<'_>,
    (steps, claims): (Steps, &Map<String, Value>),
    code: &str,
) -> Result<Option<String>> {
    if claims.is_empty() && !is_one_of_few(tx, about.0.id)? {
        return Ok(None);
    }
    let mut diagnosis = new(tx, about, DiagnosisStatus::Failed, steps)?;
    diagnosis.code = Some(code.to_owned());
    diagnosis.claim_names = names_of(claims);
    let reference = diagnosis.reference.clone();
    let event = DomainEvent::Connection {
        organization: about.0.organization_id,
        connection: about.0.id,
        event: ConnectionEvent::SignInRefused {
            code: code.to_owned(),
            reference: reference.clone(),
        },
    };
    let kept = tx.transaction(|tx| {
        diagnoses::insert(tx.connection, &diagnosis)?;
        events::publish(tx, event)
    });
    match kept {
        Ok(()) => Ok(Some(reference)),
        // The connection has just been deleted, and what was kept of it.
        Err(Error::Conflict(_)) => Ok(None),
        Err(fault) => Err(fault),
    }
}

fn is_one_of_few(tx: &mut UnitOfWork<'_>, connection: ConnectionId) -> Result<bool> {
    let limit = Limit::SignInRefusal;
    let taken = limits::take(tx, &[LimitRequest::one(limit, connection.to_string())]);
    // Whoever is refused is told nothing of it.
    tx.context.limit_states.forget(&[limit]);
    match taken {
        Ok(()) => Ok(true),
        Err(error) if error.code() == Code::RateLimited => Ok(false),
        Err(fault) => Err(fault),
    }
}

/// The claims of a test, sealed with it.
pub(super) fn seal_claims(
    tx: &UnitOfWork<'_>,
    id: DiagnosisId,
    claims: &Map<String, Value>,
) -> Result<Vec<u8>> {
    seal(tx, "claims", id.to_string().as_bytes(), claims)
}

/// The claims that came in a test; none where there are none.
pub fn claims_of(tx: &UnitOfWork<'_>, test: &Diagnosis) -> Result<Option<Value>> {
    let Some(sealed) = &test.sealed else {
        return Ok(None);
    };
    open_sealed(tx, "claims", test.id.to_string().as_bytes(), sealed).map(Some)
}

/// The steps of a diagnosis.
///
/// # Errors
/// `internal` where they cannot be read.
pub fn steps_of(diagnosis: &Diagnosis) -> Result<Vec<Step>> {
    serde_json::from_value(diagnosis.steps.0.clone()).map_err(Error::internal)
}

/// The steps of a test. Of one that waits, the last is the one that it waits for.
///
/// # Errors
/// `internal` where they cannot be read.
pub fn steps_of_test(test: &Diagnosis) -> Result<Vec<Step>> {
    let steps = steps_of(test)?;
    let is_unopened = test.status == DiagnosisStatus::Waiting && steps.is_empty();
    Ok(if is_unopened {
        vec![unopened_until(test.expires_at)]
    } else {
        steps
    })
}

/// What a test waits for.
const SIGN_IN: &str = "somebody who signs in at the identity provider";

fn unopened_until(end: Timestamp) -> Step {
    let advice = format!(
        "Open the test's start_url in a browser before {end}, and sign in; after that, begin another test."
    );
    let received = "nobody has opened start_url yet";
    Step::skipped(StepName::Authorization, SIGN_IN, received, advice)
}

/// The step of a browser that was sent to the identity provider, by the names that Rollcall has to be registered by
/// there: many a provider that knows another one lets nobody come back.
pub fn sent_to_provider(names: &str) -> Step {
    Step::skipped(
        StepName::Authorization,
        SIGN_IN,
        format!("nobody has come back yet from the identity provider, which was sent {names}"),
        "Compare both, every character of them, with what is registered at the identity provider: where one differs, \
         people stay on a page of its own, which also names any other reason. Correct it, and open the test's start_url \
         once more; after a change of the connection, begin another test.",
    )
}

/// A page of an organization's diagnoses, the newest first.
pub fn list(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageConnections>,
    page: Page<DiagnosisId>,
) -> Result<Vec<DiagnosisView>> {
    let now = tx.now();
    diagnoses::list(tx.connection, permit.organization.id, page, now)
}

/// The diagnosis with the reference that somebody read out.
///
/// # Errors
/// `not_found` where there is none, or where it is older than a week.
pub fn find(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageConnections>,
    reference: &str,
) -> Result<DiagnosisView> {
    let (organization, now) = (permit.organization.id, tx.now());
    let reference = typed(reference);
    let found = diagnoses::find_view(tx.connection, organization, &reference, now)?;
    found.ok_or_else(|| Error::not_found("diagnosis"))
}

/// Forgets what has been kept long enough.
pub(super) fn delete_ended(tx: &mut UnitOfWork<'_>) -> Result<()> {
    let now = tx.now();
    diagnoses::delete_ended(tx.connection, now)
}
