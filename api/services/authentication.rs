//! Who a credential belongs to: the one place that recognises each kind.

use std::time::Duration;

use super::context::{ApiKeyPrincipal, Principal, SessionPrincipal, SetupLinkPrincipal};
use super::unit_of_work::UnitOfWork;
use crate::crypto::access_token::{Claims, SigningKeys};
use crate::crypto::token::{Token, TokenHash, TokenKind};
use crate::domain::ids::OrganizationId;
use crate::domain::string_enum::string_enum;
use crate::domain::timestamp::Timestamp;
use crate::error::{Code, Error, Result};
use crate::store::accounts::{self, Account};
use crate::store::affiliations::{self, Affiliation};
use crate::store::api_keys::{self, ApiKey};
use crate::store::sessions::{self, Session};
use crate::store::{organizations, setup_links};

/// How exactly the last use of an API key is known. Requests within it write nothing, so that reading
/// by a key does not become writing.
const LAST_USE_GRAIN: Duration = Duration::from_secs(5 * 60);

string_enum! {
    /// The kinds of credentials, by the names of their security schemes in the API's document.
    CredentialKind {
        /// A JSON Web Token that `login` gives.
        AccessToken = "access_token",
        /// A key of an organization.
        ApiKey = "api_key",
        /// A link to set a connection up.
        SetupLink = "setup_link",
    }
}

/// A credential whose form, and signature where it has one, is good. What stands behind it is checked
/// by [`authenticate`].
#[derive(Clone)]
pub enum Credential {
    /// A JSON Web Token that `login` gave.
    AccessToken(Claims),
    /// An API key, by its hash.
    ApiKey(TokenHash),
    /// A setup link, by the hash of its token.
    SetupLink(TokenHash),
    /// Part of a setup link, or a mistyped one: it has the beginning of a token of one, and not the form.
    BrokenSetupLink,
}

impl Credential {
    /// The credential that a text is.
    ///
    /// # Errors
    /// `not_signed_in` where it is none of ours, in the words of the kind that it looks like.
    pub fn recognise(text: &str, signing: &SigningKeys, now: Timestamp) -> Result<Self> {
        match CredentialKind::of(text) {
            CredentialKind::AccessToken => {
                let claims = signing.verify(text, now);
                claims
                    .map(Self::AccessToken)
                    .ok_or_else(Error::access_token_ended)
            }
            CredentialKind::ApiKey => {
                let key = Token::presented(TokenKind::ApiKey, text);
                let key = key.ok_or_else(Error::api_key_not_good)?;
                Ok(Self::ApiKey(key.hash()))
            }
            CredentialKind::SetupLink => {
                let link = Token::presented(TokenKind::SetupLink, text);
                Ok(link.map_or(Self::BrokenSetupLink, |link| Self::SetupLink(link.hash())))
            }
        }
    }
}

impl CredentialKind {
    /// What a text looks like; only keys and links are marked.
    fn of(text: &str) -> Self {
        if TokenKind::ApiKey.marks(text) {
            Self::ApiKey
        } else if TokenKind::SetupLink.marks(text) {
            Self::SetupLink
        } else {
            Self::AccessToken
        }
    }
}

/// The principal behind a credential, for what is no single organization's.
///
/// # Errors
/// As [`authenticate_also_confined`]; `session_confined` for a confined session.
pub fn authenticate(tx: &mut UnitOfWork<'_>, credential: &Credential) -> Result<Principal> {
    let principal = authenticate_also_confined(tx, credential)?;
    if principal.confined_to().is_some() {
        return Err(session_confined());
    }
    Ok(principal)
}

/// The principal behind a credential, also a confined session: for what is the person's own and changes nothing, and
/// for what looks at the organization itself.
///
/// # Errors
/// As [`authenticate_before_password_change`]; `password_change_required` where somebody else has set the
/// password of the account that acts, or for which the key acts.
pub fn authenticate_also_confined(
    tx: &mut UnitOfWork<'_>,
    credential: &Credential,
) -> Result<Principal> {
    let principal = authenticate_before_password_change(tx, credential)?;
    require_own_password(&principal)?;
    Ok(principal)
}

/// The refusal of a session that an organization's identity provider vouches for, where more is asked.
pub fn session_confined() -> Error {
    Error::refused(
        Code::SessionConfined,
        "You have signed in by the central system of one organization: this session opens that organization only. \
         For this, sign in with your password; for another organization by its own central system, or add its proof \
         with `step_up`.",
    )
}

/// Refuses sessions for which only an identity provider vouches: they change neither password nor identities, and end
/// no other session.
///
/// # Errors
/// `session_confined`.
pub fn require_own_proof(tx: &UnitOfWork<'_>) -> Result<()> {
    if tx.context.principal.is_by_connection() {
        return Err(Error::refused(
            Code::SessionConfined,
            "You have signed in by a central system: this session changes neither password nor ways to sign in, and \
             ends no other session.",
        ));
    }
    Ok(())
}

/// Asks for the session once more, behind the locks that were waited for: whoever has ended it meanwhile, or has set
/// another password, stops what it was about to do. Callers without a session have proved who they are otherwise.
///
/// # Errors
/// `not_signed_in`, `account_deactivated`, `password_change_required`.
pub fn require_still_signed_in(tx: &mut UnitOfWork<'_>) -> Result<()> {
    let Principal::Session(known) = &tx.context.principal else {
        return Ok(());
    };
    let (session, owner, by_connection) = (known.session, known.account.id, known.by_connection);
    if let Some((_, account)) = sessions::find_active(tx.connection, session, tx.now())? {
        return match account.must_change_password && !by_connection {
            true => Err(password_change_required()),
            false => Ok(()),
        };
    }
    let account = accounts::find(tx.connection, owner)?;
    let is_closed = account.is_some_and(|account| account.deactivated_at.is_some());
    Err(match is_closed {
        true => Error::account_deactivated(),
        false => Error::access_token_ended(),
    })
}

/// As [`authenticate`], with what the account is to an organization, read in the same statement; `None` where there is
/// no such organization.
///
/// # Errors
/// As [`authenticate`].
pub fn authenticate_in(
    tx: &mut UnitOfWork<'_>,
    credential: &Credential,
    organization: OrganizationId,
) -> Result<(Principal, Option<Affiliation>)> {
    let now = tx.now();
    let (principal, affiliation) = match credential {
        Credential::AccessToken(claims) => {
            let key = (claims.sid, now);
            let found = affiliations::find_with_session(tx.connection, organization, key)?;
            let (session, account, affiliation) = found.ok_or_else(Error::access_token_ended)?;
            let session = session_principal(claims, session, account)?;
            (Principal::Session(session), affiliation)
        }
        Credential::ApiKey(hash) => {
            let key = (hash, now);
            let found = affiliations::find_with_api_key(tx.connection, organization, key)?;
            let (key, creator, affiliation) = found.ok_or_else(Error::api_key_not_good)?;
            (
                Principal::ApiKey(api_key_principal(tx, key, creator)?),
                affiliation,
            )
        }
        Credential::SetupLink(_) | Credential::BrokenSetupLink => return Err(only_for_setup()),
    };
    tx.context.seen_sender.note(&principal);
    require_own_password(&principal)?;
    Ok((principal, affiliation))
}

/// A session by an identity provider was opened by no password, so that none has to be changed first.
fn require_own_password(principal: &Principal) -> Result<()> {
    if principal.is_by_connection() {
        return Ok(());
    }
    let account = principal.account();
    if account.is_some_and(|account| account.must_change_password) {
        return Err(password_change_required());
    }
    Ok(())
}

/// The principal behind a credential, also where the account has to change its password first.
///
/// # Errors
/// `not_signed_in` where the session has ended, or the key is unknown, revoked or expired or acts for
/// an account that is deactivated.
pub fn authenticate_before_password_change(
    tx: &mut UnitOfWork<'_>,
    credential: &Credential,
) -> Result<Principal> {
    let principal = match credential {
        Credential::AccessToken(claims) => Principal::Session(session_of(tx, claims)?),
        Credential::ApiKey(hash) => Principal::ApiKey(api_key_of(tx, hash)?),
        Credential::SetupLink(_) | Credential::BrokenSetupLink => return Err(only_for_setup()),
    };
    tx.context.seen_sender.note(&principal);
    Ok(principal)
}

/// The refusal of an account whose password somebody else has set, until its owner has chosen another.
pub fn password_change_required() -> Error {
    Error::refused(
        Code::PasswordChangeRequired,
        "This password was set by somebody else. Choose a new one at /v1/auth/password/change: until \
         then the account opens nothing else.",
    )
}

fn session_of(tx: &mut UnitOfWork<'_>, claims: &Claims) -> Result<SessionPrincipal> {
    let found = sessions::find_active(tx.connection, claims.sid, tx.now())?;
    let (session, account) = found.ok_or_else(Error::access_token_ended)?;
    session_principal(claims, session, account)
}

fn session_principal(
    claims: &Claims,
    session: Session,
    account: Account,
) -> Result<SessionPrincipal> {
    if account.id != claims.sub {
        return Err(Error::access_token_ended());
    }
    Ok(SessionPrincipal {
        confined_to: session.confined_to(&account),
        account,
        session: session.id,
        signed_in_at: session.created_at,
        by_connection: session.by_connection,
    })
}

fn api_key_of(tx: &mut UnitOfWork<'_>, hash: &TokenHash) -> Result<ApiKeyPrincipal> {
    let found = api_keys::find_usable(tx.connection, hash, tx.now())?;
    let (key, creator) = found.ok_or_else(Error::api_key_not_good)?;
    api_key_principal(tx, key, creator)
}

fn api_key_principal(
    tx: &mut UnitOfWork<'_>,
    key: ApiKey,
    creator: Account,
) -> Result<ApiKeyPrincipal> {
    note_use(tx, &key)?;
    ApiKeyPrincipal::new(key, creator)
}

fn note_use(tx: &mut UnitOfWork<'_>, key: &ApiKey) -> Result<()> {
    let (now, earlier) = (tx.now(), tx.now().minus(LAST_USE_GRAIN));
    if key.last_used_at.is_some_and(|last| last >= earlier) {
        return Ok(());
    }
    api_keys::note_use(tx.connection, key.id, now, earlier)
}

/// Whoever brings a setup link. Only what belongs to the set-up asks for one: to everything else a link is no credential.
///
/// # Errors
/// `not_signed_in` for another credential; `setup_link_expired` where the link is not whole, unknown, revoked or over.
pub fn authenticate_setup_link(
    tx: &mut UnitOfWork<'_>,
    credential: &Credential,
) -> Result<SetupLinkPrincipal> {
    let hash = match credential {
        Credential::SetupLink(hash) => hash,
        Credential::BrokenSetupLink => return Err(setup_link_broken()),
        Credential::AccessToken(_) | Credential::ApiKey(_) => return Err(takes_a_setup_link()),
    };
    let found = setup_links::find_usable(tx.connection, hash, tx.context.now)?;
    let (link, maker) = found.ok_or_else(setup_link_over)?;
    Ok(SetupLinkPrincipal { link, maker })
}

/// Locks the organization of a setup link.
///
/// # Errors
/// As [`authenticate_setup_link`].
pub fn lock_by_setup_link(tx: &mut UnitOfWork<'_>, credential: &Credential) -> Result<()> {
    let by = authenticate_setup_link(tx, credential)?;
    organizations::lock(tx.connection, by.link.organization_id)?;
    Ok(())
}

/// The refusal of a setup link that opens nothing, or nothing any more.
pub fn setup_link_over() -> Error {
    Error::refused(
        Code::SetupLinkExpired,
        "This setup link is unknown, was revoked, or is over. Ask the admin who sent it for a new one.",
    )
}

/// The refusal of a part of a setup link.
fn setup_link_broken() -> Error {
    Error::refused(
        Code::SetupLinkExpired,
        "This setup link is not whole: its token is `rcu_` and 43 characters, all that stands behind `#token=`. Open the \
         link once more as it was sent, or ask the admin who sent it for a new one.",
    )
}

/// The refusal of a setup link for anything else.
pub fn only_for_setup() -> Error {
    Error::refused(
        Code::NotSignedIn,
        "A setup link signs nobody in: it works below /v1/setup only.",
    )
}

/// The refusal of other credentials where a setup link is needed.
pub fn takes_a_setup_link() -> Error {
    Error::refused(
        Code::NotSignedIn,
        "Send the token of a setup link as `Authorization: Bearer rcu_…`. Signed in, use the organization's own paths.",
    )
}
