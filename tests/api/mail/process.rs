//! The command line, and processes whose mail server does not answer.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rollcall::domain::language::Language;
use rollcall::domain::mail::MailKind;

use crate::support::app::block_on;
use crate::support::mail::received_in;
use crate::support::process::Installation;
use crate::support::smtp::{Phase, Reaction, SmtpServer};

#[test]
fn preview_writes_every_mail_in_every_language() {
    let installation = Installation::on_sqlite();
    let folder = installation.path("previews");
    let output = folder.display().to_string();
    let written = installation.run(&["mail", "preview", "--output", &output]);
    assert!(
        written.status.success(),
        "{}",
        String::from_utf8_lossy(&written.stderr)
    );
    let mut count: HashMap<String, usize> = HashMap::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let extension = path.extension().unwrap().to_str().unwrap().to_owned();
        *count.entry(extension).or_default() += 1;
    }
    let mails = count["eml"];
    assert_eq!((count["html"], count["txt"]), (mails + 1, mails));
    assert!(mails >= MailKind::ALL.len() * Language::ALL.len());
    let index = std::fs::read_to_string(folder.join("index.html")).unwrap();
    for kind in MailKind::ALL {
        for language in Language::ALL {
            let file = format!("{kind}.{language}.html");
            assert!(index.contains(&format!("href=\"{file}\"")), "{file}");
            assert!(folder.join(&file).exists(), "{file}");
        }
    }
    assert_eq!(received_in(&folder).len(), mails);
}

#[test]
fn a_trial_goes_into_the_folder_where_there_is_no_server() {
    let installation = Installation::on_sqlite();
    let sent = installation.run(&["mail", "test", "--to", "Ada@Hill.Example"]);
    assert!(
        sent.status.success(),
        "{}",
        String::from_utf8_lossy(&sent.stderr)
    );
    let mails = received_in(&installation.path("data/mail"));
    assert_eq!(mails.len(), 1);
    assert_eq!(
        (&*mails[0].to, &*mails[0].subject),
        ("ada@hill.example", "Test mail from Rollcall")
    );
}

/// Three mails wait for a server that hangs: the process serves, and ends when it is told to.
#[test]
fn a_mail_server_that_hangs_holds_up_nothing_else() {
    let server = SmtpServer::plain();
    server.always(Phase::Text, Reaction::Hang);
    let mut installation = Installation::on_sqlite();
    installation.set("SMTP_URL", server.url());
    installation.set("MAIL_FROM", "no-reply@hill.example");
    block_on(async {
        let process = installation.start();
        super::crash::queue_in(&installation, 3);
        server.wait_until_held();
        let since = Instant::now();
        process.school("Hill Road School").await;
        let metrics = process
            .request(reqwest::Method::GET, "/metrics", "")
            .send()
            .await
            .unwrap();
        let metrics = metrics.text().await.unwrap();
        let unsent = metrics
            .lines()
            .find(|line| line.starts_with("rollcall_mails_unsent "))
            .unwrap();
        assert!(
            unsent.split(' ').nth(1).unwrap().parse::<usize>().unwrap() >= 3,
            "{unsent}"
        );
        process.terminate();
        assert!(process.wait().success());
        assert!(
            since.elapsed() < Duration::from_secs(40),
            "{:?}",
            since.elapsed()
        );
    });
}

/// What is in hand is finished, and nothing else is begun.
#[test]
fn a_process_that_ends_finishes_its_mail() {
    let server = SmtpServer::plain();
    let mut installation = Installation::on_sqlite();
    installation.set("SMTP_URL", server.url());
    installation.set("MAIL_FROM", "no-reply@hill.example");
    installation.set("MAIL_WORKERS", 1);
    server.once(Phase::Text, Reaction::TakeAndWait);
    let process = installation.start();
    let ids = super::crash::queue_in(&installation, 5);
    server.wait_until_held();
    process.terminate();
    server.recover();
    assert!(process.wait().success());
    let pool = installation.pool();
    let mut connection = pool.get().unwrap();
    let now = rollcall::store::mails::deliveries(&mut connection, &ids).unwrap();
    let sent = now
        .values()
        .filter(|delivery| delivery.status == rollcall::domain::mail::MailStatus::Sent);
    assert_eq!(
        sent.count(),
        server.taken().len(),
        "what was taken is known to be"
    );
    let waiting = now.values().filter(|delivery| delivery.attempts == 0);
    assert_eq!(waiting.count(), 5 - server.taken().len());
}

mod the_log_names_no_recipient_even_where_the_mail_server_does {
    use super::*;

    #[test]
    fn sqlite() {
        refused_by_name(Installation::on_sqlite());
    }

    #[test]
    fn postgres() {
        if let Some(installation) = Installation::on_postgres() {
            refused_by_name(installation);
        }
    }
}

/// Postfix quotes the recipient in its replies.
fn refused_by_name(mut installation: Installation) {
    let server = SmtpServer::plain();
    for reply in [
        "550 5.1.1 <ada@hill.example>: Recipient address rejected",
        "451 4.2.1 <ada@hill.example>: Try again later",
        "ada@hill.example is no number",
    ] {
        server.once(Phase::Rcpt, Reaction::Say(reply));
    }
    installation.set("SMTP_URL", server.url());
    installation.set("MAIL_FROM", "no-reply@hill.example");
    installation.set("MAIL_WORKERS", 1);
    installation.set("LOG", "trace");
    let process = installation.start();
    super::crash::queue_in(&installation, 4);
    server.wait_for_mails(1);
    process.terminate();
    let log = installation.path("data.log");
    assert!(process.wait().success());
    let log = std::fs::read_to_string(log).unwrap();
    assert!(!log.contains("ada@hill.example"), "{log}");
    for (message, error, reason) in [
        ("mail given up", "permanent", "550 5.1.1"),
        ("mail deferred", "transient", "451 4.2.1"),
        (
            "mail deferred",
            "unavailable",
            "the mail server's reply cannot be read",
        ),
    ] {
        let is_told = |line: &str| [message, error, reason].iter().all(|it| line.contains(it));
        assert!(log.lines().any(is_told), "{reason}:\n{log}");
    }
}
