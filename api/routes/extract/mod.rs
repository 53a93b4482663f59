//! What handlers take: who calls, and fields made into values.

mod caller;
pub mod fingerprint;
mod form;
mod once;
mod patch;
pub mod rate_limiter;
pub mod request_info;

pub use caller::Caller;
pub use form::{FieldReason, Form};
pub use once::{IDEMPOTENCY_KEY, Once, REPLAYED, Reply};
pub use patch::nullable;
pub use rate_limiter::RateLimiter;
pub use request_info::RequestInfo;
