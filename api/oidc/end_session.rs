//! Signing out at the provider (OpenID Connect RP-Initiated Logout 1.0).

use url::Url;

/// Where people sign out of the provider, and come back to this page from, which has to be registered there. No ID token is
/// kept to be its `id_token_hint`: the provider knows the client by its id, and may ask the person whether they mean it.
pub fn url(endpoint: &Url, client_id: &str, back_to: &str) -> Url {
    let mut url = endpoint.clone();
    url.query_pairs_mut()
        .append_pair("client_id", client_id)
        .append_pair("post_logout_redirect_uri", back_to);
    url
}
