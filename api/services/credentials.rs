//! What opens an account beside its password: sessions and API keys, ended together.

use super::events;
use super::unit_of_work::UnitOfWork;
use crate::domain::events::{ApiKeyEvent, DomainEvent, IdentityEvent};
use crate::domain::ids::{AccountId, IdentityId};
use crate::error::Result;
use crate::store::{api_keys, identities, sessions};

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
    for identity in identities::delete_of_account(tx.connection, account, proven_by)? {
        let event = DomainEvent::Identity {
            organization: identity.organization_id,
            account,
            event: IdentityEvent::Unlinked {
                identity: identity.id,
                connection: identity.connection_id,
            },
        };
        events::publish(tx, event)?;
    }
    revoke_all(tx, account)
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
