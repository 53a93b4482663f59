//! `kill -9` at any moment of an import loses nothing and doubles nothing (`docs/imports.md`).

use std::time::{Duration, Instant};

use diesel::prelude::*;
use futures_util::stream;
use reqwest::multipart::Part;
use rollcall::clock::Clock;
use rollcall::config::Config;
use rollcall::domain::ids::{ImportId, JobSubject, WorkerId};
use rollcall::domain::imports::ImportStatus;
use rollcall::domain::jobs::JobKind;
use rollcall::state::State;
use rollcall::store::Pool;
use rollcall::store::schema::{accounts, import_rows, imports, jobs};
use rollcall::worker;

use crate::support::TestResponse;
use crate::support::app::block_on;
use crate::support::import_file::ImportFile;
use crate::support::invariants::{self, Created};
use crate::support::people::text;
use crate::support::process::{Installation, Process, School};

/// Kills that hit an import which had not ended.
const KILLS: usize = 22;

/// Kills that hit a file on its way in.
const KILLED_UPLOADS: usize = 4;

/// Kills that may hit nothing at all, before the test gives up.
const MAX_KILLS: usize = 3 * KILLS;

mod whenever_a_server_is_killed_every_row_ends_once {
    use super::*;

    #[test]
    fn sqlite() {
        block_on(Trial::new(Installation::on_sqlite()).run());
    }

    #[test]
    fn postgres() {
        if let Some(installation) = Installation::on_postgres() {
            block_on(Trial::new(installation).run());
        }
    }
}

/// A file to upload, and what may become of it.
#[derive(Clone)]
struct Order {
    school: usize,
    file: ImportFile,
    fields: Vec<(String, String)>,
    groups: usize,
    statuses: &'static [&'static str],
}

/// An order that was accepted.
struct Import {
    id: String,
    order: Order,
}

/// The kills of one database, and what they are to be judged by.
struct Trial {
    installation: Installation,
    dice: fastrand::Rng,
    schools: Vec<School>,
    groups: Vec<String>,
    imports: Vec<Import>,
    /// An upload that may or may not have been accepted when its server was killed.
    in_doubt: Option<Order>,
    waves: usize,
    kills: usize,
    hits: usize,
    killed_uploads: usize,
    /// Imports and rows that a kill came next to.
    close_calls: Vec<(String, usize)>,
}

impl Trial {
    fn new(installation: Installation) -> Self {
        let seed = std::env::var("ROLLCALL_TEST_SEED")
            .ok()
            .and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or_else(|| fastrand::u64(..));
        println!("ROLLCALL_TEST_SEED={seed}");
        Self {
            installation,
            dice: fastrand::Rng::with_seed(seed),
            schools: Vec::new(),
            groups: Vec::new(),
            imports: Vec::new(),
            in_doubt: None,
            waves: 0,
            kills: 0,
            hits: 0,
            killed_uploads: 0,
            close_calls: Vec::new(),
        }
    }

    async fn run(mut self) {
        let started = Instant::now();
        self.killed_while_starting();
        let mut process = self.installation.start();
        self.found_schools(&process).await;
        while self.hits < KILLS || self.killed_uploads < KILLED_UPLOADS {
            assert!(
                self.kills < MAX_KILLS,
                "{} kills, {} hits",
                self.kills,
                self.hits
            );
            if self.unfinished() < 2 {
                self.upload_wave(&process).await;
            }
            process = self.kill_some_time(process).await;
            self.take_note(&process).await;
        }
        let killing = started.elapsed();
        let (process, takeover) = self.kill_and_take_over(process).await;
        for import in &self.imports {
            self.schools[import.order.school]
                .finished(&process, &import.id)
                .await;
        }
        let working = started.elapsed() - killing;
        let created = self.check_everything(&process).await;
        assert!(!process.log().contains("\"ERROR\""), "{}", process.log());
        process.kill();
        self.check_clean_up();
        println!(
            "{} kills, {} of them in imports, {} in uploads; {} imports, {created} accounts; \
             {killing:.1?} of kills, {takeover:.1?} to a takeover, {working:.1?} to the end, \
             {:.1?} in all",
            self.kills,
            self.hits,
            self.killed_uploads,
            self.imports.len(),
            started.elapsed()
        );
    }

    /// The first start makes keys and tables; it can be killed too.
    fn killed_while_starting(&mut self) {
        for _ in 0..5 {
            let starting = self.installation.spawn_in("data");
            std::thread::sleep(Duration::from_millis(self.dice.u64(0..120)));
            starting.kill();
        }
    }

    async fn found_schools(&mut self, process: &Process) {
        for name in ["Hill Road School", "Lake Side School"] {
            self.schools.push(process.school(name).await);
        }
        let school = &self.schools[0];
        for name in ["7A", "7B"] {
            let path = school.path("/groups");
            let body = serde_json::json!({ "name": name });
            let group = process
                .post(&path, &school.token, body)
                .await
                .expect_status(201);
            self.groups.push(text(&group["id"]));
        }
    }

    /// Gives the workers something to do: several imports at once, of every kind.
    async fn upload_wave(&mut self, process: &Process) {
        for order in self.next_wave() {
            let school = &self.schools[order.school];
            let part = Part::text(order.file.csv());
            let sent = school.upload(process, part, &order.fields).send().await;
            let answer = TestResponse::read(sent.expect("no answer"))
                .await
                .expect_status(202);
            self.imports.push(Import {
                id: text(&answer["id"]),
                order,
            });
        }
    }

    fn next_wave(&mut self) -> Vec<Order> {
        self.waves += 1;
        let (wave, tag) = (self.waves, format!("wave{}", self.waves));
        let good = |name: &str, rows| ImportFile::of(&format!("{name}{tag}"), rows);
        match wave % 3 {
            // One that takes several batches, with a second waiting behind it.
            1 => vec![
                self.order((0, good("long", 102).with_bad_rows(9)), &[], 1),
                self.order((0, good("next", 10)), &[], 0),
                self.all_or_nothing(1, good("all", 20)),
            ],
            2 => {
                let file = good("made", 25).without_passwords();
                let generate = ("generate_missing_passwords", "true");
                vec![self.order((0, file), &[generate], 2)]
            }
            // Two schools that list the same people: one of them gets each.
            _ => {
                let either = good("both", 15).ending_in(&["created", "email_taken"]);
                let or_none = good("both", 15).ending_in(&["created", "email_taken", "refused"]);
                let own = good("none", 5).ending_in(&["created", "refused"]);
                vec![
                    self.order((0, either.and(good("one", 5))), &[], 1),
                    self.all_or_nothing(1, or_none.and(own)),
                ]
            }
        }
    }

    fn order(
        &self,
        (school, file): (usize, ImportFile),
        fields: &[(&str, &str)],
        groups: usize,
    ) -> Order {
        let group_fields = self
            .groups
            .iter()
            .take(groups)
            .map(|id| ("group_ids", id.as_str()));
        Order {
            school,
            file,
            fields: fields
                .iter()
                .copied()
                .chain(group_fields)
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            groups,
            statuses: &["completed"],
        }
    }

    fn all_or_nothing(&self, school: usize, file: ImportFile) -> Order {
        Order {
            statuses: &["completed", "failed"],
            ..self.order((school, file), &[("on_row_error", "refuse_all")], 0)
        }
    }

    /// Kills the server some time and starts it again.
    async fn kill_some_time(&mut self, process: Process) -> Process {
        let uploads_left = self.killed_uploads < KILLED_UPLOADS;
        let mut eyes = None;
        match self.dice.usize(..8) {
            0 | 1 if uploads_left => self.kill_in_upload(&process).await,
            0 | 1 => self.sleep_milliseconds(0..1_500).await,
            2 => self.sleep_milliseconds(1_500..3_000).await,
            _ => eyes = Some(self.sleep_until_something_is_written()),
        }
        process.kill();
        drop(eyes);
        self.kills += 1;
        self.installation.start()
    }

    async fn sleep_milliseconds(&mut self, range: std::ops::Range<u64>) {
        tokio::time::sleep(Duration::from_millis(self.dice.u64(range))).await;
    }

    /// The moments around a commit are the ones that matter most: what belongs together and was
    /// written in two would be torn apart there. Closing the connection takes long, and is left to
    /// the caller.
    fn sleep_until_something_is_written(&mut self) -> Pool {
        let pool = self.installation.pool();
        let before = written(&pool);
        let deadline = Instant::now() + Duration::from_secs(3);
        while written(&pool) == before && Instant::now() < deadline {
            std::thread::sleep(Duration::from_micros(500));
        }
        std::thread::sleep(Duration::from_micros(self.dice.u64(0..5_000)));
        pool
    }

    /// A file that arrives slowly, or the very end of it: the answer may be under way already.
    async fn kill_in_upload(&mut self, process: &Process) {
        let order = self.slow_order();
        let moment = Duration::from_millis(self.dice.u64(0..700));
        let school = &self.schools[order.school];
        let request = school.upload(process, slowly(order.file.csv()), &order.fields);
        let answered = tokio::time::timeout(moment, request.send()).await;
        self.killed_uploads += 1;
        match answered {
            Ok(response) => {
                let answer = TestResponse::read(response.expect("no answer"))
                    .await
                    .expect_status(202);
                self.imports.push(Import {
                    id: text(&answer["id"]),
                    order,
                });
            }
            Err(_) => self.in_doubt = Some(order),
        }
    }

    /// Long enough that part of it is staged before its end, and quick to import.
    fn slow_order(&mut self) -> Order {
        let number = self.kills;
        let ends = ["email_invalid", "duplicate_in_file"];
        let mut file = ImportFile::of(&format!("slow{number}"), 590);
        for line in file.lines.iter_mut().take(580) {
            line.email = line.email.replace('@', " at ");
            line.ends = ends.to_vec();
        }
        self.order((1, file), &[], 0)
    }

    /// What a kill has left behind, as the process that was started after it finds it.
    async fn take_note(&mut self, process: &Process) {
        if self.unfinished() > 0 {
            self.hits += 1;
        }
        for import in &self.imports {
            // Whatever was answered once stays true.
            self.schools[import.order.school]
                .import_now(process, &import.id)
                .await;
        }
        if let Some(order) = self.in_doubt.take() {
            let school = &self.schools[order.school];
            let newest = school
                .get(process, "/imports?limit=1")
                .await
                .expect_status(200);
            let newest = newest["items"][0]["id"].as_str();
            if let Some(id) = newest.filter(|id| self.imports.iter().all(|known| known.id != *id)) {
                self.imports.push(Import {
                    id: id.to_owned(),
                    order,
                });
            }
        }
        self.note_close_calls();
    }

    fn note_close_calls(&mut self) {
        let pool = self.installation.pool();
        let last: Vec<(ImportId, Option<i64>)> = imports::table
            .inner_join(import_rows::table)
            .filter(imports::status.eq(ImportStatus::Running))
            .filter(import_rows::outcome.eq("created"))
            .group_by(imports::id)
            .select((imports::id, diesel::dsl::max(import_rows::row_number)))
            .load(&mut **invariants::connect(&pool))
            .expect("no rows");
        for (id, row) in last {
            let row = row.and_then(|row| usize::try_from(row).ok()).unwrap_or(1);
            self.close_calls
                .extend([(id.to_string(), row), (id.to_string(), row + 1)]);
        }
    }

    fn unfinished(&self) -> i64 {
        let unfinished = [ImportStatus::Queued, ImportStatus::Running];
        invariants::imports_that_are(&self.installation.pool(), &unfinished)
    }

    /// One more kill, to measure from it how long an import stands still that was running.
    async fn kill_and_take_over(&mut self, process: Process) -> (Process, Duration) {
        if self.unfinished() == 0 {
            self.upload_wave(&process).await;
        }
        let pool = self.installation.pool();
        let mut before = running(&pool);
        while before.is_empty() && self.unfinished() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
            before = running(&pool);
        }
        process.kill();
        let since = Instant::now();
        let process = self.installation.start();
        while running(&pool).iter().all(|lease| before.contains(lease)) && self.unfinished() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        (process, since.elapsed())
    }

    async fn check_everything(&self, process: &Process) -> usize {
        let pool = self.installation.pool();
        let mut all = Vec::new();
        for (place, school) in self.schools.iter().enumerate() {
            let (mut created_here, mut in_groups) = (0, 0);
            for import in self
                .imports
                .iter()
                .filter(|import| import.order.school == place)
            {
                let (id, file) = (import.id.as_str(), &import.order.file);
                let statuses = import.order.statuses;
                let created =
                    invariants::check_import(school.subject(process, &pool), (id, file), statuses)
                        .await;
                created_here += created.len();
                in_groups += created.len() * import.order.groups;
                self.check_sample(process, id, &created).await;
                all.extend(created);
            }
            invariants::check_school(school.subject(process, &pool), created_here, in_groups).await;
        }
        invariants::check_passwords(&all);
        all.len()
    }

    /// The first, the last, and those next to a kill sign in as people do; the hashes of all others
    /// are compared without the server.
    async fn check_sample(&self, process: &Process, id: &str, created: &[Created]) {
        let is_close = |row: usize| self.close_calls.contains(&(id.to_owned(), row));
        let last = created.len().saturating_sub(1);
        for (place, account) in created.iter().enumerate() {
            if place == 0 || place == last || is_close(account.row) {
                let opens = process.signs_in(&account.email, &account.password).await;
                assert!(opens, "{} does not sign in", account.email);
            }
        }
    }

    /// Uploads that died leave something behind, for as long as they might be alive.
    fn check_clean_up(&self) {
        let pool = self.installation.pool();
        let staged = invariants::imports_that_are(&pool, &[ImportStatus::Staging]);
        println!("{staged} staged uploads were left behind");
        let config = Config::from_environment(self.installation.settings()).expect("settings");
        let later = rollcall::clock::Clock::system()
            .now()
            .plus(Duration::from_secs(16 * 60));
        let state = State::open(config, Clock::starting_at(later)).expect("no state");
        worker::drain(&state).expect("the clean-up fails");
        assert_eq!(
            invariants::imports_that_are(&pool, &[ImportStatus::Staging]),
            0
        );
        let rows: i64 = import_rows::table
            .count()
            .get_result(&mut **invariants::connect(&pool))
            .expect("no count");
        let known: usize = self
            .imports
            .iter()
            .map(|import| import.order.file.lines.len())
            .sum();
        assert_eq!(
            usize::try_from(rows).ok(),
            Some(known),
            "rows of dead uploads are left"
        );
    }
}

/// A file that takes half a second to arrive.
fn slowly(file: String) -> Part {
    let piece = file.len().div_ceil(10);
    let pieces: Vec<Vec<u8>> = file
        .into_bytes()
        .chunks(piece)
        .map(<[u8]>::to_vec)
        .collect();
    let pieces = stream::unfold(pieces.into_iter(), |mut pieces| async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let piece = pieces.next()?;
        Some((Ok::<_, std::io::Error>(piece), pieces))
    });
    Part::stream(reqwest::Body::wrap_stream(pieces))
}

/// How many accounts there are, how many rows are done with, and how many imports.
fn written(pool: &Pool) -> [i64; 3] {
    let mut connection = invariants::connect(pool);
    let done = import_rows::outcome
        .is_not_null()
        .or(import_rows::password_hash.is_not_null());
    let rows = import_rows::table
        .filter(done)
        .count()
        .get_result(&mut **connection);
    let made = accounts::table.count().get_result(&mut **connection);
    let ended = imports::table
        .filter(imports::finished_at.is_not_null())
        .count()
        .get_result(&mut **connection);
    [made, rows, ended].map(|count| count.expect("no count"))
}

/// The batches that are in hand, each with its import and its worker.
fn running(pool: &Pool) -> Vec<(JobSubject, i64, Option<WorkerId>)> {
    jobs::table
        .filter(jobs::kind.eq(JobKind::ImportBatch))
        .filter(jobs::leased_by.is_not_null())
        .select((jobs::subject, jobs::part, jobs::leased_by))
        .load(&mut **invariants::connect(pool))
        .expect("no leases")
}
