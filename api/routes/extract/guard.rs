//! Guards: who sends a request, and what they may do. A handler acts by one of them or not at all.
//!
//! A guard recognises a credential without the database. The session or the key behind it, and the
//! permission, are checked on the connection that does the work, and in its transaction: [`Guard::run`]
//! reads, [`Guard::change`] and [`Guard::run_once`] change something.

use std::future::{Ready, ready};
use std::marker::PhantomData;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use serde::Deserialize;
use utoipa::IntoParams;

use super::client_address::client_of;
use super::idempotency::Idempotency;
use super::request_info::RequestInfo;
use crate::crypto::turns::Requester;
use crate::domain::client_address::Client;
use crate::domain::ids::{AccountId, GroupId, OrganizationId};
use crate::error::{Code, Error, Result};
use crate::routes::problem::Problem;
use crate::services::authentication::{
    Credential, authenticate, authenticate_before_password_change,
};
use crate::services::authorization::{
    self, GroupPermit, Permission, Permit, permit, permit_in_group,
};
use crate::services::context::Principal;
use crate::services::idempotency::{Execution, StoredResponse};
use crate::services::unit_of_work::UnitOfWork;
use crate::state::State;

/// What a request is served with: the shared state, and what the request tells of itself.
#[derive(Clone)]
pub struct RequestScope {
    pub state: State,
    pub info: RequestInfo,
    pub client: Client,
}

impl RequestScope {
    /// For whom a password is hashed that this request brings.
    pub fn requester(&self, account: impl Into<String>) -> Requester {
        Requester::new(&self.client, account)
    }

    fn of(request: &HttpRequest) -> Result<Self> {
        let state = request.app_data::<web::Data<State>>();
        let state = state.ok_or_else(|| Error::internal("the application has no state"))?;
        Ok(Self {
            client: client_of(request, state),
            state: State::clone(state),
            info: RequestInfo::of(request),
        })
    }
}

/// What a handler takes to act. It asks for the permit on the connection, and in the transaction, that
/// does the work.
pub trait Guard: Sized + Send + 'static {
    /// What the sender is permitted.
    type Permit;

    /// What serves the request.
    fn scope(&self) -> &RequestScope;

    /// Recognises the sender and asks for the permit, then runs `work` as the sender.
    ///
    /// # Errors
    /// `not_signed_in`, `not_found`, `forbidden`, or the work's own.
    fn authorize<T>(
        &self,
        tx: &mut UnitOfWork<'_>,
        work: impl FnOnce(&mut UnitOfWork<'_>, Self::Permit) -> Result<T>,
    ) -> Result<T>;

    /// Keeps the sender's rights as they are until the transaction ends.
    ///
    /// # Errors
    /// `unavailable` where the database is.
    fn lock(&self, tx: &mut UnitOfWork<'_>) -> Result<()>;

    /// Runs `work` in one transaction with the permit, which is asked for in it: who lost the right
    /// while the transaction waited for a lock is refused. Who has no right to begin with is refused
    /// before anything is locked.
    ///
    /// # Errors
    /// As [`Guard::authorize`].
    fn change_on<T>(
        &self,
        tx: &mut UnitOfWork<'_>,
        work: impl FnOnce(&mut UnitOfWork<'_>, Self::Permit) -> Result<T>,
    ) -> Result<T> {
        self.authorize(tx, |_, _| Ok(()))?;
        tx.transaction(|tx| {
            self.lock(tx)?;
            self.authorize(tx, work)
        })
    }

    /// Runs `work`, which reads, in one unit of work, with the permit. A guard of an organization lets it
    /// change nothing.
    ///
    /// # Errors
    /// As [`Guard::authorize`].
    fn run<T: Send + 'static>(
        self,
        work: impl FnOnce(&mut UnitOfWork<'_>, Self::Permit) -> Result<T> + Send + 'static,
    ) -> impl Future<Output = Result<T>> {
        let RequestScope { state, info, .. } = self.scope().clone();
        let context = info.context(state.services.clock.now());
        async move {
            state
                .unit_of_work(context, move |tx| self.authorize(tx, work))
                .await
        }
    }

    /// Runs `work`, which changes something, in one unit of work and transaction, with the permit.
    ///
    /// # Errors
    /// As [`Guard::change_on`].
    fn change<T: Send + 'static>(
        self,
        work: impl FnOnce(&mut UnitOfWork<'_>, Self::Permit) -> Result<T> + Send + 'static,
    ) -> impl Future<Output = Result<T>> {
        let RequestScope { state, info, .. } = self.scope().clone();
        let context = info.context(state.services.clock.now());
        async move {
            state
                .unit_of_work(context, move |tx| self.change_on(tx, work))
                .await
        }
    }

    /// As [`Guard::change`], executed once for each `Idempotency-Key` of the sender. The permit is asked
    /// for a repetition too: what an admin was told is no former admin's.
    ///
    /// # Errors
    /// As [`Guard::change_on`], and `idempotency_conflict`.
    fn run_once(
        self,
        idempotency: Idempotency,
        work: impl FnOnce(&mut UnitOfWork<'_>, Self::Permit) -> Result<StoredResponse> + Send + 'static,
    ) -> impl Future<Output = std::result::Result<HttpResponse, Problem>> {
        let execution =
            self.change(move |tx, permit| idempotency.execute(tx, |tx| work(tx, permit)));
        async move { Ok(execution.await?.into()) }
    }

    /// Runs the first step of a request that hashes something then, unless the same request got a
    /// response before. [`Guard::run_once`] still has to follow, because the same request may be at work
    /// at the same moment.
    ///
    /// # Errors
    /// As [`Guard::authorize`], and `idempotency_conflict`.
    fn prepare<T: Send + 'static>(
        self,
        idempotency: &Idempotency,
        step: impl FnOnce(&mut UnitOfWork<'_>, Self::Permit) -> Result<T> + Send + 'static,
    ) -> impl Future<Output = Result<Prepared<T>>> {
        let idempotency = idempotency.clone();
        self.run(move |tx, permit| match idempotency.replay(tx)? {
            Some(response) => Ok(Prepared::Replayed(Execution::Replayed(response))),
            None => step(tx, permit).map(Prepared::Ready),
        })
    }
}

/// What came of the first step of a request.
pub enum Prepared<T> {
    /// The request goes on with this.
    Ready(T),
    /// The same request got this response before.
    Replayed(Execution),
}

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

/// The bearer of a credential of ours.
#[derive(Clone)]
pub struct Authenticated {
    scope: RequestScope,
    credential: Credential,
}

impl Authenticated {
    fn of(request: &HttpRequest) -> Result<Self> {
        let scope = RequestScope::of(request)?;
        let credential = credential(request, &scope)?;
        Ok(Self { scope, credential })
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

impl Guard for Authenticated {
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
        let principal = authenticate(tx, &self.credential)?;
        tx.acting_as(principal, |tx| work(tx, ()))
    }
}

/// The bearer of a credential of ours, also while they have to change their password: for the few operations
/// that this takes. Every other guard refuses them.
#[derive(Clone)]
pub struct BeforePasswordChange(Authenticated);

impl Guard for BeforePasswordChange {
    type Permit = ();

    fn scope(&self) -> &RequestScope {
        self.0.scope()
    }

    fn lock(&self, _: &mut UnitOfWork<'_>) -> Result<()> {
        Ok(())
    }

    fn authorize<T>(
        &self,
        tx: &mut UnitOfWork<'_>,
        work: impl FnOnce(&mut UnitOfWork<'_>, ()) -> Result<T>,
    ) -> Result<T> {
        let principal = authenticate_before_password_change(tx, &self.0.credential)?;
        tx.acting_as(principal, |tx| work(tx, ()))
    }
}

/// Anybody; who brings a good credential acts as its bearer. One that is not good counts for nothing.
#[derive(Clone)]
pub struct OptionallyAuthenticated {
    scope: RequestScope,
    credential: Option<Credential>,
}

impl Guard for OptionallyAuthenticated {
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
            Some(credential) => authenticate(tx, credential),
            None => Ok(Principal::Anonymous),
        };
        match principal {
            Err(error) if error.code() == Code::NotSignedIn => work(tx, ()),
            principal => tx.acting_as(principal?, |tx| work(tx, ())),
        }
    }
}

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

    fn lock(&self, tx: &mut UnitOfWork<'_>) -> Result<()> {
        authorization::lock(tx, self.organization)
    }

    fn authorize<T>(
        &self,
        tx: &mut UnitOfWork<'_>,
        work: impl FnOnce(&mut UnitOfWork<'_>, Permit<P>) -> Result<T>,
    ) -> Result<T> {
        self.authenticated.authorize(tx, |tx, ()| {
            let permit = permit::<P>(tx, self.organization)?;
            tx.reading_outside_of_transactions(|tx| work(tx, permit))
        })
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
        self.authenticated.authorize(tx, |tx, ()| {
            let permit = permit_in_group::<P>(tx, organization_id, group_id)?;
            tx.reading_outside_of_transactions(|tx| work(tx, permit))
        })
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

impl FromRequest for Anonymous {
    type Error = Problem;
    type Future = Ready<std::result::Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(RequestScope::of(request).map(Self).map_err(Problem::from))
    }
}

impl FromRequest for Authenticated {
    type Error = Problem;
    type Future = Ready<std::result::Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request).map_err(Problem::from))
    }
}

impl FromRequest for BeforePasswordChange {
    type Error = Problem;
    type Future = Ready<std::result::Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let guard = Authenticated::of(request).map(Self);
        ready(guard.map_err(Problem::from))
    }
}

impl FromRequest for OptionallyAuthenticated {
    type Error = Problem;
    type Future = Ready<std::result::Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let guard = RequestScope::of(request).map(|scope| Self {
            credential: credential(request, &scope).ok(),
            scope,
        });
        ready(guard.map_err(Problem::from))
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
