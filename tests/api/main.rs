//! The API, tested through HTTP on both databases; and that documents, schema and architecture hold.
//!
//! One binary, because each that links the library costs seconds of every build.

#![allow(
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test says what it expects in the shortest way"
)]

#[path = "../support/mod.rs"]
mod support;

mod accounts;
mod api_keys;
mod architecture;
mod audit;
mod browsers;
mod command_line;
mod configuration;
mod contract;
mod crash;
mod crash_usernames;
mod database_copy;
mod doctor;
mod documentation;
mod domains;
mod examples;
mod faults;
mod grants;
mod groups;
mod health;
mod idempotency;
mod imports;
mod invitations;
mod invite_codes;
mod keep_alive;
mod keys;
mod limits;
mod logs;
mod mail;
mod members;
mod openapi;
mod operators;
mod organizations;
mod password_to_change;
mod permits;
mod protocol;
mod readme;
mod reauthentication;
mod recovery;
mod replicas;
mod restart;
mod saml;
mod schema;
mod seats;
mod squatting;
mod sso;
mod statements;
mod strictness;
mod traces;
mod trust;
