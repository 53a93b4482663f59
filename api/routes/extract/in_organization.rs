//! Guards by the organization, or group, of the path, and the permission that its operation needs there.

use std::future::{Ready, ready};
use std::marker::PhantomData;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use serde::Deserialize;
use utoipa::IntoParams;

use super::authenticated::Authenticated;
use super::guard::Guard;
use super::request_scope::RequestScope;
use crate::domain::ids::{AccountId, GroupId, OrganizationId};
use crate::error::{Error, Result};
use crate::routes::problem::Problem;
use crate::services::authorization::{
    self, GroupPermit, Permission, Permit, permit_affiliated, permit_for_group,
};
use crate::services::unit_of_work::UnitOfWork;

/// The organization that a request is about.
#[derive(Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OrganizationPath {
    /// The organization.
    pub organization_id: OrganizationId,
}

/// The bearer of a credential, in the organization of the path, where they need the permission `P`.
#[derive(Clone)]
pub struct InOrganization<P> {
    authenticated: Authenticated,
    organization: OrganizationId,
    permission: PhantomData<fn() -> P>,
}

impl<P> InOrganization<P> {
    /// The bearer, for what needs no permission.
    pub const fn authenticated(&self) -> &Authenticated {
        &self.authenticated
    }

    /// The organization of the path.
    pub const fn organization(&self) -> OrganizationId {
        self.organization
    }
}

impl<P: Permission + 'static> Guard for InOrganization<P> {
    type Permit = Permit<P>;

    fn scope(&self) -> &RequestScope {
        self.authenticated.scope()
    }

    fn organization(&self) -> Option<OrganizationId> {
        Some(self.organization)
    }

    fn lock(&self, tx: &mut UnitOfWork<'_>) -> Result<()> {
        authorization::lock(tx, self.organization)
    }

    fn authorize<T>(
        &self,
        tx: &mut UnitOfWork<'_>,
        work: impl FnOnce(&mut UnitOfWork<'_>, Permit<P>) -> Result<T>,
    ) -> Result<T> {
        self.authenticated
            .authorize_in(tx, self.organization, |tx, affiliation| {
                let permit = permit_affiliated::<P>(tx, self.organization, affiliation)?;
                tx.reading_outside_of_transactions(|tx| work(tx, permit))
            })
    }
}

impl<P: 'static> FromRequest for InOrganization<P> {
    type Error = Problem;
    type Future = Ready<std::result::Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let guard = Authenticated::of(request).and_then(|authenticated| {
            let path: OrganizationPath = path_of(request)?;
            Ok(Self {
                authenticated,
                organization: path.organization_id,
                permission: PhantomData,
            })
        });
        ready(guard.map_err(Problem::from))
    }
}

/// The group of an organization that a request is about.
#[derive(Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct GroupPath {
    /// The organization.
    pub organization_id: OrganizationId,
    /// The group.
    pub group_id: GroupId,
}

/// The bearer of a credential, in the group of the path, where they need the permission `P`.
#[derive(Clone)]
pub struct InGroup<P> {
    authenticated: Authenticated,
    path: GroupPath,
    permission: PhantomData<fn() -> P>,
}

impl<P: Permission + 'static> Guard for InGroup<P> {
    type Permit = GroupPermit<P>;

    fn scope(&self) -> &RequestScope {
        self.authenticated.scope()
    }

    fn organization(&self) -> Option<OrganizationId> {
        Some(self.path.organization_id)
    }

    fn lock(&self, tx: &mut UnitOfWork<'_>) -> Result<()> {
        authorization::lock(tx, self.path.organization_id)
    }

    fn authorize<T>(
        &self,
        tx: &mut UnitOfWork<'_>,
        work: impl FnOnce(&mut UnitOfWork<'_>, GroupPermit<P>) -> Result<T>,
    ) -> Result<T> {
        let GroupPath {
            organization_id,
            group_id,
        } = self.path;
        self.authenticated
            .authorize_in(tx, organization_id, |tx, affiliation| {
                let permit = permit_affiliated::<P>(tx, organization_id, affiliation)?;
                let permit = permit_for_group(tx, permit, group_id)?;
                tx.reading_outside_of_transactions(|tx| work(tx, permit))
            })
    }
}

impl<P: 'static> FromRequest for InGroup<P> {
    type Error = Problem;
    type Future = Ready<std::result::Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let guard = Authenticated::of(request).and_then(|authenticated| {
            Ok(Self {
                authenticated,
                path: path_of(request)?,
                permission: PhantomData,
            })
        });
        ready(guard.map_err(Problem::from))
    }
}

/// The member of an organization that a request is about.
#[derive(Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct MemberPath {
    /// The organization.
    #[expect(dead_code, reason = "the document names it; the guard reads it itself")]
    pub organization_id: OrganizationId,
    /// The member's account.
    pub account_id: AccountId,
}

/// The part of a path that a guard needs.
fn path_of<T: for<'de> Deserialize<'de>>(request: &HttpRequest) -> Result<T> {
    let path = web::Path::<T>::extract(request).into_inner();
    path.map(web::Path::into_inner)
        .map_err(|_| Error::nothing_at_path())
}
