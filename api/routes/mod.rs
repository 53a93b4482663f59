//! HTTP only: extract, call one service, shape the response. Request and response types stand beside
//! their handlers.

pub mod access;
pub mod api_keys;
pub mod apps;
mod arrival;
pub mod audit_events;
pub mod auth;
pub mod bulk;
pub mod connections;
pub mod cors;
pub mod csv_file;
pub mod documentation;
pub mod documented_paths;
pub mod domains;
pub mod entity_tag;
pub mod extract;
pub mod grants;
pub mod group_members;
pub mod groups;
pub mod health;
pub mod identities;
pub mod imports;
pub mod invitations;
pub mod invite_codes;
pub mod join_requests;
pub mod me;
pub mod members;
pub mod middleware;
pub mod mounting;
pub mod names;
pub mod operations;
pub mod organizations;
pub mod page;
pub mod password_check;
pub mod problem;
pub mod rate_limit_headers;
pub mod refusals;
pub mod resources;
pub mod seats;
pub mod security_headers;
pub mod setup;
pub mod setup_links;
pub mod sign_in_policy;
pub mod sso;

use self::mounting::Mounting;

/// Mounts every documented operation. The document is made from the same calls, so that nothing is
/// served that is not documented.
pub fn mount(mounting: &mut Mounting<'_>) {
    auth::mount(mounting);
    me::mount(mounting);
    organizations::mount(mounting);
    seats::mount(mounting);
    members::mount(mounting);
    groups::mount(mounting);
    invitations::mount(mounting);
    group_members::mount(mounting);
    grants::mount(mounting);
    access::mount(mounting);
    invite_codes::mount(mounting);
    domains::mount(mounting);
    join_requests::mount(mounting);
    imports::mount(mounting);
    api_keys::mount(mounting);
    apps::mount(mounting);
    connections::mount(mounting);
    sign_in_policy::mount(mounting);
    setup_links::mount(mounting);
    setup::mount(mounting);
    sso::mount(mounting);
    audit_events::mount(mounting);
    health::mount(mounting);
}
