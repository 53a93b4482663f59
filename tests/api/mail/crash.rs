//! `kill -9` while mail is being sent: none comes twice, and none is lost without saying so.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rollcall::clock::Clock;
use rollcall::config::Config;
use rollcall::domain::email_address::EmailAddress;
use rollcall::domain::ids::MailId;
use rollcall::domain::mail::MailStatus;
use rollcall::domain::username::Username;
use rollcall::mail::MailContent;
use rollcall::mail::outbox::{Cause, QueuedMail};
use rollcall::state::State;
use rollcall::store::accounts::{self, Account};
use rollcall::store::mails;
use rollcall::worker;

use crate::support::process::Installation;
use crate::support::smtp::{Phase, Reaction, SmtpServer};

const MAILS: usize = 150;
const KILLS: usize = 12;

mod a_killed_server_sends_no_mail_twice_and_loses_none {
    use super::*;

    #[test]
    fn sqlite() {
        killed_while_sending(Installation::on_sqlite());
    }

    #[test]
    fn postgres() {
        if let Some(installation) = Installation::on_postgres() {
            killed_while_sending(installation);
        }
    }
}

fn killed_while_sending(mut installation: Installation) {
    let server = SmtpServer::plain();
    installation.set("SMTP_URL", server.url());
    installation.set("MAIL_FROM", "no-reply@hill.example");
    installation.set("MAIL_PER_MINUTE", 10_000);
    installation.set("MAIL_LEASE_SECONDS", 4);
    // The first start makes keys and tables.
    installation.start().kill();
    let state = state(&installation);
    let queued = queue(&state, MAILS);

    let mut in_hand_over = 0;
    for kill in 0..KILLS {
        match kill % 3 {
            // While the server waits for the text's end to be acknowledged…
            0 => server.once(Phase::Text, Reaction::TakeAndWait),
            // …and before it has anything.
            1 => server.once(Phase::Rcpt, Reaction::Hang),
            _ => {}
        }
        let before = server.taken().len();
        let process = installation.start();
        if kill % 3 == 2 {
            server.wait_for_mails((before + 3).min(MAILS - KILLS));
        } else {
            server.wait_until_held();
        }
        let log = process.log();
        for secret in ["rcp_", "ada@hill.example"] {
            assert!(!log.contains(secret), "{secret} is logged:\n{log}");
        }
        process.kill();
        in_hand_over += usize::from(kill % 3 == 0);
        server.recover();
    }
    let ended = end(&state, &queued);
    judge(&server, &queued, &ended, in_hand_over);
}

/// What a process of this installation has.
fn state(installation: &Installation) -> State {
    let config = Config::from_environment(installation.settings()).unwrap();
    State::open(config, Clock::system()).unwrap()
}

/// Queues so many mails behind the back of the installation's processes.
pub fn queue_in(installation: &Installation, mails: usize) -> Vec<MailId> {
    queue(&state(installation), mails).into_keys().collect()
}

fn queue(state: &State, mails: usize) -> BTreeMap<MailId, String> {
    let now = state.services.clock.now();
    let address = EmailAddress::parse("ada@hill.example").unwrap();
    let mut account = Account::new(address, Username::parse("Ada").unwrap(), now);
    // Somebody uses it: else the clean-up deletes it, since nothing leads to it.
    account.last_active_at = now;
    let mut connection = state.services.pool.get().unwrap();
    accounts::insert(&mut connection, &account).unwrap();
    let queue_one = |number: usize| {
        let token = format!("rcp_{number}");
        let post = QueuedMail {
            to: &account,
            language: None,
            priority: None,
            organization: None,
            cause: token.clone(),
            content: MailContent::PasswordReset {
                link: format!("http://localhost:3000/set-password?token={token}"),
                expires_at: now.plus(Duration::from_secs(24 * 60 * 60)),
            },
        };
        let id = state
            .services
            .outbox
            .queue(&mut connection, &post, (Cause::Owner, now))
            .unwrap();
        (id.unwrap(), token)
    };
    (0..mails).map(queue_one).collect()
}

/// Sends what is left, and waits until what was handed over counts as lost.
fn end(state: &State, queued: &BTreeMap<MailId, String>) -> BTreeMap<MailId, mails::Delivery> {
    let ids: Vec<MailId> = queued.keys().copied().collect();
    let deadline = Instant::now() + Duration::from_secs(180);
    loop {
        worker::drain(state).unwrap();
        let now = mails::deliveries(&mut state.services.pool.get().unwrap(), &ids).unwrap();
        let has_ended = |status| matches!(status, MailStatus::Sent | MailStatus::Failed);
        if now.values().all(|delivery| has_ended(delivery.status)) {
            return now.into_iter().collect();
        }
        assert!(Instant::now() < deadline, "mail stays: {now:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn judge(
    server: &SmtpServer,
    queued: &BTreeMap<MailId, String>,
    ended: &BTreeMap<MailId, mails::Delivery>,
    in_hand_over: usize,
) {
    let mut arrived: BTreeMap<String, usize> = BTreeMap::new();
    for mail in server.taken() {
        *arrived.entry(mail.parsed().token()).or_default() += 1;
    }
    assert!(
        arrived.values().all(|times| *times == 1),
        "twice: {arrived:?}"
    );
    let mut failed = 0;
    for (id, token) in queued {
        let delivery = &ended[id];
        if delivery.status == MailStatus::Failed {
            failed += 1;
            let told = delivery.last_error.as_deref().unwrap_or_default();
            assert!(told.contains("may have arrived"), "{delivery:?}");
        } else {
            assert!(arrived.contains_key(token), "{token} is lost: {delivery:?}");
        }
    }
    println!("{} arrived, {failed} in doubt", arrived.len());
    assert!(failed >= in_hand_over, "{failed} of {in_hand_over}");
    assert!(
        failed <= 2 * KILLS,
        "each process has two mails in hand: {failed}"
    );
}
