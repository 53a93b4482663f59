//! Rollcall gets people into an organization: a JSON REST API over SQLite or PostgreSQL.
//!
//! Layers are folders or files. A file imports its own layer and those further right, never the other
//! way; `tests/api/architecture.rs` holds this:
//!
//! ```text
//! main → cli → app → openapi → routes → worker → state → services → mail → store → saml → oidc → outbound
//!      → crypto → documents → dns → telemetry → config → clock → error → domain
//! ```
//!
//! `telemetry`, `config`, `clock` and `error` import `domain` and each other only, so that every layer
//! may use them. `ARCHITECTURE.md` describes the code, `docs/decisions` gives the reasons.

pub mod app;
pub mod cli;
pub mod crypto;
pub(crate) mod dns;
pub(crate) mod documents;
pub mod domain;
pub mod mail;
pub mod oidc;
pub mod openapi;
pub mod outbound;
pub(crate) mod routes;
pub mod saml;
pub mod services;
pub mod state;
pub mod store;
pub mod worker;

pub mod clock;
pub mod config;
pub mod error;
pub(crate) mod telemetry;
