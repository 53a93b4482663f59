//! A collector of traces (OTLP over HTTP), which keeps the spans that it is given.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

/// The collector; it listens as long as the tests run.
pub struct Collector {
    address: SocketAddr,
    spans: Arc<Mutex<Vec<CollectedSpan>>>,
}

/// A span as it arrived.
#[derive(Clone, Debug)]
pub struct CollectedSpan {
    pub name: String,
    pub trace: String,
    pub id: String,
    /// Empty: it has none.
    pub parent: String,
    pub is_of_server: bool,
    pub is_error: bool,
    pub attributes: BTreeMap<String, String>,
}

impl Collector {
    /// Begins to listen.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("no port");
        let address = listener.local_addr().expect("no address");
        let spans = Arc::new(Mutex::new(Vec::new()));
        let kept = spans.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, kept) = (stream.expect("no connection"), kept.clone());
                std::thread::spawn(move || serve(stream, &kept));
            }
        });
        Self { address, spans }
    }

    /// What a setting names it by.
    pub fn url(&self) -> String {
        format!("http://{}/v1/traces", self.address)
    }

    /// All that has arrived.
    pub fn spans(&self) -> Vec<CollectedSpan> {
        self.spans.lock().expect("a thread panicked").clone()
    }
}

fn serve(stream: TcpStream, kept: &Mutex<Vec<CollectedSpan>>) {
    let mut reader = BufReader::new(stream);
    while let Some(body) = body_of_next(&mut reader) {
        let request = ExportTraceServiceRequest::decode(body.as_slice()).expect("no spans");
        let scopes = request
            .resource_spans
            .into_iter()
            .flat_map(|it| it.scope_spans);
        let spans = scopes.flat_map(|it| it.spans).map(CollectedSpan::of);
        kept.lock().expect("a thread panicked").extend(spans);
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        reader.get_mut().write_all(answer).expect("no answer");
    }
}

/// The body of the next request on a connection; `None` at its end.
fn body_of_next(reader: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(body)
}

impl CollectedSpan {
    fn of(span: Span) -> Self {
        let attributes = span.attributes.into_iter().map(|attribute| {
            let value = attribute.value.and_then(|value| value.value);
            let text = match value {
                Some(any_value::Value::StringValue(text)) => text,
                Some(any_value::Value::IntValue(number)) => number.to_string(),
                other => format!("{other:?}"),
            };
            (attribute.key, text)
        });
        Self {
            trace: hex(&span.trace_id),
            id: hex(&span.span_id),
            parent: hex(&span.parent_span_id),
            is_of_server: span.kind == 2,
            is_error: span.status.is_some_and(|status| status.code == 2),
            attributes: attributes.collect(),
            name: span.name,
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
