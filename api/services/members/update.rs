//! A member's role, account type and name.

use super::{Member, about, load, require_managed, require_may_act_on, revoke_offers_of_admin};
use crate::domain::events::MemberEvent;
use crate::domain::ids::AccountId;
use crate::domain::organization::{AccountType, Role};
use crate::domain::username::Username;
use crate::error::Result;
use crate::services::admission::require_account_type;
use crate::services::authorization::{self, ManageAdmins, ManageMembers, Permit};
use crate::services::unit_of_work::UnitOfWork;
use crate::services::{events, memberships, trust};
use crate::store::accounts;
use crate::store::memberships::Membership;

/// What may change of a member; absent fields stay.
#[derive(Clone, Debug, Default)]
pub struct MemberChanges {
    pub role: Option<Role>,
    pub account_type: Option<AccountType>,
    pub username: Option<Username>,
}

/// Changes a member's role, account type or name, and gives the member as they are then. No API key changes a
/// role, since a key that made admins could do what they can, or anything of an admin. Who may manage groups no more,
/// becomes a plain member of theirs. Who becomes an admin or staff is signed out elsewhere.
///
/// # Errors
/// `forbidden` to an API key that names a role, or an admin; `last_admin`, `email_not_verified` for who is to become an
/// admin or staff, `no_seat` of the new type, `account_type_not_in_kind`, `not_managed_here` for the name of an account
/// that this organization does not manage.
pub fn update(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageMembers>,
    id: AccountId,
    changes: &MemberChanges,
) -> Result<Member> {
    let organization = permit.organization.id;
    if let Some(account_type) = changes.account_type {
        require_account_type(&permit.organization, account_type)?;
    }
    if changes.role.is_some() {
        authorization::permit::<ManageAdmins>(tx, organization)?;
    }
    tx.transaction(|tx| {
        let (account, known) = memberships::lock(tx, organization, id)?;
        require_may_act_on(tx, &known)?;
        let mut new = known.clone();
        new.role = changes.role.unwrap_or(known.role);
        new.account_type = changes.account_type.unwrap_or(known.account_type);
        if new.is_promotion_of(&known) {
            trust::require_trusted(&account, organization)?;
            trust::end_other_sessions(tx, &[id])?;
        }
        if new.role != Role::Admin {
            revoke_offers_of_admin(tx, &known)?;
        }
        if differ(&known, &new) {
            memberships::replace(tx, &known, &new)?;
        }
        if let Some(username) = &changes.username {
            require_managed(&account, organization)?;
            accounts::rename(tx.connection, &account, username)?;
        }
        let renamed = changes
            .username
            .as_ref()
            .filter(|n| **n != account.username);
        if differ(&known, &new) || renamed.is_some() {
            let event = MemberEvent::Updated {
                role: changes.role,
                account_type: changes.account_type,
                username: renamed.cloned(),
                email: None,
            };
            events::publish(tx, about(permit, id, event))?;
        }
        load(tx, organization, id)
    })
}

fn differ(known: &Membership, new: &Membership) -> bool {
    (known.role, known.account_type) != (new.role, new.account_type)
}
