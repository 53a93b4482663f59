//! Every mail in every language is whole.

use std::collections::BTreeMap;

use super::super::samples::samples;
use super::*;
use crate::domain::email_address::EmailAddress;
use crate::domain::mail::MailKind;

fn written(visit: impl Fn(&str, Language, &MailContent, &Written)) {
    let address = EmailAddress::parse("ana@hill.example").unwrap();
    let to = Recipient {
        name: Some("Ana"),
        address: &address,
    };
    let from = "School <no-reply@hill.example>".parse().unwrap();
    let links = Links::into(&"https://app.example".parse().unwrap());
    let now = "2026-09-01T07:05:00Z".parse::<jiff::Timestamp>().unwrap();
    for (name, content) in samples(&links, &to, now.into()) {
        for language in Language::ALL {
            let origin = Origin {
                from: &from,
                links: &links,
            };
            let mail = write(&content, *language, &to, &origin).unwrap();
            visit(&name, *language, &content, &mail);
        }
    }
}

#[test]
fn every_mail_has_its_link_in_both_parts_and_no_holes() {
    written(|name, language, content, mail| {
        let place = format!("{name} in {language}");
        let mut words = mail.text.split_whitespace();
        let link = words.find(|word| word.starts_with("https://"));
        if let MailContent::LinkCode { code, .. } = content {
            // It is typed where somebody is already.
            assert_eq!(link, None, "{place}");
            assert!(!mail.html.contains("href="), "{place}");
            assert!(
                mail.text.contains(code) && mail.html.contains(code),
                "{place}"
            );
        } else {
            let link = link.unwrap();
            assert!(link.starts_with("https://app.example/"), "{place}: {link}");
            let escaped = link.replace('&', "&amp;");
            let in_html = mail.html.matches(&format!("href=\"{escaped}\"")).count();
            assert_eq!(in_html, 2, "{place}: a button and the link itself");
            assert!(mail.html.contains(&format!(">{escaped}<")), "{place}");
        }
        for part in [&mail.subject, &mail.text, &mail.html] {
            for hole in ["{{", "{%", "}}", "undefined", "none", "None"] {
                let css = part
                    .replace("display:none", "")
                    .replace("text-decoration:none", "");
                assert!(!css.contains(hole), "{place}: {hole}\n{css}");
            }
        }
        assert!(
            mail.html.contains(&format!("<html lang=\"{language}\"")),
            "{place}"
        );
        let is_dated = content.link_holds_until().is_none() || mail.text.contains("2026");
        assert!(is_dated && mail.text.contains("Ana"), "{place}");
    });
}

#[test]
fn no_mail_fetches_anything() {
    written(|name, _, _, mail| {
        for fetches in ["src=", "<img", "@import", "url(", "<script", "<link"] {
            assert!(!mail.html.contains(fetches), "{name}: {fetches}");
        }
    });
}

#[test]
fn subjects_name_the_organization_the_app_or_the_sender() {
    written(|name, language, _, mail| {
        let named = ["Hill Road School", "School", "Microsoft for schools"];
        assert!(
            named.iter().any(|it| mail.subject.contains(it)),
            "{name} in {language}"
        );
    });
}

/// Every entry of a catalogue with the names of the values in it.
fn entries(source: &str) -> BTreeMap<String, Vec<String>> {
    let table: toml::Table = source.parse().unwrap();
    let mut entries = BTreeMap::new();
    for (section, words) in &table {
        for (name, sentence) in words.as_table().unwrap() {
            let sentence = sentence.to_string();
            let mut values: Vec<String> = sentence
                .split("{{ ")
                .skip(1)
                .map(|rest| rest.split(" }}").next().unwrap().to_owned())
                .collect();
            values.sort();
            values.dedup();
            entries.insert(format!("{section}.{name}"), values);
        }
    }
    entries
}

#[test]
fn every_language_says_the_same_with_the_same_values() {
    let english = entries(words::source(Language::English));
    assert!(english.len() > 70, "{}", english.len());
    for language in Language::ALL {
        let theirs = entries(words::source(*language));
        for (name, values) in &english {
            // Dates are put together in each language's way.
            let their_values = theirs.get(name);
            assert_eq!(their_values, Some(values), "{name} in {language}");
        }
        assert_eq!(
            theirs.len(),
            english.len(),
            "{language} has entries of its own"
        );
    }
}

#[test]
fn a_content_is_stored_under_the_word_of_its_kind() {
    let address = EmailAddress::parse("ana@hill.example").unwrap();
    let to = Recipient {
        name: None,
        address: &address,
    };
    let links = Links::into(&"https://app.example".parse().unwrap());
    for (name, content) in samples(&links, &to, Timestamp::EPOCH) {
        let stored = serde_json::to_value(&content).unwrap();
        assert_eq!(stored["kind"], content.kind().as_str(), "{name}");
    }
}

#[test]
fn catalogues_have_words_for_each_kind_and_no_other() {
    let mut kinds: Vec<&str> = MailKind::ALL.iter().map(|kind| kind.as_str()).collect();
    kinds.sort_unstable();
    for language in Language::ALL {
        assert_eq!(Catalogue::of(*language).unwrap().kinds(), kinds);
    }
}

#[test]
fn moments_are_written_as_people_write_them() {
    let date = |language, text: &str| {
        let moment = text.parse::<jiff::Timestamp>().unwrap();
        Catalogue::of(language)
            .unwrap()
            .date(moment.into())
            .unwrap()
    };
    for (language, expected) in [
        (Language::English, "1 September 2026 at 07:05 UTC"),
        (Language::Finnish, "1. syyskuuta 2026 klo 7.05 (UTC)"),
        (Language::Spanish, "1 de septiembre de 2026, 07:05 h (UTC)"),
        (Language::German, "1. September 2026, 07:05 Uhr (UTC)"),
        (
            Language::French,
            "1er septembre 2026 à 7\u{a0}h\u{a0}05 (UTC)",
        ),
        (Language::Swedish, "1 september 2026 kl. 07.05 (UTC)"),
    ] {
        assert_eq!(date(language, "2026-09-01T07:05:00Z"), expected);
    }
    assert_eq!(
        date(Language::French, "2026-12-31T23:59:00Z"),
        "31 décembre 2026 à 23\u{a0}h\u{a0}59 (UTC)"
    );
}

#[test]
fn an_import_offers_what_there_is() {
    written(|name, language, content, mail| {
        if content.kind() != MailKind::ImportFinished {
            return;
        }
        let is_dated = mail.text.contains("2026");
        assert_eq!(
            is_dated,
            name != "import_finished_without_accounts",
            "{name} in {language}"
        );
    });
    let texts = std::cell::RefCell::new(BTreeMap::new());
    written(|name, language, _, mail| {
        if language == Language::English {
            texts
                .borrow_mut()
                .insert(name.to_owned(), mail.text.clone());
        }
    });
    let texts = texts.into_inner();
    for (name, list, errors) in [
        ("import_finished", true, true),
        ("import_finished_without_errors", true, false),
        ("import_finished_without_accounts", false, true),
    ] {
        let text = texts[name].split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(text.contains("list of accounts"), list, "{text}");
        assert_eq!(text.contains("passwords"), list, "{text}");
        assert_eq!(
            text.contains("file of the rows with an error"),
            errors,
            "{text}"
        );
    }
}

#[test]
fn people_read_their_domain_in_its_own_script() {
    let address = EmailAddress::parse("jane@Bücher.example").unwrap();
    let to = Recipient {
        name: None,
        address: &address,
    };
    let links = Links::into(&"https://app.example".parse().unwrap());
    let origin = Origin {
        from: &"School <no-reply@hill.example>".parse().unwrap(),
        links: &links,
    };
    let mut samples = samples(&links, &to, Timestamp::EPOCH).into_iter();
    let (_, content) = samples
        .find(|(name, _)| name == "sign_in_instructions")
        .unwrap();
    let mail = write(&content, Language::English, &to, &origin).unwrap();
    for part in [&mail.text, &mail.html] {
        assert!(part.contains("jane@bücher.example"), "{part}");
        assert!(!part.contains("xn--bcher"), "{part}");
    }
}
