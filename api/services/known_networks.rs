//! The networks that the owner of an account has signed in from: what strangers use up elsewhere does not
//! lock the owner out there (`docs/limits.md`).

use std::time::Duration;

use super::unit_of_work::UnitOfWork;
use crate::domain::client_address::Client;
use crate::domain::ids::AccountId;
use crate::error::Result;
use crate::store::known_networks;

/// How many networks of an account are known: home, school, on the way.
const MAX_NETWORKS: i64 = 10;

/// How long a network is known that the owner does not sign in from.
const KNOWN_FOR: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// Remembers the network from which somebody has proved to be the owner of the account. Call it in the
/// transaction that holds the account.
pub fn remember(tx: &mut UnitOfWork<'_>, account: AccountId, client: &Client) -> Result<()> {
    let now = tx.now();
    // A hash of another key is another row: the latest ones are kept, whichever key they are of.
    let network = tx.services.sealing.mac(&message(account, client))?;
    known_networks::upsert(tx.connection, account, &network, now)?;
    known_networks::keep_latest(tx.connection, account, MAX_NETWORKS)
}

/// Whether the owner of the account has signed in from this network of late.
pub fn is_known(tx: &mut UnitOfWork<'_>, account: AccountId, client: &Client) -> Result<bool> {
    let since = tx.now().minus(KNOWN_FOR);
    let known = known_networks::of_account(tx.connection, account, since)?;
    let (keys, message) = (&tx.services.sealing, message(account, client));
    Ok(known
        .iter()
        .any(|network| keys.recognises(&message, network)))
}

/// The account is in it, so that nobody sees who shares a network.
fn message(account: AccountId, client: &Client) -> Vec<u8> {
    format!("network {} of {account}", client.network()).into_bytes()
}

/// Forgets networks that nobody has signed in from for long.
pub fn delete_unused(tx: &mut UnitOfWork<'_>) -> Result<()> {
    let since = tx.now().minus(KNOWN_FOR);
    known_networks::delete_unused_since(tx.connection, since)
}
