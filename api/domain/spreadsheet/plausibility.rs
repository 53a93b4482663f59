//! How plausible a text is as a list of people, so that encodings can be told apart.
//!
//! Which letters stand beside which is learned from a list of words (`words.txt`). A letter beyond ASCII
//! is weighed by its neighbours, by whether upper and lower case stand where they do in names, and by
//! whether its script is that of its word. Signs within words are hardly plausible. Weights are
//! logarithms, about: the lower, the less plausible.

use super::letters::{self, EDGE, is_letter, lower};
use super::region::{Region, Script};

// How plausible it is that a character stands where it does, in steps. They were set by hand until names in 26
// languages were told apart best; what a word of `words.txt` shows is in `letters`.

/// As in every list: the apostrophe of O’Brien.
const USUAL: f64 = -0.3;
/// As in many lists: 2nd floor with its °, a price.
const FREQUENT: f64 = -0.5;
/// As in some: a dash that stands alone.
const COMMON: f64 = -0.7;
/// A quotation mark around a name, or a name in lower case.
const SELDOM: f64 = -1.0;
/// An ordinal, or a blank that does not break, behind a word.
const UNCOMMON: f64 = -1.5;
/// An accent typed for an apostrophe, a trade mark, a letter beside a sign or a digit, "à" as a word.
const ODD: f64 = -2.0;
/// A dash within a word.
const VERY_ODD: f64 = -2.5;
/// A letter alone that is no word of the region: in other scripts the name of a class, as "7А".
const LONE: f64 = -2.8;
/// The same in Latin letters, whose classes are ASCII.
const LONE_OF_LATIN: f64 = -3.1;
/// Capitals in the middle, signs in a row, "7ß".
const RARE: f64 = -3.0;
/// A sign of passwords within a word.
const VERY_RARE: f64 = -3.5;
/// An apostrophe where no name has one, a small letter before a capital.
const HARDLY_EVER: f64 = -4.0;
/// From here on a character makes its word implausible: a capital behind a small letter, an unknown sign in a word.
const IMPLAUSIBLE: f64 = -5.0;
/// A letter of another script than its neighbours, lines and boxes.
const FOREIGN: f64 = -6.0;
/// A sign that stands within no word of any language.
const NEVER: f64 = -7.0;

/// The most signs that a word has: a quotation mark at either end.
const MAX_SIGNS: usize = 2;

/// The weight of a word.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weight {
    pub(super) sum: f64,
    /// Whether a character stands where it hardly ever does.
    pub(super) has_implausible: bool,
}

/// Weighs a word, of which the characters beyond ASCII are in question. They are letters that people of
/// `region` write, if they are letters.
pub(super) fn weigh(word: &[char], region: Region) -> Weight {
    let mut weight = Weight {
        sum: 0.0,
        has_implausible: false,
    };
    for place in (0..word.len()).filter(|place| !at(word, *place).is_ascii()) {
        let of_character = PlaceInWord { word, place }.weight(region);
        weight.sum += of_character;
        weight.has_implausible |= of_character <= IMPLAUSIBLE;
    }
    // No name is made of signs alone.
    let signs = word.iter().filter(|c| !c.is_alphanumeric()).count();
    weight.has_implausible |= signs > MAX_SIGNS || (signs > 1 && signs == word.len());
    weight
}

fn at(word: &[char], place: usize) -> char {
    word.get(place).copied().unwrap_or(EDGE)
}

/// A character in its word.
#[derive(Clone, Copy)]
struct PlaceInWord<'a> {
    word: &'a [char],
    place: usize,
}

impl PlaceInWord<'_> {
    fn character(self) -> char {
        at(self.word, self.place)
    }

    fn before(self) -> char {
        self.place
            .checked_sub(1)
            .map_or(EDGE, |place| at(self.word, place))
    }

    fn behind(self) -> char {
        at(self.word, self.place + 1)
    }

    fn weight(self, region: Region) -> f64 {
        if is_letter(self.character()) {
            self.weight_of_letter(region)
        } else {
            self.weight_of_sign()
        }
    }

    fn weight_of_letter(self, region: Region) -> f64 {
        let (before, letter, behind) = (self.before(), self.character(), self.behind());
        let is_foreign = |other: char| is_letter(other) && Script::of(other) != region.script();
        if [before, letter, behind].into_iter().any(is_foreign) {
            return FOREIGN;
        }
        if !is_letter(before) && !is_letter(behind) {
            return weight_of_lone(letter, region);
        }
        let neighbour = |other: char| match is_letter(other) {
            true => lower(other),
            false => EDGE,
        };
        let beside_sign = [before, behind].into_iter().any(is_strange_sign);
        let in_place = [neighbour(before), lower(letter), neighbour(behind)];
        letters::weight(in_place, region)
            + self.weight_of_case()
            + if beside_sign { ODD } else { 0.0 }
            + if before.is_ascii_digit() { ODD } else { 0.0 }
    }

    /// Names begin with a capital, or are capitals as a whole.
    fn weight_of_case(self) -> f64 {
        let (before, letter, behind) = (self.before(), self.character(), self.behind());
        let (starts, ends) = (!is_letter(before), !is_letter(behind));
        let (capital_before, capital_behind) = (is_capital(before), is_capital(behind));
        if is_capital(letter) {
            if !starts && !capital_before {
                IMPLAUSIBLE
            } else if !starts && !ends && !capital_behind {
                RARE
            } else {
                0.0
            }
        } else {
            let second = self
                .place
                .checked_sub(2)
                .map_or(EDGE, |place| at(self.word, place));
            if capital_behind && (starts || capital_before) {
                IMPLAUSIBLE
            } else if capital_behind {
                HARDLY_EVER
            } else if capital_before && is_capital(second) {
                RARE
            } else if starts && !ends && Script::of(letter) == Script::Latin {
                SELDOM
            } else {
                0.0
            }
        }
    }

    fn weight_of_sign(self) -> f64 {
        let (before, sign, behind) = (self.before(), self.character(), self.behind());
        if sign == '\u{a0}' {
            return match (is_letter(before), is_letter(behind)) {
                (_, true) if !is_capital(behind) => VERY_RARE,
                (true, false) => UNCOMMON,
                (true | false, _) => USUAL,
            };
        }
        if matches!(sign, '„' | '“' | '”' | '«' | '»') && self.is_within_letters() {
            return NEVER;
        }
        let beside_sign = [before, behind].into_iter().any(is_strange_sign);
        let alone = match (is_letter(before), is_letter(behind)) {
            (true, true) => self.weight_within_word(),
            // 1º and Mª, but no name ends so.
            (true, false) if matches!(sign, 'ª' | 'º') && self.place > 2 => VERY_RARE,
            (true, false) => weight_behind_word(sign, behind),
            (false, true) => weight_before_word(sign, before),
            (false, false) => weight_apart(sign, before, behind),
        };
        alone + if beside_sign { RARE } else { 0.0 }
    }

    /// Whether letters stand somewhere before it and somewhere behind it.
    fn is_within_letters(self) -> bool {
        let (before, behind) = self.word.split_at(self.place);
        let have_letter = |part: &[char]| part.iter().any(|c| is_letter(*c));
        have_letter(before) && have_letter(behind)
    }

    fn weight_within_word(self) -> f64 {
        let (before, sign, behind) = (self.before(), self.character(), self.behind());
        // O’Brien, L’Aquila, Jane’s.
        let is_last = at(self.word, self.place + 2) == EDGE;
        let is_apostrophe_place = is_capital(behind) || (lower(behind) == 's' && is_last);
        match sign {
            '’' | '\u{2bc}' if is_apostrophe_place => USUAL,
            '’' | '\u{2bc}' if self.place == 1 => ODD,
            '‘' | '´' if is_apostrophe_place || self.place == 1 => ODD,
            '’' | '\u{2bc}' | '‘' | '´' => HARDLY_EVER,
            // Gal·la, in Catalan.
            '·' if lower(before) == lower(behind) => UNCOMMON,
            '–' | '—' => VERY_ODD,
            sign if is_typed_sign(sign) => VERY_RARE,
            _ => NEVER,
        }
    }
}

/// The weight of a letter with no other beside it: a word, as "à", or the name of a class, as "7А". Signs stand
/// alone more often.
fn weight_of_lone(letter: char, region: Region) -> f64 {
    if letters::is_word(letter, region) {
        ODD
    } else if region.script() == Script::Latin {
        LONE_OF_LATIN
    } else {
        LONE
    }
}

/// Signs that people put into passwords.
fn is_typed_sign(sign: char) -> bool {
    matches!(sign, '£' | '€' | '§')
}

fn is_capital(character: char) -> bool {
    is_letter(character) && character.is_uppercase()
}

fn is_quotation_mark(sign: char) -> bool {
    matches!(sign, '„' | '“' | '”' | '’' | '‘' | '«' | '»')
}

/// A sign beyond ASCII that nobody expects beside another character.
fn is_strange_sign(sign: char) -> bool {
    !sign.is_ascii() && !is_letter(sign) && !is_quotation_mark(sign) && sign != '\u{a0}'
}

fn weight_behind_word(sign: char, behind: char) -> f64 {
    match sign {
        _ if is_quotation_mark(sign) => SELDOM,
        'ª' | 'º' | '°' => UNCOMMON,
        '®' | '™' | '©' | '…' => ODD,
        _ if behind.is_ascii_digit() || is_typed_sign(sign) => RARE,
        _ => IMPLAUSIBLE,
    }
}

fn weight_before_word(sign: char, before: char) -> f64 {
    match sign {
        _ if is_quotation_mark(sign) => SELDOM,
        '¿' | '¡' => SELDOM,
        _ if before.is_ascii_digit() || is_typed_sign(sign) => RARE,
        _ => IMPLAUSIBLE,
    }
}

fn weight_apart(sign: char, before: char, behind: char) -> f64 {
    let (behind_digit, before_digit) = (before.is_ascii_digit(), behind.is_ascii_digit());
    match sign {
        '°' | '²' | '³' | 'º' | 'ª' | '½' if behind_digit => FREQUENT,
        '€' | '£' | '§' | '–' if behind_digit || before_digit => FREQUENT,
        '–' | '—' | '…' | '•' | '€' | '£' | '§' | '°' | '·' => COMMON,
        _ if is_quotation_mark(sign) => COMMON,
        // Lines, boxes and mathematics.
        '¤' | '\u{2190}'..='\u{2fff}' => FOREIGN,
        _ => RARE,
    }
}
