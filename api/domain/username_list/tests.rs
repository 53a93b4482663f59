//! Lists of names as people paste them.

use super::*;

fn names(text: &str) -> Vec<String> {
    UsernameList::of_lines(text.as_bytes(), None).unwrap().names
}

fn pasted(lines: &[&str]) -> UsernameList {
    UsernameList::of_lines(lines.join("\n").as_bytes(), None).unwrap()
}

#[test]
fn lines_end_in_any_way() {
    for text in [
        "Jane\nLi Ming",
        "Jane\r\nLi Ming\r\n",
        "Jane\rLi Ming\r",
        "\u{feff}Jane\n\n\nLi Ming",
    ] {
        assert_eq!(names(text), ["Jane", "Li Ming"], "{text:?}");
    }
}

#[test]
fn blank_lines_are_no_names_and_bad_names_are() {
    assert_eq!(
        names("\n  \n\u{feff}\n\t\u{a0}\u{3000}\nx\n\u{200d}\n"),
        ["x", "\u{200d}"]
    );
}

#[test]
fn names_stay_as_they_were_given() {
    assert_eq!(names(" '=Jane  Doe, \"7\"\t\n"), [" '=Jane  Doe, \"7\"\t"]);
}

#[test]
fn what_is_no_list_is_refused() {
    let refused = |text: &[u8]| UsernameList::of_lines(text, None).unwrap_err();
    assert!(matches!(
        refused(b"Jane\0Doe"),
        UsernameListError::NoText(_)
    ));
    assert!(matches!(
        refused(b"\x89PNG\r\n\x1a\n"),
        UsernameListError::NoText(_)
    ));
    let unclear = refused(b"J\x81\xfe\xa1x\n");
    assert!(
        matches!(unclear, UsernameListError::EncodingUnclear(_)),
        "{unclear}"
    );
    assert_eq!(refused(b""), UsernameListError::Empty);
    assert_eq!(refused(b"\xef\xbb\xbf \r\n\r\n"), UsernameListError::Empty);
    let endless = format!("Jane\n{}", "x".repeat(MAX_LINE_BYTES + 1));
    assert_eq!(
        refused(endless.as_bytes()),
        UsernameListError::EndlessLine { number: 2 }
    );
}

#[test]
fn encodings_are_told_apart() {
    let list = |bytes: &[u8]| UsernameList::of_lines(bytes, None).unwrap().names;
    assert_eq!(list(b"J\xfcrgen\nZo\xeb\n"), ["Jürgen", "Zoë"]);
    assert_eq!(list(b"J\0a\0n\0e\0\n\0L\0i\0"), ["Jane", "Li"]);
    let utf16 =
        |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_be_bytes).collect() };
    assert_eq!(
        list(&utf16("Иван Петров\r\nОльга\r\n")),
        ["Иван Петров", "Ольга"]
    );
    assert_eq!(list("Jane\r\nLi\r\n\u{1a}".as_bytes()), ["Jane", "Li"]);
    let greek = UsernameList::of_lines(b"\xc3\n", Some(Encoding::Windows1253)).unwrap();
    assert_eq!(greek.names, ["Γ"]);
}

#[test]
fn blank_lines_do_not_count_to_the_limit() {
    let most = "x\n\n".repeat(MAX_USERNAMES);
    assert_eq!(names(&most).len(), MAX_USERNAMES);
    assert_eq!(
        UsernameList::of_lines(format!("{most}x").as_bytes(), None),
        Err(UsernameListError::TooMany)
    );
}

#[test]
fn the_head_of_the_column_is_passed_over() {
    for head in [
        "Name",
        "Nimi",
        "Namn",
        "NAME:",
        "Nom",
        "Nombre",
        "Nome",
        "Naam",
        "Imię",
        "Navn",
        "Jméno",
        "Adı",
        "Names",
        "Namen",
        "First name",
        "Students",
        "Schüler",
        "Nom de l'élève",
        "Klasse 7A:",
        "Nr.\tName",
        "Last name\tFirst name",
        "Last name, First name",
        "• Name",
        "E-Mail",
    ] {
        let list =
            UsernameList::of_lines(format!("\r\n{head}\r\nMira\r\nJoel").as_bytes(), None).unwrap();
        assert_eq!(list.names, ["Mira", "Joel"], "{head}");
        let skipped = &list.cleaned().unwrap().skipped;
        assert_eq!(skipped.len(), 1, "{head}");
        assert_eq!(skipped[0].line, 2, "{head}");
    }
}

#[test]
fn nobody_is_taken_for_a_head() {
    for name in [
        "Adi",
        "Mel",
        "Zak",
        "Adin",
        "Namita",
        "Mira Holt",
        "Doe, Jane",
        "Student 7",
        "Nomi",
        "Ann Name",
        "Menon",
        "Ad",
        "Zak\tSmith",
        "Adi\tKumar",
        "Menon\tPriya",
        "James\tLast",
        "Lehrer\tTom",
        "Person\tAnna",
    ] {
        let text = format!("{name}\nJoel");
        let list = UsernameList::of_lines(text.as_bytes(), None).unwrap();
        assert_eq!(list.names, [name, "Joel"]);
        assert_eq!(list.cleaned(), None);
    }
    assert_eq!(names("Name"), ["Name"]);
}

#[test]
fn what_is_given_as_names_one_by_one_are_names() {
    let names = ["Student", "Teacher", "Total: 2"].map(str::to_owned);
    let list = UsernameList::of_texts(names.to_vec()).unwrap();
    assert_eq!(list.names, names);
    assert_eq!(list.cleaned(), None);
}

#[test]
fn long_lines_are_no_headers() {
    let long = format!("{}password", "name,".repeat(1000));
    assert_eq!(pasted(&[&long, "Kim"]).names, [long.as_str(), "Kim"]);
    assert_eq!(listed_name(&long), Err(ListedNameError::TableRow));
}

#[test]
fn lines_that_may_hold_a_password_are_not_shown() {
    for (line, expected) in [
        ("mira@x.example", true),
        ("mira@x.example hunter2secret9", false),
        ("<td>Mira</td><td>hunter2secret9</td>", false),
        ("Mira;hunter2secret9", false),
        ("J\u{fffd}rg", true),
    ] {
        let error = listed_name(line).unwrap_err();
        assert_eq!(is_shown(line, &error), expected, "{line}");
    }
}

#[test]
fn what_begins_as_another_kind_is_refused() {
    for (text, expected) in [
        ("<!DOCTYPE html>\n<p>Mira", UsernameListError::WebPage),
        (" <HTML>\nMira", UsernameListError::WebPage),
        ("email,password,username\nx", UsernameListError::Table),
        ("Name;E-Mail\nx", UsernameListError::Table),
        (
            "Password\nblue river 41 fox\ngreen hill 52 owl",
            UsernameListError::Table,
        ),
        ("Passwort:\nblue river 41 fox", UsernameListError::Table),
        ("Passwörter\nblue river 41 fox", UsernameListError::Table),
        (
            "User / Pass\nMira / hunter2secret9",
            UsernameListError::Table,
        ),
        (
            "Student list\nUsername,Password\nMira,hunter2secret9",
            UsernameListError::Table,
        ),
        ("sep=;\nMira", UsernameListError::Table),
        ("Vorname\tNachname\tPasswort\nx", UsernameListError::Table),
    ] {
        assert_eq!(
            UsernameList::of_lines(text.as_bytes(), None),
            Err(expected),
            "{text}"
        );
    }
}

#[test]
fn a_line_that_is_plainly_something_else_is_no_name() {
    for (line, expected) in [
        ("mira@x.example", ListedNameError::Address),
        ("Mira Holt <mira@x.example>", ListedNameError::Address),
        ("mailto:mira@x.example", ListedNameError::Address),
        ("email:mira@x.example", ListedNameError::Address),
        ("mira@x.example:hunter2secret9", ListedNameError::Address),
        ("mira@x.example / hunter2secret9", ListedNameError::Address),
        ("Write to mira@x.example.", ListedNameError::Address),
        ("Ann &amp; Kim", ListedNameError::Markup),
        ("J&#252;rgen", ListedNameError::Markup),
        ("mira＠x.example", ListedNameError::Address),
        (
            "mira@x.example,four green boats 4",
            ListedNameError::TableRow,
        ),
        ("<li>Mira</li>", ListedNameError::Markup),
        ("Mira<br>", ListedNameError::Markup),
        ("Holt\tMira\t7A", ListedNameError::TableRow),
        ("48213\tMira", ListedNameError::TableRow),
        ("Holt;Mira", ListedNameError::TableRow),
        ("Mira | 7A", ListedNameError::TableRow),
        ("Mira | Holt", ListedNameError::TableRow),
        ("Holt, Mira, 7A", ListedNameError::TableRow),
        ("Tom,Ann,Kim", ListedNameError::TableRow),
        ("Tom Reed,four green boats 4", ListedNameError::TableRow),
        ("Nr,Name,Klasse", ListedNameError::TableRow),
    ] {
        assert_eq!(listed_name(line), Err(expected), "{line:?}");
    }
    for (line, name) in [
        ("Mira\tHolt", "Mira Holt"),
        ("Mira @ Home", "Mira @ Home"),
        ("Jo <3", "Jo <3"),
        ("Holt, Mira", "Holt, Mira"),
        ("Ann & Kim;", "Ann & Kim;"),
        ("Mira;", "Mira;"),
        ("12345", "12345"),
    ] {
        assert_eq!(listed_name(line).unwrap().as_str(), name);
    }
}

#[test]
fn a_corrected_list_of_errors_is_a_list() {
    for text in [
        "username,error_code,error\r\nJo Marsh,username_invalid,\"This holds an address, and\"\r\n\"Doe, \"\"JJ\"\"\",,\r\n",
        "username;error_code;error\r\nJo Marsh;username_invalid;This\r\nDoe, \"JJ\";;\r\n;username_invalid;x\r\n",
        "\u{feff}username\terror_code\terror\nJo Marsh\tusername_invalid\tThis\nDoe, \"JJ\"\t\t\n\u{1a}",
        "username,error_code,error,,\nJo Marsh,username_invalid,\"This\nis\",,\n\"Doe, \"\"JJ\"\"\",,,,",
    ] {
        let list = UsernameList::of_lines(text.as_bytes(), None).unwrap();
        assert_eq!(list.names, ["Jo Marsh", "Doe, \"JJ\""], "{text}");
        let skipped = &list.cleaned().unwrap().skipped;
        assert_eq!((skipped[0].line, skipped[0].text.as_str()), (1, "username"));
    }
    assert_eq!(
        names("username,error_code,error\n'=Jo,,\n'Ann,,\n"),
        ["=Jo", "'Ann"]
    );
    let of_accounts = b"email,username,error_code,error\nx,y,,\n";
    assert_eq!(
        UsernameList::of_lines(of_accounts, None),
        Err(UsernameListError::Table)
    );
}

#[test]
fn a_head_does_not_count_to_the_limit() {
    let most = "x\n".repeat(MAX_USERNAMES);
    assert_eq!(names(&format!("Name\n{most}")).len(), MAX_USERNAMES);
    let more = format!("Name\nx\n{most}");
    assert_eq!(
        UsernameList::of_lines(more.as_bytes(), None),
        Err(UsernameListError::TooMany)
    );
}

#[test]
fn the_total_below_is_passed_over() {
    for total in [
        "Total: 25",
        "Summe\t25",
        "ANZAHL = 2",
        "Yhteensä 2.",
        "Total;2",
    ] {
        let list = pasted(&["Mira", "Joel", total]);
        assert_eq!(list.names, ["Mira", "Joel"], "{total}");
        let skipped = &list.cleaned().unwrap().skipped;
        assert_eq!((skipped[0].line, skipped[0].text.as_str()), (3, total));
    }
    for name in ["Total", "Sum 41 Rivers", "Total Recall", "25"] {
        let list = pasted(&["Mira", name]);
        assert_eq!(list.names, ["Mira", name]);
    }
    assert_eq!(names("Total: 25"), ["Total: 25"]);
}
