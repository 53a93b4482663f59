//! The way to a provider: the address that somebody's browser is sent to.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use url::Url;

use crate::crypto::digest::sha256;
use crate::crypto::random;
use crate::error::Result;

/// The secret of a flow by which the provider sees that who exchanges the code is who asked for it (PKCE, RFC 7636).
pub struct PkceVerifier(String);

impl PkceVerifier {
    /// A new one, of 256 random bits.
    ///
    /// # Errors
    /// `internal` where the system has no randomness to give.
    pub fn generate() -> Result<Self> {
        Ok(Self(random_text()?))
    }

    /// One that was kept.
    pub fn kept(text: String) -> Self {
        Self(text)
    }

    /// The verifier itself, to be sealed, and to be sent with the code.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What the provider is told of it before.
    pub fn challenge(&self) -> String {
        challenge_of(&self.0)
    }
}

/// The challenge that belongs to a verifier (S256 of RFC 7636, section 4.2).
pub fn challenge_of(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(sha256(verifier.as_bytes()))
}

/// A new `state` or `nonce`, of 256 random bits.
///
/// # Errors
/// `internal` where the system has no randomness to give.
pub fn random_text() -> Result<String> {
    let mut bytes = [0; 32];
    random::fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// What is asked of a provider.
#[derive(Clone, Copy)]
pub struct AuthorizationRequest<'a> {
    pub client_id: &'a str,
    pub redirect_uri: &'a str,
    pub scope: &'a str,
    pub state: &'a str,
    pub nonce: &'a str,
    pub pkce: &'a PkceVerifier,
    /// Whom the provider is to suggest.
    pub login_hint: Option<&'a str>,
    /// `login`, where somebody has to prove anew who they are; `select_account`.
    pub prompt: Option<&'a str>,
}

/// The address to send the browser to. What stands in the query of the endpoint stays there, unless it is asked for
/// otherwise here.
pub fn url(endpoint: &Url, request: &AuthorizationRequest<'_>) -> Url {
    let challenge = request.pkce.challenge();
    let asked = [
        ("response_type", Some("code")),
        ("client_id", Some(request.client_id)),
        ("redirect_uri", Some(request.redirect_uri)),
        ("scope", Some(request.scope)),
        ("state", Some(request.state)),
        ("nonce", Some(request.nonce)),
        ("code_challenge", Some(challenge.as_str())),
        ("code_challenge_method", Some("S256")),
        ("login_hint", request.login_hint),
        ("prompt", request.prompt),
    ];
    let is_asked = |name: &str| asked.iter().any(|(own, _)| *own == name);
    let own: Vec<(String, String)> = endpoint
        .query_pairs()
        .filter(|(name, _)| !is_asked(name))
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    let asked = asked
        .iter()
        .filter_map(|(name, value)| Some((*name, (*value)?)));
    let mut url = endpoint.clone();
    url.query_pairs_mut()
        .clear()
        .extend_pairs(own)
        .extend_pairs(asked);
    url
}
