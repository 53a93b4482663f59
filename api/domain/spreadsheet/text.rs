//! Decoding the bytes of a file into UTF-8 as they arrive.

use std::io::{self, BufRead, Read};

use encoding_rs::DecoderResult;

use super::blocks::{BLOCK, Blocks};
use super::code_pages::{UpperHalf, character, is_undefined};
use super::detection::{looks_like_utf8, single_byte};
use super::encoding::Encoding;
use super::lines::LineCounter;
use super::readings::{Content, unclear};
use super::refusal::{FileRefused, ReadError};
use super::signature;
use super::unicode::{Mark, unmarked_utf16};
use super::wording::SAVE_ANEW;

/// How many bytes are looked at to tell the encoding: most files as a whole.
pub(super) const SAMPLE: usize = 1024 * 1024;

/// How much text [`TextReader::preview`] shows: room for any header and for rows below it.
const PREVIEW: usize = 64 * 1024;

/// A byte becomes at most three bytes of UTF-8.
const DECODED_BLOCK: usize = 3 * BLOCK;

/// Reads a source as UTF-8 text.
///
/// As long as the file holds nothing but ASCII, it counts as UTF-8. The first other byte decides, by a
/// look at what follows it.
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
    content: Content,
}

enum Decoder {
    Unicode(encoding_rs::Decoder),
    SingleByte(&'static UpperHalf),
}

impl Decoder {
    fn of(encoding: Encoding) -> Self {
        match encoding.upper_half() {
            Some(table) => Self::SingleByte(table),
            None => Self::Unicode(encoding.decoder()),
        }
    }

    /// Decodes bytes to the end of `text`, as far as there is room. Gives how many it took.
    fn decode(&mut self, bytes: &[u8], text: &mut String, last: bool) -> (DecoderResult, usize) {
        match self {
            Self::Unicode(decoder) => {
                decoder.decode_to_string_without_replacement(bytes, text, last)
            }
            Self::SingleByte(table) => {
                text.extend(bytes.iter().map(|byte| character(*byte, table)));
                (DecoderResult::InputEmpty, bytes.len())
            }
        }
    }
}

impl<R: Read> TextReader<R> {
    /// Reads the start of `source`, which may give `max_bytes` bytes in all. A refusal shows samples of the
    /// `content`.
    ///
    /// # Errors
    ///
    /// The error of the source, or the refusal of a file that is no text.
    pub(super) fn open(source: R, max_bytes: u64, content: Content) -> io::Result<Self> {
        let mut blocks = Blocks::new(source, max_bytes);
        blocks.fill_to(SAMPLE)?;
        signature::refuse_binary(blocks.pending())?;
        Ok(Self {
            blocks,
            encoding: Encoding::Utf8,
            settled: false,
            decoder: Decoder::of(Encoding::Utf8),
            text: String::new(),
            position: 0,
            finished: false,
            lines: LineCounter::starting_at(1),
            content,
        })
    }

    /// The source of the bytes, of which the start has been read.
    pub(super) fn source(&self) -> &R {
        self.blocks.source()
    }

    /// Settles the encoding as far as the start of the file tells it. `asked` is the one that whoever sends
    /// the file names; a byte-order mark knows better.
    ///
    /// # Errors
    ///
    /// The refusal of an encoding that is not supported, or that cannot be told.
    pub(super) fn expect(&mut self, asked: Option<Encoding>) -> Result<(), FileRefused> {
        let mark = Mark::of(self.blocks.pending())?;
        self.blocks.consume(mark.map_or(0, |mark| mark.length));
        let told = mark.map(|mark| mark.encoding).or(asked);
        match told.or_else(|| unmarked_utf16(self.blocks.pending())) {
            Some(encoding) => self.decode_as(encoding),
            None if self.blocks.pending().is_ascii() => {}
            None => self.detect()?,
        }
        Ok(())
    }

    /// Settles the encoding by the pending bytes, among which are some beyond ASCII.
    fn detect(&mut self) -> Result<(), FileRefused> {
        let pending = self.blocks.pending();
        let encoding = match looks_like_utf8(pending) {
            true => Encoding::Utf8,
            false => single_byte(pending)
                .map_err(|encodings| unclear(pending, &encodings, self.content))?,
        };
        self.decode_as(encoding);
        Ok(())
    }

    fn decode_as(&mut self, encoding: Encoding) {
        self.encoding = encoding;
        self.decoder = Decoder::of(encoding);
        self.settled = true;
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
        let ready = self.decodable()?.min(BLOCK);
        let last = self.blocks.exhausted() && ready == self.blocks.pending().len();
        let decoded = self.text.len();
        self.text.reserve(DECODED_BLOCK);
        let bytes = self.blocks.pending().get(..ready).unwrap_or_default();
        let (result, read) = self.decoder.decode(bytes, &mut self.text, last);
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
    fn decodable(&mut self) -> io::Result<usize> {
        let pending = self.blocks.pending();
        let ascii = encoding_rs::Encoding::ascii_valid_up_to(pending);
        if self.settled || ascii == pending.len() {
            return Ok(pending.len());
        }
        // The word to which the first other byte belongs is left whole.
        let before = pending.get(..ascii).unwrap_or_default();
        if let Some(line_end) = before
            .iter()
            .rposition(|byte| matches!(byte, b'\r' | b'\n'))
        {
            return Ok(line_end + 1);
        }
        self.blocks.fill_to(SAMPLE)?;
        self.detect()?;
        Ok(self.blocks.pending().len())
    }

    /// Counts the lines of the text from `start` on, and refuses characters that no text has.
    fn inspect(&mut self, start: usize) -> Result<(), FileRefused> {
        let fresh = self.text.get(start..).unwrap_or_default();
        let offence = fresh
            .char_indices()
            .find(|(_, character)| self.forbids(*character));
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

    /// Whether a decoded character shows that the file is no text, or in another encoding.
    fn forbids(&self, character: char) -> bool {
        let is_single_byte = matches!(self.decoder, Decoder::SingleByte(_));
        character == '\0' || (is_single_byte && is_undefined(character))
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
        let title = self.encoding.title();
        let problem = match self.decoder {
            Decoder::Unicode(_) => {
                format!("is not valid {title}, though the file begins as {title}")
            }
            Decoder::SingleByte(_) => format!("has a byte that stands for nothing in {title}"),
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

/// Reads bytes that have arrived as a whole, as the lines of a text.
///
/// # Errors
///
/// The refusal of what is no text, or is so in an encoding that cannot be told.
pub fn decode_lines(bytes: &[u8], asked: Option<Encoding>) -> Result<String, ReadError> {
    let mut reader = TextReader::open(bytes, u64::MAX, Content::Lines)?;
    reader.expect(asked)?;
    let mut text = String::new();
    reader.read_to_string(&mut text)?;
    Ok(text)
}
