//! What every request and every worker shares: nothing that another replica would need.

mod disk;
mod federation;
pub mod identity_providers;
mod key_source;
mod lookout;
pub mod lookups;
pub mod organization_places;
mod private_files;
pub mod process_status;
mod start_error;
mod upload_rate;
pub mod uploads;

pub use self::disk::{ROOM, free_bytes, require_usable, require_writable_folder};
pub use self::federation::key_file as federation_key_file;
pub use self::private_files::make_folder as make_private_folder;
pub use self::private_files::{is_open_to_others, open_to_others_in};
pub use self::start_error::StartError;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::OptionFuture;
use tracing::Span;

use self::key_source::KeySource;
use self::lookout::Lookout;
use self::lookups::Lookups;
use self::organization_places::OrganizationPlaces;
use self::process_status::ProcessStatus;
use self::uploads::Uploads;
use crate::clock::Clock;
use crate::config::Config;
use crate::crypto::access_token::SigningKeys;
use crate::crypto::federation_keys::FederationKeys;
use crate::crypto::hasher::Hasher;
use crate::crypto::sealing::SealingKeys;
use crate::domain::database_url::DatabaseUrl;
use crate::domain::ids::OrganizationId;
use crate::domain::limits::Limit;
use crate::domain::timestamp::Timestamp;
use crate::error::{Code, Error, Result};
use crate::mail::sending::MailRoute;
use crate::mail::transport::Transport;
use crate::mail::{Links, Outbox};
use crate::outbound::Outbound;
use crate::services::context::RequestContext;
use crate::services::unit_of_work::{Services, UnitOfWork};
use crate::services::work_signal::WorkSignal;
use crate::store::pool::TIMEOUT;
use crate::store::pooler::{MIXED_UP, Pooling};
use crate::store::{Pool, migrations};
use crate::telemetry::Metrics;

/// The shared parts; clones share them.
#[derive(Clone)]
pub struct State {
    pub services: Services,
    pub signing: Arc<SigningKeys>,
    /// The keys that identify Rollcall to foreign systems, where the installation has any.
    pub federation: Option<Arc<FederationKeys>>,
    /// How mail leaves.
    pub transport: Arc<Transport>,
    /// How foreign systems are called.
    pub outbound: Outbound,
    /// The migrations that this start applied.
    pub migrations: Arc<[String]>,
    /// Uploads that may arrive at a time: each has a thread.
    pub uploads: Uploads,
    /// Questions to the domain name system, few at a time of each organization.
    pub lookups: Lookups,
    /// Bounds how many requests of one organization use the database at a time.
    pub organization_places: OrganizationPlaces,
    /// Whether this process is one to send requests to.
    pub status: ProcessStatus,
    /// Asks the database how it is.
    pub lookout: Lookout,
}

impl State {
    /// Makes the shared parts: the data folder and keys where the database is embedded, the pool,
    /// the hashing threads. The schema is brought up to date.
    ///
    /// # Errors
    /// Where any of them cannot be had.
    pub fn open(config: Config, clock: Clock) -> Result<Self, StartError> {
        if config.is_embedded() {
            private_files::make_folder(&config.data_dir).map_err(|source| {
                let path = config.data_dir.clone();
                StartError::DataDir { path, source }
            })?;
        }
        let keys = Keys::load(&config)?;
        let outbound = Outbound::configured(&config)?;
        let federation = federation::load(&config)?;
        if let DatabaseUrl::Sqlite(path) = &config.database_url {
            disk::require_usable(path.as_ref()).map_err(|source| {
                let path = path.clone();
                StartError::DatabaseFile { path, source }
            })?;
        }
        let pool = open_pool(&config).map_err(StartError::Database)?;
        let applied = wait_for_database(config.database_wait, || migrate(&pool, clock.now()))
            .map_err(StartError::Database)?;
        if config.is_embedded() {
            private_files::warn_of_wide_modes(&config.data_dir);
        }
        let metrics = Arc::new(Metrics::new().map_err(StartError::Other)?);
        let hasher = Hasher::start(config.password_hash, config.hash_threads, &metrics)
            .map_err(StartError::Other)?;
        let sealing = Arc::new(keys.sealing);
        let requests = config.connections_of_requests();
        let links = Links::into(&config.spa_url);
        let of_mailbox = config.limits.of(Limit::MailToMailbox);
        let transport = Arc::new(Transport::configured(&config));
        let services = Services {
            outbox: Arc::new(Outbox::new(sealing.clone(), links, of_mailbox)),
            config: Arc::new(config),
            clock,
            pool,
            hasher,
            sealing,
            signal: WorkSignal::default(),
            metrics,
        };
        Ok(Self {
            transport,
            lookout: Lookout::of(Services {
                pool: services.pool.beside(1),
                ..services.clone()
            }),
            services,
            signing: Arc::new(keys.signing),
            federation: federation.map(Arc::new),
            outbound,
            migrations: applied.into(),
            uploads: Uploads::default(),
            lookups: Lookups::default(),
            organization_places: OrganizationPlaces::among(requests),
            status: ProcessStatus::default(),
        })
    }

    /// Runs one unit of work on one connection, off the threads that serve, within the span of its
    /// request: what is logged there carries the request's id.
    ///
    /// # Errors
    /// The work's own, or `unavailable` where no connection is to be had.
    pub async fn unit_of_work<T: Send + 'static>(
        &self,
        context: RequestContext,
        work: impl FnOnce(&mut UnitOfWork<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.unit_of_work_of(None, context, work).await
    }

    /// As [`State::unit_of_work`], in one of the organization's places.
    ///
    /// The waits for a place and a connection count from here, and not from when a thread is free: while the
    /// database is away, those who come late would else wait for all before them in turn.
    ///
    /// # Errors
    /// As there.
    pub async fn unit_of_work_of<T: Send + 'static>(
        &self,
        organization: Option<OrganizationId>,
        context: RequestContext,
        work: impl FnOnce(&mut UnitOfWork<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let services = self.services.clone();
        let deadline = Instant::now() + TIMEOUT;
        let place = organization.map(|id| self.organization_places.take(id, deadline));
        let place = OptionFuture::from(place).await.transpose()?;
        let span = Span::current();
        let run = move || {
            // As long as the work, whose client may be gone.
            let _place = place;
            span.in_scope(|| services.run_until(deadline, &context, work))
        };
        tokio::task::spawn_blocking(run)
            .await
            .map_err(Error::internal)?
    }

    /// As [`State::unit_of_work`], for what nobody has to be permitted.
    ///
    /// # Errors
    /// As there.
    pub async fn unit_of_work_as_system<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut UnitOfWork<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let context = RequestContext::system(self.services.clock.now());
        self.unit_of_work(context, work).await
    }

    /// Closes the connections to the database, once nobody is served any more.
    pub fn close(&self) {
        self.services.pool.close();
        self.lookout.close();
    }

    /// Refuses where nothing can be written: a server that only reads is not ready.
    ///
    /// # Errors
    /// `unavailable`.
    pub fn require_room(&self) -> Result<()> {
        disk::require_room(&self.services.config.database_url)
    }

    /// Where the keys are, and what each file is called in a data folder.
    ///
    /// # Errors
    /// Never: this state was opened with them.
    pub fn key_files(&self) -> Result<Vec<(PathBuf, &'static str)>, StartError> {
        let config = &self.services.config;
        let files = key_files(config)?;
        let always = [(files.signing, SIGNING_KEYS), (files.sealing, SEALING_KEYS)];
        let federation = federation_key_file(config).ok();
        let federation = federation.map(|file| (file, federation::NAME));
        Ok(always.into_iter().chain(federation).collect())
    }

    /// What a mail needs on its way.
    pub fn mail_route(&self) -> MailRoute {
        MailRoute {
            pool: self.services.pool.clone(),
            clock: self.services.clock.clone(),
            outbox: self.services.outbox.clone(),
            metrics: self.services.metrics.clone(),
            transport: self.transport.clone(),
            from: self.services.config.mail_from.clone(),
        }
    }
}

/// Tries again, for so long, while the database is away: beside a server that starts, its database may
/// be starting too.
fn wait_for_database<T>(long: Duration, start: impl Fn() -> Result<T>) -> Result<T> {
    const PAUSE: Duration = Duration::from_millis(500);
    let deadline = Instant::now() + long;
    loop {
        match start() {
            Err(Error::Unavailable(cause)) if Instant::now() < deadline => {
                tracing::warn!(%cause, "waiting for the database");
                std::thread::sleep(PAUSE);
            }
            ended => return ended,
        }
    }
}

fn open_pool(config: &Config) -> Result<Pool> {
    let (url, size) = (&config.database_url, config.connections_at_work());
    Pool::open(url, size, config.prepared_statements)
}

fn migrate(pool: &Pool, now: Timestamp) -> Result<Vec<String>> {
    require_separate_statements(pool)?;
    migrations::run(&mut *pool.get()?, now)
}

/// Refuses a pooler that mixes up prepared statements, before anything is asked through it.
fn require_separate_statements(pool: &Pool) -> Result<()> {
    match pool.pooling()? {
        Pooling::None | Pooling::ByTransaction => Ok(()),
        Pooling::MixedUp => Err(Error::refused(Code::Unavailable, MIXED_UP)),
    }
}

struct Keys {
    signing: SigningKeys,
    sealing: SealingKeys,
}

impl Keys {
    fn load(config: &Config) -> Result<Self, StartError> {
        let embedded = config.is_embedded();
        let files = key_files(config)?;
        require_keys_of_database(config, &files)?;
        let may_make_signing = embedded && config.signing_key_file.is_none();
        let may_make_sealing = embedded && config.sealing_key_file.is_none();
        for file in [
            &config.signing_key_file,
            &config.sealing_key_file,
            &config.federation_key_file,
        ] {
            file.iter()
                .for_each(|file| private_files::warn_if_wide(file));
        }
        Ok(Self {
            signing: SigningKeys::load(&files.signing, may_make_signing, &issuer(config))?,
            sealing: SealingKeys::load(&files.sealing, may_make_sealing)?,
        })
    }
}

/// Refuses to make keys beside an embedded database that is there: it has keys already.
///
/// # Errors
/// Where the database is there and a key is not.
pub fn require_keys_of_database(config: &Config, files: &KeyFiles) -> Result<(), StartError> {
    let DatabaseUrl::Sqlite(database) = &config.database_url else {
        return Ok(());
    };
    let is_new = std::fs::metadata(database).map_or(true, |file| file.len() == 0);
    let lost = [&files.signing, &files.sealing]
        .into_iter()
        .find(|key| !is_new && !key.exists());
    match lost {
        Some(key) => Err(StartError::KeyLost {
            key: key.clone(),
            database: database.clone(),
        }),
        None => Ok(()),
    }
}

/// Where the keys are.
pub struct KeyFiles {
    pub signing: PathBuf,
    pub sealing: PathBuf,
}

/// What the files of keys are called in a data folder.
const SIGNING_KEYS: &str = "signing.pem";
const SEALING_KEYS: &str = "sealing.key";

/// Where the signing and the sealing keys are.
///
/// # Errors
/// Where the configuration does not say it, and no data folder has them.
pub fn key_files(config: &Config) -> Result<KeyFiles, StartError> {
    Ok(KeyFiles {
        signing: signing_key_file(config)?,
        sealing: sealing_key_file(config)?,
    })
}

/// Where the keys are that sign access tokens.
///
/// # Errors
/// As of [`key_files`].
pub fn signing_key_file(config: &Config) -> Result<PathBuf, StartError> {
    const SIGNING: KeySource = KeySource {
        file: SIGNING_KEYS,
        variable: "ROLLCALL_SIGNING_KEY_FILE",
        command: "openssl genpkey -algorithm ed25519",
    };
    SIGNING.find(config, config.signing_key_file.as_ref())
}

/// Where the keys are that seal what is kept.
///
/// # Errors
/// As of [`key_files`].
pub fn sealing_key_file(config: &Config) -> Result<PathBuf, StartError> {
    const SEALING: KeySource = KeySource {
        file: SEALING_KEYS,
        variable: "ROLLCALL_SEALING_KEY_FILE",
        command: "openssl rand -base64 32",
    };
    SEALING.find(config, config.sealing_key_file.as_ref())
}

/// Whether the data folder of an embedded installation has keys, which are made with its database.
pub fn keys_in_data_folder(config: &Config) -> bool {
    let made = |name| config.data_dir.join(name).exists();
    config.is_embedded() && (made(SIGNING_KEYS) || made(SEALING_KEYS))
}

/// The same on every replica, and after a restart on another port.
fn issuer(config: &Config) -> String {
    match &config.public_url {
        Some(url) => url.as_str().trim_end_matches('/').to_owned(),
        None => "rollcall".to_owned(),
    }
}
