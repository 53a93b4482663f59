//! The rules. Plain synchronous functions on one connection; each write is one transaction that
//! holds the change and its audit event together.

pub mod accounts;
pub mod admission;
pub mod api_keys;
pub mod audit;
pub mod audit_events;
pub mod authentication;
pub mod authorization;
pub mod context;
pub mod departures;
pub mod events;
pub mod generated_addresses;
pub mod group_members;
pub mod groups;
pub mod health;
pub mod idempotency;
pub mod imports;
pub mod invitations;
pub mod invite_codes;
pub mod known_networks;
pub mod limit_states;
pub mod limits;
mod mailed_links;
pub mod members;
pub mod memberships;
pub mod offboarding;
pub mod operators;
pub mod organizations;
pub mod passwords;
pub mod registration;
pub mod seats;
pub mod sessions;
pub mod sign_in;
pub mod trust;
pub mod unit_of_work;
pub mod verification;
pub mod work_signal;
