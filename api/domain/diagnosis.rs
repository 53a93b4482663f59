//! The diagnosis of one arrival by a central system: the steps that were checked, each with what was expected and
//! what came, in words that whoever runs the identity provider acts on (`docs/sso.md#diagnosis`).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::string_enum::string_enum;

string_enum! {
    /// What was checked. Names are stable.
    StepName {
        Discovery = "discovery",
        Keys = "keys",
        Authorization = "authorization",
        State = "state",
        IssuerParameter = "issuer_parameter",
        TokenRequest = "token_request",
        Signature = "signature",
        Algorithm = "algorithm",
        Issuer = "issuer",
        Audience = "audience",
        AuthorizedParty = "authorized_party",
        Time = "time",
        Nonce = "nonce",
        Tenant = "tenant",
        Subject = "subject",
        Document = "document",
        Shape = "shape",
        Destination = "destination",
        Recipient = "recipient",
        InResponseTo = "in_response_to",
        Status = "status",
        Encryption = "encryption",
        Email = "email",
        Identity = "identity",
        Account = "account",
        Rules = "rules",
        Seat = "seat",
        Deployment = "deployment",
        Roles = "roles",
        Context = "context",
    }
}

string_enum! {
    /// How a step ended. What was not tried although nothing failed is `skipped`; behind a failed step there is none.
    StepResult {
        Ok = "ok",
        Warning = "warning",
        Failed = "failed",
        Skipped = "skipped",
    }
}

/// A step of a diagnosis. It never holds a token, a code, a secret or a signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Step {
    pub name: StepName,
    pub result: StepResult,
    /// What should have come.
    #[schema(max_length = 2000)]
    pub expected: Option<String>,
    /// What came.
    #[schema(max_length = 2000)]
    pub received: Option<String>,
    /// What to do next, and in which system.
    #[schema(max_length = 2000)]
    pub advice: Option<String>,
}

impl Step {
    /// A step that held.
    pub fn ok(name: StepName, received: impl Into<String>) -> Self {
        Self {
            name,
            result: StepResult::Ok,
            expected: None,
            received: Some(storable(received)),
            advice: None,
        }
    }

    /// A step that did not hold.
    pub fn failed(
        name: StepName,
        expected: impl Into<String>,
        received: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            name,
            result: StepResult::Failed,
            expected: Some(storable(expected)),
            received: Some(storable(received)),
            advice: Some(storable(advice)),
        }
    }

    /// A step that did not hold, and stops nothing.
    pub fn warning(
        name: StepName,
        expected: impl Into<String>,
        received: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self::failed(name, expected, received, advice).as_warning()
    }

    /// A step that was not tried.
    pub fn skipped(
        name: StepName,
        expected: impl Into<String>,
        received: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            result: StepResult::Skipped,
            ..Self::failed(name, expected, received, advice)
        }
    }

    /// What was expected and what came, as a sentence. Where what came is one already, that alone.
    pub fn sentence(&self) -> String {
        let part = |text: &Option<String>| text.clone().unwrap_or_default();
        let received = part(&self.received);
        if received.ends_with('.') {
            return received;
        }
        format!("Expected {}, and got {received}.", part(&self.expected))
    }

    /// The same step, which did not stop the arrival.
    #[must_use]
    pub fn as_warning(mut self) -> Self {
        self.result = StepResult::Warning;
        self
    }
}

/// A text without the one character that PostgreSQL keeps nowhere.
fn storable(text: impl Into<String>) -> String {
    text.into().replace('\0', "")
}

/// The steps of an arrival so far. Functions that check take it by `&mut`, add a step for each check, and end with
/// the first that failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Steps(Vec<Step>);

/// An arrival was refused: the last of its [`Steps`] says why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

impl From<Vec<Step>> for Steps {
    fn from(steps: Vec<Step>) -> Self {
        Self(steps)
    }
}

impl Steps {
    /// Adds a step that held, or that only warns.
    pub fn add(&mut self, step: Step) {
        self.0.push(step);
    }

    /// Adds a step that failed.
    ///
    /// # Errors
    /// Always.
    pub fn refuse<T>(&mut self, step: Step) -> Result<T, Refused> {
        self.0.push(step);
        Err(Refused)
    }

    /// The same without what the identity provider said of the person: of who got in nothing of it is kept in a diagnosis.
    #[must_use]
    pub fn without_claims(mut self) -> Self {
        let is_of_person =
            |step: &&mut Step| [StepName::Email, StepName::Subject].contains(&step.name);
        for step in self.0.iter_mut().filter(is_of_person) {
            step.received = None;
        }
        self
    }

    /// Whether the last step failed.
    pub fn ends_with_failure(&self) -> bool {
        let last = self.0.last();
        last.is_some_and(|step| step.result == StepResult::Failed)
    }

    pub fn as_slice(&self) -> &[Step] {
        &self.0
    }

    pub fn into_vec(self) -> Vec<Step> {
        self.0
    }
}
