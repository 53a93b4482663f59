//! Single sign-on, as people go through it: start, the way back, exchange, and linking (`docs/sso.md`).

mod backchannel;
mod browser;
mod callback;
mod exchange;
mod initiate;
mod keys;
mod saml;
mod start;
mod unreadable;

use crate::routes::mounting::Mounting;

/// Mounts these operations.
pub fn mount(config: &mut Mounting<'_, '_>) {
    config
        .service(start::discover_sign_in)
        .service(start::start_sign_in)
        .service(start::list_sign_in_methods)
        .service(exchange::exchange_ticket)
        .service(exchange::link_by_code)
        .service(exchange::mail_link_code)
        .service(backchannel::end_provider_session)
        .service(callback::complete_sign_in)
        .service(initiate::initiate_sign_in)
        .service(initiate::initiate_sign_in_by_form)
        .service(keys::list_federation_keys)
        .service(saml::complete_saml_sign_in)
        .service(saml::get_saml_metadata);
}
