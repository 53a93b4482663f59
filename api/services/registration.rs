//! Accounts, registered by their owners (`docs/accounts.md`).
//!
//! Hashing happens between these functions, never in them: no connection is held meanwhile.

use super::context::Principal;
use super::events;
use super::invite_codes::guessing::{self, Guesser};
use super::invite_codes::redemption::{self, Redeemed};
use super::limits::{self, Limit, LimitRequest};
use super::sessions::{self, IssuedSession};
use super::unit_of_work::UnitOfWork;
use super::{known_devices, known_networks};
use super::{takeover, verification};
use crate::domain::client_address::Client;
use crate::domain::email_address::EmailAddress;
use crate::domain::events::{AccountEvent, DomainEvent};
use crate::domain::invite_code::InviteCode;
use crate::domain::language::Language;
use crate::domain::username::Username;
use crate::error::{Code, Error, Result};
use crate::store::accounts::{self, Account};

/// Who registers, with the hash of the password they chose.
#[derive(Clone)]
pub struct Registration {
    pub email: EmailAddress,
    pub username: Username,
    pub password_hash: String,
    pub language: Language,
    /// The code to join with at once.
    pub invite_code: Option<InviteCode>,
    pub user_agent: Option<String>,
    /// Where from.
    pub client: Client,
}

/// A new account, signed in, and what came of its invite code.
pub struct Registered {
    pub issued: IssuedSession,
    pub joined: Option<Redeemed>,
}

/// Looks the invite code up, if one was typed.
///
/// # Errors
/// `code_unknown`, `rate_limited`.
pub fn look_up_code(
    tx: &mut UnitOfWork<'_>,
    typed: Option<&str>,
    client: &Client,
) -> Result<Option<InviteCode>> {
    let guesser = Guesser::Client(client.clone());
    typed
        .map(|typed| guessing::known_code(tx, typed, &guesser))
        .transpose()
}

/// Counts a registration by this client, before its password is hashed. Those who have a code register with
/// it where others beside them, who have none, have used up what the client has.
///
/// # Errors
/// `rate_limited`.
pub fn count(tx: &mut UnitOfWork<'_>, client: &Client, code: Option<&InviteCode>) -> Result<()> {
    let by_client = LimitRequest::by_client(Limit::Registration, client);
    match (limits::take(tx, &by_client), code) {
        (Err(refused), Some(code)) if refused.code() == Code::RateLimited => {
            let with_code = by_client.into_iter().map(|one| one.to(code.as_str()));
            limits::take(tx, &with_code.collect::<Vec<_>>())
        }
        (counted, _) => counted,
    }
}

/// Registers an account, joins it by its invite code, signs its owner in, and queues a mail with a link
/// to verify the address: all of it, or nothing.
///
/// # Errors
/// `email_taken` where the address has an account, unless it was registered a week ago and never verified; those
/// of [`redemption::redeem`].
pub fn register(tx: &mut UnitOfWork<'_>, registration: Registration) -> Result<Registered> {
    let now = tx.now();
    let mut account = Account::new(registration.email, registration.username, now);
    account.password_hash = Some(registration.password_hash);
    account.password_used_at = Some(now);
    account.last_active_at = now;
    account.language = registration.language;
    account.self_registered = true;
    let (code, user_agent) = (registration.invite_code, registration.user_agent);
    let client = registration.client;
    tx.acting_as(Principal::Owner(account.clone()), |tx| {
        tx.transaction(|tx| {
            let send_time = verification::count_first(tx, &account.email)?;
            insert(tx, &account)?;
            known_networks::remember(tx, account.id, &client)?;
            let joined = code
                .map(|code| redemption::redeem(tx, &code, &account))
                .transpose()?;
            verification::send(tx, &account, send_time)?;
            let device_token = known_devices::issue(tx, account.id, None)?;
            let issued = IssuedSession {
                device_token: Some(device_token),
                ..sessions::insert(tx, account, user_agent)?
            };
            Ok(Registered { issued, joined })
        })
    })
}

fn insert(tx: &mut UnitOfWork<'_>, account: &Account) -> Result<()> {
    if !accounts::insert(tx.connection, account)? && !takeover::take_over(tx, account)? {
        return Err(email_taken());
    }
    let event = DomainEvent::Account {
        account: account.id,
        event: AccountEvent::Registered,
    };
    events::publish(tx, event)
}

/// The refusal of an address that has an account.
pub fn email_taken() -> Error {
    Error::refused(
        Code::EmailTaken,
        "An account with this address exists already. Sign in, or ask for a new password.",
    )
}
