//! Changes of a connection: what of it is kept, what has to be tested again, and when it is paused.

use super::client_secrets::{KeptSecret, SecretChange, context_of_connection};
use super::clients::require_app;
use super::connections::find;
use super::publication::publish;
use super::settings::{
    is_metadata_by_link, issuers_within, kept, kept_issuer, kept_issuer_by_link, known_provider,
};
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
#[derive(Clone)]
pub struct ConnectionChanges {
    pub name: Option<String>,
    pub provider: KnownProvider,
    /// Whether it is named who names the people: the issuer or its tenant, or metadata.
    pub names_issuer: bool,
    /// Whether metadata is of the provider by which people have come whom a setup link has named, as an admin says.
    pub same_provider: Option<bool>,
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
/// `not_found`; `last_sign_in_method` where that would pause the only one that is active, and single sign-on is
/// required; `validation_failed` for rules and apps that the organization cannot have, for an admin's secret that
/// comes without the issuer it is for where a setup link named that, and for metadata in place of a link's of which it
/// is to be said whether it is of the same provider.
pub fn update(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageConnections>,
    (id, changes): (ConnectionId, ConnectionChanges),
) -> Result<SsoConnection> {
    tx.transaction(|tx| {
        let known = find(tx, permit, id)?;
        let mut changed = Changed::of(tx, known.clone(), &changes);
        changed.set_plain_fields(&changes);
        changed.set_rules(tx, permit, changes.rules)?;
        if matches!(changes.client_secret, SecretChange::Replaced(_)) {
            changed.require_own_issuer()?;
        }
        changed.set_provider(tx, changes.provider)?;
        changed.set_secret(tx, changes.client_secret)?;
        keep(tx, &known, changed)
    })
}

/// Who changes a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ChangedBy {
    Admin,
    /// Whoever has a setup link.
    SetupLink,
}

impl ChangedBy {
    fn of(tx: &UnitOfWork<'_>) -> Self {
        match tx.context.principal.setup_link() {
            Ok(_) => Self::SetupLink,
            Err(_) => Self::Admin,
        }
    }
}

/// A connection as it is to be, and what of it changes.
struct Changed {
    new: SsoConnection,
    by: ChangedBy,
    /// Whether they name who names the people.
    names_issuer: bool,
    /// Whether they say that it is the provider by which people have come.
    same_provider: Option<bool>,
    /// Whether people stay signed in although another names them, who vouches for them.
    keeps_people: bool,
    fields: Vec<&'static str>,
    has_to_be_tested: bool,
}

impl Changed {
    /// What nothing has changed of yet but who named the people last.
    fn of(tx: &UnitOfWork<'_>, known: SsoConnection, changes: &ConnectionChanges) -> Self {
        let by = ChangedBy::of(tx);
        let mut new = known;
        if changes.names_issuer {
            new.issuer_named_by_link = by == ChangedBy::SetupLink;
        }
        Self {
            new,
            by,
            names_issuer: changes.names_issuer,
            same_provider: changes.same_provider,
            keeps_people: false,
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

    /// Refuses the client secret of an admin for an issuer that whoever has a setup link has named: a secret that comes
    /// alone is for the one that the admin saw last.
    fn require_own_issuer(&self) -> Result<()> {
        let is_own = !self.new.issuer_named_by_link || self.by == ChangedBy::SetupLink;
        if is_own || self.new.preset.has_one_issuer() {
            return Ok(());
        }
        let field = match self.new.preset.is_named_by_tenant() {
            true => "tenant",
            false => "issuer",
        };
        let detail = format!(
            "Whoever has a setup link has named the identity provider. Send `{field}` beside `client_secret`, so that the \
             secret goes to the provider that you mean."
        );
        Err(Error::invalid(format!("/{field}"), "missing", detail))
    }

    /// What was noted of another provider says nothing of this one.
    fn set_provider(&mut self, tx: &mut UnitOfWork<'_>, provider: KnownProvider) -> Result<()> {
        let old = known_provider(&self.new)?;
        let issuer = self.subject_issuer(&old, &provider);
        let is_named = self.names_issuer && issuer != self.new.subject_issuer;
        if provider == old && !is_named {
            return Ok(());
        }
        require_app(tx, self.new.preset, &provider)?;
        let is_same = self.is_same_provider(&old, &provider);
        if is_named || !is_same {
            self.set_issuer(tx, (&old, &provider), issuer)?;
        }
        if self.new.status == ConnectionStatus::Active && !is_same {
            require_another_connection(tx, &self.new)?;
            // Whoever sets it up by a link goes on with that; what an admin has paused is the admin's to activate.
            self.new.status = match self.by {
                ChangedBy::SetupLink => ConnectionStatus::Draft,
                ChangedBy::Admin => ConnectionStatus::Paused,
            };
        }
        let new = &mut self.new;
        new.settings = kept(&provider)?;
        new.app_id = provider.app();
        new.metadata_missing_since = None;
        new.metadata_problem = None;
        sso_connections::forget_use(tx.connection, new)?;
        self.has_to_be_tested = true;
        self.fields.push("identity_provider");
        Ok(())
    }

    /// Whether people are signed in as before. An admin may bring a new certificate beside the old one by hand; beside all
    /// that there are, where a setup link has named these. Whoever has a setup link may not: they would so become the
    /// identity provider of a connection that people sign in by, and nobody would test it.
    fn is_same_provider(&self, old: &KnownProvider, new: &KnownProvider) -> bool {
        let issuer = self.subject_issuer(old, new);
        match (self.by, is_metadata_by_link(&self.new, old)) {
            (ChangedBy::Admin, false) => new.is_same_provider(old) || new.is_rollover_of(old),
            (ChangedBy::Admin, true) => self.vouches_for_all(new),
            (ChangedBy::SetupLink, _) => {
                new.is_same_provider(old) && issuer == self.new.subject_issuer
            }
        }
    }

    /// Who names the people of a connection that gets another provider. By SAML, metadata that whoever has a setup link
    /// names is told by its certificates, until an admin names the metadata.
    fn subject_issuer(&self, old: &KnownProvider, new: &KnownProvider) -> Option<Vec<u8>> {
        let was_by_link = is_metadata_by_link(&self.new, old);
        let is_by_link = match (self.names_issuer, self.by) {
            (true, ChangedBy::Admin) => false,
            // What an admin's address has now is the admin's word.
            (true, ChangedBy::SetupLink) => was_by_link || !new.is_same_provider(old),
            // Another source of the subject, in the metadata that is there.
            (false, _) => was_by_link,
        };
        match new.kind() {
            ConnectionKind::Saml if is_by_link => kept_issuer_by_link(new),
            ConnectionKind::Saml | ConnectionKind::Oidc => kept_issuer(new),
        }
    }

    /// Whether an admin names metadata with all certificates of that which a setup link has named.
    fn vouches_for_all(&self, new: &KnownProvider) -> bool {
        let issuer = self.new.subject_issuer.as_ref();
        self.names_issuer && issuer.is_some_and(|issuer| issuers_within(new).contains(issuer))
    }

    /// Takes who names the people from now on. An admin who names metadata in place of a setup link's takes over the
    /// people whom they know.
    fn set_issuer(
        &mut self,
        tx: &mut UnitOfWork<'_>,
        (old, new): (&KnownProvider, &KnownProvider),
        issuer: Option<Vec<u8>>,
    ) -> Result<()> {
        let is_admins = self.names_issuer && self.by == ChangedBy::Admin;
        let known = match is_admins && is_metadata_by_link(&self.new, old) {
            true => self.people_of_link(tx, (old, new))?,
            false => Vec::new(),
        };
        let before = self.new.subject_issuer.as_ref();
        self.keeps_people = before.is_some_and(|issuer| known.contains(issuer));
        self.new.subject_issuer = issuer;
        identities::adopt(tx.connection, &self.new, &known)
    }

    /// Whose people an admin knows who names metadata in place of a setup link's: those whom nobody could name but by
    /// certificates that the admin names too, and the other ones if the admin says so.
    ///
    /// # Errors
    /// `validation_failed` where it is to be said.
    fn people_of_link(
        &self,
        tx: &mut UnitOfWork<'_>,
        (old, new): (&KnownProvider, &KnownProvider),
    ) -> Result<Vec<Vec<u8>>> {
        let is_vouched = self.vouches_for_all(new);
        // Of another entity id, or by another source of the subject, nobody is called as before.
        let is_alike = kept_issuer(old) == kept_issuer(new);
        let is_said = match self.same_provider {
            Some(false) => return Ok(Vec::new()),
            Some(true) => is_alike,
            None => false,
        };
        if is_alike && !is_vouched && !is_said && identities::any_named(tx.connection, &self.new)? {
            return Err(same_provider_missing());
        }
        let last = self.new.subject_issuer.clone();
        let last = last.filter(|_| is_vouched || is_said);
        Ok(last.into_iter().chain(issuers_within(new)).collect())
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

/// The refusal of metadata of which nobody can tell whose people those are who came by a setup link's.
pub fn same_provider_missing() -> Error {
    let detail = "Whoever has a setup link has named the metadata by which people came, and this has not all of its \
                  certificates. Send `same_provider` beside it: with `true` they keep their accounts, where it is the same \
                  identity provider and nobody else's certificate was among those; with `false` they are strangers.";
    Error::invalid("/same_provider", "missing", detail.to_owned())
}

/// Keeps and tells what has changed of a connection.
fn keep(tx: &mut UnitOfWork<'_>, known: &SsoConnection, changed: Changed) -> Result<SsoConnection> {
    let Changed {
        mut new, fields, ..
    } = changed;
    if changed.has_to_be_tested {
        end_waiting_tests(tx, new.id)?;
        sso_connections::reset_test(tx.connection, &mut new)?;
    }
    let takes_issuer = new.issuer_named_by_link != known.issuer_named_by_link;
    if takes_issuer || !fields.is_empty() {
        sso_connections::update(tx.connection, &new)?;
    }
    if !fields.is_empty() {
        publish(tx, &new, ConnectionEvent::Changed { fields })?;
    }
    if new.subject_issuer != known.subject_issuer && !changed.keeps_people {
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
