//! The words of an import (`docs/imports.md#outcomes-of-a-row`).

use super::string_enum::string_enum;

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
