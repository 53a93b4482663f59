//! The names under which people write the columns.
//!
//! Names are compared by their [`key`]. For each meaning, the groups of names are ordered from the
//! most to the least specific: among several columns that could have the meaning, the one in the
//! foremost group has it.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Groups of keys that share a meaning, the most specific group first.
pub(super) type Synonyms = &'static [&'static [&'static str]];

/// The address of a person.
pub(super) const EMAIL: Synonyms = &[
    &[
        "email",
        "correo",
        "correoelectronico",
        "courriel",
        "epost",
        "sahkoposti",
    ],
    &[
        "adressecourriel",
        "adressedecourriel",
        "adresseelectronique",
        "adresseemail",
        "adressemail",
        "direcciondecorreo",
        "direcciondecorreoelectronico",
        "direcciondeemail",
        "emailaddress",
        "emailadresse",
        "emailid",
        "epostadress",
        "mail",
        "mailaddress",
        "mailadress",
        "mailadresse",
        "mejl",
        "mejladress",
        "mel",
        "sahkopostiosoite",
    ],
    &[
        "accountemail",
        "businessemail",
        "companyemail",
        "loginemail",
        "officialemail",
        "primaryemail",
        "primaryemailaddress",
        "schoolemail",
        "schoolemailaddress",
        "studentemail",
        "studentemailaddress",
        "useremail",
        "useremailaddress",
        "workemail",
        "workemailaddress",
    ],
    // Microsoft 365 names a person by an address.
    &[
        "upn",
        "userprincipalname",
        "usernameuserprincipalname",
        "usernameuserprincipalnamerequired",
    ],
];

/// The password of a person.
pub(super) const PASSWORD: Synonyms = &[
    &[
        "password",
        "contrasena",
        "kennwort",
        "losenord",
        "motdepasse",
        "passwort",
        "salasana",
    ],
    &[
        "clave",
        "initialkennwort",
        "initialpassword",
        "initialpasswordpasswordprofile",
        "initialpasswordpasswordprofilerequired",
        "mdp",
        "passphrase",
        "passwd",
        "pwd",
        "startpasswort",
        "temporarypassword",
        "userpassword",
    ],
];

/// The user name of a person, or the name under which a person signs in.
pub(super) const USERNAME: Synonyms = &[&[
    "username",
    "anvandarnamn",
    "benutzername",
    "kayttajanimi",
    "kayttajatunnus",
    "nombredeusuario",
    "nomdutilisateur",
    "usuario",
]];

/// The name that a person is shown under.
pub(super) const DISPLAY_NAME: Synonyms = &[&[
    "displayname",
    "anzeigename",
    "namedisplayname",
    "namedisplaynamerequired",
    "nayttonimi",
    "nomdaffichage",
    "nombreparamostrar",
    "visningsnamn",
]];

/// The whole name of a person.
pub(super) const FULL_NAME: Synonyms = &[
    &[
        "fullname",
        "fullstandigtnamn",
        "kokonimi",
        "nombrecompleto",
        "nombreyapellidos",
        "nomcomplet",
        "nometprenom",
        "userfullname",
        "vollername",
        "vollstandigername",
        "vorundnachname",
    ],
    &[
        "completename",
        "employeename",
        "learnername",
        "membername",
        "participantname",
        "personname",
        "pupilname",
        "staffname",
        "studentname",
        "teachername",
    ],
];

/// Words for the whole name, which next to one half of a name mean its other half.
pub(super) const NAME: Synonyms = &[&["name", "namn", "nimi", "nom", "nombre", "nombres"]];

/// The first half of a name.
pub(super) const FIRST_NAME: Synonyms = &[&[
    "firstname",
    "etunimi",
    "firstnamegivenname",
    "forename",
    "fornamn",
    "givenname",
    "prenom",
    "primernombre",
    "vorname",
]];

/// The second half of a name.
pub(super) const LAST_NAME: Synonyms = &[&[
    "lastname",
    "apellido",
    "apellidopaterno",
    "apellidos",
    "efternamn",
    "familienname",
    "familyname",
    "lastnamesurname",
    "nachname",
    "nomdefamille",
    "primerapellido",
    "sukunimi",
    "surname",
]];

/// Everything above.
const ALL: [Synonyms; 8] = [
    EMAIL,
    PASSWORD,
    USERNAME,
    DISPLAY_NAME,
    FULL_NAME,
    NAME,
    FIRST_NAME,
    LAST_NAME,
];

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

/// Whether a header cell names a column that the reader can use.
pub(super) fn is_known(cell: &str) -> bool {
    let key = key(cell);
    let names = ALL.iter().flat_map(|groups| groups.iter());
    names
        .flat_map(|names| names.iter())
        .any(|name| *name == key)
}

/// A header cell as names are compared: letters and digits alone, in lower case, without accents
/// and without a marker such as `[Required]`.
pub(super) fn key(cell: &str) -> String {
    let unaccented = cell
        .nfkd()
        .filter(|character| !is_combining_mark(*character));
    let folded: String = unaccented.flat_map(char::to_lowercase).collect();
    let name = without_marker(&folded);
    name.chars()
        .filter(|character| character.is_alphanumeric())
        .collect()
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
            ("Prénom", "prenom"),
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
        let groups = ALL.iter().flat_map(|groups| groups.iter());
        let names: Vec<&str> = groups.flat_map(|names| names.iter().copied()).collect();
        for name in &names {
            assert_eq!(key(name), *name);
            assert_eq!(
                names.iter().filter(|other| *other == name).count(),
                1,
                "{name}"
            );
        }
    }

    #[test]
    fn other_columns_are_not_known() {
        for cell in [
            "",
            "parent email",
            "Recovery Email",
            "Alternate email address",
            "New Primary Email",
            "Password Hash Function [UPLOAD ONLY]",
            "Strong password required",
            "Class name",
            "@",
        ] {
            assert!(!is_known(cell), "{cell:?}");
        }
    }
}
