//! Invite codes: managed by those who may let people in (`docs/invite-codes.md`).

pub mod guessing;
pub mod pending_joins;
pub mod redemption;

use serde_json::{Map, Value, json};

use super::authorization::{
    GroupPermit, ManageGroupInviteCode, ManageInviteCode, Permit, ReadGroupInviteCode,
    ReadInviteCode,
};
use super::events;
use super::unit_of_work::UnitOfWork;
use crate::domain::events::{DomainEvent, InviteCodeEvent};
use crate::domain::ids::{GroupId, InviteCodeUseId, OrganizationId};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::store::invite_code_uses::{self, NamedUse};
use crate::store::invite_codes::{self, CodeChanges, StoredCode};
use crate::store::{Connection, invite_code_draws};

/// Whose code it is: the organization's own or a group's.
#[derive(Clone, Copy)]
struct CodeOwner {
    organization: OrganizationId,
    group: Option<GroupId>,
}

impl CodeOwner {
    fn organization<P>(permit: &Permit<P>) -> Self {
        Self {
            organization: permit.organization.id,
            group: None,
        }
    }

    fn group<P>(permit: &GroupPermit<P>) -> Self {
        Self {
            organization: permit.permit.organization.id,
            group: Some(permit.group.id),
        }
    }
}

/// Proof that the principal may read a code.
pub struct ReadableCode(CodeOwner);

/// Proof that the principal may change a code.
pub struct ManagedCode(CodeOwner);

impl From<Permit<ReadInviteCode>> for ReadableCode {
    fn from(permit: Permit<ReadInviteCode>) -> Self {
        Self(CodeOwner::organization(&permit))
    }
}

impl From<GroupPermit<ReadGroupInviteCode>> for ReadableCode {
    fn from(permit: GroupPermit<ReadGroupInviteCode>) -> Self {
        Self(CodeOwner::group(&permit))
    }
}

impl From<Permit<ManageInviteCode>> for ManagedCode {
    fn from(permit: Permit<ManageInviteCode>) -> Self {
        Self(CodeOwner::organization(&permit))
    }
}

impl From<GroupPermit<ManageGroupInviteCode>> for ManagedCode {
    fn from(permit: GroupPermit<ManageGroupInviteCode>) -> Self {
        Self(CodeOwner::group(&permit))
    }
}

/// Gives a new organization, or a new group of it, its code; call it in the transaction that creates
/// the owner.
pub fn create(
    connection: &mut Connection,
    organization: OrganizationId,
    group: Option<GroupId>,
    now: Timestamp,
) -> Result<()> {
    invite_code_draws::create(connection, organization, group, now)
}

/// The code as it is now.
pub fn get(tx: &mut UnitOfWork<'_>, code: &ReadableCode) -> Result<StoredCode> {
    find(tx, code.0)
}

/// Every owner has a code from the transaction that creates it, or from the migration of the database:
/// an owner without one has just been deleted.
fn find(tx: &mut UnitOfWork<'_>, owner: CodeOwner) -> Result<StoredCode> {
    invite_codes::find(tx.connection, owner.organization, owner.group)?
        .ok_or_else(|| Error::not_found("invite code"))
}

/// Changes the limits of a code, and gives it as it is then.
///
/// # Errors
/// `validation_failed` for a maximum below the uses that were counted already.
pub fn update(
    tx: &mut UnitOfWork<'_>,
    code: &ManagedCode,
    changes: &CodeChanges,
) -> Result<StoredCode> {
    let known = find(tx, code.0)?;
    if changes.is_empty() {
        return Ok(known);
    }
    tx.transaction(|tx| {
        if !invite_codes::update(tx.connection, &known, changes)? {
            // Not found where it was deleted meanwhile.
            find(tx, code.0)?;
            return Err(below_uses());
        }
        let changes = named(changes);
        publish(tx, &known, InviteCodeEvent::Updated { changes })?;
        find(tx, code.0)
    })
}

/// The refusal of a maximum below the uses that were counted already.
pub fn below_uses() -> Error {
    Error::invalid(
        "/max_uses",
        "below_uses",
        "The code has been used more often already. Pause or reset it to let nobody in.",
    )
}

/// What was set, by its name in the API.
fn named(changes: &CodeChanges) -> Map<String, Value> {
    let mut details = Map::new();
    if let Some(max_uses) = changes.max_uses {
        details.insert("max_uses".to_owned(), json!(max_uses));
    }
    if let Some(expires_at) = changes.expires_at {
        details.insert("expires_at".to_owned(), json!(expires_at));
    }
    if let Some(paused) = changes.paused {
        details.insert("paused".to_owned(), json!(paused));
    }
    if let Some(domains) = changes.allowed_email_domains() {
        details.insert("allowed_email_domains".to_owned(), domains.clone());
    }
    details
}

/// Replaces the code by a new one. The old one is dead at once, also for those who have entered it and
/// have not verified their address yet.
pub fn reset(tx: &mut UnitOfWork<'_>, code: &ManagedCode) -> Result<StoredCode> {
    let known = find(tx, code.0)?;
    tx.transaction(|tx| {
        let now = tx.now();
        invite_code_draws::reset(tx.connection, &known, now)?;
        pending_joins::end_of_code(tx, known.organization_id, known.id)?;
        publish(tx, &known, InviteCodeEvent::Reset)?;
        find(tx, code.0)
    })
}

fn publish(tx: &mut UnitOfWork<'_>, code: &StoredCode, event: InviteCodeEvent) -> Result<()> {
    let event = DomainEvent::InviteCode {
        organization: code.organization_id,
        group: code.group_id,
        invite_code: code.id,
        event,
    };
    events::publish(tx, event)
}

/// A page of the uses of a code, the newest first.
pub fn uses(
    tx: &mut UnitOfWork<'_>,
    code: &ReadableCode,
    after: Option<InviteCodeUseId>,
    limit: i64,
) -> Result<Vec<NamedUse>> {
    let code = find(tx, code.0)?;
    invite_code_uses::list(tx.connection, &code, after, limit)
}
