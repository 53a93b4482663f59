//! What handlers take: who calls, and fields made into values.

mod caller;
pub mod fingerprint;
mod form;
pub mod framework;
mod guard;
pub mod idempotency;
mod once;
mod patch;
pub mod rate_limiter;
pub mod request_info;

pub use crate::services::idempotency::StoredResponse;
pub use caller::Caller;
pub use form::{FieldReason, Form};
pub use guard::{
    Anonymous, Authenticated, GroupPath, Guard, InGroup, InOrganization, MemberPath,
    OrganizationPath,
};
pub use idempotency::{IDEMPOTENCY_KEY, Idempotency, IdempotencyHeader, REPLAYED};
pub use once::{Once, Reply};
pub use patch::nullable;
pub use rate_limiter::{ClientAddress, RateLimiter};
pub use request_info::RequestInfo;
