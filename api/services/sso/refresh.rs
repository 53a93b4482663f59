//! What identity providers publish, read anew each day, and when somebody asks: metadata by SAML from its address, the
//! document of discovery and the keys by OpenID Connect.

use url::Url;
use uuid::Uuid;

use super::entry::lock_organization;
use super::metadata::NewMetadata;
use super::publication::publish;
use super::settings::{
    is_metadata_by_link, kept, kept_issuer_by_link, known_provider, require_complete,
};
use super::{connections, daily_check, notices, warnings};
use crate::domain::connections::{ConnectionKind, SamlSettings};
use crate::domain::events::ConnectionEvent;
use crate::domain::ids::ConnectionId;
use crate::domain::known_provider::KnownProvider;
use crate::error::{Code, Error, Result};
use crate::services::authorization::{ManageConnections, Permit};
use crate::services::limits::{self, Limit, LimitRequest};
use crate::services::unit_of_work::UnitOfWork;
use crate::store::jobs::Lease;
use crate::store::sso_connections::{self, SsoConnection};

/// What was read anew.
#[derive(Clone)]
pub enum Refreshed {
    Metadata(Box<SamlSettings>),
    /// Discovery and keys, which are kept beside the connection.
    Keys,
}

/// What was read anew, or why nothing could be, in words.
pub type ReadAnew = std::result::Result<Refreshed, String>;

/// The connection that a job is about; `None` where it is gone.
pub fn connection_of(tx: &mut UnitOfWork<'_>, lease: &Lease) -> Result<Option<SsoConnection>> {
    let id = ConnectionId::from(Uuid::from(lease.job.subject));
    sso_connections::find(tx.connection, id)
}

/// Tells admins of what is the matter with a connection. `false` where another worker has taken the job over.
pub fn finish_check(tx: &mut UnitOfWork<'_>, lease: &Lease) -> Result<bool> {
    tx.transaction(|tx| {
        let connection = connection_of(tx, lease)?;
        daily_check::again(tx, lease, connection, |tx, connection| {
            let connection = warnings::note_silence(tx, connection)?;
            notices::queue(tx, &connection)
        })
    })
}

/// The connection whose provider somebody wants to be asked now. Counts it.
///
/// # Errors
/// `not_found`, `rate_limited`; `connection_incomplete`; `validation_failed` where it has no address to read it from.
pub fn begin(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageConnections>,
    id: ConnectionId,
) -> Result<SsoConnection> {
    let connection = connections::find(tx, permit, id)?;
    require_complete(&connection)?;
    if connection.kind == ConnectionKind::Saml && address_of(&connection)?.is_none() {
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
    Ok(match known_provider(connection)? {
        KnownProvider::Saml(settings) => settings.filter(|known| known.metadata.url.is_some()),
        KnownProvider::Oidc(_) => None,
    })
}

/// The metadata that is to be read for a connection. Of another identity provider than before it may not be: that is
/// for somebody to decide.
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

/// Keeps what was read for a connection, or why it could not be read, unless its provider was changed meanwhile. What
/// was tested stays tested: a provider that changes its certificate is the same provider.
///
/// # Errors
/// `connection_unknown` where it was deleted meanwhile.
pub fn finish(
    tx: &mut UnitOfWork<'_>,
    asked: &SsoConnection,
    read: ReadAnew,
) -> Result<SsoConnection> {
    tx.transaction(|tx| {
        lock_organization(tx, asked.organization_id)?;
        let found = sso_connections::find_in(tx.connection, asked.organization_id, asked.id)?;
        let mut connection = found.ok_or_else(super::flows::unknown)?;
        if !asks_the_same(&connection, asked)? {
            return Ok(connection);
        }
        let taken = match read {
            Ok(Refreshed::Metadata(read)) => take_metadata(tx, &mut connection, *read)?,
            Ok(Refreshed::Keys) => Ok(()),
            Err(problem) => Err(problem),
        };
        match taken {
            Ok(()) => {
                connection.metadata_missing_since = None;
                connection.metadata_problem = None;
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

/// Whether what was asked for is what would be asked for now.
fn asks_the_same(now: &SsoConnection, then: &SsoConnection) -> Result<bool> {
    Ok(match (known_provider(now)?, known_provider(then)?) {
        (KnownProvider::Oidc(now), KnownProvider::Oidc(then)) => now.issuer == then.issuer,
        (KnownProvider::Saml(Some(now)), KnownProvider::Saml(Some(then))) => {
            now.metadata.url.is_some()
                && now.metadata == then.metadata
                && now.entity_id == then.entity_id
        }
        _ => false,
    })
}

/// What an admin has to do about metadata of which nobody but whoever had a setup link has named the address.
const OF_A_LINK: &str = "What is there now names other certificates, or another page to sign in, than before, and the \
                         address is the word of whoever has a setup link. Where it is right, have an admin send \
                         `metadata_url` again by a change of the connection; from then on it is taken by itself.";

/// Takes metadata that was read anew, and what was chosen of it stays; or says why not. An address that a setup link has
/// named is anybody's who had the link, unless people sign in at the same host: by it alone nobody else signs people in.
fn take_metadata(
    tx: &mut UnitOfWork<'_>,
    connection: &mut SsoConnection,
    read: SamlSettings,
) -> Result<std::result::Result<(), String>> {
    let Some(old) = address_of(connection)? else {
        return Ok(Ok(()));
    };
    let new = SamlSettings {
        metadata: old.metadata.clone(),
        subject_source: old.subject_source.clone(),
        ..read
    };
    if new == old {
        return Ok(Ok(()));
    }
    let is_same_page = new.sign_in_location == old.sign_in_location;
    let is_own_address = is_same_page && is_read_where_people_sign_in(&old);
    let (known, new) = (
        KnownProvider::Saml(Some(old)),
        KnownProvider::Saml(Some(new)),
    );
    let is_same = is_same_page && kept_issuer_by_link(&new) == connection.subject_issuer;
    if is_metadata_by_link(connection, &known) && !is_same && !is_own_address {
        return Ok(Err(OF_A_LINK.to_owned()));
    }
    connection.settings = kept(&new)?;
    let fields = vec!["metadata"];
    publish(tx, connection, ConnectionEvent::Changed { fields })?;
    Ok(Ok(()))
}

/// Whether metadata is read from the host of the page where people sign in, which is the identity provider's own.
fn is_read_where_people_sign_in(settings: &SamlSettings) -> bool {
    let origin = |address: &str| Url::parse(address).ok().map(|url| url.origin());
    let read_from = settings.metadata.url.as_deref().and_then(origin);
    read_from.is_some_and(|it| it.is_tuple() && Some(it) == origin(&settings.sign_in_location))
}
