//! A mail that always fails is given up, and keeps no others from being sent.

use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use rollcall::domain::mail::MailStatus::{Failed, Queued, Sent};
use rollcall::worker::{MAILS, MAX_FAILURES, Step, Worker};

use super::{delivery, queue, reset_letter, sent};
use crate::support::App;
use crate::support::smtp::SmtpServer;

const ADA: &str = "ada@x.org";
const BOB: &str = "bob@x.org";

/// Longer than any pause between two attempts.
const PAUSE: Duration = Duration::from_secs(31 * 60);

/// Makes an account unreadable, so that a fault keeps its mail from being written out.
fn break_account(app: &App, address: &str) {
    let no_language = format!("UPDATE accounts SET language = 'xx' WHERE email = '{address}'");
    let mut connection = app.state.services.pool.get().unwrap();
    connection.batch_execute(&no_language).unwrap();
}

sent!(a_mail_that_always_fails_is_given_up, |app, server| {
    for address in [ADA, BOB] {
        app.register(address).await;
    }
    app.drain().await;
    let before = server.taken().len();
    let broken = queue(app, ADA, "reset 1", reset_letter(app, "rcp_1")).unwrap();
    break_account(app, ADA);
    let mut worker = Worker::new(&app.state, &MAILS);
    for attempt in 1..=MAX_FAILURES {
        assert_eq!(delivery(app, broken).status, Queued);
        assert!(worker.next(&|| false).is_err(), "attempt {attempt}");
        assert_eq!(worker.next(&|| false).unwrap(), Step::Idle);
        app.advance(PAUSE);
    }
    assert_eq!(worker.next(&|| false).unwrap(), Step::Idle);
    let failed = delivery(app, broken);
    assert_eq!(failed.status, Failed);
    assert!(failed.last_error.unwrap().contains("fault"));
    let other = queue(app, BOB, "reset 2", reset_letter(app, "rcp_2")).unwrap();
    assert_eq!(worker.next(&|| false).unwrap(), Step::Done);
    assert_eq!(delivery(app, other).status, Sent);
    assert_eq!(server.taken().len(), before + 1);
});

sent!(
    a_mail_that_fails_takes_no_place_of_the_rate,
    |app, server| {
        for address in [ADA, BOB] {
            app.register(address).await;
        }
        app.drain().await;
        let before = server.taken().len();
        for number in 0..10 {
            let (broken, good) = (format!("broken {number}"), format!("good {number}"));
            queue(app, ADA, &broken, reset_letter(app, "rcp_1"));
            queue(app, BOB, &good, reset_letter(app, "rcp_2"));
        }
        break_account(app, ADA);
        // Ten at once, however many fail between them.
        let mut worker = Worker::new(&app.state, &MAILS);
        let mut failed = 0;
        loop {
            match worker.next(&|| false) {
                Ok(Step::Done) => {}
                Ok(Step::Wait(_) | Step::Idle) => break,
                Ok(other) => panic!("{other:?}"),
                Err(_) => failed += 1,
            }
        }
        assert_eq!((server.taken().len(), failed), (before + 10, 10));
    }
);
