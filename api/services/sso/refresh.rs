//! Metadata of connections by SAML, read anew from its address each day, and when somebody asks.

use std::time::Duration;

use uuid::Uuid;

use super::entry::lock_organization;
use super::metadata::NewMetadata;
use super::publication::publish;
use super::settings::{kept, provider_settings};
use crate::domain::connections::{ConnectionKind, ProviderSettings, SamlSettings};
use crate::domain::events::ConnectionEvent;
use crate::domain::ids::{ConnectionId, JobSubject};
use crate::domain::jobs::{JobKind, Priority};
use crate::error::{Code, Error, Result};
use crate::services::authorization::{ManageConnections, Permit};
use crate::services::limits::{self, Limit, LimitRequest};
use crate::services::unit_of_work::UnitOfWork;
use crate::store::jobs::{self, Lease, NewJob, Schedule};
use crate::store::sso_connections::{self, SsoConnection};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Queues the first look at a connection by SAML, for tomorrow.
pub(super) fn queue(tx: &mut UnitOfWork<'_>, connection: &SsoConnection) -> Result<()> {
    if connection.kind != ConnectionKind::Saml {
        return Ok(());
    }
    let job = NewJob {
        kind: JobKind::MetadataRefresh,
        priority: Priority::Bulk,
        tenant: Some(connection.organization_id),
        subject: subject_of(connection.id),
        part: 0,
    };
    let tomorrow = Schedule::after(tx.now(), DAY);
    jobs::enqueue_each(tx.connection, &[(job, tomorrow)])
}

/// Takes the job of a connection away that is deleted.
pub(super) fn delete(tx: &mut UnitOfWork<'_>, id: ConnectionId) -> Result<()> {
    jobs::delete(tx.connection, JobKind::MetadataRefresh, subject_of(id))
}

fn subject_of(id: ConnectionId) -> JobSubject {
    Uuid::from(id).into()
}

/// The connection that a job is about; `None` where it is gone.
pub fn connection_of(tx: &mut UnitOfWork<'_>, lease: &Lease) -> Result<Option<SsoConnection>> {
    let id = ConnectionId::from(Uuid::from(lease.job.subject));
    sso_connections::find(tx.connection, id)
}

/// Puts the job of a connection off until tomorrow; that of one that is gone is done. `false` where another worker has
/// taken it over.
pub fn put_off(tx: &mut UnitOfWork<'_>, lease: &Lease, is_there: bool) -> Result<bool> {
    if !is_there {
        return jobs::finish(tx.connection, lease);
    }
    let tomorrow = Schedule::after(tx.now(), DAY);
    jobs::defer(tx.connection, lease, tomorrow)
}

/// The connection whose metadata somebody wants to be read now. Counts it.
///
/// # Errors
/// `not_found`, `rate_limited`; `validation_failed` where it has no address to read it from.
pub fn begin(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageConnections>,
    id: ConnectionId,
) -> Result<SsoConnection> {
    let found = sso_connections::find_in(tx.connection, permit.organization.id, id)?;
    let connection = found.ok_or_else(|| Error::not_found("connection"))?;
    if address_of(&connection)?.is_none() {
        return Err(nothing_to_refresh());
    }
    let subject = format!("metadata of {}", permit.organization.id);
    limits::take(tx, &[LimitRequest::one(Limit::ConnectionTest, subject)])?;
    Ok(connection)
}

/// The refusal of a connection that has no metadata at an address.
pub fn nothing_to_refresh() -> Error {
    Error::refused(
        Code::ValidationFailed,
        "This connection has no metadata at an address. Send its metadata anew by a change of the connection.",
    )
}

/// The settings of a connection whose metadata has an address.
fn address_of(connection: &SsoConnection) -> Result<Option<SamlSettings>> {
    Ok(match provider_settings(connection)? {
        ProviderSettings::Saml(settings) if settings.metadata.url.is_some() => Some(settings),
        ProviderSettings::Saml(_) | ProviderSettings::Oidc(_) => None,
    })
}

/// The metadata that is to be read for a connection. Of another identity provider than before it may not be: that is for
/// somebody to decide.
///
/// # Errors
/// `internal` where the settings cannot be read.
pub fn wanted(connection: &SsoConnection) -> Result<Option<NewMetadata>> {
    let Some(settings) = address_of(connection)? else {
        return Ok(None);
    };
    let mut source = settings.metadata;
    source.entity_id = Some(settings.entity_id);
    Ok(Some(NewMetadata {
        source,
        document: None,
        subject_source: settings.subject_source,
    }))
}

/// Keeps what was read for a connection, or why it could not be read, unless its metadata was changed meanwhile. What
/// was tested stays tested: a provider that changes its certificate is the same provider.
///
/// # Errors
/// `connection_unknown` where it was deleted meanwhile.
pub fn finish(
    tx: &mut UnitOfWork<'_>,
    asked: &SsoConnection,
    read: std::result::Result<SamlSettings, String>,
) -> Result<SsoConnection> {
    tx.transaction(|tx| {
        lock_organization(tx, asked.organization_id)?;
        let found = sso_connections::find_in(tx.connection, asked.organization_id, asked.id)?;
        let mut connection = found.ok_or_else(super::flows::unknown)?;
        let (Some(old), Some(before)) = (address_of(&connection)?, address_of(asked)?) else {
            return Ok(connection);
        };
        if old.metadata != before.metadata || old.entity_id != before.entity_id {
            return Ok(connection);
        }
        match read {
            Ok(read) => {
                connection.metadata_missing_since = None;
                connection.metadata_problem = None;
                let new = SamlSettings {
                    metadata: old.metadata.clone(),
                    subject_source: old.subject_source.clone(),
                    ..read
                };
                if new != old {
                    connection.settings = kept(&ProviderSettings::Saml(new))?;
                    let fields = vec!["metadata"];
                    publish(tx, &connection, ConnectionEvent::Changed { fields })?;
                }
            }
            Err(problem) => {
                let since = connection.metadata_missing_since.unwrap_or(tx.now());
                connection.metadata_missing_since = Some(since);
                connection.metadata_problem = Some(problem);
            }
        }
        sso_connections::update(tx.connection, &connection)?;
        Ok(connection)
    })
}
