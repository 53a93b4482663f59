//! Organizations: made by their first admin, changed, deleted (PRODUCT 3.1).

use serde_json::json;

use super::admission::{self, SeatSource, require_account_type};
use super::audit::{self, Event, Subject};
use super::authorization::{ManageOrganization, Permit};
use super::invite_codes;
use super::sessions::SignedIn;
use crate::clock::new_id;
use crate::config::OrganizationCreation;
use crate::domain::audit::AuditAction;
use crate::domain::ids::OrganizationId;
use crate::domain::organization::{JoinedVia, OrganizationKind, Role};
use crate::domain::slug::{Slug, SlugFallback};
use crate::domain::timestamp::Timestamp;
use crate::error::{Code, Error, Result};
use crate::store::memberships::Admission;
use crate::store::organizations::{Organization, OrganizationChanges, Visible};
use crate::store::{
    Connection, accounts, imports, invitations, managed_accounts, organizations, seats, transaction,
};

/// What a new organization is to be.
#[derive(Clone, Debug)]
pub struct NewOrganization {
    pub name: String,
    pub kind: OrganizationKind,
}

/// Makes an organization; the caller becomes its first admin, with the staff account type.
///
/// # Errors
/// `forbidden` where only operators may.
pub fn create(
    connection: &mut Connection,
    caller: &SignedIn,
    who_may: OrganizationCreation,
    new: NewOrganization,
) -> Result<Organization> {
    if who_may == OrganizationCreation::Operators && !caller.account.operator {
        return Err(Error::forbidden(
            "Only the operators of this installation create organizations. Ask them for one.",
        ));
    }
    transaction(connection, |connection| {
        let organization = insert_with_free_slug(connection, new, caller.act.at)?;
        let id = organization.id;
        seats::insert(connection, id, &organization.kind.account_types())?;
        invite_codes::make(connection, id, None, caller.act.at)?;
        admit_founder(connection, caller, &organization)?;
        let (name, kind, slug) = (&organization.name, organization.kind, &organization.slug);
        let details = json!({ "name": name, "kind": kind, "slug": slug });
        let subject = Subject::Organization(id);
        let event = Event::within(id, AuditAction::OrganizationCreated, subject, details);
        audit::record(connection, &caller.act, event)?;
        Ok(organization)
    })
}

/// Tries `name`, `name-2`, `name-3`, … until one is free; after many, the id's digits settle it.
fn insert_with_free_slug(
    connection: &mut Connection,
    new: NewOrganization,
    created_at: Timestamp,
) -> Result<Organization> {
    const TRIES: u32 = 20;
    let slug = Slug::from_name(&new.name, SlugFallback::Organization);
    let mut organization = Organization {
        id: new_id::<OrganizationId>(),
        slug: slug.clone(),
        name: new.name,
        kind: new.kind,
        default_account_type: new.kind.default_account_type(),
        active_admins: 0,
        created_at,
    };
    let numbers = (2..TRIES).chain(std::iter::once(organization.id.digits()));
    let numbered = numbers.map(|number| slug.numbered(number));
    for candidate in std::iter::once(slug.clone()).chain(numbered) {
        organization.slug = candidate;
        if organizations::insert(connection, &organization)? {
            return Ok(organization);
        }
    }
    Err(Error::internal("no slug is free"))
}

fn admit_founder(
    connection: &mut Connection,
    caller: &SignedIn,
    organization: &Organization,
) -> Result<()> {
    let admission = Admission {
        organization: organization.id,
        account_type: organization.kind.staff_account_type(),
        role: Role::Admin,
        joined_via: JoinedVia::Founder,
        joined_at: caller.act.at,
    };
    let founder = std::slice::from_ref(&caller.account);
    admission::admit(connection, founder, &admission, &[], SeatSource::Free)?;
    Ok(())
}

/// A page of the organizations that the caller sees: their own, or all for an operator.
pub fn list(
    connection: &mut Connection,
    caller: &SignedIn,
    after: Option<OrganizationId>,
    limit: i64,
) -> Result<Vec<Organization>> {
    let visible = if caller.account.operator {
        Visible::All
    } else {
        Visible::Of(caller.account.id)
    };
    organizations::list(connection, visible, after, limit)
}

/// Changes an organization and gives it as it is then.
///
/// # Errors
/// `account_type_not_in_kind`, or `name_taken` for a slug.
pub fn update(
    connection: &mut Connection,
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
    transaction(connection, |connection| {
        if !organizations::update(connection, organization.id, changes)? {
            return Err(Error::refused(
                Code::NameTaken,
                "Another organization has this slug. Choose a different one.",
            ));
        }
        audit::record(
            connection,
            &permit.act,
            Event::within(
                organization.id,
                AuditAction::OrganizationUpdated,
                Subject::Organization(organization.id),
                json!({
                    "name": changes.name,
                    "slug": changes.slug,
                    "default_account_type": changes.default_account_type,
                }),
            ),
        )?;
        organizations::find(connection, organization.id)?
            .ok_or_else(|| Error::not_found("organization"))
    })
}

/// Deletes an organization with everything in it. Accounts that it manages go with it, unless they
/// are in another organization too, or invited there: these are their owners' own from then on. Everybody else only
/// loses the membership.
pub fn delete(connection: &mut Connection, permit: &Permit<ManageOrganization>) -> Result<()> {
    let organization = &permit.organization;
    transaction(connection, |connection| {
        imports::delete_all(connection, organization.id)?;
        organizations::lock(connection, organization.id)?;
        invitations::delete_all(connection, organization.id)?;
        record_deletion(connection, permit)?;
        accounts::lock_managed_for_deletion(connection, organization.id)?;
        accounts::delete_managed_only_here(connection, organization.id)?;
        managed_accounts::release_all(connection, organization.id)?;
        if organizations::delete(connection, organization.id)? {
            return Ok(());
        }
        Err(Error::not_found("organization"))
    })
}

/// Before the deletion, which may take the actor's account with it: the event then keeps the name.
/// It belongs to no organization's log, because there is none any more.
fn record_deletion(connection: &mut Connection, permit: &Permit<ManageOrganization>) -> Result<()> {
    let organization = &permit.organization;
    let details = json!({ "name": organization.name, "slug": organization.slug });
    let subject = Subject::Organization(organization.id);
    let event = Event::outside(AuditAction::OrganizationDeleted, subject, details);
    audit::record(connection, &permit.act, event)
}
