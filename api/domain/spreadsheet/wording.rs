//! Pieces of the sentences that refuse a file.

/// What to do with a file that is damaged or in an unknown encoding.
pub(super) const SAVE_ANEW: &str = "Save the table anew as CSV UTF-8 (in Excel: File > Save As > \
                                    CSV UTF-8) and upload that file.";

/// The most characters of a header name that a sentence repeats.
pub(super) const SHOWN_CHARACTERS: usize = 40;

/// A header name in quotes, on one line and not too long.
pub(super) fn quoted(name: &str) -> String {
    let line = name.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SHOWN_CHARACTERS) {
        None => format!("\"{line}\""),
        Some((cut, _)) => format!("\"{}…\"", line.get(..cut).unwrap_or_default()),
    }
}

/// "a", "a and b", "a, b and c".
pub(super) fn listed(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [only] => only.clone(),
        [all_but_last @ .., last] => format!("{} and {last}", all_but_last.join(", ")),
    }
}

/// A number with its thousands set apart: `100,000`.
pub(super) fn grouped(number: impl Into<u64>) -> String {
    let digits = number.into().to_string();
    let mut grouped = String::with_capacity(digits.len() * 2);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A number of bytes in the largest unit that gives a whole number.
pub(super) fn size(bytes: u64) -> String {
    const KIB: u64 = 1024;
    const MIB: u64 = 1024 * KIB;
    if bytes >= MIB && bytes.is_multiple_of(MIB) {
        format!("{} MiB", grouped(bytes / MIB))
    } else if bytes >= KIB && bytes.is_multiple_of(KIB) {
        format!("{} KiB", grouped(bytes / KIB))
    } else {
        format!("{} bytes", grouped(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_names_are_shown_on_one_line_and_clipped() {
        assert_eq!(quoted(" E-mail\r\nAddress "), "\"E-mail Address\"");
        assert_eq!(quoted(&"ä".repeat(40)), format!("\"{}\"", "ä".repeat(40)));
        assert_eq!(quoted(&"ä".repeat(41)), format!("\"{}…\"", "ä".repeat(40)));
    }

    #[test]
    fn items_are_listed() {
        let items = ["a", "b", "c"].map(String::from);
        assert_eq!(listed(&items[..0]), "");
        assert_eq!(listed(&items[..1]), "a");
        assert_eq!(listed(&items[..2]), "a and b");
        assert_eq!(listed(&items), "a, b and c");
    }

    #[test]
    fn numbers_are_grouped() {
        let numbers: [u32; 5] = [0, 999, 1_000, 100_000, 1_234_567];
        let shown = ["0", "999", "1,000", "100,000", "1,234,567"];
        assert_eq!(numbers.map(grouped), shown);
    }

    #[test]
    fn sizes_take_the_largest_whole_unit() {
        let sizes = [100, 1_024, 1_500, 32 * 1024 * 1024].map(size);
        assert_eq!(sizes, ["100 bytes", "1 KiB", "1,500 bytes", "32 MiB"]);
    }
}
