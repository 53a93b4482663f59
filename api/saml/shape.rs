//! One Response with one Assertion, as it stands there or encrypted, and nothing of their kind in any other place.

use roxmltree::Node;

use crate::domain::diagnosis::{Step, StepName};
use crate::domain::shown;
use crate::saml::encryption::encrypted_part;
use crate::saml::names::{ds, saml, samlp};
use crate::saml::xml::{attribute, named, only};

/// What an element is called, in any namespace: other readers may take it for that of SAML.
const ENVELOPES: [&str; 3] = ["Assertion", "EncryptedAssertion", "Response"];
const ENCRYPTED_PARTS: [&str; 2] = ["EncryptedAttribute", "EncryptedID"];

/// A document's root as a Response.
///
/// # Errors
/// A failed step `shape`.
pub fn root<'a, 'input>(root: Node<'a, 'input>) -> Result<Node<'a, 'input>, Step> {
    if !root.has_tag_name(samlp("Response")) {
        return Err(misshapen(
            "a Response",
            shown::value(root.tag_name().name()),
        ));
    }
    match attribute(root, "Version") {
        Some("2.0") => Ok(root),
        other => Err(misshapen("SAML 2.0", shown::value_or_nothing(other))),
    }
}

/// The encrypted assertion of a response, which then has no other.
///
/// # Errors
/// A failed step `shape`; `encryption` where parts of an assertion are encrypted by themselves.
pub fn encrypted_assertion<'a, 'input>(
    response: Node<'a, 'input>,
) -> Result<Option<Node<'a, 'input>>, Step> {
    check_parts(response)?;
    let name = saml("EncryptedAssertion");
    let count = named(response, name).count();
    if count == 0 {
        return Ok(None);
    }
    let encrypted = only(response, name);
    let encrypted = encrypted
        .ok_or_else(|| misshapen("exactly one Assertion", format!("{count} encrypted")))?;
    check_others(response, &[response, encrypted])?;
    Ok(Some(encrypted))
}

/// The assertion of a response that has nothing signed and no assertion in any other place.
///
/// # Errors
/// A failed step `shape`.
pub fn only_assertion<'a, 'input>(response: Node<'a, 'input>) -> Result<Node<'a, 'input>, Step> {
    let count = named(response, saml("Assertion")).count();
    let assertion = only(response, saml("Assertion"))
        .ok_or_else(|| misshapen("exactly one Assertion", format!("{count} of them")))?;
    check_version(assertion)?;
    check_others(response, &[response, assertion])?;
    Ok(assertion)
}

/// A document's root as an assertion that was encrypted.
///
/// # Errors
/// As [`encrypted_assertion`].
pub fn alone<'a, 'input>(root: Node<'a, 'input>) -> Result<Node<'a, 'input>, Step> {
    if !root.has_tag_name(saml("Assertion")) {
        let received = format!(
            "{} that was encrypted",
            shown::value(root.tag_name().name())
        );
        return Err(misshapen("one Response with one Assertion", received));
    }
    check_version(root)?;
    check_parts(root)?;
    check_others(root, &[root])?;
    Ok(root)
}

fn check_version(assertion: Node) -> Result<(), Step> {
    match attribute(assertion, "Version") {
        Some("2.0") => Ok(()),
        _ => Err(misshapen("SAML 2.0", "an Assertion of another version")),
    }
}

fn check_parts(root: Node) -> Result<(), Step> {
    let names = root.descendants().map(|node| node.tag_name().name());
    let mut parts = names.filter(|name| ENCRYPTED_PARTS.contains(name));
    match parts.next() {
        None => Ok(()),
        Some(name) => Err(encrypted_part(name)),
    }
}

/// Refuses signatures of others than these elements, and whatever is called like one of them in another place.
fn check_others(root: Node, known: &[Node]) -> Result<(), Step> {
    for node in root.descendants().filter(Node::is_element) {
        let name = node.tag_name().name();
        let belongs = node.parent().is_some_and(|parent| known.contains(&parent));
        if name == ds("Signature").1 && !(belongs && node.has_tag_name(ds("Signature"))) {
            let received = "a Signature in another place";
            return Err(misshapen(
                "signatures of Response and Assertion only",
                received,
            ));
        }
        if ENVELOPES.contains(&name) && !known.contains(&node) {
            let received = format!("another {}", shown::value(name));
            return Err(misshapen("one Response with one Assertion", received));
        }
    }
    Ok(())
}

/// Says that a document is not built as it should be.
pub fn misshapen(expected: &str, received: impl Into<String>) -> Step {
    Step::failed(
        StepName::Shape,
        expected,
        received,
        "Have the identity provider send one Response with one Assertion, as the Web Browser SSO profile of SAML 2.0 \
         has it, and nothing around them.",
    )
}
