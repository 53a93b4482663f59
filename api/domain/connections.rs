//! Connections to identity providers: the words of single sign-on (`docs/sso.md`).

use serde::{Deserialize, Serialize};

use super::string_enum::string_enum;

string_enum! {
    /// The protocol of a connection.
    ConnectionKind {
        /// OpenID Connect.
        Oidc = "oidc",
        /// SAML 2.0.
        Saml = "saml",
    }
}

string_enum! {
    /// The identity provider that a connection is made for.
    Preset {
        /// Microsoft Entra ID.
        Entra = "entra",
        /// Google Workspace.
        Google = "google",
        /// Okta.
        Okta = "okta",
        /// Clever.
        Clever = "clever",
        /// Any other.
        Generic = "generic",
    }
}

string_enum! {
    /// How far a connection is.
    ConnectionStatus {
        /// Being set up: it signs nobody in, but can be tested.
        Draft = "draft",
        /// People sign in by it.
        Active = "active",
        /// It signs nobody in for the time being.
        Paused = "paused",
    }
}

string_enum! {
    /// Whom a connection lets in for the first time.
    Arrivals {
        /// Everybody whom the identity provider lets through.
        Everyone = "everyone",
        /// Whoever has an address in a domain that the organization has proven.
        ProvenDomains = "proven_domains",
        /// Whoever is expected: by an invitation, a code or a directory.
        Expected = "expected",
    }
}

string_enum! {
    /// What a round trip to an identity provider is for.
    FlowPurpose {
        /// To sign in.
        SignIn = "sign_in",
        /// To link an identity to the account that is signed in.
        Link = "link",
        /// To add the proof of an organization to a session.
        StepUp = "step_up",
        /// To test a connection: it signs nobody in, and changes nothing.
        Test = "test",
    }
}

string_enum! {
    /// How Rollcall shows at the token endpoint that it is the client (OpenID Connect Core, section 9).
    ClientAuthentication {
        ClientSecretBasic = "client_secret_basic",
        ClientSecretPost = "client_secret_post",
        /// By a token that Rollcall's own key signs (RFC 7523).
        PrivateKeyJwt = "private_key_jwt",
    }
}

string_enum! {
    /// How an arrival ended, or that it has not come yet.
    DiagnosisStatus {
        Waiting = "waiting",
        Passed = "passed",
        Failed = "failed",
    }
}

string_enum! {
    /// What came of a ticket.
    SignInOutcome {
        /// A member signed in.
        SignedIn = "signed_in",
        /// A known account became a member.
        Joined = "joined",
        /// An account was made, and became a member.
        AccountCreated = "account_created",
        /// The identity opens an account that was there.
        Linked = "linked",
        /// The session has the organization's proof now.
        SteppedUp = "stepped_up",
        /// There is an account with this address: its owner has to show that it is theirs.
        LinkRequired = "link_required",
    }
}

/// The most characters of a connection's name.
pub const MAX_CONNECTION_NAME: usize = 100;

/// How many hours a session that was made by a connection lives without a new proof, unless it says otherwise.
pub const DEFAULT_SESSION_HOURS: i64 = 168;
pub const MAX_SESSION_HOURS: i64 = 720;

/// How an OpenID provider is reached, and as which client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OidcSettings {
    /// The issuer, byte for byte as the provider writes it.
    pub issuer: String,
    /// The tenant of Microsoft Entra ID, or the district of Clever.
    pub tenant: Option<String>,
    pub client_id: String,
    pub client_authentication: ClientAuthentication,
}
