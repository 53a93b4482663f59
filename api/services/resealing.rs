//! Sealing anew, with the key that seals now, what another one has sealed: afterwards that one can be retired.
//!
//! Responses that are kept for an `Idempotency-Key` are left: their fingerprints are of the key too, and nobody has
//! what they were made of. They go within a day; tests of connections, within an hour.

use uuid::Uuid;

use super::imports;
use super::sso::claims::claims_context;
use super::sso::client_secrets::{context_of_app, context_of_connection};
use super::unit_of_work::{Services, UnitOfWork};
use crate::crypto::sealing::SealingKeyId;
use crate::domain::ids::{AppId, ConnectionId, IdentityId, ImportId, MailId};
use crate::error::{Error, Result};
use crate::mail::outbox;
use crate::store::Connection;
use crate::store::sealed_values::{self, SealedPlace};

/// What became of the values that another key had sealed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resealed {
    pub mails: usize,
    pub rows: usize,
    /// Client secrets of connections and of apps.
    pub secrets: usize,
    /// What identity providers said of people last.
    pub claims: usize,
    /// Those whose key is not in the file, or which were changed by somebody: nothing opens them.
    pub unreadable: usize,
}

/// Values in one transaction: few, so that nobody waits for their rows for long.
const BATCH: i64 = 100;

/// Seals everything anew that another key has sealed, beside servers that run. What was done stays done when it is
/// broken off, and is not done again.
///
/// # Errors
/// `unavailable` where the database is away.
pub fn reseal(services: &Services) -> Result<Resealed> {
    let mut resealed = Resealed::default();
    let mut mail = MailId::from(Uuid::nil());
    while let Some(last) = in_transaction(services, &mut resealed, |tx, counts| {
        mails(tx, mail, counts)
    })? {
        mail = last;
    }
    let mut row = (ImportId::from(Uuid::nil()), 0);
    while let Some(last) =
        in_transaction(services, &mut resealed, |tx, counts| rows(tx, row, counts))?
    {
        row = last;
    }
    let mut connection = ConnectionId::from(Uuid::nil());
    while let Some(last) = in_transaction(services, &mut resealed, |tx, counts| {
        secrets(tx, connection, counts)
    })? {
        connection = last;
    }
    let mut identity = IdentityId::from(Uuid::nil());
    while let Some(last) = in_transaction(services, &mut resealed, |tx, counts| {
        claims(tx, identity, counts)
    })? {
        identity = last;
    }
    let mut app = AppId::from(Uuid::nil());
    while let Some(last) = in_transaction(services, &mut resealed, |tx, counts| {
        app_secrets(tx, app, counts)
    })? {
        app = last;
    }
    Ok(resealed)
}

/// Counts what a batch has done once it is committed.
fn in_transaction<T>(
    services: &Services,
    resealed: &mut Resealed,
    batch: impl Fn(&mut UnitOfWork<'_>, &mut Resealed) -> Result<T>,
) -> Result<T> {
    let (done, value) = services.run_as_system(|tx| {
        tx.repeatable_transaction(|tx| {
            let mut done = *resealed;
            let value = batch(tx, &mut done)?;
            Ok((done, value))
        })
    })?;
    *resealed = done;
    Ok(value)
}

/// Seals the mails of a batch anew, and tells the last of them.
fn mails(tx: &mut UnitOfWork<'_>, after: MailId, done: &mut Resealed) -> Result<Option<MailId>> {
    let key = first_key(tx.services)?;
    let found = sealed_values::mails_of_other_keys(tx.connection, key.as_bytes(), (after, BATCH))?;
    for (id, old) in &found {
        match tx.services.sealing.reseal(&outbox::place(*id), old)? {
            Some(new) => {
                let is_new = sealed_values::replace_mail(tx.connection, *id, (old, &new))?;
                done.mails += usize::from(is_new);
            }
            None => done.unreadable += 1,
        }
    }
    Ok(found.last().map(|(id, _)| *id))
}

/// Seals the rows of a batch anew, and tells the last of them.
fn rows(
    tx: &mut UnitOfWork<'_>,
    after: (ImportId, i64),
    done: &mut Resealed,
) -> Result<Option<(ImportId, i64)>> {
    let key = first_key(tx.services)?;
    let found = sealed_values::rows_of_other_keys(tx.connection, key.as_bytes(), (after, BATCH))?;
    for (import, row, old) in &found {
        match tx
            .services
            .sealing
            .reseal(&imports::place_of_row(*import, *row), old)?
        {
            Some(new) => {
                let place = (*import, *row);
                let is_new = sealed_values::replace_row(tx.connection, place, (old, &new))?;
                done.rows += usize::from(is_new);
            }
            None => done.unreadable += 1,
        }
    }
    Ok(found.last().map(|(import, row, _)| (*import, *row)))
}

/// Seals the client secrets of a batch anew, and tells the last of them.
fn secrets(
    tx: &mut UnitOfWork<'_>,
    after: ConnectionId,
    done: &mut Resealed,
) -> Result<Option<ConnectionId>> {
    let key = first_key(tx.services)?;
    let found =
        sealed_values::secrets_of_other_keys(tx.connection, key.as_bytes(), (after, BATCH))?;
    for (id, old) in &found {
        let place = context_of_connection(*id);
        match tx.services.sealing.reseal(place.as_bytes(), old)? {
            Some(new) => {
                let is_new = sealed_values::replace_secret(tx.connection, *id, (old, &new))?;
                done.secrets += usize::from(is_new);
            }
            None => done.unreadable += 1,
        }
    }
    Ok(found.last().map(|(id, _)| *id))
}

/// Seals the claims of a batch of people anew, and tells the last of them.
fn claims(
    tx: &mut UnitOfWork<'_>,
    after: IdentityId,
    done: &mut Resealed,
) -> Result<Option<IdentityId>> {
    let key = first_key(tx.services)?;
    let found = sealed_values::claims_of_other_keys(tx.connection, key.as_bytes(), (after, BATCH))?;
    for (id, old) in &found {
        match tx.services.sealing.reseal(&claims_context(*id), old)? {
            Some(new) => {
                let is_new = sealed_values::replace_claims(tx.connection, *id, (old, &new))?;
                done.claims += usize::from(is_new);
            }
            None => done.unreadable += 1,
        }
    }
    Ok(found.last().map(|(id, _)| *id))
}

/// Seals the client secrets of a batch of apps anew, and tells the last of them.
fn app_secrets(
    tx: &mut UnitOfWork<'_>,
    after: AppId,
    done: &mut Resealed,
) -> Result<Option<AppId>> {
    let key = first_key(tx.services)?;
    let other = (after, BATCH);
    let found = sealed_values::app_secrets_of_other_keys(tx.connection, key.as_bytes(), other)?;
    for (id, old) in &found {
        let place = context_of_app(*id);
        match tx.services.sealing.reseal(place.as_bytes(), old)? {
            Some(new) => {
                let is_new = sealed_values::replace_app_secret(tx.connection, *id, (old, &new))?;
                done.secrets += usize::from(is_new);
            }
            None => done.unreadable += 1,
        }
    }
    Ok(found.last().map(|(id, _)| *id))
}

fn first_key(services: &Services) -> Result<SealingKeyId> {
    let first = services.sealing.ids().first().copied();
    first.ok_or_else(|| Error::internal("no sealing key"))
}

/// How many values of one kind a key has sealed.
pub struct SealedBy {
    pub key: SealingKeyId,
    /// What they are, in words.
    pub what: &'static str,
    pub count: i64,
}

impl SealedBy {
    /// How many of what, in words.
    pub fn counted(&self) -> String {
        format!("{} {}", self.count, self.what)
    }
}

/// Counts what is sealed, by key.
///
/// # Errors
/// `unavailable` where the database is away.
pub fn count(connection: &mut Connection) -> Result<Vec<SealedBy>> {
    let mut sealed = Vec::new();
    for (place, what) in [
        (SealedPlace::Mails, "mails"),
        (SealedPlace::ImportRows, "rows of imports"),
        (SealedPlace::ClientSecrets, "client secrets of connections"),
        (SealedPlace::Claims, "claims of people"),
        (SealedPlace::AppSecrets, "client secrets of apps"),
        (SealedPlace::Tests, "tests of connections"),
        (
            SealedPlace::Responses,
            "responses kept for an Idempotency-Key",
        ),
    ] {
        let counts = sealed_values::count(connection, place)?;
        sealed.extend(counts.into_iter().filter_map(|(value, count)| {
            let key = SealingKeyId::of_sealed(&value)?;
            Some(SealedBy { key, what, count })
        }));
    }
    Ok(sealed)
}
