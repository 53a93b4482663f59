//! Whether the body of a request has arrived.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::HttpMessage as _;
use actix_web::dev::{Payload, ServiceRequest};
use actix_web::error::PayloadError;
use actix_web::web::Bytes;
use futures_util::Stream;

/// Tells whether a request's body has been read to its end.
pub struct Arrival(Rc<Cell<bool>>);

impl Arrival {
    /// Watches the body of this request. One without a body has arrived.
    pub fn watch(request: &mut ServiceRequest) -> Self {
        let complete = Rc::new(Cell::new(false));
        match request.take_payload() {
            Payload::None => complete.set(true),
            payload => {
                let watched = Watched {
                    payload,
                    complete: complete.clone(),
                };
                let payload = Box::pin(watched);
                request.set_payload(Payload::Stream { payload });
            }
        }
        Self(complete)
    }

    /// Whether all of it has arrived.
    pub fn is_complete(&self) -> bool {
        self.0.get()
    }
}

struct Watched {
    payload: Payload,
    complete: Rc<Cell<bool>>,
}

impl Stream for Watched {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = Pin::new(&mut self.payload).poll_next(context);
        if let Poll::Ready(None) = polled {
            self.complete.set(true);
        }
        polled
    }
}
