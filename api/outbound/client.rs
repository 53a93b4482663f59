//! One call, on a thread that may wait.

use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use ureq::http::{Request, Response};
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use ureq::unversioned::resolver::{DefaultResolver, Resolver};
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, Body, Proxy};
use url::{Host, Url};

use super::addresses::AddressPolicy;
use super::error::{OutboundError, SetupError};
use super::message::{OutboundRequest, OutboundResponse};
use super::resolver::FilteringResolver;
use crate::config::Config;
use crate::domain::shown;

/// Connections are kept for this long: many servers close those that are idle for five seconds, and a request that
/// meets the end of a connection has failed.
const KEPT: Duration = Duration::from_secs(4);

const HEADER_LIMIT: usize = 32 * 1024;

/// The certificates of the system. They are read once, with the first call, since most commands make none.
static OF_SYSTEM: LazyLock<Vec<CertificateDer<'static>>> =
    LazyLock::new(|| rustls_native_certs::load_native_certs().certs);

/// What calls, made with the first call.
pub struct HttpClient {
    agent: LazyLock<Agent, Box<dyn FnOnce() -> Agent + Send>>,
    policy: AddressPolicy,
    has_proxy: bool,
    timeout: Duration,
}

impl HttpClient {
    pub fn configured(config: &Config) -> Result<Self, SetupError> {
        let timeout = config.outbound_timeout;
        let policy = AddressPolicy::allowing(&config.outbound_allow);
        let further = match &config.outbound_ca_file {
            Some(path) => certificates(path)?,
            None => Vec::new(),
        };
        let Some(proxy) = &config.outbound_proxy else {
            let inner = DefaultResolver::default();
            return Ok(Self::resolving(inner, policy, further, timeout));
        };
        let proxy = Proxy::new(proxy.as_str()).map_err(|_| SetupError::Proxy)?;
        // Only the proxy itself is resolved here: what it is asked for, it looks up.
        let resolver = DefaultResolver::default();
        let make = move || agent(resolver, Some(proxy), further, timeout);
        Ok(Self {
            has_proxy: true,
            ..Self::new(make, policy, timeout)
        })
    }

    fn new(
        make: impl FnOnce() -> Agent + Send + 'static,
        policy: AddressPolicy,
        timeout: Duration,
    ) -> Self {
        Self {
            agent: LazyLock::new(Box::new(make)),
            policy,
            has_proxy: false,
            timeout,
        }
    }

    /// One that asks `inner` for addresses.
    fn resolving(
        inner: impl Resolver,
        policy: AddressPolicy,
        further: Vec<CertificateDer<'static>>,
        timeout: Duration,
    ) -> Self {
        let filtering = policy.clone();
        let resolver = FilteringResolver {
            inner,
            policy: filtering,
        };
        let make = move || agent(resolver, None, further, timeout);
        Self::new(make, policy, timeout)
    }

    #[cfg(test)]
    pub fn of_test(inner: impl Resolver, policy: AddressPolicy) -> Self {
        const SHORT: Duration = Duration::from_secs(1);
        Self::resolving(inner, policy, Vec::new(), SHORT)
    }

    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Sends a request and waits for its answer.
    pub fn call(&self, request: &OutboundRequest) -> Result<OutboundResponse, OutboundError> {
        let host = self.require_callable(&request.url)?;
        let failed = |error| self.told(error, &host);
        let mut response = self.send(request).map_err(failed)?;
        require_no_redirect(&response)?;
        let read = response.body_mut().with_config().limit(request.limit);
        let body = read.read_to_vec().map_err(failed)?;
        let (head, _) = response.into_parts();
        if let Some(encoding) = head.headers.get("content-encoding")
            && encoding != "identity"
        {
            let problem = "it is compressed, which was not asked for".to_owned();
            return Err(OutboundError::Unreadable { problem });
        }
        Ok(OutboundResponse {
            status: head.status.as_u16(),
            headers: head.headers,
            body,
        })
    }

    /// Refuses what is no URL to call. Behind a proxy only hosts that are addresses can be judged here: the proxy
    /// looks up the others, and decides.
    fn require_callable(&self, url: &Url) -> Result<String, OutboundError> {
        let is_plain = match url.scheme() {
            "https" => false,
            "http" => true,
            _ => return Err(OutboundError::NoUrl),
        };
        let has_user = !url.username().is_empty() || url.password().is_some();
        let Some(host) = url.host().filter(|_| !has_user) else {
            return Err(OutboundError::NoUrl);
        };
        let name = host.to_string();
        if !self.has_proxy {
            return Ok(name);
        }
        let (is_allowed, may_be_called) = match host {
            Host::Domain(_) => (false, true),
            Host::Ipv4(ip) => self.judge(ip.into()),
            Host::Ipv6(ip) => self.judge(ip.into()),
        };
        match (is_allowed, may_be_called && !is_local(&name)) {
            (false, false) => Err(OutboundError::AddressNotAllowed { host: name }),
            (false, true) if is_plain => Err(OutboundError::HttpsRequired { host: name }),
            _ => Ok(name),
        }
    }

    fn judge(&self, ip: std::net::IpAddr) -> (bool, bool) {
        (self.policy.is_allowed(ip), self.policy.may_be_called(ip))
    }

    fn send(&self, request: &OutboundRequest) -> Result<Response<Body>, ureq::Error> {
        let mut head = Request::builder()
            .method(request.method.clone())
            .uri(request.url.as_str());
        for (name, value) in &request.headers {
            head = head.header(*name, value);
        }
        match &request.body {
            Some(body) => self.agent.run(head.body(body.as_slice())?),
            None => self.agent.run(head.body(())?),
        }
    }

    /// What went wrong, in our words.
    fn told(&self, error: ureq::Error, host: &str) -> OutboundError {
        let host = host.to_owned();
        match error {
            ureq::Error::Other(inner) => match inner.downcast::<OutboundError>() {
                Ok(ours) => *ours,
                Err(other) => unreadable(other),
            },
            ureq::Error::Timeout(_) => self.timed_out(),
            ureq::Error::HostNotFound => OutboundError::NameUnknown { host },
            ureq::Error::BodyExceedsLimit(limit) => OutboundError::TooLarge { limit },
            ureq::Error::ConnectProxyFailed(problem) => OutboundError::Proxy { host, problem },
            ureq::Error::Rustls(error) => of_tls(&error, host),
            ureq::Error::Io(error) => self.of_connection(&error, host),
            other => unreadable(other),
        }
    }

    fn of_connection(&self, error: &std::io::Error, host: String) -> OutboundError {
        use std::io::ErrorKind;

        let inner = error.get_ref();
        if let Some(tls) = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            return of_tls(tls, host);
        }
        let problem = match error.kind() {
            ErrorKind::TimedOut | ErrorKind::WouldBlock => return self.timed_out(),
            ErrorKind::ConnectionRefused => "nothing listens at this port".to_owned(),
            ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => {
                "it ended the connection before its answer was whole".to_owned()
            }
            // What the system says of a name that it cannot resolve has no kind of its own.
            _ if error.to_string().contains("failed to lookup address") && !self.has_proxy => {
                return OutboundError::NameUnknown { host };
            }
            _ => error.to_string(),
        };
        if self.has_proxy {
            OutboundError::Proxy { host, problem }
        } else {
            OutboundError::Unreachable { host, problem }
        }
    }

    /// That nobody answered in time.
    pub fn timed_out(&self) -> OutboundError {
        OutboundError::TimedOut {
            within: self.timeout,
        }
    }
}

/// Names of this machine, whatever the domain name system says.
fn is_local(host: &str) -> bool {
    let host = host.trim_end_matches('.');
    host == "localhost" || host.ends_with(".localhost")
}

fn agent(
    resolver: impl Resolver,
    proxy: Option<Proxy>,
    further: Vec<CertificateDer<'static>>,
    timeout: Duration,
) -> Agent {
    let roots: Vec<Certificate<'static>> = further
        .iter()
        .chain(&*OF_SYSTEM)
        .map(|certificate| Certificate::from_der(certificate).to_owned())
        .collect();
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .root_certs(RootCerts::new_with_certs(&roots))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build();
    let config = Agent::config_builder()
        .tls_config(tls)
        .proxy(proxy)
        // A redirect is an answer, and refused by name.
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .user_agent(concat!("Rollcall/", env!("CARGO_PKG_VERSION")))
        .accept_encoding("identity")
        .max_response_header_size(HEADER_LIMIT)
        .max_idle_age(KEPT)
        .timeout_global(Some(timeout))
        .build();
    Agent::with_parts(config, DefaultConnector::default(), resolver)
}

/// Reads the certificates of a file.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, SetupError> {
    let refused = |problem: String| SetupError::Roots {
        path: path.to_owned(),
        problem,
    };
    let pem = std::fs::read(path).map_err(|error| refused(format!("cannot be read ({error})")))?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err(refused("holds no certificate in PEM".to_owned())),
        Err(error) => Err(refused(format!("is no PEM ({error})"))),
    }
}

fn require_no_redirect(response: &Response<Body>) -> Result<(), OutboundError> {
    let status = response.status().as_u16();
    let is_redirect = matches!(status, 300..=303 | 305..=308);
    if !is_redirect {
        return Ok(());
    }
    let location = response.headers().get("location");
    let location = location.map_or_else(
        || "no address".to_owned(),
        |it| without_parameters(&String::from_utf8_lossy(it.as_bytes())),
    );
    Err(OutboundError::Redirected { status, location })
}

/// An address as it may be shown: its parameters may be secret.
fn without_parameters(location: &str) -> String {
    shown::value(location.split(['?', '#']).next().unwrap_or_default())
}

fn unreadable(problem: impl ToString) -> OutboundError {
    let problem = problem.to_string();
    OutboundError::Unreadable { problem }
}

fn of_tls(error: &rustls::Error, host: String) -> OutboundError {
    use rustls::CertificateError as Certificate;

    let rustls::Error::InvalidCertificate(problem) = error else {
        let problem = error.to_string();
        return OutboundError::Tls { host, problem };
    };
    let problem = match problem {
        Certificate::Expired | Certificate::ExpiredContext { .. } => "it has expired, renew it",
        Certificate::NotValidYet | Certificate::NotValidYetContext { .. } => {
            "it is not valid yet, check the clocks"
        }
        Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => {
            "it is one of another name"
        }
        Certificate::UnknownIssuer => {
            "no authority that is trusted here has signed it, or the server does not send the certificates between \
             (ROLLCALL_OUTBOUND_CA_FILE names further authorities)"
        }
        Certificate::Revoked => "it was revoked",
        other => {
            let problem = other.to_string();
            return OutboundError::Certificate { host, problem };
        }
    };
    OutboundError::Certificate {
        host,
        problem: problem.to_owned(),
    }
}
