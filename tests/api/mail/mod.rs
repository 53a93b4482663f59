//! Mail (`docs/mail.md`): what arrives, how, and how often.

mod at_most_once;
mod conversation;
mod crash;
mod delivery_errors;
mod failures;
mod fairness;
mod folder;
mod process;
mod tls;

use std::time::Duration;

use rollcall::domain::email_address::EmailAddress;
use rollcall::domain::ids::MailId;
use rollcall::domain::language::Language;
use rollcall::mail::MailContent;
use rollcall::mail::outbox::{Cause, QueuedMail};
use rollcall::store::mails::{self, Delivery};
use rollcall::store::{accounts, transaction};

use crate::support::App;

/// Runs a test on both databases with a mail server: `sent!(name, |app, server| { … })`.
macro_rules! sent {
    ($(#[$meta:meta])* $name:ident, |$app:ident, $server:ident| $body:block) => {
        $(#[$meta])*
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            async fn scenario($app: &$crate::support::App, $server: &$crate::support::smtp::SmtpServer) $body

            #[test]
            fn sqlite() {
                let server = SmtpServer::plain();
                let app = $crate::support::App::on_sqlite_with(|config| server.configure(config));
                $crate::support::app::block_on(scenario(&app, &server));
            }

            #[test]
            fn postgres() {
                let server = SmtpServer::plain();
                let app = $crate::support::App::on_postgres_with(|config| server.configure(config));
                if let Some(app) = app {
                    $crate::support::app::block_on(scenario(&app, &server));
                }
            }
        }
    };
}
use sent;

/// A content with a link that carries this token.
fn reset_letter(app: &App, token: &str) -> MailContent {
    MailContent::PasswordReset {
        link: format!("http://localhost:3000/set-password?token={token}"),
        expires_at: app.now().plus(Duration::from_secs(72 * 60 * 60)),
    }
}

/// Queues a content to whoever has this address, as a service does.
fn queue(app: &App, to: &str, cause: &str, content: MailContent) -> Option<MailId> {
    queue_in(app, None, (to, cause), content)
}

fn queue_in(
    app: &App,
    language: Option<Language>,
    (to, cause): (&str, &str),
    content: MailContent,
) -> Option<MailId> {
    let mut connection = app.state.services.pool.get().unwrap();
    let address = EmailAddress::parse(to).unwrap();
    let account = accounts::find_by_email(&mut connection, &address)
        .unwrap()
        .unwrap();
    let post = QueuedMail {
        to: &account,
        language,
        priority: None,
        organization: None,
        cause: cause.to_owned(),
        content,
    };
    transaction(&mut connection, |connection| {
        app.state
            .services
            .outbox
            .queue(connection, &post, (Cause::Owner, app.now()))
    })
    .unwrap()
}

/// How far a mail is.
fn delivery(app: &App, mail: MailId) -> Delivery {
    let mut connection = app.state.services.pool.get().unwrap();
    mails::deliveries(&mut connection, &[mail])
        .unwrap()
        .remove(&mail)
        .unwrap()
}
