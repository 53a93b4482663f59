//! What a call asks for.

use crate::domain::email_address::{EmailAddress, EmailAddressError};
use crate::domain::ids::GroupId;
use crate::domain::invitations::{Note, ValidDays};
use crate::domain::language::Language;
use crate::domain::organization::AccountType;

/// The invitations of one call.
#[derive(Clone)]
pub struct NewInvitations {
    pub emails: Vec<GivenAddress>,
    pub account_type: AccountType,
    pub groups: Vec<GroupId>,
    /// The language of the mails; the account's where none is given.
    pub language: Option<Language>,
    pub note: Option<Note>,
    pub valid_days: ValidDays,
}

/// An address as it was typed, and the address that it spells.
#[derive(Clone)]
pub struct GivenAddress {
    pub text: String,
    pub email: Result<EmailAddress, EmailAddressError>,
}
