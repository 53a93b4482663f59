//! Tests of connections and diagnoses, as admins see them.

use serde::Serialize;
use utoipa::ToSchema;

use super::responses::Described;
use crate::domain::connections::{DiagnosisStatus, FlowPurpose};
use crate::domain::diagnosis::{Step, StepName};
use crate::domain::ids::{AccountId, DiagnosisId};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::routes::names::ConnectionReference;
use crate::routes::page::page_body;
use crate::services::sso::diagnosis::{self, steps_of};
use crate::store::diagnoses::{Diagnosis, DiagnosisView};

/// A test of a connection.
#[derive(Serialize, ToSchema)]
#[schema(as = ConnectionTest, examples(json!({
    "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11",
    "start_url": "https://rollcall.school.example/v1/sso/initiate/01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c12?test=K7QF2MPDXA",
    "status": "waiting",
    "steps": [{
        "name": "authorization",
        "result": "skipped",
        "expected": "somebody who signs in at the identity provider",
        "received": "nobody has opened start_url yet",
        "advice": "Open the test's start_url in a browser before 2026-09-01T08:30:00Z, and sign in; after that, begin another test."
    }],
    "claims": null,
    "would": null,
    "expires_at": "2026-09-01T08:30:00Z"
})))]
pub struct ConnectionTestBody {
    id: DiagnosisId,
    /// Open it in a browser, and sign in as somebody who is to come.
    #[schema(max_length = 2000)]
    start_url: String,
    status: DiagnosisStatus,
    #[schema(max_items = 100)]
    steps: Vec<Step>,
    /// What the identity provider said of the person.
    #[schema(value_type = Option<Object>)]
    claims: Option<serde_json::Value>,
    /// What a sign-in would have done: `account` (an outcome, or the code of a refusal), `account_type`, `groups`,
    /// `seat`. `null` by a setup link, which shows no people.
    #[schema(value_type = Option<Object>)]
    would: Option<serde_json::Value>,
    /// Until when it can be made, and is kept.
    expires_at: Timestamp,
}

/// The name of a claim.
#[derive(ToSchema)]
#[schema(max_length = 1000)]
#[expect(dead_code, reason = "the document names it")]
pub struct ClaimName(String);

/// What was checked when somebody came.
#[derive(Serialize, ToSchema)]
#[schema(as = Diagnosis, examples(json!({
    "reference": "K7QF2MPDXA",
    "at": "2026-09-01T07:30:00Z",
    "connection": {
        "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11",
        "name": "School accounts",
        "kind": "oidc"
    },
    "purpose": "sign_in",
    "status": "failed",
    "code": "no_seat",
    "steps": [{
        "name": "seat",
        "result": "failed",
        "expected": "a free seat",
        "received": "none is free",
        "advice": "Free a seat, or have the licence raised; the person then signs in again."
    }],
    "claim_names": ["email", "name", "sub"],
    "account_id": null
})))]
pub struct DiagnosisBody {
    /// What the person reads out.
    #[schema(max_length = 20)]
    reference: String,
    at: Timestamp,
    connection: ConnectionReference,
    purpose: FlowPurpose,
    status: DiagnosisStatus,
    /// The code of the refusal; `null` where they got in.
    #[schema(max_length = 100)]
    code: Option<String>,
    #[schema(max_items = 100)]
    steps: Vec<Step>,
    /// The names of the claims that came with a refusal.
    #[schema(value_type = Vec<ClaimName>, max_items = 1000)]
    claim_names: Vec<String>,
    /// Who got in.
    account_id: Option<AccountId>,
    #[serde(skip)]
    pub(super) id: Option<DiagnosisId>,
}

page_body! {
    /// A page of diagnoses.
    DiagnosisPage of DiagnosisBody
}

impl Described {
    /// A test, with what the identity provider said.
    pub fn test(
        &self,
        test: Diagnosis,
        claims: Option<serde_json::Value>,
    ) -> Result<ConnectionTestBody> {
        let initiate = self.0.initiate_uri(test.connection_id);
        Ok(ConnectionTestBody {
            start_url: format!("{initiate}?test={}", test.reference),
            steps: diagnosis::steps_of_test(&test)?,
            id: test.id,
            status: test.status,
            claims,
            would: test.would.map(|would| would.0),
            expires_at: test.expires_at,
        })
    }
}

impl ConnectionTestBody {
    /// The same without what is known here of the person who was tested: whether there is an account, and what it would
    /// become. The steps end before the first of these, since whether one follows tells it, too.
    #[must_use]
    pub fn without_people(mut self) -> Self {
        let known_here = self
            .steps
            .iter()
            .position(|step| step.name == StepName::Identity);
        self.steps.truncate(known_here.unwrap_or(self.steps.len()));
        self.would = None;
        self
    }
}

impl TryFrom<DiagnosisView> for DiagnosisBody {
    type Error = Error;

    fn try_from((diagnosis, name, kind): DiagnosisView) -> Result<Self> {
        let steps = steps_of(&diagnosis)?;
        let names = serde_json::from_value(diagnosis.claim_names.0).map_err(Error::internal)?;
        Ok(Self {
            steps,
            claim_names: names,
            reference: diagnosis.reference,
            at: diagnosis.at,
            connection: (diagnosis.connection_id, name, kind).into(),
            purpose: diagnosis.purpose,
            status: diagnosis.status,
            code: diagnosis.code,
            account_id: diagnosis.account_id,
            id: Some(diagnosis.id),
        })
    }
}
