//! Sessions that an identity provider ends (OpenID Connect Back-Channel Logout 1.0).

use super::settings::known_provider;
use crate::domain::client_address::Client;
use crate::domain::connections::{ConnectionStatus, OidcSettings, ProviderSettings};
use crate::domain::events::{DomainEvent, SessionEvent};
use crate::domain::ids::ConnectionId;
use crate::error::Result;
use crate::oidc::logout_token::EndedThere;
use crate::services::events;
use crate::services::limits::{self, Limit, LimitRequest};
use crate::services::unit_of_work::UnitOfWork;
use crate::store::sso_connections::{self, SsoConnection};
use crate::store::{session_proofs, sessions};

/// The connection at which a provider says that something has ended; `None` where there is none by OpenID Connect that has
/// ever signed anybody in: of a draft, nobody's provider is asked on the word of anybody.
/// Counts the call, until its token has shown to hold.
///
/// # Errors
/// `rate_limited`.
pub fn begin(
    tx: &mut UnitOfWork<'_>,
    id: ConnectionId,
    client: &Client,
) -> Result<Option<(SsoConnection, OidcSettings)>> {
    limits::take(tx, &calls_of(client))?;
    let found = sso_connections::find(tx.connection, id)?;
    let Some(connection) = found.filter(|it| it.status != ConnectionStatus::Draft) else {
        return Ok(None);
    };
    Ok(match known_provider(&connection)?.complete() {
        Some(ProviderSettings::Oidc(settings)) => Some((connection, settings)),
        Some(ProviderSettings::Saml(_)) | None => None,
    })
}

fn calls_of(client: &Client) -> Vec<LimitRequest> {
    LimitRequest::by_client(Limit::BackchannelLogout, client)
}

/// Ends the sessions that the connection made for what has ended there, and takes its proof from others.
pub fn end(
    tx: &mut UnitOfWork<'_>,
    connection: &SsoConnection,
    ended: &EndedThere,
    client: &Client,
) -> Result<()> {
    limits::refund(tx, &calls_of(client))?;
    let (EndedThere::Session(name) | EndedThere::Subject(name)) = ended;
    // No such name is kept, and not every database can look for it.
    if name.contains(char::is_control) {
        return Ok(());
    }
    tx.transaction(|tx| {
        let proven = match ended {
            EndedThere::Session(name) => {
                session_proofs::of_provider_session(tx.connection, connection.id, name)?
            }
            EndedThere::Subject(subject) => {
                session_proofs::of_subject(tx.connection, connection, subject)?
            }
        };
        for session in proven {
            session_proofs::delete(tx.connection, session, connection.id)?;
            let made_by = connection.organization_id;
            if sessions::delete_made_by(tx.connection, made_by, session)? {
                let event = SessionEvent::EndedByProvider {
                    connection: connection.id,
                };
                events::publish(tx, DomainEvent::Session { session, event })?;
            }
        }
        Ok(())
    })
}
