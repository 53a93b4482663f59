//! What the writer writes, the reader takes back unchanged.

use super::super::{Cell, CsvWriter};
use super::{Delimiter, Dice, Encoding, open, person};

/// Cells that are hard on the way through a file.
const TRICKY: [&str; 16] = [
    "Ada",
    " Ada ",
    "=1+1",
    "'=1+1",
    "''-1",
    "+358 40",
    "@ada",
    "'",
    "'t Hooft",
    "\t=1",
    "\r\n",
    "\"",
    "a,b;c\td",
    "\"quoted\"",
    "Zoë 𝄞",
    "＝1",
];

fn file(people: &[[&str; 3]], delimiter: Delimiter) -> Vec<u8> {
    let mut writer = CsvWriter::new(Vec::new(), delimiter).unwrap();
    let header = ["email", "password", "username"].map(Cell::Text);
    writer.write_record(header).unwrap();
    for [email, password, username] in people {
        let cells = [
            Cell::Text(email),
            Cell::Password(password),
            Cell::Text(username),
        ];
        writer.write_record(cells).unwrap();
    }
    writer.finish().unwrap()
}

#[test]
fn tricky_cells_come_back() {
    let mut dice = Dice(0x0123_4567_89ab_cdef);
    let mut pick = || TRICKY[dice.below(TRICKY.len())];
    let people: Vec<_> = (0..2_000).map(|_| ["ada@x.org", pick(), pick()]).collect();
    for delimiter in Delimiter::ALL {
        let file = file(&people, delimiter);
        let mut spreadsheet = open(&file).unwrap();
        let rows: Vec<_> = spreadsheet.by_ref().map(Result::unwrap).collect();
        let read: Vec<_> = rows.iter().map(person).collect();
        let written = people
            .iter()
            .map(|[email, password, name]| (*email, Some(*password), *name));
        assert_eq!(read, written.collect::<Vec<_>>());
        assert!(rows.iter().all(|row| !row.broken_quotes));
        assert_eq!(spreadsheet.detected().encoding, Encoding::Utf8Bom);
        assert_eq!(spreadsheet.detected().delimiter, delimiter);
    }
}

#[test]
fn addresses_come_back_too() {
    for address in TRICKY {
        let file = file(&[[address, "pw", "Ada"]], Delimiter::Comma);
        let row = open(&file).unwrap().next_row().unwrap().unwrap();
        assert_eq!(row.email, address);
    }
}
