//! What a flow expects of the response that it waits for.

use std::time::Duration;

use crate::crypto::federation_keys::FederationKeys;
use crate::crypto::public_key::PublicKey;
use crate::domain::timestamp::Timestamp;

/// What a response has to be, for the flow that waits for it.
#[derive(Clone)]
pub struct Expected<'a> {
    /// The keys of the identity provider's metadata, each of which may sign.
    pub keys: &'a [PublicKey],
    /// The identity provider's entity id.
    pub issuer: &'a str,
    /// Where the browser brought the response to.
    pub acs_url: &'a str,
    /// Our entity id at this connection.
    pub audience: &'a str,
    /// The id of our request.
    pub request_id: &'a str,
    /// The installation's keys, for which an assertion may be encrypted.
    pub federation_keys: Option<&'a FederationKeys>,
    pub now: Timestamp,
    /// How far clocks may differ.
    pub skew: Duration,
}
