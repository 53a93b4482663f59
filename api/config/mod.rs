//! The configuration: defaults, then a file, then the environment.
//!
//! `settings` is the table of all settings. `docs/configuration.md` is made from it and tells how
//! values are set.

mod defaults;
mod documentation;
mod error;
mod file;
mod limit_settings;
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
use std::path::{Path, PathBuf};
use std::time::Duration;

use url::Url;

use self::defaults::{connections, cores, creation, sqlite_in, worker_poll};
use self::limit_settings::of_limit;
use self::names::is_known;
use self::reader::{EffectiveSetting, Reader, refusal};
use self::setting::{PREFIX, variable};
use self::settings::{
    CONFIG_FILE, CORS_ORIGINS, DATA_DIR, DATABASE_CONNECTIONS, DATABASE_URL, HASH_THREADS,
    IMPORT_LEASE_SECONDS, IMPORT_WORKERS, KEEP_ALIVE_SECONDS, LISTEN, LOG, LOG_FORMAT,
    LOGIN_DOMAIN, MAIL_FROM, MAIL_LEASE_SECONDS, MAIL_PER_MINUTE, MAIL_WORKERS,
    ORGANIZATION_CREATION, PASSWORD_HASH, PROXY_HEADER, PUBLIC_URL, RESULTS_HOURS,
    SEALING_KEY_FILE, SIGNING_KEY_FILE, SMTP_URL, SPA_URL, TRUSTED_PROXIES,
};
use self::source::Sources;
use self::values::{is_local, origin_of};
use crate::domain::client_address::{ProxyHeader, TrustedProxies};
use crate::domain::database_url::DatabaseUrl;
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
    /// The connections to the database that requests may use at a time; workers and uploads have more.
    pub database_connections: u32,
    /// URL at which clients reach this API, if it is set.
    pub public_url: Option<Url>,
    /// URL of the single-page app.
    pub spa_url: Url,
    /// Origins that browsers may call from.
    pub cors_origins: Vec<String>,
    /// Whether pages of this machine may call too, on whatever port their development server listens.
    pub local_origins: bool,
    /// How long an idle connection waits for the next request.
    pub keep_alive: Duration,
    pub organization_creation: OrganizationCreation,
    /// Domain of generated login addresses.
    pub login_domain: LoginDomain,
    pub signing_key_file: Option<PathBuf>,
    pub sealing_key_file: Option<PathBuf>,
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
    pub log: String,
    pub log_format: LogFormat,
    effective: Vec<EffectiveSetting>,
    unknown_variables: Vec<UnknownVariable>,
}

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
        let mut reader = Reader::new(sources);
        let config = Self::read(&mut reader)?;
        config.require_sender(&reader)?;
        Ok(Self {
            unknown_variables,
            effective: reader.into_effective(),
            ..config
        })
    }

    /// Reads every setting.
    fn read(from: &mut Reader) -> Result<Self, ConfigError> {
        let listen = from.read(&LISTEN)?;
        let data_dir = from.read(&DATA_DIR)?;
        let database_url = from.read_or(&DATABASE_URL, sqlite_in(&data_dir))?;
        let public_url = from.read(&PUBLIC_URL)?;
        let spa_url = from.read(&SPA_URL)?;
        let import_lease = from.read(&IMPORT_LEASE_SECONDS)?;
        let hash_threads = from.read_or(&HASH_THREADS, cores())?;
        Ok(Self {
            local_origins: has_local_origins(from, &database_url)?,
            cors_origins: from.read_or(&CORS_ORIGINS, origin_of(&spa_url))?,
            keep_alive: from.read(&KEEP_ALIVE_SECONDS)?,
            organization_creation: from.read_or(&ORGANIZATION_CREATION, creation(&database_url))?,
            login_domain: from.read(&LOGIN_DOMAIN)?,
            signing_key_file: from.read(&SIGNING_KEY_FILE)?,
            sealing_key_file: from.read(&SEALING_KEY_FILE)?,
            smtp_url: from.read(&SMTP_URL)?,
            mail_from: from.read(&MAIL_FROM)?,
            mail_per_minute: from.read(&MAIL_PER_MINUTE)?,
            mail_workers: from.read(&MAIL_WORKERS)?,
            mail_lease: from.read(&MAIL_LEASE_SECONDS)?,
            database_connections: from
                .read_or(&DATABASE_CONNECTIONS, connections(&database_url))?,
            hash_threads,
            password_hash: from.read(&PASSWORD_HASH)?,
            import_workers: from.read_at_most(&IMPORT_WORKERS, hash_threads)?,
            results_lifetime: from.read(&RESULTS_HOURS)?,
            trusted_proxies: from.read(&TRUSTED_PROXIES)?,
            proxy_header: from.read(&PROXY_HEADER)?,
            limits: limits(from)?,
            log: from.read(&LOG)?,
            log_format: from.read(&LOG_FORMAT)?,
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
    fn require_sender(&self, reader: &Reader) -> Result<(), ConfigError> {
        if self.smtp_url.is_none() || reader.is_set(&MAIL_FROM)? {
            return Ok(());
        }
        let problem = "is required with ROLLCALL_SMTP_URL".to_owned();
        Err(refusal(&MAIL_FROM.info, "", problem))
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
fn has_local_origins(from: &Reader, database_url: &DatabaseUrl) -> Result<bool, ConfigError> {
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

fn limits(from: &mut Reader) -> Result<Quotas, ConfigError> {
    let mut quotas = Quotas::default();
    for limit in Limit::ALL {
        quotas.set(*limit, from.read(&of_limit(*limit))?);
    }
    Ok(quotas)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn with(settings: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let environment: Vec<_> = settings.iter().map(owned).collect();
        Config::from_sources(Sources::new(environment, []))
    }

    #[test]
    fn nothing_needs_to_be_set() {
        let config = with(&[]).unwrap();
        assert_eq!(config.listen, "127.0.0.1:8080");
        assert_eq!(
            config.database_url,
            DatabaseUrl::Sqlite("./data/rollcall.sqlite".into())
        );
        assert_eq!(config.organization_creation, OrganizationCreation::Anyone);
        assert_eq!(config.cors_origins, ["http://localhost:3000"]);
        assert_eq!(config.login_domain.to_string(), "login.invalid");
    }

    #[test]
    fn on_postgresql_only_operators_create_organizations() {
        let config = with(&[("database_url", "postgres://db.example/rollcall")]).unwrap();
        assert_eq!(
            config.organization_creation,
            OrganizationCreation::Operators
        );
    }

    #[test]
    fn a_bad_value_is_told_with_its_name_its_problem_and_an_example() {
        let error = with(&[("listen", "nowhere")]).unwrap_err().to_string();
        assert!(
            error.starts_with("ROLLCALL_LISTEN = \"nowhere\" is no address"),
            "{error}"
        );
        assert!(
            error.ends_with("an example: ROLLCALL_LISTEN=0.0.0.0:8080"),
            "{error}"
        );
        for (setting, bad) in [("log", "rollcall=loud"), ("log_format", "yaml")] {
            let error = with(&[(setting, bad)]).unwrap_err().to_string();
            let told = format!("ROLLCALL_{} = {bad:?} is no", setting.to_uppercase());
            assert!(error.starts_with(&told), "{error}");
        }
        let error = with(&[("database_url", "mysql://x")])
            .unwrap_err()
            .to_string();
        assert!(error.contains("neither sqlite: nor postgres://"), "{error}");
    }

    #[test]
    fn no_more_batches_are_in_hand_than_threads_hash() {
        for (workers, shown) in [("9", 3), ("2", 2)] {
            let config = with(&[("hash_threads", "3"), ("import_workers", workers)]).unwrap();
            assert_eq!(config.import_workers, shown);
            let line = format!("import_workers = \"{shown}\"  # environment");
            assert!(config.to_string().contains(&line), "{config}");
        }
    }

    #[test]
    fn limits_are_quotas_or_off() {
        let config = with(&[("limit_registration", "7/2h"), ("limit_code_client", "off")]).unwrap();
        let quota = config.limits.of(Limit::Registration).unwrap();
        assert_eq!((quota.uses, quota.seconds), (7, 7200));
        assert_eq!(config.limits.of(Limit::CodeClient), None);
        let untouched = Limit::SignInAccount;
        assert_eq!(config.limits.of(untouched), Some(untouched.default_quota()));
        let error = with(&[("limit_registration", "many")]).unwrap_err();
        assert!(
            error.to_string().starts_with("ROLLCALL_LIMIT_REGISTRATION"),
            "{error}"
        );
        assert_eq!(
            with(&[("limit_nothing", "1/1s")])
                .unwrap()
                .unknown_variables()
                .len(),
            1
        );
    }

    #[test]
    fn an_unknown_variable_is_a_warning() {
        let config = with(&[("lissten", "127.0.0.1:1")]).unwrap();
        let warnings: Vec<String> = config
            .unknown_variables()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            warnings,
            [
                "ROLLCALL_LISSTEN is no setting and is ignored, the nearest setting is ROLLCALL_LISTEN"
            ]
        );
    }

    #[test]
    fn every_setting_is_read() {
        let config = with(&[]).unwrap();
        let shown = config.to_string();
        let shown: BTreeSet<&str> = shown
            .lines()
            .map(|line| line.split(' ').next().unwrap())
            .collect();
        let mut names: BTreeSet<&str> = settings::all().map(|info| info.name).collect();
        names.remove(CONFIG_FILE.info.name);
        assert_eq!(shown, names);
    }

    #[test]
    fn every_example_is_accepted() {
        for info in settings::all().filter(|info| info.name != CONFIG_FILE.info.name) {
            with(&[("mail_from", "a@school.example"), (info.name, info.example)]).unwrap();
        }
    }

    #[test]
    fn the_environment_goes_before_the_file() {
        let file = BTreeMap::from([
            ("listen".to_owned(), "127.0.0.1:1111".to_owned()),
            ("hash_threads".to_owned(), "3".to_owned()),
        ]);
        let environment = HashMap::from([("listen".to_owned(), "127.0.0.1:2222".to_owned())]);
        let config = Config::from_sources(Sources::new(environment, file)).unwrap();
        assert_eq!(
            (config.listen.as_str(), config.hash_threads),
            ("127.0.0.1:2222", 3)
        );
        let shown = config.to_string();
        assert!(
            shown.contains("listen = \"127.0.0.1:2222\"  # environment"),
            "{shown}"
        );
        assert!(shown.contains("hash_threads = \"3\"  # file"), "{shown}");
    }

    #[test]
    fn a_database_s_password_is_not_shown() {
        let url = "postgres://u:hunter2@db.example/r";
        let config = with(&[("database_url", url)]).unwrap();
        assert!(!format!("{config:?}").contains("hunter2"), "{config:?}");
        let shown = config.to_string();
        assert!(shown.contains("\"postgres://u:…@db.example/r\""), "{shown}");
        for bad in ["postgre://u:hunter2@db.example/r", "u:hunter2@db.example"] {
            let refused = with(&[("database_url", bad)]).unwrap_err().to_string();
            assert!(
                refused.starts_with("ROLLCALL_DATABASE_URL begins with"),
                "{refused}"
            );
            assert!(!refused.contains("hunter2"), "{refused}");
        }
    }

    #[test]
    fn a_mail_server_needs_a_sender_and_its_password_is_not_shown() {
        let url = "smtp://me%40x.org:hunt%40er2@mail.example:587";
        let alone = with(&[("smtp_url", url)]).unwrap_err().to_string();
        assert!(alone.starts_with("ROLLCALL_MAIL_FROM"), "{alone}");
        let config = with(&[("smtp_url", url), ("mail_from", "a@school.example")]).unwrap();
        let shown = format!("{config}{config:?}");
        assert!(!shown.contains("hunt"), "{shown}");
        for bad in [
            "smtp://u:hunt#er2@mail.example",
            "smtp://u:hunt/er2@mail.example",
        ] {
            let refused = with(&[("smtp_url", bad)]).unwrap_err().to_string();
            assert!(!refused.contains("hunt"), "{refused}");
        }
    }
}
