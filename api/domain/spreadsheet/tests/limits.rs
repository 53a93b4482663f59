//! Limits, and memory and time in bounds.

use super::{
    Generated, ReadError, RefusalKind, Requirements, Spreadsheet, assert_refused, error, people,
    refused,
};

/// How many bytes a reader may take ahead of what it hands over.
const AHEAD: u64 = 3 * 1024 * 1024;

fn limited(max_rows: u32, max_bytes: u64) -> Requirements {
    Requirements {
        max_rows,
        max_bytes,
        ..Requirements::default()
    }
}

#[test]
fn as_many_rows_as_allowed_are_read() {
    let spreadsheet = Spreadsheet::open(Generated::new(people(100_000)), Requirements::default());
    let last = spreadsheet.unwrap().map(Result::unwrap).last().unwrap();
    assert_eq!((last.number, last.line), (100_000, 100_001));
    assert_eq!(last.username, "Zoë No. 100000");
}

#[test]
fn one_row_more_is_refused() {
    let refused = refused(Generated::new(people(100_001)), Requirements::default());
    assert_eq!(refused.kind, RefusalKind::TooManyRows);
    assert!(
        refused.detail.contains("more than 100,000 rows"),
        "{refused}"
    );
    assert!(refused.detail.contains("line 100002"), "{refused}");
}

#[test]
fn rows_are_refused_at_the_first_too_many() {
    let mut source = Generated::new(people(usize::MAX));
    let refused = refused(&mut source, limited(10, u64::MAX));
    assert_eq!(refused.kind, RefusalKind::TooManyRows);
    assert!(source.given < AHEAD, "{}", source.given);
}

#[test]
fn blank_rows_do_not_count_as_rows() {
    let file = "email,name\n\n,\na@x.org,A\n,\nb@x.org,B\n\n,\n";
    let spreadsheet = Spreadsheet::open(file.as_bytes(), limited(2, 1_000)).unwrap();
    assert_eq!(spreadsheet.map(Result::unwrap).count(), 2);
}

#[test]
fn a_file_over_32_mib_is_refused() {
    let header = std::iter::once("email,name,notes\n".to_owned());
    let row = format!("a@x.org,Ada,{}\n", "x".repeat(15_000));
    let mut source = Generated::new(header.chain(std::iter::repeat(row)));
    let refused = refused(&mut source, Requirements::default());
    assert_eq!(refused.kind, RefusalKind::TooLarge);
    assert!(refused.detail.contains("larger than 32 MiB"), "{refused}");
    assert!(source.given < 32 * 1024 * 1024 + AHEAD, "{}", source.given);
}

#[test]
fn the_limit_counts_bytes_of_the_source() {
    let file: Vec<u8> = "email,name\nz@x.org,Zoë\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let size = u64::try_from(file.len()).unwrap();
    assert!(Spreadsheet::open(&file[..], limited(10, size)).is_ok());
    let refused = refused(&file[..], limited(10, size - 1));
    assert_eq!(refused.kind, RefusalKind::TooLarge);
}

#[test]
fn a_record_that_never_ends_is_refused_early() {
    let start = std::iter::once("email,name\na@x.org,Ada\nb@x.org,B".to_owned());
    let mut source = Generated::new(start.chain(std::iter::repeat("c@x.org,C ".to_owned())));
    let refused = refused(&mut source, Requirements::default());
    assert_eq!(refused.kind, RefusalKind::Unreadable);
    for says in [
        "row that begins on line 3",
        "longer than 1 MiB",
        "line breaks between the rows",
    ] {
        assert!(refused.detail.contains(says), "{refused}");
    }
    assert!(source.given < AHEAD, "{}", source.given);
}

#[test]
fn a_record_may_have_1_mib() {
    let file = |length: usize| {
        let row = format!("a@x.org,A,{}", "x".repeat(length - 10));
        format!("email,name,notes\r\n{row}\r\nb@x.org,B\r\n{row}")
    };
    assert_eq!(super::rows(file(1_048_576)).len(), 3);
    assert_refused(
        file(1_048_577),
        RefusalKind::Unreadable,
        &["line 2", "longer than 1 MiB"],
    );
}

#[test]
fn a_record_may_have_1000_cells() {
    let file = |cells: usize| format!("email,name\na@x.org,A{}\n", ",".repeat(cells - 2));
    assert_eq!(super::rows(file(1_000)).len(), 1);
    assert_refused(
        file(1_001),
        RefusalKind::Unreadable,
        &["line 2", "1,001 columns"],
    );
    let header = format!("email,name{}\n", ",".repeat(1_000));
    assert_refused(
        header,
        RefusalKind::Unreadable,
        &["line 1", "1,002 columns"],
    );
}

#[test]
fn a_header_that_never_ends_is_refused_early() {
    for start in ["", "\"", "email,\""] {
        let pieces =
            std::iter::once(start.to_owned()).chain(std::iter::repeat("email ".to_owned()));
        let mut source = Generated::new(pieces);
        let error = error(&mut source, Requirements::default());
        let ReadError::Refused(refused) = error else {
            panic!("the source failed");
        };
        assert_eq!(refused.kind, RefusalKind::Unreadable);
        assert!(source.given < AHEAD, "{}", source.given);
    }
}
