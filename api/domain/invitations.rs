//! The words of email invitations (`docs/invitations.md`), and when one has expired.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::string_enum::string_enum;
use super::timestamp::Timestamp;

string_enum! {
    /// What an invitation offers.
    InvitationKind {
        /// An account was made for the address: a password is to be chosen.
        NewAccount = "new_account",
        /// The address had an account: it has to accept.
        Join = "join",
    }
}

string_enum! {
    /// How an invitation stands.
    InvitationStatus {
        Pending = "pending",
        Accepted = "accepted",
        Declined = "declined",
        Revoked = "revoked",
        Expired = "expired",
    }
}

impl InvitationStatus {
    /// How an invitation stands at this moment, whose stored status is `self`: the one definition
    /// of "expired". The clean-up writes it down later.
    pub fn at(self, now: Timestamp, expires_at: Timestamp) -> Self {
        match self {
            Self::Pending if expires_at <= now => Self::Expired,
            stored @ (Self::Pending
            | Self::Accepted
            | Self::Declined
            | Self::Revoked
            | Self::Expired) => stored,
        }
    }
}

string_enum! {
    /// What came of one address of a call.
    InvitationOutcome {
        /// Account and membership were made, and sign-in instructions mailed.
        AccountCreated = "account_created",
        /// The address has an account: a link to join was mailed.
        JoinLinkSent = "join_link_sent",
        /// In the organization already.
        AlreadyMember = "already_member",
        /// Waits for an answer already: nothing was sent.
        AlreadyInvited = "already_invited",
        EmailInvalid = "email_invalid",
        NoSeat = "no_seat",
        /// Stands further up in the same call.
        DuplicateInRequest = "duplicate_in_request",
    }
}

/// For how many days an invitation is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValidDays(i64);

impl Default for ValidDays {
    fn default() -> Self {
        Self(7)
    }
}

impl ValidDays {
    /// So many days; none where it is not 1 to 30.
    pub fn new(days: i64) -> Option<Self> {
        (1..=30).contains(&days).then_some(Self(days))
    }

    /// How many.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// When an invitation ends that begins now.
    pub fn after(self, now: Timestamp) -> Timestamp {
        const DAY: u64 = 24 * 60 * 60;
        let days = u64::try_from(self.0).unwrap_or_default();
        now.plus(Duration::from_secs(days.saturating_mul(DAY)))
    }
}

/// The longest note, in characters.
const MAX_NOTE_CHARS: usize = 500;

/// A few personal words in an invitation: plain text, with line breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note(String);

/// Why a text is not a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    #[error("A note has at most {MAX_NOTE_CHARS} characters.")]
    TooLong,
    #[error("A note has no control characters but line breaks.")]
    ControlCharacters,
}

impl Note {
    /// The note that `text` spells, without white space around it and with `\n` for every line
    /// break; none where nothing is left.
    ///
    /// # Errors
    /// Where it is too long, or has control characters.
    pub fn parse(text: &str) -> Result<Option<Self>, NoteError> {
        let text = text.trim().replace("\r\n", "\n").replace('\r', "\n");
        if text.chars().count() > MAX_NOTE_CHARS {
            return Err(NoteError::TooLong);
        }
        if text.chars().any(|c| c.is_control() && c != '\n') {
            return Err(NoteError::ControlCharacters);
        }
        Ok((!text.is_empty()).then_some(Self(text)))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// As it is kept: it was parsed before.
impl FromStr for Note {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invitation_expires_at_its_moment_unless_it_has_ended() {
        let end = Timestamp::EPOCH.plus(Duration::from_secs(60));
        let before = Timestamp::EPOCH.plus(Duration::from_secs(59));
        assert_eq!(
            InvitationStatus::Pending.at(before, end),
            InvitationStatus::Pending
        );
        assert_eq!(
            InvitationStatus::Pending.at(end, end),
            InvitationStatus::Expired
        );
        for status in [
            InvitationStatus::Accepted,
            InvitationStatus::Declined,
            InvitationStatus::Revoked,
            InvitationStatus::Expired,
        ] {
            assert_eq!(status.at(before, end), status);
            assert_eq!(status.at(end, end), status);
        }
    }

    #[test]
    fn notes_are_text_with_line_breaks() {
        let note = |text: &str| Note::parse(text).map(|note| note.map(|note| note.0));
        assert_eq!(note(" Hi\r\nthere\r! \n"), Ok(Some("Hi\nthere\n!".into())));
        assert_eq!(note(" \r\n "), Ok(None));
        assert_eq!(note(&"é".repeat(500)), Ok(Some("é".repeat(500))));
        assert_eq!(note(&"é".repeat(501)), Err(NoteError::TooLong));
        for text in ["a\tb", "a\0b", "a\u{1b}[31mb", "a\u{85}b"] {
            assert_eq!(note(text), Err(NoteError::ControlCharacters), "{text:?}");
        }
    }

    #[test]
    fn days_are_one_to_thirty() {
        assert_eq!(ValidDays::default().get(), 7);
        for days in [0, 31, -1] {
            assert_eq!(ValidDays::new(days), None);
        }
        let days = ValidDays::new(30).unwrap();
        assert_eq!(
            days.after(Timestamp::EPOCH).since(Timestamp::EPOCH),
            Duration::from_secs(30 * 24 * 60 * 60)
        );
    }
}
