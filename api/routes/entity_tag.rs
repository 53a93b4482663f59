//! `ETag` (RFC 9110, 8.8.3): who has a response already asks again, and is told in a few bytes that it is still so.

use actix_web::http::header::{
    CacheControl, CacheDirective, ContentType, ETag, EntityTag, IfNoneMatch,
};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use utoipa::IntoParams;

use crate::crypto::digest::sha256;
use crate::error::{Error, Result};

/// The header as the document describes it; named by every operation that looks at it.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[allow(dead_code, reason = "describes the header in the document")]
pub struct IfNoneMatchHeader {
    /// The `ETag` of an earlier response: where it is still so, the response is 304 without a body.
    #[param(rename = "If-None-Match", nullable = false)]
    if_none_match: Option<String>,
}

/// A body as JSON with its tag.
pub struct Tagged {
    json: Vec<u8>,
    tag: EntityTag,
}

impl Tagged {
    /// Tags a body by its digest. The tag is a weak one, since the body may be compressed on its way.
    ///
    /// # Errors
    /// Never, for what can be written as JSON.
    pub fn new(body: &impl Serialize) -> Result<Self> {
        let json = serde_json::to_vec(body).map_err(Error::internal)?;
        let tag = EntityTag::new_weak(URL_SAFE_NO_PAD.encode(sha256(&json)));
        Ok(Self { json, tag })
    }

    /// The response to a question that is asked again and again: 304 where the request names the tag. A browser
    /// may keep the body for this person, and has to ask before each use.
    pub fn respond_if_changed(self, request: &HttpRequest) -> HttpResponse {
        let is_known = self.is_known(request);
        let mut response = if is_known {
            HttpResponse::NotModified()
        } else {
            HttpResponse::Ok()
        };
        let kept = vec![CacheDirective::Private, CacheDirective::NoCache];
        response.insert_header(CacheControl(kept));
        response.insert_header(ETag(self.tag));
        if is_known {
            return response.finish();
        }
        response.content_type(ContentType::json()).body(self.json)
    }

    /// The response with the tag, whatever the request names.
    pub fn respond(self) -> HttpResponse {
        HttpResponse::Ok()
            .insert_header(ETag(self.tag))
            .content_type(ContentType::json())
            .body(self.json)
    }

    fn is_known(&self, request: &HttpRequest) -> bool {
        match request.get_header::<IfNoneMatch>() {
            None => false,
            Some(IfNoneMatch::Any) => true,
            Some(IfNoneMatch::Items(known)) => known.iter().any(|tag| tag.weak_eq(&self.tag)),
        }
    }
}
