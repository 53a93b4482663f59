//! The one shape of XML Encryption that identity providers send (XML Encryption 1.1, SAML Core 2.3.4): the assertion
//! encrypted by AES, and the key to it wrapped for Rollcall by RSA-OAEP.
//!
//! ```text
//! EncryptedAssertion
//!   EncryptedData             Type: an element
//!     EncryptionMethod        AES-GCM; AES-CBC in a signed Response
//!     KeyInfo                 EncryptedKey stands in here, or behind EncryptedData
//!     CipherData/CipherValue
//!   EncryptedKey
//!     EncryptionMethod        RSA-OAEP
//!     CipherData/CipherValue
//! ```
//!
//! Anybody can encrypt for Rollcall, whose certificate is published: what comes out is worth what its signature is.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use roxmltree::Node;

use crate::crypto::envelope::{ContentCipher, Envelope, OaepHash, WrappedKey};
use crate::crypto::federation_keys::FederationKeys;
use crate::domain::diagnosis::{Step, StepName};
use crate::domain::shown;
use crate::saml::names::{Name, ds, saml, xenc, xenc11};
use crate::saml::tags::with_namespaces;
use crate::saml::xml::{self, Source, attribute, elements, holds_elements_only, named, only, text};

/// What is encrypted: an element, and not what it holds.
const ELEMENT: &str = "http://www.w3.org/2001/04/xmlenc#Element";
/// RSA-OAEP whose mask is made by SHA-1, and that which names its hash.
const OAEP_MGF1P: &str = "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p";
const OAEP: &str = "http://www.w3.org/2009/xmlenc11#rsa-oaep";
/// The most keys of one message: each is tried with each of ours.
const MAX_KEYS: usize = 4;

/// The ciphers of contents, in the order in which they are best.
const CIPHERS: [(&str, ContentCipher); 4] = [
    (
        "http://www.w3.org/2009/xmlenc11#aes128-gcm",
        ContentCipher::Aes128Gcm,
    ),
    (
        "http://www.w3.org/2009/xmlenc11#aes256-gcm",
        ContentCipher::Aes256Gcm,
    ),
    (
        "http://www.w3.org/2001/04/xmlenc#aes128-cbc",
        ContentCipher::Aes128Cbc,
    ),
    (
        "http://www.w3.org/2001/04/xmlenc#aes256-cbc",
        ContentCipher::Aes256Cbc,
    ),
];

/// The algorithms that are taken, for our metadata: what encrypts contents, and what wraps keys.
pub fn algorithms() -> impl Iterator<Item = &'static str> {
    let ciphers = CIPHERS.into_iter().map(|(uri, _)| uri);
    ciphers.chain([OAEP_MGF1P, OAEP])
}

/// Decrypts the assertion of this `EncryptedAssertion`: a document, and how it was encrypted. Whether somebody signed what
/// it stands in is known before: a cipher that others could change unseen is not even tried otherwise.
///
/// # Errors
/// A failed step `encryption`, where nothing comes out that is a document, too.
pub fn decrypt(
    encrypted: Node,
    keys: Option<&FederationKeys>,
    is_signed: bool,
) -> Result<(String, ContentCipher), Step> {
    let keys = keys.ok_or_else(no_key)?;
    let envelope = read(encrypted)?;
    let cipher = envelope.cipher;
    if !cipher.is_authenticated() && !is_signed {
        return Err(not_authenticated());
    }
    let text = envelope
        .open(keys)
        .and_then(|bytes| String::from_utf8(bytes).ok());
    let around = encrypted.namespaces();
    let around = around.map(|it| (it.name().unwrap_or_default(), it.uri()));
    let document = text.map(|text| with_namespaces(&text, around));
    let document = document.filter(|it| is_document(it));
    Ok((document.ok_or_else(|| unopened(cipher))?, cipher))
}

fn is_document(text: &str) -> bool {
    let source = Source::new(text.as_bytes(), xml::RESPONSE);
    source.is_ok_and(|source| xml::parse(&source).is_ok())
}

/// The words for a cipher.
pub fn name_of(cipher: ContentCipher) -> &'static str {
    match cipher {
        ContentCipher::Aes128Gcm => "AES-128-GCM",
        ContentCipher::Aes256Gcm => "AES-256-GCM",
        ContentCipher::Aes128Cbc => "AES-128-CBC",
        ContentCipher::Aes256Cbc => "AES-256-CBC",
    }
}

/// The one answer to what does not open: it does not tell a wrong key from a wrong padding, nor that from a text that
/// is no document.
pub fn unopened(cipher: ContentCipher) -> Step {
    let advice = "Give the identity provider the certificate for encryption out of Rollcall's metadata of this \
                  connection; or turn the encryption of assertions off for this application.";
    let more = match cipher.is_authenticated() {
        true => "",
        false => {
            " If it has that certificate, set the encryption algorithm to AES-128-GCM or AES-256-GCM, or have it sign \
             the assertion too: of what AES-CBC encrypted Rollcall tells nothing else."
        }
    };
    Step::failed(
        StepName::Encryption,
        "an assertion that a federation key of Rollcall opens",
        "something that none of them opens, or that holds no such assertion in plain XML",
        format!("{advice}{more}"),
    )
}

/// Says that a part of an assertion is encrypted by itself.
pub fn encrypted_part(name: &str) -> Step {
    refused(
        "a whole assertion that is encrypted, or nothing",
        shown::value(name),
        "In the identity provider, turn the encryption of names and attributes off for this application; it may encrypt \
         the assertion.",
    )
}

fn read(encrypted: Node) -> Result<Envelope, Step> {
    let data = only(encrypted, xenc("EncryptedData"))
        .ok_or_else(|| misshapen("an EncryptedAssertion without one EncryptedData"))?;
    let others = elements(encrypted)
        .find(|it| *it != data && !it.has_tag_name(xenc("EncryptedKey")))
        .map(|it| shown::value(it.tag_name().name()));
    if let Some(other) = others {
        return Err(misshapen(format!("{other} in an EncryptedAssertion")));
    }
    if let Some(other) = attribute(data, "Type").filter(|kind| *kind != ELEMENT) {
        return Err(misshapen(format!(
            "EncryptedData of {}",
            shown::value(other)
        )));
    }
    let method = only(data, xenc("EncryptionMethod"));
    let uri = method.and_then(|it| attribute(it, "Algorithm"));
    let cipher = CIPHERS.iter().find(|(known, _)| Some(*known) == uri);
    let cipher = cipher.ok_or_else(|| unknown_cipher(uri))?.1;
    Ok(Envelope {
        keys: wrapped_keys(encrypted, data)?,
        cipher,
        content: cipher_value(data)?,
    })
}

/// The keys of the message that are wrapped in a way that is taken. Others may be for other recipients.
fn wrapped_keys(encrypted: Node, data: Node) -> Result<Vec<WrappedKey>, Step> {
    let inside = named(data, ds("KeyInfo")).flat_map(|it| named(it, xenc("EncryptedKey")));
    let beside = named(encrypted, xenc("EncryptedKey"));
    let nodes: Vec<Node> = inside.chain(beside).take(MAX_KEYS + 1).collect();
    if nodes.len() > MAX_KEYS {
        return Err(misshapen("more than 4 EncryptedKeys"));
    }
    let (mut taken, mut refused) = (Vec::new(), None);
    for node in nodes {
        match wrapped_key(node) {
            Ok(key) => taken.push(key),
            Err(step) => refused = refused.or(Some(step)),
        }
    }
    match taken.is_empty() {
        false => Ok(taken),
        true => Err(refused.unwrap_or_else(|| misshapen("no EncryptedKey"))),
    }
}

fn wrapped_key(node: Node) -> Result<WrappedKey, Step> {
    let method = only(node, xenc("EncryptionMethod"));
    let uri = method.and_then(|it| attribute(it, "Algorithm"));
    let Some((method, uri)) = method
        .zip(uri)
        .filter(|(_, it)| [OAEP_MGF1P, OAEP].contains(it))
    else {
        return Err(unknown_wrapping(uri));
    };
    let parameters = ["DigestMethod", "MGF", "OAEPparams"];
    let is_known = |it: Node| parameters.contains(&it.tag_name().name());
    if !holds_elements_only(method) || !elements(method).all(is_known) {
        return Err(misshapen("RSA-OAEP with other parameters"));
    }
    if named(method, xenc("OAEPparams"))
        .any(|it| text(it).is_none_or(|text| !text.trim_ascii().is_empty()))
    {
        return Err(misshapen("RSA-OAEP with OAEPparams"));
    }
    let digest = hash(method, ds("DigestMethod"))?;
    let mask = hash(method, xenc11("MGF"))?;
    if uri == OAEP_MGF1P && mask != OaepHash::Sha1 {
        return Err(misshapen("rsa-oaep-mgf1p with another mask than by SHA-1"));
    }
    Ok(WrappedKey {
        digest,
        mask,
        bytes: cipher_value(node)?,
    })
}

/// The hash that a child of the method names; SHA-1 where there is none. Several standards name them, some
/// implementations by the wrong one.
fn hash(method: Node, name: Name) -> Result<OaepHash, Step> {
    let mut children = named(method, name);
    let child = children.next();
    if children.next().is_some() {
        return Err(misshapen(format!("{} twice", name.1)));
    }
    let Some(child) = child else {
        return Ok(OaepHash::Sha1);
    };
    let uri = attribute(child, "Algorithm").unwrap_or_default();
    let (_, hash) = uri.split_once('#').unwrap_or_default();
    match hash.strip_prefix("mgf1").unwrap_or(hash) {
        "sha1" => Ok(OaepHash::Sha1),
        "sha256" => Ok(OaepHash::Sha256),
        "sha384" => Ok(OaepHash::Sha384),
        "sha512" => Ok(OaepHash::Sha512),
        _ => Err(unknown_wrapping(Some(uri))),
    }
}

/// The bytes that stand in the message itself. What it refers to is never fetched.
fn cipher_value(node: Node) -> Result<Vec<u8>, Step> {
    let value = only(node, xenc("CipherData")).and_then(|it| only(it, xenc("CipherValue")));
    let packed = value.and_then(text);
    let packed = packed.ok_or_else(|| misshapen("CipherData without a CipherValue"))?;
    let packed: String = packed.split_ascii_whitespace().collect();
    let decoded = STANDARD.decode(packed);
    decoded.map_err(|_| misshapen("a CipherValue that is not base64"))
}

fn refused(expected: &str, received: impl Into<String>, advice: &str) -> Step {
    Step::failed(StepName::Encryption, expected, received, advice)
}

fn misshapen(received: impl Into<String>) -> Step {
    refused(
        "an EncryptedAssertion with one EncryptedData, and its key by RSA-OAEP",
        received,
        "Have the identity provider encrypt in the usual way of SAML 2.0: the Assertion as a whole, by AES-GCM, with the \
         key to it in an EncryptedKey; or turn the encryption of assertions off for this application.",
    )
}

fn unknown_cipher(uri: Option<&str>) -> Step {
    refused(
        "AES-GCM of 128 or 256 bits; in a signed Response, AES-CBC too",
        shown::value_or_nothing(uri),
        "In the identity provider, set the encryption algorithm of this application to AES-128-GCM or AES-256-GCM; or \
         turn the encryption of assertions off.",
    )
}

fn unknown_wrapping(uri: Option<&str>) -> Step {
    let advice = if uri.is_some_and(|uri| uri.ends_with("rsa-1_5")) {
        "RSA with PKCS #1 v1.5 can be broken by whoever may ask often enough. In the identity provider, set the key \
         transport algorithm of this application to RSA-OAEP (rsa-oaep-mgf1p); or turn the encryption of assertions off."
    } else {
        "In the identity provider, set the key transport algorithm of this application to RSA-OAEP (rsa-oaep-mgf1p), \
         with SHA-1 or SHA-256; or turn the encryption of assertions off."
    };
    refused(
        "a key that is wrapped by RSA-OAEP",
        shown::value_or_nothing(uri),
        advice,
    )
}

fn not_authenticated() -> Step {
    refused(
        "AES-GCM, or a signed Response around what AES-CBC encrypted",
        "AES-CBC in a Response that is not signed",
        "What is encrypted by CBC alone can be changed, and read, by whoever may try often enough. In the identity \
         provider, set the encryption algorithm of this application to AES-128-GCM or AES-256-GCM; or have it sign the \
         response as well.",
    )
}

fn no_key() -> Step {
    refused(
        "an assertion that is not encrypted: this installation has no federation key that could open one",
        saml("EncryptedAssertion").1,
        "In the identity provider, turn the encryption of assertions off for this application; or ask whoever runs this \
         installation to make a federation key (`openssl genpkey -algorithm rsa`), and to name its file by \
         ROLLCALL_FEDERATION_KEY_FILE.",
    )
}
