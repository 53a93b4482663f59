//! The requests of the operations on invitations.

use serde::Deserialize;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::{IntoParams, ToSchema};

use crate::domain::generated_address::LoginDomain;
use crate::domain::ids::{GroupId, InvitationId};
use crate::domain::invitations::{InvitationStatus, Note, NoteError, ValidDays};
use crate::domain::language::Language;
use crate::domain::organization::AccountType;
use crate::error::{Error, Result};
use crate::routes::extract::{FieldReason, Form, optional_token, token};
use crate::routes::page::{MAX_SEARCH, PageSize, parse_cursor, parse_search};
use crate::services::invitations::{GivenAddress, InvitationKey, NewInvitations};
use crate::store::invitations::InvitationQuery;

/// The most addresses and the most groups of one call.
const MAX_EMAILS: usize = 500;
const MAX_GROUPS: usize = 100;

/// An address as people type it: a text that is no address gets its own outcome.
#[derive(Deserialize)]
#[serde(transparent)]
pub struct TypedAddress(String);

impl utoipa::PartialSchema for TypedAddress {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .max_length(Some(1000))
            .description(Some(
                "An email address as people type it. What is none gets its own outcome.",
            ))
            .examples(["jane.doe@school.example"])
            .into()
    }
}

impl ToSchema for TypedAddress {}

/// Whom to invite, as what, and into which groups.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({
    "emails": ["jane.doe@school.example", "joe@school.example"],
    "account_type": "student",
    "language": "fi",
    "note": "Welcome to 7A!\nMs Green",
    "valid_days": 14
})))]
pub struct CreateInvitationsRequest {
    #[schema(min_items = 1, max_items = 500)]
    emails: Vec<TypedAddress>,
    account_type: AccountType,
    /// Groups of the organization that they join.
    #[serde(default)]
    #[schema(max_items = 100)]
    group_ids: Vec<GroupId>,
    /// The language of the mail. Unless given, it is the account's where there is one, and the caller's
    /// otherwise.
    language: Option<Language>,
    /// Personal words in the mail: plain text, line breaks allowed.
    #[schema(max_length = 500)]
    note: Option<String>,
    /// For how many days the links are good; 7 unless given.
    #[schema(minimum = 1, maximum = 30)]
    valid_days: Option<i64>,
}

impl CreateInvitationsRequest {
    /// The fields as values.
    ///
    /// # Errors
    /// `validation_failed`, naming each field at fault.
    pub fn parse(self, login_domain: &LoginDomain) -> Result<NewInvitations> {
        let mut form = Form::new();
        refuse_out_of_range(&mut form, self.emails.len(), self.group_ids.len());
        let note = self.note.as_deref().map(Note::parse);
        let note = form.take_optional("/note", note).flatten();
        let valid_days = valid_days(&mut form, self.valid_days);
        if form.has_errors() {
            return Err(form.refusal());
        }
        let emails = self
            .emails
            .into_iter()
            .map(|TypedAddress(text)| GivenAddress {
                email: login_domain.parse_outside(&text),
                text,
            });
        let mut groups = self.group_ids;
        groups.sort();
        groups.dedup();
        Ok(NewInvitations {
            emails: emails.collect(),
            account_type: self.account_type,
            groups,
            language: self.language,
            note,
            valid_days,
        })
    }
}

const NO_ADDRESS: &str = "Name at least one address.";

/// The refusal of a list of nobody.
pub fn no_address() -> Error {
    Error::invalid("/emails", "missing", NO_ADDRESS)
}

fn refuse_out_of_range(form: &mut Form, emails: usize, groups: usize) {
    if emails == 0 {
        form.refuse("/emails", "missing", NO_ADDRESS.to_owned());
    }
    if emails > MAX_EMAILS {
        let detail = format!("One call takes at most {MAX_EMAILS} addresses.");
        form.refuse("/emails", "out_of_range", detail);
    }
    if groups > MAX_GROUPS {
        let detail = format!("One call takes at most {MAX_GROUPS} groups.");
        form.refuse("/group_ids", "out_of_range", detail);
    }
}

fn valid_days(form: &mut Form, days: Option<i64>) -> ValidDays {
    let Some(days) = days else {
        return ValidDays::default();
    };
    ValidDays::new(days).unwrap_or_else(|| {
        let detail = "An invitation is good for 1 to 30 days.".to_owned();
        form.refuse("/valid_days", "out_of_range", detail);
        ValidDays::default()
    })
}

/// Which invitations, and which page of them.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListInvitationsParams {
    status: Option<InvitationStatus>,
    /// Words in any order, each any part of the address; case and accents do not matter.
    #[param(max_length = 254, example = "jane.doe@school.example")]
    search: Option<String>,
    /// How many entries: 1 to 200.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<i64>,
    /// The `next_cursor` of the page before.
    #[param(max_length = 1000)]
    cursor: Option<String>,
}

impl ListInvitationsParams {
    /// The size of the page, and the query.
    ///
    /// # Errors
    /// `validation_failed`, naming the parameter at fault.
    pub fn parse(self) -> Result<(PageSize, InvitationQuery)> {
        let limit = PageSize::parse(self.limit)?;
        let before = parse_cursor(self.cursor.as_deref())?;
        let query = InvitationQuery {
            status: self.status,
            search: parse_search(self.search.as_deref(), MAX_SEARCH)?,
            sender: None,
            before,
            limit: limit.with_lookahead(),
        };
        Ok((limit, query))
    }
}

impl FieldReason for NoteError {
    fn code(&self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::ControlCharacters => "invalid",
        }
    }

    fn detail(&self) -> String {
        self.to_string()
    }
}

/// The secret of an invitation's mail.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "token": "rci_1kq3Rr0s8mJ5QbT7XoV2yWz4Lh6Nc9Pe0UfGiKjMlYw" })))]
pub struct InvitationTokenRequest {
    #[serde(deserialize_with = "token")]
    #[schema(max_length = 200, format = Password)]
    pub token: String,
}

/// Which invitation is answered: named by the secret of its mail, or by the id of one of the caller's
/// own invitations. Give exactly one of them.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "token": "rci_1kq3Rr0s8mJ5QbT7XoV2yWz4Lh6Nc9Pe0UfGiKjMlYw" })))]
pub struct AnswerInvitationRequest {
    #[serde(default, deserialize_with = "optional_token")]
    #[schema(max_length = 200, format = Password)]
    token: Option<String>,
    invitation_id: Option<InvitationId>,
}

impl AnswerInvitationRequest {
    /// The token or the id that is given.
    ///
    /// # Errors
    /// `validation_failed` where both are, or none.
    pub fn key(self) -> Result<InvitationKey> {
        match (self.token, self.invitation_id) {
            (Some(token), None) => Ok(InvitationKey::Token(token)),
            (None, Some(id)) => Ok(InvitationKey::Id(id)),
            (None, None) => Err(neither_token_nor_id()),
            (Some(_), Some(_)) => Err(Error::invalid(
                "/invitation_id",
                "invalid",
                "Give either the token or the id, not both.",
            )),
        }
    }
}

/// The refusal of an answer that names no invitation.
pub fn neither_token_nor_id() -> Error {
    Error::invalid(
        "/token",
        "missing",
        "Give the token of the mail, or the id of one of your own invitations.",
    )
}
