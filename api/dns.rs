//! Questions to the domain name system (RFC 1035), by the resolver of Hickory.

use std::net::SocketAddr;
use std::time::Duration;

use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};
use hickory_resolver::{Resolver, TokioResolver};
use tokio::runtime::{Builder, Runtime};

/// A resolver for what can be awaited.
pub struct NameServers {
    resolver: TokioResolver,
}

/// A resolver for threads that may wait.
pub struct Dns {
    name_servers: NameServers,
    runtime: Runtime,
}

/// Why a question has no answer. That a name has no such record is an answer.
#[derive(Debug, thiserror::Error)]
pub enum DnsError {
    #[error("{0}")]
    NoResolver(#[from] std::io::Error),
    #[error("{0}")]
    NoAnswer(#[from] NetError),
    #[error("{0:?} is no name of the domain name system")]
    Name(String),
}

/// Servers that do not answer are not waited for any longer, three times in all.
const TIMEOUT: Duration = Duration::from_secs(2);

impl NameServers {
    /// A resolver that asks these servers; where there are none, those of the system.
    ///
    /// # Errors
    /// Where the system does not say which its servers are.
    pub fn asking(servers: &[SocketAddr]) -> Result<Self, DnsError> {
        let mut builder = if servers.is_empty() {
            TokioResolver::builder_tokio()?
        } else {
            let servers = servers.iter().map(|address| name_server(*address));
            let config = ResolverConfig::from_name_servers(servers.collect());
            Resolver::builder_with_config(config, TokioRuntimeProvider::default())
        };
        let options = builder.options_mut();
        options.timeout = TIMEOUT;
        // Whoever asks wants to know how it is now.
        options.cache_size = 0;
        let resolver = builder.build()?;
        Ok(Self { resolver })
    }

    /// The texts of a name, each joined from its parts.
    ///
    /// # Errors
    /// Where nobody answers.
    pub async fn texts(&self, name: &str) -> Result<Vec<String>, DnsError> {
        let records = self.records(name, RecordType::TXT).await?;
        let text = |record: &RData| match record {
            RData::TXT(text) => Some(String::from_utf8_lossy(&text.txt_data.concat()).into_owned()),
            _ => None,
        };
        Ok(records.iter().filter_map(text).collect())
    }

    async fn records(&self, name: &str, kind: RecordType) -> Result<Vec<RData>, DnsError> {
        let name = idna::domain_to_ascii(name).map_err(|_| DnsError::Name(name.to_owned()))?;
        // With a dot at its end it is looked up as it is, and not below the system's own domain.
        match self.resolver.lookup(format!("{name}."), kind).await {
            Ok(found) => Ok(found
                .answers()
                .iter()
                .map(|record| record.data.clone())
                .collect()),
            Err(error) if error.is_no_records_found() => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }
}

impl Dns {
    /// As [`NameServers::asking`].
    ///
    /// # Errors
    /// As there.
    pub fn asking(servers: &[SocketAddr]) -> Result<Self, DnsError> {
        Ok(Self {
            runtime: Builder::new_current_thread().enable_all().build()?,
            name_servers: NameServers::asking(servers)?,
        })
    }

    /// As [`NameServers::texts`].
    ///
    /// # Errors
    /// As there.
    pub fn texts(&self, name: &str) -> Result<Vec<String>, DnsError> {
        self.runtime.block_on(self.name_servers.texts(name))
    }

    /// The servers that take mail for a name; `.` where it takes none (RFC 7505).
    ///
    /// # Errors
    /// As [`Dns::texts`].
    pub fn mail_servers(&self, name: &str) -> Result<Vec<String>, DnsError> {
        let records = self.records(name, RecordType::MX)?;
        let server = |record: &RData| match record {
            RData::MX(server) => Some(server.exchange.to_utf8()),
            _ => None,
        };
        Ok(records.iter().filter_map(server).collect())
    }

    /// Whether a name has an address.
    ///
    /// # Errors
    /// As [`Dns::texts`].
    pub fn has_address(&self, name: &str) -> Result<bool, DnsError> {
        let is_address = |record: &RData| matches!(record, RData::A(_) | RData::AAAA(_));
        for kind in [RecordType::A, RecordType::AAAA] {
            if self.records(name, kind)?.iter().any(is_address) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn records(&self, name: &str, kind: RecordType) -> Result<Vec<RData>, DnsError> {
        self.runtime.block_on(self.name_servers.records(name, kind))
    }
}

fn name_server(address: SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.into())
}
