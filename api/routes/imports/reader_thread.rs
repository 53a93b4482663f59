//! The thread that reads an uploaded file.
//!
//! The reader is synchronous and the request's stream is not. Between them is a short channel, so
//! that neither runs ahead: the upload is never whole in memory.

use std::io::{self, Read};

use actix_multipart::Field;
use actix_web::web::{Buf as _, Bytes};
use futures_util::TryStreamExt as _;
use tokio::sync::{mpsc, oneshot};

use super::create::accepted;
use super::upload::{Interrupted, in_time};
use crate::domain::ids::OrganizationId;
use crate::error::{Code, Error, Result};
use crate::routes::extract::fingerprint::FieldDigest;
use crate::routes::extract::{Once, Reply};
use crate::services::authorization::{ManageImports, Permit, permit};
use crate::services::imports::staging::{self, Staged};
use crate::services::imports::submission::{self, Options};
use crate::services::imports::{self, from_csv};
use crate::services::sessions::{SignedIn, require_active_session};
use crate::services::unit_of_work::{Services, UnitOfWork};
use crate::state::State;
use crate::store::{Connection, transaction};

/// Who uploads: asked again when the upload ends, which may be minutes later.
pub(super) struct Uploader {
    caller: SignedIn,
    permit: Permit<ManageImports>,
}

impl Uploader {
    /// Asks for the first time.
    ///
    /// # Errors
    /// `not_found`, `forbidden`.
    pub(super) fn permitted(
        services: &Services,
        connection: &mut Connection,
        caller: SignedIn,
        organization: OrganizationId,
    ) -> Result<Self> {
        let context = caller.context();
        let mut tx = UnitOfWork::new(connection, services, &context);
        let permit = permit::<ManageImports>(&mut tx, organization)?;
        imports::require_any_reach(connection, &permit)?;
        Ok(Self { caller, permit })
    }

    /// Into which organization.
    pub(super) fn organization(&self) -> OrganizationId {
        self.permit.organization.id
    }

    /// The permit as it is now, if there still is one.
    fn permit_now(
        &self,
        services: &Services,
        connection: &mut Connection,
    ) -> Result<Permit<ManageImports>> {
        let context = self.caller.context();
        let mut tx = UnitOfWork::new(connection, services, &context);
        permit::<ManageImports>(&mut tx, self.permit.organization.id)
    }
}

/// What goes through the channel.
enum Piece {
    Chunk(Bytes),
    EndOfFile,
    Accept(Box<Ordered>),
}

/// What is asked for in the end, and by what key.
struct Ordered {
    options: Options,
    once: Once,
}

/// The thread that reads the file, and the two ends that lead to it and back.
pub(super) struct ReaderThread {
    pieces: mpsc::Sender<Piece>,
    verdict: oneshot::Receiver<Result<Reply>>,
}

/// Chunks between the stream and the reader; each is at most 64 KiB.
const CHUNKS_AHEAD: usize = 4;

impl ReaderThread {
    pub(super) fn start(state: &State, uploader: Uploader) -> Result<Self> {
        let (pieces, arriving) = mpsc::channel(CHUNKS_AHEAD);
        let (verdict_sender, verdict) = oneshot::channel();
        let state = state.clone();
        std::thread::Builder::new()
            .name("upload".to_owned())
            .spawn(move || {
                let verdict = read_and_accept(&state, &uploader, arriving);
                if let Err(Ok(reply)) = verdict_sender.send(verdict) {
                    // The client has gone, but its import was accepted and goes on.
                    tracing::info!(import = reply.location, "accepted without a listener");
                }
            })
            .map_err(Error::internal)?;
        Ok(Self { pieces, verdict })
    }

    pub(super) async fn feed(
        &self,
        mut field: Field,
        digest: &mut FieldDigest,
    ) -> Result<(), Interrupted> {
        while let Some(chunk) = in_time(field.try_next()).await? {
            digest.update(&chunk);
            self.send(Piece::Chunk(chunk)).await?;
        }
        self.send(Piece::EndOfFile).await
    }

    async fn send(&self, piece: Piece) -> Result<(), Interrupted> {
        let sent = self.pieces.send(piece).await;
        sent.map_err(|_| Interrupted::ReaderEnded)
    }

    pub(super) async fn accept(self, options: Options, once: Once) -> Result<Reply> {
        let ordered = Box::new(Ordered { options, once });
        // Where the reader has ended, its verdict tells why.
        let _ = self.send(Piece::Accept(ordered)).await;
        self.verdict().await
    }

    /// Ends without an import, and gives the error to answer with: nothing is left of the file when
    /// the client is told so. Where the file is at fault too, it is told of that, whether or not the
    /// reader had come so far.
    pub(super) async fn dismiss(self, error: Error) -> Error {
        match self.verdict().await {
            Err(of_file) if of_file.code() != Code::MalformedRequest => of_file,
            _ => error,
        }
    }

    pub(super) async fn verdict(self) -> Result<Reply> {
        drop(self.pieces);
        self.verdict.await.map_err(Error::internal)?
    }
}

fn read_and_accept(
    state: &State,
    uploader: &Uploader,
    arriving: mpsc::Receiver<Piece>,
) -> Result<Reply> {
    let mut source = ChannelReader {
        arriving,
        current: Bytes::new(),
        ended: false,
    };
    let staged = from_csv::stage(&state.services, &uploader.permit, &mut source)?;
    let accepted = source
        .ordered()
        .and_then(|ordered| accept(state, uploader, &staged, ordered));
    // A repetition leaves what it brought behind: it is the first import that is answered.
    if accepted.as_ref().map_or(true, |reply| reply.replayed) {
        staging::abandon(&state.services.pool, staged.import);
    }
    accepted
}

fn accept(
    state: &State,
    uploader: &Uploader,
    staged: &Staged,
    Ordered { options, once }: Ordered,
) -> Result<Reply> {
    let mut connection = state.services.pool.get()?;
    let now = state.services.clock.now();
    require_active_session(&mut connection, &uploader.caller, now)?;
    let scope = uploader.caller.account.id.to_string();
    let reply = once.run(state, &mut connection, &scope, |connection| {
        transaction(connection, |connection| {
            let permit = uploader.permit_now(&state.services, connection)?;
            submission::accept(connection, &state.services, &permit, staged, &options)?;
            accepted(connection, &permit, staged.import, now)
        })
    })?;
    state.signal.notify();
    Ok(reply)
}

/// The channel as the file that it carries.
struct ChannelReader {
    arriving: mpsc::Receiver<Piece>,
    current: Bytes,
    ended: bool,
}

impl ChannelReader {
    /// What the client asked for, once its whole request has arrived.
    fn ordered(&mut self) -> Result<Ordered> {
        loop {
            match self.arriving.blocking_recv() {
                Some(Piece::Accept(ordered)) => return Ok(*ordered),
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
                Some(Piece::Accept(_)) | None => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
        let count = self.current.remaining().min(buffer.len());
        if let Some(target) = buffer.get_mut(..count) {
            self.current.copy_to_slice(target);
        }
        Ok(count)
    }
}
