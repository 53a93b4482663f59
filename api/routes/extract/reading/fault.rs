//! What does not fit, told in words and by where it stands.

use std::fmt;

use serde::de::{self, Expected, Unexpected};

use crate::error::{Error, FieldError};

/// How much of a name, and of a library's words, a refusal repeats, in characters.
const MAX_NAME: usize = 100;
const MAX_WORDS: usize = 300;

/// The code of a word that is none of those which a field takes.
pub const UNKNOWN_WORD: &str = "unknown_word";

/// The code of a number that a field cannot hold: as one that it may not hold, it breaks a rule.
const OUT_OF_RANGE: &str = "out_of_range";

/// What does not fit, and where.
#[derive(Debug)]
pub(super) struct Fault {
    /// The names and places that lead there, the last one first.
    path: Vec<String>,
    code: &'static str,
    detail: String,
    /// Of a field: of a query it is a parameter.
    unknown: Option<Unknown>,
}

impl Fault {
    pub(super) fn new(code: &'static str, detail: String) -> Self {
        Self {
            path: Vec::new(),
            code,
            detail,
            unknown: None,
        }
    }

    pub(super) fn out_of_range() -> Self {
        Self::new(OUT_OF_RANGE, "This number is out of range.".to_owned())
    }

    pub(super) fn repeated(name: &str) -> Self {
        Self::new("too_many", "Give this once.".to_owned()).below(name)
    }

    /// The fault as the object sees it that holds the value.
    pub(super) fn below(mut self, name: &str) -> Self {
        self.path.push(name.replace('~', "~0").replace('/', "~1"));
        self
    }

    /// The fault of a key of a map, whose name is itself at fault. An unknown field names itself.
    pub(super) fn about_name(self, name: &str) -> Self {
        if self.path.is_empty() {
            return self.below(name);
        }
        self
    }

    /// The fault of one value alone, which stands at this pointer.
    pub(super) fn at(self, pointer: &str) -> FieldError {
        FieldError::new(pointer.to_owned(), self.code, self.detail)
    }

    /// The refusal: `start` is what pointers begin with.
    pub(super) fn refusal(self, start: &str) -> Error {
        let names: Vec<String> = self.path.iter().rev().cloned().collect();
        let pointer = match (names.join("/"), start) {
            (path, "/") if path.is_empty() => path,
            (path, start) => format!("{start}{path}"),
        };
        let pointer = shortened(&pointer, MAX_NAME);
        let words = match self.unknown {
            Some(unknown) => unknown.in_words(if start == "?" {
                "query parameter"
            } else {
                "field"
            }),
            None => self.detail,
        };
        let field = FieldError::new(pointer, self.code, words);
        if self.code == OUT_OF_RANGE {
            return Error::invalid_fields(vec![field]);
        }
        Error::malformed_fields(vec![field])
    }
}

/// A name that there is not, and those that there are.
#[derive(Debug)]
struct Unknown {
    name: String,
    known: &'static [&'static str],
}

/// How similar two names are where one was meant by the other.
const SIMILAR: f64 = 0.5;

impl Unknown {
    fn in_words(&self, what: &str) -> String {
        let name = &self.name;
        let similarity = |known: &str| strsim::normalized_damerau_levenshtein(name, known);
        let nearest = self
            .known
            .iter()
            .max_by(|one, other| similarity(one).total_cmp(&similarity(other)))
            .filter(|known| similarity(known) >= SIMILAR);
        let words = match nearest {
            Some(meant) => format!("There is no {what} `{name}`; did you mean `{meant}`?"),
            None if self.known.is_empty() => {
                format!("There is no {what} `{name}`: this object has no fields.")
            }
            None => format!(
                "There is no {what} `{name}`; expected {}.",
                one_of(self.known)
            ),
        };
        shortened(&words, MAX_WORDS)
    }
}

pub(super) fn one_of(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match words.as_slice() {
        [only] => only.clone(),
        _ => format!("one of {}", words.join(", ")),
    }
}

fn shortened(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(words: T) -> Self {
        Self::new("invalid", shortened(&words.to_string(), MAX_WORDS))
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new("wrong_type", format!("Expected {expected}."))
    }

    fn invalid_value(value: Unexpected<'_>, expected: &dyn Expected) -> Self {
        match value {
            Unexpected::Signed(_) | Unexpected::Unsigned(_) => Self::out_of_range(),
            _ => Self::new("invalid", format!("Expected {expected}.")),
        }
    }

    fn unknown_variant(_: &str, words: &'static [&'static str]) -> Self {
        Self::new(UNKNOWN_WORD, format!("Expected {}.", one_of(words)))
    }

    fn unknown_field(name: &str, fields: &'static [&'static str]) -> Self {
        let unknown = Unknown {
            name: shortened(name, MAX_NAME),
            known: fields,
        };
        let mut fault = Self::new("unknown_field", unknown.in_words("field")).below(&unknown.name);
        fault.unknown = Some(unknown);
        fault
    }

    fn missing_field(name: &'static str) -> Self {
        Self::new("missing", "This field is required.".to_owned()).below(name)
    }
}
