//! Quotation marks: cells that break the rules are told, and take no other row with them.

use std::io::BufReader;

use super::super::records::Records;
use super::{Delimiter, Dice, RefusalKind, Trickle, assert_refused, person, rows};

/// A record: its line, its cells, and whether its quotes are broken.
type ReadRecord = (u64, Vec<String>, bool);

/// The records of a text, which arrives in pieces of random size.
fn records(text: &str, largest: usize) -> Vec<ReadRecord> {
    let source = BufReader::with_capacity(largest, Trickle::new(text.as_bytes(), largest));
    let mut records = Records::new(source, Delimiter::Comma, 1);
    let mut taken = Vec::new();
    while let Some(record) = records.next().unwrap() {
        let cells = record.cells.iter().map(str::to_owned).collect();
        taken.push((record.line, cells, record.cells.has_broken_quotes()));
    }
    taken
}

/// The records that an independent parser finds in a text.
fn parsed(text: &str) -> Vec<Vec<String>> {
    let records = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes())
        .into_records();
    records
        .map(|record| record.unwrap().iter().map(str::to_owned).collect())
        .filter(|record: &Vec<String>| record.iter().any(|cell| !cell.trim().is_empty()))
        .collect()
}

fn random_text(dice: &mut Dice) -> String {
    let length = dice.below(16);
    let pick = |_| ["\"", "\"", ",", "\n", "a", "é"][dice.below(6)];
    (0..length).map(pick).collect()
}

#[test]
fn cells_are_those_of_any_parser_where_quotes_keep_the_rules() {
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    let mut compared = 0;
    for _ in 0..20_000 {
        let text = random_text(&mut dice);
        let (taken, expected) = (records(&text, 64), parsed(&text));
        // A line that is one quoted cell is a row here, and a cell elsewhere.
        let is_line = |record: &Vec<String>| record[0].contains(',');
        if expected.iter().any(is_line) || taken.iter().any(|(.., broken)| *broken) {
            continue;
        }
        let cells: Vec<_> = taken.into_iter().map(|(_, cells, _)| cells).collect();
        assert_eq!(cells, expected, "{text:?}");
        compared += usize::from(text.contains('"'));
    }
    assert!(compared > 1_000, "{compared}");
}

#[test]
fn pieces_make_no_difference() {
    let mut dice = Dice(0x1234_5678_9abc_def1);
    for _ in 0..3_000 {
        let text = random_text(&mut dice);
        let whole = records(&text, 64);
        assert_eq!(records(&text, 1), whole, "{text:?}");
        assert_eq!(records(&text, 3), whole, "{text:?}");
    }
}

#[test]
fn every_line_that_shows_something_is_in_a_record() {
    let mut dice = Dice(0x0fed_cba9_8765_4321);
    for _ in 0..10_000 {
        let text = random_text(&mut dice);
        let seen = |text: &str| text.chars().filter(|c| c.is_alphabetic()).count();
        let in_records: usize = records(&text, 64)
            .iter()
            .flat_map(|(_, cells, _)| cells)
            .map(|cell| seen(cell))
            .sum();
        assert_eq!(in_records, seen(&text), "{text:?}");
    }
}

#[test]
fn broken_quotes_are_told_and_take_no_other_row_with_them() {
    for (broken, others) in [
        ("b@x.org,\"Bo\" Ek", 2),
        ("b@x.org,Bo \"Ek\"", 2),
        ("b@x.org,Bo \"Ek", 2),
        ("b@x.org,\"Bo", 2),
        ("\"b@x.org,Bo", 2),
        ("b@x.org,\"Bo\"\"", 2),
        ("b@x.org,\"Bo\" \"Ek\"", 2),
    ] {
        let file = format!("email,name,x\r\na@x.org,Ada\r\n{broken}\r\nc@x.org,\"C\r\nCek\"\r\n");
        let found = rows(file);
        let good: Vec<_> = found.iter().filter(|row| !row.broken_quotes).collect();
        assert_eq!(good.len(), others, "{broken}");
        assert_eq!(person(good[0]), ("a@x.org", None, "Ada"));
        assert_eq!(person(good[1]), ("c@x.org", None, "C\r\nCek"));
    }
}

#[test]
fn a_quote_that_is_never_closed_breaks_its_own_row_however_long_the_file() {
    let rest = "c@x.org,C\n".repeat(99_999);
    let found = rows(format!("email,name\na@x.org,\"Ada\n{rest}"));
    assert_eq!(found.len(), 100_000);
    assert!(found[0].broken_quotes);
    assert!(found[1..].iter().all(|row| !row.broken_quotes));
    assert_eq!((found[1].number, found[1].line), (2, 3));
}

#[test]
fn a_header_with_broken_quotes_is_refused_with_its_line() {
    for (file, line) in [
        ("email,\"name\na@x.org,Ada\n", "line 1"),
        ("sep=,\nemail,\"na\"me\n", "line 2"),
    ] {
        assert_refused(file, RefusalKind::NoHeader, &[line, "quotation marks"]);
    }
}

#[test]
fn lines_that_are_one_quoted_cell_are_read_as_rows() {
    for file in [
        "\"email,\"\"password\"\",\"\"name\"\"\"\r\n\"a@x.org,\"\"blue, 1\"\",\"\"Ada\"\"\"\r\n",
        // Programs put only those lines in quotes that have some in them.
        "email,password,name\n\"a@x.org,\"\"blue, 1\"\",\"\"Ada\"\"\"\n",
        "\"email;password;name\"\n\"a@x.org;blue, 1;Ada\";;\n",
    ] {
        let found = rows(file);
        assert_eq!(found.len(), 1);
        assert_eq!(
            person(&found[0]),
            ("a@x.org", Some("blue, 1"), "Ada"),
            "{file}"
        );
        assert!(!found[0].broken_quotes && !found[0].undivided);
    }
    let found = rows("email,name\n\"Doe, Jane, Ada\",\n");
    assert_eq!(found[0].email, "Doe, Jane, Ada");
}
