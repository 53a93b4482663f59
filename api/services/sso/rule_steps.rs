//! What the diagnosis of an arrival says of rules.

use crate::domain::arrival_rules::{ArrivalRule, Verdict};
use crate::domain::diagnosis::{Step, StepName};
use crate::domain::ids::GroupId;
use crate::domain::organization::AccountType;
use crate::domain::rule_plan::TypeRefusal;

/// Which rule matches. Rules are called as in the errors of a request, by their JSON pointer.
pub(super) fn verdict(verdict: Verdict<'_>) -> Step {
    match verdict {
        Verdict::Matched(index, rule) => Step::ok(StepName::Rules, matched(index, rule)),
        Verdict::Unmatched => Step::ok(StepName::Rules, "No rule matches."),
        Verdict::LeftOut(claim) => left_out(claim),
    }
}

fn matched(index: usize, rule: &ArrivalRule) -> String {
    let when = &rule.when;
    format!(
        "The first rule that matches is `/rules/{index}`: `{}` {} `{}`.",
        when.claim, when.is, when.value
    )
}

fn left_out(claim: &str) -> Step {
    Step::warning(
        StepName::Rules,
        format!("the claim `{claim}`, by which a rule asks"),
        "a note that it was too large to be sent",
        "In the identity provider, have only the groups sent that are assigned to this application, or roles of the \
         application. The rules change nothing of this person meanwhile.",
    )
}

/// Rules of a connection that are tried at first arrivals only, of somebody who has come before.
pub(super) fn not_tried() -> Step {
    Step::skipped(
        StepName::Rules,
        "somebody who comes for the first time",
        "somebody who has come before",
        "Set `apply` of the connection to `always`, if its rules are to be tried each time.",
    )
}

/// Rules of somebody whose invite code waits until their address is verified.
pub(super) fn no_member_yet() -> Step {
    Step::skipped(
        StepName::Rules,
        "a member",
        "somebody who is none before their address is verified",
        "The rules are tried when the person signs in as a member for the first time.",
    )
}

/// A group of the rules that is none any more.
pub(super) fn group_gone(group: GroupId) -> Step {
    Step::warning(
        StepName::Rules,
        "groups of the organization",
        format!("the group {group}, which was deleted"),
        "Take the group out of the rules of the connection.",
    )
}

/// Why the account type stays.
pub(super) fn type_refused(refusal: TypeRefusal) -> Step {
    let (received, advice) = match refusal {
        TypeRefusal::OnlyAlwaysLowers => (
            "a staff member, whose account type a first arrival does not lower",
            "Change the account type by hand, or set `apply` of the connection to `always`.",
        ),
        TypeRefusal::IsAdmin => (
            "an admin, whose account type no rule lowers",
            "Change the member by hand, if they are to be no admin.",
        ),
        TypeRefusal::NotTrusted => ("an account that somebody else may open", MAILBOX_FIRST),
    };
    Step::warning(
        StepName::Rules,
        "a member who can get the account type of the rule",
        received,
        advice,
    )
}

/// A newcomer who does not get the account type that the organization gives by default.
pub(super) fn default_refused(default: AccountType) -> Step {
    Step::warning(
        StepName::Rules,
        format!("a newcomer who can be {default}, as is the default"),
        "an account that somebody else may open",
        MAILBOX_FIRST,
    )
}

const MAILBOX_FIRST: &str = "Prove the domain of the address, or have the person set a password of their own by the link \
                             that /v1/auth/password/forgot mails; then have them sign in again.";

/// Groups that the member does not get, because a manager took them out.
pub(super) fn kept_out(groups: &[(GroupId, String)]) -> Step {
    // A step is read by people: the first tell enough.
    let first = groups.iter().take(10);
    let names: Vec<_> = first.map(|(_, name)| name.as_str()).collect();
    Step::warning(
        StepName::Rules,
        "groups that nobody took the person out of",
        format!("{}, which a manager took them out of", names.join(", ")),
        "Add the person to the group by hand, if they are to be in it.",
    )
}

/// No seat is free for the account type of the rule.
pub(super) fn no_seat_of(account_type: AccountType) -> Step {
    Step::warning(
        StepName::Seat,
        format!("a free seat for the account type {account_type}"),
        "none is free, so that the account type stays",
        "Free a seat, or have the licence raised; with `apply` at `always` the next sign-in tries again.",
    )
}
