//! When, where and for whom an assertion holds: its conditions, and how the subject is confirmed.

use std::time::Duration;

use roxmltree::Node;

use crate::domain::diagnosis::{Step, StepName};
use crate::domain::shown;
use crate::domain::timestamp::Timestamp;
use crate::saml::assertion::Session;
use crate::saml::expected::Expected;
use crate::saml::moment;
use crate::saml::names::{BEARER, saml};
use crate::saml::xml::{attribute, elements, named, only, text};

/// The confirmation of a subject that whoever bears the assertion is it (SAML Profiles 4.1.4).
pub struct Bearer<'a, 'input> {
    data: Node<'a, 'input>,
}

impl<'a, 'input> Bearer<'a, 'input> {
    /// The only confirmation of this kind.
    ///
    /// # Errors
    /// A failed step `shape`.
    pub fn of(assertion: Node<'a, 'input>) -> Result<Self, Step> {
        let subject = only(assertion, saml("Subject"));
        let confirmations = subject.map(|it| named(it, saml("SubjectConfirmation")));
        let mut bearers = confirmations
            .into_iter()
            .flatten()
            .filter(|it| attribute(*it, "Method") == Some(BEARER));
        let data = match (bearers.next(), bearers.next()) {
            (Some(bearer), None) => only(bearer, saml("SubjectConfirmationData")),
            _ => None,
        };
        data.map(|data| Self { data }).ok_or_else(|| {
            Step::failed(
                StepName::Shape,
                "one Subject with one bearer confirmation",
                "an assertion without it",
                "Have the identity provider use the Web Browser SSO profile of SAML 2.0 for this application.",
            )
        })
    }

    /// Checks whose request the assertion answers.
    ///
    /// # Errors
    /// A failed step `in_response_to`.
    pub fn check_request(&self, request_id: &str) -> Result<(), Step> {
        match attribute(self.data, "InResponseTo") {
            Some(id) if id == request_id => Ok(()),
            other => Err(other_request(request_id, other)),
        }
    }

    /// Checks where the assertion may be delivered.
    ///
    /// # Errors
    /// A failed step `recipient`.
    pub fn check_recipient(&self, acs_url: &str) -> Result<Step, Step> {
        match attribute(self.data, "Recipient") {
            Some(recipient) if recipient == acs_url => {
                Ok(Step::ok(StepName::Recipient, shown::value(recipient)))
            }
            other => Err(Step::failed(
                StepName::Recipient,
                acs_url,
                shown::value_or_nothing(other),
                format!(
                    "In the identity provider, set the assertion consumer service (ACS, also reply or single sign-on \
                     URL) of this application to {acs_url}"
                ),
            )),
        }
    }
}

/// Says that a response answers another request.
pub fn other_request(request_id: &str, received: Option<&str>) -> Step {
    Step::failed(
        StepName::InResponseTo,
        request_id,
        shown::value_or_nothing(received),
        "Begin the sign-in in Rollcall once more. If it fails again, let the identity provider answer the request that \
         it was sent (SP-initiated), not one of its own.",
    )
}

/// The time at which an assertion is judged.
#[derive(Clone, Copy)]
pub struct Clock {
    now: Timestamp,
    skew: Duration,
}

impl Clock {
    pub fn of(expected: &Expected<'_>) -> Self {
        Self {
            now: expected.now,
            skew: expected.skew,
        }
    }

    /// The moment of an attribute, where there is one.
    fn moment(node: Node, name: &str) -> Result<Option<Timestamp>, Step> {
        let Some(text) = attribute(node, name) else {
            return Ok(None);
        };
        let advice =
            "Have the identity provider write times as SAML 2.0 asks: in UTC, with a Z at the end.";
        let wrong = || Step::failed(StepName::Time, "a time in UTC", shown::value(text), advice);
        moment::read(text).map(Some).ok_or_else(wrong)
    }

    fn begun(&self, node: Node) -> Result<(), Step> {
        let Some(start) = Self::moment(node, "NotBefore")? else {
            return Ok(());
        };
        if start > self.now.plus(self.skew) {
            return Err(self.wrong(&format!("a response that holds from {start}")));
        }
        Ok(())
    }

    fn not_over(&self, node: Node, name: &str) -> Result<Option<Timestamp>, Step> {
        let end = Self::moment(node, name)?;
        match end {
            Some(end) if end <= self.now.minus(self.skew) => {
                Err(self.wrong(&format!("a response that held until {end}")))
            }
            end => Ok(end),
        }
    }

    fn wrong(&self, received: &str) -> Step {
        let skew = self.skew.as_secs();
        let advice = format!(
            "Set the clock of the identity provider by NTP, and have somebody look at Rollcall's: they may differ by \
             {skew} seconds. If both are right, sign in once more without waiting on the way."
        );
        let expected = format!("a response that holds at {}", self.now);
        Step::failed(StepName::Time, expected, received, advice)
    }
}

/// Until when an assertion holds, and what it says of the session there.
pub struct Validity {
    pub not_on_or_after: Timestamp,
    pub session: Session,
}

/// Checks all times of an assertion.
///
/// # Errors
/// A failed step `time`, or `shape` where a time is missing that has to be there.
pub fn check_times(
    assertion: Node,
    bearer: &Bearer<'_, '_>,
    clock: Clock,
) -> Result<Validity, Step> {
    let missing = |what: &str| {
        let advice = "Have the identity provider use the Web Browser SSO profile of SAML 2.0 for this application.";
        Step::failed(StepName::Shape, what, "an assertion without it", advice)
    };
    let conditions = only(assertion, saml("Conditions"));
    let conditions = conditions.ok_or_else(|| missing("one element Conditions"))?;
    clock.begun(conditions)?;
    clock.begun(bearer.data)?;
    let confirmed = clock.not_over(bearer.data, "NotOnOrAfter")?;
    let confirmed = confirmed.ok_or_else(|| missing("NotOnOrAfter in the confirmation"))?;
    let holds = clock.not_over(conditions, "NotOnOrAfter")?;
    let statement = only(assertion, saml("AuthnStatement"));
    let statement = statement.ok_or_else(|| missing("one AuthnStatement"))?;
    Ok(Validity {
        not_on_or_after: holds.map_or(confirmed, |end| end.min(confirmed)),
        session: Session {
            index: attribute(statement, "SessionIndex").map(str::to_owned),
            authenticated_at: Clock::moment(statement, "AuthnInstant")?,
            not_on_or_after: clock.not_over(statement, "SessionNotOnOrAfter")?,
        },
    })
}

/// Checks for whom an assertion is: each restriction names us, and there is one. A condition that is not understood
/// leaves open whether the assertion holds (SAML Core 2.5.1.1).
///
/// # Errors
/// A failed step `audience`, or `shape` for another condition.
pub fn check_audience(assertion: Node, audience: &str) -> Result<Step, Step> {
    let conditions: Vec<Node> = named(assertion, saml("Conditions"))
        .flat_map(elements)
        .collect();
    let known = ["AudienceRestriction", "OneTimeUse", "ProxyRestriction"];
    let is_known = |node: &Node| known.iter().any(|name| node.has_tag_name(saml(name)));
    if let Some(other) = conditions.iter().find(|it| !is_known(it)) {
        return Err(Step::failed(
            StepName::Shape,
            "conditions of SAML 2.0 itself",
            shown::value(other.tag_name().name()),
            "Have the identity provider put no other conditions into assertions for this application.",
        ));
    }
    let restriction = saml("AudienceRestriction");
    let restrictions: Vec<Vec<String>> = conditions
        .iter()
        .filter(|it| it.has_tag_name(restriction))
        .map(|it| named(*it, saml("Audience")).filter_map(text).collect())
        .collect();
    let names_us = |audiences: &Vec<String>| audiences.iter().any(|it| it.trim_ascii() == audience);
    if !restrictions.is_empty() && restrictions.iter().all(names_us) {
        return Ok(Step::ok(StepName::Audience, audience));
    }
    let received = restrictions.concat().join(", ");
    let received = Some(received.as_str()).filter(|it| !it.is_empty());
    Err(Step::failed(
        StepName::Audience,
        audience,
        shown::value_or_nothing(received),
        format!(
            "In the identity provider, set the audience (entity ID, also identifier) of this application to {audience}"
        ),
    ))
}
