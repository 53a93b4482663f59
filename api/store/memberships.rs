//! Memberships: an account in an organization.

use std::collections::HashMap;

use diesel::prelude::*;

use super::Connection;
use super::accounts::Account;
use super::backend::insert_rows;
use super::member_grams;
use super::schema::{accounts, memberships, organizations};
use crate::domain::grams::Grams;
use crate::domain::ids::{AccountId, GroupId, OrganizationId};
use crate::domain::member_marks::{Traits, marks_of_group, marks_of_key};
use crate::domain::organization::{AccountType, JoinedVia, MembershipStatus, Role};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::store::organizations::Organization;

/// A membership as it is kept.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = memberships, treat_none_as_default_value = false)]
pub struct Membership {
    pub organization_id: OrganizationId,
    pub account_id: AccountId,
    pub account_type: AccountType,
    pub role: Role,
    pub status: MembershipStatus,
    pub joined_via: JoinedVia,
    pub joined_at: Timestamp,
    search_key: String,
    managed: bool,
    email_verified: bool,
    registered_at: Timestamp,
    last_active_at: Timestamp,
    word_marks: i64,
    traits: i64,
}

/// The terms on which an account becomes a member.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    pub organization: OrganizationId,
    pub account_type: AccountType,
    pub role: Role,
    pub joined_via: JoinedVia,
    pub joined_at: Timestamp,
}

impl Membership {
    /// The active membership of an account on these terms.
    pub fn new(account: &Account, terms: &Terms) -> Self {
        Self {
            organization_id: terms.organization,
            account_id: account.id,
            account_type: terms.account_type,
            role: terms.role,
            status: MembershipStatus::Active,
            joined_via: terms.joined_via,
            joined_at: terms.joined_at,
            search_key: account.search_key().to_owned(),
            managed: account.managed_by_organization_id == Some(terms.organization),
            email_verified: account.email_verified_at.is_some(),
            registered_at: account.created_at,
            last_active_at: account.last_active_at,
            word_marks: marks_of_key(account.search_key()),
            traits: 0,
        }
    }

    /// With the marks of these groups, to be written with it before its places in them.
    pub fn with_marks_of(self, groups: &[GroupId]) -> Self {
        let marks = groups.iter().copied().map(marks_of_group);
        Self {
            traits: marks.fold(self.traits, |traits, marks| traits | marks),
            ..self
        }
    }

    /// With its traits as it is now.
    fn with_traits(&self) -> Self {
        let traits = Traits::default()
            .with_account_type(self.account_type)
            .with_role(self.role)
            .with_status(self.status)
            .with_managed(self.managed)
            .with_email_verified(self.email_verified);
        Self {
            traits: self.traits | traits.set,
            ..self.clone()
        }
    }

    /// Whether it counts among the organization's active admins.
    pub fn is_active_admin(&self) -> bool {
        self.status == MembershipStatus::Active && self.role == Role::Admin
    }

    /// The seat that it takes, while it is active.
    pub fn seat(&self) -> Option<AccountType> {
        (self.status == MembershipStatus::Active).then_some(self.account_type)
    }

    /// Whether its owner may manage groups: admins and staff.
    pub fn may_manage_groups(&self) -> bool {
        self.role == Role::Admin || self.account_type.is_staff()
    }

    /// Whether it is an admin's or staff's, where `known` is not.
    pub fn is_promotion_of(&self, known: &Self) -> bool {
        let becomes_admin = self.role == Role::Admin && known.role != Role::Admin;
        let becomes_staff = self.account_type.is_staff() && !known.account_type.is_staff();
        becomes_admin || becomes_staff
    }
}

/// Adds memberships; tells how many were new, since who is a member already stays as they are.
pub fn insert_all(connection: &mut Connection, new: &[Membership]) -> Result<usize> {
    let new: Vec<_> = new.iter().map(Membership::with_traits).collect();
    let numbered = (
        memberships::number,
        memberships::organization_id,
        memberships::account_id,
    );
    let rows = new.iter().cloned();
    let inserted = insert_rows!(connection, memberships::table, rows, (insert, c) => {
        insert.on_conflict_do_nothing().returning(numbered).get_results(c)
    });
    let inserted: Vec<(i64, OrganizationId, AccountId)> = inserted.concat();
    let keys: HashMap<_, _> = new
        .iter()
        .map(|new| ((new.organization_id, new.account_id), &new.search_key))
        .collect();
    let mut grams: Vec<_> = inserted
        .iter()
        .filter_map(|(number, organization, account)| {
            let key = keys.get(&(*organization, *account))?;
            Some((*number, Grams::of_key(*organization, key)))
        })
        .collect();
    member_grams::write(connection, &mut grams)?;
    Ok(inserted.len())
}

/// An account's membership of the organization.
pub fn find(
    connection: &mut Connection,
    organization: OrganizationId,
    account: AccountId,
) -> Result<Option<Membership>> {
    Ok(memberships::table
        .find((organization, account))
        .select(Membership::as_select())
        .first(connection)
        .optional()?)
}

/// The accounts of an organization's active admins, those who joined first at the head. Accounts that are closed are
/// none.
pub fn active_admins(
    connection: &mut Connection,
    organization: OrganizationId,
    most: i64,
) -> Result<Vec<Account>> {
    Ok(memberships::table
        .inner_join(accounts::table)
        .filter(memberships::organization_id.eq(organization))
        .filter(memberships::role.eq(Role::Admin))
        .filter(memberships::status.eq(MembershipStatus::Active))
        .filter(accounts::deactivated_at.is_null())
        .order((memberships::joined_at.asc(), accounts::id.asc()))
        .limit(most)
        .select(Account::as_select())
        .load(connection)?)
}

/// Whether the organization has a member beside this account.
pub fn has_others(
    connection: &mut Connection,
    organization: OrganizationId,
    account: AccountId,
) -> Result<bool> {
    let others = memberships::table
        .filter(memberships::organization_id.eq(organization))
        .filter(memberships::account_id.ne(account));
    Ok(diesel::select(diesel::dsl::exists(others)).get_result(connection)?)
}

/// An account's memberships with their organizations, the oldest organization first.
pub fn of_account(
    connection: &mut Connection,
    account: AccountId,
) -> Result<Vec<(Organization, Membership)>> {
    Ok(memberships::table
        .inner_join(organizations::table)
        .filter(memberships::account_id.eq(account))
        .order(organizations::id.asc())
        .select((Organization::as_select(), Membership::as_select()))
        .load(connection)?)
}

/// These accounts' memberships of the organization.
pub fn of_accounts(
    connection: &mut Connection,
    organization: OrganizationId,
    accounts: &[AccountId],
) -> Result<Vec<Membership>> {
    Ok(memberships::table
        .filter(memberships::organization_id.eq(organization))
        .filter(memberships::account_id.eq_any(accounts))
        .select(Membership::as_select())
        .load(connection)?)
}

/// Puts what `new` says of account type, role and status in the place of what `known` says; `false`
/// where that is not so any more.
pub fn replace(connection: &mut Connection, known: &Membership, new: &Membership) -> Result<bool> {
    let changed = diesel::update(same(known))
        .set((
            memberships::account_type.eq(new.account_type),
            memberships::role.eq(new.role),
            memberships::status.eq(new.status),
        ))
        .execute(connection)?;
    Ok(changed == 1)
}

/// Gives these members an account type; tells how many had another.
pub fn set_account_type(
    connection: &mut Connection,
    organization: OrganizationId,
    accounts: &[AccountId],
    account_type: AccountType,
) -> Result<usize> {
    let others = memberships::table
        .filter(memberships::organization_id.eq(organization))
        .filter(memberships::account_id.eq_any(accounts))
        .filter(memberships::account_type.ne(account_type));
    Ok(diesel::update(others)
        .set(memberships::account_type.eq(account_type))
        .execute(connection)?)
}

/// Ends a membership that still is as `known` says; `false` where it is not.
pub fn delete(connection: &mut Connection, known: &Membership) -> Result<bool> {
    Ok(diesel::delete(same(known)).execute(connection)? == 1)
}

/// The membership, while it is as `known` says.
#[diesel::dsl::auto_type]
fn same(known: &Membership) -> _ {
    let organization: OrganizationId = known.organization_id;
    let account: AccountId = known.account_id;
    let account_type: AccountType = known.account_type;
    let role: Role = known.role;
    let status: MembershipStatus = known.status;
    memberships::table
        .filter(memberships::organization_id.eq(organization))
        .filter(memberships::account_id.eq(account))
        .filter(memberships::account_type.eq(account_type))
        .filter(memberships::role.eq(role))
        .filter(memberships::status.eq(status))
}
