//! The configuration: defaults, then a file, then the environment.
//!
//! `settings` is the table of all settings. `docs/configuration.md` is made from it and tells how
//! values are set.

mod defaults;
mod documentation;
mod error;
mod file;
pub mod limit_settings;
mod names;
mod reader;
mod redaction;
mod setting;
mod settings;
mod source;
mod values;

pub use self::documentation::{environment_file, markdown};
pub use self::error::{ConfigError, UnknownVariable};
pub use self::values::{LogFormat, OrganizationCreation};

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use url::Url;

use self::defaults::{connections, cores, creation, sqlite_in, stop_delay, worker_poll};
use self::limit_settings::of_limit;
use self::names::is_known;
use self::reader::{EffectiveSetting, SettingsReader, refusal};
use self::setting::{PREFIX, variable};
use self::settings::{
    AUDIT_DAYS, CONFIG_FILE, CORS_ORIGINS, DATA_DIR, DATABASE_CONNECTIONS,
    DATABASE_PREPARED_STATEMENTS, DATABASE_URL, DATABASE_WAIT_SECONDS, DNS_SERVERS,
    FEDERATION_KEY_FILE, HASH_THREADS, IMPORT_LEASE_SECONDS, IMPORT_WORKERS, KEEP_ALIVE_SECONDS,
    LISTEN, LOG, LOG_FORMAT, LOGIN_DOMAIN, MAIL_FROM, MAIL_LEASE_SECONDS, MAIL_PER_MINUTE,
    MAIL_WORKERS, ORGANIZATION_CREATION, OUTBOUND_ALLOW, OUTBOUND_CA_FILE, OUTBOUND_PROXY,
    PASSWORD_HASH, PROXY_HEADER, PUBLIC_URL, RESULTS_HOURS, SEALING_KEY_FILE, SIGNING_KEY_FILE,
    SMTP_URL, SPA_URL, SSO_SKEW_SECONDS, STOP_DELAY_SECONDS, TRACES_ENDPOINT, TRUSTED_PROXIES,
};
use self::source::Sources;
use self::values::{is_local, origin_of};
use crate::domain::client_address::{ProxyHeader, TrustedProxies};
use crate::domain::database_url::{DatabaseUrl, PreparedStatements};
use crate::domain::generated_address::LoginDomain;
use crate::domain::hash_cost::HashCost;
use crate::domain::limits::{Limit, Quotas};
use crate::domain::mail::Mailbox;
use crate::domain::smtp_url::SmtpUrl;

/// Everything that can be set.
#[derive(Clone, Debug)]
pub struct Config {
    /// Address and port to listen on; port 0 takes a free one.
    pub listen: String,
    /// The embedded database, keys and mail.
    pub data_dir: PathBuf,
    pub database_url: DatabaseUrl,
    /// How statements are prepared on PostgreSQL.
    pub prepared_statements: PreparedStatements,
    /// The connections to the database at most, those of the workers included.
    pub database_connections: u32,
    /// How long a server goes on serving after SIGTERM.
    pub stop_delay: Duration,
    /// How long a server that starts waits for its database.
    pub database_wait: Duration,
    /// By how much the clocks of identity providers may differ.
    pub sso_skew: Duration,
    /// How long the audit log keeps an event.
    pub audit_kept: Duration,
    /// URL at which clients reach this API, if it is set.
    pub public_url: Option<Url>,
    /// URL of the single-page app.
    pub spa_url: Url,
    /// Origins that browsers may call from.
    pub cors_origins: Vec<String>,
    /// Whether pages of this machine may call too, on whatever port their development server listens.
    pub local_origins: bool,
    /// Who is asked what the domain name system says; nobody: those of the system.
    pub dns_servers: Vec<SocketAddr>,
    /// How long an idle connection waits for the next request.
    pub keep_alive: Duration,
    pub organization_creation: OrganizationCreation,
    /// Domain of generated login addresses.
    pub login_domain: LoginDomain,
    pub signing_key_file: Option<PathBuf>,
    pub sealing_key_file: Option<PathBuf>,
    pub federation_key_file: Option<PathBuf>,
    pub password_hash: HashCost,
    /// Threads that hash passwords, for each of the two lanes.
    pub hash_threads: usize,
    /// Batches of imports that one process has in hand at a time: at most `hash_threads`.
    pub import_workers: usize,
    /// How long a worker may be silent before another takes its batch of an import.
    pub import_lease: Duration,
    /// How often a worker looks for work that no signal announced.
    pub worker_poll: Duration,
    /// How long an import's passwords can be downloaded.
    pub results_lifetime: Duration,
    /// The mail server; without one, mail is written into a folder.
    pub smtp_url: Option<SmtpUrl>,
    /// The quotas of all limits.
    pub limits: Quotas,
    /// Proxies whose word is taken for whom they speak.
    pub trusted_proxies: TrustedProxies,
    /// The header in which they say it.
    pub proxy_header: ProxyHeader,
    /// Sender of mail.
    pub mail_from: Mailbox,
    /// Mails sent in a minute by all replicas together, at most.
    pub mail_per_minute: u32,
    /// Mails that one process sends at a time.
    pub mail_workers: usize,
    /// How long a worker may spend on one mail before another takes it over.
    pub mail_lease: Duration,
    /// What may be called although it is not public.
    pub outbound_allow: Vec<IpNet>,
    /// Through which foreign systems are called.
    pub outbound_proxy: Option<Url>,
    /// Certificates of authorities that foreign systems may have theirs from besides the system's.
    pub outbound_ca_file: Option<PathBuf>,
    /// How long a call of one may take, from the question to the last byte of the answer
    /// (`docs/security.md#calls-to-others`). No setting changes it.
    pub outbound_timeout: Duration,
    /// How long calls wait for a place, besides. No setting changes it.
    pub outbound_wait: Duration,
    pub log: String,
    pub log_format: LogFormat,
    /// Where traces go; none: none are made.
    pub traces_endpoint: Option<Url>,
    effective: Vec<EffectiveSetting>,
    unknown_variables: Vec<UnknownVariable>,
}

/// Those of the setting by which a server finds out how its database is.
const CONNECTIONS_OF_LOOKOUT: u32 = 1;

/// What `outbound_timeout` is.
const OUTBOUND_TIMEOUT: Duration = Duration::from_secs(10);

/// What `outbound_wait` is: a class that comes at once to a provider that takes half a second has come in by then, and a
/// request is answered within its minute.
const OUTBOUND_WAIT: Duration = Duration::from_secs(30);

impl Config {
    /// Loads the configuration of this process.
    ///
    /// # Errors
    /// The first setting that cannot be used.
    pub fn load() -> Result<Self, ConfigError> {
        let ours = |(name, value): (OsString, OsString)| {
            let name = name.to_str()?.strip_prefix(PREFIX)?.to_lowercase();
            Some((name, value))
        };
        let mut environment = HashMap::new();
        for (name, value) in std::env::vars_os().filter_map(ours) {
            environment.insert(name.clone(), text(&name, value)?);
        }
        Self::from_environment(environment)
    }

    /// Where browsers reach this API, without a slash at the end.
    pub fn public_base(&self) -> String {
        match &self.public_url {
            Some(url) => url.as_str().trim_end_matches('/').to_owned(),
            None => format!("http://{}", self.listen),
        }
    }

    /// Whether clients reach this API by https.
    pub fn is_https(&self) -> bool {
        let url = self.public_url.as_ref();
        url.is_some_and(|url| url.scheme() == "https")
    }

    /// Whether mail leaves for mailboxes; without a mail server it stays in a folder, where hardly anybody reads it.
    pub const fn mail_leaves(&self) -> bool {
        self.smtp_url.is_some()
    }

    /// Whether browsers may call from this origin.
    pub fn allows_origin(&self, origin: &str) -> bool {
        self.cors_origins.iter().any(|allowed| allowed == origin)
            || (self.local_origins && is_local(origin))
    }

    /// Loads the configuration that these variables give, named in lower case without their prefix.
    ///
    /// # Errors
    /// The first setting that cannot be used.
    pub fn from_environment(environment: HashMap<String, String>) -> Result<Self, ConfigError> {
        let variables = Sources::new(environment.clone(), []);
        let default = Path::new(file::DEFAULT_PATH);
        let file = match variables.find(&CONFIG_FILE.info)? {
            Some(found) => file::read(Path::new(&found.value))?,
            None if default.exists() => file::read(default)?,
            None => BTreeMap::new(),
        };
        Self::from_sources(Sources::new(environment, file))
    }

    fn from_sources(sources: Sources) -> Result<Self, ConfigError> {
        let unknown_variables = sources.unknown_variables();
        let mut reader = SettingsReader::new(sources);
        let config = Self::read(&mut reader)?;
        config.require_sender(&reader)?;
        Ok(Self {
            unknown_variables,
            effective: reader.into_effective(),
            ..config
        })
    }

    /// Reads every setting.
    fn read(from: &mut SettingsReader) -> Result<Self, ConfigError> {
        let listen = from.read(&LISTEN)?;
        let data_dir = from.read(&DATA_DIR)?;
        let database_url = from.read_or(&DATABASE_URL, sqlite_in(&data_dir))?;
        let public_url = from.read(&PUBLIC_URL)?;
        let spa_url = from.read(&SPA_URL)?;
        let import_lease = from.read(&IMPORT_LEASE_SECONDS)?;
        let hash_threads = from.read_or(&HASH_THREADS, cores())?;
        let import_workers = from.read_at_most(&IMPORT_WORKERS, hash_threads)?;
        let mail_workers = from.read(&MAIL_WORKERS)?;
        let of_lookout = usize::try_from(CONNECTIONS_OF_LOOKOUT).unwrap_or(usize::MAX);
        let connections = connections(&database_url) + import_workers + mail_workers + of_lookout;
        Ok(Self {
            local_origins: has_local_origins(from, &database_url)?,
            cors_origins: from.read_or(&CORS_ORIGINS, origin_of(&spa_url))?,
            dns_servers: from.read(&DNS_SERVERS)?,
            keep_alive: from.read(&KEEP_ALIVE_SECONDS)?,
            stop_delay: from.read_or(&STOP_DELAY_SECONDS, stop_delay(&database_url))?,
            organization_creation: from.read_or(&ORGANIZATION_CREATION, creation(&database_url))?,
            login_domain: from.read(&LOGIN_DOMAIN)?,
            signing_key_file: from.read(&SIGNING_KEY_FILE)?,
            sealing_key_file: from.read(&SEALING_KEY_FILE)?,
            federation_key_file: from.read(&FEDERATION_KEY_FILE)?,
            smtp_url: from.read(&SMTP_URL)?,
            mail_from: from.read(&MAIL_FROM)?,
            mail_per_minute: from.read(&MAIL_PER_MINUTE)?,
            mail_workers,
            mail_lease: from.read(&MAIL_LEASE_SECONDS)?,
            database_connections: from.read_or(&DATABASE_CONNECTIONS, connections)?,
            database_wait: from.read(&DATABASE_WAIT_SECONDS)?,
            sso_skew: from.read(&SSO_SKEW_SECONDS)?,
            prepared_statements: from.read(&DATABASE_PREPARED_STATEMENTS)?,
            audit_kept: from.read(&AUDIT_DAYS)?,
            hash_threads,
            password_hash: from.read(&PASSWORD_HASH)?,
            import_workers,
            results_lifetime: from.read(&RESULTS_HOURS)?,
            trusted_proxies: from.read(&TRUSTED_PROXIES)?,
            proxy_header: from.read(&PROXY_HEADER)?,
            limits: limits(from)?,
            outbound_allow: from.read(&OUTBOUND_ALLOW)?,
            outbound_proxy: from.read(&OUTBOUND_PROXY)?,
            outbound_ca_file: from.read(&OUTBOUND_CA_FILE)?,
            outbound_timeout: OUTBOUND_TIMEOUT,
            outbound_wait: OUTBOUND_WAIT,
            log: from.read(&LOG)?,
            log_format: from.read(&LOG_FORMAT)?,
            traces_endpoint: from.read(&TRACES_ENDPOINT)?,
            worker_poll: worker_poll(import_lease),
            import_lease,
            listen,
            data_dir,
            database_url,
            public_url,
            spa_url,
            effective: Vec::new(),
            unknown_variables: Vec::new(),
        })
    }

    /// Requires a sender with a mail server: the default's domain belongs to nobody.
    fn require_sender(&self, reader: &SettingsReader) -> Result<(), ConfigError> {
        if self.smtp_url.is_none() || reader.is_set(&MAIL_FROM)? {
            return Ok(());
        }
        let problem = "is required with ROLLCALL_SMTP_URL".to_owned();
        Err(refusal(&MAIL_FROM.info, "", problem))
    }

    /// Connections that requests and workers share: all but that by which `/health/ready` asks.
    pub fn connections_at_work(&self) -> u32 {
        let left = self
            .database_connections
            .saturating_sub(CONNECTIONS_OF_LOOKOUT);
        left.max(1)
    }

    /// Connections that requests have. The workers keep theirs: a flood of requests stops no import and no mail.
    pub fn connections_of_requests(&self) -> usize {
        let all = usize::try_from(self.connections_at_work()).unwrap_or(usize::MAX);
        let of_workers = self.import_workers.saturating_add(self.mail_workers);
        all.saturating_sub(of_workers).max(1)
    }

    /// Whether the database is the embedded one.
    pub const fn is_embedded(&self) -> bool {
        match self.database_url {
            DatabaseUrl::Sqlite(_) => true,
            DatabaseUrl::Postgres(_) => false,
        }
    }

    /// The variables with our prefix that are no setting, to warn of.
    pub fn unknown_variables(&self) -> &[UnknownVariable] {
        &self.unknown_variables
    }
}

impl fmt::Display for Config {
    /// Writes every setting with its origin, without secrets, as lines of a configuration file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for setting in &self.effective {
            writeln!(f, "{setting}")?;
        }
        Ok(())
    }
}

/// The embedded database without a word on where anything is reached is somebody's own machine.
fn has_local_origins(
    from: &SettingsReader,
    database_url: &DatabaseUrl,
) -> Result<bool, ConfigError> {
    let is_embedded = matches!(database_url, DatabaseUrl::Sqlite(_));
    let is_silent = !from.is_set(&CORS_ORIGINS)? && !from.is_set(&SPA_URL)?;
    Ok(is_embedded && is_silent && !from.is_set(&PUBLIC_URL)?)
}

/// Requires text of the variables that are settings; the others are only named in a warning.
fn text(name: &str, value: OsString) -> Result<String, ConfigError> {
    match value.into_string() {
        Ok(text) => Ok(text),
        Err(_) if is_known(name) => Err(ConfigError::NotText(variable(name))),
        Err(value) => Ok(value.to_string_lossy().into_owned()),
    }
}

fn limits(from: &mut SettingsReader) -> Result<Quotas, ConfigError> {
    let mut quotas = Quotas::default();
    for limit in Limit::ALL {
        quotas.set(*limit, from.read(&of_limit(*limit))?);
    }
    Ok(quotas)
}

#[cfg(test)]
mod tests;
