//! Traces for a collector (OpenTelemetry, OTLP over HTTP), where one is named. Where none is, nobody makes spans.

use std::pin::Pin;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::{Status, TracerProvider as _};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::registry::LookupSpan;

use super::metrics::UNDOCUMENTED;
use crate::config::Config;
use crate::domain::ids::OrganizationId;
use crate::error::{Error, Result};

/// Set where traces are made.
static PROVIDER: OnceLock<SdkTracerProvider> = OnceLock::new();

/// The names of a request's attributes, those of OpenTelemetry's conventions where there are any.
const METHOD: &str = "http.request.method";
const ROUTE: &str = "http.route";
const STATUS: &str = "http.response.status_code";
const REQUEST_ID: &str = "rollcall.request_id";
const ORGANIZATION: &str = "rollcall.organization_id";

/// What hands our spans to the collector; `None` where none is named.
pub(super) fn layer<S>(config: &Config) -> Result<Option<impl Layer<S> + use<S>>>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let Some(endpoint) = &config.traces_endpoint else {
        return Ok(None);
    };
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Sender::new())
        .with_endpoint(endpoint.as_str())
        .build()
        .map_err(Error::internal)?;
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let resource = Resource::builder()
        .with_service_name("rollcall")
        .with_attribute(version);
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(resource.build())
        .build();
    let tracer = PROVIDER.get_or_init(|| provider).tracer("rollcall");
    let ours = filter_fn(|of| of.is_span() && of.target().starts_with("rollcall"))
        .with_max_level_hint(LevelFilter::DEBUG);
    let layer = tracing_opentelemetry::layer()
        .with_tracer(tracer)
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false);
    Ok(Some(layer.with_filter(ours)))
}

/// Whether traces are made.
pub fn are_made() -> bool {
    PROVIDER.get().is_some()
}

/// Hands over what is still here, before the process ends.
pub fn end() {
    const AT_MOST: Duration = Duration::from_secs(2);
    if let Some(provider) = PROVIDER.get() {
        // Whoever is away then has been warned of.
        let _ = provider.shutdown_with_timeout(AT_MOST);
    }
}

/// The span that a request belongs to where it comes from (W3C Trace Context).
pub struct Parent<'a> {
    pub traceparent: &'a str,
    pub tracestate: Option<&'a str>,
}

impl Extractor for Parent<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        match key {
            "traceparent" => Some(self.traceparent),
            "tracestate" => self.tracestate,
            _ => None,
        }
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent", "tracestate"]
    }
}

/// What is known of a request that has come.
pub struct Begun<'a> {
    pub id: &'a str,
    pub method: &'static str,
    pub route: &'a str,
    pub operation: Option<&'a str>,
    pub parent: Option<Parent<'a>>,
}

/// Describes a request in its span: a span of its operation, as far as it is documented. The fields `otel.name` and
/// `otel.kind` are the span's name and kind.
pub fn begin_request(span: &Span, begun: &Begun<'_>) {
    if let Some(parent) = &begun.parent {
        let context = TraceContextPropagator::new().extract(parent);
        // Nothing has entered the span yet, so that it can have a parent.
        let _ = span.set_parent(context);
    }
    span.record("otel.name", begun.operation.unwrap_or(UNDOCUMENTED));
    span.record("otel.kind", "server");
    span.set_attribute(REQUEST_ID, begun.id.to_owned());
    span.set_attribute(METHOD, begun.method);
    span.set_attribute(ROUTE, begun.route.to_owned());
}

/// Notes in the span of a request what it came to, and for which organization.
pub fn end_request(span: &Span, status: u16, organization: Option<OrganizationId>) {
    span.set_attribute(STATUS, i64::from(status));
    if let Some(organization) = organization {
        span.set_attribute(ORGANIZATION, organization.to_string());
    }
    if status >= 500 {
        span.set_status(Status::error(""));
    }
}

/// Sends what it is given, and warns once when nobody takes it.
#[derive(Debug)]
struct Sender {
    agent: ureq::Agent,
    is_refused: AtomicBool,
}

impl Sender {
    fn new() -> Self {
        let settings = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(5)))
            .http_status_as_error(false)
            // The collector is near: spans leave through nobody else's proxy.
            .proxy(None)
            .max_redirects(0);
        Self {
            agent: settings.build().new_agent(),
            is_refused: AtomicBool::new(false),
        }
    }

    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, ureq::Error> {
        let response = self.agent.run(request.map(|body| body.to_vec()))?;
        let (head, mut body) = response.into_parts();
        Ok(Response::from_parts(head, body.read_to_vec()?.into()))
    }

    fn tell(&self, sent: &Result<Response<Bytes>, ureq::Error>) {
        let refused = match sent {
            Ok(response) if response.status().is_success() => None,
            Ok(response) => Some(response.status().to_string()),
            Err(error) => Some(error.to_string()),
        };
        let was_refused = self.is_refused.swap(refused.is_some(), Ordering::Relaxed);
        match refused {
            Some(cause) if !was_refused => {
                tracing::warn!(%cause, "the collector takes no traces (ROLLCALL_TRACES_ENDPOINT): they are dropped");
            }
            None if was_refused => tracing::info!("the collector takes traces again"),
            Some(_) | None => {}
        }
    }
}

type Sending<'a> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'a>>;

impl HttpClient for Sender {
    /// Waits on the exporter's own thread.
    fn send_bytes<'this, 'sending>(&'this self, request: Request<Bytes>) -> Sending<'sending>
    where
        'this: 'sending,
        Self: 'sending,
    {
        let sent = self.send(request);
        self.tell(&sent);
        Box::pin(std::future::ready(sent.map_err(Into::into)))
    }
}
