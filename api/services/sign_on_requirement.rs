//! The doors of an organization that requires single sign-on (`docs/sso.md#required-single-sign-on`).

use super::context::{Principal, SessionPrincipal};
use super::events;
use super::unit_of_work::UnitOfWork;
use crate::domain::connections::{ConnectionStatus, Preset};
use crate::domain::events::{DomainEvent, SignInPolicyEvent};
use crate::domain::ids::{AccountId, OrganizationId};
use crate::domain::sign_in_policy::{SignInConnection, SignInOrganization};
use crate::error::{Code, Error, Result};
use crate::store::domains::{self, Domain};
use crate::store::organizations::{self, Organization};
use crate::store::sso_connections::{self, SsoConnection};
use crate::store::{emergency_admins, identities, session_proofs};

/// Refuses a session without the proof of an organization that requires single sign-on, unless it is an emergency
/// admin's own, and an API key whose creator could bring none. Imports that have begun are not asked for one, nor is an
/// operator.
///
/// # Errors
/// `sso_required`, with the connections.
pub fn require_proof(tx: &mut UnitOfWork<'_>, organization: &Organization) -> Result<()> {
    if !organization.sso_required || tx.context.principal.is_operator() {
        return Ok(());
    }
    let refused = match tx.context.principal.clone() {
        Principal::Session(session) if !is_proven(tx, organization.id, &session)? => sso_required,
        Principal::ApiKey(key) if !can_bring_proof(tx, organization, key.creator.id)? => {
            sso_required_of_creator
        }
        Principal::Session(_)
        | Principal::ApiKey(_)
        | Principal::Anonymous
        | Principal::Owner(_)
        | Principal::SetupLink(_)
        | Principal::CommandLine
        | Principal::System => return Ok(()),
    };
    let connections = ways_in(tx, organization)?;
    Err(refused(connections))
}

fn is_proven(
    tx: &mut UnitOfWork<'_>,
    organization: OrganizationId,
    by: &SessionPrincipal,
) -> Result<bool> {
    let now = tx.now();
    if session_proofs::is_proven(tx.connection, organization, by.session, now)? {
        return Ok(true);
    }
    Ok(
        !by.by_connection
            && emergency_admins::contains(tx.connection, organization, by.account.id)?,
    )
}

/// Whether an account could come to the organization: as its emergency admin, or by an identity at a connection that signs
/// people in. What somebody has made, and goes on without them, is asked this when it is used: who is shut out does not
/// stay inside by it.
pub fn can_bring_proof(
    tx: &mut UnitOfWork<'_>,
    organization: &Organization,
    account: AccountId,
) -> Result<bool> {
    if !organization.sso_required {
        return Ok(true);
    }
    emergency_admins::contains_or_is_linked(tx.connection, organization.id, account)
}

/// The refusal of an API key whose creator could bring no proof.
fn sso_required_of_creator(connections: Vec<SignInConnection>) -> Error {
    let detail = "This organization requires single sign-on, and whoever created this API key has no identity at one of \
                  `connections`. Have them sign in by one of these once, or create another key.";
    Error::refused(Code::SsoRequired, detail).with_connections(connections)
}

/// The refusal of a session without the proof of one of these connections.
pub fn sso_required(connections: Vec<SignInConnection>) -> Error {
    let detail = "This organization requires single sign-on. Sign in by one of `connections`; with the purpose `step_up` \
                  this session goes on, and opens the organization too. A sign-in holds for the hours that the \
                  connection says.";
    Error::refused(Code::SsoRequired, detail).with_connections(connections)
}

/// The connections by which alone an organization opens, for who is no emergency admin; none where it requires no single
/// sign-on.
pub fn only_ways_in(
    tx: &mut UnitOfWork<'_>,
    organization: &Organization,
) -> Result<Vec<SignInConnection>> {
    if organization.sso_required {
        return ways_in(tx, organization);
    }
    Ok(Vec::new())
}

/// The names of these connections, as a mail lists them.
pub fn names_of(connections: &[SignInConnection]) -> String {
    let names: Vec<_> = connections.iter().map(|one| one.name.as_str()).collect();
    names.join(", ")
}

/// The active connections of an organization, as people choose one.
pub fn ways_in(
    tx: &mut UnitOfWork<'_>,
    organization: &Organization,
) -> Result<Vec<SignInConnection>> {
    let active = sso_connections::ways_in(tx.connection, organization.id)?;
    let shown = active.into_iter().map(|(id, name, kind)| SignInConnection {
        id,
        name,
        kind,
        organization: SignInOrganization {
            id: organization.id,
            name: organization.name.clone(),
        },
    });
    Ok(shown.collect())
}

/// Leaves an event in each organization that requires single sign-on and has this account, which signs in with its
/// password, as an emergency admin.
pub fn note_password_use(tx: &mut UnitOfWork<'_>, account: AccountId) -> Result<()> {
    let requiring = emergency_admins::requiring_of(tx.connection, account)?;
    let events: Vec<_> = requiring
        .into_iter()
        .map(|organization| DomainEvent::SignInPolicy {
            organization,
            event: SignInPolicyEvent::EmergencyUsed { account },
        })
        .collect();
    events::publish_all(tx, &events)
}

/// Has an account that is no active admin of the organization any more be no emergency admin either. Call it while the
/// organization is locked.
///
/// # Errors
/// `emergency_admin_required` where single sign-on is required and nobody else could come with a password.
pub fn end_emergency(
    tx: &mut UnitOfWork<'_>,
    organization: OrganizationId,
    account: AccountId,
) -> Result<()> {
    let was_one = emergency_admins::delete(tx.connection, organization, account)?;
    if !was_one || !organizations::requires_sso(tx.connection, organization)? {
        return Ok(());
    }
    if emergency_admins::any_with_password(tx.connection, organization)? {
        return Ok(());
    }
    Err(last_emergency_admin())
}

/// The refusal where nobody could come with a password any more.
pub fn last_emergency_admin() -> Error {
    Error::refused(
        Code::EmergencyAdminRequired,
        "Single sign-on is required here, and this is the last emergency admin with a password. Name another one in \
         the sign-in policy first.",
    )
}

/// Refuses to have taken an account's password where no emergency admin of an organization that requires single sign-on
/// has one any more. Call it behind the change: of two at the same time, one sees the other.
///
/// # Errors
/// `emergency_admin_required`.
pub fn require_emergency_password(tx: &mut UnitOfWork<'_>, account: AccountId) -> Result<()> {
    for organization in emergency_admins::requiring_of(tx.connection, account)? {
        organizations::lock(tx.connection, organization)?;
        if !emergency_admins::any_with_password(tx.connection, organization)? {
            return Err(last_emergency_password());
        }
    }
    Ok(())
}

/// The refusal of a mailed code for an account whose password it would take, where that is the last one for emergencies.
pub fn last_emergency_password() -> Error {
    Error::refused(
        Code::EmergencyAdminRequired,
        "This code would take the account's password away, since nothing has shown yet that the reader of its mailbox has \
         chosen it, and no other emergency admin has one. Set a password by the link that /v1/auth/password/forgot mails \
         you, then sign in with it and link the account there.",
    )
}

/// Refuses to take away the last connection by which people sign in where single sign-on is required. Call it while the
/// organization is locked.
///
/// # Errors
/// `last_sign_in_method`.
pub fn require_another_connection(
    tx: &mut UnitOfWork<'_>,
    connection: &SsoConnection,
) -> Result<()> {
    let organization = connection.organization_id;
    let is_active = connection.status == ConnectionStatus::Active;
    if !is_active || !organizations::requires_sso(tx.connection, organization)? {
        return Ok(());
    }
    let active = sso_connections::active_of(tx.connection, organization)?;
    if active.iter().any(|other| other.id != connection.id) {
        return Ok(());
    }
    Err(last_connection())
}

/// The refusal where nobody could sign in by a connection any more.
pub fn last_connection() -> Error {
    Error::refused(
        Code::LastSignInMethod,
        "Single sign-on is required here, and this is the only active connection. Activate another one, or change the \
         sign-in policy first.",
    )
}

/// Refuses to take a proven domain away by which people sign in, who have no other way: Google lets in people of domains
/// that the organization has proven. Call it while the organization is locked.
///
/// # Errors
/// `last_sign_in_method`.
pub fn require_without_domain(tx: &mut UnitOfWork<'_>, domain: &Domain) -> Result<()> {
    let organization = domain.organization_id;
    let active = sso_connections::active_of(tx.connection, organization)?;
    let by_google = active.iter().filter(|one| one.preset == Preset::Google);
    let by_google: Vec<_> = by_google.filter(|one| domain.counts_at(one.id)).collect();
    if by_google.is_empty() {
        return Ok(());
    }
    let is_only_way = by_google.len() == active.len();
    if is_only_way && organizations::requires_sso(tx.connection, organization)? {
        return Err(last_domain());
    }
    // Without any domain, Google lets in nobody, whatever their address.
    for connection in by_google {
        let proven = domains::ever_proven_at(tx.connection, connection)?;
        let of_domain = Some(&domain.domain).filter(|_| proven.len() > 1);
        let id = connection.id;
        let members = identities::count_dependent(tx.connection, organization, id, of_domain)?;
        if members > 0 {
            return Err(members_by_domain(members));
        }
    }
    Ok(())
}

/// The refusal to remove a domain where single sign-on is required.
pub fn last_domain() -> Error {
    Error::refused(
        Code::LastSignInMethod,
        "Single sign-on is required here, and by Google people sign in whose domain the organization has proven. Change \
         the sign-in policy, or activate another connection, first.",
    )
}

/// The refusal to remove a domain without which so many members could not sign in.
pub fn members_by_domain(members: i64) -> Error {
    let detail = format!(
        "{members} of the members sign in by Google with this domain, and have no password and no other way. Give them \
         passwords or another connection first, or delete the connection."
    );
    Error::refused(Code::LastSignInMethod, detail)
}
