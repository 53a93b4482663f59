//! The words of an import (`docs/imports.md#outcomes-of-a-row`).

use super::email_address::EmailAddressError;
use super::password::PasswordError;
use super::string_enum::string_enum;
use super::username::UsernameError;

string_enum! {
    /// Where an import's rows come from.
    ImportSource {
        Csv = "csv",
        /// A list of names without addresses: Rollcall makes the addresses up.
        Usernames = "usernames",
    }
}

string_enum! {
    /// Where an import stands.
    ImportStatus {
        /// Its file is still arriving: nobody sees it yet.
        Staging = "staging",
        /// Accepted, waiting for its turn: one at a time for an organization.
        Queued = "queued",
        Running = "running",
        Completed = "completed",
        Cancelled = "cancelled",
        /// All or nothing was asked for, and it was nothing.
        Failed = "failed",
    }
}

string_enum! {
    /// What becomes of good rows when there are bad ones.
    OnRowError {
        /// Good rows are created, bad ones are reported.
        Skip = "skip",
        /// One bad row, and nothing is created.
        RefuseAll = "refuse_all",
    }
}

string_enum! {
    /// What becomes of an import that is larger than the free seats.
    OnSeatShortage {
        /// The first rows take the seats that there are, the others end with `no_seat`.
        Fill = "fill",
        /// Too few seats, and nothing is created.
        RefuseAll = "refuse_all",
    }
}

string_enum! {
    /// How a row of an import ended.
    RowOutcome {
        Created = "created",
        EmailMissing = "email_missing",
        EmailInvalid = "email_invalid",
        EmailTaken = "email_taken",
        AlreadyMember = "already_member",
        DuplicateInFile = "duplicate_in_file",
        PasswordMissing = "password_missing",
        PasswordTooShort = "password_too_short",
        PasswordTooLong = "password_too_long",
        PasswordNeedsLetter = "password_needs_letter",
        PasswordNeedsDigit = "password_needs_digit",
        PasswordTooCommon = "password_too_common",
        PasswordFormulaLike = "password_formula_like",
        UsernameMissing = "username_missing",
        UsernameTooLong = "username_too_long",
        UsernameInvalid = "username_invalid",
        /// More cells than the header has columns: probably a delimiter without quotes around it.
        TooManyCells = "too_many_cells",
        NoSeat = "no_seat",
        Cancelled = "cancelled",
        /// A good row of an import that was all or nothing and became nothing.
        Refused = "refused",
    }
}

string_enum! {
    /// Why an import as a whole became nothing.
    StoredFailure {
        RowErrors = "row_errors",
        SeatShortage = "seat_shortage",
    }
}

impl ImportStatus {
    /// Nothing more will happen to it, so its results can be read.
    pub const fn is_finished(self) -> bool {
        matches!(self, Self::Completed | Self::Cancelled | Self::Failed)
    }
}

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
            EmailAddressError::Invalid { .. } => RowOutcome::EmailInvalid,
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
        _ => "This row could not be imported.",
    }
}
