//! Where the table begins, and what divides it.

use super::{Delimiter, RefusalKind, assert_refused, open, person, rows};

fn delimiter(file: &str) -> Delimiter {
    open(file.as_bytes()).unwrap().detected().delimiter
}

#[test]
fn the_most_known_columns_win() {
    for (file, expected) in [
        ("email,password,username\n", Delimiter::Comma),
        ("email;password;username\n", Delimiter::Semicolon),
        ("email\tpassword\tusername\n", Delimiter::Tab),
        ("email|password|username\n", Delimiter::Pipe),
        ("\"a, b, c, d\";email;name\n", Delimiter::Semicolon),
        (
            "notes, remarks, and so on;email;name\n",
            Delimiter::Semicolon,
        ),
        ("x;y;z,email,name\n", Delimiter::Comma),
        ("\n\n;;;\nemail;name\n", Delimiter::Semicolon),
    ] {
        assert_eq!(delimiter(file), expected, "{file:?}");
    }
}

#[test]
fn rows_decide_between_headers_that_are_alike() {
    let header = "name,x;email,y;password\n";
    for (row, expected) in [
        ("Ada,1;a@x.org\n", RefusalKind::DelimiterUnclear),
        ("Ada;a@x.org;pw\n", RefusalKind::NoHeader),
    ] {
        assert_refused(format!("{header}{row}"), expected, &[]);
    }
    assert_eq!(
        delimiter("email,name,z;x\na@x.org,Ada,1\n"),
        Delimiter::Comma
    );
}

#[test]
fn a_header_and_rows_that_are_divided_differently_are_refused() {
    let kind = RefusalKind::DelimiterUnclear;
    for (file, says) in [
        (
            "email;password;username\na@x.org,blue kettle 4,Ada\nb@x.org,blue kettle 4,Bo\n",
            &["Line 1", "semicolons", "commas", "`delimiter`"][..],
        ),
        (
            "Class 7\nemail,name\na@x.org\tAda\n",
            &["Line 2", "commas", "tabs"],
        ),
        (
            "email|name\n\n\"a@x.org\";\"Ada\"\n",
            &["vertical bars", "semicolons"],
        ),
    ] {
        assert_refused(file, kind, says);
    }
    // Where some rows are divided as the header is, each row counts for itself.
    let found = rows("email;name\na@x.org;Ada\nb@x.org,Bo\n");
    assert_eq!(person(&found[0]), ("a@x.org", None, "Ada"));
    assert!(found[1].undivided);
    // One column has nothing to divide.
    assert_eq!(delimiter("email;name\na@x.org\n"), Delimiter::Semicolon);
}

#[test]
fn lines_before_the_header_are_passed_over_and_named() {
    for (file, line, skipped) in [
        (
            "#TYPE Selected.ADUser\r\n\"email\",\"name\"\r\n\"a@x.org\",\"Ada\"\r\n",
            3,
            &[(1, "#TYPE Selected.ADUser")][..],
        ),
        ("sep=;\nemail;name\na@x.org;Ada\n", 3, &[(1, "sep=;")]),
        (
            "sep=;\r\nClass 7A;;\r\n\r\nemail;name\r\na@x.org;Ada\r\n",
            5,
            &[(1, "sep=;"), (2, "Class 7A")],
        ),
        (
            "Pupils of 7A, with passwords\n\"Exported\",2026-09-01\nemail,name\na@x.org,Ada\n",
            4,
            &[(1, "Pupils of 7A"), (2, "Exported")],
        ),
        (
            "version:v1.0\nemail,name\na@x.org,Ada\n",
            3,
            &[(1, "version:v1.0")],
        ),
    ] {
        let mut spreadsheet = open(file.as_bytes()).unwrap();
        let told = spreadsheet.detected().skipped;
        let told: Vec<_> = told
            .iter()
            .map(|line| (line.line, line.text.as_str()))
            .collect();
        assert_eq!(told, skipped, "{file:?}");
        let row = spreadsheet.next_row().unwrap().unwrap();
        assert_eq!(
            (person(&row), row.line),
            (("a@x.org", None, "Ada"), line),
            "{file:?}"
        );
    }
}

#[test]
fn nobodys_row_is_passed_over() {
    for file in [
        "b@x.org,blue kettle 4,Bo\nemail,password,name\na@x.org,blue kettle 4,Ada\n",
        "Title\nb@x.org,blue kettle 4,Bo\nemail,password,name\na@x.org,blue kettle 4,Ada\n",
    ] {
        assert_refused(
            file,
            RefusalKind::NoHeader,
            &["Line 1 names none of the columns"],
        );
    }
}

#[test]
fn the_example_of_a_template_is_nobody() {
    let file = "version:v1.0\n\
        Name [displayName] Required,User name [userPrincipalName] Required,Initial password [passwordProfile] Required\n\
        Example: Chris Green,chris@contoso.com,myPassword1234\n\
        Ada,ada@x.org,purple fox 12\n\
        Example: Bo,bo@x.org,green kettle 44\n";
    let mut sheet = open(file.as_bytes()).unwrap();
    let people: Vec<_> = sheet.by_ref().map(|row| row.unwrap().username).collect();
    assert_eq!(people, ["Ada", "Example: Bo"]);
    let skipped = sheet.detected().skipped;
    let skipped: Vec<_> = skipped
        .iter()
        .map(|line| (line.line, line.text.as_str()))
        .collect();
    assert_eq!(skipped, [(1, "version:v1.0"), (3, "Example: Chris Green")]);
    let two = "email,password,name\nExample: a,x,y\nExample: b@x.org,purple fox 12,Bo\n";
    assert_eq!(rows(two).len(), 1);
}
