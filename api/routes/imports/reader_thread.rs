//! The thread that reads an uploaded file.
//!
//! The reader is synchronous and the request's stream is not. Between them is a short channel, so
//! that neither runs ahead: the upload is never whole in memory.

use std::io::{self, Read};

use actix_web::web::{Buf as _, Bytes};
use tokio::sync::{mpsc, oneshot};
use tracing::Span;

use super::responses::accepted;
use crate::error::{Code, Error, Result};
use crate::routes::extract::{Guard as _, Idempotency, InOrganization};
use crate::services::authorization::{ManageImports, Permit};
use crate::services::context::RequestContext;
use crate::services::idempotency::Execution;
use crate::services::imports::staging::{self, Staged};
use crate::services::imports::submission::{self, Options};
use crate::services::imports::{self, from_csv};
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
    Chunk(Bytes),
    EndOfFile,
    Submit(Box<Submission>),
}

/// The end of a request: the options, and the `Idempotency-Key` with the fingerprint of the whole.
pub(super) struct Submission {
    options: Options,
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
        options: Options,
        idempotency: Idempotency,
    ) -> Result<Execution> {
        let submission = Box::new(Submission {
            options,
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
            Err(of_file) if of_file.code() != Code::MalformedRequest => of_file,
            Ok(_) | Err(_) => error,
        }
    }

    /// Waits for the end of the reader.
    pub(super) async fn verdict(self) -> Result<Execution> {
        drop(self.pieces);
        self.verdict.await.map_err(Error::internal)?
    }
}

fn read_and_submit(uploader: &Uploader, arriving: mpsc::Receiver<Piece>) -> Result<Execution> {
    let services = &uploader.request.sender().state.services;
    let mut source = ChannelReader {
        arriving,
        current: Bytes::new(),
        ended: false,
    };
    let staged = from_csv::stage(services, &uploader.context, &uploader.permit, &mut source)?;
    let execution = source
        .submission()
        .and_then(|submission| submit(uploader, &staged, submission));
    // A repetition gets the response of the first import, and leaves its own rows behind.
    if execution.as_ref().map_or(true, Execution::is_replayed) {
        staging::abandon(&services.pool, staged.import);
    }
    execution
}

fn submit(uploader: &Uploader, staged: &Staged, submission: Submission) -> Result<Execution> {
    let request = uploader.request.clone();
    let state = request.sender().state.clone();
    let Submission {
        options,
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

/// Reads the file from the channel.
struct ChannelReader {
    arriving: mpsc::Receiver<Piece>,
    current: Bytes,
    ended: bool,
}

impl ChannelReader {
    /// Waits until the whole request has arrived.
    fn submission(&mut self) -> Result<Submission> {
        loop {
            match self.arriving.blocking_recv() {
                Some(Piece::Submit(submission)) => return Ok(*submission),
                Some(Piece::Chunk(_) | Piece::EndOfFile) => {}
                None => {
                    let detail = "The request broke off. Nothing was imported: upload it again.";
                    return Err(Error::refused(Code::MalformedRequest, detail));
                }
            }
        }
    }
}

impl Read for ChannelReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.ended && !self.current.has_remaining() {
            match self.arriving.blocking_recv() {
                Some(Piece::Chunk(chunk)) => self.current = chunk,
                Some(Piece::EndOfFile) => self.ended = true,
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
