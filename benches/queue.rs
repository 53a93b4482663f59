//! The queue of background work on PostgreSQL, with real servers: `cargo bench --bench queue`.
//!
//! 1. One list on two replicas, with one core and one hashing thread each, against one such replica.
//! 2. A list of ten rows of one organization beside four long lists of others: how long it waits.
//! 3. A password reset behind queued invitations: how long it waits.
//!
//! `ROLLCALL_BENCH_ROWS`, `ROLLCALL_BENCH_LONG_ROWS` and `ROLLCALL_BENCH_MAILS` change the sizes. The
//! first part needs `taskset` and two cores.

#![allow(
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a benchmark that meets the unexpected has to fail"
)]
#![allow(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "the tests use more of it"
)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::process::Command;
use std::time::{Duration, Instant};

use rollcall::clock::Clock;
use rollcall::config::Config;
use rollcall::domain::email_address::EmailAddress;
use rollcall::mail::MailContent;
use rollcall::mail::outbox::{Cause, QueuedMail};
use rollcall::state::State;
use rollcall::store::{accounts, transaction};
use serde_json::json;

use support::app::block_on;
use support::import_file::ImportFile;
use support::process::{Front, Installation, Process, School};
use support::smtp::SmtpServer;

fn setting(name: &str, default: usize) -> usize {
    std::env::var(name)
        .ok()
        .and_then(|value| value.parse().ok())
        .unwrap_or(default)
}

fn main() {
    if support::postgres::server().is_none() {
        println!("no PostgreSQL: nothing is measured");
        return;
    }
    block_on(async {
        one_list_on_two_replicas(setting("ROLLCALL_BENCH_ROWS", 4_000)).await;
        ten_rows_beside_long_lists(setting("ROLLCALL_BENCH_LONG_ROWS", 20_000)).await;
        a_reset_behind_invitations(setting("ROLLCALL_BENCH_MAILS", 5_000)).await;
    });
}

async fn one_list_on_two_replicas(rows: usize) {
    let alone = on_replicas(&["one"], rows).await;
    let shared = on_replicas(&["one", "other"], rows).await;
    let per_second = |took: Duration| rows as f64 / took.as_secs_f64();
    println!(
        "{rows} rows: one replica {:.1}/s, two replicas {:.1}/s, {:.2} times (wanted: at least 1.8)",
        per_second(alone),
        per_second(shared),
        alone.as_secs_f64() / shared.as_secs_f64(),
    );
}

/// How long a list takes on these replicas, each with a core of its own.
async fn on_replicas(names: &[&str], rows: usize) -> Duration {
    let mut installation = Installation::on_postgres().unwrap();
    installation.set("HASH_THREADS", 1);
    installation.set("IMPORT_LEASE_SECONDS", 10);
    let replicas: Vec<Process> = names
        .iter()
        .enumerate()
        .map(|(core, name)| {
            let process = installation.start_in(name);
            pin(process.id(), core);
            process
        })
        .collect();
    let school = replicas[0].school("Hill Road School").await;
    let import = school.import(&replicas[0], people("hill", rows)).await;
    let since = Instant::now();
    finished(&school, &replicas[0], &import, Duration::from_millis(100)).await;
    since.elapsed()
}

fn pin(process: u32, core: usize) {
    let (core, process) = (core.to_string(), process.to_string());
    let pinned = Command::new("taskset")
        .args(["-a", "-c", "-p", &core, &process])
        .output()
        .expect("no taskset");
    assert!(pinned.status.success(), "{pinned:?}");
}

fn people(tag: &str, rows: usize) -> String {
    ImportFile::of(tag, rows).csv()
}

async fn finished(school: &School, front: &Front, import: &str, poll: Duration) {
    while school.import_now(front, import).await["finished_at"].is_null() {
        tokio::time::sleep(poll).await;
    }
}

async fn ten_rows_beside_long_lists(rows: usize) {
    let mut installation = Installation::on_postgres().unwrap();
    installation.set("IMPORT_LEASE_SECONDS", 10);
    let process = installation.start();
    for name in ["North", "East", "South", "West"] {
        let school = process.school(&format!("{name} School")).await;
        let tag = name.to_lowercase();
        school.import(&process, people(&tag, rows)).await;
    }
    let school = process.school("Small School").await;
    for round in 1..=3 {
        let list = people(&format!("small{round}"), 10);
        let import = school.import(&process, list).await;
        let since = Instant::now();
        finished(&school, &process, &import, Duration::from_millis(100)).await;
        let took = since.elapsed();
        println!("10 rows beside four lists of {rows}: {took:.2?}");
    }
}

async fn a_reset_behind_invitations(mails: usize) {
    let server = SmtpServer::plain();
    let mut installation = Installation::on_postgres().unwrap();
    installation.set("SMTP_URL", server.url());
    installation.set("MAIL_FROM", "no-reply@hill.example");
    let process = installation.start();
    let school = process.school("Hill Road School").await;
    let address = "admin@hill-road-school.example";
    invite(&installation, &school, address, mails);
    server.wait_for_mails(1);
    let since = Instant::now();
    process
        .post("/v1/auth/password/forgot", "", json!({ "email": address }))
        .await;
    while !server.taken().iter().any(is_reset) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let (took, left) = (since.elapsed(), mails - server.taken().len().min(mails));
    println!("a password reset behind {mails} invitations: {took:.2?}, with {left} still to leave");
}

fn is_reset(mail: &support::smtp::SmtpMail) -> bool {
    mail.text.contains("/set-password") || mail.parsed().subject.contains("password")
}

fn invite(installation: &Installation, school: &School, address: &str, mails: usize) {
    let config = Config::from_environment(installation.settings()).unwrap();
    let state = State::open(config, Clock::system()).unwrap();
    let now = state.services.clock.now();
    let mut connection = state.services.pool.get().unwrap();
    let address = EmailAddress::parse(address).unwrap();
    let account = accounts::find_by_email(&mut connection, &address)
        .unwrap()
        .unwrap();
    transaction(&mut connection, |connection| {
        for number in 0..mails {
            let mail = QueuedMail {
                to: &account,
                language: None,
                priority: None,
                organization: Some(school.id.parse().unwrap()),
                cause: format!("invitation {number}"),
                content: MailContent::JoinLink {
                    organization: "Hill Road School".to_owned(),
                    invited_by: None,
                    note: None,
                    connections: String::new(),
                    link: format!("http://localhost:3000/join?token=rci_{number}"),
                    expires_at: now.plus(Duration::from_secs(24 * 60 * 60)),
                },
            };
            state
                .services
                .outbox
                .queue(connection, &mail, (Cause::Owner, now))?;
        }
        Ok(())
    })
    .unwrap();
}
