//! The settings: defaults, then a file, then the environment.
//!
//! Each setting has one name: `listen` in the file is `ROLLCALL_LISTEN` in the environment. A value
//! that cannot be used stops the start with the variable's name, what is wrong and an example.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use url::Url;

use crate::domain::client_address::TrustedProxies;
use crate::domain::database_url::DatabaseUrl;
use crate::domain::generated_address::LoginDomain;
use crate::domain::hash_cost::HashCost;
use crate::domain::limits::{Limit, QuotaSetting, Quotas};
use crate::domain::mail::Sender;
use crate::domain::smtp_url::SmtpUrl;

/// Everything that can be set.
#[derive(Clone, Debug)]
pub struct Config {
    /// Address and port to listen on; port 0 takes a free one.
    pub listen: String,
    /// The embedded database, keys and mail.
    pub data_dir: PathBuf,
    pub database_url: DatabaseUrl,
    /// The most connections to the database that requests take; workers have some more.
    pub database_connections: u32,
    /// Where this API is reached; none: where it listens.
    pub public_url: Option<Url>,
    /// Where the single-page app is reached.
    pub spa_url: Url,
    /// Origins that browsers may call from.
    pub cors_origins: Vec<String>,
    pub organization_creation: OrganizationCreation,
    /// Below which the login addresses stand that are made up.
    pub login_domain: LoginDomain,
    pub signing_key_file: Option<PathBuf>,
    pub sealing_key_file: Option<PathBuf>,
    pub password_hash: HashCost,
    /// Threads that hash passwords, for each of the two lanes.
    pub hash_threads: usize,
    /// How many imports one process carries out at a time.
    pub import_workers: usize,
    /// How long a worker may be silent before another takes its import.
    pub import_lease: Duration,
    /// How often a worker looks for work that nobody has told it of.
    pub worker_poll: Duration,
    /// How long an import's passwords can be downloaded.
    pub results_lifetime: Duration,
    /// The mail server; none: mail is written into a folder.
    pub smtp_url: Option<SmtpUrl>,
    /// How often callers may try what is limited.
    pub limits: Quotas,
    /// Who may say for whom they speak (`X-Forwarded-For`, `Forwarded`).
    pub trusted_proxies: TrustedProxies,
    /// Who mail is from.
    pub mail_from: Sender,
    /// The most mails in a minute, of all replicas together.
    pub mail_per_minute: u32,
    /// How many mails one process sends at a time.
    pub mail_workers: usize,
    /// How long a worker may be at one mail before another takes it.
    pub mail_lease: Duration,
    pub log: String,
    pub log_format: LogFormat,
    effective: Vec<Effective>,
}

/// Who may create organizations (PRODUCT 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrganizationCreation {
    Anyone,
    Operators,
}

impl FromStr for OrganizationCreation {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "anyone" => Ok(Self::Anyone),
            "operators" => Ok(Self::Operators),
            _ => Err("is neither anyone nor operators"),
        }
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Readable on a terminal, JSON elsewhere.
    Auto,
    Text,
    Json,
}

impl FromStr for LogFormat {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("is none of auto, text, json"),
        }
    }
}

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{name} = {value:?} {problem}; an example: {name}={example}")]
    Value {
        name: String,
        value: String,
        problem: String,
        example: String,
    },
    #[error("the configuration file {path}: {problem}")]
    File { path: PathBuf, problem: String },
}

/// A setting as `rollcall config` shows it.
#[derive(Clone, Debug)]
struct Effective {
    key: String,
    value: String,
    origin: Origin,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Default,
    File,
    Environment,
}

/// Where the configuration file is looked for unless `ROLLCALL_CONFIG_FILE` names another.
const DEFAULT_FILE: &str = "rollcall.toml";

impl Config {
    /// The configuration of this process.
    ///
    /// # Errors
    /// The first setting that cannot be used.
    pub fn load() -> Result<Self, ConfigError> {
        let environment = std::env::vars()
            .filter_map(|(name, value)| {
                Some((name.strip_prefix("ROLLCALL_")?.to_lowercase(), value))
            })
            .collect();
        Self::from_environment(environment)
    }

    /// The configuration that these variables give, named in lower case without their prefix.
    ///
    /// # Errors
    /// The first setting that cannot be used.
    pub fn from_environment(environment: HashMap<String, String>) -> Result<Self, ConfigError> {
        let named = environment
            .get("config_file")
            .filter(|path| !path.is_empty());
        let file = match named {
            Some(path) => read_file(Path::new(path))?,
            None if Path::new(DEFAULT_FILE).exists() => read_file(Path::new(DEFAULT_FILE))?,
            None => BTreeMap::new(),
        };
        Reader::new(environment, file).config()
    }

    /// Whether the database is the embedded one.
    pub fn is_embedded(&self) -> bool {
        matches!(self.database_url, DatabaseUrl::Sqlite(_))
    }
}

impl fmt::Display for Config {
    /// Every setting with where it comes from, secrets hidden; it can be kept as a configuration
    /// file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for setting in &self.effective {
            let origin = match setting.origin {
                Origin::Default => "default",
                Origin::File => "file",
                Origin::Environment => "environment",
            };
            writeln!(f, "{} = {:?}  # {origin}", setting.key, setting.value)?;
        }
        Ok(())
    }
}

fn read_file(path: &Path) -> Result<BTreeMap<String, String>, ConfigError> {
    let failed = |problem: String| ConfigError::File {
        path: path.to_owned(),
        problem,
    };
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    let table: toml::Table = text
        .parse()
        .map_err(|error: toml::de::Error| failed(error.to_string()))?;
    table
        .into_iter()
        .map(|(key, value)| match value {
            toml::Value::String(text) => Ok((key, text)),
            toml::Value::Integer(_) | toml::Value::Boolean(_) => Ok((key, value.to_string())),
            _ => Err(failed(format!("{key} has to be a text or a number"))),
        })
        .collect()
}

/// Reads the settings one by one and notes what each came to.
struct Reader {
    environment: HashMap<String, String>,
    file: BTreeMap<String, String>,
    effective: Vec<Effective>,
}

impl Reader {
    fn new(environment: HashMap<String, String>, file: BTreeMap<String, String>) -> Self {
        Self {
            environment,
            file,
            effective: Vec::new(),
        }
    }

    fn config(mut self) -> Result<Config, ConfigError> {
        let listen: ListenAddress = self.read("listen", "127.0.0.1:8080", "0.0.0.0:8080")?;
        let data_dir: PathBuf = self.read("data_dir", "./data", "/var/lib/rollcall")?;
        let sqlite = format!("sqlite:{}", data_dir.join("rollcall.sqlite").display());
        let database_url = self.read(
            "database_url",
            &sqlite,
            "postgres://rollcall@db.example/rollcall",
        )?;
        let embedded = matches!(database_url, DatabaseUrl::Sqlite(_));
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let connections = if embedded { cores * 2 } else { cores * 4 };
        let creation = if embedded { "anyone" } else { "operators" };
        let database_connections: Count = self.read(
            "database_connections",
            &connections.max(4).to_string(),
            "16",
        )?;
        let spa_url: WebUrl = self.read(
            "spa_url",
            "http://localhost:3000",
            "https://app.school.example",
        )?;
        let cors: Origins = self.read(
            "cors_origins",
            &origin_of(&spa_url.0),
            "https://app.school.example",
        )?;
        let public_url: Option<WebUrl> =
            self.read_optional("public_url", "https://rollcall.school.example")?;
        let hash_threads: Count = self.read("hash_threads", &cores.to_string(), "4")?;
        let import_workers: Count = self.read("import_workers", "4", "2")?;
        let lease_seconds: Count = self.read("import_lease_seconds", "10", "30")?;
        let results_hours: Count = self.read("results_hours", "24", "72")?;
        let smtp_url: Option<SmtpUrl> =
            self.read_optional("smtp_url", "smtp://user:password@mail.school.example:587")?;
        if smtp_url.is_some() && self.raw("mail_from").is_none() {
            return Err(mail_from_missing());
        }
        let mail_from = self.read(
            "mail_from",
            "Rollcall <no-reply@rollcall.invalid>",
            EXAMPLE_OF_A_SENDER,
        )?;
        let mail_per_minute: Count = self.read("mail_per_minute", "600", "100")?;
        let mail_workers: Count = self.read("mail_workers", "2", "4")?;
        let mail_lease_seconds: Count = self.read("mail_lease_seconds", "300", "600")?;
        let config = Config {
            listen: listen.0,
            data_dir,
            database_url,
            database_connections: database_connections.0,
            public_url: public_url.map(|url| url.0),
            spa_url: spa_url.0,
            cors_origins: cors.0,
            organization_creation: self.read("organization_creation", creation, "operators")?,
            login_domain: self.read("login_domain", "login.invalid", "login.school.example")?,
            signing_key_file: self.read_optional("signing_key_file", "/run/secrets/signing.pem")?,
            sealing_key_file: self.read_optional("sealing_key_file", "/run/secrets/sealing.key")?,
            password_hash: self.read(
                "password_hash",
                &HashCost::DEFAULT.to_string(),
                "m=19456,t=2",
            )?,
            hash_threads: hash_threads.0.try_into().unwrap_or(1),
            import_workers: import_workers.0.try_into().unwrap_or(1),
            import_lease: Duration::from_secs(u64::from(lease_seconds.0)),
            worker_poll: worker_poll(Duration::from_secs(u64::from(lease_seconds.0))),
            results_lifetime: Duration::from_secs(u64::from(results_hours.0) * 60 * 60),
            smtp_url,
            limits: self.limits()?,
            trusted_proxies: self.read("trusted_proxies", "", "10.0.0.0/8,192.0.2.7")?,
            mail_from,
            mail_per_minute: mail_per_minute.0,
            mail_workers: mail_workers.0.try_into().unwrap_or(1),
            mail_lease: Duration::from_secs(u64::from(mail_lease_seconds.0)),
            log: self.read("log", "info,actix_server=warn", "info,rollcall=debug")?,
            log_format: self.read("log_format", "auto", "json")?,
            effective: Vec::new(),
        };
        self.refuse_unknown()?;
        Ok(Config {
            effective: self.effective,
            ..config
        })
    }

    /// Each limit has a setting of its own.
    fn limits(&mut self) -> Result<Quotas, ConfigError> {
        let mut quotas = Quotas::default();
        for limit in Limit::ALL {
            let default = limit.default_quota().to_string();
            let setting: QuotaSetting = self.read(&format!("limit_{limit}"), &default, &default)?;
            quotas.set(*limit, setting);
        }
        Ok(quotas)
    }

    fn read<T>(&mut self, key: &str, default: &str, example: &str) -> Result<T, ConfigError>
    where
        T: FromStr<Err: fmt::Display>,
    {
        let (value, origin) = self
            .raw(key)
            .unwrap_or_else(|| (default.to_owned(), Origin::Default));
        self.parse(key, value, origin, example)
    }

    fn read_optional<T>(
        &mut self,
        key: &'static str,
        example: &str,
    ) -> Result<Option<T>, ConfigError>
    where
        T: FromStr<Err: fmt::Display>,
    {
        match self.raw(key) {
            Some((value, origin)) => self.parse(key, value, origin, example).map(Some),
            None => {
                self.effective.push(Effective {
                    key: key.to_owned(),
                    value: String::new(),
                    origin: Origin::Default,
                });
                Ok(None)
            }
        }
    }

    /// An empty variable counts as unset, as compose files write it.
    fn raw(&self, key: &str) -> Option<(String, Origin)> {
        let set = |value: &&String| !value.is_empty();
        let environment = self.environment.get(key).filter(set);
        let file = self.file.get(key).filter(set);
        environment
            .map(|value| (value.clone(), Origin::Environment))
            .or_else(|| file.map(|value| (value.clone(), Origin::File)))
    }

    fn parse<T>(
        &mut self,
        key: &str,
        value: String,
        origin: Origin,
        example: &str,
    ) -> Result<T, ConfigError>
    where
        T: FromStr<Err: fmt::Display>,
    {
        let shown = without_secret(&value);
        let parsed = value
            .parse()
            .map_err(|problem: T::Err| ConfigError::Value {
                name: variable(key),
                value: shown.clone(),
                problem: problem.to_string(),
                example: example.to_owned(),
            })?;
        self.effective.push(Effective {
            key: key.to_owned(),
            value: shown,
            origin,
        });
        Ok(parsed)
    }

    /// A name with a typing error would otherwise be a setting that silently does nothing.
    fn refuse_unknown(&self) -> Result<(), ConfigError> {
        let is_known = |key: &str| {
            key == "config_file"
                || key.starts_with("test_")
                || key.starts_with("bench_")
                || self.effective.iter().any(|setting| setting.key == key)
        };
        let mut named = self.environment.iter().chain(&self.file);
        match named.find(|(key, value)| !value.is_empty() && !is_known(key)) {
            None => Ok(()),
            Some((key, value)) => Err(ConfigError::Value {
                name: variable(key),
                value: without_secret(value),
                problem: "is no setting of Rollcall: `rollcall config` lists them".to_owned(),
                example: "127.0.0.1:8080".to_owned(),
            }),
        }
    }
}

const EXAMPLE_OF_A_SENDER: &str = "Hill Road School <no-reply@school.example>";

/// A mail server takes mail from addresses that it knows, and readers trust one that they know.
fn mail_from_missing() -> ConfigError {
    ConfigError::Value {
        name: variable("mail_from"),
        value: String::new(),
        problem: "has to name who mail is from where ROLLCALL_SMTP_URL is set".to_owned(),
        example: EXAMPLE_OF_A_SENDER.to_owned(),
    }
}

/// Often enough that the looking adds little to the lease, which a dead worker's import waits for.
fn worker_poll(lease: Duration) -> Duration {
    (lease / 10).min(Duration::from_secs(1))
}

fn variable(key: &str) -> String {
    format!("ROLLCALL_{}", key.to_uppercase())
}

/// A URL's password is not for logs or terminals, wherever it stands: behind the user's name or, as
/// libpq takes it too, among the parameters. The value may be anything that looks like a URL: one of
/// several hosts is none, and libpq takes it.
fn without_secret(value: &str) -> String {
    let Some((scheme, rest)) = value.split_once("://") else {
        return value.to_owned();
    };
    let shown = match rest.rsplit_once('@') {
        Some((credentials, place)) => match credentials.split_once(':') {
            Some((user, _)) => format!("{user}:…@{place}"),
            None => rest.to_owned(),
        },
        None => rest.to_owned(),
    };
    match shown.split_once('?') {
        Some((place, parameters)) => {
            let parameters: Vec<String> = parameters.split('&').map(without_value).collect();
            format!("{scheme}://{place}?{}", parameters.join("&"))
        }
        None => format!("{scheme}://{shown}"),
    }
}

fn without_value(parameter: &str) -> String {
    match parameter.split_once('=') {
        Some((name, _)) if name.contains("password") => format!("{name}=…"),
        _ => parameter.to_owned(),
    }
}

fn origin_of(url: &Url) -> String {
    url.origin().ascii_serialization()
}

struct ListenAddress(String);

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        use std::net::ToSocketAddrs;
        match text.to_socket_addrs() {
            Ok(_) => Ok(Self(text.to_owned())),
            Err(error) => Err(format!("is no address with a port ({error})")),
        }
    }
}

/// A number of at least one.
struct Count(u32);

impl FromStr for Count {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(number @ 1..=10_000) => Ok(Self(number)),
            _ => Err("is no whole number from 1 to 10000"),
        }
    }
}

struct WebUrl(Url);

impl FromStr for WebUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url: Url = text
            .parse()
            .map_err(|error| format!("is no URL ({error})"))?;
        match url.scheme() {
            "http" | "https" if url.has_host() => Ok(Self(url)),
            _ => Err("is no http:// or https:// URL".to_owned()),
        }
    }
}

struct Origins(Vec<String>);

impl FromStr for Origins {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.split(',')
            .map(str::trim)
            .filter(|origin| !origin.is_empty())
            .map(|origin| origin.parse::<WebUrl>().map(|url| origin_of(&url.0)))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(settings: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let environment = settings
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        Reader::new(environment, BTreeMap::new()).config()
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
    fn workers_look_for_work_at_least_every_second_and_ten_times_in_a_lease() {
        let poll = |lease| {
            with(&[("import_lease_seconds", lease)])
                .unwrap()
                .worker_poll
        };
        assert_eq!(poll("1"), Duration::from_millis(100));
        assert_eq!(poll("10"), Duration::from_secs(1));
        assert_eq!(poll("600"), Duration::from_secs(1));
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
        let error = with(&[("database_url", "mysql://x")])
            .unwrap_err()
            .to_string();
        assert!(error.contains("neither sqlite: nor postgres://"), "{error}");
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
        with(&[("limit_nothing", "1/1s")]).unwrap_err();
    }

    #[test]
    fn a_name_with_a_typing_error_is_refused() {
        let error = with(&[("lissten", "127.0.0.1:1")]).unwrap_err().to_string();
        assert!(error.contains("ROLLCALL_LISSTEN"), "{error}");
    }

    #[test]
    fn the_environment_goes_before_the_file() {
        let file = BTreeMap::from([
            ("listen".to_owned(), "127.0.0.1:1111".to_owned()),
            ("hash_threads".to_owned(), "3".to_owned()),
        ]);
        let environment = HashMap::from([("listen".to_owned(), "127.0.0.1:2222".to_owned())]);
        let config = Reader::new(environment, file).config().unwrap();
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
    fn secrets_are_not_shown() {
        for (url, expected) in [
            (
                "postgres://u:hunter2@db.example/r",
                "postgres://u:…@db.example/r",
            ),
            (
                "postgres://u:hunter2@a:5432,b:5432/r",
                "postgres://u:…@a:5432,b:5432/r",
            ),
            (
                "postgres://u:hunt@er2?@db.example/r",
                "postgres://u:…@db.example/r",
            ),
            (
                "postgres://db.example/r?user=u&password=hunter2",
                "postgres://db.example/r?user=u&password=…",
            ),
            ("postgres://u@db.example/r", "postgres://u@db.example/r"),
        ] {
            let shown = with(&[("database_url", url)]).unwrap().to_string();
            assert!(shown.contains(&format!("\"{expected}\"")), "{shown}");
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
