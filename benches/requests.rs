//! The requests that are made most, against the server as it is shipped, beside a bare actix-web and
//! diesel handler that runs one statement for the same answer: `cargo bench --bench requests`.
//!
//! Sixteen connections on loopback. What counts is the processor time of a request, which holds on a
//! machine that has something else to do: that of the server, and that of the database's processes.

#![allow(
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a benchmark that meets the unexpected has to fail"
)]

#[path = "support/bare.rs"]
mod bare;
#[path = "support/load.rs"]
mod load;
mod support;

use std::io::Write as _;
use std::net::TcpStream;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use diesel::prelude::*;
use rollcall::clock::new_id;
use rollcall::domain::ids::{AccountId, OrganizationId};
use rollcall::store::Connection;
use rollcall::store::accounts::Account;
use rollcall::store::memberships::Membership;
use serde_json::{Value, json};

use load::{Figures, Requests, Server, postmaster, read_answer};
use support::{Bench, crowd};

const CONNECTIONS: usize = 16;
const MEMBERS: usize = 10_000;
const MEMBERS_OF_A_GROUP: usize = 100;
/// The most that one call takes.
const INVITATIONS: usize = 500;

fn main() {
    if let Ok(url) = std::env::var(bare::DATABASE) {
        return bare::serve(&url);
    }
    for bench in support::on_each_database() {
        measure(&bench);
    }
}

fn measure(bench: &Bench) {
    let mut settings = bench.settings();
    settings.insert("limit_invitations".to_owned(), "off".to_owned());
    // What is sent meanwhile would count as a request's own.
    settings.insert("mail_per_minute".to_owned(), "1".to_owned());
    let variables = settings
        .iter()
        .map(|(name, value)| (format!("ROLLCALL_{}", name.to_uppercase()), value));
    let postmaster = postmaster(&mut bench.state.services.pool.get().unwrap());
    let ours = Server::start(
        Command::new(env!("CARGO_BIN_EXE_rollcall"))
            .arg("serve")
            .envs(variables),
        postmaster,
    );
    let caller = Caller::sign_up(&ours);
    let organization = caller.organization;
    populate(bench, organization);
    let bare = Server::start(
        Command::new(std::env::current_exe().unwrap()).env(bare::DATABASE, bench.database_url()),
        postmaster,
    );

    println!("\n{}, {CONNECTIONS} connections:", bench.name);
    println!("| | a second | processor: server | database | of the bare handler's rate |");
    println!("|---|---|---|---|---|");
    let live = caller.request("GET", "/health/live", "");
    row(
        "GET /health/live",
        ours.load(&mut connections(&ours), live),
        None,
    );
    let beside_bare = |path: &str, names: [&str; 2]| {
        let request = caller.request("GET", path, "");
        let loads = [(&bare, &*request), (&ours, &*request)];
        let (mut to_bare, mut to_ours) = (connections(&bare), connections(&ours));
        let [plain, own] = Server::load_in_turns(loads, [&mut to_bare, &mut to_ours]);
        row(names[0], plain, None);
        row(names[1], own, Some(plain));
    };
    let members = format!("/v1/organizations/{organization}/members");
    beside_bare(
        &members,
        ["bare: 50 members with their groups", "GET …/members"],
    );
    beside_bare("/v1/me", ["bare: an account by its id", "GET /v1/me"]);
    let other = caller.found(&ours, "Other");
    for (organizations, whose) in [
        (vec![organization], "one organization"),
        (vec![organization, other], "two"),
    ] {
        let mut few = connections(&ours);
        few.truncate(2);
        let figures = ours.load(&mut few, Invitations::new(&caller, organizations));
        row(
            &format!("POST …/invitations, 500 addresses, two calls at a time of {whose}"),
            figures,
            None,
        );
        let addresses = INVITATIONS as f64;
        println!(
            "{:.0} invitations a second, {:.3} ms of processor time each",
            figures.per_second * addresses,
            figures.processor_ms() / addresses
        );
    }
}

fn row(name: &str, figures: Figures, bare: Option<Figures>) {
    let ratio = bare.map_or(String::new(), |bare| {
        format!(
            "{:.2}; by processor time {:.2}",
            figures.per_second / bare.per_second,
            bare.processor_ms() / figures.processor_ms()
        )
    });
    println!(
        "| {name} | {:.0} | {:.3} ms | {:.3} ms | {ratio} |",
        figures.per_second, figures.server_ms, figures.database_ms
    );
}

fn connections(server: &Server) -> Vec<TcpStream> {
    let connect = |_| {
        let stream = TcpStream::connect(server.address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    };
    (0..CONNECTIONS).map(connect).collect()
}

/// An admin who is signed in.
struct Caller {
    token: String,
    organization: OrganizationId,
}

impl Caller {
    fn sign_up(server: &Server) -> Self {
        let mut caller = Self {
            token: String::new(),
            organization: new_id(),
        };
        let ann = json!({
            "email": "ann@load.example", "password": "seven green ducks 7", "username": "Ann"
        });
        let registered = caller.post(server, "/v1/auth/register", &ann);
        registered["access_token"]
            .as_str()
            .unwrap()
            .clone_into(&mut caller.token);
        caller.organization = caller.found(server, "Load");
        caller
    }

    fn found(&self, server: &Server, name: &str) -> OrganizationId {
        let new = json!({ "name": name, "kind": "school" });
        let founded = self.post(server, "/v1/organizations", &new);
        founded["id"].as_str().unwrap().parse().unwrap()
    }

    fn post(&self, server: &Server, path: &str, body: &Value) -> Value {
        let mut connection = TcpStream::connect(server.address).unwrap();
        connection
            .write_all(&self.request("POST", path, &body.to_string()))
            .unwrap();
        serde_json::from_slice(&read_answer(&mut connection)).unwrap()
    }

    fn request(&self, method: &str, path: &str, body: &str) -> Vec<u8> {
        let authorization = match &*self.token {
            "" => String::new(),
            token => format!("Authorization: Bearer {token}\r\n"),
        };
        format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\n{authorization}Content-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    }
}

/// Invitations of people who were never invited before, by connections that take turns with the organizations.
struct Invitations {
    caller: Arc<Caller>,
    organizations: Vec<OrganizationId>,
    calls: Arc<AtomicUsize>,
}

impl Invitations {
    fn new(caller: &Caller, organizations: Vec<OrganizationId>) -> Self {
        Self {
            caller: Arc::new(Caller {
                token: caller.token.clone(),
                organization: caller.organization,
            }),
            organizations,
            calls: Arc::default(),
        }
    }
}

impl Requests for Invitations {
    fn split(&mut self, connections: usize) -> Vec<Box<dyn FnMut() -> Vec<u8> + Send>> {
        let each = |connection: usize| {
            let (caller, calls) = (self.caller.clone(), self.calls.clone());
            let organization = self.organizations[connection % self.organizations.len()];
            let path = format!("/v1/organizations/{organization}/invitations");
            Box::new(move || {
                let call = calls.fetch_add(1, Ordering::Relaxed);
                let emails = (0..INVITATIONS)
                    .map(|number| format!("i{call}-{number}@{organization}.example"));
                let body =
                    json!({ "emails": emails.collect::<Vec<_>>(), "account_type": "student" });
                caller.request("POST", &path, &body.to_string())
            }) as Box<dyn FnMut() -> Vec<u8> + Send>
        };
        (0..connections).map(each).collect()
    }
}

fn populate(bench: &Bench, organization: OrganizationId) {
    let mut connection = bench.state.services.pool.get().unwrap();
    for first in (0..MEMBERS).step_by(MEMBERS_OF_A_GROUP) {
        let numbers = first..first + MEMBERS_OF_A_GROUP;
        let people: Vec<Account> = numbers.map(|number| person(number, bench)).collect();
        let members: Vec<Membership> = people
            .iter()
            .map(|account| crowd::student(organization, account))
            .collect();
        crowd::insert_people(&mut connection, &people, &members);
        let place = (organization, bench.state.services.clock.now());
        let group = crowd::insert_group(&mut connection, place, &format!("Group {first}"));
        let ids: Vec<AccountId> = people.iter().map(|person| person.id).collect();
        crowd::add_to_group(&mut connection, (organization, group), &ids);
    }
    let analyze = diesel::sql_query(match &**connection {
        Connection::Sqlite(_) => "ANALYZE",
        Connection::Postgres(_) => "ANALYZE memberships, accounts, group_memberships, groups",
    });
    analyze.execute(&mut **connection).unwrap();
}

fn person(number: usize, bench: &Bench) -> Account {
    let email = format!("pupil{number}@load.example");
    let now = bench.state.services.clock.now();
    crowd::person(&email, &format!("Pupil {number}"), now)
}
