//! The mailbox of a test: what was written into the folder of mail.

use mail_parser::{Address, MessageParser};

use super::App;
use super::smtp::SmtpMail;

/// A mail as a mail program shows it.
#[derive(Clone, Debug)]
pub struct ReceivedMail {
    pub to: String,
    pub from: String,
    pub subject: String,
    pub text: String,
    pub html: String,
}

impl App {
    /// Sends all mail that is due, and gives all that was ever sent: in the order of its causes, where there is a
    /// mail server in the order it was sent in.
    pub async fn mails(&self) -> Vec<ReceivedMail> {
        self.drain().await;
        if let Some(server) = &self.mail_server {
            return server.taken().iter().map(SmtpMail::parsed).collect();
        }
        received_in(&self.state.services.config.data_dir.join("mail"))
    }

    /// The last mail to an address, after all mail that is due was sent.
    #[track_caller]
    pub fn last_mail_to(&self, address: &str) -> impl Future<Output = ReceivedMail> {
        let place = std::panic::Location::caller();
        let address = address.to_owned();
        async move {
            let mails = self.mails().await;
            let last = mails.iter().rfind(|mail| mail.to == address);
            last.unwrap_or_else(|| {
                let all: Vec<_> = mails.iter().map(|mail| (&mail.to, &mail.subject)).collect();
                panic!("{place}: no mail to {address}, only {all:?}")
            })
            .clone()
        }
    }
}

/// The mails in a folder.
pub fn received_in(folder: &std::path::Path) -> Vec<ReceivedMail> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("no entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "eml"))
        .collect();
    paths.sort();
    let read = |path: &std::path::PathBuf| {
        ReceivedMail::parse(&std::fs::read(path).expect("the mail cannot be read"))
    };
    paths.iter().map(read).collect()
}

impl ReceivedMail {
    /// A mail as it travelled.
    pub fn parse(raw: &[u8]) -> Self {
        let message = MessageParser::default().parse(raw).expect("no mail");
        let address = |address: Option<&Address<'_>>| {
            let first = address.and_then(|address| address.first());
            let address = first.and_then(|first| first.address());
            address.expect("no address").to_owned()
        };
        Self {
            to: address(message.to()),
            from: address(message.from()),
            subject: message.subject().expect("no subject").to_owned(),
            text: message.body_text(0).expect("no text").into_owned(),
            html: message.body_html(0).expect("no HTML").into_owned(),
        }
    }

    /// The links of the text part.
    pub fn links(&self) -> Vec<String> {
        let words = self.text.split_whitespace();
        let links =
            words.filter(|word| word.starts_with("http://") || word.starts_with("https://"));
        links.map(str::to_owned).collect()
    }

    /// The first link of the text part.
    #[track_caller]
    pub fn link(&self) -> String {
        let first = self.links().into_iter().next();
        first.unwrap_or_else(|| panic!("no link in:\n{}", self.text))
    }

    /// The secret in the first link: its `token=` or `code=`.
    #[track_caller]
    pub fn token(&self) -> String {
        secret_in(&self.link())
    }

    /// The secret in the link to this page of the app.
    #[track_caller]
    pub fn token_of(&self, page: &str) -> String {
        let links = self.links();
        let link = links
            .iter()
            .find(|link| link.contains(&format!("/{page}?")));
        secret_in(link.unwrap_or_else(|| panic!("no link to {page} in:\n{}", self.text)))
    }
}

#[track_caller]
fn secret_in(link: &str) -> String {
    let url: reqwest::Url = link.parse().expect("a URL");
    let named = |name: &str| {
        let mut pairs = url.query_pairs();
        pairs
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    };
    let names = ["token", "code", "invitation_token"];
    let token = names.into_iter().find_map(named);
    token.unwrap_or_else(|| panic!("no token in {link}"))
}
