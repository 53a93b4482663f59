//! Rows: cells, numbers, formulas, passwords.

use super::{open, person, rows};

#[test]
fn rows_are_numbered_below_the_header_without_blank_ones() {
    let file = "\r\n ,\r\nemail,name\r\n\r\n,\r\n\" \",\"\"\r\na@x.org,Ada\r\n\t\r\nb@x.org,Bo";
    let places: Vec<_> = rows(file)
        .iter()
        .map(|row| (row.number, row.line))
        .collect();
    assert_eq!(places, [(1, 7), (2, 9)]);
}

#[test]
fn missing_cells_are_empty() {
    let found = rows("name,email,password\nAda\nBo,b@x.org\n");
    assert_eq!(person(&found[0]), ("", None, "Ada"));
    assert_eq!(person(&found[1]), ("b@x.org", None, "Bo"));
    assert_eq!(found[0].cells, ["Ada"]);
}

#[test]
fn filled_cells_beyond_the_header_are_reported() {
    let found = rows("email,name\na@x.org,Lovelace, Ada\nb@x.org,Bo,, \nc@x.org,C\n");
    let surplus: Vec<_> = found.iter().map(|row| row.surplus_cells).collect();
    assert_eq!(surplus, [true, false, false]);
    assert_eq!(found[0].cells, ["a@x.org", "Lovelace", " Ada"]);
    assert!(!rows("email,name,\na@x.org,Ada,note\n")[0].surplus_cells);
}

#[test]
fn cells_are_not_trimmed() {
    let found = rows("email,password,name\n a@x.org , pw ,\" Ada\"\n");
    assert_eq!(person(&found[0]), (" a@x.org ", Some(" pw "), " Ada"));
}

#[test]
fn formulas_are_restored_except_in_passwords() {
    let found = rows("email,password,name\n'+a@x.org,'=pw,'=Ada\n''=b@x.org,=pw,'t Hooft\n");
    assert_eq!(person(&found[0]), ("+a@x.org", Some("'=pw"), "=Ada"));
    assert_eq!(person(&found[1]), ("'=b@x.org", Some("=pw"), "'t Hooft"));
    assert_eq!(found[0].cells, ["'+a@x.org", "'=pw", "'=Ada"]);
}

#[test]
fn quoted_cells_may_hold_anything() {
    let found = rows("email;name;password\na@x.org;\"A; \"\"B\"\"\r\n\rC\n\";\"\n\"\nb@x.org;B;\n");
    assert_eq!(
        person(&found[0]),
        ("a@x.org", Some("\n"), "A; \"B\"\r\n\rC\n")
    );
    assert_eq!((found[1].number, found[1].line), (2, 7));
}

#[test]
fn a_row_does_not_show_its_cells() {
    let row = &rows("email,password,name\na@x.org,hunter2,Ada\n")[0];
    assert_eq!(format!("{row:?}"), "Row { number: 1, line: 2, .. }");
}

#[test]
fn a_table_can_move_to_another_thread() {
    let spreadsheet = open(b"email,name\na@x.org,Ada\n").unwrap();
    let count = std::thread::scope(|scope| scope.spawn(|| spreadsheet.count()).join());
    assert_eq!(count.unwrap(), 1);
}

#[test]
fn there_is_nothing_after_the_last_row() {
    let mut spreadsheet = open(b"email,name\na@x.org,Ada").unwrap();
    assert!(spreadsheet.next_row().unwrap().is_some());
    assert!(spreadsheet.next_row().unwrap().is_none());
    assert!(spreadsheet.next_row().unwrap().is_none());
}
