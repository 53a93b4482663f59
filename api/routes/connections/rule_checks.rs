//! What is wrong with rules as they are written.

use crate::domain::arrival_rules::{
    ArrivalRule, MAX_RULE_CLAIM, MAX_RULE_GROUPS, MAX_RULE_VALUE, MAX_RULES,
};
use crate::routes::extract::Form;

/// Notes what is wrong with rules, whatever organization they are for.
pub fn check_rules(form: &mut Form, rules: &[ArrivalRule]) {
    if rules.len() > MAX_RULES {
        let detail = format!("A connection has at most {MAX_RULES} rules.");
        form.refuse("/rules", "too_many", detail);
        return;
    }
    for (at, rule) in rules.iter().enumerate() {
        check_claim(form, at, &rule.when.claim);
        let value = &rule.when.value;
        if value.chars().count() > MAX_RULE_VALUE || value.contains('\0') {
            let detail = format!("This has at most {MAX_RULE_VALUE} characters, and no NUL.");
            form.refuse(format!("/rules/{at}/when/value"), "invalid", detail);
        }
        let then = &rule.then;
        if then.account_type.is_none() && then.group_ids.is_empty() {
            let detail = "A rule gives an account type, groups, or both.".to_owned();
            form.refuse(format!("/rules/{at}/then"), "missing", detail);
        }
        if then.group_ids.len() > MAX_RULE_GROUPS {
            let detail = format!("A rule gives at most {MAX_RULE_GROUPS} groups.");
            form.refuse(format!("/rules/{at}/then/group_ids"), "too_many", detail);
        }
    }
}

fn check_claim(form: &mut Form, at: usize, claim: &str) {
    let length = claim.chars().count();
    if length == 0 || length > MAX_RULE_CLAIM || claim.contains(char::is_control) {
        let detail = format!(
            "Expected the name of a claim, as a test shows it: 1 to {MAX_RULE_CLAIM} characters."
        );
        form.refuse(format!("/rules/{at}/when/claim"), "invalid", detail);
    }
}
