//! What came of each address.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::domain::email_address::EmailAddress;
use crate::domain::ids::InvitationId;
use crate::domain::invitations::InvitationOutcome;

/// What came of one address.
pub struct AddressResult {
    /// As it was typed.
    pub email: String,
    pub outcome: Outcome,
}

/// How an address ended, with words where these help.
#[derive(Clone)]
pub struct Outcome {
    pub kind: InvitationOutcome,
    pub invitation: Option<InvitationId>,
    /// Whether the address is verified; none without an account, or one that the sender may see.
    pub email_verified: Option<bool>,
    /// How many of the requested groups the person was added to.
    pub groups_added: usize,
    pub detail: Option<Cow<'static, str>>,
}

/// The outcomes of valid addresses.
pub(super) type Outcomes = HashMap<EmailAddress, Outcome>;

impl Outcome {
    /// An outcome that explains itself.
    pub(super) fn plain(kind: InvitationOutcome) -> Self {
        Self {
            kind,
            invitation: None,
            email_verified: None,
            groups_added: 0,
            detail: None,
        }
    }

    /// An outcome with a detail for people.
    pub(super) fn with_detail(
        kind: InvitationOutcome,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            detail: Some(detail.into()),
            ..Self::plain(kind)
        }
    }
}
