//! Importing people from a CSV file (`docs/imports.md`) or a list of names
//! (`docs/imports.md#names-without-addresses`).

mod access;
mod addresses;
mod at_once;
mod audit;
mod cancel;
mod cells;
mod end_to_end;
mod errors_file;
mod failures;
mod fairness;
mod files;
mod form;
mod formats;
mod generated_addresses;
mod hang_up;
mod headers;
mod lists;
mod makers;
mod managers;
mod notices;
mod outcomes;
mod places;
mod refusals;
mod resume;
mod seats;
mod secrets;
mod userlist;
mod usernames;

use std::time::{Duration, Instant};

use diesel::prelude::*;
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use rollcall::domain::ids::{ImportId, OrganizationId};
use rollcall::services::imports::execution::{self, BatchOutcome};
use rollcall::state::State;
use rollcall::store::schema::{import_rows, imports};
use rollcall::worker::{IMPORTS, Worker};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::people::{Organization, Person, send, text};
use crate::support::{App, TestResponse};

/// The field that every upload to a school needs.
const STUDENTS: &[(&str, &str)] = &[("account_type", "student")];

/// The fields of an upload of students, and more.
fn students<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [STUDENTS, more].concat()
}

/// A good row.
fn line(number: usize) -> String {
    format!(
        "pupil{number}@x.example,{},Pupil {number}\n",
        password(number)
    )
}

/// The password in the row with this number.
fn password(number: usize) -> String {
    format!("purple fox {number}")
}

/// A file with so many good rows.
fn file(rows: usize) -> String {
    let rows: String = (1..=rows).map(line).collect();
    format!("email,password,username\n{rows}")
}

/// A file with so many good rows and long notes, of which the first MiB, 2,000 rows, is read as a whole.
fn long_file(rows: usize) -> String {
    let notes = "x".repeat(500);
    let row = |number| line(number).replace('\n', &format!(",{notes}\n"));
    let rows: String = (1..=rows).map(row).collect();
    format!("email,password,username,notes\n{rows}")
}

/// A file with these rows under the template's header.
fn file_of(rows: &[&str]) -> String {
    format!("email,password,username\n{}\n", rows.join("\n"))
}

/// The form of an upload, ready for its file.
fn form(fields: &[(&str, &str)]) -> Form {
    fields.iter().fold(Form::new(), |form, (name, value)| {
        form.text((*name).to_owned(), (*value).to_owned())
    })
}

/// A file as a part of a form.
fn part(file: impl Into<Vec<u8>>) -> Part {
    Part::bytes(file.into()).file_name("people.csv")
}

/// Everything that can be asked of an import, in an order in which each can succeed.
async fn ask_about(
    person: &Person<'_>,
    school: &Organization<'_>,
    import: &Value,
) -> Vec<TestResponse> {
    let path = school.path(&format!("/imports/{}", text(&import["id"])));
    let mut answers = Vec::new();
    for (method, below) in [
        (Method::GET, ""),
        (Method::GET, "/rows"),
        (Method::GET, "/userlist.csv"),
        (Method::GET, "/errors.csv"),
        (Method::POST, "/cancel"),
        (Method::DELETE, "/credentials"),
    ] {
        answers.push(send(person.request(method, &format!("{path}{below}"))).await);
    }
    answers
}

impl Organization<'_> {
    /// The application that it is in.
    fn app(&self) -> &App {
        self.admin.app
    }

    /// Uploads a file that is accepted, and gives the import as the answer shows it.
    async fn accepted(&self, file: impl Into<Vec<u8>>, fields: &[(&str, &str)]) -> Value {
        self.import(file, fields).await.expect_status(202)
    }

    /// Imports a file to its end, and gives the import.
    async fn imported(&self, file: impl Into<Vec<u8>>, fields: &[(&str, &str)]) -> Value {
        let accepted = self.accepted(file, fields).await;
        self.app().drain().await;
        self.import_with(&accepted["id"]).await
    }

    /// Posts names of students that are accepted, and gives the import as the answer shows it.
    async fn accepted_names(&self, names: &[&str]) -> Value {
        let body = json!({ "usernames": names, "account_type": "student" });
        self.admin
            .post(&self.path("/imports/usernames"), body)
            .await
            .expect_status(202)
    }

    /// Makes students of names, waits for the end, and gives the import.
    async fn imported_names(&self, names: &[&str]) -> Value {
        let accepted = self.accepted_names(names).await;
        self.app().drain().await;
        self.import_with(&accepted["id"]).await
    }

    /// The addresses of an import's rows, in their order.
    async fn addresses(&self, import: &Value) -> Vec<String> {
        let rows = self.rows(import, "").await;
        rows.iter().map(|row| text(&row["email"])).collect()
    }

    /// Asks for something below an import.
    async fn of_import(&self, import: &Value, below: &str) -> TestResponse {
        let path = format!("/imports/{}{below}", text(&import["id"]));
        self.admin.get(&self.path(&path)).await
    }

    /// Cancels an import.
    async fn cancel(&self, import: &Value) -> TestResponse {
        let path = format!("/imports/{}/cancel", text(&import["id"]));
        self.admin.post(&self.path(&path), json!({})).await
    }

    /// Discards an import's results.
    async fn discard(&self, import: &Value) -> TestResponse {
        let path = format!("/imports/{}/credentials", text(&import["id"]));
        self.admin.delete(&self.path(&path)).await
    }

    /// All rows of an import, page by page; `query` may narrow them.
    async fn rows(&self, import: &Value, query: &str) -> Vec<Value> {
        self.all(&format!("/imports/{}/rows?{query}", text(&import["id"])))
            .await
    }

    /// All entries of a list, page by page.
    async fn all(&self, list: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let separator = if list.contains('?') { '&' } else { '?' };
        let mut path = format!("{}{separator}limit=200", self.path(list));
        loop {
            let page = self.admin.get(&path).await;
            let body = page.expect_status(200);
            items.extend(body["items"].as_array().unwrap().iter().cloned());
            if body["next_cursor"].is_null() {
                return items;
            }
            let link = page.header("link");
            path = link[1..link.find('>').unwrap()].to_owned();
        }
    }

    /// How each row ended, in the order of the file.
    async fn outcomes(&self, import: &Value) -> Vec<String> {
        let rows = self.rows(import, "").await;
        rows.iter()
            .map(|row| row["outcome"].as_str().unwrap_or("pending").to_owned())
            .collect()
    }

    /// A result file's records, the header first.
    async fn table(&self, import: &Value, name: &str) -> Vec<Vec<String>> {
        records(&self.download(import, name).await)
    }

    /// A result file as it comes.
    async fn download(&self, import: &Value, name: &str) -> String {
        let answer = self.of_import(import, &format!("/{name}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8");
        let disposition = format!("attachment; filename=\"{name}\"");
        assert_eq!(answer.header("content-disposition"), disposition);
        assert_eq!(answer.header("cache-control"), "no-store");
        answer.text
    }

    /// Used and reserved seats, in total and of the students, which have to say the same here: the
    /// only other member is the admin, a teacher.
    async fn students_seats(&self) -> (i64, i64) {
        let ledger = self
            .admin
            .get(&self.path("/seats"))
            .await
            .expect_status(200);
        let (total, students) = (&ledger["total"], &ledger["by_account_type"]["student"]);
        let number = |value: &Value| value.as_i64().unwrap();
        let of_students = (number(&students["used"]), number(&students["reserved"]));
        let of_total = (number(&total["used"]) - 1, number(&total["reserved"]));
        assert_eq!(of_students, of_total, "{ledger:#}");
        of_students
    }

    /// Sets the seat limit of students, as an operator.
    async fn limit_students(&self, limit: i64) {
        let operator = self.app().operator().await;
        let body = json!({
            "total": null, "by_account_type": { "student": limit, "teacher": null },
        });
        operator
            .put(&self.path("/seats"), body)
            .await
            .expect_status(200);
    }

    /// How many members there are beside the admin.
    async fn joined(&self) -> usize {
        self.all("/members").await.len() - 1
    }

    /// Makes a group and gives its id.
    async fn group(&self, name: &str) -> String {
        let body = json!({ "name": name });
        text(
            &self
                .admin
                .post(&self.path("/groups"), body)
                .await
                .expect_status(201)["id"],
        )
    }

    /// Imports and rows in the database, those that nobody may see included.
    fn traces(&self) -> (i64, i64) {
        let mut connection = self.app().state.services.pool.get().unwrap();
        let organization: OrganizationId = self.id.parse().unwrap();
        let mine = imports::table.filter(imports::organization_id.eq(organization));
        let found = mine.count().get_result(&mut **connection).unwrap();
        let rows = import_rows::table
            .inner_join(imports::table)
            .filter(imports::organization_id.eq(organization))
            .count()
            .get_result(&mut **connection)
            .unwrap();
        (found, rows)
    }

    /// Waits until the traces are as they should be.
    async fn wait_for_traces(&self, wanted: impl Fn((i64, i64)) -> bool) {
        let patience = Instant::now() + Duration::from_secs(20);
        while !wanted(self.traces()) {
            assert!(Instant::now() < patience, "still {:?}", self.traces());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Asserts that uploads have left nothing behind: no import, no row, no seat.
    async fn assert_untouched(&self) {
        let list = self.admin.get(&self.path("/imports")).await;
        list.expect(200, json!({ "items": [], "next_cursor": null }));
        assert_eq!(self.traces(), (0, 0));
        assert_eq!(self.students_seats().await, (0, 0));
        assert_eq!(self.joined().await, 0);
    }
}

/// Asserts that an import's counts are these, that they add up to its rows, and that the rest
/// follows from them.
#[track_caller]
fn assert_counts(import: &Value, by_outcome: Value) {
    let counts = &import["counts"];
    assert_eq!(counts["by_outcome"], by_outcome, "{import:#}");
    let count = |outcome: &str| by_outcome[outcome].as_i64().unwrap_or(0);
    let all: i64 = by_outcome
        .as_object()
        .unwrap()
        .values()
        .map(|n| n.as_i64().unwrap())
        .sum();
    assert_eq!(counts["rows"], all, "{import:#}");
    assert_eq!(counts["processed"], all, "{import:#}");
    assert_eq!(counts["created"], count("created"), "{import:#}");
    let failed = all - count("created") - count("cancelled");
    assert_eq!(counts["failed"], failed, "{import:#}");
}

/// The records of a CSV file as we write it, the header first.
fn records(file: &str) -> Vec<Vec<String>> {
    let table = file.strip_prefix('\u{feff}').expect("no byte-order mark");
    assert!(!table.contains('\u{feff}'), "more than one byte-order mark");
    csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(table.as_bytes())
        .records()
        .map(|record| record.unwrap().iter().map(str::to_owned).collect())
        .collect()
}

/// The cells of one column of a table, below its header.
fn column<'a>(table: &'a [Vec<String>], name: &str) -> Vec<&'a str> {
    let place = table[0].iter().position(|cell| cell == name).unwrap();
    table[1..]
        .iter()
        .map(|record| record[place].as_str())
        .collect()
}

/// The id of an import.
fn id_of(import: &Value) -> ImportId {
    text(&import["id"]).parse().unwrap()
}

/// A worker in a thread of its own that halts before it writes each batch. It works on one import
/// and ends with it.
struct HaltingWorker {
    halts: tokio::sync::mpsc::UnboundedReceiver<()>,
    orders: std::sync::mpsc::Sender<Order>,
    thread: tokio::task::JoinHandle<BatchOutcome>,
}

/// What a halting worker is told.
enum Order {
    GoOn,
    Stop,
    Die,
}

impl HaltingWorker {
    /// Takes the next batch and halts before it is written.
    async fn start(app: &App) -> Self {
        let state = app.state.clone();
        let worker = Worker::new(&state, &IMPORTS);
        let mut lease = worker.take().unwrap().expect("nothing to do");
        let (halted, halts) = tokio::sync::mpsc::unbounded_channel();
        let (orders, ordered) = std::sync::mpsc::channel();
        let stop = move || {
            let _ = halted.send(());
            match ordered.recv() {
                Ok(Order::Stop) => true,
                // What has been written is written, and nobody lets go of the lease.
                Ok(Order::Die) => panic!("the process dies"),
                Ok(Order::GoOn) | Err(_) => false,
            }
        };
        let work = move || {
            loop {
                let step = execution::carry_out(&state.services, &lease, &stop).unwrap();
                if step != BatchOutcome::Written {
                    return step;
                }
                match worker.take().unwrap() {
                    Some(next) => lease = next,
                    None => return step,
                }
            }
        };
        let mut worker = Self {
            halts,
            orders,
            thread: tokio::task::spawn_blocking(work),
        };
        worker.halted().await;
        worker
    }

    async fn halted(&mut self) {
        self.halts.recv().await.expect("the worker has ended");
    }

    /// Lets it write one batch, to the next halt.
    async fn write_one(&mut self) {
        self.orders.send(Order::GoOn).unwrap();
        self.halted().await;
    }

    /// Lets it go on to its end.
    async fn finish(self) -> BatchOutcome {
        drop(self.orders);
        self.thread.await.expect("the worker panics")
    }

    /// Tells it that its process is stopping.
    async fn stop(self) -> BatchOutcome {
        self.orders.send(Order::Stop).unwrap();
        self.thread.await.expect("the worker panics")
    }

    /// Ends it where it stands.
    async fn die(self) {
        self.orders.send(Order::Die).unwrap();
        self.thread.await.expect_err("the worker lives");
    }
}

/// Works on whatever there is for another worker; tells which imports it ended.
async fn work_as_another(state: State) -> Vec<ImportId> {
    let work = move || {
        let worker = Worker::new(&state, &IMPORTS);
        let mut ended = Vec::new();
        while let Some(lease) = worker.take().unwrap() {
            match execution::carry_out(&state.services, &lease, &|| false).unwrap() {
                BatchOutcome::Written => {}
                BatchOutcome::Finished => ended.push(Uuid::from(lease.job.subject).into()),
                other => panic!("{other:?}"),
            }
        }
        ended
    };
    tokio::task::spawn_blocking(work).await.unwrap()
}
