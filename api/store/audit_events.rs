//! The audit log: only ever added to.

use diesel::prelude::*;

use super::backend::insert_rows;
use super::schema::audit_events;
use super::sql_types::JsonColumn;
use super::{Connection, Page};
use crate::clock::first_id_at;
use crate::domain::audit::{ActorKind, AuditAction, SubjectType};
use crate::domain::ids::{AccountId, ApiKeyId, AuditEventId, OrganizationId};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};

/// An event as it is kept.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = audit_events, treat_none_as_default_value = false)]
pub struct AuditEvent {
    pub id: AuditEventId,
    pub organization_id: Option<OrganizationId>,
    pub action: AuditAction,
    pub actor_kind: ActorKind,
    pub actor_account_id: Option<AccountId>,
    /// The API key by which the account acted.
    pub actor_api_key: Option<ApiKeyId>,
    pub actor_name: String,
    pub subject_type: SubjectType,
    pub subject: String,
    pub details: JsonColumn,
    pub request: Option<String>,
    pub created_at: Timestamp,
}

/// Which events a list shows; absent fields do not narrow it.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    pub action: Option<AuditAction>,
    pub actor: Option<AccountId>,
    pub subject_type: Option<SubjectType>,
    pub subject: Option<String>,
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
}

/// The number of events in one statement: SQLite takes at most 32,766 values.
const MAX_ROWS: usize = 2_000;

/// Adds events.
pub fn insert(connection: &mut Connection, events: &[AuditEvent]) -> Result<()> {
    let events = events.iter().cloned();
    insert_rows!(connection, audit_events::table, events, (insert, c) => insert.execute(c));
    Ok(())
}

/// Deletes some of the events from before then; `false` where no more are left. Ids sort by time, so that
/// their index finds the old ones.
pub fn delete_some_before(connection: &mut Connection, before: Timestamp) -> Result<bool> {
    let some = i64::try_from(MAX_ROWS).map_err(Error::internal)?;
    let old: Vec<AuditEventId> = audit_events::table
        .filter(audit_events::id.lt(first_id_at::<AuditEventId>(before)))
        .filter(audit_events::created_at.lt(before))
        .order(audit_events::id.asc())
        .limit(some)
        .select(audit_events::id)
        .load(connection)?;
    diesel::delete(audit_events::table.filter(audit_events::id.eq_any(&old)))
        .execute(connection)?;
    Ok(old.len() >= MAX_ROWS)
}

/// A page of an organization's events, the newest first.
pub fn list(
    connection: &mut Connection,
    organization: OrganizationId,
    filter: &AuditFilter,
    page: Page<AuditEventId>,
) -> Result<Vec<AuditEvent>> {
    let mut query = audit_events::table
        .filter(audit_events::organization_id.eq(organization))
        .order(audit_events::id.desc())
        .limit(page.limit)
        .select(AuditEvent::as_select())
        .into_boxed();
    if let Some(before) = page.after {
        query = query.filter(audit_events::id.lt(before));
    }
    if let Some(action) = filter.action {
        query = query.filter(audit_events::action.eq(action));
    }
    if let Some(actor) = filter.actor {
        query = query.filter(audit_events::actor_account_id.eq(actor));
    }
    if let Some(subject_type) = filter.subject_type {
        query = query.filter(audit_events::subject_type.eq(subject_type));
    }
    if let Some(subject) = &filter.subject {
        query = query.filter(audit_events::subject.eq(subject));
    }
    if let Some(from) = filter.from {
        query = query.filter(audit_events::created_at.ge(from));
    }
    if let Some(to) = filter.to {
        query = query.filter(audit_events::created_at.lt(to));
    }
    Ok(query.load(connection)?)
}
