//! How the clients are named in requests that identity providers know Rollcall by.

use crate::domain::connections::{ClientAuthentication, OidcClient, OidcSettings, OwnClient};
use crate::domain::ids::AppId;
use crate::error::Result;
use crate::routes::extract::Form;
use crate::services::sso::client_secrets::SecretChange;

/// The most characters of a client id and of a secret.
const MAX_CLIENT_ID: usize = 255;
const MAX_SECRET: usize = 1_000;

/// The fields of a request that are for a client that was registered with the provider.
pub struct GivenClient {
    pub id: Option<String>,
    pub secret: Option<String>,
    pub secret_expires: bool,
    pub authentication: Option<ClientAuthentication>,
}

impl GivenClient {
    /// The fields, and whether each is given.
    pub fn fields(&self) -> [(&'static str, bool); 4] {
        [
            ("/client_id", self.id.is_some()),
            ("/client_secret", self.secret.is_some()),
            ("/client_secret_expires_at", self.secret_expires),
            ("/client_authentication", self.authentication.is_some()),
        ]
    }

    /// Refuses what is wrong whatever it is a client of.
    pub fn check(&self, form: &mut Form) {
        if let Some(id) = &self.id {
            form.text("/client_id", id, MAX_CLIENT_ID);
        }
        if let Some(secret) = &self.secret {
            check_length(form, secret);
        }
    }

    /// A client that was registered, complete.
    pub fn take(&self, form: &mut Form) -> Option<OwnClient> {
        let id = self.id.as_deref().unwrap_or_default();
        let id = form.text("/client_id", id, MAX_CLIENT_ID);
        let authentication = self
            .authentication
            .unwrap_or(ClientAuthentication::ClientSecretBasic);
        check_secret(form, authentication, self.secret.as_deref());
        Some(OwnClient {
            id: id?,
            authentication,
        })
    }

    /// Refuses each of these fields, where the client is an operator's app's.
    pub fn refuse_beside_app(&self, form: &mut Form) {
        for (pointer, is_given) in self.fields() {
            if is_given {
                let detail = "The client is that of an operator's app: leave this out, or have the connection use no app \
                              (`app_id: null`)."
                    .to_owned();
                form.refuse(pointer, "of_app", detail);
            }
        }
    }

    /// The client of a connection from now on, by an operator's app or of its own.
    ///
    /// # Errors
    /// `validation_failed` for a client beside an app, and for one that is not complete.
    pub fn changed(self, app: Option<Option<AppId>>, old: &OidcClient) -> Result<OidcClient> {
        let mut form = Form::new();
        let new = match (app, old) {
            (Some(Some(app)), _) => {
                self.refuse_beside_app(&mut form);
                Some(OidcClient::App(app))
            }
            (None, OidcClient::App(app)) => {
                self.refuse_beside_app(&mut form);
                Some(OidcClient::App(*app))
            }
            (Some(None), OidcClient::App(_)) => self.take(&mut form).map(OidcClient::Own),
            (Some(None) | None, OidcClient::Own(old)) => Some(OidcClient::Own(OwnClient {
                id: self.id.unwrap_or_else(|| old.id.clone()),
                authentication: self.authentication.unwrap_or(old.authentication),
            })),
        };
        match new {
            Some(new) if !form.has_errors() => Ok(new),
            _ => Err(form.refusal()),
        }
    }
}

/// What becomes of the client secret where these settings follow those. It is for the issuer that made it, and sent to
/// no other.
///
/// # Errors
/// `validation_failed` where there would be none that the client shows itself by.
pub fn secret_for(
    given: Option<String>,
    (old, new): (&OidcSettings, &OidcSettings),
    has_secret: bool,
) -> Result<SecretChange> {
    let OidcClient::Own(client) = &new.client else {
        return Ok(SecretChange::Dropped);
    };
    let moves = old.issuer != new.issuer;
    let is_needed = needs_secret(client.authentication);
    match given {
        Some(secret) => Ok(SecretChange::Replaced(secret)),
        None if is_needed && (moves || !has_secret) => {
            let mut form = Form::new();
            let detail = if has_secret {
                "The secret that is kept is for the issuer as it was. Send that of the new one, or set \
                 client_authentication to private_key_jwt."
            } else {
                NEEDS_SECRET
            };
            form.refuse("/client_secret", "missing", detail.to_owned());
            Err(form.refusal())
        }
        None if moves => Ok(SecretChange::Dropped),
        None => Ok(SecretChange::Kept),
    }
}

/// What becomes of the client secret of an app that shows itself so from now on.
///
/// # Errors
/// `validation_failed` where there would be none that it shows itself by.
pub fn secret_of_app(
    given: Option<String>,
    authentication: ClientAuthentication,
    has_secret: bool,
) -> Result<SecretChange> {
    match given {
        Some(secret) => Ok(SecretChange::Replaced(secret)),
        None if needs_secret(authentication) && !has_secret => {
            let mut form = Form::new();
            form.refuse("/client_secret", "missing", NEEDS_SECRET.to_owned());
            Err(form.refusal())
        }
        None => Ok(SecretChange::Kept),
    }
}

const NEEDS_SECRET: &str =
    "Send the client secret, or set client_authentication to private_key_jwt.";

const fn needs_secret(authentication: ClientAuthentication) -> bool {
    match authentication {
        ClientAuthentication::ClientSecretBasic | ClientAuthentication::ClientSecretPost => true,
        ClientAuthentication::PrivateKeyJwt => false,
    }
}

fn check_secret(form: &mut Form, authentication: ClientAuthentication, secret: Option<&str>) {
    match secret {
        Some(secret) => check_length(form, secret),
        None if needs_secret(authentication) => {
            form.refuse("/client_secret", "missing", NEEDS_SECRET.to_owned());
        }
        None => {}
    }
}

fn check_length(form: &mut Form, secret: &str) {
    if secret.is_empty() || secret.chars().count() > MAX_SECRET {
        let detail = format!("This has 1 to {MAX_SECRET} characters.");
        form.refuse("/client_secret", "invalid", detail);
    }
}
