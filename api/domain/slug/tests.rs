//! Slugs of names in every script.

use unicode_normalization::UnicodeNormalization;

use super::*;

fn slug(name: &str) -> String {
    Slug::from_name(name, SlugFallback::Person).0
}

#[test]
fn names_of_any_script_have_slugs() {
    for (name, expected) in [
        ("Jane Doe", "jane-doe"),
        ("  Jane   Q.  DOE ", "jane-q-doe"),
        ("Müller & Söhne", "muller-sohne"),
        ("Jürgen Groß", "jurgen-gross"),
        ("Yrjö-Åke Ääkkönen", "yrjo-ake-aakkonen"),
        ("Nguyễn Thị Đào", "nguyen-thi-dao"),
        ("İpek Işık", "ipek-isik"),
        ("Łukasz Żółć", "lukasz-zolc"),
        ("李明", "li-ming"),
        ("Class 🚀", "class-rocket"),
        ("Γιώργος", "giorgos"),
        ("Наталья", "natalia"),
        ("محمد", "mhmd"),
        ("דוד", "dvd"),
        ("한국 학교", "hangug-haggyo"),
        ("O'Brien", "obrien"),
        ("O’Brien", "obrien"),
        ("7.A (2026/27)", "7-a-2026-27"),
        ("a_b", "a-b"),
        ("-- x --", "x"),
    ] {
        assert_eq!(slug(name), expected, "{name}");
    }
}

#[test]
fn unicode_forms_of_a_name_have_one_slug() {
    for name in ["Müller", "Nguyễn Thị Ánh", "Ääkkönen", "Żółć"] {
        assert_eq!(slug(&name.nfd().collect::<String>()), slug(name));
    }
}

#[test]
fn a_word_stands_in_for_a_name_without_letters() {
    for name in [
        "", "  ", "?!…", "---", "'", "\u{200d}", "\u{301}", "\u{e000}",
    ] {
        let organization = Slug::from_name(name, SlugFallback::Organization);
        assert_eq!(organization.as_str(), "organization", "{name:?}");
        assert_eq!(slug(name), "person", "{name:?}");
    }
}

#[test]
fn long_names_are_cut_at_the_end_of_a_word() {
    for (name, expected) in [
        (
            "Gymnasium am Münsterplatz der Stadt Freiburg im Breisgau",
            "gymnasium-am-munsterplatz-der-stadt",
        ),
        (
            "aaaaaaaaa bbbbbbbbb ccccccccc ddddddddd1 e",
            "aaaaaaaaa-bbbbbbbbb-ccccccccc-ddddddddd1",
        ),
        (
            "a Donaudampfschifffahrtsgesellschaftskapitänspatent",
            "a-donaudampfschifffahrtsgesellschaftskap",
        ),
    ] {
        assert_eq!(slug(name), expected);
    }
    assert_eq!(slug(&"x".repeat(500)).len(), MAX_SLUG_FROM_NAME_BYTES);
}

#[test]
fn a_slug_of_every_character_is_a_slug_and_its_own_slug() {
    for c in '\0'..='\u{1ffff}' {
        for name in [
            format!("{c}"),
            format!("A{c}b{c}"),
            format!("{c} ").repeat(30),
        ] {
            let slug = Slug::from_name(&name, SlugFallback::Organization);
            assert_eq!(Slug::parse(slug.as_str()), Ok(slug.clone()), "{name:?}");
            let again = Slug::from_name(slug.as_str(), SlugFallback::Person);
            assert_eq!(again, slug, "{name:?}");
        }
    }
}

#[test]
fn numbers_fit_behind() {
    let slug = Slug::parse("jane-doe").unwrap();
    assert_eq!(slug.numbered(2).as_str(), "jane-doe-2");
    let longest = Slug::parse(&"x".repeat(MAX_SLUG_BYTES)).unwrap();
    assert_eq!(
        longest.numbered(10).as_str(),
        format!("{}-10", "x".repeat(60))
    );
    let dash_at_the_cut = Slug::parse(&format!("{}-x", "x".repeat(60))).unwrap();
    assert_eq!(
        dash_at_the_cut.numbered(2).as_str(),
        format!("{}-2", "x".repeat(60))
    );
    assert!(Slug::parse(longest.numbered(u32::MAX).as_str()).is_ok());
}

#[test]
fn only_slugs_parse() {
    for text in ["a", "7", "jane-doe", "a-b-c-2", &"x".repeat(63)] {
        assert_eq!(text.parse::<Slug>().unwrap().to_string(), text);
    }
    for text in [
        "",
        "-",
        "-a",
        "a-",
        "a--b",
        "xn--a",
        "A",
        "a b",
        " a",
        "ä",
        "a_b",
        "a.b",
        "a\n",
        &"x".repeat(64),
    ] {
        assert_eq!(Slug::parse(text), Err(SlugError), "{text:?}");
    }
}
