//! Where operations are mounted: to be served, or to be described.

use actix_web::{FromRequest, Handler, Responder};
use utoipa::OpenApi;
use utoipa::openapi;

use super::operations::Operations;

/// What takes operations. A server has the kept document: describing them anew takes longer than the rest of its start.
pub enum Mounting<'a> {
    Served(&'a mut Operations),
    Described(&'a mut openapi::OpenApi),
}

impl Mounting<'_> {
    /// Adds what operations say of themselves to the document.
    pub fn describe<D: OpenApi>(&mut self) {
        if let Self::Described(document) = self {
            document.merge(D::openapi());
        }
    }

    /// Serves an operation by its handler, whose name is the operation's id.
    pub fn serve<F, Args>(&mut self, handler_name: &'static str, handler: F)
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        if let Self::Served(operations) = self {
            let id = handler_name.rsplit(':').next().unwrap_or_default();
            operations.add(id.trim_start(), handler);
        }
    }
}

/// Mounts operations, each by the path of its handler.
macro_rules! operations {
    ($mounting:ident, $($($segment:ident)::+),+ $(,)?) => {{
        #[derive(utoipa::OpenApi)]
        #[openapi(paths($($($segment)::+),+))]
        struct Described;

        $mounting.describe::<Described>();
        $($mounting.serve(stringify!($($segment)::+), $($segment)::+);)+
    }};
}
pub(crate) use operations;
