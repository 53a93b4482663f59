//! Joining an organization by an address in a domain that it has proven: at once, or by a request that an admin
//! decides (`docs/domains.md#joining`).

pub mod decisions;
pub mod digest;
mod notice;

use super::admission::{self, Admission, SeatSource};
use super::limits::{self, Limit, LimitRequest};
use super::unit_of_work::UnitOfWork;
use super::{events, trust};
use crate::clock::new_id;
use crate::domain::domains::Joining;
use crate::domain::email_domain::EmailDomain;
use crate::domain::events::{DomainEvent, JoinRequestEvent, JoinedBy};
use crate::domain::ids::{JoinRequestId, OrganizationId};
use crate::domain::invitations::Note;
use crate::domain::join_requests::JoinRequestStatus;
use crate::domain::organization::{JoinedVia, MembershipStatus, Role};
use crate::error::{Code, Error, Result};
use crate::store::Page;
use crate::store::accounts::{self, Account};
use crate::store::domains::{self, Domain};
use crate::store::join_requests::{self, Decision, JoinRequest, WithNames};
use crate::store::organizations::{self, Organization};
use crate::store::{memberships, removed_members};

/// An organization that an account may join, or ask to join, by its address.
#[derive(Clone, Debug)]
pub struct JoinOffer {
    pub organization: Organization,
    pub domain: Domain,
}

/// What somebody asks for.
#[derive(Clone, Debug)]
pub struct NewJoinRequest {
    pub organization: OrganizationId,
    /// What they tell the admins.
    pub note: Option<Note>,
}

/// The organizations that the caller may join, or ask to join, by the address; none where the caller has not proved
/// the mailbox.
pub fn offers(tx: &mut UnitOfWork<'_>) -> Result<Vec<JoinOffer>> {
    let account = tx.context.principal.session()?.account.clone();
    if !trust::has_mailbox(&account) {
        return Ok(Vec::new());
    }
    let offer = find_offer(tx, &account)?;
    let Some(offer) = offer else {
        return Ok(Vec::new());
    };
    match require_welcome(tx, offer.organization.id, &account) {
        Ok(()) => Ok(vec![offer]),
        Err(Error::Refused(_)) => Ok(Vec::new()),
        Err(failure) => Err(failure),
    }
}

/// The organization that has proven the domain of an address, where people join by it.
fn find_offer(tx: &mut UnitOfWork<'_>, account: &Account) -> Result<Option<JoinOffer>> {
    let found = domains::find_proven(tx.connection, &EmailDomain::of(&account.email))?;
    Ok(found
        .map(|(domain, organization)| JoinOffer {
            organization,
            domain,
        })
        .filter(|offer| offer.domain.joining != Joining::Closed))
}

/// Has the caller join an organization by the address, or ask to: as its domain says.
///
/// # Errors
/// `email_not_verified` where nothing shows that the caller reads the mailbox; `not_found` where the address lets
/// nobody join or ask; `already_member`, `account_deactivated`, `removed_by_admin`, `join_request_open`, `no_seat`,
/// `rate_limited`.
pub fn ask(tx: &mut UnitOfWork<'_>, new: NewJoinRequest) -> Result<WithNames> {
    let account = tx.context.principal.session()?.account.clone();
    require_mailbox(&account)?;
    tx.transaction(|tx| {
        // A fixed lock order (organization, account, seats, memberships, requests) prevents deadlocks.
        organizations::lock(tx.connection, new.organization)?;
        let offer = find_offer(tx, &account)?;
        let offer = offer.filter(|offer| offer.organization.id == new.organization);
        let offer = offer.ok_or_else(no_such_offer)?;
        require_welcome(tx, new.organization, &account)?;
        let request = open_request(tx, &account, new);
        let id = match offer.domain.joining {
            Joining::Open => join(tx, &account, &offer.organization, &request)?,
            Joining::Request | Joining::Closed => make(tx, &request)?,
        };
        let one = LimitRequest::one(Limit::JoinRequest, account.id.to_string());
        limits::take(tx, &[one])?;
        find_own(tx, id)
    })
}

fn require_mailbox(account: &Account) -> Result<()> {
    if account.email_verified_at.is_none() {
        return Err(unverified());
    }
    trust::require_own_password(account)
}

/// The refusal of an account whose address is not verified.
pub fn unverified() -> Error {
    Error::refused(
        Code::EmailNotVerified,
        "Verify your address first: it is what lets you join. Ask for the link at \
         /v1/auth/email/resend, unless you have it already, and follow it.",
    )
}

fn no_such_offer() -> Error {
    Error::not_found("organization to join by your address")
}

/// Refuses members, and people whom an admin deactivated or removed.
fn require_welcome(
    tx: &mut UnitOfWork<'_>,
    organization: OrganizationId,
    account: &Account,
) -> Result<()> {
    let membership = memberships::find(tx.connection, organization, account.id)?;
    match membership.map(|membership| membership.status) {
        Some(MembershipStatus::Active) => return Err(Error::already_member()),
        Some(MembershipStatus::Deactivated) => return Err(removed()),
        None => {}
    }
    // Whoever has a mailbox has as many addresses in it as they like.
    if removed_members::is_mailbox(tx.connection, organization, &account.email)? {
        return Err(removed());
    }
    Ok(())
}

/// The refusal of somebody whom an admin deactivated or removed.
pub fn removed() -> Error {
    Error::refused(
        Code::RemovedByAdmin,
        "An admin of this organization has removed or deactivated you, so your address does not let you in. Ask the \
         people who run it for an invitation.",
    )
}

fn open_request(tx: &UnitOfWork<'_>, account: &Account, new: NewJoinRequest) -> JoinRequest {
    JoinRequest {
        id: new_id::<JoinRequestId>(),
        organization_id: new.organization,
        account_id: account.id,
        note: new.note,
        status: JoinRequestStatus::Open,
        told: false,
        created_at: tx.now(),
        decided_at: None,
        decided_by_account_id: None,
    }
}

fn make(tx: &mut UnitOfWork<'_>, request: &JoinRequest) -> Result<JoinRequestId> {
    if !join_requests::insert(tx.connection, request)? {
        return Err(open_already());
    }
    publish(tx, request, JoinRequestEvent::Made)?;
    digest::queue(tx, request.organization_id)?;
    Ok(request.id)
}

/// The refusal of a second request beside one that is open.
pub fn open_already() -> Error {
    Error::refused(
        Code::JoinRequestOpen,
        "You have asked to join this organization already. Wait until an admin decides, or withdraw the request.",
    )
}

/// Lets an account in at once. Becoming a member ends its open request, be it this one or an earlier one.
fn join(
    tx: &mut UnitOfWork<'_>,
    account: &Account,
    organization: &Organization,
    request: &JoinRequest,
) -> Result<JoinRequestId> {
    let address = std::slice::from_ref(&account.email);
    accounts::lock_against_deletion(tx.connection, address)?;
    join_requests::insert(tx.connection, request)?;
    let admission = Admission {
        organization: organization.id,
        account_type: organization.default_account_type,
        role: Role::Member,
        via: JoinedVia::Domain,
        groups: Vec::new(),
        seats: SeatSource::Free,
    };
    let open = join_requests::find_open(tx.connection, organization.id, account.id)?;
    let open = open.ok_or_else(no_such_request)?;
    let by = JoinedBy::JoinRequest(open.id);
    admission::admit(tx, &[(account, by)], &admission)?;
    if admission.account_type.is_staff() {
        trust::end_other_sessions(tx, &[account.id])?;
    }
    Ok(open.id)
}

/// One of the caller's requests.
///
/// # Errors
/// `not_found`.
pub fn find_own(tx: &mut UnitOfWork<'_>, id: JoinRequestId) -> Result<WithNames> {
    let account = tx.context.principal.session()?.account.id;
    let found = join_requests::find_of_account(tx.connection, account, id)?;
    found.ok_or_else(no_such_request)
}

/// A page of the caller's requests, the oldest first.
pub fn list_own(tx: &mut UnitOfWork<'_>, page: Page<JoinRequestId>) -> Result<Vec<WithNames>> {
    let account = tx.context.principal.session()?.account.id;
    join_requests::list_of_account(tx.connection, account, page)
}

/// Takes the caller's open request back.
///
/// # Errors
/// `not_found`; `join_request_ended` where it is not open any more.
pub fn withdraw(tx: &mut UnitOfWork<'_>, id: JoinRequestId) -> Result<()> {
    tx.transaction(|tx| {
        let (request, account, _) = find_own(tx, id)?;
        let decision = Decision {
            status: JoinRequestStatus::Withdrawn,
            at: tx.now(),
            by: Some(account.id),
        };
        if !join_requests::end(tx.connection, id, decision)? {
            return Err(ended());
        }
        publish(tx, &request, JoinRequestEvent::Withdrawn)
    })
}

/// The refusal of a request that is not open any more.
pub fn ended() -> Error {
    Error::refused(
        Code::JoinRequestEnded,
        "This request is not open any more: it was approved, declined or withdrawn.",
    )
}

fn no_such_request() -> Error {
    Error::not_found("join request")
}

fn publish(tx: &mut UnitOfWork<'_>, request: &JoinRequest, event: JoinRequestEvent) -> Result<()> {
    events::publish(
        tx,
        DomainEvent::JoinRequest {
            organization: request.organization_id,
            join_request: request.id,
            account: request.account_id,
            event,
        },
    )
}
