//! Pure values, parsed once at the edge and trusted from there on. No connection, no HTTP, no clock.

pub mod audit;
pub mod client_address;
pub mod database_url;
pub mod email_address;
pub mod generated_address;
pub mod generated_password;
pub mod group_members;
pub mod hash_cost;
pub mod idempotency_key;
pub mod ids;
pub mod imports;
pub mod instant;
pub mod language;
pub mod limits;
pub mod mail;
pub mod members;
pub mod organization;
pub mod password;
pub mod search_key;
pub mod seats;
pub mod slug;
pub mod spreadsheet;
pub mod token;
pub mod username;
pub mod username_list;
pub mod words;
