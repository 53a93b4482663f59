//! Servers that refuse, hang and break, at each step: what is tried again, and what is given up.

use std::time::Duration;

use diesel::prelude::*;
use rollcall::domain::ids::MailId;
use rollcall::domain::mail::MailStatus::{Deferred, Failed, Sent};
use rollcall::store::schema::mails;

use super::{delivery, queue, reset_letter, sent};
use crate::support::App;
use crate::support::smtp::{Kind, Phase, Reaction, SmtpServer};

const ADA: &str = "ada@hill.example";

/// The first pause with the most that chance adds to it.
const FIRST_PAUSE: Duration = Duration::from_secs(60 * 12 / 10);

fn is_erased(app: &App, mail: MailId) -> bool {
    let sealed: Option<Vec<u8>> = mails::table
        .find(mail)
        .select(mails::sealed)
        .first(&mut **crate::support::invariants::connect(
            &app.state.services.pool,
        ))
        .unwrap();
    sealed.is_none()
}

sent!(a_refusal_for_now_is_tried_again_later, |app, server| {
    app.register(ADA).await;
    app.drain().await;
    let before = server.taken().len();
    server.once(
        Phase::Rcpt,
        Reaction::Say("451 4.7.1 Greylisted, try again in a minute"),
    );
    let mail = queue(app, ADA, "reset 1", reset_letter(app, "rcp_1")).unwrap();
    app.drain().await;
    let deferred = delivery(app, mail);
    assert_eq!((deferred.status, deferred.attempts), (Deferred, 1));
    assert_eq!(
        deferred.last_error.as_deref(),
        Some("451 4.7.1 Greylisted, try again in a minute")
    );
    assert!(!is_erased(app, mail));

    app.advance(Duration::from_secs(59));
    app.drain().await;
    assert_eq!(server.taken().len(), before, "its time has not come");
    app.advance(FIRST_PAUSE);
    app.drain().await;
    assert_eq!(server.taken().len(), before + 1);
    let sent = delivery(app, mail);
    assert_eq!(
        (sent.status, sent.attempts, sent.last_error),
        (Sent, 2, None)
    );
    assert!(is_erased(app, mail));
});

sent!(a_final_refusal_is_visible_and_final, |app, server| {
    app.register(ADA).await;
    app.drain().await;
    let before = server.taken().len();
    for (number, step) in [Phase::Rcpt, Phase::Data, Phase::Text]
        .into_iter()
        .enumerate()
    {
        let reply = "550-5.1.1 There is no\r\n550 5.1.1 such\tmailbox here";
        server.once(step, Reaction::Say(reply));
        let cause = format!("reset {number}");
        let mail = queue(app, ADA, &cause, reset_letter(app, "rcp_1")).unwrap();
        let next = queue(
            app,
            ADA,
            &format!("{cause} next"),
            reset_letter(app, "rcp_2"),
        )
        .unwrap();
        app.drain().await;
        let failed = delivery(app, mail);
        assert_eq!((failed.status, failed.attempts), (Failed, 1), "{step:?}");
        let told = failed.last_error.unwrap();
        assert_eq!(told, "550 5.1.1 There is no such mailbox here", "{step:?}");
        assert!(is_erased(app, mail));
        assert_eq!(
            delivery(app, next).status,
            Sent,
            "the line goes on after {step:?}"
        );
    }
    app.advance(Duration::from_secs(3 * 24 * 60 * 60));
    app.drain().await;
    assert_eq!(server.taken().len(), before + 3);
});

sent!(
    what_the_server_has_against_all_mail_fails_none,
    |app, server| {
        app.register(ADA).await;
        app.drain().await;
        let before = server.taken().len();
        let mut mails = Vec::new();
        for (number, (step, reply)) in [
            (Phase::Greeting, "554 5.3.2 No service"),
            (Phase::Ehlo, "550 5.7.1 Go away"),
            (Phase::Mail, "550 5.7.1 Sender not allowed"),
            (Phase::Rcpt, "530 5.7.0 Authentication required"),
            (Phase::Data, "421 4.3.2 Shutting down"),
            (Phase::Text, "421 4.3.2 Shutting down"),
        ]
        .into_iter()
        .enumerate()
        {
            server.once(step, Reaction::Say(reply));
            let mail = queue(
                app,
                ADA,
                &format!("reset {number}"),
                reset_letter(app, "rcp_1"),
            )
            .unwrap();
            app.drain().await;
            let deferred = delivery(app, mail);
            assert_eq!(deferred.status, Deferred, "{step:?}");
            assert!(
                deferred.last_error.unwrap().contains(&reply[..3]),
                "{step:?}"
            );
            mails.push(mail);
        }
        app.advance(FIRST_PAUSE);
        app.drain().await;
        assert!(mails.iter().all(|mail| delivery(app, *mail).status == Sent));
        assert_eq!(server.taken().len(), before + mails.len());
    }
);

sent!(a_broken_connection_acknowledges_nothing, |app, server| {
    app.register(ADA).await;
    app.drain().await;
    for (number, step) in [
        Phase::Greeting,
        Phase::Ehlo,
        Phase::Mail,
        Phase::Rcpt,
        Phase::Data,
        Phase::Text,
    ]
    .into_iter()
    .enumerate()
    {
        let before = server.taken().len();
        server.once(step, Reaction::HangUp);
        let mail = queue(
            app,
            ADA,
            &format!("reset {number}"),
            reset_letter(app, "rcp_1"),
        )
        .unwrap();
        app.drain().await;
        let deferred = delivery(app, mail);
        assert_eq!(
            (deferred.status, deferred.attempts),
            (Deferred, 1),
            "{step:?}"
        );
        assert!(
            deferred.last_error.unwrap().contains("the mail server"),
            "{step:?}"
        );
        app.advance(FIRST_PAUSE);
        app.drain().await;
        assert_eq!(delivery(app, mail).status, Sent, "{step:?}");
        assert_eq!(server.taken().len(), before + 1, "{step:?}");
    }
});

/// A short lease makes for short timeouts.
#[test]
fn a_server_that_hangs_is_left_at_every_step() {
    let server = SmtpServer::plain();
    let app = App::on_sqlite_with(|config| {
        server.configure(config);
        config.mail_lease = Duration::from_secs(1);
    });
    crate::support::app::block_on(async {
        app.register(ADA).await;
        app.drain().await;
        for (number, step) in [
            Phase::Greeting,
            Phase::Ehlo,
            Phase::Mail,
            Phase::Rcpt,
            Phase::Data,
            Phase::Text,
        ]
        .into_iter()
        .enumerate()
        {
            server.once(step, Reaction::Hang);
            let mail = queue(
                &app,
                ADA,
                &format!("reset {number}"),
                reset_letter(&app, "rcp_1"),
            )
            .unwrap();
            app.drain().await;
            let deferred = delivery(&app, mail);
            assert_eq!(deferred.status, Deferred, "{step:?}");
            assert_eq!(
                deferred.last_error.as_deref(),
                Some("the mail server does not answer")
            );
            server.recover();
            app.advance(FIRST_PAUSE);
            app.drain().await;
            assert_eq!(delivery(&app, mail).status, Sent, "{step:?}");
        }
    });
}

/// Wrong credentials cost no mail, and stand nowhere.
#[test]
fn mail_waits_until_the_password_is_right() {
    let server = SmtpServer::start(Kind {
        auth: true,
        ..Kind::default()
    });
    let app = App::on_sqlite_with(|config| {
        server.configure(config);
        let url = format!(
            "smtp://me%40hill.example:hunt%2Fer2@{}?starttls=never",
            server.address
        );
        config.smtp_url = Some(url.parse().unwrap());
    });
    crate::support::app::block_on(async {
        server.always(
            Phase::Auth,
            Reaction::Say("535 5.7.8 Authentication failed"),
        );
        app.register(ADA).await;
        let mail = queue(&app, ADA, "reset 1", reset_letter(&app, "rcp_1")).unwrap();
        app.drain().await;
        let deferred = delivery(&app, mail);
        assert_eq!(deferred.status, Deferred);
        assert_eq!(
            deferred.last_error.as_deref(),
            Some("535 5.7.8 Authentication failed")
        );
        assert_eq!(server.quits(), server.connections());
        server.recover();
        app.advance(FIRST_PAUSE);
        app.drain().await;
        assert_eq!(delivery(&app, mail).status, Sent);
        let signed_in = server.taken().pop().unwrap().signed_in.unwrap();
        assert_eq!(
            signed_in,
            ("me@hill.example".to_owned(), "hunt/er2".to_owned())
        );
    });
}

sent!(
    nobody_there_is_waited_for_two_days_and_then_given_up,
    |app, server| {
        app.register(ADA).await;
        app.drain().await;
        server.always(Phase::Rcpt, Reaction::Say("450 4.2.0 Mailbox busy"));
        let mail = queue(app, ADA, "reset 1", reset_letter(app, "rcp_1")).unwrap();
        let mut hours = 0;
        while delivery(app, mail).status != Failed {
            assert!(hours < 60, "it is tried for ever");
            app.drain().await;
            app.advance(Duration::from_secs(60 * 60));
            hours += 1;
        }
        assert!(hours > 40, "given up after {hours} hours");
        let failed = delivery(app, mail);
        assert_eq!(failed.last_error.as_deref(), Some("450 4.2.0 Mailbox busy"));
        assert!((15..30).contains(&failed.attempts), "{failed:?}");
        assert!(is_erased(app, mail));
    }
);

sent!(a_link_that_has_run_out_is_not_sent, |app, server| {
    app.register(ADA).await;
    app.drain().await;
    let before = server.taken().len();
    server.always(Phase::Greeting, Reaction::Say("421 4.3.2 Not now"));
    let mail = queue(
        app,
        ADA,
        "reset 1",
        rollcall::mail::MailContent::PasswordReset {
            link: "http://localhost:3000/set-password?token=rcp_1".to_owned(),
            expires_at: app.now().plus(Duration::from_secs(3600)),
        },
    )
    .unwrap();
    app.drain().await;
    server.recover();
    app.advance(Duration::from_secs(2 * 3600));
    app.drain().await;
    let failed = delivery(app, mail);
    assert_eq!(failed.status, Failed);
    assert_eq!(
        failed.last_error.as_deref(),
        Some("its link ran out before it could be sent")
    );
    assert_eq!(server.taken().len(), before);
});

/// RFC 5321, 4.1.1.10: a client says QUIT before it closes a connection.
mod every_session_that_works_ends_with_quit {
    use super::*;

    sent!(after_a_refused_sender, |app, server| {
        app.register(ADA).await;
        app.drain().await;
        server.once(Phase::Mail, Reaction::Say("550 5.7.1 Sender not allowed"));
        let mail = queue(app, ADA, "reset 1", reset_letter(app, "rcp_1")).unwrap();
        app.drain().await;
        assert_eq!(delivery(app, mail).status, Deferred);
        assert_eq!(server.quits(), server.connections());
    });

    sent!(after_a_hundred_mails, |app, server| {
        app.register(ADA).await;
        app.drain().await;
        let before = server.connections();
        for number in 0..101 {
            let cause = format!("reset {number}");
            queue(app, ADA, &cause, reset_letter(app, "rcp_1")).unwrap();
        }
        app.drain().await;
        assert_eq!(server.connections(), before + 2);
        assert_eq!(server.quits(), server.connections());
    });
}

/// An app whose mail goes from this address to a server that takes ASCII addresses only.
fn app_with_ascii_only_server(from: &str) -> (App, SmtpServer) {
    let server = SmtpServer::start(Kind {
        ascii_only: true,
        ..Kind::default()
    });
    let app = App::on_sqlite_with(|config| {
        server.configure(config);
        config.mail_from = from.parse().unwrap();
    });
    (app, server)
}

#[test]
fn a_sender_that_the_server_cannot_take_fails_no_mail() {
    let (app, server) = app_with_ascii_only_server("päivi@hill.example");
    crate::support::app::block_on(async {
        app.register(ADA).await;
        let mail = queue(&app, ADA, "reset 1", reset_letter(&app, "rcp_1")).unwrap();
        app.drain().await;
        let deferred = delivery(&app, mail);
        assert_eq!(deferred.status, Deferred);
        let told = deferred.last_error.unwrap();
        assert!(told.contains("ROLLCALL_MAIL_FROM"), "{told}");
        assert_eq!(server.quits(), server.connections());
    });
}

#[test]
fn a_recipient_that_the_server_cannot_take_fails_that_mail_only() {
    let (app, server) = app_with_ascii_only_server("no-reply@hill.example");
    crate::support::app::block_on(async {
        app.register(ADA).await;
        app.register("päivi@hill.example").await;
        app.drain().await;
        let before = server.taken().len();
        let to_paivi = queue(
            &app,
            "päivi@hill.example",
            "reset 1",
            reset_letter(&app, "rcp_1"),
        );
        let to_ada = queue(&app, ADA, "reset 2", reset_letter(&app, "rcp_2"));
        app.drain().await;
        assert_eq!(delivery(&app, to_paivi.unwrap()).status, Failed);
        assert_eq!(delivery(&app, to_ada.unwrap()).status, Sent);
        assert_eq!(server.taken().len(), before + 1);
    });
}
