//! The words in which people name the columns (`headers.txt`), by their keys.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::meaning::Meaning;

/// A meaning, and how surely a name has it: the lower, the more so.
pub(super) type NameMeaning = (Meaning, u8);

/// The words of names of columns.
pub(super) struct Vocabulary {
    pub(super) names: HashMap<&'static str, NameMeaning>,
    /// Words that stand for the name of a half beside its other half: `vor` in "Vor- und Nachname".
    pub(super) stems: HashMap<&'static str, Meaning>,
    pub(super) owners: Vec<Owner>,
    /// What may stand between a name and its owner.
    pub(super) between: Vec<&'static str>,
    /// What may stand between the halves of a name.
    pub(super) links: Vec<&'static str>,
}

/// Whose a column may be.
pub(super) struct Owner {
    pub(super) word: &'static str,
    pub(super) whose: Whose,
}

/// What the owner of a column is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    Person,
    Learner,
    Staff,
    /// A school or company, or an account's own: it has addresses and passwords, and no name of a person.
    Account,
}

impl Whose {
    fn of(kind: &str) -> Option<Self> {
        Some(match kind {
            "owner" => Self::Person,
            "learner" => Self::Learner,
            "staff" => Self::Staff,
            "account" => Self::Account,
            _ => return None,
        })
    }

    pub(super) fn is_person(self) -> bool {
        self != Self::Account
    }
}

pub(super) static VOCABULARY: LazyLock<Vocabulary> = LazyLock::new(|| {
    let mut vocabulary = Vocabulary {
        names: HashMap::new(),
        stems: HashMap::new(),
        owners: Vec::new(),
        between: vec![""],
        links: vec![""],
    };
    let lines = include_str!("headers.txt").lines();
    for line in lines.filter(|line| !line.starts_with('#')) {
        vocabulary.learn(line);
    }
    vocabulary
});

impl Vocabulary {
    fn learn(&mut self, line: &'static str) {
        let (kind, words) = line.split_once(' ').unwrap_or_default();
        if let Some(whose) = Whose::of(kind) {
            let words = words.split(' ');
            self.owners.extend(words.map(|word| Owner { word, whose }));
            return;
        }
        match kind {
            "between" => self.between.extend(words.split(' ')),
            "link" => self.links.extend(words.split(' ')),
            "stem" => {
                let (half, stems) = words.split_once(' ').unwrap_or_default();
                let stems = stems.split(' ');
                self.stems
                    .extend(stems.filter_map(|stem| Some((stem, Meaning::of(half)?))));
            }
            _ => {
                let (rank, names) = words.split_once(' ').unwrap_or_default();
                let claim = Meaning::of(kind).zip(rank.parse().ok());
                let names = names.split(' ');
                self.names
                    .extend(names.filter_map(|name| Some((name, claim?))));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::header_key::key;
    use super::*;

    #[test]
    fn every_name_is_its_own_key_and_has_one_meaning() {
        let lines = include_str!("headers.txt").lines();
        let mut seen = HashMap::new();
        for line in lines.filter(|line| !line.starts_with('#')) {
            let mut words = line.split(' ');
            let kind = words.next().unwrap();
            if Whose::of(kind).is_some() || ["between", "link", "stem"].contains(&kind) {
                continue;
            }
            assert!(Meaning::of(kind).is_some(), "{line}");
            let rank: u8 = words.next().unwrap().parse().unwrap();
            for name in words {
                assert_eq!(key(name), name);
                assert_eq!(seen.insert(name, (kind, rank)), None, "{name}");
            }
        }
        assert_eq!(VOCABULARY.names.len(), seen.len());
        assert_eq!(VOCABULARY.stems.get("vor"), Some(&Meaning::First));
        assert_eq!(VOCABULARY.stems.get("nach"), Some(&Meaning::Last));
    }
}
