//! How plausible a text is as a list of people, so that encodings can be told apart.
//!
//! Which letters stand beside which is learned from a list of words (`words.txt`). A letter beyond ASCII
//! is weighed by its neighbours, by whether upper and lower case stand where they do in names, and by
//! whether its script is that of its word. Signs within words are hardly plausible. Weights are
//! logarithms, about: the lower, the less plausible.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

/// The edge of a word among the neighbours of a letter.
const EDGE: char = ' ';

/// The weight from which a character makes its word implausible.
const IMPLAUSIBLE: f64 = -5.0;

/// A script, as far as encodings differ in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Script {
    Latin,
    Greek,
    Cyrillic,
    Other,
}

impl Script {
    fn of(letter: char) -> Self {
        match letter {
            '\u{b5}' => Self::Other,
            '\0'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' => Self::Latin,
            '\u{370}'..='\u{3ff}' => Self::Greek,
            '\u{400}'..='\u{52f}' => Self::Cyrillic,
            _ => Self::Other,
        }
    }
}

/// The weight of a word.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weight {
    pub(super) sum: f64,
    /// Whether a character stands where it hardly ever does.
    pub(super) has_implausible: bool,
}

/// Weighs a word, of which the characters beyond ASCII are in question. They are letters of `script`, if
/// they are letters.
pub(super) fn weigh(word: &[char], script: Script) -> Weight {
    let mut weight = Weight {
        sum: 0.0,
        has_implausible: false,
    };
    for place in (0..word.len()).filter(|place| !at(word, *place).is_ascii()) {
        let of_character = Place { word, place }.weight(script);
        weight.sum += of_character;
        weight.has_implausible |= of_character <= IMPLAUSIBLE;
    }
    weight
}

/// How many languages it takes to have all these letters. A list of people has few; gibberish has
/// letters of many.
pub(super) fn languages_needed(letters: &HashSet<char>) -> u32 {
    let mut left = letters.clone();
    let mut languages = 0;
    let most_of = |left: &HashSet<char>| {
        let languages = MODEL.languages.iter();
        languages.max_by_key(|language| language.intersection(left).count())
    };
    while let Some(language) = most_of(&left) {
        let before = left.len();
        left.retain(|letter| !language.contains(letter));
        if left.len() == before {
            break;
        }
        languages += 1;
    }
    languages
}

pub(super) fn is_letter(character: char) -> bool {
    character.is_alphabetic() && !matches!(character, 'ª' | 'º')
}

/// The letter in lower case, as the model has it.
pub(super) fn lower(letter: char) -> char {
    letter.to_lowercase().next().unwrap_or(letter)
}

fn at(word: &[char], place: usize) -> char {
    word.get(place).copied().unwrap_or(EDGE)
}

/// A character in its word.
#[derive(Clone, Copy)]
struct Place<'a> {
    word: &'a [char],
    place: usize,
}

impl Place<'_> {
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

    fn weight(self, script: Script) -> f64 {
        if is_letter(self.character()) {
            self.weight_of_letter(script)
        } else {
            self.weight_of_sign()
        }
    }

    fn weight_of_letter(self, script: Script) -> f64 {
        let (before, letter, behind) = (self.before(), self.character(), self.behind());
        let is_foreign = |other: char| is_letter(other) && Script::of(other) != script;
        if [before, letter, behind].into_iter().any(is_foreign) {
            return -6.0;
        }
        if !is_letter(before) && !is_letter(behind) {
            return -2.0;
        }
        let neighbour = |other: char| match is_letter(other) {
            true => lower(other),
            false => EDGE,
        };
        let beside_sign = [before, behind].into_iter().any(is_strange_sign);
        MODEL.weight([neighbour(before), lower(letter), neighbour(behind)])
            + self.weight_of_case()
            + if beside_sign { -2.0 } else { 0.0 }
            + if before.is_ascii_digit() { -2.0 } else { 0.0 }
    }

    /// Names begin with a capital, or are capitals as a whole.
    fn weight_of_case(self) -> f64 {
        let (before, letter, behind) = (self.before(), self.character(), self.behind());
        let (starts, ends) = (!is_letter(before), !is_letter(behind));
        let (capital_before, capital_behind) = (is_capital(before), is_capital(behind));
        if is_capital(letter) {
            if !starts && !capital_before {
                -5.0
            } else if !starts && !ends && !capital_behind {
                -3.0
            } else {
                0.0
            }
        } else {
            let second = self
                .place
                .checked_sub(2)
                .map_or(EDGE, |place| at(self.word, place));
            if capital_behind && (starts || capital_before) {
                -5.0
            } else if capital_behind {
                -4.0
            } else if capital_before && is_capital(second) {
                -3.0
            } else if starts && !ends && Script::of(letter) == Script::Latin {
                -0.7
            } else {
                0.0
            }
        }
    }

    fn weight_of_sign(self) -> f64 {
        let (before, sign, behind) = (self.before(), self.character(), self.behind());
        if sign == '\u{a0}' {
            let splits_a_word = is_letter(behind) && !is_capital(behind);
            return if splits_a_word { -3.5 } else { -0.3 };
        }
        let beside_sign = [before, behind].into_iter().any(is_strange_sign);
        let alone = match (is_letter(before), is_letter(behind)) {
            (true, true) => self.weight_within_word(),
            (true, false) => weight_behind_word(sign, behind),
            (false, true) => weight_before_word(sign, before),
            (false, false) => {
                weight_apart(sign, before.is_ascii_digit() || behind.is_ascii_digit())
            }
        };
        alone + if beside_sign { -3.0 } else { 0.0 }
    }

    fn weight_within_word(self) -> f64 {
        let (before, sign, behind) = (self.before(), self.character(), self.behind());
        // O’Brien, L’Aquila, Jane’s.
        let is_last = at(self.word, self.place + 2) == EDGE;
        let is_apostrophe_place =
            self.place == 1 || is_capital(behind) || (lower(behind) == 's' && is_last);
        match sign {
            '’' | '\u{2bc}' if is_apostrophe_place => -0.3,
            '‘' | '´' if is_apostrophe_place => -2.0,
            '’' | '\u{2bc}' | '‘' | '´' => -4.0,
            // Gal·la, in Catalan.
            '·' if lower(before) == lower(behind) => -1.5,
            '–' | '—' => -2.5,
            _ => -7.0,
        }
    }
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
        _ if is_quotation_mark(sign) => -1.0,
        'ª' | 'º' | '°' => -1.5,
        '®' | '™' | '©' | '…' => -2.0,
        _ if behind.is_ascii_digit() => -3.0,
        _ => IMPLAUSIBLE,
    }
}

fn weight_before_word(sign: char, before: char) -> f64 {
    match sign {
        _ if is_quotation_mark(sign) => -1.0,
        '¿' | '¡' => -1.0,
        _ if before.is_ascii_digit() => -3.0,
        _ => IMPLAUSIBLE,
    }
}

fn weight_apart(sign: char, beside_digit: bool) -> f64 {
    match sign {
        '€' | '£' | '°' | '²' | '³' | 'º' | 'ª' | '½' if beside_digit => -0.5,
        '–' | '—' | '…' | '•' | '€' | '£' | '§' | '°' | '·' => -0.7,
        _ if is_quotation_mark(sign) => -0.7,
        // Lines, boxes and mathematics.
        '¤' | '\u{2190}'..='\u{2fff}' => -6.0,
        _ => -3.0,
    }
}

/// Which letters stand beside which.
struct Model {
    letters: HashSet<char>,
    pairs: HashMap<[char; 2], u32>,
    triples: HashSet<[char; 3]>,
    /// Pairs of which one letter is known by its kind only.
    kinds_of_pairs: HashSet<(Kind, char, bool)>,
    kinds_of_triples: HashSet<(Kind, char, Kind)>,
    /// The letters beyond ASCII of each language.
    languages: Vec<HashSet<char>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Edge,
    Vowel,
    Consonant,
}

impl Kind {
    fn of(letter: char) -> Self {
        const VOWELS: &str =
            "aeiouyäöüåæøœáàâãéèêëíìîïóòôõúùûýÿőűąęůěăıαεηιουωάέήίόύώϊϋΐΰаеёиоуыэюяіїєґ";
        match letter {
            EDGE => Self::Edge,
            letter if VOWELS.contains(letter) => Self::Vowel,
            _ => Self::Consonant,
        }
    }
}

static MODEL: LazyLock<Model> = LazyLock::new(|| Model::of(words_of()));

/// The words of each language that the model learns from.
pub(super) fn words_of() -> Vec<(&'static str, Vec<&'static str>)> {
    let lines = include_str!("words.txt")
        .lines()
        .filter(|line| !line.starts_with('#'));
    let languages = lines.filter_map(|line| line.split_once(' '));
    languages
        .map(|(language, words)| (language, words.split(' ').collect()))
        .collect()
}

impl Model {
    fn of(languages: Vec<(&str, Vec<&str>)>) -> Self {
        let mut model = Self {
            letters: HashSet::new(),
            pairs: HashMap::new(),
            triples: HashSet::new(),
            kinds_of_pairs: HashSet::new(),
            kinds_of_triples: HashSet::new(),
            languages: Vec::new(),
        };
        for (_, words) in languages {
            let mut letters = HashSet::new();
            for word in words {
                let folded = |c| if is_letter(c) { lower(c) } else { EDGE };
                let folded: Vec<char> = format!(" {word} ").chars().map(folded).collect();
                letters.extend(folded.iter().filter(|letter| !letter.is_ascii()));
                model.learn(&folded);
            }
            model.languages.push(letters);
        }
        model
    }

    fn learn(&mut self, word: &[char]) {
        for pair in word.windows(2) {
            if let [before, behind] = *pair {
                *self.pairs.entry([before, behind]).or_default() += 1;
                self.kinds_of_pairs.insert((Kind::of(before), behind, true));
                self.kinds_of_pairs
                    .insert((Kind::of(behind), before, false));
                self.letters.insert(behind);
            }
        }
        for triple in word.windows(3) {
            if let [before, letter, behind] = *triple {
                self.triples.insert([before, letter, behind]);
                let kinds = (Kind::of(before), letter, Kind::of(behind));
                self.kinds_of_triples.insert(kinds);
            }
        }
    }

    fn weight(&self, [before, letter, behind]: [char; 3]) -> f64 {
        if !self.letters.contains(&letter) {
            return -6.0;
        }
        if self.triples.contains(&[before, letter, behind]) {
            return 0.0;
        }
        let kinds = (Kind::of(before), letter, Kind::of(behind));
        let of_kinds = if self.kinds_of_triples.contains(&kinds) {
            -0.3
        } else {
            -1.3
        };
        of_kinds
            + self.weight_of_pair([before, letter], (Kind::of(before), letter, true))
            + self.weight_of_pair([letter, behind], (Kind::of(behind), letter, false))
    }

    fn weight_of_pair(&self, pair: [char; 2], kinds: (Kind, char, bool)) -> f64 {
        match self.pairs.get(&pair) {
            Some(3..) => -0.3,
            Some(_) => -0.7,
            None if self.kinds_of_pairs.contains(&kinds) => -1.5,
            None => -2.5,
        }
    }
}
