//! What stands around the names of a list because it was pasted: bullets, numbers, commas between lines.

use std::collections::HashSet;

use crate::domain::username::trimmed;

/// Of how many lines, in tenths, marks have to stand before nearly all.
const NEARLY_ALL: usize = 8;

/// Takes the marks off these lines, and the lines away that have nothing else. Gives the number of lines that had any
/// before a name; the others stay as they are.
pub(super) fn take_off(lines: &mut Vec<String>) -> usize {
    let mut bare: Vec<&str> = lines.iter().map(|line| without_bullet(line)).collect();
    if are_numbered(&bare) && names_differ(&bare) {
        replace_each(&mut bare, |line| Some(Numbered::of(line)?.name));
    }
    if nearly_all(&bare, |line| joined_dash(line).is_some()) {
        replace_each(&mut bare, joined_dash);
    }
    replace_each(&mut bare, without_divider);
    if bare.iter().all(|line| quoted(line).is_some()) {
        replace_each(&mut bare, quoted);
    }
    let bare: Vec<String> = bare.into_iter().map(str::to_owned).collect();
    let mut marked = 0;
    for (line, bare) in lines.iter_mut().zip(bare) {
        if trimmed(line) != bare {
            marked += usize::from(!bare.is_empty());
            *line = bare;
        }
    }
    lines.retain(|line| !line.is_empty());
    marked
}

/// Puts what is found in a line in its place.
fn replace_each<'a>(lines: &mut [&'a str], find: impl Fn(&'a str) -> Option<&'a str>) {
    for line in lines {
        *line = find(line).unwrap_or(line);
    }
}

/// Whether a line is a bullet, or a line drawn of dashes, with no name behind it.
pub(super) fn is_mark_alone(line: &str) -> bool {
    let is_drawn = |c: char| is_bullet(c) || is_dash(c) || matches!(c, '_' | '=' | '|' | ':');
    line.chars().all(|c| c.is_whitespace() || is_drawn(c))
}

/// The signs that text programs set before the lines of a list; no name begins with one.
fn is_bullet(c: char) -> bool {
    matches!(
        c,
        '•' | '‣' | '◦' | '⁃' | '∙' | '·' | '・' | '●' | '○' | '◉' | '▪' | '▫' | '■' | '□' | '◆' | '◇'
            | '▶' | '►' | '➢' | '➤' | '✓' | '✔' | '✅' | '☐' | '☑' | '☒'
            // Numbers in circles and brackets.
            | '\u{2460}'..='\u{249b}'
            | '\u{2776}'..='\u{2793}'
            // The same signs in the fonts Symbol and Wingdings.
            | '\u{f000}'..='\u{f0ff}'
    )
}

/// The signs that people type for bullets.
fn is_dash(c: char) -> bool {
    matches!(c, '-' | '–' | '—' | '‐' | '−' | '*' | '+' | '>')
}

/// A line without a bullet before it, and without the blanks around it.
pub(super) fn without_bullet(line: &str) -> &str {
    let line = trimmed(line);
    let bare = match line.strip_prefix(is_bullet) {
        Some(rest) => rest.trim_start_matches('\u{fe0f}').trim_start(),
        None => typed_bullet(line).unwrap_or(line),
    };
    let boxes = ["[ ]", "[x]", "[X]"].iter();
    let behind_box = boxes.filter_map(|mark| bare.strip_prefix(mark)).next();
    behind_box.map_or(bare, str::trim_start)
}

/// What stands behind a typed bullet and a blank. Of the fonts of text programs, `o` and `§` are bullets too, before
/// a tab.
fn typed_bullet(line: &str) -> Option<&str> {
    let of_font = line.strip_prefix(['o', '§']);
    let rest = of_font.filter(|rest| rest.starts_with('\t'));
    let rest = rest.or_else(|| line.strip_prefix(is_dash));
    rest.filter(|rest| rest.starts_with(char::is_whitespace))
        .map(str::trim_start)
}

/// What stands behind a dash without a blank, which only a whole list tells from a name.
fn joined_dash(line: &str) -> Option<&str> {
    let rest = line.strip_prefix(is_dash)?;
    rest.starts_with(char::is_alphabetic).then_some(rest)
}

/// What stands before a comma or semicolon at the end of a line.
fn without_divider(line: &str) -> Option<&str> {
    let bare = line.trim_end_matches([',', ';']).trim_end();
    (!bare.is_empty()).then_some(bare)
}

/// What stands in quotation marks, where these are around all of the line. Spreadsheet programs put cells into them
/// that have a comma; only a whole list tells them from a nickname's.
fn quoted(line: &str) -> Option<&str> {
    const MARKS: [(char, char); 4] = [('"', '"'), ('“', '”'), ('„', '“'), ('«', '»')];
    MARKS.iter().find_map(|(open, close)| {
        let inner = line.strip_prefix(*open)?.strip_suffix(*close)?;
        let is_whole = !inner.contains([*open, *close]) && !trimmed(inner).is_empty();
        is_whole.then(|| trimmed(inner))
    })
}

/// A name with a number before it: `1. Tom`, `(2) Ann`, `3 Kim`; without a name in a line of a form that is left open:
/// `4.`.
struct Numbered<'a> {
    number: u32,
    /// Whether more than a space stands between both.
    is_marked: bool,
    name: &'a str,
}

impl<'a> Numbered<'a> {
    fn of(line: &'a str) -> Option<Self> {
        let opened = line.trim_start_matches(['(', '[', '#', '（']);
        let behind = opened.trim_start_matches(|c| digit(c).is_some());
        let digits = opened.get(..opened.len() - behind.len())?;
        let name = behind.trim_start_matches(is_between);
        let between = behind.get(..behind.len() - name.len())?;
        let begins = name.starts_with(|c: char| c.is_alphabetic() || "'’ʻ‘\"“„".contains(c));
        let is_marked = between.contains(|c| c != ' ');
        let is_open = name.is_empty() && is_marked;
        if between.is_empty() || !(begins || is_open) {
            return None;
        }
        let digits: String = digits.chars().filter_map(digit).collect();
        Some(Self {
            number: digits.parse().ok()?,
            is_marked,
            name,
        })
    }
}

fn is_between(c: char) -> bool {
    // Behind a digit, the last two make a key of it.
    c.is_whitespace() || ".):]-–．、）\u{fe0f}\u{20e3}".contains(c)
}

/// A digit, or its form as wide as an East Asian letter.
fn digit(c: char) -> Option<char> {
    match c {
        '0'..='9' => Some(c),
        '０'..='９' => char::from_u32(u32::from(c) - 0xfee0),
        _ => None,
    }
}

/// Whether numbers that grow stand before nearly all lines. With no more than a space behind them they have to be
/// those of a list, which begins with 1.
fn are_numbered(lines: &[&str]) -> bool {
    if !nearly_all(lines, |line| Numbered::of(line).is_some()) {
        return false;
    }
    let numbered: Vec<_> = lines.iter().filter_map(|line| Numbered::of(line)).collect();
    let is_list = numbered.len() > 1 && numbered.first().is_some_and(|it| it.number <= 1);
    numbered.is_sorted_by(|one, next| one.number < next.number)
        && (is_list || numbered.iter().all(|it| it.is_marked))
}

/// Whether most names behind the numbers differ. Devices and posts have the same one (`01 Tablet`, `02 Tablet`): the
/// number is part of it.
fn names_differ(lines: &[&str]) -> bool {
    let named = lines.iter().filter_map(|line| Numbered::of(line));
    let names: Vec<_> = named
        .map(|it| it.name)
        .filter(|name| !name.is_empty())
        .collect();
    let different: HashSet<_> = names.iter().collect();
    names.len() == 1 || different.len() * 2 > names.len()
}

fn nearly_all(lines: &[&str], has: impl Fn(&str) -> bool) -> bool {
    let having = lines.iter().filter(|line| has(line)).count();
    having > 0 && having * 10 >= lines.len() * NEARLY_ALL
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bare(lines: &[&str]) -> (Vec<String>, usize) {
        let mut lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        let marked = take_off(&mut lines);
        (lines, marked)
    }

    #[track_caller]
    fn expect(lines: &[&str], names: &[&str], marked: usize) {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(bare(lines), (names, marked), "{lines:?}");
    }

    #[test]
    fn bullets_are_no_part_of_a_name() {
        for mark in [
            "• ",
            "•",
            "•\t",
            "\u{a0}▪ ",
            "- ",
            "– ",
            "* ",
            "+\t",
            "\u{f0b7}\t",
            "o\t",
            "§\t",
            "① ",
            "✔\u{fe0f} ",
            "- [ ] ",
            "[x] ",
            "☐ ",
            "> ",
        ] {
            let line = format!("{mark}Mira Holt");
            expect(&[&line, "Joel"], &["Mira Holt", "Joel"], 1);
        }
    }

    #[test]
    fn quotation_marks_around_all_lines_are_no_part_of_names() {
        let all = ["\"Lovelace, Ada\"", "\"Bo\","];
        expect(&all, &["Lovelace, Ada", "Bo"], 2);
        expect(&["„Ada Lovelace“"], &["Ada Lovelace"], 1);
        let some = ["\"Ziggy\"", "Bo \"B\" Lee"];
        expect(&some, &some, 0);
        let parts = ["\"Ann\" and \"Bo\""];
        expect(&parts, &parts, 0);
    }

    #[test]
    fn numbers_that_grow_are_no_part_of_names() {
        for (one, two) in [
            ("1. Tom", "2. Ann"),
            ("1.Tom", "2.Ann"),
            ("1) Tom", "2) Ann"),
            ("(1) Tom", "(2) Ann"),
            ("01 Tom", "02 Ann"),
            ("1 Tom", "3 Ann"),
            ("#1 Tom", "#2 Ann"),
            ("１．Tom", "２．Ann"),
            ("1\u{fe0f}\u{20e3} Tom", "2\u{fe0f}\u{20e3} Ann"),
            ("7\tTom", "9\tAnn"),
            ("1 - Tom", "2 - Ann"),
            ("• 1. Tom", "• 2. Ann"),
        ] {
            assert_eq!(bare(&[one, two]).0, ["Tom", "Ann"], "{one:?}");
        }
        expect(&["1. Tom"], &["Tom"], 1);
        expect(
            &["1. Tom", "2. Ann", "3. ", "4. Kim", "5.", "6. "],
            &["Tom", "Ann", "Kim"],
            3,
        );
    }

    #[test]
    fn what_is_written_so_stays() {
        for names in [
            &["7 A", "7 B"][..],
            &["12345", "3rd Street"],
            &["1 Tom"],
            &["2 Tom", "3 Ann"],
            &["2. Tom", "1. Ann"],
            &["1. Tom", "Ann", "Kim"],
            &["-Tom", "Ann"],
            &["=SUM(A1)", "?!", "O'Brien, \"Pat\"", " Li  Ming\t"],
            &["Ole", "o Neill"],
            &["A. Holt", "B. Pike"],
            &["01 Tablet", "02 Tablet", "03 Tablet"],
            &["1. Vorsitzender", "2. Vorsitzender"],
            &["1-Fox", "2-Fox"],
            &["Tom", "2."],
        ] {
            expect(names, names, 0);
        }
    }

    #[test]
    fn dashes_before_nearly_all_and_commas_behind_are_marks() {
        expect(&["-Tom", "-Ann"], &["Tom", "Ann"], 2);
        expect(&["Tom,", "Ann;", "Kim"], &["Tom", "Ann", "Kim"], 2);
    }

    #[test]
    fn marks_alone_are_no_names() {
        for line in ["•", "- ", "——————", "_____", "\u{f0b7}\t", "|---|:---:|"] {
            assert!(is_mark_alone(line), "{line:?}");
        }
        assert!(!is_mark_alone("?!"));
    }
}
