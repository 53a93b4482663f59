//! Who calls: the bearer of a valid access token.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};

use super::{Once, Reply, RequestInfo};
use crate::crypto::access_token::Claims;
use crate::domain::ids::{AccountId, GroupId, OrganizationId};
use crate::error::{Error, Result};
use crate::routes::problem::Problem;
use crate::services::authorization::{GroupPermit, Permission, Permit, permit, permit_in_group};
use crate::services::sessions::{SignedIn, authenticate};
use crate::services::unit_of_work::UnitOfWork;
use crate::state::State;
use crate::store::Connection;

/// The bearer of an access token of ours that has not expired. Whether the session behind it still
/// lives is asked on the connection that does the work, by [`Caller::signed_in`] and
/// [`Caller::permitted`]: a handler can do nothing without one of them. One that hashes asks twice, on
/// either side of it.
#[derive(Clone)]
pub struct Caller {
    claims: Claims,
    request: RequestInfo,
    state: State,
}

impl Caller {
    /// Whose token it is, before anybody asked whether the session lives: a subject of limits.
    pub fn claimed_account(&self) -> AccountId {
        self.claims.sub
    }

    /// Does `work` as the caller, if the session lives.
    ///
    /// # Errors
    /// `not_signed_in`, or the work's own.
    pub async fn signed_in<T: Send + 'static>(
        self,
        work: impl FnOnce(&mut Connection, SignedIn) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let now = self.state.services.clock.now();
        let (claims, act) = (self.claims, self.request.act_of(now));
        self.state
            .run_blocking(move |connection| {
                let caller = authenticate(connection, &claims, act, now)?;
                work(connection, caller)
            })
            .await
    }

    /// Does `work` with the permit for `A` in this organization, if the caller gets it.
    ///
    /// # Errors
    /// `not_signed_in`, `not_found`, `forbidden`, or the work's own.
    pub async fn permitted<A: Permission + 'static, T: Send + 'static>(
        self,
        organization: OrganizationId,
        work: impl FnOnce(&mut Connection, Permit<A>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let services = self.state.services.clone();
        self.signed_in(move |connection, caller| {
            let context = caller.context();
            let permit = permit::<A>(
                &mut UnitOfWork::new(connection, &services, &context),
                organization,
            )?;
            work(connection, permit)
        })
        .await
    }

    /// Does `work` with the permit for `A` with this group, if the caller gets it.
    ///
    /// # Errors
    /// `not_signed_in`, `not_found`, `forbidden`, or the work's own.
    pub async fn permitted_in_group<A: Permission + 'static, T: Send + 'static>(
        self,
        organization: OrganizationId,
        group: GroupId,
        work: impl FnOnce(&mut Connection, GroupPermit<A>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let services = self.state.services.clone();
        self.signed_in(move |connection, caller| {
            let context = caller.context();
            let permit = permit_in_group::<A>(
                &mut UnitOfWork::new(connection, &services, &context),
                organization,
                group,
            )?;
            work(connection, permit)
        })
        .await
    }

    /// As [`Caller::signed_in`], done once for each `Idempotency-Key` of the caller.
    ///
    /// # Errors
    /// As there, and `idempotency_conflict`.
    pub async fn signed_in_once(
        self,
        once: Once,
        work: impl FnOnce(&mut Connection, SignedIn) -> Result<Reply> + Send + 'static,
    ) -> Result<HttpResponse> {
        let state = self.state.clone();
        let reply = self
            .signed_in(move |connection, caller| {
                let scope = caller.account.id.to_string();
                once.run(&state, connection, &scope, |connection| {
                    work(connection, caller)
                })
            })
            .await?;
        Ok(reply.into())
    }

    /// As [`Caller::permitted`], done once for each `Idempotency-Key` of the caller.
    ///
    /// # Errors
    /// As there, and `idempotency_conflict`.
    pub async fn permitted_once<A: Permission + 'static>(
        self,
        once: Once,
        organization: OrganizationId,
        work: impl FnOnce(&mut Connection, Permit<A>) -> Result<Reply> + Send + 'static,
    ) -> Result<HttpResponse> {
        let state = self.state.clone();
        let services = state.services.clone();
        let reply = self
            .signed_in(move |connection, caller| {
                let scope = caller.account.id.to_string();
                // Asked for a repetition too: what was answered to an admin is no former admin's.
                let context = caller.context();
                let permit = permit::<A>(
                    &mut UnitOfWork::new(connection, &services, &context),
                    organization,
                )?;
                once.run(&state, connection, &scope, |connection| {
                    work(connection, permit)
                })
            })
            .await?;
        Ok(reply.into())
    }

    /// As [`Caller::permitted_in_group`], done once for each `Idempotency-Key` of the caller.
    ///
    /// # Errors
    /// As there, and `idempotency_conflict`.
    pub async fn permitted_in_group_once<A: Permission + 'static>(
        self,
        once: Once,
        organization: OrganizationId,
        group: GroupId,
        work: impl FnOnce(&mut Connection, GroupPermit<A>) -> Result<Reply> + Send + 'static,
    ) -> Result<HttpResponse> {
        let state = self.state.clone();
        let services = state.services.clone();
        let reply = self
            .signed_in(move |connection, caller| {
                let scope = caller.account.id.to_string();
                let context = caller.context();
                let permit = permit_in_group::<A>(
                    &mut UnitOfWork::new(connection, &services, &context),
                    organization,
                    group,
                )?;
                once.run(&state, connection, &scope, |connection| {
                    work(connection, permit)
                })
            })
            .await?;
        Ok(reply.into())
    }

    fn of(request: &HttpRequest) -> Result<Self> {
        let state = request
            .app_data::<web::Data<State>>()
            .ok_or_else(|| Error::internal("no state"))?;
        let claims = bearer(request)
            .and_then(|token| state.signing.verify(token, state.services.clock.now()))
            .ok_or_else(Error::not_signed_in)?;
        Ok(Self {
            claims,
            request: RequestInfo::of(request),
            state: State::clone(state),
        })
    }
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

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Ready<std::result::Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request).map_err(Problem::from))
    }
}
