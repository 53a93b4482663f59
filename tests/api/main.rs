//! The API, tested through HTTP on both databases.

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
mod audit;
mod command_line;
mod configuration;
mod crash;
mod groups;
mod idempotency;
mod imports;
mod invitations;
mod invite_codes;
mod killed_names;
mod limits;
mod logs;
mod mail;
mod members;
mod organizations;
mod protocol;
mod recovery;
mod replicas;
mod restart;
mod seats;
