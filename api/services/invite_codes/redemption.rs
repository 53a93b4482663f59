//! Invite codes: used by whoever has one (PRODUCT 3.4).
//!
//! What a stranger learns from a refusal is no more than the preview shows: whether the code is open
//! comes first, whom it is for only then, and whether there is room last.

use serde_json::json;

use crate::clock::new_id;
use crate::domain::audit::AuditAction;
use crate::domain::ids::{AccountId, GroupId, InviteCodeUseId, OrganizationId};
use crate::domain::invite_code::{CodeOutcome, CodeStatus, InviteCode};
use crate::domain::organization::{JoinedVia, MembershipStatus, Role};
use crate::domain::timestamp::Timestamp;
use crate::error::{Code, Error, Refusal, Result};
use crate::services::act::Act;
use crate::services::admission::{self, SeatSource};
use crate::services::audit::{self, Event, Subject};
use crate::store::accounts::{self, Account};
use crate::store::invite_codes::{self, CodeTarget, CodeUse};
use crate::store::memberships::{self, Admission, Membership};
use crate::store::pending_joins::{self, PendingJoin};
use crate::store::{Connection, groups, removed_members, transaction};

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
pub fn preview(connection: &mut Connection, code: &InviteCode) -> Result<CodeTarget> {
    invite_codes::find_target(connection, code)?.ok_or_else(unknown)
}

/// Lets an account in by a code, in one transaction.
///
/// # Errors
/// `code_unknown`, `code_paused`, `code_expired`, `code_used_up`, `code_blocked_for_you`,
/// `code_domain_not_allowed`, `no_seat`: nothing was changed.
pub fn redeem(
    connection: &mut Connection,
    code: &InviteCode,
    account: &Account,
    act: &Act,
) -> Result<Redeemed> {
    match attempt(connection, code, account, act) {
        // Another request of the same person may have been faster: then they are in.
        Err(Error::Refused(refusal)) if may_be_a_twin(refusal.code) => {
            attempt(connection, code, account, act)
        }
        ended => ended,
    }
}

const fn may_be_a_twin(code: Code) -> bool {
    matches!(code, Code::AlreadyMember | Code::CodeUsedUp | Code::NoSeat)
}

fn attempt(
    connection: &mut Connection,
    code: &InviteCode,
    account: &Account,
    act: &Act,
) -> Result<Redeemed> {
    transaction(connection, |connection| {
        let target = preview(connection, code)?;
        let outcome = enter(connection, &target, account, act)?;
        Ok(Redeemed {
            destination: target.into(),
            outcome,
        })
    })
}

fn enter(
    connection: &mut Connection,
    target: &CodeTarget,
    account: &Account,
    act: &Act,
) -> Result<CodeOutcome> {
    let membership = memberships::find(connection, target.organization.id, account.id)?;
    if is_in(connection, target, membership.as_ref())? {
        return Ok(CodeOutcome::AlreadyMember);
    }
    require_open(target.code.status(act.at))?;
    require_welcome(connection, target, membership.as_ref(), account)?;
    if waits(connection, target, account, act.at)? {
        return Ok(CodeOutcome::WaitsForVerification);
    }
    if !invite_codes::take_use(connection, target.organization.id, &target.code, act.at)? {
        return Err(why_closed(connection, target, act.at)?);
    }
    let outcome = match membership {
        Some(_) => add_to_group(connection, target, account, act)?,
        None => admit(connection, target, account, act)?,
    };
    note_use(connection, target, account, outcome, act.at)?;
    Ok(outcome)
}

/// Whether an active member would gain nothing by the code.
fn is_in(
    connection: &mut Connection,
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
    let role = groups::role_in(connection, organization, group.id, membership.account_id)?;
    Ok(role.is_some())
}

fn require_open(status: CodeStatus) -> Result<()> {
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

/// The answer where the code was open a moment ago.
fn why_closed(connection: &mut Connection, target: &CodeTarget, now: Timestamp) -> Result<Error> {
    let latest = invite_codes::find_target(connection, &target.code.code)?;
    let refused = latest.map(|latest| require_open(latest.code.status(now)));
    Ok(match refused {
        Some(Err(refusal)) => refusal,
        // It was changed back and forth within this moment.
        Some(Ok(())) => Error::unavailable("the code was changed at the same moment"),
        None => unknown(),
    })
}

/// Whom an admin deactivated, or removed since the code was made, the code does not bring back.
fn require_welcome(
    connection: &mut Connection,
    target: &CodeTarget,
    membership: Option<&Membership>,
    account: &Account,
) -> Result<()> {
    let mut removed_at = removed_members::find(connection, target.organization.id, account.id)?;
    if let Some(group) = &target.group {
        removed_at = removed_at.max(removed_members::find_of_group(
            connection, group.id, account.id,
        )?);
    }
    let is_deactivated = membership.is_some_and(|m| m.status == MembershipStatus::Deactivated);
    let is_removed = removed_at.is_some_and(|removed_at| target.code.issued_at <= removed_at);
    if is_deactivated || is_removed {
        return Err(Error::refused(
            Code::CodeBlockedForYou,
            "This invite code does not let you back in. Ask the people who run the organization.",
        ));
    }
    Ok(())
}

/// Whether a code for certain domains has to wait until the address is verified. Addresses that
/// Rollcall made up are nobody else's.
///
/// # Errors
/// `code_domain_not_allowed`.
fn waits(
    connection: &mut Connection,
    target: &CodeTarget,
    account: &Account,
    now: Timestamp,
) -> Result<bool> {
    let domains = target.code.allowed_email_domains()?;
    if domains.is_empty() {
        return Ok(false);
    }
    if !domains.iter().any(|domain| domain.has(&account.email)) {
        return Err(Error::refused(
            Code::CodeDomainNotAllowed,
            "This invite code is for email addresses of other domains. Use the address that the \
             organization knows you by.",
        ));
    }
    if account.email_verified_at.is_some() || account.generated_address {
        return Ok(false);
    }
    // The mailbox may be proved at this very moment: whoever does that is waited for, or waits.
    if !accounts::lock_unverified(connection, account.id)? {
        return Ok(false);
    }
    let join = PendingJoin {
        account_id: account.id,
        invite_code_id: target.code.id,
        code: target.code.code.clone(),
        created_at: now,
    };
    pending_joins::insert(connection, &join)?;
    Ok(true)
}

fn admit(
    connection: &mut Connection,
    target: &CodeTarget,
    account: &Account,
    act: &Act,
) -> Result<CodeOutcome> {
    let joined_via = match target.group {
        Some(_) => JoinedVia::GroupCode,
        None => JoinedVia::OrganizationCode,
    };
    let admission = Admission {
        organization: target.organization.id,
        account_type: target.organization.default_account_type,
        role: Role::Member,
        joined_via,
        joined_at: act.at,
    };
    let groups: Vec<_> = target.group.iter().map(|group| group.id).collect();
    let accounts = std::slice::from_ref(account);
    admission::admit(connection, accounts, &admission, &groups, SeatSource::Free)?;
    let details = json!({
        "via": joined_via,
        "account_type": admission.account_type,
        "invite_code_id": target.code.id,
        "group_id": target.group.as_ref().map(|group| group.id),
    });
    let subject = Subject::Account(account.id);
    let event = Event::within(
        admission.organization,
        AuditAction::MemberJoined,
        subject,
        details,
    );
    audit::record(connection, act, event)?;
    Ok(CodeOutcome::Joined)
}

fn add_to_group(
    connection: &mut Connection,
    target: &CodeTarget,
    account: &Account,
    act: &Act,
) -> Result<CodeOutcome> {
    let organization = target.organization.id;
    let Some(group) = &target.group else {
        return Err(Error::already_member());
    };
    let joined = admission::join_groups(connection, &[account.id], organization, &[group.id])?;
    if joined == 0 {
        return Err(Error::already_member());
    }
    let details = json!({
        "via": JoinedVia::GroupCode,
        "invite_code_id": target.code.id,
        "account_ids": [account.id],
    });
    let subject = Subject::Group(group.id);
    let event = Event::within(
        organization,
        AuditAction::GroupMembersAdded,
        subject,
        details,
    );
    audit::record(connection, act, event)?;
    Ok(CodeOutcome::AddedToGroup)
}

fn note_use(
    connection: &mut Connection,
    target: &CodeTarget,
    account: &Account,
    outcome: CodeOutcome,
    used_at: Timestamp,
) -> Result<()> {
    let one = CodeUse {
        id: new_id::<InviteCodeUseId>(),
        invite_code_id: target.code.id,
        account_id: account.id,
        code: target.code.code.clone(),
        outcome,
        used_at,
    };
    invite_codes::insert_use(connection, &one)
}

/// The refusal of a code that nobody has.
pub fn unknown() -> Error {
    Error::refused(
        Code::CodeUnknown,
        "There is no such invite code. Look at it again; it may also have been replaced by a new \
         one.",
    )
}

/// How a join that waited for the mailbox has ended.
#[derive(Debug)]
pub struct SettledJoin {
    pub destination: Destination,
    pub ending: Result<CodeOutcome, Box<Refusal>>,
}

/// Holds the codes of the joins that wait for the address, for whoever takes a seat before the
/// address is proved in the same transaction.
///
/// # Errors
/// Where the database is away.
pub fn lock_pending_joins(connection: &mut Connection, account: AccountId) -> Result<()> {
    let pending = pending_joins::of_account(connection, account)?;
    hold(connection, &pending)
}

/// All codes before any seat, as everywhere: two who wait never form a ring.
fn hold(connection: &mut Connection, pending: &[PendingJoin]) -> Result<()> {
    for join in pending {
        invite_codes::lock(connection, join.invite_code_id)?;
    }
    Ok(())
}

/// Has the joins that an account waits for take effect, each by the rules as they are now. One that
/// is refused ends no less, and the others go on.
///
/// # Errors
/// Where the database is away.
pub fn take_effect(
    connection: &mut Connection,
    account: &Account,
    act: &Act,
) -> Result<Vec<SettledJoin>> {
    let pending = pending_joins::of_account(connection, account.id)?;
    hold(connection, &pending)?;
    pending_joins::delete_of_account(connection, account.id)?;
    let mut endings = Vec::new();
    for join in pending {
        // A code that was reset at this moment leads nowhere.
        if let Some(target) = invite_codes::find_target(connection, &join.code)? {
            endings.push(end(connection, target, account, act)?);
        }
    }
    Ok(endings)
}

fn end(
    connection: &mut Connection,
    target: CodeTarget,
    account: &Account,
    act: &Act,
) -> Result<SettledJoin> {
    let ending = match redeem(connection, &target.code.code, account, act) {
        Ok(redeemed) => Ok(redeemed.outcome),
        Err(Error::Refused(refusal)) => Err(refusal),
        Err(failure) => return Err(failure),
    };
    Ok(SettledJoin {
        destination: target.into(),
        ending,
    })
}
