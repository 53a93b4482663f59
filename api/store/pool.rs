//! Connections to whichever database the URL names.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use diesel::connection::{CacheSize, Instrumentation, InstrumentationEvent, SimpleConnection};
use diesel::r2d2::{self, R2D2Connection as _};
use diesel::result::{DatabaseErrorKind, Error as Diesel};
use diesel::{Connection as _, PgConnection, SqliteConnection};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::Connection;
use super::pooler::{self, MixUps, Pooling, is_mix_up};
use super::transaction::bound_session;
pub use crate::domain::database_url::{DatabaseUrl, PreparedStatements};
use crate::error::{Error, Result};

/// A pool of connections; clones share it.
#[derive(Clone)]
pub struct Pool {
    connections: r2d2::Pool<Manager>,
    size: u32,
    shared: Manager,
}

/// Which database, and how it is spoken to.
struct Address {
    url: DatabaseUrl,
    statements: PreparedStatements,
}

/// How long whoever needs a connection waits for one: long enough for a database that restarts
/// quickly.
pub const TIMEOUT: Duration = Duration::from_secs(5);

/// How long the end of a process waits for connections that are at work.
const CLOSING: Duration = Duration::from_secs(1);

/// A connection on loan from the pool.
pub type Pooled = r2d2::PooledConnection<Manager>;

impl Pool {
    /// Opens a pool of at most `size` connections. Connections are made when they are needed, so a
    /// database that is not there yet is no error here.
    pub fn open(url: &DatabaseUrl, size: u32, statements: PreparedStatements) -> Result<Self> {
        let url = url.clone();
        let shared = Manager {
            address: Arc::new(Address { url, statements }),
            mix_ups: Arc::new(MixUps::default()),
            file: Arc::new(OnceLock::new()),
            losses: Arc::new(AtomicU64::new(0)),
            statements: Arc::new(AtomicU64::new(0)),
            closing: Arc::new(AtomicBool::new(false)),
            open: Arc::default(),
        };
        Ok(Self::of(shared, size))
    }

    /// Another one of at most `size` connections to the same database. What one finds out about it, both know.
    pub fn beside(&self, size: u32) -> Self {
        Self::of(self.shared.clone(), size)
    }

    fn of(shared: Manager, size: u32) -> Self {
        let open = Arc::default();
        let shared = Manager { open, ..shared };
        let connections = r2d2::Pool::builder()
            .max_size(size)
            .min_idle(Some(0))
            .connection_timeout(TIMEOUT)
            .error_handler(Box::new(LoggedErrors))
            .build_unchecked(shared.clone());
        Self {
            connections,
            size,
            shared,
        }
    }

    /// Takes a connection, waiting for one for at most [`TIMEOUT`].
    pub fn get(&self) -> Result<Pooled> {
        self.get_until(Instant::now() + TIMEOUT)
    }

    /// Takes a connection; where none is to be had, waits for one until then. While a pooler mixes up
    /// statements there is none.
    pub fn get_until(&self, deadline: Instant) -> Result<Pooled> {
        self.shared.mix_ups.require_none(|| self.pooling())?;
        let left = deadline.saturating_duration_since(Instant::now());
        self.connections
            .get_timeout(left)
            .map_err(Error::unavailable)
    }

    /// What is between this process and the database.
    pub fn pooling(&self) -> Result<Pooling> {
        let address = &self.shared.address;
        let statements = address.statements;
        match &address.url {
            DatabaseUrl::Postgres(url) => {
                pooler::probe(|| connect_to_postgres(url, statements).map_err(Error::unavailable))
            }
            DatabaseUrl::Sqlite(_) => Ok(Pooling::None),
        }
    }

    /// How many connections there can be.
    pub fn size(&self) -> u32 {
        self.size
    }

    /// How many statements were sent since the pool was opened.
    pub fn statements(&self) -> u64 {
        self.shared.statements.load(Ordering::Relaxed)
    }

    /// Closes connections that are idle now, and any other as soon as it comes back, for which it waits for a second at
    /// most; those of pools beside this one close as they come back, too, and none is opened any more. The end of a
    /// process alone closes none.
    pub fn close(&self) {
        self.shared.closing.store(true, Ordering::SeqCst);
        let deadline = Instant::now() + CLOSING;
        // The pool forgets a connection before it is closed: those that are open are counted by themselves.
        while self.shared.open.load(Ordering::SeqCst) > 0 && Instant::now() < deadline {
            let moment = Duration::from_millis(10);
            if self.connections.state().idle_connections > 0 {
                drop(self.connections.get_timeout(moment));
            } else {
                std::thread::sleep(moment);
            }
        }
        self.shared.empty_log();
    }

    /// How many connections are at work now.
    pub fn in_use(&self) -> u32 {
        let state = self.connections.state();
        state.connections.saturating_sub(state.idle_connections)
    }
}

#[derive(Debug)]
struct LoggedErrors;

impl r2d2::HandleError<ConnectError> for LoggedErrors {
    fn handle_error(&self, error: ConnectError) {
        tracing::warn!(%error, "no connection to the database");
    }
}

/// Makes and judges connections. Clones share what they know.
#[derive(Clone)]
pub struct Manager {
    address: Arc<Address>,
    mix_ups: Arc<MixUps>,
    /// The file of the embedded database, once it was opened.
    file: Arc<OnceLock<FileId>>,
    /// How often a connection was found dead: after each time, every older one is suspect.
    losses: Arc<AtomicU64>,
    statements: Arc<AtomicU64>,
    /// Whether connections that come back are no longer kept.
    closing: Arc<AtomicBool>,
    /// How many connections of this pool are open.
    open: Arc<AtomicU64>,
}

/// A connection and what the pool knows of its health.
pub struct Guarded {
    connection: Connection,
    dead: Arc<AtomicBool>,
    losses_seen: u64,
    last_checked: Instant,
    /// The last field: it is dropped when the connection has been closed.
    _open: Open,
}

/// A connection that is counted as open.
struct Open(Arc<AtomicU64>);

impl Open {
    fn counted(count: &Arc<AtomicU64>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl std::ops::Deref for Guarded {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl std::ops::DerefMut for Guarded {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

/// Why no connection could be made or a test of one failed.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error(transparent)]
    Connect(#[from] diesel::ConnectionError),
    #[error(transparent)]
    Query(#[from] Diesel),
    #[error("the file {path}: {source}")]
    File {
        path: String,
        source: std::io::Error,
    },
    #[error(
        "the file {path} is not the one that was opened at the start: it was replaced. Start the \
         server again to serve the new one"
    )]
    Replaced { path: String },
    #[error("the process ends")]
    Closing,
}

impl Manager {
    /// Refuses a file that was deleted or replaced since it was first opened: SQLite would go on in the
    /// one that nobody sees any more, or begin an empty one.
    fn require_same_file(&self) -> Result<(), ConnectError> {
        let DatabaseUrl::Sqlite(path) = &self.address.url else {
            return Ok(());
        };
        let Some(opened) = self.file.get() else {
            return Ok(());
        };
        if *opened == FileId::of(path)? {
            return Ok(());
        }
        let path = path.clone();
        Err(ConnectError::Replaced { path })
    }

    /// Brings the log of an embedded database into its file, and takes it away. The last connection does so as it is
    /// closed, but two that are closed at one moment each leave it to the other.
    fn empty_log(&self) {
        if let DatabaseUrl::Sqlite(path) = &self.address.url
            && Path::new(&format!("{path}-wal")).exists()
            && self.require_same_file().is_ok()
        {
            drop(open_sqlite(path));
        }
    }

    /// Makes the file of a new database, before the first connection only: one that is taken away later, at whatever
    /// moment, is not replaced by an empty one.
    fn make_file_once(&self) {
        if let (DatabaseUrl::Sqlite(path), None) = (&self.address.url, self.file.get()) {
            make_private(path);
        }
    }
}

/// Which file a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    fn of(path: &str) -> Result<Self, ConnectError> {
        let metadata = std::fs::metadata(path).map_err(|source| {
            let path = path.to_owned();
            ConnectError::File { path, source }
        })?;
        Ok(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        })
    }
}

/// A connection that was checked so recently is taken to live; a round trip at every checkout would
/// cost a busy server more than it tells.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

impl r2d2::ManageConnection for Manager {
    type Connection = Guarded;
    type Error = ConnectError;

    fn connect(&self) -> Result<Guarded, ConnectError> {
        // Counted before it asks, so that whoever closes sees either the connection or its refusal.
        let counted = Open::counted(&self.open);
        if self.closing.load(Ordering::SeqCst) {
            return Err(ConnectError::Closing);
        }
        self.require_same_file()?;
        let losses_seen = self.losses.load(Ordering::Acquire);
        self.make_file_once();
        let mut connection = connect(&self.address.url, self.address.statements)?;
        if let DatabaseUrl::Sqlite(path) = &self.address.url {
            let id = FileId::of(path)?;
            self.file.get_or_init(|| id);
        }
        let dead = Arc::new(AtomicBool::new(false));
        connection.set_instrumentation(Watch {
            dead: dead.clone(),
            losses: self.losses.clone(),
            mix_ups: self.mix_ups.clone(),
            statements: self.statements.clone(),
        });
        Ok(Guarded {
            connection,
            dead,
            losses_seen,
            last_checked: Instant::now(),
            _open: counted,
        })
    }

    /// Called at each checkout: asks the server only where there is reason to.
    fn is_valid(&self, guarded: &mut Guarded) -> Result<(), ConnectError> {
        self.require_same_file()?;
        let losses = self.losses.load(Ordering::Acquire);
        if guarded.losses_seen == losses && guarded.last_checked.elapsed() < TRUSTED_FOR {
            return Ok(());
        }
        guarded.connection.batch_execute("SELECT 1")?;
        guarded.losses_seen = losses;
        guarded.last_checked = Instant::now();
        Ok(())
    }

    /// Called at each return. One that is still in a transaction would keep from everybody else
    /// what the next borrower writes.
    fn has_broken(&self, guarded: &mut Guarded) -> bool {
        guarded.dead.load(Ordering::Acquire)
            || guarded.connection.is_broken()
            || self.closing.load(Ordering::Acquire)
            || std::thread::panicking()
    }
}

/// Counts statements, marks a connection dead as soon as one on it tells so, and notes where they are mixed up.
struct Watch {
    dead: Arc<AtomicBool>,
    losses: Arc<AtomicU64>,
    mix_ups: Arc<MixUps>,
    statements: Arc<AtomicU64>,
}

impl Watch {
    fn note(&self, error: &Diesel) {
        if is_mix_up(error) {
            self.mix_ups.note();
        }
        if is_loss(error) && !self.dead.swap(true, Ordering::AcqRel) {
            self.losses.fetch_add(1, Ordering::AcqRel);
        }
    }
}

impl Instrumentation for Watch {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        match event {
            InstrumentationEvent::StartQuery { .. } => {
                self.statements.fetch_add(1, Ordering::Relaxed);
            }
            InstrumentationEvent::FinishQuery {
                error: Some(error), ..
            } => self.note(error),
            _ => {}
        }
    }
}

fn is_loss(error: &Diesel) -> bool {
    match error {
        Diesel::BrokenTransactionManager => true,
        Diesel::DatabaseError(
            DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand,
            _,
        ) => true,
        Diesel::DatabaseError(_, information) => {
            let message = information.message();
            message.contains("terminating connection")
                || message.contains("server closed the connection")
                || message.contains("no connection to the server")
        }
        _ => false,
    }
}

/// For what libpq would wait without end, unless the URL says otherwise: that a server answers a new
/// connection, and that a machine which has vanished shows a sign of life. In seconds, but the last,
/// which is in milliseconds.
const LIMITS: [(&str, u32); 5] = [
    ("connect_timeout", 5),
    ("keepalives_idle", 10),
    ("keepalives_interval", 5),
    ("keepalives_count", 3),
    ("tcp_user_timeout", 25_000),
];

fn connect_to_postgres(
    url: &str,
    statements: PreparedStatements,
) -> Result<PgConnection, ConnectError> {
    let mut connection = PgConnection::establish(&with_limits(url))?;
    match statements {
        PreparedStatements::Named => {}
        PreparedStatements::Unnamed => {
            connection.set_prepared_statement_cache_size(CacheSize::Disabled);
        }
    }
    bound_session(&mut connection)?;
    Ok(connection)
}

fn with_limits(url: &str) -> String {
    let (_, rest) = url.split_once("://").unwrap_or_default();
    // As libpq sees it, a password may have a question mark in it.
    let place = match rest.split_once('@') {
        Some((user, place)) if !user.contains('/') => place,
        _ => rest,
    };
    let query = place.split_once('?').map(|(_, query)| query);
    let is_set = |name: &str| {
        let mut settings = query.unwrap_or_default().split('&');
        settings.any(|setting| setting.split('=').next() == Some(name))
    };
    let limits = LIMITS.iter().filter(|(name, _)| !is_set(name));
    let limits = limits.map(|(name, limit)| format!("{name}={limit}"));
    let joint = match query {
        None => "?",
        Some("") => "",
        Some(_) => "&",
    };
    format!("{url}{joint}{}", limits.collect::<Vec<_>>().join("&"))
}

/// Opens one connection.
pub(super) fn connect(
    url: &DatabaseUrl,
    statements: PreparedStatements,
) -> Result<Connection, ConnectError> {
    Ok(match url {
        DatabaseUrl::Sqlite(path) => Connection::Sqlite(open_sqlite(path)?),
        DatabaseUrl::Postgres(url) => Connection::Postgres(connect_to_postgres(url, statements)?),
    })
}

/// Makes the file of a new database, for its owner only; SQLite gives the files beside it the same rights.
/// What keeps it from being made, SQLite tells. One that exists is not opened here: closing it would let go
/// of the locks that this process has on it.
pub(super) fn make_private(path: &str) {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    drop(options.open(path));
}

/// The URL by which SQLite opens a file in such a way.
pub(super) fn file_url(path: &str, how: &str) -> String {
    format!("file:{}?{how}", utf8_percent_encode(path, IN_URL))
}

/// What a path may not have in a URL of SQLite.
const IN_URL: &AsciiSet = &CONTROLS.add(b'%').add(b'?').add(b'#');

/// Opens a file that is there. `busy_timeout` comes first: switching to WAL already takes a lock.
fn open_sqlite(path: &str) -> Result<SqliteConnection, ConnectError> {
    let mut connection = SqliteConnection::establish(&file_url(path, "mode=rw"))?;
    connection.batch_execute(
        "PRAGMA busy_timeout = 15000;
         PRAGMA journal_mode = WAL;
         PRAGMA synchronous = NORMAL;
         PRAGMA foreign_keys = ON;",
    )?;
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_stand_behind_what_a_url_says_itself() {
        let all = "connect_timeout=5&keepalives_idle=10&keepalives_interval=5&keepalives_count=3\
                   &tcp_user_timeout=25000";
        for (url, joint) in [
            ("postgres://db.example/rollcall", "?"),
            ("postgres://rollcall:what?@db.example/rollcall", "?"),
            ("postgres://db.example/rollcall?sslmode=require", "&"),
            ("postgres:///rollcall?host=/run/postgresql&user=a@b", "&"),
        ] {
            assert_eq!(with_limits(url), format!("{url}{joint}{all}"));
        }
        let own = "postgres://db.example/rollcall?connect_timeout=60";
        assert!(with_limits(own).starts_with(&format!("{own}&keepalives_idle=10")));
    }

    #[test]
    fn a_closed_pool_leaves_no_log_and_opens_nothing_any_more() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rollcall.sqlite");
        let url = DatabaseUrl::Sqlite(path.to_str().unwrap().to_owned());
        let pool = Pool::open(&url, 4, PreparedStatements::Named).unwrap();
        let beside = pool.beside(1);
        let mut connections = [(); 3].map(|()| pool.get().unwrap());
        let log = folder.path().join("rollcall.sqlite-wal");
        connections[0]
            .batch_execute("CREATE TABLE people (name text)")
            .unwrap();
        assert!(log.exists());
        let threads = connections.map(|connection| std::thread::spawn(|| drop(connection)));
        pool.close();
        for thread in threads {
            thread.join().unwrap();
        }
        assert!(!log.exists());
        let soon = Instant::now() + Duration::from_millis(50);
        assert!(pool.get_until(soon).is_err() && beside.get_until(soon).is_err());
        assert!(!log.exists());
    }
}
