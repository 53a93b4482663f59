//! Names that the standards give: namespaces, elements, formats.

/// An element's namespace and name.
pub type Name = (&'static str, &'static str);

pub const PROTOCOL: &str = "urn:oasis:names:tc:SAML:2.0:protocol";
pub const ASSERTION: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
pub const METADATA: &str = "urn:oasis:names:tc:SAML:2.0:metadata";
pub const SIGNATURE: &str = "http://www.w3.org/2000/09/xmldsig#";
pub const ENCRYPTION: &str = "http://www.w3.org/2001/04/xmlenc#";
pub const ENCRYPTION_11: &str = "http://www.w3.org/2009/xmlenc11#";
pub const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
pub const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";

pub const REDIRECT: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect";
pub const POST: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST";
pub const SUCCESS: &str = "urn:oasis:names:tc:SAML:2.0:status:Success";
pub const BEARER: &str = "urn:oasis:names:tc:SAML:2.0:cm:bearer";
pub const TRANSIENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient";

/// An element of assertions.
pub const fn saml(name: &'static str) -> Name {
    (ASSERTION, name)
}

/// An element of the protocol.
pub const fn samlp(name: &'static str) -> Name {
    (PROTOCOL, name)
}

/// An element of metadata.
pub const fn md(name: &'static str) -> Name {
    (METADATA, name)
}

/// An element of signatures.
pub const fn ds(name: &'static str) -> Name {
    (SIGNATURE, name)
}

/// An element of encryption.
pub const fn xenc(name: &'static str) -> Name {
    (ENCRYPTION, name)
}

/// An element of what XML Encryption 1.1 added.
pub const fn xenc11(name: &'static str) -> Name {
    (ENCRYPTION_11, name)
}
