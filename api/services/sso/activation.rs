//! Whether a connection signs people in: activating and pausing it.

use super::connections::find;
use super::notices;
use super::publication::publish;
use crate::domain::connections::ConnectionStatus;
use crate::domain::events::ConnectionEvent;
use crate::domain::ids::ConnectionId;
use crate::error::{Code, Error, Result};
use crate::services::authorization::{ManageConnections, Permit};
use crate::services::sign_on_requirement::require_another_connection;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::sso_connections::{self, SsoConnection};

/// Has a connection sign people in.
///
/// # Errors
/// `not_found`; `connection_not_tested` where no test has passed since its settings changed; `tenant_in_use` where
/// another active connection has the same tenant by the same app.
pub fn activate(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageConnections>,
    id: ConnectionId,
) -> Result<SsoConnection> {
    tx.transaction(|tx| {
        let known = find(tx, permit, id)?;
        if known.tested_at.is_none() {
            return Err(not_tested());
        }
        set_status(tx, known, ConnectionStatus::Active)
    })
}

/// Has a connection sign nobody in for the time being. It ends no session.
///
/// # Errors
/// `not_found`; `connection_not_active` for a draft; `last_sign_in_method` for the only one that is active, where
/// single sign-on is required.
pub fn pause(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageConnections>,
    id: ConnectionId,
) -> Result<SsoConnection> {
    tx.transaction(|tx| {
        let known = find(tx, permit, id)?;
        if known.status == ConnectionStatus::Draft {
            return Err(still_draft());
        }
        require_another_connection(tx, &known)?;
        set_status(tx, known, ConnectionStatus::Paused)
    })
}

fn set_status(
    tx: &mut UnitOfWork<'_>,
    known: SsoConnection,
    status: ConnectionStatus,
) -> Result<SsoConnection> {
    if known.status == status {
        return Ok(known);
    }
    let place = (known.organization_id, known.id);
    if !sso_connections::set_status(tx.connection, place, status)? {
        return Err(tenant_in_use());
    }
    let new = SsoConnection { status, ..known };
    let event = match status {
        ConnectionStatus::Active => ConnectionEvent::Activated,
        ConnectionStatus::Paused | ConnectionStatus::Draft => ConnectionEvent::Paused,
    };
    publish(tx, &new, event)?;
    notices::queue_for_setup(tx, &new)?;
    Ok(new)
}

/// The refusal of a second active connection with the same tenant by the same app.
pub fn tenant_in_use() -> Error {
    let detail = "The people of this tenant sign in by this app elsewhere: another active connection has it. Pause that one, \
                  or ask the operators of this installation whose it is.";
    Error::refused(Code::TenantInUse, detail)
}

/// The refusal of a connection that no test has passed.
pub fn not_tested() -> Error {
    Error::refused(
        Code::ConnectionNotTested,
        "No test has passed since the settings changed. Test the connection, then activate it.",
    )
}

/// The refusal to pause what signs nobody in.
pub fn still_draft() -> Error {
    Error::refused(
        Code::ConnectionNotActive,
        "The connection is a draft, and signs nobody in yet.",
    )
}
