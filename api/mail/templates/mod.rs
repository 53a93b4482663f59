//! What mail says: one layout, and the words of six languages, all embedded in the binary.
//!
//! A sentence is plain text in both parts of a mail. In the HTML part the layout escapes it as a
//! whole, so nothing that a person wrote (a name, a note) is ever markup.

mod people;
mod words;

use std::collections::BTreeMap;

use minijinja::{Value, context};
use serde::Deserialize;

use super::content::{MailContent, Recipient};
use super::links::Links;
use crate::domain::email_address::EmailAddress;
use crate::domain::language::Language;
use crate::domain::mail::Mailbox;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use people::{lines_of_note, said_by_people};
use words::{Catalogue, Words, fill, lay_out};

const TEXT_LAYOUT: &str = include_str!("mail.txt");
const HTML_LAYOUT: &str = include_str!("mail.html");

/// A mail in words.
#[derive(Clone, Debug)]
pub struct Written {
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// Who writes a mail, and into which app its links lead.
pub struct Origin<'a> {
    pub from: &'a Mailbox,
    pub links: &'a Links,
}

/// The fields of a content by their serialized names, as [`super::content`] lists them.
#[derive(Deserialize)]
struct Values {
    by: Option<String>,
    note: Option<String>,
    login: Option<String>,
    link: Option<String>,
    aside_link: Option<String>,
    date: Option<Timestamp>,
    #[serde(default)]
    facts: Vec<(String, i64)>,
    /// Texts that only sentences name, and the kind.
    #[serde(flatten)]
    texts: BTreeMap<String, Option<String>>,
}

impl Values {
    fn of(content: &MailContent) -> Result<Self> {
        let fields = serde_json::to_value(content).map_err(Error::internal)?;
        serde_json::from_value(fields).map_err(Error::internal)
    }

    /// What the sentences name.
    fn context(&self, catalogue: &Catalogue, to: &Recipient<'_>, from: &Mailbox) -> Result<Value> {
        let said = |(name, text): (&String, &Option<String>)| {
            let text = text.as_deref().map(said_by_people);
            text.map(|text| (name.clone(), text))
        };
        let texts: BTreeMap<String, String> = self.texts.iter().filter_map(said).collect();
        let by = self.by.as_deref().map(said_by_people);
        // A note without a person is the organization's.
        let by = by.or_else(|| texts.get("organization").cloned());
        let date = self.date.map(|date| catalogue.date(date)).transpose()?;
        let texts = texts.into_iter().map(|(name, text)| (name, text.into()));
        let facts = self.facts.iter().cloned();
        let facts = facts.map(|(name, number)| (name, number.into()));
        let named: BTreeMap<String, Value> = texts.chain(facts).collect();
        Ok(context! {
            name => to.name,
            sender => said_by_people(from.name()),
            by,
            date,
            ..Value::from(named)
        })
    }
}

/// Writes a content in the words of a language.
///
/// # Errors
/// `internal` where a catalogue lacks a sentence or a label, which a test rules out.
pub fn write(
    content: &MailContent,
    language: Language,
    to: &Recipient<'_>,
    origin: &Origin<'_>,
) -> Result<Written> {
    let catalogue = Catalogue::of(language)?;
    let values = Values::of(content)?;
    let draft = Draft {
        catalogue,
        words: catalogue.words(content.kind())?,
        context: values.context(catalogue, to, origin.from)?,
        values: &values,
    };
    let link = values.link.clone();
    let link = link.unwrap_or_else(|| origin.links.sign_in(to.address.as_str()));
    let targets = Targets {
        link: &link,
        aside_link: values.aside_link.as_deref(),
    };
    lay_out_parts(language, targets, draft.sentences(to)?)
}

/// Where the links of a mail lead.
#[derive(Clone, Copy)]
struct Targets<'a> {
    link: &'a str,
    aside_link: Option<&'a str>,
}

fn lay_out_parts(language: Language, targets: Targets<'_>, sentences: Value) -> Result<Written> {
    let Targets { link, aside_link } = targets;
    let subject = sentences.get_attr("subject").map_err(words::broken)?;
    let language = language.as_str();
    let as_text = context! { language, link, aside_link, ..sentences.clone() };
    let as_html = context! {
        language,
        link => in_attribute(link),
        aside_link => aside_link.map(in_attribute),
        // Keeps what follows out of the line that a list of mails shows.
        padding => vec![(); 60],
        ..sentences
    };
    Ok(Written {
        subject: subject.to_string(),
        text: lay_out("mail.txt", TEXT_LAYOUT, as_text)?,
        html: lay_out("mail.html", HTML_LAYOUT, as_html)?,
    })
}

/// Escapes a link for an attribute. The engine's own escape would spell each slash as a number, which is
/// valid and which mail filters take for a disguise.
fn in_attribute(link: &str) -> Value {
    let escaped = link
        .replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    Value::from_safe_string(escaped)
}

/// A mail whose sentences are being filled.
struct Draft<'a> {
    catalogue: &'a Catalogue,
    words: &'a Words,
    context: Value,
    values: &'a Values,
}

impl Draft<'_> {
    /// Every sentence of the mail, with its values in it.
    fn sentences(&self, to: &Recipient<'_>) -> Result<Value> {
        let (words, common) = (self.words, &self.catalogue.common);
        let greeting = if to.name.is_some_and(people::is_plain_name) {
            &common.greeting
        } else {
            &common.greeting_nobody
        };
        let note = self.values.note.as_deref();
        let note_from = note.map(|_| self.filled(&common.note_from));
        let button = words.button.as_deref().map(|button| self.filled(button));
        let until = words.until.as_deref().map(|until| self.filled(until));
        Ok(context! {
            subject => self.filled(&words.subject)?,
            preheader => self.filled(&words.preheader)?,
            heading => self.filled(&words.heading)?,
            greeting => self.filled(greeting)?,
            opening => self.filled_by(&words.opening, words.opening_by.as_deref())?,
            note_from => note_from.transpose()?,
            note => note.map(lines_of_note),
            login => self.login()?,
            counts => self.facts()?,
            colon => &*common.colon,
            next => self.filled_by(&words.next, words.next_by.as_deref())?,
            button => button.transpose()?,
            link_hint => self.filled(&common.link_hint)?,
            until => until.transpose()?,
            aside => self.filled_by(&words.aside, words.aside_by.as_deref())?,
            aside_button => words.aside_button.as_deref(),
            why => self.filled(&words.why)?,
            footer => self.filled(&common.footer)?,
        })
    }

    fn filled(&self, sentence: &str) -> Result<String> {
        fill(sentence, self.context.clone())
    }

    /// Fills the sentence that says who did it, where that is known and there is one.
    fn filled_by(&self, general: &str, with_author: Option<&str>) -> Result<String> {
        let with_author = with_author.filter(|_| self.values.by.is_some());
        self.filled(with_author.unwrap_or(general))
    }

    fn login(&self) -> Result<Option<Value>> {
        let Some(login) = self.values.login.clone() else {
            return Ok(None);
        };
        let value = EmailAddress::from_stored(login).for_people();
        let label = self.catalogue.label("login")?;
        Ok(Some(context! { label, value }))
    }

    fn facts(&self) -> Result<Vec<Value>> {
        let facts = self.values.facts.iter().map(|(name, value)| {
            let label = self.catalogue.label(name)?;
            Ok(context! { label, value => *value })
        });
        facts.collect()
    }
}

#[cfg(test)]
mod tests;
