//! The names of foreign systems, resolved to addresses that may be called. The filter stands between the answer of
//! the domain name system and the connection, so that what is checked is what is connected to.

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use super::addresses::AddressPolicy;
use super::error::OutboundError;

/// A resolver that leaves out the addresses which may not be called.
#[derive(Debug)]
pub struct FilteringResolver<R> {
    pub inner: R,
    pub policy: AddressPolicy,
}

impl<R: Resolver> Resolver for FilteringResolver<R> {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.inner.resolve(uri, config, timeout)?;
        let is_plain = uri.scheme_str() != Some("https");
        let mut callable = self.empty();
        let mut is_only_plain = false;
        for address in &found {
            let ip = address.ip();
            if self.policy.is_allowed(ip) || (!is_plain && self.policy.may_be_called(ip)) {
                callable.push(*address);
            }
            is_only_plain |= is_plain && self.policy.may_be_called(ip);
        }
        if !callable.is_empty() {
            return Ok(callable);
        }
        let host = uri.host().unwrap_or_default().to_owned();
        let refused = if is_only_plain {
            OutboundError::HttpsRequired { host }
        } else {
            OutboundError::AddressNotAllowed { host }
        };
        Err(ureq::Error::Other(Box::new(refused)))
    }
}
