//! Bits that tell of a member what lists filter by. The index of each order has them, so that reading on in an
//! order passes over most of those who are not looked for by comparing two numbers.
//!
//! A group and a pair of letters have *marks*, bits that others may share: whoever lacks one is not in the group
//! or does not have the word; whoever has them all is looked at. They are stored, so they never change.

use super::ids::GroupId;
use super::organization::{AccountType, MembershipStatus, Role};
use super::search_key::SearchWords;

/// How many bits there are for either mark of a group; the upper ones follow the lower ones.
const BITS_OF_GROUPS: u8 = 24;

/// What is asked of a member's bits. The bits above those of groups are the column `traits` of the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traits {
    /// The bits that are asked for.
    pub asked: i64,
    /// Which of these are set.
    pub set: i64,
}

impl Traits {
    pub const fn with_account_type(self, account_type: AccountType) -> Self {
        self.with(account_type_bit(account_type), true)
    }

    pub const fn with_role(self, role: Role) -> Self {
        let is_admin = match role {
            Role::Member => false,
            Role::Admin => true,
        };
        self.with(1 << 52, is_admin)
    }

    pub const fn with_status(self, status: MembershipStatus) -> Self {
        let is_deactivated = match status {
            MembershipStatus::Active => false,
            MembershipStatus::Deactivated => true,
        };
        self.with(1 << 53, is_deactivated)
    }

    pub const fn with_managed(self, is_managed: bool) -> Self {
        self.with(1 << 54, is_managed)
    }

    pub const fn with_email_verified(self, is_verified: bool) -> Self {
        self.with(1 << 55, is_verified)
    }

    /// With the marks of a group.
    pub fn with_group(self, group: GroupId) -> Self {
        self.with(marks_of_group(group), true)
    }

    const fn with(self, bits: i64, are_set: bool) -> Self {
        Self {
            asked: self.asked | bits,
            set: if are_set { self.set | bits } else { self.set },
        }
    }
}

const fn account_type_bit(account_type: AccountType) -> i64 {
    match account_type {
        AccountType::Student => 1 << 48,
        AccountType::Teacher => 1 << 49,
        AccountType::Learner => 1 << 50,
        AccountType::Creator => 1 << 51,
    }
}

/// The marks of a group, by the random end of its id.
pub fn marks_of_group(group: GroupId) -> i64 {
    let count = u128::from(BITS_OF_GROUPS);
    let id = uuid::Uuid::from(group).as_u128();
    let lower = 1_i64 << (id % count);
    let upper = 1_i64 << (id / count % count);
    lower | upper << BITS_OF_GROUPS
}

/// The marks of a search key, of all its words.
pub fn marks_of_key(key: &str) -> i64 {
    key.split_whitespace()
        .map(marks_of_word)
        .fold(0, |marks, word| marks | word)
}

/// The marks that whoever has these words has.
pub fn marks_of_words(words: &SearchWords) -> i64 {
    words
        .iter()
        .map(marks_of_word)
        .fold(0, |marks, word| marks | word)
}

/// The marks of each two letters that stand beside each other; none of a single letter.
fn marks_of_word(word: &str) -> i64 {
    word.chars()
        .zip(word.chars().skip(1))
        .map(mark_of_pair)
        .fold(0, |marks, mark| marks | mark)
}

/// One of 64 bits. The multiplication carries what tells letters apart into the upper bits.
fn mark_of_pair((one, next): (char, char)) -> i64 {
    let pair = u32::from(one).wrapping_mul(0x0100_0193) ^ u32::from(next);
    1_i64 << (pair.wrapping_mul(0x9E37_79B1) >> 26)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::search_key::search_key;

    #[test]
    fn any_part_of_a_key_has_no_other_marks() {
        let key = search_key("Ana Müller 李小龙 é");
        let marks = marks_of_key(&key);
        for word in key.split(' ') {
            let letters: Vec<char> = word.chars().collect();
            for start in 0..letters.len() {
                for end in start + 1..=letters.len() {
                    let part: String = letters[start..end].iter().collect();
                    let words = SearchWords::parse(&part).unwrap();
                    let asked = marks_of_words(&words);
                    assert_eq!(marks & asked, asked, "{part}");
                }
            }
        }
    }

    #[test]
    fn few_names_have_the_marks_of_a_word_by_chance() {
        let asked = marks_of_words(&SearchWords::parse("intake").unwrap());
        let others = (0..10_000).filter(|number: &u32| {
            let key = format!("mira kovsil\np{number}@school.example");
            marks_of_key(&key) & asked == asked
        });
        assert!(others.count() < 500);
    }

    #[test]
    fn groups_have_a_lower_and_an_upper_mark() {
        for number in 0..10_000 {
            let marks = marks_of_group(uuid::Uuid::from_u128(number).into());
            let lower = marks & 0xFF_FFFF;
            assert_eq!(lower.count_ones(), 1);
            assert_eq!((marks ^ lower).count_ones(), 1);
            assert_eq!(marks >> 48, 0);
        }
    }
}
