//! Encodings, delimiters and line ends.

use std::io::Read;

use super::{
    Delimiter, Encoding, ReadOptions, RefusalKind, Requirements, Row, Spreadsheet, Trickle,
    assert_refused, open, person, rows,
};

/// The ways in which a text comes as bytes.
const FORMS: [(Form, Encoding); 8] = [
    (Form::Utf8, Encoding::Utf8),
    (Form::Marked(&Form::Utf8), Encoding::Utf8Bom),
    (Form::Utf16(u16::to_le_bytes), Encoding::Utf16Le),
    (Form::Utf16(u16::to_be_bytes), Encoding::Utf16Be),
    (
        Form::Marked(&Form::Utf16(u16::to_le_bytes)),
        Encoding::Utf16Le,
    ),
    (
        Form::Marked(&Form::Utf16(u16::to_be_bytes)),
        Encoding::Utf16Be,
    ),
    (Form::Windows1252, Encoding::Windows1252),
    (Form::MacRoman, Encoding::MacRoman),
];

const DELIMITERS: [(&str, Delimiter); 4] = [
    (",", Delimiter::Comma),
    (";", Delimiter::Semicolon),
    ("\t", Delimiter::Tab),
    ("|", Delimiter::Pipe),
];

const LINE_ENDS: [&str; 3] = ["\r\n", "\n", "\r"];

#[derive(Debug, Clone, Copy)]
enum Form {
    Utf8,
    Utf16(fn(u16) -> [u8; 2]),
    Windows1252,
    MacRoman,
    Marked(&'static Form),
}

impl Form {
    fn bytes(self, text: &str) -> Vec<u8> {
        match self {
            Self::Utf8 => text.as_bytes().to_vec(),
            Self::Utf16(unit) => text.encode_utf16().flat_map(unit).collect(),
            Self::Windows1252 => encoding_rs::WINDOWS_1252.encode(text).0.into_owned(),
            Self::MacRoman => encoding_rs::MACINTOSH.encode(text).0.into_owned(),
            Self::Marked(form) => form.bytes(&format!("\u{feff}{text}")),
        }
    }
}

/// A table in which everything that a form can get wrong occurs.
fn table(delimiter: &str, line_end: &str) -> String {
    let lines = [
        ["Sähköposti", "Salasana", "Nimi", "Größe"].join(delimiter),
        ["ada@example.org", "pässwörd ", "Ada Lovelace", "1,70"]
            .map(cell)
            .join(delimiter),
        String::new(),
        ["zoe@example.org", "", "Zoë \"Z\"\r\nÅngström", ""]
            .map(cell)
            .join(delimiter),
        ["bo@example.org", "€;\t,œ", "Bo–Bö", "œ"]
            .map(cell)
            .join(delimiter),
    ];
    lines.map(|line| line + line_end).concat()
}

fn cell(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

fn assert_table(found: &[Row], case: &str) {
    let people: Vec<_> = found.iter().map(person).collect();
    let expected = [
        ("ada@example.org", Some("pässwörd "), "Ada Lovelace"),
        ("zoe@example.org", None, "Zoë \"Z\"\r\nÅngström"),
        ("bo@example.org", Some("€;\t,œ"), "Bo–Bö"),
    ];
    assert_eq!(people, expected, "{case}");
    let places: Vec<_> = found.iter().map(|row| (row.number, row.line)).collect();
    assert_eq!(places, [(1, 2), (2, 4), (3, 6)], "{case}");
}

#[test]
fn every_form_is_read_however_its_bytes_arrive() {
    for (form, encoding) in FORMS {
        for (delimiter, detected) in DELIMITERS {
            for line_end in LINE_ENDS {
                let file = form.bytes(&table(delimiter, line_end));
                for largest in [1, 3, 7, 1_000] {
                    let case = format!("{form:?} {delimiter:?} {line_end:?} {largest}");
                    let source = Trickle::new(&file[..], largest);
                    let mut spreadsheet =
                        Spreadsheet::open(source, Requirements::default()).unwrap();
                    let found: Vec<_> = spreadsheet.by_ref().map(Result::unwrap).collect();
                    assert_table(&found, &case);
                    let told = spreadsheet.detected();
                    assert_eq!(
                        (told.encoding, told.delimiter),
                        (encoding, detected),
                        "{case}"
                    );
                }
            }
        }
    }
}

#[test]
fn line_ends_may_be_mixed() {
    let file = "email,name\r\na@x.org,A\nb@x.org,B\r\rc@x.org,C\n\r\nd@x.org,D";
    let places: Vec<_> = rows(file)
        .iter()
        .map(|row| (row.number, row.line))
        .collect();
    assert_eq!(places, [(1, 2), (2, 3), (3, 5), (4, 7)]);
}

#[test]
fn ascii_counts_as_utf8() {
    let mut spreadsheet = open(b"email,name\na@x.org,Ada\n").unwrap();
    spreadsheet.next_row().unwrap();
    assert_eq!(spreadsheet.detected().encoding, Encoding::Utf8);
}

#[test]
fn a_late_accent_settles_the_encoding() {
    let plain = "a@x.org,Ada\n".repeat(99_000);
    for (accent, encoding) in [
        (&b"\xeb"[..], Encoding::Windows1252),
        (b"\xc3\xab", Encoding::Utf8),
    ] {
        let file = [b"email,name\n", plain.as_bytes(), b"z@x.org,Zo", accent].concat();
        let mut spreadsheet = open(&file).unwrap();
        assert_eq!(spreadsheet.detected().encoding, Encoding::Utf8);
        let last = spreadsheet.by_ref().last().unwrap().unwrap();
        assert_eq!(last.username, "Zoë");
        assert_eq!(spreadsheet.detected().encoding, encoding);
    }
}

#[test]
fn an_unclear_encoding_is_refused_with_samples_of_names_alone() {
    let file = b"email,password,name\na@x.org,p\xe4ssw\xf6rd \xff\xd0\x8e,Z\x8eb\xe6\xe6\n";
    assert_refused(
        file,
        RefusalKind::EncodingUnclear,
        &["`encoding`", "\"ZŽb", "(Windows-12"],
    );
    let Err(super::ReadError::Refused(refused)) = open(file) else {
        panic!("it is taken");
    };
    assert!(!refused.detail.contains("ssw"), "{refused}");
    // Without a header that can be told, nothing of the file is repeated.
    let refused = super::refused(&b"Z\x8eb\xe6\xe6,x\n"[..], Requirements::default());
    assert_eq!(refused.kind, RefusalKind::EncodingUnclear);
    assert!(!refused.detail.contains("read as"), "{refused}");
}

#[test]
fn what_is_said_of_a_file_is_obeyed() {
    let read = |file: &[u8], options: ReadOptions| {
        let file = file.to_vec();
        let source = std::io::Cursor::new(file);
        let mut sheet = Spreadsheet::open_with(source, Requirements::default(), |_| options)?;
        let row = sheet.next_row()?.unwrap();
        Ok::<_, super::ReadError>((row.username, sheet.detected()))
    };
    let of = |encoding, delimiter| ReadOptions {
        encoding,
        delimiter,
        usernames_from_addresses: false,
    };
    let file = b"email;name\na@x.org;\xc3\xab\n";
    for (encoding, name) in [
        (None, "ë"),
        (Some(Encoding::Windows1252), "Ã«"),
        (Some(Encoding::Windows1253), "Γ«"),
        (Some(Encoding::Cp437), "├½"),
    ] {
        assert_eq!(read(file, of(encoding, None)).unwrap().0, name);
    }
    // A byte-order mark knows better.
    let marked = "\u{feff}email,name\na@x.org,ë\n".as_bytes();
    let (name, detected) = read(marked, of(Some(Encoding::MacRoman), None)).unwrap();
    assert_eq!((name.as_str(), detected.encoding), ("ë", Encoding::Utf8Bom));
    assert!(
        read(
            b"email,name\na@x.org,\xeb\n",
            of(Some(Encoding::Utf8), None)
        )
        .is_err()
    );
    let (name, detected) = read(
        b"email,name,n;m\na@x.org,Ada;x\n",
        of(None, Some(Delimiter::Comma)),
    )
    .unwrap();
    assert_eq!(
        (name.as_str(), detected.delimiter),
        ("Ada;x", Delimiter::Comma)
    );
    let refused = read(b"email,name\na@x.org,Ada\n", of(None, Some(Delimiter::Tab)));
    assert!(refused.is_err());
}

#[test]
fn characters_may_be_cut_anywhere_between_blocks() {
    for shift in 0..4 {
        let header = format!("email,name,{}\n", "x".repeat(shift));
        let text = header + &"z@x.org,Zoë €𝄞\n".repeat(8_000);
        for (form, _) in &FORMS[..6] {
            let file = form.bytes(&text);
            let found = rows(&file);
            assert_eq!(found.len(), 8_000);
            assert!(
                found.iter().all(|row| row.username == "Zoë €𝄞"),
                "{form:?} {shift}"
            );
        }
    }
}

#[test]
fn a_repeated_byte_order_mark_is_dropped() {
    let file = "\u{feff}\u{feff}\"email\",name\na@x.org,A\n";
    let spreadsheet = open(file.as_bytes()).unwrap();
    assert_eq!(spreadsheet.header(), ["email", "name"]);
    assert_eq!(spreadsheet.detected().encoding, Encoding::Utf8Bom);
}

#[test]
fn damaged_utf8_is_refused_with_its_line() {
    let start = "email,name\na@x.org,Zoë Ångström\n".as_bytes();
    let invalid = [start, b"b@x.org,\xff\n"].concat();
    assert_refused(
        &invalid,
        RefusalKind::Unreadable,
        &["Line 3", "UTF-8", "Save As"],
    );
    let cut_off = [start, b"b@x.org,Zo\xc3"].concat();
    assert_refused(&cut_off, RefusalKind::Unreadable, &["Line 3", "UTF-8"]);
    let marked = b"\xef\xbb\xbfemail,name\na@x.org,Zo\xeb\n";
    assert_refused(marked, RefusalKind::Unreadable, &["Line 2", "UTF-8"]);
    let late = [start, &b"a@x.org,Ada\n".repeat(90_000), b"b@x.org,\xeb\n"].concat();
    assert_refused(&late, RefusalKind::Unreadable, &["Line 90003", "UTF-8"]);
}

#[test]
fn bytes_that_stand_for_nothing_are_refused_with_their_line() {
    let start = b"email,name\na@x.org,Zo\xeb\n".to_vec();
    let late = [
        start,
        b"a@x.org,Ada\n".repeat(90_000),
        b"b@x.org,\x81\n".to_vec(),
    ]
    .concat();
    assert_refused(
        &late,
        RefusalKind::Unreadable,
        &["Line 90003", "Windows-1252"],
    );
}

#[test]
fn control_characters_of_utf8_pass() {
    assert_eq!(rows("email,name\na@x.org,A\u{81}\n")[0].username, "A\u{81}");
}

#[test]
fn damaged_utf16_is_refused_with_its_line() {
    let intact = Form::Utf16(u16::to_le_bytes).bytes("email,name\na@x.org,A\n");
    let odd = [&intact[..], b"b"].concat();
    assert_refused(&odd, RefusalKind::Unreadable, &["Line 3", "UTF-16"]);
    let unpaired = [&intact[..], b"\x00\xd8b\0"].concat();
    assert_refused(&unpaired, RefusalKind::Unreadable, &["Line 3", "UTF-16"]);
}

#[test]
fn utf32_is_refused() {
    let text = "\u{feff}email,name\n".chars();
    let file: Vec<u8> = text
        .flat_map(|character| u32::from(character).to_le_bytes())
        .collect();
    assert_refused(&file, RefusalKind::Unreadable, &["UTF-32"]);
}

#[test]
fn the_delimiter_line_of_excel_is_honoured() {
    for (file, delimiter) in [
        (
            "sep=;\r\nemail;name\r\na@x.org;Ada\r\n",
            Delimiter::Semicolon,
        ),
        (
            "\u{feff}SEP=\t\nemail\tname\na@x.org\tAda\n",
            Delimiter::Tab,
        ),
        ("sep=,\remail,name\ra@x.org,Ada\r", Delimiter::Comma),
        ("sep=|\nemail|name\na@x.org|Ada\n", Delimiter::Pipe),
    ] {
        let mut spreadsheet = open(file.as_bytes()).unwrap();
        assert_eq!(spreadsheet.detected().delimiter, delimiter);
        let row = spreadsheet.next_row().unwrap().unwrap();
        assert_eq!((row.number, row.line, &*row.username), (1, 3, "Ada"));
    }
    let file = "sep=^\nemail^name\na@x.org^Ada\n";
    assert_refused(
        file,
        RefusalKind::Unreadable,
        &["Line 1", "commas, semicolons, tabs or vertical bars"],
    );
    assert_refused("sep=;\n", RefusalKind::Empty, &["empty"]);
}

#[test]
fn names_in_json_are_stable() {
    use serde::de::value::{Error, StrDeserializer};
    use serde::de::{DeserializeOwned, IntoDeserializer};

    fn named<T: DeserializeOwned>(name: &'static str) -> T {
        let deserializer: StrDeserializer<'_, Error> = name.into_deserializer();
        T::deserialize(deserializer).unwrap()
    }
    assert_eq!(
        ["comma", "semicolon", "tab", "pipe"].map(named::<Delimiter>),
        Delimiter::ALL
    );
    assert_eq!(
        [",", ";", "\t", "|"].map(named::<Delimiter>),
        Delimiter::ALL
    );
}

#[test]
fn the_source_may_be_any_reader() {
    let (start, end) = (&b"email,name\na@x"[..], &b".org,Ada\n"[..]);
    let spreadsheet = Spreadsheet::open(start.chain(end), Requirements::default()).unwrap();
    assert_eq!(spreadsheet.count(), 1);
}
