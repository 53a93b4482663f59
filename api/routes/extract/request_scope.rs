//! What a request is served with.

use actix_web::{HttpRequest, web};

use super::client_address::client_of;
use super::request_info::RequestInfo;
use crate::crypto::turns::Requester;
use crate::domain::client_address::Client;
use crate::error::{Error, Result};
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

    pub(super) fn of(request: &HttpRequest) -> Result<Self> {
        let state = request.app_data::<web::Data<State>>();
        let state = state.ok_or_else(|| Error::internal("the application has no state"))?;
        Ok(Self {
            client: client_of(request, state),
            state: State::clone(state),
            info: RequestInfo::of(request),
        })
    }
}
