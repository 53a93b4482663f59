//! How often something may be tried, as it is configured (`docs/limits.md`).

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::string_enum::string_enum;

string_enum! {
    /// What is limited, each for its own subject. Where several are taken together, they are taken
    /// in this order: what most people share comes last.
    Limit {
        /// Registrations from one client address.
        Registration = "registration",
        /// Failed sign-ins to one account from one client address.
        SignInAccount = "sign_in_account",
        /// Failed sign-ins to one account, by its address, from wherever.
        SignInAddress = "sign_in_address",
        /// Failed sign-ins from one client address, to whatever accounts.
        SignInClient = "sign_in_client",
        /// Wrong passwords that one account gave to confirm what it does, signed in.
        PasswordCheck = "password_check",
        /// Unknown invite codes that one account tried.
        CodeAccount = "code_account",
        /// The first unknown invite codes of an account that anybody can register: they count for it alone.
        CodeFirst = "code_first",
        /// Further ones that such accounts tried from one client address.
        CodeUnverified = "code_unverified",
        /// Unknown invite codes that came from one client address without a session.
        CodeClient = "code_client",
        /// Mails to one address that somebody asked for, for each purpose: password resets, links sent
        /// again, renewed invitations.
        MailToAddress = "mail_to_address",
        /// Mails that one client address requested without a session: one over the limit goes behind others.
        MailFromClient = "mail_from_client",
        /// Invitations that one organization sends, and setup links that it mails.
        Invitations = "invitations",
        /// Mails to one mailbox, whatever its subaddresses, that others than its owner cause.
        MailToMailbox = "mail_to_mailbox",
        /// Organizations that one account founds.
        Organizations = "organizations",
        /// Checks of one domain that an organization asked for.
        DomainCheck = "domain_check",
        /// Requests to join that one account makes.
        JoinRequest = "join_request",
        /// Tests of one connection to an identity provider; apart from these, fetches for one organization of what its
        /// providers publish.
        ConnectionTest = "connection_test",
        /// Previews of the rules of one connection.
        RulesPreview = "rules_preview",
        /// Sign-ins by identity providers that one client address begins.
        SignInFlow = "sign_in_flow",
        /// Calls of back-channel logout from one client address whose token does not hold.
        BackchannelLogout = "backchannel_logout",
        /// Refused sign-ins of one connection that are kept for its admins, of people for whom no signature vouches.
        SignInRefusal = "sign_in_refusal",
    }
}

impl Limit {
    /// What is allowed unless configured otherwise.
    ///
    /// A large allowance that grows back slowly serves both sides: a school behind one address has
    /// its rush at once, and a guesser gets little in a day.
    pub const fn default_quota(self) -> Quota {
        let (uses, seconds) = match self {
            Self::Registration | Self::SignInClient => (1000, 3600),
            // NIST SP 800-63B (3.2.2) allows 100 consecutive failures.
            Self::SignInAddress => (100, 86_400),
            Self::SignInAccount | Self::PasswordCheck | Self::CodeAccount => (10, 600),
            // A code has 49 bits: thousands of guesses an hour find none.
            Self::CodeClient | Self::CodeUnverified => (3000, 3600),
            // Once for each account: if they grew back sooner, many accounts would guess without an end.
            Self::CodeFirst => (2, MAX_SECONDS),
            Self::MailFromClient => (300, 3600),
            Self::MailToAddress => (3, 3600),
            Self::MailToMailbox => (5, 3600),
            Self::DomainCheck => (6, 3600),
            Self::JoinRequest => (10, 86_400),
            Self::Invitations => (5000, 86_400),
            Self::Organizations => (50, 86_400),
            Self::ConnectionTest => (10, 3600),
            Self::RulesPreview => (120, 3600),
            Self::SignInFlow => (60, 60),
            Self::BackchannelLogout => (300, 60),
            // Anybody can be refused as often as they like.
            Self::SignInRefusal => (60, 3600),
        };
        Quota { uses, seconds }
    }
}

/// So many uses at once, which grow back evenly in so many seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    pub uses: u32,
    pub seconds: u32,
}

impl Quota {
    /// The quota in a sentence.
    pub fn in_words(self) -> String {
        let (uses, (unit, seconds)) = (self.uses, self.unit());
        let name = match unit {
            'd' => "day",
            'h' => "hour",
            'm' => "minute",
            _ => "second",
        };
        match self.seconds / seconds {
            1 => format!("{uses} within one {name}"),
            number => format!("{uses} within {number} {name}s"),
        }
    }

    /// The longest unit that its time is a whole number of.
    fn unit(self) -> (char, u32) {
        UNITS
            .into_iter()
            .find(|(_, seconds)| self.seconds.is_multiple_of(*seconds))
            .unwrap_or(('s', 1))
    }
}

/// The units of a quota's time, the longest first.
const UNITS: [(char, u32); 4] = [('d', 86_400), ('h', 3600), ('m', 60), ('s', 1)];

/// A longer one would be a ban, not a limit.
const MAX_SECONDS: u32 = 366 * 86_400;

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, seconds) = self.unit();
        write!(f, "{}/{}{unit}", self.uses, self.seconds / seconds)
    }
}

/// What a setting says of a limit: a quota, or that there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaSetting(pub Option<Quota>);

impl FromStr for QuotaSetting {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "off" {
            return Ok(Self(None));
        }
        parse_quota(text)
            .map(|quota| Self(Some(quota)))
            .ok_or("is neither off nor a number of uses and a time, with s, m, h or d behind it")
    }
}

fn parse_quota(text: &str) -> Option<Quota> {
    let (uses, time) = text.split_once('/')?;
    let (number, unit) = UNITS
        .into_iter()
        .find_map(|(unit, seconds)| Some((time.strip_suffix(unit)?, seconds)))
        .unwrap_or((time, 1));
    let quota = Quota {
        uses: uses.parse().ok()?,
        seconds: number.parse::<u32>().ok()?.checked_mul(unit)?,
    };
    let is_usable =
        (1..=1_000_000).contains(&quota.uses) && (1..=MAX_SECONDS).contains(&quota.seconds);
    is_usable.then_some(quota)
}

/// The quotas of this installation; a limit that is switched off has none.
#[derive(Clone, Debug)]
pub struct Quotas {
    by_limit: BTreeMap<Limit, Quota>,
}

impl Default for Quotas {
    fn default() -> Self {
        let defaults = Limit::ALL
            .iter()
            .map(|limit| (*limit, limit.default_quota()));
        Self {
            by_limit: defaults.collect(),
        }
    }
}

impl Quotas {
    /// The quota of a limit, unless it is switched off.
    pub fn of(&self, limit: Limit) -> Option<Quota> {
        self.by_limit.get(&limit).copied()
    }

    /// Sets a limit's quota, or switches the limit off.
    pub fn set(&mut self, limit: Limit, setting: QuotaSetting) {
        match setting.0 {
            Some(quota) => self.by_limit.insert(limit, quota),
            None => self.by_limit.remove(&limit),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(text: &str) -> Result<Option<(u32, u32)>, &'static str> {
        let parsed: QuotaSetting = text.parse()?;
        Ok(parsed.0.map(|quota| (quota.uses, quota.seconds)))
    }

    #[test]
    fn a_quota_is_uses_in_a_time_or_off() {
        assert_eq!(setting("300/5m"), Ok(Some((300, 300))));
        assert_eq!(setting("300/300"), Ok(Some((300, 300))));
        assert_eq!(setting("5/45s"), Ok(Some((5, 45))));
        assert_eq!(setting("1/366d"), Ok(Some((1, 31_622_400))));
        assert_eq!(setting("off"), Ok(None));
        for bad in [
            "",
            "5",
            "5/",
            "/5m",
            "0/5m",
            "5/0",
            "5/0m",
            "-1/5m",
            "5/5w",
            "5/5 m",
            "5/m",
            "1/367d",
            "1000001/1h",
            "5/99999999999d",
            "OFF",
        ] {
            assert!(setting(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_quota_is_written_as_it_is_read() {
        for limit in Limit::ALL {
            let quota = limit.default_quota();
            assert_eq!(quota.to_string().parse(), Ok(QuotaSetting(Some(quota))));
        }
        let written = |uses, seconds| Quota { uses, seconds }.to_string();
        assert_eq!(written(10, 600), "10/10m");
        assert_eq!(written(5000, 86_400), "5000/1d");
        assert_eq!(written(3, 61), "3/61s");
    }

    #[test]
    fn a_quota_has_words() {
        let words = |uses, seconds| Quota { uses, seconds }.in_words();
        assert_eq!(words(10, 3600), "10 within one hour");
        assert_eq!(words(10, 600), "10 within 10 minutes");
        assert_eq!(words(2, MAX_SECONDS), "2 within 366 days");
        assert_eq!(words(3, 61), "3 within 61 seconds");
    }

    #[test]
    fn strangers_have_a_hundred_passwords_a_day_for_an_account() {
        let Quota { uses, seconds } = Limit::SignInAddress.default_quota();
        assert_eq!((uses, seconds), (100, 86_400));
    }
}
