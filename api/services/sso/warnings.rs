//! What an admin has to look after at a connection before people cannot sign in by it.

use std::time::Duration;

use super::arrival::Arrival;
use super::metadata::certificates;
use super::settings::known_provider;
use crate::domain::connections::{ConnectionKind, ConnectionStatus, ConnectionWarningCode};
use crate::domain::ids::OrganizationId;
use crate::domain::known_provider::KnownProvider;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::apps::App;
use crate::store::domains::{self, Domain};
use crate::store::identities;
use crate::store::sso_connections::{self, SsoConnection};

/// How long before its end something is told.
const AHEAD: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// By how many seconds clocks may differ without a warning.
const CLOCK_TOLERANCE: u64 = 60;

/// After how long it is told that nobody comes, and how many people must have come before.
const SILENCE: Duration = Duration::from_secs(30 * 24 * 60 * 60);
const USUAL_PEOPLE: i64 = 5;

/// What to do about something that ends: while it lasts, and once it has ended.
struct Advice {
    before: &'static str,
    after: &'static str,
}

const RENEW_SECRET: Advice = Advice {
    before: "Make a new client secret at the identity provider, and send it here before the old one ends.",
    after: "The client secret has ended, and nobody signs in by it. Make a new one at the identity provider, and send it \
            here; where a new one is in use already, send its expiry date (`client_secret_expires_at`).",
};

const TELL_OPERATORS: Advice = Advice {
    before: "The client secret of the operator's app ends: the operators of this installation give it a new one. Tell them.",
    after: "The client secret of the operator's app has ended, and nobody signs in by it: the operators of this \
            installation give it a new one. Tell them.",
};

const RENEW_CERTIFICATE: Advice = Advice {
    before: "The identity provider's signing certificate ends. Where it has a new one in its metadata, read that anew \
             (`refresh`), or send it (`metadata`), before the identity provider signs with it.",
    after: "The identity provider's signing certificate has ended. It counts as long as the metadata names it; where the \
            metadata has a new one, read that anew (`refresh`), or send it (`metadata`).",
};

/// A warning of a connection.
pub struct Warning {
    pub code: ConnectionWarningCode,
    pub since: Timestamp,
    pub at: Option<Timestamp>,
    pub detail: String,
}

/// The warnings of a connection at a time, of an organization that has this domain which has lapsed.
///
/// # Errors
/// `internal` where its settings cannot be read.
pub fn of(
    connection: &SsoConnection,
    lapsed: Option<&Domain>,
    now: Timestamp,
) -> Result<Vec<Warning>> {
    let mut warnings = Vec::new();
    let secret = (connection.sealed.as_ref()).and(connection.secret_expires_at);
    warnings.extend(secret.and_then(|at| secret_ends(&RENEW_SECRET, at, now)));
    if let KnownProvider::Saml(Some(settings)) = known_provider(connection)? {
        let certificates = certificates(&settings)?;
        // Every one counts: the last that ends matters.
        let last = certificates.iter().map(|one| one.not_after()).max();
        let code = ConnectionWarningCode::CertificateExpires;
        let certificate = last.and_then(|at| ends_soon(code, (at, now), &RENEW_CERTIFICATE));
        warnings.extend(certificate);
    }
    if let Some(since) = connection.metadata_missing_since {
        warnings.push(unreachable(connection, since));
    }
    warnings.extend(lapsed.map(lapsed_domain));
    if let (Some(since), Some(seconds)) = (connection.clock_off_since, connection.clock_off_seconds)
    {
        let direction = if seconds > 0 { "ahead of" } else { "behind" };
        let seconds = seconds.unsigned_abs();
        let detail = format!(
            "The identity provider's clock is {seconds} seconds {direction} Rollcall's. Have both servers follow a time \
             server, before sign-ins fail."
        );
        warnings.push(begun(ConnectionWarningCode::ClockOff, since, detail));
    }
    if let Some(since) = connection.silent_since {
        let detail = "People used to sign in by this connection, and nobody has for 30 days. Run a test; where it passes, \
                      see that people find the connection.";
        warnings.push(begun(
            ConnectionWarningCode::Silent,
            since,
            detail.to_owned(),
        ));
    }
    Ok(warnings)
}

/// The warnings of an operator's app at a time, in the words for its operators or for the admins of a connection by it.
pub fn of_app(app: &App, now: Timestamp, for_operators: bool) -> Vec<Warning> {
    let advice = match for_operators {
        true => RENEW_SECRET,
        false => TELL_OPERATORS,
    };
    let secret = app.sealed.as_ref().and(app.secret_expires_at);
    let warning = secret.and_then(|at| secret_ends(&advice, at, now));
    warning.into_iter().collect()
}

fn secret_ends(advice: &Advice, at: Timestamp, now: Timestamp) -> Option<Warning> {
    ends_soon(ConnectionWarningCode::SecretExpires, (at, now), advice)
}

/// The domain of an organization that has lapsed, where one has.
pub fn lapsed_domain_of(
    tx: &mut UnitOfWork<'_>,
    organization: OrganizationId,
) -> Result<Option<Domain>> {
    domains::lapsed_of(tx.connection, organization)
}

fn begun(code: ConnectionWarningCode, since: Timestamp, detail: String) -> Warning {
    Warning {
        code,
        since,
        at: None,
        detail,
    }
}

fn unreachable(connection: &SsoConnection, since: Timestamp) -> Warning {
    let problem = connection.metadata_problem.clone().unwrap_or_default();
    let (code, what) = match connection.kind {
        ConnectionKind::Saml => (
            ConnectionWarningCode::MetadataUnreachable,
            "Rollcall could not read the metadata from its address",
        ),
        ConnectionKind::Oidc => (
            ConnectionWarningCode::KeysUnreachable,
            "Rollcall could not read the document of discovery, or the keys",
        ),
    };
    begun(code, since, format!("{what}: {problem}"))
}

fn lapsed_domain(domain: &Domain) -> Warning {
    let detail = format!(
        "The domain {} has lapsed: nobody new is linked by an address in it. Put its TXT record back, or remove the domain.",
        domain.domain
    );
    let since = domain.missing_since.unwrap_or(domain.created_at);
    begun(ConnectionWarningCode::DomainLapsed, since, detail)
}

/// Notes that somebody has come, and by how much their provider's clock differs. Writes where that is news only.
pub(super) fn note_arrival(
    tx: &mut UnitOfWork<'_>,
    connection: &SsoConnection,
    arrival: &Arrival,
) -> Result<()> {
    note_clock(tx, connection, arrival)?;
    if connection.silent_since.is_none() {
        return Ok(());
    }
    sso_connections::note_silence(tx.connection, connection.id, None)
}

/// Notes by how much a provider's clock differs, as also a test shows, which is no sign that people come.
pub(super) fn note_clock(
    tx: &mut UnitOfWork<'_>,
    connection: &SsoConnection,
    arrival: &Arrival,
) -> Result<()> {
    let now = tx.now();
    let differs = arrival
        .issued_at
        .map(|at| at.as_seconds() - now.as_seconds());
    let clock_off = differs
        .filter(|seconds| seconds.unsigned_abs() > CLOCK_TOLERANCE)
        .map(|seconds| (connection.clock_off_since.unwrap_or(now), seconds));
    let known = connection.clock_off_since.zip(connection.clock_off_seconds);
    if clock_off == known {
        return Ok(());
    }
    sso_connections::note_clock(tx.connection, connection.id, clock_off)
}

/// Notes since when nobody comes by a connection any more, and gives it with that.
pub(super) fn note_silence(
    tx: &mut UnitOfWork<'_>,
    connection: SsoConnection,
) -> Result<SsoConnection> {
    let (people, last) = identities::uses_of(tx.connection, &connection)?;
    let is_used = connection.status == ConnectionStatus::Active && people >= USUAL_PEOPLE;
    let silent_since = last
        .filter(|_| is_used)
        .map(|last| last.plus(SILENCE))
        .filter(|since| *since <= tx.now());
    if silent_since != connection.silent_since {
        sso_connections::note_silence(tx.connection, connection.id, silent_since)?;
    }
    Ok(SsoConnection {
        silent_since,
        ..connection
    })
}

fn ends_soon(
    code: ConnectionWarningCode,
    (at, now): (Timestamp, Timestamp),
    advice: &Advice,
) -> Option<Warning> {
    let since = at.minus(AHEAD);
    let detail = match at <= now {
        true => advice.after,
        false => advice.before,
    };
    (since <= now).then(|| Warning {
        code,
        since,
        at: Some(at),
        detail: detail.to_owned(),
    })
}
