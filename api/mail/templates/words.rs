//! The words of each language, embedded as catalogues.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};
use serde::Deserialize;

use crate::domain::language::Language;
use crate::domain::mail::MailKind;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};

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
    /// The words of its link; a mail without one leads nowhere: what it is for is open already.
    pub button: Option<String>,
    pub until: Option<String>,
    /// What to do if one did not ask for it.
    pub aside: String,
    pub aside_by: Option<String>,
    /// The words of the link below it.
    pub aside_button: Option<String>,
    /// Why one gets it.
    pub why: String,
}

/// The text of a catalogue.
pub const fn source(language: Language) -> &'static str {
    match language {
        Language::English => include_str!("languages/en.toml"),
        Language::Finnish => include_str!("languages/fi.toml"),
        Language::Spanish => include_str!("languages/es.toml"),
        Language::German => include_str!("languages/de.toml"),
        Language::French => include_str!("languages/fr.toml"),
        Language::Swedish => include_str!("languages/sv.toml"),
    }
}

type Parsed = std::result::Result<Catalogue, toml::de::Error>;

/// The catalogue of a language, parsed when it is first needed.
fn parsed(language: Language) -> &'static Parsed {
    macro_rules! of {
        ($language:ident) => {{
            static PARSED: LazyLock<Parsed> =
                LazyLock::new(|| toml::from_str(source(Language::$language)));
            &PARSED
        }};
    }
    match language {
        Language::English => of!(English),
        Language::Finnish => of!(Finnish),
        Language::Spanish => of!(Spanish),
        Language::German => of!(German),
        Language::French => of!(French),
        Language::Swedish => of!(Swedish),
    }
}

impl Catalogue {
    /// The catalogue of a language.
    ///
    /// # Errors
    /// `internal` where it is broken: a test reads all of them.
    pub fn of(language: Language) -> Result<&'static Self> {
        let parsed = parsed(language).as_ref();
        parsed.map_err(|error| Error::internal(error.to_string()))
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

/// The error of a template that cannot be filled. Its debug form, which would list the values, is for
/// no log.
pub fn broken(error: minijinja::Error) -> Error {
    Error::internal(error.to_string())
}
