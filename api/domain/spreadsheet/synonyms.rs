//! The names under which people write the columns (`headers.txt`).
//!
//! Names are compared by their [`key`]. A column has a meaning by its name alone, or by its name and the
//! person whose it is: `Teacher_email`, `Correo del alumno`.

use std::collections::HashMap;
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Meaning {
    /// The address of a person.
    Email,
    /// The password of a person.
    Password,
    /// The name under which a person signs in, or is called.
    Username,
    /// The name that a person is shown under.
    Display,
    /// The whole name of a person.
    Full,
    /// A name; next to one half of a name, its other half.
    Name,
    /// The first half of a name.
    First,
    /// The second half of a name.
    Last,
}

impl Meaning {
    fn of(word: &str) -> Option<Self> {
        Some(match word {
            "email" => Self::Email,
            "password" => Self::Password,
            "username" => Self::Username,
            "display" => Self::Display,
            "full" => Self::Full,
            "name" => Self::Name,
            "first" => Self::First,
            "last" => Self::Last,
            _ => return None,
        })
    }

    /// What people call it.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Password => "password",
            Self::Username => "username",
            Self::Display => "display name",
            Self::Full => "full name",
            Self::Name => "name",
            Self::First => "first name",
            Self::Last => "last name",
        }
    }

    /// Whether somebody's account has it, and not only a person.
    const fn is_of_accounts(self) -> bool {
        match self {
            Self::Email | Self::Password => true,
            Self::Username | Self::Display | Self::Full | Self::Name | Self::First | Self::Last => {
                false
            }
        }
    }
}

/// A meaning, and how surely a name has it: the lower, the more so.
pub(super) type Claim = (Meaning, u8);

/// The rank of a name with an owner.
const OWNED: u8 = 3;

/// The meaning of a header cell, if it has any.
pub(super) fn meaning(cell: &str) -> Option<Claim> {
    let key = key(cell);
    let vocabulary = &*VOCABULARY;
    vocabulary.names.get(key.as_str()).copied().or_else(|| {
        let owners = vocabulary.owners.iter();
        let mut owned = owners.filter_map(|owner| vocabulary.owned(&key, owner));
        owned.next().map(|meaning| (meaning, OWNED))
    })
}

/// Whether a header cell names a column that the reader can use.
pub(super) fn is_known(cell: &str) -> bool {
    meaning(cell).is_some()
}

/// Whether a column that is not used may hold passwords all the same: somebody could think that they are
/// taken from there.
pub(super) fn looks_like_password(cell: &str) -> bool {
    /// Columns about passwords that hold none.
    const ABOUT: [&str; 12] = [
        "hash", "change", "require", "strong", "expir", "reset", "next", "policy", "never", "must",
        "last", "hint",
    ];
    let key = key(cell);
    let names = VOCABULARY.names.iter();
    let mut passwords = names.filter(|(_, (meaning, _))| *meaning == Meaning::Password);
    let is_short = ["pin", "pincode", "secret", "passcode"].contains(&key.as_str());
    let has_name = passwords.any(|(name, _)| match name.len() {
        ..5 => key == *name,
        _ => key.contains(name),
    });
    (is_short || has_name) && !ABOUT.iter().any(|word| key.contains(word))
}

struct Vocabulary {
    names: HashMap<&'static str, Claim>,
    owners: Vec<Owner>,
    between: Vec<&'static str>,
}

/// Whose a column may be.
struct Owner {
    word: &'static str,
    /// Whether it is a person, who has a name.
    is_person: bool,
}

static VOCABULARY: LazyLock<Vocabulary> = LazyLock::new(|| {
    let mut vocabulary = Vocabulary {
        names: HashMap::new(),
        owners: Vec::new(),
        between: vec![""],
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
        match kind {
            "owner" | "account" => self.owners.extend(words.split(' ').map(|word| Owner {
                word,
                is_person: kind == "owner",
            })),
            "between" => self.between.extend(words.split(' ')),
            _ => {
                let (rank, names) = words.split_once(' ').unwrap_or_default();
                let claim = Meaning::of(kind).zip(rank.parse().ok());
                let names = names.split(' ');
                self.names
                    .extend(names.filter_map(|name| Some((name, claim?))));
            }
        }
    }

    /// The meaning of a name before which, or behind which, its owner stands.
    fn owned(&self, key: &str, owner: &Owner) -> Option<Meaning> {
        let behind = key.strip_suffix(owner.word).into_iter().flat_map(|name| {
            let between = self.between.iter();
            between.filter_map(move |between| name.strip_suffix(between))
        });
        let names = key.strip_prefix(owner.word).into_iter().chain(behind);
        let mut meanings = names.filter_map(|name| self.names.get(name));
        let fits = |meaning: Meaning| owner.is_person || meaning.is_of_accounts();
        meanings.find_map(|(meaning, _)| fits(*meaning).then_some(*meaning))
    }
}

/// What templates write behind the name of a column, in lower case.
const MARKERS: [&str; 9] = [
    "[required]",
    "(required)",
    "[optional]",
    "(optional)",
    "(pflichtfeld)",
    "(pakollinen)",
    "(obligatorisk)",
    "(obligatorio)",
    "(obligatoire)",
];

/// A header cell as names are compared: letters and digits alone, in lower case, without accents
/// and without a marker such as `[Required]`.
pub(super) fn key(cell: &str) -> String {
    let unaccented = cell
        .nfkd()
        .filter(|character| !is_combining_mark(*character));
    let folded: String = unaccented.flat_map(char::to_lowercase).collect();
    let name = without_marker(&folded);
    let mut key = String::with_capacity(name.len());
    for character in name.chars().filter(|character| character.is_alphanumeric()) {
        match character {
            'ø' => key.push('o'),
            'ł' => key.push('l'),
            'ı' => key.push('i'),
            'đ' => key.push('d'),
            'æ' => key.push_str("ae"),
            'œ' => key.push_str("oe"),
            'ß' => key.push_str("ss"),
            other => key.push(other),
        }
    }
    key
}

fn without_marker(folded: &str) -> &str {
    let name = folded.trim_end_matches(|end: char| end.is_whitespace() || end == '*');
    let marked = MARKERS.iter().find_map(|marker| name.strip_suffix(marker));
    marked.unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_by_letters_and_digits() {
        for (cell, expected) in [
            ("email", "email"),
            ("E-Mail", "email"),
            ("e_mail", "email"),
            (" E mail. ", "email"),
            ("\u{feff}email", "email"),
            ("ＥＭＡＩＬ", "email"),
            ("Email Address [Required]", "emailaddress"),
            ("Email * ", "email"),
            ("Email (required)", "email"),
            ("Email (optional) *", "email"),
            ("Sähköposti", "sahkoposti"),
            ("Contrasen\u{303}a", "contrasena"),
            ("Hasło", "haslo"),
            ("Adı", "adi"),
            ("Lærer", "laerer"),
            ("Password required", "passwordrequired"),
            ("Email (parent)", "emailparent"),
            ("", ""),
            ("***", ""),
        ] {
            assert_eq!(key(cell), expected, "{cell:?}");
        }
    }

    #[test]
    fn every_name_is_its_own_key_and_has_one_meaning() {
        let lines = include_str!("headers.txt").lines();
        let mut seen = HashMap::new();
        for line in lines.filter(|line| !line.starts_with('#')) {
            let mut words = line.split(' ');
            let kind = words.next().unwrap();
            if ["owner", "account", "between"].contains(&kind) {
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
    }

    #[test]
    fn owners_stand_before_a_name_or_behind_it() {
        for (cell, expected) in [
            ("Teacher_email", (Meaning::Email, OWNED)),
            ("Staff_email", (Meaning::Email, OWNED)),
            ("School e-mail address", (Meaning::Email, OWNED)),
            ("E-mail 1 - Value", (Meaning::Email, 2)),
            ("user_pass", (Meaning::Password, OWNED)),
            ("user_login", (Meaning::Username, 2)),
            ("Student first name", (Meaning::First, OWNED)),
            ("Last Name (Student)", (Meaning::Last, OWNED)),
            ("Correo del alumno", (Meaning::Email, OWNED)),
            ("Nom de l'élève", (Meaning::Name, OWNED)),
            ("Oppilaan nimi", (Meaning::Name, OWNED)),
            ("Elevens e-post", (Meaning::Email, OWNED)),
            ("E-Mail des Schülers", (Meaning::Email, OWNED)),
            ("Cognome dello studente", (Meaning::Last, OWNED)),
            ("E-mail van leerling", (Meaning::Email, OWNED)),
            ("Nome do aluno", (Meaning::Name, OWNED)),
            ("Imię ucznia", (Meaning::First, OWNED)),
            ("Lærerens adgangskode", (Meaning::Password, OWNED)),
            ("Heslo žáka", (Meaning::Password, OWNED)),
            ("Öğrenci soyadı", (Meaning::Last, OWNED)),
        ] {
            assert_eq!(meaning(cell), Some(expected), "{cell}");
        }
    }

    #[test]
    fn other_columns_are_not_known() {
        for cell in [
            "",
            "parent email",
            "Recovery Email",
            "Alternate email address",
            "E-mail 2 - Value",
            "New Primary Email",
            "Contact email",
            "Password Hash Function [UPLOAD ONLY]",
            "Strong password required",
            "Class name",
            "School name",
            "Company name",
            "Account name",
            "@",
        ] {
            assert!(!is_known(cell), "{cell:?}");
        }
    }

    #[test]
    fn columns_that_look_like_passwords_are_recognised() {
        for cell in [
            "Old password",
            "PIN",
            "Wifi-Passwort",
            "Mot de passe ENT",
            "Parola2",
            "secret",
        ] {
            assert!(looks_like_password(cell), "{cell}");
        }
        for cell in [
            "Class",
            "Passport",
            "Password Hash Function [UPLOAD ONLY]",
            "Change Password at Next Sign-In",
            "Strong password required",
            "Compass",
        ] {
            assert!(!looks_like_password(cell), "{cell}");
        }
    }
}
