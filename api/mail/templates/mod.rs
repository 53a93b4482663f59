//! What mail says: one layout, and the words of six languages, all embedded in the binary.
//!
//! A sentence is plain text in both parts of a mail. In the HTML part the layout escapes it as a
//! whole, so nothing that a person wrote (a name, a note) is ever markup.

mod people;
mod words;

use minijinja::{Value, context};

use super::content::MailContent;
use super::links::Links;
use super::message::Recipient;
use crate::domain::language::Language;
use crate::domain::mail::Sender;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
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

/// The values of a content, as the templates take them.
struct Values<'a> {
    organization: Option<&'a str>,
    /// Who did it, where that is known.
    by: Option<&'a str>,
    note: Option<&'a str>,
    login: Option<String>,
    counts: Vec<(&'a str, i64)>,
    link: String,
    date: Option<Timestamp>,
}

/// A content in the words of a language.
///
/// # Errors
/// Never, with the templates that there are.
pub fn write(
    content: &MailContent,
    language: Language,
    to: &Recipient<'_>,
    from: &Sender,
    links: &Links,
) -> Result<Written> {
    let catalogue = Catalogue::of(language)?;
    let words = catalogue.words(content.kind());
    let values = values(content, catalogue, to, links);
    let date = values.date.map(|date| catalogue.date(date)).transpose()?;
    let context = context! {
        name => to.name,
        sender => said_by_people(from.name()),
        organization => values.organization.map(said_by_people),
        // A note without a person is the organization's.
        by => values.by.or(values.organization).map(said_by_people),
        date,
    };
    let sentences = sentences(catalogue, words, &values, to, context)?;
    let subject = sentences.get_attr("subject").map_err(words::broken)?;
    let language = language.as_str();
    let as_text = context! { language, link => values.link.as_str(), ..sentences.clone() };
    let as_html = context! {
        language,
        direction => "ltr",
        link => in_attribute(&values.link),
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

/// A link as HTML has it. The engine's own escape would spell each slash as a number, which is right
/// and which filters take for a disguise.
fn in_attribute(link: &str) -> Value {
    let escaped = link
        .replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    Value::from_safe_string(escaped)
}

/// Every sentence of the mail, with its values in it.
fn sentences(
    catalogue: &Catalogue,
    words: &Words,
    values: &Values<'_>,
    to: &Recipient<'_>,
    context: Value,
) -> Result<Value> {
    let filled = |sentence: &str| fill(sentence, context.clone());
    let by = |general: &str, with_author: &Option<String>| match with_author {
        Some(sentence) if values.by.is_some() => filled(sentence),
        _ => filled(general),
    };
    let greeting = if people::is_plain_name(to.name) {
        &catalogue.common.greeting
    } else {
        &catalogue.common.greeting_nobody
    };
    let note_from = values.note.map(|_| filled(&catalogue.common.note_from));
    let login = values.login.as_deref();
    let login = login.map(|value| context! { label => &*catalogue.facts.login, value });
    let counts = values.counts.iter();
    let counts: Vec<Value> = counts
        .map(|(label, value)| context! { label => *label, value => *value })
        .collect();
    Ok(context! {
        subject => filled(&words.subject)?,
        preheader => filled(&words.preheader)?,
        heading => filled(&words.heading)?,
        greeting => filled(greeting)?,
        opening => by(&words.opening, &words.opening_by)?,
        note_from => note_from.transpose()?,
        note => values.note.map(lines_of_note),
        login,
        counts,
        colon => &*catalogue.common.colon,
        next => by(&words.next, &words.next_by)?,
        button => filled(&words.button)?,
        link_hint => filled(&catalogue.common.link_hint)?,
        until => words.until.as_deref().map(filled).transpose()?,
        aside => by(&words.aside, &words.aside_by)?,
        why => filled(&words.why)?,
        footer => filled(&catalogue.common.footer)?,
    })
}

fn values<'a>(
    content: &'a MailContent,
    catalogue: &'a Catalogue,
    to: &Recipient<'_>,
    links: &Links,
) -> Values<'a> {
    let nothing = Values {
        organization: None,
        by: None,
        note: None,
        login: None,
        counts: Vec::new(),
        link: links.sign_in(to.address.as_str()),
        date: None,
    };
    let facts = &catalogue.facts;
    match content {
        MailContent::VerifyEmail { link, expires_at }
        | MailContent::PasswordReset { link, expires_at } => Values {
            link: link.clone(),
            date: Some(*expires_at),
            ..nothing
        },
        MailContent::SignInInstructions {
            organization,
            invited_by,
            note,
            login,
            link,
            expires_at,
        } => Values {
            organization: Some(organization),
            by: invited_by.as_deref(),
            note: note.as_deref(),
            login: Some(login.clone()),
            link: link.clone(),
            date: Some(*expires_at),
            ..nothing
        },
        MailContent::JoinLink {
            organization,
            invited_by,
            note,
            link,
            expires_at,
        } => Values {
            organization: Some(organization),
            by: invited_by.as_deref(),
            note: note.as_deref(),
            link: link.clone(),
            date: Some(*expires_at),
            ..nothing
        },
        MailContent::PasswordChanged {
            login,
            by_organization,
            at,
        } => Values {
            by: by_organization.as_deref(),
            login: Some(login.clone()),
            link: links.sign_in(login),
            date: Some(*at),
            ..nothing
        },
        MailContent::ImportFinished {
            organization,
            rows,
            created,
            failed,
            cancelled,
            results_expire_at,
        } => Values {
            organization: Some(organization),
            counts: vec![
                (&facts.rows, *rows),
                (&facts.created, *created),
                (&facts.failed, *failed),
                (&facts.cancelled, *cancelled),
            ],
            date: Some(*results_expire_at),
            ..nothing
        },
    }
}

#[cfg(test)]
mod tests;
