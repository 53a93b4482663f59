//! The thread that reads an uploaded file.
//!
//! The reader is synchronous and the request's stream is not. Between them is a short channel, so
//! that neither runs ahead: the upload is never whole in memory.

use std::io::{self, Read};

use actix_web::web::{Buf as _, Bytes};
use tokio::sync::{mpsc, oneshot};
use tracing::Span;

use super::responses::accepted;
use crate::domain::spreadsheet::ReadOptions;
use crate::error::{Code, Error, Result};
use crate::routes::extract::{Guard as _, Idempotency, InOrganization};
use crate::services::authorization::{ManageImports, Permit};
use crate::services::context::RequestContext;
use crate::services::idempotency::Execution;
use crate::services::imports;
use crate::services::imports::from_csv::{self, FileSource};
use crate::services::imports::staging::{self, Staged};
use crate::services::imports::submission::{self, Options};
use crate::state::uploads::UploadedBy;

/// Who uploads. The session and the permit are asked for again when the upload ends, which may be
/// minutes later.
pub(super) struct Uploader {
    request: InOrganization<ManageImports>,
    context: RequestContext,
    permit: Permit<ManageImports>,
}

impl Uploader {
    /// Asks for the permit before the upload.
    ///
    /// # Errors
    /// `not_signed_in`, `not_found`, `forbidden`.
    pub(super) async fn permitted(request: InOrganization<ManageImports>) -> Result<Self> {
        let (context, permit) = request
            .clone()
            .change(|tx, permit| {
                imports::require_any_reach(tx, &permit)?;
                Ok((tx.context.clone(), permit))
            })
            .await?;
        Ok(Self {
            request,
            context,
            permit,
        })
    }

    /// Whose places among the uploads this one takes.
    pub(super) fn by(&self) -> UploadedBy {
        UploadedBy {
            organization: self.request.organization(),
            account: self.context.principal.account_id(),
        }
    }
}

/// What goes through the channel.
pub(super) enum Piece {
    /// What the fields before the file say of it.
    Options(ReadOptions),
    Chunk(Bytes),
    EndOfFile,
    Submit(Box<Submission>),
}

/// The end of a request: the options, and the `Idempotency-Key` with the fingerprint of the whole.
pub(super) struct Submission {
    options: Options,
    /// What all fields say of the file.
    read_options: ReadOptions,
    idempotency: Idempotency,
}

/// The reader has ended: its verdict tells why.
pub(super) struct ReaderEnded;

/// The thread that reads the file: the channel to it and the one back.
pub(super) struct ReaderThread {
    pieces: mpsc::Sender<Piece>,
    verdict: oneshot::Receiver<Result<Execution>>,
}

/// Chunks between the stream and the reader; each is at most 64 KiB.
const CHUNKS_AHEAD: usize = 4;

impl ReaderThread {
    pub(super) fn start(uploader: Uploader) -> Result<Self> {
        let (pieces, arriving) = mpsc::channel(CHUNKS_AHEAD);
        let (verdict_sender, verdict) = oneshot::channel();
        let span = Span::current();
        std::thread::Builder::new()
            .name("upload".to_owned())
            .spawn(move || {
                let _entered = span.enter();
                let verdict = read_and_submit(&uploader, arriving);
                if let Err(Ok(_)) = verdict_sender.send(verdict) {
                    tracing::info!("the client of an upload has gone, but its import goes on");
                }
            })
            .map_err(Error::internal)?;
        Ok(Self { pieces, verdict })
    }

    /// Passes a piece on.
    ///
    /// # Errors
    /// Where the reader has ended.
    pub(super) async fn send(&self, piece: Piece) -> Result<(), ReaderEnded> {
        let sent = self.pieces.send(piece).await;
        sent.map_err(|_| ReaderEnded)
    }

    /// Ends the upload with an import.
    ///
    /// # Errors
    /// The file's refusal, or as [`submission::submit`].
    pub(super) async fn submit(
        self,
        (options, read_options): (Options, ReadOptions),
        idempotency: Idempotency,
    ) -> Result<Execution> {
        let submission = Box::new(Submission {
            options,
            read_options,
            idempotency,
        });
        // Where the reader has ended, its verdict tells why.
        let _ = self.send(Piece::Submit(submission)).await;
        self.verdict().await
    }

    /// Ends the upload without an import, and gives the error to respond with: nothing is left of the
    /// file by then. If the file is at fault too, that error comes first, whether or not the reader had
    /// reached it.
    pub(super) async fn dismiss(self, error: Error) -> Error {
        match self.verdict().await {
            Err(of_file) if !depends_on_fields(&of_file) => of_file,
            Ok(_) | Err(_) => error,
        }
    }

    /// Waits for the end of the reader.
    pub(super) async fn verdict(self) -> Result<Execution> {
        drop(self.pieces);
        self.verdict.await.map_err(Error::internal)?
    }
}

/// Whether a fault of the file may be one of the form: it broke off, or a field would have told.
fn depends_on_fields(fault: &Error) -> bool {
    let code = fault.code();
    [
        Code::MalformedRequest,
        Code::EncodingUnclear,
        Code::DelimiterUnclear,
    ]
    .contains(&code)
}

fn read_and_submit(uploader: &Uploader, arriving: mpsc::Receiver<Piece>) -> Result<Execution> {
    let services = &uploader.request.scope().state.services;
    let mut source = ChannelReader {
        arriving,
        current: Bytes::new(),
        options: ReadOptions::default(),
        submission: None,
        ended: false,
    };
    let staged = from_csv::stage(services, &uploader.context, &uploader.permit, &mut source)?;
    let execution = source.submission().and_then(|submission| {
        require_read_as_asked(&staged, &submission)?;
        submit(uploader, &staged, submission)
    });
    // A repetition gets the response of the first import, and leaves its own rows behind.
    if execution.as_ref().map_or(true, Execution::is_replayed) {
        staging::abandon(&services.pool, staged.import);
    }
    execution
}

fn submit(uploader: &Uploader, staged: &Staged, submission: Submission) -> Result<Execution> {
    let request = uploader.request.clone();
    let state = request.scope().state.clone();
    let Submission {
        options,
        read_options: _,
        idempotency,
    } = submission;
    let context = uploader.context.at(state.services.clock.now());
    state.services.run(&context, |tx| {
        request.change_on(tx, |tx, permit| {
            let (groups, account_type) = (&options.groups, options.account_type);
            permit.require_reach_of_repetition(tx.connection, groups, account_type)?;
            idempotency.execute(tx, |tx| {
                let import = submission::submit(tx, &permit, staged, &options)?;
                accepted(import, tx.now())
            })
        })
    })
}

/// Refuses fields behind a file that has been read without them: only a small one waits for the end of the
/// form.
fn require_read_as_asked(staged: &Staged, submission: &Submission) -> Result<()> {
    let (used, asked) = (staged.layout.options, submission.read_options);
    let field = if used.encoding != asked.encoding {
        "/encoding"
    } else if used.delimiter != asked.delimiter {
        "/delimiter"
    } else if used.usernames_from_addresses != asked.usernames_from_addresses {
        "/usernames_from_addresses"
    } else {
        return Ok(());
    };
    let detail =
        "The file is larger than a MiB, and this field stands behind it: put it before the file.";
    Err(Error::invalid(field, "too_late", detail))
}

/// Reads the file from the channel.
struct ChannelReader {
    arriving: mpsc::Receiver<Piece>,
    current: Bytes,
    options: ReadOptions,
    /// The end of the request, where it has arrived.
    submission: Option<Box<Submission>>,
    ended: bool,
}

impl FileSource for ChannelReader {
    fn options(&self) -> ReadOptions {
        let at_the_end = self.submission.as_ref();
        at_the_end.map_or(self.options, |submission| submission.read_options)
    }
}

impl ChannelReader {
    /// Waits until the whole request has arrived.
    fn submission(&mut self) -> Result<Submission> {
        self.wait_for_submission();
        let submission = self.submission.take();
        submission.map(|submission| *submission).ok_or_else(|| {
            let detail = "The request broke off. Nothing was imported: upload it again.";
            Error::refused(Code::MalformedRequest, detail)
        })
    }

    /// Waits for the end of the request. There is none where it broke off.
    fn wait_for_submission(&mut self) {
        while self.submission.is_none() {
            match self.arriving.blocking_recv() {
                Some(Piece::Submit(submission)) => self.submission = Some(submission),
                Some(Piece::Options(_) | Piece::Chunk(_) | Piece::EndOfFile) => {}
                None => return,
            }
        }
    }
}

impl Read for ChannelReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.ended && !self.current.has_remaining() {
            match self.arriving.blocking_recv() {
                Some(Piece::Options(options)) => self.options = options,
                Some(Piece::Chunk(chunk)) => self.current = chunk,
                // Fields behind the file may say how it is to be read.
                Some(Piece::EndOfFile) => {
                    self.ended = true;
                    self.wait_for_submission();
                }
                Some(Piece::Submit(_)) | None => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
        let count = self.current.remaining().min(buffer.len());
        if let Some(target) = buffer.get_mut(..count) {
            self.current.copy_to_slice(target);
        }
        Ok(count)
    }
}
