//! Secrets that we hand out once and keep only as hashes.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::digest::sha256;
use super::random;
use crate::domain::string_enum::string_enum;
use crate::error::Result;

/// The size of a secret: 256 bits.
const SECRET_BYTES: usize = 32;

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
        /// Gets rid of what somebody else registered with the address of the mailbox.
        DisownAccount = "disown_account",
        /// Proves the mailbox, and sets a password.
        SetPassword = "set_password",
        /// Proves the mailbox that an invitation was sent to.
        Invitation = "invitation",
        /// Lets an integration act for the account that created it.
        ApiKey = "api_key",
        /// Is carried through a flow to an identity provider, as its `state`.
        Flow = "flow",
        /// What comes back from it: gets a session, together with the verifier of the browser that began it.
        Ticket = "ticket",
        /// Who came back and has to show first that an account is theirs.
        Link = "link",
        /// Sets up the one connection that it was made for.
        SetupLink = "setup_link",
        /// Shows that an account has signed in on a device before; it opens nothing.
        Device = "device",
    }
}

impl TokenKind {
    /// Whether a text begins as a token of this kind does.
    pub fn marks(self, text: &str) -> bool {
        text.starts_with(self.prefix())
    }

    const fn prefix(self) -> &'static str {
        match self {
            Self::Refresh => "rcr_",
            Self::VerifyEmail => "rcv_",
            Self::DisownAccount => "rcd_",
            Self::SetPassword => "rcp_",
            Self::Invitation => "rci_",
            Self::ApiKey => "rck_",
            Self::Flow => "rcf_",
            Self::Ticket => "rcx_",
            Self::Link => "rcl_",
            Self::SetupLink => "rcu_",
            Self::Device => "rct_",
        }
    }
}

impl Token {
    /// A new token from the secure random source.
    ///
    /// # Errors
    /// `internal` where the system has no randomness to give.
    pub fn generate(kind: TokenKind) -> Result<Self> {
        let mut secret = [0_u8; SECRET_BYTES];
        random::fill(&mut secret)?;
        Ok(Self::of_secret(kind, &secret))
    }

    /// The token with this secret, which nobody can guess.
    pub fn of_secret(kind: TokenKind, secret: &[u8]) -> Self {
        let secret = URL_SAFE_NO_PAD.encode(secret);
        Self(format!("{}{secret}", kind.prefix()))
    }

    /// A token as a caller presents it; `None` where it does not have the form of this kind.
    pub fn presented(kind: TokenKind, text: &str) -> Option<Self> {
        let secret = text.strip_prefix(kind.prefix())?;
        let bytes = URL_SAFE_NO_PAD.decode(secret).ok()?;
        (bytes.len() == SECRET_BYTES).then(|| Self(text.to_owned()))
    }

    /// What of it is kept and looked for.
    pub fn hash(&self) -> TokenHash {
        TokenHash(sha256(self.0.as_bytes()))
    }

    /// The last four characters, by which people tell one token from another.
    pub fn hint(&self) -> &str {
        let start = self.0.len().saturating_sub(4);
        self.0.get(start..).unwrap_or_default()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_recognised_by_its_whole_form() {
        let token = Token::generate(TokenKind::ApiKey).unwrap();
        let text = token.reveal();
        assert!(Token::presented(TokenKind::ApiKey, text) == Some(token.clone()));
        assert!(Token::presented(TokenKind::Refresh, text).is_none());
        let (shorter, longer) = (&text[..text.len() - 1], format!("{text}A"));
        let of_another_alphabet = format!("{}+", &text[..text.len() - 1]);
        for other in [shorter, &longer, &of_another_alphabet, "rck_", "rck_x", ""] {
            assert!(
                Token::presented(TokenKind::ApiKey, other).is_none(),
                "{other}"
            );
        }
    }
}
