//! What handlers take: who calls, and fields made into values.

mod caller;
mod form;
mod once;
mod patch;
pub mod request_digest;
pub mod request_info;
pub mod throttle;

pub use caller::Caller;
pub use form::{FieldReason, Form};
pub use once::{IDEMPOTENCY_KEY, Once, REPLAYED, Reply};
pub use patch::nullable;
pub use request_info::RequestInfo;
pub use throttle::Throttle;
