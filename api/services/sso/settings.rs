//! The settings of a connection, by its protocol.

use serde::de::DeserializeOwned;

use super::diagnosis;
use crate::crypto::digest::sha256;
use crate::domain::connections::{ConnectionKind, ProviderSettings};
use crate::domain::ids::ConnectionId;
use crate::domain::known_provider::{KnownProvider, ProviderField};
use crate::error::{Code, Error, Result};
use crate::services::unit_of_work::UnitOfWork;
use crate::store::sql_types::JsonColumn;
use crate::store::sso_connections::{self, SsoConnection};

/// Of how many certificates each combination is looked at: metadata seldom has more than two.
const MAX_COMBINED: usize = 6;

/// What is known of the provider of a connection.
///
/// # Errors
/// `internal` where the settings cannot be read.
pub fn known_provider(connection: &SsoConnection) -> Result<KnownProvider> {
    match connection.kind {
        ConnectionKind::Oidc => read(connection).map(KnownProvider::Oidc),
        ConnectionKind::Saml => read(connection).map(KnownProvider::Saml),
    }
}

/// How the provider of a connection is reached.
///
/// # Errors
/// `connection_incomplete` for a draft of which that is not known yet; `internal` where the settings cannot be read.
pub fn provider_settings(connection: &SsoConnection) -> Result<ProviderSettings> {
    let known = known_provider(connection)?.complete();
    known.map_or_else(|| Err(incomplete(&missing_fields(connection)?)), Ok)
}

/// What is still to be said of a connection before anybody can come by it.
///
/// # Errors
/// `internal` where the settings cannot be read.
pub fn missing_fields(connection: &SsoConnection) -> Result<Vec<ProviderField>> {
    let known = known_provider(connection)?;
    Ok(known.missing(connection.preset, connection.sealed.is_some()))
}

/// Refuses a draft of which not enough is known to ask its provider.
///
/// # Errors
/// `connection_incomplete`.
pub(super) fn require_complete(connection: &SsoConnection) -> Result<()> {
    let missing = missing_fields(connection)?;
    if missing.is_empty() {
        return Ok(());
    }
    Err(incomplete(&missing))
}

/// The refusal of a draft of which this is not known yet.
pub fn incomplete(missing: &[ProviderField]) -> Error {
    let fields: Vec<_> = missing.iter().map(|field| named(*field)).collect();
    let fields = fields.join(", ");
    let detail = format!(
        "The connection does not know its identity provider yet. Send {fields} by a change of the connection first."
    );
    Error::refused(Code::ConnectionIncomplete, detail)
}

/// A field that is missing, with the one that does as well.
fn named(field: ProviderField) -> String {
    match field {
        ProviderField::Metadata => "`metadata_url` or `metadata`".to_owned(),
        field => format!("`{field}`"),
    }
}

/// Whether requests to a connection by SAML are to be signed; `None` where it is none. What its provider wants is not
/// known of a draft.
pub fn wants_signed_requests(tx: &mut UnitOfWork<'_>, id: ConnectionId) -> Result<Option<bool>> {
    let found = sso_connections::find(tx.connection, id)?;
    let known = found.as_ref().map(known_provider).transpose()?;
    Ok(match known {
        Some(KnownProvider::Saml(settings)) => {
            Some(settings.is_some_and(|settings| settings.wants_signed_requests))
        }
        Some(KnownProvider::Oidc(_)) | None => None,
    })
}

fn read<T: DeserializeOwned>(connection: &SsoConnection) -> Result<T> {
    serde_json::from_value(connection.settings.0.clone()).map_err(Error::internal)
}

/// Who names the people of a provider, as it is kept; `None` while that is not known.
pub(super) fn kept_issuer(known: &KnownProvider) -> Option<Vec<u8>> {
    let issuer = known.complete()?.subject_issuer();
    Some(sha256(issuer.as_bytes()).to_vec())
}

/// Who names the people of a connection that signs people in, as an admin would have named it: whoever did, this stays.
///
/// # Errors
/// `internal` where that is not known.
pub(super) fn issuer_of(connection: &SsoConnection) -> Result<Vec<u8>> {
    let issuer = kept_issuer(&known_provider(connection)?);
    issuer.ok_or_else(|| Error::internal("a connection that signs people in names no issuer"))
}

/// The same of metadata that whoever has a setup link has named. An entity id is what a document says, so that another
/// one of the same id may be anybody's: whose it is, its certificates tell.
pub(super) fn kept_issuer_by_link(known: &KnownProvider) -> Option<Vec<u8>> {
    let provider = known.complete()?;
    Some(issuer_with(&provider, &certificates_of(&provider)))
}

/// Whoever, named by a link, signs by nothing but certificates of this metadata: who vouches for these vouches for them.
pub(super) fn issuers_within(known: &KnownProvider) -> Vec<Vec<u8>> {
    let Some(provider) = known.complete() else {
        return Vec::new();
    };
    let all = certificates_of(&provider);
    if all.len() > MAX_COMBINED {
        return vec![issuer_with(&provider, &all)];
    }
    let some_of = |chosen: u32| {
        let is_chosen = |(place, _): &(usize, &&str)| chosen & (1 << place) != 0;
        let some = all.iter().enumerate().filter(is_chosen);
        some.map(|(_, one)| *one).collect::<Vec<_>>()
    };
    let combinations = (1..1 << all.len()).map(some_of);
    combinations
        .map(|some| issuer_with(&provider, &some))
        .collect()
}

/// Whether whoever has a setup link named the metadata of a connection last, and no admin since.
pub(super) fn is_metadata_by_link(connection: &SsoConnection, known: &KnownProvider) -> bool {
    known.kind() == ConnectionKind::Saml && connection.subject_issuer != kept_issuer(known)
}

fn certificates_of(provider: &ProviderSettings) -> Vec<&str> {
    let mut certificates: Vec<_> = match provider {
        ProviderSettings::Saml(settings) => {
            settings.certificates.iter().map(String::as_str).collect()
        }
        ProviderSettings::Oidc(_) => Vec::new(),
    };
    certificates.sort_unstable();
    certificates.dedup();
    certificates
}

fn issuer_with(provider: &ProviderSettings, certificates: &[&str]) -> Vec<u8> {
    let (issuer, certificates) = (provider.subject_issuer(), certificates.join(" "));
    sha256(format!("{issuer}\0{certificates}").as_bytes()).to_vec()
}

/// What is known, as it is kept.
pub(super) fn kept(known: &KnownProvider) -> Result<JsonColumn> {
    match known {
        KnownProvider::Oidc(known) => diagnosis::json_of(known),
        KnownProvider::Saml(settings) => diagnosis::json_of(settings),
    }
}
