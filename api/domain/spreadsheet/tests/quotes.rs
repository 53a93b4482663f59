//! Quotation marks: the guard follows the same rules as the parser.

use std::io::Read;

use super::super::guard::RecordGuard;
use super::{Delimiter, Dice, RefusalKind, assert_refused, person, rows};

/// The records of a text under the parser alone.
fn parsed(text: &str) -> Vec<Vec<String>> {
    let records = Delimiter::Comma.parser(text.as_bytes()).into_records();
    let cells = |record: csv::StringRecord| record.iter().map(str::to_owned).collect();
    records.map(|record| cells(record.unwrap())).collect()
}

/// Whether the parser is outside of quotes at the end of a text: a record appended is one.
fn is_closed(text: &str) -> bool {
    let appended = parsed(&format!("{text}\nend\n"));
    appended.last().is_some_and(|record| record == &["end"])
}

/// The lines on which the records of a text with LF line ends begin, as the parser alone tells.
fn parsed_lines(text: &str) -> Vec<u64> {
    let records = Delimiter::Comma.parser(text.as_bytes()).into_records();
    let line = |record: csv::StringRecord| {
        let start = record.position().unwrap();
        let offset = usize::try_from(start.byte()).unwrap();
        let skipped = text[offset..].bytes().take_while(|byte| *byte == b'\n');
        start.line() + u64::try_from(skipped.count()).unwrap()
    };
    records.map(|record| line(record.unwrap())).collect()
}

/// The line of each record, as the guard tells it while the parser reads through it.
fn guarded_lines(text: &str) -> Vec<u64> {
    let guard = RecordGuard::new(text.as_bytes(), Delimiter::Comma, 1);
    let mut parser = Delimiter::Comma.parser(guard);
    let mut record = csv::StringRecord::new();
    let mut lines = Vec::new();
    while parser.read_record(&mut record).unwrap() {
        lines.push(parser.get_ref().record_line());
    }
    lines
}

#[test]
fn the_guard_agrees_with_the_parser() {
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    for _ in 0..3_000 {
        let length = dice.below(14);
        let pick = |_| ["\"", "\"", ",", "\n", "a", "é"][dice.below(6)];
        let text: String = (0..length).map(pick).collect();
        let mut guarded = String::new();
        let mut guard = RecordGuard::new(text.as_bytes(), Delimiter::Comma, 1);
        let passed = guard.read_to_string(&mut guarded).is_ok();
        assert_eq!(passed, is_closed(&text), "{text:?}");
        if passed {
            assert_eq!(guarded, text);
            assert_eq!(guarded_lines(&text), parsed_lines(&text), "{text:?}");
        }
    }
}

#[test]
fn an_unclosed_quote_is_refused_with_its_line() {
    for (file, line) in [
        ("email,name\na@x.org,\"Ada\nb@x.org,Bo\n", "line 2"),
        (
            "email,name\r\n\"a\r\nb\",Ada\r\nb@x.org,\"Bo\r\n\r\n",
            "line 4",
        ),
        ("email,name\ra@x.org,\"Ada\"\"", "line 2"),
        ("email,\"name\na@x.org,Ada\n", "line 1"),
        ("sep=,\nemail,\"name\n", "line 2"),
    ] {
        let says = [line, "never closed", "quotation mark"];
        assert_refused(file, RefusalKind::Unreadable, &says);
    }
}

#[test]
fn quotes_within_cells_are_literal() {
    let found =
        rows("email,name\na@x.org,Ada \"Countess\" \"\nb@x.org,\"Bo\"b\"\n\"c@x.org\",\"\"\"C\"\n");
    let names: Vec<_> = found.iter().map(|row| person(row).2).collect();
    assert_eq!(names, ["Ada \"Countess\" \"", "Bob\"", "\"C"]);
}
