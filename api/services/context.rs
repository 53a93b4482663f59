//! Who acts, in which request, at what time.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use super::limit_states::LimitStates;
use super::work_signal::QueuedKinds;
use crate::domain::api_key::Scope;
use crate::domain::audit::ActorKind;
use crate::domain::ids::{AccountId, ApiKeyId, OrganizationId, SessionId};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::store::accounts::Account;
use crate::store::api_keys::ApiKey;
use crate::store::setup_links::SetupLink;

/// Who acts.
#[derive(Clone)]
pub enum Principal {
    /// Nobody in particular: no credential came with the request.
    Anonymous,
    /// A person, by a session.
    Session(SessionPrincipal),
    /// A person without a session: proved by a password or by the secret of a mailed link, or who asked for
    /// what a worker does.
    Owner(Account),
    /// An integration, by an API key.
    ApiKey(ApiKeyPrincipal),
    /// Whoever runs an identity provider, by a setup link.
    SetupLink(SetupLinkPrincipal),
    /// The command line, on the machine itself.
    CommandLine,
    /// Rollcall itself: a worker, the clean-up.
    System,
}

/// A person with an active session.
#[derive(Clone)]
pub struct SessionPrincipal {
    pub account: Account,
    pub session: SessionId,
    pub signed_in_at: Timestamp,
    /// By an identity provider of an organization: no more than that vouches for its owner.
    pub by_connection: bool,
    /// The organization whose connection made it, where that does not manage the account: beside this one it opens
    /// those whose proof it has.
    pub confined_to: Option<OrganizationId>,
}

/// An integration that acts for the account which created its key, in one organization.
#[derive(Clone)]
pub struct ApiKeyPrincipal {
    pub id: ApiKeyId,
    pub name: String,
    pub organization: OrganizationId,
    pub scopes: Vec<Scope>,
    /// The key never permits more than its creator may do at the moment of use.
    pub creator: Account,
}

/// Whoever sets up one connection of an organization by a link.
#[derive(Clone)]
pub struct SetupLinkPrincipal {
    pub link: SetupLink,
    /// The link opens nothing any more once its maker could not make it.
    pub maker: Account,
}

impl ApiKeyPrincipal {
    /// Whoever uses this key of this creator.
    ///
    /// # Errors
    /// `internal` where its scopes cannot be read.
    pub fn new(key: ApiKey, creator: Account) -> Result<Self> {
        Ok(Self {
            scopes: key.scopes()?,
            id: key.id,
            name: key.name,
            organization: key.organization_id,
            creator,
        })
    }
}

impl Principal {
    /// The account that acts, or for which an API key acts.
    pub const fn account(&self) -> Option<&Account> {
        match self {
            Self::Session(session) => Some(&session.account),
            Self::Owner(account) => Some(account),
            Self::ApiKey(key) => Some(&key.creator),
            Self::Anonymous | Self::SetupLink(_) | Self::CommandLine | Self::System => None,
        }
    }

    /// As [`Principal::account`], by its id.
    pub fn account_id(&self) -> Option<AccountId> {
        self.account().map(|account| account.id)
    }

    /// The organization that the session is confined to, beside those whose proof it has (`services/confinement.rs`).
    pub const fn confined_to(&self) -> Option<OrganizationId> {
        match self {
            Self::Session(session) => session.confined_to,
            Self::Anonymous
            | Self::Owner(_)
            | Self::ApiKey(_)
            | Self::SetupLink(_)
            | Self::CommandLine
            | Self::System => None,
        }
    }

    /// Whether nothing but an identity provider of an organization vouches for the person.
    pub const fn is_by_connection(&self) -> bool {
        match self {
            Self::Session(session) => session.by_connection,
            Self::Anonymous
            | Self::Owner(_)
            | Self::ApiKey(_)
            | Self::SetupLink(_)
            | Self::CommandLine
            | Self::System => false,
        }
    }

    /// Whether the account acts as an operator. A session by an organization's identity provider never does: the
    /// organization's admins decide for whom that vouches.
    pub fn is_operator(&self) -> bool {
        !self.is_by_connection() && self.account().is_some_and(|account| account.operator)
    }

    /// The API key that acts.
    pub const fn api_key_id(&self) -> Option<ApiKeyId> {
        match self {
            Self::ApiKey(key) => Some(key.id),
            Self::Anonymous
            | Self::Session(_)
            | Self::Owner(_)
            | Self::SetupLink(_)
            | Self::CommandLine
            | Self::System => None,
        }
    }

    /// The person with a session.
    ///
    /// # Errors
    /// `forbidden` for an API key, `not_signed_in` for everybody else without a session.
    pub fn session(&self) -> Result<&SessionPrincipal> {
        match self {
            Self::Session(session) => Ok(session),
            Self::ApiKey(_) | Self::SetupLink(_) => Err(takes_a_person()),
            Self::Anonymous | Self::Owner(_) | Self::CommandLine | Self::System => {
                Err(Error::not_signed_in())
            }
        }
    }

    /// The link by which somebody sets a connection up.
    ///
    /// # Errors
    /// `not_signed_in` for everybody else.
    pub fn setup_link(&self) -> Result<&SetupLink> {
        match self {
            Self::SetupLink(by) => Ok(&by.link),
            Self::Anonymous
            | Self::Session(_)
            | Self::Owner(_)
            | Self::ApiKey(_)
            | Self::CommandLine
            | Self::System => Err(Error::not_signed_in()),
        }
    }

    /// Whose `Idempotency-Key`s a request's key is one of; none for anonymous senders.
    pub fn idempotency_owner(&self) -> Option<String> {
        match self {
            Self::Session(session) => Some(session.account.id.to_string()),
            Self::Owner(account) => Some(account.id.to_string()),
            Self::ApiKey(key) => Some(key.id.to_string()),
            Self::SetupLink(by) => Some(by.link.id.to_string()),
            Self::Anonymous | Self::CommandLine | Self::System => None,
        }
    }

    /// How the audit log names this principal: kind, account, and a name for people who read the log
    /// when the account is gone.
    pub fn actor(&self) -> (ActorKind, Option<AccountId>, String) {
        match self {
            Self::Session(SessionPrincipal { account, .. }) | Self::Owner(account) => {
                let kind = if self.is_operator() {
                    ActorKind::Operator
                } else {
                    ActorKind::Account
                };
                (kind, Some(account.id), account.email.to_string())
            }
            Self::ApiKey(key) => (ActorKind::ApiKey, Some(key.creator.id), key.name.clone()),
            Self::SetupLink(by) => (ActorKind::SetupLink, None, by.link.name.clone()),
            Self::CommandLine => (ActorKind::CommandLine, None, "command line".to_owned()),
            Self::System => (ActorKind::System, None, "rollcall".to_owned()),
            Self::Anonymous => (ActorKind::Anonymous, None, "anonymous".to_owned()),
        }
    }
}

/// The refusal of an API key where a person is needed.
pub fn takes_a_person() -> Error {
    Error::forbidden("This belongs to a person and takes no API key. Sign in.")
}

/// Who has sent a request, as its log line names them.
#[derive(Clone, Copy, Debug)]
enum Sender {
    Account(AccountId),
    /// The account that created the key has not sent the request.
    ApiKey(ApiKeyId),
}

/// The sender of a request, once it is known. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct SeenSender(Arc<OnceLock<Sender>>);

impl SeenSender {
    /// Notes who sends the request, for its log line.
    pub fn note(&self, principal: &Principal) {
        let of_account = || principal.account_id().map(Sender::Account);
        let sender = principal.api_key_id().map(Sender::ApiKey);
        if let Some(sender) = sender.or_else(of_account) {
            self.0.get_or_init(|| sender);
        }
    }

    /// The account that sends the request.
    pub fn account(&self) -> Option<AccountId> {
        match self.0.get() {
            Some(Sender::Account(id)) => Some(*id),
            Some(Sender::ApiKey(_)) | None => None,
        }
    }

    /// The API key that the request is sent with.
    pub fn api_key(&self) -> Option<ApiKeyId> {
        match self.0.get() {
            Some(Sender::ApiKey(id)) => Some(*id),
            Some(Sender::Account(_)) | None => None,
        }
    }
}

/// What a unit of work knows of the request, or of the background step, that it belongs to.
#[derive(Clone)]
pub struct RequestContext {
    pub principal: Principal,
    /// None where there is no request: the command line, a worker.
    pub request_id: Option<Arc<str>>,
    /// The one time of everything that the request does.
    pub now: Timestamp,
    /// When the client is told that this took too long: from then on nothing of it may happen any more.
    /// None where nobody waits.
    pub deadline: Option<Instant>,
    /// Who has sent the request, for its log line.
    pub seen_sender: SeenSender,
    /// The limits that the request met, for its response headers.
    pub limit_states: LimitStates,
    /// Whether no transaction may begin, because the permit was asked for outside of one.
    pub(super) reads_only: bool,
    /// Work that was queued, of which the workers are told when the unit of work has ended.
    pub(super) queued: QueuedKinds,
}

impl RequestContext {
    /// A request whose sender is not known yet.
    pub fn anonymous(request_id: &str, now: Timestamp) -> Self {
        Self {
            request_id: Some(request_id.into()),
            ..Self::without_request(Principal::Anonymous, now)
        }
    }

    /// A step that Rollcall takes by itself.
    pub fn system(now: Timestamp) -> Self {
        Self::without_request(Principal::System, now)
    }

    /// A command at the machine itself.
    pub fn command_line(now: Timestamp) -> Self {
        Self::without_request(Principal::CommandLine, now)
    }

    fn without_request(principal: Principal, now: Timestamp) -> Self {
        Self {
            principal,
            request_id: None,
            now,
            deadline: None,
            seen_sender: SeenSender::default(),
            limit_states: LimitStates::default(),
            reads_only: false,
            queued: QueuedKinds::default(),
        }
    }

    /// The same request, by this principal.
    #[must_use]
    pub fn with_principal(&self, principal: Principal) -> Self {
        Self {
            principal,
            ..self.clone()
        }
    }

    /// Refuses to go on where the client is told by now that it took too long.
    ///
    /// # Errors
    /// `unavailable`.
    pub fn require_time_left(&self) -> Result<()> {
        match self.deadline {
            Some(deadline) if Instant::now() >= deadline => Err(Error::unavailable(
                "a request that took longer than its client waits: nothing of it was done",
            )),
            Some(_) | None => Ok(()),
        }
    }

    /// The same request at a later time: an upload that has arrived.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> Self {
        Self {
            now,
            ..self.clone()
        }
    }
}
