//! Which letters stand beside which in the names of a region, learned from a list of words (`words.txt`).

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use super::region::Region;

/// The edge of a word among the neighbours of a letter.
pub(super) const EDGE: char = ' ';

/// The weight of a letter that nobody of the region writes.
const UNKNOWN: f64 = -4.5;

/// The weight of a letter between neighbours of kinds (vowels, consonants, edges) that the list has it between.
const SEEN_AMONG_KINDS: f64 = -0.3;

/// The same where the list has it nowhere between such.
const UNSEEN_AMONG_KINDS: f64 = -1.3;

/// The weights of a pair, by what the list has: three words with it or more, one or two, the letter beside others
/// of the neighbour's kind, and nothing like it.
const FREQUENT_PAIR: f64 = -0.3;
const SEEN_PAIR: f64 = -0.7;
const PAIR_OF_SEEN_KINDS: f64 = -1.5;
const UNSEEN_PAIR: f64 = -2.5;

pub(super) fn is_letter(character: char) -> bool {
    character.is_alphabetic() && !matches!(character, 'ª' | 'º')
}

/// The letter in lower case, as the model has it.
pub(super) fn lower(letter: char) -> char {
    letter.to_lowercase().next().unwrap_or(letter)
}

/// How many languages it takes besides one to have all these letters. A list of people needs few; gibberish
/// has letters of many. Letters that none of the region's has count as another one each.
pub(super) fn further_languages(letters: &HashSet<char>, region: Region) -> usize {
    let known = MODELS
        .get(&region)
        .map_or(&[][..], |model| &model.languages);
    let mut left = letters.clone();
    let mut needed = 0_usize;
    loop {
        let of_most = known
            .iter()
            .max_by_key(|known| known.intersection(&left).count());
        let before = left.len();
        left.retain(|letter| of_most.is_none_or(|known| !known.contains(letter)));
        if left.len() == before {
            return needed.saturating_sub(1) + left.len();
        }
        needed += 1;
    }
}

/// The weight of a letter between its neighbours.
pub(super) fn weight(letters: [char; 3], region: Region) -> f64 {
    let model = MODELS.get(&region);
    model.map_or(UNKNOWN, |model| model.weight(letters))
}

/// Whether a letter is a word by itself.
pub(super) fn is_word(letter: char, region: Region) -> bool {
    let model = MODELS.get(&region);
    model.is_some_and(|model| model.triples.contains(&[EDGE, lower(letter), EDGE]))
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

static MODELS: LazyLock<HashMap<Region, Model>> = LazyLock::new(|| {
    let models = Region::ALL.into_iter();
    models.map(|region| (region, Model::of(region))).collect()
});

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
    fn of(region: Region) -> Self {
        let mut model = Self {
            letters: HashSet::new(),
            pairs: HashMap::new(),
            triples: HashSet::new(),
            kinds_of_pairs: HashSet::new(),
            kinds_of_triples: HashSet::new(),
            languages: Vec::new(),
        };
        let languages = words_of().into_iter();
        for (_, words) in languages.filter(|(language, _)| region.languages().contains(language)) {
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
            return UNKNOWN;
        }
        if self.triples.contains(&[before, letter, behind]) {
            return 0.0;
        }
        let kinds = (Kind::of(before), letter, Kind::of(behind));
        let of_kinds = if self.kinds_of_triples.contains(&kinds) {
            SEEN_AMONG_KINDS
        } else {
            UNSEEN_AMONG_KINDS
        };
        of_kinds
            + self.weight_of_pair([before, letter], (Kind::of(before), letter, true))
            + self.weight_of_pair([letter, behind], (Kind::of(behind), letter, false))
    }

    fn weight_of_pair(&self, pair: [char; 2], kinds: (Kind, char, bool)) -> f64 {
        match self.pairs.get(&pair) {
            Some(3..) => FREQUENT_PAIR,
            Some(_) => SEEN_PAIR,
            None if self.kinds_of_pairs.contains(&kinds) => PAIR_OF_SEEN_KINDS,
            None => UNSEEN_PAIR,
        }
    }
}
