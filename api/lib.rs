//! Rollcall gets people into an organization: a JSON REST API over SQLite or PostgreSQL.
//!
//! Layers are folders, and a thing has the same file name in every layer. A file imports its own
//! layer and what stands further right, never the other way; `tests/api/architecture.rs` holds this:
//!
//! ```text
//! main → cli → app → openapi → routes → worker → state → services → mail → store → crypto
//!      → telemetry → config → clock → error → domain
//! ```
//!
//! `telemetry`, `config`, `clock` and `error` are leaves: of the house they know `domain` and each
//! other only, so that everyone may use them. `ARCHITECTURE.md` tells why things are as they are.

pub mod app;
pub mod cli;
pub mod crypto;
pub mod documents;
pub mod domain;
pub mod mail;
pub mod openapi;
pub mod routes;
pub mod services;
pub mod state;
pub mod store;
pub mod worker;

pub mod clock;
pub mod config;
pub mod error;
pub mod telemetry;
