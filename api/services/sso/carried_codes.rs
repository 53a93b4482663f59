//! An invite code that a flow carries: used as when somebody redeems it.

use super::arriving::Arriving;
use super::entry_refusals as refusals;
use crate::domain::client_address::Client;
use crate::domain::diagnosis::Steps;
use crate::domain::ids::{AccountId, InviteCodeId, OrganizationId};
use crate::domain::invite_code::{CodeOutcome, InviteCode};
use crate::error::{Code, Error, Result};
use crate::services::context::Principal;
use crate::services::invite_codes::guessing::{self, Guesser};
use crate::services::invite_codes::{pending_joins as joins, redemption};
use crate::services::limits::Limit;
use crate::services::unit_of_work::UnitOfWork;
use crate::services::verification;
use crate::store::accounts::{self, Account};
use crate::store::{invite_codes, pending_joins};

/// An invite code within a flow.
pub(super) enum CarriedCode {
    /// None came.
    None,
    /// It leads into this organization.
    Valid(InviteCode),
    /// It was mistyped or replaced, or leads into another organization.
    Foreign,
}

/// Counts the code that a flow is to carry, as redeeming does, where there is no such code. Whether there is one is told
/// at the exchange, where it lets nobody in who is no member: the response of the start is the same, with its headers.
///
/// # Errors
/// `rate_limited` after too many, whatever the code.
pub fn count(tx: &mut UnitOfWork<'_>, typed: &str, client: Client) -> Result<()> {
    let guesser = Guesser::of(&tx.context.principal, client);
    match guessing::known_code(tx, typed, &guesser) {
        Ok(_) => {}
        Err(error) if error.code() == Code::CodeUnknown => {}
        Err(error) => return Err(error),
    }
    tx.context.limit_states.forget(&guessing::LIMITS);
    Ok(())
}

/// The code that the flow carries.
pub(super) fn carried_code(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
) -> Result<CarriedCode> {
    let Some(code) = &arriving.payload.invite_code else {
        return Ok(CarriedCode::None);
    };
    let Ok(code) = InviteCode::parse(code) else {
        return Ok(CarriedCode::Foreign);
    };
    let target = invite_codes::find_target(tx.connection, &code)?;
    let leads_here = target.is_some_and(|it| it.organization.id == arriving.organization.id);
    Ok(if leads_here {
        CarriedCode::Valid(code)
    } else {
        CarriedCode::Foreign
    })
}

/// Locks the account of who comes, and gives it as it is then; `None` where it is gone. Codes that may be used before are
/// locked first, and an invitation and seats afterwards: a fixed lock order prevents deadlocks.
pub(super) fn lock_account(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    account: AccountId,
) -> Result<Option<Account>> {
    let carried = id_of_carried(tx, arriving)?;
    joins::lock_with(tx, account, carried)?;
    accounts::lock(tx.connection, account)
}

fn id_of_carried(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
) -> Result<Option<(OrganizationId, InviteCodeId)>> {
    let CarriedCode::Valid(code) = carried_code(tx, arriving)? else {
        return Ok(None);
    };
    let target = invite_codes::find_target(tx.connection, &code)?;
    Ok(target.map(|target| (target.organization.id, target.code.id)))
}

/// Uses a code. Where the join begins to wait until the address is verified, the link for that is mailed.
///
/// # Errors
/// As [`redemption::redeem`].
pub(super) fn redeem(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    (code, account): (&InviteCode, &Account),
    steps: &mut Steps,
) -> Result<CodeOutcome> {
    let waited = waits(tx, arriving, account)?;
    let owner = Principal::Owner(account.clone());
    let outcome = tx.acting_as(owner, |tx| {
        let outcome = redemption::redeem(tx, code, account)?.outcome;
        if outcome == CodeOutcome::WaitsForVerification && !waited {
            mail_link(tx, account)?;
        }
        Ok(outcome)
    })?;
    if outcome == CodeOutcome::WaitsForVerification {
        steps.add(refusals::code_waits());
    }
    Ok(outcome)
}

/// Uses the code that a member comes with. One that is refused keeps no member out: the admins are told.
pub(super) fn redeem_as_member(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    account: &Account,
    steps: &mut Steps,
) -> Result<Option<CodeOutcome>> {
    let code = match carried_code(tx, arriving)? {
        CarriedCode::None => return Ok(None),
        CarriedCode::Valid(code) => code,
        CarriedCode::Foreign => {
            steps.add(refusals::foreign_code_step().as_warning());
            return Ok(None);
        }
    };
    match redeem(tx, arriving, (&code, account), steps) {
        Ok(outcome) => Ok(Some(outcome)),
        Err(refusal @ Error::Refused(_)) => {
            steps.add(refusals::code_of_member_refused(&refusal));
            Ok(None)
        }
        Err(fault) => Err(fault),
    }
}

/// Whether an account has used a code of the organization that waits until the address is verified.
pub(super) fn waits(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    account: &Account,
) -> Result<bool> {
    let pending = pending_joins::of_account(tx.connection, account.id)?;
    let organization = arriving.organization.id;
    Ok(pending
        .iter()
        .any(|(leads_to, _)| *leads_to == organization))
}

fn mail_link(tx: &mut UnitOfWork<'_>, account: &Account) -> Result<()> {
    let send_time = verification::count_first(tx, &account.email)?;
    // The mail may have to wait, the sign-in does not.
    tx.context.limit_states.forget(&[Limit::MailToAddress]);
    verification::send(tx, account, send_time)
}
