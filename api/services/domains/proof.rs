//! How far a domain is proven, by what name servers say of its record or by an operator's word.

use std::time::Duration;

use super::lookup::RecordAnswer;
use super::notice;
use super::publication::publish;
use crate::domain::domains::{DomainStatus, record_name, record_value};
use crate::domain::events::EmailDomainEvent;
use crate::domain::shown::is_hidden;
use crate::error::{Code, Error, Result};
use crate::services::unit_of_work::UnitOfWork;
use crate::store::domains::{self, Domain};

/// How long the record of a proven domain may be gone.
const GRACE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The most texts that a refusal shows, and of each so many characters.
const MAX_SHOWN: usize = 3;
const MAX_SHOWN_CHARS: usize = 80;

/// What came of a check.
#[derive(Debug)]
pub struct Checked {
    /// The domain as it is then.
    pub domain: Domain,
    /// Why it is not proven.
    pub refusal: Option<Error>,
}

/// Notes what name servers say of the record of a domain. One that nobody could say anything of stays as it is.
pub(super) fn note(
    tx: &mut UnitOfWork<'_>,
    known: &Domain,
    answer: &RecordAnswer,
) -> Result<Checked> {
    match answer {
        RecordAnswer::Found => found(tx, known),
        RecordAnswer::Missing(_) | RecordAnswer::Misplaced(_) => {
            let domain = missing(tx, known)?;
            Ok(checked(domain, answer))
        }
        RecordAnswer::NoAnswer => Ok(checked(known.clone(), answer)),
    }
}

fn checked(domain: Domain, answer: &RecordAnswer) -> Checked {
    let refusal = match domain.status {
        DomainStatus::Proven => None,
        DomainStatus::Pending | DomainStatus::Lapsed => Some(why_not_proven(&domain, answer)),
    };
    Checked { domain, refusal }
}

fn found(tx: &mut UnitOfWork<'_>, known: &Domain) -> Result<Checked> {
    match tx.transaction(|tx| prove(tx, known)) {
        Ok(domain) => Ok(Checked {
            domain,
            refusal: None,
        }),
        Err(Error::Refused(refusal)) => {
            let new = Domain {
                checked_at: Some(tx.now()),
                ..known.clone()
            };
            domains::replace(tx.connection, known, &new)?;
            Ok(Checked {
                domain: new,
                refusal: Some(Error::Refused(refusal)),
            })
        }
        Err(failure) => Err(failure),
    }
}

/// Proves a domain whose record is there; one that is proven stays so.
fn prove(tx: &mut UnitOfWork<'_>, known: &Domain) -> Result<Domain> {
    let was_proven = known.status == DomainStatus::Proven;
    let new = Domain {
        status: DomainStatus::Proven,
        checked_at: Some(tx.now()),
        missing_since: None,
        proven_at: known.proven_at.filter(|_| was_proven).or(Some(tx.now())),
        ..known.clone()
    };
    if !domains::replace(tx.connection, known, &new)? {
        return Err(taken());
    }
    if !was_proven {
        publish(tx, &new, EmailDomainEvent::Proven { vouched: false })?;
    }
    Ok(new)
}

/// The refusal of a domain that another organization has proven.
pub fn taken() -> Error {
    Error::refused(
        Code::DomainTaken,
        "Another organization has proven this domain. Have it removed there; if you do not know where, ask \
         whoever runs this installation.",
    )
}

/// A proven domain whose record is gone warns the admins, and lapses when it has been gone for long.
fn missing(tx: &mut UnitOfWork<'_>, known: &Domain) -> Result<Domain> {
    let now = tx.now();
    let mut new = Domain {
        checked_at: Some(now),
        ..known.clone()
    };
    match known.missing_since {
        _ if known.vouched || known.status != DomainStatus::Proven => {}
        None => {
            new.missing_since = Some(now);
            notice::queue_missing(tx, known, now.plus(GRACE))?;
        }
        Some(since) if now.since(since) >= GRACE => {
            new.status = DomainStatus::Lapsed;
            notice::queue_lapsed(tx, known)?;
            publish(tx, known, EmailDomainEvent::Lapsed)?;
        }
        Some(_) => {}
    }
    domains::replace(tx.connection, known, &new)?;
    Ok(new)
}

/// A domain as it is when an operator vouches for it.
pub(super) fn vouched(tx: &UnitOfWork<'_>, known: &Domain) -> Domain {
    let was_proven = known.status == DomainStatus::Proven;
    Domain {
        status: DomainStatus::Proven,
        vouched: true,
        missing_since: None,
        proven_at: known.proven_at.filter(|_| was_proven).or(Some(tx.now())),
        ..known.clone()
    }
}

/// A domain as it is when the operator's word is taken back.
pub(super) fn unproven(known: &Domain) -> Domain {
    Domain {
        status: DomainStatus::Pending,
        vouched: false,
        ..known.clone()
    }
}

fn why_not_proven(domain: &Domain, answer: &RecordAnswer) -> Error {
    let (name, value) = (record_name(&domain.domain), record_value(&domain.challenge));
    let detail = match answer {
        RecordAnswer::Missing(texts) if texts.is_empty() => format!(
            "There is no TXT record at {name}. Add one with the value {value} where the domain's DNS is run; it can \
             take an hour until it is seen."
        ),
        RecordAnswer::Missing(texts) => format!(
            "The TXT record at {name} has to hold {value}. What is there: {}. A change can take an hour until it is \
             seen.",
            shown(texts)
        ),
        RecordAnswer::Misplaced(elsewhere) => format!(
            "The TXT record stands at {elsewhere}, and has to stand at {name}. Where your DNS host adds the domain \
             by itself, type _rollcall as the name and nothing else."
        ),
        RecordAnswer::Found | RecordAnswer::NoAnswer => format!(
            "The name servers that know {name} did not answer. Try again later; if it stays so, ask whoever runs \
             the domain's DNS."
        ),
    };
    Error::refused(Code::DomainNotProven, detail)
}

/// Texts that anybody may have written, in quotation marks.
fn shown(texts: &[String]) -> String {
    let shown = texts.iter().take(MAX_SHOWN).map(|text| {
        let visible = text.chars().filter(|it| !is_hidden(*it));
        format!("“{}”", visible.take(MAX_SHOWN_CHARS).collect::<String>())
    });
    shown.collect::<Vec<_>>().join(", ")
}

/// The refusal of a domain whose record is not there, as an example.
pub fn no_record() -> Error {
    Error::refused(
        Code::DomainNotProven,
        "There is no TXT record at _rollcall.school.example. Add one with the value \
         rollcall-domain=4f0q8vj2m6c1t7h3a9s5k0d8b2e6g4n1 where the domain's DNS is run; it can take an hour until \
         it is seen.",
    )
}
