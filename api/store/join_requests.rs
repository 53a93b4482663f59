//! Requests to join an organization. Of one account, an organization has one that is open.

use diesel::dsl::AsSelect;
use diesel::prelude::*;

use super::accounts::Account;
use super::backend::each_backend;
use super::connection::MultiBackend;
use super::organizations::Organization;
use super::schema::{accounts, join_requests, organizations};
use super::sql_expression::Among;
use super::{Connection, Page};
use crate::domain::ids::{AccountId, JoinRequestId, OrganizationId};
use crate::domain::invitations::Note;
use crate::domain::join_requests::JoinRequestStatus;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

/// A request as it is kept.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = join_requests, treat_none_as_default_value = false)]
pub struct JoinRequest {
    pub id: JoinRequestId,
    pub organization_id: OrganizationId,
    pub account_id: AccountId,
    pub note: Option<Note>,
    pub status: JoinRequestStatus,
    /// Whether admins have been told of it.
    pub told: bool,
    pub created_at: Timestamp,
    pub decided_at: Option<Timestamp>,
    pub decided_by_account_id: Option<AccountId>,
}

/// A request with who asks, and whom.
pub type WithNames = (JoinRequest, Account, Organization);

/// How a request ends.
#[derive(Clone, Copy, Debug)]
pub struct Decision {
    pub status: JoinRequestStatus,
    pub at: Timestamp,
    pub by: Option<AccountId>,
}

/// Adds an open request; `false`, and nothing changed, where the account has one.
pub fn insert(connection: &mut Connection, request: &JoinRequest) -> Result<bool> {
    let inserted = each_backend!(connection, c => diesel::insert_into(join_requests::table)
        .values(request)
        .on_conflict_do_nothing()
        .execute(c))?;
    Ok(inserted == 1)
}

/// The open request of an account.
pub fn find_open(
    connection: &mut Connection,
    organization: OrganizationId,
    account: AccountId,
) -> Result<Option<JoinRequest>> {
    Ok(join_requests::table
        .filter(join_requests::organization_id.eq(organization))
        .filter(join_requests::account_id.eq(account))
        .filter(join_requests::status.eq(JoinRequestStatus::Open))
        .select(JoinRequest::as_select())
        .first(connection)
        .optional()?)
}

#[diesel::dsl::auto_type]
fn with_names() -> _ {
    let columns: (
        AsSelect<JoinRequest, MultiBackend>,
        AsSelect<Account, MultiBackend>,
        AsSelect<Organization, MultiBackend>,
    ) = (
        JoinRequest::as_select(),
        Account::as_select(),
        Organization::as_select(),
    );
    join_requests::table
        .inner_join(accounts::table)
        .inner_join(organizations::table)
        .select(columns)
}

/// A request to the organization.
pub fn find(
    connection: &mut Connection,
    organization: OrganizationId,
    id: JoinRequestId,
) -> Result<Option<WithNames>> {
    Ok(with_names()
        .filter(join_requests::organization_id.eq(organization))
        .filter(join_requests::id.eq(id))
        .first(connection)
        .optional()?)
}

/// A request of the account.
pub fn find_of_account(
    connection: &mut Connection,
    account: AccountId,
    id: JoinRequestId,
) -> Result<Option<WithNames>> {
    Ok(with_names()
        .filter(join_requests::account_id.eq(account))
        .filter(join_requests::id.eq(id))
        .first(connection)
        .optional()?)
}

/// A page of the requests to an organization, the oldest first; those of one status only where it is given.
pub fn list(
    connection: &mut Connection,
    organization: OrganizationId,
    status: Option<JoinRequestStatus>,
    page: Page<JoinRequestId>,
) -> Result<Vec<WithNames>> {
    let mut query = with_names()
        .filter(join_requests::organization_id.eq(organization))
        .order(join_requests::id.asc())
        .limit(page.limit)
        .into_boxed();
    if let Some(status) = status {
        query = query.filter(join_requests::status.eq(status));
    }
    if let Some(after) = page.after {
        query = query.filter(join_requests::id.gt(after));
    }
    Ok(query.load(connection)?)
}

/// A page of the requests of an account, the oldest first.
pub fn list_of_account(
    connection: &mut Connection,
    account: AccountId,
    page: Page<JoinRequestId>,
) -> Result<Vec<WithNames>> {
    let mut query = with_names()
        .filter(join_requests::account_id.eq(account))
        .order(join_requests::id.asc())
        .limit(page.limit)
        .into_boxed();
    if let Some(after) = page.after {
        query = query.filter(join_requests::id.gt(after));
    }
    Ok(query.load(connection)?)
}

/// How many requests to an organization are open.
pub fn count_open(connection: &mut Connection, organization: OrganizationId) -> Result<i64> {
    Ok(join_requests::table
        .filter(join_requests::organization_id.eq(organization))
        .filter(join_requests::status.eq(JoinRequestStatus::Open))
        .count()
        .get_result(connection)?)
}

/// Notes that admins are told of the open requests; tells whether there was one that they did not know of.
pub fn mark_told(connection: &mut Connection, organization: OrganizationId) -> Result<bool> {
    let untold = join_requests::table
        .filter(join_requests::organization_id.eq(organization))
        .filter(join_requests::status.eq(JoinRequestStatus::Open))
        .filter(join_requests::told.eq(false));
    let told = diesel::update(untold)
        .set(join_requests::told.eq(true))
        .execute(connection)?;
    Ok(told > 0)
}

/// Ends a request that is open; `false`, and nothing changed, where it is not.
pub fn end(connection: &mut Connection, id: JoinRequestId, decision: Decision) -> Result<bool> {
    let open = join_requests::table
        .filter(join_requests::id.eq(id))
        .filter(join_requests::status.eq(JoinRequestStatus::Open));
    let ended = diesel::update(open)
        .set((
            join_requests::status.eq(decision.status),
            join_requests::decided_at.eq(decision.at),
            join_requests::decided_by_account_id.eq(decision.by),
        ))
        .execute(connection)?;
    Ok(ended == 1)
}

/// Ends the open requests of accounts that have become members.
pub fn end_of_members(
    connection: &mut Connection,
    organization: OrganizationId,
    accounts: &[AccountId],
    decision: Decision,
) -> Result<()> {
    let theirs = Among::accounts(connection, "join_requests.account_id", accounts);
    let open = join_requests::table
        .filter(join_requests::organization_id.eq(organization))
        .filter(theirs)
        .filter(join_requests::status.eq(JoinRequestStatus::Open));
    diesel::update(open)
        .set((
            join_requests::status.eq(decision.status),
            join_requests::decided_at.eq(decision.at),
            join_requests::decided_by_account_id.eq(decision.by),
        ))
        .execute(connection)?;
    Ok(())
}

/// Deletes the requests that ended before then.
pub fn delete_ended_before(connection: &mut Connection, then: Timestamp) -> Result<()> {
    let ended = join_requests::table.filter(join_requests::decided_at.lt(then));
    diesel::delete(ended).execute(connection)?;
    Ok(())
}
