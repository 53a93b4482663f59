//! The rules of a connection, applied to who comes by it (`docs/sso.md#rules`).

use std::collections::HashSet;

use super::arriving::Arriving;
use super::diagnosis::json_of;
use super::member_states::{MemberStates, may_become_staff};
use super::rule_steps;
use crate::domain::arrival_rules::{ArrivalRule, RuleGift, RulesApply, evaluate, groups_named};
use crate::domain::diagnosis::{Step, StepName, Steps};
use crate::domain::events::{AddedBy, DomainEvent, MemberEvent};
use crate::domain::ids::{GroupId, OrganizationId};
use crate::domain::organization::{AccountType, OrganizationKind};
use crate::domain::rule_plan::RulePlan;
use crate::error::{Code, Error, FieldError, Result};
use crate::services::context::Principal;
use crate::services::unit_of_work::UnitOfWork;
use crate::services::{admission, events, memberships as member_changes, offboarding};
use crate::store::accounts::Account;
use crate::store::memberships::Membership;
use crate::store::organizations::Organization;
use crate::store::sql_types::JsonColumn;
use crate::store::sso_connections::SsoConnection;
use crate::store::{groups, memberships, sessions};

/// The rules of a connection.
///
/// # Errors
/// `internal` where they cannot be read.
pub fn rules_of(connection: &SsoConnection) -> Result<Vec<ArrivalRule>> {
    serde_json::from_value(connection.rules.0.clone()).map_err(Error::internal)
}

/// Rules as they are kept.
pub(super) fn kept(rules: &[ArrivalRule]) -> Result<JsonColumn> {
    json_of(&rules)
}

/// Refuses rules with groups or account types that the organization does not have.
///
/// # Errors
/// `validation_failed`, with everything at fault.
pub(super) fn require_possible(
    tx: &mut UnitOfWork<'_>,
    organization: &Organization,
    rules: &[ArrivalRule],
) -> Result<()> {
    let named = groups_named(rules);
    let known = existing(tx, organization.id, &named)?;
    let mut faults = Vec::new();
    for (rule, at) in rules.iter().zip(0..) {
        if let Some(account_type) = rule.then.account_type
            && !organization.kind.has(account_type)
        {
            faults.push(not_of_kind(at, organization.kind, account_type));
        }
        for (group, place) in rule.then.group_ids.iter().zip(0..) {
            if !known.contains(group) {
                faults.push(no_such_group((at, place), *group));
            }
        }
    }
    if faults.is_empty() {
        return Ok(());
    }
    Err(Error::invalid_fields(faults))
}

/// The fault of a rule that names a group of nobody's here.
fn no_such_group((rule, place): (usize, usize), group: GroupId) -> FieldError {
    let pointer = format!("/rules/{rule}/then/group_ids/{place}");
    let detail = format!("The organization has no group {group}.");
    FieldError::new(pointer, "not_found", detail)
}

/// The fault of a rule with an account type of the other kind of organization.
fn not_of_kind(rule: usize, kind: OrganizationKind, account_type: AccountType) -> FieldError {
    let pointer = format!("/rules/{rule}/then/account_type");
    let detail = admission::told_of_account_types(kind, account_type);
    FieldError::new(pointer, "account_type_not_in_kind", detail)
}

fn existing(
    tx: &mut UnitOfWork<'_>,
    organization: OrganizationId,
    named: &[GroupId],
) -> Result<HashSet<GroupId>> {
    if named.is_empty() {
        return Ok(HashSet::new());
    }
    let found = groups::existing(tx.connection, organization, named)?;
    Ok(found.into_iter().collect())
}

/// As what a newcomer comes in by the rules, or else by default: as staff only whose account may become that.
pub(super) fn newcomers_type(
    arriving: &Arriving<'_>,
    account: &Account,
    steps: &mut Steps,
) -> Result<AccountType> {
    let rules = rules_of(arriving.connection)?;
    let organization = arriving.organization;
    let claims = arriving.believed_claims(account);
    let gift = evaluate(&rules, &claims).gift();
    let named = gift.and_then(|gift| gift.account_type);
    let named = named.filter(|named| organization.kind.has(*named));
    let may_be = |it: AccountType| !it.is_staff() || may_become_staff(account, organization.id);
    if let Some(named) = named.filter(|named| may_be(*named)) {
        return Ok(named);
    }
    let default = organization.default_account_type;
    if may_be(default) {
        return Ok(default);
    }
    if named.is_none() {
        steps.add(rule_steps::default_refused(default));
    }
    Ok(organization.kind.default_account_type())
}

/// Has a member become what the rules make of them, where they come for the first time.
pub(super) fn apply_first(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    account: &Account,
    steps: &mut Steps,
) -> Result<()> {
    if rules_of(arriving.connection)?.is_empty() {
        return Ok(());
    }
    apply(tx, arriving, account, steps)
}

/// The same where they have come before: only rules that are tried each time change anything.
pub(super) fn apply_again(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    account: &Account,
    steps: &mut Steps,
) -> Result<()> {
    match arriving.connection.apply {
        RulesApply::First => {
            if !rules_of(arriving.connection)?.is_empty() {
                steps.add(rule_steps::not_tried());
            }
            Ok(())
        }
        RulesApply::Always => apply(tx, arriving, account, steps),
    }
}

fn apply(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    account: &Account,
    steps: &mut Steps,
) -> Result<()> {
    let rules = rules_of(arriving.connection)?;
    if memberships::find(tx.connection, arriving.organization.id, account.id)?.is_none() {
        if !rules.is_empty() {
            steps.add(rule_steps::no_member_yet());
        }
        return Ok(());
    }
    let claims = arriving.believed_claims(account);
    let verdict = evaluate(&rules, &claims);
    if !rules.is_empty() {
        steps.add(rule_steps::verdict(verdict));
    }
    let Some(gift) = verdict.gift() else {
        return Ok(());
    };
    let gift = possible(tx, arriving, gift, steps)?;
    let organization = arriving.organization.id;
    let of = (organization, arriving.connection.id);
    let (account, membership) = member_changes::lock(tx, organization, account.id)?;
    let mut states = MemberStates::read(tx, of, &[account.id], &gift.group_ids)?;
    let member = states.take(&account, &membership);
    let plan = RulePlan::of(&gift, &member, arriving.connection.apply);
    note_refusals(tx, organization, &plan, steps)?;
    if plan.is_empty() {
        return Ok(());
    }
    let owner = Principal::Owner(account);
    tx.acting_as(owner, |tx| {
        carry_out(tx, arriving, (&membership, &plan), steps)
    })
}

/// Says what a member does not get of what the rules give.
fn note_refusals(
    tx: &mut UnitOfWork<'_>,
    organization: OrganizationId,
    plan: &RulePlan,
    steps: &mut Steps,
) -> Result<()> {
    if let Some(refusal) = plan.type_refusal {
        steps.add(rule_steps::type_refused(refusal));
    }
    if !plan.kept_out.is_empty() {
        let names = groups::names(tx.connection, organization, &plan.kept_out)?;
        steps.add(rule_steps::kept_out(&names));
    }
    Ok(())
}

fn carry_out(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    (membership, plan): (&Membership, &RulePlan),
    steps: &mut Steps,
) -> Result<()> {
    let of = (arriving.organization.id, arriving.connection.id);
    let account = membership.account_id;
    if let Some(account_type) = plan.account_type {
        change_type(tx, arriving, (membership, account_type), steps)?;
    }
    for group in &plan.joins {
        let by = AddedBy::Rule(of.1);
        admission::add_to_group(tx, (of.0, *group), &[account], by)?;
    }
    offboarding::take_back(tx, of, account, &plan.leaves)
}

/// What of a gift there still is: a group may have been deleted since the rule was made.
fn possible(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    gift: &RuleGift,
    steps: &mut Steps,
) -> Result<RuleGift> {
    let organization = arriving.organization;
    let known = existing(tx, organization.id, &gift.group_ids)?;
    if let Some(gone) = gift.group_ids.iter().find(|group| !known.contains(group)) {
        steps.add(rule_steps::group_gone(*gone));
    }
    let is_there = |group: &&GroupId| known.contains(group);
    Ok(RuleGift {
        account_type: gift.account_type.filter(|it| organization.kind.has(*it)),
        group_ids: gift.group_ids.iter().filter(is_there).copied().collect(),
    })
}

/// Gives a locked member another account type; without a free seat they keep theirs. Who becomes staff is signed out
/// elsewhere.
fn change_type(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    (known, account_type): (&Membership, AccountType),
    steps: &mut Steps,
) -> Result<()> {
    let mut new = known.clone();
    new.account_type = account_type;
    match member_changes::replace(tx, known, &new) {
        Ok(()) => {}
        Err(error) if error.code() == Code::NoSeat => {
            steps.add(rule_steps::no_seat_of(account_type));
            return Ok(());
        }
        Err(error) => return Err(error),
    }
    if new.is_promotion_of(known) {
        sessions::delete_all_of(tx.connection, &[known.account_id], arriving.session)?;
    }
    steps.add(Step::ok(
        StepName::Rules,
        format!(
            "The account type {} {account_type} from now on.",
            arriving.said("is", "would be")
        ),
    ));
    let event = DomainEvent::Member {
        organization: known.organization_id,
        account: known.account_id,
        event: MemberEvent::Updated {
            role: None,
            account_type: Some(account_type),
            username: None,
            email: None,
        },
    };
    events::publish(tx, event)
}
