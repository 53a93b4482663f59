//! The guard of what setup links open.

use std::future::{Ready, ready};
use std::marker::PhantomData;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};

use super::authenticated::Authenticated;
use super::guard::Guard;
use super::request_scope::RequestScope;
use crate::error::Result;
use crate::routes::problem::Problem;
use crate::services::authentication::{
    authenticate_setup_link, lock_by_setup_link, takes_a_setup_link,
};
use crate::services::authorization::{Permission, Permit, permit_setup_link};
use crate::services::context::Principal;
use crate::services::sso::setup_links;
use crate::services::unit_of_work::UnitOfWork;

/// Whoever brings a setup link, in its organization, where they need the permission `P`. The principal names the one
/// connection that the link is for.
#[derive(Clone)]
pub struct BySetupLink<P> {
    authenticated: Authenticated,
    permission: PhantomData<fn() -> P>,
}

impl<P: Permission + 'static> Guard for BySetupLink<P> {
    type Permit = Permit<P>;

    fn scope(&self) -> &RequestScope {
        self.authenticated.scope()
    }

    fn lock(&self, tx: &mut UnitOfWork<'_>) -> Result<()> {
        lock_by_setup_link(tx, self.authenticated.credential())
    }

    fn authorize<T>(
        &self,
        tx: &mut UnitOfWork<'_>,
        work: impl FnOnce(&mut UnitOfWork<'_>, Permit<P>) -> Result<T>,
    ) -> Result<T> {
        let by = authenticate_setup_link(tx, self.authenticated.credential())?;
        let permit = permit_setup_link::<P>(tx, &by)?;
        tx.acting_as(Principal::SetupLink(by), |tx| {
            setup_links::note_use(tx)?;
            tx.reading_outside_of_transactions(|tx| work(tx, permit))
        })
    }
}

impl<P: 'static> FromRequest for BySetupLink<P> {
    type Error = Problem;
    type Future = Ready<std::result::Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let guard = Authenticated::of(request).map(|authenticated| Self {
            authenticated,
            permission: PhantomData,
        });
        // Whoever has a link has no account to sign in to.
        ready(guard.map_err(|_| takes_a_setup_link().into()))
    }
}
