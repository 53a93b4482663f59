//! Connections to identity providers, as the admins of an organization set them up.

use super::client_secrets::{ClientSecret, KeptSecret, context_of_connection};
use super::clients::require_app;
use super::daily_check::DailyCheck;
use super::publication::publish;
use super::rules;
use super::settings::{kept, kept_issuer};
use crate::clock::new_id;
use crate::domain::arrival_rules::{ArrivalRule, RulesApply};
use crate::domain::connections::{
    Arrivals, ConnectionStatus, DEFAULT_SESSION_HOURS, OidcSettings, Preset,
};
use crate::domain::events::ConnectionEvent;
use crate::domain::ids::{ConnectionId, SourceId};
use crate::domain::known_provider::KnownProvider;
use crate::error::{Code, Error, Result};
use crate::services::authorization::{ManageConnections, Permit};
use crate::services::limits::{self, Limit, LimitRequest};
use crate::services::sign_on_requirement::require_another_connection;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::Page;
use crate::store::sso_connections::{self, SsoConnection};
use crate::store::{domains, group_members, identities};

/// The most connections that an organization has.
const MAX_CONNECTIONS: i64 = 50;

/// A connection that is to be made.
#[derive(Clone)]
pub struct NewConnection {
    pub name: String,
    pub preset: Preset,
    pub provider: KnownProvider,
    pub client_secret: Option<ClientSecret>,
    pub arrivals: Option<Arrivals>,
    pub session_hours: Option<i64>,
    pub rules: Option<Vec<ArrivalRule>>,
    pub apply: Option<RulesApply>,
}

/// Makes a connection, which signs nobody in before it is tested and activated.
///
/// # Errors
/// `validation_failed` where the organization has as many as it may have.
pub fn create(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageConnections>,
    new: NewConnection,
) -> Result<SsoConnection> {
    let id = new_id::<ConnectionId>();
    let rules = new.rules.unwrap_or_default();
    let secret = KeptSecret::new(tx, &context_of_connection(id), new.client_secret)?;
    let connection = SsoConnection {
        id,
        organization_id: permit.organization.id,
        name: new.name,
        kind: new.provider.kind(),
        preset: new.preset,
        status: ConnectionStatus::Draft,
        settings: kept(&new.provider)?,
        subject_issuer: kept_issuer(&new.provider),
        app_id: new.provider.app(),
        sealed: secret.sealed,
        secret_expires_at: secret.expires_at,
        arrivals: new.arrivals.unwrap_or(Arrivals::Everyone),
        session_hours: new.session_hours.unwrap_or(DEFAULT_SESSION_HOURS),
        rules: rules::kept(&rules)?,
        apply: new.apply.unwrap_or(RulesApply::First),
        tested_at: None,
        metadata_missing_since: None,
        metadata_problem: None,
        clock_off_since: None,
        clock_off_seconds: None,
        silent_since: None,
        issuer_named_by_link: false,
        created_at: tx.now(),
    };
    tx.transaction(|tx| {
        if sso_connections::count(tx.connection, connection.organization_id)? >= MAX_CONNECTIONS {
            let detail = format!("An organization has at most {MAX_CONNECTIONS} connections.");
            return Err(Error::invalid("", "too_many", detail));
        }
        rules::require_possible(tx, &permit.organization, &rules)?;
        require_app(tx, connection.preset, &new.provider)?;
        sso_connections::insert(tx.connection, &connection)?;
        DailyCheck::of_connection(&connection).queue(tx)?;
        let event = ConnectionEvent::Created {
            name: connection.name.clone(),
            kind: connection.kind,
            preset: connection.preset,
            app: connection.app_id,
        };
        publish(tx, &connection, event)
    })?;
    Ok(connection)
}

/// Whose people may sign in: the tenant of Entra or ClassLink, the district of Clever; for Google the domains that are
/// proven and count there, and those that were and have lapsed, by which nobody new comes in.
pub fn tenants_of(
    tx: &mut UnitOfWork<'_>,
    connection: &SsoConnection,
    settings: &OidcSettings,
) -> Result<Vec<String>> {
    match connection.preset {
        Preset::Entra | Preset::Clever | Preset::ClassLink => {
            Ok(settings.tenant.clone().into_iter().collect())
        }
        Preset::Google => domains::ever_proven_at(tx.connection, connection),
        Preset::Okta | Preset::Generic => Ok(Vec::new()),
    }
}

/// One of the organization's connections.
///
/// # Errors
/// `not_found`.
pub fn find(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageConnections>,
    id: ConnectionId,
) -> Result<SsoConnection> {
    let found = sso_connections::find_in(tx.connection, permit.organization.id, id)?;
    found.ok_or_else(|| Error::not_found("connection"))
}

/// A page of the organization's connections, the oldest first.
pub fn list(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageConnections>,
    page: Page<ConnectionId>,
) -> Result<Vec<SsoConnection>> {
    sso_connections::list(tx.connection, permit.organization.id, page)
}

/// Deletes a connection with the identities of its people; sessions that live by its proof end with their access
/// tokens.
///
/// # Errors
/// `not_found`; `last_sign_in_method`, unless it is forced, where members whom the organization manages have no other
/// way to sign in, and even so for the only one that is active, where single sign-on is required.
pub fn delete(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageConnections>,
    (id, force): (ConnectionId, bool),
) -> Result<()> {
    let organization = permit.organization.id;
    tx.transaction(|tx| {
        let known = find(tx, permit, id)?;
        // First what no force changes.
        require_another_connection(tx, &known)?;
        let dependent = identities::count_dependent(tx.connection, organization, id, None)?;
        if dependent > 0 && !force {
            return Err(would_lock_out(dependent));
        }
        sso_connections::delete(tx.connection, organization, id)?;
        DailyCheck::of_connection(&known).delete(tx)?;
        group_members::forget_source(tx.connection, organization, SourceId::from(id))?;
        publish(
            tx,
            &known,
            ConnectionEvent::Deleted {
                name: known.name.clone(),
            },
        )
    })
}

/// The refusal of a deletion after which so many members could not sign in.
pub fn would_lock_out(members: i64) -> Error {
    Error::refused(
        Code::LastSignInMethod,
        format!(
            "{members} of the members have no password and no other way to sign in. Give them passwords or another \
             connection first; with `force=true` the connection is deleted all the same."
        ),
    )
}

/// Counts metadata that is fetched for a connection to be made or changed: whoever may do so has Rollcall call others.
///
/// # Errors
/// `rate_limited`.
pub fn begin_metadata(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageConnections>,
    is_fetched: bool,
) -> Result<()> {
    if !is_fetched {
        return Ok(());
    }
    let subject = format!("metadata of {}", permit.organization.id);
    limits::take(tx, &[LimitRequest::one(Limit::ConnectionTest, subject)])
}
