//! What a connection by SAML keeps of the metadata of its identity provider.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::crypto::certificate::Certificate;
use crate::crypto::public_key::PublicKey;
use crate::domain::connections::{MetadataSource, SamlSettings, SubjectSource};
use crate::domain::diagnosis::{Step, StepName};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::saml::metadata::{self, WantedEntity};

/// Metadata that a connection is to have.
#[derive(Clone, Debug)]
pub struct NewMetadata {
    pub source: MetadataSource,
    /// The document, where it is given by hand.
    pub document: Option<String>,
    pub subject_source: SubjectSource,
}

/// Reads metadata into what a connection keeps.
///
/// # Errors
/// A failed step that says what is wrong with it.
pub fn read(
    document: &[u8],
    (source, subject_source): (MetadataSource, SubjectSource),
    now: Timestamp,
) -> Result<SamlSettings, Step> {
    let certificate = source.signing_certificate.as_deref();
    let certificate = certificate.map(federation_certificate).transpose()?;
    let wanted = WantedEntity {
        entity_id: source.entity_id.as_deref(),
        signed_by: certificate.as_ref(),
        now,
    };
    let provider = metadata::read(document, &wanted)?;
    let certificates = provider.certificates.iter();
    let packed = certificates.map(|certificate| STANDARD.encode(certificate.der()));
    Ok(SamlSettings {
        metadata: source,
        certificates: packed.collect(),
        entity_id: provider.entity_id,
        sign_in_location: provider.sign_in_location,
        sign_out_location: provider.sign_out_location,
        wants_signed_requests: provider.wants_signed_requests,
        name_id_formats: provider.name_id_formats,
        valid_until: provider.valid_until,
        subject_source,
    })
}

fn federation_certificate(text: &str) -> Result<Certificate, Step> {
    Certificate::from_text(text).map_err(|error| {
        Step::failed(
            StepName::Signature,
            "the certificate of the federation in PEM",
            error.to_string(),
            "Send the certificate as the federation publishes it, with its BEGIN and END lines.",
        )
    })
}

/// The certificates with which an identity provider signs.
///
/// # Errors
/// `internal` where they cannot be read.
pub fn certificates(settings: &SamlSettings) -> Result<Vec<Certificate>> {
    let read = |packed: &String| Certificate::from_text(packed).map_err(Error::internal);
    settings.certificates.iter().map(read).collect()
}

/// The keys with which an identity provider signs.
///
/// # Errors
/// As [`certificates`].
pub fn keys(settings: &SamlSettings) -> Result<Vec<PublicKey>> {
    let certificates = certificates(settings)?;
    Ok(certificates.iter().map(|one| one.key().clone()).collect())
}
