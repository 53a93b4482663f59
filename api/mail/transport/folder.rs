//! A folder of `.eml` files, which every mail program opens: the default of the embedded mode.

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;

use super::delivery::{DeliveryError, Reason, RenderedMail};

/// A folder that mail is written into. Writing a mail again overwrites it, so that one whose worker
/// died is written once in the end.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// This folder; it is made when the first mail comes.
    pub const fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Writes a mail: beside its place, and then into it, so that nobody reads half of it.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn deliver(&self, mail: &RenderedMail) -> Result<(), DeliveryError> {
        self.write(mail).map_err(|error| {
            DeliveryError::Unavailable(Reason::own(format!(
                "the mail cannot be written to {}: {error}",
                self.path.display()
            )))
        })
    }

    fn write(&self, mail: &RenderedMail) -> io::Result<()> {
        self.make()?;
        let place = self.path.join(format!("{}.eml", mail.name));
        let draft = self.path.join(format!(".{}.draft", mail.name));
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&draft)?;
        file.write_all(&mail.text)?;
        fs::rename(draft, place)
    }

    /// Its links open accounts, so it is for its owner only.
    fn make(&self) -> io::Result<()> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&self.path)
    }
}
