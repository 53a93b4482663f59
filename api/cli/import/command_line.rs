//! Units of work of the command line.

use crate::domain::ids::OrganizationId;
use crate::error::Result;
use crate::services::authorization::{self, ManageImports, Permit, permit};
use crate::services::context::RequestContext;
use crate::services::unit_of_work::UnitOfWork;
use crate::state::State;

/// Runs one unit of work as the command line.
pub(super) fn at_command_line<T>(
    state: &State,
    work: impl FnOnce(&mut UnitOfWork<'_>) -> Result<T>,
) -> Result<T> {
    state.services.run(&command_line(state), work)
}

/// Runs one transaction as the command line, with the permit to import.
pub(super) fn permitted<T>(
    state: &State,
    organization: OrganizationId,
    work: impl FnOnce(&mut UnitOfWork<'_>, Permit<ManageImports>) -> Result<T>,
) -> Result<T> {
    at_command_line(state, |tx| {
        tx.transaction(|tx| {
            authorization::lock(tx, organization)?;
            let permit = permit(tx, organization)?;
            work(tx, permit)
        })
    })
}

pub(super) fn command_line(state: &State) -> RequestContext {
    RequestContext::command_line(state.services.clock.now())
}
