//! Mail about connections: to the admins of an organization of their warnings and of what setup links did, to operators
//! of their apps.

use std::time::Duration;

use super::warnings::{self, Warning};
use crate::clock::new_id;
use crate::domain::connections::{ConnectionStatus, ConnectionWarningCode};
use crate::domain::ids::MailId;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::mail::MailContent;
use crate::services::admin_notices;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::apps::App;
use crate::store::sso_connections::SsoConnection;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How many days before an end it is told, the last first.
const DAYS_AHEAD: [u32; 4] = [0, 3, 14, 30];

/// For how many days something is told that has happened. Mails are kept for longer, so that none leaves twice.
const DAYS_AFTER: u32 = 30;

/// Queues a mail for each warning of an active connection that is due and was not told. The cause of a mail, which is
/// there once, is what was told.
pub(super) fn queue(tx: &mut UnitOfWork<'_>, connection: &SsoConnection) -> Result<()> {
    if connection.status != ConnectionStatus::Active {
        return Ok(());
    }
    let now = tx.now();
    for warning in warnings::of(connection, None, now)? {
        let Some(stage) = stage(&warning, now) else {
            continue;
        };
        let cause = format!("connection {} {}: {stage}", connection.id, warning.code);
        let name = connection.name.clone();
        let content = |organization| content(organization, name, &warning);
        admin_notices::queue(tx, connection.organization_id, &cause, content)?;
    }
    Ok(())
}

/// Queues a mail to admins where whoever has a setup link has decided whether people sign in by a connection.
pub(super) fn queue_for_setup(tx: &mut UnitOfWork<'_>, connection: &SsoConnection) -> Result<()> {
    let Ok(link) = tx.context.principal.setup_link() else {
        return Ok(());
    };
    let setup_link = link.name.clone();
    let cause = format!("connection {} set up {}", connection.id, new_id::<MailId>());
    let (name, status, at) = (connection.name.clone(), connection.status, tx.now());
    let content = |organization| MailContent::ConnectionSetUp {
        organization,
        connection: name,
        setup_link,
        status,
        at,
    };
    admin_notices::queue(tx, connection.organization_id, &cause, content)
}

/// Queues a mail to operators for the end of an app's secret, where that is due and was not told. Many organizations
/// depend on it, and none of them can renew it.
pub(super) fn queue_for_operators(tx: &mut UnitOfWork<'_>, app: &App) -> Result<()> {
    let now = tx.now();
    for warning in warnings::of_app(app, now, true) {
        if let (Some(at), Some(stage)) = (warning.at, stage(&warning, now)) {
            let cause = format!("app {} {}: {stage}", app.id, warning.code);
            let content = MailContent::AppSecretEnds {
                app: app.name.clone(),
                at,
            };
            admin_notices::queue_for_operators(tx, &cause, &content)?;
        }
    }
    Ok(())
}

/// What of a warning is to be told now, in words that are another's at no other time.
fn stage(warning: &Warning, now: Timestamp) -> Option<String> {
    let happens = warning.at.unwrap_or(warning.since);
    if now >= happens.plus(DAY * DAYS_AFTER) {
        return None;
    }
    let Some(at) = warning.at else {
        return Some(format!("since {}", warning.since));
    };
    let due = DAYS_AHEAD
        .into_iter()
        .find(|days| at.minus(DAY * *days) <= now);
    due.map(|days| format!("{days} days before {at}"))
}

fn content(organization: String, connection: String, warning: &Warning) -> MailContent {
    let problem = warning.code;
    match (problem, warning.at) {
        (
            ConnectionWarningCode::SecretExpires | ConnectionWarningCode::CertificateExpires,
            Some(at),
        ) => MailContent::ConnectionEnds {
            organization,
            connection,
            problem,
            at,
        },
        (
            ConnectionWarningCode::SecretExpires
            | ConnectionWarningCode::CertificateExpires
            | ConnectionWarningCode::MetadataUnreachable
            | ConnectionWarningCode::KeysUnreachable
            | ConnectionWarningCode::DomainLapsed
            | ConnectionWarningCode::ClockOff
            | ConnectionWarningCode::Silent,
            _,
        ) => MailContent::ConnectionWarning {
            organization,
            connection,
            problem,
        },
    }
}
