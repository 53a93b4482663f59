//! No mail is sent twice, and all of them keep one pace.

use std::collections::BTreeMap;
use std::time::Duration;

use rollcall::domain::ids::MailId;
use rollcall::domain::mail::MailStatus::{Failed, Queued, Sent};
use rollcall::mail::sending;
use rollcall::store::jobs::Lease;
use rollcall::store::mails;
use rollcall::worker::{self, MAILS, Step, Worker};
use uuid::Uuid;

use super::{delivery, queue, reset_letter, sent};
use crate::support::App;
use crate::support::smtp::{Phase, Reaction, SmtpServer};

const ADA: &str = "ada@hill.example";

/// Takes this mail, which is the next one, for a worker that dies.
fn taken(app: &App, mail: MailId) -> Lease {
    let lease = Worker::new(&app.state, &MAILS).take().unwrap().unwrap();
    assert_eq!(Uuid::from(lease.job.subject), Uuid::from(mail));
    let mut connection = app.state.services.pool.get().unwrap();
    assert!(mails::begin(&mut connection, mail, lease.job.attempts).unwrap());
    lease
}

sent!(several_workers_send_each_mail_once, |app, server| {
    app.register(ADA).await;
    app.drain().await;
    let before = server.taken().len();
    for number in 0..200 {
        queue(
            app,
            ADA,
            &format!("reset {number}"),
            reset_letter(app, &format!("rcp_{number}")),
        );
    }
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| worker::drain(&app.state).unwrap());
        }
    });
    let mut tokens = BTreeMap::new();
    for mail in &server.taken()[before..] {
        *tokens.entry(mail.parsed().token()).or_insert(0) += 1;
    }
    assert_eq!(tokens.len(), 200);
    assert!(tokens.values().all(|times| *times == 1), "{tokens:?}");
});

sent!(
    what_a_dead_worker_had_not_handed_over_another_sends,
    |app, server| {
        app.register(ADA).await;
        app.drain().await;
        let before = server.taken().len();
        let mail = queue(app, ADA, "reset 1", reset_letter(app, "rcp_1")).unwrap();
        let lease = app.state.services.config.mail_lease;
        let dead = taken(app, mail);
        let mut connection = app.state.services.pool.get().unwrap();
        app.drain().await;
        assert_eq!(
            (delivery(app, mail).status, server.taken().len()),
            (Queued, before)
        );

        app.advance(lease + Duration::from_secs(1));
        let late = sending::hand_over(&mut connection, &dead, app.now()).unwrap();
        assert!(!late, "its lease has run out");
        app.drain().await;
        let sent = delivery(app, mail);
        assert_eq!(
            (sent.status, sent.attempts, server.taken().len()),
            (Sent, 2, before + 1)
        );
    }
);

sent!(
    what_a_dead_worker_had_handed_over_is_given_up_and_says_so,
    |app, server| {
        app.register(ADA).await;
        app.drain().await;
        let before = server.taken().len();
        let mail = queue(app, ADA, "reset 1", reset_letter(app, "rcp_1")).unwrap();
        let lease = app.state.services.config.mail_lease;
        let dead = taken(app, mail);
        let mut connection = app.state.services.pool.get().unwrap();
        assert!(sending::hand_over(&mut connection, &dead, app.now()).unwrap());
        assert_eq!(
            mails::withdraw(&mut connection, &[mail]).unwrap().len(),
            0,
            "it may have left"
        );

        app.advance(lease + Duration::from_secs(1));
        app.drain().await;
        let failed = delivery(app, mail);
        assert_eq!((failed.status, failed.attempts), (Failed, 1));
        assert!(failed.last_error.unwrap().contains("may have arrived"));
        app.advance(Duration::from_secs(24 * 60 * 60));
        app.drain().await;
        assert_eq!(server.taken().len(), before, "it is never tried again");

        // The worker was not dead: it had been held up, and knows that the server took the mail.
        assert!(mails::mark_sent(&mut connection, mail, app.now()).unwrap());
        assert_eq!(
            (delivery(app, mail).status, delivery(app, mail).last_error),
            (Sent, None)
        );
    }
);

sent!(all_workers_together_keep_the_pace, |app, server| {
    app.register(ADA).await;
    app.drain().await;
    let before = server.taken().len();
    let mut workers = {
        // 600 a minute: ten at once, and one each tenth of a second from then on.
        assert_eq!(app.state.services.config.mail_per_minute, 600);
        [0, 1].map(|_| Worker::new(&app.state, &MAILS))
    };
    for number in 0..30 {
        queue(
            app,
            ADA,
            &format!("reset {number}"),
            reset_letter(app, "rcp_1"),
        );
    }
    let mut send_all = || {
        let mut waits = Vec::new();
        for worker in &mut workers {
            loop {
                match worker.next(&|| false).unwrap() {
                    Step::Done => {}
                    Step::Wait(wait) => break waits.push(wait),
                    other => panic!("{other:?}"),
                }
            }
        }
        waits
    };
    assert_eq!(send_all(), [Duration::from_millis(100); 2]);
    assert_eq!(server.taken().len(), before + 10);
    app.advance(Duration::from_millis(100));
    assert_eq!(send_all(), [Duration::from_millis(100); 2]);
    assert_eq!(server.taken().len(), before + 11);
    app.advance(Duration::from_millis(550));
    assert_eq!(send_all(), [Duration::from_millis(50); 2]);
    assert_eq!(server.taken().len(), before + 16);
});

sent!(
    what_was_not_acknowledged_is_sent_again_as_the_same_mail,
    |app, server| {
        app.register(ADA).await;
        app.drain().await;
        let before = server.taken().len();
        server.once(Phase::Text, Reaction::TakeAndHangUp);
        let mail = queue(app, ADA, "reset 1", reset_letter(app, "rcp_1")).unwrap();
        app.drain().await;
        app.advance(Duration::from_secs(120));
        app.drain().await;
        assert_eq!(delivery(app, mail).status, Sent);
        // Nobody can tell this from a mail that was lost (RFC 5321, 4.5.4.1). It is the same to the byte,
        // so that mail servers and programs can see that it is one.
        let taken = &server.taken()[before..];
        assert_eq!(taken.len(), 2);
        assert_eq!(taken[0].text, taken[1].text);
        assert!(
            taken[0]
                .text
                .contains(&format!("Message-ID: <{mail}@hill.example>"))
        );
    }
);

sent!(old_mail_is_forgotten_once_it_has_ended, |app, server| {
    app.register(ADA).await;
    let mail = queue(app, ADA, "reset 1", reset_letter(app, "rcp_1")).unwrap();
    app.drain().await;
    assert!(!server.taken().is_empty());
    app.advance(Duration::from_secs(89 * 24 * 60 * 60));
    app.drain().await;
    assert_eq!(delivery(app, mail).status, Sent);
    app.advance(Duration::from_secs(2 * 24 * 60 * 60));
    app.drain().await;
    let mut connection = app.state.services.pool.get().unwrap();
    assert!(
        mails::deliveries(&mut connection, &[mail])
            .unwrap()
            .is_empty()
    );
});
