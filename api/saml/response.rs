//! What a browser brings from an identity provider (HTTP-POST binding): verified, or refused with words.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use roxmltree::Node;
use serde_json::{Map, Value};

use crate::crypto::envelope::ContentCipher;
use crate::domain::diagnosis::{Step, StepName, Steps};
use crate::domain::shown;
use crate::saml::assertion::{self, Facts, VerifiedAssertion};
use crate::saml::conditions::{Bearer, Clock, check_audience, check_times, other_request};
use crate::saml::expected::Expected;
use crate::saml::names::{SUCCESS, saml, samlp};
use crate::saml::shape::misshapen;
use crate::saml::signature::{self, SignedContent};
use crate::saml::xml::{self, Source, attribute, named, only, text};
use crate::saml::{encryption, person, shape};

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
            claims: refusal.content.as_deref().and_then(claims_of),
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
    /// What was signed: the Assertion itself, or a Response in which it could be read.
    content: Option<Box<SignedContent>>,
}

impl From<Step> for Refusal {
    fn from(step: Step) -> Self {
        Self {
            step,
            content: None,
        }
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

    let response = shape::root(document.root_element())?;
    steps.add(check_destination(response, expected.acs_url)?);
    steps.add(check_request(response, expected.request_id)?);
    steps.add(check_status(response)?);
    match shape::encrypted_assertion(response)? {
        None => check_plain(response, expected, steps),
        Some(_) => check_encrypted(response, expected, steps),
    }
}

fn check_plain(
    response: Node,
    expected: &Expected<'_>,
    steps: &mut Steps,
) -> Result<VerifiedAssertion, Refusal> {
    let assertion = shape::only_assertion(response)?;
    steps.add(Step::ok(StepName::Encryption, "nothing is encrypted"));
    steps.add(Step::ok(StepName::Shape, "one Response with one Assertion"));
    steps.add(check_issuer(response, assertion, expected.issuer)?);
    let of_response = signature::verify(response, expected.keys)?;
    let of_assertion = signature::verify(assertion, expected.keys)?;
    let signed = match (of_assertion, of_response) {
        (Some(content), Some(_)) => (content, BOTH_SIGNED),
        (Some(content), None) => (content, ASSERTION_SIGNED),
        (None, Some(content)) => (content, RESPONSE_SIGNED),
        (None, None) => return Err(unsigned().into()),
    };
    check_signed(signed, expected, steps)
}

/// An assertion that was decrypted, in a Response that somebody signed or that nobody did.
enum Opened {
    Signed(SignedContent),
    Unsigned(String),
}

impl Opened {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Signed(content) => content.bytes(),
            Self::Unsigned(document) => document.as_bytes(),
        }
    }
}

/// Decrypts, and then checks what came out as if it had stood there. Who has signed the Response is known before.
fn check_encrypted(
    response: Node,
    expected: &Expected<'_>,
    steps: &mut Steps,
) -> Result<VerifiedAssertion, Refusal> {
    check_issuer_of_response(response, expected.issuer)?;
    // Before anything is decrypted: the time that it takes is whoever's wrote the response.
    let ids = xml::ids(response.document());
    let (opened, cipher) = match signature::verify(response, expected.keys)? {
        Some(around) => {
            let (content, cipher) = around.map(|root| decrypted(root, expected, true))?;
            (Opened::Signed(content), cipher)
        }
        None => {
            let (document, cipher) = decrypted(response, expected, false)?;
            (Opened::Unsigned(document), cipher)
        }
    };
    let mut inside = Steps::default();
    let name = encryption::name_of(cipher);
    inside.add(Step::ok(
        StepName::Encryption,
        format!("the Assertion, by {name}"),
    ));
    match check_opened((response, &ids, opened), expected, &mut inside) {
        // The key is everybody's here. Who has caught another organization's message could change it, sign it as their
        // own provider, and learn it from how it fails, unless all failures are one.
        Err(Refusal { content: None, .. }) if !cipher.is_authenticated() => {
            Err(encryption::unopened(cipher).into())
        }
        judged => {
            inside.into_vec().into_iter().for_each(|it| steps.add(it));
            // Nor does a connection with the metadata of that organization's provider tell what it says.
            judged.map_err(|refusal| refusal.step.into())
        }
    }
}

/// The document of the encrypted assertion of a response.
fn decrypted(
    response: Node,
    expected: &Expected<'_>,
    is_signed: bool,
) -> Result<(String, ContentCipher), Step> {
    let encrypted = shape::encrypted_assertion(response)?.ok_or_else(unsigned)?;
    encryption::decrypt(encrypted, expected.federation_keys, is_signed)
}

fn check_opened(
    (response, ids, opened): (Node, &HashSet<&str>, Opened),
    expected: &Expected<'_>,
    steps: &mut Steps,
) -> Result<VerifiedAssertion, Refusal> {
    let source = Source::new(opened.bytes(), xml::RESPONSE)?;
    let document = xml::parse(&source)?;
    xml::check_common_ids(ids, &document)?;
    let assertion = shape::alone(document.root_element())?;
    steps.add(Step::ok(StepName::Shape, "one Response with one Assertion"));
    steps.add(check_issuer(response, assertion, expected.issuer)?);
    match (signature::verify(assertion, expected.keys)?, opened) {
        (Some(content), Opened::Signed(around)) => {
            let is_of_one = content.is_signed_as(&around);
            let judged = check_signed((content, BOTH_SIGNED), expected, steps);
            // By two keys it may be of two: metadata names whichever certificate its author likes.
            judged.map_err(|refusal| match is_of_one {
                true => refusal,
                false => refusal.step.into(),
            })
        }
        (Some(content), Opened::Unsigned(_)) => {
            check_signed((content, ASSERTION_SIGNED), expected, steps)
        }
        // Who signed around it need not have written it.
        (None, Opened::Signed(content)) => {
            let judged = check_signed((content, RESPONSE_SIGNED), expected, steps);
            judged.map_err(|refusal| refusal.step.into())
        }
        (None, Opened::Unsigned(_)) => Err(unsigned().into()),
    }
}

const BOTH_SIGNED: &str = "the Response and the Assertion";
const ASSERTION_SIGNED: &str = "the Assertion";
const RESPONSE_SIGNED: &str = "the Response";

/// Judges what was signed, with the words for what that is.
fn check_signed(
    (content, signed): (SignedContent, &str),
    expected: &Expected<'_>,
    steps: &mut Steps,
) -> Result<VerifiedAssertion, Refusal> {
    steps.add(Step::ok(StepName::Algorithm, content.algorithm()));
    steps.add(Step::ok(StepName::Signature, signed));
    checked_content(&content, expected, steps).map_err(|step| Refusal {
        step,
        content: Some(Box::new(content)),
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
    shape::only_assertion(root)
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

fn check_destination(response: Node, acs_url: &str) -> Result<Step, Step> {
    match attribute(response, "Destination") {
        None => Ok(Step::ok(StepName::Destination, "none was named")),
        Some(destination) if destination == acs_url => {
            Ok(Step::ok(StepName::Destination, shown::value(destination)))
        }
        Some(other) => Err(Step::failed(
            StepName::Destination,
            acs_url,
            shown::value(other),
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
        shown::value_or_nothing(received.as_deref()),
        "The identity provider let nobody in. Look into its own log: often the person is not assigned to this \
         application, or it does not know this application by its entity ID.",
    ))
}

/// Says early, and in words of its own, that another identity provider has sent a response.
fn check_issuer(response: Node, assertion: Node, issuer: &str) -> Result<Step, Step> {
    check_issuer_of_response(response, issuer)?;
    if named(assertion, saml("Issuer")).count() != 1 {
        return Err(misshapen("one Issuer of the Assertion", "none, or more"));
    }
    check_issuers(assertion, issuer)?;
    Ok(Step::ok(StepName::Issuer, issuer))
}

fn check_issuer_of_response(response: Node, issuer: &str) -> Result<(), Step> {
    if named(response, saml("Issuer")).count() > 1 {
        return Err(misshapen("one Issuer of the Response", "more"));
    }
    check_issuers(response, issuer)
}

fn check_issuers(element: Node, issuer: &str) -> Result<(), Step> {
    for node in named(element, saml("Issuer")) {
        let received = text(node);
        let received = received.as_deref().map(str::trim_ascii);
        if received != Some(issuer) {
            return Err(other_issuer(issuer, received));
        }
    }
    Ok(())
}

fn other_issuer(issuer: &str, received: Option<&str>) -> Step {
    Step::failed(
        StepName::Issuer,
        issuer,
        shown::value_or_nothing(received),
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
