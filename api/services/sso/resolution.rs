//! Which account somebody opens who came by an identity provider (`docs/sso.md#who-it-is`).

use super::arriving::{Arriving, asserted_address, is_proven_here, name_of};
use super::following::follow;
use super::{claims, rules};
use crate::clock::new_id;
use crate::domain::connections::{Arrivals, SignInOutcome};
use crate::domain::diagnosis::{Step, StepName, Steps};
use crate::domain::email_address::EmailAddress;
use crate::domain::events::{DomainEvent, IdentityEvent, JoinedBy};
use crate::domain::ids::IdentityId;
use crate::domain::invitations::InvitationKind;
use crate::domain::invite_code::InviteCode;
use crate::domain::organization::{JoinedVia, MembershipStatus, Role};
use crate::domain::username::Username;
use crate::error::{Code, Error, Result};
use crate::services::admission::{self, Admission, SeatSource};
use crate::services::context::Principal;
use crate::services::invitations;
use crate::services::invite_codes::redemption;
use crate::services::unit_of_work::UnitOfWork;
use crate::services::verification::{acting, verify_email};
use crate::services::{events, generated_addresses, takeover};
use crate::store::accounts::{self, Account};
use crate::store::identities::{self, Identity};
use crate::store::invitations::Invitation;
use crate::store::organizations::Organization;
use crate::store::{invite_codes, memberships, removed_members};

/// What they open.
pub(super) enum Resolution {
    /// This account, as a member.
    Opens(Box<Account>, SignInOutcome),
    /// This account, once they have shown that it is theirs.
    LinkRequired(Box<Account>),
}

/// Finds, or makes, the account of who comes, and lets them in. Call it in the transaction that has locked the
/// organization; a refusal is the last of the steps.
///
/// # Errors
/// `account_deactivated`, `removed_by_admin`, `no_seat`, `not_expected_here`.
pub(super) fn resolve(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    steps: &mut Steps,
) -> Result<Resolution> {
    let (connection, arrival) = (arriving.connection, arriving.arrival);
    let known = identities::find_by_subject(tx.connection, connection, &arrival.subject)?;
    if let Some((identity, account)) = known {
        steps.add(Step::ok(StepName::Identity, "This person has come before."));
        identities::touch(tx.connection, identity.id, tx.now())?;
        claims::keep(tx, (connection.id, identity.id), &arrival.claims)?;
        let outcome = enter(tx, arriving, &account, steps)?;
        let account = follow(tx, arriving, account, steps)?;
        rules::apply_again(tx, arriving, &account, steps)?;
        return Ok(Resolution::Opens(Box::new(account), outcome));
    }
    steps.add(Step::ok(
        StepName::Identity,
        "This person comes for the first time.",
    ));
    if let Some(account) = invited_newcomer(tx, arriving)? {
        return by_invitation(tx, arriving, account, steps);
    }
    match asserted_address(tx, arrival, steps) {
        Some(email) => by_address(tx, arriving, email, steps),
        None => without_address(tx, arriving, steps),
    }
}

/// The account that an invitation made which the trip carries, where nobody has opened it yet. That of somebody else whose
/// address the identity provider names goes before.
fn invited_newcomer(tx: &mut UnitOfWork<'_>, arriving: &Arriving<'_>) -> Result<Option<Account>> {
    let Some((invitation, account)) = invitation_of(tx, arriving)? else {
        return Ok(None);
    };
    if invitation.kind != InvitationKind::NewAccount || account.password_hash.is_some() {
        return Ok(None);
    }
    let Some(email) = asserted_address(tx, arriving.arrival, &mut Steps::default()) else {
        return Ok(Some(account));
    };
    let named = accounts::find_by_email(tx.connection, &email)?;
    Ok(named
        .is_none_or(|named| named.id == account.id)
        .then_some(account))
}

/// Opens the account of an invitation: its mail was read by who comes.
fn by_invitation(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    account: Account,
    steps: &mut Steps,
) -> Result<Resolution> {
    steps.add(Step::ok(
        StepName::Account,
        "The account that an invitation of the organization made.",
    ));
    enter(tx, arriving, &account, steps)?;
    link(tx, arriving, &account, steps)?;
    let owner = Principal::Owner(account.clone());
    tx.acting_as(owner, |tx| {
        invitations::accept_by_use(tx, account.id)?;
        verify_email(tx, &account)
    })?;
    let account = accounts::find(tx.connection, account.id)?.unwrap_or(account);
    Ok(Resolution::Opens(Box::new(account), SignInOutcome::Linked))
}

/// The invitation that the trip carries, with the account that it is for, where it leads into this organization.
fn invitation_of(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
) -> Result<Option<(Invitation, Account)>> {
    match &arriving.carried.invitation_token {
        Some(secret) => invitations::carried(tx, (secret, arriving.organization.id)),
        None => Ok(None),
    }
}

/// The secret that the trip carries of an invitation for this account, to join by.
fn invitation_for(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    account: &Account,
) -> Result<Option<String>> {
    let invitation = invitation_of(tx, arriving)?;
    let is_theirs = invitation.is_some_and(|(invitation, owner)| {
        invitation.kind != InvitationKind::NewAccount && owner.id == account.id
    });
    Ok(arriving
        .carried
        .invitation_token
        .clone()
        .filter(|_| is_theirs))
}

fn by_address(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    email: EmailAddress,
    steps: &mut Steps,
) -> Result<Resolution> {
    let organization = arriving.organization.id;
    let is_proven = is_proven_here(tx, arriving, &email)?;
    let found = accounts::find_by_email(tx.connection, &email)?;
    match found {
        Some(account) if account.is_managed_by(organization) && is_proven => {
            steps.add(Step::ok(
                StepName::Account,
                "The organization manages the account with this address, in a domain that it has proven.",
            ));
            let outcome = enter(tx, arriving, &account, steps)?;
            link(tx, arriving, &account, steps)?;
            let outcome = match outcome {
                SignInOutcome::Joined => SignInOutcome::Joined,
                SignInOutcome::SignedIn
                | SignInOutcome::AccountCreated
                | SignInOutcome::Linked
                | SignInOutcome::SteppedUp
                | SignInOutcome::LinkRequired => SignInOutcome::Linked,
            };
            Ok(Resolution::Opens(Box::new(account), outcome))
        }
        // Who registered the address and never showed that it is theirs does not stand in its owner's way.
        Some(account) if !takeover::may_be_replaced(tx, &account)? => {
            steps.add(Step::ok(
                StepName::Account,
                "There is an account with this address, whose owner has to show that it is theirs.",
            ));
            Ok(Resolution::LinkRequired(Box::new(account)))
        }
        Some(_) | None => {
            let mut account = new_account(tx, arriving, email);
            account.email_verified_at = is_proven.then_some(tx.now());
            create(tx, arriving, account, steps)
        }
    }
}

/// Somebody without an address gets a generated one, as people who are created by hand.
fn without_address(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    steps: &mut Steps,
) -> Result<Resolution> {
    let login_domain = &tx.services.config.login_domain;
    let domain = login_domain.of_organization(&arriving.organization.slug);
    let name = match name_of(arriving.arrival) {
        Some(name) => name,
        // Nobody is called anything: what they are has to do.
        None => Username::parse(arriving.organization.default_account_type.as_str())
            .map_err(Error::internal)?,
    };
    let claimed = generated_addresses::claim(tx.connection, &domain, std::slice::from_ref(&name))?;
    let email = claimed.into_iter().next();
    let email = email.ok_or_else(|| Error::internal("a name has got no address"))?;
    let mut account = new_account(tx, arriving, email);
    account.generated_address = true;
    create(tx, arriving, account, steps)
}

fn new_account(tx: &UnitOfWork<'_>, arriving: &Arriving<'_>, email: EmailAddress) -> Account {
    let name = name_of(arriving.arrival).unwrap_or_else(|| Username::of_address(&email));
    let mut account = Account::new(email, name, tx.now());
    account.managed_by_organization_id = Some(arriving.organization.id);
    account.last_active_at = tx.now();
    account
}

fn create(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    account: Account,
    steps: &mut Steps,
) -> Result<Resolution> {
    let organization = arriving.organization.id;
    if removed_members::is_address(tx.connection, organization, &account.email)?
        || is_removed_subject(tx, arriving)?
    {
        return Err(removed(steps));
    }
    require_expected(tx, arriving, steps)?;
    if !accounts::insert(tx.connection, &account)? && !takeover::take_over(tx, &account)? {
        return Err(Error::conflict(
            "an account with the address came meanwhile",
        ));
    }
    steps.add(Step::ok(StepName::Account, "An account is made."));
    join(tx, arriving, &account, steps)?;
    link(tx, arriving, &account, steps)?;
    Ok(Resolution::Opens(
        Box::new(account),
        SignInOutcome::AccountCreated,
    ))
}

/// Whether what the identity provider calls somebody is that of a person whom an admin removed.
fn is_removed_subject(tx: &mut UnitOfWork<'_>, arriving: &Arriving<'_>) -> Result<bool> {
    let (provider, subject) = (arriving.connection.id, &arriving.arrival.subject);
    removed_members::is_subject(tx.connection, provider, subject)
}

/// Refuses whom the connection does not let in for the first time, with an account or without.
fn require_expected(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    steps: &mut Steps,
) -> Result<()> {
    let (is_expected, expected, advice) = match arriving.connection.arrivals {
        Arrivals::Everyone => return Ok(()),
        Arrivals::ProvenDomains => (
            comes_from_proven_domain(tx, arriving)?,
            "an address in a domain that the organization has proven",
            match arriving.arrival.email {
                Some(_) => {
                    "Prove the domain of the person's address, or set `arrivals` of the connection to `everyone`."
                }
                None => {
                    "No address came that could be in one: see the step `email`. Or set `arrivals` of the connection to \
                     `everyone`."
                }
            },
        ),
        Arrivals::Expected => (
            code_of(tx, arriving)?.is_some(),
            "an invite code of the organization",
            "Give the person an invite code, or set `arrivals` of the connection to `everyone` or `proven_domains`.",
        ),
    };
    if is_expected {
        return Ok(());
    }
    steps.add(Step::failed(
        StepName::Account,
        expected,
        "somebody whom nobody here expects",
        advice,
    ));
    Err(Error::refused(
        Code::NotExpectedHere,
        "Nobody expects you in this organization. Ask the people who run it to invite you.",
    ))
}

fn comes_from_proven_domain(tx: &mut UnitOfWork<'_>, arriving: &Arriving<'_>) -> Result<bool> {
    let Some(text) = &arriving.arrival.email else {
        return Ok(false);
    };
    match tx.services.config.login_domain.parse_outside(text) {
        Ok(email) => is_proven_here(tx, arriving, &email),
        Err(_) => Ok(false),
    }
}

/// The code that the trip carries, where it leads into this organization.
fn code_of(tx: &mut UnitOfWork<'_>, arriving: &Arriving<'_>) -> Result<Option<InviteCode>> {
    let Some(code) = &arriving.carried.invite_code else {
        return Ok(None);
    };
    let Ok(code) = InviteCode::parse(code) else {
        return Ok(None);
    };
    let target = invite_codes::find_target(tx.connection, &code)?;
    let leads_here = |organization: &Organization| organization.id == arriving.organization.id;
    Ok(target
        .filter(|target| leads_here(&target.organization))
        .map(|_| code))
}

/// Makes sure that the account is a member, and tells whether it became one.
pub(super) fn enter(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    account: &Account,
    steps: &mut Steps,
) -> Result<SignInOutcome> {
    let organization = arriving.organization;
    if account.deactivated_at.is_some() {
        return Err(deactivated(steps));
    }
    let membership = memberships::find(tx.connection, organization.id, account.id)?;
    if membership
        .as_ref()
        .is_some_and(|it| it.status == MembershipStatus::Deactivated)
    {
        return Err(deactivated(steps));
    }
    if let Some(secret) = invitation_for(tx, arriving, account)? {
        return accept(tx, (&secret, account), membership.is_some(), steps);
    }
    if membership.is_none() {
        if removed_members::find(tx.connection, organization.id, account.id)?.is_some()
            || is_removed_subject(tx, arriving)?
        {
            return Err(removed(steps));
        }
        require_expected(tx, arriving, steps)?;
        return join(tx, arriving, account, steps);
    }
    if let Some(code) = take_code(tx, arriving, steps)? {
        redeem(tx, (&code, account), steps)?;
    }
    removed_members::delete_subject(
        tx.connection,
        arriving.connection.id,
        &arriving.arrival.subject,
    )?;
    steps.add(Step::ok(StepName::Account, "A member."));
    Ok(SignInOutcome::SignedIn)
}

/// Accepts the invitation that the trip carries for this account.
fn accept(
    tx: &mut UnitOfWork<'_>,
    (secret, account): (&str, &Account),
    is_member: bool,
    steps: &mut Steps,
) -> Result<SignInOutcome> {
    let actor = acting(tx, account.clone());
    tx.acting_as(actor, |tx| {
        invitations::accept_carried(tx, secret, account.id)
    })?;
    if is_member {
        steps.add(Step::ok(StepName::Account, "A member, with an invitation."));
        return Ok(SignInOutcome::SignedIn);
    }
    steps.add(Step::ok(
        StepName::Seat,
        "A new member, with the seat of an invitation.",
    ));
    Ok(SignInOutcome::Joined)
}

/// Makes an account a member: by the code that the trip carries, or as the connection lets people in.
fn join(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    account: &Account,
    steps: &mut Steps,
) -> Result<SignInOutcome> {
    match take_code(tx, arriving, steps)? {
        Some(code) => redeem(tx, (&code, account), steps)?,
        None => admit(tx, arriving, account).map_err(|error| seat_refused(error, steps))?,
    }
    steps.add(Step::ok(StepName::Seat, "A new member, with a seat."));
    Ok(SignInOutcome::Joined)
}

/// The code that the trip carries; one that does not lead here warns.
fn take_code(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    steps: &mut Steps,
) -> Result<Option<InviteCode>> {
    let code = code_of(tx, arriving)?;
    if code.is_none() && arriving.carried.invite_code.is_some() {
        let step = Step::warning(
            StepName::Account,
            "an invite code of the organization",
            "a code that is not one of it",
            "Give the person the code once more: it was mistyped, replaced, or is another organization's.",
        );
        steps.add(step);
    }
    Ok(code)
}

fn redeem(
    tx: &mut UnitOfWork<'_>,
    (code, account): (&InviteCode, &Account),
    steps: &mut Steps,
) -> Result<()> {
    let owner = Principal::Owner(account.clone());
    tx.acting_as(owner, |tx| redemption::redeem(tx, code, account))
        .map(drop)
        .map_err(|error| seat_refused(error, steps))
}

fn admit(tx: &mut UnitOfWork<'_>, arriving: &Arriving<'_>, account: &Account) -> Result<()> {
    let admission = Admission {
        organization: arriving.organization.id,
        account_type: rules::newcomers_type(arriving, account)?,
        role: Role::Member,
        via: JoinedVia::Sso,
        groups: Vec::new(),
        seats: SeatSource::Free,
    };
    let by = JoinedBy::Connection(arriving.connection.id);
    let owner = Principal::Owner(account.clone());
    tx.acting_as(owner, |tx| {
        admission::admit(tx, &[(account, by)], &admission)
    })
}

fn seat_refused(error: Error, steps: &mut Steps) -> Error {
    if error.code() == Code::NoSeat {
        steps.add(Step::failed(
            StepName::Seat,
            "a free seat",
            "none is free",
            "Free a seat, or have the licence raised; the person then signs in again.",
        ));
    }
    error
}

fn deactivated(steps: &mut Steps) -> Error {
    steps.add(Step::failed(
        StepName::Account,
        "an active member",
        "an account that was deactivated",
        "Reactivate the member, if they are to come back.",
    ));
    Error::account_deactivated()
}

fn removed(steps: &mut Steps) -> Error {
    steps.add(Step::failed(
        StepName::Account,
        "a member, or somebody new",
        "somebody whom an admin removed",
        "Invite the person, if they are to come back.",
    ));
    Error::refused(
        Code::RemovedByAdmin,
        "An admin has removed you from this organization. Ask the people who run it to invite you.",
    )
}

/// Has the subject open the account from now on, and the rules make of its owner what they say.
///
/// # Errors
/// `identity_taken` where it opens another one.
pub(super) fn link(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    account: &Account,
    steps: &mut Steps,
) -> Result<()> {
    let now = tx.now();
    let identity = Identity {
        id: new_id::<IdentityId>(),
        organization_id: arriving.organization.id,
        connection_id: arriving.connection.id,
        account_id: account.id,
        subject: arriving.arrival.subject.clone(),
        last_used_at: now,
        created_at: now,
    };
    if !identities::insert(tx.connection, &identity)? {
        return Err(identity_taken());
    }
    let event = DomainEvent::Identity {
        organization: arriving.organization.id,
        account: account.id,
        event: IdentityEvent::Linked {
            identity: identity.id,
            connection: arriving.connection.id,
        },
    };
    let owner = Principal::Owner(account.clone());
    tx.acting_as(owner, |tx| events::publish(tx, event))?;
    let of = (arriving.connection.id, identity.id);
    claims::keep(tx, of, &arriving.arrival.claims)?;
    rules::apply_first(tx, arriving, account, steps)
}

/// The refusal of an identity that opens another account.
pub fn identity_taken() -> Error {
    Error::refused(
        Code::IdentityTaken,
        "You have come by this central system before, and it opens another account. Sign in by it, and unlink it \
         there first.",
    )
}
