//! Connections to identity providers, as the admins of an organization set them up.

use super::client_secrets::{ClientSecret, KeptSecret, SecretChange, context_of_connection};
use super::clients::require_app;
use super::diagnosis::{self, TEST_LIFETIME};
use super::publication::publish;
use super::settings::{kept, provider_settings};
use super::{refresh, rules};
use crate::clock::new_id;
use crate::domain::arrival_rules::{ArrivalRule, RulesApply};
use crate::domain::connections::{
    Arrivals, ConnectionStatus, DEFAULT_SESSION_HOURS, DiagnosisStatus, FlowPurpose, OidcSettings,
    Preset, ProviderSettings,
};
use crate::domain::diagnosis::{Step, StepName, Steps};
use crate::domain::events::ConnectionEvent;
use crate::domain::ids::{ConnectionId, DiagnosisId, SourceId};
use crate::error::{Code, Error, Result};
use crate::services::authorization::{ManageConnections, Permit};
use crate::services::limits::{self, Limit, LimitRequest};
use crate::services::sign_on_requirement::require_another_connection;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::Page;
use crate::store::diagnoses::{self, Diagnosis};
use crate::store::sql_types::JsonColumn;
use crate::store::sso_connections::{self, SsoConnection};
use crate::store::{domains, group_members, identities};

/// The most connections that an organization has.
const MAX_CONNECTIONS: i64 = 50;

/// A connection that is to be made.
#[derive(Clone)]
pub struct NewConnection {
    pub name: String,
    pub preset: Preset,
    pub settings: ProviderSettings,
    pub client_secret: Option<ClientSecret>,
    pub arrivals: Option<Arrivals>,
    pub session_hours: Option<i64>,
    pub rules: Option<Vec<ArrivalRule>>,
    pub apply: Option<RulesApply>,
}

/// What changes of a connection; absent fields stay.
#[derive(Clone, Default)]
pub struct ConnectionChanges {
    pub name: Option<String>,
    pub settings: Option<ProviderSettings>,
    pub client_secret: SecretChange,
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
        kind: new.settings.kind(),
        preset: new.preset,
        status: ConnectionStatus::Draft,
        settings: kept(&new.settings)?,
        app_id: new.settings.app(),
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
        created_at: tx.now(),
    };
    tx.transaction(|tx| {
        if sso_connections::count(tx.connection, connection.organization_id)? >= MAX_CONNECTIONS {
            let detail = format!("An organization has at most {MAX_CONNECTIONS} connections.");
            return Err(Error::invalid("", "too_many", detail));
        }
        rules::require_possible(tx, &permit.organization, &rules)?;
        require_app(tx, connection.preset, &new.settings)?;
        sso_connections::insert(tx.connection, &connection)?;
        refresh::queue(tx, &connection)?;
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

/// Whose people may sign in: the tenant of Entra or ClassLink, the district of Clever, the proven domains for Google.
pub fn tenants_of(
    tx: &mut UnitOfWork<'_>,
    connection: &SsoConnection,
    settings: &OidcSettings,
) -> Result<Vec<String>> {
    match connection.preset {
        Preset::Entra | Preset::Clever | Preset::ClassLink => {
            Ok(settings.tenant.clone().into_iter().collect())
        }
        Preset::Google => domains::proven_of(tx.connection, connection.organization_id),
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

/// Changes a connection, and gives it as it is then. What the provider is told, or shows, has to be tested again: tests
/// that wait end, and an active connection is paused where another provider would sign people in.
///
/// # Errors
/// `not_found`; `last_sign_in_method` where that would pause the only one that is active, and single sign-on is required.
pub fn update(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageConnections>,
    (id, changes): (ConnectionId, ConnectionChanges),
) -> Result<SsoConnection> {
    tx.transaction(|tx| {
        let known = find(tx, permit, id)?;
        let mut changed = Changed::of(known.clone());
        changed.set_plain_fields(&changes);
        changed.set_rules(tx, permit, changes.rules)?;
        changed.set_provider(tx, changes.settings)?;
        changed.set_secret(tx, changes.client_secret)?;
        keep(tx, &known, changed)
    })
}

/// A connection as it is to be, and what of it changes.
struct Changed {
    new: SsoConnection,
    fields: Vec<&'static str>,
    has_to_be_tested: bool,
}

impl Changed {
    const fn of(known: SsoConnection) -> Self {
        Self {
            new: known,
            fields: Vec::new(),
            has_to_be_tested: false,
        }
    }

    fn set_plain_fields(&mut self, changes: &ConnectionChanges) {
        let (new, noted) = (&mut self.new, &mut self.fields);
        set(&mut new.name, changes.name.clone(), ("name", noted));
        set(&mut new.arrivals, changes.arrivals, ("arrivals", noted));
        let hours = changes.session_hours;
        set(&mut new.session_hours, hours, ("session_hours", noted));
        set(&mut new.apply, changes.apply, ("apply", noted));
    }

    fn set_rules(
        &mut self,
        tx: &mut UnitOfWork<'_>,
        permit: &Permit<ManageConnections>,
        rules: Option<Vec<ArrivalRule>>,
    ) -> Result<()> {
        if let Some(rules) = rules
            && rules != rules::rules_of(&self.new)?
        {
            rules::require_possible(tx, &permit.organization, &rules)?;
            self.new.rules = rules::kept(&rules)?;
            self.fields.push("rules");
        }
        Ok(())
    }

    /// What was noted of another provider says nothing of this one.
    fn set_provider(
        &mut self,
        tx: &mut UnitOfWork<'_>,
        settings: Option<ProviderSettings>,
    ) -> Result<()> {
        let new = &mut self.new;
        let old = provider_settings(new)?;
        let Some(settings) = settings.filter(|settings| *settings != old) else {
            return Ok(());
        };
        require_app(tx, new.preset, &settings)?;
        if new.status == ConnectionStatus::Active && !settings.is_same_provider(&old) {
            require_another_connection(tx, new)?;
            new.status = ConnectionStatus::Paused;
        }
        new.settings = kept(&settings)?;
        new.app_id = settings.app();
        new.metadata_missing_since = None;
        new.metadata_problem = None;
        new.clock_off_since = None;
        new.clock_off_seconds = None;
        self.has_to_be_tested = true;
        self.fields.push("identity_provider");
        Ok(())
    }

    fn set_secret(&mut self, tx: &UnitOfWork<'_>, change: SecretChange) -> Result<()> {
        let (new, noted) = (&mut self.new, &mut self.fields);
        let known = KeptSecret {
            sealed: new.sealed.clone(),
            expires_at: new.secret_expires_at,
        };
        let secret = known.changed(tx, &context_of_connection(new.id), change)?;
        let is_same = secret.sealed == new.sealed;
        self.has_to_be_tested |= !is_same;
        set(
            &mut new.sealed,
            Some(secret.sealed),
            ("client_secret", noted),
        );
        let end = secret.expires_at;
        set(
            &mut new.secret_expires_at,
            Some(end),
            ("client_secret_expires_at", noted),
        );
        Ok(())
    }
}

/// Keeps and tells what has changed of a connection.
fn keep(tx: &mut UnitOfWork<'_>, known: &SsoConnection, changed: Changed) -> Result<SsoConnection> {
    let Changed {
        mut new, fields, ..
    } = changed;
    if changed.has_to_be_tested {
        new.tested_at = None;
        end_waiting_tests(tx, new.id)?;
        sso_connections::reset_test(tx.connection, new.organization_id, new.id)?;
    }
    if !fields.is_empty() {
        sso_connections::update(tx.connection, &new)?;
        publish(tx, &new, ConnectionEvent::Changed { fields })?;
    }
    if new.status != known.status {
        publish(tx, &new, ConnectionEvent::Paused)?;
    }
    Ok(new)
}

/// Sets a field that changes, and notes its name.
pub(super) fn set<T: PartialEq>(
    field: &mut T,
    value: Option<T>,
    (name, changed): (&'static str, &mut Vec<&'static str>),
) {
    if let Some(value) = value.filter(|value| value != field) {
        *field = value;
        changed.push(name);
    }
}

/// A test that was begun with other settings says nothing of those that are now.
fn end_waiting_tests(tx: &mut UnitOfWork<'_>, id: ConnectionId) -> Result<()> {
    let (code, steps) = test_of_other_settings()?;
    diagnoses::end_waiting(tx.connection, &[id], (&code, &steps))
}

/// How a test ends that was begun with other settings: its code and steps.
pub(super) fn test_of_other_settings() -> Result<(String, JsonColumn)> {
    let step = Step::failed(
        StepName::State,
        "the settings that the test was begun with",
        "other ones: they have changed since",
        "Begin another test of the connection.",
    );
    let code = Code::ConnectionNotTested.to_string();
    Ok((code, diagnosis::json_of(&[step])?))
}

/// Has a connection sign people in.
///
/// # Errors
/// `not_found`; `connection_not_tested` where no test has passed since its settings changed; `validation_failed` where
/// another active connection has the same tenant by the same app.
pub fn activate(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageConnections>,
    id: ConnectionId,
) -> Result<SsoConnection> {
    tx.transaction(|tx| {
        let known = find(tx, permit, id)?;
        if known.tested_at.is_none() {
            return Err(not_tested());
        }
        set_status(tx, known, ConnectionStatus::Active)
    })
}

/// Has a connection sign nobody in for the time being. It ends no session.
///
/// # Errors
/// `not_found`; `connection_not_active` for a draft; `last_sign_in_method` for the only one that is active, where single
/// sign-on is required.
pub fn pause(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageConnections>,
    id: ConnectionId,
) -> Result<SsoConnection> {
    tx.transaction(|tx| {
        let known = find(tx, permit, id)?;
        if known.status == ConnectionStatus::Draft {
            return Err(still_draft());
        }
        require_another_connection(tx, &known)?;
        set_status(tx, known, ConnectionStatus::Paused)
    })
}

fn set_status(
    tx: &mut UnitOfWork<'_>,
    known: SsoConnection,
    status: ConnectionStatus,
) -> Result<SsoConnection> {
    if known.status == status {
        return Ok(known);
    }
    let place = (known.organization_id, known.id);
    if !sso_connections::set_status(tx.connection, place, status)? {
        return Err(tenant_taken());
    }
    let new = SsoConnection { status, ..known };
    let event = match status {
        ConnectionStatus::Active => ConnectionEvent::Activated,
        ConnectionStatus::Paused | ConnectionStatus::Draft => ConnectionEvent::Paused,
    };
    publish(tx, &new, event)?;
    Ok(new)
}

/// The refusal of a second active connection with the same tenant by the same app.
pub fn tenant_taken() -> Error {
    let detail = "The people of this tenant sign in by this app elsewhere: another active connection has it. Pause that one, \
                  or ask the operators of this installation whose it is.";
    Error::refused(Code::ValidationFailed, detail)
}

/// The refusal of a connection that no test has passed.
pub fn not_tested() -> Error {
    Error::refused(
        Code::ConnectionNotTested,
        "No test has passed since the settings changed. Test the connection, then activate it.",
    )
}

/// The refusal to pause what signs nobody in.
pub fn still_draft() -> Error {
    Error::refused(
        Code::ConnectionNotActive,
        "The connection is a draft, and signs nobody in yet.",
    )
}

/// Deletes a connection with the identities of its people; sessions that live by its proof end with their access tokens.
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
        let dependent = identities::count_dependent(tx.connection, organization, id)?;
        if dependent > 0 && !force {
            return Err(would_lock_out(dependent));
        }
        require_another_connection(tx, &known)?;
        sso_connections::delete(tx.connection, organization, id)?;
        refresh::delete(tx, id)?;
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

/// Begins a test of a connection: whoever opens its address goes round once, and nothing changes by it.
///
/// # Errors
/// `not_found`, `rate_limited`.
pub fn begin_test(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageConnections>,
    id: ConnectionId,
) -> Result<Diagnosis> {
    let connection = find(tx, permit, id)?;
    limits::take(
        tx,
        &[LimitRequest::one(Limit::ConnectionTest, id.to_string())],
    )?;
    let about = (&connection, FlowPurpose::Test);
    let mut test = diagnosis::new(tx, about, DiagnosisStatus::Waiting, Steps::default())?;
    test.expires_at = tx.now().plus(TEST_LIFETIME);
    diagnoses::insert(tx.connection, &test)?;
    Ok(test)
}

/// A test of a connection, of the last hour.
///
/// # Errors
/// `not_found`.
pub fn find_test(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageConnections>,
    (connection, id): (ConnectionId, DiagnosisId),
) -> Result<Diagnosis> {
    let now = tx.now();
    let of = (permit.organization.id, connection);
    let found = diagnoses::find_test(tx.connection, of, id, now)?;
    found.ok_or_else(|| Error::not_found("test"))
}
