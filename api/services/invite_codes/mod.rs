//! Invite codes: looked after by those who may let people in (PRODUCT 3.4).

pub mod redemption;

use serde_json::{Value, json};

use super::act::Act;
use super::audit::{self, Event, Subject};
use super::authorization::{GroupPermit, ManageGroup, ManageInviteCode, Permit};
use crate::crypto::random;
use crate::domain::audit::AuditAction;
use crate::domain::ids::{GroupId, InviteCodeUseId, OrganizationId};
use crate::domain::invite_code::InviteCode;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::store::invite_codes::{self, CodeChanges, NamedUse, StoredCode};
use crate::store::{Connection, pending_joins, transaction};

/// Whose code it is about, and who acts: the organization's own or a group's, by the permit for it.
pub struct CodeScope {
    organization: OrganizationId,
    group: Option<GroupId>,
    act: Act,
}

impl From<Permit<ManageInviteCode>> for CodeScope {
    fn from(permit: Permit<ManageInviteCode>) -> Self {
        Self {
            organization: permit.organization.id,
            group: None,
            act: permit.act,
        }
    }
}

impl From<GroupPermit<ManageGroup>> for CodeScope {
    fn from(permit: GroupPermit<ManageGroup>) -> Self {
        Self {
            organization: permit.permit.organization.id,
            group: Some(permit.group.id),
            act: permit.permit.act,
        }
    }
}

/// Gives a new organization, or a new group of it, its code; call it in the transaction that makes
/// the owner.
///
/// # Errors
/// Where the system has no randomness to give.
pub fn make(
    connection: &mut Connection,
    organization: OrganizationId,
    group: Option<GroupId>,
    now: Timestamp,
) -> Result<()> {
    let new = StoredCode::new(organization, group, generate()?, now);
    // Nothing is inserted where the owner has a code already, and where the same 49 bits were drawn
    // before; then it is made when it is asked for.
    invite_codes::insert(connection, &new)?;
    Ok(())
}

fn generate() -> Result<InviteCode> {
    random::invite_code()
}

/// The code. An owner that is older than the codes gets its own now.
///
/// # Errors
/// Where the database is away.
pub fn get(connection: &mut Connection, scope: &CodeScope) -> Result<StoredCode> {
    let (organization, group) = (scope.organization, scope.group);
    if let Some(code) = invite_codes::find(connection, organization, group)? {
        return Ok(code);
    }
    transaction(connection, |connection| {
        make(connection, organization, group, scope.act.at)
    })?;
    invite_codes::find(connection, organization, group)?
        .ok_or_else(|| Error::unavailable("the code's owner is gone, or the code was drawn before"))
}

/// Changes what the code's limits are, and gives it as it is then.
///
/// # Errors
/// `validation_failed` for a maximum below the uses that were counted already.
pub fn update(
    connection: &mut Connection,
    scope: &CodeScope,
    changes: &CodeChanges,
) -> Result<StoredCode> {
    let known = get(connection, scope)?;
    if changes.is_empty() {
        return Ok(known);
    }
    transaction(connection, |connection| {
        if !invite_codes::update(connection, scope.organization, known.id, changes)? {
            return Err(Error::invalid(
                "/max_uses",
                "below_uses",
                "The code has been used more often already. Pause or reset it to let nobody in.",
            ));
        }
        let event = scope.event(AuditAction::InviteCodeUpdated, &known, named(changes));
        audit::record(connection, &scope.act, event)?;
        get(connection, scope)
    })
}

/// What was set, by its name in the API.
fn named(changes: &CodeChanges) -> Value {
    let mut details = serde_json::Map::new();
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
    Value::Object(details)
}

/// Puts a new code in the place of the old one, which is dead at once, also for those who have
/// entered it and wait for their verification.
///
/// # Errors
/// Where the system has no randomness to give.
pub fn reset(connection: &mut Connection, scope: &CodeScope) -> Result<StoredCode> {
    let known = get(connection, scope)?;
    let new = generate()?;
    transaction(connection, |connection| {
        invite_codes::reset(connection, scope.organization, known.id, &new, scope.act.at)?;
        pending_joins::delete_of_code(connection, known.id)?;
        let event = scope.event(AuditAction::InviteCodeReset, &known, json!({}));
        audit::record(connection, &scope.act, event)?;
        get(connection, scope)
    })
}

/// Who used the code, and when: a page, the newest first.
pub fn uses(
    connection: &mut Connection,
    scope: &CodeScope,
    after: Option<InviteCodeUseId>,
    limit: i64,
) -> Result<Vec<NamedUse>> {
    let code = get(connection, scope)?;
    invite_codes::uses(connection, scope.organization, code.id, after, limit)
}

impl CodeScope {
    fn event(&self, action: AuditAction, code: &StoredCode, mut details: Value) -> Event {
        if let (Some(group), Some(details)) = (self.group, details.as_object_mut()) {
            details.insert("group_id".to_owned(), json!(group));
        }
        Event::within(
            self.organization,
            action,
            Subject::InviteCode(code.id),
            details,
        )
    }
}
