//! Requests to foreign systems: identity providers, learning management systems, receivers of webhooks. What they are
//! asked for, admins of organizations have typed in, and what they answer is not trusted.
//!
//! Each call has a thread of its own, of a bounded number, so that a system which hangs holds up neither requests nor
//! work of others. No call is made within a transaction.

mod addresses;
mod client;
mod error;
mod lanes;
mod message;
mod resolver;

pub use self::error::{BUSY_ADVICE, OutboundError, SetupError};
pub use self::lanes::Asker;
pub use self::message::{DOCUMENT_LIMIT, METADATA_LIMIT, OutboundRequest, OutboundResponse};

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::time::timeout_at;

use self::client::HttpClient;
use self::lanes::Lanes;
use crate::config::Config;

tokio::task_local! {
    /// Until when the calls of one piece of work wait.
    static WAITS_UNTIL: Instant;
}

/// How foreign systems are called. Clones share it.
#[derive(Clone)]
pub struct Outbound {
    client: Arc<HttpClient>,
    lanes: Lanes,
    /// How long calls wait for a place.
    wait: Duration,
}

impl Outbound {
    /// Makes it as configured.
    ///
    /// # Errors
    /// Where the file of further roots cannot be used.
    pub fn configured(config: &Config) -> Result<Self, SetupError> {
        Ok(Self::of(
            HttpClient::configured(config)?,
            config.outbound_wait,
        ))
    }

    fn of(client: HttpClient, wait: Duration) -> Self {
        Self {
            client: Arc::new(client),
            lanes: Lanes::default(),
            wait,
        }
    }

    /// Has all calls of one piece of work wait for places as long as a single one would: a request that makes several is
    /// answered in its time.
    pub async fn in_one_wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.waiting_for(self.wait, work).await
    }

    /// Has all calls of one piece of work wait for places so long at most.
    pub async fn waiting_for<T>(&self, wait: Duration, work: impl Future<Output = T>) -> T {
        WAITS_UNTIL.scope(Instant::now() + wait, work).await
    }

    /// Sends a request, and gives the answer whatever its status is, a redirect excepted. Of each connection two calls
    /// are made at a time, of each organization eight, of each host sixteen, and others wait in turn. What a call may
    /// take counts from when it has its place.
    ///
    /// # Errors
    /// Where the address may not be called, nobody answers in time, the answer is too large or a redirect, or too many
    /// calls wait before this one.
    pub async fn send(
        &self,
        asker: Asker,
        request: OutboundRequest,
    ) -> Result<OutboundResponse, OutboundError> {
        let waits_until = WAITS_UNTIL.try_with(|until| *until);
        let waits_until = waits_until.unwrap_or_else(|_| Instant::now() + self.wait);
        let entered = self.lanes.enter(asker, &request);
        let place = timeout_at(waits_until.into(), entered)
            .await
            .map_err(|_| OutboundError::Busy)??;
        let (answer, answered) = oneshot::channel();
        let client = self.client.clone();
        let call = move || {
            let result = client.call(&request);
            // Whoever asked may have gone; the place is free once the call has ended.
            drop(place);
            let _ = answer.send(result);
        };
        std::thread::Builder::new()
            .name("outbound".to_owned())
            .spawn(call)
            .map_err(|_| OutboundError::Busy)?;
        let deadline = Instant::now() + self.client.timeout();
        match timeout_at(deadline.into(), answered).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(OutboundError::Unreadable {
                problem: "the call was broken off".to_owned(),
            }),
            Err(_) => Err(self.client.timed_out()),
        }
    }
}

#[cfg(test)]
mod tests;
