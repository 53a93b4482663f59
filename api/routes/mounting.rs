//! Where operations are mounted.

use actix_web::dev::HttpServiceFactory;
use actix_web::web;
use utoipa_actix_web::OpenApiFactory;
use utoipa_actix_web::service_config::ServiceConfig;

/// What takes operations: to serve them, or to describe them. A server has the document when its threads begin, and
/// each would hold on to the memory that collecting it anew takes.
pub enum Mounting<'a, 'b> {
    Served(&'a mut web::ServiceConfig),
    Described(&'a mut ServiceConfig<'b>),
}

impl Mounting<'_, '_> {
    /// Takes one operation, which says what it is.
    pub fn service<F>(&mut self, operation: F) -> &mut Self
    where
        F: HttpServiceFactory + OpenApiFactory + 'static,
    {
        match self {
            Self::Served(config) => {
                config.service(operation);
            }
            Self::Described(config) => {
                config.service(operation);
            }
        }
        self
    }
}
