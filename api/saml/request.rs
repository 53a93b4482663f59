//! Requests to sign in, as browsers carry them to identity providers (HTTP-Redirect binding).

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::saml::c14n::{escape_attribute, escape_text};
use crate::saml::names::{ASSERTION, POST, PROTOCOL};

const RSA_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";

/// What stands as it is in a query: the unreserved characters of RFC 3986.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Makes an RSA signature (PKCS #1 v1.5 with SHA-256) with the installation's federation key.
pub type Signer<'a> = &'a dyn Fn(&[u8]) -> Result<Vec<u8>>;

/// A request to sign a person in.
#[derive(Clone, Debug)]
pub struct AuthnRequest<'a> {
    /// What nobody can guess. The response names it.
    pub id: &'a str,
    pub issued_at: Timestamp,
    /// Our entity id at this connection.
    pub entity_id: &'a str,
    /// Where the response is to be brought to.
    pub acs_url: &'a str,
    /// The place of the identity provider that browsers are sent to.
    pub destination: &'a str,
    /// The format of `NameID` that is asked for; without one, the identity provider chooses.
    pub name_id_format: Option<&'a str>,
    /// Whether the person signs in anew, though they have a session there.
    pub force_authn: bool,
}

impl AuthnRequest<'_> {
    /// The address to send the browser to. With a signer, the query is signed as the binding says.
    ///
    /// # Errors
    /// `internal` where it cannot be compressed or signed.
    pub fn url(&self, relay_state: &str, signer: Option<Signer<'_>>) -> Result<String> {
        let request = STANDARD.encode(deflate(self.to_xml().as_bytes())?);
        let mut query = format!(
            "SAMLRequest={}&RelayState={}",
            utf8_percent_encode(&request, QUERY),
            utf8_percent_encode(relay_state, QUERY),
        );
        if let Some(sign) = signer {
            query.push_str("&SigAlg=");
            query.extend(utf8_percent_encode(RSA_SHA256, QUERY));
            let signature = STANDARD.encode(sign(query.as_bytes())?);
            query.push_str("&Signature=");
            query.extend(utf8_percent_encode(&signature, QUERY));
        }
        let separator = match self.destination.contains('?') {
            true => '&',
            false => '?',
        };
        Ok(format!("{}{separator}{query}", self.destination))
    }

    fn to_xml(&self) -> String {
        let mut xml = format!(r#"<samlp:AuthnRequest xmlns:samlp="{PROTOCOL}""#);
        let issued_at = whole_seconds(self.issued_at);
        let attributes = [
            ("xmlns:saml", ASSERTION),
            ("ID", self.id),
            ("Version", "2.0"),
            ("IssueInstant", &issued_at),
            ("Destination", self.destination),
            ("AssertionConsumerServiceURL", self.acs_url),
            ("ProtocolBinding", POST),
        ];
        for (name, value) in attributes {
            attribute(name, value, &mut xml);
        }
        if self.force_authn {
            attribute("ForceAuthn", "true", &mut xml);
        }
        xml.push_str("><saml:Issuer>");
        escape_text(self.entity_id, &mut xml);
        xml.push_str("</saml:Issuer><samlp:NameIDPolicy");
        if let Some(format) = self.name_id_format {
            attribute("Format", format, &mut xml);
        }
        attribute("AllowCreate", "true", &mut xml);
        xml.push_str("/></samlp:AuthnRequest>");
        xml
    }
}

/// Some identity providers take no fractions of a second.
fn whole_seconds(moment: Timestamp) -> String {
    let text = moment.to_string();
    match text.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => text,
    }
}

fn attribute(name: &str, value: &str, xml: &mut String) {
    xml.push(' ');
    xml.push_str(name);
    xml.push_str("=\"");
    escape_attribute(value, xml);
    xml.push('"');
}

fn deflate(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    let compressed = encoder.write_all(bytes).and_then(|()| encoder.finish());
    compressed.map_err(|error| Error::internal(format!("a request cannot be compressed: {error}")))
}
