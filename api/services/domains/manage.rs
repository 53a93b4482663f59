//! An organization's domains: added, listed, changed, removed.

use super::publication::publish;
use super::{daily, proof};
use crate::clock::new_id;
use crate::crypto::random;
use crate::domain::domain_list::{MAILBOX_PROVIDERS, PUBLIC_SUFFIXES};
use crate::domain::domains::{DomainStatus, Joining};
use crate::domain::email_domain::EmailDomain;
use crate::domain::events::EmailDomainEvent;
use crate::domain::ids::DomainId;
use crate::error::{Code, Error, Result};
use crate::services::authorization::{self, ManageDomains, Permit, VouchForDomains};
use crate::services::sign_on_requirement::require_without_domain;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::Page;
use crate::store::domains::{self, Domain};

/// The most domains that an organization has, of whatever status.
const MAX_DOMAINS: i64 = 100;

/// What a new domain is to be.
#[derive(Clone, Debug)]
pub struct NewDomain {
    pub domain: EmailDomain,
    pub joining: Joining,
}

/// What may change of a domain; absent fields stay.
#[derive(Clone, Copy, Debug)]
pub struct DomainChanges {
    pub joining: Option<Joining>,
    /// Whether an operator vouches for it.
    pub vouched: Option<bool>,
}

/// Adds a domain, which has to be proven. That somebody else has proven it is told only then: whoever can prove
/// it may know. One that a setup link adds counts at its connection only, until an admin changes or checks it.
///
/// # Errors
/// `domain_not_provable`; `domain_taken` where the organization has it already; `validation_failed` where it has as
/// many as it may have.
pub fn add(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageDomains>,
    new: NewDomain,
) -> Result<Domain> {
    require_provable(tx, &new.domain)?;
    let link = tx.context.principal.setup_link().ok();
    let counts_only_at = link.map(|link| link.connection_id);
    let domain = Domain {
        id: new_id::<DomainId>(),
        organization_id: permit.organization.id,
        domain: new.domain,
        challenge: random::domain_challenge()?,
        status: DomainStatus::Pending,
        joining: new.joining,
        vouched: false,
        checked_at: None,
        missing_since: None,
        proven_at: None,
        counts_only_at,
        created_at: tx.now(),
    };
    tx.transaction(|tx| {
        if !domains::insert(tx.connection, &domain)? {
            return Err(added_already());
        }
        refuse_too_many(tx, &domain)?;
        daily::queue(tx, &domain)?;
        let joining = domain.joining;
        publish(tx, &domain, EmailDomainEvent::Added { joining })
    })?;
    Ok(domain)
}

fn require_provable(tx: &UnitOfWork<'_>, domain: &EmailDomain) -> Result<()> {
    if MAILBOX_PROVIDERS.contains(domain) {
        return Err(for_everybody());
    }
    if PUBLIC_SUFFIXES.contains(domain) {
        return Err(Error::refused(
            Code::DomainNotProvable,
            "Everybody gets names below this domain, so it is no organization's. Add the domain that your organization \
             has registered below it.",
        ));
    }
    if tx.services.config.login_domain.has(domain) {
        return Err(Error::refused(
            Code::DomainNotProvable,
            "Rollcall makes up the addresses of this domain itself, so it is no organization's.",
        ));
    }
    Ok(())
}

/// The refusal of a domain in which anybody can get a mailbox.
pub fn for_everybody() -> Error {
    Error::refused(
        Code::DomainNotProvable,
        "Anybody can get a mailbox in this domain, so it is no organization's. Add the domain of addresses that \
         only your people have.",
    )
}

/// The refusal of a domain that the organization has.
pub fn added_already() -> Error {
    Error::refused(
        Code::DomainTaken,
        "This organization has this domain already. It is in the list of domains.",
    )
}

/// Counts with the new one: the organization is locked, so that nobody adds another meanwhile.
fn refuse_too_many(tx: &mut UnitOfWork<'_>, new: &Domain) -> Result<()> {
    if domains::count(tx.connection, new.organization_id)? <= MAX_DOMAINS {
        return Ok(());
    }
    let detail = format!(
        "An organization has at most {MAX_DOMAINS} domains. Remove one that it does not need."
    );
    Err(Error::invalid("", "too_many", detail))
}

/// One domain.
///
/// # Errors
/// `not_found` where the organization has no such domain.
pub fn find(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageDomains>,
    id: DomainId,
) -> Result<Domain> {
    let found = domains::find(tx.connection, permit.organization.id, id)?;
    found.ok_or_else(no_such_domain)
}

/// A page of domains, in the order in which they were added.
pub fn list(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageDomains>,
    page: Page<DomainId>,
) -> Result<Vec<Domain>> {
    domains::list(tx.connection, permit.organization.id, page)
}

/// Changes a domain, and gives it as it is then. One that an operator vouches for no more waits for its record.
///
/// # Errors
/// `not_found`; `forbidden` where another than an operator vouches; `domain_taken` where another organization has
/// proven it.
pub fn update(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageDomains>,
    id: DomainId,
    changes: DomainChanges,
) -> Result<Domain> {
    if changes.vouched.is_some() {
        authorization::permit::<VouchForDomains>(tx, permit.organization.id)?;
    }
    tx.transaction(|tx| {
        let known = find(tx, permit, id)?;
        let joining = changes.joining.filter(|joining| *joining != known.joining);
        let vouched = changes.vouched.filter(|vouched| *vouched != known.vouched);
        let mut new = match vouched {
            Some(true) => proof::vouched(tx, &known),
            Some(false) => proof::unproven(&known),
            None => known.clone(),
        };
        new.joining = joining.unwrap_or(known.joining);
        new.counts_only_at = None;
        if !domains::replace(tx.connection, &known, &new)? {
            return Err(proof::taken());
        }
        if joining.is_some() || vouched.is_some() {
            publish(tx, &new, EmailDomainEvent::Updated { joining, vouched })?;
        }
        if known.status != DomainStatus::Proven && new.status == DomainStatus::Proven {
            publish(tx, &new, EmailDomainEvent::Proven { vouched: true })?;
        }
        Ok(new)
    })
}

/// Removes a domain. Whoever joined by it stays.
///
/// # Errors
/// `not_found`; `last_sign_in_method` where people sign in by it who have no other way.
pub fn remove(tx: &mut UnitOfWork<'_>, permit: &Permit<ManageDomains>, id: DomainId) -> Result<()> {
    tx.transaction(|tx| {
        let known = find(tx, permit, id)?;
        if known.status != DomainStatus::Pending {
            require_without_domain(tx, &known)?;
        }
        if !domains::delete(tx.connection, known.organization_id, id)? {
            return Err(no_such_domain());
        }
        daily::delete(tx, id)?;
        publish(tx, &known, EmailDomainEvent::Removed)
    })
}

fn no_such_domain() -> Error {
    Error::not_found("domain")
}
