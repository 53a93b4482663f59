//! Flows to identity providers: flows that are under way, and the tickets that come back.

use diesel::prelude::*;

use super::Connection;
use super::backend::each_backend;
use super::schema::{connections, flows, tickets};
use crate::domain::connections::FlowPurpose;
use crate::domain::ids::{CallbackId, ConnectionId, SessionId};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

/// A flow that is under way.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = flows, treat_none_as_default_value = false)]
pub struct Flow {
    pub state_hash: Vec<u8>,
    pub connection_id: ConnectionId,
    pub purpose: FlowPurpose,
    pub session_id: Option<SessionId>,
    pub sealed: Vec<u8>,
    pub expires_at: Timestamp,
}

/// What came back from a flow.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = tickets, treat_none_as_default_value = false)]
pub struct Ticket {
    pub ticket_hash: Vec<u8>,
    pub connection_id: ConnectionId,
    pub purpose: FlowPurpose,
    pub session_id: Option<SessionId>,
    pub challenge: String,
    pub sealed: Vec<u8>,
    pub expires_at: Timestamp,
}

/// Adds a flow.
pub fn insert(connection: &mut Connection, flow: &Flow) -> Result<()> {
    diesel::insert_into(flows::table)
        .values(flow)
        .execute(connection)?;
    Ok(())
}

/// Uses a flow up whose connection has people come back to this place, and gives it; `None` where there is none, where
/// it has ended, or where it was used.
pub fn take(
    connection: &mut Connection,
    (state_hash, place): (&[u8], CallbackId),
    now: Timestamp,
) -> Result<Option<Flow>> {
    let own = connections::id.eq(place).and(connections::app_id.is_null());
    let here = connections::table
        .filter(connections::app_id.eq(place).or(own))
        .select(connections::id);
    let open = flows::table
        .filter(flows::state_hash.eq(state_hash))
        .filter(flows::connection_id.eq_any(here))
        .filter(flows::expires_at.gt(now));
    let taken = each_backend!(connection, c => diesel::delete(open)
        .returning(Flow::as_select())
        .get_result(c)
        .optional())?;
    Ok(taken)
}

/// The connection of a test that is under way, wherever whoever tests comes back.
pub fn connection_of_test(
    connection: &mut Connection,
    state_hash: &[u8],
    now: Timestamp,
) -> Result<Option<ConnectionId>> {
    Ok(flows::table
        .filter(flows::state_hash.eq(state_hash))
        .filter(flows::purpose.eq(FlowPurpose::Test))
        .filter(flows::expires_at.gt(now))
        .select(flows::connection_id)
        .first(connection)
        .optional()?)
}

/// Adds a ticket.
pub fn insert_ticket(connection: &mut Connection, ticket: &Ticket) -> Result<()> {
    diesel::insert_into(tickets::table)
        .values(ticket)
        .execute(connection)?;
    Ok(())
}

/// Uses a ticket up and gives it, whoever holds its verifier; `None` where there is none, where it has ended, or where
/// it was used.
pub fn take_ticket(
    connection: &mut Connection,
    ticket_hash: &[u8],
    now: Timestamp,
) -> Result<Option<Ticket>> {
    let open = tickets::table
        .filter(tickets::ticket_hash.eq(ticket_hash))
        .filter(tickets::expires_at.gt(now));
    let taken = each_backend!(connection, c => diesel::delete(open)
        .returning(Ticket::as_select())
        .get_result(c)
        .optional())?;
    Ok(taken)
}

/// Forgets flows and tickets that have ended.
pub fn delete_ended(connection: &mut Connection, now: Timestamp) -> Result<()> {
    diesel::delete(flows::table.filter(flows::expires_at.le(now))).execute(connection)?;
    diesel::delete(tickets::table.filter(tickets::expires_at.le(now))).execute(connection)?;
    Ok(())
}
