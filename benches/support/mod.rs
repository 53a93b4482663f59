//! What the benchmarks stand on: an application at the real cost of a hash, on either database.

#![allow(dead_code, reason = "each benchmark uses its part")]

#[path = "../../tests/support/crowd.rs"]
pub mod crowd;
#[path = "../../tests/support/postgres.rs"]
pub mod postgres;
#[path = "../../tests/support/settings.rs"]
pub mod settings;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rollcall::app::Running;
use rollcall::clock::Clock;
use rollcall::clock::new_id;
use rollcall::config::Config;
use rollcall::domain::ids::OrganizationId;
use rollcall::domain::organization::OrganizationKind;
use rollcall::domain::slug::{Slug, SlugFallback};
use rollcall::services::authorization::{Permission, Permit, permit};
use rollcall::services::context::RequestContext;
use rollcall::state::State;
use rollcall::store::organizations::{self, Organization};
use rollcall::store::{Connection, seats};

/// An application and what has to live as long as it does.
pub struct Bench {
    pub name: &'static str,
    pub state: State,
    pub organization: Organization,
    database: Option<postgres::Database>,
    folder: tempfile::TempDir,
}

/// One on each database that there is.
pub fn on_each_database() -> Vec<Bench> {
    on_each_database_with(|_| {})
}

/// One on each database that there is, configured in its own way.
pub fn on_each_database_with(configure: impl Fn(&mut Config)) -> Vec<Bench> {
    let sqlite = Bench::new("SQLite", None, &configure);
    let postgres = postgres::server().map(|server| {
        let database = server.create_database(None);
        Bench::new("PostgreSQL", Some(database), &configure)
    });
    std::iter::once(sqlite).chain(postgres).collect()
}

impl Bench {
    /// What a server of its own is started with, on the same database.
    pub fn settings(&self) -> HashMap<String, String> {
        let url = self.database.as_ref().map(|database| &*database.url);
        settings::settings(self.folder.path(), url)
    }

    /// What diesel opens the database by.
    pub fn database_url(&self) -> String {
        let file = self.folder.path().join("rollcall.sqlite");
        let url = self.database.as_ref().map(|database| database.url.clone());
        url.unwrap_or_else(|| file.display().to_string())
    }

    fn new(
        name: &'static str,
        database: Option<postgres::Database>,
        configure: impl Fn(&mut Config),
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = database.as_ref().map(|database| &*database.url);
        let mut config = Config::from_environment(settings::settings(folder.path(), url)).unwrap();
        configure(&mut config);
        let state = State::open(config, Clock::system()).unwrap();
        let organization = organization(&mut state.services.pool.get().unwrap());
        Self {
            name,
            state,
            organization,
            database,
            folder,
        }
    }

    /// A permit as the command line has it.
    pub fn permit<A: Permission>(&self) -> Permit<A> {
        let services = &self.state.services;
        let context = RequestContext::command_line(services.clock.now());
        services
            .run(&context, |tx| permit(tx, self.organization.id))
            .unwrap()
    }
}

fn organization(connection: &mut Connection) -> Organization {
    let kind = OrganizationKind::School;
    let organization = Organization {
        id: new_id::<OrganizationId>(),
        name: "Hill Road School".to_owned(),
        kind,
        slug: Slug::from_name("Hill Road School", SlugFallback::Organization),
        default_account_type: kind.default_account_type(),
        active_admins: 0,
        sso_required: false,
        created_at: rollcall::clock::Clock::system().now(),
    };
    assert!(organizations::insert(connection, &organization).unwrap());
    seats::insert(connection, organization.id, &kind.account_types()).unwrap();
    organization
}

/// A file of so many people, each with a password of their own.
pub fn people(rows: usize) -> String {
    let mut file = String::from("email,password,username\n");
    for row in 0..rows {
        file.push_str(&format!(
            "{}@school.example,{},Person {row}\n",
            address(row),
            password(row)
        ));
    }
    file
}

fn address(row: usize) -> String {
    format!("person{row}")
}

/// The password of a row.
pub fn password(row: usize) -> String {
    format!("quiet rivers run {row}")
}

/// The middle one.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The processor time that this process has used.
pub fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(
        time.tv_sec.unsigned_abs(),
        u32::try_from(time.tv_nsec).unwrap(),
    )
}

/// How long it takes, in seconds.
pub fn seconds(work: impl FnOnce()) -> f64 {
    let started = Instant::now();
    work();
    started.elapsed().as_secs_f64()
}

/// A setting of a benchmark.
pub fn setting(name: &str, default: usize) -> usize {
    std::env::var(name)
        .ok()
        .and_then(|value| value.parse().ok())
        .unwrap_or(default)
}

/// A server of this process.
pub struct Server {
    pub address: SocketAddr,
    pub handle: actix_web::dev::ServerHandle,
    pub thread: JoinHandle<()>,
}

impl Server {
    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Stops it when its requests have ended.
    pub async fn stop(self) {
        self.handle.stop(true).await;
        self.thread.join().unwrap();
    }
}

/// Serves the application.
pub fn serve(bench: &Bench) -> Server {
    let (sender, receiver) = mpsc::channel();
    let state = bench.state.clone();
    let thread = std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let running = Running::start(&state).unwrap();
            sender.send((running.address, running.handle())).unwrap();
            running.serve().await.unwrap();
        });
    });
    let (address, handle) = receiver.recv().unwrap();
    Server {
        address,
        handle,
        thread,
    }
}
