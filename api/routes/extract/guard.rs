//! Guards: who sends a request, and what they may do. A handler acts by one of them or not at all.
//!
//! A guard recognises a credential without the database. The session or the key behind it, and the
//! permission, are checked on the connection that does the work, and in its transaction: [`Guard::run`]
//! reads, [`Guard::change`] and [`Guard::run_once`] change something.

use actix_web::HttpResponse;

use super::idempotency::Idempotency;
use super::request_scope::RequestScope;
use crate::domain::ids::OrganizationId;
use crate::error::Result;
use crate::routes::problem::Problem;
use crate::services::idempotency::{Execution, StoredResponse};
use crate::services::unit_of_work::UnitOfWork;

/// What a handler takes to act. It asks for the permit on the connection, and in the transaction, that
/// does the work.
pub trait Guard: Sized + Send + 'static {
    /// What the sender is permitted.
    type Permit;

    /// What serves the request.
    fn scope(&self) -> &RequestScope;

    /// The organization whose rows the request works on, where its path names one.
    fn organization(&self) -> Option<OrganizationId> {
        None
    }

    /// This guard, in one of the organization's places.
    fn within(self, organization: OrganizationId) -> Within<Self> {
        Within {
            guard: self,
            organization,
        }
    }

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
    /// before anything is locked. Where another transaction was faster, it is run again.
    ///
    /// # Errors
    /// As [`Guard::authorize`].
    fn change_on<T>(
        &self,
        tx: &mut UnitOfWork<'_>,
        work: impl FnOnce(&mut UnitOfWork<'_>, Self::Permit) -> Result<T> + Clone,
    ) -> Result<T> {
        self.authorize(tx, |_, _| Ok(()))?;
        tx.repeatable_transaction(|tx| {
            self.lock(tx)?;
            self.authorize(tx, work.clone())
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
            let organization = self.organization();
            state
                .unit_of_work_of(organization, context, move |tx| self.authorize(tx, work))
                .await
        }
    }

    /// Runs `work`, which changes something, in one unit of work and transaction, with the permit.
    ///
    /// # Errors
    /// As [`Guard::change_on`].
    fn change<T: Send + 'static>(
        self,
        work: impl FnOnce(&mut UnitOfWork<'_>, Self::Permit) -> Result<T> + Clone + Send + 'static,
    ) -> impl Future<Output = Result<T>> {
        let RequestScope { state, info, .. } = self.scope().clone();
        let context = info.context(state.services.clock.now());
        async move {
            let organization = self.organization();
            state
                .unit_of_work_of(organization, context, move |tx| self.change_on(tx, work))
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
        work: impl FnOnce(&mut UnitOfWork<'_>, Self::Permit) -> Result<StoredResponse>
        + Clone
        + Send
        + 'static,
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

/// A guard of a request that works on an organization which its path names, though that is not what it asks a permit
/// in: it takes one of the organization's places.
#[derive(Clone)]
pub struct Within<G> {
    guard: G,
    organization: OrganizationId,
}

impl<G: Guard> Guard for Within<G> {
    type Permit = G::Permit;

    fn scope(&self) -> &RequestScope {
        self.guard.scope()
    }

    fn organization(&self) -> Option<OrganizationId> {
        Some(self.organization)
    }

    fn authorize<T>(
        &self,
        tx: &mut UnitOfWork<'_>,
        work: impl FnOnce(&mut UnitOfWork<'_>, Self::Permit) -> Result<T>,
    ) -> Result<T> {
        self.guard.authorize(tx, work)
    }

    fn lock(&self, tx: &mut UnitOfWork<'_>) -> Result<()> {
        self.guard.lock(tx)
    }
}

/// What came of the first step of a request.
pub enum Prepared<T> {
    /// The request goes on with this.
    Ready(T),
    /// The same request got this response before.
    Replayed(Execution),
}
