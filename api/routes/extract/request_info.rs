//! What a request tells of itself, whoever sent it.

use std::time::Instant;

use actix_web::http::header::{self, Header as _};
use actix_web::{HttpMessage as _, HttpRequest};

use crate::domain::language::Language;
use crate::domain::timestamp::Timestamp;
use crate::services::context::{RequestContext, SeenSender};
use crate::services::limits::LimitStates;

/// A request's id, which the client may have chosen.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// When a request has to be answered.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(pub Instant);

/// A request's id and the client that sent it.
#[derive(Clone, Debug)]
pub struct RequestInfo {
    pub id: String,
    pub user_agent: Option<String>,
    /// Of the languages that we write in, the one that the client prefers.
    pub language: Option<Language>,
    deadline: Option<Instant>,
    seen_sender: SeenSender,
    limit_states: LimitStates,
}

/// How much of a user agent is kept, in characters.
const MAX_USER_AGENT: usize = 200;

impl RequestInfo {
    /// Reads them off a request that the middleware has seen.
    pub fn of(request: &HttpRequest) -> Self {
        let id = request
            .extensions()
            .get::<RequestId>()
            .map(|id| id.0.clone())
            .unwrap_or_default();
        let deadline = request.extensions().get::<Deadline>().map(|known| known.0);
        Self {
            id,
            user_agent: text_of(request, header::USER_AGENT)
                .map(|agent| agent.chars().take(MAX_USER_AGENT).collect()),
            language: accepted_language(request),
            deadline,
            seen_sender: shared(request),
            limit_states: shared(request),
        }
    }

    /// The context of a unit of work for this request, before it is known who sent it.
    pub fn context(&self, now: Timestamp) -> RequestContext {
        let mut context = RequestContext::anonymous(&self.id, now);
        context.deadline = self.deadline;
        context.seen_sender = self.seen_sender.clone();
        context.limit_states = self.limit_states.clone();
        context
    }
}

/// Of our languages, the one that `Accept-Language` prefers (RFC 9110, 12.5.4), the first of equals.
fn accepted_language(request: &HttpRequest) -> Option<Language> {
    let header = header::AcceptLanguage::parse(request).ok()?;
    let ours = header.0.into_iter().filter_map(|range| {
        let tag = range.item.into_item()?;
        let language = Language::of_primary_subtag(tag.primary_language())?;
        (range.quality > header::Quality::ZERO).then_some((language, range.quality))
    });
    let best = ours.reduce(|best, next| if next.1 > best.1 { next } else { best });
    best.map(|(language, _)| language)
}

fn text_of(request: &HttpRequest, name: header::HeaderName) -> Option<&str> {
    request.headers().get(name)?.to_str().ok()
}

/// What everything that serves this request shares: its limits, who sends it.
pub fn shared<T: Clone + Default + 'static>(request: &HttpRequest) -> T {
    let mut extensions = request.extensions_mut();
    if let Some(known) = extensions.get::<T>() {
        return known.clone();
    }
    let value = T::default();
    extensions.insert(value.clone());
    value
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn the_preferred_language_is_taken_if_it_is_ours() {
        for (header, language) in [
            ("fi", Some(Language::Finnish)),
            ("de-CH, fr;q=0.9", Some(Language::German)),
            ("nl, sv-FI;q=0.8, en;q=0.7", Some(Language::Swedish)),
            ("en;q=0.5, ES ; q=0.6", Some(Language::Spanish)),
            ("fr;q=0, *", None),
            ("nl", None),
            ("", None),
            ("fr;q=high,,;;, \u{1f986}", None),
        ] {
            let request = TestRequest::default()
                .insert_header((header::ACCEPT_LANGUAGE, header))
                .to_http_request();
            assert_eq!(accepted_language(&request), language, "{header}");
        }
    }
}
