//! The header of a table, in which columns are looked for.

use super::limits::TEMPLATE_HEADER;
use super::meaning::Meaning;
use super::refusal::FileRefused;
use super::synonyms::{is_known, is_person, meaning, whose};
use super::vocabulary::{NameMeaning, Whose};
use super::wording::{listed, quoted};

/// Where a name stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NameColumns {
    Whole(usize),
    Halves {
        first: usize,
        infix: Option<usize>,
        last: usize,
    },
}

impl NameColumns {
    /// Its columns, in the order in which they make the name.
    pub(super) fn columns(self) -> Vec<usize> {
        match self {
            Self::Whole(column) => vec![column],
            Self::Halves { first, infix, last } => [Some(first), infix, Some(last)]
                .into_iter()
                .flatten()
                .collect(),
        }
    }
}

/// The names of columns, with what each may mean.
pub(super) struct Header<'a> {
    names: &'a [String],
    /// Of columns that are not somebody else's.
    claims: Vec<Option<NameMeaning>>,
    /// Whose columns are somebody else's.
    others: Option<Whose>,
    line: u64,
}

/// Whose columns are about somebody else, if that can be told: where the address is a pupil's, or a column has the name
/// of what they are, the teacher's; where it is a teacher's, the pupil's. Of two addresses that are as sure, whose counts
/// cannot be told.
fn others(names: &[String]) -> Option<Whose> {
    let addresses = names.iter().filter_map(|name| match meaning(name)? {
        (Meaning::Email, rank) => Some((rank, whose(name))),
        _ => None,
    });
    let addresses: Vec<_> = addresses.collect();
    let surest = addresses.iter().map(|(rank, _)| *rank).min();
    let mut owners = addresses.iter().filter(|(rank, _)| Some(*rank) == surest);
    let owner = owners.next().and_then(|(_, owner)| *owner);
    if owners.any(|(_, other)| *other != owner) {
        return None;
    }
    match owner {
        Some(Whose::Learner) => Some(Whose::Staff),
        Some(Whose::Staff) => Some(Whose::Learner),
        Some(Whose::Person | Whose::Account) | None => {
            let mut people = names.iter().filter(|name| is_person(name));
            let only = people.next().filter(|_| people.next().is_none());
            let is_learner = only.is_some_and(|name| whose(name) == Some(Whose::Learner));
            is_learner.then_some(Whose::Staff)
        }
    }
}

/// Whether a column is of such people, if any.
fn is_of(name: &str, people: Option<Whose>) -> bool {
    people.is_some() && whose(name) == people
}

impl<'a> Header<'a> {
    pub(super) fn new(names: &'a [String], line: u64) -> Self {
        let others = others(names);
        let claim = |name: &String| meaning(name).filter(|_| !is_of(name, others));
        Self {
            names,
            claims: names.iter().map(claim).collect(),
            others,
            line,
        }
    }

    /// Whether a cell is an address, and so the line the data of a person.
    fn holds_address(&self) -> bool {
        self.names.iter().any(|name| {
            let name = name.trim();
            let domain = name.split_once('@').map(|(_, domain)| domain);
            domain.is_some_and(|domain| domain.contains('.')) && !name.contains(char::is_whitespace)
        })
    }

    /// The column that has a meaning: the one whose name has it most surely.
    pub(super) fn claim(&self, meaning: Meaning) -> Result<Option<usize>, FileRefused> {
        let claims = self.claims.iter().enumerate();
        let claims: Vec<(usize, u8)> = claims
            .filter_map(|(column, claim)| claim.map(|(of, rank)| (column, of, rank)))
            .filter(|(_, of, _)| *of == meaning)
            .map(|(column, _, rank)| (column, rank))
            .collect();
        let first = claims.iter().map(|(_, rank)| *rank).min();
        let columns = claims.iter().filter(|(_, rank)| Some(*rank) == first);
        let columns: Vec<usize> = columns.map(|(column, _)| *column).collect();
        match columns.as_slice() {
            [] => Ok(None),
            [column] => Ok(Some(*column)),
            equals => Err(self.ambiguous(meaning, equals)),
        }
    }

    /// The columns of the address and of the name. Where a person's name and a login stand side by side,
    /// people see the person's name.
    ///
    /// # Errors
    /// Where several columns claim the same meaning, or the line is no header but somebody's row.
    pub(super) fn person(&self) -> Result<(Option<usize>, Option<NameColumns>), FileRefused> {
        if self.holds_address() {
            return Err(self.absent());
        }
        let email = self.claim(Meaning::Email)?;
        let display = self.claim(Meaning::Display)?;
        let person = match display {
            Some(column) => Some(NameColumns::Whole(column)),
            None => self.name()?,
        };
        let username = self.claim(Meaning::Username)?;
        // In the templates of Microsoft 365, the user name is an address.
        if let (None, Some(address), Some(display)) = (email, username, display) {
            return Ok((Some(address), Some(NameColumns::Whole(display))));
        }
        let person = person.or_else(|| self.person_alone());
        Ok((email, person.or(username.map(NameColumns::Whole))))
    }

    /// The column that is named by the person alone, as in "Class; Student; Email", if there is one and no part of
    /// a name has a column of its own. Of a teacher and a student in one row, which it is cannot be told.
    fn person_alone(&self) -> Option<NameColumns> {
        let halves = [Meaning::First, Meaning::Last];
        let mut claims = self.claims.iter().flatten();
        if claims.any(|(meaning, _)| halves.contains(meaning)) {
            return None;
        }
        let names = self.names.iter().enumerate();
        let mut people = names.filter(|(_, name)| is_person(name) && !is_of(name, self.others));
        let only = people.next().filter(|_| people.next().is_none());
        only.map(|(column, _)| NameColumns::Whole(column))
    }

    /// The column whose address counts where that of `email` has none: the surest of the others, as Microsoft's
    /// sign-in name beside the mailbox. A teacher's is nobody else's.
    pub(super) fn second_email(&self, email: usize) -> Option<usize> {
        let is_of_staff = |column: usize| {
            let name = self.names.get(column);
            name.is_some_and(|name| is_of(name, Some(Whose::Staff)))
        };
        let claims = self.claims.iter().enumerate();
        let others = claims.filter_map(|(column, claim)| match claim {
            Some((Meaning::Email, rank)) if column != email => Some((*rank, column)),
            Some(_) | None => None,
        });
        let others = others.filter(|(_, column)| !is_of_staff(*column) || is_of_staff(email));
        others.min().map(|(_, column)| column)
    }

    /// The columns of the name of a person.
    fn name(&self) -> Result<Option<NameColumns>, FileRefused> {
        match self.claim(Meaning::Full)? {
            Some(column) => Ok(Some(NameColumns::Whole(column))),
            None => self.halves_or_joined(),
        }
    }

    /// The columns of the name where none is named as the whole one. Halves that have columns of their own
    /// make a better name than a column such as "Name, Vorname".
    fn halves_or_joined(&self) -> Result<Option<NameColumns>, FileRefused> {
        let plain = self.plain_name()?;
        match plain {
            Some(NameColumns::Halves { .. }) => Ok(plain),
            Some(NameColumns::Whole(_)) | None => {
                let joined = self.claim(Meaning::Joined)?;
                Ok(joined.map(NameColumns::Whole).or(plain))
            }
        }
    }

    /// The columns of the name where no column is named as the whole one without doubt.
    ///
    /// Next to a first name alone, as in "Name; Vorname", a plain "name" is the last name; next to
    /// a last name alone, as in "Nombre; Apellidos", it is the first. Next to both, it is an abbreviation as
    /// often as the whole.
    fn plain_name(&self) -> Result<Option<NameColumns>, FileRefused> {
        let name = self.claim(Meaning::Name)?;
        let first = self.claim(Meaning::First)?;
        let last = self.claim(Meaning::Last)?;
        let infix = self.claim(Meaning::Infix)?;
        Ok(match (name, first, last) {
            (_, Some(first), Some(last))
            | (Some(last), Some(first), None)
            | (Some(first), None, Some(last)) => Some(NameColumns::Halves { first, infix, last }),
            (Some(whole), None, None) => Some(NameColumns::Whole(whole)),
            (None, _, _) => None,
        })
    }

    fn ambiguous(&self, meaning: Meaning, columns: &[usize]) -> FileRefused {
        let meaning = meaning.title();
        let names = columns.iter().filter_map(|column| self.names.get(*column));
        let names: Vec<_> = names.map(|name| quoted(name)).collect();
        FileRefused::no_header(format!(
            "Line {} has several columns for {meaning}: {}. Remove all but one of them, or rename \
             them, and upload the file again.",
            self.line,
            listed(&names)
        ))
    }

    /// The refusal of a header without all the columns that it needs.
    pub(super) fn lacks(&self, columns: &[(&str, bool)]) -> FileRefused {
        let missing = columns.iter().filter(|(_, missing)| *missing);
        let missing: Vec<_> = missing.map(|(meaning, _)| (*meaning).to_owned()).collect();
        let known = self.names.iter().filter(|name| is_known(name));
        let known: Vec<_> = known.map(|name| quoted(name)).collect();
        if known.is_empty() {
            return self.absent();
        }
        let hint = match columns {
            [.., ("username", true)] => {
                " Or send `usernames_from_addresses=true` to take names from the addresses."
            }
            _ => "",
        };
        FileRefused::no_header(format!(
            "Line {} has no column for {}; of its columns, {} can be used. Name the columns as in \
             the template, whose first line is \"{TEMPLATE_HEADER}\", and upload the file again.{hint}",
            self.line,
            listed(&missing),
            listed(&known)
        ))
    }

    /// The refusal of a table without a header. The line may hold the data of a person, so that
    /// none of it is repeated.
    fn absent(&self) -> FileRefused {
        FileRefused::no_header(format!(
            "Line {} names none of the columns. If the names stand further down, remove the lines \
             above them. If the file has no header, insert a first line as in the template, \
             \"{TEMPLATE_HEADER}\". Then upload the file again.",
            self.line
        ))
    }
}
