//! What handlers take: who calls, and fields made into values.

mod caller;
mod form;
mod once;
mod patch;
pub mod request_info;
mod throttle;

pub use caller::Caller;
pub use form::Form;
pub use once::{Once, Reply};
pub use patch::present;
pub use request_info::RequestInfo;
pub use throttle::Throttle;
