//! Counting lines.

/// Counts the lines of a text whose lines end in CRLF, LF or CR, in any mixture.
#[derive(Debug, Clone, Copy)]
pub(super) struct LineCounter {
    line: u64,
    after_carriage_return: bool,
}

impl LineCounter {
    /// A counter at the start of a line, of which the first of a file has the number 1.
    pub(super) fn starting_at(line: u64) -> Self {
        Self {
            line,
            after_carriage_return: false,
        }
    }

    /// The number of the line that the next byte belongs to.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Passes over one byte.
    pub(super) fn pass(&mut self, byte: u8) {
        let ends_line = match byte {
            b'\r' => true,
            // Of a CRLF, the carriage return has been counted already.
            b'\n' => !self.after_carriage_return,
            _ => false,
        };
        self.line += u64::from(ends_line);
        self.after_carriage_return = byte == b'\r';
    }

    /// Passes over a piece of text.
    pub(super) fn pass_all(&mut self, text: &str) {
        text.bytes().for_each(|byte| self.pass(byte));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_end_counts_once() {
        for (text, line) in [
            ("", 1),
            ("a", 1),
            ("a\n", 2),
            ("a\r", 2),
            ("a\r\n", 2),
            ("\n\n", 3),
            ("\r\r", 3),
            ("\r\n\r\n", 3),
            ("\n\r", 3),
            ("a\r\nb\rc\nd", 4),
        ] {
            let mut lines = LineCounter::starting_at(1);
            lines.pass_all(text);
            assert_eq!(lines.line(), line, "{text:?}");
        }
    }

    #[test]
    fn a_line_end_cut_in_two_counts_once() {
        let mut lines = LineCounter::starting_at(5);
        lines.pass_all("a\r");
        lines.pass_all("\nb");
        assert_eq!(lines.line(), 6);
    }
}
