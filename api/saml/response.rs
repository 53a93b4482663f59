//! What a browser brings from an identity provider (HTTP-POST binding): verified, or refused with words.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use roxmltree::Node;
use serde_json::{Map, Value};

use crate::domain::diagnosis::{Step, StepName, Steps};
use crate::saml::assertion::{self, Facts, VerifiedAssertion};
use crate::saml::conditions::{Bearer, Clock, check_audience, check_times, other_request};
use crate::saml::expected::Expected;
use crate::saml::names::{Name, SUCCESS, ds, saml, samlp};
use crate::saml::person;
use crate::saml::signature::{self, SignedContent};
use crate::saml::words::{shown, shown_or_nothing};
use crate::saml::xml::{self, Source, attribute, named, only, text};

/// Verifies the form field `SAMLResponse`. Each check adds its step.
///
/// # Errors
/// The last step says why it was refused.
pub fn verify(
    field: &str,
    expected: &Expected<'_>,
    steps: &mut Steps,
) -> Result<VerifiedAssertion, Unverified> {
    checked(field, expected, steps).map_err(|refusal| {
        steps.add(refusal.step);
        Unverified {
            claims: refusal.claims,
        }
    })
}

/// A response that does not hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Unverified {
    /// What the identity provider said of somebody, where its signature holds and something else does not.
    pub claims: Option<Map<String, Value>>,
}

/// Why a response does not hold.
struct Refusal {
    step: Step,
    claims: Option<Map<String, Value>>,
}

impl From<Step> for Refusal {
    fn from(step: Step) -> Self {
        Self { step, claims: None }
    }
}

fn checked(
    field: &str,
    expected: &Expected<'_>,
    steps: &mut Steps,
) -> Result<VerifiedAssertion, Refusal> {
    let source = Source::new(&decode(field)?, xml::RESPONSE)?;
    let document = xml::parse(&source)?;
    let size = format!("{} bytes of XML", document.input_text().len());
    steps.add(Step::ok(StepName::Document, size));

    let response = root(document.root_element())?;
    steps.add(check_destination(response, expected.acs_url)?);
    steps.add(check_request(response, expected.request_id)?);
    steps.add(check_status(response)?);
    steps.add(check_encryption(response)?);
    let assertion = only_assertion(response)?;
    steps.add(Step::ok(StepName::Shape, "one Response with one Assertion"));
    steps.add(check_issuer(response, assertion, expected.issuer)?);

    let of_response = signature::verify(response, expected.keys)?;
    let of_assertion = signature::verify(assertion, expected.keys)?;
    let (content, signed) = match (of_assertion, of_response) {
        (Some(content), Some(_)) => (content, "the Response and the Assertion"),
        (Some(content), None) => (content, "the Assertion"),
        (None, Some(content)) => (content, "the Response"),
        (None, None) => return Err(unsigned().into()),
    };
    steps.add(Step::ok(StepName::Algorithm, content.algorithm()));
    steps.add(Step::ok(StepName::Signature, signed));
    checked_content(&content, expected, steps).map_err(|step| Refusal {
        step,
        claims: claims_of(&content),
    })
}

/// What signed content says of a person, where it can be read.
fn claims_of(content: &SignedContent) -> Option<Map<String, Value>> {
    let source = Source::new(content.bytes(), xml::RESPONSE).ok()?;
    let document = xml::parse(&source).ok()?;
    let (name_id, attributes) =
        assertion::read_person(signed_assertion(document.root_element()).ok()?).ok()?;
    Some(person::claims_of(name_id.as_ref(), &attributes))
}

fn signed_assertion<'a, 'input>(root: Node<'a, 'input>) -> Result<Node<'a, 'input>, Step> {
    if root.has_tag_name(saml("Assertion")) {
        return Ok(root);
    }
    only_assertion(root)
}

/// Reads what was signed, and nothing else from here on.
fn checked_content(
    content: &SignedContent,
    expected: &Expected<'_>,
    steps: &mut Steps,
) -> Result<VerifiedAssertion, Step> {
    let source = Source::new(content.bytes(), xml::RESPONSE)?;
    let document = xml::parse(&source)?;
    let assertion = signed_assertion(document.root_element())?;
    let issuer = only(assertion, saml("Issuer")).and_then(text);
    let issuer = issuer.unwrap_or_default().trim_ascii().to_owned();
    if issuer != expected.issuer {
        return Err(other_issuer(expected.issuer, Some(&issuer)));
    }
    let bearer = Bearer::of(assertion)?;
    bearer.check_request(expected.request_id)?;
    let validity = check_times(assertion, &bearer, Clock::of(expected))?;
    let until = format!("it holds until {}", validity.not_on_or_after);
    steps.add(Step::ok(StepName::Time, until));
    steps.add(bearer.check_recipient(expected.acs_url)?);
    steps.add(check_audience(assertion, expected.audience)?);
    let facts = Facts {
        issuer,
        not_on_or_after: validity.not_on_or_after,
        session: validity.session,
    };
    assertion::read(assertion, facts)
}

fn decode(field: &str) -> Result<Vec<u8>, Step> {
    let wrong = |received: &str| {
        let expected = "a SAML response in base64 of at most 256 KiB";
        let advice = "Have the identity provider send its response by the HTTP-POST binding.";
        Step::failed(StepName::Document, expected, received, advice)
    };
    if field.len() > xml::RESPONSE.bytes * 2 {
        return Err(wrong("a longer field"));
    }
    let packed: String = field.split_ascii_whitespace().collect();
    STANDARD
        .decode(packed)
        .map_err(|_| wrong("something that is not base64"))
}

fn root<'a, 'input>(root: Node<'a, 'input>) -> Result<Node<'a, 'input>, Step> {
    if !root.has_tag_name(samlp("Response")) {
        return Err(misshapen("a Response", shown(root.tag_name().name())));
    }
    match attribute(root, "Version") {
        Some("2.0") => Ok(root),
        other => Err(misshapen("SAML 2.0", shown_or_nothing(other))),
    }
}

/// The assertion of a response that has nothing signed and no assertion in any other place.
fn only_assertion<'a, 'input>(response: Node<'a, 'input>) -> Result<Node<'a, 'input>, Step> {
    let count = named(response, saml("Assertion")).count();
    let assertion = only(response, saml("Assertion"))
        .ok_or_else(|| misshapen("exactly one Assertion", format!("{count} of them")))?;
    if attribute(assertion, "Version") != Some("2.0") {
        return Err(misshapen("SAML 2.0", "an Assertion of another version"));
    }
    let is_element = |node: &Node, name: Name| node.tag_name().name() == name.1;
    for node in response.descendants().filter(Node::is_element) {
        let (parent, is_here) = (node.parent(), node == assertion || node == response);
        let is_signature = is_element(&node, ds("Signature"));
        let belongs = parent == Some(response) || parent == Some(assertion);
        if is_signature && !(belongs && node.has_tag_name(ds("Signature"))) {
            let received = "a Signature in another place";
            return Err(misshapen(
                "signatures of Response and Assertion only",
                received,
            ));
        }
        let is_envelope =
            is_element(&node, saml("Assertion")) || is_element(&node, samlp("Response"));
        if is_envelope && !is_here {
            let received = format!("another {}", shown(node.tag_name().name()));
            return Err(misshapen("one Response with one Assertion", received));
        }
    }
    Ok(assertion)
}

fn check_destination(response: Node, acs_url: &str) -> Result<Step, Step> {
    match attribute(response, "Destination") {
        None => Ok(Step::ok(StepName::Destination, "none was named")),
        Some(destination) if destination == acs_url => {
            Ok(Step::ok(StepName::Destination, shown(destination)))
        }
        Some(other) => Err(Step::failed(
            StepName::Destination,
            acs_url,
            shown(other),
            format!(
                "In the identity provider, set the assertion consumer service (ACS, also reply or single sign-on URL) \
                 of this application to {acs_url}"
            ),
        )),
    }
}

fn check_request(response: Node, request_id: &str) -> Result<Step, Step> {
    match attribute(response, "InResponseTo") {
        Some(id) if id == request_id => Ok(Step::ok(StepName::InResponseTo, request_id)),
        other => Err(other_request(request_id, other)),
    }
}

/// Whether the identity provider let the person in. What it says otherwise is for the diagnosis only.
fn check_status(response: Node) -> Result<Step, Step> {
    let status = only(response, samlp("Status"));
    let code = status.and_then(|it| only(it, samlp("StatusCode")));
    let value = code.and_then(|it| attribute(it, "Value"));
    if value == Some(SUCCESS) {
        return Ok(Step::ok(StepName::Status, SUCCESS));
    }
    let detail = code
        .and_then(|it| only(it, samlp("StatusCode")))
        .and_then(|it| attribute(it, "Value"));
    let message = status
        .and_then(|it| only(it, samlp("StatusMessage")))
        .and_then(text);
    let parts = [value, detail, message.as_deref()];
    let parts: Vec<&str> = parts.into_iter().flatten().collect();
    let received = Some(parts.join(" · ")).filter(|it| !it.is_empty());
    Err(Step::failed(
        StepName::Status,
        SUCCESS,
        shown_or_nothing(received.as_deref()),
        "The identity provider let nobody in. Look into its own log: often the person is not assigned to this \
         application, or it does not know this application by its entity ID.",
    ))
}

fn check_encryption(response: Node) -> Result<Step, Step> {
    let encrypted = ["EncryptedAssertion", "EncryptedID", "EncryptedAttribute"];
    let found = response
        .descendants()
        .find(|node| encrypted.contains(&node.tag_name().name()));
    match found {
        None => Ok(Step::ok(StepName::Encryption, "nothing is encrypted")),
        Some(node) => Err(Step::failed(
            StepName::Encryption,
            "an assertion that is signed, and not encrypted: https keeps it secret on the way",
            shown(node.tag_name().name()),
            "In the identity provider, turn the encryption of assertions off for this application.",
        )),
    }
}

/// Says early, and in words of its own, that another identity provider has sent a response.
fn check_issuer(response: Node, assertion: Node, issuer: &str) -> Result<Step, Step> {
    let of_response: Vec<Node> = named(response, saml("Issuer")).collect();
    let of_assertion: Vec<Node> = named(assertion, saml("Issuer")).collect();
    if of_response.len() > 1 || of_assertion.len() != 1 {
        return Err(misshapen("one Issuer of the Assertion", "none, or more"));
    }
    for node in of_response.into_iter().chain(of_assertion) {
        let received = text(node);
        let received = received.as_deref().map(str::trim_ascii);
        if received != Some(issuer) {
            return Err(other_issuer(issuer, received));
        }
    }
    Ok(Step::ok(StepName::Issuer, issuer))
}

fn other_issuer(issuer: &str, received: Option<&str>) -> Step {
    Step::failed(
        StepName::Issuer,
        issuer,
        shown_or_nothing(received),
        "The response is of another identity provider than this connection's metadata. Give this connection the \
         metadata of the one that people sign in with.",
    )
}

fn unsigned() -> Step {
    Step::failed(
        StepName::Signature,
        "a signed Assertion, or a signed Response",
        "neither",
        "In the identity provider, turn the signing of assertions (or responses) on for this application.",
    )
}

fn misshapen(expected: &str, received: impl Into<String>) -> Step {
    Step::failed(
        StepName::Shape,
        expected,
        received,
        "Have the identity provider send one Response with one Assertion, as the Web Browser SSO profile of SAML 2.0 \
         has it, and nothing around them.",
    )
}
