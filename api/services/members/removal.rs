//! Members removed from the organization, and managed accounts deleted (PRODUCT 3.9).

use serde_json::json;

use super::{read, require_managed};
use crate::domain::audit::AuditAction;
use crate::domain::ids::AccountId;
use crate::domain::organization::MembershipStatus;
use crate::error::{Code, Error, Result};
use crate::services::audit::{self, Event, Subject};
use crate::services::authorization::{ManageMembers, Permit};
use crate::services::offboarding::{self, Author};
use crate::store::{Connection, removed_members, transaction};

/// Ends a membership. Codes that are there already do not let the person back in; an account that
/// this organization created is its owner's own from now on.
///
/// # Errors
/// `last_admin`, `not_found`.
pub fn remove(
    connection: &mut Connection,
    permit: &Permit<ManageMembers>,
    account: AccountId,
) -> Result<()> {
    let organization = permit.organization.id;
    transaction(connection, |connection| {
        let known = offboarding::end(connection, organization, account, &permit.act)?;
        if permit.account_id != Some(account) {
            removed_members::insert(connection, organization, account, permit.act.at)?;
        }
        let details = json!({ "account_type": known.account_type, "role": known.role });
        let subject = Subject::Account(account);
        let event = Event::within(organization, AuditAction::MemberRemoved, subject, details);
        audit::record(connection, &permit.act, event)
    })
}

/// Deletes an account that this organization created, with all its memberships. It has to be
/// deactivated first: a deletion has no way back.
///
/// # Errors
/// `not_managed_here`, `member_active`, `not_found`, and `last_admin` where it is another
/// organization's last admin.
pub fn delete_account(
    connection: &mut Connection,
    permit: &Permit<ManageMembers>,
    id: AccountId,
) -> Result<()> {
    let organization = permit.organization.id;
    transaction(connection, |connection| {
        offboarding::hold_for_deletion(connection, id)?;
        let (account, known) = read(connection, organization, id)?;
        require_managed(&account, organization)?;
        if known.status == MembershipStatus::Active {
            return Err(Error::refused(
                Code::MemberActive,
                "Deactivate the member first: a deletion has no way back.",
            ));
        }
        let details = json!({ "email": account.email, "account_type": known.account_type });
        let subject = Subject::Account(id);
        let event = Event::within(organization, AuditAction::MemberDeleted, subject, details);
        audit::record(connection, &permit.act, event)?;
        offboarding::delete_account(
            connection,
            id,
            Author::Organization(organization),
            &permit.act,
        )
    })
}
