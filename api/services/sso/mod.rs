//! Single sign-on (`docs/sso.md`): connections to identity providers, the flow to one and back, and what becomes of who
//! comes back.
//!
//! A flow: [`flows`] opens it, the identity provider is asked elsewhere, [`flows`] takes what came back and
//! gives a ticket for it, and [`exchange`] gives a session for the ticket. Nothing of people changes before the
//! exchange: only then has the browser shown that it began the flow.

pub mod activation;
pub mod app_check;
pub mod apps;
pub mod arrival;
mod arriving;
pub mod backchannel;
pub mod carried_codes;
mod carried_invitations;
pub mod changes;
pub mod claims;
pub mod client_secrets;
pub mod clients;
pub mod connections;
mod daily_check;
pub mod diagnosis;
mod entering;
pub mod entry;
mod entry_refusals;
pub mod exchange;
pub mod federation_need;
mod first_proof;
pub mod flows;
mod following;
pub mod identities;
pub mod linking;
mod member_states;
pub mod metadata;
pub mod methods;
mod notices;
pub mod policy;
mod publication;
mod readable;
pub mod refresh;
mod resolution;
mod rule_steps;
pub mod rules;
pub mod rules_preview;
mod sealed;
pub mod settings;
pub mod setup_links;
pub mod testing;
pub mod warnings;

pub use self::resolution::identity_taken;
