//! Invite codes: used by whoever has one (`docs/invite-codes.md`).
//!
//! A refusal tells a stranger no more than the preview: whether the code is open is checked first, whom
//! it is for next, and whether a seat is free last.

use crate::clock::new_id;
use crate::domain::events::{AddedBy, JoinedBy};
use crate::domain::ids::{GroupId, InviteCodeUseId, OrganizationId};
use crate::domain::invite_code::{CodeOutcome, CodeStatus, InviteCode};
use crate::domain::organization::{AccountType, JoinedVia, MembershipStatus, Role};
use crate::error::{Code, Error, Result};
use crate::services::admission::{self, Admission, SeatSource};
use crate::services::authentication::require_still_signed_in;
use crate::services::trust;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::accounts::{self, Account};
use crate::store::invite_code_uses::{self, CodeUse};
use crate::store::invite_codes::{self, CodeTarget};
use crate::store::memberships::{self, Membership};
use crate::store::pending_joins::{self, PendingJoin};
use crate::store::{groups, removed_members};

/// Where a code leads, by id and name.
#[derive(Clone, Debug)]
pub struct Destination {
    pub organization: (OrganizationId, String),
    pub group: Option<(GroupId, String)>,
}

impl From<CodeTarget> for Destination {
    fn from(target: CodeTarget) -> Self {
        Self {
            organization: (target.organization.id, target.organization.name),
            group: target.group.map(|group| (group.id, group.name)),
        }
    }
}

/// What came of using a code.
#[derive(Clone, Debug)]
pub struct Redeemed {
    pub destination: Destination,
    pub outcome: CodeOutcome,
}

/// Where the code leads, whether or not it is open.
///
/// # Errors
/// `code_unknown`.
pub fn preview(tx: &mut UnitOfWork<'_>, code: &InviteCode) -> Result<CodeTarget> {
    invite_codes::find_target(tx.connection, code)?.ok_or_else(unknown)
}

/// Lets an account in by a code, in one transaction.
///
/// # Errors
/// `code_unknown`, `code_paused`, `code_expired`, `code_used_up`, `code_blocked_for_you`,
/// `code_domain_not_allowed`, `email_not_verified` where the code takes a mailbox, and somebody else has set the password
/// or there is none, `no_seat`: nothing was changed.
pub fn redeem(tx: &mut UnitOfWork<'_>, code: &InviteCode, account: &Account) -> Result<Redeemed> {
    match attempt(tx, code, account) {
        // Another request of the same person may have been faster: then they are in.
        Err(Error::Refused(_)) => attempt(tx, code, account),
        result => result,
    }
}

fn attempt(tx: &mut UnitOfWork<'_>, code: &InviteCode, account: &Account) -> Result<Redeemed> {
    tx.transaction(|tx| {
        let target = preview(tx, code)?;
        let outcome = enter(tx, &target, account)?;
        Ok(Redeemed {
            destination: target.into(),
            outcome,
        })
    })
}

fn enter(tx: &mut UnitOfWork<'_>, target: &CodeTarget, account: &Account) -> Result<CodeOutcome> {
    let now = tx.now();
    let membership = memberships::find(tx.connection, target.organization.id, account.id)?;
    if is_in(tx, target, membership.as_ref())? {
        return Ok(CodeOutcome::AlreadyMember);
    }
    require_open(target.code.status(now))?;
    require_welcome(tx, target, membership.as_ref(), account)?;
    if is_pending(tx, target, account)? {
        return Ok(CodeOutcome::WaitsForVerification);
    }
    if !invite_codes::take_use(tx.connection, &target.code, now)? {
        return Err(why_closed(tx, target)?);
    }
    // The account before seats: a deletion of it holds it when it gives seats back.
    let address = std::slice::from_ref(&account.email);
    accounts::lock_against_deletion(tx.connection, address)?;
    require_still_signed_in(tx)?;
    let outcome = match membership {
        Some(_) => add_to_group(tx, target, account)?,
        None => admit(tx, target, account)?,
    };
    insert_use(tx, target, account, outcome)?;
    Ok(outcome)
}

/// Whether an active member would gain nothing by the code.
fn is_in(
    tx: &mut UnitOfWork<'_>,
    target: &CodeTarget,
    membership: Option<&Membership>,
) -> Result<bool> {
    let Some(membership) = membership.filter(|m| m.status == MembershipStatus::Active) else {
        return Ok(false);
    };
    let Some(group) = &target.group else {
        return Ok(true);
    };
    let organization = target.organization.id;
    let role = groups::role_in(tx.connection, organization, group.id, membership.account_id)?;
    Ok(role.is_some())
}

/// Refuses a code that lets nobody in.
///
/// # Errors
/// `code_paused`, `code_expired`, `code_used_up`.
pub fn require_open(status: CodeStatus) -> Result<()> {
    let (code, detail) = match status {
        CodeStatus::Open => return Ok(()),
        CodeStatus::Paused => (
            Code::CodePaused,
            "This invite code is paused. Ask whoever gave it to you to open it.",
        ),
        CodeStatus::Expired => (
            Code::CodeExpired,
            "This invite code has expired. Ask whoever gave it to you for a new one.",
        ),
        CodeStatus::UsedUp => (
            Code::CodeUsedUp,
            "This invite code has been used as often as it may. Ask whoever gave it to you.",
        ),
    };
    Err(Error::refused(code, detail))
}

/// The refusal where the code was open a moment ago.
fn why_closed(tx: &mut UnitOfWork<'_>, target: &CodeTarget) -> Result<Error> {
    let latest = invite_codes::find_target(tx.connection, &target.code.code)?;
    let refused = latest.map(|latest| require_open(latest.code.status(tx.now())));
    Ok(match refused {
        Some(Err(refusal)) => refusal,
        // It was changed back and forth within this moment.
        Some(Ok(())) => Error::conflict("the code was changed at the same moment"),
        None => unknown(),
    })
}

/// Refuses people whom an admin deactivated, or removed since the code was issued; by a code for certain domains, all
/// addresses of a mailbox, which are in the same domain.
fn require_welcome(
    tx: &mut UnitOfWork<'_>,
    target: &CodeTarget,
    membership: Option<&Membership>,
    account: &Account,
) -> Result<()> {
    let organization = target.organization.id;
    let mut removed_at = removed_members::find(tx.connection, organization, account.id)?;
    if !target.code.allowed_email_domains()?.is_empty() {
        let email = &account.email;
        let of_mailbox = removed_members::mailbox_removed_at(tx.connection, organization, email)?;
        removed_at = removed_at.max(of_mailbox);
    }
    if let Some(group) = &target.group {
        let of_group = removed_members::find_of_group(tx.connection, group.id, account.id)?;
        removed_at = removed_at.max(of_group);
    }
    let is_deactivated = membership.is_some_and(|m| m.status == MembershipStatus::Deactivated);
    let is_removed = removed_at.is_some_and(|removed_at| target.code.issued_at <= removed_at);
    if is_deactivated || is_removed {
        return Err(blocked());
    }
    Ok(())
}

/// The refusal of somebody whom an admin deactivated or removed.
pub fn blocked() -> Error {
    Error::refused(
        Code::CodeBlockedForYou,
        "This invite code does not let you back in. Ask the people who run the organization.",
    )
}

/// Whether the join has to wait until the address is verified.
///
/// # Errors
/// `code_domain_not_allowed`; `email_not_verified` where somebody else has set the password, or where there is no
/// address to verify.
fn is_pending(tx: &mut UnitOfWork<'_>, target: &CodeTarget, account: &Account) -> Result<bool> {
    if !takes_mailbox(target, account)? || trust::has_mailbox(account) {
        return Ok(false);
    }
    trust::require_own_password(account)?;
    trust::require_address(account)?;
    // The address may be verified at this very moment: the lock orders the two.
    if !accounts::lock_unverified(tx.connection, account.id)? {
        return Ok(false);
    }
    let join = PendingJoin {
        account_id: account.id,
        invite_code_id: target.code.id,
        code: target.code.code.clone(),
        created_at: tx.now(),
    };
    pending_joins::insert(tx.connection, &join)?;
    Ok(true)
}

/// The refusal of an address of a domain that the code is not for.
pub fn for_other_domains() -> Error {
    Error::refused(
        Code::CodeDomainNotAllowed,
        "This invite code is for email addresses of other domains. Use the address that the \
         organization knows you by.",
    )
}

/// Whether a mailbox has to stand behind the account: a code for certain domains asks for it, and a code that
/// makes staff. Generated addresses of those domains belong to nobody else.
///
/// # Errors
/// `code_domain_not_allowed`.
fn takes_mailbox(target: &CodeTarget, account: &Account) -> Result<bool> {
    let domains = target.code.allowed_email_domains()?;
    let is_limited = !domains.is_empty();
    if is_limited && !domains.iter().any(|domain| domain.has(&account.email)) {
        return Err(for_other_domains());
    }
    let makes_staff = account_type_of_joiner(target).is_staff();
    Ok(makes_staff || (is_limited && !account.generated_address))
}

fn admit(tx: &mut UnitOfWork<'_>, target: &CodeTarget, account: &Account) -> Result<CodeOutcome> {
    let via = match target.group {
        Some(_) => JoinedVia::GroupCode,
        None => JoinedVia::OrganizationCode,
    };
    let group = target.group.as_ref().map(|group| group.id);
    let admission = Admission {
        organization: target.organization.id,
        account_type: account_type_of_joiner(target),
        role: Role::Member,
        via,
        groups: group.into_iter().collect(),
        seats: SeatSource::Free,
    };
    let by = JoinedBy::InviteCode {
        invite_code: target.code.id,
        group,
    };
    admission::admit(tx, &[(account, by)], &admission)?;
    if admission.account_type.is_staff() {
        trust::end_other_sessions(tx, &[account.id])?;
    }
    Ok(CodeOutcome::Joined)
}

/// A group's code is in the hands of its manager, who is no admin: it never makes staff.
const fn account_type_of_joiner(target: &CodeTarget) -> AccountType {
    match target.group {
        Some(_) => target.organization.kind.default_account_type(),
        None => target.organization.default_account_type,
    }
}

fn add_to_group(
    tx: &mut UnitOfWork<'_>,
    target: &CodeTarget,
    account: &Account,
) -> Result<CodeOutcome> {
    let organization = target.organization.id;
    let Some(group) = &target.group else {
        return Err(Error::already_member());
    };
    let by = AddedBy::InviteCode(target.code.id);
    let added = admission::add_to_group(tx, (organization, group.id), &[account.id], by)?;
    if added.is_empty() {
        return Err(Error::already_member());
    }
    Ok(CodeOutcome::AddedToGroup)
}

fn insert_use(
    tx: &mut UnitOfWork<'_>,
    target: &CodeTarget,
    account: &Account,
    outcome: CodeOutcome,
) -> Result<()> {
    let one = CodeUse {
        id: new_id::<InviteCodeUseId>(),
        invite_code_id: target.code.id,
        account_id: account.id,
        code: target.code.code.clone(),
        outcome,
        used_at: tx.now(),
    };
    invite_code_uses::insert(tx.connection, &one)
}

/// The refusal of a code that nobody has.
pub fn unknown() -> Error {
    Error::refused(
        Code::CodeUnknown,
        "There is no such invite code. Look at it again; it may also have been replaced by a new \
         one.",
    )
}
