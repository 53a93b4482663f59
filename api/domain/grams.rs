//! Pieces of words, by which an index finds who has a word as any part of a name or an address.

use std::collections::BTreeSet;

use super::ids::OrganizationId;

/// The longest piece, in characters. Shorter ones are indexed too: Chinese names have two.
const LONGEST: usize = 3;

/// The grams of some words, each as a number that depends on the organization too: an index by them holds
/// every organization apart from the others.
///
/// Whatever contains a word has the word's grams. It is no proof the other way round: whoever was found by
/// grams is compared with the words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grams(BTreeSet<u32>);

impl Grams {
    /// All grams of the words of a search key.
    pub fn of_key(organization: OrganizationId, key: &str) -> Self {
        let mut grams = BTreeSet::new();
        let hash = Hash::new(organization);
        for word in key.split_whitespace() {
            for length in 1..=LONGEST {
                grams.extend(pieces(word, length).map(|piece| hash.of(piece)));
            }
        }
        Self(grams)
    }

    /// The longest grams that cover the words which are searched for, one behind the other: each more is another
    /// list to read, and tells little.
    pub fn of_words<'w>(
        organization: OrganizationId,
        words: impl Iterator<Item = &'w str>,
    ) -> Self {
        let mut grams = BTreeSet::new();
        let hash = Hash::new(organization);
        for word in words {
            let length = word.chars().count().min(LONGEST);
            grams.extend(
                pieces(word, length)
                    .step_by(LONGEST)
                    .map(|piece| hash.of(piece)),
            );
            grams.extend(pieces(word, length).last().map(|piece| hash.of(piece)));
        }
        Self(grams)
    }

    /// Whether there are none, as of no words.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The numbers, in order.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        self.0.iter().copied()
    }
}

/// Every piece of a word that has so many characters.
fn pieces(word: &str, length: usize) -> impl Iterator<Item = &str> {
    let starts = word.char_indices().map(|(start, _)| start);
    let ends = word
        .char_indices()
        .map(|(start, c)| start + c.len_utf8())
        .skip(length - 1);
    starts
        .zip(ends)
        .filter_map(|(start, end)| word.get(start..end))
}

/// A CRC-32 of the organization and a piece: the stored index depends on it, so it never changes.
struct Hash(crc32fast::Hasher);

impl Hash {
    fn new(organization: OrganizationId) -> Self {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(uuid::Uuid::from(organization).as_bytes());
        Self(hasher)
    }

    fn of(&self, piece: &str) -> u32 {
        let mut hasher = self.0.clone();
        hasher.update(piece.as_bytes());
        hasher.finalize()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::search_key::{SearchWords, search_key};

    fn organization(number: u128) -> OrganizationId {
        uuid::Uuid::from_u128(number).into()
    }

    fn is_found(name: &str, search: &str) -> bool {
        let organization = organization(1);
        let key = Grams::of_key(organization, &search_key(name)).0;
        let words = SearchWords::parse(search).unwrap();
        Grams::of_words(organization, words.iter())
            .0
            .is_subset(&key)
    }

    #[test]
    fn any_part_of_a_word_is_found() {
        let name = "Ana Müller 李小龙 é";
        for word in search_key(name).split(' ') {
            let characters: Vec<char> = word.chars().collect();
            for start in 0..characters.len() {
                for end in start + 1..=characters.len() {
                    let part: String = characters[start..end].iter().collect();
                    assert!(is_found(name, &part), "{part}");
                }
            }
        }
        assert!(is_found(name, "ana 李小 mu"));
    }

    #[test]
    fn other_words_are_not_found() {
        for search in ["x", "ax", "nax", "龙小", "muller x", "anaxmul"] {
            assert!(!is_found("Ana Müller 李小龙", search), "{search}");
        }
    }

    #[test]
    fn organizations_are_held_apart() {
        let [one, other] = [1, 2].map(|number| Grams::of_key(organization(number), "ana"));
        assert!(one.0.is_disjoint(&other.0));
    }
}
