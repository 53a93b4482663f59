//! CSV files as responses, streamed: a file is never whole in memory.

use actix_web::HttpResponse;
use actix_web::web::Bytes;
use futures_util::stream::{self, Stream, StreamExt as _};
use tracing::{Instrument as _, Span};

use crate::error::Result;
use crate::services::unit_of_work::UnitOfWork;
use crate::state::State;

/// A file of this name. `next_chunk` reads its pieces, each in a unit of work of its own.
///
/// # Errors
/// Those of its beginning: a file that cannot be read at all is refused, and not begun.
pub async fn csv_file<F>(state: State, name: &str, next_chunk: F) -> Result<HttpResponse>
where
    F: FnMut(&mut UnitOfWork<'_>) -> Result<Option<Vec<u8>>> + Send + 'static,
{
    let begun = state.unit_of_work_as_system(move |tx| begin(tx, next_chunk));
    let (beginning, next_chunk) = begun.await?;
    let beginning = stream::iter([Ok(Bytes::from(beginning))]);
    let disposition = format!("attachment; filename=\"{name}\"");
    Ok(HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header(("Content-Disposition", disposition))
        .streaming(beginning.chain(chunks(state, next_chunk))))
}

/// Reads the header and the first rows.
fn begin<F>(tx: &mut UnitOfWork<'_>, mut next_chunk: F) -> Result<(Vec<u8>, F)>
where
    F: FnMut(&mut UnitOfWork<'_>) -> Result<Option<Vec<u8>>>,
{
    let mut beginning = next_chunk(tx)?.unwrap_or_default();
    beginning.extend(next_chunk(tx)?.unwrap_or_default());
    Ok((beginning, next_chunk))
}

/// Streams the pieces behind the beginning, within the span of the request. An error breaks the transfer off, which clients
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
