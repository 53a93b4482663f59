//! Our own metadata, one document for each connection.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::saml::c14n::escape_attribute;
use crate::saml::encryption;
use crate::saml::names::{METADATA, POST, PROTOCOL, SIGNATURE};

/// Rollcall as one connection has it.
#[derive(Clone, Copy, Debug)]
pub struct ServiceProvider<'a> {
    pub entity_id: &'a str,
    pub acs_url: &'a str,
    /// The certificate (DER) of the installation's key, where it has one: what is encrypted for it is read.
    pub certificate: Option<&'a [u8]>,
    /// Whether that key signs requests.
    pub signs_requests: bool,
}

impl ServiceProvider<'_> {
    /// The metadata that an identity provider takes.
    pub fn metadata(&self) -> String {
        let (entity_id, acs_url) = (escaped(self.entity_id), escaped(self.acs_url));
        let signs = self.signs_requests;
        let keys = self.certificate.map(|it| key_descriptors(it, signs));
        let keys = keys.unwrap_or_default();
        format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<md:EntityDescriptor xmlns:md="{METADATA}" entityID="{entity_id}">
  <md:SPSSODescriptor AuthnRequestsSigned="{signs}" WantAssertionsSigned="true" protocolSupportEnumeration="{PROTOCOL}">{keys}
    <md:AssertionConsumerService Binding="{POST}" Location="{acs_url}" index="0" isDefault="true"/>
  </md:SPSSODescriptor>
</md:EntityDescriptor>
"#
        )
    }
}

/// What the key of a certificate is for. What is first among the algorithms is taken by those who look.
fn key_descriptors(certificate: &[u8], signs: bool) -> String {
    let mut descriptors = String::new();
    if signs {
        descriptors += &key_descriptor("signing", certificate, "");
    }
    let methods: String = encryption::algorithms()
        .map(|uri| format!("\n      <md:EncryptionMethod Algorithm=\"{uri}\"/>"))
        .collect();
    descriptors + &key_descriptor("encryption", certificate, &methods)
}

fn key_descriptor(usage: &str, certificate: &[u8], methods: &str) -> String {
    let certificate = STANDARD.encode(certificate);
    format!(
        r#"
    <md:KeyDescriptor use="{usage}">
      <ds:KeyInfo xmlns:ds="{SIGNATURE}"><ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>{methods}
    </md:KeyDescriptor>"#
    )
}

fn escaped(value: &str) -> String {
    let mut escaped = String::new();
    escape_attribute(value, &mut escaped);
    escaped
}
