//! The rules of a connection, applied to who comes by it (`docs/sso.md#rules`).

use std::collections::HashSet;

use super::arriving::Arriving;
use super::diagnosis::json_of;
use crate::domain::arrival_rules::{
    ArrivalRule, RuleGift, RulesApply, Verdict, groups_named, judge,
};
use crate::domain::diagnosis::{Step, StepName, Steps};
use crate::domain::events::{AddedBy, DomainEvent, MemberEvent};
use crate::domain::ids::{AccountId, GroupId, OrganizationId, SourceId};
use crate::domain::organization::{AccountType, OrganizationKind, Role};
use crate::domain::rule_plan::{RulePlan, Standing, Stay};
use crate::error::{Code, Error, FieldError, Result};
use crate::services::context::Principal;
use crate::services::unit_of_work::UnitOfWork;
use crate::services::{admission, events, memberships, offboarding, trust};
use crate::store::accounts::Account;
use crate::store::memberships::Membership;
use crate::store::organizations::Organization;
use crate::store::sql_types::JsonColumn;
use crate::store::sso_connections::SsoConnection;
use crate::store::{group_members, groups, removed_members, sessions};

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
            faults.push(not_of_kind(at, organization.kind));
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
fn not_of_kind(rule: usize, kind: OrganizationKind) -> FieldError {
    let [first, second] = kind.account_types();
    let pointer = format!("/rules/{rule}/then/account_type");
    let detail = format!("This organization is a {kind}, whose members are {first} or {second}.");
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

/// As what a newcomer comes in by the rules.
pub(super) fn newcomers_type(arriving: &Arriving<'_>, account: &Account) -> Result<AccountType> {
    let rules = rules_of(arriving.connection)?;
    let organization = arriving.organization;
    let named = match judge(&rules, &arriving.arrival.claims) {
        Verdict::Matched(_, gift) => gift.account_type,
        Verdict::Unmatched | Verdict::LeftOut(_) => None,
    };
    let is_possible = |named: &AccountType| {
        organization.kind.has(*named) && (!named.is_staff() || is_trusted(account, organization.id))
    };
    let named = named.filter(is_possible);
    Ok(named.unwrap_or(organization.default_account_type))
}

/// Whether an account may become staff's by what an identity provider says: it is trusted, or nobody opens it but by
/// identity providers of the organization, which manages it.
pub(super) fn is_trusted(account: &Account, organization: OrganizationId) -> bool {
    let is_opened_by_providers =
        account.password_hash.is_none() && account.is_managed_by(organization);
    is_opened_by_providers || trust::is_trusted(account, organization)
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
    apply(tx, arriving, account.id, steps)
}

/// The same where they have come before: only rules that are tried each time change anything.
pub(super) fn apply_again(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    account: &Account,
    steps: &mut Steps,
) -> Result<()> {
    match arriving.connection.apply {
        RulesApply::First => Ok(()),
        RulesApply::Always => apply(tx, arriving, account.id, steps),
    }
}

fn apply(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    account: AccountId,
    steps: &mut Steps,
) -> Result<()> {
    let rules = rules_of(arriving.connection)?;
    let nothing = RuleGift::default();
    let gift = match judge(&rules, &arriving.arrival.claims) {
        Verdict::LeftOut(claim) => {
            steps.add(left_out(claim));
            return Ok(());
        }
        Verdict::Unmatched => {
            if !rules.is_empty() {
                steps.add(Step::ok(StepName::Rules, "No rule matches."));
            }
            &nothing
        }
        Verdict::Matched(number, gift) => {
            steps.add(Step::ok(
                StepName::Rules,
                format!(
                    "Rule {number} (`/rules/{}`) is the first that matches.",
                    number - 1
                ),
            ));
            gift
        }
    };
    let gift = possible(tx, arriving, gift, steps)?;
    let organization = arriving.organization.id;
    let (account, membership) = memberships::lock(tx, organization, account)?;
    let standing = standing_of(tx, arriving.connection, (&account, &membership), &gift)?;
    let plan = RulePlan::of(&gift, &standing, arriving.connection.apply);
    if let Some(stay) = plan.stays {
        steps.add(type_stays(stay));
    }
    if !plan.kept_out.is_empty() {
        let names = groups::names(tx.connection, organization, &plan.kept_out)?;
        steps.add(kept_out(&names));
    }
    if plan.is_empty() {
        return Ok(());
    }
    let owner = Principal::Owner(account.clone());
    tx.acting_as(owner, |tx| {
        if let Some(account_type) = plan.account_type {
            change_type(tx, arriving, (&membership, account_type), steps)?;
        }
        for group in &plan.joins {
            let by = AddedBy::Rule(arriving.connection.id);
            admission::add_to_group(tx, (organization, *group), &[account.id], by)?;
        }
        let of = (organization, arriving.connection.id);
        offboarding::take_back(tx, of, account.id, &plan.leaves)
    })
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
        let step = Step::failed(
            StepName::Rules,
            "groups of the organization",
            format!("the group {gone}, which was deleted"),
            "Take the group out of the rules of the connection.",
        );
        steps.add(step.as_warning());
    }
    let is_there = |group: &&GroupId| known.contains(group);
    Ok(RuleGift {
        account_type: gift.account_type.filter(|it| organization.kind.has(*it)),
        group_ids: gift.group_ids.iter().filter(is_there).copied().collect(),
    })
}

fn standing_of(
    tx: &mut UnitOfWork<'_>,
    connection: &SsoConnection,
    (account, membership): (&Account, &Membership),
    gift: &RuleGift,
) -> Result<Standing> {
    let (organization, ids) = (membership.organization_id, [account.id]);
    let source = SourceId::from(connection.id);
    let mut groups = group_members::groups_of(tx.connection, organization, &ids)?;
    let mut given = group_members::given_by(tx.connection, organization, source, &ids)?;
    let mut taken_out = removed_members::groups_of(tx.connection, &ids, &gift.group_ids)?;
    Ok(Standing {
        account_type: membership.account_type,
        is_admin: membership.role == Role::Admin,
        is_trusted: is_trusted(account, organization),
        groups: groups.remove(&account.id).unwrap_or_default(),
        given: given.remove(&account.id).unwrap_or_default(),
        taken_out: taken_out.remove(&account.id).unwrap_or_default(),
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
    match memberships::replace(tx, known, &new) {
        Ok(()) => {}
        Err(error) if error.code() == Code::NoSeat => {
            steps.add(no_seat_of(account_type));
            return Ok(());
        }
        Err(error) => return Err(error),
    }
    if new.is_promotion_of(known) {
        sessions::delete_all_of(tx.connection, &[known.account_id], arriving.session)?;
    }
    steps.add(Step::ok(
        StepName::Rules,
        format!("The account type is {account_type} from now on."),
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

fn left_out(claim: &str) -> Step {
    Step::failed(
        StepName::Rules,
        format!("the claim `{claim}`, by which a rule asks"),
        "a note that it was too large to be sent",
        "In the identity provider, have only the groups sent that are assigned to this application, or roles of the \
         application. The rules change nothing of this person meanwhile.",
    )
    .as_warning()
}

fn type_stays(stay: Stay) -> Step {
    let (received, advice) = match stay {
        Stay::OnlyAlwaysLowers => (
            "a staff member, whose account type a first arrival does not lower",
            "Change the account type by hand, or set `apply` of the connection to `always`.",
        ),
        Stay::IsAdmin => (
            "an admin, whose account type no rule lowers",
            "Change the member by hand, if they are to be no admin.",
        ),
        Stay::NotTrusted => (
            "an account that somebody else may open",
            "Have the person set a password of their own by the link that /v1/auth/password/forgot mails, then sign in \
             again.",
        ),
    };
    Step::failed(
        StepName::Rules,
        "a member who can get the account type of the rule",
        received,
        advice,
    )
    .as_warning()
}

fn kept_out(groups: &[(GroupId, String)]) -> Step {
    // A step is read by people: the first tell enough.
    let first = groups.iter().take(10);
    let names: Vec<_> = first.map(|(_, name)| name.as_str()).collect();
    Step::failed(
        StepName::Rules,
        "groups that nobody took the person out of",
        format!("{}, which a manager took them out of", names.join(", ")),
        "Add the person to the group by hand, if they are to be in it.",
    )
    .as_warning()
}

fn no_seat_of(account_type: AccountType) -> Step {
    Step::failed(
        StepName::Seat,
        format!("a free seat for the account type {account_type}"),
        "none is free, so that the account type stays",
        "Free a seat, or have the licence raised; with `apply` at `always` the next sign-in tries again.",
    )
    .as_warning()
}
