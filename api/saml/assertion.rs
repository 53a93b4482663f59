//! What a verified response says: who signed in, how, and what the identity provider knows of them.

use roxmltree::Node;

use crate::domain::connections::SubjectSource;
use crate::domain::diagnosis::{Step, StepName, Steps};
use crate::domain::shown;
use crate::domain::timestamp::Timestamp;
use crate::saml::moment;
use crate::saml::names::{TRANSIENT, saml};
use crate::saml::xml::{attribute, elements, holds_elements_only, named, only, text};

/// The most characters of a subject (SAML Core 8.3.7).
const LONGEST_SUBJECT: usize = 256;

/// An assertion that an identity provider signed for this request, and that holds now. Only
/// [`crate::saml::response::verify`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedAssertion {
    id: String,
    issuer: String,
    name_id: Option<NameId>,
    attributes: Vec<Attribute>,
    session: Session,
    issued_at: Option<Timestamp>,
    not_on_or_after: Timestamp,
}

/// A name of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameId {
    pub value: String,
    pub format: Option<String>,
}

/// What the identity provider knows of a person under one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    pub name: String,
    pub friendly_name: Option<String>,
    pub values: Vec<String>,
}

/// What the identity provider says of the sign-in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Session {
    pub index: Option<String>,
    /// When the person signed in there.
    pub authenticated_at: Option<Timestamp>,
    /// When a session must end that follows from this.
    pub not_on_or_after: Option<Timestamp>,
}

/// Why an assertion has no subject. The last step says it in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoSubject {
    /// It is not there, or cannot be taken.
    Missing,
    /// It is another one at each sign-in.
    Transient,
}

impl VerifiedAssertion {
    pub fn id(&self) -> &str {
        &self.id
    }

    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    pub fn name_id(&self) -> Option<&NameId> {
        self.name_id.as_ref()
    }

    pub fn attributes(&self) -> &[Attribute] {
        &self.attributes
    }

    pub fn session(&self) -> &Session {
        &self.session
    }

    /// When the identity provider made it, by its clock.
    pub fn issued_at(&self) -> Option<Timestamp> {
        self.issued_at
    }

    /// Until when it may be used.
    pub fn not_on_or_after(&self) -> Timestamp {
        self.not_on_or_after
    }

    /// The values of an attribute, by its name; by its friendly name where no attribute has that name.
    pub fn values(&self, name: &str) -> Vec<&str> {
        let all = |is_it: &dyn Fn(&Attribute) -> bool| -> Vec<&str> {
            let found = self.attributes.iter().filter(|it| is_it(it));
            found
                .flat_map(|it| &it.values)
                .map(String::as_str)
                .collect()
        };
        let by_name = all(&|it| it.name == name);
        if self.attributes.iter().any(|it| it.name == name) {
            return by_name;
        }
        all(&|it| it.friendly_name.as_deref() == Some(name))
    }

    /// Who it is, by the source that the connection has chosen.
    ///
    /// # Errors
    /// Where there is no such subject, or none that names the person again; the failed step is added.
    pub fn subject(&self, source: &SubjectSource, steps: &mut Steps) -> Result<&str, NoSubject> {
        match self.found_subject(source) {
            Ok(subject) => {
                steps.add(Step::ok(StepName::Subject, shown::value(subject)));
                Ok(subject)
            }
            Err((step, reason)) => {
                steps.add(step);
                Err(reason)
            }
        }
    }

    fn found_subject(&self, source: &SubjectSource) -> Result<&str, (Step, NoSubject)> {
        let missing = |step| (step, NoSubject::Missing);
        let subject = match source {
            SubjectSource::NameId => {
                let name_id = self.name_id.as_ref().ok_or_else(|| missing(no_name_id()))?;
                if name_id.format.as_deref() == Some(TRANSIENT) {
                    return Err((transient(), NoSubject::Transient));
                }
                &name_id.value
            }
            SubjectSource::Attribute(name) => self.only_value(name).map_err(missing)?,
        };
        let is_plain = subject.trim() == subject && !subject.chars().any(char::is_control);
        if subject.is_empty() || !is_plain || subject.chars().count() > LONGEST_SUBJECT {
            return Err(missing(unusable(subject)));
        }
        Ok(subject)
    }

    fn only_value(&self, name: &str) -> Result<&str, Step> {
        let of_name = self.attributes.iter().filter(|it| it.name == name);
        let values: Vec<&String> = of_name.flat_map(|it| &it.values).collect();
        match *values.as_slice() {
            [value] => Ok(value),
            _ => Err(no_attribute(name, values.len())),
        }
    }
}

/// What [`crate::saml::response`] found out of an assertion before it is read.
pub(super) struct Facts {
    pub issuer: String,
    pub not_on_or_after: Timestamp,
    pub session: Session,
}

/// Reads an assertion of which all has been checked.
///
/// # Errors
/// A failed step `subject` where names cannot be read.
pub(super) fn read(assertion: Node, facts: Facts) -> Result<VerifiedAssertion, Step> {
    let (name_id, attributes) = read_person(assertion)?;
    Ok(VerifiedAssertion {
        id: attribute(assertion, "ID").unwrap_or_default().to_owned(),
        issuer: facts.issuer,
        name_id,
        attributes,
        session: facts.session,
        issued_at: attribute(assertion, "IssueInstant").and_then(moment::read),
        not_on_or_after: facts.not_on_or_after,
    })
}

/// Reads what an assertion says of a person.
///
/// # Errors
/// A failed step `subject` where names cannot be read.
pub(super) fn read_person(assertion: Node) -> Result<(Option<NameId>, Vec<Attribute>), Step> {
    let subject = only(assertion, saml("Subject"));
    let name_id = subject.and_then(|it| only(it, saml("NameID")));
    let statements = named(assertion, saml("AttributeStatement"));
    let attributes = statements.flat_map(|it| named(it, saml("Attribute")));
    Ok((
        name_id.map(read_name_id).transpose()?,
        attributes.filter_map(read_attribute).collect(),
    ))
}

fn read_name_id(node: Node) -> Result<NameId, Step> {
    Ok(NameId {
        value: text(node).ok_or_else(|| unusable("elements inside of the NameID"))?,
        format: attribute(node, "Format").map(str::to_owned),
    })
}

/// An attribute; one without a name is none.
fn read_attribute(node: Node) -> Option<Attribute> {
    Some(Attribute {
        name: attribute(node, "Name")?.to_owned(),
        friendly_name: attribute(node, "FriendlyName").map(str::to_owned),
        values: named(node, saml("AttributeValue"))
            .filter_map(value)
            .collect(),
    })
}

/// The text of a value, or of the `NameID` that is all that it holds (eduPersonTargetedID). Other elements are no
/// value that anybody compares.
fn value(node: Node) -> Option<String> {
    if let Some(text) = text(node) {
        return Some(text);
    }
    let name_id = only(node, saml("NameID"))?;
    let is_all = elements(node).count() == 1 && holds_elements_only(node);
    is_all.then(|| text(name_id)).flatten()
}

fn no_name_id() -> Step {
    Step::failed(
        StepName::Subject,
        "a NameID",
        "none",
        "In the identity provider, have this application send a NameID that stays the same for a person, such as \
         persistent.",
    )
}

fn transient() -> Step {
    Step::failed(
        StepName::Subject,
        "a NameID that stays the same for a person",
        TRANSIENT,
        "In the identity provider, set the NameID format of this application to persistent; or choose an attribute \
         that stays the same as the subject of this connection.",
    )
}

fn no_attribute(name: &str, found: usize) -> Step {
    let name = shown::value(name);
    Step::failed(
        StepName::Subject,
        format!("one value of the attribute {name}"),
        format!("{found} values"),
        format!(
            "In the identity provider, release the attribute {name} to this application, with exactly one value for \
             each person."
        ),
    )
}

fn unusable(received: &str) -> Step {
    Step::failed(
        StepName::Subject,
        "a name of 1 to 256 characters, without spaces around it and without control characters",
        format!("“{}”", shown::value(received)),
        "In the identity provider, choose another attribute for what names a person to this application.",
    )
}
