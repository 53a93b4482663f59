//! Links into the single-page app, which shows what a link is about and posts its token.

use url::Url;

use crate::crypto::token::Token;
use crate::domain::ids::{ConnectionId, DiagnosisId};

/// Makes the links of one installation.
#[derive(Clone, Debug)]
pub struct Links {
    spa: Url,
}

impl Links {
    /// Makes links into the app at this address.
    pub fn into(spa: &Url) -> Self {
        Self { spa: spa.clone() }
    }

    /// Joins by an invite code.
    pub fn join(&self, code: &str) -> String {
        self.link("join", "code", code)
    }

    /// Shows an invitation.
    pub fn invitation(&self, token: &Token) -> String {
        self.link("invitation", "token", token.reveal())
    }

    /// Sets a password: of a new account, or a forgotten one.
    pub fn set_password(&self, token: &Token) -> String {
        self.link("set-password", "token", token.reveal())
    }

    /// Verifies an email address.
    pub fn verify_email(&self, token: &Token) -> String {
        self.link("verify-email", "token", token.reveal())
    }

    /// Says that somebody else has registered with this address.
    pub fn not_me(&self, token: &Token) -> String {
        self.link("not-me", "token", token.reveal())
    }

    /// Signs in with this address.
    pub fn sign_in(&self, email: &str) -> String {
        self.link("sign-in", "email", email)
    }

    /// Asks by what to sign in.
    pub fn ways_in(&self) -> String {
        self.page("sign-in").into()
    }

    /// Starts a sign-in by a connection.
    pub fn start(&self, connection: ConnectionId) -> String {
        self.link("sign-in", "connection", &connection.to_string())
    }

    /// The same for somebody who is known there by this, such as an address.
    pub fn start_as(&self, connection: ConnectionId, login_hint: &str) -> String {
        let connection = connection.to_string();
        self.sign_in_with(&[("connection", &connection), ("login_hint", login_hint)])
    }

    /// The same for somebody with an invitation, whose token the flow carries.
    pub fn start_invited(
        &self,
        connection: ConnectionId,
        (login_hint, invitation): (&str, &Token),
    ) -> String {
        self.sign_in_with(&[
            ("connection", &connection.to_string()),
            ("login_hint", login_hint),
            ("invitation_token", invitation.reveal()),
        ])
    }

    /// Asks somebody with an invitation by what to sign in.
    pub fn sign_in_invited(&self, email: &str, invitation: &Token) -> String {
        self.sign_in_with(&[("email", email), ("invitation_token", invitation.reveal())])
    }

    fn sign_in_with(&self, parameters: &[(&str, &str)]) -> String {
        let mut link = self.page("sign-in");
        link.query_pairs_mut().extend_pairs(parameters);
        link.into()
    }

    /// Brings a ticket, in the fragment, which no server gets to see.
    pub fn ticket(&self, ticket: &Token) -> String {
        let mut link = self.page("sign-in/ticket");
        link.set_fragment(Some(&format!("ticket={}", ticket.reveal())));
        link.into()
    }

    /// Sets a connection up: the token stands in the fragment, which no server gets to see.
    pub fn setup(&self, token: &Token) -> String {
        self.setup_of(token.reveal())
    }

    /// As [`Links::setup`], of a sample.
    pub fn setup_of(&self, token: &str) -> String {
        let mut link = self.page("setup");
        link.set_fragment(Some(&format!("token={token}")));
        link.into()
    }

    /// Says why somebody was not signed in, and where there is one, under which reference an admin reads more.
    pub fn sign_in_problem(&self, code: &str, reference: Option<&str>) -> String {
        let mut link = self.page("sign-in");
        link.query_pairs_mut().append_pair("problem", code);
        if let Some(reference) = reference {
            link.query_pairs_mut().append_pair("reference", reference);
        }
        link.into()
    }

    /// Says that a connection was tested, by this test where it is known: whoever set it up reads how it went.
    pub fn tested(&self, test: Option<DiagnosisId>) -> String {
        match test {
            Some(test) => self.link("sign-in/tested", "test", &test.to_string()),
            None => self.page("sign-in/tested").into(),
        }
    }

    /// The link of a sample, to this page.
    pub fn sample(&self, page: &str, token: &str) -> String {
        self.link(page, "token", token)
    }

    /// The app may live below a path of its host.
    fn link(&self, page: &str, name: &str, value: &str) -> String {
        let mut link = self.page(page);
        link.query_pairs_mut().append_pair(name, value);
        link.into()
    }

    fn page(&self, page: &str) -> Url {
        let mut link = self.spa.clone();
        let path = format!("{}/{page}", link.path().trim_end_matches('/'));
        link.set_path(&path);
        link.set_query(None);
        link
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::token::TokenKind;

    #[test]
    fn links_stand_below_the_address_of_the_app() {
        for (spa, link) in [
            (
                "http://localhost:3000",
                "http://localhost:3000/join?code=ABCDE-FGHJK",
            ),
            (
                "https://school.example/app/",
                "https://school.example/app/join?code=ABCDE-FGHJK",
            ),
        ] {
            let links = Links::into(&spa.parse().unwrap());
            assert_eq!(links.join("ABCDE-FGHJK"), link);
        }
        let links = Links::into(&"https://app.example".parse().unwrap());
        assert_eq!(
            links.sign_in("a+b@x.org"),
            "https://app.example/sign-in?email=a%2Bb%40x.org"
        );
        let token = Token::generate(TokenKind::SetPassword).unwrap();
        let token_pair = format!("invitation_token={}", token.reveal());
        let connection = ConnectionId::from(uuid::Uuid::nil());
        assert_eq!(
            links.start_invited(connection, ("a+b@x.org", &token)),
            format!(
                "https://app.example/sign-in?connection={connection}&login_hint=a%2Bb%40x.org&{token_pair}"
            )
        );
        assert_eq!(
            links.sign_in_invited("a+b@x.org", &token),
            format!("https://app.example/sign-in?email=a%2Bb%40x.org&{token_pair}")
        );
    }
}
