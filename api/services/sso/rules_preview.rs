//! What rules would change, for the people who came by a connection within the last 30 days, or for claims.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Map, Value};

use super::claims;
use super::connections::find;
use super::member_states::MemberStates;
use super::rules::{require_possible, rules_of};
use crate::domain::arrival_rules::{
    ArrivalRule, RuleGift, RulesApply, evaluate, groups_named, has_claim,
};
use crate::domain::ids::{AccountId, ConnectionId, GroupId, IdentityId, OrganizationId};
use crate::domain::organization::{AccountType, MembershipStatus};
use crate::domain::rule_plan::{MemberState, RulePlan};
use crate::domain::seats::{SeatCount, SeatPool};
use crate::domain::username::Username;
use crate::error::Result;
use crate::services::authorization::{ManageConnections, Permit};
use crate::services::limits::{self, Limit, LimitRequest};
use crate::services::unit_of_work::UnitOfWork;
use crate::store::accounts::Account;
use crate::store::identity_claims::{self, IdentityClaims};
use crate::store::memberships::Membership;
use crate::store::{Page, groups, memberships, seats};

/// The most people of one preview: those whose identities are the oldest.
const MAX_PEOPLE: usize = 20_000;

/// People who are read at once.
const BATCH: i64 = 500;

/// An account type and groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    pub account_type: AccountType,
    pub groups: Vec<(GroupId, String)>,
}

/// What would change of one person.
#[derive(Clone, Debug)]
pub struct Previewed {
    /// Nobody where claims were given.
    pub person: Option<KnownPerson>,
    pub now: Option<Assignment>,
    pub then: Assignment,
}

/// Somebody who came by the connection.
#[derive(Clone, Debug)]
pub struct KnownPerson {
    pub identity: IdentityId,
    pub account: AccountId,
    pub username: Username,
}

/// What would change.
#[derive(Default)]
pub struct Preview {
    /// Those of whom something would change, in the order of their identities.
    pub people: Vec<Previewed>,
    pub seats: BTreeMap<AccountType, SeatChange>,
    /// How many people were tried.
    pub checked: usize,
    /// How many of them would change. Of claims that are given: whether the rules give anything that nobody gets
    /// without.
    pub changed: usize,
    /// Of how many the provider left a claim out for its size, so that nothing changes.
    pub left_out: usize,
    /// Of how many it cannot be read any more what was said: its sealing key is gone. They are not tried.
    pub unreadable: usize,
    /// The claims that the rules name and nobody who was tried has: mistyped, or not released.
    pub claims_unseen: BTreeSet<String>,
}

/// The seats of an account type, now and then.
pub struct SeatChange {
    pub count: SeatCount,
    /// How many would be taken; where this is above the limit, some keep the type that they have.
    pub then_used: i64,
}

/// What rules would make of people, or of claims.
#[derive(Clone)]
pub struct PreviewRequest {
    pub rules: Option<Vec<ArrivalRule>>,
    pub claims: Option<Map<String, Value>>,
    /// Of the people who change: so many, behind this identity.
    pub page: Page<IdentityId>,
}

/// Counts a preview of the rules of a connection.
///
/// # Errors
/// `not_found`, `rate_limited`.
pub fn begin(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageConnections>,
    id: ConnectionId,
) -> Result<()> {
    find(tx, permit, id)?;
    limits::take(
        tx,
        &[LimitRequest::one(Limit::RulesPreview, id.to_string())],
    )
}

/// Tells what rules would change if they were tried now and each time. It only reads, and takes its time: nobody has to
/// wait for it.
///
/// # Errors
/// `not_found`; `validation_failed` for groups that the organization does not have.
pub fn preview(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageConnections>,
    (id, request): (ConnectionId, PreviewRequest),
) -> Result<Preview> {
    let organization = permit.organization.id;
    let connection = find(tx, permit, id)?;
    let rules = match request.rules {
        Some(rules) => {
            require_possible(tx, &permit.organization, &rules)?;
            rules
        }
        None => rules_of(&connection)?,
    };
    let mut run = PreviewRun::new(tx, (organization, id), rules)?;
    match request.claims {
        Some(claims) => run.newcomer(permit.organization.default_account_type, &claims),
        None => run.people(tx, request.page)?,
    }
    let ledger = seats::list(tx.connection, organization)?;
    Ok(run.into_preview(&ledger))
}

/// A preview on its way.
struct PreviewRun {
    organization: OrganizationId,
    connection: ConnectionId,
    rules: Vec<ArrivalRule>,
    /// The groups of the rules, by name.
    names: HashMap<GroupId, String>,
    preview: Preview,
    /// How many more seats of each type are taken.
    moved: HashMap<AccountType, i64>,
}

/// What changes of a member who is shown.
struct Change {
    identity: IdentityId,
    account: Account,
    account_type: AccountType,
    plan: RulePlan,
}

impl PreviewRun {
    fn new(
        tx: &mut UnitOfWork<'_>,
        (organization, connection): (OrganizationId, ConnectionId),
        mut rules: Vec<ArrivalRule>,
    ) -> Result<Self> {
        let named = groups_named(&rules);
        let names: HashMap<_, _> = groups::names(tx.connection, organization, &named)?
            .into_iter()
            .collect();
        // Of saved rules, a group may have been deleted since: nobody gets it.
        for rule in &mut rules {
            rule.then.group_ids.retain(|id| names.contains_key(id));
        }
        let preview = Preview {
            claims_unseen: rules.iter().map(|rule| rule.when.claim.clone()).collect(),
            ..Preview::default()
        };
        Ok(Self {
            organization,
            connection,
            rules,
            names,
            preview,
            moved: HashMap::new(),
        })
    }

    /// Tries the rules on claims of somebody new.
    fn newcomer(&mut self, default: AccountType, claims: &Map<String, Value>) {
        self.try_claims(claims);
        let gift = evaluate(&self.rules, claims).gift().cloned();
        self.preview.left_out = usize::from(gift.is_none());
        let RuleGift {
            account_type,
            group_ids,
        } = gift.unwrap_or_default();
        let then = Assignment {
            account_type: account_type.unwrap_or(default),
            groups: self.named(&group_ids),
        };
        self.preview.changed = usize::from(then.account_type != default || !then.groups.is_empty());
        *self.moved.entry(then.account_type).or_default() += 1;
        self.preview.people.push(Previewed {
            person: None,
            now: None,
            then,
        });
    }

    fn try_claims(&mut self, claims: &Map<String, Value>) {
        self.preview.checked += 1;
        let unseen = &mut self.preview.claims_unseen;
        unseen.retain(|claim| !has_claim(claims, claim));
    }

    fn named(&self, ids: &[GroupId]) -> Vec<(GroupId, String)> {
        let named = |id: &GroupId| Some((*id, self.names.get(id)?.clone()));
        ids.iter().filter_map(named).collect()
    }

    /// Tries the rules on everybody; those of the page are told by name.
    fn people(&mut self, tx: &mut UnitOfWork<'_>, page: Page<IdentityId>) -> Result<()> {
        let of = (self.organization, self.connection);
        let since = claims::kept_since(tx);
        let mut after = None;
        while self.preview.checked < MAX_PEOPLE {
            let batch = Page {
                after,
                limit: BATCH,
            };
            let found = identity_claims::list(tx.connection, of, since, batch)?;
            let Some((last, _)) = found.last() else {
                break;
            };
            after = Some(last.identity_id);
            self.batch(tx, found, page)?;
        }
        Ok(())
    }

    fn batch(
        &mut self,
        tx: &mut UnitOfWork<'_>,
        found: Vec<(IdentityClaims, Account)>,
        page: Page<IdentityId>,
    ) -> Result<()> {
        let ids: Vec<AccountId> = found.iter().map(|(_, account)| account.id).collect();
        let named: Vec<GroupId> = self.names.keys().copied().collect();
        let of = (self.organization, self.connection);
        let members = memberships::of_accounts(tx.connection, self.organization, &ids)?;
        let members: HashMap<_, _> = members.into_iter().map(|it| (it.account_id, it)).collect();
        let mut states = MemberStates::read(tx, of, &ids, &named)?;
        let mut shown = Vec::new();
        for (said, account) in found {
            let Some(member) = members.get(&account.id).filter(|it| is_active(it)) else {
                continue;
            };
            let state = states.take(&account, member);
            let Some(plan) = self.plan(tx, &said, &state) else {
                continue;
            };
            self.count(member.account_type, &plan);
            if self.is_on_page(said.identity_id, shown.len(), page) {
                shown.push(Change {
                    identity: said.identity_id,
                    account_type: member.account_type,
                    account,
                    plan,
                });
            }
        }
        self.show(tx, shown)
    }

    /// What changes of a member by what was said of them; `None` where nothing does.
    fn plan(
        &mut self,
        tx: &UnitOfWork<'_>,
        said: &IdentityClaims,
        member: &MemberState,
    ) -> Option<RulePlan> {
        let Some(claims) = claims::open(tx, said) else {
            self.preview.unreadable += 1;
            return None;
        };
        self.try_claims(&claims);
        let Some(gift) = evaluate(&self.rules, &claims).gift() else {
            self.preview.left_out += 1;
            return None;
        };
        let plan = RulePlan::of(gift, member, RulesApply::Always);
        Some(plan).filter(|plan| !plan.is_empty())
    }

    fn count(&mut self, now: AccountType, plan: &RulePlan) {
        self.preview.changed += 1;
        if let Some(then) = plan.account_type {
            *self.moved.entry(then).or_default() += 1;
            *self.moved.entry(now).or_default() -= 1;
        }
    }

    fn is_on_page(&self, identity: IdentityId, further: usize, page: Page<IdentityId>) -> bool {
        let limit = usize::try_from(page.limit).unwrap_or(0);
        page.after.is_none_or(|after| identity > after)
            && self.preview.people.len() + further < limit
    }

    /// Tells changes with the names of the groups.
    fn show(&mut self, tx: &mut UnitOfWork<'_>, changes: Vec<Change>) -> Result<()> {
        let ids: Vec<AccountId> = changes.iter().map(|change| change.account.id).collect();
        let mut groups = groups::of_accounts(tx.connection, self.organization, &ids)?;
        for change in changes {
            let Change {
                identity,
                account,
                account_type,
                plan,
            } = change;
            let now = Assignment {
                account_type,
                groups: groups.remove(&account.id).unwrap_or_default(),
            };
            self.preview.people.push(Previewed {
                then: self.then(&now, &plan),
                person: Some(KnownPerson {
                    identity,
                    account: account.id,
                    username: account.username,
                }),
                now: Some(now),
            });
        }
        Ok(())
    }

    fn then(&self, now: &Assignment, plan: &RulePlan) -> Assignment {
        let mut groups = now.groups.clone();
        groups.retain(|(id, _)| !plan.leaves.contains(id));
        groups.extend(self.named(&plan.joins));
        Assignment {
            account_type: plan.account_type.unwrap_or(now.account_type),
            groups,
        }
    }

    fn into_preview(self, ledger: &[(SeatPool, SeatCount)]) -> Preview {
        let mut preview = self.preview;
        for account_type in AccountType::ALL.iter().copied() {
            let line = ledger
                .iter()
                .find(|(pool, _)| *pool == SeatPool::from(account_type));
            if let Some((_, count)) = line {
                let moved = self.moved.get(&account_type).copied().unwrap_or_default();
                let change = SeatChange {
                    count: *count,
                    then_used: count.used + moved,
                };
                preview.seats.insert(account_type, change);
            }
        }
        preview
    }
}

fn is_active(membership: &Membership) -> bool {
    membership.status == MembershipStatus::Active
}
