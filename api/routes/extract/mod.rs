//! What handlers take: who calls, and fields made into values.

mod caller;
mod form;
pub mod request_info;

pub use caller::Caller;
pub use form::Form;
pub use request_info::RequestInfo;
