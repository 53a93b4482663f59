//! `rollcall mail preview` and `rollcall mail test`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::error::CommandError;
use super::output::print;
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::email_address::EmailAddress;
use crate::domain::language::Language;
use crate::mail::Links;
use crate::mail::preview::{self, Preview};
use crate::mail::transport::Transport;

#[derive(Subcommand)]
pub enum MailCommand {
    /// Write every mail in every language into a folder, as .html, .txt and .eml, with an index.html
    /// to look at them.
    Preview {
        /// The folder; it is made where it is not there.
        #[arg(long)]
        output: PathBuf,
    },
    /// Send a mail the way that is configured, at once, and tell what became of it.
    Test {
        /// The address to send it to.
        #[arg(long, allow_hyphen_values = true)]
        to: String,
    },
}

/// Runs the command.
///
/// # Errors
/// Where a file cannot be written, or the mail does not leave.
pub fn run(command: &MailCommand, config: &Config) -> Result<(), CommandError> {
    match command {
        MailCommand::Preview { output } => write_previews(output, config),
        MailCommand::Test { to } => send_trial(to, config),
    }
}

fn write_previews(folder: &Path, config: &Config) -> Result<(), CommandError> {
    let links = Links::into(&config.spa_url);
    let previews = preview::all(&config.mail_from, &links, Clock::system().now())?;
    std::fs::create_dir_all(folder).map_err(|error| CommandError::file(folder.display(), error))?;
    for preview in &previews {
        let name = format!("{}.{}", preview.name, preview.language);
        write(
            folder,
            &format!("{name}.html"),
            preview.written.html.as_bytes(),
        )?;
        write(
            folder,
            &format!("{name}.txt"),
            preview.written.text.as_bytes(),
        )?;
        write(folder, &format!("{name}.eml"), &preview.mail.text)?;
    }
    write(folder, "index.html", index(&previews).as_bytes())?;
    print(&format!(
        "{} mails are in {}: open index.html.\n",
        previews.len(),
        folder.display()
    ))
}

fn write(folder: &Path, name: &str, content: &[u8]) -> Result<(), CommandError> {
    let path = folder.join(name);
    std::fs::write(&path, content).map_err(|error| CommandError::file(path.display(), error))
}

/// A row for each mail, a column for each language.
fn index(previews: &[Preview]) -> String {
    let mut page = String::from(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>Mail of Rollcall</title>\
         <style>:root{color-scheme:light dark}body{font:16px/1.5 sans-serif;margin:2em}\
         td,th{padding:.4em .8em;text-align:left}</style></head>\n<body><h1>Mail of Rollcall</h1>\n<table>\n",
    );
    let mut names: Vec<&str> = previews
        .iter()
        .map(|preview| preview.name.as_str())
        .collect();
    names.dedup();
    names.truncate(previews.len() / Language::ALL.len());
    for name in names {
        // Writing into a text does not fail.
        let _ = write!(page, "<tr><th>{name}</th>");
        for language in Language::ALL {
            let _ = write!(
                page,
                "<td><a href=\"{name}.{language}.html\">{language}</a> \
                 <a href=\"{name}.{language}.txt\">text</a></td>"
            );
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</table></body></html>\n");
    page
}

fn send_trial(to: &str, config: &Config) -> Result<(), CommandError> {
    let to =
        EmailAddress::parse(to).map_err(|error| CommandError::Usage(format!("--to: {error}")))?;
    let trial = preview::trial(&config.mail_from, &to, Clock::system().now())?;
    trial
        .and_then(|mail| Transport::configured(config).send(&mail))
        .map_err(|delivery_error| {
            CommandError::NotSent(delivery_error.reason().text().to_owned())
        })?;
    print(&match &config.smtp_url {
        Some(server) => format!("{} took the mail to {}.\n", server.host, to.as_str()),
        None => format!(
            "The mail to {} is in {}.\n",
            to.as_str(),
            config.data_dir.join("mail").display()
        ),
    })
}
