//! CSV files as responses, streamed: a file is never whole in memory.

use actix_web::HttpResponse;
use actix_web::web::Bytes;
use futures_util::stream::{self, Stream};
use tracing::{Instrument as _, Span};

use crate::error::Result;
use crate::services::unit_of_work::UnitOfWork;
use crate::state::State;

/// A file of this name. `next_chunk` reads its pieces, each in a unit of work of its own.
pub fn csv_file<F>(state: State, name: &str, next_chunk: F) -> HttpResponse
where
    F: FnMut(&mut UnitOfWork<'_>) -> Result<Option<Vec<u8>>> + Send + 'static,
{
    let disposition = format!("attachment; filename=\"{name}\"");
    HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header(("Content-Disposition", disposition))
        .streaming(chunks(state, next_chunk))
}

/// Streams the pieces, within the span of the request. An error breaks the transfer off, which clients
/// notice: half a list would pass for a whole one otherwise.
fn chunks<F>(state: State, next_chunk: F) -> impl Stream<Item = Result<Bytes>>
where
    F: FnMut(&mut UnitOfWork<'_>) -> Result<Option<Vec<u8>>> + Send + 'static,
{
    let span = Span::current();
    stream::try_unfold((state, next_chunk), move |(state, mut next_chunk)| {
        let chunk = async move {
            let read = state.unit_of_work_as_system(move |tx| Ok((next_chunk(tx)?, next_chunk)));
            let (chunk, next_chunk) = read.await.inspect_err(|error| {
                tracing::error!(%error, "a download broke off");
            })?;
            Ok(chunk.map(|chunk| (Bytes::from(chunk), (state, next_chunk))))
        };
        chunk.instrument(span.clone())
    })
}
