//! What handlers take: who calls, and fields made into values.

pub mod body;
pub mod client_address;
pub mod fingerprint;
mod flag;
mod form;
pub mod framework;
mod guard;
pub mod idempotency;
mod patch;
mod query;
pub mod reading;
pub mod request_info;
mod token;

pub use crate::services::idempotency::StoredResponse;
pub use body::{Json, OptionalJson};
pub use client_address::ClientAddress;
pub use form::{FieldReason, Form};
pub use guard::{
    Anonymous, Authenticated, BeforePasswordChange, GroupPath, Guard, InGroup, InOrganization,
    MemberPath, OptionallyAuthenticated, OrganizationPath, Prepared, RequestScope,
};
pub use idempotency::{IDEMPOTENCY_KEY, Idempotency, IdempotencyHeader, REPLAYED};
pub use patch::nullable;
pub use query::{Query, time_or_day};
pub use token::{optional_token, token};
