//! The table of the settings. Reading, `rollcall config`, docs/configuration.md and .env.example are
//! made from it.

use std::net::SocketAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use url::Url;

use super::limit_settings::of_limit;
use super::setting::DefaultValue::{Computed, Fixed, Unset};
use super::setting::{Section, Setting, SettingInfo};
use super::values::{
    LogFormat, OrganizationCreation, collector_url, connections, count, days, hours,
    listen_address, log_filter, name_servers, networks, optional, origins, parsed, seconds,
    seconds_or_none, web_url, word,
};
use crate::domain::client_address::{ProxyHeader, TrustedProxies};
use crate::domain::database_url::{DatabaseUrl, PreparedStatements};
use crate::domain::generated_address::LoginDomain;
use crate::domain::hash_cost::HashCost;
use crate::domain::limits::Limit;
use crate::domain::mail::Mailbox;
use crate::domain::smtp_url::SmtpUrl;

/// Declares a constant for each setting, and the list of all of them. The doc comment is the
/// documentation.
macro_rules! settings {
    ($(
        $(#[doc = $line:literal])+
        $constant:ident: $kind:ty {
            name: $name:literal,
            section: $section:ident,
            parse: $parse:expr,
            default: $default:expr,
            example: $example:literal,
            is_secret: $is_secret:literal $(,)?
        }
    )+) => {
        $(
            $(#[doc = $line])+
            pub const $constant: Setting<$kind> = Setting {
                info: SettingInfo {
                    name: $name,
                    section: Section::$section,
                    default: $default,
                    example: $example,
                    is_secret: $is_secret,
                    documentation: concat!($($line),+).trim_ascii(),
                },
                parse: $parse,
            };
        )+

        const TABLE: &[SettingInfo] = &[$($constant.info),+];
    };
}

/// Every setting, in the order of the documentation within its section.
pub fn all() -> impl Iterator<Item = SettingInfo> {
    let limits = Limit::ALL.iter().map(|limit| of_limit(*limit).info);
    TABLE.iter().copied().chain(limits)
}

settings! {
    /// Address and port to listen on. Port 0 takes a free port, which the first log line and the file
    /// `listening` in the data folder name. The container image sets `0.0.0.0:8080`.
    LISTEN: String {
        name: "listen",
        section: Server,
        parse: listen_address,
        default: Fixed("127.0.0.1:8080"),
        example: "0.0.0.0:8080",
        is_secret: false,
    }

    /// Folder of the embedded database, of created keys, and of mail that is not sent to a server. The
    /// container image sets `/var/lib/rollcall`.
    DATA_DIR: PathBuf {
        name: "data_dir",
        section: Server,
        parse: parsed,
        default: Fixed("./data"),
        example: "/var/lib/rollcall",
        is_secret: false,
    }

    /// Database: `sqlite:<path>` or `postgres://user:password@host/database`.
    DATABASE_URL: DatabaseUrl {
        name: "database_url",
        section: Server,
        parse: parsed,
        default: Computed("SQLite in the file `rollcall.sqlite` of the data folder"),
        example: "postgres://rollcall:secret@db.example/rollcall",
        is_secret: true,
    }

    /// How statements are prepared on PostgreSQL. `named`: once for each connection; a pooler that gives each
    /// transaction another one has to keep them apart (PgBouncer from version 1.21 on, with `max_prepared_statements`
    /// above 0). `unnamed`: anew each time, which costs some time and goes through any pooler.
    DATABASE_PREPARED_STATEMENTS: PreparedStatements {
        name: "database_prepared_statements",
        section: Server,
        parse: word,
        default: Fixed("named"),
        example: "unnamed",
        is_secret: false,
    }

    /// URL at which clients reach this API. It is the issuer of access tokens; with `https`, browsers are told to stay
    /// with https, and their cookie is bound to the host.
    PUBLIC_URL: Option<Url> {
        name: "public_url",
        section: Server,
        parse: |text| optional(text, web_url),
        default: Unset("the issuer of access tokens is `rollcall`"),
        example: "https://rollcall.school.example",
        is_secret: false,
    }

    /// URL of the single-page app. Links in mails lead there.
    SPA_URL: Url {
        name: "spa_url",
        section: Server,
        parse: web_url,
        default: Fixed("http://localhost:3000"),
        example: "https://app.school.example",
        is_secret: false,
    }

    /// Origins that browsers may call from and use the refresh cookie, separated by commas.
    CORS_ORIGINS: Vec<String> {
        name: "cors_origins",
        section: Server,
        parse: origins,
        default: Computed("the origin of `ROLLCALL_SPA_URL`; embedded and with no URL set, `http://localhost` on every port too, without the cookie"),
        example: "https://app.school.example,https://admin.school.example",
        is_secret: false,
    }

    /// Seconds for which an idle connection is kept open for the next request: longer than the load balancer or
    /// reverse proxy in front keeps it, which would else send a request into a connection that is being closed.
    KEEP_ALIVE_SECONDS: std::time::Duration {
        name: "keep_alive_seconds",
        section: Server,
        parse: seconds,
        default: Fixed("75"),
        example: "620",
        is_secret: false,
    }

    /// Name servers that are asked for the records of domains, separated by commas: for the proof of
    /// organizations' domains, and by the doctor for those of the sender of mail.
    DNS_SERVERS: Vec<SocketAddr> {
        name: "dns_servers",
        section: Server,
        parse: name_servers,
        default: Unset("those of the system"),
        example: "192.0.2.53,[2001:db8::53]:5353",
        is_secret: false,
    }

    /// Seconds for which a server that gets SIGTERM goes on serving while it is not ready, so that load
    /// balancers send requests elsewhere before it closes its port.
    STOP_DELAY_SECONDS: std::time::Duration {
        name: "stop_delay_seconds",
        section: Server,
        parse: seconds_or_none,
        default: Computed("0 on SQLite, 5 on PostgreSQL"),
        example: "10",
        is_secret: false,
    }

    /// Who may create organizations: `anyone` who is signed in, or `operators` only.
    ORGANIZATION_CREATION: OrganizationCreation {
        name: "organization_creation",
        section: Organizations,
        parse: word,
        default: Computed("`anyone` on SQLite, `operators` on PostgreSQL"),
        example: "operators",
        is_secret: false,
    }

    /// Domain of the login addresses that Rollcall generates for people without an email address.
    /// Nobody can register, invite or import an address of this domain, and no mail is sent to it. Set
    /// it before the first import.
    LOGIN_DOMAIN: LoginDomain {
        name: "login_domain",
        section: Organizations,
        parse: parsed,
        default: Fixed("login.invalid"),
        example: "login.school.example",
        is_secret: false,
    }

    /// File of the Ed25519 keys, in PEM, that sign access tokens. The first key signs, every key
    /// verifies. `openssl genpkey -algorithm ed25519` makes one.
    SIGNING_KEY_FILE: Option<PathBuf> {
        name: "signing_key_file",
        section: Keys,
        parse: |text| optional(text, parsed),
        default: Unset("`signing.pem` of the data folder on SQLite; required on PostgreSQL"),
        example: "/run/secrets/signing.pem",
        is_secret: false,
    }

    /// File of the keys that encrypt the passwords of imports, the links of queued mail and the
    /// responses kept for an `Idempotency-Key`: 32 bytes in Base64 on each line. The first key encrypts,
    /// every key decrypts. `openssl rand -base64 32` makes one.
    SEALING_KEY_FILE: Option<PathBuf> {
        name: "sealing_key_file",
        section: Keys,
        parse: |text| optional(text, parsed),
        default: Unset("`sealing.key` of the data folder on SQLite; required on PostgreSQL"),
        example: "/run/secrets/sealing.key",
        is_secret: false,
    }

    /// File of the RSA keys, in PEM (PKCS#8), that identify Rollcall to identity providers: for single sign-on with
    /// `private_key_jwt` or SAML. The first key signs, and is the one that identity providers of SAML encrypt for; every
    /// key is published, and decrypts. `openssl genpkey -algorithm rsa` makes one.
    FEDERATION_KEY_FILE: Option<PathBuf> {
        name: "federation_key_file",
        section: Keys,
        parse: |text| optional(text, parsed),
        default: Unset("`federation.pem` of the data folder on SQLite, made at the first start; on PostgreSQL nothing can be set up that needs it"),
        example: "/run/secrets/federation.pem",
        is_secret: false,
    }

    /// Mail server. `smtps://user:password@host` uses TLS from the start, on port 465 unless the URL has
    /// another. `smtp://user:password@host` requires STARTTLS, on port 587 unless the URL has another.
    /// `?starttls=optional` uses STARTTLS where the server offers it, `?starttls=never` does not encrypt;
    /// both are refused with a password, except for a loopback host. Without a password a loopback host
    /// defaults to `optional`. Write `/ ? # @ :` of a user or password as `%2F %3F %23 %40 %3A`.
    /// `?ehlo=name` sets the name in EHLO, otherwise the domain of `ROLLCALL_MAIL_FROM`. Certificates are
    /// checked against those of the system, or of the file that `SSL_CERT_FILE` names.
    SMTP_URL: Option<SmtpUrl> {
        name: "smtp_url",
        section: Mail,
        parse: |text| optional(text, parsed),
        default: Unset("mail is written into the folder `mail` of the data folder, as `.eml` files"),
        example: "smtp://user:password@mail.school.example:587",
        is_secret: true,
    }

    /// Sender of mail: an address, or a name and an address. Required with `ROLLCALL_SMTP_URL`.
    MAIL_FROM: Mailbox {
        name: "mail_from",
        section: Mail,
        parse: parsed,
        default: Fixed("Rollcall <no-reply@rollcall.invalid>"),
        example: "Hill Road School <no-reply@school.example>",
        is_secret: false,
    }

    /// Mails sent in a minute by all replicas together, at most.
    MAIL_PER_MINUTE: u32 {
        name: "mail_per_minute",
        section: Mail,
        parse: count,
        default: Fixed("600"),
        example: "100",
        is_secret: false,
    }

    /// Mails that one process sends at a time, each on a connection of its own.
    MAIL_WORKERS: usize {
        name: "mail_workers",
        section: Mail,
        parse: count,
        default: Fixed("2"),
        example: "4",
        is_secret: false,
    }

    /// Seconds that a worker may spend on one mail before another worker takes it over. The server gets
    /// four fifths of that to accept the mail, and at most half a minute for each step before.
    MAIL_LEASE_SECONDS: std::time::Duration {
        name: "mail_lease_seconds",
        section: Mail,
        parse: seconds,
        default: Fixed("300"),
        example: "600",
        is_secret: false,
    }

    /// Connections to the database at most, those of the workers included, and one that `/health/ready` and
    /// `/metrics` ask by. Requests at a time have as many as these leave.
    DATABASE_CONNECTIONS: u32 {
        name: "database_connections",
        section: Capacity,
        parse: connections,
        default: Computed("cores × 2 on SQLite, cores × 4 on PostgreSQL, at least 4; one for each worker, and one more"),
        example: "16",
        is_secret: false,
    }

    /// Seconds for which a server that starts waits for a database that cannot be reached yet.
    DATABASE_WAIT_SECONDS: std::time::Duration {
        name: "database_wait_seconds",
        section: Capacity,
        parse: seconds,
        default: Fixed("30"),
        example: "120",
        is_secret: false,
    }

    /// Threads that hash passwords, for each of the two lanes (sign-ins and imports).
    HASH_THREADS: usize {
        name: "hash_threads",
        section: Capacity,
        parse: count,
        default: Computed("one for each core"),
        example: "4",
        is_secret: false,
    }

    /// Cost of an Argon2id hash: memory in KiB and passes. A cost below the recommendation of OWASP's
    /// Password Storage Cheat Sheet is refused.
    // The default is the recommended one that needs the least memory.
    PASSWORD_HASH: HashCost {
        name: "password_hash",
        section: Capacity,
        parse: parsed,
        default: Fixed("m=7168,t=5"),
        example: "m=19456,t=2",
        is_secret: false,
    }

    /// Batches of imports that one process has in hand at a time; never more than it has threads that
    /// hash, which is the default.
    IMPORT_WORKERS: usize {
        name: "import_workers",
        section: Capacity,
        parse: count,
        default: Computed("as many as `hash_threads`"),
        example: "2",
        is_secret: false,
    }

    /// Seconds that a worker may be silent before another worker takes its batch of an import.
    IMPORT_LEASE_SECONDS: std::time::Duration {
        name: "import_lease_seconds",
        section: Capacity,
        parse: seconds,
        default: Fixed("10"),
        example: "30",
        is_secret: false,
    }

    /// Hours for which the passwords of an import can be downloaded.
    RESULTS_HOURS: std::time::Duration {
        name: "results_hours",
        section: Capacity,
        parse: hours,
        default: Fixed("24"),
        example: "72",
        is_secret: false,
    }

    /// Days for which the audit log keeps an event.
    AUDIT_DAYS: std::time::Duration {
        name: "audit_days",
        section: Capacity,
        parse: days,
        default: Fixed("400"),
        example: "3650",
        is_secret: false,
    }

    /// Addresses and networks of the reverse proxies in front, separated by commas. Rollcall believes the
    /// header of `ROLLCALL_PROXY_HEADER` only from them. Without this setting, everybody behind a proxy
    /// counts as one client.
    TRUSTED_PROXIES: TrustedProxies {
        name: "trusted_proxies",
        section: Limits,
        parse: parsed,
        default: Unset("no proxy is trusted"),
        example: "10.0.0.0/8,192.0.2.7",
        is_secret: false,
    }

    /// The header to which the trusted proxies add the address that they were called from: a list of
    /// addresses, or `Forwarded` (RFC 7239). The proxies have to write this one; no other counts.
    PROXY_HEADER: ProxyHeader {
        name: "proxy_header",
        section: Limits,
        parse: parsed,
        default: Fixed("X-Forwarded-For"),
        example: "Forwarded",
        is_secret: false,
    }

    /// Addresses and networks, separated by commas, that may be called although they are not public: an identity
    /// provider inside. Within them plain http is allowed too. Name no more than these systems: whatever listens there
    /// can be called by whoever sets up a connection of an organization.
    OUTBOUND_ALLOW: Vec<IpNet> {
        name: "outbound_allow",
        section: Outbound,
        parse: networks,
        default: Unset("only public addresses are called, by https"),
        example: "10.20.0.0/24,192.168.7.4",
        is_secret: false,
    }

    /// Proxy through which foreign systems are called: `http://user:password@host:port`, or `https`. It takes
    /// `CONNECT`, looks up the names, and has to refuse the addresses that are not to be called: Rollcall refuses only
    /// hosts that are such addresses themselves. `HTTP_PROXY` and its like are ignored.
    OUTBOUND_PROXY: Option<Url> {
        name: "outbound_proxy",
        section: Outbound,
        parse: |text| optional(text, web_url),
        default: Unset("they are called directly"),
        example: "http://proxy.school.example:3128",
        is_secret: true,
    }

    /// File of certificates, in PEM, of authorities that foreign systems may have theirs from besides those of the
    /// system, or of the file that `SSL_CERT_FILE` names.
    OUTBOUND_CA_FILE: Option<PathBuf> {
        name: "outbound_ca_file",
        section: Outbound,
        parse: |text| optional(text, parsed),
        default: Unset("the system's authorities only"),
        example: "/etc/ssl/school-ca.pem",
        is_secret: false,
    }

    /// By how many seconds the clocks of identity providers may differ from ours.
    SSO_SKEW_SECONDS: std::time::Duration {
        name: "sso_skew_seconds",
        section: Outbound,
        parse: seconds_or_none,
        default: Fixed("180"),
        example: "60",
        is_secret: false,
    }

    /// What is logged: a level, and levels of single modules. What strangers send that is no HTTP is logged
    /// from `debug` on, or with `actix_http=error`.
    LOG: String {
        name: "log",
        section: Logs,
        parse: log_filter,
        default: Fixed("info,actix_server=warn"),
        example: "info,rollcall=debug",
        is_secret: false,
    }

    /// Format of log lines: `text`, `json`, or `auto`, which is text on a terminal and JSON elsewhere.
    LOG_FORMAT: LogFormat {
        name: "log_format",
        section: Logs,
        parse: word,
        default: Fixed("auto"),
        example: "json",
        is_secret: false,
    }

    /// URL of a collector that takes traces (OpenTelemetry, OTLP over HTTP with protobuf): spans of requests,
    /// transactions, password hashes, mails and batches of imports. It is spoken to without TLS: name one that is near,
    /// which forwards.
    TRACES_ENDPOINT: Option<Url> {
        name: "traces_endpoint",
        section: Logs,
        parse: |text| optional(text, collector_url),
        default: Unset("no traces are made"),
        example: "http://127.0.0.1:4318/v1/traces",
        is_secret: false,
    }

    /// Path of the configuration file. It can be set in the environment only.
    CONFIG_FILE: PathBuf {
        name: "config_file",
        section: ConfigurationFile,
        parse: parsed,
        default: Unset("`rollcall.toml` of the folder that Rollcall is started in, if it exists"),
        example: "/etc/rollcall.toml",
        is_secret: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_name_is_used_twice_even_with_the_suffix_of_value_files() {
        let names: Vec<&str> = all().map(|info| info.name).collect();
        let with_files: BTreeSet<String> = names
            .iter()
            .flat_map(|name| [(*name).to_owned(), format!("{name}_file")])
            .collect();
        assert_eq!(with_files.len(), names.len() * 2);
    }

    #[test]
    fn documentation_fits_into_a_table_and_an_environment_file() {
        for info in all() {
            let text = format!("{}{}", info.documentation, info.example);
            assert!(!text.contains(['|', '\n']), "{}", info.name);
            assert!(info.documentation.ends_with('.'), "{}", info.name);
        }
    }
}
