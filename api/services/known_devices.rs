//! The devices that the owner of an account has signed in on: what others use up beside the owner, in a network
//! that all share, does not lock the owner out there (`docs/limits.md`).
//!
//! As OWASP's device cookies: a device keeps a token that shows the account it is for, and that opens nothing. It is
//! authenticated by the sealing key, so that nothing is stored.

use std::time::Duration;

use super::unit_of_work::UnitOfWork;
use crate::crypto::token::{Token, TokenKind};
use crate::domain::ids::AccountId;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

/// How long a device is known on which the owner does not sign in.
const KNOWN_FOR: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// A device on which the owner of an account has signed in.
#[derive(Clone, Debug)]
pub struct KnownDevice {
    id: Token,
}

impl KnownDevice {
    /// What its failures are counted as.
    pub fn subject(&self) -> String {
        format!("device {}", self.id.reveal())
    }
}

/// The token of the device on which somebody has proved to be the owner of the account; a device that is known
/// already stays the same one.
pub fn issue(
    tx: &UnitOfWork<'_>,
    account: AccountId,
    known: Option<&KnownDevice>,
) -> Result<String> {
    let id = match known {
        Some(device) => device.id.clone(),
        None => Token::generate(TokenKind::Device)?,
    };
    let until = tx.now().plus(KNOWN_FOR);
    let proof = of_mac(&tx.services.sealing.mac(&message(account, &id, until))?);
    let seconds = until.as_seconds();
    Ok(format!("{}.{seconds}.{}", id.reveal(), proof.reveal()))
}

/// The device of a token, if it is one of this account.
pub fn recognise(
    tx: &UnitOfWork<'_>,
    account: AccountId,
    presented: &str,
) -> Result<Option<KnownDevice>> {
    let Some((id, until, shown)) = parts(presented) else {
        return Ok(None);
    };
    let message = message(account, &id, until);
    let is_shown = |mac: Vec<u8>| of_mac(&mac).hash() == shown.hash();
    let is_good = until > tx.now() && tx.services.sealing.macs(&message).any(is_shown);
    Ok(is_good.then_some(KnownDevice { id }))
}

fn parts(presented: &str) -> Option<(Token, Timestamp, Token)> {
    let mut parts = presented.splitn(3, '.');
    let id = Token::presented(TokenKind::Device, parts.next()?)?;
    let seconds: i64 = parts.next()?.parse().ok()?;
    let until = Timestamp::from_microseconds(seconds.checked_mul(1_000_000)?);
    let shown = Token::presented(TokenKind::Device, parts.next()?)?;
    Some((id, until, shown))
}

fn message(account: AccountId, id: &Token, until: Timestamp) -> Vec<u8> {
    let seconds = until.as_seconds();
    format!("device {} of {account} until {seconds}", id.reveal()).into_bytes()
}

fn of_mac(mac: &[u8]) -> Token {
    Token::of_secret(TokenKind::Device, mac)
}
