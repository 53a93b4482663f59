//! The PostgreSQL that tests run on: a server named by the environment, or a throw-away cluster.
//!
//! A cluster is run by a supervisor, a shell that outlives the test process. It makes the folder,
//! starts the server, and when its standard input ends it stops the server and removes the folder.
//! The other end of that pipe is the test process's alone, and the kernel closes it however the
//! process ends: not even SIGKILL leaves a server or a folder behind.

use std::cmp::Reverse;
use std::error::Error;
use std::ffi::{OsStr, OsString};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::{env, fs, iter};

use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::sql_types::Text;
use diesel::{Connection, PgConnection, QueryResult, RunQueryDsl};

/// Names the server to test on, `postgres://…`, as a user who may create databases.
const SERVER_URL: &str = "ROLLCALL_TEST_POSTGRES_URL";

/// Makes a skip a failure.
const REQUIRED: &str = "ROLLCALL_TEST_REQUIRE_POSTGRES";

/// What an installation must have to run a cluster.
const PROGRAMS: [&str; 2] = ["initdb", "postgres"];

/// Where distributions put PostgreSQL's programs off the PATH; `*` stands for the version.
const USUAL_PLACES: [&str; 5] = [
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/local/pgsql/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
];

/// Nothing in a throw-away cluster has to survive a crash. Autovacuum would hold up the copying of
/// a database that it works on, and a small write-ahead log spares memory.
/// PostgreSQL gives up whoever has waited longest when it looks: on a busy machine, a test needs more than
/// the usual second to have the request be that; requests wait for a lock for five.
const SETTINGS: &str = "
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 400
shared_buffers = 256MB
fsync = off
synchronous_commit = off
full_page_writes = off
autovacuum = off
deadlock_timeout = 4s
min_wal_size = 32MB
max_wal_size = 64MB
";

/// The supervisor: carries out one order a line and answers each with its exit status.
///
/// It ignores the signals that end a test run early, because it has to clean up after it. The
/// server is its own child, so that `wait` tells when the folder is no longer in use. The server
/// has half a minute to be ready, and only its own lock file tells that it is: on its port, somebody
/// else's may answer.
const SUPERVISOR: &str = r#"
trap '' HUP INT PIPE TERM
exec 2>&1
folder=$1 programs=$2 settings=$3 server=

initialize() {
    "$programs/initdb" --pgdata=data --username=rollcall --auth=trust \
        --encoding=UTF8 --locale=C --no-sync --no-instructions &&
        echo "$settings" >>data/postgresql.conf
}

start() {
    [ -z "$server" ] || return
    "$programs/postgres" -D data -p "$1" &
    server=$! polls=0
    until grep -qs '^ready' data/postmaster.pid; do
        polls=$((polls + 1))
        [ $polls -lt 1500 ] && kill -0 $server || { stop QUIT; return 1; }
        sleep 0.02
    done
}

stop() {
    [ -n "$server" ] || return
    kill -s "$1" $server
    wait $server
    server=
}

mkdir -m 700 "$folder" && cd "$folder" || exit
while read -r order; do
    $order </dev/null >>log 2>&1
    echo $?
done
stop QUIT >>log 2>&1
cd / && rm -rf "$folder"
"#;

/// The server that all tests of this process share, each with a database of its own, or `None`
/// when PostgreSQL is skipped.
pub fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    SERVER
        .get_or_init(|| Server::open(variable(SERVER_URL), installed_programs()))
        .as_ref()
}

/// A server for one test alone, which may stop it and start it again; `None` when there is no
/// PostgreSQL installed to make it with.
pub fn start_private() -> Option<PrivateServer> {
    let programs = installed_programs();
    if programs.is_none() {
        skip("a test needs a server of its own and no initdb is installed");
    }
    programs.map(|programs| PrivateServer::start_new(&programs))
}

/// A program for those who use a server, such as `pg_dump`: beside the server's own, or wherever one is installed;
/// `None` where there is none.
pub fn client_program(name: &str) -> Option<PathBuf> {
    let search_path = env::var_os("PATH").unwrap_or_default();
    let usual_places = USUAL_PLACES.iter().flat_map(|place| versions(place));
    let found = installed_programs()
        .into_iter()
        .chain(usual_places)
        .chain(env::split_paths(&search_path))
        .map(|folder| folder.join(name))
        .find(|path| path.is_file());
    if found.is_none() {
        skip(&format!("a test needs {name}, which is not installed"));
    }
    found
}

/// A server that tests share.
pub struct Server {
    admin: Arc<Admin>,
    /// Lives as long as the server has to; `None` where somebody else runs it.
    _cluster: Option<Cluster>,
}

impl Server {
    fn open(named: Option<String>, programs: Option<PathBuf>) -> Option<Self> {
        match (named, programs) {
            (Some(url), _) => Some(Self::named(&url)),
            (None, Some(programs)) => Some(Self::throw_away(&programs)),
            (None, None) => {
                skip(&format!(
                    "no server is named by {SERVER_URL} and no initdb is installed"
                ));
                None
            }
        }
    }

    fn named(url: &str) -> Self {
        let admin = Admin::at(url);
        admin.drop_strays();
        Self {
            admin: Arc::new(admin),
            _cluster: None,
        }
    }

    fn throw_away(programs: &Path) -> Self {
        let cluster = Cluster::start_new(programs);
        Self {
            admin: Arc::new(Admin::of_cluster(&cluster)),
            _cluster: Some(cluster),
        }
    }

    /// A new database: a copy of `template`, to which nobody may be connected meanwhile, or empty.
    pub fn create_database(&self, template: Option<&str>) -> Database {
        self.admin.create_database(template)
    }
}

/// A server that one test has to itself.
pub struct PrivateServer {
    admin: Arc<Admin>,
    cluster: Cluster,
}

impl PrivateServer {
    fn start_new(programs: &Path) -> Self {
        let cluster = Cluster::start_new(programs);
        Self {
            admin: Arc::new(Admin::of_cluster(&cluster)),
            cluster,
        }
    }

    /// A new database: a copy of `template`, to which nobody may be connected meanwhile, or empty.
    pub fn create_database(&self, template: Option<&str>) -> Database {
        self.admin.create_database(template)
    }

    /// Cuts all connections, rolling back what they have not committed, and shuts the server down.
    pub fn stop(&mut self) {
        self.admin.disconnect();
        self.cluster.order("stop INT");
    }

    /// Starts the stopped server again, on the same port and with the same data.
    pub fn start(&mut self) {
        let port = self.cluster.port;
        self.cluster.order(&format!("start {port}"));
    }
}

/// A database of one test; dropping it drops it on the server, whoever is still connected.
pub struct Database {
    pub url: String,
    pub name: String,
    admin: Arc<Admin>,
}

impl Drop for Database {
    fn drop(&mut self) {
        // A stopped server cannot drop it. Where that matters, it goes with the server's cluster.
        let _ = self.admin.drop_database(&self.name);
    }
}

/// Makes and drops databases, over one connection that is opened when it is first needed.
struct Admin {
    address: Address,
    /// Names this process among all that share the server: its databases' names begin with it, and
    /// its connection goes by it, so that [`Self::drop_strays`] knows which are still in use.
    run: String,
    databases: AtomicU32,
    /// How `CREATE DATABASE` is to copy.
    strategy: &'static str,
    /// The server's log, where it can be read.
    log: Option<PathBuf>,
    connection: Mutex<Option<PgConnection>>,
}

impl Admin {
    fn at(url: &str) -> Self {
        Self {
            address: Address::parse(url),
            run: format!("rollcall_test_{:016x}", random()),
            databases: AtomicU32::new(0),
            strategy: "",
            log: None,
            connection: Mutex::new(None),
        }
    }

    /// Without fsync the checkpoints that copying files takes are cheap, and it is twice as fast as
    /// the default, which writes the copy to the write-ahead log as well.
    fn of_cluster(cluster: &Cluster) -> Self {
        let url = format!("postgres://rollcall@127.0.0.1:{}/postgres", cluster.port);
        Self {
            strategy: "STRATEGY FILE_COPY",
            log: Some(cluster.log.clone()),
            ..Self::at(&url)
        }
    }

    fn create_database(self: &Arc<Self>, template: Option<&str>) -> Database {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}_{number}", self.run);
        // Unlike template1, template0 has nothing in it that somebody has put there.
        let template = template.unwrap_or("template0");
        let strategy = self.strategy;
        self.execute(&format!(
            r#"CREATE DATABASE "{name}" TEMPLATE "{template}" {strategy}"#
        ))
        .unwrap_or_else(|error| self.fail(&format!("cannot copy database {template}"), &*error));
        Database {
            url: self.address.url(&name),
            name,
            admin: Arc::clone(self),
        }
    }

    fn drop_database(&self, name: &str) -> Result<(), Box<dyn Error>> {
        self.cut_connections(name)?;
        self.execute(&format!(r#"DROP DATABASE "{name}" WITH (FORCE)"#))
    }

    /// Ends the sessions in a database and waits for them to be gone. `DROP DATABASE` does so too,
    /// but looks only every 100 ms whether they are, even where all have just been closed.
    fn cut_connections(&self, database: &str) -> Result<(), Box<dyn Error>> {
        self.execute(&format!(
            "DO $$ BEGIN
               FOR attempt IN 1..50 LOOP
                 PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
                   WHERE datname = '{database}' AND usename = current_user;
                 EXIT WHEN NOT FOUND;
                 PERFORM pg_sleep(0.002), pg_stat_clear_snapshot();
               END LOOP;
             END $$"
        ))
    }

    /// Drops what test processes have left on a shared server, whether they were killed or kept a
    /// template to their end: the databases whose maker is no longer connected.
    fn drop_strays(&self) {
        let strays = sql::<Text>(
            r"SELECT datname::text FROM pg_database
              WHERE datname LIKE 'rollcall\_test\_%'
                AND pg_get_userbyid(datdba) = current_user
                AND regexp_replace(datname, '_\d+$', '') NOT IN
                    (SELECT application_name FROM pg_stat_activity WHERE application_name <> '')",
        );
        let strays: Vec<String> = self
            .with_connection(|connection| strays.load(connection))
            .unwrap_or_else(|error| self.fail("cannot look for databases left behind", &*error));
        for stray in strays {
            // Another process may drop the same one at this moment.
            let _ = self.drop_database(&stray);
        }
    }

    fn execute(&self, statement: &str) -> Result<(), Box<dyn Error>> {
        self.with_connection(|connection| connection.batch_execute(statement))
    }

    fn with_connection<T>(
        &self,
        work: impl FnOnce(&mut PgConnection) -> QueryResult<T>,
    ) -> Result<T, Box<dyn Error>> {
        let mut slot = self.lock();
        let connection = match slot.as_mut() {
            Some(connection) => connection,
            None => slot.insert(self.connect()?),
        };
        Ok(work(connection)?)
    }

    fn connect(&self) -> Result<PgConnection, Box<dyn Error>> {
        let url = self.address.url(&self.address.maintenance_database);
        let mut connection = PgConnection::establish(&url)?;
        connection.batch_execute(&format!("SET application_name = '{}'", self.run))?;
        Ok(connection)
    }

    fn disconnect(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<PgConnection>> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn fail(&self, what: &str, error: &dyn Error) -> ! {
        let log = self.log.as_deref().map(log_tail).unwrap_or_default();
        panic!("PostgreSQL: {what}: {error}{log}")
    }
}

/// A server's URL, taken apart around the name of the database.
struct Address {
    server: String,
    /// Where one connects to create another.
    maintenance_database: String,
    parameters: String,
}

impl Address {
    fn parse(url: &str) -> Self {
        let (scheme, rest) = url
            .split_once("://")
            .unwrap_or_else(|| panic!("{SERVER_URL} is not a URL: postgres://user@host/database"));
        let (rest, parameters) = rest.split_at(rest.find('?').unwrap_or(rest.len()));
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        let named = Some(database).filter(|name| !name.is_empty());
        Self {
            server: format!("{scheme}://{authority}"),
            maintenance_database: named.unwrap_or("postgres").to_owned(),
            parameters: parameters.to_owned(),
        }
    }

    fn url(&self, database: &str) -> String {
        format!("{}/{database}{}", self.server, self.parameters)
    }
}

/// A throw-away cluster: a server and its data, for as long as this value or the process lives.
struct Cluster {
    supervisor: Child,
    replies: BufReader<ChildStdout>,
    log: PathBuf,
    port: u16,
}

impl Cluster {
    fn start_new(programs: &Path) -> Self {
        let name = format!("rollcall-test-postgres-{:016x}", random());
        let folder = parent_folder().join(name);
        let mut supervisor = spawn_supervisor(&folder, programs);
        let replies = supervisor.stdout.take().expect("its output is piped");
        let mut cluster = Self {
            supervisor,
            replies: BufReader::new(replies),
            log: folder.join("log"),
            port: 0,
        };
        cluster.order("initialize");
        cluster.start_on_free_port();
        cluster
    }

    /// Tries again, because another process may take the port before the server does.
    fn start_on_free_port(&mut self) {
        const ATTEMPTS: u32 = 5;
        for attempt in 1..=ATTEMPTS {
            self.port = free_port();
            match self.try_order(&format!("start {}", self.port)) {
                Err(reply) if attempt == ATTEMPTS => self.fail("start", &reply),
                Err(_) => {}
                Ok(()) => return,
            }
        }
    }

    fn order(&mut self, order: &str) {
        if let Err(reply) = self.try_order(order) {
            self.fail(order, &reply);
        }
    }

    /// Has the supervisor carry out an order; the error is its reply.
    fn try_order(&mut self, order: &str) -> Result<(), String> {
        let orders = self.supervisor.stdin.as_mut().expect("its input is piped");
        // A supervisor that has ended takes no order, but its last words can still be read.
        let _ = writeln!(orders, "{order}");
        let mut reply = String::new();
        match self.replies.read_line(&mut reply) {
            Ok(_) if reply == "0\n" => Ok(()),
            Ok(_) => Err(reply),
            Err(error) => Err(error.to_string()),
        }
    }

    fn fail(&self, order: &str, reply: &str) -> ! {
        let reply = reply.trim_end();
        let log = log_tail(&self.log);
        panic!("PostgreSQL: the throw-away cluster's `{order}` failed ({reply}){log}")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Waiting closes the pipe first, which is the sign to stop the server and clean up.
        let _ = self.supervisor.wait();
    }
}

/// In a process group of its own, so that a Ctrl-C meant for the tests does not reach the server;
/// in UTC, which spares `initdb` a long search for the machine's time zone.
fn spawn_supervisor(folder: &Path, programs: &Path) -> Child {
    let mut shell = Command::new("/bin/sh");
    shell
        .args(["-c", SUPERVISOR, "supervisor"])
        .args([folder, programs])
        .arg(SETTINGS)
        .envs([("LC_ALL", "C"), ("TZ", "UTC")])
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .process_group(0);
    if rustix::process::geteuid().is_root() {
        // Setting the user also drops root's supplementary groups.
        let (user, group) = unprivileged_account();
        shell.uid(user).gid(group);
    }
    shell
        .spawn()
        .unwrap_or_else(|error| panic!("PostgreSQL: cannot run /bin/sh as supervisor: {error}"))
}

/// The user and group to run as instead of root, as whom PostgreSQL refuses to run.
pub(super) fn unprivileged_account() -> (u32, u32) {
    let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
    ["postgres", "nobody"]
        .iter()
        .find_map(|name| find_account(&accounts, name))
        .expect("PostgreSQL does not run as root, and neither postgres nor nobody is a user here")
}

/// Finds the numbers of a user and their group in lines of `name:password:user:group:…`.
fn find_account(accounts: &str, name: &str) -> Option<(u32, u32)> {
    let account = accounts
        .lines()
        .find(|line| line.split(':').next() == Some(name))?;
    let mut numbers = account.split(':').skip(2).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// Where clusters are put: in memory if there is room and `TMPDIR` does not say otherwise, because
/// each database is some three hundred files to make and to remove.
fn parent_folder() -> PathBuf {
    const ENOUGH_KIB: u64 = 1024 * 1024;
    let memory = Path::new("/dev/shm");
    let has_room = || free_kib(memory).is_some_and(|free| free >= ENOUGH_KIB);
    if env::var_os("TMPDIR").is_none() && has_room() {
        memory.to_owned()
    } else {
        env::temp_dir()
    }
}

/// The free space of a folder's file system: the fourth column of what `df` prints.
fn free_kib(folder: &Path) -> Option<u64> {
    let output = Command::new("df").arg("-Pk").arg(folder).output().ok()?;
    let table = String::from_utf8(output.stdout).ok()?;
    let figures = table.lines().nth(1)?;
    figures.split_whitespace().nth(3)?.parse().ok()
}

/// A port from below those that systems give to clients: while a server is stopped, no outgoing
/// connection takes its port.
pub(super) fn free_port() -> u16 {
    const FIRST: u16 = 20_000;
    const COUNT: u16 = 12_000;
    iter::repeat_with(|| FIRST + u16::try_from(random() % u64::from(COUNT)).unwrap_or_default())
        .take(1000)
        .find(|&port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok())
        .expect("PostgreSQL: no port is free on 127.0.0.1")
}

/// A number that differs between processes and between calls: hash maps are seeded with such.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// The end of a server's log, as an appendix to a message.
fn log_tail(log: &Path) -> String {
    const LINES: usize = 30;
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let tail = &lines[lines.len().saturating_sub(LINES)..];
    let tail = tail.join("\n");
    format!("\n--- the end of {} ---\n{tail}", log.display())
}

fn installed_programs() -> Option<PathBuf> {
    find_programs(&env::var_os("PATH").unwrap_or_default(), &USUAL_PLACES)
}

/// The first folder of the search path, or else of the usual places, with all of a server's
/// programs.
fn find_programs(search_path: &OsStr, usual_places: &[&str]) -> Option<PathBuf> {
    env::split_paths(search_path)
        .chain(usual_places.iter().flat_map(|place| versions(place)))
        .find(|folder| PROGRAMS.iter().all(|name| folder.join(name).is_file()))
        .and_then(|folder| folder.canonicalize().ok())
}

/// The folders that a place with a `*` for the version stands for, the newest version first.
fn versions(place: &str) -> Vec<PathBuf> {
    let Some((before, after)) = place.split_once('*') else {
        return vec![place.into()];
    };
    let (parent, prefix) = before.rsplit_once('/').unwrap_or((".", before));
    let version = |name: OsString| name.to_str()?.strip_prefix(prefix)?.parse().ok();
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let mut versions: Vec<u32> = entries
        .filter_map(|entry| version(entry.file_name()))
        .collect();
    versions.sort_unstable_by_key(|&version| Reverse(version));
    versions
        .iter()
        .map(|version| format!("{before}{version}{after}").into())
        .collect()
}

/// Says why PostgreSQL is skipped, past the test harness, which shows what a test prints only when
/// the test fails.
fn skip(reason: &str) {
    assert!(
        variable(REQUIRED).is_none(),
        "PostgreSQL is required by {REQUIRED}, but {reason}"
    );
    let _ = writeln!(io::stderr(), "PostgreSQL was skipped: {reason}");
}

/// An environment variable, if it says anything.
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}
