//! Which mail goes first: what a person waits for; and organizations take turns.

use std::time::Duration;

use rollcall::domain::email_address::EmailAddress;
use rollcall::domain::ids::OrganizationId;
use rollcall::mail::MailContent;
use rollcall::mail::outbox::{Cause, QueuedMail};
use rollcall::store::accounts;

use super::{queue, reset_letter, sent};
use crate::support::App;
use crate::support::smtp::SmtpServer;

const ADA: &str = "ada@hill.example";

/// Queues so many invitations of an organization at once.
fn invite(app: &App, organization: &str, mails: usize) {
    let id: OrganizationId = organization.parse().unwrap();
    let mut connection = app.state.services.pool.get().unwrap();
    let ada = EmailAddress::parse(ADA).unwrap();
    let ada = accounts::find_by_email(&mut connection, &ada)
        .unwrap()
        .unwrap();
    for number in 0..mails {
        let mail = QueuedMail {
            to: &ada,
            language: None,
            priority: None,
            organization: Some(id),
            cause: format!("invitation {organization} {number}"),
            content: MailContent::JoinLink {
                organization: organization.to_owned(),
                invited_by: None,
                note: None,
                connections: String::new(),
                link: format!("http://localhost:3000/join?token={organization}_{number}"),
                expires_at: app.now().plus(Duration::from_secs(72 * 60 * 60)),
            },
        };
        let outbox = &app.state.services.outbox;
        let by_owner = (Cause::Owner, app.now());
        outbox.queue(&mut connection, &mail, by_owner).unwrap();
    }
}

/// The tokens of what arrived since, in order.
fn arrived(server: &SmtpServer, before: usize) -> Vec<String> {
    let mails = server.taken();
    let mails = mails[before..].iter();
    mails.map(|mail| mail.parsed().token()).collect()
}

sent!(
    mail_that_a_person_waits_for_goes_before_invitations,
    |app, server| {
        let school = app.school().await;
        app.register(ADA).await;
        app.drain().await;
        let before = server.taken().len();
        invite(app, &school.id, 4);
        app.advance(Duration::from_secs(1));
        queue(app, ADA, "reset 1", reset_letter(app, "rcp_1"));
        app.drain().await;
        let invitations = (0..4).map(|number| format!("{}_{number}", school.id));
        let expected: Vec<_> = ["rcp_1".to_owned()]
            .into_iter()
            .chain(invitations)
            .collect();
        assert_eq!(arrived(server, before), expected);
    }
);

sent!(organizations_take_turns_with_invitations, |app, server| {
    let school = app.school().await;
    let other = app.organization("Valley School", "school").await;
    app.register(ADA).await;
    app.drain().await;
    let before = server.taken().len();
    invite(app, &school.id, 4);
    app.advance(Duration::from_secs(1));
    invite(app, &other.id, 2);
    app.drain().await;
    let expected = [(&school, 0), (&other, 0), (&school, 1), (&other, 1)];
    let expected = expected.into_iter().chain([(&school, 2), (&school, 3)]);
    let expected: Vec<_> = expected
        .map(|(organization, number)| format!("{}_{number}", organization.id))
        .collect();
    assert_eq!(arrived(server, before), expected);
});
