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
    assert_eq!(found[0].cells, ["a@x.org", "Lovelace", "Ada"]);
    assert!(!rows("email,name,\na@x.org,Ada,note\n")[0].surplus_cells);
}

#[test]
fn blanks_around_cells_belong_to_them_in_quotes_only() {
    let found =
        rows("email, password ,name\n a@x.org , pw 1 ,\" Ada\"\nb@x.org, \" pw 2 \" , Bo\n");
    assert_eq!(person(&found[0]), ("a@x.org", Some("pw 1"), " Ada"));
    assert_eq!(person(&found[1]), ("b@x.org", Some(" pw 2 "), "Bo"));
    // A tab is a blank where it does not divide.
    let found = rows("email;password;name\na@x.org;\tpw\t;Ada\nb@x.org\t;;\tB\tC\n");
    assert_eq!(person(&found[0]), ("a@x.org", Some("pw"), "Ada"));
    assert_eq!(person(&found[1]), ("b@x.org", None, "B\tC"));
}

#[test]
fn the_mark_of_an_old_end_of_file_is_no_row() {
    for end in [
        "\u{1a}",
        "\r\n\u{1a}",
        "\r\n\u{1a}\r\n",
        "\r\n\u{1a}\u{1a} \u{1a}",
    ] {
        let found = rows(format!("email,name\r\na@x.org,Ada{end}"));
        assert_eq!(found.len(), 1, "{end:?}");
        assert_eq!(found[0].username, "Ada", "{end:?}");
    }
    assert_eq!(
        rows("email,name\na@x.org,A\u{1a}B\n")[0].username,
        "A\u{1a}B"
    );
}

#[test]
fn a_row_that_another_delimiter_divides_is_told() {
    let found = rows("email;name\na@x.org;Ada\nb@x.org,Bo\nb@x.org\n;\"C; D\"\n|c@x.org\n");
    let undivided: Vec<_> = found.iter().map(|row| row.undivided).collect();
    assert_eq!(undivided, [false, true, false, true, true]);
    assert!(!rows("email\tname\tx\n\ta b\t\n")[0].undivided);
}

#[test]
fn cells_of_a_very_long_record_are_cut() {
    let notes = "ä".repeat(20_000);
    let found = rows(format!("email,notes,name\na@x.org,{notes},Ada\n"));
    assert_eq!(person(&found[0]), ("a@x.org", None, "Ada"));
    assert_eq!(found[0].cells[0], "a@x.org");
    assert!(found[0].cells[1].ends_with("ä…") && found[0].cells[1].len() < 6_000);
    let found = rows(format!("email,password,name\na@x.org,{notes},Ada\n"));
    assert_eq!(found[0].password.as_deref(), Some(notes.as_str()));
    assert_eq!(found[0].cells, ["a@x.org", "", "Ada"]);
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
