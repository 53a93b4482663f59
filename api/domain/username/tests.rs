//! Names as people write them.

use super::*;

fn is_invalid(text: &str) -> bool {
    matches!(Username::parse(text), Err(UsernameError::Invalid { .. }))
}

#[test]
fn names_of_real_life_stay_as_they_are() {
    for name in [
        "X",
        "Jane Doe",
        "Nguyễn Thị Ánh",
        "محمد بن سلمان",
        "李明",
        "Ääkkönen Yrjö-Åke",
        "İpek Işık",
        "Jürgen Groß",
        "Γιώργος Παπαδόπουλος",
        "दीक्षा शर्मा",
        "علی\u{200c}رضا",
        "ශ්\u{200d}රී",
        "👩\u{200d}🏫 7b",
        "שָׁלוֹם",
        "O'Brien, Pat (7a) #3",
        "=SUM(A1)",
        "12345",
        "?!",
    ] {
        assert_eq!(Username::parse(name).unwrap().as_str(), name);
    }
}

#[test]
fn an_address_gives_a_name_that_can_be_shown() {
    for (address, name) in [
        ("jane.doe@x.org", "Jane Doe"),
        ("jane_van.der_berg+7a@x.org", "Jane Van Der Berg"),
        ("anna-maria@x.org", "Anna-Maria"),
        ("jd1987@x.org", "Jd1987"),
        ("-@x.org", "-"),
        ("+7a@x.org", "+7a"),
        ("_@x.org", "_"),
        ("émile@x.org", "Émile"),
        ("老师@x.org", "老师"),
        ("\u{3164}@x.org", "x.org"),
    ] {
        let address = EmailAddress::parse(address).unwrap();
        assert_eq!(Username::of_address(&address).as_str(), name);
    }
}

#[test]
fn a_guest_of_a_tenant_has_the_name_of_the_address_that_was_invited() {
    for (address, name) in [
        ("jane.doe_x.org#EXT#@school.onmicrosoft.com", "Jane Doe"),
        ("jane_doe_x.org#ext#@school.onmicrosoft.com", "Jane Doe"),
        ("jane#EXT#@school.onmicrosoft.com", "Jane#ext#"),
        ("_x.org#EXT#@school.onmicrosoft.com", "_x.org#ext#"),
    ] {
        let address = EmailAddress::parse(address).unwrap();
        assert_eq!(Username::of_address(&address).as_str(), name);
    }
}

#[test]
fn white_space_around_is_trimmed_and_nfc_is_made() {
    for (text, name) in [
        ("  Jane  Doe \r\n", "Jane Doe"),
        (
            "Jane\r\n\tvan\u{a0}\u{3000}Doe\u{2028}Ek",
            "Jane van Doe Ek",
        ),
        ("\u{202b}محمد\u{202c}\u{200f}", "محمد"),
        ("\u{200e}\u{2066}Jane\u{2069} ", "Jane"),
        ("\u{feff}Jane\u{a0}", "Jane"),
        ("\u{3000}李明\u{200b}", "李明"),
        ("Mu\u{308}ller", "Müller"),
        ("Nguye\u{302}\u{303}n", "Nguyễn"),
    ] {
        assert_eq!(Username::parse(text).unwrap().as_str(), name);
    }
}

#[test]
fn the_length_counts_characters() {
    let longest = "é".repeat(MAX_USERNAME_CHARS);
    assert_eq!(Username::parse(&longest).unwrap().as_str(), longest);
    assert!(Username::parse(&"e\u{301}".repeat(MAX_USERNAME_CHARS)).is_ok());
    assert!(Username::parse(&format!("  {longest}  ")).is_ok());
    assert_eq!(
        Username::parse(&format!("{longest}e")),
        Err(UsernameError::TooLong)
    );
    // A family, and a syllable, are one character each to a reader.
    for character in ["👩\u{200d}👩\u{200d}👧", "क्षि", "e\u{301}\u{323}"] {
        assert!(Username::parse(&character.repeat(MAX_USERNAME_CHARS)).is_ok());
        let over = character.repeat(MAX_USERNAME_CHARS + 1);
        assert_eq!(Username::parse(&over), Err(UsernameError::TooLong));
    }
    let stacked = format!("e{}", "\u{301}\u{323}".repeat(600));
    assert_eq!(Username::parse(&stacked), Err(UsernameError::TooLong));
}

#[test]
fn nothing_is_missing() {
    for text in ["", " ", "\t\r\n", "\u{feff}", "\u{a0}\u{200b}\u{3000}"] {
        assert_eq!(Username::parse(text), Err(UsernameError::Missing));
    }
}

#[test]
fn what_breaks_a_line_or_a_page_is_refused() {
    for c in ["\0", "\u{1}", "\u{1b}", "\u{7f}", "\u{9f}"] {
        assert!(is_invalid(&format!("Jane{c}Doe")), "{c:?}");
    }
    for c in ["\u{202a}", "\u{202e}", "\u{2066}", "\u{2069}"] {
        assert!(is_invalid(&format!("Jane{c}Doe")), "{c:?}");
    }
}

#[test]
fn something_must_show() {
    for text in [
        "\u{301}",
        "\u{200d}",
        "\u{3164}",
        "\u{2800}\u{200c}\u{34f}",
        "\u{fe0f}",
    ] {
        assert!(is_invalid(text), "{text:?}");
    }
    assert!(Username::parse("\u{3164}x").is_ok());
}

#[test]
fn a_parsed_name_parses_to_itself() {
    for c in '\0'..='\u{1ffff}' {
        for text in [
            format!("{c}"),
            format!("a{c}\u{323}b"),
            format!(" {c}\u{301} "),
        ] {
            if let Ok(name) = Username::parse(&text) {
                assert_eq!(Username::parse(name.as_str()), Ok(name));
            }
        }
    }
}

#[test]
fn messages_are_sentences() {
    assert_eq!(
        UsernameError::TooLong.to_string(),
        "A username has at most 100 characters."
    );
    assert_eq!(UsernameError::Missing.to_string(), "A username is needed.");
}

#[test]
fn a_name_has_the_letters_that_were_meant() {
    for name in [
        "J\u{fffd}rg",
        "\u{fffd}",
        "Ana\u{fffe}",
        "Ana\u{fdd0}",
        "Ana\u{10ffff}",
    ] {
        assert!(is_invalid(name), "{name:?}");
    }
    assert_eq!(
        Username::parse("Ana \u{e000}").unwrap().as_str(),
        "Ana \u{e000}"
    );
}
