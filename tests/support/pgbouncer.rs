//! PgBouncer in front of a database. One before version 1.21, or without `max_prepared_statements`, mixes up
//! prepared statements where it gives each transaction another connection.

use std::io::{self, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs};

use super::postgres::{free_port, unprivileged_account};

/// Makes a skip a failure.
const REQUIRED: &str = "ROLLCALL_TEST_REQUIRE_PGBOUNCER";

/// How long it may take to listen: far longer than on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Ends it when its own input ends, however the process of the tests does.
const SUPERVISOR: &str = r#"
trap '' HUP INT PIPE TERM
"$1" "$2" >>"$3" 2>&1 &
read -r _
kill -s TERM $!
wait
"#;

/// Who has a connection to the server for how long.
#[derive(Clone, Copy)]
pub enum Mode {
    /// A client, until it leaves.
    Session,
    /// A transaction.
    Transaction,
}

/// PgBouncer in front of a database; it ends with this value.
pub struct PgBouncer {
    program: PathBuf,
    folder: tempfile::TempDir,
    server: url::Url,
    port: u16,
    supervisor: Option<Child>,
}

impl PgBouncer {
    /// In front of the database with this URL; none where it is not installed.
    pub fn before(database: &str, mode: Mode) -> Option<Self> {
        let Some(program) = installed() else {
            skip();
            return None;
        };
        let mut pooler = Self {
            program,
            folder: tempfile::tempdir().expect("no temporary folder"),
            server: database.parse().expect("a URL"),
            port: free_port(),
            supervisor: None,
        };
        pooler.start(mode);
        Some(pooler)
    }

    /// The database, through it.
    pub fn url(&self) -> String {
        let mut url = self.server.clone();
        url.set_host(Some("127.0.0.1")).expect("a host");
        url.set_port(Some(self.port)).expect("a port");
        url.into()
    }

    /// Starts it again in another mode, and so cuts all connections.
    pub fn restart(&mut self, mode: Mode) {
        self.stop();
        self.start(mode);
    }

    fn start(&mut self, mode: Mode) {
        let settings = self.folder.path().join("pgbouncer.ini");
        fs::write(&settings, self.settings(mode)).expect("no settings");
        let mut shell = Command::new("/bin/sh");
        shell
            .args(["-c", SUPERVISOR, "supervisor"])
            .args([&self.program, &settings, &self.log()])
            .stdin(Stdio::piped())
            .process_group(0);
        if rustix::process::geteuid().is_root() {
            // It refuses to run as root.
            let (user, group) = unprivileged_account();
            for path in [self.folder.path(), &settings] {
                chown(path, Some(user), Some(group)).expect("no owner");
            }
            shell.uid(user).gid(group);
        }
        self.supervisor = Some(shell.spawn().expect("/bin/sh cannot be run"));
        self.wait_until_it_listens();
    }

    fn settings(&self, mode: Mode) -> String {
        let mode = match mode {
            Mode::Session => "session",
            Mode::Transaction => "transaction",
        };
        let host = self.server.host_str().expect("a host");
        let port = self.server.port().unwrap_or(5432);
        let user = self.server.username();
        format!(
            "[databases]
             * = host={host} port={port} user={user}
             [pgbouncer]
             listen_addr = 127.0.0.1
             listen_port = {}
             unix_socket_dir =
             auth_type = any
             pool_mode = {mode}\n",
            self.port
        )
        .replace("             ", "")
    }

    fn wait_until_it_listens(&self) {
        let deadline = Instant::now() + TIMEOUT;
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let log = || fs::read_to_string(self.log()).unwrap_or_default();
            assert!(Instant::now() < deadline, "no PgBouncer:\n{}", log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn stop(&mut self) {
        if let Some(mut supervisor) = self.supervisor.take() {
            // Waiting closes the pipe first, which is the sign to stop.
            let _ = supervisor.wait();
        }
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Where it is: distributions put it off the search path of users.
fn installed() -> Option<PathBuf> {
    let search_path = env::var_os("PATH").unwrap_or_default();
    let usual_places = ["/usr/sbin", "/usr/local/sbin", "/usr/local/bin"].map(PathBuf::from);
    env::split_paths(&search_path)
        .chain(usual_places)
        .map(|folder| folder.join("pgbouncer"))
        .find(|program| program.is_file())
}

fn skip() {
    let is_required = env::var(REQUIRED).is_ok_and(|value| !value.is_empty());
    assert!(
        !is_required,
        "PgBouncer is required by {REQUIRED}, but it is not installed"
    );
    let _ = writeln!(
        io::stderr(),
        "a test was skipped: PgBouncer is not installed"
    );
}
