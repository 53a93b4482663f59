//! Whoever made an import, and whether they may still import so.

use crate::domain::audit::ActorKind;
use crate::error::{Error, Result};
use crate::services::authorization::{self, ManageImports};
use crate::services::context::{ApiKeyPrincipal, Principal};
use crate::services::unit_of_work::UnitOfWork;
use crate::store::imports::Import;
use crate::store::{accounts, api_keys, groups};

/// Whether whoever made the import may still make it, with its account type and into its groups. The
/// organization is locked, so that the answer holds until the transaction ends.
pub(super) fn may_go_on(tx: &mut UnitOfWork<'_>, import: &Import) -> Result<bool> {
    let Some(maker) = principal(tx, import)? else {
        return Ok(false);
    };
    let groups = groups::of_import(tx.connection, import.id)?;
    let asked = tx.acting_as(maker, |tx| {
        let permit = authorization::permit::<ManageImports>(tx, import.organization_id)?;
        permit.require_reach_of_repetition(tx.connection, &groups, import.account_type)
    });
    match asked {
        Ok(()) => Ok(true),
        Err(Error::Refused(_)) => Ok(false),
        Err(
            error @ (Error::Unavailable(_)
            | Error::Conflict(_)
            | Error::Deadlock(_)
            | Error::Internal(_)),
        ) => Err(error),
    }
}

/// None where the account is deleted or deactivated, or the API key is revoked or has expired.
fn principal(tx: &mut UnitOfWork<'_>, import: &Import) -> Result<Option<Principal>> {
    match import.created_by_kind {
        ActorKind::CommandLine => Ok(Some(Principal::CommandLine)),
        ActorKind::Account | ActorKind::Operator => account(tx, import),
        ActorKind::ApiKey => api_key(tx, import),
        ActorKind::SetupLink | ActorKind::Anonymous | ActorKind::System => Ok(None),
    }
}

fn account(tx: &mut UnitOfWork<'_>, import: &Import) -> Result<Option<Principal>> {
    let Some(id) = import.created_by_account_id else {
        return Ok(None);
    };
    let account = accounts::find(tx.connection, id)?;
    let active = account.filter(|account| account.deactivated_at.is_none());
    Ok(active.map(Principal::Owner))
}

fn api_key(tx: &mut UnitOfWork<'_>, import: &Import) -> Result<Option<Principal>> {
    let Some(id) = import.created_by_api_key else {
        return Ok(None);
    };
    let usable = api_keys::find_usable_by_id(tx.connection, id, tx.now())?;
    let principal = usable.map(|(key, creator)| ApiKeyPrincipal::new(key, creator));
    Ok(principal.transpose()?.map(Principal::ApiKey))
}
