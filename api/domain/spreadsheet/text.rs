//! Decoding the bytes of a file into UTF-8 as they arrive.

use std::io::{self, BufRead, Read};

use encoding_rs::{Decoder, DecoderResult};

use super::blocks::{BLOCK, Blocks};
use super::encoding::{Encoding, Opening, looks_like_utf8};
use super::lines::LineCounter;
use super::refusal::FileRefused;
use super::signature;
use super::wording::SAVE_ANEW;

/// How much text [`TextReader::preview`] shows: room for any header and for rows below it.
const PREVIEW: usize = 64 * 1024;

/// A byte becomes at most three bytes of UTF-8.
const DECODED_BLOCK: usize = 3 * BLOCK;

/// Reads a source as UTF-8 text.
///
/// As long as the file holds nothing but ASCII, it counts as UTF-8. The first other byte decides
/// between UTF-8 and Windows-1252, by a look at the block that it begins.
pub(super) struct TextReader<R> {
    blocks: Blocks<R>,
    encoding: Encoding,
    settled: bool,
    decoder: Decoder,
    /// The decoded text, of which the bytes before `position` have been consumed.
    text: String,
    position: usize,
    finished: bool,
    lines: LineCounter,
}

impl<R: Read> TextReader<R> {
    /// Reads the start of `source`, which may give `max_bytes` bytes in all.
    ///
    /// # Errors
    ///
    /// The error of the source, or the refusal of a file that is no text.
    pub(super) fn open(source: R, max_bytes: u64) -> io::Result<Self> {
        let mut blocks = Blocks::new(source, max_bytes);
        blocks.fill()?;
        signature::refuse_binary(blocks.pending())?;
        let opening = Opening::of(blocks.pending())?;
        blocks.consume(opening.mark);
        Ok(Self {
            blocks,
            encoding: opening.encoding,
            settled: opening.settled,
            decoder: opening.encoding.decoder(),
            text: String::new(),
            position: 0,
            finished: false,
            lines: LineCounter::starting_at(1),
        })
    }

    /// The encoding as far as it is known.
    pub(super) fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// The start of the text, long enough to hold any header. It is there to be looked at before
    /// anything is consumed.
    ///
    /// # Errors
    ///
    /// The error of the source, or the refusal of text that is damaged.
    pub(super) fn preview(&mut self) -> io::Result<&str> {
        while !self.finished && self.ahead().len() < PREVIEW {
            self.decode_block()?;
        }
        Ok(&self.text)
    }

    /// The decoded bytes that wait to be consumed; they may begin within a character.
    fn ahead(&self) -> &[u8] {
        let decoded = self.text.as_bytes();
        decoded.get(self.position..).unwrap_or_default()
    }

    fn decode_block(&mut self) -> io::Result<()> {
        self.blocks.fill()?;
        let ready = self.decodable();
        let last = self.blocks.exhausted() && ready == self.blocks.pending().len();
        let decoded = self.text.len();
        self.text.reserve(DECODED_BLOCK);
        let (result, read) = self.decoder.decode_to_string_without_replacement(
            self.blocks.pending().get(..ready).unwrap_or_default(),
            &mut self.text,
            last,
        );
        self.blocks.consume(read);
        self.inspect(decoded)?;
        match result {
            DecoderResult::InputEmpty => self.finished = last,
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(..) => return Err(self.undecodable().into()),
        }
        Ok(())
    }

    /// How many of the pending bytes the decoder can take, once the encoding is settled as far as
    /// they need it.
    fn decodable(&mut self) -> usize {
        let pending = self.blocks.pending();
        let ascii = encoding_rs::Encoding::ascii_valid_up_to(pending);
        if self.settled || ascii == pending.len() {
            return pending.len();
        }
        if ascii > 0 {
            return ascii;
        }
        if !looks_like_utf8(pending) {
            self.encoding = Encoding::Windows1252;
            self.decoder = self.encoding.decoder();
        }
        self.settled = true;
        self.blocks.pending().len()
    }

    /// Counts the lines of the text from `start` on, and refuses characters that no text has.
    fn inspect(&mut self, start: usize) -> Result<(), FileRefused> {
        let fresh = self.text.get(start..).unwrap_or_default();
        let offence = fresh
            .char_indices()
            .find(|(_, character)| self.encoding.forbids(*character));
        let Some((position, character)) = offence else {
            self.lines.pass_all(fresh);
            return Ok(());
        };
        self.lines
            .pass_all(fresh.get(..position).unwrap_or_default());
        Err(match character {
            '\0' => self.not_text(),
            _ => self.undecodable(),
        })
    }

    fn not_text(&self) -> FileRefused {
        let line = self.lines.line();
        FileRefused::unreadable(format!(
            "Line {line} contains a NUL character, which no text has: the file is damaged, or not \
             a CSV file. {SAVE_ANEW}"
        ))
    }

    fn undecodable(&self) -> FileRefused {
        let line = self.lines.line();
        let problem = match self.encoding {
            Encoding::Utf8 | Encoding::Utf8Bom => {
                "is not valid UTF-8, although the file begins as UTF-8"
            }
            Encoding::Utf16Le | Encoding::Utf16Be => "is not valid UTF-16, or is cut off",
            Encoding::Windows1252 => "is neither UTF-8, nor UTF-16, nor Windows-1252",
        };
        FileRefused::unreadable(format!("Line {line} {problem}. {SAVE_ANEW}"))
    }
}

impl<R: Read> BufRead for TextReader<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while !self.finished && self.ahead().is_empty() {
            self.text.clear();
            self.position = 0;
            self.decode_block()?;
        }
        Ok(self.ahead())
    }

    fn consume(&mut self, count: usize) {
        self.position = self.position.saturating_add(count).min(self.text.len());
    }
}

impl<R: Read> Read for TextReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut ahead = self.fill_buf()?;
        let count = ahead.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}
