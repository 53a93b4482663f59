//! What rules would change, for the people who came by a connection within the last 30 days, or for claims.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Map, Value};

use super::claims;
use super::connections::find;
use super::rules::{is_trusted, require_possible, rules_of};
use crate::domain::arrival_rules::{
    ArrivalRule, RuleGift, RulesApply, Verdict, groups_named, judge,
};
use crate::domain::ids::{AccountId, ConnectionId, GroupId, IdentityId, OrganizationId, SourceId};
use crate::domain::organization::{AccountType, MembershipStatus, Role};
use crate::domain::rule_plan::{RulePlan, Standing};
use crate::domain::seats::{SeatCount, SeatPool};
use crate::domain::username::Username;
use crate::error::Result;
use crate::services::authorization::{ManageConnections, Permit};
use crate::services::limits::{self, Limit, LimitRequest};
use crate::services::unit_of_work::UnitOfWork;
use crate::store::accounts::Account;
use crate::store::identity_claims::{self, IdentityClaims};
use crate::store::memberships::Membership;
use crate::store::sso_connections::SsoConnection;
use crate::store::{Page, group_members, groups, memberships, removed_members, seats};

/// The most people of one preview: those whose identities are the oldest.
const MAX_PEOPLE: usize = 20_000;

/// People who are read at once.
const BATCH: i64 = 500;

/// An account type and groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub account_type: AccountType,
    pub groups: Vec<(GroupId, String)>,
}

/// What would change of one person.
#[derive(Clone, Debug)]
pub struct Previewed {
    /// Nobody's where claims were given.
    pub person: Option<(IdentityId, AccountId, Username)>,
    pub now: Option<Place>,
    pub then: Place,
}

/// What would change.
#[derive(Default)]
pub struct Preview {
    /// Those of whom something would change, in the order of their identities.
    pub people: Vec<Previewed>,
    pub seats: BTreeMap<AccountType, SeatChange>,
    /// How many people were tried.
    pub checked: usize,
    /// How many of them would change. Of claims that are given: whether the rules give anything that nobody gets without.
    pub changed: usize,
    /// Of how many the provider left a claim out for its size, so that nothing changes.
    pub left_out: usize,
    /// Of how many it cannot be read any more what was said: its sealing key is gone. They are not tried.
    pub unreadable: usize,
}

/// The seats of an account type, now and then.
pub struct SeatChange {
    pub count: SeatCount,
    /// How many would be taken; where this is above the limit, some keep the type that they have.
    pub then_used: i64,
}

/// What rules would make of people, or of claims.
#[derive(Clone)]
pub struct Question {
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
    (id, question): (ConnectionId, Question),
) -> Result<Preview> {
    let organization = permit.organization.id;
    let connection = find(tx, permit, id)?;
    let rules = match question.rules {
        Some(rules) => {
            require_possible(tx, &permit.organization, &rules)?;
            rules
        }
        None => rules_of(&connection)?,
    };
    let mut tried = Tried::new(tx, organization, rules)?;
    match question.claims {
        Some(claims) => tried.newcomer(permit.organization.default_account_type, &claims),
        None => tried.people(tx, &connection, question.page)?,
    }
    let ledger = seats::list(tx.connection, organization)?;
    Ok(tried.into_preview(&ledger))
}

/// Rules that are being tried.
struct Tried {
    organization: OrganizationId,
    rules: Vec<ArrivalRule>,
    /// The groups of the rules, by name.
    names: HashMap<GroupId, String>,
    preview: Preview,
    /// How many more seats of each type are taken.
    moved: HashMap<AccountType, i64>,
}

impl Tried {
    fn new(
        tx: &mut UnitOfWork<'_>,
        organization: OrganizationId,
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
        Ok(Self {
            organization,
            rules,
            names,
            preview: Preview::default(),
            moved: HashMap::new(),
        })
    }

    /// What somebody would come in as.
    fn newcomer(&mut self, default: AccountType, claims: &Map<String, Value>) {
        self.preview.checked = 1;
        let gift = match judge(&self.rules, claims) {
            Verdict::Matched(_, gift) => gift.clone(),
            Verdict::Unmatched => RuleGift::default(),
            Verdict::LeftOut(_) => {
                self.preview.left_out = 1;
                RuleGift::default()
            }
        };
        let account_type = gift.account_type.unwrap_or(default);
        *self.moved.entry(account_type).or_default() += 1;
        let then = Place {
            account_type,
            groups: self.named(&gift.group_ids),
        };
        self.preview.changed = usize::from(account_type != default || !then.groups.is_empty());
        self.preview.people.push(Previewed {
            person: None,
            now: None,
            then,
        });
    }

    fn named(&self, ids: &[GroupId]) -> Vec<(GroupId, String)> {
        let named = |id: &GroupId| Some((*id, self.names.get(id)?.clone()));
        ids.iter().filter_map(named).collect()
    }

    /// Tries the rules on everybody; those of the page are told by name.
    fn people(
        &mut self,
        tx: &mut UnitOfWork<'_>,
        connection: &SsoConnection,
        page: Page<IdentityId>,
    ) -> Result<()> {
        let of = (self.organization, connection.id);
        let since = claims::kept_since(tx);
        let mut after = None;
        loop {
            let batch = Page {
                after,
                limit: BATCH,
            };
            let found = identity_claims::list(tx.connection, of, since, batch)?;
            let Some((last, _)) = found.last() else {
                return Ok(());
            };
            after = Some(last.identity_id);
            self.batch(tx, connection, (found, page))?;
            if self.preview.checked >= MAX_PEOPLE {
                return Ok(());
            }
        }
    }

    fn batch(
        &mut self,
        tx: &mut UnitOfWork<'_>,
        connection: &SsoConnection,
        (found, page): (Vec<(IdentityClaims, Account)>, Page<IdentityId>),
    ) -> Result<()> {
        let ids: Vec<AccountId> = found.iter().map(|(_, account)| account.id).collect();
        let mut known = Known::of(tx, (self.organization, connection.id), (&ids, &self.names))?;
        for (said, account) in found {
            let Some((membership, standing)) = known.take(&account, self.organization) else {
                continue;
            };
            let Some(claims) = claims::open(tx, &said) else {
                self.preview.unreadable += 1;
                continue;
            };
            self.preview.checked += 1;
            let gift = match judge(&self.rules, &claims) {
                Verdict::Matched(_, gift) => gift.clone(),
                Verdict::Unmatched => RuleGift::default(),
                Verdict::LeftOut(_) => {
                    self.preview.left_out += 1;
                    continue;
                }
            };
            let plan = RulePlan::of(&gift, &standing, RulesApply::Always);
            if plan.is_empty() {
                continue;
            }
            self.preview.changed += 1;
            if let Some(then) = plan.account_type {
                *self.moved.entry(then).or_default() += 1;
                *self.moved.entry(membership.account_type).or_default() -= 1;
            }
            let is_behind = page.after.is_none_or(|after| said.identity_id > after);
            let has_room = self.preview.people.len() < usize::try_from(page.limit).unwrap_or(0);
            if is_behind && has_room {
                let now = Place {
                    account_type: membership.account_type,
                    groups: known.groups.remove(&account.id).unwrap_or_default(),
                };
                let then = self.then(&now, &plan);
                self.preview.people.push(Previewed {
                    person: Some((said.identity_id, account.id, account.username)),
                    now: Some(now),
                    then,
                });
            }
        }
        Ok(())
    }

    fn then(&self, now: &Place, plan: &RulePlan) -> Place {
        let mut groups = now.groups.clone();
        groups.retain(|(id, _)| !plan.leaves.contains(id));
        groups.extend(self.named(&plan.joins));
        Place {
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

/// What is known of people of a batch.
struct Known {
    members: HashMap<AccountId, Membership>,
    groups: HashMap<AccountId, Vec<(GroupId, String)>>,
    given: HashMap<AccountId, HashSet<GroupId>>,
    taken_out: HashMap<AccountId, HashSet<GroupId>>,
}

impl Known {
    fn of(
        tx: &mut UnitOfWork<'_>,
        (organization, connection): (OrganizationId, ConnectionId),
        (ids, named): (&[AccountId], &HashMap<GroupId, String>),
    ) -> Result<Self> {
        let source = SourceId::from(connection);
        let named: Vec<GroupId> = named.keys().copied().collect();
        let members = memberships::of_accounts(tx.connection, organization, ids)?;
        Ok(Self {
            members: members.into_iter().map(|it| (it.account_id, it)).collect(),
            groups: groups::of_accounts(tx.connection, organization, ids)?,
            given: group_members::given_by(tx.connection, organization, source, ids)?,
            taken_out: removed_members::groups_of(tx.connection, ids, &named)?,
        })
    }

    /// An active member, as the rules find them.
    fn take(
        &mut self,
        account: &Account,
        organization: OrganizationId,
    ) -> Option<(Membership, Standing)> {
        let membership = self.members.remove(&account.id)?;
        if membership.status != MembershipStatus::Active {
            return None;
        }
        let groups = self.groups.get(&account.id);
        let ids = groups.into_iter().flatten().map(|(id, _)| *id);
        let standing = Standing {
            account_type: membership.account_type,
            is_admin: membership.role == Role::Admin,
            is_trusted: is_trusted(account, organization),
            groups: ids.collect(),
            given: self.given.remove(&account.id).unwrap_or_default(),
            taken_out: self.taken_out.remove(&account.id).unwrap_or_default(),
        };
        Some((membership, standing))
    }
}
