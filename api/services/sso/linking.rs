//! Linking an identity to an account that was there: its owner shows that it is theirs, in the browser that came back
//! from the identity provider, by signing in to it or by a code that is mailed to it.
//!
//! Neither the code nor the browser's token does anything alone, so that nobody links a stranger by opening a mail.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::arrival::{Arrival, FlowPayload};
use super::arriving::Arriving;
use super::carried_codes::lock_account;
use super::diagnosis::About;
use super::entry::{
    Exchanged, diagnosed, link_to, lock_connection, owner_of, prove, start_session,
};
use super::first_proof::prove_by_code;
use super::readable::{characters, typed};
use super::sealed::{open_sealed, seal};
use crate::clock::new_id;
use crate::crypto::token::{Token, TokenKind};
use crate::domain::client_address::Client;
use crate::domain::connections::{ConnectionStatus, FlowPurpose};
use crate::domain::diagnosis::{Step, StepName, Steps};
use crate::domain::email_domain::EmailDomain;
use crate::domain::ids::{MailId, OrganizationId, SessionId};
use crate::error::{Code, Error, Result};
use crate::mail::MailContent;
use crate::mail::mailbox_limit::SendTime;
use crate::mail::outbox::QueuedMail;
use crate::services::authentication::require_own_proof;
use crate::services::limits::{self, Limit, LimitRequest};
use crate::services::unit_of_work::UnitOfWork;
use crate::store::accounts::{self, Account};
use crate::store::organizations::{self, Organization};
use crate::store::pending_links::{self, PendingLink};
use crate::store::sso_connections::{self, SsoConnection};
use crate::store::{domains, memberships};

/// How long a link waits for its account's owner, and a code is good, as long as which it goes on to wait.
const LIFETIME: Duration = Duration::from_secs(10 * 60);

/// How many codes may be tried for one link: with a million million codes nobody guesses one.
const MAX_TRIES: i64 = 5;

/// How many times the codes of one organization all those have together that have nothing to do with the account.
const STRANGERS: u32 = 2;

/// How long codes are.
const CODE_CHARS: usize = 8;

#[derive(Serialize, Deserialize)]
struct LinkContent {
    /// Who named the subject: a connection may have got another identity provider since.
    subject_issuer: Option<Vec<u8>>,
    arrival: Arrival,
    payload: FlowPayload,
}

/// A link that waits.
struct Waiting {
    link: PendingLink,
    connection: SsoConnection,
    content: LinkContent,
}

impl Waiting {
    const fn about(&self) -> About<'_> {
        (&self.connection, FlowPurpose::Link)
    }

    /// No steps, since those of the exchange stand in its own diagnosis, and the claims that came.
    const fn said(&self) -> (&[Step], &Map<String, Value>) {
        (&[], &self.content.arrival.claims)
    }

    fn arriving<'a>(
        &'a self,
        tx: &mut UnitOfWork<'_>,
        by: (&'a Organization, &'a SsoConnection),
    ) -> Result<Arriving<'a>> {
        Arriving::new(tx, by, (&self.content.arrival, &self.content.payload))
    }
}

/// Remembers who came, until the owner of the account has shown that it is theirs.
pub(super) fn request(
    tx: &mut UnitOfWork<'_>,
    arriving: &Arriving<'_>,
    account: &Account,
) -> Result<Token> {
    let token = Token::generate(TokenKind::Link)?;
    let token_hash = token.hash().as_bytes().to_vec();
    let content = LinkContent {
        subject_issuer: arriving.connection.subject_issuer.clone(),
        arrival: arriving.arrival.clone(),
        payload: arriving.payload.clone(),
    };
    let link = PendingLink {
        sealed: seal(tx, "link", &token_hash, &content)?,
        token_hash,
        connection_id: arriving.connection.id,
        account_id: account.id,
        code_hash: None,
        code_expires_at: None,
        tries: 0,
        expires_at: tx.now().plus(LIFETIME),
    };
    pending_links::insert(tx.connection, &link)?;
    Ok(token)
}

/// Mails a code to the account that a link waits for, in place of an earlier one; the link waits as long as the code is
/// good. An account that nobody can mail to, or that was mailed to too often, a link that has ended, that is of a
/// connection which signs nobody in, or for which too many codes were tried, get none; the response is the same.
///
/// # Errors
/// `rate_limited` after too many of a client, whatever the link.
pub fn mail_code(tx: &mut UnitOfWork<'_>, link_token: &str, client: &Client) -> Result<()> {
    limits::take(tx, &LimitRequest::by_client(Limit::SignInFlow, client))?;
    let waiting = match find(tx, link_token) {
        Ok(waiting) => waiting,
        Err(Error::Refused(_)) => return Ok(()),
        Err(fault) => return Err(fault),
    };
    let account = accounts::find(tx.connection, waiting.link.account_id)?;
    match account {
        Some(account) if takes_code(&waiting, &account) => mail_code_to(tx, &waiting, &account),
        Some(_) | None => Ok(()),
    }
}

fn takes_code(waiting: &Waiting, account: &Account) -> bool {
    waiting.connection.status == ConnectionStatus::Active
        && waiting.link.tries < MAX_TRIES
        && !account.generated_address
}

fn mail_code_to(tx: &mut UnitOfWork<'_>, waiting: &Waiting, account: &Account) -> Result<()> {
    let organization = organizations::find(tx.connection, waiting.connection.organization_id)?;
    let Some(organization) = organization else {
        return Ok(());
    };
    let places = places_of_code(tx, organization.id, account)?;
    let mailed = limits::take_or_wait(tx, &places)?;
    // Its headers would tell whether there is such a link.
    tx.context.limit_states.forget(&[Limit::MailToAddress]);
    if mailed.is_some() {
        return Ok(());
    }
    let expires_at = tx.now().plus(LIFETIME);
    let code = characters::<CODE_CHARS>()?;
    let hash = tx.services.sealing.mac(&of_code(&waiting.link, &code))?;
    let token_hash = &waiting.link.token_hash;
    if !pending_links::set_code(tx.connection, token_hash, (&hash, expires_at), MAX_TRIES)? {
        return Ok(());
    }
    let mail = QueuedMail {
        to: account,
        language: None,
        priority: None,
        organization: None,
        cause: format!("link code {}", new_id::<MailId>()),
        content: MailContent::LinkCode {
            organization: organization.name,
            code: shown(&code),
            expires_at,
        },
    };
    tx.queue_limited_mail(&mail, SendTime::Now)?;
    Ok(())
}

/// What a code takes of the limits. Each organization has an allowance of its own, so that another one that names the
/// address does not use it up here; those that have nothing to do with the account share one beside it, since anybody
/// founds many.
fn places_of_code(
    tx: &mut UnitOfWork<'_>,
    organization: OrganizationId,
    account: &Account,
) -> Result<Vec<LimitRequest>> {
    let email = &account.email;
    let place = |subject| LimitRequest::one(Limit::MailToAddress, subject);
    let mut places = vec![place(format!("link {organization} {email}"))];
    let is_member = memberships::find(tx.connection, organization, account.id)?.is_some();
    let proven = domains::find_proven(tx.connection, &EmailDomain::of(email))?;
    let is_at_home = proven.is_some_and(|(_, of)| of.id == organization);
    if !is_member && !is_at_home {
        places.push(LimitRequest {
            times: STRANGERS,
            ..place(format!("link of strangers {email}"))
        });
    }
    Ok(places)
}

/// Links by the code that was mailed, and signs the owner in.
///
/// # Errors
/// `link_expired` where the link or the code has ended, or too many codes were tried; `validation_failed` for a wrong
/// code; `emergency_admin_required` where it would take the last password for emergencies; those of entering the
/// organization, which leave a diagnosis.
pub fn link_by_code(
    tx: &mut UnitOfWork<'_>,
    (link_token, code): (&str, &str),
    user_agent: Option<String>,
) -> Result<Exchanged> {
    let waiting = find(tx, link_token)?;
    // Outside of the transaction, which a wrong code would undo.
    if !pending_links::count_try(tx.connection, &waiting.link.token_hash, MAX_TRIES)? {
        return Err(link_expired());
    }
    let now = tx.now();
    let is_current = waiting.link.code_expires_at.is_some_and(|end| end > now);
    let message = of_code(&waiting.link, &typed(code));
    let is_right = waiting
        .link
        .code_hash
        .as_ref()
        .is_some_and(|mac| tx.services.sealing.recognises(&message, mac));
    if !is_current || !is_right {
        return Err(code_wrong());
    }
    diagnosed(tx, waiting.about(), waiting.said(), |tx, steps| {
        complete(tx, &waiting, Proof::Mailbox(user_agent.clone()), steps)
    })
}

/// Links to the account of the person who is signed in, which has to be the one that the link waits for.
///
/// # Errors
/// `link_expired`, `identity_taken`, `session_confined`; those of entering the organization.
pub fn link_to_own(tx: &mut UnitOfWork<'_>, link_token: &str) -> Result<Exchanged> {
    require_own_proof(tx)?;
    let session = tx.context.principal.session()?.session;
    let waiting = find(tx, link_token)?;
    diagnosed(tx, waiting.about(), waiting.said(), |tx, steps| {
        let account = owner_of(tx.connection, session, tx.context.now)?;
        if waiting.link.account_id != account.id {
            return Err(of_another_account());
        }
        complete(tx, &waiting, Proof::Session(session), steps)
    })
}

/// By what somebody shows that an account is theirs.
enum Proof {
    /// They have signed in to it, in this session.
    Session(SessionId),
    /// They read a code in its mailbox, and get a session for this browser.
    Mailbox(Option<String>),
}

impl Proof {
    const fn told(&self) -> &'static str {
        match self {
            Self::Session(_) => "The owner of the account has signed in to it.",
            Self::Mailbox(_) => {
                "The owner of the account has typed the code that was mailed to it."
            }
        }
    }
}

/// Links, in the transaction of the caller.
fn complete(
    tx: &mut UnitOfWork<'_>,
    waiting: &Waiting,
    proof: Proof,
    steps: &mut Steps,
) -> Result<Exchanged> {
    let (organization, connection) = lock_connection(tx, &waiting.connection, link_expired)?;
    let mut arriving = waiting.arriving(tx, (&organization, &connection))?;
    let account = lock_account(tx, &arriving, waiting.link.account_id)?;
    let account = account.ok_or_else(link_expired)?;
    // Behind the account, whose deletion takes its links along.
    if !pending_links::delete(tx.connection, &waiting.link.token_hash)? {
        return Err(link_expired());
    }
    steps.add(Step::ok(StepName::Identity, proof.told()));
    match proof {
        Proof::Session(session) => {
            arriving.session = Some(session);
            let entered = link_to(tx, &arriving, &account, steps)?;
            prove(tx, &arriving, session)?;
            Ok(Exchanged::of(&arriving, Some(account.id), entered))
        }
        Proof::Mailbox(user_agent) => {
            let account = prove_by_code(tx, organization.id, account)?;
            let entered = link_to(tx, &arriving, &account, steps)?;
            let exchanged = Exchanged::of(&arriving, Some(account.id), entered);
            let started = start_session(tx, &arriving, account, user_agent)?;
            Ok(exchanged.with_session(started))
        }
    }
}

fn find(tx: &mut UnitOfWork<'_>, link_token: &str) -> Result<Waiting> {
    let token = Token::presented(TokenKind::Link, link_token).ok_or_else(link_expired)?;
    let hash = token.hash();
    let found = pending_links::find(tx.connection, hash.as_bytes(), tx.now())?;
    let link = found.ok_or_else(link_expired)?;
    let content: LinkContent = open_sealed(tx, "link", hash.as_bytes(), &link.sealed)?;
    let connection = sso_connections::find(tx.connection, link.connection_id)?;
    let connection = connection.ok_or_else(link_expired)?;
    if content.subject_issuer != connection.subject_issuer {
        return Err(link_expired());
    }
    Ok(Waiting {
        link,
        connection,
        content,
    })
}

/// In two halves, as people read it.
fn shown(code: &str) -> String {
    let (first, second) = code.split_at_checked(CODE_CHARS / 2).unwrap_or((code, ""));
    format!("{first}-{second}")
}

/// The link and the code: two links may have the same code. It is short, so that a keyed hash is kept.
fn of_code(link: &PendingLink, code: &str) -> Vec<u8> {
    [b"link code ", link.token_hash.as_slice(), code.as_bytes()].concat()
}

/// The refusal of a link that waits no more.
pub fn link_expired() -> Error {
    Error::refused(
        Code::LinkExpired,
        "This link is unknown, was used, or has waited for longer than ten minutes. Sign in by the central system again.",
    )
}

/// The refusal of a code.
pub fn code_wrong() -> Error {
    Error::invalid(
        "/code",
        "wrong",
        "This is not the code that was mailed last, or it is older than ten minutes. After five tries begin anew.",
    )
}

/// The refusal of another account than the one whose address came.
pub fn of_another_account() -> Error {
    Error::refused(
        Code::IdentityTaken,
        "The address that the central system named has another account. Sign in to that one, or have a code mailed.",
    )
}
