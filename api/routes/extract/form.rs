//! Fields made into values, with every field at fault told at once.

use std::borrow::Cow;

use crate::domain::email_address::EmailAddressError;
use crate::domain::password::PasswordError;
use crate::domain::resource::ResourceError;
use crate::domain::row_error::RowError;
use crate::domain::slug::SlugError;
use crate::domain::username::{
    UsernameError, in_one_line, is_bidi_control, is_lost_letter, is_visible,
};
use crate::error::{Error, FieldError};

/// Collects what is wrong with a request's fields.
#[derive(Default)]
pub struct Form {
    errors: Vec<FieldError>,
}

/// A reason why a text is not the value it should be.
pub trait FieldReason {
    /// For programs.
    fn code(&self) -> &'static str;
    /// For people.
    fn detail(&self) -> String;
}

impl Form {
    /// No fault found yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value, or a fault noted under its pointer.
    pub fn take<T, E: FieldReason>(
        &mut self,
        pointer: &'static str,
        parsed: Result<T, E>,
    ) -> Option<T> {
        match parsed {
            Ok(value) => Some(value),
            Err(reason) => {
                self.refuse(pointer, reason.code(), reason.detail());
                None
            }
        }
    }

    /// As [`Form::take`] for a field that may be absent.
    pub fn take_optional<T, E: FieldReason>(
        &mut self,
        pointer: &'static str,
        parsed: Option<Result<T, E>>,
    ) -> Option<T> {
        parsed.and_then(|parsed| self.take(pointer, parsed))
    }

    /// As [`Form::text`], with white space folded as in names of people: the name of something, or a line about it.
    pub fn single_line(
        &mut self,
        pointer: &'static str,
        text: &str,
        most: usize,
    ) -> Option<String> {
        self.text(pointer, &in_one_line(text), most)
    }

    /// A text of 1 to `most` characters after trimming, without control characters.
    pub fn text(&mut self, pointer: &'static str, text: &str, most: usize) -> Option<String> {
        let text = text.trim();
        if text.is_empty() {
            self.refuse(pointer, "missing", "This must not be empty.".to_owned());
        } else if text.chars().count() > most {
            self.refuse(
                pointer,
                "too_long",
                format!("This has at most {most} characters."),
            );
        } else if text.chars().any(char::is_control) {
            let detail = "This must not contain control characters.".to_owned();
            self.refuse(pointer, "invalid", detail);
        } else if text.contains(is_bidi_control) {
            let detail =
                "This must not contain invisible characters that turn the direction of text.";
            self.refuse(pointer, "invalid", detail.to_owned());
        } else if text.contains(is_lost_letter) {
            let detail = "This must not contain \u{fffd} (U+FFFD): a program could not read a letter there. Write the \
                          letter again.";
            self.refuse(pointer, "invalid", detail.to_owned());
        } else if !text.contains(is_visible) {
            let detail = "This needs at least one character that can be seen.".to_owned();
            self.refuse(pointer, "invalid", detail);
        } else {
            return Some(text.to_owned());
        }
        None
    }

    /// Refuses a text of more than `most` characters.
    pub fn limit(&mut self, pointer: &'static str, text: &str, most: usize) {
        if text.chars().count() > most {
            let detail = format!("This has at most {most} characters.");
            self.refuse(pointer, "too_long", detail);
        }
    }

    /// Notes a fault.
    pub fn refuse(
        &mut self,
        pointer: impl Into<Cow<'static, str>>,
        code: &'static str,
        detail: String,
    ) {
        self.errors.push(FieldError::new(pointer, code, detail));
    }

    /// Whether any fault was found.
    pub fn has_errors(&self) -> bool {
        !self.errors.is_empty()
    }

    /// All faults as one refusal.
    pub fn refusal(self) -> Error {
        Error::invalid_fields(self.errors)
    }
}

/// The fields of a request and the cells of an import say the same things in the same words.
macro_rules! like_rows {
    ($($error:ty),+) => {$(
        impl FieldReason for $error {
            fn code(&self) -> &'static str {
                RowError::from(*self).outcome.as_str()
            }

            fn detail(&self) -> String {
                self.to_string()
            }
        }
    )+};
}

like_rows!(EmailAddressError, UsernameError, PasswordError);

impl FieldReason for ResourceError {
    fn code(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::TooLong(_) => "too_long",
            Self::OtherCharacters | Self::DotSegment | Self::PaddedId | Self::UnreadableId => {
                "invalid"
            }
        }
    }

    fn detail(&self) -> String {
        self.to_string()
    }
}

impl FieldReason for SlugError {
    fn code(&self) -> &'static str {
        "slug_invalid"
    }

    fn detail(&self) -> String {
        self.to_string()
    }
}
