//! Operators' apps: one registration with an identity provider, whose client connections of many organizations share.
//! They are the installation's and no organization's.

use super::changes::{set, test_of_other_settings};
use super::client_secrets::{ClientSecret, KeptSecret, SecretChange, context_of_app};
use super::daily_check::DailyCheck;
use crate::clock::new_id;
use crate::domain::connections::{AppPreset, ClientAuthentication};
use crate::domain::events::{AppEvent, DomainEvent};
use crate::domain::ids::AppId;
use crate::error::{Code, Error, Result};
use crate::services::authorization::OperatorPermit;
use crate::services::events;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::apps::{self, App};
use crate::store::{Page, diagnoses, sso_connections};

/// An app that is to be made.
#[derive(Clone)]
pub struct NewApp {
    pub name: String,
    pub preset: AppPreset,
    pub client_id: String,
    pub client_authentication: ClientAuthentication,
    pub client_secret: Option<ClientSecret>,
}

/// What changes of an app; absent fields stay.
#[derive(Clone, Default)]
pub struct AppChanges {
    pub name: Option<String>,
    pub client_id: Option<String>,
    pub client_authentication: Option<ClientAuthentication>,
    pub client_secret: SecretChange,
}

/// An app, and how many connections use it.
pub struct UsedApp {
    pub app: App,
    pub connections: i64,
}

/// Makes an app.
pub fn create(tx: &mut UnitOfWork<'_>, _: &OperatorPermit, new: NewApp) -> Result<UsedApp> {
    let id = new_id::<AppId>();
    let secret = KeptSecret::new(tx, &context_of_app(id), new.client_secret)?;
    let app = App {
        id,
        name: new.name,
        preset: new.preset,
        client_id: new.client_id,
        client_authentication: new.client_authentication,
        sealed: secret.sealed,
        secret_expires_at: secret.expires_at,
        created_at: tx.now(),
    };
    tx.transaction(|tx| {
        apps::insert(tx.connection, &app)?;
        DailyCheck::of_app(id).queue(tx)?;
        let event = AppEvent::Created {
            name: app.name.clone(),
            preset: app.preset,
            client_id: app.client_id.clone(),
        };
        publish(tx, id, event)
    })?;
    Ok(UsedApp {
        app,
        connections: 0,
    })
}

fn publish(tx: &mut UnitOfWork<'_>, app: AppId, event: AppEvent) -> Result<()> {
    events::publish(tx, DomainEvent::App { app, event })
}

/// An app.
///
/// # Errors
/// `not_found`.
pub fn find(tx: &mut UnitOfWork<'_>, _: &OperatorPermit, id: AppId) -> Result<UsedApp> {
    let app = apps::find(tx.connection, id)?.ok_or_else(no_such_app)?;
    used(tx, app)
}

fn used(tx: &mut UnitOfWork<'_>, app: App) -> Result<UsedApp> {
    let counts = apps::count_connections(tx.connection, &[app.id])?;
    let connections = counts.get(&app.id).copied().unwrap_or_default();
    Ok(UsedApp { app, connections })
}

/// The refusal of an app that is not there.
pub fn no_such_app() -> Error {
    Error::not_found("app")
}

/// A page of apps, the oldest first.
pub fn list(
    tx: &mut UnitOfWork<'_>,
    _: &OperatorPermit,
    page: Page<AppId>,
) -> Result<Vec<UsedApp>> {
    let found = apps::list(tx.connection, page)?;
    let ids: Vec<_> = found.iter().map(|app| app.id).collect();
    let counts = apps::count_connections(tx.connection, &ids)?;
    let used = found.into_iter().map(|app| UsedApp {
        connections: counts.get(&app.id).copied().unwrap_or_default(),
        app,
    });
    Ok(used.collect())
}

/// Changes an app for all connections that use it, at once. They stay active; with another client they ask for a new
/// test before they are activated the next time, and tests that wait end. `changes_of` is asked once nobody else
/// changes the app any more.
///
/// # Errors
/// `not_found`, and those of `changes_of`.
pub fn update(
    tx: &mut UnitOfWork<'_>,
    _: &OperatorPermit,
    id: AppId,
    changes_of: impl FnOnce(&App) -> Result<AppChanges>,
) -> Result<UsedApp> {
    tx.transaction(|tx| {
        let known = apps::lock(tx.connection, id)?.ok_or_else(no_such_app)?;
        let (new, fields) = changed(tx, &known, changes_of(&known)?)?;
        if fields.is_empty() {
            return used(tx, known);
        }
        apps::update(tx.connection, &new)?;
        if new.client_id != known.client_id {
            ask_for_tests(tx, id)?;
        }
        publish(tx, id, AppEvent::Changed { fields })?;
        used(tx, new)
    })
}

/// An app with what changes of it, and the names of what does.
fn changed(
    tx: &UnitOfWork<'_>,
    known: &App,
    changes: AppChanges,
) -> Result<(App, Vec<&'static str>)> {
    let (mut new, mut fields) = (known.clone(), Vec::new());
    let noted = &mut fields;
    set(&mut new.name, changes.name, ("name", noted));
    set(&mut new.client_id, changes.client_id, ("client_id", noted));
    let authentication = changes.client_authentication;
    set(
        &mut new.client_authentication,
        authentication,
        ("client_authentication", noted),
    );
    let secret = KeptSecret {
        sealed: known.sealed.clone(),
        expires_at: known.secret_expires_at,
    };
    let secret = secret.changed(tx, &context_of_app(known.id), changes.client_secret)?;
    set(
        &mut new.sealed,
        Some(secret.sealed),
        ("client_secret", noted),
    );
    set(
        &mut new.secret_expires_at,
        Some(secret.expires_at),
        ("client_secret_expires_at", noted),
    );
    Ok((new, fields))
}

/// A test says nothing of another client. Those that wait are ended first: one that passes at the same moment is waited
/// for, and taken back.
fn ask_for_tests(tx: &mut UnitOfWork<'_>, id: AppId) -> Result<()> {
    let (code, steps) = test_of_other_settings()?;
    diagnoses::end_waiting_by_app(tx.connection, id, (&code, &steps))?;
    sso_connections::reset_tests_by_app(tx.connection, id)
}

/// Deletes an app that no connection uses.
///
/// # Errors
/// `not_found`; `app_in_use`.
pub fn delete(tx: &mut UnitOfWork<'_>, permit: &OperatorPermit, id: AppId) -> Result<()> {
    tx.transaction(|tx| {
        let known = find(tx, permit, id)?;
        if known.connections > 0 {
            return Err(app_in_use(known.connections));
        }
        if !apps::delete(tx.connection, id)? {
            return Err(no_such_app());
        }
        DailyCheck::of_app(id).delete(tx)?;
        let name = known.app.name;
        publish(tx, id, AppEvent::Deleted { name })
    })
}

/// The refusal to delete an app by which so many connections sign people in.
pub fn app_in_use(connections: i64) -> Error {
    let detail = format!(
        "Connections that use this app: {connections}. Have their organizations give them clients of their own, or delete \
         them, then delete the app."
    );
    Error::refused(Code::AppInUse, detail)
}
