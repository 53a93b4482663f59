//! Members as the rules of a connection find them, read for many at once.

use std::collections::{HashMap, HashSet};

use crate::domain::ids::{AccountId, ConnectionId, GroupId, OrganizationId, SourceId};
use crate::domain::organization::Role;
use crate::domain::rule_plan::MemberState;
use crate::error::Result;
use crate::services::trust;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::accounts::Account;
use crate::store::memberships::Membership;
use crate::store::{group_members, removed_members};

type Groups = HashMap<AccountId, HashSet<GroupId>>;

/// The groups of members, by account.
pub(super) struct MemberStates {
    groups: Groups,
    given: Groups,
    taken_out: Groups,
}

impl MemberStates {
    /// Reads the groups of members; of those that a manager took them out of, the groups that the rules name.
    pub fn read(
        tx: &mut UnitOfWork<'_>,
        (organization, connection): (OrganizationId, ConnectionId),
        accounts: &[AccountId],
        named: &[GroupId],
    ) -> Result<Self> {
        let source = SourceId::from(connection);
        Ok(Self {
            groups: group_members::groups_of(tx.connection, organization, accounts)?,
            given: group_members::given_by(tx.connection, organization, source, accounts)?,
            taken_out: removed_members::groups_of(tx.connection, organization, accounts, named)?,
        })
    }

    /// The state of one of the members, once.
    pub fn take(&mut self, account: &Account, membership: &Membership) -> MemberState {
        let of = |groups: &mut Groups| groups.remove(&account.id).unwrap_or_default();
        MemberState {
            account_type: membership.account_type,
            is_admin: membership.role == Role::Admin,
            may_become_staff: may_become_staff(account, membership.organization_id),
            groups: of(&mut self.groups),
            given: of(&mut self.given),
            taken_out: of(&mut self.taken_out),
        }
    }
}

/// Whether an account may become staff's by what an identity provider says: it is trusted, or nobody opens it but by
/// identity providers of the organization, which manages it. Whoever reads a mailbox that nobody has verified could set
/// a password for its account.
pub(super) fn may_become_staff(account: &Account, organization: OrganizationId) -> bool {
    let is_by_providers = account.password_hash.is_none() && account.is_managed_by(organization);
    let is_closed_to_others = account.generated_address || account.email_verified_at.is_some();
    (is_by_providers && is_closed_to_others) || trust::is_trusted(account, organization)
}
