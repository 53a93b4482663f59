//! OpenID Connect as a relying party (OpenID Connect Core 1.0, authorization code with PKCE): what is asked, and what
//! of an answer is believed. Pure protocol: nothing is stored or called here.
//!
//! Whatever is checked adds a step to the diagnosis of the arrival, in words that whoever runs the provider acts on.

pub mod authorization;
pub mod callback;
pub mod claims;
pub mod discovery;
pub mod end_session;
pub mod id_token;
pub mod jwks;
pub mod logout_token;
pub mod presets;
pub mod registration;
pub mod token;
pub mod userinfo;

#[cfg(test)]
mod tests;
