//! Changes of a connection: what of it is kept, what has to be tested again, and when it is paused.

use super::client_secrets::{KeptSecret, SecretChange, context_of_connection};
use super::clients::require_app;
use super::connections::find;
use super::publication::publish;
use super::settings::{kept, kept_issuer, kept_issuer_by_link, known_provider};
use super::{diagnosis, notices, rules};
use crate::domain::arrival_rules::{ArrivalRule, RulesApply};
use crate::domain::connections::{Arrivals, ConnectionKind, ConnectionStatus};
use crate::domain::diagnosis::{Step, StepName};
use crate::domain::events::ConnectionEvent;
use crate::domain::ids::ConnectionId;
use crate::domain::known_provider::KnownProvider;
use crate::error::{Code, Error, Result};
use crate::services::authorization::{ManageConnections, Permit};
use crate::services::sign_on_requirement::require_another_connection;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::sql_types::JsonColumn;
use crate::store::sso_connections::{self, SsoConnection};
use crate::store::{diagnoses, identities, session_proofs};

/// What changes of a connection; absent fields stay.
#[derive(Clone, Default)]
pub struct ConnectionChanges {
    pub name: Option<String>,
    pub provider: Option<KnownProvider>,
    /// Whether it is named who names the people: the issuer or its tenant, or metadata.
    pub names_issuer: bool,
    pub client_secret: SecretChange,
    pub arrivals: Option<Arrivals>,
    pub session_hours: Option<i64>,
    pub rules: Option<Vec<ArrivalRule>>,
    pub apply: Option<RulesApply>,
}

/// Changes a connection, and gives it as it is then. What the provider is told, or shows, has to be tested again: tests
/// that wait end, and an active connection is paused where another provider would sign people in.
///
/// # Errors
/// `not_found`; `last_sign_in_method` where that would pause the only one that is active, and single sign-on is required;
/// `validation_failed` for rules and apps that the organization cannot have, and for an admin's secret that comes without
/// the issuer it is for where a setup link named that.
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
        if changes.names_issuer {
            changed.new.issuer_named_by_link = by_setup_link(tx);
        }
        if matches!(changes.client_secret, SecretChange::Replaced(_)) {
            require_own_issuer(tx, &changed.new)?;
        }
        if let Some(provider) = changes.provider {
            changed.set_provider(tx, provider, changes.names_issuer)?;
        }
        changed.set_secret(tx, changes.client_secret)?;
        keep(tx, &known, changed)
    })
}

/// Whether whoever has a setup link acts.
fn by_setup_link(tx: &UnitOfWork<'_>) -> bool {
    tx.context.principal.setup_link().is_ok()
}

/// Refuses the client secret of an admin for an issuer that whoever has a setup link has named: a secret that comes alone
/// is for the one that the admin saw last.
fn require_own_issuer(tx: &UnitOfWork<'_>, new: &SsoConnection) -> Result<()> {
    if !new.issuer_named_by_link || by_setup_link(tx) || new.preset.has_one_issuer() {
        return Ok(());
    }
    let field = match new.preset.is_named_by_tenant() {
        true => "tenant",
        false => "issuer",
    };
    let detail = format!(
        "Whoever has a setup link has named the identity provider. Send `{field}` beside `client_secret`, so that the secret \
         goes to the provider that you mean."
    );
    Err(Error::invalid(format!("/{field}"), "missing", detail))
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
        provider: KnownProvider,
        is_named: bool,
    ) -> Result<()> {
        let new = &mut self.new;
        let old = known_provider(new)?;
        let is_taken_over =
            is_named && !by_setup_link(tx) && new.subject_issuer != kept_issuer(&provider);
        if provider == old && !is_taken_over {
            return Ok(());
        }
        require_app(tx, new.preset, &provider)?;
        let is_same = is_same_provider(tx, (new, &old), &provider);
        if is_taken_over || !is_same {
            let names = (&old, &provider, is_named);
            new.subject_issuer = subject_issuer(tx, new, names)?;
        }
        if new.status == ConnectionStatus::Active && !is_same {
            require_another_connection(tx, new)?;
            // Whoever sets it up by a link goes on with that; what an admin has paused is the admin's to activate.
            new.status = match by_setup_link(tx) {
                true => ConnectionStatus::Draft,
                false => ConnectionStatus::Paused,
            };
        }
        new.settings = kept(&provider)?;
        new.app_id = provider.app();
        new.metadata_missing_since = None;
        new.metadata_problem = None;
        new.clock_off_since = None;
        new.clock_off_seconds = None;
        new.silent_since = None;
        sso_connections::note_clock(tx.connection, new.id, None)?;
        sso_connections::note_silence(tx.connection, new.id, None)?;
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

/// Whether people are signed in as before. An admin may bring a new certificate beside the old one by hand. Whoever has a
/// setup link may not: they would so become the identity provider of a connection that people sign in by, and nobody would
/// test it. Nor is an admin's metadata the same as what a link has put in place of other.
fn is_same_provider(
    tx: &UnitOfWork<'_>,
    (connection, old): (&SsoConnection, &KnownProvider),
    new: &KnownProvider,
) -> bool {
    let is_rollover = match (new.complete(), old.complete()) {
        (Some(new), Some(old)) => new.is_rollover_of(&old),
        _ => false,
    };
    let is_of_admins = !by_setup_link(tx) && connection.subject_issuer == kept_issuer(old);
    new.is_same_provider(old) || (is_rollover && is_of_admins)
}

/// Who names the people of a connection that gets another provider. By SAML, metadata that whoever has a setup link puts in
/// place of metadata by which people have come names others, until an admin names the metadata.
fn subject_issuer(
    tx: &mut UnitOfWork<'_>,
    connection: &SsoConnection,
    (old, new, is_named): (&KnownProvider, &KnownProvider, bool),
) -> Result<Option<Vec<u8>>> {
    let is_own = connection.subject_issuer == kept_issuer(old);
    let is_by_link = match (is_named, by_setup_link(tx)) {
        (true, false) => false,
        (true, true) => !is_own || identities::uses_of(tx.connection, connection)?.0 > 0,
        // Another source of the subject, in the metadata that is there.
        (false, _) => !is_own,
    };
    Ok(match new.kind() {
        ConnectionKind::Saml if is_by_link => kept_issuer_by_link(new),
        ConnectionKind::Saml | ConnectionKind::Oidc => kept_issuer(new),
    })
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
    let takes_issuer = new.issuer_named_by_link != known.issuer_named_by_link;
    if takes_issuer || !fields.is_empty() {
        sso_connections::update(tx.connection, &new)?;
    }
    if !fields.is_empty() {
        publish(tx, &new, ConnectionEvent::Changed { fields })?;
    }
    if new.subject_issuer != known.subject_issuer {
        session_proofs::revoke_all(tx.connection, &new)?;
    }
    if new.status != known.status {
        publish(tx, &new, ConnectionEvent::Paused)?;
        notices::queue_for_setup(tx, &new)?;
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
