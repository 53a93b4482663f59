//! Cells that a spreadsheet program would run as formulas.
//!
//! An exported cell that begins like a formula gets an apostrophe in front, with which
//! spreadsheet programs mark text. A cell that has apostrophes in front of a formula already gets
//! one more, so that the import can take away exactly what the export has added:
//! `restore(&defuse(cell)) == cell` for every cell.

use std::borrow::Cow;

/// The mark of text.
const APOSTROPHE: char = '\'';

/// Whether a spreadsheet program may take a cell for a formula: it begins with `=`, `+`, `-` or
/// `@`, in full width too, or with a tab or line break, which some programs skip.
#[must_use]
pub fn is_formula_like(cell: &str) -> bool {
    cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'])
}

/// Where a program that splits a line in its own way may see the beginning of a cell: many take a
/// semicolon for the delimiter of a file that has commas.
const INNER_BEGINNINGS: [char; 4] = [';', '\t', '\r', '\n'];

/// The cell as it is safe in a file that spreadsheet programs open.
#[must_use]
pub fn defuse(cell: &str) -> Cow<'_, str> {
    if !pieces(cell).any(is_armed) {
        return Cow::Borrowed(cell);
    }
    let mut defused = String::with_capacity(cell.len() + 1);
    for piece in pieces(cell) {
        if is_armed(piece) {
            defused.push(APOSTROPHE);
        }
        defused.push_str(piece);
    }
    Cow::Owned(defused)
}

/// The cell as it was before [`defuse`].
#[must_use]
pub fn restore(cell: &str) -> Cow<'_, str> {
    let original = |piece| match str::strip_prefix(piece, APOSTROPHE) {
        Some(original) if is_armed(original) => original,
        _ => piece,
    };
    if pieces(cell).all(|piece| original(piece) == piece) {
        return Cow::Borrowed(cell);
    }
    Cow::Owned(pieces(cell).map(original).collect())
}

/// The stretches of a cell that may be taken for cells; together they are the cell.
fn pieces(cell: &str) -> impl Iterator<Item = &str> {
    cell.split_inclusive(INNER_BEGINNINGS)
}

/// A formula, or one that has been defused already.
fn is_armed(piece: &str) -> bool {
    is_formula_like(piece.trim_start_matches(APOSTROPHE))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// Every string of up to five of the characters that matter.
    fn tricky_cells() -> Vec<String> {
        let alphabet = ['\'', '=', '-', 'a', ' ', '\t', '＝'];
        let mut cells = vec![String::new()];
        let mut longest = cells.clone();
        for _ in 0..5 {
            let extend = |cell: &String| alphabet.map(|character| format!("{cell}{character}"));
            longest = longest.iter().flat_map(extend).collect();
            cells.extend(longest.iter().cloned());
        }
        cells
    }

    #[test]
    fn formulas_are_recognised() {
        for cell in [
            "=1+1", "+358", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠A",
        ] {
            assert!(is_formula_like(cell), "{cell:?}");
        }
        for cell in ["", "Ada", "a=b", "'=1", " =1", "–dash", "1-2"] {
            assert!(!is_formula_like(cell), "{cell:?}");
        }
    }

    #[test]
    fn only_formulas_are_defused() {
        for (cell, defused) in [
            ("=1", "'=1"),
            ("'=1", "''=1"),
            ("''=1", "'''=1"),
            ("'t Hooft", "'t Hooft"),
            ("'", "'"),
            ("O'Neill", "O'Neill"),
            ("", ""),
        ] {
            assert_eq!(defuse(cell), defused);
        }
    }

    #[test]
    fn restoring_undoes_defusing() {
        for cell in tricky_cells() {
            assert_eq!(restore(&defuse(&cell)), cell);
        }
    }

    #[test]
    fn defusing_keeps_cells_apart_and_safe() {
        let cells = tricky_cells();
        let defused: HashSet<_> = cells.iter().map(|cell| defuse(cell)).collect();
        assert_eq!(defused.len(), cells.len());
        assert!(!defused.iter().any(|cell| is_formula_like(cell)));
    }
}
