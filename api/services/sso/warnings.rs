//! What an admin has to look after at a connection before people cannot sign in by it.

use std::time::Duration;

use super::metadata::certificates;
use super::settings::provider_settings;
use crate::domain::connections::{ConnectionWarningCode, ProviderSettings};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::store::apps::App;
use crate::store::sso_connections::SsoConnection;

/// How long before its end something is told.
const AHEAD: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A warning of a connection.
pub struct Warning {
    pub code: ConnectionWarningCode,
    pub since: Timestamp,
    pub at: Option<Timestamp>,
    pub detail: String,
}

/// The warnings of a connection at a time.
///
/// # Errors
/// `internal` where its settings cannot be read.
pub fn of(connection: &SsoConnection, now: Timestamp) -> Result<Vec<Warning>> {
    let mut warnings = Vec::new();
    if let Some(at) = connection.secret_expires_at {
        let detail = "Make a new client secret at the identity provider, and send it here before the old one ends.";
        let code = ConnectionWarningCode::SecretExpires;
        warnings.extend(ends_soon(code, (at, now), detail));
    }
    if let ProviderSettings::Saml(settings) = provider_settings(connection)? {
        let certificates = certificates(&settings)?;
        // Every one counts: the last that ends matters.
        let last = certificates.iter().map(|one| one.not_after()).max();
        let detail = "The identity provider's signing certificate ends. Where it has a new one in its metadata, read that \
                      anew (`refresh`), or send it.";
        let code = ConnectionWarningCode::CertificateExpires;
        warnings.extend(last.and_then(|at| ends_soon(code, (at, now), detail)));
    }
    if let Some(since) = connection.metadata_missing_since {
        let problem = connection.metadata_problem.clone().unwrap_or_default();
        warnings.push(Warning {
            code: ConnectionWarningCode::MetadataUnreachable,
            since,
            at: None,
            detail: format!("The metadata could not be read from its address: {problem}"),
        });
    }
    Ok(warnings)
}

/// The warnings of an operator's app at a time, in the words for its operators or for the admins of a connection by it.
pub fn of_app(app: &App, now: Timestamp, for_operators: bool) -> Vec<Warning> {
    let detail = if for_operators {
        "Make a new client secret at the identity provider, and send it here before the old one ends."
    } else {
        "The client secret of the operator's app ends: the operators of this installation give it a new one."
    };
    let code = ConnectionWarningCode::SecretExpires;
    let end = app.secret_expires_at;
    end.and_then(|at| ends_soon(code, (at, now), detail))
        .into_iter()
        .collect()
}

fn ends_soon(
    code: ConnectionWarningCode,
    (at, now): (Timestamp, Timestamp),
    detail: &str,
) -> Option<Warning> {
    let since = at.minus(AHEAD);
    (since <= now).then(|| Warning {
        code,
        since,
        at: Some(at),
        detail: detail.to_owned(),
    })
}
