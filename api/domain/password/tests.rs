//! Passwords that are taken, and those that are refused.

use super::*;

fn refusal(text: &str) -> Option<PasswordError> {
    Password::parse(text.to_owned()).err()
}

#[test]
fn good_passwords_are_taken_as_they_are() {
    for text in [
        "maple tiger 4",
        "  seven7spaces  ",
        "Ääkköset2ovat",
        "密码密码密码密码密码1",
        "كلمةالمرور٣٤",
        "mậtkhẩucủatôi1",
        "пароль-школы-9",
        "😀😀😀😀😀😀😀😀a1",
        "tab\tand\0null1",
        "=HYPERLINK(1)",
    ] {
        let password = Password::parse(text.to_owned()).unwrap();
        assert_eq!(password.reveal(), text);
    }
}

#[test]
fn each_part_of_the_rule_is_told() {
    for (text, error) in [
        ("", PasswordError::TooShort),
        ("short1", PasswordError::TooShort),
        ("ninechar1", PasswordError::TooShort),
        ("1234567890", PasswordError::NeedsLetter),
        ("١٢٣٤٥٦٧٨٩٠!", PasswordError::NeedsLetter),
        ("!!!!!!!!!!", PasswordError::NeedsLetter),
        ("correct horse battery", PasswordError::NeedsDigit),
        ("密码密码密码密码密码", PasswordError::NeedsDigit),
        ("password123", PasswordError::TooCommon),
        ("PassWord123", PasswordError::TooCommon),
        ("1q2w3e4r5t", PasswordError::TooCommon),
        ("Schule1234", PasswordError::TooCommon),
    ] {
        assert_eq!(refusal(text), Some(error), "{text}");
    }
}

#[test]
fn lengths_count_composed_characters() {
    let text = |length: usize| format!("{}1", "é".repeat(length - 1));
    assert_eq!(refusal(&text(9)), Some(PasswordError::TooShort));
    assert_eq!(refusal(&text(10)), None);
    assert_eq!(refusal(&text(128)), None);
    assert_eq!(refusal(&text(129)), Some(PasswordError::TooLong));
    let decomposed: String = text(128).nfd().collect();
    assert_eq!(refusal(&decomposed), None);
    let short: String = text(9).nfd().collect();
    assert_eq!(refusal(&short), Some(PasswordError::TooShort));
}

#[test]
fn systems_that_compose_differently_agree() {
    let windows = Password::parse("M\u{fc}hlenstra\u{df}e 7".to_owned()).unwrap();
    let macos = PasswordAttempt::parse("Mu\u{308}hlenstra\u{df}e 7".to_owned()).unwrap();
    assert_eq!(windows.to_hash_input(), macos.to_hash_input());
    assert!(matches!(windows.to_hash_input(), Cow::Borrowed(_)));
}

#[test]
fn attempts_may_be_anything_of_bounded_length() {
    for text in ["", " ", "x", "password123"] {
        let attempt = PasswordAttempt::parse(text.to_owned()).unwrap();
        assert_eq!(attempt.to_hash_input(), text);
    }
    assert!(PasswordAttempt::parse("x".repeat(MAX_ATTEMPT_BYTES)).is_ok());
    assert!(PasswordAttempt::parse("x".repeat(MAX_ATTEMPT_BYTES + 1)).is_err());
    // The character whose decomposition is longest.
    let widest = "\u{1d160}".repeat(MAX_PASSWORD_CHARS);
    assert!(widest.nfd().collect::<String>().len() <= MAX_ATTEMPT_BYTES);
}

#[test]
fn secrets_are_not_printed() {
    let password = Password::parse("maple tiger 4".to_owned()).unwrap();
    assert_eq!(format!("{password:?}"), "Password(…)");
    let attempt = PasswordAttempt::parse("maple tiger 4".to_owned()).unwrap();
    assert_eq!(format!("{attempt:?}"), "PasswordAttempt(…)");
}

#[test]
fn the_list_holds_only_what_the_rest_of_the_rule_lets_through() {
    assert!(COMMON_PASSWORDS.len() > 10_000);
    for common in COMMON_PASSWORDS.iter() {
        assert_eq!(refusal(common), Some(PasswordError::TooCommon), "{common}");
        assert_eq!(
            refusal(&common.to_uppercase()),
            Some(PasswordError::TooCommon),
            "{common}"
        );
    }
}

#[test]
fn messages_are_stable() {
    for (error, message) in [
        (
            PasswordError::TooShort,
            "A password has at least 10 characters.",
        ),
        (
            PasswordError::TooLong,
            "A password has at most 128 characters.",
        ),
        (
            PasswordError::NeedsLetter,
            "A password has at least one letter.",
        ),
        (
            PasswordError::NeedsDigit,
            "A password has at least one digit.",
        ),
        (
            PasswordError::TooCommon,
            "This password is too common; choose another.",
        ),
    ] {
        assert_eq!(error.to_string(), message);
    }
}
