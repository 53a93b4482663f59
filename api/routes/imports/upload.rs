//! The upload: a form whose file goes, piece by piece, to a thread that reads it.

use std::time::Duration;

use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::HttpResponse;
use futures_util::{StreamExt as _, TryStreamExt as _};

use super::options::Fields;
use super::reader_thread::{Piece, ReaderEnded, ReaderThread, Uploader};
use super::refusals::no_place;
use crate::domain::spreadsheet::ReadOptions;
use crate::error::{Code, Error, FieldError, Result};
use crate::routes::extract::fingerprint::{FieldDigest, FormDigest};
use crate::routes::extract::idempotency::UnreadBody;
use crate::routes::extract::{Guard as _, InOrganization};
use crate::services::authorization::ManageImports;
use crate::services::idempotency::Execution;
use crate::services::imports::submission::Options;
use crate::state::uploads::{SILENCE_TIMEOUT, UploadPlace};

/// Makes an import of an uploaded file.
///
/// # Errors
/// What is wrong with the form, the file or the options; `not_found`, `forbidden`.
pub(super) async fn create(
    request: InOrganization<ManageImports>,
    unread: UnreadBody,
    form: Multipart,
) -> Result<HttpResponse> {
    let uploads = request.scope().state.uploads.clone();
    let uploader = Uploader::permitted(request).await?;
    let place = uploads.take(uploader.by()).await.map_err(no_place)?;
    let reader = ReaderThread::start(uploader)?;
    let arriving = Arriving::new(form, &place);
    Ok(receive(reader, unread, arriving).await?.into())
}

async fn receive(
    reader: ReaderThread,
    unread: UnreadBody,
    mut arriving: Arriving<'_>,
) -> Result<Execution> {
    let arrived = tokio::time::timeout(DEADLINE, arriving.read_all(&reader)).await;
    match arrived.unwrap_or_else(|_| Err(too_slow().into())) {
        Ok(()) => {
            let digest = std::mem::take(&mut arriving.digest).finish();
            let idempotency = unread.with_digest(&digest);
            match arriving.into_options() {
                Ok(options) => reader.submit(options, idempotency).await,
                Err(error) => Err(reader.dismiss(error).await),
            }
        }
        Err(Interrupted::ReaderEnded) => {
            drain(arriving.form).await;
            reader.verdict().await
        }
        Err(Interrupted::Refused(error)) => Err(reader.dismiss(error).await),
    }
}

/// How much is read that nobody needs, in bytes: more than any file has that is taken.
const MAX_DRAINED: usize = 64 * 1024 * 1024;

/// Reads a little more of the form: a client that is still sending would not read the response.
async fn drain(form: Multipart) {
    const TIMEOUT: Duration = Duration::from_secs(10);
    let drained = form
        .try_flatten()
        .map_ok(|chunk| chunk.len())
        .take_while(|chunk| std::future::ready(chunk.is_ok()))
        .scan(0_usize, |total, chunk| {
            *total = total.saturating_add(chunk.unwrap_or(0));
            std::future::ready((*total < MAX_DRAINED).then_some(()))
        })
        .for_each(|()| std::future::ready(()));
    // Whether all of it came or the time is up makes no difference.
    let _ = tokio::time::timeout(TIMEOUT, drained).await;
}

/// Why reading the form stopped.
enum Interrupted {
    /// The reader has refused the file, and knows why.
    ReaderEnded,
    Refused(Error),
}

impl From<Error> for Interrupted {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<ReaderEnded> for Interrupted {
    fn from(ReaderEnded: ReaderEnded) -> Self {
        Self::ReaderEnded
    }
}

/// How long an upload may take in all. Staged rows are kept for longer than that.
const DEADLINE: Duration = Duration::from_secs(10 * 60);

fn too_slow() -> Error {
    let detail = "The upload took more than ten minutes. Nothing was imported: upload it again.";
    Error::refused(Code::RequestTimeout, detail)
}

/// The longest field that is not the file, in bytes.
const MAX_FIELD: usize = 16 * 1024;

struct Arriving<'a> {
    form: Multipart,
    place: &'a UploadPlace,
    fields: Fields,
    has_file: bool,
    digest: FormDigest,
}

impl<'a> Arriving<'a> {
    fn new(form: Multipart, place: &'a UploadPlace) -> Self {
        Self {
            form,
            place,
            fields: Fields::default(),
            has_file: false,
            digest: FormDigest::default(),
        }
    }

    /// Reads the fields, which may come before the file or behind it.
    async fn read_all(&mut self, reader: &ReaderThread) -> Result<(), Interrupted> {
        let place = self.place;
        while let Some(field) = in_time(place, self.form.try_next()).await? {
            received(place, 0)?;
            let name = field.name().unwrap_or_default().to_owned();
            let mut digest = FormDigest::field(&name);
            if name != "file" && !self.fields.know(&name) {
                skip(place, field).await?;
                self.fields.note_unknown(&name)?;
            } else if name != "file" {
                let text = read_text(place, field).await?;
                digest.update(text.as_bytes());
                self.fields.take(&name, &text)?;
            } else if std::mem::replace(&mut self.has_file, true) {
                return Err(second_file().into());
            } else {
                reader
                    .send(Piece::Options(self.fields.read_options()))
                    .await?;
                self.feed(reader, field, &mut digest).await?;
            }
            self.digest.add(digest);
        }
        Ok(())
    }

    /// Passes a file on as it arrives.
    async fn feed(
        &self,
        reader: &ReaderThread,
        mut field: Field,
        digest: &mut FieldDigest,
    ) -> Result<(), Interrupted> {
        while let Some(chunk) = in_time(self.place, field.try_next()).await? {
            received(self.place, chunk.len())?;
            digest.update(&chunk);
            reader.send(Piece::Chunk(chunk)).await?;
        }
        Ok(reader.send(Piece::EndOfFile).await?)
    }

    fn into_options(self) -> Result<(Options, ReadOptions)> {
        let read_options = self.fields.read_options();
        Ok((self.fields.into_options(self.has_file)?, read_options))
    }
}

/// Waits for the next piece, unless the place is wanted back meanwhile.
async fn in_time<T>(
    place: &UploadPlace,
    next: impl Future<Output = Result<T, MultipartError>>,
) -> Result<T> {
    place.waits();
    let next = tokio::select! {
        next = tokio::time::timeout(SILENCE_TIMEOUT, next) => next,
        () = place.taken_back() => return Err(place_taken_back()),
    };
    match next {
        Ok(Ok(next)) => Ok(next),
        Ok(Err(error)) => Err(unreadable_form(&error)),
        Err(_) => Err(arrives_too_slowly()),
    }
}

fn second_file() -> Error {
    let second = FieldError::new("/file", "too_many", "Upload one file at a time.");
    Error::malformed_fields(vec![second])
}

fn not_utf8(name: &str) -> Error {
    let detail = format!("The form field `{name}` is not UTF-8.");
    Error::refused(Code::MalformedRequest, detail)
}

/// Notes that so many bytes have come.
fn received(place: &UploadPlace, bytes: usize) -> Result<()> {
    if place.received(bytes) {
        Ok(())
    } else {
        Err(arrives_too_slowly())
    }
}

fn arrives_too_slowly() -> Error {
    let detail = "The upload arrives too slowly, at less than 4 KiB a second. Nothing was imported: upload \
                  it again over a faster connection.";
    Error::refused(Code::RequestTimeout, detail)
}

/// The refusal of an upload whose place another one gets.
pub(super) fn place_taken_back() -> Error {
    let detail = "Others wait to upload, and this file arrived more slowly. Nothing was imported: upload it \
                  again in a minute.";
    Error::rate_limited(Duration::from_secs(60)).in_other_words(detail)
}

fn unreadable_form(error: &MultipartError) -> Error {
    match error {
        MultipartError::ContentTypeMissing
        | MultipartError::ContentTypeParse
        | MultipartError::ContentTypeIncompatible => Error::refused(
            Code::UnsupportedMediaType,
            "Send the file in a form, with `Content-Type: multipart/form-data`.",
        ),
        _ => Error::refused(
            Code::MalformedRequest,
            format!("The form cannot be read: {error}. Nothing was imported."),
        ),
    }
}

/// Reads past a field that there is not: it may be the file, under another name.
async fn skip(place: &UploadPlace, mut field: Field) -> Result<()> {
    let mut skipped = 0_usize;
    while let Some(chunk) = in_time(place, field.try_next()).await? {
        received(place, chunk.len())?;
        skipped = skipped.saturating_add(chunk.len());
        if skipped > MAX_DRAINED {
            let detail = "A form field is larger than any file that is taken.";
            return Err(Error::refused(Code::PayloadTooLarge, detail));
        }
    }
    Ok(())
}

async fn read_text(place: &UploadPlace, mut field: Field) -> Result<String> {
    let name = field.name().unwrap_or_default().to_owned();
    let mut bytes = Vec::new();
    while let Some(chunk) = in_time(place, field.try_next()).await? {
        received(place, chunk.len())?;
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MAX_FIELD {
            let detail = format!("The form field `{name}` is longer than any option.");
            return Err(Error::refused(Code::PayloadTooLarge, detail));
        }
    }
    String::from_utf8(bytes).map_err(|_| not_utf8(&name))
}
