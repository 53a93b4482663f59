//! What columns mean by the names that people give them.
//!
//! Names are compared by their [`key`]. A column has a meaning by its name alone, by its name and the
//! person whose it is (`Teacher_email`, `Correo del alumno`), or by the names of both halves of a name.

use super::header_key::key;
use super::joined_names::joined;
use super::meaning::Meaning;
use super::vocabulary::{NameMeaning, Owner, VOCABULARY, Whose};

/// The rank of a name with an owner.
const OWNED: u8 = 3;

/// How much less sure joined names are with an owner.
const JOINED_OWNED: u8 = 2;

/// The meaning of a header cell, if it has any.
pub(super) fn meaning(cell: &str) -> Option<NameMeaning> {
    let key = key(cell);
    unowned(&key).or_else(|| Some(with_owner(&key)?.1))
}

/// Whose column it is by the name in its header cell: by the owner of its meaning, or because it names a person alone.
pub(super) fn whose(cell: &str) -> Option<Whose> {
    let key = key(cell);
    if unowned(&key).is_some() {
        return None;
    }
    let owner = with_owner(&key).map(|(owner, _)| owner);
    owner.or_else(|| person(&key)).map(|owner| owner.whose)
}

fn unowned(key: &str) -> Option<NameMeaning> {
    let plain = VOCABULARY.names.get(key).copied();
    plain.or_else(|| joined(key, None))
}

fn with_owner(key: &str) -> Option<(&'static Owner, NameMeaning)> {
    let mut owners = VOCABULARY.owners.iter();
    owners.find_map(|owner| Some((owner, owned(key, owner)?)))
}

/// The meaning of a name before which, or behind which, its owner stands.
fn owned(key: &str, owner: &Owner) -> Option<NameMeaning> {
    let behind = key.strip_suffix(owner.word).into_iter().flat_map(|name| {
        let between = VOCABULARY.between.iter();
        between.filter_map(move |between| name.strip_suffix(between))
    });
    let mut names = key.strip_prefix(owner.word).into_iter().chain(behind);
    names.find_map(|name| {
        let plain = VOCABULARY.names.get(name);
        let plain = plain.map(|(meaning, _)| (*meaning, OWNED));
        let joined = || {
            let (meaning, rank) = joined(name, Some(owner))?;
            Some((meaning, rank + JOINED_OWNED))
        };
        let claim = plain.or_else(joined);
        claim.filter(|(meaning, _)| owner.whose.is_person() || meaning.is_of_accounts())
    })
}

/// Whether a header cell names a person and nothing of them, as `Student` beside `Class`: their name stands there.
pub(super) fn is_person(cell: &str) -> bool {
    person(&key(cell)).is_some()
}

fn person(key: &str) -> Option<&'static Owner> {
    let mut people = VOCABULARY
        .owners
        .iter()
        .filter(|owner| owner.whose.is_person());
    people.find(|owner| owner.word == key)
}

/// Whether a cell is the head of a list of people: the name of a column of names, or of the people, one or many.
pub fn is_people_header(cell: &str) -> bool {
    /// Columns have their names in the singular.
    const NAMES: [&str; 4] = ["names", "namen", "noms", "nombres"];
    let key = key(cell);
    let meaning = meaning(cell).map(|(meaning, _)| meaning);
    let singular = key.strip_suffix(['s', 'n']);
    is_person(cell)
        || meaning.is_some_and(|meaning| !meaning.is_of_accounts())
        || singular.is_some_and(is_person)
        || NAMES.contains(&key.as_str())
}

/// Whether a cell is the head of a column of passwords, or of several.
pub fn is_password_header(cell: &str) -> bool {
    let is_password = |cell: &str| meaning(cell).is_some_and(|(it, _)| it == Meaning::Password);
    let key = key(cell);
    let singular = key.strip_suffix("er").or_else(|| key.strip_suffix('s'));
    is_password(cell) || singular.is_some_and(is_password)
}

/// Whether a cell is the head of a column of addresses or passwords.
pub fn is_account_header(cell: &str) -> bool {
    meaning(cell).is_some_and(|(meaning, _)| meaning.is_of_accounts())
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

#[cfg(test)]
mod tests {
    use super::*;

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
    fn people_are_named_by_what_they_are() {
        for cell in [
            "Student",
            "Pupil",
            "Schüler",
            "Élève",
            "Oppilas",
            "Żak",
            "Öğrenci",
        ] {
            assert!(is_person(cell) && !is_known(cell), "{cell}");
        }
        for cell in [
            "",
            "Class",
            "School",
            "Account",
            "Parent",
            "Student ID",
            "Students",
        ] {
            assert!(!is_person(cell), "{cell}");
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
