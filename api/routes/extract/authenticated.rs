//! Guards by what a request proves of its sender: a credential, or nothing.

use std::future::{Ready, ready};
use std::marker::PhantomData;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest};

use super::guard::Guard;
use super::request_scope::RequestScope;
use crate::domain::ids::OrganizationId;
use crate::error::{Code, Error, Result};
use crate::routes::problem::Problem;
use crate::services::authentication::{
    Credential, authenticate, authenticate_also_confined, authenticate_before_password_change,
    authenticate_in,
};
use crate::services::authorization::{OperatorPermit, permit_operator};
use crate::services::context::Principal;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::affiliations::Affiliation;

/// Anybody: an operation that needs no credential.
#[derive(Clone)]
pub struct Anonymous(RequestScope);

impl Guard for Anonymous {
    type Permit = ();

    fn scope(&self) -> &RequestScope {
        &self.0
    }

    fn lock(&self, _: &mut UnitOfWork<'_>) -> Result<()> {
        Ok(())
    }

    fn authorize<T>(
        &self,
        tx: &mut UnitOfWork<'_>,
        work: impl FnOnce(&mut UnitOfWork<'_>, ()) -> Result<T>,
    ) -> Result<T> {
        work(tx, ())
    }
}

impl FromRequest for Anonymous {
    type Error = Problem;
    type Future = Ready<std::result::Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(RequestScope::of(request).map(Self).map_err(Problem::from))
    }
}

/// Which bearers of a credential of ours a guard takes.
pub trait Authentication: Clone + Send + 'static {
    /// The principal behind a credential.
    ///
    /// # Errors
    /// `not_signed_in`, and what this way does not take.
    fn principal(tx: &mut UnitOfWork<'_>, credential: &Credential) -> Result<Principal>;
}

/// Neither confined sessions, nor who has to change their password.
#[derive(Clone)]
pub struct Unconfined;

/// As [`Unconfined`], and confined sessions.
#[derive(Clone)]
pub struct Confined;

/// Everybody, also while they have to change their password.
#[derive(Clone)]
pub struct PasswordChangePending;

impl Authentication for Unconfined {
    fn principal(tx: &mut UnitOfWork<'_>, credential: &Credential) -> Result<Principal> {
        authenticate(tx, credential)
    }
}

impl Authentication for Confined {
    fn principal(tx: &mut UnitOfWork<'_>, credential: &Credential) -> Result<Principal> {
        authenticate_also_confined(tx, credential)
    }
}

impl Authentication for PasswordChangePending {
    fn principal(tx: &mut UnitOfWork<'_>, credential: &Credential) -> Result<Principal> {
        authenticate_before_password_change(tx, credential)
    }
}

/// The bearer of a credential of ours.
#[derive(Clone)]
pub struct Authenticated<A = Unconfined> {
    scope: RequestScope,
    credential: Credential,
    by: PhantomData<A>,
}

/// The bearer of a credential of ours, also of a confined session. Every other guard that
/// is no organization's refuses such a session.
pub type AlsoConfined = Authenticated<Confined>;

/// The bearer of a credential of ours, also while they have to change their password: for the few operations
/// that this takes. Every other guard refuses them.
pub type BeforePasswordChange = Authenticated<PasswordChangePending>;

impl<A> Authenticated<A> {
    pub(super) fn of(request: &HttpRequest) -> Result<Self> {
        let scope = RequestScope::of(request)?;
        let credential = credential(request, &scope)?;
        Ok(Self {
            scope,
            credential,
            by: PhantomData,
        })
    }
}

impl Authenticated {
    /// What they bring.
    pub(super) const fn credential(&self) -> &Credential {
        &self.credential
    }

    /// As [`Guard::authorize`], with what the bearer is to an organization, where there is such an organization.
    pub(super) fn authorize_in<T>(
        &self,
        tx: &mut UnitOfWork<'_>,
        organization: OrganizationId,
        work: impl FnOnce(&mut UnitOfWork<'_>, Option<Affiliation>) -> Result<T>,
    ) -> Result<T> {
        let (principal, affiliation) = authenticate_in(tx, &self.credential, organization)?;
        tx.acting_as(principal, |tx| work(tx, affiliation))
    }
}

fn credential(request: &HttpRequest, scope: &RequestScope) -> Result<Credential> {
    let now = scope.state.services.clock.now();
    let text = bearer(request).ok_or_else(Error::not_signed_in)?;
    Credential::recognise(text, &scope.state.signing, now)
}

fn bearer(request: &HttpRequest) -> Option<&str> {
    let header = request
        .headers()
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?;
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

impl<A: Authentication> Guard for Authenticated<A> {
    type Permit = ();

    fn scope(&self) -> &RequestScope {
        &self.scope
    }

    fn lock(&self, _: &mut UnitOfWork<'_>) -> Result<()> {
        Ok(())
    }

    fn authorize<T>(
        &self,
        tx: &mut UnitOfWork<'_>,
        work: impl FnOnce(&mut UnitOfWork<'_>, ()) -> Result<T>,
    ) -> Result<T> {
        let principal = A::principal(tx, &self.credential)?;
        tx.acting_as(principal, |tx| work(tx, ()))
    }
}

impl<A: Authentication> FromRequest for Authenticated<A> {
    type Error = Problem;
    type Future = Ready<std::result::Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request).map_err(Problem::from))
    }
}

/// An operator of the installation, in a session of their own.
#[derive(Clone)]
pub struct ByOperator(Authenticated);

impl Guard for ByOperator {
    type Permit = OperatorPermit;

    fn scope(&self) -> &RequestScope {
        self.0.scope()
    }

    fn lock(&self, _: &mut UnitOfWork<'_>) -> Result<()> {
        Ok(())
    }

    fn authorize<T>(
        &self,
        tx: &mut UnitOfWork<'_>,
        work: impl FnOnce(&mut UnitOfWork<'_>, OperatorPermit) -> Result<T>,
    ) -> Result<T> {
        self.0.authorize(tx, |tx, ()| {
            let permit = permit_operator(tx)?;
            work(tx, permit)
        })
    }
}

impl FromRequest for ByOperator {
    type Error = Problem;
    type Future = Ready<std::result::Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let guard = Authenticated::of(request).map(Self);
        ready(guard.map_err(Problem::from))
    }
}

/// Anybody; who brings a good credential acts as its bearer. One that is not good, or is not taken in this way, counts for
/// nothing.
#[derive(Clone)]
pub struct OptionallyAuthenticated<A = Unconfined> {
    scope: RequestScope,
    credential: Option<Credential>,
    by: PhantomData<A>,
}

/// As [`OptionallyAuthenticated`], also for a confined session.
pub type OptionallyConfined = OptionallyAuthenticated<Confined>;

impl<A: Authentication> Guard for OptionallyAuthenticated<A> {
    type Permit = ();

    fn scope(&self) -> &RequestScope {
        &self.scope
    }

    fn lock(&self, _: &mut UnitOfWork<'_>) -> Result<()> {
        Ok(())
    }

    fn authorize<T>(
        &self,
        tx: &mut UnitOfWork<'_>,
        work: impl FnOnce(&mut UnitOfWork<'_>, ()) -> Result<T>,
    ) -> Result<T> {
        let principal = match &self.credential {
            Some(credential) => A::principal(tx, credential),
            None => Ok(Principal::Anonymous),
        };
        match principal {
            Err(error) if matches!(error.code(), Code::NotSignedIn | Code::SessionConfined) => {
                work(tx, ())
            }
            principal => tx.acting_as(principal?, |tx| work(tx, ())),
        }
    }
}

impl<A: Authentication> FromRequest for OptionallyAuthenticated<A> {
    type Error = Problem;
    type Future = Ready<std::result::Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let guard = RequestScope::of(request).map(|scope| Self {
            credential: credential(request, &scope).ok(),
            scope,
            by: PhantomData,
        });
        ready(guard.map_err(Problem::from))
    }
}
