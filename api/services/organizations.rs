//! Organizations: created by their first admin, changed, deleted.

use super::admission::{self, Admission, SeatSource, require_account_type};
use super::authorization::{ManageOrganization, Permit};
use super::confinement::opened_organizations;
use super::limits::{self, Limit, LimitRequest};
use super::reauthentication::Reauthenticated;
use super::unit_of_work::UnitOfWork;
use super::{events, invite_codes, organization_deletion};
use crate::clock::new_id;
use crate::config::OrganizationCreation;
use crate::domain::events::{DomainEvent, JoinedBy, OrganizationEvent};
use crate::domain::ids::OrganizationId;
use crate::domain::organization::{JoinedVia, OrganizationKind, Role};
use crate::domain::slug::{Slug, SlugFallback};
use crate::error::{Code, Error, Result};
use crate::store::accounts::Account;
use crate::store::organizations::{Organization, OrganizationChanges, Visible};
use crate::store::{Page, organizations, seats};

/// What a new organization is to be.
#[derive(Clone, Debug)]
pub struct NewOrganization {
    pub name: String,
    pub kind: OrganizationKind,
}

/// Creates an organization; the caller becomes its first admin, with the staff account type.
///
/// # Errors
/// `forbidden` where only operators may, `rate_limited`.
pub fn create(tx: &mut UnitOfWork<'_>, new: NewOrganization) -> Result<Organization> {
    let founder = tx.context.principal.session()?.account.clone();
    let may_create = match tx.services.config.organization_creation {
        OrganizationCreation::Anyone => true,
        OrganizationCreation::Operators => tx.context.principal.is_operator(),
    };
    if !may_create {
        return Err(only_for_operators());
    }
    tx.transaction(|tx| {
        if !tx.context.principal.is_operator() {
            let founded = LimitRequest::one(Limit::Organizations, founder.id.to_string());
            limits::take(tx, &[founded])?;
        }
        let organization = insert_with_free_slug(tx, new)?;
        let id = organization.id;
        seats::insert(tx.connection, id, &organization.kind.account_types())?;
        invite_codes::create(tx.connection, id, None, tx.now())?;
        let event = OrganizationEvent::Created {
            name: organization.name.clone(),
            kind: organization.kind,
            slug: organization.slug.clone(),
        };
        events::publish(tx, about(&organization, event))?;
        admit_founder(tx, &founder, &organization)?;
        Ok(organization)
    })
}

fn about(organization: &Organization, event: OrganizationEvent) -> DomainEvent {
    DomainEvent::Organization {
        organization: organization.id,
        event,
    }
}

/// Tries `name`, `name-2`, `name-3`, … until one is free; after many, the id's digits settle it.
fn insert_with_free_slug(tx: &mut UnitOfWork<'_>, new: NewOrganization) -> Result<Organization> {
    const TRIES: u32 = 20;
    let slug = Slug::from_name(&new.name, SlugFallback::Organization);
    let mut organization = Organization {
        id: new_id::<OrganizationId>(),
        slug: slug.clone(),
        name: new.name,
        kind: new.kind,
        default_account_type: new.kind.default_account_type(),
        active_admins: 0,
        sso_required: false,
        created_at: tx.now(),
    };
    let numbers = (2..TRIES).chain(std::iter::once(organization.id.digits()));
    let numbered = numbers.map(|number| slug.numbered(number));
    for candidate in std::iter::once(slug.clone()).chain(numbered) {
        organization.slug = candidate;
        if organizations::insert(tx.connection, &organization)? {
            return Ok(organization);
        }
    }
    Err(Error::internal("no slug is free"))
}

fn admit_founder(
    tx: &mut UnitOfWork<'_>,
    founder: &Account,
    organization: &Organization,
) -> Result<()> {
    let admission = Admission {
        organization: organization.id,
        account_type: organization.kind.staff_account_type(),
        role: Role::Admin,
        via: JoinedVia::Founder,
        groups: Vec::new(),
        seats: SeatSource::Free,
    };
    admission::admit(tx, &[(founder, JoinedBy::Founding)], &admission)
}

/// A page of the organizations that the caller sees: their own, or all for an operator.
pub fn list(tx: &mut UnitOfWork<'_>, page: Page<OrganizationId>) -> Result<Vec<Organization>> {
    let account = tx.context.principal.session()?.account.id;
    let visible = match opened_organizations(tx)? {
        Some(opened) => Visible::Among(account, opened),
        None if tx.context.principal.is_operator() => Visible::All,
        None => Visible::Of(account),
    };
    organizations::list(tx.connection, visible, page)
}

/// Changes an organization and gives it as it is then.
///
/// # Errors
/// `account_type_not_in_kind`, or `name_taken` for a slug.
pub fn update(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageOrganization>,
    changes: &OrganizationChanges,
) -> Result<Organization> {
    let organization = &permit.organization;
    if let Some(account_type) = changes.default_account_type {
        require_account_type(organization, account_type)?;
    }
    if changes.is_empty() {
        return Ok(organization.clone());
    }
    tx.transaction(|tx| {
        if !organizations::update(tx.connection, organization.id, changes)? {
            return Err(slug_taken());
        }
        let updated = organizations::find(tx.connection, organization.id)?
            .ok_or_else(|| Error::not_found("organization"))?;
        let event = OrganizationEvent::Updated {
            name: changes.name.clone(),
            slug: changes.slug.clone(),
            default_account_type: changes.default_account_type,
        };
        events::publish(tx, about(organization, event))?;
        Ok(updated)
    })
}

/// Deletes an organization with everything in it. There is no way back, so that it takes the caller's password.
///
/// # Errors
/// `not_found` where it is gone.
pub fn delete(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageOrganization>,
    _proof: Reauthenticated,
) -> Result<()> {
    tx.transaction(|tx| organization_deletion::delete(tx, &permit.organization))
}

/// The refusal to create an organization where only operators may.
pub fn only_for_operators() -> Error {
    Error::forbidden(
        "Only the operators of this installation create organizations. Ask them for one.",
    )
}

/// The refusal of a slug that another organization has.
pub fn slug_taken() -> Error {
    Error::refused(
        Code::NameTaken,
        "Another organization has this slug. Choose a different one.",
    )
}
