//! Which account somebody opens who came by an identity provider (`docs/sso.md#who-it-is`).

use super::arriving::{Arriving, asserted_address, is_domain_proven, name_of};
use super::carried_codes::lock_account;
use super::carried_invitations::{invited_account, made_unopened, require_none};
use super::entering::{Entered, enter, is_removed_subject, join, require_expected};
use super::entry_refusals::{lapsed, removed};
use super::first_proof::{prove_mailbox, takes_its_owner};
use super::following::follow;
use super::settings::issuer_of;
use super::{claims, rules};
use crate::clock::new_id;
use crate::domain::connections::{Preset, SignInOutcome};
use crate::domain::diagnosis::{Step, StepName, Steps};
use crate::domain::email_address::EmailAddress;
use crate::domain::events::{DomainEvent, IdentityEvent};
use crate::domain::ids::{AccountId, IdentityId};
use crate::domain::username::Username;
use crate::error::{Code, Error, Result};
use crate::services::context::Principal;
use crate::services::invitations;
use crate::services::unit_of_work::UnitOfWork;
use crate::services::verification::verify_email;
use crate::services::{events, generated_addresses, takeover};
use crate::store::accounts::{self, Account};
use crate::store::identities::{self, Identity};
use crate::store::invitations::Invitation;
use crate::store::{memberships, removed_members};

/// What they open.
pub(super) enum Resolution {
    /// This account, as a member, or as somebody who is one once their address is verified.
    Opens(Box<Account>, Entered),
    /// This account, once they have shown that it is theirs.
    LinkRequired(Box<Account>),
}

/// Finds, or makes, the account of who comes, and lets them in. Call it in the transaction that has locked the
/// organization; a refusal is the last of the steps.
///
/// # Errors
/// `account_deactivated`, `removed_by_admin`, `no_seat`, `not_expected_here`; those of an invite code and of an
/// invitation.
pub(super) fn resolve(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    steps: &mut Steps,
) -> Result<Resolution> {
    let (connection, arrival) = (arriving.connection, arriving.arrival);
    let known = identities::find_by_subject(tx.connection, connection, &arrival.subject)?;
    if let Some(known) = known {
        return by_identity(tx, arriving, known, steps);
    }
    steps.add(Step::ok(
        StepName::Identity,
        "This person comes for the first time.",
    ));
    if let Some(invited) = invited(tx, arriving)? {
        if made_unopened(&invited) {
            return by_invitation(tx, arriving, invited.1, steps);
        }
        steps.add(Step::ok(
            StepName::Account,
            "The account that an invitation is for, whose owner has to show that it is theirs.",
        ));
        return Ok(Resolution::LinkRequired(Box::new(invited.1)));
    }
    match asserted_address(tx, arrival, steps) {
        Some(email) => by_address(tx, arriving, email, steps),
        None => without_address(tx, arriving, steps),
    }
}

/// Opens the account of somebody who has come before.
fn by_identity(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    (identity, account): (Identity, Account),
    steps: &mut Steps,
) -> Result<Resolution> {
    steps.add(Step::ok(StepName::Identity, "This person has come before."));
    let mut account = locked(tx, arriving, account.id)?;
    let use_of_it = (tx.now(), arriving.workspace());
    if !identities::touch(tx.connection, &identity, use_of_it)? {
        return Err(Error::conflict("the identity was unlinked meanwhile"));
    }
    // Before entering, where it may be the first proof of the mailbox: a code may have waited for that.
    let is_unproven = account.email_verified_at.is_none();
    if is_unproven {
        account = follow(tx, arriving, (account, identity.id), steps)?;
    }
    let said = arriving.believed_claims(&account);
    claims::keep(tx, (arriving.connection, identity.id), &said)?;
    let entered = enter(tx, arriving, &account, steps)?;
    if entered.waits() {
        return Ok(Resolution::Opens(Box::new(account), entered));
    }
    if !is_unproven {
        account = follow(tx, arriving, (account, identity.id), steps)?;
    }
    if joined_since(tx, &identity)? {
        rules::apply_first(tx, arriving, &account, steps)?;
    } else {
        rules::apply_again(tx, arriving, &account, steps)?;
    }
    Ok(Resolution::Opens(Box::new(account), entered))
}

/// The account of who comes, locked; the next try sees one that was deleted at this moment.
fn locked(tx: &mut UnitOfWork<'_>, arriving: &Arriving<'_>, account: AccountId) -> Result<Account> {
    let locked = lock_account(tx, arriving, account)?;
    locked.ok_or_else(|| Error::conflict("the account was deleted meanwhile"))
}

/// Whether somebody has become a member since they came last, as by a code that waited: no rules were tried then.
fn joined_since(tx: &mut UnitOfWork<'_>, identity: &Identity) -> Result<bool> {
    let (organization, account) = (identity.organization_id, identity.account_id);
    let membership = memberships::find(tx.connection, organization, account)?;
    Ok(membership.is_some_and(|membership| membership.joined_at > identity.last_used_at))
}

/// The account that the flow's invitation is for, with the invitation, unless the address finds the account and links it.
fn invited(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
) -> Result<Option<(Invitation, Account)>> {
    let Some(found) = invited_account(tx, arriving)? else {
        return Ok(None);
    };
    let named = asserted_address(tx, arriving.arrival, &mut Steps::default());
    let is_named = named.as_ref() == Some(&found.1.email);
    let is_managed_here = found.1.is_managed_by(arriving.organization.id);
    let is_linked = !made_unopened(&found) && is_named && is_managed_here && arriving.is_proven;
    Ok((!is_linked).then_some(found))
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
    let account = locked(tx, arriving, account.id)?;
    if account.password_hash.is_some() {
        return Err(Error::conflict("the account was opened meanwhile"));
    }
    let entered = enter(tx, arriving, &account, steps)?;
    let identity = link(tx, arriving, &account, steps)?;
    let owner = Principal::Owner(account.clone());
    tx.acting_as(owner, |tx| verify_email(tx, &account))?;
    let account = accounts::find(tx.connection, account.id)?.unwrap_or(account);
    let account = follow(tx, arriving, (account, identity), steps)?;
    let entered = entered.told_as(SignInOutcome::Linked);
    Ok(Resolution::Opens(Box::new(account), entered))
}

fn by_address(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    email: EmailAddress,
    steps: &mut Steps,
) -> Result<Resolution> {
    let organization = arriving.organization.id;
    let mut found = accounts::find_by_email(tx.connection, &email)?;
    let may_be_linked =
        |account: &Account| account.is_managed_by(organization) && arriving.is_proven;
    if let Some(account) = found.take_if(|account| may_be_linked(account)) {
        found = Some(locked(tx, arriving, account.id)?);
    }
    match found {
        Some(account) if may_be_linked(&account) && !takes_its_owner(tx, &account)? => {
            steps.add(Step::ok(
                StepName::Account,
                "The organization manages the account with this address, in a domain that it has proven.",
            ));
            let account = prove_mailbox(tx, arriving, (account, None), steps)?;
            let mut entered = enter(tx, arriving, &account, steps)?;
            let identity = link(tx, arriving, &account, steps)?;
            let account = follow(tx, arriving, (account, identity), steps)?;
            if entered.outcome == SignInOutcome::SignedIn {
                entered = entered.told_as(SignInOutcome::Linked);
            }
            Ok(Resolution::Opens(Box::new(account), entered))
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
            account.email_verified_at = arriving.is_proven.then_some(tx.now());
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
    require_none(tx, arriving, steps)?;
    let code = require_expected(tx, arriving, steps)?;
    if !accounts::insert(tx.connection, &account)? && !takeover::take_over(tx, &account)? {
        return Err(Error::conflict(
            "an account with the address came meanwhile",
        ));
    }
    let made = arriving.said("An account is to be made.", "An account would be made.");
    steps.add(Step::ok(StepName::Account, made));
    let entered = join(tx, arriving, (code, &account), steps)?;
    link(tx, arriving, &account, steps)?;
    let entered = entered.told_as(SignInOutcome::AccountCreated);
    Ok(Resolution::Opens(Box::new(account), entered))
}

/// Has the subject open the account from now on, and the rules make of its owner what they say. Gives the identity.
///
/// # Errors
/// `identity_taken` where it opens another one.
pub(super) fn link(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    account: &Account,
    steps: &mut Steps,
) -> Result<IdentityId> {
    require_proven_tenant(tx, arriving, steps)?;
    let now = tx.now();
    let identity = Identity {
        id: new_id::<IdentityId>(),
        organization_id: arriving.organization.id,
        connection_id: arriving.connection.id,
        account_id: account.id,
        subject_issuer: named_by(arriving)?,
        named_issuer: issuer_of(arriving.connection)?,
        subject: arriving.arrival.subject.clone(),
        workspace: arriving.workspace(),
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
    tx.acting_as(owner, |tx| {
        events::publish(tx, event)?;
        // Who comes uses from now on the account that an invitation made.
        invitations::accept_by_use(tx, account.id)
    })?;
    let said = arriving.believed_claims(account);
    claims::keep(tx, (arriving.connection, identity.id), &said)?;
    rules::apply_first(tx, arriving, account, steps)?;
    Ok(identity.id)
}

/// Refuses somebody new of a Google Workspace whose domain has lapsed: it may be another's by now. Who has come before stays
/// who they are.
fn require_proven_tenant(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    steps: &mut Steps,
) -> Result<()> {
    if arriving.connection.preset != Preset::Google {
        return Ok(());
    }
    let named = arriving.workspace().unwrap_or_default();
    if is_domain_proven(tx, arriving.connection, &named)? {
        return Ok(());
    }
    Err(lapsed(&named, steps))
}

fn named_by(arriving: &Arriving<'_>) -> Result<Vec<u8>> {
    let issuer = arriving.connection.subject_issuer.clone();
    issuer.ok_or_else(|| Error::internal("a connection that signs people in names no issuer"))
}

/// The refusal of an identity that opens another account.
pub fn identity_taken() -> Error {
    Error::refused(
        Code::IdentityTaken,
        "You have come by this central system before, and that opens another account. Sign in with it, and unlink it in that \
         account first.",
    )
}
