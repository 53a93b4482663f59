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
pub fn mount(config: &mut Mounting<'_, '_>) {
    auth::mount(config);
    me::mount(config);
    organizations::mount(config);
    seats::mount(config);
    members::mount(config);
    groups::mount(config);
    invitations::mount(config);
    group_members::mount(config);
    grants::mount(config);
    access::mount(config);
    invite_codes::mount(config);
    domains::mount(config);
    join_requests::mount(config);
    imports::mount(config);
    api_keys::mount(config);
    apps::mount(config);
    connections::mount(config);
    sign_in_policy::mount(config);
    setup_links::mount(config);
    setup::mount(config);
    sso::mount(config);
    audit_events::mount(config);
    health::mount(config);
}
