//! What the rules of a connection change of a member (`docs/sso.md#rules`).

use std::collections::HashSet;

use super::arrival_rules::{RuleGift, RulesApply};
use super::ids::GroupId;
use super::organization::AccountType;

/// A member before rules are applied.
#[derive(Clone, Debug)]
pub struct MemberState {
    pub account_type: AccountType,
    pub is_admin: bool,
    /// Whether what opens the account is in its owner's hands, so that it may become staff's.
    pub may_become_staff: bool,
    /// The groups that they are in.
    pub groups: HashSet<GroupId>,
    /// Those of them that the rules of this connection gave.
    pub given: HashSet<GroupId>,
    /// Those that a manager took them out of.
    pub taken_out: HashSet<GroupId>,
}

/// Why somebody does not become what a rule says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypeRefusal {
    /// An account type is lowered only where rules are tried each time.
    OnlyAlwaysLowers,
    /// Never of an admin.
    IsAdmin,
    /// Somebody else knows the password, or may know it.
    NotTrusted,
}

/// What changes of a member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RulePlan {
    pub account_type: Option<AccountType>,
    /// Why the account type type_refusal, where a rule names another.
    pub type_refusal: Option<TypeRefusal>,
    pub joins: Vec<GroupId>,
    pub leaves: Vec<GroupId>,
    /// Groups of the rule that a manager took them out of.
    pub kept_out: Vec<GroupId>,
}

impl RulePlan {
    /// What a gift changes of a member. Only groups that the rules gave are taken back, and only with `always`.
    pub fn of(gift: &RuleGift, member: &MemberState, apply: RulesApply) -> Self {
        let mut plan = Self::default();
        match changed_type(gift, member, apply) {
            Ok(account_type) => plan.account_type = account_type,
            Err(refusal) => plan.type_refusal = Some(refusal),
        }
        for group in &gift.group_ids {
            if member.groups.contains(group) || plan.joins.contains(group) {
                continue;
            }
            if member.taken_out.contains(group) {
                plan.kept_out.push(*group);
            } else {
                plan.joins.push(*group);
            }
        }
        if apply == RulesApply::Always {
            let is_over = |group: &&GroupId| !gift.group_ids.contains(group);
            plan.leaves = member.given.iter().filter(is_over).copied().collect();
            plan.leaves.sort_unstable();
        }
        plan
    }

    pub fn is_empty(&self) -> bool {
        self.account_type.is_none() && self.joins.is_empty() && self.leaves.is_empty()
    }
}

fn changed_type(
    gift: &RuleGift,
    member: &MemberState,
    apply: RulesApply,
) -> Result<Option<AccountType>, TypeRefusal> {
    let wanted = gift.account_type.filter(|it| *it != member.account_type);
    let Some(wanted) = wanted else {
        return Ok(None);
    };
    let is_lower = member.account_type.is_staff() && !wanted.is_staff();
    if is_lower && member.is_admin {
        return Err(TypeRefusal::IsAdmin);
    }
    if is_lower && apply == RulesApply::First {
        return Err(TypeRefusal::OnlyAlwaysLowers);
    }
    if wanted.is_staff() && !member.may_become_staff {
        return Err(TypeRefusal::NotTrusted);
    }
    Ok(Some(wanted))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use uuid::Uuid;

    use super::{MemberState, RulePlan, TypeRefusal};
    use crate::domain::arrival_rules::{RuleGift, RulesApply};
    use crate::domain::ids::GroupId;
    use crate::domain::organization::AccountType::{self, Student, Teacher};

    fn group(number: u128) -> GroupId {
        Uuid::from_u128(number).into()
    }

    fn member(account_type: AccountType) -> MemberState {
        MemberState {
            account_type,
            is_admin: false,
            may_become_staff: true,
            groups: HashSet::new(),
            given: HashSet::new(),
            taken_out: HashSet::new(),
        }
    }

    fn gift(account_type: AccountType) -> RuleGift {
        RuleGift {
            account_type: Some(account_type),
            group_ids: Vec::new(),
        }
    }

    #[test]
    fn a_type_is_raised_each_time_and_lowered_with_always_only() {
        use RulesApply::{Always, First};

        for (from, to, apply, expected) in [
            (Student, Teacher, First, Ok(Some(Teacher))),
            (Student, Teacher, Always, Ok(Some(Teacher))),
            (Teacher, Student, Always, Ok(Some(Student))),
            (Teacher, Student, First, Err(TypeRefusal::OnlyAlwaysLowers)),
            (Teacher, Teacher, First, Ok(None)),
        ] {
            let plan = RulePlan::of(&gift(to), &member(from), apply);
            let found = plan.type_refusal.map_or(Ok(plan.account_type), Err);
            assert_eq!(found, expected, "{from} to {to} {apply}");
        }
    }

    #[test]
    fn no_admin_is_lowered_and_nobody_raised_whose_password_others_know() {
        let admin = MemberState {
            is_admin: true,
            ..member(Teacher)
        };
        let plan = RulePlan::of(&gift(Student), &admin, RulesApply::Always);
        assert_eq!(plan.type_refusal, Some(TypeRefusal::IsAdmin));
        assert!(plan.is_empty());

        let untrusted = MemberState {
            may_become_staff: false,
            ..member(Student)
        };
        let plan = RulePlan::of(&gift(Teacher), &untrusted, RulesApply::First);
        assert_eq!(plan.type_refusal, Some(TypeRefusal::NotTrusted));
        assert!(plan.is_empty());
    }

    #[test]
    fn only_what_rules_gave_is_taken_back() {
        let known = MemberState {
            groups: HashSet::from([group(1), group(2), group(3)]),
            given: HashSet::from([group(2), group(3)]),
            taken_out: HashSet::from([group(5)]),
            ..member(Student)
        };
        let gift = RuleGift {
            account_type: None,
            group_ids: vec![group(3), group(4), group(5), group(4)],
        };
        let always = RulePlan::of(&gift, &known, RulesApply::Always);
        assert_eq!(always.joins, [group(4)]);
        assert_eq!(always.leaves, [group(2)]);
        assert_eq!(always.kept_out, [group(5)]);

        let first = RulePlan::of(&gift, &known, RulesApply::First);
        assert_eq!(first.joins, [group(4)]);
        assert!(first.leaves.is_empty());

        let nothing = RulePlan::of(&RuleGift::default(), &known, RulesApply::Always);
        assert_eq!(nothing.leaves, [group(2), group(3)]);
    }
}
