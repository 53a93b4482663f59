//! Invitations to many addresses at once: each address gets its own outcome, and everything happens in
//! one transaction of a few statements, however many addresses there are.
//!
//! [`create()`] is the pipeline; the other files are its steps, in this order: `addresses`, `resolve`,
//! `new_accounts`, `existing_members` with `group_additions`, `seating`, `issue`.

mod addresses;
mod create;
mod existing_members;
mod group_additions;
mod issue;
mod new_accounts;
mod outcome;
mod request;
mod resolve;
mod seating;
mod unverified_members;

pub use create::create;
pub use outcome::AddressResult;
pub use request::{GivenAddress, NewInvitations};
