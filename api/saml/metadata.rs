//! Metadata of identity providers (SAML Metadata 2.0): who they are, where they are, and with which keys they sign.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use roxmltree::Node;
use url::{Host, Url};

use crate::crypto::certificate::Certificate;
use crate::crypto::public_key::PublicKey;
use crate::domain::diagnosis::{Step, StepName};
use crate::domain::shown;
use crate::domain::timestamp::Timestamp;
use crate::saml::names::{METADATA, POST, PROTOCOL, REDIRECT, ds, md};
use crate::saml::xml::{self, Source, attribute, named, text};
use crate::saml::{entities, moment, signature};

/// The most certificates of one identity provider.
const MAX_CERTIFICATES: usize = 32;

/// How large one may be, in bytes: they are kept with the connection, which every sign-in reads.
const MAX_CERTIFICATE: usize = 16 * 1024;

/// Which metadata is wanted.
#[derive(Clone, Copy, Debug)]
pub struct WantedEntity<'a> {
    /// The entity id. Without one, the document must be about a single identity provider.
    pub entity_id: Option<&'a str>,
    /// The federation's certificate: where there is one, only what it has signed is read.
    pub signed_by: Option<&'a Certificate>,
    pub now: Timestamp,
}

/// An identity provider, as its metadata has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityProvider {
    pub entity_id: String,
    /// Where browsers are sent to sign in (HTTP-Redirect).
    pub sign_in_location: String,
    /// Where browsers are sent to sign out (HTTP-Redirect), where it has such a place.
    pub sign_out_location: Option<String>,
    /// All certificates that sign.
    pub certificates: Vec<Certificate>,
    /// When the metadata ends to be valid.
    pub valid_until: Option<Timestamp>,
    pub wants_signed_requests: bool,
    pub name_id_formats: Vec<String>,
}

impl IdentityProvider {
    /// The keys that sign.
    pub fn keys(&self) -> Vec<PublicKey> {
        let keys = self.certificates.iter().map(Certificate::key);
        keys.cloned().collect()
    }
}

/// Reads metadata.
///
/// # Errors
/// A failed step that says what is wrong with it.
pub fn read(bytes: &[u8], wanted: &WantedEntity<'_>) -> Result<IdentityProvider, Step> {
    let source = Source::new(bytes, xml::METADATA).map_err(no_document)?;
    let Some(certificate) = wanted.signed_by else {
        return read_root(&source, wanted);
    };
    let document = xml::parse(&source).map_err(no_document)?;
    let keys = std::slice::from_ref(certificate.key());
    let signed = signature::verify(document.root_element(), keys).map_err(not_by_federation)?;
    let signed = signed.ok_or_else(unsigned)?;
    // Like an assertion, it is read from the very bytes that were signed.
    read_root(&Source::new(signed.bytes(), xml::METADATA)?, wanted)
}

fn read_root(source: &Source, wanted: &WantedEntity<'_>) -> Result<IdentityProvider, Step> {
    let document = xml::parse(source).map_err(no_document)?;
    let entity = entities::find(document.root_element(), wanted.entity_id)?;
    let role = identity_provider_role(entity.node)?;
    let places = entity.around.iter().chain([&entity.node, &role]);
    let valid_until = valid_until(places.copied())?;
    if let Some(end) = valid_until.filter(|end| *end <= wanted.now) {
        return Err(expired(wanted.now, end));
    }
    let certificates = certificates(role)?;
    let flag = attribute(role, "WantAuthnRequestsSigned");
    let formats = named(role, md("NameIDFormat")).filter_map(text);
    Ok(IdentityProvider {
        entity_id: entity.id.to_owned(),
        sign_in_location: sign_in_location(role)?,
        sign_out_location: location(role, "SingleLogoutService", REDIRECT).and_then(usable),
        certificates,
        valid_until,
        wants_signed_requests: matches!(flag, Some("true" | "1")),
        name_id_formats: formats.map(|it| it.trim_ascii().to_owned()).collect(),
    })
}

/// A document that is none, with what to do about metadata instead of a response.
fn no_document(step: Step) -> Step {
    let advice = "This is not the document of the identity provider's metadata, or not the whole of it: XML that begins with \
                  EntityDescriptor or EntitiesDescriptor. Identity providers offer it for download, or at an address, often \
                  as “federation metadata”: the address goes into `metadata_url`, the document itself into `metadata`.";
    Step {
        advice: Some(advice.to_owned()),
        ..step
    }
}

/// The role of an identity provider that speaks SAML 2.0.
fn identity_provider_role<'a, 'input>(entity: Node<'a, 'input>) -> Result<Node<'a, 'input>, Step> {
    let mut roles = named(entity, md("IDPSSODescriptor")).filter(|role| {
        let protocols = attribute(*role, "protocolSupportEnumeration");
        let mut protocols = protocols.unwrap_or_default().split_ascii_whitespace();
        protocols.any(|protocol| protocol == PROTOCOL)
    });
    match (roles.next(), roles.next()) {
        (Some(role), None) => Ok(role),
        (None, _) => Err(misshapen(
            "an identity provider that speaks SAML 2.0 (IDPSSODescriptor)",
            "metadata of something else",
        )),
        (Some(_), Some(_)) => Err(misshapen("one IDPSSODescriptor", "more than one")),
    }
}

/// The earliest end among the places that may name one.
fn valid_until<'a, 'input: 'a>(
    places: impl Iterator<Item = Node<'a, 'input>>,
) -> Result<Option<Timestamp>, Step> {
    let mut earliest: Option<Timestamp> = None;
    for text in places.filter_map(|it| attribute(it, "validUntil")) {
        let end = moment::read(text)
            .ok_or_else(|| misshapen("validUntil as a time in UTC", shown::value(text)))?;
        earliest = Some(earliest.map_or(end, |known| known.min(end)));
    }
    Ok(earliest)
}

fn location<'a>(role: Node<'a, '_>, service: &'static str, binding: &str) -> Option<&'a str> {
    named(role, md(service))
        .find(|it| attribute(*it, "Binding") == Some(binding))
        .and_then(|it| attribute(it, "Location"))
}

fn sign_in_location(role: Node) -> Result<String, Step> {
    let service = "SingleSignOnService";
    let refused = |received: &str| {
        Step::failed(
            StepName::Shape,
            "a SingleSignOnService by HTTP-Redirect, at an https address",
            shown::value(received),
            "In the identity provider, turn on sign-in by the HTTP-Redirect binding, at an https address, and take its \
             metadata once more.",
        )
    };
    let Some(found) = location(role, service, REDIRECT) else {
        return Err(refused(match location(role, service, POST) {
            Some(_) => "one by HTTP-POST only",
            None => "none",
        }));
    };
    usable(found).ok_or_else(|| refused(found))
}

/// An address that browsers may be sent to: https, or of this machine.
fn usable(location: &str) -> Option<String> {
    let url = Url::parse(location).ok()?;
    let is_here = match url.host()? {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    };
    let is_safe = url.scheme() == "https" || (url.scheme() == "http" && is_here);
    let is_plain =
        url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    // The parser drops what a browser would not send; the address is kept as it was written.
    let is_written_plainly = location.chars().all(|c| c.is_ascii_graphic());
    (is_safe && is_plain && is_written_plainly).then(|| location.to_owned())
}

/// The certificates that sign, of those that can be used; where there is none, what is the matter with them.
fn certificates(role: Node) -> Result<Vec<Certificate>, Step> {
    let (mut usable, mut unusable) = (Vec::new(), Vec::new());
    let signs = |key: &Node| attribute(*key, "use").is_none_or(|it| it == "signing");
    let infos = named(role, md("KeyDescriptor"))
        .filter(signs)
        .flat_map(|key| named(key, ds("KeyInfo")));
    let listed = infos
        .flat_map(|info| named(info, ds("X509Data")))
        .flat_map(|data| named(data, ds("X509Certificate")));
    for node in listed {
        match certificate(node) {
            Ok(certificate) if usable.contains(&certificate) => {}
            Ok(certificate) => usable.push(certificate),
            Err(words) => unusable.push(words),
        }
        if usable.len() + unusable.len() > MAX_CERTIFICATES {
            return Err(misshapen("at most 32 signing certificates", "more"));
        }
    }
    if usable.is_empty() {
        return Err(no_certificate(&unusable));
    }
    Ok(usable)
}

fn certificate(node: Node) -> Result<Certificate, String> {
    let packed: Option<String> = text(node).map(|it| it.split_ascii_whitespace().collect());
    let der = packed.and_then(|packed| STANDARD.decode(packed).ok());
    let der = der.ok_or_else(|| "a certificate that is not base64".to_owned())?;
    if der.len() > MAX_CERTIFICATE {
        return Err("a certificate of more than 16 KiB".to_owned());
    }
    Certificate::from_der(&der).map_err(|error| error.to_string())
}

const RENEW: &str = "Take the current metadata of the identity provider, or give Rollcall the address from which it \
                     reads it daily.";

fn expired(now: Timestamp, end: Timestamp) -> Step {
    let expected = format!("metadata that is valid at {now}");
    let received = format!("metadata that was valid until {end}");
    Step::failed(StepName::Time, expected, received, RENEW)
}

fn unsigned() -> Step {
    Step::failed(
        StepName::Signature,
        "metadata with a signature of the federation",
        "metadata without one",
        "Take the metadata from the federation's own address, or have no certificate of a federation here if the \
         identity provider gives its metadata itself.",
    )
}

/// A signature that does not hold, where it is the federation's.
fn not_by_federation(step: Step) -> Step {
    if step.name != StepName::Signature {
        return step;
    }
    Step {
        expected: Some("a signature that this certificate of the federation made".to_owned()),
        advice: Some(
            "Take the metadata from the federation's own address, and the certificate with which it signs now.".to_owned(),
        ),
        ..step
    }
}

fn no_certificate(unusable: &[String]) -> Step {
    let received = match unusable {
        [] => "none".to_owned(),
        reasons => shown::value(&reasons.join("; ")),
    };
    Step::failed(
        StepName::Keys,
        "a certificate for signing, with an RSA key of 2048 to 8192 bits or one on P-256 or P-384",
        received,
        "In the identity provider, make a new signing certificate (RSA, 2048 bits or more), and take its metadata once \
         more.",
    )
}

/// Says that metadata has not what it should have.
fn misshapen(expected: &str, received: impl Into<String>) -> Step {
    let received = shown::value(&received.into());
    let advice = format!(
        "Take the metadata of the identity provider itself (an XML document of the namespace {METADATA}) and give it \
         to Rollcall as it is."
    );
    Step::failed(StepName::Shape, expected, received, advice)
}
