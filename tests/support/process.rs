//! The real binary as a child process: started, stopped, killed, started again on the same data.
//!
//! An [`Installation`] is what outlives its processes: a folder, keys and a database. A child sees
//! a clean environment and the settings that the test gives it, and it never outlives the test.

use std::fs::File;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use reqwest::Method;
use reqwest::multipart::{Form, Part};
use rollcall::store::Pool;
use rollcall::store::pool::{DatabaseUrl, PreparedStatements};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::command::command;
use super::people::{PASSWORD, send, text};
use super::settings::{give_federation_key, key_files};
use super::{TestResponse, postgres};

/// How long anything may take that a process has to do: far longer than on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(180);

/// A folder, keys and a database, on which processes come and go.
pub struct Installation {
    settings: Vec<(String, String)>,
    database: DatabaseUrl,
    /// Goes with this value; none: it is somebody else's, or a file in the folder.
    _postgres: Option<postgres::Database>,
    folder: tempfile::TempDir,
}

impl Installation {
    /// On an SQLite file that the first process makes.
    pub fn on_sqlite() -> Self {
        let folder = tempfile::tempdir().expect("no temporary folder");
        let file = folder.path().join("data/rollcall.sqlite");
        Self::new(
            DatabaseUrl::Sqlite(file.display().to_string()),
            None,
            folder,
        )
    }

    /// On an empty PostgreSQL database; none where there is no server.
    pub fn on_postgres() -> Option<Self> {
        Some(Self::on_database(postgres::server()?.create_database(None)))
    }

    /// On this PostgreSQL database.
    pub fn on_database(database: postgres::Database) -> Self {
        let folder = tempfile::tempdir().expect("no temporary folder");
        let url = DatabaseUrl::Postgres(database.url.clone());
        let mut installation = Self::new(url, Some(database), folder);
        let (signing, sealing) = key_files(installation.folder.path());
        let url = match &installation.database {
            DatabaseUrl::Sqlite(_) => unreachable!("the database is PostgreSQL's"),
            DatabaseUrl::Postgres(url) => url.clone(),
        };
        installation.set("DATABASE_URL", url);
        installation.set("SIGNING_KEY_FILE", signing.display());
        installation.set("SEALING_KEY_FILE", sealing.display());
        installation
    }

    fn new(
        database: DatabaseUrl,
        postgres: Option<postgres::Database>,
        folder: tempfile::TempDir,
    ) -> Self {
        let mut installation = Self {
            settings: Vec::new(),
            database,
            _postgres: postgres,
            folder,
        };
        installation.set("LISTEN", "127.0.0.1:0");
        installation.set("ORGANIZATION_CREATION", "anyone");
        installation.set("IMPORT_LEASE_SECONDS", 1);
        // As strong as the default, and faster where several hash at a time: it fits into the caches.
        installation.set("PASSWORD_HASH", "m=7168,t=5");
        installation
    }

    /// Gives a setting, named without its prefix, to every process from now on.
    pub fn set(&mut self, name: &str, value: impl ToString) {
        let name = format!("ROLLCALL_{name}");
        self.settings.retain(|(set, _)| *set != name);
        self.settings.push((name, value.to_string()));
    }

    /// A file in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What a configuration made in this process needs to be the same, as
    /// `Config::from_environment` takes it.
    pub fn settings(&self) -> std::collections::HashMap<String, String> {
        let data_dir = (
            "data_dir".to_owned(),
            self.path("data").display().to_string(),
        );
        let named = |(name, value): &(String, String)| {
            let name = name.trim_start_matches("ROLLCALL_").to_lowercase();
            (name, value.clone())
        };
        self.settings.iter().map(named).chain([data_dir]).collect()
    }

    /// The database, seen past the processes.
    pub fn pool(&self) -> Pool {
        Pool::open(&self.database, 2, PreparedStatements::Named).expect("no pool")
    }

    /// A command that is not started yet.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.command_in("data", arguments)
    }

    fn command_in(&self, data_dir: &str, arguments: &[&str]) -> Command {
        let mut command = command(self.folder.path(), arguments);
        command
            .env("ROLLCALL_DATA_DIR", self.path(data_dir))
            .envs(self.settings.iter().map(|(name, value)| (name, value)));
        command
    }

    /// The folder that every process is started in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments)
            .output()
            .expect("the binary cannot be run")
    }

    /// Starts a server and waits until it listens.
    pub fn start(&self) -> Process {
        self.start_in("data")
    }

    /// Starts a server with a data folder of its own, as each of several replicas has it.
    pub fn start_in(&self, data_dir: &str) -> Process {
        self.spawn_in(data_dir).listening()
    }

    /// Starts a server whose log goes there, and waits until it listens.
    pub fn start_logging_to(&self, log: Stdio) -> Process {
        self.spawn_with_log("data", log).listening()
    }

    /// Starts a server and waits for nothing.
    pub fn spawn_in(&self, data_dir: &str) -> Starting {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log_in(data_dir))
            .expect("no log");
        self.spawn_with_log(data_dir, log.into())
    }

    fn log_in(&self, data_dir: &str) -> PathBuf {
        self.path(&format!("{data_dir}.log"))
    }

    fn spawn_with_log(&self, data_dir: &str, log: Stdio) -> Starting {
        let folder = self.path(data_dir);
        std::fs::create_dir_all(&folder).expect("no data folder");
        if matches!(self.database, DatabaseUrl::Sqlite(_)) {
            give_federation_key(&folder);
        }
        let listening = folder.join("listening");
        if let Err(error) = std::fs::remove_file(&listening) {
            assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{error}");
        }
        let mut command = self.command_in(data_dir, &["serve"]);
        Starting {
            child: Guarded::spawn(command.stdout(Stdio::null()).stderr(log)),
            listening,
            log: self.log_in(data_dir),
        }
    }
}

/// A child that outlives neither this value nor, however that ends, the process of the tests.
struct Guarded {
    child: Child,
    /// Kills the child when its own input ends. Only this process holds the other end.
    guard: Child,
}

impl Guarded {
    fn spawn(command: &mut Command) -> Self {
        let child = command.spawn().expect("the binary cannot be run");
        let guard = Command::new("/bin/sh")
            .args([
                "-c",
                "read -r _; kill -9 \"$1\"",
                "guard",
                &child.id().to_string(),
            ])
            .stdin(Stdio::piped())
            .process_group(0)
            .spawn()
            .expect("/bin/sh cannot be run");
        Self { child, guard }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("no signal can be sent");
    }

    fn kill(&mut self) {
        self.child.kill().expect("the process cannot be killed");
        self.child.wait().expect("the process is not ours");
    }

    fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the process is not ours")
    }

    fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            if let Some(status) = self.ended() {
                return status;
            }
            assert!(Instant::now() < deadline, "the process does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // The guard goes first: the child's number may soon be somebody else's.
        for process in [&mut self.guard, &mut self.child] {
            // It may have ended.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// A server that may not listen yet.
pub struct Starting {
    child: Guarded,
    listening: PathBuf,
    log: PathBuf,
}

impl Starting {
    /// Waits until it listens.
    pub fn listening(mut self) -> Process {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            if let Ok(address) = std::fs::read_to_string(&self.listening) {
                let address = address.trim().parse().expect("no address in `listening`");
                return Process {
                    child: self.child,
                    log: self.log,
                    front: Front::at(address),
                };
            }
            let ended = self.child.ended();
            if ended.is_some() || Instant::now() > deadline {
                panic!("no server ({ended:?}):\n{}", read(&self.log));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.child.kill();
    }
}

/// A server that listens.
pub struct Process {
    child: Guarded,
    log: PathBuf,
    front: Front,
}

impl std::ops::Deref for Process {
    type Target = Front;

    fn deref(&self) -> &Front {
        &self.front
    }
}

impl Process {
    /// `kill -9`: it ends at whatever instruction it is.
    pub fn kill(mut self) {
        self.child.kill();
    }

    /// Its number in the system.
    #[allow(dead_code, reason = "benchmarks use it")]
    pub fn id(&self) -> u32 {
        self.child.child.id()
    }

    /// SIGTERM, as an orderly stop begins; [`Process::wait`] waits for its end.
    pub fn terminate(&self) {
        self.child.signal(Signal::TERM);
    }

    /// SIGSTOP: it stands still, as a machine does that swaps or is being moved.
    pub fn pause(&self) {
        self.child.signal(Signal::STOP);
    }

    /// SIGCONT: it goes on as if nothing had been.
    pub fn resume(&self) {
        self.child.signal(Signal::CONT);
    }

    /// Waits for its end.
    pub fn wait(mut self) -> ExitStatus {
        self.child.wait()
    }

    /// What it, and those that ran with the same data folder before it, have logged.
    pub fn log(&self) -> String {
        read(&self.log)
    }
}

/// A server as callers see it, whatever process it runs in.
pub struct Front {
    address: SocketAddr,
    client: reqwest::Client,
}

impl Front {
    /// The server that listens there. Each request has a connection of its own: a kept one may be
    /// closed by the server just when it is used again, which would be the client's fault.
    pub fn at(address: SocketAddr) -> Self {
        let client = reqwest::Client::builder().pool_max_idle_per_host(0).build();
        Self {
            address,
            client: client.expect("no client"),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A request to it, as whoever has this token.
    pub fn request(&self, method: Method, path: &str, token: &str) -> reqwest::RequestBuilder {
        let url = format!("http://{}{path}", self.address);
        let request = self.client.request(method, url);
        if token.is_empty() {
            request
        } else {
            request.bearer_auth(token)
        }
    }

    pub async fn get(&self, path: &str, token: &str) -> TestResponse {
        send(self.request(Method::GET, path, token)).await
    }

    pub async fn post(&self, path: &str, token: &str, body: Value) -> TestResponse {
        send(self.request(Method::POST, path, token).json(&body)).await
    }

    /// Whether this password opens the account with this address.
    pub async fn signs_in(&self, email: &str, password: &str) -> bool {
        let body = json!({ "email": email, "password": password });
        self.post("/v1/auth/login", "", body).await.status == 200
    }

    /// Registers somebody and gives their token.
    pub async fn register(&self, email: &str) -> String {
        let body = json!({ "email": email, "password": PASSWORD, "username": email });
        let registered = self
            .post("/v1/auth/register", "", body)
            .await
            .expect_status(201);
        text(&registered["access_token"])
    }

    /// A school and its first admin, who is registered here.
    pub async fn school(&self, name: &str) -> School {
        let domain = name.to_lowercase().replace(' ', "-");
        let token = self.register(&format!("admin@{domain}.example")).await;
        let body = json!({ "name": name, "kind": "school" });
        let created = self
            .post("/v1/organizations", &token, body)
            .await
            .expect_status(201);
        School {
            id: text(&created["id"]),
            slug: text(&created["slug"]),
            token,
        }
    }
}

/// An organization, known to every process of its installation.
#[derive(Clone)]
pub struct School {
    pub id: String,
    pub slug: String,
    /// Its first admin's.
    pub token: String,
}

impl School {
    /// A path below this organization's.
    pub fn path(&self, below: &str) -> String {
        format!("/v1/organizations/{}{below}", self.id)
    }

    pub async fn get(&self, front: &Front, below: &str) -> TestResponse {
        front.get(&self.path(below), &self.token).await
    }

    /// An upload that is not sent yet.
    pub fn upload(
        &self,
        front: &Front,
        file: Part,
        fields: &[(String, String)],
    ) -> reqwest::RequestBuilder {
        let form = Form::new().text("account_type", "student");
        let form = fields
            .iter()
            .fold(form, |form, (name, value)| {
                form.text(name.clone(), value.clone())
            })
            .part("file", file.file_name("people.csv"));
        front
            .request(Method::POST, &self.path("/imports"), &self.token)
            .multipart(form)
    }

    /// Uploads a file of students and gives the import's id.
    pub async fn import(&self, front: &Front, file: String) -> String {
        let answer = send(self.upload(front, Part::text(file), &[])).await;
        text(&answer.expect_status(202)["id"])
    }

    /// An import as it is now.
    pub async fn import_now(&self, front: &Front, id: &str) -> Value {
        self.get(front, &format!("/imports/{id}"))
            .await
            .expect_status(200)
    }

    /// Waits until an import is as `is_so` says, and gives it.
    pub async fn watch(&self, front: &Front, id: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let import = self.import_now(front, id).await;
            if is_so(&import) {
                return import;
            }
            assert!(Instant::now() < deadline, "it takes too long: {import:#}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until an import has ended, and gives it.
    pub async fn finished(&self, front: &Front, id: &str) -> Value {
        let is_finished = |import: &Value| !import["finished_at"].is_null();
        self.watch(front, id, is_finished).await
    }
}

/// What a command printed, if it succeeded.
#[track_caller]
pub fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Why a command failed, if it printed nothing else.
#[track_caller]
pub fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
