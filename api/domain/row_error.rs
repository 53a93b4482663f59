//! Why a row of an import does not become an account, in words that tell what to do.

use super::email_address::EmailAddressError;
use super::imports::RowOutcome;
use super::password::PasswordError;
use super::username::UsernameError;
use super::username_list::ListedNameError;

/// A row that does not become an account: how it ended and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowError {
    pub outcome: RowOutcome,
    /// For people: what is wrong and what to do. Never a password.
    pub text: String,
}

impl RowError {
    /// An error in the outcome's standard words.
    pub fn new(outcome: RowOutcome) -> Self {
        Self {
            outcome,
            text: standard_text(outcome).to_owned(),
        }
    }

    /// The row is one cell, which the delimiter of another table divides.
    pub fn undivided() -> Self {
        Self {
            outcome: RowOutcome::EmailInvalid,
            text: "This row is not divided into cells as the header is. Put the same character between \
                   all cells of the file."
                .to_owned(),
        }
    }

    /// The same address stands in an earlier row.
    pub fn duplicate_of(row: u32) -> Self {
        Self {
            outcome: RowOutcome::DuplicateInFile,
            text: format!(
                "Row {row} has the same address. Remove this row, or correct its address."
            ),
        }
    }
}

impl From<EmailAddressError> for RowError {
    fn from(error: EmailAddressError) -> Self {
        let outcome = match error {
            EmailAddressError::Missing => RowOutcome::EmailMissing,
            EmailAddressError::Invalid { .. }
            | EmailAddressError::WrongCharacter { .. }
            | EmailAddressError::WrongInDomain { .. } => RowOutcome::EmailInvalid,
        };
        Self {
            outcome,
            text: error.to_string(),
        }
    }
}

impl From<UsernameError> for RowError {
    fn from(error: UsernameError) -> Self {
        let outcome = match error {
            UsernameError::Missing => RowOutcome::UsernameMissing,
            UsernameError::TooLong => RowOutcome::UsernameTooLong,
            UsernameError::Invalid { .. } => RowOutcome::UsernameInvalid,
        };
        Self {
            outcome,
            text: error.to_string(),
        }
    }
}

impl From<ListedNameError> for RowError {
    fn from(error: ListedNameError) -> Self {
        match error {
            ListedNameError::Username(error) => error.into(),
            ListedNameError::Address | ListedNameError::TableRow | ListedNameError::Markup => {
                Self {
                    outcome: RowOutcome::UsernameInvalid,
                    text: error.to_string(),
                }
            }
        }
    }
}

impl From<PasswordError> for RowError {
    fn from(error: PasswordError) -> Self {
        let outcome = match error {
            PasswordError::TooShort => RowOutcome::PasswordTooShort,
            PasswordError::TooLong => RowOutcome::PasswordTooLong,
            PasswordError::NeedsLetter => RowOutcome::PasswordNeedsLetter,
            PasswordError::NeedsDigit => RowOutcome::PasswordNeedsDigit,
            PasswordError::TooCommon => RowOutcome::PasswordTooCommon,
        };
        Self {
            outcome,
            text: error.to_string(),
        }
    }
}

fn standard_text(outcome: RowOutcome) -> &'static str {
    match outcome {
        RowOutcome::EmailTaken => {
            "An account with this address exists already, outside this organization. Send its \
             owner an email invitation or give them an invite code."
        }
        RowOutcome::AlreadyMember => {
            "The account with this address is a member of this organization already. Nothing to do."
        }
        RowOutcome::PasswordMissing => {
            "The password cell is empty. Fill it in, or upload again and ask for generated \
             passwords."
        }
        RowOutcome::PasswordFormulaLike => {
            "A spreadsheet would run this password as a formula: choose one that does not begin \
             with = + - or @."
        }
        RowOutcome::PasswordNumberLike => {
            "A spreadsheet has made a number or a date of this password, or would do so. Mark the column \
             as text, or choose a password that is neither."
        }
        RowOutcome::QuotesMalformed => {
            "The quotation marks in this row do not stand in pairs around whole cells. Put them there, \
             and write two for each one within a cell."
        }
        RowOutcome::TooManyCells => {
            "This row has more cells than the header has columns. Put quotes around cells that \
             contain the delimiter."
        }
        RowOutcome::NoSeat => {
            "No seat was free for this account type. Free some seats or extend the licence, then \
             upload this row again."
        }
        RowOutcome::Cancelled => "The import was cancelled before this row's turn.",
        RowOutcome::Refused => {
            "Nothing was created, because all or nothing was asked for and not every row could be. \
             Correct the other rows and upload the whole file again."
        }
        RowOutcome::Unprocessed => {
            "Rollcall could not go on with this import, for a reason that its log tells. Upload this \
             row again."
        }
        // Those of the others come with the error that they are made of.
        RowOutcome::Created
        | RowOutcome::EmailMissing
        | RowOutcome::EmailInvalid
        | RowOutcome::DuplicateInFile
        | RowOutcome::PasswordTooShort
        | RowOutcome::PasswordTooLong
        | RowOutcome::PasswordNeedsLetter
        | RowOutcome::PasswordNeedsDigit
        | RowOutcome::PasswordTooCommon
        | RowOutcome::UsernameMissing
        | RowOutcome::UsernameTooLong
        | RowOutcome::UsernameInvalid => "This row could not be imported.",
    }
}
