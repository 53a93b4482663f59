//! A record divided into its cells (RFC 4180).

use super::delimiter::Delimiter;

/// The mark around a cell.
const QUOTE: char = '"';

/// The cells of one record, in one text that is used again for the next.
#[derive(Debug, Default)]
pub(super) struct Cells {
    text: String,
    /// Where in the text each cell ends; it begins where the one before ends.
    ends: Vec<usize>,
    broken_quotes: bool,
}

impl Cells {
    /// Divides a record. Blanks around a cell, and around its quotation marks, belong to no cell.
    pub(super) fn split(&mut self, record: &str, delimiter: Delimiter) {
        self.clear();
        let mut rest = Some(record);
        while let Some(record) = rest {
            rest = self.take_cell(record, delimiter);
        }
    }

    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.broken_quotes = false;
    }

    /// Takes the first cell of what is left of a record. Gives what is behind its delimiter.
    fn take_cell<'a>(&mut self, record: &'a str, delimiter: Delimiter) -> Option<&'a str> {
        let behind = self
            .take_quoted(record, delimiter)
            .unwrap_or_else(|| self.take_unquoted(record, delimiter));
        self.ends.push(self.text.len());
        behind.strip_prefix(delimiter.character())
    }

    /// Takes a cell in quotation marks, unless this one has none or they are broken. Gives what is
    /// behind it, from its delimiter on.
    fn take_quoted<'a>(&mut self, record: &'a str, delimiter: Delimiter) -> Option<&'a str> {
        let begun = self.text.len();
        let quoted = trim_blanks(record, delimiter).strip_prefix(QUOTE)?;
        let taken = take_until_closed(quoted, &mut self.text)
            .map(|behind| trim_blanks(behind, delimiter))
            .filter(|behind| behind.is_empty() || behind.starts_with(delimiter.character()));
        if taken.is_none() {
            self.text.truncate(begun);
        }
        taken
    }

    /// Takes a cell up to the delimiter. A quotation mark has no place in it.
    fn take_unquoted<'a>(&mut self, record: &'a str, delimiter: Delimiter) -> &'a str {
        let end = record.find(delimiter.character()).unwrap_or(record.len());
        let (cell, behind) = record.split_at(end);
        let cell = cell.trim_matches(|c| is_blank(c, delimiter) || is_wide_blank(c));
        self.broken_quotes |= cell.contains(QUOTE);
        self.text.push_str(cell);
        behind
    }

    /// Whether the quotation marks of a cell break the rules: one within a cell that has none around
    /// it, a text behind the closing one, or none that closes. What such a cell means is a guess.
    pub(super) fn has_broken_quotes(&self) -> bool {
        self.broken_quotes
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn get(&self, place: usize) -> Option<&str> {
        let end = *self.ends.get(place)?;
        let before = place.checked_sub(1).and_then(|place| self.ends.get(place));
        self.text.get(before.copied().unwrap_or(0)..end)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).filter_map(|place| self.get(place))
    }

    /// Whether nothing in them can be seen. Old programs set a mark behind the end of a text.
    pub(super) fn are_blank(&self) -> bool {
        let mut shown = self.text.chars().filter(|c| !c.is_whitespace());
        shown.all(|c| c == '\u{1a}')
    }
}

/// The text in the quotation marks of a record that is one quoted cell, whatever empty cells follow:
/// a line that a program has taken for a cell.
pub(super) fn quoted_line(record: &str) -> Option<String> {
    let line = record.trim_end_matches([',', ';', '\t', '|', ' ']);
    let mut text = String::new();
    let behind = take_until_closed(line.trim_start().strip_prefix(QUOTE)?, &mut text)?;
    (behind.is_empty() && !text.contains(['\r', '\n'])).then_some(text)
}

/// Takes a text up to the quotation mark that closes it; two of them stand for one. Gives what is
/// behind, or nothing where none closes it.
fn take_until_closed<'a>(mut quoted: &'a str, text: &mut String) -> Option<&'a str> {
    loop {
        let (piece, behind) = quoted.split_once(QUOTE)?;
        text.push_str(piece);
        let Some(more) = behind.strip_prefix(QUOTE) else {
            return Some(behind);
        };
        text.push(QUOTE);
        quoted = more;
    }
}

fn trim_blanks(text: &str, delimiter: Delimiter) -> &str {
    text.trim_start_matches(|c| is_blank(c, delimiter))
}

/// What people and programs put beside a delimiter to set the cells apart.
pub(super) fn is_blank(character: char, delimiter: Delimiter) -> bool {
    matches!(character, ' ' | '\t') && character != delimiter.character()
}

/// Other blanks that come along when cells are copied from web pages and documents, and marks that nobody sees. No one
/// can type them at the ends of a password.
fn is_wide_blank(character: char) -> bool {
    let is_wide = character.is_whitespace() && !character.is_ascii();
    is_wide
        || matches!(
            character,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(record: &str, delimiter: Delimiter) -> (Vec<String>, bool) {
        let mut cells = Cells::default();
        cells.split("what,was,\"before\"\"\",", Delimiter::Comma);
        cells.split(record, delimiter);
        let texts = cells.iter().map(str::to_owned).collect();
        (texts, cells.has_broken_quotes())
    }

    #[test]
    fn cells_are_taken_out_of_their_quotes() {
        for (record, cells) in [
            ("", &[""][..]),
            (",", &["", ""]),
            ("a,b", &["a", "b"]),
            ("\"a\",\"b\"", &["a", "b"]),
            ("\"a,b\",\"\"", &["a,b", ""]),
            ("\"a \"\"b\"\" c\",d", &["a \"b\" c", "d"]),
            ("\"\"\"\",\"\n\"", &["\"", "\n"]),
        ] {
            assert_eq!(split(record, Delimiter::Comma), (owned(cells), false));
        }
    }

    #[test]
    fn blanks_beside_a_delimiter_belong_to_no_cell() {
        for record in ["a, b ,c", " \"a\" , \"b\",\t\"c\"", "\ta,\" b\" ,c "] {
            let (cells, broken) = split(record, Delimiter::Comma);
            let trimmed: Vec<_> = cells.iter().map(|cell| cell.trim()).collect();
            assert_eq!(
                (trimmed, broken),
                (vec!["a", "b", "c"], false),
                "{record:?}"
            );
        }
        assert_eq!(split("\" a \"", Delimiter::Comma).0, [" a "]);
        for blank in [
            "\u{a0}",
            "\u{2003}",
            "\u{202f}",
            "\u{3000}",
            "\u{feff}",
            "\u{200b}\u{a0} ",
        ] {
            let record = format!("{blank}a{blank}b{blank},{blank},c");
            let cells = [format!("a{blank}b"), String::new(), "c".to_owned()];
            assert_eq!(
                split(&record, Delimiter::Comma),
                (cells.to_vec(), false),
                "{record:?}"
            );
            let quoted = format!("\"{blank}a\"");
            assert_eq!(split(&quoted, Delimiter::Comma).0, [format!("{blank}a")]);
        }
        assert_eq!(
            split("a\t\t \"b\"", Delimiter::Tab),
            (owned(&["a", "", "b"]), false)
        );
    }

    #[test]
    fn quotes_where_they_have_no_place_are_broken() {
        for (record, cells) in [
            ("a\"b,c", &["a\"b", "c"][..]),
            ("\"a\"b,c", &["\"a\"b", "c"]),
            ("\"a\" \"b\",c", &["\"a\" \"b\"", "c"]),
            ("c,\"a", &["c", "\"a"]),
            ("c,\"a\"\"", &["c", "\"a\"\""]),
            ("\u{a0}\"a\",c", &["\"a\"", "c"]),
            ("a,\"", &["a", "\""]),
        ] {
            assert_eq!(
                split(record, Delimiter::Comma),
                (owned(cells), true),
                "{record:?}"
            );
        }
    }

    #[test]
    fn a_line_in_quotes_is_told_from_other_records() {
        assert_eq!(quoted_line("\"a,\"\"b\"\"\";;").as_deref(), Some("a,\"b\""));
        assert_eq!(quoted_line(" \"a,b\" ").as_deref(), Some("a,b"));
        for record in [
            "",
            "a,b",
            "\"a,\nb\"",
            "\"a\",\"b\"",
            "\"a\"b",
            "\"a",
            "a\"",
        ] {
            assert_eq!(quoted_line(record), None, "{record:?}");
        }
    }

    fn owned(cells: &[&str]) -> Vec<String> {
        cells.iter().map(|cell| (*cell).to_owned()).collect()
    }
}
