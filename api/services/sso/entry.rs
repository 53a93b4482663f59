//! What every way in ends in: an identity, a membership, a session with its proof.

use std::cell::RefCell;
use std::time::Duration;

use serde_json::{Map, Value};

use super::arriving::Arriving;
use super::diagnosis::{self, About};
use super::entering::{Entered, enter};
use super::flows;
use super::resolution::{identity_taken, link};
use super::rules::apply_again;
use crate::crypto::token::Token;
use crate::domain::connections::SignInOutcome;
use crate::domain::diagnosis::{Step, Steps};
use crate::domain::ids::{AccountId, OrganizationId, SessionId};
use crate::domain::invite_code::CodeOutcome;
use crate::domain::timestamp::Timestamp;
use crate::error::{Code, Error, Result};
use crate::services::context::Principal;
use crate::services::sessions::{self, IssuedSession};
use crate::services::trust;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::Connection;
use crate::store::accounts::{self, Account};
use crate::store::identities;
use crate::store::organizations::{self, Organization};
use crate::store::session_proofs::{self, SessionProof};
use crate::store::sessions as session_store;
use crate::store::sso_connections::SsoConnection;

/// What comes of a ticket.
pub struct Exchanged {
    pub outcome: SignInOutcome,
    /// What came of the invite code that the flow carried.
    pub code: Option<CodeOutcome>,
    pub organization: (OrganizationId, String),
    /// The account that they have shown to be theirs.
    pub account: Option<AccountId>,
    pub return_to: Option<String>,
    /// None where an account has to be linked first, or where a session went on.
    pub session: Option<IssuedSession>,
    /// The only organization that the session opens, until a proof of another one is added.
    pub confined_to: Option<OrganizationId>,
    /// Shown to link the account.
    pub link_token: Option<Token>,
}

impl Exchanged {
    /// What comes of an arrival that starts no session.
    pub(super) fn of(
        arriving: &Arriving<'_>,
        account: Option<AccountId>,
        entered: Entered,
    ) -> Self {
        Self {
            account,
            outcome: entered.outcome,
            code: entered.code,
            organization: (arriving.organization.id, arriving.organization.name.clone()),
            return_to: arriving.payload.return_to.clone(),
            session: None,
            confined_to: None,
            link_token: None,
        }
    }

    /// The same with the session that [`start_session`] gave.
    pub(super) fn with_session(
        self,
        (session, confined_to): (IssuedSession, Option<OrganizationId>),
    ) -> Self {
        Self {
            session: Some(session),
            confined_to,
            ..self
        }
    }
}

/// Has somebody enter in one transaction, which keeps the diagnosis of who gets in. A refusal undoes it, and leaves its own.
/// `first` are the steps that were taken before.
pub(super) fn diagnosed(
    tx: &mut UnitOfWork<'_>,
    about: About<'_>,
    (first, claims): (&[Step], &Map<String, Value>),
    work: impl Fn(&mut UnitOfWork<'_>, &mut Steps) -> Result<Exchanged>,
) -> Result<Exchanged> {
    // Of the last attempt: a transaction that met another one is run again.
    let refused = RefCell::new(Steps::default());
    let entered = tx.repeatable_transaction(|tx| {
        let mut steps = Steps::from(first.to_vec());
        match work(tx, &mut steps) {
            Ok(exchanged) => {
                diagnosis::note_success(tx, about, steps, exchanged.account)?;
                Ok(exchanged)
            }
            Err(error) => {
                refused.replace(steps);
                Err(error)
            }
        }
    });
    entered
        .map_err(|error| diagnosis::note_refusal(tx, about, (refused.into_inner(), claims), error))
}

/// Starts a session with the proof of the connection. It opens this organization only, unless that manages the account.
pub(super) fn start_session(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    account: Account,
    user_agent: Option<String>,
) -> Result<(IssuedSession, Option<OrganizationId>)> {
    let organization = arriving.organization.id;
    let confined_to = (!account.is_managed_by(organization)).then_some(organization);
    let valid_until = valid_until(tx, arriving);
    accounts::touch(tx.connection, &account, tx.now())?;
    let by = (organization, valid_until);
    let owner = Principal::Owner(account.clone());
    let issued = tx.acting_as(owner, |tx| {
        sessions::insert_by_connection(tx, account, user_agent, by)
    })?;
    prove(tx, arriving, issued.session)?;
    Ok((issued, confined_to))
}

fn valid_until(tx: &UnitOfWork<'_>, arriving: &Arriving<'_>) -> Timestamp {
    let hours = u64::try_from(arriving.connection.session_hours).unwrap_or(1);
    let end = tx.now().plus(Duration::from_secs(hours * 60 * 60));
    let end_there = arriving.arrival.session_ends_at;
    end_there.map_or(end, |end_there| end.min(end_there))
}

/// Adds the proof of the connection to a session.
pub(super) fn prove(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    session: SessionId,
) -> Result<()> {
    let proof = SessionProof {
        session_id: session,
        connection_id: arriving.connection.id,
        organization_id: arriving.organization.id,
        proved_at: tx.now(),
        valid_until: valid_until(tx, arriving),
        provider_session: arriving.arrival.provider_session.clone(),
    };
    session_proofs::put(tx.connection, &proof)
}

/// Has the subject open this account, which [`lock_account`] has locked, and makes it a member, at once or when its address
/// is verified.
///
/// [`lock_account`]: super::carried_codes::lock_account
///
/// # Errors
/// `identity_taken`; `email_not_verified` where somebody else has set the password; those of entering.
pub(super) fn link_to(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    account: &Account,
    steps: &mut Steps,
) -> Result<Entered> {
    let entered = enter(tx, arriving, account, steps)?;
    match opens(tx, arriving)? {
        Some(known) if known == account.id => apply_again(tx, arriving, account, steps)?,
        Some(_) => return Err(identity_taken()),
        None => {
            require_own_password(arriving, account)?;
            require_only_identity(tx, arriving, account)?;
            link(tx, arriving, account, steps)?;
        }
    }
    Ok(entered.told_as(SignInOutcome::Linked))
}

/// Refuses to link an account whose password somebody else has set, as accepting an invitation does: the admins who set it
/// would be in this organization, too. An account that this one manages is its own to give.
fn require_own_password(arriving: &Arriving<'_>, account: &Account) -> Result<()> {
    if account.is_managed_by(arriving.organization.id) {
        return Ok(());
    }
    trust::require_own_password(account)
}

/// Refuses a second subject for an account where single sign-on is required: with the password alone, somebody else
/// would link their own. A proof by any connection opens the organization, so that an identity at another one counts too;
/// it gets company in a session that has the proof. At a connection that signs nobody in it counts for nothing.
fn require_only_identity(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    account: &Account,
) -> Result<()> {
    let organization = arriving.organization;
    if !organization.sso_required {
        return Ok(());
    }
    let known = identities::active_connections_of(tx.connection, organization.id, account.id)?;
    if known.iter().any(|(id, _)| *id == arriving.connection.id) {
        return Err(linked_to_another());
    }
    match known.first() {
        Some((_, name)) if !has_proof(tx, arriving)? => Err(linked_elsewhere(name)),
        Some(_) | None => Ok(()),
    }
}

/// Whether the session that began the flow has a proof of the organization.
fn has_proof(tx: &mut UnitOfWork<'_>, arriving: &Arriving<'_>) -> Result<bool> {
    let Some(session) = arriving.session else {
        return Ok(false);
    };
    let now = tx.now();
    session_proofs::is_proven(tx.connection, arriving.organization.id, session, now)
}

/// The refusal of a second identity of an account.
pub fn linked_to_another() -> Error {
    Error::refused(
        Code::IdentityTaken,
        "Another identity of this central system opens your account already, and this organization allows one. Sign in \
         by that one, or ask an admin to unlink it.",
    )
}

/// The refusal of an identity beside that of another connection, which has to show first whose account it is.
fn linked_elsewhere(connection: &str) -> Error {
    let detail = format!(
        "Your account is opened by `{connection}` already, and this organization requires single sign-on. Sign in by that \
         one first, then add this one with `step_up` in the same session, or ask an admin to unlink it."
    );
    Error::refused(Code::IdentityTaken, detail)
}

/// The account that the subject opens already.
pub(super) fn opens(tx: &mut UnitOfWork<'_>, arriving: &Arriving<'_>) -> Result<Option<AccountId>> {
    let subject = &arriving.arrival.subject;
    let known = identities::find_by_subject(tx.connection, arriving.connection, subject)?;
    Ok(known.map(|(identity, _)| identity.account_id))
}

/// The organization of a connection by which somebody came, locked, and the connection as it is then: whoever changes it
/// holds the organization. Where another provider names its people by now, what came is refused as `stale`.
///
/// # Errors
/// `connection_unknown`, `connection_not_active`, and `stale`.
pub(super) fn lock_connection(
    tx: &mut UnitOfWork<'_>,
    seen: &SsoConnection,
    stale: fn() -> Error,
) -> Result<(Organization, SsoConnection)> {
    let organization = lock_organization(tx, seen.organization_id)?;
    let connection = flows::active(tx, seen.id)?;
    if connection.subject_issuer != seen.subject_issuer {
        return Err(stale());
    }
    Ok((organization, connection))
}

/// The organization of a connection, locked.
pub(super) fn lock_organization(
    tx: &mut UnitOfWork<'_>,
    id: OrganizationId,
) -> Result<Organization> {
    organizations::lock(tx.connection, id)?.ok_or_else(flows::unknown)
}

/// The owner of a session, if it is still active.
pub(super) fn owner_of(
    connection: &mut Connection,
    session: SessionId,
    now: Timestamp,
) -> Result<Account> {
    let found = session_store::find_active(connection, session, now)?;
    let (_, account) = found.ok_or_else(Error::not_signed_in)?;
    Ok(account)
}
