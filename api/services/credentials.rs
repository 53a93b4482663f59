//! What opens an account beside its password: sessions and API keys, ended together.

use super::events;
use super::unit_of_work::UnitOfWork;
use crate::domain::events::{ApiKeyEvent, DomainEvent, IdentityEvent};
use crate::domain::ids::{AccountId, IdentityId, OrganizationId};
use crate::error::Result;
use crate::store::identities::{self, Identity};
use crate::store::{api_keys, sessions};

/// Ends every session of an account and revokes the API keys that it created; tells how many sessions it
/// were. Call it in the transaction that has locked the account.
pub(super) fn revoke_all(tx: &mut UnitOfWork<'_>, account: AccountId) -> Result<usize> {
    revoke_api_keys(tx, account)?;
    sessions::delete_all(tx.connection, account, None)
}

/// Ends what opens an account whose mailbox is read for the first time: whoever registered the address, set the password
/// or linked an identity before may have been somebody else. An identity that is the proof itself stays. The caller sets the
/// password anew, or takes it away.
pub(super) fn revoke_before_first_proof(
    tx: &mut UnitOfWork<'_>,
    account: AccountId,
    proven_by: Option<IdentityId>,
) -> Result<usize> {
    let ended = identities::delete_of_account(tx.connection, account, proven_by)?;
    publish_unlinked(tx, ended)?;
    revoke_all(tx, account)
}

/// Ends what opens an account that was in the hands of somebody else, but for its identities in one organization. The
/// caller takes the password away.
pub(super) fn revoke_elsewhere(
    tx: &mut UnitOfWork<'_>,
    account: AccountId,
    organization: OrganizationId,
) -> Result<usize> {
    let ended = identities::delete_elsewhere(tx.connection, account, organization)?;
    publish_unlinked(tx, ended)?;
    revoke_all(tx, account)
}

fn publish_unlinked(tx: &mut UnitOfWork<'_>, identities: Vec<Identity>) -> Result<()> {
    for identity in identities {
        let event = DomainEvent::Identity {
            organization: identity.organization_id,
            account: identity.account_id,
            event: IdentityEvent::Unlinked {
                identity: identity.id,
                connection: identity.connection_id,
            },
        };
        events::publish(tx, event)?;
    }
    Ok(())
}

fn revoke_api_keys(tx: &mut UnitOfWork<'_>, account: AccountId) -> Result<()> {
    for key in api_keys::created_by(tx.connection, account)? {
        if api_keys::delete(tx.connection, key.organization_id, key.id)? {
            let event = DomainEvent::ApiKey {
                organization: key.organization_id,
                api_key: key.id,
                event: ApiKeyEvent::Revoked { name: key.name },
            };
            events::publish(tx, event)?;
        }
    }
    Ok(())
}
