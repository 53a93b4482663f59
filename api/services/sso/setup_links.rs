//! Setup links: an admin makes one for whoever runs the identity provider, who sets up one connection by it.

use std::time::Duration;

use super::{activation, connections};
use crate::clock::new_id;
use crate::crypto::token::{Token, TokenKind};
use crate::domain::connections::ConnectionStatus;
use crate::domain::email_address::EmailAddress;
use crate::domain::events::{DomainEvent, SetupLinkEvent};
use crate::domain::ids::{ConnectionId, MailId, SetupLinkId};
use crate::error::{Code, Error, Result};
use crate::mail::MailContent;
use crate::mail::outbox::QueuedMail;
use crate::services::authorization::{ManageConnections, ManageSetupLinks, Permit};
use crate::services::events;
use crate::services::limits::{self, Limit, LimitRequest};
use crate::services::trust::require_verified_sender;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::Page;
use crate::store::setup_links::{self, SetupLink};
use crate::store::sso_connections::{self, SsoConnection};

/// How many days a link is good unless it is said.
pub const VALID_DAYS: u32 = 7;

/// The most that may be said.
pub const MAX_VALID_DAYS: u32 = 30;

/// The most links of an organization that are good at a time.
const MAX_LINKS: i64 = 50;

/// A link that is to be made.
#[derive(Clone, Debug)]
pub struct NewSetupLink {
    pub connection: ConnectionId,
    /// To whom it is mailed.
    pub email: Option<EmailAddress>,
    pub valid_days: u32,
}

/// A link as its maker gets it: the address holds its token, which is shown this once.
pub struct MadeSetupLink {
    pub link: SetupLink,
    pub url: String,
}

/// Makes a link, and mails it where an address is given.
///
/// # Errors
/// `validation_failed` where there is no such connection, or the organization has as many links as it may have;
/// `email_not_verified`, `rate_limited` where it is mailed.
pub fn create(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageSetupLinks>,
    new: NewSetupLink,
) -> Result<MadeSetupLink> {
    let organization = permit.organization.id;
    let maker = tx.context.principal.session()?.account.clone();
    let token = Token::generate(TokenKind::SetupLink)?;
    let days = Duration::from_secs(u64::from(new.valid_days) * 24 * 60 * 60);
    let unnamed = || format!("setup link …{}", token.hint());
    let link = SetupLink {
        id: new_id::<SetupLinkId>(),
        organization_id: organization,
        connection_id: new.connection,
        created_by_account_id: maker.id,
        name: new.email.as_ref().map_or_else(unnamed, ToString::to_string),
        email: new.email,
        created_at: tx.now(),
        expires_at: tx.now().plus(days),
        used_at: None,
    };
    let url = tx.services.outbox.links.setup(&token);
    tx.transaction(|tx| {
        sso_connections::find_in(tx.connection, organization, link.connection_id)?
            .ok_or_else(unknown_connection)?;
        if setup_links::count(tx.connection, organization, tx.context.now)? >= MAX_LINKS {
            return Err(too_many());
        }
        setup_links::insert(tx.connection, &link, &token.hash())?;
        let made = SetupLinkEvent::Made {
            connection: link.connection_id,
            email: link.email.clone(),
            expires_at: link.expires_at,
        };
        publish(tx, &link, made)?;
        send(tx, permit, (&link, &url))
    })?;
    Ok(MadeSetupLink { link, url })
}

/// Mails a link. The mail belongs to the account of whoever has it sent; its recipient needs none.
fn send(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageSetupLinks>,
    (link, url): (&SetupLink, &str),
) -> Result<()> {
    let Some(email) = &link.email else {
        return Ok(());
    };
    require_verified_sender(tx)?;
    let subject = format!("setup link {email}");
    let organization = permit.organization.id.to_string();
    let requests = [
        LimitRequest::one(Limit::MailToAddress, subject),
        LimitRequest::one(Limit::Invitations, organization),
    ];
    limits::take(tx, &requests)?;
    let mut to = tx.context.principal.session()?.account.clone();
    to.email = email.clone();
    to.email_verified_at = None;
    to.generated_address = false;
    tx.queue_mail(&QueuedMail {
        to: &to,
        language: None,
        priority: None,
        organization: Some(permit.organization.id),
        cause: format!("setup link {}", new_id::<MailId>()),
        content: MailContent::SetupLink {
            organization: permit.organization.name.clone(),
            link: url.to_owned(),
            expires_at: link.expires_at,
        },
    })?;
    Ok(())
}

fn publish(tx: &mut UnitOfWork<'_>, link: &SetupLink, event: SetupLinkEvent) -> Result<()> {
    let event = DomainEvent::SetupLink {
        organization: link.organization_id,
        setup_link: link.id,
        event,
    };
    events::publish(tx, event)
}

/// The refusal of a link for a connection that is not there.
pub fn unknown_connection() -> Error {
    let detail = "The organization has no such connection.";
    Error::invalid("/connection_id", "connection_unknown", detail)
}

fn too_many() -> Error {
    let detail = format!("An organization has at most {MAX_LINKS} setup links. Revoke one.");
    Error::invalid("", "too_many", detail)
}

/// A page of links that are good, the oldest first.
pub fn list(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageSetupLinks>,
    page: Page<SetupLinkId>,
) -> Result<Vec<SetupLink>> {
    let now = tx.now();
    setup_links::list(tx.connection, (permit.organization.id, now), page)
}

/// Revokes a link: it opens nothing any more.
///
/// # Errors
/// `not_found`.
pub fn revoke(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageSetupLinks>,
    id: SetupLinkId,
) -> Result<()> {
    let organization = permit.organization.id;
    tx.transaction(|tx| {
        let found = setup_links::find(tx.connection, organization, id)?;
        let link = found.ok_or_else(no_such_link)?;
        if !setup_links::delete(tx.connection, organization, id)? {
            return Err(no_such_link());
        }
        let name = link.name.clone();
        publish(tx, &link, SetupLinkEvent::Revoked { name })
    })
}

/// The refusal of a link that is not there.
pub fn no_such_link() -> Error {
    Error::not_found("setup link")
}

/// Notes the first time that a link is used, for whatever it is.
pub fn note_use(tx: &mut UnitOfWork<'_>) -> Result<()> {
    let link = tx.context.principal.setup_link()?.clone();
    if link.used_at.is_some() {
        return Ok(());
    }
    tx.transaction(|tx| {
        if !setup_links::note_use(tx.connection, link.id, tx.context.now)? {
            return Ok(());
        }
        let connection = link.connection_id;
        publish(tx, &link, SetupLinkEvent::Used { connection })
    })
}

/// What a link shows: itself, and its connection.
///
/// # Errors
/// `not_found` where the connection is gone.
pub fn open(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageConnections>,
) -> Result<(SetupLink, SsoConnection)> {
    let link = tx.context.principal.setup_link()?.clone();
    let connection = connections::find(tx, permit, link.connection_id)?;
    Ok((link, connection))
}

/// Has the link's connection sign people in for the first time. One that an admin has paused stays so.
///
/// # Errors
/// `connection_not_tested`, `connection_not_active`.
pub fn activate(
    tx: &mut UnitOfWork<'_>,
    permit: &Permit<ManageConnections>,
) -> Result<SsoConnection> {
    let id = tx.context.principal.setup_link()?.connection_id;
    let known = connections::find(tx, permit, id)?;
    match known.status {
        ConnectionStatus::Paused => Err(paused()),
        ConnectionStatus::Draft | ConnectionStatus::Active => activation::activate(tx, permit, id),
    }
}

/// The refusal to activate what an admin has paused.
pub fn paused() -> Error {
    Error::refused(
        Code::ConnectionNotActive,
        "An admin has paused this connection. Ask them to activate it again.",
    )
}
