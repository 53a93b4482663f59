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

use crate::routes::mounting::{Mounting, operations};

/// Mounts these operations.
pub fn mount(mounting: &mut Mounting<'_>) {
    operations!(
        mounting,
        start::discover_sign_in,
        start::start_sign_in,
        start::list_sign_in_methods,
        exchange::exchange_ticket,
        exchange::link_by_code,
        exchange::mail_link_code,
        backchannel::end_provider_session,
        callback::complete_sign_in,
        initiate::initiate_sign_in,
        initiate::initiate_sign_in_by_form,
        keys::list_federation_keys,
        saml::complete_saml_sign_in,
        saml::get_saml_metadata
    );
}
