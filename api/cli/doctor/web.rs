//! Where clients reach the API and the app, and who is in between.

use url::Host;
use url::Url;

use super::finding::{Check, Finding};
use crate::config::Config;

pub fn check(config: &Config) -> [Finding; 3] {
    [public_url(config), app_url(config), proxies(config)]
}

fn public_url(config: &Config) -> Finding {
    match &config.public_url {
        None if config.is_embedded() => {
            Check::PublicUrl.skipped("ROLLCALL_PUBLIC_URL is not set: this is for one machine")
        }
        None => Check::PublicUrl.warning(
            "ROLLCALL_PUBLIC_URL is not set: browsers are not told to stay with https, and access tokens are \
             issued by `rollcall`",
            "Set it to the URL at which clients reach this API",
        ),
        Some(url) if url.scheme() == "http" && !is_of_this_machine(url) => {
            Check::PublicUrl.warning(
                format!("{url} is not encrypted: passwords and tokens can be read on their way"),
                "Put TLS in front (docs/deployment.md) and write https in ROLLCALL_PUBLIC_URL",
            )
        }
        Some(url) if url.path() != "/" => Check::PublicUrl.warning(
            format!("{url} has a path, and Rollcall answers at the root of its host"),
            "Leave the path out, unless the proxy in front takes it away",
        ),
        Some(url) => Check::PublicUrl.ok(format!("clients reach this API at {url}")),
    }
}

fn app_url(config: &Config) -> Finding {
    let url = &config.spa_url;
    let is_public = config.public_url.as_ref();
    if is_of_this_machine(url) && is_public.is_some_and(|public| !is_of_this_machine(public)) {
        return Check::AppUrl.warning(
            format!(
                "{url} is this machine: links in mails and QR codes lead nobody else to the app"
            ),
            "Set ROLLCALL_SPA_URL to the URL of the app",
        );
    }
    if url.scheme() == "http" && !is_of_this_machine(url) {
        return Check::AppUrl.warning(
            format!("{url} is not encrypted: the links of mails, which sign in or set passwords, can be read on their way"),
            "Serve the app by https, and write https in ROLLCALL_SPA_URL",
        );
    }
    Check::AppUrl.ok(format!("links lead to the app at {url}"))
}

fn proxies(config: &Config) -> Finding {
    if config.trusted_proxies.are_everybody() {
        return Check::Proxies.warning(
            "every address is trusted as a proxy: whoever sends a request can name any other client, and gets past \
             the limits or uses up those of others",
            "Name only the addresses of the proxy in ROLLCALL_TRUSTED_PROXIES (docs/limits.md)",
        );
    }
    if !config.trusted_proxies.is_empty() {
        let header = config.proxy_header.name();
        return Check::Proxies.ok(format!(
            "proxies are believed about their clients, by {header}"
        ));
    }
    // Rollcall speaks no TLS itself.
    if config.is_https() {
        return Check::Proxies.warning(
            "clients come by https, so that a proxy is in front, and none is trusted: all its clients share the \
             limits of one, and a few who guess lock everybody out",
            "Name the addresses of the proxy in ROLLCALL_TRUSTED_PROXIES (docs/limits.md)",
        );
    }
    Check::Proxies.skipped("no proxy is trusted, and none is known to be in front")
}

fn is_of_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
