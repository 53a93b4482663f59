//! Every refusal and failure as `application/problem+json` (RFC 9457).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use utoipa::openapi::example::Example;
use utoipa::openapi::{ContentBuilder, RefOr, Response, ResponseBuilder};

use crate::domain::sign_in_policy::SignInConnection;
use crate::error::{Code, Error, FieldError, Refusal};

/// The status and the title of each code: the one table.
const fn status_and_title(code: Code) -> (u16, &'static str) {
    match code {
        Code::MalformedRequest => (400, "The request cannot be read"),
        Code::NotSignedIn => (401, "Not signed in"),
        Code::WrongCredentials => (401, "Wrong address or password"),
        Code::SessionConfined => (403, "A sign-in by a central system does not open this"),
        Code::SsoRequired => (403, "Single sign-on is required"),
        Code::AccountDeactivated => (403, "The account is deactivated"),
        Code::PasswordChangeRequired => (403, "The password has to be changed"),
        Code::Forbidden => (403, "Not allowed"),
        Code::EmailNotVerified => (403, "The address is not verified"),
        Code::InvitationForAnotherAddress => (403, "The invitation is for another address"),
        Code::NotManagedHere => (403, "The account is not managed by this organization"),
        Code::CodeDomainNotAllowed => (403, "The code is for other email domains"),
        Code::CodeBlockedForYou => (403, "The code does not let you in"),
        Code::NotExpectedHere => (403, "You are not invited yet"),
        Code::RemovedByAdmin => (403, "An admin removed you"),
        Code::TicketInvalid => (401, "The ticket is not good"),
        Code::VerifierWrong => (401, "The ticket is another browser's"),
        Code::LinkExpired => (401, "The link has expired"),
        Code::ConnectionUnknown => (404, "There is no such connection"),
        Code::ConnectionNotActive => (409, "The connection signs nobody in"),
        Code::ConnectionIncomplete => (409, "The connection does not know its identity provider"),
        Code::ConnectionNotTested => (409, "The connection has not been tested"),
        Code::TenantInUse => (409, "Another connection has the tenant"),
        Code::AppInUse => (409, "Connections use the app"),
        Code::IdentityTaken => (409, "The identity opens another account"),
        Code::LastSignInMethod => (409, "Somebody could not sign in any more"),
        Code::EmergencyAdminRequired => (409, "An emergency admin is needed"),
        Code::FederationKeyMissing => (409, "The installation has no federation key"),
        Code::IdentityProviderRefused => (403, "The identity provider refused"),
        Code::ResponseInvalid => (403, "The identity provider's answer is not good"),
        Code::SamlSubjectTransient => (403, "The identity provider names nobody for good"),
        Code::SubjectMissing => (403, "The identity provider did not say who it is"),
        Code::TenantWrong => (403, "The account is another tenant's"),
        Code::IdentityProviderUnreachable => (503, "The identity provider cannot be reached"),
        Code::NotFound => (404, "Not found"),
        Code::CodeUnknown => (404, "There is no such invite code"),
        Code::InvitationUnknown => (404, "There is no such invitation"),
        Code::MethodNotAllowed => (405, "Method not allowed"),
        Code::RequestTimeout => (408, "The request took too long"),
        Code::EmailTaken => (409, "The address is taken"),
        Code::NameTaken => (409, "The name is taken"),
        Code::AlreadyMember => (409, "A member already"),
        Code::MemberActive => (409, "The member is active"),
        Code::CodePaused => (409, "The invite code is paused"),
        Code::CodeUsedUp => (409, "The invite code is used up"),
        Code::InvitationEnded => (409, "The invitation has ended"),
        Code::DomainTaken => (409, "An organization has this domain already"),
        Code::DomainNotProven => (409, "The domain is not proven"),
        Code::JoinRequestOpen => (409, "Asked to join already"),
        Code::JoinRequestEnded => (409, "The request to join has ended"),
        Code::IdempotencyConflict => (409, "The key belongs to another request"),
        Code::NoSeat => (409, "No seat is free"),
        Code::LastAdmin => (409, "The last admin"),
        Code::ImportNotReady => (409, "The import has not ended yet"),
        Code::ImportFinished => (409, "The import has ended"),
        Code::SetupLinkExpired => (410, "The setup link opens nothing"),
        Code::TokenInvalid => (410, "The link is not valid any more"),
        Code::CodeExpired => (410, "The invite code has expired"),
        Code::InvitationExpired => (410, "The invitation has expired"),
        Code::ResultsExpired => (410, "The results are gone"),
        Code::PayloadTooLarge => (413, "Too large"),
        Code::UnsupportedMediaType => (415, "Unsupported media type"),
        Code::ValidationFailed => (422, "A field is invalid"),
        Code::AccountTypeNotInKind => (422, "Not an account type of this organization"),
        Code::DomainNotProvable => (422, "No organization can prove this domain"),
        Code::FileUnreadable => (422, "The file cannot be read"),
        Code::FileNoHeader => (422, "The file has no usable header"),
        Code::FileEmpty => (422, "The file has no rows"),
        Code::EncodingUnclear => (422, "The characters of the file cannot be told"),
        Code::DelimiterUnclear => (422, "The cells of the file cannot be told apart"),
        Code::TooManyRows => (422, "Too many rows"),
        Code::RateLimited => (429, "Too many requests"),
        Code::Internal => (500, "Internal error"),
        Code::Unavailable => (503, "Unavailable for the moment"),
    }
}

/// The media type of problems.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// The request's id in examples.
const EXAMPLE_REQUEST: &str = "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11";

/// How long a client should wait before it tries again, where nobody knows better, in seconds.
const RETRY_AFTER: u64 = 2;

/// Seconds as headers have them, rounded up.
pub fn whole_seconds(span: Duration) -> u64 {
    let begun = u64::from(span.subsec_nanos() > 0);
    span.as_secs().saturating_add(begun)
}

/// A reference in the examples of the document.
pub const EXAMPLE_REFERENCE: &str = "K7QF2MPDXA";

/// A problem as clients read it (RFC 9457).
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
#[schema(as = Problem, examples(json!({
    "type": "about:blank",
    "title": "A field is invalid",
    "status": 422,
    "code": "validation_failed",
    "detail": "Invalid field: /email. See `errors`.",
    "request_id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11",
    "errors": [{
        "pointer": "/email",
        "code": "email_invalid",
        "detail": "The address needs an @ between name and domain."
    }]
})))]
pub struct ProblemBody {
    /// Always `about:blank`: `code` tells what it is.
    #[serde(rename = "type")]
    #[schema(max_length = 100)]
    kind: &'static str,
    /// The code in a few words.
    #[schema(max_length = 100)]
    title: &'static str,
    /// The HTTP status, repeated.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    code: Code,
    /// What is wrong here, and what to do next.
    #[schema(max_length = 2000)]
    detail: Cow<'static, str>,
    /// The request, for whoever is asked for help.
    #[schema(max_length = 100)]
    request_id: String,
    /// The fields at fault.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 1000)]
    errors: Vec<FieldError>,
    /// With `sso_required`: the connections to sign in by.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 50)]
    connections: Vec<SignInConnection>,
    /// Of a sign-in that was refused: an admin reads its steps under it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 20, nullable = false)]
    reference: Option<String>,
}

/// What a handler ends in when it does not end well.
pub struct Problem {
    error: Error,
    allow: Option<String>,
}

impl Problem {
    /// The path has other methods (RFC 9110 wants them named).
    pub fn method_not_allowed(allowed: String) -> Self {
        let detail = format!("This path takes {allowed} only.");
        Self {
            error: Error::refused(Code::MethodNotAllowed, detail),
            allow: Some(allowed),
        }
    }

    /// What the framework refused by itself, in our words.
    pub fn of_framework(status: StatusCode) -> Self {
        let (code, detail) = match status.as_u16() {
            401 => return Error::not_signed_in().into(),
            413 => return body_too_large().into(),
            404 => (Code::NotFound, "There is nothing at this path."),
            405 => (
                Code::MethodNotAllowed,
                "This path does not take this method.",
            ),
            408 => return timed_out().into(),
            415 => (
                Code::UnsupportedMediaType,
                "This path takes another content type.",
            ),
            400..=499 => (Code::MalformedRequest, "The request cannot be read."),
            _ => return Error::internal(format!("the framework refused with {status}")).into(),
        };
        Error::refused(code, detail).into()
    }

    fn body(&self, request_id: String) -> ProblemBody {
        let (status, title) = status_and_title(self.error.code());
        let (detail, errors) = self.words();
        ProblemBody {
            kind: "about:blank",
            title,
            status,
            code: self.error.code(),
            detail,
            request_id,
            errors,
            connections: self.connections(),
            reference: self.reference(),
        }
    }

    /// The response, whole.
    pub fn render(&self, request_id: &str) -> HttpResponse {
        let body = self.body(request_id.to_owned());
        let status = body.status;
        let mut response = HttpResponse::build(self.status_code());
        if status == 401 {
            response.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
        }
        if matches!(status, 429 | 503) {
            response.insert_header((header::RETRY_AFTER, self.retry_after()));
        }
        if let Some(allow) = &self.allow {
            response.insert_header((header::ALLOW, allow.as_str()));
        }
        let mut response = response.json(body);
        let kind = HeaderValue::from_static(PROBLEM_JSON);
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }

    /// In whole seconds, rounded up: whoever waits so long finds a use.
    fn retry_after(&self) -> u64 {
        let known = match &self.error {
            Error::Refused(refusal) => refusal.retry_after,
            Error::Unavailable(_)
            | Error::Conflict(_)
            | Error::Deadlock(_)
            | Error::Internal(_) => None,
        };
        known.map_or(RETRY_AFTER, |wait| whole_seconds(wait).max(1))
    }

    fn words(&self) -> (Cow<'static, str>, Vec<FieldError>) {
        match &self.error {
            Error::Refused(refusal) => (refusal.detail.clone(), refusal.fields.clone()),
            Error::Unavailable(_) => (
                "Something this server needs is away for the moment. Try again soon.".into(),
                Vec::new(),
            ),
            Error::Conflict(_) | Error::Deadlock(_) => (
                "Something that this request needs was changed or deleted at the same moment. Send \
                 the request again."
                    .into(),
                Vec::new(),
            ),
            Error::Internal(_) => (
                "That should not have happened. Whoever runs this server finds the cause in its \
                 log under the request's id."
                    .into(),
                Vec::new(),
            ),
        }
    }

    fn reference(&self) -> Option<String> {
        match &self.error {
            Error::Refused(refusal) => refusal.reference.clone(),
            Error::Unavailable(_)
            | Error::Conflict(_)
            | Error::Deadlock(_)
            | Error::Internal(_) => None,
        }
    }

    fn connections(&self) -> Vec<SignInConnection> {
        match &self.error {
            Error::Refused(refusal) => refusal.connections.clone(),
            Error::Unavailable(_)
            | Error::Conflict(_)
            | Error::Deadlock(_)
            | Error::Internal(_) => Vec::new(),
        }
    }

    /// The cause of a failure, for the log; a refusal has none.
    pub fn cause(&self) -> Option<String> {
        match &self.error {
            Error::Refused(_) => None,
            failure @ (Error::Unavailable(_)
            | Error::Conflict(_)
            | Error::Deadlock(_)
            | Error::Internal(_)) => Some(failure.to_string()),
        }
    }
}

/// The refusal of a request whose response does not begin in time.
pub fn timed_out() -> Error {
    let detail = "The request took too long to arrive, or to be served. Send it again.";
    Error::refused(Code::RequestTimeout, detail)
}

/// The refusal of a body that is larger than those which are read whole.
pub fn body_too_large() -> Error {
    let detail = "The body of this request has at most 1 MiB.";
    Error::refused(Code::PayloadTooLarge, detail)
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self { error, allow: None }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Error::Refused(Box::new(refusal)).into()
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        let (status, _) = status_and_title(self.error.code());
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The middleware renders it anew with the request's id.
    fn error_response(&self) -> HttpResponse {
        self.render("")
    }
}

/// What the document holds of the refusals that an operation lists: each stands under its status and code until
/// `openapi/problems.rs` makes the responses of them, and has an example of its own name.
pub fn listed(refusals: Vec<(&str, Error)>) -> BTreeMap<String, RefOr<Response>> {
    let listed = refusals.into_iter().map(|(name, error)| {
        let problem = Problem::from(error);
        let body = problem.body(EXAMPLE_REQUEST.to_owned());
        let mut example = Example::new();
        example.summary = body.title.to_owned();
        example.value = serde_json::to_value(&body).ok();
        let content = ContentBuilder::new().examples_from_iter([(name, example)]);
        let response = ResponseBuilder::new().content(PROBLEM_JSON, content.build());
        let key = format!("{} {}", body.status, body.code);
        (key, RefOr::T(response.build()))
    });
    listed.collect()
}

/// Declares sets of refusals, which operations list in their documentation: each is named by the function that
/// makes it.
macro_rules! problems {
    ($($(#[$doc:meta])* $name:ident: $($refusal:ident)+;)+) => {$(
        $(#[$doc])*
        pub struct $name;

        impl utoipa::IntoResponses for $name {
            fn responses()
            -> std::collections::BTreeMap<String, utoipa::openapi::RefOr<utoipa::openapi::Response>> {
                $crate::routes::problem::listed(vec![$((stringify!($refusal), $refusal())),+])
            }
        }
    )+};
}
pub(crate) use problems;
