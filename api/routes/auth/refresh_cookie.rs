//! The cookie that keeps a browser's refresh token.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::cookie::time::Duration as CookieDuration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::header;

use crate::config::Config;
use crate::error::{Error, Result};
use crate::routes::problem::problems;

/// The name of the cookie, and the path that it is sent to. By https browsers hold the host to it: the
/// prefix `__Host-`, which asks for the whole host as path, keeps a neighbouring host from setting it.
fn name_and_path(config: &Config) -> (&'static str, &'static str) {
    if config.is_https() {
        ("__Host-rollcall_refresh", "/")
    } else {
        ("rollcall_refresh", "/v1/auth")
    }
}

/// Sent by the same site only, and never shown to a script. Browsers keep `Secure` cookies of `localhost`
/// too.
pub(super) fn with(token: String, lifetime: Duration, config: &Config) -> Cookie<'static> {
    let (name, path) = name_and_path(config);
    let seconds = i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX);
    Cookie::build(name, token)
        .path(path)
        .http_only(true)
        .secure(true)
        .same_site(SameSite::Strict)
        .max_age(CookieDuration::seconds(seconds))
        .finish()
}

/// Deletes the cookie.
pub(super) fn deleted(config: &Config) -> Cookie<'static> {
    with(String::new(), Duration::ZERO, config)
}

/// The refresh token of the cookie.
///
/// # Errors
/// `forbidden` where another site's page has sent it.
pub(super) fn presented(http: &HttpRequest, config: &Config) -> Result<Option<String>> {
    let (name, _) = name_and_path(config);
    let Some(cookie) = http.cookie(name) else {
        return Ok(None);
    };
    require_own_origin(http, config)?;
    Ok(Some(cookie.value().to_owned()))
}

/// Browsers name the page's origin with every `POST`, so that a page elsewhere cannot use the cookie. What
/// names none is no browser.
///
/// # Errors
/// `forbidden`.
pub(super) fn require_own_origin(http: &HttpRequest, config: &Config) -> Result<()> {
    let Some(origin) = http.headers().get(header::ORIGIN) else {
        return Ok(());
    };
    let origin = origin.to_str().unwrap_or_default();
    if config.cors_origins.iter().any(|own| own == origin) || is_of_this_host(origin, http, config)
    {
        return Ok(());
    }
    Err(page_of_another_origin())
}

/// The refusal of a page of another origin that sends the cookie, or asks for it.
fn page_of_another_origin() -> Error {
    Error::forbidden(
        "The refresh token in the cookie is for pages of the app's own origin only: name it in ROLLCALL_CORS_ORIGINS, \
         or ask for no cookie.",
    )
}

problems! {
    /// Of whatever takes or sets the cookie: not for other origins.
    CookieErrors: page_of_another_origin;
}

/// Whether the page comes from where this API is reached.
fn is_of_this_host(origin: &str, http: &HttpRequest, config: &Config) -> bool {
    match &config.public_url {
        Some(url) => url.origin().ascii_serialization() == origin,
        None => {
            let host = http.headers().get(header::HOST);
            let host = host.and_then(|host| host.to_str().ok());
            origin
                .strip_prefix("http://")
                .is_some_and(|of| Some(of) == host)
        }
    }
}
