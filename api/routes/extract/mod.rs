//! What handlers take: who calls, and fields made into values.

mod authenticated;
pub mod body;
mod by_setup_link;
pub mod client_address;
pub mod fingerprint;
mod flag;
mod form;
pub mod framework;
mod guard;
pub mod idempotency;
mod in_organization;
mod patch;
mod query;
pub mod reading;
pub mod request_info;
mod request_scope;
mod token;

pub use crate::services::idempotency::StoredResponse;
pub use authenticated::{
    AlsoConfined, Anonymous, Authenticated, BeforePasswordChange, ByOperator,
    OptionallyAuthenticated, OptionallyConfined,
};
pub use body::{Json, MetadataJson, NoBody, OptionalJson};
pub use by_setup_link::BySetupLink;
pub use client_address::ClientAddress;
pub use form::{FieldReason, Form};
pub use guard::{Guard, Prepared};
pub use idempotency::{IDEMPOTENCY_KEY, Idempotency, IdempotencyHeader, REPLAYED};
pub use in_organization::{GroupPath, InGroup, InOrganization, MemberPath, OrganizationPath};
pub use patch::nullable;
pub use query::{Query, time_or_day};
pub use request_scope::RequestScope;
pub use token::{optional_token, token};
