//! Manual creation: a list of names, as JSON or one a line (`docs/imports.md`).

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::web::{self, Bytes};

use super::options::Fields;
use super::refusals::list_too_large;
use super::requests::UsernamesRequest;
use super::responses::accepted;
use crate::crypto::digest::sha256;
use crate::domain::spreadsheet::Encoding;
use crate::domain::username_list::UsernameList;
use crate::error::{Code, Error, Result};
use crate::routes::extract::idempotency::UnreadBody;
use crate::routes::extract::reading::read_json;
use crate::routes::extract::{Guard as _, InOrganization};
use crate::services::authorization::ManageImports;
use crate::services::imports::submission::Options;
use crate::services::imports::{self, from_usernames};

/// The most bytes of a list.
const MAX_LIST: usize = 8 * 1024 * 1024;

/// How a list of names is written.
#[derive(Clone)]
pub(super) enum ListFormat {
    /// With the options.
    Json,
    /// A name on each line; the options are query parameters.
    Text {
        query: String,
        /// Of the Content-Type.
        charset: Option<Encoding>,
    },
}

impl ListFormat {
    /// Reads the list and the options.
    ///
    /// # Errors
    /// `malformed_request`, `validation_failed`, `file_empty`, `file_unreadable`, `too_many_rows`.
    fn parse(&self, body: &[u8]) -> Result<(UsernameList, Options)> {
        match self {
            Self::Json => from_json(body),
            Self::Text { query, charset } => from_text(body, query, *charset),
        }
    }
}

fn from_json(body: &[u8]) -> Result<(UsernameList, Options)> {
    let request: UsernamesRequest = read_json(body)?;
    let options = options_of(Fields::of_names(&request))?;
    Ok((UsernameList::of_texts(request.usernames)?, options))
}

fn from_text(
    body: &[u8],
    query: &str,
    charset: Option<Encoding>,
) -> Result<(UsernameList, Options)> {
    let mut fields = Fields::of_query();
    for (name, text) in url::form_urlencoded::parse(query.as_bytes()) {
        fields.take(&name, &text)?;
    }
    let encoding = fields.read_options().encoding.or(charset);
    let options = options_of(fields)?;
    Ok((UsernameList::of_lines(body, encoding)?, options))
}

/// Names come without passwords: each gets one.
fn options_of(fields: Fields) -> Result<Options> {
    Ok(Options {
        generate_missing_passwords: true,
        ..fields.into_options(true)?
    })
}

/// Makes an import of a list of names. The permit is asked for before the body is read, and again
/// when it has arrived; a long list is parsed before the transaction, off the threads that serve.
///
/// # Errors
/// As [`from_usernames::submit`], and `idempotency_conflict`.
pub(super) async fn create(
    request: InOrganization<ManageImports>,
    unread: UnreadBody,
    payload: web::Payload,
    format: ListFormat,
) -> Result<HttpResponse> {
    let permitted = request.clone();
    permitted
        .run(|tx, permit| imports::require_any_reach(tx, &permit))
        .await?;
    let body = receive(payload).await?;
    let parse = move || Ok::<_, Error>((format.parse(&body)?, sha256(&body)));
    let parsed = tokio::task::spawn_blocking(parse).await;
    let (parsed, digest) = parsed.map_err(Error::internal)??;
    let parsed = Arc::new(parsed);
    let execution = request.change(move |tx, permit| {
        let idempotency = unread.with_digest(&digest);
        let (list, options) = parsed.as_ref();
        let (groups, account_type) = (&options.groups, options.account_type);
        permit.require_reach_of_repetition(tx.connection, groups, account_type)?;
        idempotency.execute(tx, |tx| {
            let import = from_usernames::submit(tx, &permit, list, options)?;
            accepted(import, tx.now())
        })
    });
    Ok(execution.await?.into())
}

/// Reads the whole body of a request.
///
/// # Errors
/// `payload_too_large`, or `malformed_request` where it broke off.
async fn receive(payload: web::Payload) -> Result<Bytes> {
    let received = payload.to_bytes_limited(MAX_LIST).await;
    let received = received.map_err(|_| list_too_large())?;
    received.map_err(|_| {
        let detail = "The body broke off. Nothing was imported: send it again.";
        Error::refused(Code::MalformedRequest, detail)
    })
}
