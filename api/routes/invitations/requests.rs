//! What is sent to the operations on invitations.

use serde::Deserialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, Type};

use crate::domain::generated_address::LoginDomain;
use crate::domain::ids::{GroupId, InvitationId};
use crate::domain::invitations::{Note, NoteError, ValidDays};
use crate::domain::language::Language;
use crate::domain::organization::AccountType;
use crate::error::{Error, Result};
use crate::routes::extract::{FieldReason, Form};
use crate::services::invitations::{NewInvitations, Typed};

/// The most addresses of one call (PRODUCT 3.5), and the most groups.
const MAX_EMAILS: usize = 500;
const MAX_GROUPS: usize = 100;

/// An address as people type it: what is none gets its own outcome.
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
    "group_ids": ["01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c12"],
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
    /// Of the mail. Unless given, people who have an account are written to in its language, others in
    /// the caller's.
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
        match self.emails.len() {
            0 => form.refuse(
                "/emails",
                "missing",
                "Name at least one address.".to_owned(),
            ),
            1..=MAX_EMAILS => {}
            _ => {
                let detail = "One call takes at most 500 addresses.".to_owned();
                form.refuse("/emails", "out_of_range", detail);
            }
        }
        if self.group_ids.len() > MAX_GROUPS {
            let detail = "One call takes at most 100 groups.".to_owned();
            form.refuse("/group_ids", "out_of_range", detail);
        }
        let note = self.note.as_deref().map(Note::parse);
        let note = form.take_optional("/note", note).flatten();
        let valid_days = match self.valid_days.map(ValidDays::new) {
            None => ValidDays::default(),
            Some(Some(days)) => days,
            Some(None) => {
                let detail = "An invitation is good for 1 to 30 days.".to_owned();
                form.refuse("/valid_days", "out_of_range", detail);
                ValidDays::default()
            }
        };
        if form.has_errors() {
            return Err(form.refusal());
        }
        let emails = self.emails.into_iter().map(|TypedAddress(text)| Typed {
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
    #[schema(max_length = 200, format = Password)]
    pub token: String,
}

/// Which invitation is answered: by the secret of its mail, or, of the caller's own, by its id.
/// Exactly one of them.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "token": "rci_1kq3Rr0s8mJ5QbT7XoV2yWz4Lh6Nc9Pe0UfGiKjMlYw" })))]
pub struct AnswerInvitationRequest {
    #[schema(max_length = 200, format = Password)]
    token: Option<String>,
    invitation_id: Option<InvitationId>,
}

/// By what an invitation is named.
pub enum InvitationKey {
    Token(String),
    Id(InvitationId),
}

impl AnswerInvitationRequest {
    /// The one that is given.
    ///
    /// # Errors
    /// `validation_failed` where both are, or none.
    pub fn named(self) -> Result<InvitationKey> {
        match (self.token, self.invitation_id) {
            (Some(token), None) => Ok(InvitationKey::Token(token)),
            (None, Some(id)) => Ok(InvitationKey::Id(id)),
            (None, None) => Err(Error::invalid(
                "/token",
                "missing",
                "Give the token of the mail, or the id of one of your own invitations.",
            )),
            (Some(_), Some(_)) => Err(Error::invalid(
                "/invitation_id",
                "invalid",
                "Give either the token or the id, not both.",
            )),
        }
    }
}
