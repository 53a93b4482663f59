//! Who comes by an identity provider becomes a member: expected, with a seat, and not against an admin's will.

use super::arriving::Arriving;
use super::carried_codes::{CarriedCode, carried_code, redeem, redeem_as_member, waits};
use super::settings::issuer_of;
use super::{carried_invitations, entry_refusals as refusals, rules};
use crate::domain::connections::{Arrivals, SignInOutcome};
use crate::domain::diagnosis::{Step, StepName, Steps};
use crate::domain::events::JoinedBy;
use crate::domain::invite_code::{CodeOutcome, InviteCode};
use crate::domain::organization::{JoinedVia, MembershipStatus, Role};
use crate::error::{Error, Result};
use crate::services::admission::{self, Admission, SeatSource};
use crate::services::context::Principal;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::accounts::Account;
use crate::store::{memberships, removed_members};

/// Whether what the identity provider calls somebody is that of a person whom an admin removed.
pub(super) fn is_removed_subject(tx: &mut UnitOfWork<'_>, arriving: &Arriving<'_>) -> Result<bool> {
    let issuer = issuer_of(arriving.connection)?;
    let named = (issuer.as_slice(), arriving.arrival.subject.as_str());
    removed_members::is_subject(tx.connection, arriving.organization.id, named)
}

/// What came of entering.
#[derive(Clone, Copy)]
pub(super) struct Entered {
    pub outcome: SignInOutcome,
    /// What came of the invite code that the flow carried; `None` where it carried none, or a member came with one that
    /// was refused.
    pub code: Option<CodeOutcome>,
}

impl Entered {
    pub const fn without_code(outcome: SignInOutcome) -> Self {
        Self {
            outcome,
            code: None,
        }
    }

    /// Whether they are no member before their address is verified.
    pub fn waits(self) -> bool {
        self.outcome == SignInOutcome::WaitsForVerification
    }

    /// The same by another name, where they are a member.
    pub fn told_as(self, outcome: SignInOutcome) -> Self {
        if self.waits() {
            return self;
        }
        Self { outcome, ..self }
    }
}

/// Refuses whom the connection does not let in for the first time, with an account or without, and who comes with a code
/// that leads elsewhere. Gives the code by which they are to join, where one came.
pub(super) fn require_expected(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    steps: &mut Steps,
) -> Result<Option<InviteCode>> {
    let code = carried_code(tx, arriving)?;
    match arriving.connection.arrivals {
        Arrivals::Everyone => {}
        Arrivals::ProvenDomains => {
            if !arriving.is_proven {
                return Err(refusals::outside_proven_domains(arriving.arrival, steps));
            }
        }
        Arrivals::Expected => match code {
            CarriedCode::Valid(_) => {}
            CarriedCode::None => return Err(refusals::without_code(steps)),
            CarriedCode::Foreign => return Err(refusals::not_by_foreign_code(steps)),
        },
    }
    match code {
        CarriedCode::None => Ok(None),
        CarriedCode::Valid(code) => Ok(Some(code)),
        CarriedCode::Foreign => Err(refusals::foreign_code(steps)),
    }
}

/// Makes sure that the account is a member, and tells whether it became one.
pub(super) fn enter(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    account: &Account,
    steps: &mut Steps,
) -> Result<Entered> {
    let organization = arriving.organization;
    if account.deactivated_at.is_some() {
        return Err(refusals::deactivated(steps));
    }
    let membership = memberships::find(tx.connection, organization.id, account.id)?;
    if membership
        .as_ref()
        .is_some_and(|it| it.status == MembershipStatus::Deactivated)
    {
        return Err(refusals::deactivated(steps));
    }
    let is_member = membership.is_some();
    let has_joined = carried_invitations::accept(tx, arriving, (account, is_member), steps)?;
    if !is_member && !has_joined {
        if removed_members::find(tx.connection, organization.id, account.id)?.is_some()
            || is_removed_subject(tx, arriving)?
        {
            return Err(refusals::removed(steps));
        }
        if still_waits(tx, arriving, account)? {
            steps.add(refusals::code_waits());
            return Ok(Entered::without_code(SignInOutcome::WaitsForVerification));
        }
        let code = require_expected(tx, arriving, steps)?;
        return join(tx, arriving, (code, account), steps);
    }
    let code = redeem_as_member(tx, arriving, account, steps)?;
    let issuer = issuer_of(arriving.connection)?;
    let named = (issuer.as_slice(), arriving.arrival.subject.as_str());
    removed_members::delete_subject(tx.connection, arriving.organization.id, named)?;
    let outcome = if has_joined {
        let seat = "A new member, with the seat of an invitation.";
        steps.add(Step::ok(StepName::Seat, seat));
        SignInOutcome::Joined
    } else {
        steps.add(Step::ok(StepName::Account, "A member."));
        SignInOutcome::SignedIn
    };
    Ok(Entered { outcome, code })
}

/// Whether somebody comes back without their code, by which alone they are expected, while it waits until their address
/// is verified.
fn still_waits(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    account: &Account,
) -> Result<bool> {
    Ok(is_by_code_only(arriving) && waits(tx, arriving, account)?)
}

/// Whether somebody who brings no code is expected by one alone that they have used before.
pub(super) fn is_by_code_only(arriving: &Arriving<'_>) -> bool {
    arriving.connection.arrivals == Arrivals::Expected && arriving.payload.invite_code.is_none()
}

/// Makes an account a member: by a code, or as the connection lets people in. Where the code waits until the address is
/// verified, those come in whom the connection lets in without it.
pub(super) fn join(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    (code, account): (Option<InviteCode>, &Account),
    steps: &mut Steps,
) -> Result<Entered> {
    let code = match code {
        Some(code) => Some(redeem_as_newcomer(tx, arriving, (&code, account), steps)?),
        None => None,
    };
    let waits = code == Some(CodeOutcome::WaitsForVerification);
    if waits && arriving.connection.arrivals == Arrivals::Expected {
        let outcome = SignInOutcome::WaitsForVerification;
        return Ok(Entered { outcome, code });
    }
    if waits || code.is_none() {
        admit(tx, arriving, account, steps)?;
    }
    steps.add(Step::ok(StepName::Seat, "A new member, with a seat."));
    let outcome = SignInOutcome::Joined;
    Ok(Entered { outcome, code })
}

fn redeem_as_newcomer(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    by: (&InviteCode, &Account),
    steps: &mut Steps,
) -> Result<CodeOutcome> {
    redeem(tx, arriving, by, steps)
        .map_err(|error| refusals::without_seat(error, "a free seat", steps))
}

fn admit(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    account: &Account,
    steps: &mut Steps,
) -> Result<()> {
    let account_type = rules::newcomers_type(arriving, account, steps)?;
    let admission = Admission {
        organization: arriving.organization.id,
        account_type,
        role: Role::Member,
        via: JoinedVia::Sso,
        groups: Vec::new(),
        seats: SeatSource::Free,
    };
    let by = JoinedBy::Connection(arriving.connection.id);
    let owner = Principal::Owner(account.clone());
    let admitted = tx.acting_as(owner, |tx| {
        tx.transaction(|tx| admission::admit(tx, &[(account, by)], &admission))
    });
    match admitted {
        // They have joined in another way at the same moment, as by the link of an invitation.
        Err(Error::Refused(_)) if is_active_member(tx, arriving, account)? => Ok(()),
        Err(error) => {
            let seat = format!("a free seat for the account type {account_type}");
            Err(refusals::without_seat(error, &seat, steps))
        }
        Ok(()) => Ok(()),
    }
}

fn is_active_member(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    account: &Account,
) -> Result<bool> {
    let membership = memberships::find(tx.connection, arriving.organization.id, account.id)?;
    Ok(membership.is_some_and(|it| it.status == MembershipStatus::Active))
}
