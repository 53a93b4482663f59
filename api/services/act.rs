//! Who does something, in which request, and when: what every change needs to be told of.

use super::context::RequestContext;
use crate::domain::audit::ActorKind;
use crate::domain::ids::AccountId;
use crate::domain::timestamp::Timestamp;
use crate::store::accounts::Account;

/// The author, the request and the time of a change.
#[derive(Clone, Debug)]
pub struct Act {
    pub kind: ActorKind,
    pub account: Option<AccountId>,
    /// For people who read the log when the account is gone.
    pub name: String,
    /// The request's id.
    pub request: String,
    pub at: Timestamp,
}

impl Act {
    /// What a signed-in person does.
    pub fn of(account: &Account, request: impl Into<String>, at: Timestamp) -> Self {
        let kind = if account.operator {
            ActorKind::Operator
        } else {
            ActorKind::Account
        };
        Self {
            kind,
            account: Some(account.id),
            name: account.email.to_string(),
            request: request.into(),
            at,
        }
    }

    /// What somebody does at the machine itself.
    pub fn cli(at: Timestamp) -> Self {
        Self {
            kind: ActorKind::CommandLine,
            account: None,
            name: "command line".to_owned(),
            request: String::new(),
            at,
        }
    }

    /// What Rollcall does on its own.
    pub fn of_system(at: Timestamp) -> Self {
        Self {
            kind: ActorKind::System,
            account: None,
            name: "rollcall".to_owned(),
            request: String::new(),
            at,
        }
    }
}

impl From<&RequestContext> for Act {
    fn from(context: &RequestContext) -> Self {
        let (kind, account, name) = context.principal.actor();
        Self {
            kind,
            account,
            name,
            request: context.request_id.to_string(),
            at: context.now,
        }
    }
}
