//! The sending rate, which all replicas share: mail providers count what an installation sends, not
//! what a process sends.

use std::time::Duration;

use crate::crypto::digest::sha256;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::store::Connection;
use crate::store::rate_limits::{self, Use};

/// A number of mails per minute, at most a second's worth of them at once.
#[derive(Clone, Copy, Debug)]
pub struct SendRate {
    interval: i64,
    period: i64,
}

/// The subject of the count in the table of rate limits, which stores its hash.
const SUBJECT: &[u8] = b"mail\nsending rate";

const MINUTE: i64 = 60_000_000;

impl SendRate {
    /// A rate of so many mails per minute.
    pub fn per_minute(mails: u32) -> Self {
        let mails = i64::from(mails.max(1));
        let at_once = (mails / 60).max(1);
        let interval = MINUTE / mails;
        Self {
            interval,
            period: interval * at_once,
        }
    }

    /// Takes the turn of one mail, or returns how long to wait for it.
    pub fn take(self, connection: &mut Connection, now: Timestamp) -> Result<Option<Duration>> {
        let taken = rate_limits::take(connection, &self.one(now))?;
        if taken.allowed {
            return Ok(None);
        }
        let free_at = taken.full_at - self.period + self.interval;
        let wait = u64::try_from(free_at - now.as_microseconds()).unwrap_or(0);
        Ok(Some(Duration::from_micros(wait)))
    }

    /// Gives back a turn that was not used.
    pub fn refund(self, connection: &mut Connection, now: Timestamp) -> Result<()> {
        rate_limits::refund(connection, &self.one(now)).map(drop)
    }

    fn one(self, now: Timestamp) -> Use {
        Use {
            key_hash: sha256(SUBJECT),
            now: now.as_microseconds(),
            cost: self.interval,
            period: self.period,
        }
    }
}
