//! Recognising files of another kind, to say how to make a CSV file of each.

use super::refusal::FileRefused;

const ZIP: &[u8] = b"PK\x03\x04";

/// The first bytes of other kinds of files, and what to tell about each.
const SIGNATURES: [(&[u8], &str); 8] = [
    (b"\x89PNG\r\n\x1a\n", IMAGE),
    (b"\xff\xd8\xff", IMAGE),
    (b"GIF87a", IMAGE),
    (b"GIF89a", IMAGE),
    (
        b"%PDF-",
        "This is a PDF document, not a CSV file. Open the spreadsheet that it was made from, save \
         it as CSV UTF-8 and upload that file.",
    ),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "This is an old Excel workbook (.xls), not a CSV file. In Excel choose File > Save As > \
         CSV UTF-8 and upload that file.",
    ),
    (
        b"\x1f\x8b",
        "This is a gzip archive, not a CSV file. Unpack it and upload the CSV file in it.",
    ),
    (
        b"{\\rtf",
        "This is a formatted text document (RTF), not a CSV file. Copy its table into a \
         spreadsheet, save that as CSV UTF-8 and upload it.",
    ),
];

const IMAGE: &str = "This is an image, not a CSV file. Enter its table into a spreadsheet, save \
                     that as CSV UTF-8 and upload it.";

/// Names inside ZIP archives, which tell the documents among them apart.
const ARCHIVES: [(&[u8], &str); 3] = [
    (
        b"xl/w",
        "This is an Excel workbook, not a CSV file. In Excel choose File > Save As > CSV UTF-8 \
         and upload that file.",
    ),
    (
        b"opendocument.spreadsheet",
        "This is an OpenDocument spreadsheet, not a CSV file. In LibreOffice choose File > Save \
         As > Text CSV with the character set UTF-8 and upload that file.",
    ),
    (
        b"word/",
        "This is a Word document, not a CSV file. Copy its table into a spreadsheet, save that as \
         CSV UTF-8 and upload it.",
    ),
];

const ARCHIVE: &str = "This is a ZIP archive or a document packed as one, not a CSV file. Unpack \
                       it and upload the CSV file in it; in Numbers choose File > Export To > CSV.";

/// How documents written in markup begin, in lower case.
const MARKUP: [&str; 5] = ["<!doctype", "<html", "<head", "<table", "<?xml"];

const WEB_PAGE: &str = "This is a web page (HTML) or an XML document, not a CSV file. If you \
                        downloaded it, sign in at its source and download it once more; if it \
                        opens as a table, save that as CSV UTF-8 and upload it.";

/// Refuses files that their first bytes show to be no text.
///
/// # Errors
///
/// A refusal that names the kind of file.
pub(super) fn refuse_binary(start: &[u8]) -> Result<(), FileRefused> {
    if start.starts_with(ZIP) {
        return Err(FileRefused::unreadable(archive_advice(start)));
    }
    match SIGNATURES
        .iter()
        .find(|(magic, _)| start.starts_with(magic))
    {
        Some((_, advice)) => Err(FileRefused::unreadable(*advice)),
        None => Ok(()),
    }
}

fn archive_advice(start: &[u8]) -> &'static str {
    let holds = |name: &[u8]| start.windows(name.len()).any(|window| window == name);
    let known = ARCHIVES.iter().find(|(name, _)| holds(name));
    known.map_or(ARCHIVE, |(_, advice)| advice)
}

/// Refuses web pages and other documents in markup.
///
/// # Errors
///
/// A refusal that names the kind of file.
pub(super) fn refuse_markup(start: &str) -> Result<(), FileRefused> {
    let start = start.trim_start();
    let begins_with = |tag: &str| {
        let head = start.get(..tag.len());
        head.is_some_and(|head| head.eq_ignore_ascii_case(tag))
    };
    if MARKUP.into_iter().any(begins_with) {
        return Err(FileRefused::unreadable(WEB_PAGE));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advice(start: &[u8]) -> String {
        refuse_binary(start).unwrap_err().detail
    }

    #[test]
    fn each_kind_has_its_own_advice() {
        for (start, named) in [
            (&b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR"[..], "an image"),
            (b"\xff\xd8\xff\xe0\0\x10JFIF", "an image"),
            (b"GIF89a\x01\0", "an image"),
            (b"GIF87a\x01\0", "an image"),
            (b"%PDF-1.7\n", "a PDF document"),
            (
                b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0",
                "old Excel workbook",
            ),
            (b"\x1f\x8b\x08\0", "gzip"),
            (b"{\\rtf1\\ansi", "RTF"),
            (
                b"PK\x03\x04 [Content_Types].xml PK\x03\x04 xl/workbook.xml",
                "an Excel workbook",
            ),
            (
                b"PK\x03\x04mimetypeapplication/vnd.oasis.opendocument.spreadsheetPK",
                "OpenDocument",
            ),
            (b"PK\x03\x04 _rels/.rels word/document.xml", "Word document"),
            (b"PK\x03\x04 people.csv", "ZIP archive"),
        ] {
            assert!(advice(start).contains(named), "{}", advice(start));
        }
    }

    #[test]
    fn text_is_no_other_kind() {
        assert_eq!(refuse_binary(b""), Ok(()));
        assert_eq!(refuse_binary(b"PK,email,name"), Ok(()));
        assert_eq!(refuse_markup("email,name"), Ok(()));
        assert_eq!(refuse_markup("<ä"), Ok(()));
    }

    #[test]
    fn markup_is_refused_in_any_case() {
        for start in [
            "<!DOCTYPE html>",
            "\n <HTML lang=\"en\">",
            "<?xml version=\"1.0\"?>",
        ] {
            assert!(
                refuse_markup(start)
                    .unwrap_err()
                    .detail
                    .contains("web page")
            );
        }
    }
}
