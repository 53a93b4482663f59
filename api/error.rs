//! What can go wrong, in the words that every layer shares.
//!
//! A [`Refusal`] is an expected ending that the caller can do something about; it carries a stable
//! [`Code`]. Everything else is a fault of ours or of something we stand on: its text is for the
//! log and never for the caller.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::Serialize as _;

use crate::domain::sign_in_policy::SignInConnection;

/// What is wrong, for programs. Once published, a code keeps its meaning; new ones may be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ProblemCode)]
pub enum Code {
    ValidationFailed,
    MalformedRequest,
    RequestTimeout,
    NotSignedIn,
    WrongCredentials,
    SessionConfined,
    SsoRequired,
    AccountDeactivated,
    PasswordChangeRequired,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    UnsupportedMediaType,
    EmailTaken,
    EmailNotVerified,
    NameTaken,
    AlreadyMember,
    NoSeat,
    LastAdmin,
    NotManagedHere,
    MemberActive,
    TokenInvalid,
    CodeUnknown,
    CodePaused,
    CodeExpired,
    CodeUsedUp,
    CodeDomainNotAllowed,
    CodeBlockedForYou,
    ConnectionUnknown,
    ConnectionNotActive,
    ConnectionNotTested,
    ConnectionIncomplete,
    TenantInUse,
    AppInUse,
    TicketInvalid,
    VerifierWrong,
    IdentityProviderRefused,
    IdentityProviderUnreachable,
    ResponseInvalid,
    SubjectMissing,
    SamlSubjectTransient,
    TenantWrong,
    NotExpectedHere,
    LinkExpired,
    IdentityTaken,
    LastSignInMethod,
    EmergencyAdminRequired,
    FederationKeyMissing,
    SetupLinkExpired,
    InvitationUnknown,
    InvitationExpired,
    InvitationEnded,
    InvitationForAnotherAddress,
    DomainTaken,
    DomainNotProvable,
    DomainNotProven,
    RemovedByAdmin,
    JoinRequestOpen,
    JoinRequestEnded,
    IdempotencyConflict,
    AccountTypeNotInKind,
    ImportNotReady,
    ImportFinished,
    ResultsExpired,
    FileUnreadable,
    FileNoHeader,
    FileEmpty,
    EncodingUnclear,
    DelimiterUnclear,
    TooManyRows,
    PayloadTooLarge,
    RateLimited,
    Unavailable,
    Internal,
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// The result of everything that can be refused or can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something did not happen.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An expected ending: the caller did, or met, something that the rules name.
    #[error("{}", .0.detail)]
    Refused(Box<Refusal>),
    /// Something we stand on is away for now (the database restarts, the pool is exhausted): the
    /// same call may succeed in a moment.
    #[error("unavailable: {0}")]
    Unavailable(#[source] Source),
    /// Another transaction was faster, and the same call sees what it did. Whoever repeats it by
    /// itself counts: one that never ends is a fault.
    #[error("conflict: {0}")]
    Conflict(#[source] Source),
    /// The database has undone the transaction, since it and another one waited for each other: it can be run again.
    #[error("deadlock: {0}")]
    Deadlock(#[source] Source),
    /// A fault of ours.
    #[error("internal error: {0}")]
    Internal(#[source] Source),
}

type Source = Box<dyn std::error::Error + Send + Sync>;

/// An expected ending, in words that help.
#[derive(Debug)]
pub struct Refusal {
    pub code: Code,
    /// One or two English sentences: what is wrong and what to do next.
    pub detail: Cow<'static, str>,
    /// The fields at fault, where the request's body or query is.
    pub fields: Vec<FieldError>,
    /// The connections to sign in by, where that is what is missing.
    pub connections: Vec<SignInConnection>,
    /// Under which an admin reads more of it.
    pub reference: Option<String>,
    /// How long to wait before it makes sense to try again, where that is known.
    pub retry_after: Option<Duration>,
}

/// One field at fault.
#[derive(Clone, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct FieldError {
    /// Where: a JSON pointer (RFC 6901) into the request's body, `?name` for a query parameter, or
    /// the name of a header or of a parameter of the path.
    #[schema(max_length = 250, examples("/email"))]
    pub pointer: Cow<'static, str>,
    /// What, for programs.
    #[schema(max_length = 64, examples("email_invalid"))]
    pub code: Cow<'static, str>,
    /// What, for people.
    #[schema(
        max_length = 2000,
        examples("The address needs an @ between name and domain.")
    )]
    pub detail: Cow<'static, str>,
}

impl FieldError {
    /// A field error from its three parts.
    pub fn new(
        pointer: impl Into<Cow<'static, str>>,
        code: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            pointer: pointer.into(),
            code: code.into(),
            detail: detail.into(),
        }
    }
}

impl Error {
    /// A refusal with its code and its words.
    pub fn refused(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::Refused(Box::new(Refusal {
            code,
            detail: detail.into(),
            fields: Vec::new(),
            connections: Vec::new(),
            reference: None,
            retry_after: None,
        }))
    }

    /// Fields that break a rule, each with its own words.
    pub fn invalid_fields(fields: Vec<FieldError>) -> Self {
        let detail = told_of_fields(&fields);
        Self::of_fields(Code::ValidationFailed, detail, fields)
    }

    /// Fields that are unknown, missing, given twice or of another type (`docs/api-design.md#form`), each with
    /// its own words.
    pub fn malformed_fields(fields: Vec<FieldError>) -> Self {
        let detail = match fields.as_slice() {
            [only] => told_of_field(only),
            several => told_of_fields(several),
        };
        Self::of_fields(Code::MalformedRequest, detail, fields)
    }

    fn of_fields(code: Code, detail: String, fields: Vec<FieldError>) -> Self {
        Self::Refused(Box::new(Refusal {
            code,
            detail: detail.into(),
            fields,
            connections: Vec::new(),
            reference: None,
            retry_after: None,
        }))
    }

    /// One field that breaks a rule.
    pub fn invalid(
        pointer: impl Into<Cow<'static, str>>,
        code: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::invalid_fields(vec![FieldError::new(pointer, code, detail)])
    }

    /// What the caller may not see and what does not exist look the same (`docs/permissions.md`).
    pub fn not_found(what: &'static str) -> Self {
        Self::refused(
            Code::NotFound,
            format!("There is no such {what}, or you may not see it."),
        )
    }

    /// Nothing is served at this path.
    pub fn nothing_at_path() -> Self {
        Self::refused(Code::NotFound, "There is nothing at this path.")
    }

    /// The caller sees it but may not do this with it (`docs/permissions.md`).
    pub fn forbidden(detail: &'static str) -> Self {
        Self::refused(Code::Forbidden, detail)
    }

    /// The password of the person who is signed in, sent in this field, is not theirs.
    pub fn wrong_password(pointer: &'static str) -> Self {
        let detail = "The current password is wrong.";
        let code = Code::WrongCredentials;
        Self::Refused(Box::new(Refusal {
            code,
            detail: detail.into(),
            fields: vec![FieldError::new(pointer, code.to_string(), detail)],
            connections: Vec::new(),
            reference: None,
            retry_after: None,
        }))
    }

    /// The request has an access token that opens nothing, or nothing any more.
    pub fn access_token_ended() -> Self {
        Self::refused(
            Code::NotSignedIn,
            "The access token has expired, its session has ended, or it is none of ours: refresh it or sign in.",
        )
    }

    /// The request has an API key that opens nothing, or nothing any more.
    pub fn api_key_not_good() -> Self {
        Self::refused(
            Code::NotSignedIn,
            "This API key was revoked, has expired or is mistyped: ask an admin for a new one.",
        )
    }

    /// No credential comes with the request.
    pub fn not_signed_in() -> Self {
        Self::refused(
            Code::NotSignedIn,
            "Sign in first: send a valid access token as `Authorization: Bearer …`.",
        )
    }

    /// A sign-in that does not prove the password, whatever the reason.
    pub fn wrong_credentials() -> Self {
        Self::refused(
            Code::WrongCredentials,
            "The address or the password is wrong.",
        )
    }

    /// The organization that manages the account deactivated it.
    pub fn account_deactivated() -> Self {
        Self::refused(
            Code::AccountDeactivated,
            "This account is deactivated. Ask the people who run your organization.",
        )
    }

    /// The account is a member of the organization already.
    pub fn already_member() -> Self {
        Self::refused(
            Code::AlreadyMember,
            "This account is a member of the organization already. Nothing was changed.",
        )
    }

    /// The licence has no free seat for the account type.
    pub fn no_seat() -> Self {
        Self::refused(
            Code::NoSeat,
            "No seat is free for this account type. Deactivate somebody who no longer needs theirs, \
             or ask for a larger licence.",
        )
    }

    /// A limit is used up for so long.
    pub fn rate_limited(retry_after: Duration) -> Self {
        Self::Refused(Box::new(Refusal {
            code: Code::RateLimited,
            detail: "Too many tries. Wait as long as `Retry-After` says, then try again.".into(),
            fields: Vec::new(),
            connections: Vec::new(),
            reference: None,
            retry_after: Some(retry_after),
        }))
    }

    /// The same refusal, with the connections to sign in by.
    #[must_use]
    pub fn with_connections(mut self, connections: Vec<SignInConnection>) -> Self {
        if let Self::Refused(refusal) = &mut self {
            refusal.connections = connections;
        }
        self
    }

    /// A refusal with other words; what is no refusal stays as it is.
    #[must_use]
    pub fn in_other_words(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        if let Self::Refused(refusal) = &mut self {
            refusal.detail = detail.into();
        }
        self
    }

    /// The same refusal, with the reference under which an admin reads more of it.
    #[must_use]
    pub fn with_reference(mut self, reference: &str) -> Self {
        if let Self::Refused(refusal) = &mut self {
            let detail = format!("{} Reference: {reference}.", refusal.detail);
            refusal.detail = detail.into();
            refusal.reference = Some(reference.to_owned());
        }
        self
    }

    /// A fault of ours, with its cause for the log.
    pub fn internal(cause: impl Into<Source>) -> Self {
        Self::Internal(cause.into())
    }

    /// A fault of ours that ended in a panic.
    pub fn of_panic(panic: &(dyn std::any::Any + Send)) -> Self {
        let message = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("without words");
        Self::internal(format!("panic: {message}"))
    }

    /// Something we stand on is away for now.
    pub fn unavailable(cause: impl Into<Source>) -> Self {
        Self::Unavailable(cause.into())
    }

    /// Another transaction was faster.
    pub fn conflict(cause: impl Into<Source>) -> Self {
        Self::Conflict(cause.into())
    }

    /// Two transactions waited for each other.
    pub fn deadlock(cause: impl Into<Source>) -> Self {
        Self::Deadlock(cause.into())
    }

    /// The code that the caller gets.
    pub fn code(&self) -> Code {
        match self {
            Self::Refused(refusal) => refusal.code,
            Self::Unavailable(_) | Self::Conflict(_) | Self::Deadlock(_) => Code::Unavailable,
            Self::Internal(_) => Code::Internal,
        }
    }
}

/// Says what is wrong with the one field at fault.
fn told_of_field(field: &FieldError) -> String {
    let words = in_a_sentence(&field.detail);
    match &*field.pointer {
        "" => format!("The body: {words}"),
        pointer => format!("`{pointer}`: {words}"),
    }
}

/// A sentence as it stands behind a colon.
pub fn in_a_sentence(words: &str) -> String {
    let mut characters = words.chars();
    let first = characters
        .next()
        .map(|first| first.to_lowercase().to_string());
    first.unwrap_or_default() + characters.as_str()
}

/// How many fields a sentence names; `errors` has all.
const MAX_TOLD: usize = 5;

/// Names the fields at fault.
fn told_of_fields(fields: &[FieldError]) -> String {
    let name = |field: &FieldError| match &*field.pointer {
        "" => "the body".to_owned(),
        pointer => pointer.to_owned(),
    };
    let mut names: Vec<String> = fields.iter().map(name).collect();
    names.dedup();
    let more = names.len().saturating_sub(MAX_TOLD);
    names.truncate(MAX_TOLD);
    let many = if names.len() == 1 { "field" } else { "fields" };
    let more = match more {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("Invalid {many}: {}{more}. See `errors`.", names.join(", "))
}
