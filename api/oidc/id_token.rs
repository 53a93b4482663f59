//! ID tokens (OpenID Connect Core 1.0, 3.1.3.7): a person is whom a verified one names, and nobody else.

use std::time::Duration;

use serde_json::{Map, Value};

use super::claims::Claims;
use crate::crypto::json_web_key::JsonWebKey;
use crate::crypto::jws::{JwsError, SignatureError, UnverifiedJws};
use crate::crypto::public_key::SignatureAlgorithm;
use crate::domain::connections::Preset;
use crate::domain::diagnosis::{Refused, Step, StepName, Steps};
use crate::domain::shown;
use crate::domain::timestamp::Timestamp;

/// What a token has to say.
#[derive(Clone, Copy)]
pub struct Expected<'a> {
    pub issuer: &'a str,
    pub client_id: &'a str,
    pub nonce: &'a str,
    pub preset: Preset,
    /// What of the provider's people may sign in: a tenant of Entra or ClassLink, domains of Google, a district of Clever.
    pub tenants: &'a [String],
    pub now: Timestamp,
    /// By how much clocks may differ.
    pub skew: Duration,
}

/// A token that was verified in every respect. Only [`verify`] makes one.
#[derive(Clone, Debug)]
pub struct VerifiedIdToken {
    claims: Claims,
    subject: String,
    sub: String,
    issued_at: Timestamp,
}

impl VerifiedIdToken {
    /// Who somebody is at this provider, for good (`oid` of Entra).
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// `sub`, by which other answers of the provider belong to it.
    pub fn sub(&self) -> &str {
        &self.sub
    }

    /// When the provider made it, by its clock.
    pub fn issued_at(&self) -> Timestamp {
        self.issued_at
    }

    /// The session at the provider, by which it may end ours.
    pub fn session(&self) -> Option<&str> {
        self.claims.text("sid")
    }

    pub fn claims(&self) -> &Claims {
        &self.claims
    }
}

/// Why a token was not verified: the last of the steps says it.
#[derive(Clone, Debug, Default)]
pub struct Unverified {
    /// What it says, where its signature holds.
    pub claims: Option<Claims>,
}

impl From<Refused> for Unverified {
    fn from(_: Refused) -> Self {
        Self::default()
    }
}

/// Whether none of these keys may have signed a token, so that the provider's keys have to be fetched again.
pub fn needs_other_keys(token: &str, keys: &[JsonWebKey]) -> bool {
    UnverifiedJws::parse(token).is_ok_and(|token| !token.knows_key(keys))
}

/// Verifies a token.
///
/// # Errors
/// Where it is none, its signature does not hold, or it says anything else than it has to.
pub fn verify(
    token: &str,
    keys: &[JsonWebKey],
    expected: &Expected<'_>,
    steps: &mut Steps,
) -> Result<VerifiedIdToken, Unverified> {
    let claims = verified_claims(token, keys, steps)?;
    let check = Check {
        claims: &claims,
        expected,
    };
    match check.all(steps) {
        Ok((subject, sub)) => Ok(VerifiedIdToken {
            issued_at: check.issued_at(),
            subject,
            sub,
            claims,
        }),
        Err(Refused) => Err(Unverified {
            claims: Some(claims),
        }),
    }
}

/// What a token says whose signature holds.
pub(super) fn verified_claims(
    token: &str,
    keys: &[JsonWebKey],
    steps: &mut Steps,
) -> Result<Claims, Refused> {
    let jws = match UnverifiedJws::parse(token) {
        Ok(jws) => jws,
        Err(error) => return steps.refuse(of_form(&error)),
    };
    let algorithm = jws.algorithm();
    steps.add(Step::ok(StepName::Algorithm, algorithm.as_str()));
    let key = shown::value(jws.key_id().unwrap_or("no key id"));
    let payload = match jws.verify(keys) {
        Ok(payload) => payload,
        Err(error) => return steps.refuse(of_signature(&error, algorithm)),
    };
    let claims: Result<Map<String, Value>, _> = serde_json::from_slice(payload.as_bytes());
    let Ok(claims) = claims else {
        return steps.refuse(Step::failed(
            StepName::Signature,
            "claims in JSON",
            "a signed text that is none",
            "Have the provider send ID tokens, and not opaque or encrypted ones.",
        ));
    };
    steps.add(Step::ok(
        StepName::Signature,
        format!("made by the key {key}"),
    ));
    Ok(Claims(claims))
}

fn of_form(error: &JwsError) -> Step {
    let taken: Vec<&str> = SignatureAlgorithm::ALL
        .iter()
        .map(|it| it.as_str())
        .collect();
    match error {
        JwsError::Algorithm(name) => Step::failed(
            StepName::Algorithm,
            format!("one of {}", taken.join(", ")),
            shown::value(name),
            "Have the provider sign ID tokens for this application with a key pair (RS256).",
        ),
        JwsError::Critical(names) => Step::failed(
            StepName::Algorithm,
            "no extension that has to be understood (crit)",
            shown::value(names),
            "Have the provider sign ID tokens without extensions.",
        ),
        JwsError::Form(problem) => Step::failed(
            StepName::Signature,
            "a signed token",
            *problem,
            "Have the provider send signed ID tokens that are not encrypted.",
        ),
    }
}

fn of_signature(error: &SignatureError, algorithm: SignatureAlgorithm) -> Step {
    let (expected, received, advice) = match error {
        SignatureError::KeyUnknown { key_id } => (
            "a key that the provider publishes",
            format!(
                "the key {}",
                shown::value(key_id.as_deref().unwrap_or("without an id"))
            ),
            "Wait a minute and try again, where the provider has changed its keys. Where it stays so, check that the \
             connection has the issuer of this application: some providers have keys of their own for an application.",
        ),
        SignatureError::KeyForOther => (
            "a key for the algorithm of the token",
            format!("{algorithm} by a key that is for another"),
            "Have the provider publish the key with the algorithm that it signs with.",
        ),
        SignatureError::Wrong => (
            "a signature by a key that the provider publishes",
            "a signature that does not hold, by a key whose id is published".to_owned(),
            "Where the provider has put another key under the same id, have Rollcall read its keys again: `refresh` of the \
             connection, or a test. Where it stays so, the token was changed on the way, or signed by somebody else.",
        ),
    };
    Step::failed(StepName::Signature, expected, received, advice)
}

/// A claim that has to have a value.
struct RequiredClaim<'a> {
    step: StepName,
    claim: &'a str,
    value: &'a str,
    advice: &'a str,
}

/// The claims beside what they have to be.
pub(super) struct Check<'a> {
    pub(super) claims: &'a Claims,
    pub(super) expected: &'a Expected<'a>,
}

impl Check<'_> {
    /// Checks everything, and gives the subject and `sub`.
    fn all(&self, steps: &mut Steps) -> Result<(String, String), Refused> {
        self.issuer(steps)?;
        self.audience(steps)?;
        self.authorized_party(steps)?;
        self.time(steps)?;
        self.nonce(steps)?;
        self.tenant(steps)?;
        self.subject(steps)
    }

    pub(super) fn issuer(&self, steps: &mut Steps) -> Result<(), Refused> {
        let required = RequiredClaim {
            step: StepName::Issuer,
            claim: "iss",
            value: self.expected.issuer,
            advice: "Set the issuer of the connection to the provider's own, or sign in at the provider that the \
                     connection is for.",
        };
        self.require(&required, steps)
    }

    fn nonce(&self, steps: &mut Steps) -> Result<(), Refused> {
        if self.claims.text("nonce") == Some(self.expected.nonce) {
            steps.add(Step::ok(StepName::Nonce, "that of this sign-in"));
            return Ok(());
        }
        let received = match self.claims.get("nonce") {
            None => "none",
            Some(_) => "another one",
        };
        steps.refuse(Step::failed(
            StepName::Nonce,
            "the nonce of this sign-in",
            received,
            "The token was made for another sign-in: start again. Where it stays so, the provider does not hand on \
             `nonce`, which OpenID Connect requires.",
        ))
    }

    fn require(&self, required: &RequiredClaim<'_>, steps: &mut Steps) -> Result<(), Refused> {
        let received = shown::claim(self.claims.get(required.claim));
        if self.claims.text(required.claim) == Some(required.value) {
            steps.add(Step::ok(required.step, received));
            return Ok(());
        }
        let expected = shown::value(required.value);
        steps.refuse(Step::failed(
            required.step,
            expected,
            received,
            required.advice,
        ))
    }

    pub(super) fn audience(&self, steps: &mut Steps) -> Result<(), Refused> {
        let client = self.expected.client_id;
        let is_ours = match self.claims.get("aud") {
            Some(Value::String(audience)) => audience == client,
            Some(Value::Array(audiences)) => audiences.iter().any(|it| it.as_str() == Some(client)),
            _ => false,
        };
        let received = shown::claim(self.claims.get("aud"));
        if is_ours {
            steps.add(Step::ok(StepName::Audience, received));
            return Ok(());
        }
        steps.refuse(Step::failed(
            StepName::Audience,
            shown::value(client),
            received,
            "The token is for another application: give the connection the client id that the application has at the \
             provider.",
        ))
    }

    /// A token for several applications says to whom it was given.
    fn authorized_party(&self, steps: &mut Steps) -> Result<(), Refused> {
        let is_for_several =
            matches!(self.claims.get("aud"), Some(Value::Array(all)) if all.len() > 1);
        if self.claims.get("azp").is_none() && !is_for_several {
            return Ok(());
        }
        let required = RequiredClaim {
            step: StepName::AuthorizedParty,
            claim: "azp",
            value: self.expected.client_id,
            advice: "The token was given to another application: give this connection the client id of the application that \
                     asked. Where the provider adds audiences of others, have it send this application's client id as \
                     azp, or as the only audience.",
        };
        self.require(&required, steps)
    }

    pub(super) fn time(&self, steps: &mut Steps) -> Result<(), Refused> {
        let (now, skew) = (self.expected.now, self.expected.skew);
        let (earliest, latest) = (now.minus(skew).as_seconds(), now.plus(skew).as_seconds());
        let (expires, issued) = (self.moment("exp"), self.moment("iat"));
        let starts = self.moment("nbf");
        let (Some(expires), Some(issued)) = (expires, issued) else {
            return steps.refuse(self.of_no_time("both exp and iat, in seconds since 1970"));
        };
        if starts.is_none() && self.claims.get("nbf").is_some() {
            return steps.refuse(self.of_no_time("nbf, where there is one, in seconds since 1970"));
        }
        if expires <= earliest {
            return steps.refuse(self.of_time("a token that has not ended (exp)", issued));
        }
        if issued > latest || starts.is_some_and(|starts| starts > latest) {
            return steps.refuse(self.of_time("a token that holds already (iat, nbf)", issued));
        }
        steps.add(self.compared_clocks(issued));
        Ok(())
    }

    /// A token comes right from its making, so that its time is that of the provider's clock.
    fn compared_clocks(&self, issued: i64) -> Step {
        const WORTH_TELLING: u64 = 60;
        let now = self.expected.now.as_seconds();
        let differ = issued.abs_diff(now);
        let received = match issued > now {
            true => format!("issued {differ} seconds from now"),
            false => format!("issued {differ} seconds ago"),
        };
        if differ <= WORTH_TELLING {
            return Step::ok(StepName::Time, received);
        }
        let advice = format!(
            "{}: have both servers follow a time server.",
            self.clocks(issued)
        );
        Step::warning(StepName::Time, "a token issued now", received, advice)
    }

    fn clocks(&self, issued: i64) -> String {
        const TEN_YEARS: u64 = 10 * 365 * 24 * 60 * 60;
        let differ = issued.saturating_sub(self.expected.now.as_seconds());
        if differ.unsigned_abs() > TEN_YEARS {
            return "No clock is so wrong: see that the provider writes iat in seconds since 1970, not in milliseconds"
                .to_owned();
        }
        let direction = if differ > 0 { "ahead of" } else { "behind" };
        let seconds = differ.unsigned_abs();
        format!("By this token, the provider's clock is {seconds} seconds {direction} Rollcall's")
    }

    fn issued_at(&self) -> Timestamp {
        let seconds = self.moment("iat").unwrap_or_default();
        Timestamp::from_microseconds(seconds.saturating_mul(1_000_000))
    }

    /// The step of a time that is missing, or none: it tells nothing of clocks.
    fn of_no_time(&self, expected: &str) -> Step {
        let advice = "Rollcall cannot read the times of this token. Have the identity provider write each as a number of \
                      seconds since 1970-01-01 (UTC); look there at rules that change claims, and at the lifetime of its \
                      tokens.";
        Step::failed(StepName::Time, expected, self.times(), advice)
    }

    fn of_time(&self, expected: &str, issued: i64) -> Step {
        let clocks = self.clocks(issued);
        let skew = self.expected.skew.as_secs();
        let advice = format!(
            "{clocks}. Set the clocks of both servers by a time server (NTP): they may differ by {skew} seconds. Where \
             both are right, start again, since the token may be an old one."
        );
        Step::failed(StepName::Time, expected, self.times(), advice)
    }

    /// The times of the token, beside Rollcall's own.
    fn times(&self) -> String {
        let told = |name: &str| match self.moment(name) {
            Some(seconds) => {
                let moment = Timestamp::from_microseconds(seconds.saturating_mul(1_000_000));
                format!("{name} {moment}")
            }
            None => format!("{name} {}", shown::claim(self.claims.get(name))),
        };
        format!(
            "{}, {}, {}, at {} here",
            told("iat"),
            told("nbf"),
            told("exp"),
            self.expected.now
        )
    }

    /// A time in seconds; some providers write it with a fraction.
    fn moment(&self, name: &str) -> Option<i64> {
        let number = self.claims.get(name)?.as_number()?;
        let whole = || format!("{:.0}", number.as_f64()?.floor()).parse().ok();
        number.as_i64().or_else(whole)
    }

    fn tenant(&self, steps: &mut Steps) -> Result<(), Refused> {
        let (expected, advice) = match self.expected.preset {
            Preset::Okta | Preset::Generic => return Ok(()),
            Preset::Entra => (
                "the tenant",
                "The person is signed in to another tenant. Have them sign in with an account of this one; or where \
                 theirs is the right one, send its Directory (tenant) ID as `tenant` of the connection.",
            ),
            Preset::Google => (
                "a domain that the organization has proven",
                "Only people of a Workspace whose domain the organization has proven come in by Google: prove the domain in \
                 Rollcall. Otherwise it is a private account of Google, or one of another Workspace.",
            ),
            Preset::Clever => (
                "the district",
                "The person is of another district, or Clever names none. Where theirs is the right one, send its id as \
                 `tenant` of the connection.",
            ),
            Preset::ClassLink => (
                "the tenant",
                "The person is of another tenant of ClassLink. Where theirs is the right one, send its id, which ClassLink \
                 names, as `tenant` of the connection.",
            ),
        };
        let claims = self.expected.preset.tenant_claims();
        let claim = claims.iter().find_map(|name| self.claims.get(name));
        let received = shown::claim(claim);
        if claim.is_some_and(|claim| self.is_expected_tenant(claim)) {
            steps.add(Step::ok(StepName::Tenant, received));
            return Ok(());
        }
        let tenants = match self.expected.tenants.is_empty() {
            true => "there is none".to_owned(),
            false => shown::value(&self.expected.tenants.join(", ")),
        };
        let expected = format!("{expected}: {tenants}");
        steps.refuse(Step::failed(StepName::Tenant, expected, received, advice))
    }

    /// A tenant is a text, or a whole number.
    fn is_expected_tenant(&self, claim: &Value) -> bool {
        let number = claim.as_u64().map(|number| number.to_string());
        let Some(named) = claim.as_str().or(number.as_deref()) else {
            return false;
        };
        let mut tenants = self.expected.tenants.iter();
        tenants.any(|tenant| tenant.eq_ignore_ascii_case(named))
    }

    fn subject(&self, steps: &mut Steps) -> Result<(String, String), Refused> {
        /// OpenID Connect Core, 2.
        const MAX_LENGTH: usize = 255;
        let claim = self.expected.preset.subject_claim();
        let is_name = |it: &&str| it.len() <= MAX_LENGTH && !it.contains(char::is_control);
        let of_claim = |name| self.claims.text(name).filter(is_name);
        if let (Some(subject), Some(sub)) = (of_claim(claim), of_claim("sub")) {
            steps.add(Step::ok(StepName::Subject, format!("a value in {claim}")));
            return Ok((subject.to_owned(), sub.to_owned()));
        }
        let missing = if of_claim("sub").is_none() {
            "sub"
        } else {
            claim
        };
        let claim = self.claims.get(missing);
        let (received, advice) = match claim {
            Some(Value::String(text)) if text.len() > MAX_LENGTH => (
                format!("a longer text: {}", shown::value(text)),
                "The claim came, and is too long: have the provider send a shorter one that stays the same for a person.",
            ),
            Some(Value::String(text)) if !text.is_empty() => (
                format!("a text with a control character: {}", shown::value(text)),
                "The claim came with a character that cannot be seen, such as a line break: have the provider take it out.",
            ),
            Some(other) if !other.is_null() && !other.is_string() => (
                format!("no text: {}", shown::claim(Some(other))),
                "The claim came, and is no text: have the provider send it as one, in quotation marks.",
            ),
            _ => (
                "nothing".to_owned(),
                "Have the provider send this claim in the ID token: without it nobody can be told from others.",
            ),
        };
        let expected = format!(
            "a text of at most {MAX_LENGTH} characters, none a control character, in {missing}"
        );
        steps.refuse(Step::failed(StepName::Subject, expected, received, advice))
    }
}
