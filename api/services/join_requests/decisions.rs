//! Requests to join, as admins see and decide them.

use super::{ended, no_such_request, notice, publish};
use crate::domain::events::{JoinRequestEvent, JoinedBy};
use crate::domain::ids::{GroupId, JoinRequestId};
use crate::domain::join_requests::JoinRequestStatus;
use crate::domain::organization::{AccountType, JoinedVia, Role};
use crate::error::Result;
use crate::services::admission::{self, Admission, SeatSource, require_account_type};
use crate::services::authorization::{ManageJoinRequests, Permit};
use crate::services::trust;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::Page;
use crate::store::accounts;
use crate::store::join_requests::{self, Decision, WithNames};

/// On what terms somebody is let in.
#[derive(Clone, Debug)]
pub struct Approval {
    pub account_type: AccountType,
    pub groups: Vec<GroupId>,
}

/// A page of requests, the oldest first; those of one status only where it is given.
pub fn list(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageJoinRequests>,
    status: Option<JoinRequestStatus>,
    page: Page<JoinRequestId>,
) -> Result<Vec<WithNames>> {
    join_requests::list(tx.connection, permit.organization.id, status, page)
}

/// Lets whoever asks in, on these terms, and tells them.
///
/// # Errors
/// `not_found`, `join_request_ended`; `account_type_not_in_kind`; `validation_failed` for a group that is not there;
/// `email_not_verified` for who is to become staff; `no_seat`.
pub fn approve(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageJoinRequests>,
    id: JoinRequestId,
    approval: &Approval,
) -> Result<WithNames> {
    let Approval {
        account_type,
        ref groups,
    } = *approval;
    let organization = permit.organization.id;
    require_account_type(&permit.organization, account_type)?;
    tx.transaction(|tx| {
        let (_, account, _) = find_open(tx, permit, id)?;
        permit.require_within_reach(tx.connection, groups, account_type)?;
        if account_type.is_staff() {
            trust::require_trusted(&account, organization)?;
            trust::end_other_sessions(tx, &[account.id])?;
        }
        let address = std::slice::from_ref(&account.email);
        accounts::lock_against_deletion(tx.connection, address)?;
        let admission = Admission {
            organization,
            account_type,
            role: Role::Member,
            via: JoinedVia::Domain,
            groups: groups.clone(),
            seats: SeatSource::Free,
        };
        admission::admit(tx, &[(&account, JoinedBy::JoinRequest(id))], &admission)?;
        // Becoming a member ends the request, unless it was withdrawn at this moment.
        let approved = find(tx, permit, id)?;
        if approved.0.status != JoinRequestStatus::Approved {
            return Err(ended());
        }
        let event = JoinRequestEvent::Approved {
            account_type,
            groups: groups.clone(),
        };
        publish(tx, &approved.0, event)?;
        notice::queue_approved(tx, &approved)?;
        Ok(approved)
    })
}

/// Declines a request, and tells whoever asked.
///
/// # Errors
/// `not_found`, `join_request_ended`.
pub fn decline(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageJoinRequests>,
    id: JoinRequestId,
) -> Result<WithNames> {
    tx.transaction(|tx| {
        let (_, account, _) = find_open(tx, permit, id)?;
        let address = std::slice::from_ref(&account.email);
        accounts::lock_against_deletion(tx.connection, address)?;
        let decision = Decision {
            status: JoinRequestStatus::Declined,
            at: tx.now(),
            by: tx.account_id(),
        };
        if !join_requests::end(tx.connection, id, decision)? {
            return Err(ended());
        }
        let declined = find(tx, permit, id)?;
        publish(tx, &declined.0, JoinRequestEvent::Declined)?;
        notice::queue_declined(tx, &declined)?;
        Ok(declined)
    })
}

fn find(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageJoinRequests>,
    id: JoinRequestId,
) -> Result<WithNames> {
    let found = join_requests::find(tx.connection, permit.organization.id, id)?;
    found.ok_or_else(no_such_request)
}

fn find_open(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageJoinRequests>,
    id: JoinRequestId,
) -> Result<WithNames> {
    let found = find(tx, permit, id)?;
    match found.0.status {
        JoinRequestStatus::Open => Ok(found),
        JoinRequestStatus::Approved
        | JoinRequestStatus::Declined
        | JoinRequestStatus::Withdrawn => Err(ended()),
    }
}
