//! Rules that make an account type and groups of what an identity provider says of somebody (`docs/sso.md#rules`).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::ids::GroupId;
use super::organization::AccountType;
use super::string_enum::string_enum;

/// The most rules of a connection, and groups of a rule.
pub const MAX_RULES: usize = 100;
pub const MAX_RULE_GROUPS: usize = 50;

/// The most characters of a claim's name, and of what it is compared with.
pub const MAX_RULE_CLAIM: usize = 500;
pub const MAX_RULE_VALUE: usize = 1_000;

string_enum! {
    /// How a claim is compared. Upper and lower case differ.
    Comparison {
        Equals = "equals",
        /// The value is a part of it.
        Contains = "contains",
        StartsWith = "starts_with",
        EndsWith = "ends_with",
    }
}

string_enum! {
    /// When the rules of a connection are tried.
    RulesApply {
        /// When somebody comes by it for the first time.
        First = "first",
        /// Each time: groups that the rules gave are taken back where they give them no more.
        Always = "always",
    }
}

/// A rule of a connection. The first that matches counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ArrivalRule {
    pub when: RuleCondition,
    pub then: RuleGift,
}

/// Whom a rule is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleCondition {
    /// The name of the claim, as a test shows it. One inside of another has a dot between both
    /// (`realm_access.roles`); a name with more than eight dots is looked for as it is.
    #[schema(min_length = 1, max_length = 500)]
    pub claim: String,
    pub is: Comparison,
    /// Of several values of the claim, one that compares is enough. An empty value is a part of each: with
    /// `starts_with`, such a rule is for everybody of whom the claim comes.
    #[schema(max_length = 1000)]
    pub value: String,
}

/// What a rule gives: at least one of both. A response names both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleGift {
    /// One of the organization's kind.
    pub account_type: Option<AccountType>,
    /// Groups of the organization.
    #[serde(default)]
    #[schema(max_items = 50)]
    pub group_ids: Vec<GroupId>,
}

/// What rules say of somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// This rule, the first that matches, at this place of the list.
    Matched(usize, &'a ArrivalRule),
    /// None matches.
    Unmatched,
    /// The identity provider left this claim out because it was too large, so that nobody knows which matches.
    LeftOut(&'a str),
}

/// What no rule gives.
static NOTHING: RuleGift = RuleGift {
    account_type: None,
    group_ids: Vec::new(),
};

impl<'a> Verdict<'a> {
    /// What the rules give; `None` where that is not known, so that nothing may change.
    pub fn gift(self) -> Option<&'a RuleGift> {
        match self {
            Self::Matched(_, rule) => Some(&rule.then),
            Self::Unmatched => Some(&NOTHING),
            Self::LeftOut(_) => None,
        }
    }
}

/// The groups that rules name, as often as they do.
pub fn groups_named(rules: &[ArrivalRule]) -> Vec<GroupId> {
    let groups = rules.iter().flat_map(|rule| &rule.then.group_ids);
    groups.copied().collect()
}

/// Tries rules on what an identity provider says of somebody.
pub fn evaluate<'a>(rules: &'a [ArrivalRule], claims: &Map<String, Value>) -> Verdict<'a> {
    for (index, rule) in rules.iter().enumerate() {
        let claim = &rule.when.claim;
        match values_of(claims, claim) {
            Some(values) if matches(&rule.when, values) => {
                return Verdict::Matched(index, rule);
            }
            Some(_) => {}
            None if is_left_out(claims, claim) => return Verdict::LeftOut(claim),
            None => {}
        }
    }
    Verdict::Unmatched
}

/// Whether the identity provider says anything of a claim: its value, or that it was left out for its size.
pub fn has_claim(claims: &Map<String, Value>, name: &str) -> bool {
    values_of(claims, name).is_some() || is_left_out(claims, name)
}

/// The most dots of a name that is looked for inside of other claims: each may be the border, so that each doubles the
/// work that a provider can make of it.
const MAX_DOTS: usize = 8;

/// A claim by its name, else inside of others by the parts of its name.
fn values_of<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    if let Some(value) = claims.get(name) {
        return Some(value);
    }
    if name.matches('.').count() > MAX_DOTS {
        return None;
    }
    // Names with dots of their own are common (`https://school.example/roles`): each dot may be the border.
    name.match_indices('.').find_map(|(at, _)| {
        let inner = claims.get(&name[..at])?.as_object()?;
        values_of(inner, &name[at + 1..])
    })
}

fn matches(condition: &RuleCondition, value: &Value) -> bool {
    match value {
        Value::Array(values) => values.iter().any(|value| compares(condition, value)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            compares(condition, value)
        }
    }
}

fn compares(condition: &RuleCondition, value: &Value) -> bool {
    let wanted = condition.value.as_str();
    let is_like = |text: &str| match condition.is {
        Comparison::Equals => text == wanted,
        Comparison::Contains => text.contains(wanted),
        Comparison::StartsWith => text.starts_with(wanted),
        Comparison::EndsWith => text.ends_with(wanted),
    };
    match value {
        Value::String(text) => is_like(text),
        Value::Number(number) => is_like(&number.to_string()),
        Value::Bool(truth) => is_like(if *truth { "true" } else { "false" }),
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

/// Microsoft's names for groups, and for the address where they are instead of them.
const ENTRA_GROUPS: &str = "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups";
const ENTRA_GROUPS_LINK: &str = "http://schemas.microsoft.com/claims/groups.link";

/// Whether the provider says that it left a claim out: by the name of where it is instead (OpenID Connect Core, section
/// 5.6.2), or as Entra does for groups where there are more than fit.
fn is_left_out(claims: &Map<String, Value>, name: &str) -> bool {
    let elsewhere = claims.get("_claim_names").and_then(Value::as_object);
    let is_true = |value: &Value| value == &Value::Bool(true) || value == "true";
    elsewhere.is_some_and(|names| names.contains_key(name))
        || (name == "groups" && claims.get("hasgroups").is_some_and(is_true))
        || (name == ENTRA_GROUPS && claims.contains_key(ENTRA_GROUPS_LINK))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{
        ArrivalRule, Comparison, ENTRA_GROUPS, ENTRA_GROUPS_LINK, RuleCondition, RuleGift, Verdict,
        evaluate,
    };

    fn rule(claim: &str, is: Comparison, value: &str) -> ArrivalRule {
        ArrivalRule {
            when: RuleCondition {
                claim: claim.to_owned(),
                is,
                value: value.to_owned(),
            },
            then: RuleGift::default(),
        }
    }

    fn matched(rules: &[ArrivalRule], claims: &Value) -> Option<usize> {
        match evaluate(rules, claims.as_object().expect("an object")) {
            Verdict::Matched(index, _) => Some(index),
            Verdict::Unmatched | Verdict::LeftOut(_) => None,
        }
    }

    #[test]
    fn claims_are_compared_as_texts() {
        use Comparison::{Contains, EndsWith, Equals, StartsWith};

        let claims = json!({
            "groups": ["Teachers", "Staff room"],
            "email": "ada@school.example",
            "grade": 7,
            "staff": true,
            "nothing": null,
            "empty": [],
        });
        for (claim, is, value, expected) in [
            ("groups", Equals, "Teachers", true),
            ("groups", Equals, "teachers", false),
            ("groups", Equals, "Teach", false),
            ("groups", StartsWith, "Teach", true),
            ("groups", Contains, "room", true),
            ("groups", Contains, "Teachers\",\"Staff", false),
            ("email", EndsWith, "@school.example", true),
            ("email", EndsWith, "@chool.example", false),
            ("grade", Equals, "7", true),
            ("grade", Equals, "7.0", false),
            ("staff", Equals, "true", true),
            ("email", StartsWith, "", true),
            ("nothing", StartsWith, "", false),
            ("nothing", Equals, "null", false),
            ("empty", StartsWith, "", false),
            ("missing", StartsWith, "", false),
        ] {
            let found = matched(&[rule(claim, is, value)], &claims);
            assert_eq!(found.is_some(), expected, "{claim} {is} {value:?}");
        }
    }

    #[test]
    fn claims_inside_of_others_are_named_with_a_dot() {
        let claims = json!({
            "realm_access": { "roles": ["teacher"] },
            "https://school.example/roles": ["pupil"],
            "https://school.example/more": { "inner.most": "x" },
        });
        for (claim, value) in [
            ("realm_access.roles", "teacher"),
            ("https://school.example/roles", "pupil"),
            ("https://school.example/more.inner.most", "x"),
        ] {
            let rules = [rule(claim, Comparison::Equals, value)];
            assert_eq!(matched(&rules, &claims), Some(0), "{claim}");
        }
        let rules = [rule("realm_access", Comparison::Contains, "teacher")];
        assert_eq!(matched(&rules, &claims), None);
    }

    #[test]
    fn a_name_of_many_dots_is_looked_for_as_it_is() {
        let many = "a.a.a.a.a.a.a.a.a.a";
        let mut nested = json!({ "a": "deep" });
        for _ in 0..9 {
            nested = json!({ "a": nested, "a.a": nested, "a.a.a": nested });
        }
        let rules = [rule(many, Comparison::Equals, "deep")];
        assert_eq!(matched(&rules, &nested), None);
        assert_eq!(matched(&rules, &json!({ many: "deep" })), Some(0));
    }

    #[test]
    fn the_first_that_matches_counts() {
        let rules = [
            rule("role", Comparison::Equals, "head"),
            rule("role", Comparison::StartsWith, "teach"),
            rule("role", Comparison::StartsWith, ""),
        ];
        assert_eq!(matched(&rules, &json!({ "role": "teacher" })), Some(1));
        assert_eq!(matched(&rules, &json!({ "role": "pupil" })), Some(2));
        assert_eq!(matched(&rules, &json!({})), None);
    }

    #[test]
    fn what_was_left_out_for_its_size_is_no_answer() {
        let rules = [
            rule("role", Comparison::Equals, "head"),
            rule("groups", Comparison::Equals, "g1"),
            rule("role", Comparison::StartsWith, ""),
        ];
        let entra = json!({ "role": "teacher", "_claim_names": { "groups": "src1" } });
        let implicit = json!({ "role": "teacher", "hasgroups": true });
        for claims in [&entra, &implicit] {
            let verdict = evaluate(&rules, claims.as_object().expect("an object"));
            assert_eq!(verdict, Verdict::LeftOut("groups"));
        }
        let head = json!({ "role": "head", "hasgroups": true });
        assert_eq!(matched(&rules, &head), Some(0));

        let by_saml = [rule(ENTRA_GROUPS, Comparison::Equals, "g1")];
        let claims = json!({ ENTRA_GROUPS_LINK: ["https://graph.example"] });
        let verdict = evaluate(&by_saml, claims.as_object().expect("an object"));
        assert_eq!(verdict, Verdict::LeftOut(ENTRA_GROUPS));
    }
}
