//! Texts in every encoding, told apart by their bytes.

use super::super::letters::words_of;
use super::*;

fn bytes(text: &str, encoding: Encoding) -> Option<Vec<u8>> {
    let table = encoding.upper_half()?;
    let byte = |c: char| match c.is_ascii() {
        true => u8::try_from(c).ok(),
        false => (0x80..=0xff).find(|byte| character(*byte, table) == c),
    };
    text.chars().map(byte).collect()
}

#[test]
fn the_more_frequent_kind_of_sequence_is_utf8() {
    assert!(looks_like_utf8("Zoë Ångström".as_bytes()));
    assert!(looks_like_utf8(b"Zo\xc3\xab and \xc3"));
    assert!(looks_like_utf8(b"\xc3\xab \xc3\xab \xff"));
    assert!(!looks_like_utf8(b"Zo\xeb"));
    assert!(!looks_like_utf8(b"\xc5ngstr\xf6m, Men\xdc\x96"));
}

#[test]
fn lists_of_every_language_are_told_apart() {
    let (mut told, mut all) = (0, 0);
    for (language, words) in words_of() {
        let encodings = Encoding::SINGLE_BYTE.iter();
        let home = |of: &&Encoding| Region::of(**of).languages().contains(&language);
        for encoding in encodings.filter(home) {
            for words in words.chunks(5) {
                let text = words.join(", ");
                let Some(bytes) = bytes(&text, *encoding) else {
                    continue;
                };
                if bytes.is_ascii() {
                    continue;
                }
                all += 1;
                if let Ok(found) = single_byte(&bytes) {
                    assert_eq!(
                        found.decode(&bytes),
                        text,
                        "{language} {encoding:?} {found:?}"
                    );
                    told += 1;
                }
            }
        }
    }
    assert!(all > 1_000 && told * 100 > all * 97, "{told} of {all}");
}

#[test]
fn names_that_nobody_has_listed_are_told_apart() {
    for (text, encoding) in [
        ("Zoë Ångström, Œuvre ÿ, 5 €", Encoding::Windows1252),
        ("JOSÉ NÚÑEZ", Encoding::Windows1252),
        ("Pat O’Brien", Encoding::Windows1252),
        ("Übelhör, Jäckle, Rößner", Encoding::Windows1252),
        ("Bjørk Håvardsen, Sæbjørn", Encoding::Windows1252),
        ("Škvorecký, Bočková, Řepka", Encoding::Windows1250),
        ("Gąsiorek, Wyżykowski, Święcki", Encoding::Windows1250),
        ("Özdoğru, Işıkhan, Şentürk", Encoding::Windows1254),
        ("Прохор Шаляпин", Encoding::Windows1251),
        ("Галушко Їжакевич", Encoding::Windows1251),
        ("Σωκράτης Βενιζέλος", Encoding::Windows1253),
        ("José Núñez, Zoé Brûlé", Encoding::MacRoman),
        ("Jürgen Größer, Übelhör", Encoding::MacRoman),
        ("Jürgen Größer, Übelhör", Encoding::Cp850),
        ("Måns Sjöö, Göte Åhléns", Encoding::Cp437),
        ("Tõnis Põllu, Õie Kõrgesaar", Encoding::Cp850),
        ("Šlapák, Tomáš Žák, Anežka Liška", Encoding::Iso8859_2),
        ("Wąsik, Świątek, Paździoch", Encoding::Iso8859_2),
        ("Božo Leščić, Nataša Šuštar", Encoding::Iso8859_2),
        ("Žuravljov, Šmigun, Kuznetšov", Encoding::Iso8859_15),
        ("Άννα Δημητρίου, Άγης Μόκας", Encoding::Iso8859_7),
        (
            "Jānis Bērziņš, Kārlis Ozoliņš, Šarūnas",
            Encoding::Windows1257,
        ),
        ("Иван Петров, Ольга Смирнова", Encoding::MacCyrillic),
        ("Dvořáček, Šlapák, Růžičková", Encoding::Cp852),
        ("Erdősi Gergő, Szőke István, Mária", Encoding::Cp852),
        ("Yıldıray, Şafakçı, Kılıçarslan", Encoding::Cp857),
        ("Ainārs Cīrulītis, Pērkons, Šķēle", Encoding::Cp775),
    ] {
        let bytes = bytes(text, encoding).unwrap();
        let found = single_byte(&bytes).unwrap_or_else(|others| panic!("{text}: {others:?}"));
        assert_eq!(found.decode(&bytes), text, "{found:?}");
    }
}

#[test]
fn a_foreign_name_among_few_makes_no_gibberish_of_the_others() {
    for (text, encoding, is_told) in [
        ("Primož José", Encoding::Cp852, true),
        ("Primož Société", Encoding::Cp852, false),
        ("Krč", Encoding::Windows1250, false),
    ] {
        let bytes = bytes(text, encoding).unwrap();
        let found = single_byte(&bytes).map(|found| found.decode(&bytes));
        assert_eq!(found.ok().as_deref(), is_told.then_some(text));
    }
}

#[test]
fn signs_that_stand_alone_are_told_apart() {
    for text in [
        "£5",
        "5£",
        "Fee (£)",
        "£ 12",
        "€5",
        "5€",
        "5,00 €",
        "§ 5",
        "§5",
        "20°",
        "7–8",
        "Year – 7",
    ] {
        let bytes = bytes(text, Encoding::Windows1252).unwrap();
        let found = single_byte(&bytes).map(|found| found.decode(&bytes));
        assert_eq!(found.as_deref(), Ok(text));
    }
}

#[test]
fn a_sign_within_a_password_becomes_no_letter() {
    for text in [
        "blue£kettle44",
        "£bluekettle44",
        "bluekettle44£",
        "Blue£44",
        "blue€kettle",
        "blue§44kettle",
    ] {
        for encoding in [
            Encoding::Windows1252,
            Encoding::Windows1250,
            Encoding::Iso8859_15,
            Encoding::MacRoman,
        ] {
            let Some(bytes) = bytes(text, encoding) else {
                continue;
            };
            if let Ok(found) = single_byte(&bytes) {
                assert_eq!(found.decode(&bytes), text, "{encoding:?} {found:?}");
            }
        }
    }
}

#[test]
fn few_names_in_scripts_that_are_not_read_are_unclear() {
    use encoding_rs::{EUC_KR, GBK, ISO_8859_5, ISO_8859_6, ISO_8859_8, SHIFT_JIS};
    use encoding_rs::{WINDOWS_1255, WINDOWS_1256};
    let mut all = Vec::new();
    for name in [
        "דוד כהן",
        "יוסף עמר",
        "מיכאל יוסף",
        "לאה",
        "רוני לוי",
        "טל",
        "טל לוי",
        "שירה ברק",
        "אסתר לוי, טל דוד",
        "רחל 7א",
    ] {
        let (windows, _, _) = WINDOWS_1255.encode(name);
        let dos = windows
            .iter()
            .map(|byte| if byte.is_ascii() { *byte } else { byte - 0x60 });
        all.push((name, dos.collect::<Vec<u8>>()));
        all.push((name, windows.into_owned()));
        all.push((name, ISO_8859_8.encode(name).0.into_owned()));
    }
    for (encoding, name) in [
        (WINDOWS_1256, "ياسمين سالم"),
        (WINDOWS_1256, "ليلى"),
        (WINDOWS_1256, "عمر"),
        (ISO_8859_6, "فاطمة الشامي"),
        (ISO_8859_5, "Сергей Лебедев"),
        (SHIFT_JIS, "恵子"),
        (EUC_KR, "김 철수"),
        (GBK, "丽"),
        (GBK, "杨 勇"),
        (GBK, "周 娜"),
    ] {
        all.push((name, encoding.encode(name).0.into_owned()));
    }
    // In Mac Roman it begins with a small letter.
    all.push(("İsmail", bytes("İsmail", Encoding::Cp857).unwrap()));
    for (name, bytes) in all {
        let found = single_byte(&bytes).map(|found| found.decode(&bytes));
        assert!(found.is_err(), "{name}: {found:?}");
    }
}

#[test]
fn few_names_in_scripts_that_are_read_are_no_doubt() {
    for (text, encoding) in [
        ("Олег", Encoding::Windows1251),
        ("Анна Ким", Encoding::Windows1251),
        ("иван петров", Encoding::Windows1251),
        ("ИВАНОВ ОЛЕГ", Encoding::Windows1251),
        ("Глеб Волков", Encoding::Windows1251),
        ("Λένα", Encoding::Windows1253),
        ("Åsa", Encoding::Windows1252),
        ("étienne", Encoding::Windows1252),
        ("Jiří", Encoding::Windows1250),
        ("Işıl", Encoding::Windows1254),
        ("„Jürgen“ Groß", Encoding::Windows1252),
    ] {
        let bytes = bytes(text, encoding).unwrap();
        let found = single_byte(&bytes).map(|found| found.decode(&bytes));
        assert_eq!(found.as_deref(), Ok(text));
    }
}

#[test]
fn what_is_in_other_encodings_is_unclear() {
    use encoding_rs::{BIG5, EUC_KR, GBK, IBM866, ISO_8859_5, KOI8_R, SHIFT_JIS, WINDOWS_1255};
    for (encoding, text) in [
        (KOI8_R, "Иван Петров, Ольга Смирнова"),
        (IBM866, "Иван Петров, Ольга Смирнова"),
        (ISO_8859_5, "Иван Петров, Ольга Смирнова"),
        (encoding_rs::WINDOWS_1256, "محمد أحمد, فاطمة علي"),
        (encoding_rs::WINDOWS_874, "สมชาย ใจดี"),
        (WINDOWS_1255, "משה כהן, דוד לוי, שרה אברהם"),
        (SHIFT_JIS, "山田太郎, 鈴木花子"),
        (GBK, "李明, 王小红, 张伟"),
        (BIG5, "陳大文, 黃小明"),
        (EUC_KR, "김철수, 이영희"),
    ] {
        let (bytes, _, failed) = encoding.encode(text);
        assert!(!failed, "{text}");
        let found = single_byte(&bytes).map(|found| found.decode(&bytes));
        assert!(found.is_err(), "{}: {found:?}", encoding.name());
    }
}
