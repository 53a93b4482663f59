//! Secrets that we hand out once and keep only as hashes (PRODUCT 3.3, DESIGN of secrets).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SecureRandom;

use super::string_enum::string_enum;

/// A secret of 256 random bits behind a prefix that tells its kind, so that scanners find leaks and
/// one kind never passes for another.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

/// What of a token is kept: its SHA-256. A token has full entropy, so a slow hash would add nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenHash([u8; 32]);

string_enum! {
    /// The kinds of tokens.
    TokenKind {
        /// Gets the next access token.
        Refresh = "refresh",
        /// Proves the mailbox of an account.
        VerifyEmail = "verify_email",
        /// Proves the mailbox, and sets a password.
        SetPassword = "set_password",
        /// Proves the mailbox that an invitation was sent to.
        Invitation = "invitation",
    }
}

impl TokenKind {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Refresh => "rcr_",
            Self::VerifyEmail => "rcv_",
            Self::SetPassword => "rcp_",
            Self::Invitation => "rci_",
        }
    }
}

impl Token {
    /// A new token from the secure random source.
    ///
    /// # Errors
    /// Where the system has no randomness to give.
    pub fn generate(
        kind: TokenKind,
        random: &dyn SecureRandom,
    ) -> Result<Self, ring::error::Unspecified> {
        let mut secret = [0_u8; 32];
        random.fill(&mut secret)?;
        Ok(Self(format!(
            "{}{}",
            kind.prefix(),
            URL_SAFE_NO_PAD.encode(secret)
        )))
    }

    /// A token as a caller presents it; `None` where it is not even of this kind.
    pub fn presented(kind: TokenKind, text: &str) -> Option<Self> {
        text.starts_with(kind.prefix())
            .then(|| Self(text.to_owned()))
    }

    /// What of it is kept and looked for.
    pub fn hash(&self) -> TokenHash {
        let digest = ring::digest::digest(&ring::digest::SHA256, self.0.as_bytes());
        let mut hash = [0_u8; 32];
        hash.copy_from_slice(digest.as_ref());
        TokenHash(hash)
    }

    /// The token itself, to hand out.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl TokenHash {
    /// The hash's 32 bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}
