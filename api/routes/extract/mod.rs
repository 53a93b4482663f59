//! What handlers take: who calls, and fields made into values.

mod caller;
mod form;
mod once;
pub mod request_info;
mod throttle;

pub use caller::Caller;
pub use form::{FieldReason, Form};
pub use once::{Once, Reply};
pub use request_info::RequestInfo;
pub use throttle::Throttle;
