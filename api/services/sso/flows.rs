//! Flows to an identity provider: opened, taken when somebody comes back, and the tickets for them.
//!
//! The browser carries the `state`, of which a hash is kept, and keeps the verifier, of which its challenge is kept.
//! What only Rollcall is to know is sealed for the state, so that any replica goes on with it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::arrival::{Arrival, FlowPayload};
use super::sealed::{open_sealed, seal};
use super::{claims, diagnosis, warnings};
use crate::crypto::token::{Token, TokenKind};
use crate::domain::client_address::Client;
use crate::domain::connections::{ConnectionStatus, FlowPurpose};
use crate::domain::diagnosis::Step;
use crate::domain::ids::{AppId, CallbackId, ConnectionId, DiagnosisId, SessionId};
use crate::domain::timestamp::Timestamp;
use crate::error::{Code, Error, Result};
use crate::oidc::authorization::{challenge_of, random_text};
use crate::services::authentication::require_own_proof;
use crate::services::limits::{self, Limit, LimitRequest};
use crate::services::unit_of_work::UnitOfWork;
use crate::store::apps;
use crate::store::flows::{self, Flow, Ticket};
use crate::store::sso_connections::{self, SsoConnection};

/// How long a flow may take: who comes later begins anew.
const FLOW_LIFETIME: Duration = Duration::from_secs(10 * 60);

/// How long a ticket is good.
const TICKET_LIFETIME: Duration = Duration::from_secs(60);

/// A flow that somebody wants to make.
#[derive(Clone, Debug)]
pub struct NewFlow {
    pub purpose: FlowPurpose,
    /// Base64url of the verifier's SHA-256.
    pub challenge: String,
    pub payload: FlowPayload,
    /// The test that it is, of one.
    pub test: Option<DiagnosisId>,
}

/// A flow that has begun: what the identity provider is to be told.
pub struct OpenedFlow {
    pub purpose: FlowPurpose,
    pub state: Token,
    pub nonce: String,
    /// The verifier of PKCE (RFC 7636), which is Rollcall's own and not the browser's.
    pub code_verifier: String,
    pub expires_at: Timestamp,
}

impl OpenedFlow {
    /// The id of the request to sign in, by SAML.
    pub fn request_id(&self) -> String {
        request_id(&self.nonce)
    }
}

/// What only Rollcall is to know of a flow.
#[derive(Clone, Serialize, Deserialize)]
pub struct FlowSecrets {
    pub nonce: String,
    pub code_verifier: String,
    challenge: String,
    payload: FlowPayload,
    pub test: Option<DiagnosisId>,
}

impl FlowSecrets {
    /// The id of the request to sign in, by SAML, which a response has to answer.
    pub fn request_id(&self) -> String {
        request_id(&self.nonce)
    }
}

/// What nobody can guess, behind a character that an XML name may begin with.
fn request_id(nonce: &str) -> String {
    format!("_{nonce}")
}

/// A flow that somebody came back from. It is used up.
#[derive(Clone)]
pub struct TakenFlow {
    pub connection: SsoConnection,
    pub purpose: FlowPurpose,
    pub secrets: FlowSecrets,
    session: Option<SessionId>,
}

/// What a ticket says: who came, and what was checked.
#[derive(Serialize, Deserialize)]
struct TicketContent {
    /// Who named the subject: a connection may have got another identity provider since.
    subject_issuer: Option<Vec<u8>>,
    arrival: Arrival,
    payload: FlowPayload,
    steps: Vec<Step>,
}

/// A ticket that was brought with its verifier. It is used up.
pub struct TakenTicket {
    pub connection: SsoConnection,
    pub purpose: FlowPurpose,
    pub session: Option<SessionId>,
    pub arrival: Arrival,
    pub payload: FlowPayload,
    pub steps: Vec<Step>,
}

/// The connection by which somebody wants to sign in, link or step up. Counts the start.
///
/// # Errors
/// `connection_unknown`, `connection_not_active`, `rate_limited`.
pub fn begin(
    tx: &mut UnitOfWork<'_>,
    connection: ConnectionId,
    client: &Client,
) -> Result<SsoConnection> {
    count(tx, client)?;
    active(tx, connection)
}

/// Counts the start of a flow.
///
/// # Errors
/// `rate_limited`.
pub fn count(tx: &mut UnitOfWork<'_>, client: &Client) -> Result<()> {
    limits::take(tx, &LimitRequest::by_client(Limit::SignInFlow, client))
}

/// A connection that signs people in.
///
/// # Errors
/// `connection_unknown`, `connection_not_active`.
pub fn active(tx: &mut UnitOfWork<'_>, connection: ConnectionId) -> Result<SsoConnection> {
    let found = sso_connections::find(tx.connection, connection)?;
    let found = found.ok_or_else(unknown)?;
    require_active(&found)?;
    Ok(found)
}

/// Refuses a connection that signs nobody in at the moment.
///
/// # Errors
/// `connection_not_active`.
pub(super) fn require_active(connection: &SsoConnection) -> Result<()> {
    match connection.status {
        ConnectionStatus::Active => Ok(()),
        ConnectionStatus::Draft | ConnectionStatus::Paused => Err(not_active()),
    }
}

/// The refusal of a connection that does not exist.
pub fn unknown() -> Error {
    Error::refused(
        Code::ConnectionUnknown,
        "There is no such connection. Ask your organization for its address to sign in.",
    )
}

/// The refusal of a connection that signs nobody in at the moment.
pub fn not_active() -> Error {
    Error::refused(
        Code::ConnectionNotActive,
        "This connection signs nobody in at the moment. Ask the people who run your organization, or sign in with \
         your password.",
    )
}

/// Opens a flow of a connection. To link an identity, or to step up, is a person's who is signed in.
///
/// # Errors
/// `not_signed_in` where there is nobody to link to, `session_confined` where only an identity provider vouches for them.
pub fn open(
    tx: &mut UnitOfWork<'_>,
    connection: &SsoConnection,
    new: NewFlow,
) -> Result<OpenedFlow> {
    let session = match new.purpose {
        FlowPurpose::SignIn | FlowPurpose::Test => None,
        FlowPurpose::Link => {
            require_own_proof(tx)?;
            Some(tx.context.principal.session()?.session)
        }
        FlowPurpose::StepUp => Some(tx.context.principal.session()?.session),
    };
    let state = Token::generate(TokenKind::Flow)?;
    let state_hash = state.hash().as_bytes().to_vec();
    let secrets = FlowSecrets {
        nonce: random_text()?,
        code_verifier: random_text()?,
        challenge: new.challenge,
        payload: new.payload,
        test: new.test,
    };
    let expires_at = tx.now().plus(FLOW_LIFETIME);
    let flow = Flow {
        sealed: seal(tx, "flow", &state_hash, &secrets)?,
        state_hash,
        connection_id: connection.id,
        purpose: new.purpose,
        session_id: session,
        expires_at,
    };
    flows::insert(tx.connection, &flow)?;
    Ok(OpenedFlow {
        purpose: new.purpose,
        state,
        nonce: secrets.nonce,
        code_verifier: secrets.code_verifier,
        expires_at,
    })
}

/// Takes the flow that somebody came back from, by the `state` that they carried; `None` where none is under way: they
/// took too long, came twice, nobody began one, or its connection has people come back to another place.
pub fn take(tx: &mut UnitOfWork<'_>, place: CallbackId, state: &str) -> Result<Option<TakenFlow>> {
    let Some(state) = Token::presented(TokenKind::Flow, state) else {
        return Ok(None);
    };
    let hash = state.hash();
    let taken = flows::take(tx.connection, (hash.as_bytes(), place), tx.now())?;
    let Some(flow) = taken else {
        return Ok(None);
    };
    let found = sso_connections::find(tx.connection, flow.connection_id)?;
    let Some(connection) = found else {
        return Ok(None);
    };
    Ok(Some(TakenFlow {
        connection,
        purpose: flow.purpose,
        secrets: open_sealed(tx, "flow", hash.as_bytes(), &flow.sealed)?,
        session: flow.session_id,
    }))
}

/// Takes the flow of a test whose `state` was carried to the place of another connection, which the provider was told
/// wrongly; `None` where none is under way, or people come back by an operator's app.
pub fn take_misplaced_test(tx: &mut UnitOfWork<'_>, state: &str) -> Result<Option<TakenFlow>> {
    let Some(token) = Token::presented(TokenKind::Flow, state) else {
        return Ok(None);
    };
    let begun_by = flows::connection_of_test(tx.connection, token.hash().as_bytes(), tx.now())?;
    match begun_by {
        Some(connection) => take(tx, connection.into(), state),
        None => Ok(None),
    }
}

/// Whether people come back to this place by an operator's app, which tells of no connection.
pub fn is_of_app(tx: &mut UnitOfWork<'_>, place: CallbackId) -> Result<bool> {
    let app = AppId::from(Uuid::from(place));
    Ok(apps::find(tx.connection, app)?.is_some())
}

/// Gives a ticket for who came back.
pub fn issue_ticket(
    tx: &mut UnitOfWork<'_>,
    flow: TakenFlow,
    (arrival, steps): (Arrival, Vec<Step>),
) -> Result<Token> {
    warnings::note_arrival(tx, &flow.connection, &arrival)?;
    let token = Token::generate(TokenKind::Ticket)?;
    let ticket_hash = token.hash().as_bytes().to_vec();
    let content = TicketContent {
        subject_issuer: flow.connection.subject_issuer.clone(),
        arrival,
        payload: flow.secrets.payload,
        steps,
    };
    let ticket = Ticket {
        sealed: seal(tx, "ticket", &ticket_hash, &content)?,
        ticket_hash,
        connection_id: flow.connection.id,
        purpose: flow.purpose,
        session_id: flow.session,
        challenge: flow.secrets.challenge,
        expires_at: tx.now().plus(TICKET_LIFETIME),
    };
    match flows::insert_ticket(tx.connection, &ticket) {
        Err(Error::Conflict(_)) => Err(gone(tx, ticket.connection_id)?),
        inserted => inserted.map(|()| token),
    }
}

/// The refusal of who came back when the connection, or the session that began the flow, had just been deleted.
fn gone(tx: &mut UnitOfWork<'_>, connection: ConnectionId) -> Result<Error> {
    let found = sso_connections::find(tx.connection, connection)?;
    Ok(found.map_or_else(unknown, |_| Error::not_signed_in()))
}

/// Takes a ticket. Whoever brings it, with whichever verifier, has used it up: call it outside of a transaction, which
/// would undo that with a refusal. Its connection may have been paused meanwhile.
///
/// # Errors
/// `ticket_invalid`, `verifier_wrong`, `connection_unknown`.
pub fn take_ticket(tx: &mut UnitOfWork<'_>, ticket: &str, verifier: &str) -> Result<TakenTicket> {
    let token = Token::presented(TokenKind::Ticket, ticket).ok_or_else(ticket_invalid)?;
    let hash = token.hash();
    let taken = flows::take_ticket(tx.connection, hash.as_bytes(), tx.now())?;
    let ticket = taken.ok_or_else(ticket_invalid)?;
    if !is_verifier(verifier) || challenge_of(verifier) != ticket.challenge {
        return Err(verifier_wrong());
    }
    let found = sso_connections::find(tx.connection, ticket.connection_id)?;
    let connection = found.ok_or_else(unknown)?;
    let content: TicketContent = open_sealed(tx, "ticket", hash.as_bytes(), &ticket.sealed)?;
    if content.subject_issuer != connection.subject_issuer {
        return Err(ticket_invalid());
    }
    Ok(TakenTicket {
        connection,
        purpose: ticket.purpose,
        session: ticket.session_id,
        arrival: content.arrival,
        payload: content.payload,
        steps: content.steps,
    })
}

/// Whether a text has the length of a verifier (RFC 7636, section 4.1): whoever has seen the challenge tries short ones.
fn is_verifier(text: &str) -> bool {
    const LENGTH: std::ops::RangeInclusive<usize> = 43..=128;

    LENGTH.contains(&text.len())
}

/// The refusal of a ticket that is unknown, used or too old.
pub fn ticket_invalid() -> Error {
    Error::refused(
        Code::TicketInvalid,
        "This ticket is unknown, was used, is older than a minute, or was for a session that has ended. Sign in again.",
    )
}

/// The refusal of a ticket that another browser began the flow of.
pub fn verifier_wrong() -> Error {
    Error::refused(
        Code::VerifierWrong,
        "This ticket belongs to a sign-in that was begun elsewhere, and is used up now. Sign in again, and send the \
         verifier, of 43 to 128 characters, whose challenge the sign-in was started with.",
    )
}

/// Forgets what has ended of flows.
pub fn delete_ended(tx: &mut UnitOfWork<'_>) -> Result<()> {
    let now = tx.now();
    flows::delete_ended(tx.connection, now)?;
    crate::store::pending_links::delete_ended(tx.connection, now)?;
    crate::store::setup_links::delete_ended(tx.connection, now)?;
    claims::delete_old(tx)?;
    diagnosis::delete_ended(tx)
}
