//! How the clients are named in requests that identity providers know Rollcall by.

use crate::domain::connections::ClientAuthentication;
use crate::domain::shown::is_hidden;
use crate::domain::timestamp::Timestamp;
use crate::routes::extract::Form;
use crate::services::sso::client_secrets::{ClientSecret, SecretChange};

/// The most characters of a client id and of a secret.
const MAX_CLIENT_ID: usize = 255;
const MAX_SECRET: usize = 1_000;

/// The fields of a request that are for a client that was registered with the provider.
pub struct GivenClient {
    pub id: Option<String>,
    pub secret: Option<String>,
    pub secret_expires_at: Option<Option<Timestamp>>,
    pub authentication: Option<ClientAuthentication>,
}

/// The client secret that is there before a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SecretBefore {
    None,
    /// None is needed yet: of a draft.
    NotYet,
    /// That of the client itself, which stays where none is sent.
    OfClient,
    /// It is for the issuer that made it, and sent to no other.
    OfOtherIssuer,
    /// That of an operator's app, which the connection leaves.
    OfApp,
}

impl SecretBefore {
    /// That of a client, where one is kept for it.
    pub const fn of_client(is_kept: bool) -> Self {
        if is_kept { Self::OfClient } else { Self::None }
    }

    /// What to do where none is sent, and one is needed.
    const fn advice(self) -> &'static str {
        match self {
            Self::None | Self::NotYet | Self::OfClient => {
                "Send the client secret, or set client_authentication to private_key_jwt."
            }
            Self::OfOtherIssuer => {
                "The secret that is kept is for the issuer as it was. Send that of the new one, or set \
                 client_authentication to private_key_jwt."
            }
            Self::OfApp => {
                "The app's secret stays the app's. Send that of the connection's own client, or set \
                 client_authentication to private_key_jwt."
            }
        }
    }
}

impl GivenClient {
    /// The fields, and whether each is given.
    pub fn fields(&self) -> [(&'static str, bool); 4] {
        [
            ("/client_id", self.id.is_some()),
            ("/client_secret", self.secret.is_some()),
            (
                "/client_secret_expires_at",
                self.secret_expires_at.is_some(),
            ),
            ("/client_authentication", self.authentication.is_some()),
        ]
    }

    /// Refuses what is wrong whatever it is a client of.
    pub fn check(&self, form: &mut Form) {
        if let Some(id) = &self.id
            && form.text("/client_id", id, MAX_CLIENT_ID).is_some()
        {
            check_visible(form, "/client_id", id);
        }
        if let Some(secret) = &self.secret {
            check_secret(form, secret);
        }
    }

    /// The secret of a new client, where it shows itself by one.
    pub fn take_secret(&self, form: &mut Form) -> Option<ClientSecret> {
        let authentication = self.new_authentication();
        match self.secret_change(form, authentication, SecretBefore::None) {
            SecretChange::Replaced(secret) => Some(secret),
            SecretChange::Kept | SecretChange::Ends(_) | SecretChange::Dropped => None,
        }
    }

    /// How a new client shows itself.
    pub fn new_authentication(&self) -> ClientAuthentication {
        self.authentication
            .unwrap_or(ClientAuthentication::ClientSecretBasic)
    }

    /// Refuses each of these fields, where the client is an operator's app's.
    pub fn refuse_beside_app(&self, form: &mut Form) {
        for (pointer, is_given) in self.fields() {
            if is_given {
                let detail = "The client is that of an operator's app: leave this out, or have an admin take the app \
                              from the connection (`app_id: null`)."
                    .to_owned();
                form.refuse(pointer, "of_app", detail);
            }
        }
    }

    /// What becomes of the secret of a client that shows itself so from now on; [`GivenClient::check`] judges the secret.
    pub fn secret_change(
        &self,
        form: &mut Form,
        authentication: ClientAuthentication,
        before: SecretBefore,
    ) -> SecretChange {
        if authentication.shows_key() {
            self.refuse_secret(form);
            return SecretChange::Dropped;
        }
        if let Some(secret) = &self.secret {
            return SecretChange::Replaced(ClientSecret {
                secret: secret.clone(),
                expires_at: self.secret_expires_at.flatten(),
            });
        }
        if !matches!(before, SecretBefore::OfClient | SecretBefore::NotYet) {
            form.refuse("/client_secret", "missing", before.advice().to_owned());
        }
        match self.secret_expires_at {
            Some(at) => SecretChange::Ends(at),
            None => SecretChange::Kept,
        }
    }

    /// Refuses what is said of a secret, of a client that shows itself by a key.
    fn refuse_secret(&self, form: &mut Form) {
        let ends = self.secret_expires_at.flatten().is_some();
        for (pointer, is_given) in [
            ("/client_secret", self.secret.is_some()),
            ("/client_secret_expires_at", ends),
        ] {
            if is_given {
                let detail = "With private_key_jwt there is no client secret: leave this out, or set client_authentication to \
                              client_secret_basic or client_secret_post."
                    .to_owned();
                form.refuse(pointer, "no_secret", detail);
            }
        }
    }
}

/// What was pasted with a space around it.
pub fn trimmed(text: &Option<String>) -> Option<String> {
    text.as_deref().map(|text| text.trim().to_owned())
}

fn check_secret(form: &mut Form, secret: &str) {
    if secret.is_empty() || secret.chars().count() > MAX_SECRET {
        let detail = format!("This has 1 to {MAX_SECRET} characters.");
        form.refuse("/client_secret", "invalid", detail);
    }
    check_visible(form, "/client_secret", secret);
}

/// Refuses what was pasted with characters that nobody sees: the identity provider would call it wrong.
fn check_visible(form: &mut Form, pointer: &'static str, text: &str) {
    let is_invisible = |c: char| is_hidden(c) || (c.is_whitespace() && c != ' ');
    if let Some(before) = text.chars().position(is_invisible) {
        let detail = format!(
            "This was pasted with an invisible character at place {}: type it, or copy it anew from the identity provider.",
            before + 1
        );
        form.refuse(pointer, "invisible_character", detail);
    }
}
