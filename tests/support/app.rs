//! An application as a test has it: a real server on a free port, a database of its own, a clock
//! that stands still until it is moved, workers that work when they are told to.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use rollcall::app::Running;
use rollcall::clock::Clock;
use rollcall::config::Config;
use rollcall::crypto::password_hash::HashCost;
use rollcall::domain::ids::OrganizationId;
use rollcall::domain::timestamp::Timestamp;
use rollcall::services::authorization::{Permission, Permit, permit};
use rollcall::services::context::RequestContext;
use rollcall::services::unit_of_work::UnitOfWork;
use rollcall::state::State;
use rollcall::worker;

use super::database::{self, Database};
use super::dns;
use super::people::Person;
use super::postgres;
use super::settings::{key_files, settings};
use super::smtp::SmtpServer;

/// Runs a test's scenario to its end.
pub fn block_on<T>(scenario: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("no runtime")
        .block_on(scenario)
}

/// A running application.
pub struct App {
    pub state: State,
    pub address: SocketAddr,
    pub client: reqwest::Client,
    /// Where its mail goes; none: into a folder.
    pub mail_server: Option<SmtpServer>,
    server: Option<(actix_web::dev::ServerHandle, JoinHandle<()>)>,
    database: Option<Database>,
    folder: Option<tempfile::TempDir>,
}

impl App {
    /// On an SQLite file of its own.
    pub fn on_sqlite() -> Self {
        Self::on_sqlite_with(|_| {})
    }

    /// On an SQLite file of its own, configured in its own way.
    pub fn on_sqlite_with(configure: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().expect("no temporary folder");
        let file = folder.path().join("rollcall.sqlite");
        std::fs::write(file, database::sqlite_template()).expect("the template cannot be copied");
        // No server makes keys beside a database that is there.
        key_files(folder.path());
        let mut app = Self::new(Database::Sqlite, folder.path().to_owned(), configure);
        app.folder = Some(folder);
        app
    }

    /// On a PostgreSQL database of its own; none where there is no server.
    pub fn on_postgres() -> Option<Self> {
        Self::on_postgres_with(|_| {})
    }

    /// On a PostgreSQL database of its own, configured in its own way.
    pub fn on_postgres_with(configure: impl FnOnce(&mut Config)) -> Option<Self> {
        let template = database::postgres_template()?;
        let folder = tempfile::tempdir().expect("no temporary folder");
        let database = postgres::server()?.create_database(Some(template));
        let database = Database::Postgres(database);
        let mut app = Self::new(database, folder.path().to_owned(), configure);
        app.folder = Some(folder);
        Some(app)
    }

    /// On an SQLite file of its own, with a mail server.
    pub fn on_sqlite_with_mail_server() -> Self {
        Self::on_sqlite_with_mail_server_and(|_| {})
    }

    /// On an SQLite file of its own, with a mail server, configured in its own way.
    pub fn on_sqlite_with_mail_server_and(configure: impl FnOnce(&mut Config)) -> Self {
        let server = SmtpServer::plain();
        let mut app = Self::on_sqlite_with(|config| {
            server.configure(config);
            configure(config);
        });
        app.mail_server = Some(server);
        app
    }

    /// On a PostgreSQL database of its own, with a mail server; none where there is no PostgreSQL.
    pub fn on_postgres_with_mail_server() -> Option<Self> {
        Self::on_postgres_with_mail_server_and(|_| {})
    }

    /// On a PostgreSQL database of its own, with a mail server, configured in its own way.
    pub fn on_postgres_with_mail_server_and(configure: impl FnOnce(&mut Config)) -> Option<Self> {
        let server = SmtpServer::plain();
        let mut app = Self::on_postgres_with(|config| {
            server.configure(config);
            configure(config);
        })?;
        app.mail_server = Some(server);
        Some(app)
    }

    /// On this database, with its keys in this folder.
    pub fn new(database: Database, data_dir: PathBuf, configure: impl FnOnce(&mut Config)) -> Self {
        let mut config = config(&database, data_dir);
        configure(&mut config);
        let clock = Clock::starting_at(
            "2026-09-01T07:30:00Z"
                .parse::<jiff::Timestamp>()
                .expect("a time")
                .into(),
        );
        let state = State::open(config, clock).expect("the application does not start");
        let (address, server) = serve(&state);
        Self {
            state,
            address,
            client: client(),
            mail_server: None,
            server: Some(server),
            database: Some(database),
            folder: None,
        }
    }

    /// Another server on the same database, with the same clock and settings.
    pub fn replica(&self) -> Self {
        let config = Config::clone(&self.state.services.config);
        let state = State::open(config, self.state.services.clock.clone()).expect("no replica");
        let (address, server) = serve(&state);
        Self {
            state,
            address,
            client: client(),
            mail_server: None,
            server: Some(server),
            database: None,
            folder: None,
        }
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Does all the background work that there is.
    pub async fn drain(&self) {
        let state = self.state.clone();
        tokio::task::spawn_blocking(move || worker::drain(&state))
            .await
            .expect("the worker panics")
            .expect("the worker fails");
    }

    /// Moves the clock.
    pub fn advance(&self, by: Duration) {
        self.state.services.clock.advance(by);
    }

    /// The time, as the application sees it.
    pub fn now(&self) -> Timestamp {
        self.state.services.clock.now()
    }

    /// Runs `work` as the command line does.
    pub fn as_cli<T>(
        &self,
        work: impl FnOnce(&mut UnitOfWork<'_>) -> rollcall::error::Result<T>,
    ) -> rollcall::error::Result<T> {
        let context = RequestContext::command_line(self.now());
        self.state.services.run(&context, work)
    }

    /// A permit as the command line has it.
    pub fn cli_permit<P: Permission>(&self, organization: OrganizationId) -> Permit<P> {
        self.as_cli(|tx| permit(tx, organization))
            .expect("no permit")
    }

    /// Somebody without a session.
    pub fn anonymous(&self) -> Person<'_> {
        Person::anonymous(self)
    }

    /// Stops the server and closes every connection; the database stays where it is.
    pub fn stop(mut self) {
        self.shut_down();
    }

    /// As [`App::stop`], with a PostgreSQL database that is not dropped.
    pub fn stop_and_keep_database(mut self) {
        if let Some(database) = self.database.take() {
            std::mem::forget(database);
        }
        self.shut_down();
    }

    fn shut_down(&mut self) {
        if let Some((handle, thread)) = self.server.take() {
            block_on(handle.stop(false));
            thread.join().expect("the server panics");
        }
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.shut_down();
    }
}

fn config(database: &Database, data_dir: PathBuf) -> Config {
    let mut settings = settings(&data_dir, database.url());
    settings.insert("database_connections".to_owned(), "6".to_owned());
    let mut config = Config::from_environment(settings).expect("the configuration is refused");
    config.password_hash = HashCost::FOR_TESTS;
    config.dns_servers = vec![dns::zone().address];
    // Work is done when a test says so.
    config.import_workers = 0;
    config.mail_workers = 0;
    config
}

fn serve(state: &State) -> (SocketAddr, (actix_web::dev::ServerHandle, JoinHandle<()>)) {
    let (sender, receiver) = mpsc::channel();
    let state = state.clone();
    let thread = std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let running = Running::start(&state).expect("the server does not start");
            sender
                .send((running.address, running.handle()))
                .expect("nobody waits for the server");
            running.serve().await.expect("the server breaks");
        });
    });
    let (address, handle) = receiver.recv().expect("the server does not start");
    (address, (handle, thread))
}

/// A client that uses no connection again which the server may be closing: that keeps idle ones for longer.
fn client() -> reqwest::Client {
    // Nobody serves the single-page app here.
    let within = reqwest::redirect::Policy::custom(|attempt| {
        let from = attempt.previous().last().and_then(reqwest::Url::port);
        if attempt.url().port() == from {
            attempt.follow()
        } else {
            attempt.stop()
        }
    });
    let client = reqwest::Client::builder()
        .redirect(within)
        .pool_idle_timeout(Duration::from_secs(60));
    client.build().expect("a client")
}
