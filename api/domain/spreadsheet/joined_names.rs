//! Names of columns that stand behind each other in one cell: `Name, Vorname`, `First Name Last Name`,
//! `Vor- und Nachname`, or one name in two languages, as `Nom / Name`.

use super::meaning::Meaning;
use super::vocabulary::{NameMeaning, Owner, VOCABULARY};

/// The rank of a given name before a family name.
const GIVEN_FIRST: u8 = 2;

/// The rank of a family name before a given name.
const FAMILY_FIRST: u8 = 3;

/// The rank of a name in two languages.
const TWICE: u8 = 3;

/// Longer keys are the text of a cell, not the name of a column.
const MAX_KEY: usize = 100;

/// The meaning of a key that is joined of two names, all of which have the `owner`, if there is one. What
/// they have in common may stand in front of them: `Name (Last, First)`.
pub(super) fn joined(key: &str, owner: Option<&Owner>) -> Option<NameMeaning> {
    if key.len() > MAX_KEY {
        return None;
    }
    pair(key, owner).or_else(|| {
        let titles = VOCABULARY.names.iter().filter(|(_, (meaning, _))| {
            matches!(meaning, Meaning::Name | Meaning::Full | Meaning::Display)
        });
        let mut behind = titles.filter_map(|(title, _)| key.strip_prefix(title));
        behind.find_map(|names| pair(names, owner))
    })
}

fn pair(key: &str, owner: Option<&Owner>) -> Option<NameMeaning> {
    let names = VOCABULARY.names.keys().chain(VOCABULARY.stems.keys());
    let mut parts = names.filter_map(|name| Some((Part::of(name)?, key.strip_prefix(name)?)));
    parts.find_map(|(left, rest)| {
        let mut rests = behind_link(rest, owner).into_iter();
        rests.find_map(|name| left.joined_with(last_part(name)?))
    })
}

/// The last name of a pair. Behind it may stand what it is written with, such as an initial.
fn last_part(name: &str) -> Option<Part> {
    let links = VOCABULARY.links.iter();
    let mut names = links.filter_map(|link| name.strip_suffix(link));
    names.find_map(Part::of)
}

/// What may be the second name, where `rest` is behind the first: it stands behind the owner of the first, a
/// word such as "and", and its own owner.
fn behind_link<'a>(rest: &'a str, owner: Option<&Owner>) -> Vec<&'a str> {
    let vocabulary = &*VOCABULARY;
    let owner = owner.map(|owner| owner.word);
    let without_owner = |rest: &'a str| {
        let between = vocabulary.between.iter();
        let rests = between.filter_map(move |between| rest.strip_prefix(between));
        rests.filter_map(move |rest| rest.strip_prefix(owner?))
    };
    let mut rests = vec![rest];
    rests.extend(without_owner(rest));
    let links = |rest: &'a str| {
        let links = vocabulary.links.iter();
        links.filter_map(move |link| rest.strip_prefix(link))
    };
    let mut rests: Vec<_> = rests.into_iter().flat_map(links).collect();
    let owned = rests.iter().filter_map(|rest| rest.strip_prefix(owner?));
    rests.extend(owned.collect::<Vec<_>>());
    rests
}

/// One of the names that are joined.
#[derive(Clone, Copy)]
struct Part {
    meaning: Meaning,
    is_stem: bool,
    /// Whether it is so short that it is a word of other languages too: `AD name` is a login.
    is_short: bool,
}

impl Part {
    fn of(name: &str) -> Option<Self> {
        let stem = VOCABULARY.stems.get(name).copied();
        let whole = || VOCABULARY.names.get(name).map(|(meaning, _)| *meaning);
        Some(Self {
            meaning: stem.or_else(whole)?,
            is_stem: stem.is_some(),
            is_short: name.len() < 3,
        })
    }

    fn joined_with(self, other: Self) -> Option<NameMeaning> {
        let is_half_of_name = |half: Self| !half.is_short && !half.is_stem;
        match (self.meaning, other.meaning) {
            (Meaning::First, Meaning::Last) => Some((Meaning::Joined, GIVEN_FIRST)),
            (Meaning::Last, Meaning::First) => Some((Meaning::Joined, FAMILY_FIRST)),
            // "Name First" is one half of it.
            (Meaning::Name, half @ (Meaning::First | Meaning::Last)) if other.is_stem => {
                Some((half, TWICE))
            }
            (Meaning::Name, Meaning::Last) => Some((Meaning::Joined, GIVEN_FIRST)),
            (Meaning::First, Meaning::Name) if is_half_of_name(self) => {
                Some((Meaning::Joined, GIVEN_FIRST))
            }
            (Meaning::Last, Meaning::Name) if is_half_of_name(self) => {
                Some((Meaning::Joined, FAMILY_FIRST))
            }
            (Meaning::Name, Meaning::First) if is_half_of_name(other) => {
                Some((Meaning::Joined, FAMILY_FIRST))
            }
            (one, other) => (one == other).then_some((one, TWICE)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::synonyms::meaning;
    use super::*;

    #[test]
    fn the_names_of_both_halves_in_one_cell_are_the_whole_name() {
        for cell in [
            "First Name Last Name",
            "first_name_last_name",
            "FirstNameLastName",
            "Surname/First name",
            "Last Name, First Name MI",
            "First and last name",
            "First & Last Name",
            "Name (Last, First)",
            "Student Name (Last, First Middle)",
            "Name Surname",
            "Vorname Nachname",
            "Vorname_Nachname",
            "Name, Vorname",
            "Familienname, Vorname",
            "Nachname und Vorname",
            "Vor- und Zuname",
            "Nach-/Vorname",
            "Vor- und Nachname des Schülers",
            "Vorname des Schülers Nachname des Schülers",
            "Schüler Vorname, Schüler Nachname",
            "prénom et nom",
            "Nom Prénom",
            "NOM et Prénom(s)",
            "Nom de famille, prénom",
            "Nom et prénom de l'élève",
            "Nombre y apellidos",
            "Apellido(s), Nombre(s)",
            "Apellidos y nombre del alumno",
            "Cognome e nome",
            "Nome/Cognome",
            "Cognome e nome dell'alunno",
            "Voor- en achternaam",
            "Achternaam, voornaam",
            "Voornaam tussenvoegsel achternaam",
            "Nome e sobrenome",
            "Apelido, Nome",
            "Imię i nazwisko",
            "Nazwisko, imię",
            "Nazwisko i imię ucznia",
            "Fornavn og efternavn",
            "For- og etternavn",
            "Efternavn, fornavn",
            "Etternavn, Fornavn",
            "För- och efternamn",
            "Efternamn, förnamn",
            "Elevens för- och efternamn",
            "Etunimi ja sukunimi",
            "Sukunimi, etunimi",
            "Suku- ja etunimi",
            "Oppilaan sukunimi ja etunimi",
            "Jméno a příjmení",
            "Příjmení, jméno",
            "Příjmení a jméno žáka",
            "Adı Soyadı",
            "Soyad, Ad",
            "Adı ve Soyadı",
            "Öğrenci adı soyadı",
            "İsim Soyisim",
        ] {
            let found = meaning(cell).map(|(meaning, _)| meaning);
            assert_eq!(found, Some(Meaning::Joined), "{cell}");
        }
    }

    #[test]
    fn one_name_in_two_languages_has_its_meaning() {
        for (cell, expected) in [
            ("Nom / Name", Meaning::Name),
            ("Prénom / Vorname", Meaning::First),
            ("Etunimi / Förnamn", Meaning::First),
            ("Sukunimi / Efternamn", Meaning::Last),
            ("E-Mail / Courriel", Meaning::Email),
            ("Salasana / Lösenord", Meaning::Password),
            ("First name [givenName]", Meaning::First),
            ("Last name (surname)", Meaning::Last),
            ("Name First", Meaning::First),
            ("Name_Last", Meaning::Last),
        ] {
            let found = meaning(cell).map(|(meaning, _)| meaning);
            assert_eq!(found, Some(expected), "{cell}");
        }
    }

    #[test]
    fn other_cells_join_nothing() {
        for cell in [
            "AD name",
            "Ad-Name",
            "Parent first name last name",
            "Student first name, parent last name",
            "Vorname Klasse",
            "Vorname der Mutter Nachname der Mutter",
            "Class name, first name",
            "First login",
            "Last login",
            "First email",
            "Nomad",
            "Name and email",
            "Email, password",
        ] {
            assert_eq!(meaning(cell), None, "{cell}");
        }
        let long = "ad soyad ".repeat(10_000);
        assert_eq!(meaning(&long), None);
    }
}
