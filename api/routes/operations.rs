//! The operations that are served: each is found by its documented path in one step, wherever it stands.

use std::collections::HashMap;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_web::dev::{Service, ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::{
    Error as ActixError, FromRequest, Handler, HttpMessage as _, Responder, Route, web,
};
use futures_util::FutureExt as _;
use futures_util::future::{LocalBoxFuture, ready, try_join_all};

use super::documented_paths::{DocumentedPath, DocumentedPaths};
use super::problem::Problem;
use crate::error::{Error, Result};

/// The handler of each operation, by the operation's id.
#[derive(Default)]
pub struct Operations(HashMap<&'static str, Route>);

impl Operations {
    /// Takes the handler of an operation.
    pub fn add<F, Args>(&mut self, id: &'static str, handler: F)
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.0.insert(id, web::to(handler));
    }

    /// Refuses to serve what the document does not tell of, since nobody would find it.
    ///
    /// # Errors
    /// Where an operation is not in the document.
    pub fn require_documented(&self, paths: &DocumentedPaths) -> Result<()> {
        let mut ids = self.0.keys();
        match ids.find(|id| !paths.have_operation(id)) {
            None => Ok(()),
            Some(id) => Err(Error::internal(format!(
                "openapi/rollcall.json does not have the operation {id}: write it anew (CONTRIBUTING.md)"
            ))),
        }
    }
}

impl ServiceFactory<ServiceRequest> for Operations {
    type Response = ServiceResponse;
    type Error = ActixError;
    type Config = ();
    type Service = ServedOperations;
    type InitError = ();
    type Future = LocalBoxFuture<'static, std::result::Result<ServedOperations, ()>>;

    fn new_service(&self, (): ()) -> Self::Future {
        let services = self.0.iter().map(|(id, route)| {
            let (id, service) = (*id, route.new_service(()));
            service.map(move |service| Ok::<_, ()>((id, service?)))
        });
        let services: Vec<_> = services.collect();
        try_join_all(services)
            .map(|services| Ok(ServedOperations(services?.into_iter().collect())))
            .boxed_local()
    }
}

type RouteService = <Route as ServiceFactory<ServiceRequest>>::Service;

/// The operations as one thread serves them.
pub struct ServedOperations(HashMap<&'static str, RouteService>);

impl Service<ServiceRequest> for ServedOperations {
    type Response = ServiceResponse;
    type Error = ActixError;
    type Future = LocalBoxFuture<'static, std::result::Result<ServiceResponse, ActixError>>;

    fn poll_ready(&self, _: &mut Context<'_>) -> Poll<std::result::Result<(), ActixError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&self, mut request: ServiceRequest) -> Self::Future {
        match self.find(&mut request) {
            Some(operation) => operation.call(request),
            None => {
                let refusal = Problem::of_framework(StatusCode::NOT_FOUND);
                ready(Ok(request.error_response(refusal))).boxed_local()
            }
        }
    }
}

impl ServedOperations {
    /// The operation that a request is for; the request has the parameters of its path then.
    fn find(&self, request: &mut ServiceRequest) -> Option<&RouteService> {
        let path = request.extensions().get::<Arc<DocumentedPath>>().cloned()?;
        let id = path.operation(request.method().as_str())?;
        let operation = self.0.get(id)?;
        path.read_parameters(request).then_some(operation)
    }
}
