//! Account type and groups of many members at once: each ends on its own, in a few
//! statements for all of them.

use std::collections::{HashMap, HashSet};

use super::{about, may_act_on_admins};
use crate::domain::events::{AddedBy, MemberEvent};
use crate::domain::ids::{AccountId, GroupId, OrganizationId};
use crate::domain::members::BulkOutcome;
use crate::domain::organization::{AccountType, GroupRole, Role};
use crate::error::{Error, Result};
use crate::services::admission::{self, require_account_type};
use crate::services::authorization::{ManageMembers, Permit};
use crate::services::memberships::{changed_meanwhile, demote_managers};
use crate::services::unit_of_work::UnitOfWork;
use crate::services::{events, offboarding, trust};
use crate::store::accounts;
use crate::store::groups;
use crate::store::memberships::{self, Membership};
use crate::store::{organizations, removed_members, seats};

/// What is to change of each; absent or empty fields change nothing.
#[derive(Clone, Debug, Default)]
pub struct BulkChanges {
    pub account_type: Option<AccountType>,
    pub add_groups: Vec<GroupId>,
    pub remove_groups: Vec<GroupId>,
}

/// Changes many members and tells how each ended, in the order in which they were named. For whom no
/// seat of the new type is free, who would become staff without a verified address, and for admins where an API key
/// asks, nothing changes.
///
/// # Errors
/// `account_type_not_in_kind`, and `validation_failed` for groups that are not there.
pub fn update(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageMembers>,
    asked: &[AccountId],
    changes: &BulkChanges,
) -> Result<Vec<(AccountId, BulkOutcome)>> {
    let organization = permit.organization.id;
    if let Some(account_type) = changes.account_type {
        require_account_type(&permit.organization, account_type)?;
    }
    tx.transaction(|tx| {
        organizations::lock(tx.connection, organization)?;
        for (pointer, groups) in [
            ("/add_group_ids", &changes.add_groups),
            ("/remove_group_ids", &changes.remove_groups),
        ] {
            require_all(tx, pointer, organization, groups)?;
        }
        let known = memberships::of_accounts(tx.connection, organization, asked)?;
        let mut bulk = Bulk {
            permit,
            changes,
            members: known.into_iter().map(|m| (m.account_id, m)).collect(),
            changed: HashSet::new(),
        };
        let outcomes = bulk.apply(tx, asked)?;
        bulk.record(tx, asked)?;
        Ok(outcomes)
    })
}

struct Bulk<'a> {
    permit: &'a Permit<ManageMembers>,
    changes: &'a BulkChanges,
    members: HashMap<AccountId, Membership>,
    changed: HashSet<AccountId>,
}

/// For whom nothing changes.
struct Refused {
    /// Admins, on whom no API key acts.
    beyond_reach: HashSet<AccountId>,
    /// They would become staff without having earned it.
    untrusted: HashSet<AccountId>,
    /// No seat of the new type is free.
    seatless: HashSet<AccountId>,
}

impl Bulk<'_> {
    /// Changes those for whom nothing speaks against it, each once.
    fn apply(
        &mut self,
        tx: &mut UnitOfWork<'_>,
        asked: &[AccountId],
    ) -> Result<Vec<(AccountId, BulkOutcome)>> {
        let members = self.members_among(asked);
        let beyond_reach = self.beyond_reach(tx)?;
        let members = without(members, &beyond_reach);
        let untrusted = self.untrusted(tx, &members)?;
        let trusted = without(members, &untrusted);
        let seatless = self.change_types(tx, &trusted)?;
        let others = without(trusted, &seatless);
        self.add_to_groups(tx, &others)?;
        self.remove_from_groups(tx, &others)?;
        let refused = Refused {
            beyond_reach,
            untrusted,
            seatless,
        };
        Ok(self.outcomes(asked, &refused))
    }

    /// Those of them who are members, each once.
    fn members_among(&self, asked: &[AccountId]) -> Vec<AccountId> {
        let mut seen = HashSet::new();
        let is_first = |id: &AccountId| self.members.contains_key(id) && seen.insert(*id);
        asked.iter().copied().filter(is_first).collect()
    }

    fn outcomes(&self, asked: &[AccountId], refused: &Refused) -> Vec<(AccountId, BulkOutcome)> {
        let mut seen = HashSet::new();
        let outcome = |id: &AccountId| match seen.insert(*id) {
            true => (*id, self.outcome(id, refused)),
            false => (*id, BulkOutcome::DuplicateInRequest),
        };
        asked.iter().map(outcome).collect()
    }

    fn outcome(&self, id: &AccountId, refused: &Refused) -> BulkOutcome {
        if !self.members.contains_key(id) {
            BulkOutcome::NotFound
        } else if refused.beyond_reach.contains(id) {
            BulkOutcome::Forbidden
        } else if refused.untrusted.contains(id) {
            BulkOutcome::EmailNotVerified
        } else if refused.seatless.contains(id) {
            BulkOutcome::NoSeat
        } else if self.changed.contains(id) {
            BulkOutcome::Updated
        } else {
            BulkOutcome::Unchanged
        }
    }

    /// The admins, where the caller may not act on admins.
    fn beyond_reach(&self, tx: &mut UnitOfWork<'_>) -> Result<HashSet<AccountId>> {
        let members = self.members.values();
        let admins = members.filter(|member| member.role == Role::Admin);
        let admins: HashSet<_> = admins.map(|member| member.account_id).collect();
        if admins.is_empty() || may_act_on_admins(tx, self.permit.organization.id)? {
            return Ok(HashSet::new());
        }
        Ok(admins)
    }

    /// Those who would become staff without having earned it.
    fn untrusted(&self, tx: &mut UnitOfWork<'_>, ids: &[AccountId]) -> Result<HashSet<AccountId>> {
        let becomes_staff = |id: &&AccountId| {
            let to_staff = self.changes.account_type.is_some_and(AccountType::is_staff);
            let member = self.members.get(id);
            to_staff && member.is_some_and(|member| !member.account_type.is_staff())
        };
        let new_staff: Vec<_> = ids.iter().filter(becomes_staff).copied().collect();
        if new_staff.is_empty() {
            return Ok(HashSet::new());
        }
        let accounts = accounts::find_all(tx.connection, &new_staff)?;
        let organization = self.permit.organization.id;
        Ok(accounts
            .into_iter()
            .filter(|account| !trust::is_trusted(account, organization))
            .map(|account| account.id)
            .collect())
    }

    /// Gives everybody the new type, as long as seats are free, and tells for whom there was none.
    /// Only active members take seats.
    fn change_types(
        &mut self,
        tx: &mut UnitOfWork<'_>,
        ids: &[AccountId],
    ) -> Result<HashSet<AccountId>> {
        let Some(to) = self.changes.account_type else {
            return Ok(HashSet::new());
        };
        let organization = &self.permit.organization;
        let others = |id: &&AccountId| {
            self.members
                .get(id)
                .filter(|m| m.account_type != to)
                .is_some()
        };
        let takes_seat = |id: &&AccountId| self.members.get(id).is_some_and(|m| m.seat().is_some());
        let (takers, rest): (Vec<_>, Vec<_>) = ids.iter().filter(others).partition(takes_seat);
        let mut granted = 0;
        if let (Some(from), false) = (organization.kind.other_than(to), takers.is_empty()) {
            let wanted = i64::try_from(takers.len()).map_err(Error::internal)?;
            let moved = seats::change_type(tx.connection, organization.id, (from, to), wanted)?;
            granted = usize::try_from(moved).map_err(Error::internal)?;
        }
        let refused = takers.iter().skip(granted).copied().copied().collect();
        let movers: Vec<AccountId> = takers
            .into_iter()
            .take(granted)
            .chain(rest)
            .copied()
            .collect();
        let moved = memberships::set_account_type(tx.connection, organization.id, &movers, to)?;
        if moved != movers.len() {
            return Err(changed_meanwhile());
        }
        if to.is_staff() {
            trust::end_other_sessions(tx, &movers)?;
        }
        self.demote(tx, &movers, to)?;
        self.changed.extend(movers);
        Ok(refused)
    }

    /// Who may manage groups no more, becomes a plain member of theirs.
    fn demote(&self, tx: &mut UnitOfWork<'_>, movers: &[AccountId], to: AccountType) -> Result<()> {
        let manages_no_more = |id: &&AccountId| {
            let member = self.members.get(id);
            !to.is_staff() && member.is_some_and(|member| member.role != Role::Admin)
        };
        let demoted: Vec<_> = movers.iter().filter(manages_no_more).copied().collect();
        demote_managers(tx, self.permit.organization.id, &demoted)
    }

    fn add_to_groups(&mut self, tx: &mut UnitOfWork<'_>, ids: &[AccountId]) -> Result<()> {
        let by = AddedBy::Manager {
            role: GroupRole::Member,
        };
        for group in &self.changes.add_groups {
            let group = (self.permit.organization.id, *group);
            let added = admission::add_to_group(tx, group, ids, by)?;
            self.changed.extend(added);
        }
        Ok(())
    }

    fn remove_from_groups(&mut self, tx: &mut UnitOfWork<'_>, ids: &[AccountId]) -> Result<()> {
        let (organization, now) = (self.permit.organization.id, tx.now());
        for group in &self.changes.remove_groups {
            let removed = offboarding::remove_from_group(tx, (organization, *group), ids)?;
            removed_members::insert_of_group(tx.connection, *group, &removed, now)?;
            self.changed.extend(removed);
        }
        Ok(())
    }

    /// One event for each beside those of the groups, so that the log of one person is whole.
    fn record(&self, tx: &mut UnitOfWork<'_>, asked: &[AccountId]) -> Result<()> {
        if self.changed.is_empty() {
            return Ok(());
        }
        let mut changed: Vec<_> = self.changed.iter().copied().collect();
        changed.sort_unstable();
        let events: Vec<_> = changed
            .into_iter()
            .map(|id| about(self.permit, id, self.event(asked)))
            .collect();
        events::publish_all(tx, &events)
    }

    fn event(&self, asked: &[AccountId]) -> MemberEvent {
        MemberEvent::BulkUpdated {
            account_type: self.changes.account_type,
            add_groups: self.changes.add_groups.clone(),
            remove_groups: self.changes.remove_groups.clone(),
            named: asked.len(),
        }
    }
}

fn without(ids: Vec<AccountId>, excluded: &HashSet<AccountId>) -> Vec<AccountId> {
    ids.into_iter()
        .filter(|id| !excluded.contains(id))
        .collect()
}

/// Refuses groups that the organization does not have, naming the field of the request.
///
/// # Errors
/// `validation_failed`.
fn require_all(
    tx: &mut UnitOfWork<'_>,
    pointer: &'static str,
    organization: OrganizationId,
    ids: &[GroupId],
) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let existing = groups::existing(tx.connection, organization, ids)?;
    match ids.iter().find(|id| !existing.contains(id)) {
        None => Ok(()),
        Some(missing) => Err(Error::invalid(
            pointer,
            "group_unknown",
            format!("This organization has no group {missing}."),
        )),
    }
}
