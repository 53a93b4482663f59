//! An import against the bare hashing of the same passwords, on the same number of threads, in the
//! same run, and the cost of a row of a long list beside that of a short one: `cargo bench --bench import`.
//!
//! `ROLLCALL_BENCH_ROWS` and `ROLLCALL_BENCH_ROUNDS` change its size, `ROLLCALL_BENCH_LONG_ROWS` that of the long list.

#![allow(
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a benchmark that meets the unexpected has to fail"
)]

mod support;

use std::io::{Cursor, Read};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rollcall::config::Config;
use rollcall::crypto::password_hash::{self, HashCost, HashMemory};
use rollcall::domain::imports::{ImportStatus, OnRowError, OnSeatShortage};
use rollcall::domain::organization::AccountType;
use rollcall::domain::spreadsheet::ReadOptions;
use rollcall::services::authorization::{ManageImports, ReadImports};
use rollcall::services::context::RequestContext;
use rollcall::services::imports;
use rollcall::services::imports::from_csv::{self, FileSource};
use rollcall::services::imports::submission::{self, Options};
use rollcall::worker;

use support::{Bench, median, people, processor_time, seconds, setting};

fn main() {
    let rows = setting("ROLLCALL_BENCH_ROWS", 2_000);
    let rounds = setting("ROLLCALL_BENCH_ROUNDS", 3);
    let threads = std::thread::available_parallelism().unwrap().get();
    println!("{rows} rows, {threads} hashing threads, {rounds} rounds");
    let long = setting("ROLLCALL_BENCH_LONG_ROWS", 100_000);
    for number in 0..support::on_each_database().len() {
        compare(number, rows, rounds, threads);
        compare_lengths(number, long, threads);
    }
}

/// A row of a long list beside one of a short list. What a row takes beyond its hash is measured with the cheapest hash,
/// whose time is less than noise of the real one.
fn compare_lengths(database: usize, long: usize, threads: usize) {
    const SHORT: usize = 1_000;
    const HASHES: usize = 1_000;
    let real = support::on_each_database().swap_remove(database);
    let hash = seconds(|| hash_bare(&real, HASHES, threads)) * 1e6 / HASHES as f64;
    let beyond = |rows| {
        let cheap = |config: &mut Config| config.password_hash = HashCost::FOR_TESTS;
        let bench = support::on_each_database_with(cheap).swap_remove(database);
        seconds(|| import_all(&bench, rows)) * 1e6 / rows as f64
    };
    let of_short = median((0..5).map(|_| beyond(SHORT)).collect());
    let of_long = beyond(long);
    println!(
        "{}: beyond its hash of {hash:.0} µs on {threads} threads, a row of {SHORT} takes {of_short:.0} µs, and one of \
         {long} {of_long:.0} µs; with the hash {:.3} times as long (wanted: at most 1.05)",
        real.name,
        (hash + of_long) / (hash + of_short)
    );
}

fn compare(database: usize, rows: usize, rounds: usize, threads: usize) {
    let mut ratios = Vec::new();
    let mut overheads = Vec::new();
    let mut name = "";
    for round in 1..=rounds {
        let bench = support::on_each_database().swap_remove(database);
        name = bench.name;
        // Half of the bare hashing before, half behind: a machine whose speed drifts is fair to both.
        let (before, time_before) = measured(|| hash_bare(&bench, rows / 2, threads));
        let (import, import_time) = measured(|| import_all(&bench, rows));
        let (behind, time_behind) = measured(|| hash_bare(&bench, rows - rows / 2, threads));
        let (bare, bare_time) = (before + behind, time_before + time_behind);
        let per_second = |seconds: f64| rows as f64 / seconds;
        let overhead = import_time.saturating_sub(bare_time).as_secs_f64() * 1e6 / rows as f64;
        println!(
            "{name} round {round}: bare hash {:.1}/s, import {:.1}/s, ratio {:.3}; processor beyond \
             the hash {overhead:.0} µs an account (of this process)",
            per_second(bare),
            per_second(import),
            bare / import,
        );
        ratios.push(bare / import);
        overheads.push(overhead);
    }
    println!(
        "{name}: median ratio {:.3} (wanted: at least 0.95), median overhead {:.0} µs an account",
        median(ratios),
        median(overheads)
    );
}

fn measured(work: impl FnOnce()) -> (f64, Duration) {
    let before = processor_time();
    let wall = seconds(work);
    (wall, processor_time().saturating_sub(before))
}

fn hash_bare(bench: &Bench, rows: usize, threads: usize) {
    let cost = bench.state.services.config.password_hash;
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut memory = HashMemory::default();
                loop {
                    let row = next.fetch_add(1, Ordering::Relaxed);
                    if row >= rows {
                        break;
                    }
                    let password = support::password(row);
                    password_hash::hash(password.as_bytes(), cost, &mut memory).unwrap();
                }
            });
        }
    });
}

/// A file of which nobody says anything.
struct PeopleFile(Cursor<String>);

impl Read for PeopleFile {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(buffer)
    }
}

impl FileSource for PeopleFile {
    fn options(&self) -> ReadOptions {
        ReadOptions::default()
    }
}

/// From the first byte of the file to the end of the import.
fn import_all(bench: &Bench, rows: usize) {
    let permit = bench.permit::<ManageImports>();
    let services = &bench.state.services;
    let context = RequestContext::command_line(services.clock.now());
    let file = PeopleFile(Cursor::new(people(rows)));
    let staged = from_csv::stage(services, &context, &permit, file).unwrap();
    let options = Options {
        account_type: AccountType::Student,
        groups: Vec::new(),
        on_row_error: OnRowError::Skip,
        on_seat_shortage: OnSeatShortage::Fill,
        generate_missing_passwords: false,
        must_change_password: false,
    };
    services
        .run(&context, |tx| {
            submission::submit(tx, &permit, &staged, &options)
        })
        .unwrap();
    work(bench);
    let found = services.run(&context, |tx| {
        imports::find(tx, &bench.permit::<ReadImports>(), staged.import)
    });
    let found = found.unwrap();
    assert_eq!(found.import.status, ImportStatus::Completed);
    assert_eq!(found.created(), i64::try_from(rows).unwrap());
}

/// Works off what is queued, as a server does: with one worker for each thread that hashes.
fn work(bench: &Bench) {
    std::thread::scope(|scope| {
        for _ in 0..bench.state.services.config.hash_threads {
            scope.spawn(|| worker::drain(&bench.state).unwrap());
        }
    });
}
