//! How often something may be tried: enough for a school behind one address, too little for a
//! guesser (PRODUCT 3.4 and 4). All replicas share the counts.

use ring::digest::{Context, SHA256};

use crate::domain::instant::Instant;
use crate::domain::words::words;
use crate::error::{Code, Error, Result};
use crate::store::Connection;
use crate::store::rate_limits::{self, Use};

words! {
    /// What is limited, each for its own subject.
    Limit {
        /// Registrations from one client address.
        Registration = "registration",
        /// Failed sign-ins to one account, by its address.
        SignInAccount = "sign_in_account",
        /// Failed sign-ins from one client address.
        SignInClient = "sign_in_client",
        /// Unknown invite codes that one account tried.
        CodeAccount = "code_account",
        /// Unknown invite codes that came from one client address without a session.
        CodeClient = "code_client",
        /// Mails that strangers have sent to one address: resets, verifications, renewed links.
        MailToAddress = "mail_to_address",
        /// Mails that one client address has sent.
        MailFromClient = "mail_from_client",
        /// Invitations that one organization sends.
        Invitations = "invitations",
    }
}

/// So many uses at once, which grow back in so many seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    pub uses: u32,
    pub seconds: u32,
}

impl Limit {
    /// What is allowed unless configured otherwise.
    pub const fn default_quota(self) -> Quota {
        let (uses, seconds) = match self {
            Self::Registration => (300, 300),
            Self::SignInAccount => (10, 600),
            Self::SignInClient => (300, 900),
            Self::CodeAccount => (10, 600),
            Self::CodeClient => (100, 1000),
            Self::MailToAddress => (5, 3600),
            Self::MailFromClient => (60, 600),
            Self::Invitations => (5000, 86_400),
        };
        Quota { uses, seconds }
    }
}

/// Takes one use.
///
/// # Errors
/// `rate_limited` where none is left.
pub fn take(connection: &mut Connection, limit: Limit, subject: &str, now: Instant) -> Result<()> {
    take_many(connection, limit, subject, 1, now)
}

/// Takes several uses at once, or none.
///
/// # Errors
/// `rate_limited` where fewer are left.
pub fn take_many(
    connection: &mut Connection,
    limit: Limit,
    subject: &str,
    count: usize,
    now: Instant,
) -> Result<()> {
    let one = one_use(limit, subject, now);
    let count = i64::try_from(count).map_err(Error::internal)?;
    let several = Use {
        interval: one.interval.saturating_mul(count),
        ..one
    };
    if rate_limits::take(connection, &several)?.allowed {
        return Ok(());
    }
    Err(Error::refused(
        Code::RateLimited,
        "Too many tries. Wait a little and try again.",
    ))
}

/// Gives one use back.
///
/// # Errors
/// Where the database is away.
pub fn give_back(
    connection: &mut Connection,
    limit: Limit,
    subject: &str,
    now: Instant,
) -> Result<()> {
    rate_limits::give_back(connection, &one_use(limit, subject, now))
}

fn one_use(limit: Limit, subject: &str, now: Instant) -> Use {
    let quota = limit.default_quota();
    let period = i64::from(quota.seconds) * 1_000_000;
    let mut context = Context::new(&SHA256);
    context.update(limit.as_str().as_bytes());
    context.update(b"\n");
    context.update(subject.as_bytes());
    let mut key_hash = [0_u8; 32];
    key_hash.copy_from_slice(context.finish().as_ref());
    Use {
        key_hash,
        now: now.as_microseconds(),
        interval: period / i64::from(quota.uses),
        period,
    }
}
