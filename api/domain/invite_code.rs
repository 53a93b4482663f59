//! Invite codes: what is typed from a blackboard (`docs/invite-codes.md`).

use std::fmt;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use unicode_normalization::UnicodeNormalization;

use super::string_enum::string_enum;
use super::timestamp::Timestamp;

/// The letters and digits that nobody takes for another: no 0 O, no 1 I L, and no U, which in haste
/// is a V.
const ALPHABET: &[u8; 30] = b"ABCDEFGHJKMNPQRSTVWXYZ23456789";

/// Ten characters of thirty are 49 bits.
const CHARACTERS: usize = 10;

/// Nobody types more for ten characters, however they are spaced.
const MAX_TYPED: usize = 100;

/// Nobody pastes a longer link, or text around one.
const MAX_PASTED: usize = 2_000;

/// What stands before the code in a link to join, and in one that is a parameter itself.
const PARAMETERS: [&str; 2] = ["code=", "code%3d"];

/// The characters of a code. They are shown as `ABCDE-FGHJK` and kept without the dash.
///
/// A code is no secret of its organization's admins, so `Debug` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct InviteCode(String);

/// A text that is no code: of another length, or with characters that no code has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an invite code has ten letters and digits")]
pub struct NoInviteCode;

impl InviteCode {
    /// Takes back what this application has stored: it was parsed before it was written.
    pub const fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// A new code from the secure random source.
    ///
    /// # Errors
    /// Those of `fill`, which draws from a secure random source.
    pub fn generate<E>(fill: impl Fn(&mut [u8]) -> Result<(), E>) -> Result<Self, E> {
        let mut code = String::with_capacity(CHARACTERS);
        while code.len() < CHARACTERS {
            code.push(draw(&fill)?);
        }
        Ok(Self(code))
    }

    /// The code that somebody typed or pasted: in any case, with dashes, spaces and signs of any kind wherever they
    /// like, behind a label as `Code:`, in a sentence that has one code, or in the whole link, also as mail programs
    /// wrap it into theirs. Letters of Cyrillic and Greek keyboards that look like ours are ours.
    ///
    /// # Errors
    /// Where that is no code of ours, whatever is known.
    pub fn parse(text: &str) -> Result<Self, NoInviteCode> {
        let in_link = of_link(text).and_then(|value| Self::of_typed(&value));
        let code = in_link.or_else(|| Self::of_typed(text.trim()));
        code.ok_or(NoInviteCode)
    }

    fn of_typed(text: &str) -> Option<Self> {
        if text.chars().nth(MAX_TYPED).is_some() {
            return None;
        }
        let typed: String = text.nfkc().collect();
        let behind_label = typed.rsplit([':', '=']).next().unwrap_or_default();
        let words: Vec<String> = typed.split_whitespace().map(bare).collect();
        let halves = words
            .windows(2)
            .filter(|pair| pair.iter().all(|word| word.len() == CHARACTERS / 2))
            .map(|pair| pair.concat());
        Self::of_bare(bare(behind_label))
            .or_else(|| the_only(words.iter().cloned()))
            .or_else(|| the_only(halves))
    }

    fn of_bare(text: String) -> Option<Self> {
        let is_code = text.len() == CHARACTERS && text.bytes().all(|byte| ALPHABET.contains(&byte));
        is_code.then_some(Self(text))
    }

    /// The ten characters, as they are kept.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One character, each as likely as any other: five random bits that point behind the end are drawn
/// again, where a remainder would favour the first ones.
fn draw<E>(fill: impl Fn(&mut [u8]) -> Result<(), E>) -> Result<char, E> {
    loop {
        let mut byte = [0_u8];
        fill(&mut byte)?;
        let [byte] = byte;
        if let Some(character) = ALPHABET.get(usize::from(byte & 0b1_1111)) {
            return Ok(char::from(*character));
        }
    }
}

/// The only code among these texts.
fn the_only(texts: impl Iterator<Item = String>) -> Option<InviteCode> {
    let mut codes = texts.filter_map(InviteCode::of_bare);
    codes.next().filter(|_| codes.next().is_none())
}

/// The code in a link, without what stands behind it. In a link that is a parameter of another, as mail programs that
/// check links make it, it stands in the encoding of parameters once more.
fn of_link(text: &str) -> Option<String> {
    /// What ends a code in a link: other parameters, and the text around it.
    const ENDS: [char; 6] = ['&', '#', '|', '<', '>', '"'];
    /// What ends it where a mail program has wrapped the link into its own.
    const WRAPPED: &str = "__";
    if text.len() > MAX_PASTED {
        return None;
    }
    let lower = text.to_ascii_lowercase();
    let mut places = PARAMETERS.iter().filter_map(|parameter| {
        let place = lower.find(parameter)?;
        text.get(place + parameter.len()..)
    });
    let value = places.next()?;
    let is_end = |c: char| ENDS.contains(&c) || c.is_whitespace();
    let value = value.trim_start().split(is_end).next()?;
    let value = value.split(WRAPPED).next()?;
    let decoded = percent_decode_str(value).decode_utf8_lossy();
    Some(
        percent_decode_str(&decoded)
            .decode_utf8_lossy()
            .into_owned(),
    )
}

/// The letters and digits of a text as codes have them: large, and without all that separates nothing in a code. The
/// long vowel of Japanese keyboards, which counts as a letter, is typed for a dash.
fn bare(text: &str) -> String {
    let characters = text.chars().filter(|c| c.is_alphanumeric() && *c != 'ー');
    characters.flat_map(char::to_uppercase).map(ours).collect()
}

/// The letter of a code that looks like this one of another script.
fn ours(c: char) -> char {
    match c {
        'А' | 'Α' => 'A',
        'В' | 'Β' => 'B',
        'С' | 'Ϲ' => 'C',
        'Е' | 'Ε' => 'E',
        'Н' | 'Η' => 'H',
        'К' | 'Κ' => 'K',
        'М' | 'Μ' => 'M',
        'Ν' => 'N',
        'Р' | 'Ρ' => 'P',
        'Т' | 'Τ' => 'T',
        'Х' | 'Χ' => 'X',
        'У' | 'Υ' => 'Y',
        'Ζ' => 'Z',
        other => other,
    }
}

impl fmt::Display for InviteCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, second) = self.0.split_at(CHARACTERS / 2);
        write!(f, "{first}-{second}")
    }
}

impl FromStr for InviteCode {
    type Err = NoInviteCode;

    fn from_str(text: &str) -> Result<Self, NoInviteCode> {
        Self::parse(text)
    }
}

string_enum! {
    /// Whether a code lets people in.
    CodeStatus {
        Open = "open",
        Paused = "paused",
        Expired = "expired",
        UsedUp = "used_up",
    }
}

/// Within which bounds a code lets people in.
#[derive(Clone, Copy, Debug)]
pub struct CodeBounds {
    pub paused: bool,
    /// `None`: never.
    pub expires_at: Option<Timestamp>,
    /// `None`: any number.
    pub max_uses: Option<i64>,
}

impl CodeStatus {
    /// The one definition: what somebody paused is paused, whatever else it is.
    pub fn of(bounds: CodeBounds, uses: i64, now: Timestamp) -> Self {
        if bounds.paused {
            Self::Paused
        } else if bounds.expires_at.is_some_and(|end| end <= now) {
            Self::Expired
        } else if bounds.max_uses.is_some_and(|most| most <= uses) {
            Self::UsedUp
        } else {
            Self::Open
        }
    }
}

string_enum! {
    /// What came of using a code.
    CodeOutcome {
        /// Is a member of the organization now, and of the group if it is a group's code.
        Joined = "joined",
        /// Was in already: nothing was changed.
        AlreadyMember = "already_member",
        /// Was a member of the organization, and is in the group now.
        AddedToGroup = "added_to_group",
        /// The code is limited to email domains, or makes staff: it takes effect when the address is verified.
        WaitsForVerification = "waits_for_verification",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn random(bytes: &mut [u8]) -> Result<(), std::convert::Infallible> {
        fastrand::fill(bytes);
        Ok(())
    }

    #[test]
    fn a_code_has_49_bits_without_look_alikes() {
        let bits = 10.0 * f64::from(u32::try_from(ALPHABET.len()).unwrap()).log2();
        assert!(bits > 49.0, "{bits}");
        for look_alike in "0O1ILU".bytes() {
            assert!(!ALPHABET.contains(&look_alike));
        }
        let code = InviteCode::generate(random).unwrap();
        assert_eq!(code.as_str().len(), 10);
        assert_eq!(InviteCode::parse(code.as_str()), Ok(code.clone()));
        assert_eq!(InviteCode::parse(&code.to_string()), Ok(code));
    }

    #[test]
    fn every_character_is_as_likely_as_any_other() {
        let mut counts: HashMap<char, u32> = HashMap::new();
        for _ in 0..6000 {
            *counts.entry(draw(random).unwrap()).or_default() += 1;
        }
        assert_eq!(counts.len(), 30);
        // 200 are expected of each; a remainder would give two of them 375.
        assert!(
            counts.values().all(|count| (100..310).contains(count)),
            "{counts:?}"
        );
    }

    #[test]
    fn a_code_may_be_typed_as_people_type() {
        for typed in [
            "ABCDE-FGHJK",
            "abcdefghjk",
            " aBcDe fGhJk ",
            "ABCDE\u{2013}FGHJK",
            "ABCDE\u{a0}\u{2014}\u{a0}FGHJK",
            "AB-CD-EF-GH-JK",
            "A B C D E F G H J K",
            "\u{feff}ABCDE\u{2011}FGHJK\u{200b}\n",
            "ＡＢＣＤＥ－ＦＧＨＪＫ",
            "“abcde—fghjk”.",
            "(ABCDE-FGHJK)",
            "«ABCDE FGHJK»!",
            "[abcde~fghjk],",
            "Code: ABCDE-FGHJK",
            "Einladungscode：abcde fghjk.",
            "Join 7A\ncode:“ABCDE-FGHJK”",
            "ABCDE-FGHJK:",
            "ABCDE.FGHJK",
            "ABCDEーFGHJK",
            "code=ABCDE FGHJK",
            "\"ABCDE\" \"FGHJK\"",
            "Code ABCDE-FGHJK",
            "code = abcde fghjk",
            "Your code is ABCDE FGHJK, see you!",
            "ABCDE-FGHJK (7A)",
            "АВСDЕ-FGНJК",
            "ΑΒCDΕ-FGΗJΚ",
            "https://app.school.example/join?code=ABCDE-FGHJK See you!",
            "https://wrapped.example/?url=http%3A%2F%2Fapp.example%2Fjoin%3Fcode%3DABCDE-FGHJK&data=05%7C01",
            "https://wrapped.example/v3/__https:/app.example/join?code=ABCDE-FGHJK__;!!A1",
            "<https://app.example/join?code=ABCDE-FGHJK|Join>",
            "https://app.school.example/join?code=ABCDE-FGHJK",
            "<https://app.school.example/JOIN?lang=fi&CODE=abcde%2Dfghjk&x=1#top>",
            "Join us: http://localhost:3000/join?code=ABCDE-FGHJK.",
        ] {
            let code = InviteCode::parse(typed).expect(typed);
            assert_eq!(code.to_string(), "ABCDE-FGHJK", "{typed:?}");
        }
    }

    #[test]
    fn other_texts_are_no_codes() {
        let long = format!("ABCDE{}FGHJK", " ".repeat(200));
        for text in [
            "",
            "ABCDE-FGHJ",
            "ABCDE-FGHJKM",
            "ABCDE-FGH0K",
            "ABCDE-FGHÄK",
            "Code:",
            "Code ABCDE-FGHJK or FGHJK-ABCDE",
            "Bring green pens",
            "https://app.school.example/join",
            "https://app.school.example/join?code=",
            "code=ABCDE-FGHJ",
            "ÀBCDE-FGHJK",
            long.as_str(),
        ] {
            assert_eq!(InviteCode::parse(text), Err(NoInviteCode), "{text:?}");
        }
    }

    #[test]
    fn a_status_names_what_stands_in_the_way_first() {
        let now = Timestamp::from_microseconds(1_000_000);
        let end = Some(now);
        for (paused, expires_at, uses, max_uses, status) in [
            (false, None, 7, None, CodeStatus::Open),
            (true, end, 7, Some(7), CodeStatus::Paused),
            (false, end, 7, Some(7), CodeStatus::Expired),
            (false, None, 7, Some(7), CodeStatus::UsedUp),
            (false, None, 6, Some(7), CodeStatus::Open),
        ] {
            let bounds = CodeBounds {
                paused,
                expires_at,
                max_uses,
            };
            assert_eq!(CodeStatus::of(bounds, uses, now), status);
        }
    }
}
