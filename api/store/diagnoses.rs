//! Diagnoses: what was checked when somebody came, and in the tests of connections.

use diesel::prelude::*;

use super::schema::{connections, diagnoses};
use super::sql_types::JsonColumn;
use super::{Connection, Page};
use crate::domain::connections::{ConnectionKind, DiagnosisStatus, FlowPurpose};
use crate::domain::ids::{
    AccountId, AppId, ConnectionId, DiagnosisId, OrganizationId, SetupLinkId,
};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

/// A diagnosis as it is kept.
#[derive(Clone, Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = diagnoses, treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct Diagnosis {
    pub id: DiagnosisId,
    pub organization_id: OrganizationId,
    pub connection_id: ConnectionId,
    pub reference: String,
    pub purpose: FlowPurpose,
    pub status: DiagnosisStatus,
    pub code: Option<String>,
    pub steps: JsonColumn,
    pub claim_names: JsonColumn,
    pub sealed: Option<Vec<u8>>,
    pub would: Option<JsonColumn>,
    /// Who got in.
    pub account_id: Option<AccountId>,
    /// The admin who made a test.
    pub made_by_account_id: Option<AccountId>,
    pub at: Timestamp,
    pub expires_at: Timestamp,
    /// The link that made a test.
    pub made_by_setup_link_id: Option<SetupLinkId>,
}

/// Adds a diagnosis.
pub fn insert(connection: &mut Connection, diagnosis: &Diagnosis) -> Result<()> {
    diesel::insert_into(diagnoses::table)
        .values(diagnosis)
        .execute(connection)?;
    Ok(())
}

/// Ends a test that waits; `false` where it does not wait any more.
pub fn end_test(connection: &mut Connection, ended: &Diagnosis) -> Result<bool> {
    let waiting = diagnoses::table
        .find(ended.id)
        .filter(diagnoses::status.eq(DiagnosisStatus::Waiting));
    Ok(diesel::update(waiting).set(ended).execute(connection)? == 1)
}

/// Keeps the steps of a test while it waits.
pub fn note_steps(connection: &mut Connection, id: DiagnosisId, steps: &JsonColumn) -> Result<()> {
    let waiting = diagnoses::table
        .find(id)
        .filter(diagnoses::status.eq(DiagnosisStatus::Waiting));
    diesel::update(waiting)
        .set(diagnoses::steps.eq(steps))
        .execute(connection)?;
    Ok(())
}

/// Ends the tests of these connections that wait, as failed for this reason.
pub fn end_waiting(
    connection: &mut Connection,
    providers: &[ConnectionId],
    (code, steps): (&str, &JsonColumn),
) -> Result<()> {
    let waiting = diagnoses::table
        .filter(diagnoses::connection_id.eq_any(providers))
        .filter(diagnoses::purpose.eq(FlowPurpose::Test))
        .filter(diagnoses::status.eq(DiagnosisStatus::Waiting));
    diesel::update(waiting)
        .set((
            diagnoses::status.eq(DiagnosisStatus::Failed),
            diagnoses::code.eq(code),
            diagnoses::steps.eq(steps),
        ))
        .execute(connection)?;
    Ok(())
}

/// Ends the tests of the connections by an app that wait, as failed for this reason.
pub fn end_waiting_by_app(
    connection: &mut Connection,
    app: AppId,
    because: (&str, &JsonColumn),
) -> Result<()> {
    let of_app: Vec<ConnectionId> = connections::table
        .filter(connections::app_id.eq(app))
        .select(connections::id)
        .load(connection)?;
    end_waiting(connection, &of_app, because)
}

/// A test of a connection that is not forgotten.
pub fn find_test(
    connection: &mut Connection,
    (organization, provider): (OrganizationId, ConnectionId),
    id: DiagnosisId,
    now: Timestamp,
) -> Result<Option<Diagnosis>> {
    Ok(diagnoses::table
        .find(id)
        .filter(diagnoses::organization_id.eq(organization))
        .filter(diagnoses::connection_id.eq(provider))
        .filter(diagnoses::purpose.eq(FlowPurpose::Test))
        .filter(diagnoses::expires_at.gt(now))
        .select(Diagnosis::as_select())
        .first(connection)
        .optional()?)
}

/// A diagnosis with its connection, by name and kind.
pub type DiagnosisView = (Diagnosis, String, ConnectionKind);

/// A page of an organization's diagnoses, tests not among them, the newest first.
pub fn list(
    connection: &mut Connection,
    organization: OrganizationId,
    page: Page<DiagnosisId>,
    now: Timestamp,
) -> Result<Vec<DiagnosisView>> {
    let mut query = diagnoses::table
        .inner_join(connections::table)
        .filter(diagnoses::organization_id.eq(organization))
        .filter(diagnoses::purpose.ne(FlowPurpose::Test))
        .filter(diagnoses::expires_at.gt(now))
        .order(diagnoses::id.desc())
        .limit(page.limit)
        .select((Diagnosis::as_select(), connections::name, connections::kind))
        .into_boxed();
    if let Some(before) = page.after {
        query = query.filter(diagnoses::id.lt(before));
    }
    Ok(query.load(connection)?)
}

/// A diagnosis by what its person reads out, with its connection.
pub fn find_view(
    connection: &mut Connection,
    organization: OrganizationId,
    reference: &str,
    now: Timestamp,
) -> Result<Option<DiagnosisView>> {
    Ok(diagnoses::table
        .inner_join(connections::table)
        .filter(diagnoses::reference.eq(reference))
        .filter(diagnoses::organization_id.eq(organization))
        .filter(diagnoses::expires_at.gt(now))
        .select((Diagnosis::as_select(), connections::name, connections::kind))
        .first(connection)
        .optional()?)
}

/// The same diagnosis alone.
pub fn find_by_reference(
    connection: &mut Connection,
    organization: OrganizationId,
    reference: &str,
    now: Timestamp,
) -> Result<Option<Diagnosis>> {
    let found = find_view(connection, organization, reference, now)?;
    Ok(found.map(|(diagnosis, ..)| diagnosis))
}

/// Forgets diagnoses whose time is over.
pub fn delete_ended(connection: &mut Connection, now: Timestamp) -> Result<()> {
    diesel::delete(diagnoses::table.filter(diagnoses::expires_at.le(now))).execute(connection)?;
    Ok(())
}
