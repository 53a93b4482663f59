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

/// What stands before the code in a link to join.
const PARAMETER: &str = "code=";

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

    /// The code that somebody typed or pasted: in any case, with dashes and spaces of any kind
    /// wherever they like, with quotation marks, brackets or full stops around it, behind a label as `Code:`, or in the
    /// whole link.
    ///
    /// # Errors
    /// Where that is no code of ours, whatever is known.
    pub fn parse(text: &str) -> Result<Self, NoInviteCode> {
        let typed = of_link(text).unwrap_or_else(|| text.trim().to_owned());
        if typed.chars().nth(MAX_TYPED).is_some() {
            return Err(NoInviteCode);
        }
        let typed: String = typed.nfkc().collect();
        let typed = typed.trim_matches(|c: char| !c.is_alphanumeric());
        let behind_label = typed.rsplit(':').next().unwrap_or_default();
        let code: String = behind_label
            .trim_matches(|c: char| !c.is_alphanumeric())
            .chars()
            .filter(|c| !is_spacing(*c))
            .map(|c| c.to_ascii_uppercase())
            .collect();
        if code.len() == CHARACTERS && code.bytes().all(|byte| ALPHABET.contains(&byte)) {
            return Ok(Self(code));
        }
        Err(NoInviteCode)
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

/// The code in a link, without the parameters behind it.
fn of_link(text: &str) -> Option<String> {
    if text.len() > MAX_PASTED {
        return None;
    }
    let place = text.to_ascii_lowercase().find(PARAMETER)?;
    let value = text.get(place + PARAMETER.len()..)?;
    let value = value.split(['&', '#']).next()?;
    Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
}

/// What separates nothing in a code: white space, the dashes of every keyboard and word processor,
/// and what cannot be seen at all.
fn is_spacing(c: char) -> bool {
    c.is_whitespace()
        || matches!(c,
            '-' | '_' | '~' | '\u{ad}' | '\u{58a}' | '\u{1806}' | '\u{2010}'..='\u{2015}' | '\u{2043}'
            | '\u{2053}' | '\u{2212}' | '\u{2e3a}' | '\u{2e3b}' | '\u{301c}' | '\u{3030}' | '\u{30fc}' | '\u{fe58}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
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
            "ABCDE.FGHJK",
            "ABCDE:FGHJK",
            "Code:",
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
