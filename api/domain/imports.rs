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
        /// It became nothing, or nothing more: `failure` tells why.
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
        /// A number with an exponent: a spreadsheet has made, or would make, another one of it.
        PasswordNumberLike = "password_number_like",
        UsernameMissing = "username_missing",
        UsernameTooLong = "username_too_long",
        UsernameInvalid = "username_invalid",
        /// More cells than the header has columns: probably a delimiter without quotes around it.
        TooManyCells = "too_many_cells",
        /// Quotation marks within a cell, or behind the one that closes it: what it means is a guess.
        QuotesMalformed = "quotes_malformed",
        NoSeat = "no_seat",
        Cancelled = "cancelled",
        /// A good row of an import that was all or nothing and became nothing.
        Refused = "refused",
        /// A row that was left when Rollcall could not go on with the import.
        Unprocessed = "unprocessed",
    }
}

string_enum! {
    /// Why an import as a whole failed.
    StoredFailure {
        /// All or nothing was asked for, and a row was bad.
        RowErrors = "row_errors",
        /// All or nothing was asked for, and there were too few seats.
        SeatShortage = "seat_shortage",
        /// Rollcall could not go on with it, however often it tried. What was created stays.
        ProcessingFailed = "processing_failed",
    }
}

impl ImportStatus {
    /// Nothing more will happen to it, so its results can be read.
    pub const fn is_finished(self) -> bool {
        match self {
            Self::Staging | Self::Queued | Self::Running => false,
            Self::Completed | Self::Cancelled | Self::Failed => true,
        }
    }
}

/// The three ways in which rows end, as they are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowEnd {
    Created,
    Cancelled,
    /// In an error.
    Failed,
}

impl RowOutcome {
    /// How a row with this outcome is counted.
    pub const fn end(self) -> RowEnd {
        match self {
            Self::Created => RowEnd::Created,
            Self::Cancelled => RowEnd::Cancelled,
            Self::EmailMissing
            | Self::EmailInvalid
            | Self::EmailTaken
            | Self::AlreadyMember
            | Self::DuplicateInFile
            | Self::PasswordMissing
            | Self::PasswordTooShort
            | Self::PasswordTooLong
            | Self::PasswordNeedsLetter
            | Self::PasswordNeedsDigit
            | Self::PasswordTooCommon
            | Self::PasswordFormulaLike
            | Self::PasswordNumberLike
            | Self::UsernameMissing
            | Self::UsernameTooLong
            | Self::UsernameInvalid
            | Self::TooManyCells
            | Self::QuotesMalformed
            | Self::NoSeat
            | Self::Refused
            | Self::Unprocessed => RowEnd::Failed,
        }
    }

    /// Whether a row with this outcome becomes an account after all where missing passwords are generated.
    pub const fn awaits_password(self) -> bool {
        match self {
            Self::PasswordMissing => true,
            Self::Created
            | Self::EmailMissing
            | Self::EmailInvalid
            | Self::EmailTaken
            | Self::AlreadyMember
            | Self::DuplicateInFile
            | Self::PasswordTooShort
            | Self::PasswordTooLong
            | Self::PasswordNeedsLetter
            | Self::PasswordNeedsDigit
            | Self::PasswordTooCommon
            | Self::PasswordFormulaLike
            | Self::PasswordNumberLike
            | Self::UsernameMissing
            | Self::UsernameTooLong
            | Self::UsernameInvalid
            | Self::TooManyCells
            | Self::QuotesMalformed
            | Self::NoSeat
            | Self::Cancelled
            | Self::Refused
            | Self::Unprocessed => false,
        }
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
            EmailAddressError::Invalid { .. } | EmailAddressError::WrongCharacter { .. } => {
                RowOutcome::EmailInvalid
            }
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
        RowOutcome::PasswordNumberLike => {
            "A spreadsheet has made a number of this password, or would do so. Mark the column as text, \
             or choose a password that is no number."
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
