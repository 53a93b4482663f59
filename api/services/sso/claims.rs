//! What identity providers said of people last, kept for a month: previews of rules try them on it.

use std::time::Duration;

use serde_json::{Map, Value};

use super::sealed::{open_sealed, seal};
use crate::domain::ids::IdentityId;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::identity_claims::{self, IdentityClaims};
use crate::store::sso_connections::SsoConnection;

/// How long it is kept.
pub const CLAIMS_KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The most that is kept of one person, in bytes of JSON: more than a token of a provider holds.
pub const MAX_CLAIMS: usize = 64 * 1024;

/// What the claims of a person are sealed for.
const KIND: &str = "claims of";

/// Keeps what was said of somebody; nothing where it is too much.
pub(super) fn keep(
    tx: &mut UnitOfWork<'_>,
    (connection, identity): (&SsoConnection, IdentityId),
    claims: &Map<String, Value>,
) -> Result<()> {
    let organization = connection.organization_id;
    let sealed = seal(tx, KIND, place(identity).as_bytes(), claims)?;
    if sealed.len() > MAX_CLAIMS {
        return identity_claims::delete(tx.connection, organization, identity);
    }
    let said = IdentityClaims {
        identity_id: identity,
        organization_id: organization,
        connection_id: connection.id,
        sealed,
        seen_at: tx.now(),
    };
    identity_claims::put(tx.connection, &said)
}

/// What was said of somebody; `None` where its sealing key is gone.
pub(super) fn open(tx: &UnitOfWork<'_>, said: &IdentityClaims) -> Option<Map<String, Value>> {
    let place = place(said.identity_id);
    open_sealed(tx, KIND, place.as_bytes(), &said.sealed).ok()
}

fn place(identity: IdentityId) -> String {
    identity.to_string()
}

/// What the claims of an identity are sealed for.
pub fn claims_context(identity: IdentityId) -> Vec<u8> {
    super::sealed::context(KIND, place(identity).as_bytes())
}

/// Since when what was said counts.
pub(super) fn kept_since(tx: &UnitOfWork<'_>) -> Timestamp {
    tx.now().minus(CLAIMS_KEPT)
}

/// Forgets what was said too long ago.
pub(super) fn delete_old(tx: &mut UnitOfWork<'_>) -> Result<()> {
    let since = kept_since(tx);
    identity_claims::delete_seen_before(tx.connection, since)
}
