//! The upload as blocks of bytes, within the size limit.

use std::io::{self, Read};

use super::refusal::{FileRefused, RefusalKind};
use super::wording::size;

/// How many bytes are held at a time.
pub(super) const BLOCK: usize = 64 * 1024;

/// Takes the bytes of a source a block at a time and counts them.
pub(super) struct Blocks<R> {
    source: R,
    limit: u64,
    taken: u64,
    pending: Vec<u8>,
    exhausted: bool,
}

impl<R: Read> Blocks<R> {
    /// Takes at most `limit` bytes from `source`.
    pub(super) fn new(source: R, limit: u64) -> Self {
        Self {
            source,
            limit,
            taken: 0,
            pending: Vec::with_capacity(BLOCK),
            exhausted: false,
        }
    }

    /// The source of the bytes.
    pub(super) fn source(&self) -> &R {
        &self.source
    }

    /// Fills the block up, so that it is full or holds all that is left.
    ///
    /// # Errors
    ///
    /// The error of the source as it is, or a refusal once the source has given more bytes than
    /// the limit.
    pub(super) fn fill(&mut self) -> io::Result<()> {
        self.fill_to(BLOCK)
    }

    /// Fills the block up to a larger size.
    ///
    /// # Errors
    ///
    /// As [`Blocks::fill`].
    pub(super) fn fill_to(&mut self, size: usize) -> io::Result<()> {
        let room = size.saturating_sub(self.pending.len());
        if self.exhausted || room == 0 {
            return Ok(());
        }
        let mut source = self.source.by_ref().take(widened(room));
        let taken = source.read_to_end(&mut self.pending)?;
        self.exhausted = taken < room;
        self.taken = self.taken.saturating_add(widened(taken));
        if self.taken > self.limit {
            return Err(too_large(self.limit).into());
        }
        Ok(())
    }

    /// The bytes that wait to be consumed.
    pub(super) fn pending(&self) -> &[u8] {
        &self.pending
    }

    /// Whether the pending bytes are the last.
    pub(super) fn exhausted(&self) -> bool {
        self.exhausted
    }

    /// Drops the first `count` pending bytes.
    pub(super) fn consume(&mut self, count: usize) {
        self.pending.drain(..count.min(self.pending.len()));
    }
}

fn widened(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// The refusal of a file with more bytes than allowed.
pub fn too_large(limit: u64) -> FileRefused {
    let detail = format!(
        "The file is larger than {}. Split the table into several files, each with the header \
         line, and upload them one after the other.",
        size(limit)
    );
    FileRefused::new(RefusalKind::TooLarge, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_full_or_the_last() {
        let bytes = vec![b'a'; BLOCK + 10];
        let mut blocks = Blocks::new(&bytes[..], u64::MAX);
        blocks.fill().unwrap();
        assert_eq!((blocks.pending().len(), blocks.exhausted()), (BLOCK, false));
        blocks.consume(BLOCK - 5);
        blocks.fill().unwrap();
        assert_eq!((blocks.pending().len(), blocks.exhausted()), (15, true));
        blocks.consume(15);
        blocks.fill().unwrap();
        assert_eq!((blocks.pending().len(), blocks.exhausted()), (0, true));
    }

    #[test]
    fn the_limit_is_the_last_size_that_passes() {
        let bytes = vec![b'a'; 2_048];
        assert!(Blocks::new(&bytes[..], 2_048).fill().is_ok());
        let error = Blocks::new(&bytes[..], 2_047).fill().unwrap_err();
        let refused = error.downcast::<FileRefused>().unwrap();
        assert_eq!(refused.kind, RefusalKind::TooLarge);
        assert!(refused.detail.contains("larger than 2,047 bytes"));
    }
}
