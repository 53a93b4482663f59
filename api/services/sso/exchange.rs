//! A ticket with its verifier, exchanged for a session.

use super::arriving::Arriving;
use super::carried_codes::lock_account;
use super::entering::Entered;
use super::entry::{
    Exchanged, diagnosed, link_to, lock_connection, opens, owner_of, prove, start_session,
};
use super::flows::{self, TakenTicket};
use super::linking;
use super::resolution::{Resolution, resolve};
use crate::domain::connections::{FlowPurpose, SignInOutcome};
use crate::domain::diagnosis::Steps;
use crate::domain::ids::SessionId;
use crate::error::{Error, Result};
use crate::services::authentication::session_confined;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::sessions as session_store;

/// Exchanges a ticket. It is used up, whatever comes of it; a refusal leaves its diagnosis.
///
/// # Errors
/// `ticket_invalid`, `verifier_wrong`, `connection_not_active`; those of who it is: `account_deactivated`,
/// `removed_by_admin`, `no_seat`, `not_expected_here`, `identity_taken`; `not_signed_in` where the session that began it has ended.
pub fn exchange(
    tx: &mut UnitOfWork<'_>,
    (ticket, verifier): (&str, &str),
    user_agent: Option<String>,
) -> Result<Exchanged> {
    let ticket = flows::take_ticket(tx, ticket, verifier)?;
    let about = (&ticket.connection, ticket.purpose);
    let said = (ticket.steps.as_slice(), &ticket.arrival.claims);
    diagnosed(tx, about, said, |tx, steps| {
        settle(tx, &ticket, steps, user_agent.clone())
    })
}

fn settle(
    tx: &mut UnitOfWork<'_>,
    ticket: &TakenTicket,
    steps: &mut Steps,
    user_agent: Option<String>,
) -> Result<Exchanged> {
    let (organization, connection) =
        lock_connection(tx, &ticket.connection, flows::ticket_invalid)?;
    let by = (&organization, &connection);
    let mut arriving = Arriving::new(tx, by, (&ticket.arrival, &ticket.payload))?;
    arriving.session = ticket.session;
    match ticket.purpose {
        FlowPurpose::SignIn => sign_in(tx, &arriving, steps, user_agent),
        FlowPurpose::Link => {
            let session = ticket.session.ok_or_else(Error::not_signed_in)?;
            let account = owner_of(tx.connection, session, tx.context.now)?;
            let account = lock_account(tx, &arriving, account.id)?;
            let account = account.ok_or_else(Error::not_signed_in)?;
            let entered = link_to(tx, &arriving, &account, steps)?;
            prove(tx, &arriving, session)?;
            Ok(Exchanged::of(&arriving, Some(account.id), entered))
        }
        FlowPurpose::StepUp => step_up(tx, &arriving, ticket.session, steps),
        FlowPurpose::Test => Err(flows::ticket_invalid()),
    }
}

fn sign_in(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    steps: &mut Steps,
    user_agent: Option<String>,
) -> Result<Exchanged> {
    match resolve(tx, arriving, steps)? {
        Resolution::Opens(account, entered) => {
            let exchanged = Exchanged::of(arriving, Some(account.id), entered);
            let started = start_session(tx, arriving, *account, user_agent)?;
            Ok(exchanged.with_session(started))
        }
        Resolution::LinkRequired(account) => {
            let entered = Entered::without_code(SignInOutcome::LinkRequired);
            let mut exchanged = Exchanged::of(arriving, None, entered);
            exchanged.link_token = Some(linking::request(tx, arriving, &account)?);
            Ok(exchanged)
        }
    }
}

/// Adds the proof to the session that began the flow. Whom only another identity provider vouches for links nothing by
/// it.
fn step_up(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    session: Option<SessionId>,
    steps: &mut Steps,
) -> Result<Exchanged> {
    let session = session.ok_or_else(Error::not_signed_in)?;
    let found = session_store::find_active(tx.connection, session, tx.now())?;
    let (stored, account) = found.ok_or_else(Error::not_signed_in)?;
    if stored.by_connection && opens(tx, arriving)? != Some(account.id) {
        return Err(session_confined());
    }
    let account = lock_account(tx, arriving, account.id)?.ok_or_else(Error::not_signed_in)?;
    let entered = link_to(tx, arriving, &account, steps)?;
    prove(tx, arriving, session)?;
    let entered = entered.told_as(SignInOutcome::SteppedUp);
    Ok(Exchanged::of(arriving, Some(account.id), entered))
}
