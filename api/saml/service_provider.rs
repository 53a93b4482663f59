//! Our own metadata, one document for each connection.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::saml::c14n::escape_attribute;
use crate::saml::names::{METADATA, POST, PROTOCOL, SIGNATURE};

/// Rollcall as one connection has it.
#[derive(Clone, Copy, Debug)]
pub struct ServiceProvider<'a> {
    pub entity_id: &'a str,
    pub acs_url: &'a str,
    /// The certificate (DER) of the key that signs requests, where they are signed.
    pub signing_certificate: Option<&'a [u8]>,
}

impl ServiceProvider<'_> {
    /// The metadata that an identity provider takes.
    pub fn metadata(&self) -> String {
        let (entity_id, acs_url) = (escaped(self.entity_id), escaped(self.acs_url));
        let signs = self.signing_certificate.is_some();
        let key = self
            .signing_certificate
            .map(key_descriptor)
            .unwrap_or_default();
        format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<md:EntityDescriptor xmlns:md="{METADATA}" entityID="{entity_id}">
  <md:SPSSODescriptor AuthnRequestsSigned="{signs}" WantAssertionsSigned="true" protocolSupportEnumeration="{PROTOCOL}">{key}
    <md:AssertionConsumerService Binding="{POST}" Location="{acs_url}" index="0" isDefault="true"/>
  </md:SPSSODescriptor>
</md:EntityDescriptor>
"#
        )
    }
}

fn key_descriptor(certificate: &[u8]) -> String {
    let certificate = STANDARD.encode(certificate);
    format!(
        r#"
    <md:KeyDescriptor use="signing">
      <ds:KeyInfo xmlns:ds="{SIGNATURE}"><ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>
    </md:KeyDescriptor>"#
    )
}

fn escaped(value: &str) -> String {
    let mut escaped = String::new();
    escape_attribute(value, &mut escaped);
    escaped
}
