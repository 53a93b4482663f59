//! Who is not let into an organization: the step that failed, for its admins, and the refusal in words for who signs
//! in.

use super::arrival::Arrival;
use crate::domain::diagnosis::{Step, StepName, Steps};
use crate::error::{Code, Error};
use crate::services::invite_codes::redemption;

fn refused(steps: &mut Steps, failed: Step, refusal: Error) -> Error {
    steps.add(failed);
    refusal
}

/// The refusal where people come from proven domains only.
pub(super) fn outside_proven_domains(arrival: &Arrival, steps: &mut Steps) -> Error {
    let advice = if arrival.guest {
        "The person is a guest of the tenant: guests stand outside of the domains that the organization has proven, whatever \
         their address. Give them an account of the tenant itself, or set `arrivals` of the connection to `everyone`, or to \
         `expected` with an invite code."
    } else if arrival.email.is_some() {
        "Prove the domain of the person's address, or set `arrivals` of the connection to `everyone`."
    } else {
        "No address came that could be in one: see the step `email`. Or set `arrivals` of the connection to `everyone`."
    };
    let expected = "an address in a domain that the organization has proven";
    not_expected(steps, (expected, advice), NOT_KNOWN_YET)
}

/// What somebody is told whom the connection lets in under no condition that they could meet by themselves.
const NOT_KNOWN_YET: &str =
    "This organization does not know you yet. Ask the people who run it to invite you.";

/// The refusal where people come by a code, and none came.
pub(super) fn without_code(steps: &mut Steps) -> Error {
    let advice = "Give the person an invite code, or set `arrivals` of the connection to `everyone` or `proven_domains`.";
    not_expected(steps, (CODE_EXPECTED, advice), NOT_KNOWN_YET)
}

/// The refusal where people come by a code, and one came that leads elsewhere.
pub(super) fn not_by_foreign_code(steps: &mut Steps) -> Error {
    let advice = "The code that came is none of the organization: it was mistyped, replaced, or is another's. Give the \
                  person the code once more.";
    let told = "The invite code that you came with is none of this organization: it was mistyped, replaced, or is \
                another's. Look at it again, or ask the people who run the organization for theirs.";
    not_expected(steps, (CODE_EXPECTED, advice), told)
}

const CODE_EXPECTED: &str = "an invite code of the organization";

fn not_expected(steps: &mut Steps, (expected, advice): (&str, &str), told: &'static str) -> Error {
    let received = "somebody whom nobody here expects";
    refused(
        steps,
        Step::failed(StepName::Account, expected, received, advice),
        Error::refused(Code::NotExpectedHere, told),
    )
}

/// The refusal of a code that leads elsewhere, as when it is redeemed: whoever joined without it would miss its group.
pub(super) fn foreign_code(steps: &mut Steps) -> Error {
    refused(steps, foreign_code_step(), redemption::unknown())
}

/// A code that leads elsewhere.
pub(super) fn foreign_code_step() -> Step {
    Step::failed(
        StepName::Account,
        CODE_EXPECTED,
        "a code that is none of the organization",
        "Give the person the code once more: it was mistyped, replaced, or is another organization's.",
    )
}

/// The refusal of an invitation, as when its link is followed.
pub(super) fn invitation(refusal: Error, steps: &mut Steps) -> Error {
    match refusal {
        Error::Refused(_) => refused(steps, invitation_step(&refusal), refusal),
        fault => fault,
    }
}

/// An invitation that somebody cannot accept.
pub(super) fn invitation_step(refusal: &Error) -> Step {
    Step::failed(
        StepName::Account,
        "an invitation that the person can accept",
        refusal.to_string(),
        "Invite the person once more, to the address that the identity provider names.",
    )
}

/// A code that takes effect when the address of who came by it is verified.
pub(super) fn code_waits() -> Step {
    Step::warning(
        StepName::Account,
        "an invite code that takes effect at once",
        "one that waits until the address is verified: it is limited to email domains, or makes staff",
        "The person follows the link that was mailed to the address, signed in. Where the organization proves the domain, \
         addresses in it count as verified.",
    )
}

/// The refusal of a code that waited until the address was verified, and lets its person in no more.
pub(super) fn waiting_code(refusal: Error, steps: &mut Steps) -> Error {
    if refusal.code() == Code::NoSeat {
        return without_seat(refusal, "a free seat", steps);
    }
    let step = Step::failed(
        StepName::Account,
        "an invite code that still lets people in",
        refusal.to_string(),
        "Open the code again, or give the person another one.",
    );
    refused(steps, step, refusal)
}

/// A code that was refused to a member, who comes in all the same.
pub(super) fn code_of_member_refused(refusal: &Error) -> Step {
    Step::warning(
        StepName::Account,
        "an invite code that a member can use",
        refusal.to_string(),
        "Give the person a code that is open to them, or add them to the group by hand.",
    )
}

/// The refusal in words for who signs in, and cannot free a seat; another error stays as it is.
pub(super) fn without_seat(error: Error, seat: &str, steps: &mut Steps) -> Error {
    if error.code() != Code::NoSeat {
        return error;
    }
    refused(
        steps,
        Step::failed(
            StepName::Seat,
            seat,
            "none is free",
            "Free a seat of the account type, and of all types where these are limited together, or have the licence raised; \
             the person then signs in again.",
        ),
        Error::refused(
            Code::NoSeat,
            "No seat is free for you in this organization. Ask the people who run it for one, then sign in again.",
        ),
    )
}

/// The refusal of a deactivated account, or member.
pub(super) fn deactivated(steps: &mut Steps) -> Error {
    refused(
        steps,
        Step::failed(
            StepName::Account,
            "an active member",
            "an account that was deactivated",
            "Reactivate the member, if they are to come back.",
        ),
        Error::account_deactivated(),
    )
}

/// The refusal of whom an admin removed.
pub(super) fn removed(steps: &mut Steps) -> Error {
    refused(
        steps,
        Step::failed(
            StepName::Account,
            "a member, or somebody new",
            "somebody whom an admin removed",
            "Invite the person, if they are to come back.",
        ),
        Error::refused(
            Code::RemovedByAdmin,
            "An admin has removed you from this organization. Ask the people who run it to invite you.",
        ),
    )
}

/// Somebody new of a Workspace whose domain has lapsed.
pub(super) fn lapsed(domain: &str, steps: &mut Steps) -> Error {
    refused(
        steps,
        Step::failed(
            StepName::Tenant,
            "for somebody new, a domain that is proven now",
            format!("{domain}, which has lapsed"),
            "Put the TXT record of the domain back, and have it checked. Whoever has come before signs in as ever.",
        ),
        Error::refused(
            Code::TenantWrong,
            "Your organization has to prove its domain anew before anybody new comes in. Tell the people who run it.",
        ),
    )
}
