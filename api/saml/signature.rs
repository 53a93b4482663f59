//! The one shape of XML Signature that identity providers send: enveloped in the element that it signs.
//!
//! ```text
//! Signature
//!   SignedInfo
//!     CanonicalizationMethod    exclusive, without comments
//!     SignatureMethod           RSA or ECDSA with SHA-2
//!     Reference URI="#ID of the parent"
//!       Transforms              enveloped signature, then exclusive canonicalization
//!       DigestMethod            SHA-2
//!       DigestValue
//!   SignatureValue
//!   KeyInfo                     not read: the keys are those of the metadata
//! ```

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use roxmltree::Node;

use crate::crypto::digest::Sha2;
use crate::crypto::public_key::{PublicKey, SignatureAlgorithm};
use crate::domain::diagnosis::{Step, StepName};
use crate::domain::shown;
use crate::saml::c14n::{Form, canonical};
use crate::saml::names::{ENVELOPED, EXCLUSIVE, Name, ds};
use crate::saml::xml::{self, Source, attribute, elements, holds_elements_only, named, text};

/// The most prefixes of a canonicalization.
const MAX_PREFIXES: usize = 64;

/// What was signed: the canonical form of an element, of which a key of the metadata made the signature; or what was
/// encrypted in one.
#[derive(Debug)]
pub struct SignedContent {
    bytes: String,
    algorithm: &'static str,
    /// Which of the keys made the signature.
    signer: usize,
}

impl SignedContent {
    /// Its text. What is read of a signed document is read from here.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.as_bytes()
    }

    /// What is made of this content, and of nothing else: it is as signed as this is.
    ///
    /// # Errors
    /// Those of what makes it.
    pub fn map<T>(
        &self,
        make: impl FnOnce(Node) -> Result<(String, T), Step>,
    ) -> Result<(Self, T), Step> {
        let source = Source::new(self.bytes(), xml::RESPONSE)?;
        let document = xml::parse(&source)?;
        let (bytes, beside) = make(document.root_element())?;
        Ok((Self { bytes, ..*self }, beside))
    }

    /// Whether the same key has signed both.
    pub const fn is_signed_as(&self, other: &Self) -> bool {
        self.signer == other.signer
    }

    /// The signature's algorithm, for people.
    pub fn algorithm(&self) -> &'static str {
        self.algorithm
    }
}

/// Verifies the signature of an element: what was signed, or nothing where it has no signature.
///
/// # Errors
/// A failed step `shape`, `algorithm` or `signature`.
pub fn verify(element: Node, keys: &[PublicKey]) -> Result<Option<SignedContent>, Step> {
    let mut signatures = named(element, ds("Signature"));
    let Some(signature) = signatures.next() else {
        return Ok(None);
    };
    if signatures.next().is_some() {
        return Err(misshapen("two signatures of one element"));
    }
    let parts = Parts::read(signature)?;
    let algorithm = Algorithm::read(parts.method)?;
    let reference = Reference::read(parts.reference, element)?;

    let form = Form {
        without: None,
        inclusive: parts.inclusive,
    };
    let message = canonical(parts.info, &form);
    let made_it = |key: &PublicKey| key.verifies(algorithm.0, message.as_bytes(), &parts.value);
    let Some(signer) = keys.iter().position(made_it) else {
        return Err(unverified("a signature that none of these keys made"));
    };
    let form = Form {
        without: Some(signature.id()),
        inclusive: reference.inclusive,
    };
    let content = canonical(element, &form);
    if reference.hash.hash(content.as_bytes()) != reference.digest {
        return Err(unverified("the document was changed after it was signed"));
    }
    Ok(Some(SignedContent {
        bytes: content,
        algorithm: algorithm.1,
        signer,
    }))
}

/// The parts of a signature.
struct Parts<'a, 'input> {
    info: Node<'a, 'input>,
    method: Node<'a, 'input>,
    reference: Node<'a, 'input>,
    inclusive: Vec<&'a str>,
    value: Vec<u8>,
}

impl<'a, 'input> Parts<'a, 'input> {
    fn read(signature: Node<'a, 'input>) -> Result<Self, Step> {
        let children: Vec<Node> = elements(signature).collect();
        let (info, value) = match *children.as_slice() {
            [info, value] => (info, value),
            [info, value, keys] if keys.has_tag_name(ds("KeyInfo")) => (info, value),
            _ => return Err(misshapen("a Signature with other parts")),
        };
        expect(info, ds("SignedInfo"))?;
        expect(value, ds("SignatureValue"))?;
        let [method, algorithm, reference] = exactly(info, "SignedInfo")?;
        if algorithm_of(method, ds("CanonicalizationMethod"))? != EXCLUSIVE {
            return Err(misshapen("another canonicalization than the exclusive one"));
        }
        Ok(Self {
            info,
            method: algorithm,
            reference,
            inclusive: inclusive_prefixes(method)?,
            value: base64(value)?,
        })
    }
}

/// The algorithm of a signature, and its name for people.
struct Algorithm(SignatureAlgorithm, &'static str);

impl Algorithm {
    fn read(method: Node) -> Result<Self, Step> {
        let uri = algorithm_of(method, ds("SignatureMethod"))?;
        let [] = exactly(method, "SignatureMethod")?;
        Ok(match uri {
            "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256" => {
                Self(SignatureAlgorithm::Rs256, "RSA with SHA-256")
            }
            "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384" => {
                Self(SignatureAlgorithm::Rs384, "RSA with SHA-384")
            }
            "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512" => {
                Self(SignatureAlgorithm::Rs512, "RSA with SHA-512")
            }
            "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256" => {
                Self(SignatureAlgorithm::Es256, "ECDSA with SHA-256")
            }
            "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384" => {
                Self(SignatureAlgorithm::Es384, "ECDSA with SHA-384")
            }
            other => return Err(unknown_algorithm(other)),
        })
    }
}

/// What a signature says of the signed element.
struct Reference<'a> {
    inclusive: Vec<&'a str>,
    hash: Sha2,
    digest: Vec<u8>,
}

impl<'a> Reference<'a> {
    fn read(reference: Node<'a, '_>, signed: Node) -> Result<Self, Step> {
        expect(reference, ds("Reference"))?;
        let id = attribute(signed, "ID").filter(|id| !id.is_empty());
        let target = attribute(reference, "URI").and_then(|uri| uri.strip_prefix('#'));
        if id.is_none() || target != id {
            return Err(misshapen("a signature of another element than its parent"));
        }
        let [transforms, method, value] = exactly(reference, "Reference")?;
        expect(transforms, ds("Transforms"))?;
        expect(value, ds("DigestValue"))?;
        let [enveloped, exclusive] = exactly(transforms, "Transforms")?;
        let [] = exactly(enveloped, "Transform")?;
        let chosen = [
            algorithm_of(enveloped, ds("Transform"))?,
            algorithm_of(exclusive, ds("Transform"))?,
        ];
        if chosen != [ENVELOPED, EXCLUSIVE] {
            return Err(misshapen("other transforms"));
        }
        let uri = algorithm_of(method, ds("DigestMethod"))?;
        let [] = exactly(method, "DigestMethod")?;
        Ok(Self {
            inclusive: inclusive_prefixes(exclusive)?,
            hash: hash_of(uri)?,
            digest: base64(value)?,
        })
    }
}

fn hash_of(uri: &str) -> Result<Sha2, Step> {
    match uri {
        "http://www.w3.org/2001/04/xmlenc#sha256" => Ok(Sha2::Sha256),
        "http://www.w3.org/2001/04/xmldsig-more#sha384" => Ok(Sha2::Sha384),
        "http://www.w3.org/2001/04/xmlenc#sha512" => Ok(Sha2::Sha512),
        other => Err(unknown_algorithm(other)),
    }
}

fn expect(node: Node, name: Name) -> Result<(), Step> {
    if node.has_tag_name(name) {
        return Ok(());
    }
    let found = shown::value(node.tag_name().name());
    Err(misshapen(format!("{found} where {} belongs", name.1)))
}

/// The children of an element that has exactly so many, and nothing else.
fn exactly<'a, 'input, const COUNT: usize>(
    node: Node<'a, 'input>,
    name: &str,
) -> Result<[Node<'a, 'input>; COUNT], Step> {
    let children: Vec<Node> = elements(node).collect();
    let found = children.len();
    if !holds_elements_only(node) {
        return Err(misshapen(format!("text in {name}")));
    }
    let wrong = |_| misshapen(format!("{found} elements in {name}, where {COUNT} belong"));
    children.try_into().map_err(wrong)
}

fn algorithm_of<'a>(node: Node<'a, '_>, name: Name) -> Result<&'a str, Step> {
    expect(node, name)?;
    attribute(node, "Algorithm")
        .ok_or_else(|| misshapen(format!("{} without an algorithm", name.1)))
}

/// The prefixes that an exclusive canonicalization writes wherever they are in scope. It is made before a key has
/// verified anything, so that there is nothing else that could be long.
fn inclusive_prefixes<'a>(method: Node<'a, '_>) -> Result<Vec<&'a str>, Step> {
    if !holds_elements_only(method) {
        return Err(misshapen("text in a transform"));
    }
    let list = match *elements(method).collect::<Vec<Node>>().as_slice() {
        [] => return Ok(Vec::new()),
        [list] if list.has_tag_name((EXCLUSIVE, "InclusiveNamespaces")) => list,
        _ => return Err(misshapen("a transform with parameters")),
    };
    let [] = exactly(list, "InclusiveNamespaces")?;
    let prefixes = attribute(list, "PrefixList").unwrap_or_default();
    let named = prefixes
        .split_ascii_whitespace()
        .map(|prefix| match prefix {
            "#default" => "",
            prefix => prefix,
        });
    // Each is compared with all namespaces in scope, at each element.
    let prefixes: Vec<&str> = named.take(MAX_PREFIXES + 1).collect();
    match prefixes.len() > MAX_PREFIXES {
        true => Err(misshapen("a transform with more than 64 prefixes")),
        false => Ok(prefixes),
    }
}

fn base64(node: Node) -> Result<Vec<u8>, Step> {
    let name = node.tag_name().name();
    let text = text(node).ok_or_else(|| misshapen(format!("elements in {name}")))?;
    let packed: String = text.split_ascii_whitespace().collect();
    let decoded = STANDARD.decode(packed);
    decoded.map_err(|_| misshapen(format!("{name} that is not base64")))
}

fn misshapen(received: impl Into<String>) -> Step {
    Step::failed(
        StepName::Shape,
        "one enveloped signature of the element that holds it, with exclusive canonicalization",
        received,
        "Have the identity provider sign in the usual way of SAML 2.0: its own Response or Assertion, referred to by \
         its ID, with the enveloped-signature transform and exclusive canonicalization.",
    )
}

fn unverified(received: &str) -> Step {
    Step::failed(
        StepName::Signature,
        "a signature by a certificate of the identity provider's metadata",
        received,
        "If the identity provider has changed its signing certificate, have Rollcall read its metadata anew (`refresh` of \
         the connection), or send the current document (`metadata`): it must name the new one. If that is right already, \
         look for a proxy that changes documents on the way.",
    )
}

fn unknown_algorithm(uri: &str) -> Step {
    let expected = "RSA with SHA-256, SHA-384 or SHA-512, or ECDSA with SHA-256 or SHA-384";
    let advice = if uri.ends_with("sha1") {
        "SHA-1 can be forged. In the identity provider, set the signature algorithm of this application to RSA-SHA256 \
         and the digest to SHA-256."
    } else {
        "In the identity provider, set the signature algorithm of this application to RSA-SHA256 and the digest to \
         SHA-256."
    };
    Step::failed(StepName::Algorithm, expected, shown::value(uri), advice)
}
