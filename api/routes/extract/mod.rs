//! What handlers take: who calls, and fields made into values.

pub mod client_address;
pub mod fingerprint;
mod form;
pub mod framework;
mod guard;
pub mod idempotency;
mod patch;
pub mod request_info;

pub use crate::services::idempotency::StoredResponse;
pub use client_address::ClientAddress;
pub use form::{FieldReason, Form};
pub use guard::{
    Anonymous, Authenticated, BeforePasswordChange, GroupPath, Guard, InGroup, InOrganization,
    MemberPath, OptionallyAuthenticated, OrganizationPath, Prepared,
};
pub use idempotency::{IDEMPOTENCY_KEY, Idempotency, IdempotencyHeader, REPLAYED};
pub use patch::nullable;
