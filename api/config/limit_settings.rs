//! The settings of the limits: one for each.

use super::setting::{DefaultValue, Section, Setting, SettingInfo};
use super::values::parsed;
use crate::domain::limits::{Limit, QuotaSetting};

/// The setting of a limit.
pub const fn of_limit(limit: Limit) -> Setting<QuotaSetting> {
    let (name, example, documentation) = row(limit);
    Setting {
        info: SettingInfo {
            name,
            section: Section::Limits,
            default: DefaultValue::Quota(limit),
            example,
            is_secret: false,
            documentation,
        },
        parse: parsed,
    }
}

/// The name, an example and the documentation.
const fn row(limit: Limit) -> (&'static str, &'static str, &'static str) {
    match limit {
        Limit::Registration => (
            "limit_registration",
            "100/1h",
            "Registrations from one client address.",
        ),
        Limit::SignInAccount => (
            "limit_sign_in_account",
            "5/10m",
            "Failed sign-ins to one account from one client address.",
        ),
        Limit::SignInAddress => (
            "limit_sign_in_address",
            "50/1d",
            "Failed sign-ins to one account, from all client addresses together.",
        ),
        Limit::SignInClient => (
            "limit_sign_in_client",
            "500/1h",
            "Failed sign-ins from one client address, to all accounts together.",
        ),
        Limit::PasswordCheck => (
            "limit_password_check",
            "5/10m",
            "Wrong passwords of one signed-in account that has to confirm something.",
        ),
        Limit::CodeAccount => (
            "limit_code_account",
            "5/10m",
            "Unknown invite codes tried by one account.",
        ),
        Limit::CodeFirst => (
            "limit_code_first",
            "3/30d",
            "The first unknown invite codes of an account that registered itself and has not verified its address: \
             they do not count for its client.",
        ),
        Limit::CodeUnverified => (
            "limit_code_unverified",
            "1000/1h",
            "Unknown invite codes, but for each account's first, tried from one client address by accounts that \
             registered themselves and have not verified their addresses.",
        ),
        Limit::CodeClient => (
            "limit_code_client",
            "1000/1h",
            "Unknown invite codes tried from one client address without a session.",
        ),
        Limit::MailToAddress => (
            "limit_mail_to_address",
            "5/1h",
            "Mails to one address that somebody asked for, for each purpose: password resets, links sent again, \
             renewed invitations, setup links.",
        ),
        Limit::MailFromClient => (
            "limit_mail_from_client",
            "100/1h",
            "Mails that one client address requested without a session. One over the limit is sent after those that others \
             wait for.",
        ),
        Limit::Invitations => (
            "limit_invitations",
            "1000/1d",
            "Invitations of one organization, and setup links that it mails.",
        ),
        Limit::MailToMailbox => (
            "limit_mail_to_mailbox",
            "3/1h",
            "Mails to one mailbox, with all its subaddresses (`name+tag@`), that others than its owner cause. \
             One over the limit waits.",
        ),
        Limit::Organizations => (
            "limit_organizations",
            "5/1d",
            "Organizations that one account creates; operators create as many as they like.",
        ),
        Limit::DomainCheck => (
            "limit_domain_check",
            "20/1h",
            "Checks of one domain that an organization asked for.",
        ),
        Limit::JoinRequest => (
            "limit_join_request",
            "5/1d",
            "Requests to join an organization that one account makes.",
        ),
        Limit::ConnectionTest => (
            "limit_connection_test",
            "30/1h",
            "Tests of one connection to an identity provider. As often, apart from these, Rollcall fetches for one \
             organization what its identity providers publish: metadata by its address, or a refresh.",
        ),
        Limit::RulesPreview => (
            "limit_rules_preview",
            "300/1h",
            "Previews of the rules of one connection.",
        ),
        Limit::SignInFlow => (
            "limit_sign_in_flow",
            "300/1m",
            "Sign-ins by identity providers that one client address begins.",
        ),
        Limit::BackchannelLogout => (
            "limit_backchannel_logout",
            "1000/1m",
            "Calls of back-channel logout from one client address whose token does not hold.",
        ),
        Limit::SignInRefusal => (
            "limit_sign_in_refusal",
            "300/1h",
            "Refused sign-ins of one connection that are kept for its admins, of people for whom no signature vouches.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_named_after_their_limits() {
        for limit in Limit::ALL {
            assert_eq!(of_limit(*limit).info.name, format!("limit_{limit}"));
        }
    }
}
