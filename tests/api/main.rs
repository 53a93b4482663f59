//! The API, tested through HTTP on both databases.

#[path = "../support/mod.rs"]
mod support;

mod accounts;
mod command_line;
mod crash;
mod imports;
mod members;
mod organizations;
mod protocol;
mod replicas;
mod restart;
mod seats;
