//! How many mails a mailbox gets on the word of others, whoever they are and whatever they do for it. What others
//! cause shares one allowance. Links that anybody can ask for on behalf of its subaddresses have one of their own for
//! each kind, so that nothing else delays them.
//!
//! A mail over the limit departs when the limit allows it. So the places of a mailbox are given away ahead, for a
//! day at most, and for half the time for which its link is good; a mail that would wait for longer is given up at
//! once. Else links that are dead on arrival would keep good ones waiting.

use std::collections::HashSet;
use std::time::Duration;

use crate::crypto::digest::Sha256;
use crate::domain::email_address::EmailAddress;
use crate::domain::limits::{Limit, Quota};
use crate::domain::mail::MailKind;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::store::Connection;
use crate::store::rate_limits::{self, Use};

/// The limit of each mailbox.
#[derive(Clone, Copy, Debug)]
pub struct MailboxLimit {
    quota: Quota,
}

/// Of which allowance of a mailbox a mail takes a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowance {
    /// That of whatever others cause.
    Shared,
    /// That of the links of one kind.
    Links(MailKind),
}

impl Allowance {
    fn name(self) -> &'static str {
        match self {
            Self::Shared => "shared",
            Self::Links(kind) => kind.as_str(),
        }
    }
}

/// A mail that needs a place of its mailbox.
#[derive(Clone, Copy, Debug)]
pub struct LimitedMail<'a> {
    pub to: &'a EmailAddress,
    pub allowance: Allowance,
    /// None where it has no link that opens anything.
    pub link_holds_until: Option<Timestamp>,
}

impl LimitedMail<'_> {
    /// How long it may wait.
    fn longest_wait(&self, now: Timestamp) -> Duration {
        let until = self.link_holds_until.map(|until| until.since(now) / 2);
        until.map_or(LONGEST_WAIT, |until| until.min(LONGEST_WAIT))
    }
}

/// When a mail may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendTime {
    Now,
    /// The mailbox has had its mails until then.
    At(Timestamp),
    /// So many wait for the mailbox that this one is not taken.
    Never,
}

/// How long ahead places are given away.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

impl MailboxLimit {
    /// A limit of so many mails.
    pub const fn new(quota: Quota) -> Self {
        Self { quota }
    }

    /// Gives a mail to each of these addresses its place.
    pub fn take_each(
        self,
        connection: &mut Connection,
        mails: &[LimitedMail<'_>],
        now: Timestamp,
    ) -> Result<Vec<SendTime>> {
        let uses = mails.iter().map(|mail| self.one(mail, now));
        let mut waiting: Vec<(usize, Use)> = uses.enumerate().collect();
        let mut places: Vec<(usize, SendTime)> = Vec::with_capacity(mails.len());
        // Several mails to one mailbox take its places one after the other.
        while !waiting.is_empty() {
            let mut mailboxes = HashSet::new();
            let (first, others): (Vec<_>, Vec<_>) = waiting
                .into_iter()
                .partition(|(_, one)| mailboxes.insert(one.key_hash));
            let uses: Vec<Use> = first.iter().map(|(_, one)| *one).collect();
            let taken = rate_limits::take_each(connection, &uses)?;
            places.extend(first.iter().map(|(place, one)| {
                let full_at = taken.get(&one.key_hash).copied();
                (*place, self.send_time(full_at, now))
            }));
            waiting = others;
        }
        places.sort_unstable_by_key(|(place, _)| *place);
        Ok(places.into_iter().map(|(_, time)| time).collect())
    }

    /// When a mail leaves whose mailbox will have its whole allowance again at this time, if it has got a place.
    fn send_time(self, full_at: Option<i64>, now: Timestamp) -> SendTime {
        let Some(full_at) = full_at else {
            return SendTime::Never;
        };
        let wait = full_at - self.at_once() - now.as_microseconds();
        match u64::try_from(wait) {
            Ok(wait) if wait > 0 => SendTime::At(now.plus(Duration::from_micros(wait))),
            Ok(_) | Err(_) => SendTime::Now,
        }
    }

    /// Gives the place of a mail back that others had caused, and that was withdrawn.
    pub fn refund(
        self,
        connection: &mut Connection,
        to: &EmailAddress,
        now: Timestamp,
    ) -> Result<()> {
        let shared = LimitedMail {
            to,
            allowance: Allowance::Shared,
            link_holds_until: None,
        };
        let shared = self.one(&shared, now);
        rate_limits::refund(connection, &shared).map(drop)
    }

    fn one(self, mail: &LimitedMail<'_>, now: Timestamp) -> Use {
        let mut key = Sha256::new();
        for part in [
            Limit::MailToMailbox.as_str(),
            &self.quota.to_string(),
            mail.allowance.name(),
            &mail.to.mailbox(),
        ] {
            key.update(part.as_bytes());
            key.update(b"\n");
        }
        let longest = i64::try_from(mail.longest_wait(now).as_micros()).unwrap_or(i64::MAX);
        Use {
            key_hash: key.finish(),
            now: now.as_microseconds(),
            cost: self.interval(),
            period: self.at_once().saturating_add(longest),
        }
    }

    fn interval(self) -> i64 {
        i64::from(self.quota.seconds) * 1_000_000 / i64::from(self.quota.uses)
    }

    fn at_once(self) -> i64 {
        self.interval() * i64::from(self.quota.uses)
    }
}
