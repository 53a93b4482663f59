//! The words of each language, embedded as catalogues.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};
use serde::Deserialize;

use crate::domain::language::Language;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::mail::content::MailKind;

/// All that mail says in one language.
#[derive(Deserialize)]
pub struct Catalogue {
    pub common: Common,
    /// The labels of the facts of a mail, and of its login address.
    facts: BTreeMap<String, String>,
    dates: Dates,
    /// By the kind of mail.
    #[serde(flatten)]
    mails: BTreeMap<String, Words>,
}

/// What every mail has.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Common {
    pub greeting: String,
    /// For a name that could pass for something else.
    pub greeting_nobody: String,
    /// The sign between a label and its value.
    pub colon: String,
    pub link_hint: String,
    pub note_from: String,
    pub footer: String,
}

/// How a time is written for people.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Dates {
    months: [String; 12],
    /// The first of a month, which French writes in its own way.
    first_day: String,
    format: String,
    two_digit_hour: bool,
}

/// The words of one kind of mail. Those that end in `_by` are used where it is known who did it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    pub subject: String,
    /// The line that a list of mails shows after the subject.
    pub preheader: String,
    pub heading: String,
    pub opening: String,
    pub opening_by: Option<String>,
    pub next: String,
    pub next_by: Option<String>,
    pub button: String,
    pub until: Option<String>,
    /// What to do if one did not ask for it.
    pub aside: String,
    pub aside_by: Option<String>,
    /// Why one gets it.
    pub why: String,
}

pub const SOURCES: [(Language, &str); 6] = [
    (Language::English, include_str!("languages/en.toml")),
    (Language::Finnish, include_str!("languages/fi.toml")),
    (Language::Spanish, include_str!("languages/es.toml")),
    (Language::German, include_str!("languages/de.toml")),
    (Language::French, include_str!("languages/fr.toml")),
    (Language::Swedish, include_str!("languages/sv.toml")),
];

type Read = std::result::Result<Catalogue, toml::de::Error>;

static CATALOGUES: LazyLock<Vec<(Language, Read)>> = LazyLock::new(|| {
    let read = |(language, source): (Language, &str)| (language, toml::from_str(source));
    SOURCES.into_iter().map(read).collect()
});

impl Catalogue {
    /// The catalogue of a language.
    ///
    /// # Errors
    /// `internal` where it is broken: a test reads all of them.
    pub fn of(language: Language) -> Result<&'static Self> {
        let catalogue = CATALOGUES
            .iter()
            .find(|(of, _)| *of == language)
            .map(|(_, read)| read);
        match catalogue {
            Some(Ok(catalogue)) => Ok(catalogue),
            Some(Err(error)) => Err(Error::internal(error.to_string())),
            None => Err(Error::internal(format!("no words in {language}"))),
        }
    }

    /// The words of a kind of mail.
    ///
    /// # Errors
    /// `internal` where there are none: a test writes every kind.
    pub fn words(&self, kind: MailKind) -> Result<&Words> {
        let words = self.mails.get(kind.as_str());
        words.ok_or_else(|| Error::internal(format!("no words for {kind}")))
    }

    /// The label of a fact.
    ///
    /// # Errors
    /// `internal` where there is none.
    pub fn label(&self, fact: &str) -> Result<&str> {
        let label = self.facts.get(fact).map(String::as_str);
        label.ok_or_else(|| Error::internal(format!("no label for {fact}")))
    }

    /// The kinds of mail that it has words for.
    #[cfg(test)]
    pub fn kinds(&self) -> Vec<&str> {
        self.mails.keys().map(String::as_str).collect()
    }

    /// Writes a time as people do, to the minute, in UTC: the reader's time zone is not known.
    ///
    /// # Errors
    /// `internal` where the format of the catalogue is broken.
    pub fn date(&self, moment: Timestamp) -> Result<String> {
        let moment = jiff::Timestamp::from(moment).to_zoned(jiff::tz::TimeZone::UTC);
        let month = usize::try_from(moment.month())
            .unwrap_or(1)
            .saturating_sub(1);
        let day = match moment.day() {
            1 => self.dates.first_day.clone(),
            day => day.to_string(),
        };
        let hour = if self.dates.two_digit_hour {
            format!("{:02}", moment.hour())
        } else {
            moment.hour().to_string()
        };
        fill(
            &self.dates.format,
            minijinja::context! {
                day,
                month => self.dates.months.get(month),
                year => moment.year(),
                hour,
                minute => format!("{:02}", moment.minute()),
            },
        )
    }
}

/// Fills the values into a sentence, as plain text. A missing value is an error: no mail leaves with a
/// gap in it.
pub fn fill(sentence: &str, values: Value) -> Result<String> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.render_str(sentence, values).map_err(broken)
}

/// Fills the sentences into a layout; in HTML, each is escaped.
pub fn lay_out(name: &str, layout: &str, values: Value) -> Result<String> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    environment.set_auto_escape_callback(minijinja::default_auto_escape_callback);
    environment
        .render_named_str(name, layout, values)
        .map_err(broken)
}

/// The error of a template that cannot be filled.
pub fn broken(error: minijinja::Error) -> Error {
    Error::internal(format!("{error:#}"))
}
