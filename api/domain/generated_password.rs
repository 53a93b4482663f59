//! Passwords that Rollcall makes up, for people who have to type them from a sheet of paper.

use std::sync::LazyLock;

use super::password::Password;

const WORDS_IN_A_PASSWORD: usize = 3;

const DIGITS_IN_A_PASSWORD: usize = 4;

/// Without 0 and 1, which look like letters, and without 6 and 8, which make numbers with a second
/// meaning (69, 88, 666).
const DIGITS: [char; 6] = ['2', '3', '4', '5', '7', '9'];

/// Lower-case words that can stand beside a child's name; the file's head names their sources.
static WORDS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    include_str!("password_words.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect()
});

/// Makes a password like `maple-tiger-kite-4279`: three words and four digits, joined by dashes
/// (`docs/imports.md#names-without-addresses`).
///
/// It has more than 41 bits, all of them from `fill`, and keeps the rule for new passwords. It
/// begins with a word, so that no spreadsheet takes it for a number, a date or a formula.
///
/// # Errors
/// Those of `fill`, which draws from a secure random source.
pub fn generate<E>(fill: impl Fn(&mut [u8]) -> Result<(), E>) -> Result<Password, E> {
    loop {
        // Of the rule it can only break the last part, by being a common password: then another.
        if let Ok(password) = Password::parse(draw(&fill)?) {
            return Ok(password);
        }
    }
}

fn draw<E>(fill: impl Fn(&mut [u8]) -> Result<(), E>) -> Result<String, E> {
    let mut password = String::new();
    for _ in 0..WORDS_IN_A_PASSWORD {
        password.push_str(choose(&WORDS, &fill)?);
        password.push('-');
    }
    for _ in 0..DIGITS_IN_A_PASSWORD {
        password.push(*choose(&DIGITS, &fill)?);
    }
    Ok(password)
}

/// One of `items`, each as likely as any other. There must be some.
///
/// A number of just enough random bits that points behind the end is drawn again: a remainder would
/// favour the first items.
fn choose<T, E>(items: &[T], fill: impl Fn(&mut [u8]) -> Result<(), E>) -> Result<&T, E> {
    let mask = items.len().next_power_of_two() - 1;
    loop {
        let mut bytes = [0; size_of::<usize>()];
        fill(&mut bytes)?;
        if let Some(item) = items.get(usize::from_ne_bytes(bytes) & mask) {
            return Ok(item);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    fn random(bytes: &mut [u8]) -> Result<(), std::convert::Infallible> {
        fastrand::fill(bytes);
        Ok(())
    }

    fn generated() -> String {
        let password = generate(random).unwrap();
        password.reveal().to_owned()
    }

    #[test]
    fn the_lists_give_more_than_41_bits() {
        let words = f64::from(u32::try_from(WORDS.len()).unwrap());
        let digits = f64::from(u32::try_from(DIGITS.len()).unwrap());
        let bits = 3.0 * words.log2() + 4.0 * digits.log2();
        assert_eq!((WORDS_IN_A_PASSWORD, DIGITS_IN_A_PASSWORD), (3, 4));
        assert!(bits > 41.0, "{bits}");
    }

    #[test]
    fn words_are_short_clear_and_different() {
        assert!(WORDS.len() >= 1_024);
        assert_eq!(WORDS.iter().collect::<HashSet<_>>().len(), WORDS.len());
        for word in WORDS.iter() {
            assert!((3..=7).contains(&word.len()), "{word}");
            assert!(word.bytes().all(|byte| byte.is_ascii_lowercase()), "{word}");
            assert!(!word.contains('l') && !word.contains("rn"), "{word}");
        }
    }

    /// The names of months as spreadsheets abbreviate them in the languages of Europe.
    #[test]
    fn no_word_is_a_date_or_a_truth_value() {
        for mangled in [
            "jan", "ene", "gen", "feb", "fev", "mar", "mars", "mart", "maj", "apr", "abr", "avr",
            "may", "mai", "mei", "mag", "jun", "juni", "juin", "giu", "jul", "july", "lug", "aug",
            "ago", "aout", "sep", "sept", "set", "oct", "okt", "out", "ott", "nov", "dec", "dez",
            "dic", "des", "march", "august", "true", "false",
        ] {
            assert!(!WORDS.contains(&mangled), "{mangled}");
        }
    }

    #[test]
    fn no_word_holds_an_offence() {
        for offence in [
            "anal", "arse", "ass", "bum", "butt", "cock", "coon", "cum", "cunt", "damn", "dick",
            "dyke", "fag", "fart", "fuck", "gay", "hell", "homo", "jew", "kike", "kill", "nazi",
            "nig", "paki", "piss", "poo", "porn", "rape", "sex", "shit", "slut", "spic", "suck",
            "tit", "turd", "twat", "wank",
        ] {
            let holding: Vec<_> = WORDS.iter().filter(|word| word.contains(offence)).collect();
            assert!(holding.is_empty() || holding == [&"species"], "{holding:?}");
        }
    }

    #[test]
    fn generated_passwords_have_their_shape() {
        for _ in 0..2_000 {
            let password = generated();
            let parts: Vec<_> = password.split('-').collect();
            let (digits, words) = parts.split_last().unwrap();
            assert_eq!((words.len(), digits.len()), (3, 4), "{password}");
            assert!(words.iter().all(|word| WORDS.contains(word)), "{password}");
            assert!(
                digits.chars().all(|digit| DIGITS.contains(&digit)),
                "{password}"
            );
            assert!((16..=28).contains(&password.len()), "{password}");
            assert!(Password::parse(password).is_ok());
        }
    }

    #[test]
    fn generated_passwords_differ() {
        let passwords: HashSet<_> = (0..2_000).map(|_| generated()).collect();
        assert_eq!(passwords.len(), 2_000);
    }

    #[test]
    fn each_item_is_as_likely_as_any_other() {
        let mut counts = HashMap::new();
        for _ in 0..60_000 {
            *counts.entry(*choose(&DIGITS, random).unwrap()).or_insert(0) += 1;
        }
        // 10,000 each are expected; 500 off are more than five standard deviations.
        assert_eq!(counts.len(), DIGITS.len());
        assert!(
            counts
                .values()
                .all(|count| (9_500..=10_500).contains(count)),
            "{counts:?}"
        );
    }

    #[test]
    fn one_item_is_always_chosen() {
        assert_eq!(choose(&["only"], random), Ok(&"only"));
    }
}
